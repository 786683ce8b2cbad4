"""Reads files of arrays, for commands that use them as inputs of a network."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from n6link.errors import BadInput
from n6link.tensors.tensor import Array, is_array


def read_arrays(path: Path) -> Array | dict[str, Array]:
    """The array of a .npy file, or the arrays of a .npz file by name.

    Raises:
        BadInput: the file cannot be read as either.
    """
    try:
        with path.open("rb") as file:
            arrays = np.load(file, allow_pickle=False)
            return arrays if is_array(arrays) else dict(arrays)
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise BadInput(f"{str(path)!r} cannot be read as .npz or .npy: {error}") from error
