"""Advice: what the CPU computes, its times, and what helps."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from profiles import profile_of, table_of

from n6link.cli import advice as text
from n6link.epochs.advice import ESTIMATED, UNMEASURED, Advice
from n6link.epochs.operators import FLOAT, ON_NPU, OTHER, REMEDIES, UNNAMED, UNUSUAL, Source, remedy
from n6link.epochs.st_report import read
from n6link.epochs.timers import EpochBlock, EpochTable
from n6link.protocol import EpochKind, TimerSource

DATA = Path(__file__).parent / "data"


# ---------------------------------------------------------------------------------------------- the table


def test_every_row_has_a_reason_and_a_source() -> None:
    for row in REMEDIES:
        assert row.names
        assert row.reason
        assert row.sources, row.names
        assert not row.reason.endswith(".") and not row.change.endswith("."), row.names


def test_no_name_has_two_rows() -> None:
    names = Counter(name.lower() for row in REMEDIES for name in row.names)
    assert {name for name, count in names.items() if count > 1} == set()


def test_a_source_is_a_document_with_its_version_or_a_network() -> None:
    for source in Source:
        assert re.search(r"\(Core \d\.\d|generated code of ST's", str(source)), source


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("Softmax", "Softmax"),
        ("SOFTMAX", "Softmax"),
        ("Sub(float)", "Sub"),
        ("GlobalAveragePool(float)", "GlobalAveragePool"),
        ("Global Average Pool", "GlobalAveragePool"),
        ("RESIZE_BILINEAR", "Resize"),
    ],
)
def test_an_operation_is_found_by_its_names(operation: str, name: str) -> None:
    assert name in remedy(operation).names


def test_operations_without_a_row() -> None:
    assert remedy("Gelu") is OTHER
    assert remedy("Reshape") is UNUSUAL
    assert not ON_NPU & {name.lower() for row in REMEDIES for name in row.names}
    assert not OTHER.change
    assert remedy("Gelu(float)") is FLOAT
    assert remedy("") is remedy(" ") is UNNAMED


def test_every_operation_of_our_reports_has_a_row() -> None:
    for file in DATA.rglob("*_report.txt"):
        table = read(file).table
        for block in table.blocks if table else ():
            for operation in block.operations if block.fallback else ():
                assert remedy(operation) is not OTHER, (file.name, operation)


# ---------------------------------------------------------------------------------------------- times


def test_measured_times_and_shares() -> None:
    table = table_of("EC", "Resize", "EC", "Resize", "Softmax")
    found = Advice.of(table, seconds=np.array([1.0, 2.0, 1.0, 3.0, 0.5]), inference=10.0, origin="a clock")
    assert [(item.operation, item.epochs, item.seconds, item.share) for item in found.items] == [
        ("Resize", 2, 5.0, 0.5),
        ("Softmax", 1, 0.5, 0.05),
    ]
    assert (found.origin, found.estimated) == ("a clock", False)
    assert found.items[0].remedy is remedy("Resize")


def test_estimates_are_marked_and_never_seconds() -> None:
    table = table_of("EC", "Resize")
    cycles = (900, 100)
    blocks = [replace(block, estimated_total=total) for block, total in zip(table.blocks, cycles, strict=True)]
    found = Advice.of(EpochTable.from_blocks(blocks))
    assert [(item.seconds, item.share) for item in found.items] == [(None, 0.1)]
    assert (found.origin, found.estimated) == (ESTIMATED, True)


def test_a_table_without_all_estimates_has_no_shares() -> None:
    table = table_of("EC", "Resize", "Softmax")
    blocks = [
        replace(table.blocks[0], estimated_total=900),
        replace(table.blocks[1], estimated_total=1),
        table.blocks[2],
    ]
    found = Advice.of(EpochTable.from_blocks(blocks))
    assert {(item.seconds, item.share) for item in found.items} == {(None, None)}
    assert (found.origin, found.estimated) == (UNMEASURED, False)


def test_hw_epochs_without_epoch_controller() -> None:
    alone, mixed = table_of("HW", "Resize", "HW"), table_of("HW", "EC")
    assert [item.operation for item in Advice.of(alone).items] == ["Resize", "without epoch controller"]
    assert "--enable-epoch-controller" in Advice.of(alone).items[-1].remedy.change
    assert Advice.of(mixed).items == ()
    assert [item.operation for item in Advice.of(alone, compiled=False).items] == ["Resize"]


def test_an_epoch_without_a_name() -> None:
    block = EpochBlock(0, EpochKind.HYBRID, 4, 4)
    (item,) = Advice.of(EpochTable.from_blocks([block])).items
    assert (item.operation, item.kinds) == ("unknown", "HYBRID")
    assert item.remedy is UNNAMED


def test_a_network_on_the_npu_needs_no_advice() -> None:
    found = Advice.of(table_of("EC", "EC"))
    assert found.items == ()
    assert list(text.show(found)) == []


def test_a_profile_has_the_times_of_its_runs() -> None:
    measured = profile_of(table_of("EC", "Resize", "EC"), (1000, 100, 500), (1000, 300, 500))
    (item,) = measured.advice.items
    assert item.seconds == pytest.approx(200e-6)
    assert item.share == pytest.approx(200e-6 / measured.durations.mean())
    assert measured.advice.origin == measured.origin


def test_a_virtual_board_is_not_told_to_use_the_epoch_controller() -> None:
    measured = profile_of(table_of("HW"), (10,), source=TimerSource.LITERT_PROFILER, simulated=True)
    assert measured.advice.items == ()


def test_json_has_one_row_for_each_operation() -> None:
    found = Advice.of(table_of("EC", "Resize", "Resize"), seconds=np.array([1.0, 2.0, 3.0]), inference=8.0)
    assert found.to_dict()["rows"] == [
        {
            "operation": "Resize",
            "kinds": "SW",
            "epochs": ["2", "3"],
            "seconds": 5.0,
            "share": 0.625,
            "reason": remedy("Resize").reason,
            "remedy": remedy("Resize").change,
            "sources": [str(source) for source in remedy("Resize").sources],
        }
    ]
