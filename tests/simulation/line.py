"""One direction of a line: frames, which may be lost, and then bytes, which may change, vanish, come twice or from nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from n6link.protocol import Limit
from n6link.transport.faults import Fault, Way, Wire
from simulation.faults import Faults

_MAGIC: Final = int(Limit.MAGIC).to_bytes(2, "little")
_HEADER: Final = int(Limit.HEADER_SIZE)
_CRC: Final = int(Limit.CRC_SIZE)


def walk(data: bytes) -> Iterator[tuple[int, int, int]]:
    """The frames in what a correct sender has written, as type, begin and end; the last one may end after the data.

    Bytes between frames belong to no frame, as the zeros with which a host completes what a board may wait for.
    """
    at = 0
    while (at := data.find(_MAGIC, at)) >= 0 and at + _HEADER <= len(data):
        length = data[at + 8] | data[at + 9] << 8
        end = at + _HEADER + length + (_CRC if length else 0)
        yield data[at + 2], at, end
        at = end


class Frames:
    """Cuts a stream into whole frames, with what is between them."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, data: bytes) -> list[tuple[int, bytes]]:
        """Type and bytes of the frames that end in the data; type 0 for bytes outside of frames."""
        data = self._rest + data
        done, found = 0, []
        for kind, begin, end in walk(data):
            if begin > done:
                found.append((0, data[done:begin]))
            done = begin
            if end > len(data):
                break
            found.append((kind, data[begin:end]))
            done = end
        self._rest = data[done:]
        if self._rest and not _MAGIC.startswith(self._rest[:2]):
            found.append((0, self._rest))
            self._rest = b""
        return found

    def cut(self) -> bytes:
        """The begin of a frame whose end will not come."""
        rest, self._rest = self._rest, b""
        return rest


class Line:
    """One direction."""

    def __init__(self, faults: Faults, way: Way) -> None:
        self._faults = faults
        self._way = way
        self._wire = Wire(faults.of_bytes(way))
        self._counts: Counter[int] = Counter()

    @property
    def fired(self) -> list[Fault]:
        """The faults that have happened."""
        return self._wire.fired

    def lose(self, frames: list[tuple[int, bytes]], now: float) -> bytes:
        """The bytes of the frames that are not lost."""
        kept = []
        for kind, frame in frames:
            index = self._counts[kind]
            self._counts[kind] += 1
            if kind and now < self._faults.end and self._faults.loses(self._way, kind, index):
                self.fired.append(Fault("lose", self._way, index, kind))
            else:
                kept.append(frame)
        return b"".join(kept)

    def carry(self, data: bytes, now: float) -> bytes:
        """What arrives of some bytes."""
        return self._wire.carry(data, clean=now >= self._faults.end)
