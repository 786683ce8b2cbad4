"""A prediction as the kinds of blocks of a simulated network."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from n6link.epochs.predict.prediction import KINDS, Prediction


def operation_table(path: str | os.PathLike[str]) -> str:
    """The operations of a ``.tflite`` and their predicted kinds as text, one per line, see ``firmware/npu/litert_operations.h``.

    Raises:
        BadInput: the file cannot be read.
    """
    place = Path(path)
    try:
        state = place.stat()
    except OSError:
        return _table(place, 0, 0)
    return _table(place, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=32)
def _table(path: Path, changed: int, size: int) -> str:
    """The text; a file that has not changed since is not read again."""
    rows = Prediction.of(path).rows
    kinds = {where: kind.name for where, kind in KINDS.items()}
    return "".join(f"{kinds.get(row.placement.place, '-')} {row.operation.name}\n" for row in rows)
