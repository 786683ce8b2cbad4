"""A server with a virtual board, and programs that share it, each in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from bench.lines import FORK, settle
from n6link import N6Device, Network

BOARD: Final = "sim:reference=reference:,movenet13"
"""two networks: 6,912 bytes and 864 bytes; 110,592 bytes and 29,952 bytes"""
Program: TypeAlias = Callable[[str, Callable[[], None]], Coroutine[Any, Any, None]]
"""a program, given the URL, and what it calls when it is at work"""
_TICK: Final = os.sysconf("SC_CLK_TCK")


def noise(network: Network, seed: int = 0) -> dict[str, Any]:
    """An input of a network."""
    random = np.random.default_rng(seed)
    return {name: random.integers(-128, 128, spec.shape).astype(spec.dtype) for name, spec in network.inputs.items()}


@contextmanager
def server(url: str, place: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server of a board, that listens at a unix socket; killed at the end."""
    command = [sys.executable, "-m", "n6link", "serve", "--url", url, "--listen", f"unix:{place}"]
    environment = {**os.environ, "N6LINK_RUNTIME": str(place.parent)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        try:
            assert process.stdout
            json.loads(process.stdout.readline())
            yield process
        finally:
            process.kill()


def start(program: Program, url: str) -> ForkProcess:
    """A program in a process, which must be killed; returns when it is at work."""
    ours, theirs = FORK.Pipe()

    def main() -> None:
        settle()
        ours.close()
        asyncio.run(program(url, lambda: theirs.send(None)))

    process = FORK.Process(target=main, daemon=True)
    process.start()
    theirs.close()
    ours.recv()
    ours.close()
    return process


@contextmanager
def running(program: Program, url: str) -> Iterator[ForkProcess]:
    """A block during which a program works; it is killed at the end."""
    process = start(program, url)
    try:
        yield process
    finally:
        process.kill()
        process.join()


def cpu(pid: int) -> float:
    """Seconds of CPU time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


async def monitor(url: str, ready: Callable[[], None]) -> None:
    """Reads statistics and the list of programs five times per second."""
    async with N6Device(url) as dev, dev.subscribe(0.2) as readings:
        ready()
        async for _ in readings:
            await dev.clients()


async def logger(url: str, ready: Callable[[], None]) -> None:
    """Runs MoveNet without a pause."""
    async with N6Device(url) as dev:
        network = dev["movenet13"]
        data = noise(network)
        await network.run(data)
        ready()
        while True:
            await network.run(data, reduce=False)
