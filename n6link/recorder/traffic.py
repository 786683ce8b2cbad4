"""The frames in a recording, with what is damaged or does not belong to a frame, and the events between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from n6link.link.frames import DAMAGED, Counters, Frame, FrameReader
from n6link.recorder.decode import Message, decode
from n6link.recorder.recording import RESTART, Bytes, Event, Item


@dataclass(frozen=True, slots=True)
class Passed:
    """A good frame."""

    time: float
    """seconds since 1970 of the read or write that has completed it"""
    outbound: bool
    """from the host to the device"""
    message: Message


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that do not belong to a good frame."""

    time: float
    outbound: bool
    skipped: int = 0
    """bytes that were skipped"""
    headers: int = 0
    """headers with a wrong CRC-16"""
    payloads: int = 0
    """payloads with a wrong CRC-32"""
    zeros: int = 0
    """zero bytes between frames, with which a host completes a frame that an earlier program did not finish"""
    text: tuple[str, ...] = ()
    """lines of text"""


Traffic: TypeAlias = Passed | Damage | Event
_Frames: TypeAlias = Callable[[], Iterable[Frame]]


class _Direction:
    """Host to device, or device to host."""

    def __init__(self, *, outbound: bool) -> None:
        self._outbound = outbound
        self._counters = Counters()
        self._reader = FrameReader(self._counters)
        self._time = 0.0

    def feed(self, item: Bytes) -> Iterator[Traffic]:
        data, self._time = item.data, item.time
        if not self._reader.waiting and (zeros := len(data) - len(data.lstrip(b"\0"))):
            yield Damage(item.time, self._outbound, zeros=zeros)
            data = data[zeros:]
        yield from self._found(lambda: self._reader.feed(data))

    def end(self) -> Iterator[Traffic]:
        """The stream ends here: what has begun does not continue."""
        if self._reader.waiting:
            yield from self._found(self._reader.search_again)
        self._reader.clear()

    def _found(self, frames: _Frames) -> Iterator[Traffic]:
        before = self._faults()
        for kind, flags, number, payload in frames():
            if flags == DAMAGED:
                continue
            yield from self._damage(before)
            before = self._faults()
            yield Passed(self._time, self._outbound, decode(kind, flags, number, payload, outbound=self._outbound))
        yield from self._damage(before)

    def _faults(self) -> tuple[int, int, int]:
        counters = self._counters
        return counters.skipped, counters.header_errors, counters.payload_errors

    def _damage(self, before: tuple[int, int, int]) -> Iterator[Damage]:
        now, lines = self._faults(), tuple(self._reader.stray.lines)
        self._reader.stray.lines.clear()
        if now != before or lines:
            skipped, headers, payloads = (b - a for a, b in zip(before, now, strict=True))
            yield Damage(self._time, self._outbound, skipped, headers, payloads, text=lines)


def traffic(items: Iterable[Item]) -> Iterator[Traffic]:
    """All frames of a recording, in the order in which they were complete."""
    directions = {outbound: _Direction(outbound=outbound) for outbound in (True, False)}
    for item in items:
        if isinstance(item, Bytes):
            yield from directions[item.outbound].feed(item)
            continue
        if item.kind in RESTART:
            for direction in directions.values():
                yield from direction.end()
        yield item
    for direction in directions.values():
        yield from direction.end()
