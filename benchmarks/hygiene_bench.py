"""Effect of n6link on the event loop: the longest gap while a device does not read and the pipe is full, and the CPU of a connected, idle device.

``python benchmarks/hygiene_bench.py [--seconds 5] [--rounds 5]``

A virtual board is stopped (SIGSTOP) for a second while inferences and a stream send to it, so that every buffer is full. A task
that repeatedly sleeps for a millisecond measures its maximum delay; the same is measured in the same run with an idle loop. The
figures of similar libraries were measured once, with the same method, on a pty on a machine with two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from n6link import N6Device, Network
from n6link.transport import sim

PEERS = "serialx 8-9, pyserial-asyncio-fast 6, pyserial-asyncio 31, aioserial 6, anyio-serial 7, auserial 23, moteus 939, smpclient's pattern 943"
TICK = 0.001


@contextmanager
def board(*options: str) -> Iterator[tuple[str, int]]:
    """A separate virtual board: its URL and process."""
    command = [*sim.parse("movenet13").command(Path("/nonexistent")), *options, "--parent-death"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        yield json.loads(process.stdout.readline())["url"], process.pid
        process.terminate()


class Ticker:
    """The maximum delay of a task that sleeps for a millisecond."""

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


async def stall(url: str, process: int, ticker: Ticker) -> tuple[float, float]:
    """The longest gaps of an idle loop, and during a second without reads, in seconds."""
    async with N6Device(url, timeout=20) as device:
        network = device["movenet13"]
        frame = noise(network)
        await network.run(frame)
        ticker.take()
        await asyncio.sleep(1)
        quiet = ticker.take()
        runs = [asyncio.create_task(network.run(frame)) for _ in range(8)]
        async with network.stream() as stream:
            os.kill(process, signal.SIGSTOP)
            until = time.monotonic() + 1
            while time.monotonic() < until:
                await stream.put(frame)
                await asyncio.sleep(0.01)
            worst = ticker.take()
            os.kill(process, signal.SIGCONT)
            await asyncio.gather(*runs)
    return quiet, worst


def noise(network: Network) -> np.ndarray[Any, Any]:
    spec = next(iter(network.inputs.values()))
    return np.random.default_rng(0).integers(-128, 128, spec.shape).astype(spec.dtype)


async def gaps(rounds: int) -> None:
    ticker = Ticker()
    ticking = asyncio.create_task(ticker.run())
    print(f"{'longest gap of the event loop, ms (median of rounds)':56}{'idle':>13}{'device stopped for 1 s':>25}")
    for name, options in (("unix socket", ("--unix", f"/tmp/n6-hygiene-{os.getpid()}")), ("pty (serial)", ("--pty",))):
        found = []
        for _ in range(rounds):
            with board(*options) as (url, process):
                found.append(await stall(url, process, ticker))
        quiet, worst = np.median(found, axis=0)
        print(f"{name:56}{1e3 * quiet:13.2f}{1e3 * worst:25.2f}")
    ticking.cancel()
    with suppress(asyncio.CancelledError):
        await ticking
    print(f"similar libraries on a pty, ms: {PEERS}")


def cpu_seconds(process: int | str) -> float:
    with open(f"/proc/{process}/stat") as file:
        user, system = file.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def idle(seconds: float) -> None:
    with board("--unix", f"/tmp/n6-idle-{os.getpid()}") as (url, process):
        async with N6Device(url) as device, device["movenet13"].stream():
            await asyncio.sleep(1)
            before = cpu_seconds("self"), cpu_seconds(process)
            await asyncio.sleep(seconds)
            after = cpu_seconds("self"), cpu_seconds(process)
    host, device_ = (100 * (b - a) / seconds for a, b in zip(before, after, strict=True))
    print(f"idle for {seconds:g} s with a stream open: host {host:.2f} % of a CPU, virtual board {device_:.2f} %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    asyncio.run(gaps(arguments.rounds))
    asyncio.run(idle(arguments.seconds))


if __name__ == "__main__":
    main()
