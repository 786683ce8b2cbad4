"""Reads files of arrays, for commands that use them as inputs of a network, and writes outputs."""

from __future__ import annotations

import math
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from n6link.errors import BadInput
from n6link.network import Network
from n6link.result import Result
from n6link.tensors.inputs import Inputs
from n6link.tensors.tensor import Array, is_array


def read_arrays(path: Path) -> Array | dict[str, Array]:
    """The array of a .npy file, or the arrays of a .npz file by name.

    Raises:
        BadInput: the file cannot be read as either.
    """
    try:
        with path.open("rb") as file:
            arrays = np.load(file, allow_pickle=False)
            return arrays if is_array(arrays) else dict(arrays)
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise BadInput(f"{str(path)!r} cannot be read as .npz or .npy: {error}") from error


async def raw_inputs(network: Network, source: Path) -> dict[str, Array]:
    """The raw values of all inputs of a network, from a picture, a .npy or a .npz file.

    Raises:
        BadInput, UnknownName, CardError: the file cannot be read, or does not fit.
    """
    info = network.info
    inputs = Inputs(network.name, info.inputs, info.input_bytes, network.card, network.card_problem)
    slot, _ = await inputs.prepare(read_arrays(source) if source.suffix.lower() in (".npy", ".npz") else source)
    return {
        spec.name: np.frombuffer(slot, spec.dtype, math.prod(spec.shape), spec.offset).reshape(spec.shape)
        for spec in network.inputs.values()
    }


def save_outputs(path: Path, result: Result) -> None:
    """Writes the outputs to an .npz file: raw by their names, and real ones, float32, as NAME.real if they are quantised.

    Raises:
        BadInput: the file cannot be written.
    """
    arrays: dict[str, Array] = dict(result.outputs)
    for name, real in result.dequantized().items():
        if result.network.outputs[name].quantized:
            arrays[f"{name}.real"] = real
    try:
        with path.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy declares only its own options
    except OSError as error:
        raise BadInput(f"{str(path)!r} cannot be written: {error.strerror}") from error
