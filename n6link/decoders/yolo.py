"""Objects from the heads of the YOLO families: task ``yolo``.

========  ==========================  ==========================================================================
head      shape                       candidate
========  ==========================  ==========================================================================
yolov8    [4 + C, N] or transposed    centre x and y, width, height, one score per class (YOLOv8, v9, 11, 12)
yolov5    [N, 5 + C] or transposed    centre x and y, width, height, score of any object, one share per class;
                                      the score of a class is the product (YOLOv5, v7)
end       [M, 6]                      left, top, right, bottom, score, class; without repetitions (YOLOv10, 26)
========  ==========================  ==========================================================================

The network applies the sigmoids. The head follows from the shape and the number of labels; the option ``head`` selects it where two
are possible.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import numpy as np

from n6link.decoders import NetworkLike, ResultLike, card_of
from n6link.decoders.boxes import Candidates, Detection, Selection, corners, detections
from n6link.decoders.heads import Head
from n6link.decoders.labels import labelled
from n6link.decoders.proposal import cells
from n6link.errors import BadInput, CardError
from n6link.protocol.records import Return
from n6link.tensors.card import Card
from n6link.tensors.image import PictureInput
from n6link.tensors.tensor import TensorSpec

HEADS: Final = ("yolov8", "yolov5", "end")
END_COLUMNS: Final = 6
END_ROWS: Final = 1000
"""Rows that an end-to-end head has at most: exports have 100 or 300."""


class Yolo:
    """The decoder of ``yolo``, with options ``conf``, ``iou``, ``max_boxes``, ``head``; decode() returns a list of :class:`Detection`."""

    def check(self, network: NetworkLike) -> None:
        """Whether the output is such a head, with the card's labels."""
        card = card_of(network)
        kind, head = _head(card, network, card.options)
        if kind == "end":
            return
        labelled(network, head.channels - head.score - (kind == "yolov5"))
        if not card.labels and "head" not in card.options:
            spec, usual = head.spec, cells(PictureInput(card.main_input(network.inputs), card).size)
            if spec.shape[-1 - head.axis] not in (usual, 3 * usual):
                raise CardError(
                    f"output {spec.name!r} of shape {spec.shape} does not have the {usual} candidates of a YOLO head for this "
                    f"input; add labels = [...] to card {card.name!r} if it is one"
                )

    def returns(self, network: NetworkLike, **options: object) -> list[Return] | None:
        """The candidates whose score, or score of any object, is at least ``conf``."""
        card = card_of(network)
        selection = Selection.of(card, options, "head")
        return _head(card, network, {**card.options, **options})[1].returns(selection.conf)

    def complete(self, result: ResultLike) -> bool:
        """Whether all candidates that passed were returned."""
        card = card_of(result.network)
        return _head(card, result.network, card.options)[1].complete(result)

    def decode(self, result: ResultLike, **options: object) -> list[Detection]:
        """The objects in the picture, best first, in source pixels.

        Raises:
            BadInput: an option is out of range, or a reduced result is not complete or was reduced with a higher ``conf``.
            CardError: the output is not such a head.
        """
        card = card_of(result.network)
        selection = Selection.of(card, options, "head")
        kind, head = _head(card, result.network, {**card.options, **options})
        passing = head.passing(result, selection.conf)
        real = head.real(passing.values)
        if kind == "end":
            found = Candidates(real[:, :4], real[:, 4], real[:, 5].astype(np.intp))
            return detections(result, found, Selection(selection.conf, 1.0, selection.limit))
        if kind == "yolov8":
            return detections(result, Candidates(corners(real), real[:, head.score], passing.classes), selection)
        shares = real[:, head.score + 1 :]
        classes = shares.argmax(axis=1)
        scores = shares[np.arange(len(real)), classes] * real[:, head.score]
        sure = scores >= selection.conf
        return detections(result, Candidates(corners(real[sure]), scores[sure], classes[sure]), selection)


def _head(card: Card, network: NetworkLike, options: Mapping[str, object]) -> tuple[str, Head]:
    """The kind of head, and the output that contains it."""
    spec = card.decoded_output(network.outputs)
    wanted = options.get("head")
    if wanted is not None and wanted not in HEADS:
        raise BadInput(f"head={wanted!r} is not a head of the YOLO families; choose {', '.join(HEADS)}")
    index = list(network.outputs).index(spec.name)
    return _table(index, spec, None if wanted is None else str(wanted), card.name, len(card.labels))


@lru_cache(maxsize=64)
def _table(index: int, spec: TensorSpec, wanted: str | None, card: str, labels: int) -> tuple[str, Head]:
    """The same.

    Args:
        index: number of the output.
        spec: the output.
        wanted: the kind of head; None = it follows from the shape.
        card: its name.
        labels: their number; 0 = unknown.
    """
    shape = spec.shape[1:] if len(spec.shape) == 3 and spec.shape[0] == 1 else spec.shape
    if len(shape) != 2 or min(shape) < 5:
        raise CardError(
            f"output {spec.name!r} of shape {spec.shape} is not a YOLO head; it must be [4 + C, N], [N, 5 + C] or [M, 6]"
        )
    axis = int(wanted == "end" or shape[1] < shape[0])
    channels = shape[axis]
    if wanted is not None:
        kind = wanted
    elif axis == 1 and channels == END_COLUMNS and shape[0] <= END_ROWS:
        kind = "end"
    elif labels:
        fitting = {labels + 4: "yolov8", labels + 5: "yolov5"}
        if channels not in fitting:
            raise CardError(
                f"card {card!r} has {labels} labels, but output {spec.name!r} of shape {spec.shape} has {channels} "
                f"values per candidate: {channels - 4} classes (yolov8) or {channels - 5} classes (yolov5); correct labels = [...]"
            )
        kind = fitting[channels]
    else:
        # Exports of YOLOv8 and later are channel-major, those of YOLOv5 and v7 are row-major.
        kind = "yolov8" if axis == 0 or channels == 5 else "yolov5"
    if kind == "end" and (axis, channels) != (1, END_COLUMNS):
        raise CardError(
            f"output {spec.name!r} of shape {spec.shape} does not have rows of {END_COLUMNS} values, which decode.head = 'end' requires"
        )
    return kind, Head(index, spec, axis, 4, channels - 4 if kind == "yolov8" else 1)
