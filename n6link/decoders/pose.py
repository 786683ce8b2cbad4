"""Poses of people: the results of the pose decoders."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypedDict

import numpy as np
from numpy.typing import NDArray

from n6link.errors import BadInput, CardError
from n6link.sheet import Bar, Grid, Sheet, Shown, facts
from n6link.tensors.card import Card

Edges = tuple[tuple[int, int], ...]

_LIMBS: Final = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
COCO_NAMES: Final = (
    "nose",
    *(f"{side}_{part}" for part in ("eye", "ear", *_LIMBS) for side in ("left", "right")),
)
"""The 17 keypoints of COCO, in its order."""
COCO_EDGES: Final[Edges] = (
    *((0, 1), (0, 2), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6)),
    *((5, 6), (5, 7), (7, 9), (6, 8), (8, 10)),
    *((5, 11), (6, 12), (11, 12), (11, 13), (13, 15), (12, 14), (14, 16)),
)
BODY_NAMES: Final = ("nose", *(f"{side}_{part}" for part in _LIMBS for side in ("left", "right")))
"""The 13 keypoints of ST's pose networks: those of COCO without eyes and ears (in ST's own training the first is the head's
centre)."""
BODY_EDGES: Final[Edges] = (
    *((0, 1), (0, 2), (1, 2), (1, 3), (3, 5), (2, 4), (4, 6)),
    *((1, 7), (2, 8), (7, 8), (7, 9), (9, 11), (8, 10), (10, 12)),
)
_BY_COUNT: Final = {17: (COCO_NAMES, COCO_EDGES), 13: (BODY_NAMES, BODY_EDGES)}
KNOWN_COUNTS: Final = frozenset(_BY_COUNT)
"""Numbers of keypoints whose names are known."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Pose(Shown):
    """One person, in pixels of the source image; (0, 0) is the corner of its first pixel."""

    keypoints: NDArray[np.float32]
    """(K, 3): x, y, score"""
    names: tuple[str, ...]
    edges: Edges
    score: float
    """0..1; for a network without boxes, the mean of the keypoints' scores"""
    outside: NDArray[np.bool_]
    """(K,) whether the network has placed the keypoint outside of the picture; x and y may then be those of the nearest edge"""
    box: NDArray[np.float32] | None = None
    """(4,): left, top, right, bottom; None = the network does not have boxes"""
    label: str = ""
    """class, if the card has labels"""

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        """x, y, score of a keypoint.

        Raises:
            BadInput: the network does not have this keypoint.
        """
        if name not in self.names:
            raise BadInput(f"unknown keypoint {name!r}; the network has {', '.join(self.names)}")
        point: NDArray[np.float32] = self.keypoints[self.names.index(name)]
        return point

    def brief(self) -> str:  # noqa: D102
        away = int(self.outside.sum())
        points = f"{len(self.names)} keypoints" + (f", {away} outside of the picture" if away else "")
        return f"{self.label} score {self.score:.2f}, {points}"

    def sheet(self) -> Sheet:  # noqa: D102
        rows = [
            (name, f"{x:.0f}", f"{y:.0f}", f"{score:.2f}", Bar(score), "outside" if away else "")
            for name, (x, y, score), away in zip(
                self.names, self.keypoints.tolist(), self.outside.tolist(), strict=True
            )
        ]
        box = [] if self.box is None else [facts({"box": ", ".join(f"{side:.0f}" for side in self.box.tolist())})]
        return Sheet((*box, Grid(("keypoint", ">x", ">y", ">score", "", ""), rows)))

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON: pixels with one decimal, scores with four."""
        rows = self.keypoints.astype(float).tolist()
        points = {
            name: {"x": round(x, 1), "y": round(y, 1), "score": round(score, 4), "outside": outside}
            for name, (x, y, score), outside in zip(self.names, rows, self.outside.tolist(), strict=True)
        }
        box = None if self.box is None else np.round(self.box.astype(float), 1).tolist()
        plain: dict[str, object] = {"score": round(self.score, 4), "box": box, "keypoints": points}
        return plain | {"label": self.label} if self.label else plain


class PoseOptions(TypedDict, total=False):
    """Options of the pose decoders; the decoder of heatmaps, which finds one person, does not have options."""

    conf: float
    """lowest score of a person, 0..1"""
    iou: float
    """two boxes that overlap by more than this are the same person, 0..1"""
    max_poses: int
    """maximum number of people, 1 or more"""


def skeleton(card: Card, count: int) -> tuple[tuple[str, ...], Edges]:
    """Names and edges of a network's keypoints: the card's, else the usual ones for their number, else numbers.

    Raises:
        CardError: the card has another number of keypoints.
    """
    return _skeleton(card.name, card.keypoints, card.edges, count)


@lru_cache(maxsize=64)
def _skeleton(card: str, keypoints: tuple[str, ...], lines: Edges | None, count: int) -> tuple[tuple[str, ...], Edges]:
    names, edges = _BY_COUNT.get(count) or (tuple(f"keypoint_{i}" for i in range(count)), ())
    if keypoints and len(keypoints) != count:
        raise CardError(f"card {card!r} has {len(keypoints)} keypoints, but the network has {count}")
    if lines is not None and any(max(edge) >= count for edge in lines):
        raise CardError(
            f"card {card!r} has an edge to keypoint {max(map(max, lines))}, but the network has {count}; "
            f"use indices from 0 to {count - 1}"
        )
    return keypoints or names, edges if lines is None else lines
