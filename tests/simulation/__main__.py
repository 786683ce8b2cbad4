"""Runs many seeds; see ``make simulate``.

The last line reads ``N inferences, 0 hung, 0 lost, 0 doubled, 0 wrong``, and the exit status is 0 only if it does.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from simulation.ledger import Score
from simulation.plan import CONFIGS, KINDS, SHARED, WORKLOADS, Plan
from simulation.shrink import as_test, shrunk
from simulation.world import Report, run

SHOWN: Final = 20
"""failing seeds that are reduced to their fewest faults"""
PROGRESS: Final = 2.0
"""seconds between two lines about the progress"""


def _arguments(line: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("seeds", help="FIRST:LAST, without the last one; or one seed")
    parser.add_argument("--kind", default="", choices=["", *KINDS])
    parser.add_argument("--workload", default="", choices=["", *WORKLOADS])
    parser.add_argument("--config", default="", choices=["", *CONFIGS, *SHARED])
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument(
        "--keep-faults", action="store_true", help="do not look for the fewest faults of a failing seed"
    )
    return parser.parse_args(line)


def _reports(plans: list[Plan], jobs: int) -> Iterator[Report]:
    if jobs == 1:
        yield from map(run, plans)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(run, plans, chunksize=8)


def _failure(report: Report, shrink: bool) -> str:
    plan = report.plan
    lines = [f"\nseed {plan.seed}: {plan}", str(report.score), *report.score.notes[:10]]
    if shrink:
        lines.append(as_test(plan, shrunk(plan, report.faults)))
    return "\n".join(lines)


def main(line: Sequence[str] | None = None) -> int:
    """Runs the seeds of the command line; returns the exit status."""
    given = _arguments(line)
    first, _, last = given.seeds.partition(":")
    seeds = range(int(first), int(last or int(first) + 1))
    plans = [Plan.draw(seed, given.kind, given.workload, given.config) for seed in seeds]
    total, faults, failed = Score(), 0, 0
    begun = shown = time.monotonic()
    for done, report in enumerate(_reports(plans, given.jobs), 1):
        total += report.score
        faults += len(report.faults)
        if not report.score.good:
            failed += 1
            print(_failure(report, failed <= SHOWN and not given.keep_faults), flush=True)
        now = time.monotonic()
        if now > shown + PROGRESS:
            shown, spent = now, now - begun
            print(
                f"{done} of {len(seeds)} seeds, {done / spent:.1f} per s; {total.inferences / spent:.0f} inferences per s;"
                f" {faults} faults; {failed} seeds failed",
                file=sys.stderr,
                flush=True,
            )
    spent = time.monotonic() - begun
    print(
        f"{len(seeds)} seeds, {faults} faults, {total.results} results; slowest call {total.slowest:.2f} s,"
        f" or {total.worst:.0f} times what it needs without faults;"
        f" {len(seeds) / spent:.1f} seeds and {total.inferences / spent:.0f} inferences per s"
    )
    print(total)
    return 0 if total.good else 1


if __name__ == "__main__":
    sys.exit(main())
