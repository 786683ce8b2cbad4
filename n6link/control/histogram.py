"""A histogram of durations with bounded memory, for the percentiles of loops, streams and the monitor.

Bins have logarithmic spacing: ``PER_DECADE`` bins per factor of ten, from a microsecond to a thousand seconds. The error of a
percentile is therefore at most one bin (2.4 %) for any number of values. Count, sum, minimum and maximum are exact.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from n6link.sheet import Grid, Sheet, Shown

LOWEST: Final = 1e-6
"""Lower edge of the first bin, in seconds; smaller values are counted in it."""
DECADES: Final = 9
PER_DECADE: Final = 96


class Histogram(Shown):
    """Durations in seconds."""

    __slots__ = ("count", "counts", "max", "min", "sum")

    def __init__(self) -> None:
        self.counts = np.zeros(DECADES * PER_DECADE, np.uint64)
        """Values per bin; bin ``i`` starts at ``LOWEST * 10 ** (i / PER_DECADE)``."""
        self.count = 0
        self.sum = 0.0
        self.min = math.inf
        self.max = -math.inf

    def add(self, value: float) -> None:
        """Adds one duration in seconds. Negative durations are counted in the first bin."""
        # Two clocks were compared for some durations, so that a short one can be negative: log10 must not fail.
        index = int(math.log10(max(value, LOWEST) / LOWEST) * PER_DECADE)
        self.counts[min(index, len(self.counts) - 1)] += np.uint64(1)
        self.count += 1
        self.sum += value
        self.min = min(self.min, value)
        self.max = max(self.max, value)

    def brief(self) -> str:  # noqa: D102
        from n6link.console import counted, duration

        if not self.count:
            return "empty"
        return f"of {counted(self.count, 'value')}: median {duration(self.percentile(50))}, 95 % {duration(self.percentile(95))}"

    def sheet(self) -> Sheet:
        """Its percentiles."""
        return Sheet((histograms(durations=self),))

    @property
    def mean(self) -> float:
        """Mean in seconds; NaN when empty."""
        return self.sum / self.count if self.count else math.nan

    def percentile(self, q: float) -> float:
        """The value that ``q`` percent of the values do not exceed, in seconds; NaN when empty.

        It is the geometric centre of the bin, limited to the range between minimum and maximum.
        """
        if not self.count:
            return math.nan
        rank = math.ceil(self.count * q / 100)
        index = int(np.searchsorted(np.cumsum(self.counts), max(rank, 1)))
        middle = LOWEST * 10.0 ** ((index + 0.5) / PER_DECADE)
        return float(min(max(middle, self.min), self.max))

    def bins(self) -> list[tuple[float, int]]:
        """Lower edge in seconds, and number of values, of each bin that is not empty."""
        return [(LOWEST * 10 ** (index / PER_DECADE), int(self.counts[index])) for index in np.flatnonzero(self.counts)]

    def to_dict(self) -> dict[str, float]:
        """Count, mean, minimum, p50, p95, p99 and maximum; durations in seconds."""
        if not self.count:
            return {"count": 0}
        return {
            "count": self.count,
            "mean": self.mean,
            "min": self.min,
            "p50": self.percentile(50),
            "p95": self.percentile(95),
            "p99": self.percentile(99),
            "max": self.max,
        }


def histograms(**named: Histogram) -> Grid:
    """The percentiles of histograms, for the description of an object."""
    from n6link.console import duration

    rows = [
        (
            name,
            str(each.count),
            *(duration(each.percentile(q)) if each.count else "-" for q in (50, 95, 99)),
            duration(each.max) if each.count else "-",
        )
        for name, each in named.items()
    ]
    return Grid(("", ">values", ">median", ">95 %", ">99 %", ">max"), rows)
