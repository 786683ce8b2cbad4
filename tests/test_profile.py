"""Profiles: statistics over runs, saving, joining, and collecting them from a network."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from profiles import GAP, profile_of, table_of

from n6link.control.profiling import collect
from n6link.epochs.profile import SPREAD, Profile, Spread
from n6link.epochs.st_report import read
from n6link.epochs.timers import STAGES, EpochTable, EpochTimers
from n6link.errors import BadInput
from n6link.protocol import TimerSource, records
from n6link.result import Timing

DATA = Path(__file__).parent / "data"


# ---------------------------------------------------------------------------------------------- statistics


def test_spread_is_numpys() -> None:
    spread = Spread.of(np.arange(1, 101, dtype=np.float64))
    assert [float(getattr(spread, name)) for name in SPREAD] == [50.5, 50.5, 95.05, 1.0, 100.0]
    assert spread.at(0)["p95_s"] == 95.05


def test_blocks_and_inference() -> None:
    profile = profile_of(table_of("EC", "Resize"), (100, 20), (300, 20), (200, 50))
    assert profile.runs == 3
    assert profile.samples.tolist() == [[1e-4, 2e-5], [3e-4, 2e-5], [2e-4, 5e-5]]
    assert profile.blocks.mean == pytest.approx([2e-4, 3e-5])
    assert profile.blocks.median.tolist() == [2e-4, 2e-5]
    assert profile.blocks.max.tolist() == [3e-4, 5e-5]
    assert profile.durations == pytest.approx([130e-6, 330e-6, 260e-6])
    assert profile.inference.min == pytest.approx(130e-6)
    assert profile.overhead == pytest.approx(2 * GAP * 1e-6)


def test_offload_and_shares_weigh_runs_by_their_time() -> None:
    profile = profile_of(table_of("EC", "Resize"), (100, 20), (300, 20))
    whole = 120 + 320 + 4 * GAP
    assert profile.offload_by_count == 0.5
    assert profile.offload_by_time == pytest.approx((80 + 240) / whole), "core is eight tenths"
    shares = profile.by_kind()
    assert shares["EC"] == pytest.approx(400 / whole)
    assert shares["overhead"] == pytest.approx(4 * GAP / whole)
    assert sum(shares.values()) == pytest.approx(1)


def test_one_run_gives_its_timers_back() -> None:
    profile = profile_of(table_of("EC", "Resize"), (100, 20), (300, 30))
    timers = profile.run(1)
    assert timers.total.tolist() == [3e-4, 3e-5]
    assert timers.duration == pytest.approx(340e-6)


def test_slowest_is_by_mean() -> None:
    profile = profile_of(table_of("A", "B", "C"), (10, 30, 20), (10, 10, 40))
    assert [(block.operation, round(seconds * 1e6)) for block, seconds in profile.slowest(2)] == [("C", 30), ("B", 20)]


def test_repeats_with_the_time_of_each_copy() -> None:
    profile = profile_of(table_of("EC", "Softmax", "EC", "Softmax", "Mul"), (10, 1, 20, 2, 5))
    ((repeat, seconds),) = profile.repeats()
    assert str(repeat) == "2 x (NPU, Softmax)"
    assert seconds == pytest.approx([11e-6, 22e-6])


def test_a_network_that_takes_no_time() -> None:
    profile = profile_of(EpochTable(()), ())
    assert math.isnan(profile.offload_by_time)
    assert math.isnan(profile.offload_by_count)
    assert profile.rows() == []
    assert json.loads(profile.to_json())["offload_by_time"] is None


def timing(seconds: float) -> Timing:
    """The same time for each stage."""
    return Timing(seconds, seconds, seconds, seconds, seconds, seconds, seconds)


def test_stages_are_those_of_a_result() -> None:
    assert tuple(field.name for field in fields(Timing))[: len(STAGES)] == STAGES
    assert timing(2.0).stages() == [(stage, 2.0) for stage in STAGES]


# ---------------------------------------------------------------------------------------------- files


def test_saved_profile_reads_back(tmp_path: Path) -> None:
    profile = profile_of(table_of("EC", "Resize"), (100, 20), (300, 20), source=TimerSource.HOST_CLOCK, simulated=True)
    profile.save(tmp_path / "base.json")
    again = Profile.load(tmp_path / "base.json")
    assert again.to_dict() == profile.to_dict()
    assert again.simulated
    assert again.ticks.dtype == np.uint64


def damaged(**changes: Any) -> dict[str, Any]:
    return profile_of(table_of("EC"), (100,)).to_dict() | changes


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "not a profile of version 1"),
        (damaged(version=2), "version 2"),
        (damaged(ticks=[]), "0 runs|damaged"),
        (damaged(ticks=[[[0, 0, 0]]]), "damaged"),
        (damaged(ticks=[[[0, 0, 0, -1]]]), "damaged"),
        (damaged(elapsed=[1, 2]), "damaged"),
        (damaged(source="SUNDIAL"), "damaged"),
        (damaged(table=None), "damaged"),
        (damaged(tick_hz=0), "at 0.0 Hz"),
    ],
)
def test_damaged_profile(values: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        Profile.from_dict(json.loads(json.dumps(values)))


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000])
def test_no_profile(tmp_path: Path, content: str) -> None:
    (tmp_path / "base.json").write_text(content)
    with pytest.raises(BadInput, match=r"base\.json"):
        Profile.load(tmp_path / "base.json")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        Profile.load(tmp_path / "nothing.json")


def test_csv_has_statistics_and_their_source() -> None:
    profile = profile_of(table_of("EC", "Resize"), (100, 20), (300, 20), source=TimerSource.HOST_CLOCK, simulated=True)
    rows = list(csv.DictReader(io.StringIO(profile.to_csv())))
    assert float(rows[0]["mean_s"]) == pytest.approx(2e-4)
    assert float(rows[0]["share"]) == pytest.approx(400 / 460)
    assert {(row["source"], row["simulated"], row["runs"]) for row in rows} == {("HOST_CLOCK", "True", "2")}


# ---------------------------------------------------------------------------------------------- with a report


def test_a_report_names_measured_blocks() -> None:
    report = read(DATA / "movenet").table
    assert report
    bare = EpochTable.from_dict({"blocks": [block.to_dict() | {"operation": ""} for block in report.blocks]})
    profile, wrong = profile_of(bare, [100] * 9).joined(report)
    assert wrong == ()
    assert profile.table.blocks[7].label == "SW 74 DequantizeLinear"
    assert profile.table.fallbacks == {"Resize": 3, "DequantizeLinear": 1}


def test_a_report_of_another_build_is_flagged() -> None:
    report = read(DATA / "yolov8n_pose").table
    assert report
    profile, wrong = profile_of(table_of("EC", "Resize"), (100, 20)).joined(report)
    assert len(profile.table) == 2
    assert any("is in the report, but does not run" in sentence for sentence in wrong)


# ---------------------------------------------------------------------------------------------- collecting


class FakeNetwork:
    """A network that answers with ever longer times."""

    name = "net"
    device = SimpleNamespace(board="board", firmware="1.0")

    def __init__(self, *, timers: bool = True) -> None:
        self.inputs: Any = {"x": SimpleNamespace(shape=(2, 3), dtype=np.dtype(np.int8))}
        self.seen: list[Mapping[str, NDArray[Any]]] = []
        self.timers = timers

    async def run(self, inputs: Mapping[str, NDArray[Any]], *, timers: bool) -> Any:
        assert timers
        self.seen.append(inputs)
        record = np.array([(0, 0, len(self.seen), 0)], records.EpochTime.DTYPE)
        source = TimerSource.DWT_CYCLES
        epochs = EpochTimers.from_records(table_of("EC"), record, source=source, tick_hz=1.0) if self.timers else None
        captured, encoding = len(self.seen) + 100.0, "raw" if len(self.seen) < 5 else "qoi"
        return SimpleNamespace(network=self, epochs=epochs, timing=timing(0.5), captured=captured, encoding=encoding)


async def test_collect_leaves_the_warm_up_out() -> None:
    network = FakeNetwork()
    done: list[tuple[int, int]] = []
    profile = await collect(
        network.run, network.inputs, runs=4, warmup=2, progress=lambda *numbers: done.append(numbers)
    )
    assert done == [(number, 6) for number in range(1, 7)]
    assert profile.durations.tolist() == [3, 4, 5, 6]
    assert profile.board == "board 1.0"
    assert Profile.from_dict(json.loads(profile.to_json())).encoding == profile.encoding == "raw, qoi"
    assert profile.stages.shape == (4, len(STAGES))
    assert profile.begun.tolist() == [103, 104, 105, 106]
    assert len(network.seen) == 6
    assert network.seen[0]["x"].shape == (2, 3)
    assert network.seen[0]["x"].dtype == np.int8


async def test_collect_uses_the_given_inputs() -> None:
    network = FakeNetwork()
    x = np.ones((2, 3), np.int8)
    await collect(network.run, network.inputs, inputs={"x": x}, runs=1, warmup=0)
    assert network.seen[0]["x"] is x


@pytest.mark.parametrize(("runs", "warmup"), [(0, 3), (1, -1)])
async def test_collect_needs_runs(runs: int, warmup: int) -> None:
    with pytest.raises(BadInput, match="must be [01] or more"):
        await collect(FakeNetwork().run, FakeNetwork().inputs, runs=runs, warmup=warmup)


async def test_collect_needs_timers() -> None:
    with pytest.raises(BadInput, match="0 of 2 results of net have epoch timers"):
        await collect(FakeNetwork(timers=False).run, FakeNetwork().inputs, runs=2, warmup=0)
