"""The bytes of an input, taken in turn."""

from __future__ import annotations


class Source:
    """Zeros follow the last byte.

    Attributes:
        left: whether there are more.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> bool:
        return self._at < len(self._data)

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def number(self, count: int = 4) -> int:
        """An unsigned number of so many bytes."""
        return int.from_bytes(bytes(self.byte() for _ in range(count)), "little")

    def bytes(self, count: int) -> bytes:
        """At most so many."""
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken
