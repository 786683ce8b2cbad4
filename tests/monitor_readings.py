"""Recorded-like readings of a board for the tests of the monitor: deterministic, with every kind of epoch block."""

from __future__ import annotations

import numpy as np

from n6link.epochs.timers import EpochBlock, EpochStats, EpochTable
from n6link.monitor.model import Model
from n6link.monitor.view import Identity, LogLine, PoolRow
from n6link.protocol import EpochKind, TimerSource
from n6link.protocol.records import BlockStats
from n6link.session.sharing import ClientInfo
from n6link.session.stats import LinkStats, NetworkStats, Stats

KIB = 1024
NETWORKS = (("movenet", 20, 0.022), ("yolov8n-pose", 7, 0.032), ("tinybert", 3, 0.104))
"""name, runs a second, seconds a run"""
BLOCKS = (
    (EpochKind.EC, 1, 58, "", 9_000_000),
    (EpochKind.SW, 59, 59, "Resize", 1_000_000),
    (EpochKind.EC, 60, 62, "", 500_000),
    (EpochKind.SW, 63, 63, "Resize", 2_000_000),
    (EpochKind.HW, 64, 64, "Conv", 500_000),
    (EpochKind.SW, 67, 67, "Resize", 4_000_000),
    (EpochKind.EC, 68, 73, "", 1_000_000),
    (EpochKind.EXTRA, 74, 74, "Dma", 300_000),
    (EpochKind.HYBRID, 75, 76, "Concat", 200_000),
)

IDENTITY = Identity(
    url="serial:/dev/ttyACM0",
    board="STM32N6570-DK",
    unique_id="0123456789abcdef01234567",
    firmware="0.1.0",
    protocol="1.0",
    baud=921600,
    simulated=False,
    networks=tuple(name for name, _, _ in NETWORKS),
    pools={
        "movenet": (
            PoolRow("cpuRAM2", 864 * KIB, 1024 * KIB),
            PoolRow("npuRAM4", 378 * KIB, 448 * KIB),
            PoolRow("npuRAM5", 432 * KIB, 448 * KIB),
            PoolRow("octoFlash", 2_924_000, 60 * 1024 * KIB),
        )
    },
)


def epochs() -> EpochStats:
    """Statistics of the first network after 20 runs, in ns: 18.5 ms in blocks, of the 22 ms that a run takes."""
    table = EpochTable.from_blocks(
        EpochBlock(index, kind, first, last, operation)
        for index, (kind, first, last, operation, _) in enumerate(BLOCKS)
    )
    records = np.zeros(len(BLOCKS), BlockStats.DTYPE)
    records["core"] = [20 * ticks for *_, ticks in BLOCKS]
    return EpochStats.from_records(table, records, runs=20, source=TimerSource.DWT_CYCLES, tick_hz=1e9)


def reading(step: int) -> Stats:
    """The reading half a second times ``step`` after the start."""
    networks = tuple(
        NetworkStats(
            index=index,
            runs=step * per_second // 2,
            errors=0,
            cancelled=0,
            late=int(index == 2),
            queued=0,
            total=step * per_second * seconds / 2,
            last=seconds * (1 + 0.05 * ((step * 7 + index) % 5)),
            min=seconds,
            max=1.2 * seconds,
            waited=0.0,
        )
        for index, (_, per_second, seconds) in enumerate(NETWORKS)
    )
    link = LinkStats(46_000 * step, 9_000 * step, 100 * step, 90 * step, 2, 1, 40, 1, 2, 0, 3, 0, 0)
    return Stats(step / 2, 0.0, link, networks, 2, 900_000, 0, 41.0, 800_000_000, 1_000_000_000)


def clients(step: int, count: int = 3) -> tuple[ClientInfo, ...]:
    """The programs that share the board, half a second times ``step`` after they have connected: a control program with a lease, others."""
    return tuple(
        ClientInfo(
            id=index + 1,
            name=f"program {index} [not a markup]",
            read_only=index == 2,
            rx_bytes=46_000 * step * (index == 0),
            tx_bytes=9_000 * step,
            runs=10 * step * (index == 0),
            queued=2 * (index == 1),
            leases=int(index == 0),
            waits=10 * step * (index == 0),
            waited=0.05 * step * (index == 0),
            longest_wait=0.02,
        )
        for index in range(count)
    )


def model(steps: int = 40) -> Model:
    """A model that has watched a board for a while."""
    out = Model()
    out.connected(IDENTITY, 0.0)
    for step in range(steps):
        out.add(reading(step))
        out.add_round_trip(0.002 + 0.0002 * (step % 6))
    out.add_epochs("movenet", epochs())
    out.add_log(LogLine(None, "INFO", "boot: n6link 0.1.0"))
    out.add_log(LogLine(2.2, "WARNING", "payload error, asked again"))
    out.add_log(LogLine(3.0, "ERROR", "NPU fault 3 [not a markup]"))
    return out
