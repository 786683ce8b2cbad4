"""Objects from grids of anchor boxes: task ``yolo-grid`` (YOLOv2 and ST's YOLO-LC with one grid, ST's YOLO-X with three).

Each output is a grid, [1, h, w, A * (5 + C)]. Each cell has A candidates: x, y, width, height, object, and one value per class, all
before their activation::

    centre = (cell + sigmoid(x, y)) / (w, h)
    size   = anchor * exp(width, height)
    score  = sigmoid(object) * softmax(classes)        (one class: sigmoid(object))

The key ``anchors`` of the card contains the A anchor sizes, as shares of the input's width and height (ST's files contain them in cells
of the grid: divide by the number of cells). All outputs of a network are decoded.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from n6link.decoders import NetworkLike, ResultLike, card_of
from n6link.decoders.activations import sigmoid, softmax
from n6link.decoders.boxes import Candidates, Detection, Selection, corners, detections
from n6link.decoders.heads import Head
from n6link.decoders.labels import labelled
from n6link.errors import CardError
from n6link.protocol.records import Return
from n6link.tensors.tensor import TensorSpec

OBJECT: Final = 4
"""value of a candidate that says whether there is an object"""


class YoloGrid:
    """The decoder of ``yolo-grid``, with options ``conf``, ``iou``, ``max_boxes``; decode() returns a list of :class:`Detection`."""

    def check(self, network: NetworkLike) -> None:
        """Whether all outputs are grids that fit the card's anchors and labels."""
        for head in _heads(network):
            labelled(network, head.channels - OBJECT - 1)

    def returns(self, network: NetworkLike, **options: object) -> list[Return] | None:
        """The candidates whose object score is at least ``conf``: no score of a class is larger."""
        conf = Selection.of(card_of(network), options).conf
        requests: list[Return] = []
        for head in _heads(network):
            wanted = head.returns(conf)
            if wanted is None:
                return None
            requests += wanted
        return requests

    def complete(self, result: ResultLike) -> bool:
        """Whether all candidates that passed were returned."""
        return all(head.complete(result) for head in _heads(result.network))

    def decode(self, result: ResultLike, **options: object) -> list[Detection]:
        """The objects in the picture, best first, in source pixels.

        Raises:
            BadInput: an option is out of range, or a reduced result is not complete or was reduced with a higher ``conf``.
            CardError: an output does not fit the card's anchors.
        """
        network, card = result.network, card_of(result.network)
        selection = Selection.of(card, options)
        heads = _heads(network)
        cells = _cells(tuple(spec.shape for spec in network.outputs.values()), card.anchors)
        rows: list[NDArray[np.float32]] = []
        indices: list[NDArray[np.integer]] = []
        first = 0
        for head in heads:
            passing = head.passing(result, selection.conf)
            if len(passing.indices):
                rows.append(head.real(passing.values))
                indices.append(passing.indices + first)
            first += head.spec.shape[0]
        if not rows:
            return []
        found = _candidates(np.concatenate(rows), cells.take(np.concatenate(indices), axis=0), selection.conf)
        return detections(result, found, selection)


def _heads(network: NetworkLike) -> list[Head]:
    """All outputs, each as a table of its candidates."""
    card = card_of(network)
    if not card.anchors:
        raise CardError(f"card {card.name!r} does not have the key anchors; add anchors = [[width, height], ...]")
    return [_head(index, spec, len(card.anchors)) for index, spec in enumerate(network.outputs.values())]


@lru_cache(maxsize=64)
def _head(index: int, spec: TensorSpec, anchors: int) -> Head:
    """An output as a table of its candidates."""
    shape = spec.shape
    if len(shape) != 4 or shape[0] != 1 or shape[3] % anchors or shape[3] // anchors <= OBJECT + 1:
        raise CardError(
            f"output {spec.name!r} of shape {shape} is not a grid of {anchors} anchors; it must be "
            f"(1, h, w, {anchors} * (5 + C))"
        )
    table = replace(spec, shape=(shape[1] * shape[2] * anchors, shape[3] // anchors))
    return Head(index, table, 1, OBJECT, logits=True)


@lru_cache(maxsize=8)
def _cells(grids: tuple[tuple[int, ...], ...], anchors: tuple[tuple[float, ...], ...]) -> NDArray[np.float32]:
    """(candidates of all grids, 6): column and row of the cell, columns and rows of its grid, width and height of the anchor."""
    tables: list[NDArray[np.float32]] = []
    for _, rows, columns, _ in grids:
        table = np.empty((rows, columns, len(anchors), 6), np.float32)
        table[..., 0] = np.arange(columns)[:, None]
        table[..., 1] = np.arange(rows)[:, None, None]
        table[..., 2:4] = columns, rows
        table[..., 4:] = anchors
        tables.append(table.reshape(-1, 6))
    return np.concatenate(tables)


def _candidates(real: NDArray[np.float32], cells: NDArray[np.float32], conf: float) -> Candidates:
    """The candidates of these rows and cells whose class is likely enough, with boxes in 0..1 of the input."""
    shares = sigmoid(real[:, : OBJECT + 1])  # those of width and height are not used, but two more calls cost more
    centres = np.empty((len(real), 4), np.float32)
    np.divide(cells[:, :2] + shares[:, :2], cells[:, 2:4], out=centres[:, :2])
    np.multiply(cells[:, 4:], np.exp(real[:, 2:4]), out=centres[:, 2:])
    boxes, scores = corners(centres), shares[:, OBJECT]
    if real.shape[1] == OBJECT + 2:
        return Candidates(boxes, scores, np.zeros(len(real), np.intp))
    of_class = softmax(real[:, OBJECT + 1 :])
    classes = of_class.argmax(axis=1)
    scores = (scores * of_class[np.arange(len(real)), classes]).astype(np.float32)
    sure = scores >= conf
    return Candidates(boxes[sure], scores[sure], classes[sure])
