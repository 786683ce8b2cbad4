"""Reads the operations of a ``.tflite`` file, with the schema in LiteRT's package."""

from __future__ import annotations

import os
import struct
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np

from n6link.epochs.predict.model import Network, Operation, Tensor
from n6link.errors import BadInput, requires

IDENTIFIER: Final = b"TFL3"
"""Bytes 4 to 7 of a .tflite file."""
MAX_BYTES: Final = 1 << 31
MAX_VALUES: Final = 64
"""Longer integer constants are weights, not permutations or axes."""
INTEGERS: Final = {"INT32": "<i4", "INT64": "<i8"}
_SHAPE_ONLY: Final = frozenset({"SHAPE", "RANK"})
"""Operations whose result follows from the shape of their input, which is fixed during compilation."""
DAMAGED: Final = (
    struct.error,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
)
"""What the schema's code raises for a damaged file."""


def read_tflite(path: str | os.PathLike[str]) -> Network:
    """The first subgraph of a file.

    Raises:
        BadInput: the file cannot be read, is not a .tflite file, or is damaged.
        MissingExtra: LiteRT is not installed.
    """
    place = Path(path)
    raw, library = content(place), schema()
    try:
        reader = _Reader(library, raw)
        return Network(str(place), reader.operations(), reader.varying(), reader.results())
    except DAMAGED as error:
        raise BadInput(f"{place} is damaged: {error!r}; convert the network again") from error


def content(place: Path) -> bytes:
    """The bytes of a ``.tflite`` file.

    Raises:
        BadInput: the file cannot be read, or is not a .tflite file.
    """
    try:
        if place.stat().st_size > MAX_BYTES:
            raise BadInput(
                f"{place} has {place.stat().st_size} bytes; a .tflite file must not have more than {MAX_BYTES}"
            )
        raw = place.read_bytes()
    except OSError as error:
        raise BadInput(f"{place} cannot be read: {error.strerror}") from error
    if raw[4:8] != IDENTIFIER:
        what = f"bytes 4 to 7 are {raw[4:8]!r} instead of {IDENTIFIER!r}" if raw else "the file is empty"
        raise BadInput(
            f"{place} is not a .tflite file: {what}; use a network that the TensorFlow Lite converter has written"
        )
    return raw


def schema() -> Any:
    """The schema of ``.tflite`` files, in LiteRT's package.

    Raises:
        MissingExtra: LiteRT is not installed.
    """
    with requires("reading a .tflite file", "LiteRT", "sim"):
        return import_module("ai_edge_litert.schema_py_generated")


def _names(enum: type) -> dict[int, str]:
    return {value: name for name, value in vars(enum).items() if isinstance(value, int)}


class _Reader:
    def __init__(self, schema: Any, raw: bytes) -> None:
        self._raw = raw
        self._model = schema.ModelT.InitFromPackedBuf(raw, 0)
        self._graph = self._model.subgraphs[0]
        self._codes = _names(schema.BuiltinOperator)
        types = _names(schema.TensorType)
        self._makers: dict[int, int] = {}
        for index, operator in enumerate(self._graph.operators or ()):
            self._makers |= dict.fromkeys(_integers(operator.outputs), index)
        self._tensors = [self._tensor(tensor, types) for tensor in self._graph.tensors or ()]

    def operations(self) -> tuple[Operation, ...]:
        """All operations; the tensors that follow from shapes and constants are marked as constant."""
        operators: list[Any] = list(self._graph.operators or ())
        names = [self._name(operator) for operator in operators]
        makers = self._makers
        users: dict[int, list[str]] = defaultdict(list)
        for name, operator in zip(names, operators, strict=True):
            for tensor in _integers(operator.inputs):
                users[tensor].append(name)
        found: list[Operation] = []
        for index, (name, operator) in enumerate(zip(names, operators, strict=True)):
            inputs, outputs = _integers(operator.inputs), _integers(operator.outputs)
            given = tuple(self._tensors[tensor] if tensor >= 0 else None for tensor in inputs)
            if name in _SHAPE_ONLY or all(tensor is None or tensor.constant for tensor in given):
                for tensor in outputs:
                    self._tensors[tensor] = replace(self._tensors[tensor], constant=True)
            found.append(
                Operation(
                    index,
                    name,
                    given,
                    tuple(self._tensors[tensor] for tensor in outputs),
                    _numbers(operator.builtinOptions),
                    tuple(names[makers[tensor]] for tensor in inputs if tensor in makers),
                    tuple(users[outputs[0]]) if outputs else (),
                    tuple(makers[tensor] for tensor in inputs if tensor in makers),
                )
            )
        return tuple(found)

    def varying(self) -> int:
        """Number of tensors that have another variable dimension than the batch."""
        return sum(-1 in _integers(tensor.shapeSignature)[1:] for tensor in self._graph.tensors or ())

    def results(self) -> tuple[int, ...]:
        """For each output of the network the index of the operation that computes it; -1 = none does."""
        return tuple(self._makers.get(tensor, -1) for tensor in _integers(self._graph.outputs))

    def _name(self, operator: Any) -> str:
        code = self._model.operatorCodes[operator.opcodeIndex]
        if code.customCode:
            return str(code.customCode.decode(errors="replace"))
        # Old files have the code in a byte, which was later too small.
        return self._codes[max(code.builtinCode, code.deprecatedBuiltinCode)]

    def _tensor(self, tensor: Any, types: Mapping[int, str]) -> Tensor:
        name = tensor.name.decode(errors="replace") if tensor.name else ""
        shape = tuple(max(int(side), 1) for side in tensor.shape) if tensor.shape is not None else ()
        data = self._data(self._model.buffers[tensor.buffer])
        dtype = types[tensor.type]
        scales, zeros = _scales(tensor.quantization)
        values: tuple[int, ...] = ()
        if dtype in INTEGERS and len(data) <= 8 * MAX_VALUES:
            values = tuple(map(int, np.frombuffer(data, INTEGERS[dtype])))
        return Tensor(name, dtype, shape, bool(data), scales > 0, zeros[0] if zeros else 0, values)

    def _data(self, buffer: Any) -> bytes:
        """The values of a buffer, which may be after the model in the file; empty if it has none."""
        if buffer.data is not None and len(buffer.data):
            return bytes(buffer.data)
        return self._raw[buffer.offset : buffer.offset + buffer.size] if buffer.offset > 1 else b""


def _scales(quantisation: Any) -> tuple[int, list[int]]:
    """The number of scales, and the zero points."""
    if quantisation is None or quantisation.scale is None:
        return 0, []
    return len(quantisation.scale), _integers(quantisation.zeroPoint)


def _integers(values: Any) -> list[int]:
    """The values of a vector, which may be missing."""
    return [] if values is None else [int(value) for value in values]


def _numbers(options: object) -> dict[str, int]:
    """The numbers of an operation's options."""
    return {name: int(value) for name, value in vars(options).items() if isinstance(value, int)} if options else {}
