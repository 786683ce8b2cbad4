"""The protocol without IO: bytes in, events out. No module here has a clock, opens anything, or logs."""
