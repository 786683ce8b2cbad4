"""The link on faulty lines: which share of the inferences completes, and how long the slowest one takes.

``python benchmarks/fault_matrix.py [--real] [--runs 60]``

Two calls run at the same time, with inputs of 110,592 bytes, and faults in both directions. *Simulated*: host and board of
``tests/simulation`` in virtual time, so that the figures do not depend on the machine. *--real*: a virtual board with MoveNet, through
``sim:movenet13?flip=...``, in real time; a fault has up to 40 bytes there, and one here. *wrong* are results with a wrong byte, *doubled* inferences that the board started
more than once. The lines after the table have lost frames of chosen types, which once stopped the link.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from simulation.bench import Port
from simulation.faults import Drawn, Recipe
from simulation.plan import CONFIGS, Plan
from simulation.workloads import Program
from simulation.world import Body, run

from n6link import N6Device
from n6link.errors import N6Error
from n6link.protocol import MessageType
from n6link.transport.faults import OF_BYTES, Fault, Way

WORKERS: Final = 2
BYTES: Final = 110_592 + 27_648
"""input and output of the simulated network"""
SECONDS: Final = 0.03
"""of its run"""
LIMIT: Final = 60.0
"""seconds of real time per row"""


@dataclass(frozen=True)
class Row:
    """A line of the table: faults of bytes at a rate, or faults in time."""

    name: str
    rate: float = 0.0
    kinds: tuple[str, ...] = ()
    timed: str = ""
    chunk: int = 8192

    @property
    def label(self) -> str:
        """The first columns."""
        return f"| {self.name} | {f'{self.rate:g}' if self.rate else ''} | {self.chunk} |"

    def faults(self, runs: int) -> Recipe:
        """The same for the simulation."""
        if self.timed == "stall":
            every = runs * SECONDS / 3
            return Recipe(timed=tuple(Fault("stall", way, every * n, 6.0) for n in (1, 2) for way in ("up", "down")))
        if self.timed == "cut":
            draw, mean = random.Random("cuts"), SECONDS / (self.rate * BYTES)
            moments, at = list[float](), 0.0
            while len(moments) < self.rate * BYTES * runs:
                at += draw.expovariate(1 / mean)
                moments.append(at)
            return Recipe(timed=tuple(Fault("cut", "up", moment) for moment in moments))
        return Recipe({kind: self.rate / len(self.kinds) for kind in self.kinds}, burst=1)

    @property
    def url(self) -> str:
        """The same as options of a ``sim:`` URL; empty if these do not have it."""
        if self.timed:
            return ""
        return "".join(f"&{kind}={self.rate / len(self.kinds):g}" for kind in self.kinds)


@dataclass(frozen=True)
class OnPort(Plan):
    """A plan on the port of ``sim:`` with another chunk size."""

    chunk: int = 8192

    @property
    def port(self) -> Port:
        """The port of the board."""
        return replace(CONFIGS["sim"], chunk=self.chunk)


ROWS: Final = (
    *(Row(kind, rate, (kind,)) for kind in OF_BYTES[:4] for rate in (1e-6, 1e-5, 1e-4, 1e-3)),
    *(Row(kind, 1e-3, (kind,), chunk=chunk) for kind in OF_BYTES[:4] for chunk in (256, 1024)),
    Row("mix", 3e-4, OF_BYTES[:4]),
    Row("stall of 6 s, time-out of 5 s", timed="stall"),
    Row("cut", 1e-6, timed="cut"),
    Row("cut", 5e-6, timed="cut"),
)
LOST: Final[dict[str, tuple[str, list[tuple[Way, int, MessageType]]]]] = {
    "two CREDITs and the last DATA chunk lost": (
        "uart",
        [("down", 7, MessageType.CREDIT), ("down", 8, MessageType.CREDIT), ("up", 53, MessageType.DATA)],
    ),
    "one COMMIT lost while others run": ("sim", [("up", 5, MessageType.COMMIT)]),
    "one chunk and its NAK lost while others run": (
        "sim",
        [("up", 20, MessageType.DATA), ("down", 0, MessageType.NAK)],
    ),
}
"""by name: the port, and the lost frames as direction, number among those of the type, type"""


def worst(times: Sequence[float]) -> str:
    return f"{max(times):.2f}" if times else "-"


def measured(workers: int, times: list[float]) -> Body:
    """A program in virtual time: so many tasks that run inferences; the seconds of each are added to a list."""

    async def body(program: Program) -> None:
        async def work() -> None:
            while program.take():
                begun = asyncio.get_running_loop().time()
                await program.infer(program.question(("large",)))
                times.append(asyncio.get_running_loop().time() - begun)

        await asyncio.gather(*[work() for _ in range(workers)])

    return body


def simulated(row: Row, runs: int) -> str:
    """The row of the table, in virtual time."""
    times: list[float] = []
    plan = OnPort(7, "none", "large", "sim", row.chunk)
    body = measured(WORKERS, times)
    score = run(plan, Drawn(row.faults(runs), 7), body=body, inferences=runs, reconnect=10.0).score
    return f"{score.results} of {score.inferences} | {worst(times)} | {score.wrong} | {score.doubled} | {score.hung}"


async def real(row: Row, runs: int) -> str:
    """The row of the table, with a virtual board."""
    times: list[float] = []
    wrong = left = failed = 0
    async with N6Device("sim:movenet13") as dev:
        spec = next(iter(dev["movenet13"].inputs.values()))
        frames = [np.random.default_rng(n).integers(-128, 128, spec.shape, spec.dtype) for n in range(WORKERS)]
        right = [(await dev["movenet13"].run(frame)).outputs for frame in frames]
    async with N6Device(f"sim:movenet13?chunk={row.chunk}&seed=7{row.url}") as dev:
        network, left = dev["movenet13"], runs
        ends = time.monotonic() + LIMIT

        async def work(number: int) -> None:
            nonlocal left, wrong, failed
            while left > 0 and time.monotonic() < ends:
                left -= 1
                begun = time.monotonic()
                try:
                    outputs = (await network.run(frames[number], reduce=False)).outputs
                    wrong += any(not np.array_equal(outputs[name], array) for name, array in right[number].items())
                except N6Error as error:
                    failed += 1
                    print(f"    {error}", file=sys.stderr)
                times.append(time.monotonic() - begun)

        await asyncio.gather(*[work(number) for number in range(WORKERS)])
        started = sum(stats.runs + stats.errors for stats in (await dev.stats()).networks)
    return f"{len(times) - failed} of {len(times)} | {worst(times)} | {wrong} | {started - len(times)} | 0"


def lost_frames(name: str) -> str:
    """The slowest call, with and without the lost frames."""
    config, frames = LOST[name]
    plan = Plan(1, "none", "large", config)

    def slowest(faults: list[Fault]) -> float:
        times: list[float] = []
        workers, runs = (1, 1) if config == "uart" else (WORKERS, 60)
        report = run(plan, faults, body=measured(workers, times), inferences=runs)
        assert report.score.good, report.score.notes
        assert len(report.faults) == len(faults)
        return 1000 * max(times)

    without, with_ = slowest([]), slowest([Fault("lose", way, at, kind) for way, at, kind in frames])
    return f"{name}: slowest call {with_:.0f} ms; without the faults {without:.0f} ms"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--real", action="store_true", help="a virtual board, in real time")
    parser.add_argument("--runs", type=int, default=60, help="inferences per row")
    given = parser.parse_args()
    print("| fault | rate per byte | chunk of the board | completed | worst, s | wrong | doubled | hung |")
    print("|---|---|---|---|---|---|---|---|")
    for row in ROWS:
        if not given.real:
            print(row.label, simulated(row, given.runs), "|", flush=True)
        elif row.url:
            try:
                print(row.label, asyncio.run(real(row, given.runs)), "|", flush=True)
            except N6Error as error:  # while the device is opened
                print(row.label, f"0 of {given.runs} | {error} | | | |", flush=True)
    if not given.real:
        print()
        for name in LOST:
            print(lost_frames(name), flush=True)


if __name__ == "__main__":
    main()
