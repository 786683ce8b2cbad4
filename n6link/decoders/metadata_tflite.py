"""TFLite's own metadata: a FlatBuffer in the network's buffer ``TFLITE_METADATA``.

Its schema is ``metadata_schema.fbs`` of TFLite Support. Four of its tables are read, by the numbers of their fields:

==================  =============================================================================
ModelMetadata       3 = subgraphs
SubGraphMetadata    2 = tensors of the inputs, 3 = of the outputs
TensorMetadata      4 = process units, 6 = associated files
ProcessUnit         0 = type of the options (1 = normalisation), 1 = options: 0 = mean, 1 = std
AssociatedFile      0 = name, 2 = type (2 = labels along an axis, 3 = labels of values)
==================  =============================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from n6link.epochs.predict.tflite import DAMAGED, content, schema

NAME: Final = b"TFLITE_METADATA"
_NORMALISATION: Final = 1
_LABELS: Final = (2, 3)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a network's metadata say about the first input and about the outputs."""

    mean: tuple[float, ...]
    """of the pixels of the first input; empty = unknown"""
    std: tuple[float, ...]
    labels: tuple[str, ...]
    """files with labels of the outputs, in the archive after the network"""


def read(path: Path) -> Metadata | None:
    """The metadata of a network; None if it has none, or they are damaged.

    Raises:
        BadInput: the file cannot be read or is not a .tflite file.
        MissingExtra: LiteRT is not installed.
    """
    raw = content(path)
    library = schema()
    try:
        model = library.Model.GetRootAs(raw, 0)
        for index in range(model.MetadataLength()):
            entry = model.Metadata(index)
            if entry.Name() == NAME:
                buffer = model.Buffers(entry.Buffer())
                return _parsed(bytes(buffer.DataAsNumpy())) if buffer.DataLength() else None
    except DAMAGED:
        return None
    return None


def _parsed(raw: bytes) -> Metadata:
    root = _Table.root(raw)
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    files: list[str] = []
    for graph in list(root.tables(3))[:1]:
        for tensor in list(graph.tables(2))[:1]:
            for unit in tensor.tables(4):
                options = unit.table(1)
                if unit.byte(0) == _NORMALISATION and options:
                    mean, std = options.floats(0), options.floats(1)
        for tensor in graph.tables(3):
            files += [file.text(0) for file in tensor.tables(6) if file.byte(2) in _LABELS]
    return Metadata(mean, std, tuple(files))


class _Table:
    """A table of a FlatBuffer, whose fields have numbers."""

    def __init__(self, table: Any) -> None:
        self._table = table

    @classmethod
    def root(cls, raw: bytes) -> _Table:
        """The table that the buffer contains."""
        start = int.from_bytes(raw[:4], "little")
        return cls(import_module("flatbuffers.table").Table(raw, start))

    def text(self, number: int) -> str:
        """A string; empty if the field is missing."""
        offset = self._offset(number)
        return str(self._table.String(offset + self._table.Pos).decode(errors="replace")) if offset else ""

    def byte(self, number: int) -> int:
        """A small number; 0 if the field is missing."""
        offset = self._offset(number)
        return int(self._table.Bytes[offset + self._table.Pos]) if offset else 0

    def floats(self, number: int) -> tuple[float, ...]:
        """A list of numbers."""
        kind = import_module("flatbuffers.number_types").Float32Flags
        return tuple(float(self._table.Get(kind, place)) for place in self._places(number))

    def table(self, number: int) -> _Table | None:
        """A table."""
        offset = self._offset(number)
        if not offset:
            return None
        return _Table(type(self._table)(self._table.Bytes, self._table.Indirect(offset + self._table.Pos)))

    def tables(self, number: int) -> Iterator[_Table]:
        """A list of tables."""
        for place in self._places(number):
            yield _Table(type(self._table)(self._table.Bytes, self._table.Indirect(place)))

    def _places(self, number: int) -> Iterator[int]:
        """Positions of the items of a list, each of 4 bytes."""
        offset = self._offset(number)
        if offset:
            first = self._table.Vector(offset)
            yield from range(first, first + 4 * self._table.VectorLen(offset), 4)

    def _offset(self, number: int) -> int:
        return int(self._table.Offset(4 + 2 * number))
