"""The picture that a result belongs to: where it is in the input, and the unit of the network's coordinates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from n6link.tensors.card import Card
from n6link.tensors.image import PictureInput, Placement
from n6link.tensors.tensor import TensorSpec


def placement(known: Placement | None, spec: TensorSpec, card: Card) -> Placement:
    """The position of the picture in the input: ``known``, or the whole input if the caller passed the input's own values."""
    size = PictureInput(spec, card).size
    return known or Placement(size, size)


def unit(card: Card, where: Placement) -> NDArray[np.float32]:
    """(2,): pixels of the input per unit of the network's coordinates."""
    return np.asarray(where.input_size if card.coordinates == "normalised" else (1, 1), np.float32)
