"""Whole outputs against reduced ones, for each kind of network, on a line with the speed of a UART.

The floor is the whole outputs. The networks run on LiteRT, so only the part of the line is valid for a board. Networks that are not part of the project
are in the folder N6LINK_SHARED; without it they are omitted.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

from bench.groups.frames import SHARED
from bench.lines import Line, Port
from bench.measure import Bench
from bench.programs import n6
from bench.workers import Work, worker
from n6link import N6Device, networks
from n6link.tensors.card import load

YOLO: Final = SHARED / "models" / "yolov8n_pose_256.tflite"
CARDS: Final = [load('task = "yolo-pose"\nnetworks = ["yolov8n_pose_*"]\ninput.pad = 114\n', base=None)]
PROMPT: Final = "It is a truth universally acknowledged"
NETWORKS: Final = ("movenet13", "yolov8n_pose_256", "tinybert")
KINDS: Final = {"floor": False, "reduced": True}


def works(dev: N6Device) -> dict[str, Work]:
    """One inference of each network, with whole and with reduced outputs and raw inputs, by ``network kind``."""

    def one(name: str, reduce: bool) -> Callable[[], Awaitable[object]]:
        async def picture() -> None:
            await dev[name].run(networks.PHOTO, reduce=reduce, timers=False, encode="raw")

        async def token() -> None:
            async for _ in dev[name].generate(PROMPT, max_tokens=1, reduce=reduce):
                pass

        return token if name == "tinybert" else picture

    return {
        f"{name} {kind}": one(name, reduce)
        for name in NETWORKS
        if name in dev.networks
        for kind, reduce in KINDS.items()
    }


@asynccontextmanager
async def _opened(port: Port) -> AsyncIterator[Mapping[str, Work]]:
    async with N6Device(port.url, cards=CARDS, timeout=30) as dev:
        yield works(dev)


async def traffic(sources: list[str]) -> dict[str, str]:
    """Bytes on the line of each work, with the frames."""
    found = {}
    async with N6Device(f"sim:{','.join(sources)}", cards=CARDS) as dev:
        for name, work in works(dev).items():
            await work()
            up, down = dev.counters.tx_bytes, dev.counters.rx_bytes
            await work()
            found[name] = f"{dev.counters.tx_bytes - up:,} B up, {dev.counters.rx_bytes - down:,} B down"
    return found


def run(bench: Bench, line: Line) -> None:
    """All networks."""
    sources = ["movenet13", "tinybert", *([str(YOLO)] if YOLO.is_file() else [])]
    sizes = asyncio.run(traffic(sources))
    with tempfile.TemporaryDirectory(prefix="n6bench-") as text, ExitStack() as stack:
        port = stack.enter_context(n6.board(line, Path(text), sources))
        program = stack.enter_context(worker(partial(_opened, port), bench.span))
        for name in NETWORKS:
            if f"{name} floor" in sizes:
                measures = {kind: program.measure(f"{name} {kind}") for kind in KINDS}
                notes = {kind: sizes[f"{name} {kind}"] for kind in KINDS}
                bench.compare(f"outputs, {line.name}", name, measures, notes=notes)
