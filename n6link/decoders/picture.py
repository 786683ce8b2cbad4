"""The picture that a result belongs to: where it is in the input, and the unit of the network's coordinates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from n6link.tensors.card import Card
from n6link.tensors.image import PictureInput, Placement
from n6link.tensors.tensor import Array, TensorSpec


def placement(known: Placement | None, spec: TensorSpec, card: Card) -> Placement:
    """The position of the picture in the input: ``known``, or the whole input if the caller passed the input's own values."""
    if known:
        return known
    size = PictureInput(spec, card).size
    return Placement(size, size)


def outside(points: Array, where: Placement) -> NDArray[np.bool_]:
    """(...): which points (..., 2) of the source picture are not in it, but in a bar of a letterbox, cut off, or not a number."""
    inside = (points >= 0) & (points <= np.asarray(where.source_size, np.float32))
    return np.logical_not(inside.all(axis=-1))


def unit(card: Card, where: Placement) -> NDArray[np.float32]:
    """(2,): pixels of the input per unit of the network's coordinates."""
    return np.asarray(where.input_size if card.coordinates == "normalised" else (1, 1), np.float32)
