"""The first largest value, as devices find it: the lowest index of equal ones; NaN is smaller than every number.

For thousands of positions with a few values each, numpy's argmax takes 100 ns per position, because a processor cannot predict its
comparisons. One comparison of all positions per channel takes a tenth of that.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from n6link.tensors.tensor import Array

MANY: Final = 4096
"""positions from which on one comparison per channel is faster"""
FEW: Final = 256
"""channels whose numbers fit in a byte"""


def first_largest(values: Array, axis: int) -> NDArray[np.integer]:
    """Indices of the first largest values along an axis."""
    count = values.shape[axis]
    if count <= FEW and values.size >= MANY * count:
        indices, found = _by_channel(_channels_first(values, axis))
    else:
        indices, found = values.argmax(axis=axis), values
    if values.dtype.kind == "f" and np.isnan(found.max(initial=-np.inf)):
        indices = _without_nan(values, axis)
    return indices


def columns(values: Array) -> tuple[NDArray[np.integer], Array]:
    """The same for each column of (n, K), which are few and long, and the largest values."""
    numbers = np.arange(len(values[0]), dtype=np.intp)
    indices: NDArray[np.integer] = values.argmax(axis=0)
    found = values[indices, numbers]
    if values.dtype.kind == "f" and math.isnan(sum(found.tolist())):
        indices = _without_nan(values, 0)
        found = values[indices, numbers]
    return indices, found


def _without_nan(values: Array, axis: int) -> NDArray[np.integer]:
    """For numpy NaN is the largest value."""
    indices: NDArray[np.integer] = (values == np.fmax.reduce(values, axis=axis, keepdims=True)).argmax(axis=axis)
    return indices


def _channels_first(values: Array, axis: int) -> Array:
    """A contiguous array of shape (count, ...)."""
    if axis % values.ndim != values.ndim - 1:
        return np.ascontiguousarray(np.moveaxis(values, axis, 0))
    # Piece by piece, so that a piece is in the processor's cache: half of the time of one copy.
    rows = values.reshape(-1, values.shape[-1])
    channels = np.empty(rows.shape[::-1], rows.dtype)
    for start in range(0, len(rows), MANY):
        channels[:, start : start + MANY] = rows[start : start + MANY].T
    return channels.reshape(values.shape[-1], *values.shape[:-1])


def _by_channel(values: Array) -> tuple[NDArray[np.integer], Array]:
    """The same along the first axis, and the values, which are NaN where one of them is."""
    best, indices = values[0].copy(), np.zeros(values.shape[1:], np.uint8)
    for channel in range(1, len(values)):
        larger = (values[channel] > best).view(np.uint8)
        np.maximum(best, values[channel], out=best)
        # A later channel has the larger number: no selection, which is slower, is necessary.
        np.maximum(indices, larger * np.uint8(channel), out=indices)
    return indices, best
