"""Boxes around objects: the results of the detection decoders, and the steps that these decoders share.

A detection network proposes many candidates: a box, a score and a class each. All decoders keep candidates whose score is at least
``conf``, and then remove repetitions: the best candidate is taken, all of the same class whose boxes overlap it by more than ``iou``
(intersection over union) are removed, and so on. Equal scores are ordered by lower index.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypedDict

import numpy as np
from numpy.typing import NDArray

from n6link.decoders import ResultLike, card_of, options_of
from n6link.decoders.labels import class_name
from n6link.decoders.options import share, whole
from n6link.decoders.picture import place_boxes, place_points, placement, unit
from n6link.errors import BadInput
from n6link.sheet import Grid, Sheet, Shown, facts
from n6link.tensors.card import Card
from n6link.tensors.tensor import Array

CONF: Final = 0.25
"""Default of ``conf``, as in the reference implementations of the YOLO families."""
IOU: Final = 0.45
"""Default of ``iou``, of the same origin as CONF."""
MAX_BOXES: Final = 100
"""Default of ``max_boxes``: as many as COCO's evaluation counts."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Detection(Shown):
    """One object, in pixels of the source image; (0, 0) is the corner of its first pixel."""

    label: str
    """name of its class: the card's, else its number"""
    index: int
    """number of its class, from 0"""
    score: float
    """0..1"""
    box: NDArray[np.float32]
    """(4,): left, top, right, bottom, inside the picture"""
    landmarks: NDArray[np.float32] | None = None
    """(K, 2): x, y, which may be outside of the picture; None = the network does not have landmarks"""
    names: tuple[str, ...] = ()
    """names of the landmarks"""
    outside: NDArray[np.bool_] | None = None
    """(K,) whether the landmark is outside of the picture"""
    cut: bool = False
    """whether a part of the object is outside of the picture: the box ends at its edge"""

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        """x, y of a landmark.

        Raises:
            BadInput: the network does not have this landmark.
        """
        if self.landmarks is None or name not in self.names:
            raise BadInput(f"unknown landmark {name!r}; the network has {', '.join(self.names) or 'no landmarks'}")
        point: NDArray[np.float32] = self.landmarks[self.names.index(name)]
        return point

    def brief(self) -> str:  # noqa: D102
        sides = ", ".join(f"{side:.0f}" for side in self.box.tolist())
        return f"{self.label} {self.score:.2f}, box {sides}{', cut by the edge' if self.cut else ''}"

    def sheet(self) -> Sheet:  # noqa: D102
        sides = zip(("left", "top", "right", "bottom"), self.box.tolist(), strict=True)
        about = {name: f"{value:.0f}" for name, value in sides}
        if self.landmarks is None or self.outside is None:
            return Sheet((facts(about),))
        points = zip(self.names, self.landmarks.tolist(), self.outside.tolist(), strict=True)
        rows = [(name, f"{x:.0f}", f"{y:.0f}", "outside" if away else "") for name, (x, y), away in points]
        return Sheet((facts(about), Grid(("landmark", ">x", ">y", ""), rows)))

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON: pixels with one decimal, scores with four."""
        plain: dict[str, object] = {
            "label": self.label,
            "index": self.index,
            "score": round(self.score, 4),
            "box": np.round(self.box.astype(float), 1).tolist(),
            "cut": self.cut,
        }
        if self.landmarks is None or self.outside is None:
            return plain
        points = zip(self.names, self.landmarks.astype(float).tolist(), self.outside.tolist(), strict=True)
        landmarks = {name: {"x": round(x, 1), "y": round(y, 1), "outside": away} for name, (x, y), away in points}
        return plain | {"landmarks": landmarks}


CORNERS: Final = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]], np.float32)
"""The matrix from centre x, centre y, width, height to left, top, right, bottom."""


class BoxOptions(TypedDict, total=False):
    """Options of the detection decoders."""

    conf: float
    """lowest score, 0..1"""
    iou: float
    """two boxes of the same class that overlap by more than this are the same object, 0..1"""
    max_boxes: int
    """maximum number of objects, 1 or more"""


@dataclass(frozen=True, slots=True)
class Selection:
    """Valid options of a decoder."""

    conf: float
    iou: float
    limit: int

    @classmethod
    def of(
        cls,
        card: Card,
        given: Mapping[str, object],
        *known: str,
        limit: str = "max_boxes",
        most: int = MAX_BOXES,
        conf: float = CONF,
    ) -> Selection:
        """The options of a decode() call.

        Args:
            card: its defaults.
            given: the caller's options.
            known: other options of the decoder, which it reads itself.
            limit: name of the option that limits the number of objects.
            most: its default.
            conf: the default of ``conf``.

        Raises:
            BadInput, CardError: an option is unknown or out of range.
        """
        options = options_of(card, given, "conf", "iou", limit, *known)
        return cls(
            share("conf", options.get("conf", conf)),
            share("iou", options.get("iou", IOU)),
            whole(limit, options.get(limit, most)),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Boxes that passed the threshold, in units of the network's input: 0..1 or pixels."""

    boxes: NDArray[np.float32]
    """(n, 4): left, top, right, bottom"""
    scores: NDArray[np.float32]
    """(n,)"""
    classes: NDArray[np.intp]
    """(n,)"""
    landmarks: NDArray[np.float32] | None = None
    """(n, K, 2)"""


@np.errstate(invalid="ignore")  # an infinite size
def corners(centres: Array) -> NDArray[np.float32]:
    """(n, 4): left, top, right, bottom of boxes whose first four columns are centre x, centre y, width, height."""
    boxes: NDArray[np.float32] = centres[:, :4].dot(CORNERS)  # half of the time of a sum and a difference
    return boxes


def ranked(scores: Array) -> list[int]:
    """Indices of scores, raw or real, best first, equal ones by lower index."""
    falling = -scores if scores.dtype.kind == "f" else ~scores
    order: list[int] = falling.argsort(kind="stable").tolist()
    return order


def keep(
    boxes: Sequence[Sequence[float]], order: Iterable[int], iou: float, limit: int, classes: Sequence[int]
) -> list[int]:
    """Removes repetitions (greedy non-maximum suppression).

    Args:
        boxes: left, top, right, bottom of each.
        order: indices of the boxes, best first.
        iou: largest overlap of two boxes that are kept.
        limit: at most this many are kept.
        classes: of each; only boxes of the same class are repetitions.
    """
    kept: list[int] = []
    best: dict[int, list[tuple[float, float, float, float, float]]] = {number: [] for number in set(classes)}
    # In plain Python: numpy needs several calls per kept box, and takes longer for the usual tens of candidates. Conditions
    # take a third of the time of min() and max().
    for index in order:
        left, top, right, bottom = boxes[index]
        area = (right - left) * (bottom - top)
        same = best[classes[index]]
        for left_, top_, right_, bottom_, area_ in same:
            if left < right_ and left_ < right and top < bottom_ and top_ < bottom:
                width = (right if right < right_ else right_) - (left if left > left_ else left_)  # noqa: FURB136
                height = (bottom if bottom < bottom_ else bottom_) - (top if top > top_ else top_)  # noqa: FURB136
                common = width * height
                if common > iou * (area + area_ - common):
                    break
        else:
            kept.append(index)
            if len(kept) == limit:
                break
            same.append((left, top, right, bottom, area))
    return kept


def detections(result: ResultLike, found: Candidates, selection: Selection) -> list[Detection]:
    """The objects among candidates, best first, in pixels of the source image."""
    boxes, scores, classes = found.boxes.tolist(), found.scores.tolist(), found.classes.tolist()
    kept = keep(boxes, ranked(found.scores), selection.iou, selection.limit, classes)
    return placed(
        result,
        [boxes[index] for index in kept],
        [scores[index] for index in kept],
        [classes[index] for index in kept],
        None if found.landmarks is None else found.landmarks[kept],
    )


def placed(
    result: ResultLike,
    boxes: Sequence[Sequence[float]],
    scores: Sequence[float],
    classes: Sequence[int],
    landmarks: NDArray[np.float32] | None = None,
) -> list[Detection]:
    """These objects, in the network's coordinates, in pixels of the source image."""
    card = card_of(result.network)
    where = placement(result)
    size = unit(card, where)
    inside, cut = place_boxes(boxes, size, where)
    labels = [class_name(card, number) for number in classes]
    if landmarks is None:
        return [
            Detection(label, number, score, box, None, (), None, beyond)
            for label, number, score, box, beyond in zip(labels, classes, scores, inside, cut, strict=True)
        ]
    points, _, outside = place_points(landmarks, size, where)
    names = card.keypoints or _numbered(points.shape[1])
    return [
        Detection(label, number, score, box, point, names, away, beyond)
        for label, number, score, box, point, away, beyond in zip(
            labels, classes, scores, inside, points, outside, cut, strict=True
        )
    ]


@lru_cache(maxsize=8)
def _numbered(landmarks: int) -> tuple[str, ...]:
    return tuple(f"landmark_{i}" for i in range(landmarks))
