"""What options of n6link cost: times of the epoch blocks, and recordings of the line; with and without, on equal boards."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from bench.lines import PTY, SOCKET, Port
from bench.measure import Bench
from bench.programs import n6
from bench.programs.work import PING, RUN, TITLES
from bench.workers import Work, worker
from n6link import N6Device

RING: Final = "?ring=4M"
RECORDINGS: Final = {"floor": None, "recording in a file": "", "recording in a ring of 4 MB": RING}


@asynccontextmanager
async def _recorded(port: Port, path: str | None) -> AsyncIterator[Mapping[str, Work]]:
    data = n6.picture(n6.EXCHANGES[RUN][0])
    async with N6Device(port.url, timeout=30, record=path) as dev:
        network = dev[RUN]
        yield {PING: dev.ping, RUN: lambda: network.run(data, timers=False, reduce=False)}


@asynccontextmanager
async def _timed(port: Port) -> AsyncIterator[Mapping[str, Work]]:
    async with N6Device(port.url, timeout=30) as dev:
        network = dev["movenet13"]
        data = np.zeros((1, 192, 192, 3), np.int8)
        yield {
            "floor": lambda: network.run(data, timers=False, reduce=False),
            "with the times of 82 blocks": lambda: network.run(data, timers=True, reduce=False),
        }


def run(bench: Bench) -> None:
    """All of them."""
    with tempfile.TemporaryDirectory(prefix="n6bench-") as text, ExitStack() as stack:
        folder = Path(text)
        port = stack.enter_context(n6.board(SOCKET, folder, ["movenet13"]))
        timed = stack.enter_context(worker(partial(_timed, port), bench.span))
        bench.compare("options", "one run of MoveNet on LiteRT", {name: timed.measure(name) for name in timed.works})
    for line in (SOCKET, PTY):
        with tempfile.TemporaryDirectory(prefix="n6bench-") as text, ExitStack() as stack:
            folder = Path(text)
            networks, found = n6.exchange_networks(folder), {}
            for name, query in RECORDINGS.items():
                path = None if query is None else f"{folder / 'run.pcapng'}{query}"
                port = stack.enter_context(n6.board(line, folder, networks))
                found[name] = stack.enter_context(worker(partial(_recorded, port, path), bench.span))
            for work in (RUN, PING):
                programs = {name: each.measure(work) for name, each in found.items()}
                bench.compare(f"options, {line.name}", TITLES[work], programs)
