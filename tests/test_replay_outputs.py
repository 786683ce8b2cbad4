"""Outputs that are made from recorded reductions: the device reduces them to the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from reductions import device, tensor

from n6link import TensorSpec
from n6link.protocol import Reduction
from n6link.protocol.records import ResultRecord, Return
from n6link.recorder.outputs import Rebuilt, lowest
from n6link.tensors import reduce


def requests(index: int, spec: TensorSpec, raw: NDArray[Any]) -> Iterator[Return]:
    """Reductions of every kind that a device permits for the shape: columns of candidates are those of [axis, rows]."""
    width = spec.shape[-1]
    middle = float(np.median(np.nan_to_num(raw.astype(float))))
    yield reduce.whole(index)
    yield reduce.part(index, spec, 1, raw.size - 2)
    yield reduce.argmax(index, spec)
    for k in (1, 3, width):
        yield reduce.topk(index, spec, k, row=raw.size // width - 1)
    for columns in (False, True):
        channels = spec.shape[0] if columns else width
        for threshold in (middle, -1e9, 1e9) if raw.ndim == 2 or not columns else ():
            passing = reduce.above(index, spec, threshold, channels=channels, channel=1, columns=columns)
            yield passing
            yield replace(passing, k=2)
            for first, scores in (0, channels), (1, channels - 2):
                best = reduce.detections(
                    index, spec, threshold, channels=channels, channel=first, scores=scores, columns=columns
                )
                yield best
                yield replace(best, k=2)
        for threshold in middle, -1e9, 1e9:
            yield reduce.class_map(index, spec, 1, columns=columns, threshold=threshold)
        yield reduce.class_map(index, spec, channels, columns=columns)


@pytest.mark.parametrize("shape", [(5, 4, 6), (5, 24)])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "float32"])
@pytest.mark.parametrize("seed", range(4))
def test_an_output_from_a_reduction_reduces_to_the_same(dtype: str, seed: int, shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(seed)
    low, high = (-3, 3) if seed % 2 else (-128, 127)  # many equal values, or few
    raw = random.integers(max(low, 0 if dtype == "uint8" else low), high, shape).astype(dtype)
    if dtype == "float32":
        raw[random.random(raw.shape) < 0.1] = np.nan
    if dtype == "int8" and seed == 1:
        raw[..., 1] = -128
    spec = tensor("it", raw, scale=None if dtype == "float32" else 1.0)
    for request in requests(0, spec, raw):
        data, count = device(raw, request)
        record = ResultRecord(output=0, reduction=request.reduction, length=len(data), count=count)
        rebuilt = bytearray(lowest(spec))
        for offset, piece in Rebuilt().pieces(spec, request, record, data):
            rebuilt[offset : offset + len(piece)] = piece
        again = device(np.frombuffer(rebuilt, spec.dtype).reshape(raw.shape), request)
        assert again == (data, count), request
        if request.reduction == Reduction.RAW and not request.offset:
            assert bytes(rebuilt) == raw.tobytes()


@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_rows_of_two_outputs(dtype: str) -> None:
    random = np.random.default_rng(5)
    scores, boxes = (random.integers(0, 100, (1, 30, width)).astype(dtype) for width in (3, 4))
    specs = [tensor("scores", scores, 1.0), tensor("boxes", boxes, 1.0)]
    requests = [
        reduce.detections(0, specs[0], 70, channels=3, channel=0, scores=3, columns=False),
        reduce.same_rows(1, specs[1]),
    ]
    rebuilt, selected = Rebuilt(), list[int]()
    for request, spec, raw in zip(requests, specs, (scores, boxes), strict=True):
        data, count = device(raw, request, selected)
        assert data
        again = bytearray(lowest(spec))
        record = ResultRecord(output=request.output, reduction=request.reduction, length=len(data), count=count)
        for offset, piece in rebuilt.pieces(spec, request, record, data):
            again[offset : offset + len(piece)] = piece
        assert device(np.frombuffer(again, spec.dtype).reshape(raw.shape), request, selected) == (data, count)
