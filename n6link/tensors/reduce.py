"""Reductions of outputs on the device: requests and replies.

A decoder often uses a small part of an output: 13 peaks of 119,808 bytes of heatmaps. The device therefore computes a few
reductions (section 7 of ``protocol.md``). :class:`Return` is the request; the functions here create one, and :func:`parse` reads
the reply:

==================  ================================================  =================================
request             answer                                            type
==================  ================================================  =================================
:func:`whole`       the output                                        array of its shape
:func:`part`        some of its elements                              flat array
:func:`argmax`      the first maximum of each channel                 :class:`Peaks`, one per channel
:func:`topk`        the k largest of a row, equal ones by index       :class:`Peaks`, largest first
:func:`above`       the rows whose score passes a threshold           :class:`Rows`, in index order
:func:`detections`  the same for the largest of several scores, with  :class:`Rows` with ``best``
                    the values of a row and only the best score
:func:`same_rows`   the rows of another output that the last          array (n, values of a row)
                    ``above`` or ``detections`` before it selected
:func:`class_map`   the best channel at each position                 :class:`ClassMap`
==================  ================================================  =================================

Reductions work on raw values and are exact: a decoder returns the same result from the reduced form as from the whole output. Only
:class:`Rows` can be incomplete, if more rows passed than were requested. Then ``complete`` is False, and the whole output must be
fetched. A device announces the last three with Feature CLASS_MAP and DETECTIONS; see :func:`supported`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from n6link.errors import BadInput, RemoteProtocolError
from n6link.protocol import Feature, Limit, Reduction
from n6link.protocol.records import LabelRun, Peak, Return
from n6link.tensors.tensor import Array, Element, TensorSpec

REDUCIBLE: Final = frozenset(np.dtype(name) for name in ("i1", "u1", "<i2", "<f4"))
"""dtypes that devices reduce; others are returned whole."""
MOST_CLASSES: Final = 256
"""maximum number of classes of a class map"""
DETECTIONS: Final = frozenset({Reduction.DETECTIONS, Reduction.DETECTIONS_COLUMNS})
_ON_ROWS: Final = DETECTIONS | {Reduction.THRESHOLD, Reduction.THRESHOLD_COLUMNS}
_CLASS_MAPS: Final = frozenset({Reduction.CLASS_MAP, Reduction.CLASS_MAP_COLUMNS})
_FEATURES: Final = {
    **dict.fromkeys(_CLASS_MAPS, Feature.CLASS_MAP),
    **dict.fromkeys([*DETECTIONS, Reduction.SAME_ROWS], Feature.DETECTIONS),
}
"""features that a device needs in addition to REDUCE"""


@dataclass(frozen=True, slots=True, eq=False)
class Peaks:
    """Reply to ARGMAX (one peak per channel) and to TOPK (largest first)."""

    indices: NDArray[np.integer]
    """position in the channel, or in the row"""
    values: Array
    """raw values, in the tensor's dtype"""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Reply to THRESHOLD and DETECTIONS, for rows or columns."""

    indices: NDArray[np.integer]
    """(n,) increasing"""
    values: Array
    """(n, values of a row) raw values, in the tensor's dtype; for DETECTIONS the best score instead of all scores"""
    count: int
    """rows that passed the threshold, including those over the limit"""
    threshold: int | float
    """raw value of the request"""
    best: NDArray[np.integer] | None = None
    """(n,) DETECTIONS: number of the best score, from 0, the lowest of equal ones"""

    @property
    def complete(self) -> bool:
        """Whether every row that passed is here."""
        return self.count <= len(self.indices)


@dataclass(frozen=True, slots=True, eq=False)
class ClassMap:
    """Reply to CLASS_MAP."""

    classes: NDArray[np.uint8]
    """(positions,) the channel with the largest value, the lowest of equal ones; of one channel: 1 where it passes the threshold"""
    threshold: int | float
    """raw value of the request"""


Reduced: TypeAlias = Array | Peaks | Rows | ClassMap


def whole(output: int) -> Return:
    """All of an output."""
    return Return(output)


def part(output: int, spec: TensorSpec, first: int, count: int) -> Return:
    """Elements [first, first + count) of an output, in memory order.

    Raises:
        BadInput: the range is empty or not in the tensor.
    """
    if first < 0 or count < 1 or first + count > math.prod(spec.shape):
        raise BadInput(
            f"elements {first}..{first + count - 1} are not in output {spec.name!r} of shape {spec.shape}; use 0 to {math.prod(spec.shape) - 1}"
        )
    return Return(output, offset=first * spec.dtype.itemsize, length=count * spec.dtype.itemsize)


def argmax(output: int, spec: TensorSpec) -> Return:
    """The first maximum of each channel; channels are the last axis.

    Raises:
        BadInput: devices do not reduce the dtype.
    """
    _reducible(spec)
    return Return(output, reduction=Reduction.ARGMAX, channels=spec.row_length)


def topk(output: int, spec: TensorSpec, k: int, *, row: int = 0) -> Return:
    """The k largest elements of a row of the last axis; rows are counted through all leading axes.

    Raises:
        BadInput: k is not in 1..64, the row does not exist, or devices do not reduce the dtype.
    """
    _reducible(spec)
    width = spec.row_length
    if not 1 <= k <= Limit.MAX_TOPK:
        raise BadInput(f"k={k} is out of range; use 1 to {Limit.MAX_TOPK}")
    if not 0 <= row < (rows := math.prod(spec.shape[:-1])):
        raise BadInput(f"output {spec.name!r} of shape {spec.shape} does not have row {row}; use 0 to {rows - 1}")
    return Return(output, reduction=Reduction.TOPK, offset=row * width, length=width, k=min(k, width))


def above(
    output: int,
    spec: TensorSpec,
    threshold: float,
    *,
    channels: int,
    channel: int,
    columns: bool,
) -> Return:
    """Rows whose value in one channel is at least a real threshold, at most as many as fit in the bytes of the whole output.

    Args:
        output: index of the output.
        spec: its tensor: rows of ``channels`` values, or, if ``columns``, channel-major.
        threshold: real value.
        channels: values of a row.
        channel: index of the value that is compared.
        columns: whether a row is stored as a column.

    Raises:
        BadInput: the channel or number of channels does not fit the tensor, or devices do not reduce the dtype.
    """
    _reducible(spec)
    if not 0 <= channel < channels or math.prod(spec.shape) % channels:
        raise BadInput(
            f"output {spec.name!r} of shape {spec.shape} does not have channel {channel} of {channels}; the number of channels must "
            "divide its size, and the first channel is 0"
        )
    request = Return(
        output,
        reduction=Reduction.THRESHOLD_COLUMNS if columns else Reduction.THRESHOLD,
        channels=channels,
        threshold=_threshold(threshold, spec),
        channel=channel,
    )
    return replace(request, k=_most(request, spec))


def detections(
    output: int,
    spec: TensorSpec,
    threshold: float,
    *,
    channels: int,
    channel: int,
    scores: int,
    columns: bool,
) -> Return:
    """Rows of which the largest of several scores is at least a real threshold, without the other scores.

    Args:
        output: index of the output.
        spec: its tensor, as for :func:`above`.
        threshold: real value.
        channels: values of a row.
        channel: index of the first score.
        scores: number of scores.
        columns: whether a row is stored as a column.

    Raises:
        BadInput: as for :func:`above`.
    """
    _reducible(spec)
    if not 0 <= channel < channel + scores <= channels or math.prod(spec.shape) % channels:
        raise BadInput(
            f"output {spec.name!r} of shape {spec.shape} does not have channels {channel}..{channel + scores - 1} of {channels}; "
            "the number of channels must divide its size, and the first channel is 0"
        )
    request = Return(
        output,
        reduction=Reduction.DETECTIONS_COLUMNS if columns else Reduction.DETECTIONS,
        length=scores,
        channels=channels,
        threshold=_threshold(threshold, spec),
        channel=channel,
    )
    return replace(request, k=_most(request, spec))


def same_rows(output: int, spec: TensorSpec) -> Return:
    """The rows, which are the last axis, that the last :func:`above` or :func:`detections` before it returned from its output.

    Raises:
        BadInput: devices do not reduce the dtype.
    """
    _reducible(spec)
    return Return(output, reduction=Reduction.SAME_ROWS, channels=spec.row_length)


def class_map(output: int, spec: TensorSpec, channels: int, *, columns: bool = False, threshold: float = 0.0) -> Return:
    """The best channel at each position, or, of one channel, whether it is at least a real threshold.

    Args:
        output: index of the output.
        spec: its tensor: channels are the last axis, or, if ``columns``, the first one that is longer than 1.
        channels: values of a position, 1 to 256.
        columns: whether the tensor is channel-major.
        threshold: real value, for one channel.

    Raises:
        BadInput: the number of channels does not fit, or devices do not reduce the dtype.
    """
    _reducible(spec)
    if not 1 <= channels <= MOST_CLASSES or math.prod(spec.shape) % channels:
        raise BadInput(
            f"output {spec.name!r} of shape {spec.shape} does not have {channels} channels; use 1 to {MOST_CLASSES}"
        )
    return Return(
        output,
        reduction=Reduction.CLASS_MAP_COLUMNS if columns else Reduction.CLASS_MAP,
        channels=channels,
        threshold=_threshold(threshold, spec) if channels == 1 else 0,
    )


def supported(requests: Iterable[Return], features: Iterable[Feature]) -> bool:
    """Whether a device with these features computes all of these reductions."""
    known = set(features)
    return all(_FEATURES.get(Reduction(request.reduction), Feature.REDUCE) in known for request in requests)


def lowest_raw(real: float, dtype: Element, scale: float | None, zero_point: int) -> int | float:
    """The smallest raw value whose real value is at least ``real``, to compare raw values without dequantising them.

    Raises:
        BadInput: an integer dtype without a scale, or a threshold that is NaN.
    """
    if math.isnan(real):
        raise BadInput("the threshold is NaN; use a number")
    if dtype.kind == "f":
        return float(np.float32(real))
    if not scale:
        raise BadInput(f"values of {dtype} cannot be compared with {real} without a scale; pass scale and zero_point")
    steps = math.ceil(min(max(real / scale, -(2.0**31)), 2.0**31))
    return min(max(steps + zero_point, -(2**31)), 2**31 - 1)


def parse(data: bytes | bytearray | memoryview, request: Return, spec: TensorSpec, count: int | None = None) -> Reduced:
    """Reads the reply to a request; arrays are views of data.

    Args:
        data: the bytes of this output in the result.
        request: the request.
        spec: the output.
        count: ``ResultRecord.count``; None = the number of rows in data.

    Raises:
        RemoteProtocolError: the length does not fit the request.
    """
    size = len(data)
    if request.reduction == Reduction.RAW:
        if size != (request.length or spec.size - request.offset) or size % spec.dtype.itemsize:
            raise _wrong_length(spec, size)
        array = np.frombuffer(data, spec.dtype)
        return array.reshape(spec.shape) if size == spec.size else array
    if request.reduction in _ON_ROWS:
        return _rows(data, request, spec, count)
    if request.reduction in _CLASS_MAPS:
        return _class_map(data, request, spec)
    if request.reduction == Reduction.SAME_ROWS:
        if size % (request.channels * spec.dtype.itemsize):
            raise _wrong_length(spec, size)
        return np.frombuffer(data, spec.dtype).reshape(-1, request.channels)
    if size != (request.k if request.reduction == Reduction.TOPK else request.channels) * Peak.SIZE:
        raise _wrong_length(spec, size)
    records = Peak.array(data, size // Peak.SIZE, 0, Peak.SIZE)
    values = records["value"].view("<f4") if spec.dtype.kind == "f" else records["value"].astype(spec.dtype)
    return Peaks(records["index"], values)


def _rows(data: bytes | bytearray | memoryview, request: Return, spec: TensorSpec, count: int | None) -> Rows:
    layout = _row_dtype(request, spec)
    if len(data) % layout.itemsize or len(data) > request.k * layout.itemsize:
        raise _wrong_length(spec, len(data))
    records = np.frombuffer(data, layout)
    return Rows(
        records["index"],
        records["values"],
        len(records) if count is None else count,
        _value(request.threshold, spec.dtype),
        records["best"] if request.reduction in DETECTIONS else None,
    )


def _class_map(data: bytes | bytearray | memoryview, request: Return, spec: TensorSpec) -> ClassMap:
    positions = math.prod(spec.shape) // request.channels
    if len(data) % LabelRun.SIZE:
        raise _wrong_length(spec, len(data))
    runs = LabelRun.array(data, len(data) // LabelRun.SIZE, 0, LabelRun.SIZE)
    lengths = runs["more"].astype(np.intp) + 1
    if lengths.sum() != positions or runs["label"].max(initial=0) >= max(request.channels, 2):
        raise RemoteProtocolError(
            f"the device returned a class map of {lengths.sum()} positions of output {spec.name!r}, which does not fit the request"
        )
    return ClassMap(np.repeat(runs["label"], lengths), _value(request.threshold, spec.dtype))


def _reducible(spec: TensorSpec) -> None:
    if spec.dtype not in REDUCIBLE:
        raise BadInput(f"output {spec.name!r} is {spec.dtype}, which devices do not reduce; request the whole output")


def _row_dtype(request: Return, spec: TensorSpec) -> np.dtype[np.void]:
    """Layout of a ``Selected`` or ``Detected`` record with its values and its padding to 4 bytes."""
    fields: list[tuple[str, object]] = [("index", "<u4")]
    values = request.channels
    if request.reduction in DETECTIONS:
        fields += [("best", "<u2"), ("reserved", "<u2")]
        values += 1 - (request.length or request.channels - request.channel)
    fields.append(("values", (spec.dtype, (values,))))
    size = np.dtype(fields).itemsize
    return np.dtype([*fields, ("padding", f"V{-size % 4}")] if size % 4 else fields)


def _most(request: Return, spec: TensorSpec) -> int:
    """As many rows as fit in the bytes of the whole output, 1 or more; the field k of a request has 16 bits."""
    return max(min(spec.size // _row_dtype(request, spec).itemsize, 0xFFFF), 1)


def _threshold(real: float, spec: TensorSpec) -> int:
    return _bits(lowest_raw(real, spec.dtype, spec.scale, spec.zero_point))


def _bits(raw: float) -> int:
    return int(np.float32(raw).view(np.uint32)) if isinstance(raw, float) else raw & 0xFFFFFFFF


def _value(bits: int, dtype: Element) -> int | float:
    word = np.uint32(bits)
    return float(word.view(np.float32)) if dtype.kind == "f" else int(word.view(np.int32))


def _wrong_length(spec: TensorSpec, size: int) -> RemoteProtocolError:
    return RemoteProtocolError(
        f"the device returned {size} bytes of output {spec.name!r}, which does not fit the request"
    )
