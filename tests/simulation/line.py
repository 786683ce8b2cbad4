"""One direction of a line: frames, which may be lost, and then bytes, which may change, vanish, come twice or from nowhere."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Final

from n6link.protocol import Limit
from simulation.faults import Fault, Faults, Way

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
        """Type and bytes of the frames that end in the data; type 0 for what is no frame."""
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
    """One direction.

    Attributes:
        fired: the faults that have happened.
    """

    def __init__(self, faults: Faults, way: Way) -> None:
        self.fired: list[Fault] = []
        self._faults = faults
        self._way = way
        self._bytes = faults.of_bytes(way)
        self._next = next(self._bytes, None)
        self._at = 0
        self._counts: Counter[int] = Counter()

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
        begin = self._at
        self._at += len(data)
        fault = self._next
        if fault is None or fault.at >= self._at or now >= self._faults.end:
            return data
        out, done = bytearray(), 0
        while fault and fault.at < self._at:
            at = max(int(fault.at) - begin, done)
            out += data[done:at]
            done = at + self._apply(fault, data[at:], out)
            self.fired.append(fault)
            fault = self._next = next(self._bytes, None)
        return bytes(out + data[done:])

    def _apply(self, fault: Fault, data: bytes, out: bytearray) -> int:
        """Adds what arrives in place of the first bytes; returns how many of them it stands for."""
        size = min(int(fault.size), len(data))
        match fault.kind:
            case "flip":
                out += bytes([data[0] ^ 1 << int(fault.size)]) if data else b""
                return min(1, len(data))
            case "drop":
                return size
            case "double":
                out += data[:size] * 2
                return size
            case "insert":
                out += _noise(fault)
                return 0
            case _:
                out += _noise(fault)[:size]
                return size


def _noise(fault: Fault) -> bytes:
    return random.Random(fault.at).randbytes(int(fault.size))
