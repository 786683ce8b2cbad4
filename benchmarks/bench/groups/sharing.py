"""What a server (``n6link serve``) costs, and what a control loop notices of the other programs that use its board.

*Overhead*: runs directly and through a server, each with a virtual board of its own, in turns; also four at once, and the CPU time of the server for a run.
*Loop*: the latency of a loop at 100 Hz with priority on a line of 2 MB/s, alone, with a monitor (statistics and programs at 5 Hz), with a logger that runs
MoveNet without a pause, and with both; in turns too. Its floor is the median of the loop alone.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from bench.measure import NAN, Bench, Row, Sample
from bench.programs.shared import BOARD, Program, cpu, logger, monitor, noise, running, server
from bench.workers import Work, worker
from n6link import N6Device

GROUP: Final = "sharing"
NETWORKS: Final = ("reference", "movenet13")
AT_ONCE: Final = 4
INTERVAL: Final = 0.01
"""seconds of the loop"""
LINE: Final = "?baud=20000000"
"""2 MB/s"""
OTHERS: Final[Mapping[str, Sequence[Program]]] = {
    "alone": (),
    "a monitor": (monitor,),
    "a logger": (logger,),
    "both": (monitor, logger),
}


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Mapping[str, Work]]:
    async with N6Device(url) as dev:

        def one(name: str) -> Work:
            network, data = dev[name], noise(dev[name])
            return lambda: network.run(data, timers=False, reduce=False)

        def several(work: Work) -> Work:
            return lambda: asyncio.gather(*[work() for _ in range(AT_ONCE)])

        works = {_work(dev, name): one(name) for name in NETWORKS}
        yield {**works, **{f"{name}, {AT_ONCE} at once": several(work) for name, work in works.items()}}


def _work(dev: N6Device, name: str) -> str:
    info = dev[name].info
    return f"{name}, {info.input_bytes + info.output_bytes} bytes"


async def _use(url: str, name: str, runs: int) -> None:
    async with N6Device(url) as dev:
        data = noise(dev[name])
        for _ in range(runs):
            await dev[name].run(data, timers=False, reduce=False)


def overhead(bench: Bench, folder: Path, runs: int) -> None:
    """Both programs in turns; then the CPU time of the server for so many runs."""
    with server(BOARD, folder / "a") as process, ExitStack() as stack:
        url = f"unix:{folder}/a"
        direct, served = [stack.enter_context(worker(partial(_opened, each), bench.span)) for each in (BOARD, url)]
        for work in direct.works:
            bench.compare(GROUP, work, {"directly": direct.measure(work), "through a server": served.measure(work)})
        for name in NETWORKS:
            asyncio.run(_use(url, name, 2))
            before = cpu(process.pid)
            asyncio.run(_use(url, name, runs))
            used = (Sample(NAN, (cpu(process.pid) - before) / runs),)
            bench.add(Row(GROUP, name, "the server", used, used, "CPU of the server for a run, with the connection"))


async def _loop(url: str, seconds: float) -> list[float]:
    """Seconds of each inference of the loop."""
    async with N6Device(url) as dev:
        network, data, taken = dev["reference"], noise(dev["reference"]), list[float]()
        await network.run(data)
        at = time.monotonic()
        until = at + seconds
        while at < until:
            begun = time.perf_counter()
            await network.run(data, timers=False, priority=200)
            taken.append(time.perf_counter() - begun)
            at = max(at + INTERVAL, time.monotonic() - INTERVAL)
            await asyncio.sleep(max(at - time.monotonic(), 0))
        return taken


def loop(bench: Bench, folder: Path, seconds: float) -> None:
    """The loop with the other programs, in turns."""
    quantiles: Mapping[str, Callable[[list[float]], float]] = {
        "median": lambda taken: float(np.quantile(taken, 0.5)),
        "99 %": lambda taken: float(np.quantile(taken, 0.99)),
    }
    found = {(name, share): list[Sample]() for name in OTHERS for share in quantiles}
    reached = {name: list[float]() for name in OTHERS}
    with server(f"{BOARD}{LINE}", folder / "a"):
        url = f"unix:{folder}/a"
        for number in range(max(bench.fewest, 1)):
            for name in list(OTHERS) if number % 2 == 0 else reversed(list(OTHERS)):
                with ExitStack() as stack:
                    for other in OTHERS[name]:
                        stack.enter_context(running(other, url))
                    taken = asyncio.run(_loop(url, seconds))
                reached[name].append(len(taken) / seconds)
                for share, quantile in quantiles.items():
                    found[name, share].append(Sample(quantile(taken)))
    floor = tuple(found["alone", "median"])
    for (name, share), samples in found.items():
        note = f"{share} of the latency, {np.median(reached[name]):.0f} Hz reached"
        bench.add(Row(GROUP, "loop at 100 Hz", f"{name}, {share}", tuple(samples), floor, note))


def run(bench: Bench, seconds: float) -> None:
    """Both; the loop takes so many seconds for each measurement."""
    for part in (partial(overhead, runs=max(int(100 * seconds), 5)), partial(loop, seconds=seconds)):
        with tempfile.TemporaryDirectory(prefix="n6bench-") as folder:
            part(bench, Path(folder))
