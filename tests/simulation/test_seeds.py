"""Seeds of every kind of fault, workload and configuration; and what the simulator itself has to do."""

from __future__ import annotations

import pytest

from simulation.plan import CONFIGS, WORKLOADS, Plan
from simulation.world import run


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("workload", WORKLOADS)
def test_no_faults(workload: str, config: str) -> None:
    score = run(Plan(1, "none", workload, config)).score
    assert score.notes == []
    assert score.results > 0


def test_a_seed_replays_exactly() -> None:
    for seed in range(3):
        plan = Plan.draw(seed, "chaos", "mixed")
        first, again = run(plan), run(plan)
        assert first == again
        assert run(plan, first.faults).digest == first.digest
    assert run(Plan.draw(3, "chaos", "mixed")).digest != first.digest
