"""Timing of control programs: the delay of ticks, gaps of the event loop, and the age of a stream's results.

The figures are times that a program waits, not times of an operation; the note of each row says which. They have no CPU time.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bench.measure import NAN, Bench, Measure, Row, Sample
from n6link import N6Device, Network, Result
from n6link.control.histogram import Histogram
from n6link.control.loop import ControlLoop
from n6link.transport import sim

HZ: Final = 1000
TICK: Final = 0.001
DEPTH: Final = 2
FASTER: Final = 3
"""how many times as fast as the slowest stage a source is"""
LATE: Final = 95
"""percentile of the delays of a loop"""


async def ours(seconds: float) -> Histogram:
    """Delays of the ticks of n6link's loop."""
    async with ControlLoop(HZ) as loop:
        async for tick in loop:
            if tick.index >= HZ * seconds:
                break
    return loop.stats.jitter


async def bare(seconds: float) -> Histogram:
    """The same without a library: absolute deadlines and asyncio.sleep."""
    jitter, index = Histogram(), 0
    start = time.monotonic() + 1 / HZ
    while index < HZ * seconds:
        due = start + index / HZ
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        now = time.monotonic()
        jitter.add(now - due)
        index += 1 + int((now - due) * HZ)
    return jitter


def loops(bench: Bench, seconds: float) -> None:
    """Delays of ticks."""
    for title, percentile in (("median", 50), (f"{LATE} %", LATE)):
        programs: dict[str, Measure] = {
            name: lambda function=function, percentile=percentile: Sample(  # type: ignore[misc]
                asyncio.run(function(seconds)).percentile(percentile)
            )
            for name, function in (("floor", bare), ("n6link", ours))
        }
        notes = {"floor": "a bare asyncio loop; delay", "n6link": "delay"}
        bench.compare("control", f"ticks of {HZ} Hz, {title}", programs, notes=notes)


class Ticker:
    """The longest delay of a task that sleeps for a millisecond."""

    def __init__(self) -> None:
        self.worst = 0.0

    async def run(self) -> None:
        """Never ends."""
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(TICK)
            self.worst = max(self.worst, time.perf_counter() - begun - TICK)

    def take(self) -> float:
        """Seconds, since this was asked last."""
        worst, self.worst = self.worst, 0.0
        return worst


def noise(network: Network) -> np.ndarray[Any, Any]:
    spec = next(iter(network.inputs.values()))
    return np.random.default_rng(0).integers(-128, 128, spec.shape).astype(spec.dtype)


async def stall(url: str, process: int, seconds: float) -> tuple[float, float]:
    """The longest gaps of an idle loop, and while the device does not read and the buffers are full, in seconds."""
    ticker = Ticker()
    ticking = asyncio.create_task(ticker.run())
    async with N6Device(url, timeout=20) as device:
        network = device["movenet13"]
        frame = noise(network)
        await network.run(frame)
        ticker.take()
        await asyncio.sleep(seconds)
        quiet = ticker.take()
        runs = [asyncio.create_task(network.run(frame)) for _ in range(8)]
        async with network.stream() as stream:
            os.kill(process, signal.SIGSTOP)
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                await stream.put(frame)
                await asyncio.sleep(0.01)
            worst = ticker.take()
            os.kill(process, signal.SIGCONT)
            await asyncio.gather(*runs)
    ticking.cancel()
    with suppress(asyncio.CancelledError):
        await ticking
    return quiet, worst


def gaps(bench: Bench, seconds: float) -> None:
    """A board that is stopped, on a socket and on a pty. Idle and stopped are measured one after the other."""
    with tempfile.TemporaryDirectory(prefix="n6bench-") as folder:
        for name, options in (("socket", ["--unix", f"{folder}/board"]), ("pty", ["--pty"])):
            command = [*sim.parse("movenet13").command(Path(folder)), *options, "--parent-death"]
            idle: list[Sample] = []
            full: list[Sample] = []
            with subprocess.Popen(command, stdout=subprocess.PIPE) as board:
                assert board.stdout
                url = json.loads(board.stdout.readline())["url"]
                for _ in range(min(bench.rounds, int(bench.budget / seconds / 2) + 1)):
                    for found, value in zip((idle, full), asyncio.run(stall(url, board.pid, seconds)), strict=True):
                        found.append(Sample(value))
                board.terminate()
            work = f"gap of the event loop in {seconds:g} s, {name}"
            bench.add(Row("control", work, "floor", tuple(idle), tuple(idle), "no traffic; longest gap"))
            note = "the device is stopped, all buffers are full; longest gap"
            bench.add(Row("control", work, "n6link", tuple(full), tuple(idle), note))


async def idle(seconds: float) -> float:
    """Seconds of CPU in one second of a device that is connected, with a stream, and does nothing."""
    async with N6Device("sim:movenet13") as device, device["movenet13"].stream():
        await asyncio.sleep(1)
        before = time.process_time()
        await asyncio.sleep(seconds)
        return (time.process_time() - before) / seconds


def stages(results: Sequence[Result]) -> NDArray[np.float64]:
    """Seconds of the stages that overlap in a stream, of shape (results, 3)."""
    rows = [dict(result.timing.stages()) for result in results]
    return np.array([[row[stage] for stage in ("upload", "npu", "download")] for row in rows])


async def age(seconds: float, baud: int) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """The slowest stage alone; the ages of the results of a source that is too fast; and for each of these its own slowest stage. All in seconds.

    The own slowest stage of a result is the longest of the nine that determine its age: those of its frame, and of the two before it in the pipeline.
    """
    async with N6Device("sim:movenet13" + (f"?baud={baud}" if baud else ""), timeout=30) as dev:
        net = dev["movenet13"]
        frame = noise(net)
        slowest = float(np.median(stages([await net.run(frame) for _ in range(20)]), axis=0).max())

        async def source() -> AsyncIterator[np.ndarray[Any, Any]]:
            async with dev.loop(FASTER / slowest) as ticks:
                async for _ in ticks:
                    yield frame

        delivered: list[Result] = []
        begun = time.monotonic()
        async with net.stream(source(), depth=DEPTH) as results:
            async for result in results:
                delivered.append(result)
                if time.monotonic() > begun + seconds:
                    break
    longest = stages(delivered).max(axis=1)
    own = np.lib.stride_tricks.sliding_window_view(longest, DEPTH + 1).max(axis=1)
    return slowest, np.array([result.frame.age for result in delivered[DEPTH:] if result.frame]), own


def ages(bench: Bench, seconds: float) -> None:
    """Ages in units of the slowest stage, which is the floor; with depth 2 the limit is 3, and one interval of the source."""
    for name, baud in (("4.5 MB/s", 45_000_000), ("no limit", 0)):
        stage: list[Sample] = []
        found: dict[str, list[Sample]] = {}
        for _ in range(3):
            slowest, old, own = asyncio.run(age(seconds, baud))
            stage.append(Sample(slowest))
            for note, values in (
                ("median age", np.percentile(old, 50)),
                ("99 % of the ages are less", np.percentile(old, 99)),
                ("the same, in units of each result's own slowest stage", np.percentile(old / own, 99) * slowest),
            ):
                found.setdefault(note, []).append(Sample(float(values)))
        work = f"age of results, source {FASTER} times too fast, {name}"
        bench.add(Row("control", work, "floor", tuple(stage), tuple(stage), "the slowest stage alone"))
        for program, (note, samples) in zip(
            ("n6link", "n6link, 99 %", "n6link, 99 %, own"), found.items(), strict=True
        ):
            bench.add(Row("control", work, program, tuple(samples), tuple(stage), note))


def run(bench: Bench, seconds: float) -> None:
    """All of them; an age is measured for so many seconds, the others for a shorter time."""
    loops(bench, seconds / 5)
    gaps(bench, seconds / 5)
    ages(bench, seconds)
    second, used = (Sample(1.0, 1.0),), (Sample(NAN, asyncio.run(idle(seconds))),)
    bench.add(
        Row("control", "connected and idle", "n6link", used, second, "CPU in 1 s; the ratio is the share of a core")
    )
