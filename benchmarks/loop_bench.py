"""Jitter of ``dev.loop(hz=1000)`` compared with a plain asyncio timer loop, alternately in one run.

``python benchmarks/loop_bench.py [--seconds 5] [--rounds 3]``
"""

from __future__ import annotations

import argparse
import asyncio
import time

from n6link.control.histogram import Histogram
from n6link.control.loop import ControlLoop


async def ours(hz: float, seconds: float) -> tuple[Histogram, int]:
    async with ControlLoop(hz) as loop:
        async for tick in loop:
            if tick.index >= hz * seconds:
                break
    return loop.stats.jitter, loop.stats.missed


async def bare(hz: float, seconds: float) -> tuple[Histogram, int]:
    """A loop without a library: absolute deadlines and asyncio.sleep."""
    jitter, missed, index = Histogram(), 0, 0
    start = time.monotonic() + 1 / hz
    while index < hz * seconds:
        due = start + index / hz
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        now = time.monotonic()
        jitter.add(now - due)
        late = int((now - due) * hz)
        missed += late
        index += 1 + late
    return jitter, missed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hz", type=float, default=1000)
    arguments = parser.parse_args()
    print(f"{'':24}{'p50 us':>9}{'p99 us':>9}{'max us':>9}{'missed':>9}")
    for _ in range(arguments.rounds):
        for name, run in (("n6link loop", ours), ("bare asyncio", bare)):
            jitter, missed = asyncio.run(run(arguments.hz, arguments.seconds))
            figures = (jitter.percentile(50), jitter.percentile(99), jitter.max)
            print(f"{name:24}" + "".join(f"{1e6 * value:9.0f}" for value in figures) + f"{missed:9}")


if __name__ == "__main__":
    main()
