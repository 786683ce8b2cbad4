"""Figures of agreement against their formulas over all samples at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from n6link.errors import BadInput
from n6link.tensors.agreement import Agreement


@given(st.integers(1, 5), st.integers(1, 20), st.floats(0, 2), st.integers(0, 1000))
def test_figures(samples: int, size: int, noise: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    reference = random.normal(0, 1, (samples, size)).astype(np.float32)
    got = (reference + random.normal(0, noise, (samples, size))).astype(np.float32)
    figures = Agreement("out")
    for one, other in zip(reference, got, strict=True):
        figures.add(one, other)
    r, x = reference.astype(float).ravel(), got.astype(float).ravel()
    assert figures.samples == samples
    assert figures.maximum == np.abs(r - x).max()
    assert figures.mae == pytest.approx(np.abs(r - x).mean())
    assert figures.rmse == pytest.approx(np.sqrt(((r - x) ** 2).mean()))
    assert figures.cosine == pytest.approx(r @ x / np.linalg.norm(r) / np.linalg.norm(x))
    if r.size > 1:
        assert figures.nse == pytest.approx(1 - ((r - x) ** 2).sum() / ((r - r.mean()) ** 2).sum(), rel=1e-6, abs=1e-6)
    assert figures.agreement == (reference.argmax(1) == got.argmax(1)).mean()


def test_constant_outputs() -> None:
    same, other = Agreement("out"), Agreement("out")
    same.add(np.zeros(3), np.zeros(3))
    other.add(np.zeros(3), np.ones(3))
    assert (same.cosine, same.nse, same.maximum) == (1, 1, 0)
    assert other.cosine == 0 and other.nse == -np.inf


def test_another_model() -> None:
    with pytest.raises(BadInput, match=r"output 'out' has the shape \(4,\), but that of the reference has \(3,\)"):
        Agreement("out").add(np.zeros(3), np.zeros(4))


def test_a_large_constant_and_nan() -> None:
    """The spread of a nearly constant reference is not lost in rounding; NaN is not a good figure."""
    figures = Agreement("out")
    for one, other in (([1e8, 1e8 + 1], [1e8, 1e8 + 1]), ([1e8 + 2, 1e8 + 3], [1e8 + 2, 1e8 + 4])):
        figures.add(np.array(one), np.array(other))
    assert figures.nse == pytest.approx(1 - 1 / 5)
    figures.add(np.zeros(2), np.array([0, np.nan]))
    assert np.isnan(figures.maximum) and np.isnan(figures.cosine)
