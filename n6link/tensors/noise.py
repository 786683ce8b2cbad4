"""Inputs for runs whose results are not used, such as measurements: random values that every network can take."""

from __future__ import annotations

from typing import Final

import numpy as np

from n6link.tensors.tensor import Array, TensorSpec

NUMBERS: Final = 4
"""bytes of integers that are usually numbers of tokens or of rows of a table: 0 and 1 exist in every table"""


CELLS: Final = 8
"""of a mosaic, in each direction"""


def mosaic(size: tuple[int, int], seed: int) -> Array:
    """A picture of cells of random colours, the same for the same seed: lossless encodings make it small.

    Args:
        size: width and height.
        seed: of the colours.
    """
    colours = np.random.default_rng(seed).integers(0, 256, (CELLS, CELLS, 3), np.uint8)
    columns, rows = (np.arange(length) * CELLS // length for length in size)
    picture: Array = colours[rows[:, None], columns]
    return picture


def noise(spec: TensorSpec, seed: int) -> Array:
    """Raw values of an input, the same for the same seed: floats 0..1, small integers of any value, large ones and booleans 0 or 1."""
    random = np.random.default_rng(seed)
    if spec.dtype.kind == "f":
        return random.random(spec.shape, np.float32).astype(spec.dtype)
    if spec.dtype.kind == "b" or spec.dtype.itemsize >= NUMBERS:
        return random.integers(0, 2, spec.shape).astype(spec.dtype)
    limits = np.iinfo(spec.dtype.str)
    values: Array = random.integers(limits.min, limits.max, spec.shape, spec.dtype, endpoint=True)
    return values
