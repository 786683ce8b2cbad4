"""Seeds of every workload and configuration, with all kinds of faults."""

from __future__ import annotations

from typing import Any, Final

import pytest

from simulation.plan import CONFIGS, SHARED, WORKLOADS, Plan
from simulation.world import run

pytestmark = pytest.mark.gcc

SEEDS: Final = 10
"""for each workload and configuration"""


FIXED: Final = [config for config, port in CONFIGS.items() if not port.uart]
RATED: Final = ("single", "large", "streams", "resets", "mixed")
"""workloads on a line whose rate changes, and gets too fast for it"""


def _combinations() -> list[Any]:
    pairs = [(w, c) for w in WORKLOADS for c in FIXED] + [(workload, "rated") for workload in RATED]
    return [pytest.param(1000 + n * SEEDS, w, c, id=f"{w}-{c}") for n, (w, c) in enumerate(pairs)]


@pytest.mark.parametrize("config", FIXED)
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


@pytest.mark.parametrize(("seed", "workload"), list(enumerate(WORKLOADS)))
def test_two_programs_and_a_server(seed: int, workload: str) -> None:
    """Each workload on a faulty line of the board, or on a faulty connection of one program, which the other must not notice."""
    plan = Plan.draw(seed, workload=workload, config=SHARED[seed % len(SHARED)])
    assert run(plan).score.notes == [], plan


@pytest.mark.parametrize("config", SHARED)
def test_a_server_without_faults(config: str) -> None:
    first = run(Plan(1, "none", "mixed", config))
    assert first.score.notes == []
    assert first.score.results > 50
    assert run(Plan(1, "none", "mixed", config)).digest == first.digest


@pytest.mark.parametrize("workload", ["many", "streams"])
def test_a_server_that_is_started_again(workload: str) -> None:
    """Programs that reconnect lose nothing, and others get the error of a lost connection."""
    for seed in (1, 2):
        report = run(Plan(seed, "restart", workload, "served"))
        assert report.score.notes == []
        assert report.faults
