"""Byte streams by URL. All IO with devices is in this package."""
