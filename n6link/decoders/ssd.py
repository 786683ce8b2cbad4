"""Objects from SSD heads: task ``ssd``.

The outputs are scores, [1, N, C], after their activation, and boxes, [1, N, 4], relative to anchors. The first class is the background if
there is one more than the card has labels, and, without labels, if the coding is ``corners``. The card names the outputs
(``output.scores``, ``output.boxes``); else they are found by their shapes. The anchors, (N, 4), are a third output of the network
(ST's networks) or a ``.npy`` file (``output.anchors``). The option ``coding`` of the card says what the boxes mean:

===========  ========================================================  =================================================
coding       box and anchor                                            meaning
===========  ========================================================  =================================================
corners      left, top, right, bottom (ST's SSD)                       corner = anchor corner + box * anchor size
centres      centre y and x, height, width (TensorFlow's SSD)          centre = anchor centre + box / 10 * anchor size,
                                                                       size = anchor size * exp(box / 5)
===========  ========================================================  =================================================

A network that ends in TFLite's detection post-processing has four outputs instead: boxes [1, M, 4] (top, left, bottom, right),
classes [1, M], scores [1, M] and their number [1]; it removes repetitions itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from n6link.decoders import NetworkLike, ResultLike, card_of, whole_output
from n6link.decoders.boxes import Candidates, Detection, Selection, corners, detections
from n6link.decoders.heads import Head, companion, rows_of
from n6link.decoders.labels import labelled
from n6link.errors import BadInput, CardError
from n6link.protocol.records import Return
from n6link.tensors.tensor import TensorSpec

CODINGS: Final = ("corners", "centres")
CENTRE_SCALE: Final = 10.0
"""Variance 0.1 of centres, as in the reference implementation of SSD."""
SIZE_SCALE: Final = 5.0
"""Variance 0.2 of sizes, of the same origin."""


@dataclass(frozen=True, slots=True)
class _Outputs:
    head: Head
    """with the scores, of which those of the classes are compared"""
    boxes: TensorSpec
    anchors: TensorSpec | None


class Ssd:
    """The decoder of ``ssd``, with options ``conf``, ``iou``, ``max_boxes``; decode() returns a list of :class:`Detection`."""

    def check(self, network: NetworkLike) -> None:
        """Whether the outputs are those of an SSD head, with the card's anchors and labels."""
        if not _processed(network):
            outputs = _outputs(network)
            _coding(network)
            labelled(network, outputs.head.scores)
            if outputs.anchors is None:
                _anchor_file(network, outputs.boxes.shape[-2])

    def returns(self, network: NetworkLike, **options: object) -> list[Return] | None:
        """The anchors whose largest score is at least ``conf``, and their boxes."""
        conf = _selection(network, options).conf
        if _processed(network):
            return None
        outputs = _outputs(network)
        wanted = outputs.head.returns(conf)
        if wanted is None:
            return None
        names = list(network.outputs)
        others = [spec for spec in (outputs.boxes, outputs.anchors) if spec is not None]
        return wanted + [companion(names.index(spec.name), spec) for spec in others]

    def complete(self, result: ResultLike) -> bool:
        """Whether all anchors that passed were returned."""
        return _processed(result.network) or _outputs(result.network).head.complete(result)

    def decode(self, result: ResultLike, **options: object) -> list[Detection]:
        """The objects in the picture, best first, in source pixels.

        Raises:
            BadInput: an option is out of range.
            CardError: the outputs are not those of an SSD head, or the anchors are missing.
        """
        network = result.network
        selection = _selection(network, options)
        if _processed(network):
            return _ready(result, selection)
        outputs = _outputs(network)
        head = outputs.head
        passing = head.passing(result, selection.conf)
        scores = head.real(passing.values)[:, head.score]
        anchors = (
            rows_of(result, outputs.anchors, passing)
            if outputs.anchors is not None
            else _anchor_file(network, outputs.boxes.shape[-2])[passing.indices]
        )
        boxes = _boxes(rows_of(result, outputs.boxes, passing), anchors, _coding(network))
        return detections(result, Candidates(boxes, scores, passing.classes), selection)


def _selection(network: NetworkLike, given: Mapping[str, object]) -> Selection:
    return Selection.of(card_of(network), given, "coding")


def _boxes(boxes: NDArray[np.float32], anchors: NDArray[np.float32], coding: str) -> NDArray[np.float32]:
    """(n, 4): left, top, right, bottom."""
    if coding == "corners":
        sizes: NDArray[np.float32] = np.subtract(anchors[:, None, 2:], anchors[:, None, :2])
        placed: NDArray[np.float32] = np.multiply(boxes.reshape(-1, 2, 2), sizes)
        placed += anchors.reshape(-1, 2, 2)
        return placed.reshape(-1, 4)
    size = np.exp(boxes[:, 2:] / np.float32(SIZE_SCALE)) * anchors[:, 2:]
    centre = boxes[:, :2] / np.float32(CENTRE_SCALE) * anchors[:, 2:] + anchors[:, :2]
    return corners(np.concatenate([centre[:, ::-1], size[:, ::-1]], axis=1))


def _processed(network: NetworkLike) -> bool:
    """Whether the network ends in TFLite's detection post-processing."""
    if len(network.outputs) != 4:
        return False
    boxes, classes, scores, _ = (spec.shape for spec in network.outputs.values())
    return len(boxes) == 3 and boxes[2] == 4 and classes == scores == boxes[:2]


def _ready(result: ResultLike, selection: Selection) -> list[Detection]:
    boxes, classes, scores, count = (
        spec.dequantize(whole_output(result, name)) for name, spec in result.network.outputs.items()
    )
    number = int(count.flat[0])
    passing = np.flatnonzero(scores.reshape(-1)[:number] >= selection.conf)
    swapped = boxes.reshape(-1, 4)[passing][:, [1, 0, 3, 2]]
    found = Candidates(swapped, scores.reshape(-1)[passing], classes.reshape(-1)[passing].astype(np.intp))
    return detections(result, found, Selection(selection.conf, 1.0, selection.limit))


def _outputs(network: NetworkLike) -> _Outputs:
    """The outputs by their names in the card, else by their shapes."""
    card = card_of(network)
    background = _coding(network) == "corners" if not card.labels else None
    known = tuple(network.outputs.items())
    return _chosen(network.name, known, card.scores, card.boxes, card.anchor_file, len(card.labels), background)


@lru_cache(maxsize=64)
def _chosen(
    network: str,
    outputs: tuple[tuple[str, TensorSpec], ...],
    scores: str | None,
    boxes: str | None,
    anchor_file: str | None,
    labels: int,
    background: bool | None,
) -> _Outputs:
    """The same.

    Args:
        network: its name.
        outputs: all of them.
        scores: name of the scores in the card.
        boxes: name of the boxes.
        anchor_file: name of the anchors, of an output or a file.
        labels: number of labels.
        background: whether the first class is the background; None = if there is one more than labels.
    """
    tables = {name: spec for name, spec in outputs if len(spec.shape) == 3 and spec.shape[0] == 1}
    wide = [name for name, spec in tables.items() if spec.shape[2] != 4]
    four = [name for name, spec in tables.items() if spec.shape[2] == 4]
    scores = scores or (wide[0] if len(wide) == 1 else None)
    boxes = boxes or (four[0] if four else None)
    anchors = four[1] if len(four) == 2 and anchor_file is None else None
    if anchor_file in tables:
        anchors = anchor_file
    if scores not in tables or boxes not in tables or tables[scores].shape[1] != tables[boxes].shape[1]:
        shapes = ", ".join(f"{name} {spec.shape}" for name, spec in outputs)
        raise CardError(
            f"the outputs of network {network!r} are not those of an SSD head: it must have scores (1, N, C) and boxes "
            f"(1, N, 4), but has {shapes}; name them with output.scores and output.boxes"
        )
    table = tables[scores]
    first = int(table.row_length == labels + 1 if background is None else background)
    index = [name for name, _ in outputs].index(scores)
    head = Head(index, table, 1, first, table.row_length - first)
    return _Outputs(head, tables[boxes], tables[anchors] if anchors else None)


def _coding(network: NetworkLike) -> str:
    coding = card_of(network).options.get("coding", "corners")
    if coding not in CODINGS:
        raise CardError(f"card {card_of(network).name!r}: decode.coding is {coding!r}; choose {', '.join(CODINGS)}")
    return str(coding)


def _anchor_file(network: NetworkLike, count: int) -> NDArray[np.float32]:
    """The anchors in the card's file."""
    card = card_of(network)
    if card.anchor_file is None:
        raise CardError(
            f'network {network.name!r} does not have an output with anchors; add output.anchors = "FILE.npy" to card '
            f"{card.name!r}, of shape ({count}, 4)"
        )
    anchors = _load(card.file("anchor_file"))
    if anchors.shape != (count, 4):
        raise CardError(f"file {card.anchor_file!r} has the shape {anchors.shape}; the network requires ({count}, 4)")
    return anchors


@lru_cache(maxsize=8)
def _load(path: Path) -> NDArray[np.float32]:
    try:
        return np.asarray(np.load(path, allow_pickle=False), np.float32)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise BadInput(f"{str(path)!r} cannot be read as anchors: {error}") from error
