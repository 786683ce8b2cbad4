"""Seeds of every workload and configuration, with all kinds of faults."""

from __future__ import annotations

from typing import Any, Final

import pytest

from simulation.plan import CONFIGS, WORKLOADS, Plan
from simulation.world import run

pytestmark = pytest.mark.gcc

SEEDS: Final = 10
"""for each workload and configuration"""
UNSOUND: Final = {
    "steady": "progress of one upload counts for all: a run may starve",
    "streams": "progress of one upload counts for all: a frame may starve",
    "resets": "the board runs again what it ran before RESET",
    "failing": "the board forgets failures, and runs again what failed",
    "large": "chunks of 8192 bytes hardly pass, and smaller ones cannot be asked for",
    "uart": "a NAKed chunk without credits is never sent",
    "small": "a NAKed chunk without credits is never sent; result buffers are not released",
}


def _combinations() -> list[Any]:
    combinations = []
    for number, (workload, config) in enumerate((w, c) for w in WORKLOADS for c in CONFIGS):
        reason = UNSOUND.get(workload) or UNSOUND.get(config)
        marks = [pytest.mark.xfail(reason=reason, strict=False)] if reason else []
        first = 1000 + number * SEEDS
        combinations.append(pytest.param(first, workload, config, id=f"{workload}-{config}", marks=marks))
    return combinations


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("workload", WORKLOADS)
def test_no_faults(workload: str, config: str) -> None:
    score = run(Plan(1, "none", workload, config)).score
    assert score.notes == []
    assert score.results > 0


@pytest.mark.parametrize(("first", "workload", "config"), _combinations())
def test_faults(first: int, workload: str, config: str) -> None:
    for seed in range(first, first + SEEDS):
        plan = Plan.draw(seed, workload=workload, config=config)
        assert run(plan).score.notes == [], plan
