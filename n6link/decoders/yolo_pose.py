"""Several people from a YOLOv8 or YOLO11 pose head: task ``yolo-pose``.

The output contains one candidate per anchor: box centre x and y, width, height, score, and x, y, score of each keypoint; the
network applies the sigmoids. It is channel-major, [5 + 3K, N], or row-major, [N, 5 + 3K]. Decoding has three steps:

1. keep candidates whose score is at least ``conf``; raw values are compared, and only the kept candidates are dequantised;
2. sort by score descending, equal scores by lower index (in int8 most candidates have the same score as another);
3. take the best, remove all whose boxes overlap it by more than ``iou`` (intersection over union), and repeat.

A device's THRESHOLD reduction does the first step; :func:`suppress` does the others for whole and reduced outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Final

import numpy as np
from numpy.typing import NDArray

from n6link.decoders import NetworkLike, ResultLike, card_of, options_of, whole_output
from n6link.decoders.pose import Pose, placement, skeleton
from n6link.errors import BadInput, CardError
from n6link.protocol.records import Return
from n6link.tensors import reduce
from n6link.tensors.card import Card
from n6link.tensors.reduce import Rows
from n6link.tensors.tensor import Array, TensorSpec, dequantize

SCORE: Final = 4
"""channel of a candidate's score"""
CONF: Final = 0.25
"""Default of ``conf``, as in the reference implementations of this network family."""
IOU: Final = 0.45
"""Default of ``iou``, of the same origin as CONF."""
MAX_POSES: Final = 20
"""Default of ``max_poses``, as in ST's evaluation of this network."""


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One person, in the coordinates of the network's output."""

    score: float
    box: NDArray[np.float32]
    """(4,): left, top, right, bottom"""
    keypoints: NDArray[np.float32]
    """(K, 3): x, y, score"""
    index: int
    """index of its anchor"""


def decode(
    raw: Array,
    *,
    scale: float | None = None,
    zero_point: int | None = None,
    conf: float = CONF,
    iou: float = IOU,
    max_poses: int = MAX_POSES,
    keypoints: int = 17,
) -> list[Detection]:
    """People, best first.

    Args:
        raw: [5 + 3K, N] or [N, 5 + 3K], with or without a leading 1; int8, uint8, int16 or float32.
        scale: of the values; None = they are real.
        zero_point: of the values; None = 0.
        conf: lowest score, 0..1.
        iou: largest overlap of two boxes that are kept, 0..1.
        max_poses: at most this many.
        keypoints: K, to find the axis of the channels. If neither side of the array is 5 + 3K, the smaller side that is
            5 + 3K for another K contains the channels.

    Raises:
        BadInput: another shape, integers without a scale, or an option out of range.
    """
    _check(conf, iou, max_poses)
    matrix = raw.reshape(raw.shape[1:]) if raw.ndim == 3 and raw.shape[0] == 1 else raw
    by_channel = matrix if channel_axis(matrix.shape, keypoints) == 0 else matrix.T
    candidates, indices = select(by_channel, conf, scale, zero_point or 0)
    return suppress(candidates, indices, scale=scale, zero_point=zero_point or 0, iou=iou, max_poses=max_poses)


def select(by_channel: Array, conf: float, scale: float | None, zero_point: int) -> tuple[Array, NDArray[np.intp]]:
    """Step 1: candidates (n, 5 + 3K), raw values, of a [5 + 3K, N] output, and their indices, increasing."""
    indices = np.flatnonzero(by_channel[SCORE] >= reduce.lowest_raw(conf, by_channel.dtype, scale, zero_point))
    return by_channel[:, indices].T, indices


def suppress(
    candidates: Array,
    indices: Array,
    *,
    scale: float | None,
    zero_point: int,
    iou: float,
    max_poses: int,
) -> list[Detection]:
    """Steps 2 and 3: the people among candidates (n, 5 + 3K), raw values, whose anchors have these indices, increasing."""
    scores = candidates[:, SCORE]
    order = np.argsort(-scores if scores.dtype.kind == "f" else ~scores, kind="stable")
    real = candidates[order] if scale is None else dequantize(candidates[order], scale, zero_point)
    boxes = np.empty((len(real), 4), np.float32)
    half = real[:, 2:4] * np.float32(0.5)
    np.subtract(real[:, :2], half, out=boxes[:, :2])
    np.add(real[:, :2], half, out=boxes[:, 2:])
    people: list[Detection] = []
    for best in _keep(boxes, iou, max_poses):
        row = real[best]
        people.append(
            Detection(float(row[SCORE]), boxes[best], row[SCORE + 1 :].reshape(-1, 3), int(indices[order[best]]))
        )
    return people


def _keep(boxes: NDArray[np.float32], iou: float, limit: int) -> list[int]:
    """Greedy suppression of boxes that are sorted best first."""
    corner, opposite = boxes[:, :2], boxes[:, 2:]
    area = np.prod(opposite - corner, axis=1)
    left = np.arange(len(boxes))
    kept: list[int] = []
    while left.size and len(kept) < limit:
        best, left = int(left[0]), left[1:]
        kept.append(best)
        overlap = np.minimum(opposite[left], opposite[best]) - np.maximum(corner[left], corner[best])
        common = np.prod(np.maximum(overlap, 0, out=overlap), axis=1)
        left = left[common <= iou * (area[left] + area[best] - common)]
    return kept


def channel_axis(shape: tuple[int, ...], keypoints: int = 17) -> int:
    """The axis of the 5 + 3K channels in a pose head's output, without leading 1.

    Raises:
        BadInput: neither axis fits.
    """
    if len(shape) == 2 and 0 not in shape:
        if SCORE + 1 + 3 * keypoints in shape:
            return shape.index(SCORE + 1 + 3 * keypoints)
        fitting = [side for side in sorted(shape) if side > SCORE + 1 and (side - SCORE - 1) % 3 == 0]
        if fitting:
            return shape.index(fitting[0])
    raise BadInput(f"the output of a pose head must have the shape [5 + 3K, N] or [N, 5 + 3K]; got {shape}")


class YoloPose:
    """The decoder of ``yolo-pose``, with options ``conf``, ``iou`` and ``max_poses``; decode() returns a list of :class:`Pose`."""

    def returns(self, network: NetworkLike, **options: object) -> list[Return] | None:
        """The candidates whose score is at least ``conf``, at most as many as fit in the bytes of the whole output."""
        card = card_of(network)
        conf, _, _ = _options(card, options)
        index, spec, axis = _head(card, network)
        if spec.dtype not in reduce.REDUCIBLE or (spec.dtype.kind != "f" and spec.scale is None):
            return None
        channels = spec.shape[axis - 2]
        return [reduce.above(index, spec, conf, channels=channels, channel=SCORE, columns=axis == 0)]

    def complete(self, result: ResultLike) -> bool:
        """Whether all candidates that passed were returned."""
        rows = result.reduced.get(card_of(result.network).decoded_output(result.network.outputs).name)
        return not isinstance(rows, Rows) or rows.complete

    def decode(self, result: ResultLike, **options: object) -> list[Pose]:
        """The people in the picture, best first, in source pixels; points outside of the picture are moved to its edge.

        Raises:
            BadInput: an option is out of range, or a reduced result is not complete or was reduced with a higher ``conf``.
        """
        network, card = result.network, card_of(result.network)
        conf, iou, max_poses = _options(card, options)
        _, spec, axis = _head(card, network)
        rows = result.reduced.get(spec.name)
        if isinstance(rows, Rows) and rows.values.shape[1] == spec.shape[axis - 2]:
            values, indices = _passing(rows, spec, conf)
        else:
            matrix = whole_output(result, spec.name).reshape(spec.shape[-2:])
            if spec.scales is not None:
                matrix = spec.dequantize(matrix)
            values, indices = select(matrix if axis == 0 else matrix.T, conf, spec.scale, spec.zero_point)
        people = suppress(values, indices, scale=spec.scale, zero_point=spec.zero_point, iou=iou, max_poses=max_poses)
        where = placement(result.placement, card.main_input(network.inputs), card)
        names, edges = skeleton(card, (spec.shape[axis - 2] - SCORE - 1) // 3)
        unit = np.asarray(where.input_size if card.coordinates == "normalised" else (1, 1), np.float32)
        poses: list[Pose] = []
        for person in people:
            points = person.keypoints.copy()
            points[:, :2] = where.to_source(points[:, :2] * unit, clip=True)
            box = where.to_source(person.box.reshape(2, 2) * unit, clip=True).reshape(4)
            poses.append(Pose(points, names, edges, person.score, box))
        return poses


def _head(card: Card, network: NetworkLike) -> tuple[int, TensorSpec, int]:
    """Index and spec of the output that contains the candidates, and the channel axis (0 or 1 of its last two axes)."""
    spec = card.decoded_output(network.outputs)
    try:
        axis = channel_axis(spec.shape[1:] if spec.shape[:1] == (1,) else spec.shape, len(card.keypoints) or 17)
    except BadInput as error:
        raise CardError(f"output {spec.name!r} is not a pose head: {error}") from None
    return list(network.outputs).index(spec.name), spec, axis


def _passing(rows: Rows, spec: TensorSpec, conf: float) -> tuple[Array, Array]:
    """Step 1 for a reduced output, whose request may have had a lower threshold."""
    if not rows.complete:
        raise BadInput(
            f"{rows.count} candidates passed, but the device returned only {len(rows.indices)}; run with reduce=False"
        )
    lowest = reduce.lowest_raw(conf, spec.dtype, spec.scale, spec.zero_point)
    if lowest < rows.threshold:
        raise BadInput(f"conf={conf} is lower than in the request to the device; run with reduce=False")
    passing = rows.values[:, SCORE] >= lowest
    return rows.values[passing], rows.indices[passing]


def _options(card: Card, given: Mapping[str, object]) -> tuple[float, float, int]:
    options: dict[str, object] = {"conf": CONF, "iou": IOU, "max_poses": MAX_POSES}
    options |= options_of(card, given, *options)
    return _check(options["conf"], options["iou"], options["max_poses"])


def _check(conf: object, iou: object, max_poses: object) -> tuple[float, float, int]:
    if not (isinstance(max_poses, Integral) and int(max_poses) >= 1):
        raise BadInput(f"max_poses is {max_poses!r}; it must be a whole number, 1 or more")
    return _share("conf", conf), _share("iou", iou), int(max_poses)


def _share(name: str, value: object) -> float:
    if not (isinstance(value, Real) and 0 <= float(value) <= 1):
        raise BadInput(f"{name} is {value!r}; it must be a number from 0 to 1")
    return float(value)
