"""The host's end of a simulated line, as a byte stream."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import anyio
from anyio.abc import ByteStream

if TYPE_CHECKING:
    from simulation.bench import Bench


class Connection(ByteStream):
    """The host's end of the line, until it breaks."""

    def __init__(self, bench: Bench) -> None:
        self.broken = False
        self.baud = bench.port.baud if bench.port.uart else 0
        self._bench = bench
        self._received = bytearray()
        self._changed = asyncio.Event()
        self._rests_until = 0.0

    @property
    def full(self) -> bool:
        """Whether the host's system holds the board back."""
        return len(self._received) >= self._bench.port.host

    def arrive(self, data: bytes) -> None:
        """Bytes from the board."""
        if not self.full:
            self._received += data
            self._changed.set()

    def rest(self, seconds: float) -> None:
        """The program does not read for a time."""
        self._rests_until = asyncio.get_running_loop().time() + seconds

    def break_(self) -> None:
        """The line is cut."""
        self.broken = True
        self._changed.set()

    def _check(self) -> None:
        if self.broken:
            raise anyio.BrokenResourceError from OSError("the line was cut")

    async def receive(self, max_bytes: int = 65536) -> bytes:
        loop = asyncio.get_running_loop()
        while not self._received or loop.time() < self._rests_until:
            self._check()
            if loop.time() < self._rests_until:
                await asyncio.sleep(self._rests_until - loop.time())
            else:
                self._changed.clear()
                await self._changed.wait()
        full = self.full
        size = self._bench.piece(min(max_bytes, len(self._received)))
        data = bytes(self._received[:size])
        del self._received[:size]
        if full:
            self._bench.turn()
        return data

    def send_nowait(self, item: bytes) -> int:
        """Takes all bytes if the line is free, or none."""
        if self.broken or self._bench.free() > asyncio.get_running_loop().time():
            return 0
        self._bench.put(bytes(item))
        return len(item)

    async def send(self, item: bytes) -> None:
        await asyncio.sleep(0)
        while (free := self._bench.free()) > asyncio.get_running_loop().time():
            self._check()
            await self._bench.wait_for_room(free)
        self._check()
        self._bench.put(bytes(item))

    async def set_baud(self, baud: int) -> None:
        await asyncio.sleep(0)
        self._check()
        self._bench.set_baud(baud)

    async def send_eof(self) -> None:
        pass

    async def aclose(self) -> None:
        self._bench.closed(self)
