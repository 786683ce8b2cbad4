"""What section 7 of protocol.md says a device computes, written down a second time, slowly: an oracle for decoders.

It works on bytes with ``struct`` and plain Python, and shares no code with the package but the layout of ``Return``.
Also here: the least of a network and of a result that a decoder reads.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from n6link.protocol import Reduction
from n6link.protocol.records import Return
from n6link.tensors import reduce
from n6link.tensors.card import Card
from n6link.tensors.image import Placement
from n6link.tensors.reduce import ClassMap, Peaks, Reduced, Rows
from n6link.tensors.tensor import TensorSpec

FORMATS = {"int8": "b", "uint8": "B", "int16": "h", "float32": "f"}


@dataclass(frozen=True)
class Network:
    name: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    card: Card | None
    card_problem: str = ""


@dataclass(frozen=True)
class Answer:
    network: Network
    outputs: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    reduced: Mapping[str, Reduced] = field(default_factory=dict)
    placement: Placement | None = None


def tensor(name: str, array: NDArray[Any], scale: float | None = None, zero_point: int = 0) -> TensorSpec:
    return TensorSpec(name, array.shape, array.dtype, array.nbytes, scale=scale, zero_point=zero_point)


def spec(name: str, shape: tuple[int, ...], dtype: str, scale: float | None = None, zero_point: int = 0) -> TensorSpec:
    return tensor(name, np.empty(shape, dtype), scale, zero_point)


def device(array: NDArray[Any], request: Return, selected: list[int] | None = None) -> tuple[bytes, int]:
    """The bytes and the count that a device answers to a request for an output.

    ``selected`` are the rows that the last selection returned, which SAME_ROWS uses and selections replace.
    """
    wire = Return.unpack(request.pack())
    raw, code = array.tobytes(), FORMATS.get(str(array.dtype), "")
    if wire.reduction == Reduction.RAW:
        end = wire.offset + wire.length if wire.length else len(raw)
        return raw[wire.offset : end], 0
    values = list(struct.unpack(f"<{array.size}{code}", raw))

    def rank(value: float) -> tuple[bool, float]:
        return (False, 0.0) if math.isnan(value) else (True, value)

    def peak(index: int, value: float) -> bytes:
        return struct.pack("<If" if code == "f" else "<Ii", index, value)

    if wire.reduction == Reduction.ARGMAX:
        assert _fits(array.shape, wire)
        out = b""
        for channel in range(wire.channels):
            column = values[channel :: wire.channels]
            best = max(range(len(column)), key=lambda i: (rank(column[i]), -i))
            out += peak(best, column[best])
        return out, wire.channels
    if wire.reduction == Reduction.TOPK:
        row = values[wire.offset : wire.offset + wire.length if wire.length else None]
        order = sorted(range(len(row)), key=lambda i: (rank(row[i]), -i), reverse=True)[: wire.k]
        return b"".join(peak(i, row[i]) for i in order), len(order)
    columns = wire.reduction in (4, 7, 8)
    assert _fits(array.shape, wire), f"a device refuses {wire.channels} channels of shape {array.shape}"
    rows = len(values) // wire.channels
    table = [
        values[index::rows] if columns else values[index * wire.channels : (index + 1) * wire.channels]
        for index in range(rows)
    ]
    (threshold,) = struct.unpack("<f" if code == "f" else "<i", struct.pack("<I", wire.threshold))
    if wire.reduction in (Reduction.CLASS_MAP, Reduction.CLASS_MAP_COLUMNS):
        labels = [
            int(row[0] >= threshold) if len(row) == 1 else max(range(len(row)), key=lambda i: (rank(row[i]), -i))
            for row in table
        ]
        return runs(labels)
    if wire.reduction == Reduction.SAME_ROWS:
        assert selected is not None
        out = b"".join(struct.pack(f"<{wire.channels}{code}", *table[index]) for index in selected)
        return out, len(selected)
    found: list[int] = []
    passed, out = 0, b""
    last = wire.channel + (wire.length or wire.channels - wire.channel)
    for index, row in enumerate(table):
        best, head = wire.channel, struct.pack("<I", index)
        if wire.reduction in (Reduction.DETECTIONS, Reduction.DETECTIONS_COLUMNS):
            best = max(range(wire.channel, last), key=lambda i: (rank(row[i]), -i))
            head += struct.pack("<HH", best - wire.channel, 0)
            kept = [*row[: wire.channel], row[best], *row[last:]]
        else:
            kept = row
        if row[best] >= threshold:  # false for NaN
            passed += 1
            if passed <= wire.k:
                record = head + struct.pack(f"<{len(kept)}{code}", *kept)
                out += record + bytes(-len(record) % 4)
                found.append(index)
    if selected is not None:
        selected[:] = found
    return out, passed


def _fits(shape: tuple[int, ...], wire: Return) -> bool:
    """Whether ``channels`` fits the axis of the reduction."""
    kind = wire.reduction
    if kind in (Reduction.CLASS_MAP, Reduction.CLASS_MAP_COLUMNS) and wire.channels == 1:
        return True
    if kind in (Reduction.ARGMAX, Reduction.CLASS_MAP):
        return shape[-1] == wire.channels
    if kind in (Reduction.THRESHOLD, Reduction.DETECTIONS, Reduction.SAME_ROWS):
        return shape[-1] % wire.channels == 0
    if kind is Reduction.CLASS_MAP_COLUMNS:
        return next((size for size in shape if size != 1), 1) == wire.channels
    return len(shape) >= 2 and set(shape[:-2]) <= {1} and shape[-2] == wire.channels


def equal(one: Reduced, other: Reduced) -> bool:
    """Whether two replies are of the same kind and have the same content."""
    match one, other:
        case Peaks(), Peaks():
            return np.array_equal(one.indices, other.indices) and np.array_equal(one.values, other.values)
        case Rows(), Rows():
            same = np.array_equal(one.indices, other.indices) and np.array_equal(one.values, other.values)
            best = one.best is other.best or np.array_equal(one.best, other.best)  # type: ignore[arg-type]
            return same and best and (one.count, one.threshold) == (other.count, other.threshold)
        case ClassMap(), ClassMap():
            return np.array_equal(one.classes, other.classes) and one.threshold == other.threshold
        case np.ndarray(), np.ndarray():
            return np.array_equal(one, other)
    return False


def runs(labels: list[int]) -> tuple[bytes, int]:
    """Runs of equal classes, at most 256 each."""
    out: list[list[int]] = []
    for label in labels:
        if out and out[-1][0] == label and out[-1][1] < 255:
            out[-1][1] += 1
        else:
            out.append([label, 0])
    return b"".join(map(bytes, out)), len(out)


def answer(
    network: Network, arrays: Mapping[str, NDArray[Any]], requests: list[Return], where: Placement | None
) -> Answer:
    """The result that a device would have given, had it been asked for these reductions."""
    names = list(network.outputs)
    reduced: dict[str, Reduced] = {}
    whole: dict[str, NDArray[Any]] = {}
    selected: list[int] = []
    for request in requests:
        name = names[request.output]
        if request == reduce.whole(request.output):
            whole[name] = arrays[name]
            continue
        data, count = device(arrays[name], request, selected)
        reduced[name] = reduce.parse(data, request, network.outputs[name], count)
    return Answer(network, whole, reduced, where)
