"""Findings that make the results of a network implausible.

Scores that are not 0..1, points that are all outside of the picture or in one place, outputs that do not change: the usual reasons are a
card or a quantisation that is wrong, or a board that does not compute. Nothing is refused, because each of these may happen with correct
results. Each finding is logged once, to ``n6link.results``, and kept in ``Network.doubts``. Only the first decoded results of a network
are examined.
"""

from __future__ import annotations

import logging
import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from n6link.decoders import card_of
from n6link.decoders.boxes import Detection
from n6link.decoders.classification import Classification
from n6link.decoders.described import NetworkLike, ResultLike, listed
from n6link.decoders.pose import Pose

_logger = logging.getLogger("n6link.results")

EXAMINED: Final = 20
"""decoded results that are examined"""
TOLERANCE: Final = 0.05
"""how far a score may be outside of 0..1: heatmaps are regressions, and exceed 1 a little"""
LOWEST: Final = 0.25
HIGHEST: Final = 0.75
"""a quantisation expresses 0..1 if its values begin below the first and end above the second, and not far above 1"""
PLACE: Final = 2.0
"""pixels within which all points are in one place"""
EQUAL: Final = 3
"""equal outputs, each for another input, from which on they are said not to change"""
VALUES: Final = 8
"""different values that an output must have for that: a saturated classification may be equal for similar pictures"""


class Doubts:
    """The findings for one network.

    Attributes:
        found: the texts, in order.
    """

    def __init__(self, network: NetworkLike) -> None:
        self.found: list[str] = []
        self._network = network
        self._known: set[str] = set()
        self._left = EXAMINED if network.card else 0  # without a card nothing is decoded
        self._inputs: set[int] = set()
        self._outputs = 0

    @property
    def open(self) -> bool:
        """Whether further results are examined."""
        return self._left > 0

    def examine(self, result: ResultLike, meaning: object, image: int | None) -> None:
        """Examines a decoded result.

        Args:
            result: the result.
            meaning: what its decoder returned.
            image: checksum of the input; None = unknown.
        """
        if not self.open:
            return
        if self._left == EXAMINED:
            self._scale()
        self._left -= 1
        scores, points, outside = _parts(meaning)
        name, card = self._network.name, card_of(self._network)
        worst = max(scores, key=lambda score: abs(score - 0.5), default=0.5)
        if not -TOLERANCE <= worst <= 1 + TOLERANCE:
            self._add(
                "scores",
                f"network {name!r} has a score of {worst:.3g}, but scores are 0..1; its output may be before its activation, or its "
                "scale may be wrong",
            )
        coordinates = f"output.coordinates in its card is {card.coordinates!r}"
        if outside:
            self._add(
                "points",
                f"all points of network {name!r} are outside of the picture; {coordinates}, which may be wrong",
            )
        elif len(points) > 1 and np.ptp(points, axis=0).max() < PLACE:
            x, y = points[0].tolist()
            self._add(
                "points",
                f"all points of network {name!r} are in one place, ({x:.0f}, {y:.0f}); its output may be constant, or {coordinates}, "
                "which may be wrong",
            )
        self._compare(result, image)

    def _scale(self) -> None:
        """Whether the quantisation of heatmaps, whose values are scores, can express 0..1."""
        card = card_of(self._network)
        if card.task != "pose-heatmap":
            return
        spec = card.decoded_output(self._network.outputs)
        if spec.scale is None or spec.dtype.kind == "f":
            return
        limits = np.iinfo(spec.dtype.str)
        low, high = ((limit - spec.zero_point) * spec.scale for limit in (int(limits.min), int(limits.max)))
        if low > LOWEST or not HIGHEST <= high <= 2 * HIGHEST:
            self._add(
                "scale",
                f"values of output {spec.name!r} of network {self._network.name!r} are {low:.3g}..{high:.3g}, but its scores are 0..1; "
                "the scale may be wrong",
            )

    def _compare(self, result: ResultLike, image: int | None) -> None:
        """Whether the outputs are those of earlier inputs."""
        if image is None or result.reduced or not result.outputs:
            return
        checksum = 0
        for array in result.outputs.values():
            checksum = zlib.crc32(array.tobytes(), checksum)
        if checksum != self._outputs:
            self._inputs, self._outputs = set(), checksum
        self._inputs.add(image)
        if len(self._inputs) == EQUAL and max(len(np.unique(array)) for array in result.outputs.values()) >= VALUES:
            self._add(
                "outputs",
                f"the outputs of network {self._network.name!r} were equal for {EQUAL} different inputs; the board may not compute them: "
                "compare them with n6link validate",
            )

    def _add(self, kind: str, text: str) -> None:
        if kind not in self._known:
            self._known.add(kind)
            self.found.append(text)
            _logger.warning("%s", text)


def _parts(meaning: object) -> tuple[list[float], NDArray[np.floating], bool]:
    """The scores, all points in source pixels, and whether all of them are outside of the picture."""
    items = listed(meaning)
    nothing = np.empty((0, 2), np.float32)
    poses = [item for item in items if isinstance(item, Pose)]
    if poses:
        scores = [
            float(score)
            for pose in poses
            for score in (pose.score, pose.keypoints[:, 2].min(), pose.keypoints[:, 2].max())
        ]
        points = np.concatenate([pose.keypoints[:, :2] for pose in poses])
        return scores, points, all(bool(pose.outside.all()) for pose in poses)
    objects = [item for item in items if isinstance(item, Detection)]
    if objects:
        corners = np.concatenate([item.box.reshape(2, 2) for item in objects])
        # A box outside of the picture ends at its edge on both sides.
        away = all(item.cut and float(np.min(item.box[2:] - item.box[:2])) <= 0 for item in objects)
        return [item.score for item in objects], corners, away
    if isinstance(meaning, Classification):
        return list(meaning.probabilities.values()), nothing, False
    return [], nothing, False
