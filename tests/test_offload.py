"""Offload means the same wherever it is shown: of one inference, of a profile, in the monitor, in exports and in a report."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import monitor_readings as board
import numpy as np
import pytest
from profiles import MHZ, profile_of, table_of
from rich.console import Console

from n6link.cli import profile as command
from n6link.epochs.export import page, picture
from n6link.epochs.offload import TimeUse
from n6link.epochs.st_report import BlockTime, Report, Validation
from n6link.epochs.timers import EpochStats, EpochTable
from n6link.protocol import TimerSource
from n6link.protocol.records import BlockStats

TABLE = table_of("EC", "Resize", "HW", "EXTRA")
TIMES = (1000, 500, 200, 100)
"""microseconds in each block: a tenth in pre, a tenth in post"""
PROFILE = profile_of(TABLE, TIMES, TIMES)
INFERENCE = PROFILE.durations.mean()
BY_TIME = (800 + 160) / (1800 + 4 * 5)
"""core of EC and HW over all blocks and the four gaps of 5 us"""
WITHOUT_OVERHEAD = (800 + 160) / 1800


def stats(runs: int) -> EpochStats:
    """What a device has summed up of as many inferences as those of the profile."""
    records = np.zeros(len(TABLE), BlockStats.DTYPE)
    for name, part in (("pre", 0.1), ("core", 0.8), ("post", 0.1)):
        records[name] = [runs * part * total for total in TIMES]
    return EpochStats.from_records(TABLE, records, runs=runs, source=TimerSource.DWT_CYCLES, tick_hz=MHZ)


def reported() -> TimeUse:
    """What a validate report has measured: blocks, and the whole inference."""
    kinds = [(block.kind, block.first, block.last) for block in TABLE.blocks]
    times = (
        BlockTime(total / MHZ, total // 10, total * 8 // 10, total // 10, *block)
        for total, block in zip(TIMES, kinds, strict=True)
    )
    timers = Report("validate", validation=Validation(tuple(times), seconds=INFERENCE, cpu_hz=MHZ)).timers
    assert timers
    return timers.use


@pytest.mark.parametrize(
    "use",
    [PROFILE.run(0).use, PROFILE.use, stats(1).use(INFERENCE), stats(40).use(INFERENCE), reported()],
    ids=["one inference", "profile", "device, 1 run", "device, 40 runs", "report"],
)
def test_offload_is_one_figure(use: TimeUse) -> None:
    assert use.offload_by_time == pytest.approx(BY_TIME)
    assert use.offload_without_overhead == pytest.approx(WITHOUT_OVERHEAD)
    assert use.overhead == pytest.approx(20e-6)
    assert sum(use.by_kind().values()) == pytest.approx(1)
    assert str(use) == f"66.7% of 3 epochs, {BY_TIME:.1%} of the time ({WITHOUT_OVERHEAD:.1%} without overhead)"


def test_offload_is_shown_alike() -> None:
    model = board.model()
    network = replace(board.reading(40).networks[0], runs=40, total=40 * INFERENCE)
    model.add(replace(board.reading(40), networks=(network,)))
    model.add_epochs("movenet", stats(40))
    summary = model.view(20.0).summary
    assert summary
    assert summary.offload_by_time == pytest.approx(BY_TIME)
    assert summary.offload_without_overhead == pytest.approx(WITHOUT_OVERHEAD)
    shown = Console(file=io.StringIO(), width=120)
    shown.print(*command.show(PROFILE), sep="\n")
    assert isinstance(shown.file, io.StringIO)
    for text in (shown.file.getvalue(), picture(PROFILE)):
        assert f"on the NPU: {PROFILE.use}" in text
    for figure in (BY_TIME, WITHOUT_OVERHEAD):
        assert f"{figure:.1%}" in page(PROFILE)
    plain = PROFILE.summary(), PROFILE.run(0).to_dict()
    for values in plain:
        assert values["offload_by_time"] == pytest.approx(BY_TIME)
        assert values["offload_without_overhead"] == pytest.approx(WITHOUT_OVERHEAD)


def test_blocks_longer_than_the_inference_leave_no_overhead() -> None:
    use = TimeUse(TABLE, np.array([4.0, 0.0, 2.0, 0.0]), np.array([4.0, 3.0, 2.0, 1.0]), measured=9.0)
    assert (use.inference, use.overhead) == (10.0, 0.0)
    assert use.offload_by_time == pytest.approx(0.6)
    assert str(use) == "66.7% of 3 epochs, 60.0% of the time"


def test_what_is_not_known_is_no_number() -> None:
    nothing = np.zeros(0)
    assert math.isnan(TimeUse(EpochTable(()), nothing, nothing, 1.0).offload_by_time)
    assert math.isnan(stats(40).use(0.0).offload_by_time), "the device has not said how long an inference takes"
    assert stats(40).use(0.0).offload_without_overhead == pytest.approx(WITHOUT_OVERHEAD)
