"""Pools: how much faster several boards are than one, and what a slow, wrong or lost board costs.

``python benchmarks/pool.py [--real] [--dask] [--costs] [--boards 1,2,4,8,16] [--jobs 500]``

*Simulated* (default): boards of ``tests/simulation`` in virtual time, on lines of 921,600 baud; 4096 bytes up, 1024 down, and the network takes 2 to 4 ms.
The figures do not depend on the machine. *--real*: virtual boards with MoveNet, ``sim:movenet13?baud=921600``, in one process, and *--dask*: the same boards
under a Dask scheduler with two workers, one of which is killed in the middle; seeded parts of the bundled photograph, sent as JPEG of quality 90. There the
processor of this machine is shared by all boards. *share* is the rate divided by that of one board and the number of boards.
*--costs*: the CPU time per input and the memory of a server with one board, and of the processes of Dask with 2 x 2 boards, whose lines are not limited.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from bench.programs.shared import cpu, noise, server
from farm import farm
from simulation import fleet
from simulation.fleet import Fleet

from n6link import N6Device, N6Pool, networks
from n6link.pool.status import BoardStatus
from n6link.result import Result
from n6link.transport.faults import Fault

URL: Final = "sim:movenet13?baud=921600"
ENCODING: Final = "jpeg:90"
IDLE: Final = 5.0
"""seconds in which the boards have nothing to do"""
PROGRAMS: Final = 8
"""at a server whose memory is measured"""
SLOW: Final = 190
"""how many times as long the runs of the slow board take, so that a job takes ten times as long"""


def row(label: str, count: int, jobs: int, seconds: float, one: float, more: str = "") -> None:
    rate = jobs / seconds
    print(f"| {label} | {count} | {rate:.2f} | {rate / (one * count):.2f} | {more} |", flush=True)


def said(boards: Sequence[BoardStatus], index: int) -> str:
    board = boards[index]
    return f"{board.answers} answers, {board.repeated} repeated elsewhere, set aside {board.aside} times"


# ---- virtual time


def virtual(
    count: int, jobs: int, spoil: Callable[[Fleet], None] | None = None, faults: Sequence[Fault] = ()
) -> tuple[float, Sequence[BoardStatus]]:
    """Seconds for a map of so many inputs, each result of which is compared."""
    seconds = 0.0
    boards: Sequence[BoardStatus] = ()

    async def body(world: Fleet) -> None:
        nonlocal seconds, boards
        async with world.pool as pool:
            await fleet.ask(pool["fold"], world.questions("fold", 4 * count, 1 << 20))
            if spoil:
                spoil(world)
            begun = world.now
            numbers = await fleet.ask(pool["fold"], world.questions("fold", jobs))
            assert numbers == list(range(jobs))
            seconds, boards = world.now - begun, pool.boards

    fleet.run(body, count, faults={0: faults})
    return seconds, boards


def simulate(counts: Sequence[int], jobs: int) -> None:
    one = jobs / virtual(1, jobs)[0]
    for count in counts:
        row("all well", count, jobs, virtual(count, jobs)[0], one)
    late: Callable[[Fleet], None] = lambda world: world.at(1.0, lambda: world.benches[0].spoil(wrong=True))
    for label, spoil, faults in (
        ("one is ten times as slow", lambda world: world.benches[0].spoil(slow=SLOW), ()),
        ("one computes wrong values after 1 s", late, ()),
        ("one is unplugged from 2 s to 4 s", None, (Fault("unplug", "down", 3.0, 2.0),)),
    ):
        seconds, boards = virtual(8, jobs, spoil, faults)
        row(label, 8, jobs, seconds, one, said(boards, 0))
    row("seven boards", 7, jobs, virtual(7, jobs)[0], one)


# ---- virtual boards in real time


def crops(count: int) -> list[NDArray[np.uint8]]:
    """Parts of the photograph, the same in every run."""
    random = np.random.default_rng(18)
    with Image.open(networks.PHOTO) as photo:
        whole = np.asarray(photo.convert("RGB"))
    found = []
    for _ in range(count):
        side = int(random.integers(200, 400))
        left, top = (int(random.integers(0, 512 - side)) for _ in range(2))
        found.append(np.ascontiguousarray(whole[top : top + side, left : left + side]))
    return found


def value(result: Result) -> bytes:
    """What is compared: all keypoints."""
    return b"".join(np.ascontiguousarray(pose.keypoints).tobytes() for pose in result.poses())


@dataclass(frozen=True)
class Measured:
    """A run of several boards."""

    seconds: float
    found: list[bytes]
    cpu: float
    """seconds of CPU time of the host's process per picture"""
    idle: float
    """the same per second and board, while they have nothing to do"""
    memory: float
    """bytes by which the host's process has grown, per board; only the first run of a process has its whole memory"""


async def measure(count: int, given: Sequence[NDArray[np.uint8]]) -> Measured:
    before = resident()
    async with N6Pool([URL] * count) as pool:
        await pool["movenet13"].run(given[0], encode=ENCODING)
        begun, cpu = time.perf_counter(), time.process_time()
        async with pool["movenet13"].map(given, encode=ENCODING) as results:
            found = [value(result) async for result in results]
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
        idle = time.process_time()
        await asyncio.sleep(IDLE)
        idle = time.process_time() - idle
        memory = (resident() - before) / count
    return Measured(seconds, found, cpu / len(given), idle / IDLE / count, memory)


def resident(process: int | str = "self") -> int:
    """Bytes of memory of a process."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * resource.getpagesize()


async def directly(given: Sequence[NDArray[np.uint8]]) -> list[bytes]:
    """The same without a pool, on one board whose line is not limited."""
    async with N6Device("sim:movenet13") as device:
        return [value(await device["movenet13"].run(each, encode=ENCODING, reduce=True)) for each in given]


def real(counts: Sequence[int], jobs: int) -> float:
    given = crops(jobs)
    expected = asyncio.run(directly(given))
    one = 0.0
    for count in counts:
        run = asyncio.run(measure(count, given))
        one = one or jobs / run.seconds / count
        cost = f"host, CPU: {1e3 * run.cpu:.1f} ms per picture, idle {1e3 * run.idle:.1f} ms per s and board"
        row(
            "sim:",
            count,
            jobs,
            run.seconds,
            one,
            f"equal: {run.found == expected}; {cost}; {run.memory / 1e6:.1f} MB per board",
        )
    return one


def under_dask(jobs: int, one: float) -> None:
    import distributed

    import n6link.dask

    connect: Any = distributed.Client  # it has no types
    given = crops(jobs)
    expected = asyncio.run(directly(given))
    with tempfile.TemporaryDirectory() as folder, farm(Path(folder)) as made:
        made.worker()
        made.worker()
        with connect(made.address, set_as_default=False) as client:
            client.wait_for_workers(2)
            client.register_plugin(n6link.dask.Boards([URL] * 4))
            for kill in (False, True):
                found: list[Any] = []
                begun = time.perf_counter()
                for each in n6link.dask.map(client, "movenet13", given, each=poses, encode=ENCODING):
                    found.append(b"".join(np.ascontiguousarray(pose).tobytes() for pose in each))
                    if kill and len(found) == jobs // 3:
                        made.workers[0].kill()
                row(
                    f"Dask, 2 x 4 boards{', one worker killed after a third' if kill else ''}",
                    8,
                    jobs,
                    time.perf_counter() - begun,
                    one,
                    f"equal: {found == expected}",
                )


# ---- costs


def cost(program: str, seconds: float, jobs: int, memory: str) -> None:
    print(f"| {program} | {1e3 * seconds / jobs:.2f} ms | {memory} |", flush=True)


async def through_server(url: str, process: int, jobs: int) -> None:
    alone = resident(process)
    given = crops(jobs)
    async with AsyncExitStack() as stack:
        programs = [await stack.enter_async_context(N6Device(url)) for _ in range(PROGRAMS)]
        for each in programs:
            await each["movenet13"].run(given[0], encode=ENCODING)
        memory = f"{alone / 1e6:.0f} MB, and {(resident(process) - alone) / PROGRAMS / 1e6:.1f} MB per program"
        begun = cpu(process)
        for picture in given:
            await programs[0]["movenet13"].run(picture, encode=ENCODING)
        cost("n6link serve, pictures of movenet13", cpu(process) - begun, jobs, memory)


def of_dask(jobs: int) -> None:
    import distributed

    import n6link.dask

    connect: Any = distributed.Client  # it has no types
    network = asyncio.run(one_network("sim:reference:", "reference"))
    given = [network(seed) for seed in range(jobs)]
    with tempfile.TemporaryDirectory() as folder, farm(Path(folder)) as made:
        first = made.worker()
        made.worker()
        with connect(made.address, set_as_default=False) as client:
            client.wait_for_workers(2)
            client.run(lambda: __import__("n6link.dask.worker"))
            alone = resident(first.pid)
            client.register_plugin(n6link.dask.Boards(["sim:reference:"] * 2))
            for _ in n6link.dask.map(client, "reference", given[: jobs // 4], each=nothing):
                pass
            processes = [made.scheduler.pid, *(worker.pid for worker in made.workers)]
            begun, own = [cpu(process) for process in processes], time.process_time()
            count = sum(1 for _ in n6link.dask.map(client, "reference", given, each=nothing))
            assert count == jobs
            own = time.process_time() - own
            scheduler, *workers = (cpu(process) - before for process, before in zip(processes, begun, strict=True))
            cost("Dask: scheduler", scheduler, jobs, f"{resident(processes[0]) / 1e6:.0f} MB")
            memory = f"{alone / 1e6:.0f} MB, with 2 boards {resident(first.pid) / 1e6:.0f} MB"
            cost("Dask: worker, per input of its own", sum(workers), jobs, memory)
            cost("Dask: program that calls map", own, jobs, "")


async def one_network(url: str, name: str) -> Callable[[int], dict[str, Any]]:
    """Makes inputs of a network."""
    async with N6Device(url) as device:
        network = device[name]
        return lambda seed: noise(network, seed)


def costs(jobs: int) -> None:
    print("| program | CPU time per input | memory |\n|---|--:|---|")
    with tempfile.TemporaryDirectory() as folder, server("sim:movenet13", Path(folder) / "socket") as process:
        asyncio.run(through_server(f"unix:{folder}/socket", process.pid, jobs))
    of_dask(jobs)


nothing: Final = lambda result: None
poses: Final = lambda result: [pose.keypoints for pose in result.poses()]  # sent to the workers by value


def numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",")]


def lines() -> Iterator[str]:
    yield "| boards | number | pictures per s | share | |"
    yield "|---|--:|--:|--:|---|"


def main() -> None:
    parser = argparse.ArgumentParser(description="How much faster several boards are than one.")
    parser.add_argument("--real", action="store_true", help="virtual boards in real time")
    parser.add_argument("--dask", action="store_true", help="virtual boards of two workers of Dask")
    parser.add_argument("--costs", action="store_true", help="CPU time and memory of a server and of Dask")
    parser.add_argument("--boards", type=numbers, default=[1, 2, 4, 8, 16])
    parser.add_argument("--jobs", type=int, default=500)
    options = parser.parse_args()
    if options.costs:
        costs(options.jobs)
        return
    print(*lines(), sep="\n")
    if not options.real and not options.dask:
        simulate(options.boards, options.jobs)
        return
    one = real(options.boards if options.real else [1], options.jobs)
    if options.dask:
        under_dask(options.jobs, one)


if __name__ == "__main__":
    main()
