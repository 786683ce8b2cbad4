"""Outputs that the device would reduce to what was recorded.

A recording has what the device has sent, which may be 13 peaks of 119,808 bytes of heatmaps. A replay gives the core whole outputs, and the
core reduces them again. So an output consists of the lowest value everywhere, and of pieces: the recorded bytes, peaks and rows at
their places. For the same request the core then returns the same bytes. Values that were not recorded are the lowest ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from n6link.protocol import Reduction
from n6link.protocol.records import ResultRecord, Return
from n6link.tensors.reduce import Peaks, Rows, parse
from n6link.tensors.tensor import Array, TensorSpec

Piece: TypeAlias = tuple[int, bytes]
"""offset in an output, and bytes"""


def lowest(spec: TensorSpec) -> bytes:
    """All bytes of an output with the lowest value of its dtype, which is NaN for reductions of floats."""
    kind = spec.dtype.kind
    low = math.nan if kind == "f" else False if kind == "b" else _least(spec)
    return np.full(spec.size // spec.dtype.itemsize, low, spec.dtype).tobytes()


def pieces(spec: TensorSpec, request: Return, record: ResultRecord, data: bytes) -> Iterator[Piece]:
    """The places and bytes of a recorded result.

    Args:
        spec: the output.
        request: what the host has asked for.
        record: how the device describes its answer.
        data: the bytes of the answer.

    Raises:
        RemoteProtocolError: the answer does not fit the request.
    """
    reduced = parse(data, request, spec, record.count)
    size = spec.dtype.itemsize
    if isinstance(reduced, Peaks):
        for channel, (index, value) in enumerate(zip(reduced.indices, reduced.values, strict=True)):
            by_channel = request.reduction == Reduction.ARGMAX
            element = int(index) * request.channels + channel if by_channel else request.offset + int(index)
            yield element * size, value.astype(spec.dtype).tobytes()
    elif isinstance(reduced, Rows):
        yield from _rows(spec, request, reduced)
    else:
        yield request.offset, data


def _rows(spec: TensorSpec, request: Return, rows: Rows) -> Iterator[Piece]:
    total, size = math.prod(spec.shape) // request.channels, spec.dtype.itemsize
    columns = request.reduction == Reduction.THRESHOLD_COLUMNS

    def place(row: int, values: Array, first: int = 0) -> Iterator[Piece]:
        """Values of a row from a channel on."""
        if not columns:
            yield (row * request.channels + first) * size, values.tobytes()
            return
        for channel, value in enumerate(values, first):
            yield (channel * total + row) * size, value.tobytes()

    for index, values in zip(rows.indices, rows.values, strict=True):
        yield from place(int(index), values)
    # Rows that passed, and were more than the host has asked for, are after those that it got.
    first = int(rows.indices[-1]) + 1 if len(rows.indices) else 0
    for row in range(first, min(first + rows.count - len(rows.indices), total)):
        yield from place(row, np.array([_at_least(rows.threshold, spec)], spec.dtype), request.channel)


def _at_least(threshold: float, spec: TensorSpec) -> float:
    return threshold if spec.dtype.kind == "f" else max(threshold, _least(spec))


def _least(spec: TensorSpec) -> int:
    return int(np.iinfo(spec.dtype.str).min)
