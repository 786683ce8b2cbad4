"""Centres of objects from a map of classes per cell: task ``fomo`` (Edge Impulse's FOMO).

The output has one value per cell and class, [1, h, w, C], after its softmax; the first class is the background. Cells whose best class
reaches ``conf`` are objects; those of the same class whose boxes touch each other, also at a corner, are joined in row-major order: the
box contains both, and the score is the larger one. The network does not know the sizes of objects: of a box, only the middle has a meaning.

Edge Impulse's own code has the same rules, but does not widen a box that grows to the left or upwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from n6link.decoders import NetworkLike, ResultLike, card_of
from n6link.decoders.boxes import Detection, Selection, placed
from n6link.decoders.heads import Head
from n6link.decoders.labels import labelled
from n6link.errors import CardError
from n6link.protocol.records import Return
from n6link.tensors.tensor import TensorSpec

CONF: Final = 0.5
"""Default of ``conf``, as in Edge Impulse's code: more likely than not."""


class Fomo:
    """The decoder of ``fomo``, with options ``conf`` and ``max_boxes``; decode() returns a list of :class:`Detection`."""

    def check(self, network: NetworkLike) -> None:
        """Whether the output has a value for each cell and class, and the card a label for each class but the background."""
        labelled(network, _head(network).scores)

    def returns(self, network: NetworkLike, **options: object) -> list[Return] | None:
        """The cells whose best class is at least ``conf``."""
        return _head(network).returns(_selection(network, options).conf)

    def complete(self, result: ResultLike) -> bool:
        """Whether all cells that passed were returned."""
        return _head(result.network).complete(result)

    def decode(self, result: ResultLike, **options: object) -> list[Detection]:
        """The objects in the picture, best first, in source pixels.

        Raises:
            BadInput: an option is out of range, or a reduced result is not complete or was reduced with a higher ``conf``.
            CardError: the output does not have a value for each cell and class.
        """
        network = result.network
        selection = _selection(network, options)
        head = _head(network)
        passing = head.passing(result, selection.conf)
        height, width = network.outputs[head.spec.name].shape[1:3]
        scores = head.real(passing.values[:, head.score]).tolist()
        cells: list[_Object] = []
        for index, score, label in zip(passing.indices.tolist(), scores, passing.classes.tolist(), strict=True):
            row, column = divmod(index, width)
            cells.append(_Object(column, row, column + 1, row + 1, score, label))
        # The second time joins objects that touch each other since they have grown.
        objects = sorted(_joined(_joined(cells)), key=lambda one: -one.score)[: selection.limit]
        return placed(
            result,
            [(one.left / width, one.top / height, one.right / width, one.bottom / height) for one in objects],
            [one.score for one in objects],
            [one.label for one in objects],
        )


@dataclass(slots=True)
class _Object:
    """An object of some cells: its box in cells."""

    left: int
    top: int
    right: int
    bottom: int
    score: float
    label: int

    def join(self, other: _Object) -> bool:
        """Takes another object of its class that touches it; False = it does not."""
        apart = self.right < other.left or other.right < self.left or self.bottom < other.top or other.bottom < self.top
        if apart or self.label != other.label:
            return False
        self.left, self.top = min(self.left, other.left), min(self.top, other.top)
        self.right, self.bottom = max(self.right, other.right), max(self.bottom, other.bottom)
        self.score = max(self.score, other.score)
        return True


def _joined(objects: Iterable[_Object]) -> list[_Object]:
    """Objects in which each has taken the later ones that touch it; each is taken by the first possible one."""
    found: list[_Object] = []
    for one in objects:
        for known in found:
            if known.join(one):
                break
        else:
            found.append(one)
    return found


def _selection(network: NetworkLike, given: Mapping[str, object]) -> Selection:
    return Selection.of(card_of(network), given, conf=CONF)


def _head(network: NetworkLike) -> Head:
    """The output as a table of its cells."""
    spec = card_of(network).decoded_output(network.outputs)
    return _table(list(network.outputs).index(spec.name), spec)


@lru_cache(maxsize=64)
def _table(index: int, spec: TensorSpec) -> Head:
    shape = spec.shape
    if len(shape) != 4 or shape[0] != 1 or shape[3] < 2:
        raise CardError(
            f"output {spec.name!r} of shape {shape} does not have a value for each cell and class; it must be (1, h, w, 1 + C)"
        )
    table = replace(spec, shape=(shape[1] * shape[2], shape[3]))
    return Head(index, table, 1, 1, shape[3] - 1)
