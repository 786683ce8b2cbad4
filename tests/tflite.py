"""Small .tflite files, written with the schema that LiteRT's package brings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

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


class _File:
    """A network under construction; tensors are known by their index."""

    def __init__(self) -> None:
        self.schema: Any = pytest.importorskip(
            "ai_edge_litert.schema_py_generated", reason="the extra `sim` is not installed"
        )
        self._builder: Any = pytest.importorskip("flatbuffers").Builder()
        self._graph = self.schema.SubGraphT()
        self._graph.tensors, self._graph.operators = [], []
        self._model = self.schema.ModelT()
        self._model.version, self._model.subgraphs = 3, [self._graph]
        self._model.buffers, self._model.operatorCodes = [self.schema.BufferT()], []

    def tensor(
        self,
        name: bytes,
        shape: Sequence[int],
        dtype: str,
        scale: float | None = 1.0,
        zero_point: int = 0,
        data: NDArray[Any] | None = None,
    ) -> int:
        made = self.schema.TensorT()
        made.name, made.shape, made.type = name, list(shape), getattr(self.schema.TensorType, dtype)
        made.buffer = 0
        if data is not None:
            made.buffer = len(self._model.buffers)
            self._model.buffers.append(self.schema.BufferT())
            self._model.buffers[-1].data = data.reshape(-1).view(np.uint8)
        if scale is not None and dtype != "INT32":
            made.quantization = self.schema.QuantizationParametersT()
            made.quantization.scale = np.array([scale], np.float32)
            made.quantization.zeroPoint = np.array([zero_point], np.int64)
        self._graph.tensors.append(made)
        return len(self._graph.tensors) - 1

    def layer(self, code: str, version: int, inputs: list[int], output: int, kind: str, options: object) -> None:
        builtin = getattr(self.schema.BuiltinOperator, code)
        known = [each.builtinCode for each in self._model.operatorCodes]
        if builtin not in known:
            made = self.schema.OperatorCodeT()
            made.builtinCode = made.deprecatedBuiltinCode = builtin
            made.version = version
            self._model.operatorCodes.append(made)
            known.append(builtin)
        layer = self.schema.OperatorT()
        layer.opcodeIndex = known.index(builtin)
        layer.inputs, layer.outputs = inputs, [output]
        layer.builtinOptionsType, layer.builtinOptions = getattr(self.schema.BuiltinOptions, kind), options
        self._graph.operators.append(layer)

    def write(self, path: Path, source: int, result: int) -> None:
        self._graph.inputs, self._graph.outputs = [source], [result]
        self._builder.Finish(self._model.Pack(self._builder), b"TFL3")
        path.write_bytes(self._builder.Output())
