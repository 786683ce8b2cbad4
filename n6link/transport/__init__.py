"""Byte streams by URL. Only this package does IO."""
