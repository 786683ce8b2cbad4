"""Small .tflite files, written with the schema that LiteRT's package brings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray


def write_fully_connected(path: Path, weights: NDArray[np.int8], *, rows: int) -> None:
    """Writes a network of one layer: int8 (1, rows, c) times (v, c) weights gives int8 (1, rows, v); all scales are 1.

    Sums outside of int8 saturate.
    """
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="the extra `sim` is not installed")
    flatbuffers = pytest.importorskip("flatbuffers")
    outputs, inputs = weights.shape

    def tensor(name: bytes, shape: list[int], buffer: int) -> object:
        made = schema.TensorT()
        made.name, made.shape, made.buffer, made.type = name, shape, buffer, schema.TensorType.INT8
        made.quantization = schema.QuantizationParametersT()
        made.quantization.scale, made.quantization.zeroPoint = np.ones(1, np.float32), np.zeros(1, np.int64)
        return made

    layer = schema.OperatorT()
    layer.inputs, layer.outputs = [0, 1, -1], [2]
    layer.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    layer.builtinOptions = schema.FullyConnectedOptionsT()
    layer.builtinOptions.keepNumDims = True
    graph = schema.SubGraphT()
    graph.tensors = [
        tensor(b"window", [1, rows, inputs], 0),
        tensor(b"weights", [outputs, inputs], 1),
        tensor(b"logits", [1, rows, outputs], 0),
    ]
    graph.inputs, graph.outputs, graph.operators = [0], [2], [layer]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = 5
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers = [schema.BufferT(), schema.BufferT()]
    model.buffers[1].data = weights.reshape(-1).view(np.uint8)
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())
