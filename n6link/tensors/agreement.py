"""How well outputs agree with a reference over many inputs: the figures of ST's validation reports, added up sample by sample.

For an output with reference r and values x, over all elements of all samples:

==========  =======================================================================  ===================
figure      formula                                                                  equal outputs
==========  =======================================================================  ===================
maximum     max |r - x|                                                              0
mae         mean |r - x|                                                             0
rmse        sqrt(mean (r - x)^2)                                                     0
cosine      r . x / (|r| |x|)                                                        1
nse         Nash-Sutcliffe efficiency, 1 - sum (r - x)^2 / sum (r - mean r)^2        1
agreement   share of samples whose largest element has the same index                1
==========  =======================================================================  ===================

Sums are in float64; the spread of the reference is added up by the update of Chan, Golub and LeVeque, which does not subtract large
sums. NaN in an output makes its figures NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from n6link.errors import BadInput
from n6link.tensors.tensor import Array


@dataclass(slots=True)
class Agreement:
    """The figures of one output so far."""

    name: str
    samples: int = 0
    maximum: float = 0.0
    _elements: int = field(default=0, repr=False)
    _absolute: float = field(default=0.0, repr=False)
    _squared: float = field(default=0.0, repr=False)
    _product: float = field(default=0.0, repr=False)
    _mean: float = field(default=0.0, repr=False)
    """of the reference"""
    _spread: float = field(default=0.0, repr=False)
    """sum of squared differences to that mean"""
    _lengths: tuple[float, float] = field(default=(0.0, 0.0), repr=False)
    """squared lengths of reference and output"""
    _same: int = field(default=0, repr=False)

    def add(self, reference: Array, got: Array) -> None:
        """Adds a sample: real values of the reference and of the network.

        Raises:
            BadInput: they have different numbers of elements.
        """
        if reference.size != got.size:
            raise BadInput(
                f"output {self.name!r} has the shape {got.shape}, but that of the reference has {reference.shape}; "
                "the model is not that of the network"
            )
        r, x = reference.astype(np.float64).ravel(), got.astype(np.float64).ravel()
        error = r - x
        self.samples += 1
        self.maximum = float(np.maximum(self.maximum, np.abs(error).max(initial=0.0)))
        if r.size:
            step, before = float(r.mean()) - self._mean, self._elements
            self._elements += r.size
            self._mean += step * r.size / self._elements
            self._spread += float(((r - r.mean()) ** 2).sum()) + step**2 * before * r.size / self._elements
        self._absolute += float(np.abs(error).sum())
        self._squared += float(error @ error)
        self._product += float(r @ x)
        self._lengths = self._lengths[0] + float(r @ r), self._lengths[1] + float(x @ x)
        self._same += bool(r.size) and int(r.argmax()) == int(x.argmax())

    @property
    def mae(self) -> float:
        """Mean absolute error."""
        return self._absolute / self._elements if self._elements else math.nan

    @property
    def rmse(self) -> float:
        """Root of the mean squared error."""
        return math.sqrt(self._squared / self._elements) if self._elements else math.nan

    @property
    def cosine(self) -> float:
        """Cosine similarity; 1 if both are zero."""
        if self._squared == 0:
            return 1.0  # the quotient of equal outputs may differ from 1 by rounding
        lengths = math.sqrt(self._lengths[0]) * math.sqrt(self._lengths[1])
        return self._product / lengths if lengths else 0.0

    @property
    def nse(self) -> float:
        """Nash-Sutcliffe efficiency; 1 for a constant reference that is reproduced, else minus infinity."""
        if self._spread == 0:
            return 1.0 if self._squared == 0 else -math.inf
        return 1 - self._squared / self._spread

    @property
    def agreement(self) -> float:
        """Share of samples with the same largest element."""
        return self._same / self.samples if self.samples else math.nan

    def to_dict(self) -> dict[str, object]:
        """The figures as plain values."""
        return {
            "output": self.name,
            "samples": self.samples,
            "maximum": self.maximum,
            "mae": self.mae,
            "rmse": self.rmse,
            "cosine": self.cosine,
            "nse": self.nse,
            "agreement": self.agreement,
        }
