"""Epoch blocks of a network, their times, ST's reports about them, and statistics of both."""
