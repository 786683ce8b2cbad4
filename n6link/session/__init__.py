"""Runs a link over a byte stream: tasks, inferences, slots, clocks, subscriptions."""
