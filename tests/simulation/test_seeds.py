"""Seeds of every workload and configuration, with all kinds of faults."""

from __future__ import annotations

from typing import Any, Final

import pytest

from simulation.plan import CONFIGS, WORKLOADS, Plan
from simulation.world import run

pytestmark = pytest.mark.gcc

SEEDS: Final = 10
"""for each workload and configuration"""


def _combinations() -> list[Any]:
    combinations = []
    for number, (workload, config) in enumerate((w, c) for w in WORKLOADS for c in CONFIGS):
        combinations.append(pytest.param(1000 + number * SEEDS, workload, config, id=f"{workload}-{config}"))
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
