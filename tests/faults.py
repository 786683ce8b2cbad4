"""Breaks a byte stream reproducibly: every fault is drawn from a seed, which is part of the name of the test.

A :class:`FaultyStream` is between the host and a device, in the event loop of the host, and may be cut at a byte.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import anyio
from anyio.abc import ByteStream

from n6link.errors import TransportError
from n6link.transport.faults import WAYS, Wire, of_bytes


@dataclass(frozen=True)
class Faults:
    """Rates are per byte; None and 0 = never."""

    flip: float = 0.0
    """one bit changes"""
    drop: float = 0.0
    """a run of up to ``burst`` bytes is lost"""
    insert: float = 0.0
    """a run of up to ``burst`` random bytes is inserted"""
    double: float = 0.0
    """a run of up to ``burst`` bytes is repeated"""
    burst: int = 40
    dribble: bool = False
    """bytes are received and sent one by one, or in small groups"""
    stall: float = 0.0
    """share of reads that are late by up to 50 ms"""
    delay: float = 0.0
    """seconds that every read and every write takes"""
    cut: int | None = None
    """the line breaks after so many bytes from the device"""
    find: bytes = b""
    """bytes that are always replaced, as by a wrong setting of a terminal"""
    put: bytes = b""
    """what they are replaced by"""
    seven_bits: bool = False
    """the highest bit of each byte is lost, as on a port with 7 bits"""
    way: str = "down"
    """direction in which this happens: "up" or "down\""""


class FaultyStream(ByteStream):
    """A stream with faults in both directions. ``active`` turns them on and off."""

    def __init__(self, inner: Any, faults: Faults, seed: int) -> None:
        self.url = inner.url
        self.stable_url, self.rig = inner.stable_url, inner.rig
        self.card_files, self.port, self.expected = inner.card_files, inner.port, inner.expected
        self.baud, self.durable = inner.baud, inner.durable
        self.active = True
        self._inner = inner
        self._faults = faults
        self._random = random.Random(seed)
        rates = {kind: rate for kind in ("flip", "drop", "insert", "double") if (rate := getattr(faults, kind))}
        self._up, self._down = (Wire(of_bytes(rates, faults.burst, way, f"{seed} {way}")) for way in WAYS)
        self._received = 0

    async def receive(self, max_bytes: int = 65536) -> bytes:
        while True:
            if self._faults.dribble and self.active:
                max_bytes = self._random.choice([1, 1, 2, 7, 100, 5000])
            data: bytes = await self._inner.receive(max_bytes)
            if self._faults.delay:
                await anyio.sleep(self._faults.delay)
            if self.active and self._random.random() < self._faults.stall:
                await anyio.sleep(self._random.random() * 0.05)
            self._received += len(data)
            self._check()
            data = self._changed("down", self._down.carry(data, clean=not self.active))
            if data:
                return data

    def _changed(self, way: str, data: bytes) -> bytes:
        if not self.active or self._faults.way != way:
            return data
        if self._faults.seven_bits:
            data = bytes(byte & 0x7F for byte in data)
        return data.replace(self._faults.find, self._faults.put) if self._faults.find else data

    def _check(self) -> None:
        if self._faults.cut is not None and self._received > self._faults.cut:
            raise TransportError(f"the line to {self.url} was cut")

    async def send(self, item: bytes) -> None:
        self._check()
        if self._faults.delay:
            await anyio.sleep(self._faults.delay)
        data = self._changed("up", self._up.carry(bytes(item), clean=not self.active))
        step = self._random.choice([1, 3, 50, 3000]) if self._faults.dribble else len(data) or 1
        for at in range(0, len(data), step):
            await self._inner.send(data[at : at + step])

    async def send_eof(self) -> None:
        await self._inner.send_eof()

    async def aclose(self) -> None:
        await self._inner.aclose()


Opener = Callable[[str | None], Awaitable[Any]]


def breaking(
    opener: Opener, faults: Faults, seed: int, made: list[FaultyStream] | None = None, *, active: bool = True
) -> Opener:
    """An ``open_stream`` whose streams have faults, from the start or later; those that it makes are added to a list."""

    async def open_stream(url: str | None = None) -> FaultyStream:
        stream = FaultyStream(await opener(url), faults, seed)
        stream.active = active
        if made is not None:
            made.append(stream)
        return stream

    return open_stream
