"""Small .tflite files, written with the schema that LiteRT's package brings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray


def write_fully_connected(path: Path, weights: NDArray[np.int8], *, rows: int, layers: int = 1) -> None:
    """Writes a network of equal layers: int8 (1, rows, c) times (v, c) weights gives int8 (1, rows, v); all scales are 1.

    Sums outside of int8 saturate.
    """
    file = _File()
    outputs, inputs = weights.shape
    ends = [file.tensor(b"window", (1, rows, inputs), "INT8")]
    shared = file.tensor(b"weights", weights.shape, "INT8", data=weights)
    for layer in range(layers):
        name = b"logits" if layer == layers - 1 else b"layer%d" % layer
        ends.append(file.tensor(name, (1, rows, outputs), "INT8"))
        options = file.schema.FullyConnectedOptionsT()
        options.keepNumDims = True
        file.layer("FULLY_CONNECTED", 5, [ends[-2], shared, -1], ends[-1], "FullyConnectedOptions", options)
    file.write(path, ends[0], ends[-1])


def write_echo(
    path: Path, picture: tuple[int, int, int], output: tuple[int, ...], scale: float, zero_point: int
) -> None:
    """Writes a network that gives its picture back: uint8 (1, h, w, 3) becomes float32 of another shape, dequantised."""
    file = _File()
    pixels = file.tensor(b"image", (1, *picture), "UINT8", scale, zero_point)
    shape = file.tensor(b"shape", (len(output),), "INT32", data=np.array(output, np.int32))
    reshaped = file.tensor(b"reshaped", output, "UINT8", scale, zero_point)
    floats = file.tensor(b"output0", output, "FLOAT32", None)
    options = file.schema.ReshapeOptionsT()
    options.newShape = list(output)
    file.layer("RESHAPE", 1, [pixels, shape], reshaped, "ReshapeOptions", options)
    file.layer("DEQUANTIZE", 2, [reshaped], floats, "DequantizeOptions", file.schema.DequantizeOptionsT())
    file.write(path, pixels, floats)


def write_filled(path: Path, taken: int, given: int, *, layers: int = 0) -> None:
    """Writes a network that costs next to nothing: int8 (1, taken) gives its first value in each of (1, given).

    Args:
        path: of the file.
        taken: bytes of the input.
        given: bytes of the output.
        layers: operators in addition to the two that select and repeat the value.
    """
    file = _File()
    values = file.tensor(b"values", (1, taken), "INT8")
    one = np.ones(2, np.int32)
    begin, size = (file.tensor(name, (2,), "INT32", data=data) for name, data in ((b"begin", one * 0), (b"size", one)))
    times = file.tensor(b"times", (2,), "INT32", data=np.array([1, given], np.int32))
    ends = [file.tensor(b"first%d" % layer, (1, 1), "INT8") for layer in range(layers + 1)]
    file.layer("SLICE", 2, [values, begin, size], ends[0], "SliceOptions", file.schema.SliceOptionsT())
    for before, after in pairwise(ends):
        file.layer("RELU", 2, [before], after, "NONE", None)
    filled = file.tensor(b"filled", (1, given), "INT8")
    file.layer("TILE", 2, [ends[-1], times], filled, "TileOptions", file.schema.TileOptionsT())
    file.write(path, values, filled)


def write_growing(path: Path, *, last: bool = True, stored: int = 1) -> None:
    """Writes what converters make of a batch that may vary: int8 (-1, 4, 2), stored as (1, 4, 2), is added to itself.

    The output is stored as (1, 1, 2), but it gets its shape from operators at work: it is (1, 4, 2).

    Args:
        path: of the file.
        last: whether an operator follows the one that gets its shape while the network runs.
        stored: the first dimension in the stored shape of the input.
    """
    file = _File()
    values = file.tensor(b"values", (stored, 4, 2), "INT8", signature=(-1, 4, 2))
    shape = file.tensor(b"shape", (3,), "INT32")
    order = file.tensor(b"order", (3,), "INT32", data=np.arange(3, dtype=np.int32))
    gathered = file.tensor(b"gathered", (3,), "INT32")
    total = file.tensor(b"total", (stored, 4, 2), "INT8", signature=(-1, 4, 2))
    ends = [file.tensor(name, (1, 1, 2), "INT8", signature=(-1, -1, 2)) for name in (b"reshaped", b"result")]
    schema = file.schema
    file.layer("ADD", 2, [values, values], total, "AddOptions", schema.AddOptionsT())
    as_int32 = schema.ShapeOptionsT()
    as_int32.outType = schema.TensorType.INT32
    file.layer("SHAPE", 1, [values], shape, "ShapeOptions", as_int32)
    file.layer("GATHER", 1, [shape, order], gathered, "GatherOptions", schema.GatherOptionsT())
    file.layer("RESHAPE", 1, [total, gathered], ends[0], "ReshapeOptions", schema.ReshapeOptionsT())
    if last:
        file.layer("RELU", 2, [ends[0]], ends[1], "NONE", None)
    file.write(path, values, ends[last])


def write_range(path: Path, *, last: bool = True) -> None:
    """Writes a network whose output has as many values as its input says: a scalar int32 n gives n, n + 1, ... 7.

    Args:
        path: of the file.
        last: whether an operator follows the one that gets its shape while the network runs.
    """
    file = _File()
    first = file.tensor(b"first", (), "INT32")
    limit = file.tensor(b"limit", (), "INT32", data=np.array([8], np.int32))
    step = file.tensor(b"step", (), "INT32", data=np.array([1], np.int32))
    zero = file.tensor(b"zero", (), "INT32", data=np.array([0], np.int32))
    ends = [file.tensor(name, (1,), "INT32", signature=(-1,)) for name in (b"range", b"result")]
    file.layer("RANGE", 1, [first, limit, step], ends[0], "RangeOptions", file.schema.RangeOptionsT())
    if last:
        file.layer("ADD", 2, [ends[0], zero], ends[1], "AddOptions", file.schema.AddOptionsT())
    file.write(path, first, ends[last])


def write_memory(path: Path) -> None:
    """Writes a network with a variable: float32 (1, 1) x gives x + 1 plus what it gave the last time, at first 0."""
    file = _File()
    one = np.ones((1, 1), np.float32)
    value = file.tensor(b"value", (1, 1), "FLOAT32", None)
    constant = file.tensor(b"one", one.shape, "FLOAT32", None, data=one)
    handle = file.tensor(b"handle", (), "RESOURCE", None)
    before, sum_, result = (file.tensor(name, (1, 1), "FLOAT32", None) for name in (b"before", b"sum", b"result"))
    schema = file.schema
    once = schema.CallOnceOptionsT()
    once.initSubgraphIndex = 1
    file.layer("CALL_ONCE", 1, [], None, "CallOnceOptions", once)
    file.variable(handle)
    file.layer("READ_VARIABLE", 1, [handle], before, "ReadVariableOptions", schema.ReadVariableOptionsT())
    file.layer("ADD", 1, [value, before], sum_, "AddOptions", schema.AddOptionsT())
    file.layer("ADD", 1, [sum_, constant], result, "AddOptions", schema.AddOptionsT())
    file.layer("ASSIGN_VARIABLE", 1, [handle, result], None, "AssignVariableOptions", schema.AssignVariableOptionsT())
    file.ends(value, result)
    file.begin()
    handle = file.tensor(b"handle", (), "RESOURCE", None)
    zero = file.tensor(b"zero", one.shape, "FLOAT32", None, data=np.zeros_like(one))
    file.variable(handle)
    file.layer("ASSIGN_VARIABLE", 1, [handle, zero], None, "AssignVariableOptions", schema.AssignVariableOptionsT())
    file.save(path)


def write_state(path: Path) -> None:
    """Writes the same with a recurrent layer, whose state is a tensor of its own."""
    file = _File()
    one = np.ones((1, 1), np.float32)
    value = file.tensor(b"value", (1, 1), "FLOAT32", None)
    constants = [file.tensor(b"one", one.shape, "FLOAT32", None, data=one) for _ in range(2)]
    bias = file.tensor(b"bias", (1,), "FLOAT32", None, data=one)
    state = file.tensor(b"state", (1, 1), "FLOAT32", None, variable=True)
    result = file.tensor(b"result", (1, 1), "FLOAT32", None)
    file.layer("RNN", 1, [value, *constants, bias, state], result, "RNNOptions", file.schema.RNNOptionsT())
    file.write(path, value, result)


def write_remainder(path: Path) -> None:
    """Writes a network that gives 7 % x of an int32 x; it fails for 0."""
    file = _File()
    seven = file.tensor(b"seven", (1,), "INT32", data=np.array([7], np.int32))
    divisor, rest = (file.tensor(name, (1,), "INT32") for name in (b"divisor", b"rest"))
    file.layer("FLOOR_MOD", 1, [seven, divisor], rest, "FloorModOptions", file.schema.FloorModOptionsT())
    file.write(path, divisor, rest)


def write_copies(
    path: Path,
    names: Sequence[bytes],
    *,
    shape: Sequence[int] = (2, 3),
    scalar: bool = False,
    dtype: str = "INT8",
    scales: Sequence[float] = (),
    signature: Sequence[bytes | None] = (),
) -> None:
    """Writes a network that gives its input back once for each name: int8 (2, 3) becomes (1, 6), (1, 6, 1), and so on.

    Args:
        path: of the file.
        names: of the outputs.
        shape: of the input.
        scalar: one value without dimensions instead, of each output.
        dtype: of all values.
        scales: one for each channel of the input, whose zero points are 0, 1, 2; none = one scale, 1, for all.
        signature: names of the input and the outputs in a signature, where the last output may have several; LiteRT's
            CompiledModel crashes if one is None.
    """
    file = _File()
    source = file.tensor(b"values", (1,) if scalar else shape, dtype, scales or 1.0, range(3) if scales else 0)
    results = []
    for index, name in enumerate(names):
        copy = () if scalar else (1, math.prod(shape), *[1] * index)
        wanted = file.tensor(b"shape", (len(copy),), "INT32", data=np.array(copy, np.int32))
        results.append(file.tensor(name, copy, dtype))
        options = file.schema.ReshapeOptionsT()
        options.newShape = list(copy)
        file.layer("RESHAPE", 1, [source, wanted], results[-1], "ReshapeOptions", options)
    file.ends(source, *results)
    if signature:
        file.signature(signature[:1], signature[1:])
    file.save(path)


def write_unquantized(path: Path) -> None:
    """Writes a network that adds int8 values without scales, on which LiteRT crashes."""
    file = _File()
    values, total = (file.tensor(name, (1, 4), "INT8", None) for name in (b"values", b"total"))
    file.layer("ADD", 2, [values, values], total, "AddOptions", file.schema.AddOptionsT())
    file.write(path, values, total)


def write_reference(path: Path, network: Any) -> None:
    """Writes a network of firmware/npu/reference_networks.py with the operators of TensorFlow Lite."""
    file = _File()
    schema = file.schema
    known = {each.name: file.tensor(each.name.encode(), each.shape, *_quantised(each)) for each in network.inputs}
    for layer in network.layers:
        made = layer.output
        inputs = [known[each.name] for each in layer.inputs]
        known[made.name] = output = file.tensor(made.name.encode(), made.shape, *_quantised(made))
        relu = schema.ActivationFunctionType.RELU if layer.relu else schema.ActivationFunctionType.NONE
        options: Any = None
        if layer.weights is not None:
            zero = [0] * len(layer.scales)
            weights = layer.weights[None] if layer.op == "Depthwise" else layer.weights
            weights = weights.reshape(len(zero), -1) if layer.op == "Dense" else weights
            axis = 3 if layer.op == "Depthwise" else 0
            name = f"{made.name}_weights".encode()
            inputs.append(file.tensor(name, weights.shape, "INT8", layer.scales, zero, weights, axis=axis))
            scales = layer.inputs[0].scale * layer.scales
            inputs.append(file.tensor(b"bias", layer.bias.shape, "INT32", scales, zero, layer.bias, axis=0))
        if layer.op in ("Conv", "Depthwise"):
            options = schema.Conv2DOptionsT() if layer.op == "Conv" else schema.DepthwiseConv2DOptionsT()
            options.padding = schema.Padding.SAME if layer.pad else schema.Padding.VALID
            options.strideW = options.strideH = layer.stride
            options.dilationWFactor = options.dilationHFactor = 1
            if layer.op == "Depthwise":
                options.depthMultiplier = 1
        elif layer.op == "Dense":
            options = schema.FullyConnectedOptionsT()
        elif layer.op == "Resize":
            inputs.append(file.tensor(b"size", (2,), "INT32", data=np.array(made.shape[1:3], np.int32)))
            options = schema.ResizeBilinearOptionsT()
            options.halfPixelCenters = True
        elif layer.op == "Add":
            options = schema.AddOptionsT()
        elif layer.op == "Softmax":
            options = schema.SoftmaxOptionsT()
            options.beta = 1.0
        else:
            inputs.append(file.tensor(b"axis", (1,), "INT32", data=np.array([1], np.int32)))
            options = schema.ArgMaxOptionsT()
            options.outputType = schema.TensorType.INT32
        if hasattr(options, "fusedActivationFunction"):
            options.fusedActivationFunction = relu
        code, version, kind = _OPERATORS[layer.op]
        file.layer(code, version, inputs, output, kind, options)
    file.ends([known[each.name] for each in network.inputs], *(known[each.name] for each in network.outputs))
    file.save(path)


def _quantised(tensor: Any) -> tuple[str, float | None, int]:
    """Type, scale and zero point of a tensor of the reference networks."""
    return ("INT8", tensor.scale, tensor.zero_point) if tensor.scale else ("INT32", None, 0)


_OPERATORS: Final = {
    "Conv": ("CONV_2D", 3, "Conv2DOptions"),
    "Depthwise": ("DEPTHWISE_CONV_2D", 3, "DepthwiseConv2DOptions"),
    "Dense": ("FULLY_CONNECTED", 12, "FullyConnectedOptions"),
    "Resize": ("RESIZE_BILINEAR", 3, "ResizeBilinearOptions"),
    "Add": ("ADD", 2, "AddOptions"),
    "Softmax": ("SOFTMAX", 2, "SoftmaxOptions"),
    "ArgMax": ("ARG_MAX", 2, "ArgMaxOptions"),
}
"""Operator, version and options of the layers of the reference networks."""


class _File:
    """A network under construction; tensors are known by their index."""

    def __init__(self) -> None:
        self.schema: Any = pytest.importorskip(
            "ai_edge_litert.schema_py_generated", reason="the extra `sim` is not installed"
        )
        self._builder: Any = pytest.importorskip("flatbuffers").Builder()
        self._model = self.schema.ModelT()
        self._model.version, self._model.subgraphs = 3, []
        self._model.buffers, self._model.operatorCodes = [self.schema.BufferT()], []
        self.begin()

    def begin(self) -> None:
        """Begins another graph."""
        self._graph = self.schema.SubGraphT()
        self._graph.tensors, self._graph.operators = [], []
        self._graph.inputs, self._graph.outputs = [], []
        self._model.subgraphs.append(self._graph)

    def tensor(
        self,
        name: bytes,
        shape: Sequence[int],
        dtype: str,
        scale: float | Sequence[float] | None = 1.0,
        zero_point: int | Sequence[int] = 0,
        data: NDArray[Any] | None = None,
        signature: Sequence[int] | None = None,
        variable: bool = False,
        axis: int | None = None,
    ) -> int:
        made = self.schema.TensorT()
        made.name, made.shape, made.type = name, list(shape), getattr(self.schema.TensorType, dtype)
        made.buffer, made.isVariable = 0, variable
        if signature is not None:
            made.shapeSignature = list(signature)
        if data is not None:
            made.buffer = len(self._model.buffers)
            self._model.buffers.append(self.schema.BufferT())
            self._model.buffers[-1].data = data.reshape(-1).view(np.uint8)
        if scale is not None and (dtype != "INT32" or axis is not None):
            made.quantization = self.schema.QuantizationParametersT()
            made.quantization.scale = np.array(scale, np.float32, ndmin=1)
            made.quantization.zeroPoint = np.array(zero_point, np.int64, ndmin=1)
            last = len(shape) - 1 if len(made.quantization.scale) > 1 else 0
            made.quantization.quantizedDimension = last if axis is None else axis
        self._graph.tensors.append(made)
        return len(self._graph.tensors) - 1

    def variable(self, handle: int) -> None:
        """An operator that gives the handle of a variable."""
        options = self.schema.VarHandleOptionsT()
        options.container, options.sharedName = b"", b"variable"
        self.layer("VAR_HANDLE", 1, [], handle, "VarHandleOptions", options)

    def layer(self, code: str, version: int, inputs: list[int], output: int | None, kind: str, options: object) -> None:
        builtin = getattr(self.schema.BuiltinOperator, code)
        known = [each.builtinCode for each in self._model.operatorCodes]
        if builtin not in known:
            made = self.schema.OperatorCodeT()
            made.builtinCode, made.deprecatedBuiltinCode = builtin, min(builtin, 127)
            made.version = version
            self._model.operatorCodes.append(made)
            known.append(builtin)
        layer = self.schema.OperatorT()
        layer.opcodeIndex = known.index(builtin)
        layer.inputs, layer.outputs = inputs, [] if output is None else [output]
        layer.builtinOptionsType, layer.builtinOptions = getattr(self.schema.BuiltinOptions, kind), options
        self._graph.operators.append(layer)

    def write(self, path: Path, source: int, *results: int) -> None:
        self.ends(source, *results)
        self.save(path)

    def signature(self, inputs: Sequence[bytes | None], outputs: Sequence[bytes | None]) -> None:
        """A signature; names that are left over are those of the last tensor."""
        made = self.schema.SignatureDefT()
        made.signatureKey, made.subgraphIndex = b"serving_default", 0
        made.inputs, made.outputs = (
            [self._entry(name, tensors[min(index, len(tensors) - 1)]) for index, name in enumerate(names)]
            for names, tensors in ((inputs, self._graph.inputs), (outputs, self._graph.outputs))
        )
        self._model.signatureDefs = [made]

    def _entry(self, name: bytes | None, tensor: int) -> object:
        entry = self.schema.TensorMapT()
        entry.name, entry.tensorIndex = name, tensor
        return entry

    def ends(self, source: int | list[int], *results: int) -> None:
        self._graph.inputs = source if isinstance(source, list) else [source]
        self._graph.outputs = list(results)

    def save(self, path: Path) -> None:
        self._builder.Finish(self._model.Pack(self._builder), b"TFL3")
        path.write_bytes(self._builder.Output())
