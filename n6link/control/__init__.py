"""Repeated inference: streams of frames, control loops, profiling, and their statistics."""
