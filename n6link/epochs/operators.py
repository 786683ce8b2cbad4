"""What ST's documents and published reports show about operations that a CPU computes, and what helps.

:data:`REMEDIES` is the table: one row for each operation, with the names of ST's reports (``Resize``) and of TensorFlow Lite
(``RESIZE_BILINEAR``), if they differ in more than case. Each row has the reason, a remedy if one is documented, and a source. A row without a remedy says so. A reason
or a remedy without a source does not belong here: :data:`SOURCES` are documents of ST Edge AI Core 2.1 (the documents of 2.2 and 3.0
have the same structure), and published reports and logs of real networks, with their version.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

_SUPPORT: Final = "ST, Neural-ART NPU: Supported operators and limitations (Core 2.1), "


class Source(Enum):
    """Where a statement comes from: a document of ST with its section, or a published report of a network."""

    TFLITE = _SUPPORT + "TFlite operation mapping"
    ONNX = _SUPPORT + "ONNX operation mapping"
    CONSTRAINTS = _SUPPORT + "Inference model constraints"
    POST_PROCESSING = _SUPPORT + "Custom layer support, post-processing"
    BROADCAST = _SUPPORT + "Hardware supported broadcasting"
    AVERAGE_POOL = _SUPPORT + "AveragePool limitations"
    FALLBACK = "ST, Neural-ART NPU concepts (Core 2.1), Fall back and delegate mechanism"
    EPOCH_CONTROLLER = "ST, Neural-ART NPU concepts (Core 2.1), Scheduling, and Epoch controller mode"
    DATA_TYPE = "ST, How to evaluate a model on an STM32N6 board (Core 2.1), Change the data type of I/O"
    LAYOUT = "ST, How to change the I/O data type or layout (Core 2.1)"
    QUANTISATION = "ST, Quantized model support (Core 2.1), Quantized TensorFlow models"
    CUT = "ST, Command line interface (Core 2.1), options --cut-input-layers and --cut-output-layers"
    RELEASE_2_1 = "ST, Release note (Core 2.1), Neural-ART NPU support"
    YOLOV8_POSE = "report and c_info of YOLOv8n-pose 256 (Core 2.1.0)"
    YOLO_TIMES = "logs with times on a board of YOLOv8n and YOLO11n 224 (Core 4.0.1)"
    TINYBERT = "report and c_info of a TinyBERT with 6 layers (Core 2.1.0 and 2.2.0)"
    BLAZEFACE = "report and c_info of BlazeFace 128 (Core 2.2.0)"
    SSD = "report and c_info of an SSD MobileNet v1 256 (Core 2.1.0)"
    YOLOX = (
        "generated code of ST's YOLO-X nano 480, without and with --output-data-type int8 (compilers 1.1.0 and 1.1.3)"
    )
    CONVOLUTIONS = "reports of eight networks with one convolution (Core 2.2.0 and 4.0.0)"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Remedy:
    """What is known about an operation that the CPU computes."""

    names: tuple[str, ...]
    """of the operation, in ST's reports and in TensorFlow Lite"""
    reason: str
    """why the CPU computes it"""
    change: str = ""
    """what helps: an option of the compiler, or a change of the model before its conversion; empty = nothing is documented"""
    sources: tuple[Source, ...] = (Source.TFLITE, Source.ONNX)


_CUT: Final = (
    "cut it off with --cut-output-layers if it is at the end of the network, and compute it in the application"
)
_FLOAT: Final = "the NPU has no such operation; the library for float or integer values computes it"

REMEDIES: Final = (
    Remedy(
        ("Softmax",),
        "the NPU does not have a Softmax; the integer library computes it",
        f"{_CUT} (in two YOLO heads at 224 x 224 it took 4.4 and 7.2 ms)",
        (Source.TFLITE, Source.CUT, Source.YOLO_TIMES),
    ),
    Remedy(
        ("DequantizeLinear", "DEQUANTIZE"),
        "it converts to float: at an output of the network, or before an operation that is computed in float",
        "at an output: --output-data-type int8; before an operation: see that operation",
        (Source.TFLITE, Source.DATA_TYPE, Source.YOLOX, Source.FALLBACK),
    ),
    Remedy(
        ("QuantizeLinear", "QUANTIZE"),
        "it converts from float: at an input of the network, or after an operation that is computed in float",
        "at an input: --input-data-type int8 or uint8; after an operation: see that operation",
        (Source.TFLITE, Source.LAYOUT, Source.FALLBACK),
    ),
    Remedy(
        ("Resize", "RESIZE_BILINEAR"),
        "bilinear interpolation is computed by the library",
        "use nearest neighbour (asymmetric, floor) in the model before training; its rearrangement of values may remain on the CPU",
        (Source.TFLITE, Source.YOLOV8_POSE),
    ),
    Remedy(
        ("DepthToSpace", "DEPTH_TO_SPACE", "RESIZE_NEAREST_NEIGHBOR", "SpaceToDepth", "SPACE_TO_DEPTH"),
        "values are rearranged; the compiler also makes a DepthToSpace of an upsampling by nearest neighbour",
        "for a DepthToSpace of your own use the mode DCR, which uses DMA; for upsampling nothing is documented",
        (Source.ONNX, Source.YOLOV8_POSE),
    ),
    Remedy(
        ("Transpose",),
        "only some permutations run on the NPU; the compiler also inserts some, for a padding of channels or a channel-first input",
        "at an input or output: --inputs-ch-position or --outputs-ch-position; inside: avoid the permutation and pad channels in a convolution",
        (Source.TFLITE, Source.LAYOUT, Source.BLAZEFACE),
    ),
    Remedy(
        ("Pad",),
        "only some paddings run on the NPU; a padding of channels needs two Transpose epochs on the CPU",
        "pad height and width only; get more channels from a convolution",
        (Source.TFLITE, Source.BLAZEFACE),
    ),
    Remedy(
        ("Concat", "CONCATENATION"),
        "depending on the axis, values are copied by the CPU",
        "concatenate channels, in multiples of 16; for outputs, concatenate in the application instead",
        (Source.ONNX, Source.YOLOV8_POSE),
    ),
    Remedy(
        ("Slice", "STRIDED_SLICE"),
        "a range of another axis than channels is copied by the CPU or by DMA",
        "divide channels with Split; for outputs, make the last ranges in the application instead",
        (Source.ONNX, Source.YOLOV8_POSE),
    ),
    Remedy(
        ("Split", "SPLIT_V"),
        "depending on the axis, the CPU copies the values",
        "divide channels; the Split of a matrix product of two activations is made by the compiler",
        (Source.TFLITE, Source.TINYBERT),
    ),
    Remedy(
        ("Conv", "BATCH_MATMUL", "MatMul"),
        "the CPU computes a product of two activations (attention), and a layer that is not quantised",
        "quantise activations and weights as int8, with a representative dataset; for a product of two activations nothing is documented",
        (Source.TINYBERT, Source.YOLO_TIMES, Source.CONSTRAINTS, Source.QUANTISATION),
    ),
    Remedy(
        ("Mul", "Add", "Sub"),
        "the NPU repeats the values of one operand only, up to 4 dimensions, and not those of the first operand of a difference",
        "expand one operand only; write a - b with a small a as a + (-1) x b",
        (Source.TFLITE, Source.BROADCAST, Source.TINYBERT),
    ),
    Remedy(
        ("Reciprocal", "RSQRT"),
        "the float library computes it, with conversions before and after it",
        "",
        (Source.ONNX, Source.TINYBERT),
    ),
    Remedy(
        ("Div",),
        "a division by an activation is computed by the integer library",
        "divide by a constant, or multiply with its reciprocal",
        (Source.ONNX,),
    ),
    Remedy(
        ("AveragePool", "GlobalAveragePool", "AVERAGE_POOL_2D"),
        "the window is larger than the NPU supports, or the layer is not quantised",
        "use windows of at most 3 x 3, several after each other; quantise the layer",
        (Source.AVERAGE_POOL, Source.ONNX),
    ),
    Remedy(
        ("MEAN", "ReduceMean", "REDUCE_MAX", "ReduceMax"),
        "it cannot be computed as a global pooling",
        "reduce the last axes only",
        (Source.ONNX,),
    ),
    Remedy(
        ("Tile",),
        "a repetition of values that are not constant is computed by the float library",
        "repeat constants, which are computed during compilation",
        (Source.ONNX,),
    ),
    Remedy(
        ("Gather", "EMBEDDING_LOOKUP", "GATHER_ND"),
        "the NPU has no such operation",
        "if it is at the start, cut it off with --cut-input-layers, and select the values in the application",
        (Source.TFLITE, Source.CUT),
    ),
    Remedy(
        ("ArgMax", "ARG_MAX", "ArgMin", "ARG_MIN", "TFLite_Detection_PostProcess", "NonMaxSuppression"),
        "the NPU has no such operation",
        _CUT,
        (Source.TFLITE, Source.POST_PROCESSING, Source.CUT),
    ),
    Remedy(("BatchNormalization",), "the NPU computes it only after a convolution", "merge it into a convolution", (Source.ONNX,)),
    Remedy(("Floor", "Round", "Log", "Pow"), _FLOAT),
    Remedy(
        ("Exp", "Sqrt", "Neg", "Ceil", "Cos", "Sin", "Cosh"),
        "ST's tables for TFLite and ONNX differ for it; here the library for float values computes it",
    ),
    Remedy(("Elu", "Selu", "Softplus", "SoftSign", "Hardmax"), _FLOAT, "use another activation, such as ReLU6 or HardSwish"),
    Remedy(("Max", "MAXIMUM", "Min", "MINIMUM", "Mod"), _FLOAT, "if one operand is constant: use ReLU or Clip"),
    Remedy(("Greater", "GREATER_EQUAL", "GreaterOrEqual", "Less", "LESS_EQUAL", "LessOrEqual"), _FLOAT),
    Remedy(("LpNormalization", "L2_NORMALIZATION", "LRN", "LOCAL_RESPONSE_NORMALIZATION", "InstanceNormalization"), _FLOAT),
    Remedy(("ReduceSum", "SUM", "ReduceProd", "REDUCE_PROD", "ReduceMin", "REDUCE_MIN"), _FLOAT),
)  # fmt: skip
"""The rows. Their order does not matter."""

FLOAT: Final = Remedy(
    (),
    "it is not quantised: the NPU computes integers only",
    "quantise activations and weights as int8, with a representative dataset",
    (Source.CONSTRAINTS, Source.QUANTISATION),
)
"""For an operation that the tool marks with ``(float)``, if its own row has no other remedy."""
ON_NPU: Final = frozenset({
    "abs", "acos", "acosh", "and", "asin", "asinh", "atan", "atanh", "cast", "clip", "conv_2d", "convtranspose",
    "depthwise_conv_2d", "equal", "erf", "expand_dims", "flatten", "fully_connected", "gemm", "globalmaxpool", "hard_swish",
    "hardsigmoid", "hardswitch", "identity", "leaky_relu", "leakyrelu", "logical_and", "logical_not", "logical_or", "logistic",
    "max_pool_2d", "maxpool", "not", "or", "pack", "prelu", "relu", "relu6", "reshape", "shape", "sigmoid", "sinh", "squeeze",
    "tan", "tanh", "thresholdedrelu", "transpose_conv", "unpack", "unsqueeze",
})  # fmt: skip
"""Operations without a row that ST's tables have on the NPU, in lower case."""
UNUSUAL: Final = Remedy(
    (),
    "ST's tables have it on the NPU; here its shape, its quantisation or its neighbours do not fit",
    "",
    (Source.TFLITE, Source.ONNX, Source.FALLBACK),
)
"""For these operations, if the CPU computes them."""
OTHER: Final = Remedy((), "ST's list of supported operators does not have it", "", (Source.TFLITE,))
"""For an operation without a row."""
UNNAMED: Final = Remedy((), "the report does not have its name; c_info.json has it", "", ())
"""For an epoch without the name of an operation."""

_BY_NAME: Final = {name.lower(): remedy for remedy in REMEDIES for name in remedy.names}


def remedy(operation: str) -> Remedy:
    """The row of an operation, by its name in a report (also with a type, ``Sub(float)``), on a device, or in a ``.tflite``."""
    name, _, kind = operation.partition("(")
    plain = re.sub(r"\s", "", name).lower()
    if not plain:
        return UNNAMED
    if found := _BY_NAME.get(plain):
        return found
    return FLOAT if kind.startswith("float") else UNUSUAL if plain in ON_NPU else OTHER
