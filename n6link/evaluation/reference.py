"""A network's file on this computer, run by LiteRT: the reference of a validation."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from n6link.decoders.described import NetworkLike
from n6link.errors import BadInput, requires
from n6link.tensors.tensor import Array, TensorSpec


class Reference:
    """The file; its tensors may have other types than those of the network, such as float32.

    Attributes:
        name: of the file.
        digest: SHA-256 of the file, hexadecimal.

    Raises:
        BadInput: LiteRT is not installed or cannot load the file, or the file and the network have other tensors.
    """

    def __init__(self, path: Path, network: NetworkLike) -> None:
        with requires("the reference", "LiteRT", "sim"):
            interpreter: Any = import_module("ai_edge_litert.interpreter").Interpreter
        try:
            self.digest = hashlib.sha256(path.read_bytes()).hexdigest()
            self._interpreter = interpreter(os.fspath(path))
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError, OSError) as error:
            if not path.is_file():
                reason = "is not a file" if path.exists() else "does not exist"
                raise BadInput(f"{str(path)!r} {reason}; use the network's .tflite file") from error
            raise BadInput(f"{str(path)!r} cannot be loaded by LiteRT: {error}") from error
        self.name = path.name
        self._busy = threading.Lock()
        self._inputs = _order("inputs", network.name, network.inputs, self._interpreter.get_input_details(), path)
        self._outputs = _order("outputs", network.name, network.outputs, self._interpreter.get_output_details(), path)
        indices = [detail["index"] for detail in self._interpreter.get_output_details()]
        self.places = [indices.index(detail["index"]) for detail in self._outputs]
        """for each output of the network its number among those of the file"""

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Real outputs for real inputs, both in the network's order. Threads wait for each other."""
        with self._busy:
            return self._run(inputs)

    def _run(self, inputs: Sequence[Array]) -> list[Array]:
        for real, detail in zip(inputs, self._inputs, strict=True):
            self._interpreter.set_tensor(detail["index"], _spec(detail).quantize(real.reshape(detail["shape"])))
        self._interpreter.invoke()
        return [_spec(detail).dequantize(self._interpreter.get_tensor(detail["index"])) for detail in self._outputs]


def _order(
    what: str, network: str, specs: Mapping[str, TensorSpec], details: Sequence[Mapping[str, Any]], path: Path
) -> list[Mapping[str, Any]]:
    """The file's tensors in the network's order: by name if all names are equal, else as they are."""
    by_name = {detail["name"]: detail for detail in details}
    own = [by_name[name] for name in specs] if by_name.keys() == specs.keys() else list(details)
    ours, theirs = (
        [int(np.prod(shape)) for shape in shapes] for shapes in (_shapes(specs), [each["shape"] for each in own])
    )
    if ours != theirs:
        raise BadInput(
            f"network {network!r} has {what} of {ours} elements, but {str(path)!r} has {theirs}; use the network's own file"
        )
    return own


def _shapes(specs: Mapping[str, TensorSpec]) -> list[tuple[int, ...]]:
    return [spec.shape for spec in specs.values()]


def _spec(detail: Mapping[str, Any]) -> TensorSpec:
    """A tensor of the file, as LiteRT describes it."""
    scale, zero_point = detail["quantization"]
    return TensorSpec(
        detail["name"],
        tuple(map(int, detail["shape"])),
        np.dtype(detail["dtype"]),
        0,
        scale=float(scale) or None,
        zero_point=int(zero_point),
    )
