"""Makes intermediate results of a ``.tflite`` file outputs of the network, so that a validation shows where a difference begins.

Only the list of outputs is changed: a new list is appended to the file, and the reference to the list points to it. Signatures are
removed, because they name the outputs of before. Everything else, such as the weights and their alignment, stays as it is.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from n6link.epochs.predict import tflite
from n6link.epochs.predict.model import Operation
from n6link.errors import BadInput

MOST: Final = 15
"""Default of the number of tensors: with one more output, an inference can still name all outputs that it returns."""
_TYPES: Final = frozenset({"INT8", "UINT8", "INT16", "FLOAT32"})
_SUBGRAPHS, _SIGNATURES, _OUTPUTS = 2, 7, 2
"""Numbers of fields in the schema of TensorFlow Lite: of the model, of the model, of a subgraph."""


@dataclass(frozen=True, slots=True)
class Exposed:
    """A file with more outputs."""

    content: bytes
    operations: tuple[Operation, ...]
    """whose first result is an output now"""


def expose(path: Path, *, first: int = 0, last: int | None = None, most: int = MOST) -> Exposed:
    """A copy of a file whose intermediate results are outputs, at equal distances, before the own outputs of the network.

    Args:
        path: of the file.
        first: number of the first operation whose result may be taken.
        last: number of the last one; None = the last of the network.
        most: number of results, 1 or more.

    Raises:
        BadInput: the file cannot be read, or does not have such results.
    """
    network = tflite.read_tflite(path)
    last = len(network.operations) - 1 if last is None else last
    taken = [
        operation
        for operation in network.operations[first : last + 1]
        if operation.index not in network.results and _can_be_output(operation)
    ]
    if not taken:
        raise BadInput(
            f"{str(path)!r} has no result that can be an output in operations {first} to {last}; it has operations 0 to "
            f"{len(network.operations) - 1}"
        )
    count = min(most, len(taken))
    chosen = [taken[(index * 2 + 1) * len(taken) // (2 * count)] for index in range(count)]
    raw = tflite.content(path)
    graph = tflite.schema().Model.GetRootAs(raw, 0).Subgraphs(0)
    tensors = [int(graph.Operators(operation.index).Outputs(0)) for operation in chosen]
    own = [int(graph.Outputs(index)) for index in range(graph.OutputsLength())]
    return Exposed(_with_outputs(raw, [*tensors, *own]), tuple(chosen))


def _can_be_output(operation: Operation) -> bool:
    return bool(operation.outputs) and not operation.outputs[0].constant and operation.outputs[0].dtype in _TYPES


def _with_outputs(raw: bytes, tensors: Sequence[int]) -> bytes:
    """The file with another list of outputs."""
    content = bytearray(raw)
    content += bytes(-len(content) % 4)
    model = _target(content, 0)
    vector = _target(content, _field(content, model, _SUBGRAPHS))
    graph = _target(content, vector + 4)
    _append(content, _field(content, graph, _OUTPUTS), tensors)
    if signatures := _field(content, model, _SIGNATURES):
        _append(content, signatures, ())
    return bytes(content)


def _append(content: bytearray, field: int, values: Sequence[int]) -> None:
    """Appends a vector, and lets a field refer to it."""
    struct.pack_into("<I", content, field, len(content) - field)
    content += struct.pack(f"<I{len(values)}i", len(values), *values)


def _target(content: bytearray, place: int) -> int:
    """Where a reference points."""
    return place + int(struct.unpack_from("<I", content, place)[0])


def _field(content: bytearray, table: int, number: int) -> int:
    """The position of a field of a table; 0 = the table does not have it."""
    fields = table - int(struct.unpack_from("<i", content, table)[0])
    (size,) = struct.unpack_from("<H", content, fields)
    offset = int(struct.unpack_from("<H", content, fields + 4 + 2 * number)[0]) if 4 + 2 * number < size else 0
    return table + offset if offset else 0
