"""Runs many seeds; see ``make simulate``.

The last line reads ``N inferences, 0 hung, 0 lost, 0 doubled, 0 wrong``, and the exit status is 0 only if it does.
"""

from __future__ import annotations

import argparse
import sys
import time

from simulation.ledger import Score
from simulation.plan import CONFIGS, KINDS, WORKLOADS, Plan
from simulation.shrink import as_test, shrunk
from simulation.world import run

SHOWN = 20
"""failing seeds of which the details are printed"""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("seeds", help="FIRST:LAST, without the last one; or one seed")
    parser.add_argument("--kind", default="", choices=["", *KINDS])
    parser.add_argument("--workload", default="", choices=["", *WORKLOADS])
    parser.add_argument("--config", default="", choices=["", *CONFIGS])
    parser.add_argument(
        "--keep-faults", action="store_true", help="do not look for the fewest faults of a failing seed"
    )
    return parser.parse_args()


def main() -> int:
    """Runs the seeds of the command line."""
    given = _arguments()
    first, _, last = given.seeds.partition(":")
    seeds = range(int(first), int(last or int(first) + 1))
    total, faults, failed = Score(), 0, 0
    begun = shown = time.monotonic()
    for seed in seeds:
        plan = Plan.draw(seed, given.kind, given.workload, given.config)
        report = run(plan)
        total += report.score
        faults += len(report.faults)
        if not report.score.good:
            failed += 1
            print(f"\nseed {seed}: {plan}\n{report.score}")
            print("\n".join(report.score.notes[:10]))
            if failed <= SHOWN and not given.keep_faults:
                print(as_test(plan, shrunk(plan, report.faults)), flush=True)
        now = time.monotonic()
        if now > shown + 1 or len(seeds) == 1:
            shown, spent = now, now - begun
            done = seed - seeds.start + 1
            print(
                f"\r{done} of {len(seeds)} seeds, {done / spent:.1f} per s; {total.inferences / spent:.0f} inferences per s;"
                f" {faults} faults; {failed} seeds failed",
                end="",
                file=sys.stderr,
                flush=True,
            )
    spent = time.monotonic() - begun
    print(file=sys.stderr)
    print(
        f"{len(seeds)} seeds, {faults} faults, {total.results} results, slowest call {total.worst:.1f} times its due;"
        f" {len(seeds) / spent:.1f} seeds and {total.inferences / spent:.0f} inferences per s"
    )
    print(total)
    return 0 if total.good else 1


if __name__ == "__main__":
    sys.exit(main())
