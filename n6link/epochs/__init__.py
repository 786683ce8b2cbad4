"""Epoch blocks of a network, their times, ST's reports about them, and what follows from both."""
