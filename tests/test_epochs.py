"""Epoch tables and timers: counts, both offloads, phases, gaps, and what a device may send wrong."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from n6link.epochs.timers import EpochBlock, EpochStats, EpochTable, EpochTimers, to_csv
from n6link.errors import BadInput, RemoteProtocolError
from n6link.protocol import EpochKind, TimerSource
from n6link.protocol.records import BlockRecord, BlockStats, EpochTime

HW, EXTRA, SW, HYBRID, EC = EpochKind.HW, EpochKind.EXTRA, EpochKind.SW, EpochKind.HYBRID, EpochKind.EC
MHZ_800 = 800e6

MOVENET: list[tuple[EpochKind, int, int, str]] = [
    (EC, 1, 58, ""),
    (SW, 59, 59, "Resize"),
    (EC, 60, 62, ""),
    (SW, 63, 63, "Resize"),
    (EC, 64, 66, ""),
    (SW, 67, 67, "Resize"),
    (EC, 68, 73, ""),
    (SW, 74, 74, "DequantizeLinear"),
    (EC, 75, 76, ""),
]
"""The 9 blocks of MoveNet on a board; the last one covers the return marker, 76."""


def block_records(rows: list[tuple[EpochKind, int, int, str]]) -> list[BlockRecord]:
    return [BlockRecord(kind=k, first=a, last=b, operation=o, estimated_npu=100 * a) for k, a, b, o in rows]


def time_records(rows: list[tuple[int, int, int, int]]) -> NDArray[Any]:
    return np.array(rows, EpochTime.DTYPE)


def table_of(*kinds: EpochKind) -> EpochTable:
    return EpochTable.from_blocks(EpochBlock(0, kind, n, n) for n, kind in enumerate(kinds, 1))


def timers_of(table: EpochTable, rows: list[tuple[int, int, int, int]], **options: Any) -> EpochTimers:
    options = {"source": TimerSource.DWT_CYCLES, "tick_hz": 1000.0} | options
    return EpochTimers.from_records(table, time_records(rows), **options)


# ---------------------------------------------------------------------------------------------- tables


def test_movenet_counts_without_the_return_marker() -> None:
    table = EpochTable.from_records(block_records(MOVENET), epochs=75)
    assert table.epochs == 75
    assert table.counts == {HW: 0, EXTRA: 0, SW: 4, HYBRID: 0, EC: 71}
    assert table.block_counts[EC] == 5
    assert f"{table.offload_by_count:.1%}" == "94.7%"
    assert table.offload_by_blocks == pytest.approx(5 / 9)
    assert table.fallbacks == {"Resize": 3, "DequantizeLinear": 1}
    assert table.blocks[-1].span == "75"


def test_marker_is_kept_when_the_count_is_not_known_or_does_not_fit() -> None:
    assert EpochTable.from_records(block_records(MOVENET)).epochs == 76
    assert EpochTable.from_records(block_records(MOVENET), epochs=76).epochs == 76
    assert EpochTable.from_records(block_records(MOVENET), epochs=70).blocks[-1].span == "75-76"


@pytest.mark.parametrize(("announced", "npu"), [(70, 66), (90, 86), (4, 0), (3, 72)])
def test_numbers_with_gaps_are_counted_as_the_network_announces(announced: int, npu: int) -> None:
    """Epochs that are not SW are the NPU's, however many numbers the blobs span; impossible is only less than the SW ones."""
    table = EpochTable.from_records(block_records(MOVENET), epochs=announced)
    assert table.counts == {HW: 0, EXTRA: 0, SW: 4, HYBRID: 0, EC: npu}
    assert table.epochs == 4 + npu
    assert table.offload_by_count == pytest.approx(npu / (4 + npu))
    assert EpochTable.from_dict(json.loads(table.to_json())) == table
    hw_only = EpochTable.from_records(block_records([(SW, 2, 2, "Mul"), (HW, 3, 3, "")]), epochs=3)
    assert hw_only.counts[HW] == 2


def test_shares_are_not_known_while_epochs_are_not_listed() -> None:
    table = EpochTable((EpochBlock(0, EC, 1, 4), EpochBlock(1, HYBRID, 5, 5)), unlisted=3)
    assert table.epochs == 8
    assert math.isnan(table.offload_by_count)
    assert math.isnan(table.hybrid_by_count)
    assert table.offload == "unknown, 3 of 8 epochs are not listed"
    assert table.kinds_by_count == "4 EC, 1 HYBRID, 3 not listed"
    assert EpochTable.from_dict(json.loads(table.to_json())) == table


def test_hybrid_is_a_kind_of_its_own() -> None:
    table = table_of(EC, HYBRID, SW, HW)
    assert (table.offload_by_count, table.hybrid_by_count) == (0.5, 0.25)
    assert table.offload == "50.0% of 4 epochs, 25.0% hybrid"
    assert table.kinds_by_count == "1 EC, 1 HW, 1 HYBRID, 1 SW"
    assert table_of(EC, SW).offload == "50.0% of 2 epochs"


def test_sw_and_hybrid_are_one_block_in_two_builds_of_names() -> None:
    one, other = EpochBlock(0, SW, 5, 5, "Concat"), EpochBlock(0, HYBRID, 5, 5, "Concat")
    assert one.key == other.key != EpochBlock(0, SW, 5, 5, "Mul").key


@pytest.mark.parametrize("counts", [{"EC": "x"}, {"NPU": 3}, {"EC": None}, 5])
def test_counts_that_are_none(counts: Any) -> None:
    with pytest.raises(BadInput, match="must be counts of epochs by kind"):
        EpochTable.from_dict({"blocks": [], "counts": counts})


@pytest.mark.parametrize("last", [(SW, 5, 6, ""), (EC, 6, 6, "")], ids=["not EC", "marker alone"])
def test_only_an_ec_blob_can_hide_a_marker(last: tuple[EpochKind, int, int, str]) -> None:
    table = EpochTable.from_records(block_records([(HW, 1, 4, ""), last]), epochs=4 + last[2] - last[1])
    assert table.blocks[-1].last == 6


def test_record_fields_arrive() -> None:
    table = EpochTable.from_records(block_records([(SW, 7, 7, "DequantizeLinear")]))
    assert table.blocks == (EpochBlock(0, SW, 7, 7, "DequantizeLinear", 700, 0),)
    assert table.blocks[0].label == "SW 7 DequantizeLinear"
    assert table.blocks[0].key == (SW, "DequantizeLinear")


@pytest.mark.parametrize(("kind", "first", "last"), [(9, 1, 1), (0, 5, 4)], ids=["kind", "order"])
def test_impossible_record(kind: int, first: int, last: int) -> None:
    with pytest.raises(RemoteProtocolError, match="block 0"):
        EpochTable.from_records([BlockRecord(kind=kind, first=first, last=last)])


def test_inserted_blocks_are_no_epochs() -> None:
    table = table_of(HW, EXTRA, SW, HYBRID)
    assert table.epochs == 3
    assert table.offload_by_count == pytest.approx(1 / 3)
    assert table.offload_by_blocks == pytest.approx(1 / 3)
    assert table.fallbacks == {"unknown": 2}


def test_empty_table() -> None:
    table = EpochTable.from_records(block_records([]), epochs=0)
    assert len(table) == table.epochs == 0
    assert math.isnan(table.offload_by_count)
    assert math.isnan(table.offload_by_blocks)
    assert table.to_csv() == ""
    assert json.loads(table.to_json())["offload_by_count"] is None
    assert len(timers_of(table, []).total) == 0


blocks = st.builds(
    EpochBlock,
    index=st.just(0),
    kind=st.sampled_from(EpochKind),
    first=st.integers(0, 100),
    last=st.integers(100, 200),
    operation=st.text(max_size=24),
    estimated_npu=st.integers(0, 2**64 - 1),
    estimated_total=st.integers(0, 2**64 - 1),
)


@given(st.lists(blocks, max_size=20))
def test_json_gives_the_table_back(parts: list[EpochBlock]) -> None:
    table = EpochTable.from_blocks(parts)
    assert EpochTable.from_dict(json.loads(table.to_json())) == table
    assert sum(table.counts.values()) == table.epochs


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"blocks": 1},
        {"blocks": [1]},
        {"blocks": [{}]},
        {"blocks": [EpochBlock(0, SW, 1, 1).to_dict() | {"kind": "X"}]},
    ],
)
def test_wrong_json_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        EpochTable.from_dict(wrong)


def test_csv_reads_back() -> None:
    operation = 'a "quoted", name'
    table = EpochTable.from_blocks([EpochBlock(0, SW, 1, 1, operation)])
    rows = list(csv.DictReader(io.StringIO(table.to_csv())))
    assert rows[0]["operation"] == operation
    assert to_csv([]) == ""


# ---------------------------------------------------------------------------------------------- timers


def test_phases_gaps_and_both_offloads() -> None:
    timers = timers_of(table_of(HW, SW), [(10, 1, 60, 4), (80, 2, 3, 10)], elapsed=100)
    assert timers.start.tolist() == [0.010, 0.080]
    assert timers.pre.tolist() == [0.001, 0.002]
    assert timers.core.tolist() == [0.060, 0.003]
    assert timers.post.tolist() == [0.004, 0.010]
    assert timers.total.tolist() == [0.065, 0.015]
    assert timers.gaps == pytest.approx([0.010, 0.005, 0.005])
    assert timers.overhead == pytest.approx(0.020)
    assert timers.duration == 0.1
    assert timers.offload_by_count == 0.5
    assert timers.offload_by_time == pytest.approx(0.6), "pre and post of a HW block are the CPU's"
    assert timers.by_kind() == pytest.approx(
        {"HW": 0.65, "EXTRA": 0.0, "SW": 0.15, "HYBRID": 0.0, "EC": 0.0, "overhead": 0.2}
    )
    assert [(block.index, seconds) for block, seconds in timers.slowest(1)] == [(0, 0.065)]


def test_hybrid_and_inserted_blocks_do_not_count_as_offloaded_time() -> None:
    timers = timers_of(table_of(EC, HYBRID, EXTRA), [(0, 0, 50, 0), (50, 0, 30, 0), (80, 0, 20, 0)])
    assert timers.offload_by_time == 0.5


def test_times_beyond_32_bits() -> None:
    """A 32-bit cycle counter at 800 MHz wraps after 5.4 s; a shift carries 20 s."""
    timers = timers_of(table_of(EC), [(0, 0, 4_000_000_000, 0)], tick_hz=MHZ_800, shift=2)
    assert timers.duration == timers.core[0] == 20.0


def test_elapsed_is_never_less_than_the_blocks() -> None:
    """A shift cuts ticks off, and a profiler may count overlapping operators: shares must stay shares."""
    timers = timers_of(table_of(HW, HW), [(0, 0, 60, 0), (0, 0, 60, 0)], elapsed=100)
    assert timers.duration == 0.12
    assert timers.offload_by_time == 1.0
    assert timers.overhead == 0.0
    assert (timers.gaps >= 0).all()


def test_nothing_ran() -> None:
    timers = timers_of(table_of(HW), [(0, 0, 0, 0)])
    assert math.isnan(timers.offload_by_time)
    assert sum(timers.by_kind().values()) == 0
    assert json.loads(timers.to_json())["offload_by_time"] is None


@pytest.mark.parametrize(
    ("source", "flag", "simulated", "origin"),
    [
        (TimerSource.DWT_CYCLES, False, False, "CPU cycles"),
        (TimerSource.LITERT_PROFILER, False, True, "simulated: LiteRT"),
        (TimerSource.HOST_CLOCK, False, True, "simulated: the host's"),
        (TimerSource.INSTRUCTION_COUNT, True, True, "simulated: instructions counted"),
        (TimerSource.INSTRUCTION_COUNT, False, False, "not cycles"),
    ],
)
def test_simulated_times_say_so_everywhere(source: TimerSource, flag: bool, simulated: bool, origin: str) -> None:
    timers = timers_of(table_of(HW), [(0, 0, 1, 0)], source=source, simulated=flag)
    assert timers.simulated is simulated
    assert origin in timers.origin
    assert json.loads(timers.to_json())["simulated"] is simulated
    assert f"{source.name},{simulated}" in timers.to_csv()
    stats = EpochStats.from_records(
        timers.table, np.zeros(1, BlockStats.DTYPE), runs=1, source=source, tick_hz=1.0, simulated=flag
    )
    assert stats.to_dict()["simulated"] is simulated
    assert origin in stats.origin


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        ([], {}),
        ([(0, 0, 0, 0)] * 2, {}),
        ([(0, 0, 0, 0)], {"tick_hz": 0.0}),
        ([(0, 0, 0, 0)], {"tick_hz": math.nan}),
        ([(0, 0, 0, 0)], {"shift": 30}),
    ],
)
def test_impossible_times(rows: list[tuple[int, int, int, int]], options: dict[str, Any]) -> None:
    with pytest.raises(RemoteProtocolError):
        timers_of(table_of(HW), rows, **options)


@given(
    st.lists(st.tuples(*[st.integers(0, 2**32 - 1)] * 4), min_size=1, max_size=8),
    st.integers(0, 29),
    st.integers(0, 2**63),
    st.data(),
)
def test_shares_are_shares_whatever_comes(
    rows: list[tuple[int, int, int, int]], shift: int, elapsed: int, data: st.DataObject
) -> None:
    table = table_of(*(data.draw(st.sampled_from(EpochKind)) for _ in rows))
    timers = timers_of(table, rows, shift=shift, elapsed=elapsed, tick_hz=MHZ_800)
    parts = timers.by_kind()
    assert all(0 <= share <= 1 for share in parts.values())
    assert sum(parts.values()) == pytest.approx(1) or timers.elapsed == 0
    assert timers.elapsed == 0 or 0 <= timers.offload_by_time <= 1 + 1e-9
    assert timers.duration >= timers.total.sum() * (1 - 1e-9)


def test_csv_has_a_line_a_block_with_its_source() -> None:
    timers = timers_of(table_of(HW, SW), [(10, 1, 60, 4), (80, 2, 3, 10)])
    rows = list(csv.DictReader(io.StringIO(timers.to_csv())))
    assert [row["total_s"] for row in rows] == ["0.065", "0.015"]
    assert float(rows[1]["gap_before_s"]) == pytest.approx(0.005)
    assert {row["source"] for row in rows} == {"DWT_CYCLES"}


# ---------------------------------------------------------------------------------------------- statistics of the device


def test_device_statistics() -> None:
    records = np.array([(10, 600, 40, 50, 80), (0, 0, 100, 5, 2**32 - 1)], BlockStats.DTYPE)
    stats = EpochStats.from_records(table_of(HW, SW), records, runs=10, source=TimerSource.DWT_CYCLES, tick_hz=1000.0)
    assert stats.mean.tolist() == [0.065, 0.010]
    assert stats.min.tolist() == [0.050, 0.005]
    assert stats.max.tolist() == [0.080, 4294967.295]
    assert stats.to_dict()["blocks"][0]["mean_s"] == 0.065


def test_device_statistics_before_the_first_run() -> None:
    records = np.zeros(1, BlockStats.DTYPE)
    stats = EpochStats.from_records(table_of(HW), records, runs=0, source=TimerSource.DWT_CYCLES, tick_hz=1000.0)
    assert np.isnan(stats.mean).all()
    assert "mean_s" not in stats.to_dict()["blocks"][0]


def test_device_statistics_must_fit_the_table() -> None:
    records = np.zeros(2, BlockStats.DTYPE)
    with pytest.raises(RemoteProtocolError, match="2 block statistics for 1 blocks"):
        EpochStats.from_records(table_of(HW), records, runs=1, source=TimerSource.DWT_CYCLES, tick_hz=1000.0)
