"""Compares a network of a board with its file on this computer, on the same inputs: what ``n6link validate`` does.

::

    comparison = Comparison(net.info, Path("net.tflite"))
    answers = {name: await comparison.ask(net.run, data) for name, data in inputs.items()}
    found = comparison.figures(answers)
    assert found.good, found.verdict
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import anyio.to_thread
import numpy as np

from n6link.epochs.predict.tflite import read_tflite
from n6link.errors import BadInput
from n6link.evaluation.reference import Reference
from n6link.evaluation.validation import Limits, Validation, compare, find_cause
from n6link.json_types import Plain
from n6link.result import Run
from n6link.session.info import NetworkInfo
from n6link.tensors.inputs import Data, Inputs, as_raw
from n6link.tensors.tensor import Array, TensorSpec
from n6link.text.tokens import largest_id, load_tokenizer

INDEX_SIZE: Final = 4
"""bytes of an integer without a scale from which on it may be an index"""


class Comparison:
    """A network and its file, which is loaded here; this can take a second.

    Args:
        network: the network of the board, ``net.info``.
        model: its ``.tflite`` file, the reference.
        float_model: the file before its quantisation, for more figures; None = none.

    Attributes:
        digests: SHA-256 of the files, hexadecimal, by ``model`` and, if there is one, ``float``.

    Raises:
        MissingExtra: LiteRT is not installed.
        BadInput: a file cannot be loaded, or has other tensors than the network.
    """

    def __init__(self, network: NetworkInfo, model: Path, float_model: Path | None = None) -> None:
        self._network = network
        self._model, self._float = model, float_model
        self._references = {"model": Reference(model, network)}
        if float_model:
            self._references["float"] = Reference(float_model, network)
        self.digests = {key: reference.digest for key, reference in self._references.items()}

    async def ask(self, run: Run, data: Data) -> Plain:
        """Runs one input on the board and in the files; several calls at the same time keep a board busy.

        Args:
            run: :meth:`n6link.Network.run` of the network, of a board or of a pool.
            data: as for this method.

        Returns:
            The differences of all outputs, as plain values.

        Raises:
            N6Error: as for Network.run.
        """
        raw = await raw_inputs(self._network, data)
        result = await run(as_raw(raw), reduce=False, timers=False)
        specs = self._network.inputs
        # An index stays an integer: a file does not accept real numbers for it.
        real = [array if _is_index(specs[key]) else specs[key].dequantize(array) for key, array in raw.items()]
        values: Plain = {}
        for key, reference in self._references.items():
            expected = await anyio.to_thread.run_sync(reference.run, real)
            values[key] = compare(result.dequantized(), expected)
        return values

    def random(self, index: int, seed: int = 0) -> Data:
        """A random input: integers over their whole range, ids of tokens over the vocabulary, floats from -1 to 1.

        Args:
            index: its number; the same one always has the same values.
            seed: of all numbers.

        Raises:
            BadInput: random values are not defined for an input.
        """
        random = np.random.default_rng((seed, index))
        arrays: dict[str, Array] = {}
        for key, spec in self._network.inputs.items():
            if spec.dtype.kind in "iu":
                lowest, highest = self._range(spec)
                arrays[key] = random.integers(lowest, highest, spec.shape, spec.dtype.str, endpoint=True)
            elif spec.dtype.kind == "f":
                arrays[key] = random.uniform(-1, 1, spec.shape).astype(spec.dtype)
            else:
                raise BadInput(f"input {key!r} is {spec.dtype}, for which random values are not defined; use --data")
        return as_raw(arrays)

    def _range(self, spec: TensorSpec) -> tuple[int, int]:
        """Smallest and largest random value of an integer input. Ids outside of the vocabulary would be an error of the network."""
        card = self._network.card
        if not _is_index(spec):
            limits = np.iinfo(spec.dtype.str)
            return int(limits.min), int(limits.max)
        if card is None or not card.task.startswith("text"):
            raise BadInput(
                f"input {spec.name!r} is {spec.dtype} without a scale: it may be an index, and its range is not known; use --data, "
                "or a card with the task and the tokenizer"
            )
        if spec is not card.main_input(self._network.inputs):
            return 0, 1  # a mask, or numbers of sentences
        return 0, largest_id(load_tokenizer(card))

    def figures(self, answers: Mapping[str, Mapping[str, Sequence[Plain]]], limits: Limits | None = None) -> Validation:
        """The figures over all inputs and, if an output differs, the operations that can be the cause.

        Args:
            answers: what :meth:`ask` returned, by the name of the input.
            limits: of an output that agrees; None = those of ``n6link validate``.

        Raises:
            BadInput: an answer is not complete.
        """
        network, device = self._network, self._network.device
        found = Validation(
            network.name,
            device.board,
            device.simulated,
            self._model.name,
            limits or Limits(),
            {name: {key: list(values) for key, values in answer.items()} for name, answer in answers.items()},
            self._float.name if self._float else None,
        )
        if found.good:
            return found
        operations, places = read_tflite(self._model), self._references["model"].places
        cause = find_cause(found.outputs(), found.limits, operations, places, network.epochs.blocks)
        return replace(found, cause=cause)


async def raw_inputs(network: NetworkInfo, data: Data) -> dict[str, Array]:
    """The raw values of all inputs of a network, from the data for :meth:`n6link.Network.run`.

    Raises:
        BadInput, UnknownName, CardError: the data do not fit.
    """
    inputs = Inputs(network.name, network.inputs, network.input_bytes, network.card, network.card_problem)
    given = await inputs.prepare(data)
    return {
        spec.name: np.frombuffer(given.data, spec.dtype, math.prod(spec.shape), spec.offset).reshape(spec.shape)
        for spec in network.inputs.values()
    }


def _is_index(spec: TensorSpec) -> bool:
    """Whether an input may contain indices, such as ids of tokens."""
    return spec.dtype.kind in "iu" and spec.dtype.itemsize >= INDEX_SIZE and not spec.quantized
