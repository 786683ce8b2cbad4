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
from n6link.tensors.reduce import Reduced
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


def device(array: NDArray[Any], request: Return) -> tuple[bytes, int]:
    """The bytes and the count that a device answers to a request for an output."""
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
    (threshold,) = struct.unpack("<f" if code == "f" else "<i", struct.pack("<I", wire.threshold))
    rows = len(values) // wire.channels
    columns = wire.reduction == Reduction.THRESHOLD_COLUMNS
    passed, out = 0, b""
    for index in range(rows):
        row = values[index::rows] if columns else values[index * wire.channels : (index + 1) * wire.channels]
        if row[wire.channel] >= threshold:  # false for NaN
            passed += 1
            if passed <= wire.k:
                record = struct.pack(f"<I{wire.channels}{code}", index, *row)
                out += record + bytes(-len(record) % 4)
    return out, passed


def answer(
    network: Network, arrays: Mapping[str, NDArray[Any]], requests: list[Return], where: Placement | None
) -> Answer:
    """The result that a device would have given, had it been asked for these reductions."""
    names = list(network.outputs)
    reduced = {}
    for request in requests:
        name = names[request.output]
        data, count = device(arrays[name], request)
        reduced[name] = reduce.parse(data, request, network.outputs[name], count)
    return Answer(network, {}, reduced, where)
