"""Quantising against exact fractions, and what descriptions of tensors may say."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from reductions import spec

from n6link.errors import BadInput, RemoteProtocolError
from n6link.protocol import DType
from n6link.protocol.records import ScaleRecord, TensorRecord
from n6link.tensors.tensor import TensorSpec, from_records

DTYPES = ("int8", "uint8", "int16", "uint16", "int32")
floats32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
scales32 = st.floats(min_value=2.0**-20, max_value=2.0**20, width=32)


def exact(real: float, scale: float, zero_point: int, dtype: str) -> int:
    """The rule, in rational numbers: Python rounds a Fraction half to even."""
    limits = np.iinfo(dtype)
    return min(max(round(Fraction(real) / Fraction(scale)) + zero_point, int(limits.min)), int(limits.max))


@given(st.lists(floats32, min_size=1, max_size=20), scales32, st.integers(-128, 127), st.sampled_from(DTYPES))
@example([0.5, 1.5, 2.5, -0.5, -1.5, 127.5, 126.5, -128.5, 1e30], 1.0, 3, "int8")
def test_quantize_is_exact(real: list[float], scale: float, zero_point: int, dtype: str) -> None:
    tensor = spec("x", (len(real),), dtype, scale, zero_point)
    raw = tensor.quantize(np.array(real, np.float32))
    assert raw.dtype == np.dtype(dtype)
    assert raw.tolist() == [exact(value, scale, zero_point, dtype) for value in real]


@given(st.data(), scales32, st.integers(-400, 400), st.sampled_from(["int8", "uint8"]))
def test_quantize_finds_every_tie(data: st.DataObject, scale: float, step: int, dtype: str) -> None:
    """Around the middle between two steps, one unit in the last place decides."""
    middle = np.float32((step + 0.5) * scale)
    near = np.array([np.nextafter(middle, np.float32(-np.inf)), middle, np.nextafter(middle, np.float32(np.inf))])
    raw = spec("x", (3,), dtype, scale, 1).quantize(near)
    assert raw.tolist() == [exact(float(value), scale, 1, dtype) for value in near]


def channels(axis: int, shape: tuple[int, ...], dtype: str = "int8") -> TensorSpec:
    count = shape[axis]
    return TensorSpec(
        "w",
        shape,
        np.dtype(dtype),
        int(np.prod(shape)) * np.dtype(dtype).itemsize,
        scales=np.linspace(0.01, 0.3, count, dtype=np.float32),
        zero_points=np.arange(count, dtype=np.int32) - 2,
        axis=axis,
    )


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_per_channel(axis: int) -> None:
    tensor = channels(axis, (3, 4, 5))
    assert tensor.scales is not None and tensor.zero_points is not None
    real = np.random.default_rng(7).normal(0, 10, tensor.shape).astype(np.float32)
    raw, back = tensor.quantize(real), np.empty(tensor.shape, np.float32)
    for index in np.ndindex(*tensor.shape):
        scale, zero_point = float(tensor.scales[index[axis]]), int(tensor.zero_points[index[axis]])
        assert raw[index] == exact(float(real[index]), scale, zero_point, "int8")
        back[index] = np.float32(int(raw[index]) - zero_point) * np.float32(scale)
    assert np.array_equal(tensor.dequantize(raw), back)


def test_per_channel_needs_its_axis() -> None:
    with pytest.raises(BadInput, match="axis 1"):
        channels(1, (2, 3, 4)).quantize(np.zeros(4, np.float32))


@given(st.integers(-128, 127), scales32, st.integers(-128, 127))
def test_round_trip(raw: int, scale: float, zero_point: int) -> None:
    tensor = spec("x", (1,), "int8", scale, zero_point)
    real = tensor.dequantize(np.array([raw], np.int8))
    assert real.dtype == np.float32
    assert tensor.quantize(real).tolist() == [raw]


def test_raw_values_are_not_copied() -> None:
    raw = np.arange(6, dtype=np.int8).reshape(2, 3)
    tensor = spec("x", (2, 3), "int8", 0.5)
    assert tensor.quantize(raw) is raw
    assert tensor.check(raw) is raw
    real = np.ones(3, np.float32)
    assert np.shares_memory(spec("x", (3,), "float32").quantize(real), real)


def test_check_makes_contiguous() -> None:
    turned = np.arange(6, dtype=np.int8).reshape(3, 2).T
    checked = spec("x", (2, 3), "int8").check(turned)
    assert checked.flags.c_contiguous and np.array_equal(checked, turned)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 2), np.int8), r"int8 of shape \(2, 3\); got int8 of shape \(3, 2\)"),
        (np.zeros((2, 3), np.uint8), "got uint8"),
        (np.zeros((2, 3), ">i2"), "got >i2"),
    ],
)
def test_check_refuses(array: NDArray[Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        spec("x", (2, 3), "int8").check(array)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_no_nan_no_infinity(bad: float, dtype: str) -> None:
    with pytest.raises(BadInput, match=str(bad)):
        spec("x", (2,), dtype, 0.1 if dtype == "int8" else None).quantize([1.0, bad])


def test_floats_that_overflow_the_tensor() -> None:
    with pytest.raises(BadInput, match="inf"):
        spec("x", (1,), "float16").quantize([1e10])


@pytest.mark.parametrize(
    ("dtype", "scale", "given_", "message"),
    [
        ("int8", 0.1, np.array([1, 2]), "raw values as int8 or real numbers as floats, not int64"),
        ("int32", None, np.array([0.5]), "not quantised; pass integers"),
        ("int8", None, np.array([1, 300]), "values from 1 to 300 do not fit"),
        ("int8", 0.1, np.array(["a"]), "requires numbers"),
        ("float32", None, np.array([1j]), "requires numbers"),
    ],
)
def test_nothing_is_guessed(dtype: str, scale: float | None, given_: NDArray[Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        spec("x", (2,), dtype, scale).quantize(given_)


def test_integers_for_tensors_that_are_not_quantised() -> None:
    assert spec("ids", (2,), "int32").quantize([1, 2]).dtype == np.int32
    assert spec("x", (2,), "float32").quantize([1, 2]).dtype == np.float32
    assert spec("mask", (2,), "uint8").quantize([True, False]).tolist() == [1, 0]
    assert spec("ids", (2,), "int32").dequantize(np.array([1, 2], np.int32)).tolist() == [1.0, 2.0]


def record(**values: Any) -> TensorRecord:
    usual = TensorRecord(
        name="x", dtype=DType.INT8, ndim=2, shape=(2, 3, 0, 0, 0, 0), size=6, offset=32, scale=0.5, zero_point=-1
    )
    return replace(usual, **values)


def test_from_record() -> None:
    tensor = TensorSpec.from_record(record())
    assert (tensor.name, tensor.shape, tensor.dtype, tensor.size) == ("x", (2, 3), np.dtype("i1"), 6)
    assert (tensor.offset, tensor.scale, tensor.zero_point, tensor.quantized) == (32, 0.5, -1, True)
    plain = TensorSpec.from_record(record(scale=0.0, zero_point=0))
    assert plain.scale is None and not plain.quantized


def test_from_records_deals_out_scales() -> None:
    first = TensorRecord(name="a", dtype=DType.INT8, ndim=1, shape=(2, 0, 0, 0, 0, 0), size=2, scales=2)
    second = TensorRecord(name="b", dtype=DType.FLOAT32, ndim=1, shape=(4, 0, 0, 0, 0, 0), size=16, offset=32)
    third = TensorRecord(name="c", dtype=DType.UINT8, ndim=2, shape=(5, 1, 0, 0, 0, 0), size=5, scales=1, axis=1)
    scales = [ScaleRecord(scale=s, zero_point=z) for s, z in ((0.5, 1), (0.25, -1), (2.0, 9))]
    a, b, c = from_records([first, second, third], scales)
    assert a.scales is not None and a.zero_points is not None and a.scale is None
    assert (a.scales.tolist(), a.zero_points.tolist()) == ([0.5, 0.25], [1, -1])
    assert (b.scale, b.scales, b.dtype) == (None, None, np.dtype("<f4"))
    assert c.scales is not None and (c.scales.tolist(), c.axis) == ([2.0], 1)
    with pytest.raises(RemoteProtocolError, match="2 scales, but the device sent 3"):
        from_records([first, second], scales)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dtype": 99}, "unknown dtype 99"),
        ({"ndim": 0}, r"size of 6 bytes, but is \w+ of shape \(\)"),
        ({"ndim": 7}, "7 dimensions"),
        ({"size": 7}, "size of 7 bytes"),
        ({"shape": (2**31, 2**31, 0, 0, 0, 0)}, "size of 6 bytes"),
        ({"scales": 2}, "2 scales on axis 0"),
        ({"scale": -1.0}, "not a positive number"),
        ({"scale": float("nan")}, "not a positive number"),
    ],
)
def test_contradictions(values: dict[str, Any], message: str) -> None:
    with pytest.raises(RemoteProtocolError, match=message):
        TensorSpec.from_record(record(**values))


def test_scales_contradict_the_axis() -> None:
    scales = [ScaleRecord(scale=1.0)] * 2
    assert TensorSpec.from_record(record(scales=2), scales).scales is not None
    for values in ({"axis": 1}, {"axis": 5}):
        with pytest.raises(RemoteProtocolError, match="2 scales on axis"):
            TensorSpec.from_record(record(scales=2, **values), scales)
    with pytest.raises(RemoteProtocolError, match="not a positive number"):
        TensorSpec.from_record(record(scales=2), [ScaleRecord()] * 2)


@given(st.binary(min_size=TensorRecord.SIZE, max_size=TensorRecord.SIZE))
def test_any_record_is_a_tensor_or_an_error(raw: bytes) -> None:
    try:
        tensor = TensorSpec.from_record(TensorRecord.unpack(raw))
    except RemoteProtocolError:
        return
    assert tensor.size == int(np.prod(tensor.shape)) * tensor.dtype.itemsize
