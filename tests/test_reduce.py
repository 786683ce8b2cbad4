"""Requests for parts of outputs and their answers, against the oracle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from reductions import device, spec, tensor

from n6link.decoders.largest import first_largest
from n6link.decoders.logits import rank
from n6link.decoders.pose_heatmap import find_peaks
from n6link.errors import BadInput, RemoteProtocolError
from n6link.protocol import Feature, Reduction
from n6link.protocol.records import Return
from n6link.tensors import reduce
from n6link.tensors.reduce import ClassMap, Peaks, Rows

DTYPES = ("int8", "uint8", "int16", "float32")


@st.composite
def arrays(draw: st.DrawFn, max_rows: int = 12, max_channels: int = 9) -> NDArray[Any]:
    """(rows, channels) with many ties, and NaN and infinities among floats."""
    dtype = draw(st.sampled_from(DTYPES))
    rows, channels = draw(st.integers(1, max_rows)), draw(st.integers(1, max_channels))
    if dtype == "float32":
        values: list[Any] = [0.0, -0.0, 0.25, 1.0, -3.5, float("nan"), float("inf"), float("-inf")]
    else:
        limits = np.iinfo(dtype)
        values = [int(limits.min), int(limits.min) + 1, 1, 2, int(limits.max)]
    flat = draw(st.lists(st.sampled_from(values), min_size=rows * channels, max_size=rows * channels))
    return np.array(flat, dtype).reshape(rows, channels)


@given(arrays())
def test_argmax(array: NDArray[Any]) -> None:
    request = reduce.argmax(0, tensor("y", array))
    data, count = device(array, request)
    peaks, own = reduce.parse(data, request, tensor("y", array), count), find_peaks(array[:, None, :])
    assert isinstance(peaks, Peaks) and peaks.values.dtype == array.dtype
    assert peaks.indices.tolist() == own.indices.tolist()
    assert np.array_equal(peaks.values, own.values, equal_nan=array.dtype.kind == "f")


@given(arrays(max_rows=3, max_channels=40), st.integers(1, 64), st.data())
def test_topk(array: NDArray[Any], k: int, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(array) - 1))
    request = reduce.topk(3, tensor("y", array), k, row=row)
    assert request.output == 3
    raw, count = device(array, request)
    peaks, own = reduce.parse(raw, request, tensor("y", array), count), rank(array[row], k)
    assert isinstance(peaks, Peaks) and len(peaks.indices) == min(k, array.shape[1])
    assert peaks.indices.tolist() == own.indices.tolist()
    assert np.array_equal(peaks.values, own.values, equal_nan=array.dtype.kind == "f")


@given(arrays(), st.booleans(), st.data())
def test_threshold(array: NDArray[Any], columns: bool, data: st.DataObject) -> None:
    channel = data.draw(st.integers(0, array.shape[1] - 1))
    limit = data.draw(st.none() | st.integers(1, 15))
    threshold = data.draw(st.sampled_from([0.0, 0.25, 0.3, 1.0, 100.0, -1e9, 1e9]))
    scale = None if array.dtype.kind == "f" else 0.5
    stored = np.ascontiguousarray(array.T) if columns else array
    output = tensor("y", stored, scale, 1)
    request = reduce.above(0, output, threshold, channels=array.shape[1], channel=channel, columns=columns)
    request = replace(request, k=limit or request.k)
    raw, count = device(stored, request)
    rows = reduce.parse(raw, request, output, count)
    assert isinstance(rows, Rows)
    real = (array[:, channel].astype(np.float64) - 1) * 0.5 if scale else array[:, channel]
    passing = np.flatnonzero(real >= (threshold if scale else np.float32(threshold)))
    assert rows.count == len(passing)
    assert rows.indices.tolist() == passing[: request.k].tolist()
    assert np.array_equal(rows.values, array[rows.indices], equal_nan=array.dtype.kind == "f")
    assert rows.complete == (len(passing) <= request.k)
    if limit is None:
        assert len(raw) <= stored.nbytes or request.k == 1


@given(arrays(max_channels=12), st.booleans(), st.data())
def test_detections(array: NDArray[Any], columns: bool, data: st.DataObject) -> None:
    rows, channels = array.shape
    channel = data.draw(st.integers(0, channels - 1))
    scores = data.draw(st.integers(1, channels - channel))
    threshold = data.draw(st.sampled_from([0.0, 0.25, 1.0, 100.0, -1e9, 1e9]))
    stored = np.ascontiguousarray(array.T) if columns else array
    output = tensor("y", stored, None if array.dtype.kind == "f" else 0.5, 1)
    request = reduce.detections(
        0, output, threshold, channels=channels, channel=channel, scores=scores, columns=columns
    )
    request = replace(request, k=data.draw(st.none() | st.integers(1, 15)) or request.k)
    selected: list[int] = []
    raw, count = device(stored, request, selected)
    found = reduce.parse(raw, request, output, count)
    assert isinstance(found, Rows) and found.best is not None and found.values.dtype == array.dtype
    block = array[:, channel : channel + scores]
    best = first_largest(block, axis=1)
    passing = [row for row in range(rows) if block[row, best[row]] >= found.threshold]
    assert found.count == len(passing) and found.complete == (len(passing) <= request.k)
    assert found.indices.tolist() == selected == passing[: request.k]
    assert found.best.tolist() == best[found.indices].tolist()
    for row, values in zip(found.indices, found.values, strict=True):
        kept = [*range(channel), channel + best[row], *range(channel + scores, channels)]
        assert np.array_equal(values, array[row, kept], equal_nan=array.dtype.kind == "f")
    # The same rows of another output.
    other = np.arange(rows * 3, dtype=np.int16).reshape(1, rows, 3)
    request = reduce.same_rows(1, tensor("z", other))
    raw, count = device(other, request, selected)
    same = reduce.parse(raw, request, tensor("z", other), count)
    assert isinstance(same, np.ndarray) and np.array_equal(same, other[0, selected])


@given(arrays(max_rows=300, max_channels=4), st.booleans(), st.data())
def test_class_map(array: NDArray[Any], columns: bool, data: st.DataObject) -> None:
    rows, channels = array.shape
    threshold = data.draw(st.sampled_from([0.0, 0.25, 1.0, 100.0, -1e9]))
    stored = np.ascontiguousarray(array.T).reshape(1, channels, rows) if columns else array
    output = tensor("y", stored, None if array.dtype.kind == "f" else 0.5, 1)
    request = reduce.class_map(0, output, channels, columns=columns, threshold=threshold)
    raw, count = device(stored, request)
    found = reduce.parse(raw, request, output, count)
    assert isinstance(found, ClassMap) and len(raw) == 2 * count
    expected = array[:, 0] >= found.threshold if channels == 1 else first_largest(array, axis=1)
    assert found.classes.dtype == np.uint8 and found.classes.tolist() == expected.tolist()


@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_the_longest_runs(dtype: str) -> None:
    array = np.zeros((1, 20, 30, 2), dtype)
    array[0, 10:, :, 1] = 1
    output = tensor("y", array, 1.0)
    request = reduce.class_map(0, output, 2)
    data, count = device(array, request)
    assert data.hex(" ", 2) == "00ff 002b 01ff 012b" and count == 4
    found = reduce.parse(data, request, output, count)
    assert isinstance(found, ClassMap) and np.array_equal(found.classes, np.repeat([0, 1], 300))


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\2", b"\0\2\1\3", b"\2\2\1\1", b"\0\0" * 6, bytes([0, 255])])
def test_class_maps_that_do_not_fit(data: bytes) -> None:
    output = spec("y", (1, 1, 5, 2), "int8", 1.0)
    with pytest.raises(RemoteProtocolError, match="does not fit the request"):
        reduce.parse(data, reduce.class_map(0, output, 2), output)


def test_which_devices_compute_what() -> None:
    output = spec("y", (1, 8, 8, 4), "int8", 1.0)
    class_map, rows = reduce.class_map(0, output, 4), reduce.same_rows(0, output)
    assert reduce.supported([reduce.whole(0), reduce.argmax(0, output)], [Feature.REDUCE])
    assert not reduce.supported([class_map], [Feature.REDUCE, Feature.DETECTIONS])
    assert not reduce.supported([class_map, rows], [Feature.REDUCE, Feature.CLASS_MAP])
    assert reduce.supported([class_map, rows], [Feature.REDUCE, Feature.CLASS_MAP, Feature.DETECTIONS])


def test_threshold_is_kept() -> None:
    output = spec("y", (8, 100), "float32")
    request = reduce.above(0, output, 0.3, channels=8, channel=0, columns=True)
    rows = reduce.parse(b"", request, output, 0)
    assert isinstance(rows, Rows) and rows.threshold == float(np.float32(0.3))
    quantised = spec("y", (8, 100), "int8", 0.1, -100)
    request = reduce.above(0, quantised, 0.25, channels=8, channel=0, columns=True)
    rows = reduce.parse(b"", request, quantised)
    assert isinstance(rows, Rows) and (rows.threshold, rows.count) == (-97, 0)


def test_whole_and_part() -> None:
    array = np.arange(24, dtype=np.int16).reshape(1, 4, 6)
    output = tensor("y", array)
    data, _ = device(array, reduce.whole(0))
    assert np.array_equal(np.asarray(reduce.parse(data, reduce.whole(0), output)), array)
    request = reduce.part(0, output, 18, 6)
    data, _ = device(array, request)
    row = reduce.parse(data, request, output)
    assert isinstance(row, np.ndarray) and np.array_equal(row, array[0, 3])


def test_the_record_on_the_wire() -> None:
    request = Return(
        1, reduction=Reduction.THRESHOLD, channels=2, offset=3, length=4, threshold=0xFFFFFFFF, channel=5, k=6
    )
    assert request.pack() == bytes.fromhex("0100 00 03 03000000 04000000 ffffffff 0200 0500 0600 0000")
    assert Return.SIZE == len(request.pack())


@pytest.mark.parametrize(
    ("real", "dtype", "scale", "zero_point", "raw"),
    [
        (0.5, "int8", 1 / 256, -128, 0),
        (0.501, "int8", 1 / 256, -128, 1),
        (-0.3, "int8", 0.1, 0, -2),
        (2.0, "int8", 0.001, 0, 2000),
        (float("inf"), "uint8", 0.1, 0, 2**31 - 1),
        (-1e300, "uint8", 0.1, 5, -(2**31) + 5),
        (0.25, "float32", None, 0, 0.25),
    ],
)
def test_lowest_raw(real: float, dtype: str, scale: float | None, zero_point: int, raw: float) -> None:
    assert reduce.lowest_raw(real, np.dtype(dtype), scale, zero_point) == raw


@given(st.floats(-3, 3), st.floats(1e-3, 1), st.integers(-128, 127))
def test_lowest_raw_divides_what_passes(real: float, scale: float, zero_point: int) -> None:
    lowest = reduce.lowest_raw(real, np.dtype("int8"), scale, zero_point)
    assert (lowest - zero_point) * scale >= real - 1e-12
    assert (lowest - 1 - zero_point) * scale < real + 1e-12


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: reduce.argmax(0, spec("y", (2, 2), "int32")), "int32, which devices do not reduce"),
        (lambda: reduce.topk(0, spec("y", (2, 9), "int8"), 0), "k=0 is out of range"),
        (lambda: reduce.topk(0, spec("y", (2, 9), "int8"), 65), "k=65 is out of range"),
        (lambda: reduce.topk(0, spec("y", (2, 9), "int8"), 1, row=2), "does not have row 2"),
        (lambda: reduce.part(0, spec("y", (4,), "int8"), 3, 2), r"3..4 are not in output 'y'"),
        (lambda: reduce.part(0, spec("y", (4,), "int8"), 0, 0), "not in output"),
        (lambda: reduce.class_map(0, spec("y", (4, 300), "int8"), 300), "does not have 300 channels"),
        (lambda: reduce.class_map(0, spec("y", (4, 3), "int8"), 5), "does not have 5 channels"),
        (lambda: reduce.class_map(0, spec("y", (4, 3), "int32"), 3), "int32, which devices do not reduce"),
        (lambda: reduce.same_rows(0, spec("y", (4, 3), "bool")), "bool, which devices do not reduce"),
        (
            lambda: reduce.detections(
                0, spec("y", (4, 6), "float32"), 0.5, channels=6, channel=4, scores=3, columns=False
            ),
            r"does not have channels 4..6 of 6",
        ),
        (lambda: _above(channel=3), "does not have channel 3 of 3"),
        (lambda: _above(channels=4, channel=0), "does not have channel 0 of 4"),
        (lambda: _above(threshold=float("nan")), "NaN"),
        (lambda: _above(dtype="int8"), "without a scale"),
    ],
)
def test_impossible_requests(make: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        make()


def _above(threshold: float = 0.5, channels: int = 3, channel: int = 0, dtype: str = "float32") -> Return:
    return reduce.above(0, spec("y", (3, 5), dtype), threshold, channels=channels, channel=channel, columns=True)


@pytest.mark.parametrize(
    ("request_", "size"),
    [
        (reduce.whole(0), 11),
        (Return(0, reduction=Reduction.RAW, offset=4, length=4), 3),
        (Return(0, reduction=Reduction.ARGMAX, channels=3), 16),
        (Return(0, reduction=Reduction.TOPK, k=2), 8),
        (Return(0, reduction=Reduction.THRESHOLD, channels=3, k=2), 9),
        (Return(0, reduction=Reduction.THRESHOLD, channels=3, k=2), 24),
        (Return(0, reduction=Reduction.DETECTIONS, channels=3, channel=1, k=2), 9),
        (Return(0, reduction=Reduction.DETECTIONS, channels=3, channel=1, k=1), 24),
        (Return(0, reduction=Reduction.SAME_ROWS, channels=3), 8),
    ],
)
def test_answers_of_a_wrong_length(request_: Return, size: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"{size} bytes of output 'y'"):
        reduce.parse(bytes(size), request_, spec("y", (4, 3), "int8", 0.1))
