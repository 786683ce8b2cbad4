"""Load of the monitor: its share of a slow link, and CPU time on this computer.

``python benchmarks/monitor_bench.py [--seconds N]``

The board is a virtual board on a line limited to 921600 baud, with the two bundled networks and their 252 epoch blocks;
each has run before. *Link*: bytes that the device itself counts between two readings, while a monitor with its default
interval shows one of the networks. *CPU*: user and system time of the whole program ``n6link monitor``, with a pseudo
terminal of two sizes, from three seconds after its start; the kernel's resolution is a tenth of a second.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

import numpy as np

from n6link import N6Device
from n6link.link.rate import BITS_PER_BYTE
from n6link.monitor.app import Monitor
from n6link.transport.sim import parse

BAUD = 921_600
SIZES = ((80, 24), (200, 60))
START = 3.0
"""seconds for the start of a monitor and its connection"""


async def run_networks(url: str) -> list[str]:
    async with N6Device(url, timeout=30) as device:
        for network in device.networks.values():
            spec = next(iter(network.inputs.values()))
            await network.run(np.zeros(spec.shape, spec.dtype))
        return list(device.networks)


async def link(url: str, network: str, seconds: float) -> None:
    monitor = Monitor(url, network=network)
    watching = asyncio.create_task(monitor.watcher.watch())
    readings = monitor.model.history.readings
    await asyncio.sleep(START)
    first = readings[-1]
    await asyncio.sleep(seconds)
    last = readings[-1]
    watching.cancel()
    await asyncio.wait([watching])
    line = (last.time - first.time) * BAUD / BITS_PER_BYTE
    up = (last.link.rx_bytes - first.link.rx_bytes) / line
    down = (last.link.tx_bytes - first.link.tx_bytes) / line
    print(f"| {network} | {last.time - first.time:.0f} s | {100 * up:.2f} % | {100 * down:.2f} % |")


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu(url: str, network: str, size: tuple[int, int], seconds: float) -> None:
    main, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    command = [sys.executable, "-m", "n6link", "monitor", "--url", url, "--network", network]
    drawn = 0

    def read() -> None:
        nonlocal drawn
        try:
            while data := os.read(main, 65536):
                drawn += len(data)
        except OSError:
            pass  # the program has closed its end

    with subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, start_new_session=True) as program:
        os.close(inner)
        reader = threading.Thread(target=read)
        reader.start()
        time.sleep(START)
        begun, before, drawn_before = time.monotonic(), cpu_seconds(program.pid), drawn
        time.sleep(seconds)
        share = (cpu_seconds(program.pid) - before) / (time.monotonic() - begun)
        rate = (drawn - drawn_before) / seconds
        program.send_signal(signal.SIGTERM)
    reader.join()
    os.close(main)
    print(f"| {size[0]}x{size[1]} | {network} | {100 * share:.1f} % | {rate / 1000:.1f} kB/s |")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=60.0, help="of each measurement of the link; CPU a third")
    seconds = arguments.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder) / "board"
        command = [*parse(f"?baud={BAUD}").command(Path(folder)), "--unix", str(socket), "--parent-death"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as board:
            try:
                assert board.stdout
                board.stdout.readline()
                url = f"unix:{socket}"
                names = asyncio.run(run_networks(url))
                print(f"| network shown | watched | link, up | link, down |  ({BAUD} baud)")
                print("|---|---|---|---|")
                for name in names:
                    asyncio.run(link(url, name, seconds))
                print("\n| terminal | network shown | CPU | drawn |")
                print("|---|---|---|---|")
                for name in names:
                    for size in SIZES:
                        cpu(url, name, size, seconds / 3)
            finally:
                board.terminate()


if __name__ == "__main__":
    main()
