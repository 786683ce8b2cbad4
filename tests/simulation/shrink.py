"""The fewest faults with which a plan still fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from n6link.protocol import MessageType
from n6link.transport.faults import Fault
from simulation.plan import Plan
from simulation.world import run

TRIES: Final = 300
"""runs that are made at most, or a few more"""
Test = Callable[[Sequence[Fault]], bool]


def smallest(faults: Sequence[Fault], fails: Test) -> list[Fault]:
    """A list of faults of which, after enough tries, none can be taken away without curing the failure (delta debugging).

    Args:
        faults: that make it fail.
        fails: whether it fails with some of them.
    """
    kept, parts, tries = list(faults), 2, 0
    while len(kept) > 1 and tries < TRIES:
        size = -(-len(kept) // parts)
        for begin in range(0, len(kept), size):
            fewer = kept[:begin] + kept[begin + size :]
            tries += 1
            if fails(fewer):
                kept, parts = fewer, max(parts - 1, 2)
                break
        else:
            if parts >= len(kept):
                break
            parts = min(2 * parts, len(kept))
    return [] if len(kept) == 1 and fails([]) else kept


def shrunk(plan: Plan, faults: Sequence[Fault]) -> list[Fault]:
    """The fewest faults of a run that make its plan fail."""

    def fails(some: Sequence[Fault]) -> bool:
        return not run(plan, some).score.good

    return smallest(faults, fails) if fails(faults) else list(faults)


def as_test(plan: Plan, faults: Sequence[Fault]) -> str:
    """A test that fails as long as the plan does with these faults."""
    name = f"{plan.workload}_{plan.config}_{plan.seed}"
    lines = "".join(f"\n        {_code(fault)}," for fault in faults)
    return (
        f"def test_{name}() -> None:\n"
        f"    plan = {plan!r}\n"
        f"    faults = [{lines}{chr(10) + '    ' if faults else ''}]\n"
        f"    assert run(plan, faults).score.notes == []\n"
    )


def _code(fault: Fault) -> str:
    if fault.kind != "lose":
        return repr(fault)
    return f"Fault({fault.kind!r}, {fault.way!r}, {fault.at!r}, MessageType.{MessageType(int(fault.size)).name})"
