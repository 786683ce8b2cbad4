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
from n6link.tensors.reduce import DETECTIONS, ClassMap, Peaks, Rows, parse
from n6link.tensors.tensor import Array, TensorSpec

Piece: TypeAlias = tuple[int, bytes]
"""offset in an output, and bytes"""


def lowest(spec: TensorSpec) -> bytes:
    """All bytes of an output with the lowest value of its dtype, which is NaN for reductions of floats."""
    kind = spec.dtype.kind
    low = math.nan if kind == "f" else False if kind == "b" else _least(spec)
    return np.full(spec.size // spec.dtype.itemsize, low, spec.dtype).tobytes()


class Rebuilt:
    """Places of the recorded results of one inference; results in the order of their requests, because SAME_ROWS refers to earlier ones."""

    def __init__(self) -> None:
        self._selected: list[int] = []

    def pieces(self, spec: TensorSpec, request: Return, record: ResultRecord, data: bytes) -> Iterator[Piece]:
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
        if isinstance(reduced, Peaks):
            return _peaks(spec, request, reduced)
        if isinstance(reduced, ClassMap):
            return _class_map(spec, request, reduced)
        if isinstance(reduced, Rows):
            self._selected = reduced.indices.tolist()
            return _rows(spec, request, reduced)
        if request.reduction == Reduction.SAME_ROWS:
            return _same_rows(spec, request, self._selected, reduced)
        return iter([(request.offset, data)])


def _peaks(spec: TensorSpec, request: Return, peaks: Peaks) -> Iterator[Piece]:
    for channel, (index, value) in enumerate(zip(peaks.indices, peaks.values, strict=True)):
        by_channel = request.reduction == Reduction.ARGMAX
        element = int(index) * request.channels + channel if by_channel else request.offset + int(index)
        yield element * spec.dtype.itemsize, value.astype(spec.dtype).tobytes()


def _class_map(spec: TensorSpec, request: Return, found: ClassMap) -> Iterator[Piece]:
    """One value that is larger than the lowest one at each position; of one channel, where it passes the threshold."""
    positions, one = len(found.classes), request.channels == 1
    columns = request.reduction == Reduction.CLASS_MAP_COLUMNS
    above = found.threshold if one else 1 if spec.dtype.kind == "f" else _least(spec) + 1
    value = _passing(above, spec)
    for position, label in enumerate(found.classes.tolist()):
        if not one or label:
            channel = 0 if one else label
            element = channel * positions + position if columns else position * request.channels + channel
            yield element * spec.dtype.itemsize, value


def _same_rows(spec: TensorSpec, request: Return, selected: list[int], values: Array) -> Iterator[Piece]:
    for row, kept in zip(selected, values, strict=True):
        yield row * request.channels * spec.dtype.itemsize, kept.tobytes()


def _rows(spec: TensorSpec, request: Return, rows: Rows) -> Iterator[Piece]:
    total, size = math.prod(spec.shape) // request.channels, spec.dtype.itemsize
    columns = request.reduction in (Reduction.THRESHOLD_COLUMNS, Reduction.DETECTIONS_COLUMNS)
    channels = np.arange(request.channels)

    def place(row: int, channel: int, value: bytes) -> Piece:
        return (channel * total + row if columns else row * request.channels + channel) * size, value

    for number, (index, values) in enumerate(zip(rows.indices, rows.values, strict=True)):
        kept = channels
        if request.reduction in DETECTIONS:
            assert rows.best is not None
            after = request.channel + (request.length or request.channels - request.channel)
            best = request.channel + int(rows.best[number])
            kept = np.concatenate([channels[: request.channel], [best], channels[after:]])
        for channel, value in zip(kept.tolist(), values, strict=True):
            yield place(int(index), channel, value.tobytes())
    # Rows that passed, and were more than the host has asked for, are after those that it got.
    first = int(rows.indices[-1]) + 1 if len(rows.indices) else 0
    passing = _passing(rows.threshold, spec)
    for row in range(first, min(first + rows.count - len(rows.indices), total)):
        yield place(row, request.channel, passing)


def _passing(threshold: float, spec: TensorSpec) -> bytes:
    """The bytes of a value that passes; if no value can, of the largest one."""
    if spec.dtype.kind != "f":
        limits = np.iinfo(spec.dtype.str)
        threshold = min(max(int(threshold), int(limits.min)), int(limits.max))
    return np.array([threshold], spec.dtype).tobytes()


def _least(spec: TensorSpec) -> int:
    return int(np.iinfo(spec.dtype.str).min)
