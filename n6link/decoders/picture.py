"""The picture that a result belongs to: where it is in the input, and the unit of the network's coordinates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from n6link.decoders import ResultLike, card_of
from n6link.tensors.card import Card
from n6link.tensors.image import PictureInput, Placement
from n6link.tensors.tensor import Array

CUT: Final = 0.5
"""Pixels by which a box must be larger than the picture to count as cut."""


def placement(result: ResultLike) -> Placement:
    """The position of the picture in the input: the known one, or the whole input if the caller passed the input's own values."""
    if result.placement:
        return result.placement
    card = card_of(result.network)
    size = PictureInput(card.main_input(result.network.inputs), card).size
    return Placement(size, size)


def unit(card: Card, where: Placement) -> tuple[int, int]:
    """Pixels of the input per unit of the network's coordinates, across and down."""
    return where.input_size if card.coordinates == "normalised" else (1, 1)


@lru_cache(maxsize=64)
def _axes(
    size: tuple[int, int],
    offset: tuple[float, float],
    scale: tuple[float, float],
    limit: tuple[int, int],
    dimensions: int,
) -> NDArray[np.float32]:
    """Factors, offsets and limits of x and y, for arrays with so many dimensions after that of x and y."""
    axes = zip(size, offset, scale, limit, strict=True)
    known = np.array([(unit / scale, -offset / scale, limit) for unit, offset, scale, limit in axes], np.float32)
    return known.T.reshape(3, 2, *[1] * dimensions)


def place_points(
    points: Array, size: tuple[int, int], where: Placement
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Points (..., 2) in pixels of the source picture.

    Args:
        points: in the network's coordinates.
        size: :func:`unit` of these coordinates.
        where: the position of the picture in the input.

    Returns:
        (..., 2) the points; (..., 2) the same, moved to the edge of the picture if they are outside; (...) whether they are outside (in a bar
        of a letterbox, or cut off), or not a number.
    """
    factors, offsets, limits = _axes(size, where.offset, where.scale, where.source_size, points.ndim - 1)
    # All x, then all y: numpy takes longer for pairs.
    placed: NDArray[np.float32] = np.multiply(points.T, factors, order="C")
    placed += offsets
    inside = np.maximum(placed, 0)
    np.minimum(inside, limits, out=inside)
    across, down = placed != inside
    return placed.T, inside.T, (across | down).T


def place_boxes(
    boxes: Iterable[Sequence[float]], size: tuple[int, int], where: Placement
) -> tuple[NDArray[np.float32], list[bool]]:
    """Boxes (left, top, right, bottom) in pixels of the source picture; arguments as for :func:`place_points`.

    Returns:
        (n, 4) the parts in the picture, and for each whether a part is outside.
    """
    (columns, rows), (x, y), (across, down), (width, height) = size, where.offset, where.scale, where.source_size
    sides: list[float] = []
    cut: list[bool] = []
    # In plain Python: numpy takes longer for the usual few boxes. Conditions take a third of the time of min() and max().
    for left, top, right, bottom in boxes:
        left, right = (left * columns - x) / across, (right * columns - x) / across
        top, bottom = (top * rows - y) / down, (bottom * rows - y) / down
        cut.append(left < -CUT or top < -CUT or right > width + CUT or bottom > height + CUT)
        sides += (
            0.0 if left < 0 else width if left > width else left,  # noqa: FURB136
            0.0 if top < 0 else height if top > height else top,  # noqa: FURB136
            0.0 if right < 0 else width if right > width else right,  # noqa: FURB136
            0.0 if bottom < 0 else height if bottom > height else bottom,  # noqa: FURB136
        )
    return np.array(sides, np.float32).reshape(-1, 4), cut
