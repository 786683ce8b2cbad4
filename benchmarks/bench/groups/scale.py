"""How n6link scales: the time of one step against the size of a tensor, and the number of requests, epochs, networks and streams.

Each series is linear in theory. A row is one point; its floor is the first point of the series, and its note the number of times that it should cost.
``plot`` draws the series.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from bench.lines import SOCKET, Port
from bench.measure import Bench
from bench.programs import n6
from bench.programs.networks import write_filled
from bench.workers import Work, worker
from n6link import N6Device, Network

GROUP: Final = "scale"
SMALL: Final = 64
TOKEN: Final = 4096
"""bytes of an input where its size is not what is varied"""


@dataclass(frozen=True, slots=True)
class Series:
    """One quantity that is varied.

    Attributes:
        name: of the quantity.
        points: its values.
        networks: the networks of the board at a point: bytes of input and output, layers.
        work: what is measured at a point.
    """

    name: str
    points: tuple[int, ...]
    networks: Callable[[int], list[tuple[int, int, int]]]
    work: Callable[[N6Device, int], Work]


def _data(network: Network) -> np.ndarray[tuple[int, ...], np.dtype[np.int8]]:
    (spec,) = network.inputs.values()
    return np.zeros(spec.shape, np.int8)


def _run(network: Network, timers: bool = False) -> Work:
    data = _data(network)
    return lambda: network.run(data, timers=timers, reduce=False)


def _together(networks: Sequence[Network]) -> Work:
    works = [_run(network) for network in networks]
    return lambda: asyncio.gather(*(work() for work in works))


FRAMES: Final = 20
"""results of each stream in one step"""


def _streams(network: Network, count: int) -> Work:
    frames = [_data(network)] * FRAMES

    async def one() -> None:
        async with network.stream(frames, policy="all", reduce=False) as results:
            async for _ in results:
                pass

    async def all_() -> None:
        await asyncio.gather(*(one() for _ in range(count)))

    return all_


SERIES: Final = (
    Series(
        "bytes of a tensor",
        (1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 20),
        lambda size: [(size, SMALL, 0)],
        lambda dev, size: _run(dev["n0"]),
    ),
    Series(
        "requests at the same time",
        (8, 32, 128, 256, 512),
        lambda count: [(TOKEN, SMALL, 0)],
        lambda dev, count: _together([dev["n0"]] * count),
    ),
    Series(
        "epoch blocks",
        (50, 100, 200, 400, 800),
        lambda count: [(SMALL, SMALL, count - 2)],
        lambda dev, count: _run(dev["n0"], timers=True),
    ),
    Series(
        "networks",
        (1, 2, 4, 8),
        lambda count: [(TOKEN, SMALL, 0)] * count,
        lambda dev, count: _together([dev[f"n{number}"] for number in range(count)]),
    ),
    Series(
        "streams",
        (1, 2, 4, 8, 16),
        lambda count: [(TOKEN, SMALL, 0)],
        lambda dev, count: _streams(dev["n0"], count),
    ),
)


@asynccontextmanager
async def _opened(port: Port, series: Series, point: int) -> AsyncIterator[Mapping[str, Work]]:
    async with N6Device(port.url, timeout=30) as dev:
        yield {GROUP: series.work(dev, point)}


def run(bench: Bench, *, every: bool) -> None:
    """All series, with every point or with the first and the last one. The points of a series are measured in turns, each on a board of its own."""
    for series in SERIES:
        points = series.points if every else series.points[:: len(series.points) - 1]
        with tempfile.TemporaryDirectory(prefix="n6bench-") as text:
            _measure(bench, series, points, Path(text))


def _measure(bench: Bench, series: Series, points: Sequence[int], folder: Path) -> None:
    with ExitStack() as stack:
        found = {}
        for point in points:
            files = []
            for number, (taken, given, layers) in enumerate(series.networks(point)):
                own = folder / str(point)
                own.mkdir(exist_ok=True)
                write_filled(own / f"n{number}.tflite", taken, given, layers=layers)
                files.append(str(own / f"n{number}.tflite"))
            port = stack.enter_context(n6.board(SOCKET, folder, files))
            each = stack.enter_context(worker(partial(_opened, port, series, point), bench.span))
            found[str(point)] = each.measure(GROUP)
        notes = {str(point): f"{point / points[0]:g} times as many" for point in points[1:]}
        bench.compare(GROUP, series.name, found, notes=notes)
