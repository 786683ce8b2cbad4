"""Inputs for the networks of ``board.c``, and what they make of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import reductions
from numpy.typing import NDArray

from n6link import Result
from n6link.network import Network
from n6link.protocol.records import Return
from n6link.tensors import reduce
from n6link.tensors.reduce import Reduced
from simulation.board import compute

NAMES: Final = ("tiny", "fold", "heat", "large")
FAILS: Final = (0xEE << 56, 0xEF << 56)
"""tags from there on make a run fail in a step, or at its start"""
TAG_BITS: Final = 20
"""of the number of an inference of a program; above them is the number of the program"""
_NOISE: Final = np.frombuffer(np.random.default_rng(6).bytes(1 << 18), np.uint8)


def owner(tag: int) -> int:
    """The number of the program that has asked for an inference."""
    return (tag & (1 << 56) - 1) >> TAG_BITS


@dataclass(frozen=True, slots=True)
class Question:
    """An inference.

    Attributes:
        tag: its number, in the first eight bytes of its input.
        network: to be run.
        image: all inputs as they are in a slot.
    """

    tag: int
    network: Network
    image: NDArray[np.uint8]

    @property
    def fails(self) -> bool:
        """Whether the board refuses to run it."""
        return self.tag >= FAILS[0]

    @property
    def data(self) -> dict[str, NDArray[Any]]:
        """As :meth:`Network.run` takes it."""
        return {
            spec.name: self.image[spec.offset : spec.offset + spec.size].view(spec.dtype).reshape(spec.shape)
            for spec in self.network.inputs.values()
        }

    @property
    def picture(self) -> dict[str, NDArray[Any]]:
        """The same with the first input, int8, as a picture."""
        (name, raw), *others = self.data.items()
        return {name: (raw[0].view(np.uint8) ^ 0x80), **dict(others)}

    def right(self, result: Result, returns: Sequence[Return] | None) -> bool:
        """Whether a result is that of this inference, bit for bit."""
        arrays = self._outputs()
        if returns is None:
            return list(result.outputs) == list(arrays) and all(
                np.array_equal(result.outputs[name], array) for name, array in arrays.items()
            )
        expected = self._reduced(returns, arrays)
        return all(reductions.equal(result.reduced[name], part) for name, part in expected.items())

    def _outputs(self) -> dict[str, NDArray[Any]]:
        specs = self.network.outputs.values()
        raw = compute(self.network.info.index, self.image, sum(spec.size for spec in specs))
        arrays, at = {}, 0
        for spec in specs:
            arrays[spec.name] = np.frombuffer(raw, spec.dtype, spec.size // spec.dtype.itemsize, at).reshape(spec.shape)
            at += spec.size
        return arrays

    def _reduced(self, returns: Sequence[Return], arrays: dict[str, NDArray[Any]]) -> dict[str, Reduced]:
        """What the device answers for each output: the last of several requests."""
        names, parts, selected = list(self.network.outputs), dict[str, Reduced](), list[int]()
        for wanted in returns:
            name = names[wanted.output]
            data, count = reductions.device(arrays[name], wanted, selected)
            parts[name] = reduce.parse(data, wanted, self.network.outputs[name], count)
        return parts


def question(network: Network, tag: int, *, smooth: bool = False) -> Question:
    """An inference with a tag of its own; the rest of its input follows from that, smooth values or noise."""
    size = network.info.input_bytes
    begin = tag * 1009 % (len(_NOISE) - size)
    image = _NOISE[begin : begin + size] & np.uint8(1 if smooth else 255)
    image[:8] = np.frombuffer(tag.to_bytes(8, "little"), np.uint8)
    return Question(tag, network, image)


def returns_of(network: Network, choice: int) -> list[Return]:
    """Reductions of a network's outputs."""
    outputs = list(network.outputs.values())
    first, spec, last = 0, outputs[0], len(outputs) - 1
    width = spec.shape[-1]
    passing = reduce.above(first, spec, 50.0, channels=width, channel=1, columns=False)
    choices: list[list[Return]] = [
        [reduce.argmax(first, spec)],
        [reduce.topk(last, outputs[last], 7)],
        [reduce.part(first, spec, 5, 20)],
        [passing],
        [reduce.argmax(first, spec), reduce.topk(last, outputs[last], 3)] if last else [reduce.topk(0, spec, 3)],
        [reduce.class_map(first, spec, width if width < 16 else 1, threshold=20.0)],
        [reduce.detections(first, spec, 55.0, channels=width, channel=1, scores=width - 1, columns=False)],
        [passing, reduce.same_rows(first, spec)],
    ]
    return choices[choice % len(choices)]
