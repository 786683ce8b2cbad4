"""A board that lies: the real core, whose frames are changed before they leave. Checksums are right, so that the host reads them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from n6link import N6Device
from n6link.link import frames
from n6link.protocol import MessageType
from simulation import virtual_time
from simulation.bench import Bench, current
from simulation.faults import Listed
from simulation.plan import CONFIGS

PATIENCE: Final = 2.0
"""seconds that the device may be silent"""
LONGEST: Final = 60.0
"""seconds in which everything has ended"""
Lie = Callable[[MessageType | int, int, bytes], bytes]
"""from type, number among the frames of this type, and payload to another payload"""


def changer(lie: Lie) -> Callable[[int, bytes], bytes]:
    """What changes the frames of a board, given their types, in order."""
    counts: Counter[int] = Counter()

    def change(kind: int, frame: bytes) -> bytes:
        index = counts[kind]
        counts[kind] += 1
        number, length = int.from_bytes(frame[4:8], "little"), int.from_bytes(frame[8:10], "little")
        payload = frame[frames.HEADER_SIZE : frames.HEADER_SIZE + length]
        said = lie(MessageType(kind), index, payload)
        return frame if said == payload else frames.pack(kind, number, said, frame[3])

    return change


def run(lie: Lie, body: Callable[[N6Device], Awaitable[None]], *, opens: bool = True) -> None:
    """Runs a program with a device that lies, in virtual time.

    Args:
        lie: what the board sends instead of a payload.
        body: the program.
        opens: whether the device is opened for the program.

    Raises:
        TimeoutError: the program has not ended after :data:`LONGEST` seconds.
        Exception: what the program has raised.
    """
    virtual_time.run(lambda: asyncio.wait_for(_world(lie, body, opens), LONGEST), 1)


async def _world(lie: Lie, body: Callable[[N6Device], Awaitable[None]], opens: bool) -> None:
    bench = Bench(CONFIGS["usb"], Listed(()), networks=3)
    bench.lie = changer(lie)
    current.set(bench)
    device = N6Device("simulated:", timeout=PATIENCE)
    try:
        if opens:
            async with device:
                await body(device)
        else:
            await body(device)
    finally:
        bench.close()
