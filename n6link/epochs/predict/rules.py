"""Where ST's compiler is expected to put an operation: on the NPU, on the CPU, or on both.

The rules are those of ST's table of TFLite operations; where published reports of real networks show something else, or more, the
rule is that of the reports. Each result has its source. Rules know one operation and its neighbours; the compiler knows the
whole network, and may fuse or replace operations.

The names of epochs are those of ST's reports: one operation of a ``.tflite`` may become several epochs on the CPU, such as
DequantizeLinear, Reciprocal, QuantizeLinear for an RSQRT, because the library computes it in float.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from n6link.epochs.operators import Source
from n6link.epochs.predict.model import Operation, Tensor

TILE: Final = 16
"""Concatenations of channels in these multiples are on the NPU in the report of YOLOv8n-pose; those of 64 and 1 are not."""
POOL: Final = 3
"""Largest window of an average pooling on the NPU."""
STRIDE: Final = 15
"""Largest stride of a pooling on the NPU."""
CHANNELS_LAST: Final = 4
"""Dimensions of a tensor whose last one is its channels."""
MAX_DIMENSIONS: Final = 4
"""Of operands whose values are repeated."""


class Place(Enum):
    """Where an operation is expected to run."""

    NPU = "NPU"
    CPU = "CPU"
    SPLIT = "split"
    """a part on the NPU, a part on the CPU or by DMA"""
    FOLDED = "folded"
    """not at all: its result is known after compilation"""


@dataclass(frozen=True, slots=True)
class Placement:
    """The expected place of an operation."""

    place: Place
    source: Source
    epochs: tuple[str, ...] = ()
    """expected epochs on the CPU, by the names in ST's reports"""
    condition: str = ""
    """the shape or quantisation that decides, empty if the operation alone decides"""


_NPU: Final = frozenset({
    "CAST", "CONV_2D", "DEPTHWISE_CONV_2D", "EQUAL", "EXPAND_DIMS", "FULLY_CONNECTED", "HARD_SWISH", "LEAKY_RELU",
    "LOGICAL_AND", "LOGICAL_NOT", "LOGICAL_OR", "LOGISTIC", "PACK", "PRELU", "RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1",
    "RESHAPE", "SHAPE", "SQUEEZE", "TANH", "TRANSPOSE_CONV", "UNPACK", "CEIL",
})  # fmt: skip
_CPU_INTEGER: Final = {"DIV": "Div", "SOFTMAX": "Softmax"}
_CPU_FLOAT: Final = {
    "ARG_MAX": "ArgMax", "ARG_MIN": "ArgMin", "COS": "Cos", "COSH": "Cosh", "ELU": "Elu", "EXP": "Exp", "FLOOR": "Floor",
    "GATHER": "Gather", "GREATER": "Greater", "GREATER_EQUAL": "GreaterOrEqual", "L2_NORMALIZATION": "LpNormalization", "LESS": "Less",
    "LESS_EQUAL": "LessOrEqual", "LOCAL_RESPONSE_NORMALIZATION": "LRN", "LOG": "Log", "MAXIMUM": "Max", "MINIMUM": "Min", "NEG": "Neg",
    "POW": "Pow", "REDUCE_MAX": "ReduceMax", "REDUCE_MIN": "ReduceMin", "REDUCE_PROD": "ReduceProd", "ROUND": "Round", "SIN": "Sin",
    "SQRT": "Sqrt", "SUM": "ReduceSum", "TILE": "Tile",
}  # fmt: skip
"""Operations that the float library computes, with their names in ST's reports."""


def place(operation: Operation) -> Placement:
    """Where an operation is expected to run."""
    if not operation.outputs or all(tensor.constant for tensor in operation.outputs):
        return Placement(Place.FOLDED, Source.SSD)
    if operation.name in ("QUANTIZE", "DEQUANTIZE"):
        return _conversion(operation)
    if operation.name in ("RESHAPE", "SQUEEZE", "EXPAND_DIMS"):
        return Placement(Place.NPU, Source.TFLITE)
    tensors = (*operation.activations, operation.outputs[0])
    if not all(tensor.quantised for tensor in tensors if tensor.dtype != "BOOL"):
        kinds = ", ".join(dict.fromkeys(tensor.dtype for tensor in tensors if not tensor.quantised))
        return Placement(Place.CPU, Source.CONSTRAINTS, (_name(operation),), f"{kinds} is not quantised to 8 bits")
    if rule := _RULES.get(operation.name):
        return rule(operation)
    if operation.name in _NPU:
        return Placement(Place.NPU, Source.TFLITE)
    if name := _CPU_INTEGER.get(operation.name):
        return Placement(Place.CPU, Source.TFLITE, (name,))
    if name := _CPU_FLOAT.get(operation.name):
        return Placement(Place.CPU, Source.TFLITE, _in_float(name))
    return Placement(
        Place.CPU, Source.FALLBACK, (_name(operation),), "it is not in ST's table; the compiler may also refuse it"
    )


def _in_float(name: str) -> tuple[str, ...]:
    return "DequantizeLinear", name, "QuantizeLinear"


def _name(operation: Operation) -> str:
    """The operation in ST's spelling, as far as it is known."""
    known = {
        "CONV_2D": "Conv",
        "DEPTHWISE_CONV_2D": "Conv",
        "FULLY_CONNECTED": "Gemm",
        "BATCH_MATMUL": "MatMul",
        "CONCATENATION": "Concat",
    }
    words = operation.name.split("_")
    return (
        known.get(operation.name)
        or (_CPU_INTEGER | _CPU_FLOAT).get(operation.name)
        or "".join(word.capitalize() for word in words)
    )


def _conversion(operation: Operation) -> Placement:
    given, result = operation.inputs[0], operation.outputs[0]
    if given is not None and given.quantised and result.quantised:
        return Placement(Place.NPU, Source.TFLITE, condition="between integers")
    name = "QuantizeLinear" if operation.name == "QUANTIZE" else "DequantizeLinear"
    return Placement(Place.CPU, Source.TFLITE, (name,))


def _absolute(operation: Operation) -> Placement:
    given = operation.inputs[0]
    if given is not None and given.zero_point == 0:
        return Placement(Place.NPU, Source.ONNX, condition="its zero point is 0")
    return Placement(Place.CPU, Source.ONNX, _in_float("Abs"), "its zero point is not 0")


def _pooling(operation: Operation) -> Placement:
    options = operation.options
    window = max(options.get("filterWidth", 1), options.get("filterHeight", 1))
    stride = max(options.get("strideW", 1), options.get("strideH", 1))
    size = f"window {options.get('filterWidth')} x {options.get('filterHeight')}, stride {stride}"
    if operation.name == "MAX_POOL_2D":
        # The compiler divides larger windows.
        return Placement(Place.NPU, Source.ONNX, condition=size if window > POOL else "")
    if window <= POOL and stride <= STRIDE:
        return Placement(Place.NPU, Source.AVERAGE_POOL, condition=size)
    return Placement(Place.CPU, Source.AVERAGE_POOL, ("AveragePool",), size)


def _mean(operation: Operation) -> Placement:
    """A mean over height and width, or over the last axis, becomes a GlobalAveragePool."""
    given, axes = operation.inputs[0], operation.values(1)
    rank = len(given.shape) if given else 0
    reduced = sorted(axis % rank for axis in axes) if rank else []
    condition = f"over the axes {', '.join(map(str, reduced))} of {rank}" if reduced else "its axes are unknown"
    if reduced in ([rank - 3, rank - 2], [rank - 1]):
        return Placement(
            Place.NPU, Source.TINYBERT if reduced == [rank - 1] else Source.CONVOLUTIONS, condition=condition
        )
    return Placement(Place.CPU, Source.TFLITE, _in_float("ReduceMean"), condition)


def _elementwise(operation: Operation) -> Placement:
    """Values of one operand may be repeated: not of both, and not of the first one of a difference."""
    names = {"ADD": "Add", "MUL": "Mul", "SUB": "Sub"}
    first, second = (tensor.shape if tensor else () for tensor in operation.inputs[:2])
    result = operation.outputs[0].shape
    repeated = [math.prod(shape) < math.prod(result) for shape in (first, second)]
    if all(repeated):
        # The result is float, because the operands were: it is quantised afterwards.
        return Placement(
            Place.CPU, Source.TINYBERT, (names[operation.name], "QuantizeLinear"), "both operands are repeated"
        )
    if repeated[0] and operation.name == "SUB":
        return Placement(Place.CPU, Source.TINYBERT, ("Sub",), "its first operand is repeated")
    if any(repeated) and len(result) > MAX_DIMENSIONS:
        return Placement(Place.CPU, Source.TFLITE, (names[operation.name],), f"{len(result)} dimensions")
    return Placement(Place.NPU, Source.TFLITE, condition="one operand is repeated" if any(repeated) else "")


def _matmul(operation: Operation) -> Placement:
    if len(operation.activations) < 2:
        return Placement(Place.NPU, Source.TFLITE, condition="one operand is constant")
    products = math.prod(operation.outputs[0].shape[:-2])
    split = ("Split",) if products > 1 and "SOFTMAX" in operation.after else ()
    condition = f"both operands are activations: {products} products"
    return Placement(Place.CPU, Source.TINYBERT, (*split, *("Conv",) * products), condition)


def _concatenation(operation: Operation) -> Placement:
    result = operation.outputs[0]
    rank = len(result.shape)
    axis = operation.options.get("axis", 0) % rank if rank else 0
    channels = [tensor.channels for tensor in operation.inputs if tensor]
    if rank != CHANNELS_LAST or axis != rank - 1:
        return Placement(Place.CPU, Source.YOLOV8_POSE, ("Concat",), f"axis {axis} of {rank}")
    if any(count % TILE for count in channels):
        return Placement(Place.CPU, Source.YOLOV8_POSE, ("Concat",), f"channels {', '.join(map(str, channels))}")
    if "RESIZE_NEAREST_NEIGHBOR" in operation.after and len(set(channels)) > 1:
        condition = f"an operand is upsampled, channels {', '.join(map(str, channels))}"
        return Placement(Place.CPU, Source.YOLOV8_POSE, ("Concat",), condition)
    return Placement(Place.NPU, Source.ONNX, condition=f"channels {', '.join(map(str, channels))}")


def _slice(operation: Operation) -> Placement:
    given, result = operation.inputs[0], operation.outputs[0]
    if given is None or given.size == result.size:
        return Placement(Place.NPU, Source.TFLITE)
    if len(given.shape) == len(result.shape) and given.shape[:-1] == result.shape[:-1]:
        return Placement(Place.NPU, Source.ONNX, condition="a range of channels")
    return Placement(Place.CPU, Source.YOLOV8_POSE, ("Slice",), "not a range of channels")


def _split(operation: Operation) -> Placement:
    given = operation.activations[0]
    if given.shape[:-1] == operation.outputs[0].shape[:-1]:
        return Placement(Place.NPU, Source.YOLOV8_POSE, condition="a range of channels")
    return Placement(Place.CPU, Source.TFLITE, ("Split",), "not a range of channels")


def _transpose(operation: Operation) -> Placement:
    """Moving the first or the last axis is on the NPU; exchanging axes in the middle is not."""
    given, order = operation.inputs[0], operation.values(1)
    shape = given.shape if given else ()
    if len(order) != len(shape):
        return Placement(Place.SPLIT, Source.TFLITE, ("Transpose",), "its permutation is unknown")
    moved = [axis for axis in order if shape[axis % len(shape)] > 1]
    if moved == sorted(moved):
        return Placement(Place.NPU, Source.TFLITE, condition="no value is moved")
    if _is_rotation(moved) or _is_rotation(order[1:] if order[0] == 0 else order):
        return Placement(Place.NPU, Source.YOLOV8_POSE, condition=f"order {', '.join(map(str, order))}")
    return Placement(Place.CPU, Source.TINYBERT, ("Transpose",), f"order {', '.join(map(str, order))}")


def _is_rotation(order: tuple[int, ...] | list[int]) -> bool:
    """Whether one axis was moved over all others."""
    least = sorted(order)
    return list(order) in (least[1:] + least[:1], least[-1:] + least[:-1])


def _padding(operation: Operation) -> Placement:
    given, result = operation.inputs[0], operation.outputs[0]
    if given is not None and given.channels != result.channels:
        return Placement(Place.SPLIT, Source.BLAZEFACE, ("Transpose", "Transpose"), "it adds channels")
    return Placement(Place.NPU, Source.ONNX, condition="height and width")


def _bilinear(operation: Operation) -> Placement:
    given = operation.inputs[0]
    if given is not None and len(given.shape) == 4 and given.shape[1:3] == (1, 1):
        return Placement(Place.NPU, Source.SSD, condition="from 1 x 1: values are only repeated")
    return Placement(Place.CPU, Source.TFLITE, ("Resize",))


def _nearest(operation: Operation) -> Placement:
    return Placement(Place.SPLIT, Source.YOLOV8_POSE, ("DepthToSpace",))


def _reciprocal_root(operation: Operation) -> Placement:
    return Placement(Place.SPLIT, Source.TINYBERT, _in_float("Reciprocal"))


def _difference(operation: Operation) -> Placement:
    return Placement(Place.NPU, Source.TINYBERT)


def _space_to_depth(operation: Operation) -> Placement:
    given, result = operation.inputs[0], operation.outputs[0]
    if given is not None and given.zero_point == result.zero_point:
        return Placement(Place.NPU, Source.TFLITE, condition="the same quantisation before and after it")
    return Placement(Place.SPLIT, Source.FALLBACK, ("SpaceToDepth",), "another quantisation after it")


def _depth_to_space(operation: Operation) -> Placement:
    return Placement(Place.SPLIT, Source.ONNX, ("DepthToSpace",))


def _division(operation: Operation) -> Placement:
    second: Tensor | None = operation.inputs[1]
    if second is not None and second.constant:
        return Placement(Place.NPU, Source.ONNX, condition="its second operand is constant")
    return Placement(Place.CPU, Source.ONNX, ("Div",), "its second operand is not constant")


_RULES: Final[dict[str, Callable[[Operation], Placement]]] = {
    "ABS": _absolute,
    "ADD": _elementwise,
    "MUL": _elementwise,
    "SUB": _elementwise,
    "AVERAGE_POOL_2D": _pooling,
    "MAX_POOL_2D": _pooling,
    "MEAN": _mean,
    "BATCH_MATMUL": _matmul,
    "CONCATENATION": _concatenation,
    "SLICE": _slice,
    "STRIDED_SLICE": _slice,
    "SPLIT": _split,
    "SPLIT_V": _split,
    "TRANSPOSE": _transpose,
    "PAD": _padding,
    "RESIZE_BILINEAR": _bilinear,
    "RESIZE_NEAREST_NEIGHBOR": _nearest,
    "RSQRT": _reciprocal_root,
    "SQUARED_DIFFERENCE": _difference,
    "SPACE_TO_DEPTH": _space_to_depth,
    "DEPTH_TO_SPACE": _depth_to_space,
    "DIV": _division,
}
