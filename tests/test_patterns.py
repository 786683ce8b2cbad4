"""Repeats in epoch tables."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from n6link.epochs import patterns
from n6link.epochs.st_report import read
from n6link.epochs.timers import EpochBlock, EpochTable
from n6link.protocol import EpochKind

DATA = Path(__file__).parent / "data"
LAYER_NORM = "NPU, DequantizeLinear, Reciprocal, QuantizeLinear, Mul, QuantizeLinear, NPU, Sub"


def table_of(*operations: str) -> EpochTable:
    """Blocks: ``NPU`` is an EC block, ``EXTRA`` an inserted one, anything else an operation of the CPU."""
    kinds = {"NPU": EpochKind.EC, "EXTRA": EpochKind.EXTRA}
    return EpochTable.from_blocks(
        EpochBlock(0, kinds.get(name, EpochKind.SW), number, number, "" if name in kinds else name)
        for number, name in enumerate(operations, 1)
    )


def test_the_layers_of_a_transformer() -> None:
    report = read(DATA / "tinybert")
    assert report.table
    layers = patterns.find(report.table)[0]
    assert layers.times == 4
    assert len(layers.fallbacks) == 24
    assert layers.name == (
        "4 x (NPU, Transpose, NPU, 4 x (Conv), NPU, Softmax, NPU, Split, NPU, 4 x (Conv), NPU, Transpose, "
        f"2 x ({LAYER_NORM}))"
    )
    assert [repeat.times for repeat in layers.inner] == [2, 4, 4]
    norm = report.table.blocks[slice(*layers.inner[0].spans[1])]
    assert [block.operation for block in norm if block.kind is EpochKind.SW] == list(layers.inner[0].fallbacks)


def test_the_layers_however_they_are_reported() -> None:
    """The same repeat is found whether NPU epochs are listed one by one (2.1) or as blobs (2.2)."""
    names = ["letters_network_generate_report.txt", "letters_network_c_info.json"]
    single, blobs = (read(DATA / "reports" / name).table for name in names)
    assert single and blobs
    first, second = patterns.find(single)[0], patterns.find(blobs)[0]
    assert first.name == second.name
    assert (first.times, len(first.fallbacks)) == (3, 9)
    starts = [single.blocks[begin].first for begin, _ in first.spans]
    assert [b - a for a, b in pairwise(starts)] == [20, 20], "epochs of a layer"


def test_spans_count_blocks() -> None:
    table = table_of("NPU", "NPU", "A", "EXTRA", "NPU", "A", "B")
    (repeat,) = patterns.find(table)
    assert repeat.name == "2 x (NPU, A)"
    assert repeat.spans == ((0, 3), (3, 6))


def test_no_repeat_without_work_of_the_cpu() -> None:
    assert patterns.find(table_of("NPU", "NPU", "NPU")) == ()
    assert patterns.find(table_of()) == ()
    assert patterns.find(table_of("A", "B", "C")) == ()


def test_the_shorter_unit_wins() -> None:
    (repeat,) = patterns.find(table_of(*"ABABABAB"))
    assert (repeat.times, repeat.steps) == (4, ("A", "B"))


def test_an_operation_without_name_is_called_by_its_kind() -> None:
    table = EpochTable.from_blocks(EpochBlock(0, EpochKind.HYBRID, n, n) for n in (1, 2))
    assert patterns.find(table)[0].name == "2 x (HYBRID)"


def check(repeats: tuple[patterns.Repeat, ...], table: EpochTable) -> None:
    for repeat in repeats:
        copies = [[block.key for block in table.blocks[begin:end]] for begin, end in repeat.spans]
        assert len(copies) >= 2
        assert all(
            [key for key in copy if key[0] is EpochKind.SW] == [key for key in copies[0] if key[0] is EpochKind.SW]
            for copy in copies
        )
        assert all(a[1] == b[0] for a, b in pairwise(repeat.spans))
        check(repeat.inner, table)


@given(st.lists(st.sampled_from(["NPU", "A", "B"]), max_size=40))
def test_copies_are_copies(operations: list[str]) -> None:
    table = table_of(*operations)
    repeats = patterns.find(table)
    check(repeats, table)
    covered = sorted(span for repeat in repeats for span in repeat.spans)
    assert all(a[1] <= b[0] for a, b in pairwise(covered)), "top repeats do not overlap"


def test_long_tables_end_soon() -> None:
    rng = random.Random(3)
    operations = [rng.choice("ABC") for _ in range(patterns.MAX_STEPS)]
    table = table_of(*operations)
    check(patterns.find(table), table)
    assert patterns.find(table_of(*operations, "A")) == ()
