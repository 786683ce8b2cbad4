"""A program that runs one network in LiteRT's Interpreter, for networks that the CompiledModel in n6sim does not run.

n6sim starts it as ``python -P interpreter.py NETWORK.tflite`` and communicates with it over its standard input, which is a socket;
the other side is ``firmware/npu/litert_interpreter.c``. Numbers have the byte order of this machine:

1. The program sends an answer with the description of all inputs, then of all outputs: their number (u32), and for each
   tensor the fields of ``TENSOR``, its scales (float32), its zero points (int32) and its name, padded with zeros to four bytes.
2. For each run, n6sim sends the values of all inputs, and the program sends an answer with the duration in nanoseconds (u64)
   and the values of all outputs.

An answer is a status (i32), a length (u32) and this number of bytes. If the status is not 0, the bytes are the reason in UTF-8.
The program ends when n6sim closes the socket. It does not import the rest of the package, because it must run without it.
"""

from __future__ import annotations

import math
import socket
import struct
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

ANSWER: Final = struct.Struct("=iI")
TENSOR: Final = struct.Struct("=iI8ifiIII")
"""element type of TensorFlow Lite, number of dimensions, dimensions, scale, zero point, axis, channels, bytes of the name"""
MAX_DIMS: Final = 8
"""number of dimensions that are sent; n6sim refuses tensors with more"""
ELEMENTS: Final = {
    "float32": 1,
    "int32": 2,
    "uint8": 3,
    "int64": 4,
    "bool": 6,
    "int16": 7,
    "int8": 9,
    "float16": 10,
    "float64": 11,
    "uint64": 13,
    "uint32": 16,
    "uint16": 17,
}
"""TensorFlow Lite's element types by their names in numpy"""

ERRORS: Final = (RuntimeError, ValueError, TypeError, OSError, ImportError, MemoryError)
"""exceptions of LiteRT and its Python wrapper"""

Tensor = dict[str, Any]
"""as the Interpreter describes it"""


class Network:
    """A network in the Interpreter. It was run once: with zeros, or with ones if it fails with zeros.

    Args:
        path: a .tflite file.

    Raises:
        ERRORS: LiteRT cannot run it.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._start()
        try:
            self._fill(0)
        except RuntimeError:  # a network may divide by its input
            self._fill(1)
        self.shapes = [values.shape for values in self._values()]
        self._start()  # again, because the run has changed the network's variables

    def _start(self) -> None:
        self._interpreter: Any = import_module("ai_edge_litert.interpreter").Interpreter(self._path, num_threads=1)
        for tensor in self._interpreter.get_input_details():
            stored, signature = tensor["shape"], tensor["shape_signature"]
            shape = [1 if wanted < 0 and not side else side for side, wanted in zip(stored, signature, strict=True)]
            if shape != stored.tolist():
                self._interpreter.resize_tensor_input(tensor["index"], shape)
        self._interpreter.allocate_tensors()
        self.inputs: list[Tensor] = self._interpreter.get_input_details()
        self.outputs: list[Tensor] = self._interpreter.get_output_details()

    def _fill(self, value: int) -> None:
        for tensor in self.inputs:
            self._interpreter.set_tensor(tensor["index"], np.full(tensor["shape"], value, tensor["dtype"]))
        self._interpreter.invoke()

    def describe(self) -> bytes:
        """The description of all inputs and all outputs."""
        names = self._names()
        inputs = [_pack(tensor, tensor["shape"], name) for tensor, name in zip(self.inputs, names[0], strict=True)]
        outputs = [
            _pack(tensor, shape, name) for tensor, shape, name in zip(self.outputs, self.shapes, names[1], strict=True)
        ]
        return b"".join(struct.pack("=I", len(side)) + b"".join(side) for side in (inputs, outputs))

    def size(self) -> int:
        """Size of all inputs, in bytes."""
        return sum(math.prod(tensor["shape"]) * np.dtype(tensor["dtype"]).itemsize for tensor in self.inputs)

    def run(self, values: bytearray) -> bytes:
        """Runs the network; returns the duration in nanoseconds and the values of all outputs.

        Args:
            values: the values of all inputs.

        Raises:
            ValueError: an output has another shape than in the first run.
        """
        offset = 0
        for tensor in self.inputs:
            count = math.prod(tensor["shape"])
            array = np.frombuffer(values, tensor["dtype"], count, offset)
            self._interpreter.set_tensor(tensor["index"], array.reshape(tensor["shape"]))
            offset += array.nbytes
        begin = time.perf_counter_ns()
        self._interpreter.invoke()
        elapsed = time.perf_counter_ns() - begin
        results = self._values()
        for tensor, shape, result in zip(self.outputs, self.shapes, results, strict=True):
            if result.shape != shape:
                raise ValueError(f"the shape of output {tensor['name']} depends on the values of the inputs")
        return struct.pack("=Q", elapsed) + b"".join(result.tobytes() for result in results)

    def _values(self) -> list[NDArray[Any]]:
        return [np.asarray(self._interpreter.get_tensor(tensor["index"])) for tensor in self.outputs]

    def _names(self) -> tuple[list[str], list[str]]:
        """Names of the inputs and of the outputs: those of the first signature, else those of the tensors."""
        inputs, outputs = ([str(tensor["name"]) for tensor in side] for side in (self.inputs, self.outputs))
        for key in list(self._interpreter.get_signature_list())[:1]:
            try:
                runner = self._interpreter.get_signature_runner(key)
            except (RuntimeError, ValueError):  # the signature does not fit this network
                break
            inputs = _renamed(self.inputs, inputs, runner.get_input_details())
            outputs = _renamed(self.outputs, outputs, runner.get_output_details())
        return inputs, outputs


def _renamed(tensors: Sequence[Tensor], names: Sequence[str], signature: dict[str, Tensor]) -> list[str]:
    """The names of tensors in a signature; two names may be the same tensor."""
    left = {name: tensor["index"] for name, tensor in signature.items()}
    renamed: list[str] = []
    for tensor, name in zip(tensors, names, strict=True):
        found = next((known for known, index in left.items() if index == tensor["index"]), name)
        left.pop(found, None)
        renamed.append(found)
    return renamed


def _pack(tensor: Tensor, shape: Sequence[int], name: str) -> bytes:
    kind = np.dtype(tensor["dtype"]).name
    if kind not in ELEMENTS:
        raise ValueError(f"tensor {name} has elements of type {kind}, which no n6link tensor has")
    parameters = tensor["quantization_parameters"]
    scales = np.asarray(parameters["scales"], np.float32)
    zeros = np.asarray(parameters["zero_points"], np.int32)
    channels = len(scales) if len(scales) > 1 else 0
    whole = (float(scales[0]), int(zeros[0])) if len(scales) == 1 else (0.0, 0)
    text = name.encode() + b"\0"
    text += bytes(-len(text) % 4)
    dims = [*map(int, shape), *[0] * MAX_DIMS][:MAX_DIMS]
    axis = int(parameters["quantized_dimension"]) if channels else 0
    head = TENSOR.pack(ELEMENTS[kind], len(shape), *dims, *whole, axis, channels, len(text))
    return head + (scales.tobytes() + zeros.tobytes() if channels else b"") + text


def serve(connection: socket.socket, path: str) -> None:
    """Loads a network and runs it for each request, until the other side closes the connection."""
    try:
        network = Network(path)
    except ERRORS as error:
        _answer(connection, 1, b"LiteRT does not run it: " + _reason(error))
        return
    try:
        description = network.describe()
    except ValueError as error:
        _answer(connection, 1, _reason(error))
        return
    _answer(connection, 0, description)
    values = bytearray(network.size())
    while _receive(connection, values):
        try:
            status, result = 0, network.run(values)
        except ERRORS as error:
            status, result = 1, _reason(error)
        _answer(connection, status, result)


def _reason(error: Exception) -> bytes:
    return (str(error).strip().partition("\n")[0] or type(error).__name__).encode()


def _answer(connection: socket.socket, status: int, data: bytes) -> None:
    connection.sendall(ANSWER.pack(status, len(data)))
    connection.sendall(data)


def _receive(connection: socket.socket, values: bytearray) -> bool:
    """Fills values; False = the other side has closed the connection."""
    left = memoryview(values)
    while left:
        got = connection.recv_into(left)
        if not got:
            return False
        left = left[got:]
    return True


if __name__ == "__main__":
    with socket.socket(fileno=0) as standard_input:
        serve(standard_input, sys.argv[1])
