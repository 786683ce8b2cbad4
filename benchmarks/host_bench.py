"""The host's own work for a run, an upload, a download and a ping, as a ratio to a bare asyncio program (:mod:`floor`).

``python benchmarks/host_bench.py [LINE...] [--rounds N]``, with ``pip install 'n6link[sim]'``.

Both programs run in this process, in turns, each with a board of its own; *CPU* is that of this process. A *run* is one inference of MoveNet: 110,592 bytes to
the device, 29,952 back; its time contains that of the network. An *upload* is such an inference with 13 peaks as its result, a *download* is an INFER that
returns the whole output: the device has kept both results, and does not run the network again. Each figure is the median of the rounds, and the ratio the
median of the ratios of one round. *Instructions* are those of Python's virtual machine: they do not depend on the machine and on other programs.

Three things determine the cost: system calls and turns of the event loop (``tests/test_cost.py`` has their bounds), and instructions. On Linux with
Python 3.11, a socket pair, without other load, medians of 24 runs::

                 CPU us: floor   n6link   ratio     time us: floor   n6link   ratio     instructions: floor   n6link   ratio
    run                    177      238    1.38               1670     1729    1.03                    5930     9479    1.6
    upload                 105      141    1.32                163      197    1.20                    3967     6757    1.7
    download                64       83    1.31                 92      110    1.20                    3082     4209    1.4
    ping                    30       43    1.43                 59       71    1.22                    1265     2478    2.0

``unix:`` and ``tcp:`` are like the socket pair: ``tcp:`` has 1.39, 1.34, 1.32 and 1.41 of the CPU. On a pty, where the floor is pyserial-asyncio's stream: run 0.91, upload 1.10, download 0.52, ping 0.99. Python 3.13,
a socket pair: 1.40, 1.33, 1.27 and 1.35. The ratio of a run is from 1.23 to 1.63 in single runs; with a load of 5 to 6 it is 1.58, and that of an upload 1.38.

The bytes themselves cost less than in the floor: a loop over chunks has as many instructions, and reads each byte once for its CRC instead of twice. Therefore a run has 0.81 of the floor's instructions of the processor
(counted by valgrind; upload 0.84, download 0.77, ping 2.0). The rest is the state that a call has so that it can be repeated, cancelled and limited: three exchanges, their answers, credits, the events of the call, its
slot and its times: 153 different functions in a run, 46 in the floor. A run has the highest ratio because the processor's caches are cold after the wait for the network, so that the amount of code counts: 5,400
different instructions of Python, 1,750 in the floor. A check of the time-outs, every 20 ms, costs about 0.1 ms with cold caches, which is 4 % of the time of runs that follow each other.

A copy of a batch before it is written, instead of ``sendmsg``, and a new buffer for each read cost nothing that can be measured. With uvloop 0.23 (``make bench BENCH=links``) a run costs 0.95 of the
CPU time with asyncio's loop, and a ping 0.71. It works, and is not required.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any, TypeAlias
from zlib import crc32

import floor
import numpy as np

from n6link import N6Device, ambient
from n6link.link.events import Begun, Received
from n6link.link.exchange import Inference
from n6link.protocol import MessageType, Reduction, records

COUNTS = {"run": 20, "upload": 50, "download": 80, "ping": 300}
"""calls of one round"""
ATTEMPTS = 12
Calls: TypeAlias = dict[str, Callable[[], Awaitable[object]]]


async def bare(client: floor.Bare, image: memoryview, peaks: bytes) -> Calls:
    """The calls of the floor."""
    small, whole = await client.keep(image, peaks), await client.keep(image)
    return {
        "run": lambda: client.run(image),
        "upload": lambda: client.run(image, kept=small),
        "download": lambda: client.fetch(whole),
        "ping": client.ping,
    }


async def ours(dev: N6Device, frame: np.ndarray[Any, Any], image: memoryview, peaks: bytes) -> Calls:
    """The same calls of n6link; those of upload and download are not in its public interface."""
    network, channel = dev["movenet13"], dev.connection.channel

    async def upload(inference: Inference) -> None:
        box = channel.mailbox(at_once=begins)
        exchanges = channel.infer(image, inference, box)
        assert isinstance(await box.get(), Received)
        for exchange in exchanges:
            channel.forget(exchange)

    async def download() -> None:
        box = channel.mailbox(at_once=begins)
        exchange = channel.send(MessageType.INFER, whole.pack(1, digest, 0.0), box=box)
        assert isinstance(await box.get(), Received)
        channel.forget(exchange)

    digest = crc32(image)
    small, whole = (
        Inference(ambient.randbits(64), 0, slot=0, priority=0, timers=False, deadline=None, returns=returns)
        for returns in (peaks, b"")
    )
    await upload(small)
    await upload(whole)
    return {
        "run": lambda: network.run(frame, reduce=False, timers=False),
        "upload": lambda: upload(small),
        "download": download,
        "ping": dev.ping,
    }


def begins(event: object) -> bool:
    """A result begins, which frees the input slot and wakes no task, as in n6link's own calls."""
    return isinstance(event, Begun)


async def round_of(call: Callable[[], Awaitable[object]], count: int) -> tuple[float, float]:
    """Seconds of CPU and of time per call."""
    begun, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        await call()
    return (time.process_time() - cpu) / count, (time.perf_counter() - begun) / count


async def instructions(call: Callable[[], Awaitable[object]]) -> int:
    """Python's own instructions for a call, without those of C functions: the smallest number of some attempts."""
    counts: list[int] = []
    for _ in range(ATTEMPTS):
        count = 0

        def trace(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal count
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            count += event == "opcode"
            return trace

        sys.settrace(trace)
        await call()
        sys.settrace(None)
        counts.append(count)
    return min(counts)


async def measure(line: str, rounds: int) -> dict[str, list[float]]:
    """By kind of call: CPU of the floor, of n6link, their ratio, the same three of time, and of Python's instructions."""
    frame = np.random.default_rng(0).integers(-128, 128, (1, 192, 192, 3)).astype(np.int8)
    image, peaks = (
        frame.reshape(-1).view(np.uint8).data,
        records.Return(0, reduction=Reduction.ARGMAX, channels=13).pack(),
    )
    found: dict[str, list[float]] = {}
    with floor.board(line) as first, floor.board(line) as second:
        async with floor.connect(first) as client, N6Device(second) as dev:
            lower, upper = await bare(client, image, peaks), await ours(dev, frame, image, peaks)
            for kind, count in COUNTS.items():
                rows: list[list[float]] = []
                for _ in range(rounds + 1):
                    low = await round_of(lower[kind], count)
                    own = await round_of(upper[kind], count)
                    rows.append([cell for pair in zip(low, own, strict=True) for cell in (*pair, pair[1] / pair[0])])
                del rows[0]  # it warms up
                found[kind] = [statistics.median(column) for column in zip(*rows, strict=True)]
                steps = [await instructions(calls[kind]) for calls in (lower, upper)]
                found[kind] += [*steps, steps[1] / steps[0]]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", nargs="*", metavar="LINE", help=", ".join(floor.LINES))
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    if unknown := [line for line in arguments.lines if line not in floor.LINES]:
        parser.error(f"unknown line {unknown[0]!r}; use {', '.join(map(repr, floor.LINES))}")
    heads = (f"{what}, floor | n6link | ratio" for what in ("CPU us", "time us", "instructions"))
    print(f"| line | call | {' | '.join(heads)} |")
    print("|---|---" + "|--:" * 9 + "|")
    for line in arguments.lines or ("socket pair", "pty"):
        for kind, row in asyncio.run(measure(line, arguments.rounds)).items():
            cells = [f"{1e6 * low:.0f} | {1e6 * own:.0f} | {ratio:.2f}" for low, own, ratio in (row[:3], row[3:6])]
            cells.append(f"{row[6]:.0f} | {row[7]:.0f} | {row[8]:.2f}")
            print(f"| {line} | {kind} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
