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
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from n6link.errors import BadInput
from n6link.tensors.tensor import Array

COSINE: Final = 0.99
"""Default of the lowest cosine similarity: two correct engines on quantised networks were above it on all networks that were tried."""


@dataclass(slots=True)
class Agreement:
    """The figures of one output so far, and the sums from which they follow."""

    name: str
    samples: int = 0
    maximum: float = 0.0
    elements: int = 0
    absolute: float = 0.0
    """sum of the absolute errors"""
    squared: float = 0.0
    """sum of the squared errors"""
    product: float = 0.0
    mean: float = 0.0
    """of the reference"""
    spread: float = 0.0
    """sum of squared differences to that mean"""
    length: float = 0.0
    """squared length of the reference"""
    got_length: float = 0.0
    """squared length of the output"""
    same: int = 0
    """samples with the same largest element"""

    @classmethod
    def of(cls, name: str, reference: Array, got: Array) -> Self:
        """The figures of one sample: real values of the reference and of the network.

        Raises:
            BadInput: they have different numbers of elements.
        """
        if reference.size != got.size:
            raise BadInput(
                f"output {name!r} has the shape {got.shape}, but that of the reference has {reference.shape}; "
                "the model is not that of the network"
            )
        if not reference.size:
            return cls(name, 1)
        r, x = reference.astype(np.float64).ravel(), got.astype(np.float64).ravel()
        error, mean = r - x, float(r.mean())
        return cls(
            name,
            samples=1,
            maximum=float(np.abs(error).max()),
            elements=r.size,
            absolute=float(np.abs(error).sum()),
            squared=float(error @ error),
            product=float(r @ x),
            mean=mean,
            spread=float(((r - mean) ** 2).sum()),
            length=float(r @ r),
            got_length=float(x @ x),
            same=int(r.argmax()) == int(x.argmax()),
        )

    def add(self, reference: Array, got: Array) -> None:
        """Adds a sample; see :meth:`of`."""
        self.merge(self.of(self.name, reference, got))

    def merge(self, other: Agreement) -> None:
        """Adds other samples of the same output."""
        elements = self.elements + other.elements
        if other.elements:
            step = other.mean - self.mean
            self.mean += step * other.elements / elements
            self.spread += other.spread + step**2 * self.elements * other.elements / elements
        self.elements = elements
        self.samples += other.samples
        self.maximum = float(np.maximum(self.maximum, other.maximum))
        self.absolute += other.absolute
        self.squared += other.squared
        self.product += other.product
        self.length += other.length
        self.got_length += other.got_length
        self.same += other.same

    @property
    def mae(self) -> float:
        """Mean absolute error."""
        return self.absolute / self.elements if self.elements else math.nan

    @property
    def rmse(self) -> float:
        """Root of the mean squared error."""
        return math.sqrt(self.squared / self.elements) if self.elements else math.nan

    @property
    def cosine(self) -> float:
        """Cosine similarity; 1 if both are zero."""
        if self.squared == 0:
            return 1.0  # the quotient of equal outputs may differ from 1 by rounding
        lengths = math.sqrt(self.length) * math.sqrt(self.got_length)
        return self.product / lengths if lengths else 0.0

    @property
    def nse(self) -> float:
        """Nash-Sutcliffe efficiency; 1 for a constant reference that is reproduced, else minus infinity."""
        if self.spread == 0:
            return 1.0 if self.squared == 0 else -math.inf
        return 1 - self.squared / self.spread

    @property
    def agreement(self) -> float:
        """Share of samples with the same largest element."""
        return self.same / self.samples if self.samples else math.nan

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
