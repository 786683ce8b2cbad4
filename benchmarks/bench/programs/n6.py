"""n6link, and a bare asyncio program with the same protocol (``floor.py``), with a virtual board."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import floor
import numpy as np

from bench.lines import Line, Port, attached
from bench.programs.networks import write_filled
from bench.programs.work import DOWNLOAD, INPUT, OUTPUT, PING, RUN, UPLOAD
from bench.workers import Work
from n6link import N6Device
from n6link.transport import serial_serialx, sim

EXCHANGES: Final = {RUN: (INPUT, OUTPUT), UPLOAD: (INPUT, 1), DOWNLOAD: (1, OUTPUT)}
"""bytes of the input and the output of networks that compute nothing"""
_numbers = itertools.count()


def exchange_networks(folder: Path) -> list[str]:
    """Files of the networks of :data:`EXCHANGES`, as sources of a virtual board; in this order."""
    for name, (taken, given) in EXCHANGES.items():
        write_filled(folder / f"{name}.tflite", taken, given)
    return [str(folder / f"{name}.tflite") for name in EXCHANGES]


@contextmanager
def board(line: Line, folder: Path, networks: Sequence[str]) -> Iterator[Port]:
    """A virtual board at a line; it announces the rate of the line, and keeps to it itself."""
    path = folder / f"board{next(_numbers)}"
    own = folder / f"{path.name}.files"
    own.mkdir()
    rate = f"?baud={line.baud}" if line.baud else f"?uart={line.uart}" if line.uart else ""
    command = [*sim.parse(",".join(networks) + rate).command(own), "--unix", str(path), "--parent-death"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        try:
            assert process.stdout
            json.loads(process.stdout.readline())
            with attached(line, path) as port:
                yield port
        finally:
            process.kill()


def picture(size: int) -> np.ndarray[Any, np.dtype[np.int8]]:
    """An input of a network of :data:`EXCHANGES`."""
    return np.random.default_rng(size).integers(-128, 128, (1, size)).astype(np.int8)


@asynccontextmanager
async def open_n6link(port: Port, *, serialx: bool = False) -> AsyncIterator[Mapping[str, Work]]:
    """n6link as it is installed without extras, or with serialx for serial ports."""
    async with AsyncExitStack() as stack:
        with patch.object(serial_serialx, "installed", return_value=serialx):
            dev = await stack.enter_async_context(N6Device(port.url, timeout=30))

        def work(name: str) -> Work:
            network, data = dev[name], picture(EXCHANGES[name][0])
            return lambda: network.run(data, timers=False, reduce=False)

        yield {PING: dev.ping, **{name: work(name) for name in EXCHANGES}}


def bare_works(bare: floor.Bare) -> Mapping[str, Work]:
    """What a bare client does."""

    def work(index: int, size: int) -> Work:
        data = picture(size).reshape(-1).view(np.uint8).data
        return lambda: bare.run(data, network=index)

    works = {name: work(index, size) for index, (name, (size, _)) in enumerate(EXCHANGES.items())}
    return {PING: bare.ping, **works}


@asynccontextmanager
async def open_floor(port: Port) -> AsyncIterator[Mapping[str, Work]]:
    """The same bytes, checksums and frames on asyncio's streams; no time-outs, repeats, credits, cancellation."""
    async with floor.connect(port.url.partition("?")[0]) as bare:
        yield bare_works(bare)
