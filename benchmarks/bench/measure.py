"""How everything is measured: programs take turns in rounds, and each figure is a median of the rounds with its ratio to the first program.

A sample is a duration in seconds and the CPU time that the program used in it. A machine with other load drifts by more than most differences; so
a ratio is the median of the ratios of each round, whose two samples are neighbours in time. The order is reversed in every second round.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isnan
from typing import Final, NamedTuple, TypeAlias

import numpy as np

RESAMPLES: Final = 2000
NAN: Final = float("nan")


class Sample(NamedTuple):
    """One measurement of one program."""

    wall: float
    """seconds for one operation"""
    cpu: float = NAN
    """seconds of CPU of the program's process for one operation; NaN = not measured"""


Measure: TypeAlias = Callable[[], Sample]


@dataclass(frozen=True, slots=True)
class Row:
    """One program in one comparison."""

    group: str
    work: str
    program: str
    samples: tuple[Sample, ...]
    floor: tuple[Sample, ...]
    """of the first program of the comparison, by round"""
    note: str = ""
    """what the figure is, if it is not the time of an operation; or what the program is"""

    @property
    def key(self) -> str:
        """The name of the row in files."""
        return f"{self.group} / {self.work} / {self.program}"

    def values(self, what: str) -> list[float]:
        """``wall`` or ``cpu`` by round."""
        return [getattr(sample, what) for sample in self.samples]

    def ratios(self, what: str) -> list[float]:
        """The same, divided by those of the floor in the same round."""
        pairs = zip(self.values(what), (getattr(sample, what) for sample in self.floor), strict=True)
        return [value / floor for value, floor in pairs if floor > 0 and not isnan(value)]

    def median(self, what: str) -> float:
        """Median of the rounds, in seconds."""
        return statistics.median(self.values(what))

    def ratio(self, what: str) -> float:
        """Median of the ratios to the floor; NaN = there are none."""
        return statistics.median(self.ratios(what) or [NAN])


@dataclass(slots=True)
class Bench:
    """The rows of one run.

    Args:
        rounds: the number of rounds that are counted, at most.
        span: seconds that a sample of a short operation takes; it is repeated until then.
        budget: seconds of one comparison; it has fewer rounds if they take longer, but at least ``fewest``.
        report: called with each new row.
    """

    rounds: int
    span: float
    budget: float
    fewest: int = 3
    report: Callable[[Row], None] = lambda row: None
    rows: list[Row] = field(default_factory=list)

    def compare(
        self,
        group: str,
        work: str,
        programs: Mapping[str, Measure],
        *,
        notes: Mapping[str, str] | None = None,
    ) -> None:
        """Measures programs in alternating rounds. The first one is the floor.

        Args:
            group: of the rows, such as a line.
            work: what the programs do.
            programs: a function for each that measures once.
            notes: for the rows, by program.
        """
        names = list(programs)
        found: dict[str, list[Sample]] = {name: [] for name in names}
        first = sum(max(programs[name]().wall, self.span) for name in names)  # not counted
        rounds = int(min(max(self.budget / first, self.fewest), self.rounds))
        for number in range(rounds):
            for name in names if number % 2 == 0 else reversed(names):
                found[name].append(programs[name]())
        floor = tuple(found[names[0]])
        for name in names:
            self.add(Row(group, work, name, tuple(found[name]), floor, (notes or {}).get(name, "")))

    def add(self, row: Row) -> None:
        """Adds a row that was measured in another way."""
        self.rows.append(row)
        self.report(row)


def interval(values: list[float]) -> tuple[float, float]:
    """95 % interval of the median (bootstrap)."""
    if len(values) < 3:
        return NAN, NAN
    drawn = np.random.default_rng(7).choice(values, (RESAMPLES, len(values)))
    low, high = np.percentile(np.median(drawn, axis=1), (2.5, 97.5))
    return float(low), float(high)
