"""Effect of reductions on the board: time per inference of each network on a slow line, whole outputs compared with reduced ones.

The virtual board's line is limited like a UART with the given rate, ten bits per byte; its network times are those of this
machine's CPU. Bytes are those on the line, including frames. Networks that are not part of the project are in the folder
N6LINK_SHARED; without it they are omitted.

    python benchmarks/reduce_bench.py [--baud 921600] [--runs 3]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeAlias

from n6link import Card, N6Device, Network, Result, networks
from n6link.tensors.card import load

SHARED: Final = Path(os.environ.get("N6LINK_SHARED", Path(__file__).resolve().parents[2] / "shared"))
YOLO: Final = SHARED / "models" / "yolov8n_pose_256.tflite"
YOLO_CARD: Final = 'task = "yolo-pose"\nnetworks = ["yolov8n_pose_*"]\ninput.pad = 114\n'
Work: TypeAlias = Callable[[Network, int, bool], Awaitable[list[Result]]]
PROMPT: Final = "It is a truth universally acknowledged"


async def person(network: Network, runs: int, reduce: bool) -> list[Result]:
    """A photograph through a pose network."""
    return [await network.run(networks.PHOTO, reduce=reduce, timers=False) for _ in range(runs)]


async def tokens(network: Network, runs: int, reduce: bool) -> list[Result]:
    """The tokens of a text."""
    return [piece.result async for piece in network.generate(PROMPT, max_tokens=runs, reduce=reduce)]


async def measure(device: N6Device, network: Network, work: Work, runs: int, reduce: bool) -> tuple[int, int, Result]:
    """Bytes up and down on the line per inference, and the inference with the median time; the first is not counted."""
    counters = device.counters
    await work(network, 1, reduce)
    sent, received = counters.tx_bytes, counters.rx_bytes
    results = await work(network, runs, reduce)
    up, down = counters.tx_bytes - sent, counters.rx_bytes - received
    median = statistics.median_low(result.timing.total for result in results)
    return up // runs, down // runs, next(result for result in results if result.timing.total == median)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--baud", type=int, default=921_600)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    cards: list[Card] = [load(YOLO_CARD, base=None)] if YOLO.is_file() else []
    work: dict[str, Work] = {"movenet13": person, "yolov8n_pose_256": person, "tinybert": tokens}
    sources = ["movenet13", "tinybert", *([str(YOLO)] if YOLO.is_file() else [])]
    print(
        f"| at {arguments.baud} baud | input up | all outputs: down | time | reduced: down | time | of that, the input |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|")
    async with N6Device(f"sim:{','.join(sources)}?baud={arguments.baud}", cards=cards, timeout=30) as dev:
        for name, run in work.items():
            if name not in dev.networks:
                continue
            cells = []
            for reduce in (False, True):
                up, down, result = await measure(dev, dev[name], run, arguments.runs, reduce)
                cells += [f"{down:,} B", f"{result.timing.total * 1e3:,.0f} ms"]
            upload = f"{result.timing.upload * 1e3:,.0f} ms"
            print(f"| {name} | {up:,} B | {' | '.join(cells)} | {upload} |", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
