"""Description of a tensor, and the conversion between real numbers and raw values.

A tensor is *quantised* when it has a scale: ``real = (raw - zero_point) * scale``, for the whole tensor or for each
channel of one axis. The inverse is the rule of LiteRT, ONNX and ST's tools::

    raw = saturate(round_half_to_even(real / scale) + zero_point)

The quotient is computed in float64. For a float32 number and a float32 scale this is exact enough: the quotient is halfway
between two integers only if the exact one is (the quotient of two 24-bit significands cannot be closer to a tie than 2^-33
without being a tie). Two implementations of the rule therefore always agree.

The meaning of an array depends only on its dtype: an array of the tensor's own dtype contains raw values and is used unchanged,
a float array contains real numbers. Integers of another dtype are accepted only for tensors that are not quantised.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias, TypeGuard, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from n6link.errors import BadInput, RemoteProtocolError, UnknownName
from n6link.protocol import DType, Encoding, Limit
from n6link.protocol.records import ScaleRecord, TensorRecord
from n6link.sheet import Sheet, Shown, facts

Array: TypeAlias = NDArray[Any]
"""of any dtype"""
T = TypeVar("T")
Element: TypeAlias = np.dtype[np.generic]
"""the dtype of a tensor"""

NUMPY_DTYPES: Final[dict[DType, Element]] = {
    DType.FLOAT32: np.dtype("<f4"),
    DType.UINT8: np.dtype("u1"),
    DType.INT8: np.dtype("i1"),
    DType.UINT16: np.dtype("<u2"),
    DType.INT16: np.dtype("<i2"),
    DType.INT32: np.dtype("<i4"),
    DType.INT64: np.dtype("<i8"),
    DType.BOOL: np.dtype("?"),
    DType.FLOAT16: np.dtype("<f2"),
    DType.FLOAT64: np.dtype("<f8"),
    DType.UINT32: np.dtype("<u4"),
    DType.UINT64: np.dtype("<u8"),
}


def quantize(real: Array, scale: ArrayLike, zero_point: ArrayLike, dtype: Element) -> Array:
    """Raw values of real numbers, by the rule at the top of this module; scale and zero point broadcast.

    Args:
        real: finite floats of any shape.
        scale: float32 (or a float with a float32 value), > 0.
        zero_point: integer.
        dtype: integer type of the raw values.
    """
    limits = np.iinfo(dtype.str)
    steps: NDArray[np.float64] = np.asarray(np.divide(real, scale, dtype=np.float64))
    np.rint(steps, out=steps)
    np.add(steps, zero_point, out=steps)
    np.clip(steps, limits.min, limits.max, out=steps)
    raw: Array = steps.astype(dtype)
    return raw


def dequantize(raw: Array, scale: ArrayLike, zero_point: ArrayLike) -> NDArray[np.float32]:
    """Real numbers of raw values as float32; scale and zero point broadcast."""
    real: NDArray[np.float32] = np.subtract(raw, zero_point, dtype=np.float32)
    np.multiply(real, np.asarray(scale, np.float32), out=real)
    return real


def is_array(value: object) -> TypeGuard[Array]:
    """Whether a value is an array, of any dtype."""
    return isinstance(value, np.ndarray)


def finite(array: Array, what: str) -> Array:
    """The array itself.

    Raises:
        BadInput: it contains NaN or infinity.
    """
    if not np.isfinite(array).all():
        worst = array[~np.isfinite(array)].flat[0]
        raise BadInput(f"{what} contains {worst}; use finite numbers")
    return array


class ByName(dict[str, T]):
    """Values by the names of tensors; the error of another name has the names that exist.

    Raises:
        UnknownName: (at a lookup) the name does not exist.
    """

    def __init__(self, what: str, owner: str, named: Mapping[str, T]) -> None:
        super().__init__(named)
        self._what = what
        self._owner = owner

    def __missing__(self, name: str) -> T:
        raise UnknownName(f"{self._what} {name!r} does not exist; {self._owner} has {', '.join(self) or 'none'}")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TensorSpec(Shown):
    """One input or output of a network. Two specs are equal only if they are the same object."""

    name: str
    shape: tuple[int, ...]
    """in memory order, outermost first; () = one value"""
    dtype: Element
    size: int
    """bytes"""
    offset: int = 0
    """inputs: offset of the tensor in an upload, bytes"""
    scale: float | None = None
    """one scale for all values; None = not quantised, or per channel"""
    zero_point: int = 0
    scales: NDArray[np.float32] | None = None
    """per channel of ``axis``; None = per tensor"""
    zero_points: NDArray[np.int32] | None = None
    axis: int = 0
    encodings: tuple[Encoding, ...] = ()
    """inputs: how a picture may be sent besides raw"""

    def brief(self) -> str:  # noqa: D102
        return f"{self.name} {self.dtype}{list(self.shape)}, {self.quantisation}"

    def sheet(self) -> Sheet:  # noqa: D102
        shape = " x ".join(map(str, self.shape)) or "one value"
        about = {"shape": shape, "type": self.dtype, "bytes": f"{self.size:,}", "quantisation": self.quantisation}
        encodings = ", ".join(encoding.name.lower() for encoding in self.encodings)
        return Sheet((facts(about | {"a picture may be sent as": encodings}),))

    @property
    def quantisation(self) -> str:
        """In words."""
        if self.scales is not None:
            return f"{len(self.scales)} scales, for each channel of axis {self.axis}"
        return "not quantised" if self.scale is None else f"scale {self.scale:.6g}, zero point {self.zero_point}"

    @classmethod
    def from_record(cls, record: TensorRecord, scales: Sequence[ScaleRecord] = ()) -> Self:
        """Converts a device's description of a tensor.

        Args:
            record: the description.
            scales: per channel, ``record.scales`` entries.

        Raises:
            RemoteProtocolError: unknown dtype, or numbers that contradict each other.
        """
        name, ndim, size, channels, axis = record.name, record.ndim, record.size, record.scales, record.axis
        if not isinstance(record.dtype, DType):
            raise RemoteProtocolError(f"tensor {name!r} has the unknown dtype {record.dtype}; install a newer n6link")
        if ndim > Limit.MAX_DIMS:
            raise RemoteProtocolError(f"tensor {name!r} has {ndim} dimensions; at most {Limit.MAX_DIMS} are possible")
        dtype = NUMPY_DTYPES[record.dtype]
        shape = record.shape[:ndim]
        if size != math.prod(shape) * dtype.itemsize:
            raise RemoteProtocolError(f"tensor {name!r} has a size of {size} bytes, but is {dtype} of shape {shape}")
        if len(scales) != channels or (channels and (axis >= ndim or shape[axis] != channels)):
            raise RemoteProtocolError(f"tensor {name!r} of shape {shape} has {channels} scales on axis {axis}")
        steps = np.array([row.scale for row in scales] or [record.scale], np.float32)
        zeros = np.array([row.zero_point for row in scales] or [record.zero_point], np.int32)
        if not np.isfinite(steps).all() or (steps < 0).any() or (channels and not steps.all()):
            raise RemoteProtocolError(f"tensor {name!r} has a scale that is not a positive number: {steps}")
        coded = tuple(known for known in Encoding if known and record.encodings >> known & 1 and record.height)
        if channels:
            return cls(
                name, shape, dtype, size, record.offset, scales=steps, zero_points=zeros, axis=axis, encodings=coded
            )
        scale, zero = float(steps[0]) or None, int(zeros[0])
        return cls(name, shape, dtype, size, record.offset, scale=scale, zero_point=zero, encodings=coded)

    @property
    def row_length(self) -> int:
        """Values in a row, which is the last axis; 1 for a tensor without axes."""
        return self.shape[-1] if self.shape else 1

    @property
    def quantized(self) -> bool:
        """Whether raw values are converted to real numbers with a scale."""
        return self.scale is not None or self.scales is not None

    def quantize(self, real: ArrayLike) -> Array:
        """Raw values: the array itself if it has the tensor's dtype, else quantised from floats.

        Args:
            real: float array of any shape that broadcasts against the channels (if the tensor is quantised per channel,
                the array must have the channel axis), or raw values.

        Raises:
            BadInput: NaN, infinity, integers of another dtype for a quantised tensor, or values out of range.
        """
        array = np.asarray(real)
        if array.dtype == self.dtype and array.dtype.kind != "f":
            return array
        if array.dtype.kind == "f":
            finite(array, f"tensor {self.name!r}")
            if self.dtype.kind == "f":
                with np.errstate(over="ignore"):
                    return finite(array.astype(self.dtype, copy=False), f"tensor {self.name!r} as {self.dtype}")
            if self.quantized:
                return quantize(array, *self._parameters(array.ndim), self.dtype)
            raise BadInput(f"tensor {self.name!r} is {self.dtype} and not quantised; pass integers, not {array.dtype}")
        if array.dtype.kind not in "iub":
            raise BadInput(f"tensor {self.name!r} requires numbers, got {array.dtype}")
        if self.dtype.kind == "f":
            return array.astype(self.dtype)
        if self.quantized:
            raise BadInput(
                f"tensor {self.name!r} is quantised {self.dtype}; pass raw values as {self.dtype} or real numbers as "
                f"floats, not {array.dtype}"
            )
        cast = array.astype(self.dtype)
        if not np.array_equal(cast, array):
            raise BadInput(
                f"tensor {self.name!r} is {self.dtype}; values from {array.min()} to {array.max()} do not fit"
            )
        return cast

    def dequantize(self, raw: Array) -> NDArray[np.float32]:
        """Real numbers as float32; if the tensor is not quantised, its values as float32."""
        if not self.quantized:
            return np.asarray(raw).astype(np.float32, copy=False)
        return dequantize(raw, *self._parameters(np.ndim(raw)))

    def check(self, array: Array) -> Array:
        """The array, C-contiguous (copied only if it is not).

        Raises:
            BadInput: shape or dtype are not those of the tensor.
        """
        if array.dtype != self.dtype or array.shape != self.shape:
            raise BadInput(
                f"tensor {self.name!r} is {self.dtype} of shape {self.shape}; got {array.dtype} of shape {array.shape}"
            )
        return np.ascontiguousarray(array)

    def _parameters(self, ndim: int) -> tuple[ArrayLike, ArrayLike]:
        """Scale and zero point, shaped to broadcast over arrays of ndim dimensions whose last axes are the tensor's."""
        if self.scales is None or self.zero_points is None:
            return self.scale or 1.0, self.zero_point
        after = len(self.shape) - 1 - self.axis
        if ndim <= after:
            raise BadInput(
                f"tensor {self.name!r} has its channels on axis {self.axis}; pass an array of its whole shape"
            )
        shape = (-1,) + (1,) * after
        return self.scales.reshape(shape), self.zero_points.reshape(shape)


def from_records(records: Sequence[TensorRecord], scales: Sequence[ScaleRecord]) -> tuple[TensorSpec, ...]:
    """All inputs, or all outputs, of a network.

    Args:
        records: one for each tensor.
        scales: per channel, tensor after tensor.

    Raises:
        RemoteProtocolError: the records contradict each other.
    """
    specs: list[TensorSpec] = []
    first = 0
    for record in records:
        last = first + record.scales
        specs.append(TensorSpec.from_record(record, scales[first:last]))
        first = last
    if first != len(scales):
        raise RemoteProtocolError(f"the tensors have {first} scales, but the device sent {len(scales)}")
    return tuple(specs)
