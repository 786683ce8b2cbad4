"""The bytes of one connection between a host and a board, in both directions, with faults. Nothing here waits."""

from __future__ import annotations

import os
from typing import Final

from n6link.transport.faults import WAYS, Fault, Faults, Wire

PIECE: Final = 65536
"""bytes of one read"""
ROOM: Final = 4 * PIECE
"""bytes that wait in the cable, of each way; then it does not read"""


class Way:
    """Bytes from one file to another one.

    Args:
        source: file descriptor; -1 = none.
        sink: file descriptor; -1 = none, and the bytes are lost.

    Attributes:
        wire: the faults of the bytes.
        waiting: bytes that the sink has not accepted yet.
        ended: the source sends nothing more.
    """

    def __init__(self, source: int, sink: int) -> None:
        self.source, self.sink, self.wire = source, sink, Wire(iter(()))
        self.waiting = bytearray()
        self.ended = False

    @property
    def reads(self) -> bool:
        """Whether it takes more."""
        return self.source >= 0 and not self.ended and len(self.waiting) < ROOM

    @property
    def over(self) -> bool:
        """Whether the source has ended, and all that it sent was passed on."""
        return self.ended and not self.waiting

    def read(self) -> None:
        """Takes what has arrived; to be called if :attr:`reads`."""
        try:
            data = os.read(self.source, PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.ended = not data
        if self.sink >= 0:
            self.waiting += self.wire.carry(data)

    def write(self) -> None:
        """Passes on what the sink accepts."""
        try:
            del self.waiting[: os.write(self.sink, self.waiting)]
        except BlockingIOError:
            pass
        except OSError:
            self.ended, self.waiting = True, bytearray()


class Pair:
    """A host and the board, which exchange bytes.

    Args:
        near: file descriptor of the host; -1 = none.
        far: file descriptor of the board.
        kept: the descriptor of the board stays open when this ends.
    """

    def __init__(self, near: int, far: int, *, kept: bool) -> None:
        for fd in (near, far):
            if fd >= 0:
                os.set_blocking(fd, False)
        self.ways = Way(near, far), Way(far, near)
        self.near, self.far = near, far
        self._kept = kept

    @property
    def fired(self) -> list[Fault]:
        """The faults of both directions that have happened."""
        return [fault for way in self.ways for fault in way.wire.fired]

    def set_faults(self, faults: Faults, number: int) -> None:
        """Has other faults from now on; ``number`` is that of the connection, see :meth:`Faults.of_bytes`."""
        for name, way in zip(WAYS, self.ways, strict=True):
            way.wire = Wire(faults.of_bytes(name, number))

    def serve(self, ready: set[int]) -> None:
        """Passes on what can be passed on without waiting."""
        for way in self.ways:
            if way.source in ready and way.reads:
                way.read()
            if way.waiting:
                way.write()

    @property
    def over(self) -> bool:
        """Whether one end has closed."""
        return not self._kept and any(way.over for way in self.ways)

    def close(self) -> None:
        """Closes the files."""
        for fd in (self.near, -1 if self._kept else self.far):
            if fd >= 0:
                os.close(fd)
