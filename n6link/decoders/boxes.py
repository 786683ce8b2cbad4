"""Boxes around objects: the results of the detection decoders, and the steps that these decoders share.

A detection network proposes many candidates: a box, a score and a class each. All decoders keep candidates whose score is at least
``conf``, and then remove repetitions: the best candidate is taken, all of the same class whose boxes overlap it by more than ``iou``
(intersection over union) are removed, and so on. Equal scores are ordered by lower index.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypedDict

import numpy as np
from numpy.typing import NDArray

from n6link.decoders import ResultLike, card_of, options_of
from n6link.decoders.labels import class_name
from n6link.decoders.options import share, whole
from n6link.decoders.picture import outside, placement, unit
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


CUT: Final = 0.5
"""Pixels by which a box must be larger than the picture to count as cut."""


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
        options: dict[str, object] = {"conf": conf, "iou": IOU, limit: most}
        options |= options_of(card, given, *options, *known)
        return cls(share("conf", options["conf"]), share("iou", options["iou"]), whole(limit, options[limit]))


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

    def best(self, iou: float, limit: int) -> NDArray[np.intp]:
        """Indices of the candidates without repetitions, best first."""
        order = np.argsort(-self.scores, kind="stable")
        kept = keep(self.boxes[order], iou, limit, self.classes[order])
        return order[kept]


def corners(centres: Array) -> NDArray[np.float32]:
    """(n, 4): left, top, right, bottom of boxes whose first four columns are centre x, centre y, width, height."""
    boxes = np.empty((len(centres), 4), np.float32)
    half = centres[:, 2:4] * np.float32(0.5)
    np.subtract(centres[:, :2], half, out=boxes[:, :2])
    np.add(centres[:, :2], half, out=boxes[:, 2:])
    return boxes


def keep(boxes: NDArray[np.float32], iou: float, limit: int, classes: NDArray[np.intp] | None = None) -> list[int]:
    """Removes repetitions (greedy non-maximum suppression).

    Args:
        boxes: (n, 4) left, top, right, bottom, best first.
        iou: largest overlap of two boxes that are kept.
        limit: at most this many are kept.
        classes: (n,) only boxes of the same class are repetitions; None = all are of one class.
    """
    labels = [0] * len(boxes) if classes is None else classes.tolist()
    corners_: list[list[float]] = boxes.tolist()
    kept: list[int] = []
    best: dict[int, list[tuple[float, float, float, float, float]]] = {label: [] for label in set(labels)}
    # In plain Python: numpy needs several calls per kept box, and takes longer for the usual tens of candidates. Conditions
    # take a third of the time of min() and max().
    for index, ((left, top, right, bottom), label) in enumerate(zip(corners_, labels, strict=True)):
        area = (right - left) * (bottom - top)
        for left_, top_, right_, bottom_, area_ in best[label]:
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
            best[label].append((left, top, right, bottom, area))
    return kept


def detections(result: ResultLike, found: Candidates, selection: Selection) -> list[Detection]:
    """The objects among candidates, best first, in pixels of the source image."""
    card = card_of(result.network)
    spec = card.main_input(result.network.inputs)
    where = placement(result.placement, spec, card)
    scale = unit(card, where)
    kept = found.best(selection.iou, selection.limit)
    unlimited = where.to_source(found.boxes[kept].reshape(-1, 2, 2) * scale)
    boxes = where.within(unlimited).reshape(-1, 4)
    cut: NDArray[np.bool_] = np.any(np.abs(unlimited.reshape(-1, 4) - boxes) > CUT, axis=1)
    points = None if found.landmarks is None else where.to_source(found.landmarks[kept] * scale)
    names = () if points is None else card.keypoints or tuple(f"landmark_{i}" for i in range(points.shape[1]))
    beyond = None if points is None else outside(points, where)
    numbers, scores = found.classes[kept].tolist(), found.scores[kept].tolist()
    labels = {number: class_name(card, number) for number in set(numbers)}
    nothing = [None] * len(kept)
    return [
        Detection(labels[number], number, score, box, point, names, away, beyond_edge)
        for number, score, box, point, away, beyond_edge in zip(
            numbers,
            scores,
            boxes,
            nothing if points is None else points,
            nothing if beyond is None else beyond,
            cut.tolist(),
            strict=True,
        )
    ]
