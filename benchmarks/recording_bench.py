"""The cost of recording: upload goodput, CPU time of the host, and round trips, without a recording, with a file, and with a ring of 4 MB.

``python benchmarks/recording_bench.py [--rounds N] [--seconds N]``, with ``pip install 'n6link[sim]'``.

The three are measured one after the other in each round, on a new virtual board; the table has the medians of the rounds, and their
ratios to no recording. The lines are the socket pair of ``sim:`` and a pseudo terminal; both are faster than any board.
Only uploads and pings are measured: the network never runs. CPU time includes that of the thread that writes the file.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path
from statistics import median

from link_bench import LINES, board, ping, upload

from n6link import Recorder
from n6link.protocol import MessageType, records
from n6link.session.channel import Channel
from n6link.transport.url import open_stream

MODES = ("none", "file", "ring")
RING = 4 << 20
SHOWN = ("socket pair", "pty")


async def measure(url: str, mode: str, folder: Path, seconds: float) -> tuple[float, float, float]:
    """Goodput in MB/s, ms of CPU per MB, and the median of a round trip in us."""
    stream = await open_stream(url)
    recorder = Recorder(folder / "bench.pcapng", ring=RING if mode == "ring" else None) if mode != "none" else None
    if recorder:
        recorder.open()
    channel = Channel(name=url, timeout=10, notify=lambda event: None)
    await channel.open()
    await channel.attach(recorder.tap(stream, url) if recorder else stream)
    try:
        opened = await channel.greet("recording_bench")
        if recorder:
            recorder.opened(described=True)
        info = records.InfoReply.unpack((await channel.ask(MessageType.INFO)).payload)
        channel.link.path.set_baud(info.baud)
        await upload(channel, opened.hello.slots, seconds / 10)
        goodput, cpu, _ = await upload(channel, opened.hello.slots, seconds)
        trip, _ = await ping(channel, seconds)
    finally:
        await channel.aclose()
        if recorder:
            recorder.close()
    return goodput, cpu, 1e6 * trip


async def compare(line: str, rounds: int, seconds: float) -> list[str]:
    found: dict[str, list[tuple[float, float, float]]] = {mode: [] for mode in MODES}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for mode in MODES:
                with board(LINES[line]) as url:
                    found[mode].append(await measure(url, mode, Path(folder), seconds))
    rows = []
    for mode in MODES:
        values = [median(column) for column in zip(*found[mode], strict=True)]
        ratios = [
            median(one / base for one, base in zip(column, bases, strict=True))
            for column, bases in zip(zip(*found[mode], strict=True), zip(*found["none"], strict=True), strict=True)
        ]
        cells = [
            f"{value:.3g} {unit} ({ratio:.2f})"
            for value, unit, ratio in zip(values, ("MB/s", "ms", "us"), ratios, strict=True)
        ]
        rows.append(f"| {line} | {mode} | {' | '.join(cells)} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each measurement")
    arguments = parser.parse_args()
    print("| line | recording | upload (ratio) | host CPU per MB (ratio) | ping p50 (ratio) |")
    print("|---|---|---|---|---|")
    for line in SHOWN:
        for row in asyncio.run(compare(line, arguments.rounds, arguments.seconds)):
            print(row, flush=True)


if __name__ == "__main__":
    main()
