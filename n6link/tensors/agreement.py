"""How well outputs agree with a reference over many inputs: the figures of ST's validation reports, added up sample by sample.

For an output with reference r and values x, over all elements of all samples:

==========  =======================================================================  ===================
figure      formula                                                                  equal outputs
==========  =======================================================================  ===================
maximum     max |r - x|                                                              0
mae         mean |r - x|                                                             0
rmse        sqrt(mean (r - x)^2)                                                     0
cosine      r . x / (|r| |x|)                                                        1
nse         1 - sum (r - x)^2 / sum (r - mean r)^2                                   1
agreement   share of samples whose largest element has the same index                1
==========  =======================================================================  ===================

Sums are in float64.
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
    _reference: tuple[float, float] = field(default=(0.0, 0.0), repr=False)
    """sum and sum of squares"""
    _other: float = field(default=0.0, repr=False)
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
        self.maximum = max(self.maximum, float(np.abs(error).max(initial=0.0)))
        self._elements += r.size
        self._absolute += float(np.abs(error).sum())
        self._squared += float(error @ error)
        self._product += float(r @ x)
        self._reference = self._reference[0] + float(r.sum()), self._reference[1] + float(r @ r)
        self._other += float(x @ x)
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
        lengths = math.sqrt(self._reference[1] * self._other)
        if lengths == 0:
            return 1.0 if self._squared == 0 else 0.0
        return self._product / lengths

    @property
    def nse(self) -> float:
        """Nash-Sutcliffe efficiency; 1 for a constant reference that is reproduced."""
        spread = self._reference[1] - self._reference[0] ** 2 / self._elements if self._elements else 0.0
        if spread <= 0:
            return 1.0 if self._squared == 0 else -math.inf
        return 1 - self._squared / spread

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
