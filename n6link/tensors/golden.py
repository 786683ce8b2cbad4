"""Golden inputs: an input of a network, its reference outputs, and the permitted differences.

A file ``NAME.golden.npz`` contains arrays ``input:<tensor>``, ``output:<tensor>`` and, for each output, ``tolerance:<tensor>``, the largest
permitted absolute difference in real values. Engines round differently: two correct engines differed by up to 0.49 in one cell
of a pose heatmap. The tolerance therefore depends on the network and is not a constant.

It may also hold ``checked``: the digests of a network and of its outputs, which ``n6link check --store`` writes when a board computes
what the reference computes. A firmware that is built with the file then compares its outputs with them at each start.

Three figures of :mod:`n6link.tensors.agreement` describe a difference: cosine similarity, Nash-Sutcliffe efficiency (nse; 1 = equal, 0 =
as good as the mean of the reference), and the largest absolute error.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np

from n6link.errors import BadInput
from n6link.tensors.agreement import Agreement
from n6link.tensors.tensor import Array

SLOT_ALIGN: Final = 32
"""Inputs begin at multiples of it, in bytes: every firmware of this project places them so (``TensorSpec.offset``)."""
_KINDS: Final = ("input", "output", "tolerance")


@dataclass(frozen=True, slots=True)
class Golden:
    """Inputs, reference outputs and tolerances by the names of the tensors."""

    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    tolerances: Mapping[str, float]
    checked: tuple[int, int] | None = None
    """``NetworkInfo.digest`` of a board that was right, and the digest of its outputs"""

    def slot(self, sizes: Mapping[str, int] | None = None) -> bytes:
        """The inputs as in an input slot of a device.

        Args:
            sizes: bytes of the network's inputs by name, in its order, 0 = unknown; None = as in the file.

        Raises:
            BadInput: an input is missing, or has another size: it must hold the raw values of its tensor.
        """
        content = bytearray()
        if sizes is None:
            sizes = {name: array.nbytes for name, array in self.inputs.items()}
        for name, size in sizes.items():
            if name not in self.inputs:
                raise BadInput(f"the golden file does not have the input {name!r}; it has {', '.join(self.inputs)}")
            raw = np.ascontiguousarray(self.inputs[name]).tobytes()
            if size and len(raw) != size:
                raise BadInput(
                    f"the golden input {name!r} has {len(raw)} bytes, but the tensor {size}; store raw values"
                )
            content += bytes(-len(content) % SLOT_ALIGN) + raw
        return bytes(content)


@dataclass(frozen=True, slots=True)
class Difference:
    """Difference between an output and its reference."""

    name: str
    nse: float
    cosine: float
    largest: float
    tolerance: float

    @property
    def good(self) -> bool:
        """Whether it is within the tolerance; False for NaN."""
        return self.largest <= self.tolerance


def write_golden(path: str | os.PathLike[str], golden: Golden) -> None:
    """Writes a golden file."""
    arrays: dict[str, Array] = {f"input:{name}": array for name, array in golden.inputs.items()}
    arrays |= {f"output:{name}": array for name, array in golden.outputs.items()}
    arrays |= {f"tolerance:{name}": np.asarray(value) for name, value in golden.tolerances.items()}
    if golden.checked:
        arrays["checked"] = np.array(golden.checked, np.uint32)
    with Path(path).open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def read_golden(path: str | os.PathLike[str]) -> Golden:
    """Reads a golden file.

    Raises:
        BadInput: it cannot be read, or an output does not have a reference and a tolerance.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays: dict[str, Array] = dict(file)
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is not a complete .npz file"
        how = "create one with: n6link check NETWORK FILE.npz --make INPUT --tolerance REAL"
        raise BadInput(f"{str(path)!r} cannot be read as a golden file: {why}; {how}") from error
    checked = arrays.pop("checked", None)
    if checked is not None and checked.shape != (2,):
        raise BadInput(f"{str(path)!r} has an array 'checked' that is not two digests; run n6link check --store again")
    found: dict[str, dict[str, Array]] = {kind: {} for kind in _KINDS}
    for key, array in arrays.items():
        kind, _, name = key.partition(":")
        if kind not in found or not name:
            raise BadInput(
                f"{str(path)!r} contains an unknown array {key!r}; use input:NAME, output:NAME and tolerance:NAME"
            )
        found[kind][name] = array
    if not found["input"] or not found["output"] or found["output"].keys() != found["tolerance"].keys():
        raise BadInput(f"{str(path)!r} must contain inputs, outputs, and one tolerance for each output")
    tolerances = {name: float(array) for name, array in found["tolerance"].items()}
    pair = None if checked is None else (int(checked[0]), int(checked[1]))
    return Golden(found["input"], found["output"], tolerances, pair)


def compare(name: str, reference: Array, got: Array, tolerance: float) -> Difference:
    """The three figures of an output.

    Raises:
        BadInput: the shapes differ.
    """
    if reference.shape != got.shape:
        raise BadInput(
            f"{name} has shape {got.shape}, but its reference has {reference.shape}; use the golden file of this network"
        )
    figures = Agreement(name)
    figures.add(reference, got)
    return Difference(name, figures.nse, figures.cosine, figures.maximum, tolerance)


def digest(outputs: Mapping[str, Array]) -> int:
    """CRC-32 of raw outputs in the network's order, as CHECK returns it."""
    value = 0
    for array in outputs.values():
        value = zlib.crc32(np.ascontiguousarray(array).tobytes(), value)
    return value


def likely_cause(first: Mapping[str, Array], second: Mapping[str, Array], known: int | None) -> str:
    """The likely cause of wrong outputs, from two runs with the golden input.

    Args:
        first: raw outputs of the first run.
        second: raw outputs of the second run.
        known: digest of correct outputs of this board with this build and weights; None = unknown.
    """
    if digest(first) != digest(second):
        return (
            "two runs differ; likely causes: cache maintenance in the firmware, or a clock or voltage that is too high"
        )
    if all(array.size and (array == array.flat[0]).all() for array in first.values()):
        return "all values are equal; likely causes: missing weights, or no write permission of the NPU (isolation)"
    if known == digest(first):
        return "these outputs were correct in an earlier check; likely cause: a golden file with another reference or tolerance"
    if known is not None:
        return "the outputs of this build and weights were correct before; likely causes: changed weights in flash, or a clock or voltage"
    return "likely causes: weights of another build, or the golden file of another network; program the weights of this build"
