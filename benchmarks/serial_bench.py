"""Serial ports: pyserial-asyncio, which n6link uses, against serialx, both as the transport of the same ``SerialStream``.

``python benchmarks/serial_bench.py [--rounds N]``, with ``pip install 'n6link[serialx]'``.

The line is a pseudo terminal. The other end is a process that reads and writes without an event loop. The two libraries take turns; every figure is a
median of the rounds. *CPU* is that of this process: the other end and the kernel's part of it are not counted. A *ping* has 64 bytes each way.

15 rounds, Linux 6.18, Python 3.11, two shared cores under load (compare the columns with each other only), median and quartiles::

                          pyserial-asyncio 0.6         serialx 1.15.1                 ratio
    send MB/s              44.83 (37.13-61.30)    57.90 (47.09-70.56)      1.18 (0.77-1.55)
    send CPU ms/MB            2.87 (2.78-3.11)       2.89 (2.77-2.99)      0.98 (0.93-1.05)
    receive MB/s           43.66 (42.25-66.91)    45.87 (43.67-81.69)      1.05 (0.96-1.62)
    receive CPU ms/MB         4.42 (4.34-4.64)       3.95 (3.84-4.06)      0.89 (0.87-0.91)
    ping p50 us            40.69 (39.54-42.14)    28.55 (28.27-48.50)      0.71 (0.68-1.20)
    ping p99 us            3840 (2706-4000)       3436 (2112-4842)         0.97 (0.73-2.03)
    ping CPU us            33.52 (32.33-36.16)    21.00 (19.74-32.07)      0.65 (0.58-0.96)
"""

from __future__ import annotations

import argparse
import asyncio
import os
import pty
import resource
import statistics
import time
import tty
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib import metadata

from n6link.transport import serial_pyserial, serial_serialx
from n6link.transport.serial_port import DEFAULT_BAUD, Found, SerialStream
from n6link.transport.serial_protocol import Library, PortProtocol

MEGABYTES = 16
PINGS = 3000
PING = bytes(64)
READ = 65536


@contextmanager
def line(peer: Callable[[int], None]) -> Iterator[str]:
    """A port whose other end is a process that runs a function."""
    board, port = pty.openpty()
    tty.setraw(port)
    child = os.fork()
    if not child:
        try:
            peer(board)
        finally:
            os._exit(0)
    os.close(board)
    yield os.ttyname(port)
    os.close(port)
    os.waitpid(child, 0)


def echo(board: int) -> None:
    for _ in range(PINGS):
        data = b""
        while len(data) < len(PING):
            data += os.read(board, len(PING))
        os.write(board, data)
    os.read(board, 1)


def sink(board: int) -> None:
    left = MEGABYTES << 20
    while left:
        left -= len(os.read(board, READ))
    os.write(board, b"x")
    os.read(board, 1)


def source(board: int) -> None:
    os.read(board, 1)  # opening a port discards what has arrived
    left, data = MEGABYTES << 20, bytes(READ)
    while left:
        left -= os.write(board, data[:left])
    os.read(board, 1)


async def opened(library: Library, path: str) -> SerialStream:
    protocol = PortProtocol()
    transport, device = await library(path, DEFAULT_BAUD, protocol)
    return SerialStream(Found(path, None, path, "", library), transport, device, protocol)


async def send(stream: SerialStream) -> list[float]:
    await stream.send(bytes(MEGABYTES << 20))
    await stream.receive()
    return []


async def receive(stream: SerialStream) -> list[float]:
    await stream.send(b"x")
    left = MEGABYTES << 20
    while left:
        left -= len(await stream.receive())
    return []


async def ping(stream: SerialStream) -> list[float]:
    times = []
    for _ in range(PINGS):
        before, left = time.perf_counter(), len(PING)
        await stream.send(PING)
        while left:
            left -= len(await stream.receive())
        times.append(time.perf_counter() - before)
    return times


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(
    library: Library,
    peer: Callable[[int], None],
    task: Callable[[SerialStream], Awaitable[list[float]]],
) -> tuple[float, float, list[float]]:
    """Seconds, seconds of CPU, and the time of each ping."""

    async def main() -> tuple[float, float, list[float]]:
        stream = await opened(library, path)
        wall, used = time.perf_counter(), cpu()
        times = await task(stream)
        figures = time.perf_counter() - wall, cpu() - used, times
        await stream.send(b"x")
        await stream.aclose()
        return figures

    with line(peer) as path:
        return asyncio.run(main())


def spread(values: list[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    libraries = {
        "pyserial-asyncio": serial_pyserial.connect,
        f"serialx {metadata.version('serialx')}": serial_serialx.connect,
    }
    found: dict[str, dict[str, list[float]]] = {name: {} for name in libraries}
    for _ in range(rounds):
        for name, library in libraries.items():
            figures = found[name]
            for label, peer, task in (("send", sink, send), ("receive", source, receive)):
                wall, used, _ = measure(library, peer, task)
                figures.setdefault(f"{label} MB/s", []).append(MEGABYTES * 1.048576 / wall)
                figures.setdefault(f"{label} CPU ms/MB", []).append(used * 1e3 / (MEGABYTES * 1.048576))
            wall, used, times = measure(library, echo, ping)
            figures.setdefault("ping p50 us", []).append(statistics.median(times) * 1e6)
            figures.setdefault("ping p99 us", []).append(statistics.quantiles(times, n=100)[98] * 1e6)
            figures.setdefault("ping CPU us", []).append(used * 1e6 / PINGS)
    first, second = found.values()
    print(f"{'median (quartiles)':20}" + "".join(f"{name:>24}" for name in found) + f"{'ratio':>24}")
    for label in first:
        ratios = [b / a for a, b in zip(first[label], second[label], strict=True)]
        print(f"{label:20}" + "".join(f"{spread(values):>24}" for values in (first[label], second[label], ratios)))


if __name__ == "__main__":
    main()
