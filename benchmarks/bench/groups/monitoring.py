"""What ``n6link monitor`` costs: the time that a slow line carries its bytes, and the CPU of the whole program, in each second.

The board is a virtual board with the rate of a UART and the two bundled networks, each of which has run before. The bytes are those that the device itself counts
while a monitor with its default interval shows a network. The floor of all rows is one second, so that a ratio is a share. CPU: user and
system time of the program in a pseudo terminal of two sizes; the kernel's resolution is a hundredth of a second.
"""

from __future__ import annotations

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
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from bench.lines import Line
from bench.measure import NAN, Bench, Row, Sample
from bench.programs import n6
from n6link import N6Device
from n6link.link.rate import BITS_PER_BYTE
from n6link.monitor.app import Monitor

BAUD: Final = 921_600
LINE: Final = Line("921600 baud", "socket", baud=BAUD)
SIZES: Final = ((80, 24), (200, 60))
START: Final = 3.0
"""seconds for the start of a monitor and its connection"""
SECOND: Final = (Sample(1.0, 1.0),)


async def run_networks(url: str) -> None:
    """Runs each network once."""
    async with N6Device(url, timeout=30) as device:
        for network in device.networks.values():
            spec = next(iter(network.inputs.values()))
            await network.run(np.zeros(spec.shape, spec.dtype))


async def carried(url: str, network: str, seconds: float) -> tuple[float, float]:
    """Seconds of the line up and down, for one second of a monitor."""
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
    return (last.link.rx_bytes - first.link.rx_bytes) / line, (last.link.tx_bytes - first.link.tx_bytes) / line


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu(url: str, network: str, size: tuple[int, int], seconds: float) -> float:
    """Seconds of CPU for one second of a monitor."""
    main, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    command = [sys.executable, "-m", "n6link", "monitor", "--url", url, "--network", network]

    def read() -> None:
        with suppress(OSError):  # the program has closed its end
            while os.read(main, 65536):
                pass

    with subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, start_new_session=True) as program:
        os.close(inner)
        reader = threading.Thread(target=read)
        reader.start()
        time.sleep(START)
        begun, before = time.monotonic(), cpu_seconds(program.pid)
        time.sleep(seconds)
        share = (cpu_seconds(program.pid) - before) / (time.monotonic() - begun)
        program.send_signal(signal.SIGTERM)
    reader.join()
    os.close(main)
    return share


def run(bench: Bench, seconds: float) -> None:
    """Each figure is one measurement of so many seconds."""
    networks = ["movenet13", "tinybert"]
    with tempfile.TemporaryDirectory(prefix="n6bench-") as folder, n6.board(LINE, Path(folder), networks) as port:
        asyncio.run(run_networks(port.url))
        for network in networks:
            up, down = asyncio.run(carried(port.url, network, seconds))
            for way, share in (("up", up), ("down", down)):
                note = f"time of the line, {way}, in 1 s; the ratio is the share of {LINE.name}"
                bench.add(Row("monitor", f"shows {network}", way, (Sample(share, NAN),), SECOND, note))
        for width, height in SIZES:
            share = cpu(port.url, "movenet13", (width, height), seconds)
            note = "CPU in 1 s; the ratio is the share of a core"
            bench.add(Row("monitor", "shows movenet13", f"{width}x{height}", (Sample(NAN, share),), SECOND, note))
