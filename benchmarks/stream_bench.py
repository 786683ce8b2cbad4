"""Streams: throughput against the slowest stage, age under overload, and the host's own cost of one ``run``.

``python benchmarks/stream_bench.py [throughput|age|overhead] [--seconds N]``

* *throughput*: on limited lines, time per frame of ``stream(policy="all")`` compared with the slowest of upload, network and
  download (bytes of the frames divided by the line's rate, and the network's own time), and of single ``run`` calls compared with their sum;
* *age*: a source that is faster than the board, policy "latest": age of the results in units of the slowest stage, with the
  limit ``depth + 1``; memory of this process before and after;
* *overhead*: time of one ``run`` minus the device's own time, over a unix socket, with reductions; alternately the same bytes over such a
  socket with plain asyncio, without checksums, protocol and results.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import resource
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import numpy as np

from n6link import N6Device, Network
from n6link.control.histogram import Histogram

LINES = {"921600 baud": 921_600, "4.5 MB/s": 45_000_000}
FRAME_BYTES = 12 + 12 + 4
"""bytes of a DATA frame in addition to its chunk"""


def noise(network: Network) -> np.ndarray[Any, Any]:
    spec = next(iter(network.inputs.values()))
    return np.random.default_rng(0).integers(-128, 128, spec.shape).astype(spec.dtype)


def wire_seconds(size: int, chunk: int, baud: int) -> float:
    return (size + -(-size // chunk) * FRAME_BYTES) * 10 / baud


async def throughput(seconds: float) -> None:
    print("| line | slowest stage | its time | stream, per frame | share | one run | sum of stages | share |")
    print("|---|---|---|---|---|---|---|---|")
    for name, baud in LINES.items():
        async with N6Device(f"sim:movenet13?baud={baud}", timeout=30) as dev:
            net = dev["movenet13"]
            frame, chunk = noise(net), dev.info.chunk
            up = wire_seconds(sum(spec.size for spec in net.inputs.values()), chunk, baud)
            down = wire_seconds(sum(spec.size for spec in net.outputs.values()), chunk, baud)
            singles = [(await net.run(frame, reduce=False, timers=False)).timing for _ in range(3)]
            npu = float(np.median([timing.npu for timing in singles]))
            single = float(np.median([timing.total for timing in singles]))
            stages = {"upload": up, "network": npu, "download": down}
            slowest = max(stages, key=stages.__getitem__)
            count = max(8, int(seconds / stages[slowest]))
            async with net.stream([frame] * count, policy="all", reduce=False) as results:
                begun, first = 0.0, 0
                async for result in results:
                    if result.frame and result.frame.sequence == 2:
                        begun, first = time.monotonic(), 2
                each = (time.monotonic() - begun) / (count - 1 - first)
            cells = (
                name,
                slowest,
                f"{1e3 * stages[slowest]:.1f} ms",
                f"{1e3 * each:.1f} ms",
                f"{100 * stages[slowest] / each:.1f} %",
                f"{1e3 * single:.1f} ms",
                f"{1e3 * sum(stages.values()):.1f} ms",
                f"{100 * sum(stages.values()) / single:.1f} %",
            )
            print("| " + " | ".join(cells) + " |")


async def age(seconds: float, baud: int = 0) -> None:
    depth = 2
    async with N6Device("sim:movenet13" + (f"?baud={baud}" if baud else ""), timeout=30) as dev:
        net = dev["movenet13"]
        frame = noise(net)
        alone = [dict((await net.run(frame)).timing.stages()) for _ in range(20)]
        slowest = max(float(np.median([stages[stage] for stages in alone])) for stage in ("upload", "npu", "download"))

        async def source() -> AsyncIterator[np.ndarray[Any, Any]]:
            async with dev.loop(3 / slowest) as ticks:
                async for _ in ticks:
                    yield frame

        memory: list[int] = []
        within, npu, begun = 0, Histogram(), time.monotonic()
        async with net.stream(source(), depth=depth) as results:
            async for result in results:
                assert result.frame
                within += result.frame.age <= (depth + 1) * slowest
                npu.add(result.timing.npu)
                if len(memory) < (time.monotonic() - begun) / seconds * 10:
                    memory.append(_resident())
                if time.monotonic() > begun + seconds:
                    break
        stats = results.stats
    ages = [f"{name} {stats.age.percentile(q) / slowest:.2f}" for name, q in (("p50", 50), ("p95", 95), ("p99", 99))]
    print(f"{seconds:g} s, source three times too fast, depth {depth}: {stats.frames} frames, ", end="")
    print(f"{stats.delivered} delivered, {stats.dropped} replaced")
    print(f"  slowest stage alone {1e3 * slowest:.2f} ms; age in stage times: {', '.join(ages)}, ", end="")
    print(f"max {stats.age.max / slowest:.2f}; {100 * within / stats.delivered:.1f} % within {depth + 1}")
    print(f"  the network took p50 {1e3 * npu.percentile(50):.2f}, p99 {1e3 * npu.percentile(99):.2f}, ", end="")
    print(f"max {1e3 * npu.max:.2f} ms; memory, MiB: " + " ".join(f"{value / 2**20:.1f}" for value in memory))


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def _answer(peer: socket.socket, theirs: socket.socket, size: int, busy: float, answer: int) -> None:
    """A device without protocol, checksums and network: reads bytes, waits, and answers."""
    theirs.close()
    while True:
        left = size
        while left:
            got = len(peer.recv(min(left, 1 << 18)))
            if not got:
                return
            left -= got
        until = time.perf_counter() + busy
        while time.perf_counter() < until:
            pass
        peer.sendall(bytes(answer))


async def bare(size: int, busy: float, answer: int, runs: int) -> Histogram:
    """The same bytes over a socket pair with asyncio alone: a lower limit for every client."""
    ours, theirs = socket.socketpair()
    peer = multiprocessing.get_context("fork").Process(
        target=_answer, args=(theirs, ours, size, busy, answer), daemon=True
    )
    peer.start()
    theirs.close()
    ours.setblocking(False)
    loop, data, cost = asyncio.get_running_loop(), bytes(size), Histogram()
    for _ in range(runs):
        start = time.perf_counter()
        await loop.sock_sendall(ours, data)
        left = answer
        while left:
            left -= len(await loop.sock_recv(ours, left))
        cost.add(time.perf_counter() - start - busy)
    ours.close()
    peer.join()
    return cost


async def overhead(seconds: float) -> None:
    async with N6Device("sim:movenet13") as dev:
        net = dev["movenet13"]
        frame, chunk = noise(net), dev.info.chunk
        size = frame.nbytes + -(-frame.nbytes // chunk) * FRAME_BYTES
        busy = float(np.median([(await net.run(frame, reduce=True, timers=False)).timing.npu for _ in range(50)]))
        print("above the device's own time, us          p50     p99    bare asyncio, the same bytes   p50     p99")
        for _ in range(3):
            cost, begun = Histogram(), time.monotonic()
            while time.monotonic() < begun + seconds / 6:
                start = time.perf_counter()
                result = await net.run(frame, reduce=True, timers=False)
                total = time.perf_counter() - start
                cost.add(total - result.timing.npu - result.timing.wait)
            floor = await bare(size, busy, 500, cost.count)
            figures = [1e6 * histogram.percentile(q) for histogram in (cost, floor) for q in (50, 99)]
            print(f"{f'{cost.count} runs':38}{figures[0]:6.0f}{figures[1]:8.0f}{figures[2]:36.0f}{figures[3]:8.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=["throughput", "age", "overhead", []], default=[])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--baud", type=int, default=0, help="age: of a paced line; 0 = none")
    arguments = parser.parse_args()
    for name, function in (("throughput", throughput), ("age", age), ("overhead", overhead)):
        if not arguments.what or name in arguments.what:
            print(f"\n## {name}\n")
            asyncio.run(age(arguments.seconds, arguments.baud) if name == "age" else function(arguments.seconds))


if __name__ == "__main__":
    main()
