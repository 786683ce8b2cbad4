"""pyserial in a thread, as many asyncio programs use it, with the frames of the floor: the same bytes, other input and output."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import floor
import serial

from bench.lines import Port
from bench.programs.n6 import bare_works
from bench.workers import Work


class _Reader:
    def __init__(self, line: serial.Serial) -> None:
        self._line = line

    async def readexactly(self, size: int) -> bytes:
        return await asyncio.to_thread(self._line.read, size)


class _Writer:
    def __init__(self, line: serial.Serial) -> None:
        self._line, self._waiting = line, bytearray()

    def write(self, data: bytes) -> None:
        self._waiting += data

    async def drain(self) -> None:
        data, self._waiting = self._waiting, bytearray()
        await asyncio.to_thread(self._line.write, data)


@asynccontextmanager
async def opened(port: Port) -> AsyncIterator[Mapping[str, Work]]:
    """The client of the floor, each read and write in a thread."""
    with serial.Serial(port.path, 921_600, timeout=30) as line:
        bare = floor.Bare(_Reader(line), _Writer(line))  # type: ignore[arg-type]
        await bare.open()
        yield bare_works(bare)
