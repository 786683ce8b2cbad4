"""Several people from a YOLOv8 or YOLO11 pose head: task ``yolo-pose``.

The output contains one candidate per anchor: box centre x and y, width, height, one score per class, and x, y, score of each
keypoint; the network applies the sigmoids. It is channel-major, [4 + C + 3K, N], or row-major, [N, 4 + C + 3K]. Most networks have
one class, the person; a card has one label for each class. Decoding has three steps:

1. keep candidates whose largest score is at least ``conf``; raw values are compared, and only the kept candidates are dequantised;
2. sort by score descending, equal scores by lower index (in int8 most candidates have the same score as another);
3. take the best, remove all of its class whose boxes overlap it by more than ``iou`` (intersection over union), and repeat.

A device's reductions THRESHOLD and DETECTIONS do the first step; :func:`suppress` does the others for whole and reduced outputs.

A head with the steps in the network (YOLO26, or an export with NMS) has rows of [left, top, right, bottom, score, class, keypoints]:
[M, 6 + 3K]. Its rows only have to pass ``conf``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from n6link.decoders import NetworkLike, ResultLike, card_of
from n6link.decoders.boxes import CONF, IOU, Selection, corners, keep, ranked
from n6link.decoders.heads import Head, Passing, select
from n6link.decoders.labels import class_name
from n6link.decoders.options import share, whole
from n6link.decoders.picture import place_boxes, place_points, placement, unit
from n6link.decoders.pose import KNOWN_COUNTS, Pose, skeleton
from n6link.errors import BadInput, CardError
from n6link.protocol.records import Return
from n6link.tensors.card import Card
from n6link.tensors.tensor import Array, TensorSpec, dequantize

SCORE: Final = 4
"""channel of a candidate's first score"""
END_TO_END: Final = 6
"""values of a row before its keypoints, if the network itself removes repetitions"""
MAX_POSES: Final = 20
"""Default of ``max_poses``, as in ST's evaluation of this network."""


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One person, in the coordinates of the network's output."""

    score: float
    box: NDArray[np.float32]
    """(4,): left, top, right, bottom"""
    keypoints: NDArray[np.float32]
    """(K, 3): x, y, score"""
    index: int
    """index of its anchor"""
    label: int = 0
    """number of its class"""


def decode(
    raw: Array,
    *,
    scale: float | None = None,
    zero_point: int | None = None,
    conf: float = CONF,
    iou: float = IOU,
    max_poses: int = MAX_POSES,
    keypoints: int = 17,
    classes: int = 1,
) -> list[Person]:
    """People, best first.

    Args:
        raw: [4 + C + 3K, N] or [N, 4 + C + 3K], with or without a leading 1; int8, uint8, int16 or float32.
        scale: of the values; None = they are real.
        zero_point: of the values; None = 0.
        conf: lowest score, 0..1.
        iou: largest overlap of two boxes that are kept, 0..1.
        max_poses: at most this many.
        keypoints: K, to find the axis of the channels. If neither side of the array is 4 + C + 3K, the smaller side that is
            4 + C + 3K for another K contains the channels.
        classes: C.

    Raises:
        BadInput: another shape, integers without a scale, or an option out of range.
    """
    share("conf", conf)
    share("iou", iou)
    whole("max_poses", max_poses)
    matrix = raw.reshape(raw.shape[1:]) if raw.ndim == 3 and raw.shape[0] == 1 else raw
    by_channel = matrix if channel_axis(matrix.shape, keypoints, classes) == 0 else matrix.T
    passing = select(by_channel, conf, scale, zero_point or 0, SCORE, classes)
    people = suppress(passing, scale=scale, zero_point=zero_point or 0, iou=iou, max_poses=max_poses)
    boxes, indices = np.array(people.boxes, np.float32), passing.indices[people.candidates].tolist()
    found = zip(people.scores, boxes, people.keypoints, indices, people.classes, strict=True)
    return [Person(*person) for person in found]


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """The candidates that are people, best first, in the coordinates of the network's output."""

    rows: NDArray[np.float32]
    """(n, values of a candidate)"""
    first: int
    """column of the first keypoint"""
    boxes: list[list[float]]
    """left, top, right, bottom of each"""
    classes: list[int]
    candidates: list[int]
    """their indices among the candidates"""

    @property
    def scores(self) -> list[float]:
        """0..1, of each."""
        scores: list[float] = self.rows[:, SCORE].tolist()
        return scores

    @property
    def keypoints(self) -> NDArray[np.float32]:
        """(n, K, 3): x, y, score."""
        count = (self.rows.shape[1] - self.first) // 3
        return self.rows[:, self.first :].reshape(len(self.rows), count, 3)


def suppress(passing: Passing, *, scale: float | None, zero_point: int, iou: float, max_poses: int) -> People:
    """Steps 2 and 3: the people among candidates of [4 + 1 + 3K] raw values."""
    values, classes = passing.values, passing.classes.tolist()
    boxes: list[list[float]] = corners(_real(values[:, :SCORE], scale, zero_point)).tolist()
    kept = keep(boxes, ranked(values[:, SCORE]), iou, max_poses, classes)
    return People(
        _real(values.take(kept, axis=0), scale, zero_point),
        SCORE + 1,
        [boxes[index] for index in kept],
        [classes[index] for index in kept],
        kept,
    )


def _real(values: Array, scale: float | None, zero_point: int) -> NDArray[np.float32]:
    return values.astype(np.float32, copy=False) if scale is None else dequantize(values, scale, zero_point)


def channel_axis(shape: tuple[int, ...], keypoints: int = 17, classes: int = 1) -> int:
    """The axis of the 4 + C + 3K channels in a pose head's output, without leading 1.

    Raises:
        BadInput: neither axis fits.
    """
    first = SCORE + classes
    if len(shape) == 2 and 0 not in shape:
        if first + 3 * keypoints in shape:
            return shape.index(first + 3 * keypoints)
        fitting = [side for side in sorted(shape) if side > first and (side - first) % 3 == 0]
        if fitting:
            return shape.index(fitting[0])
    raise BadInput(f"the output of a pose head must have the shape [{first} + 3K, N] or [N, {first} + 3K]; got {shape}")


class YoloPose:
    """The decoder of ``yolo-pose``, with options ``conf``, ``iou`` and ``max_poses``; decode() returns a list of :class:`Pose`."""

    def check(self, network: NetworkLike) -> None:
        """Whether the output is a pose head with the card's keypoints."""
        card = card_of(network)
        head = _head(card, network)
        count = _keypoints(card, head)
        skeleton(card, count)
        if not card.keypoints and count not in KNOWN_COUNTS:
            raise CardError(
                f"output {head.spec.name!r} of shape {head.spec.shape} may be a pose head with {count} keypoints or something "
                f"else; add keypoints = [...] to card {card.name!r} if it is"
            )

    def returns(self, network: NetworkLike, **options: object) -> list[Return] | None:
        """The candidates whose score is at least ``conf``, at most as many as fit in the bytes of the whole output."""
        card = card_of(network)
        return _head(card, network).returns(_selection(card, options).conf)

    def complete(self, result: ResultLike) -> bool:
        """Whether all candidates that passed were returned."""
        return _head(card_of(result.network), result.network).complete(result)

    def decode(self, result: ResultLike, **options: object) -> list[Pose]:
        """The people in the picture, best first, in source pixels; points outside of the picture are moved to its edge.

        Raises:
            BadInput: an option is out of range, or a reduced result is not complete or was reduced with a higher ``conf``.
        """
        network, card = result.network, card_of(result.network)
        selection = _selection(card, options)
        head = _head(card, network)
        passing = head.passing(result, selection.conf)
        if _ended(card, head):
            people = _listed(head.real(passing.values), selection.limit)
        else:
            people = suppress(
                passing,
                scale=head.spec.scale,
                zero_point=head.spec.zero_point,
                iou=selection.iou,
                max_poses=selection.limit,
            )
        where = placement(result)
        names, edges = skeleton(card, _keypoints(card, head))
        size = unit(card, where)
        boxes, _ = place_boxes(people.boxes, size, where)
        points = people.keypoints
        _, points[..., :2], outside = place_points(points[..., :2], size, where)
        labels = [class_name(card, number) if card.labels else "" for number in people.classes]
        found = zip(points, people.scores, outside, boxes, labels, strict=True)
        return [Pose(point, names, edges, score, away, box, label) for point, score, away, box, label in found]


def _head(card: Card, network: NetworkLike) -> Head:
    """The output that contains the candidates."""
    spec = card.decoded_output(network.outputs)
    return _table(list(network.outputs).index(spec.name), spec, len(card.keypoints) or 17, len(card.labels) or 1)


@lru_cache(maxsize=64)
def _table(index: int, spec: TensorSpec, keypoints: int, classes: int) -> Head:
    shape = spec.shape[1:] if spec.shape[:1] == (1,) else spec.shape
    if len(shape) == 2 and shape[1] == END_TO_END + 3 * keypoints and SCORE + classes + 3 * keypoints not in shape:
        return Head(index, spec, 1, SCORE)
    try:
        axis = channel_axis(shape, keypoints, classes)
    except BadInput as error:
        raise CardError(f"output {spec.name!r} is not a pose head: {error}") from None
    return Head(index, spec, axis, SCORE, classes)


def _ended(card: Card, head: Head) -> bool:
    """Whether the network itself removes repetitions."""
    return head.channels == END_TO_END + 3 * (len(card.keypoints) or 17)


def _keypoints(card: Card, head: Head) -> int:
    first = END_TO_END if _ended(card, head) else SCORE + head.scores
    return (head.channels - first) // 3


def _listed(real: NDArray[np.float32], limit: int) -> People:
    """The people of rows of the end-to-end form."""
    order = ranked(real[:, SCORE])[:limit]
    rows = real[order]
    classes: list[int] = rows[:, SCORE + 1].astype(np.intp).tolist()
    return People(rows, END_TO_END, rows[:, :SCORE].tolist(), classes, order)


def _selection(card: Card, given: Mapping[str, object]) -> Selection:
    return Selection.of(card, given, limit="max_poses", most=MAX_POSES)
