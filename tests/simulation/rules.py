"""What both ends of a line must keep to, seen on the line: no byte beyond a grant."""

from __future__ import annotations

from typing import Final

from n6link.protocol import Flag, Limit, MessageType
from n6link.protocol.records import Credit, Hello, HelloReply, PingReply

_MASK: Final = 0xFFFFFFFF
_HEADER: Final = int(Limit.HEADER_SIZE)
_HELLO, _PING, _CREDIT, _DATA = MessageType.HELLO, MessageType.PING, MessageType.CREDIT, MessageType.DATA
LARGEST_WRITE: Final = 512 * 1024
"""bytes that a host may hand to its system at once"""


def _beyond(position: int, limit: int) -> int:
    return ((position - limit + 0x80000000) & _MASK) - 0x80000000


def _end(frame: bytes) -> int:
    """The position after a DATA frame."""
    return int.from_bytes(frame[_HEADER : _HEADER + 4], "little") + len(frame) - 2 * _HEADER - int(Limit.CRC_SIZE)


class Rules:
    """Watches whole frames as they are sent.

    Attributes:
        found: what was broken.
    """

    def __init__(self) -> None:
        self.found: list[str] = []
        self._open = False
        """whether the last session that the host asked for is open"""
        self._host_granted = 0
        self._board_granted = 0

    def broken(self, what: str) -> None:
        """A rule was broken."""
        if len(self.found) < 20:
            self.found.append(what)

    def host_sends(self, frames: list[tuple[int, bytes]]) -> None:
        """Frames of the host."""
        if sum(len(frame) for _, frame in frames) > LARGEST_WRITE:
            self.broken(f"the host writes {sum(len(frame) for _, frame in frames)} bytes at once")
        for kind, frame in frames:
            if kind == _DATA:
                if self._open and (excess := _beyond(_end(frame), self._board_granted)) > 0:
                    self.broken(f"the host sends {excess} bytes beyond the grant of the board")
            elif kind == _CREDIT:
                self._host_granted = Credit.unpack(frame, _HEADER).limit
            elif kind == _HELLO:
                self._open = False
                self._host_granted = Hello.unpack(frame, _HEADER).window

    def board_sends(self, frames: list[tuple[int, bytes]]) -> None:
        """Frames of the board."""
        for kind, frame in frames:
            if kind == _DATA:
                if self._open and (excess := _beyond(_end(frame), self._host_granted)) > 0:
                    self.broken(f"the board sends {excess} bytes beyond the grant of the host")
            elif kind == _CREDIT:
                self._board_grants(Credit.unpack(frame, _HEADER).limit)
            elif kind == _PING and frame[3] & Flag.REPLY:
                self._board_grants(PingReply.unpack(frame, _HEADER).limit)
            elif kind == _HELLO and frame[3] & Flag.REPLY:
                self._open = True
                self._board_granted = HelloReply.unpack(frame, _HEADER).window

    def _board_grants(self, limit: int) -> None:
        if _beyond(limit, self._board_granted) > 0:
            self._board_granted = limit

    def board_starts(self) -> None:
        """The board has forgotten the session."""
        self._open = False
