"""The first largest value, as devices find it: the lowest index of equal ones; NaN is smaller than every number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from n6link.tensors.tensor import Array


def first_largest(values: Array, axis: int) -> NDArray[np.intp]:
    """Indices of the first largest values along an axis."""
    indices: NDArray[np.intp] = values.argmax(axis=axis)
    if values.dtype.kind == "f":  # for numpy's argmax NaN is the largest value
        found = np.take_along_axis(values, np.expand_dims(indices, axis), axis)
        if np.isnan(found).any():
            largest = np.fmax.reduce(values, axis=axis, keepdims=True)
            indices = (values == largest).argmax(axis=axis)
    return indices
