"""Files with arrays, as commands take them for the inputs of a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from n6link.errors import BadInput


def read_arrays(path: Path) -> NDArray[Any] | dict[str, NDArray[Any]]:
    """The array of a .npy file, or the arrays of a .npz file by name.

    Raises:
        BadInput: the file cannot be read as either.
    """
    try:
        with path.open("rb") as file:
            arrays = np.load(file, allow_pickle=False)
            return arrays if isinstance(arrays, np.ndarray) else dict(arrays)
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise BadInput(f"{str(path)!r} cannot be read as .npz or .npy: {error}") from error
