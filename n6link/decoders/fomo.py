"""Centres of objects from a map of classes per cell: task ``fomo`` (Edge Impulse's FOMO).

The output has one value per cell and class, [1, h, w, C], after its softmax; the first class is the background. Cells whose best class
reaches ``conf`` and that touch each other, also at a corner, are one object if they have the same class: its box contains these cells,
and its score is the largest one. The network does not know the sizes of objects: of a box, only the middle has a meaning.

Edge Impulse's own code joins the same cells, but does not widen a box to the left or upwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from n6link.decoders import NetworkLike, ResultLike, card_of
from n6link.decoders.boxes import Candidates, Detection, Selection, detections
from n6link.decoders.heads import Head
from n6link.decoders.labels import labelled
from n6link.errors import CardError
from n6link.protocol.records import Return

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
        cells = np.stack(np.divmod(passing.indices.astype(np.intp), width), axis=1)
        objects = _objects(cells, passing.classes)
        count = int(objects.max(initial=-1)) + 1
        first, last = np.full((count, 2), max(height, width)), np.zeros((count, 2), np.intp)
        scores, classes = np.zeros(count, np.float32), np.zeros(count, np.intp)
        np.minimum.at(first, objects, cells)
        np.maximum.at(last, objects, cells + 1)
        np.maximum.at(scores, objects, head.real(passing.values)[:, head.score])
        classes[objects] = passing.classes
        boxes = np.concatenate([first, last], axis=1)[:, [1, 0, 3, 2]] / np.array([width, height] * 2, np.float32)
        found = Candidates(boxes.astype(np.float32), scores, classes)
        return detections(result, found, Selection(selection.conf, 1.0, selection.limit))


def _objects(cells: NDArray[np.intp], classes: NDArray[np.intp]) -> NDArray[np.intp]:
    """(n,) number of the object of each cell, from 0; cells (n, 2) are row and column, in order."""
    touching = (np.abs(cells[:, None] - cells) <= 1).all(axis=2) & (classes[:, None] == classes)
    objects = np.arange(len(cells))
    while True:
        # Each cell takes the lowest number among those that it touches, until nothing changes.
        joined = np.where(touching, objects, len(cells)).min(axis=1, initial=len(cells))
        if np.array_equal(joined, objects):
            numbers: NDArray[np.intp] = np.unique(objects, return_inverse=True)[1]
            return numbers
        objects = joined


def _selection(network: NetworkLike, given: Mapping[str, object]) -> Selection:
    return Selection.of(card_of(network), given, conf=CONF)


def _head(network: NetworkLike) -> Head:
    """The output as a table of its cells."""
    card = card_of(network)
    spec = card.decoded_output(network.outputs)
    shape = spec.shape
    if len(shape) != 4 or shape[0] != 1 or shape[3] < 2:
        raise CardError(
            f"output {spec.name!r} of shape {shape} does not have a value for each cell and class; it must be (1, h, w, 1 + C)"
        )
    table = replace(spec, shape=(shape[1] * shape[2], shape[3]))
    return Head(list(network.outputs).index(spec.name), table, 1, 1, shape[3] - 1)
