"""Profiles without a device, for tests: blocks and times as given, with a clock of 1 MHz."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from n6link.epochs.profile import Profile
from n6link.epochs.timers import STAGES, EpochBlock, EpochTable
from n6link.protocol import EpochKind, TimerSource

MHZ = 1e6
GAP = 5
"""Microseconds of the runtime before each block."""


def table_of(*names: str) -> EpochTable:
    """Blocks of one epoch each: ``EC``, ``HW``, or an operation of the CPU."""
    kinds = {"EC": EpochKind.EC, "HW": EpochKind.HW, "EXTRA": EpochKind.EXTRA}
    return EpochTable.from_blocks(
        EpochBlock(0, kinds.get(name, EpochKind.SW), number, number, "" if name in kinds else name)
        for number, name in enumerate(names, 1)
    )


def profile_of(
    table: EpochTable,
    *runs: Sequence[int],
    source: TimerSource = TimerSource.DWT_CYCLES,
    simulated: bool = False,
    begun: Sequence[float] | None = None,
) -> Profile:
    """A profile whose runs take these microseconds in each block: a tenth in pre, a tenth in post, the rest in core."""
    ticks = np.zeros((len(runs), len(table), 4), np.uint64)
    for row, times in zip(ticks, runs, strict=True):
        now = 0
        for cell, total in zip(row, times, strict=True):
            side = total // 10
            cell[:] = now + GAP, side, total - 2 * side, side
            now += GAP + total
    elapsed = ticks[:, -1, :].sum(axis=1) if len(table) else np.zeros(len(runs), np.uint64)
    stages = np.tile([0.0, 0.001, 0.010, 0.002, 0.0, 0.004, 0.0], (len(runs), 1))
    stages[:, STAGES.index("npu")] = elapsed / MHZ
    start = np.array(begun or [1000 + 0.1 * number for number in range(len(runs))], np.float64)
    return Profile("net", "board 1.0", table, source, simulated, MHZ, ticks, elapsed, start, stages)
