"""What has changed between two files of ``bench``, beyond noise.

Rows are compared by their ratios to the floor of the same round, so that a slower machine is not a change of n6link. A change is shown if a Mann-Whitney
test of the rounds finds it, with the share of false findings limited to :data:`FALSE` (Benjamini-Hochberg), and if it is larger than :data:`SMALLEST`.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Final

import numpy as np

from bench import report
from bench.measure import Row

FALSE: Final = 0.05
PERMUTATIONS: Final = 20_000
SMALLEST: Final = 0.05
FEWEST: Final = 5
"""rounds of a row, at each side: with fewer ones no test can find a change"""
KINDS: Final = {"wall": "time", "cpu": "CPU"}


@dataclass(frozen=True, slots=True)
class Change:
    """One figure in both files.

    Attributes:
        before, after: medians of the ratios to the floor.
        p: probability that equal programs differ so much.
    """

    what: str
    before: float
    after: float
    p: float

    @property
    def factor(self) -> float:
        """How many times as much."""
        return self.after / self.before

    @property
    def size(self) -> float:
        """The same of an increase, also for a decrease."""
        return max(self.factor, 1 / self.factor)


def chance(one: Sequence[float], other: Sequence[float]) -> float:
    """Probability that samples of one distribution have rank sums that differ as much: a Mann-Whitney test by permutations."""
    ranks = np.argsort(np.argsort([*one, *other])).astype(float)
    drawn = np.random.default_rng(7).permuted(np.tile(ranks, (PERMUTATIONS, 1)), axis=1)[:, : len(one)].sum(axis=1)
    middle = len(one) * ranks.mean()
    as_far = np.abs(drawn - middle) >= abs(ranks[: len(one)].sum() - middle) - 1e-9
    return float((as_far.sum() + 1) / (PERMUTATIONS + 1))


def changes(base: Sequence[Row], new: Sequence[Row]) -> tuple[list[Change], int]:
    """The figures that can be compared, and the number of those that cannot."""
    known, found, omitted = {row.key: row for row in base}, [], 0
    for row in new:
        if row.samples == row.floor:
            continue
        for kind, name in KINDS.items():
            before = known[row.key].ratios(kind) if row.key in known else []
            after = row.ratios(kind)
            if any(map(isnan, after)):
                continue
            if min(len(before), len(after)) < FEWEST:
                omitted += 1
                continue
            p = chance(before, after)
            found.append(Change(f"{row.key}, {name}", statistics.median(before), statistics.median(after), p))
    return found, omitted


def significant(found: Sequence[Change]) -> list[Change]:
    """The changes that are not noise, the largest first."""
    likely = sorted(found, key=lambda change: change.p)
    count = max(
        (number for number, change in enumerate(likely, 1) if change.p <= FALSE * number / len(likely)), default=0
    )
    kept = [change for change in likely[:count] if change.size > 1 + SMALLEST]
    return sorted(kept, key=lambda change: -change.size)


def main(base: Path, new: Path) -> int:
    """Prints the changes; returns 1 if a figure became worse."""
    (_, old_rows), (_, new_rows) = report.load(base), report.load(new)
    found, omitted = changes(old_rows, new_rows)
    shown = significant(found)
    floors = {row.key: row for row in old_rows if row.samples == row.floor}
    speeds = [row.median("wall") / floors[row.key].median("wall") for row in new_rows if row.key in floors]
    if speeds:
        print(f"the floors take {statistics.median(speeds):.2f} times as long as in {base} (median of {len(speeds)})")
    print(f"{len(found)} figures compared, {omitted} with too few rounds or in one file only; {len(shown)} changed:")
    for change in shown:
        word = "worse" if change.factor > 1 else "better"
        print(f"  {word:6} {change.factor:5.2f} x  {change.before:7.2f} -> {change.after:7.2f}  {change.what}")
    return int(any(change.factor > 1 for change in shown))
