"""The link: upload goodput, round trips, and their CPU time on the host, over four lines to a virtual board.

``python benchmarks/link_bench.py [LINE...] [--seconds N]``, with ``pip install 'n6link[sim]'``.

The board runs MoveNet on this machine; only uploads are timed, so the network never runs. *Goodput* counts tensor bytes that
the device has received, checked and committed. The maximum of a line with a baud rate is its rate in bytes (ten bits each); frames
of 8 KiB with 28 bytes of framing reach 99.66 % of it. *CPU* is that of this process; the board is a separate process. A *ping*
sends 16 bytes to the device and 24 back.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from n6link.errors import TransportError
from n6link.link.exchange import Exchange, Phase
from n6link.protocol import MessageType, records
from n6link.session.channel import Channel
from n6link.transport.url import open_stream

IMAGE = 110_592
"""bytes of MoveNet's input"""
BAUD = 921_600
AHEAD = 16
"""uploads in the queue"""
POLL = 0.0005
"""seconds between two checks whether an upload was sent"""
LINES = {
    "socket pair": "sim:movenet13",
    "unix socket": "--unix",
    "pty": "--pty",
    "921600 baud": f"sim:movenet13?baud={BAUD}",
}


@contextmanager
def board(line: str) -> Iterator[str]:
    """The URL of a board on a line."""
    if line.startswith("sim:"):
        yield line
        return
    with tempfile.TemporaryDirectory() as folder:
        where = [line, str(Path(folder) / "board")] if line == "--unix" else [line]
        command = [sys.executable, "-m", "n6link", "sim", "--network", "movenet13", *where]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
            try:
                assert process.stdout
                yield json.loads(process.stdout.readline())["url"]
            finally:
                process.terminate()


async def upload(channel: Channel, slots: int, seconds: float) -> tuple[float, float, int]:
    """Uploads images one after the other: MB/s, ms of CPU per MB, and repeats."""
    image = np.random.default_rng(0).integers(0, 256, IMAGE, np.uint8).data.cast("B")
    waiting: deque[Exchange] = deque()
    last, count = None, 0
    begun, cpu = time.monotonic(), time.process_time()
    while time.monotonic() < begun + seconds or count < 2:
        last = channel.link.upload(image, network=0, slot=count % slots, patience=10)
        waiting.append(last)
        channel.wake()
        count += 1
        while len(waiting) == AHEAD:
            while waiting and waiting[0].phase is not Phase.SENDING:
                waiting.popleft()
            if len(waiting) == AHEAD:
                await asyncio.sleep(POLL)
    while last and last.phase is not Phase.GONE:
        await channel.ask(MessageType.PING)
    elapsed, cpu = time.monotonic() - begun, time.process_time() - cpu
    counters = channel.link.counters
    megabytes = count * IMAGE / 1e6
    return megabytes / elapsed, 1e3 * cpu / megabytes, counters.retransmits + counters.repeats


async def ping(channel: Channel, seconds: float) -> tuple[float, float]:
    """Median and 99th percentile of a round trip, in seconds."""
    times = []
    begun = time.monotonic()
    while time.monotonic() < begun + seconds:
        start = time.perf_counter()
        await channel.ask(MessageType.PING)
        times.append(time.perf_counter() - start)
    median, late = np.quantile(times, [0.5, 0.99])
    return float(median), float(late)


async def measure(line: str, seconds: float) -> str:
    with board(LINES[line]) as url:
        stream = await open_stream(url)
        channel = Channel(name=url, timeout=10, notify=lambda event: None)
        await channel.open()
        await channel.attach(stream)
        try:
            opened = await channel.greet("link_bench")
            info = records.InfoReply.unpack((await channel.ask(MessageType.INFO)).payload)
            channel.link.path.set_baud(info.baud)
            await upload(channel, opened.hello.slots, seconds / 10)
            goodput, cpu, repairs = await upload(channel, opened.hello.slots, seconds)
            median, late = await ping(channel, min(seconds, 3))
        finally:
            await channel.aclose()
    share = f"{100 * goodput * 1e6 / (BAUD / 10):.2f} %" if "baud" in url else "-"
    cells = (
        line,
        f"{goodput:.3g} MB/s",
        share,
        f"{cpu:.2f} ms",
        str(repairs),
        f"{1e6 * median:.0f} us",
        f"{1e6 * late:.0f} us",
    )
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", nargs="*", metavar="LINE", help=", ".join(LINES))
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement")
    arguments = parser.parse_args()
    print("| line | upload | share of the line | host CPU per MB | repeats | ping p50 | ping p99 |")
    print("|---|---|---|---|---|---|---|")
    for line in arguments.lines or LINES:
        try:
            print(asyncio.run(measure(line, arguments.seconds)), flush=True)
        except TransportError as error:
            print(f"| {line} | {error} |")


if __name__ == "__main__":
    main()
