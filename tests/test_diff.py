"""Differences of profiles, and gates."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from profiles import profile_of, table_of

from n6link.epochs.diff import Diff, check
from n6link.epochs.timers import EpochTable
from n6link.errors import BadInput
from n6link.protocol import EpochKind, TimerSource

BASE = profile_of(table_of("EC", "Resize", "EC", "Softmax"), *[(1000, 100, 500, 50)] * 5)
SAME = profile_of(table_of("EC", "Resize", "EC", "Softmax"), *[(1000, 102, 505, 50)] * 5)
SLOWER = profile_of(table_of("EC", "Resize", "EC", "Softmax"), *[(1000, 300, 500, 50)] * 5)
MORE_CPU = profile_of(table_of("EC", "Resize", "Mul", "EC", "Softmax"), *[(1000, 100, 10, 500, 50)] * 5)


def labels(diff: Diff, what: str) -> list[str]:
    return [change.label for change in diff.only(what)]


def test_nothing_changed() -> None:
    diff = Diff.of(BASE, SAME)
    assert [change.what for change in diff.blocks] == ["", "", "", ""]
    assert json.loads(json.dumps(diff.to_dict()))["blocks"] == []


def test_slower_block() -> None:
    diff = Diff.of(BASE, SLOWER)
    assert labels(diff, "changed") == ["SW 2 Resize"]
    assert diff.only("changed")[0].seconds == pytest.approx(200e-6)


def test_a_few_ticks_are_no_change() -> None:
    base, new = (profile_of(table_of("EC", "Add"), (10, ticks)) for ticks in (1, 4))
    assert not Diff.of(base, new).only("changed")
    slower = profile_of(table_of("EC", "Add"), (10, 5))
    assert [change.label for change in Diff.of(base, slower).only("changed")] == ["SW 2 Add"]


def test_blocks_are_matched_by_what_they_do_not_by_their_number() -> None:
    diff = Diff.of(BASE, MORE_CPU)
    assert labels(diff, "added") == ["SW 3 Mul"]
    assert labels(diff, "removed") == labels(diff, "changed") == []
    assert diff.blocks[-1].label == "SW 5 Softmax (was 4)"
    back = Diff.of(MORE_CPU, BASE)
    assert labels(back, "removed") == ["SW 3 Mul"]
    assert back.only("removed")[0].seconds == pytest.approx(-10e-6)


def test_exchanged_operation_is_one_removed_and_one_added() -> None:
    other = profile_of(table_of("EC", "ResizeBilinear", "EC", "Softmax"), *[(1000, 100, 500, 50)] * 5)
    diff = Diff.of(BASE, other)
    assert (labels(diff, "added"), labels(diff, "removed")) == (["SW 2 ResizeBilinear"], ["SW 2 Resize"])


def test_blob_with_other_epochs_has_changed_even_at_the_same_speed() -> None:
    first, *others = BASE.table.blocks
    table = EpochTable((replace(first, first=0), *others))
    assert labels(Diff.of(BASE, profile_of(table, *[(1000, 100, 500, 50)] * 5)), "changed") == ["EC 0-1 (was 1)"]


def test_a_block_of_another_kind_has_changed() -> None:
    first, second, *others = BASE.table.blocks
    table = EpochTable((first, replace(second, kind=EpochKind.HYBRID), *others))
    diff = Diff.of(BASE, profile_of(table, *[(1000, 100, 500, 50)] * 5))
    assert labels(diff, "changed") == ["HYBRID 2 Resize (was SW)"]
    assert labels(diff, "added") == labels(diff, "removed") == []


# ---------------------------------------------------------------------------------------------- gates


@pytest.mark.parametrize(("kind", "count"), [("ec", 2), ("hw", 0), ("hybrid", 1), ("sw", 1)])
def test_each_kind_has_a_count_of_its_own(kind: str, count: int) -> None:
    first, second, *others = BASE.table.blocks
    profile = profile_of(EpochTable((first, replace(second, kind=EpochKind.HYBRID), *others)), (1, 1, 1, 1))
    assert check(f"{kind}-epochs>-1", profile, profile) == [f"{kind}-epochs is {count}, was {count}: {kind}-epochs>-1"]


@pytest.mark.parametrize(
    ("gate", "sentences"),
    [
        ("new-sw", []),
        ("added,removed", []),
        ("p95>+5%", []),
        ("mean<-5%", []),
        ("block-median>+5%", []),
        ("offload-time<40%", []),
        ("offload-count<50%", []),
        ("sw-epochs>2", []),
        ("p95>1ms", ["p95 is 1.677 ms: p95>1ms"]),
        ("p95>1677us", []),
        ("p95>+0.006ms", ["p95 is 1.677 ms, was 1.670 ms: p95>+0.006ms"]),
        ("p95>+7us,sw-epochs>+0", []),
        ("sw-epochs>-1", ["sw-epochs is 2, was 2: sw-epochs>-1"]),
        ("min<1s", ["min is 1.677 ms: min<1s"]),
        ("block-max>1ms", []),
        ("block-max>0.9ms", ["EC 1: max is 1.000 ms: block-max>0.9ms"]),
        ("block-median>+1.5%", ["SW 2 Resize: median is 0.102 ms, was 0.100 ms: block-median>+1.5%"]),
        ("sw-epochs>1, epochs<5", ["sw-epochs is 2: sw-epochs>1", "epochs is 4: epochs<5"]),
        ("offload-count<51%", ["offload-count is 50.0%: offload-count<51%"]),
    ],
)
def test_gate(gate: str, sentences: list[str]) -> None:
    assert check(gate, SAME, BASE) == sentences


def test_gate_finds_new_work_of_the_cpu() -> None:
    assert check("new-sw,p95>+5%", MORE_CPU, BASE) == ["SW 3 Mul was added (0.010 ms)"]
    assert check("removed", BASE, MORE_CPU) == ["SW 3 Mul was removed (0.010 ms)"]
    assert check("new-sw", BASE, MORE_CPU) == []


def test_new_npu_block_is_no_new_work_of_the_cpu() -> None:
    more = profile_of(table_of("EC", "Resize", "EC", "HW", "Softmax"), *[(1000, 100, 400, 100, 50)] * 5)
    assert check("new-sw", more, BASE) == []
    assert check("added", more, BASE) == ["HW 4 was added (0.100 ms)"]


def test_gate_finds_slower_runs() -> None:
    (sentence,) = check("p95>+5%", SLOWER, BASE)
    assert sentence == "p95 is 1.870 ms, was 1.670 ms: p95>+5%"


def test_gate_without_a_base() -> None:
    assert check("p95>25ms", BASE) == []
    assert len(check("block-p95>40us", BASE)) == 4
    for gate in ("new-sw", "p95>+5%", "block-p95>+5%"):
        with pytest.raises(BadInput, match="compares with a base"):
            check(gate, BASE)


def test_times_of_different_kinds_are_not_compared() -> None:
    simulated = profile_of(SAME.table, (1000, 100, 500, 50), source=TimerSource.LITERT_PROFILER, simulated=True)
    assert not Diff.of(BASE, simulated).comparable
    with pytest.raises(BadInput, match="times from different sources: CPU cycles .*, and simulated"):
        check("p95>+5%", simulated, BASE)
    assert check("new-sw,offload-count<-1%,sw-epochs>+0%,p95>1s", simulated, BASE) == []


@pytest.mark.parametrize(
    "gate",
    [
        "",
        "p95",
        "p95>",
        "p95>5",
        "p95>5%",
        "p95>5min",
        "p96>+5%",
        "block-overhead>+5%",
        "sw-epochs>4ms",
        "new-hw",
        "p95>+5%,",
    ],
)
def test_wrong_gate(gate: str) -> None:
    with pytest.raises(BadInput):
        check(gate, SAME, BASE)
