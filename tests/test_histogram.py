"""Percentiles from bins against numpy's from the values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from n6link.control.histogram import PER_DECADE, Histogram


@given(st.lists(st.floats(1e-6, 900), min_size=1, max_size=200), st.sampled_from([1, 50, 95, 99, 100]))
def test_percentiles_are_right_to_a_bin(values: list[float], q: float) -> None:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    exact = float(np.percentile(values, q, method="inverted_cdf"))
    assert histogram.percentile(q) == pytest.approx(exact, rel=10 ** (1 / PER_DECADE) - 1)
    assert histogram.mean == pytest.approx(np.mean(values))
    assert (histogram.min, histogram.max, histogram.count) == (min(values), max(values), len(values))


def test_what_lies_outside_is_kept_at_the_edges() -> None:
    histogram = Histogram()
    for value in (-1.0, 0.0, 1e9):
        histogram.add(value)
    assert histogram.counts[0] == 2
    assert histogram.counts[-1] == 1
    assert histogram.percentile(100) <= 1e9
    assert histogram.to_dict()["max"] == 1e9


def test_an_empty_one_has_no_percentiles() -> None:
    histogram = Histogram()
    assert math.isnan(histogram.percentile(50))
    assert math.isnan(histogram.mean)
    assert histogram.to_dict() == {"count": 0}
