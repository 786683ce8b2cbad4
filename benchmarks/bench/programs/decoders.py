"""The decoders of other libraries, from the same raw outputs to the same answers: those that are installed.

A program starts with the bytes of the outputs, so it converts quantised ones to real numbers, as these libraries require, and ends with what a
program shows: name, score and box of each object, in pixels of the picture. OpenCV, supervision and rtmlib have no decoders for raw outputs, only
the removal of repetitions (rtmlib also the points); numpy does the rest here, only for the candidates that pass, with as few calls as possible.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.outputs import Case, real
from n6link.decoders.pose import COCO_NAMES
from n6link.tensors.image import Placement

CONF: Final = 0.25
IOU: Final = 0.45
FOMO_CONF: Final = 0.5
EQUAL: Final = 0.001
"""pixels"""
Floats: TypeAlias = NDArray[np.float32]
Program: TypeAlias = Callable[[], Any]


class Found(NamedTuple):
    """Candidates that pass, in pixels of the input."""

    boxes: Floats
    """(n, 4): left, top, width, height"""
    scores: Floats
    classes: NDArray[np.intp] | None
    """None = there is one class"""
    points: Floats | None = None
    """(n, K, 2 or 3)"""


Candidates: TypeAlias = Callable[[], Found]


def programs(case: Case) -> dict[str, Program]:
    """The programs that decode a result, by name."""
    made = _PROGRAMS.get(case.network.card.task)
    return dict(made(case)) if made else {}


def installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


class Source:
    """From pixels of the input to pixels of the picture."""

    def __init__(self, where: Placement) -> None:
        self.offset, self.scale = np.array(where.offset, np.float32), np.array(where.scale, np.float32)
        self.size = np.array(where.source_size, np.float32)

    def points(self, points: Floats) -> Floats:
        """Of x and y, on the last axis."""
        placed: Floats = (points - self.offset) / self.scale
        return placed

    def boxes(self, boxes: Floats) -> list[list[float]]:
        """Of left, top, width, height."""
        corners = np.stack((boxes[:, :2], boxes[:, :2] + boxes[:, 2:]), axis=1)
        inside = np.minimum(np.maximum(self.points(corners), 0), self.size)
        found: list[list[float]] = inside.reshape(-1, 4).tolist()
        return found


def finished(
    case: Case, candidates: Candidates, keep: Callable[[Found], NDArray[np.intp]], *, inside: bool = False
) -> Program:
    """Removes repetitions, and returns the answers."""
    source, labels = Source(case.placement), case.network.card.labels or ("person",)

    def program() -> list[tuple[Any, ...]]:
        found = candidates()
        kept = keep(found)
        boxes, scores = source.boxes(found.boxes[kept]), found.scores[kept].tolist()
        names = labels[:1] * len(kept) if found.classes is None else [labels[i] for i in found.classes[kept].tolist()]
        if found.points is None:
            return list(zip(names, scores, boxes, strict=True))
        points = found.points[kept]
        points[..., :2] = source.points(points[..., :2])
        if inside:
            points[..., :2] = np.minimum(np.maximum(points[..., :2], 0), source.size)
        return list(zip(names, scores, boxes, points, strict=True))

    return program


def detectors(case: Case, candidates: Candidates, *, inside: bool = False) -> Iterator[tuple[str, Program]]:
    """The libraries that remove repetitions."""
    if installed("cv2"):
        import cv2

        cv2.setNumThreads(1)

        def opencv(found: Found) -> NDArray[np.intp]:
            if found.classes is None:
                kept = cv2.dnn.NMSBoxes(found.boxes, found.scores, CONF, IOU)
            else:
                kept = cv2.dnn.NMSBoxesBatched(found.boxes, found.scores, found.classes, CONF, IOU)
            return np.asarray(kept, np.intp)

        yield "OpenCV", finished(case, candidates, opencv, inside=inside)
    if installed("supervision"):
        from supervision.detection.utils.iou_and_nms import box_non_max_suppression

        def supervision(found: Found) -> NDArray[np.intp]:
            corners = np.concatenate([found.boxes[:, :2], found.boxes[:, :2] + found.boxes[:, 2:]], axis=1)
            classes = np.zeros(len(corners)) if found.classes is None else found.classes
            kept: NDArray[np.intp] = box_non_max_suppression(np.c_[corners, found.scores, classes], IOU).nonzero()[0]
            return kept[np.argsort(-found.scores[kept], kind="stable")]

        yield "supervision", finished(case, candidates, supervision, inside=inside)


def yolo(case: Case) -> Iterator[tuple[str, Program]]:
    """Heads [4 + C, N] or [N, 4 + C]."""
    name, side = next(iter(case.outputs)), np.float32(_side(case))
    rows = case.outputs[name].shape[1] > case.outputs[name].shape[2]

    def candidates() -> Found:
        values = real(case, name)[0]
        matrix = values.T if rows else values
        several = len(matrix) > 5
        best = matrix[4:].max(axis=0) if several else matrix[4]
        passing = np.flatnonzero(best >= CONF)
        found = matrix[:, passing].T
        sizes = found[:, 2:4] * side
        boxes = np.concatenate([found[:, :2] * side - sizes / 2, sizes], axis=1)
        return Found(boxes, best[passing], found[:, 4:].argmax(axis=1) if several else None)

    yield from detectors(case, candidates)


def yolo_pose(case: Case) -> Iterator[tuple[str, Program]]:
    """Heads [5 + 3K, N]."""
    name, side = next(iter(case.outputs)), np.float32(_side(case))

    def passing() -> Floats:
        values = real(case, name)[0]
        found: Floats = values[:, np.flatnonzero(values[4] >= CONF)].T
        return found

    def candidates() -> Found:
        found = passing()
        sizes = found[:, 2:4] * side
        boxes = np.concatenate([found[:, :2] * side - sizes / 2, sizes], axis=1)
        points = found[:, 5:].reshape(len(found), -1, 3)
        points[..., :2] *= side
        return Found(boxes, found[:, 4], None, points)

    yield from detectors(case, candidates, inside=True)
    if installed("rtmlib"):
        from rtmlib.tools.pose_estimation.rtmo import RTMO

        source = Source(case.placement)

        def rtmlib() -> list[tuple[Any, ...]]:
            values = real(case, name)[0].T
            middle, half = values[:, :2] * side, values[:, 2:4] * (side / 2)
            boxes = np.concatenate([middle - half, middle + half, values[:, 4:5]], axis=1)
            points = values[:, 5:].reshape(len(values), -1, 3)
            places, shares = RTMO.postprocess(None, [boxes[None], points[None]], 1.0, IOU, CONF)
            inside = np.minimum(np.maximum(source.points(places * side), 0), source.size)
            return list(zip(inside, shares, strict=True))

        yield "rtmlib", rtmlib


def ssd(case: Case) -> Iterator[tuple[str, Program]]:
    """Scores with a background, boxes and anchors, as ST's networks have them."""
    tables = {name: raw.shape[2] for name, raw in case.outputs.items()}
    scores = next(name for name, width in tables.items() if width != 4)
    boxes, anchors = (name for name, width in tables.items() if width == 4)
    side = np.float32(_side(case))

    def candidates() -> Found:
        shares = real(case, scores)[0]
        several = shares.shape[1] > 2
        best = shares[:, 1:].max(axis=1) if several else shares[:, 1]
        passing = np.flatnonzero(best >= CONF)
        anchor, box = real(case, anchors)[0][passing], real(case, boxes)[0][passing]
        size = anchor[:, 2:] - anchor[:, :2]
        first = (anchor[:, :2] + box[:, :2] * size) * side
        last = (anchor[:, 2:] + box[:, 2:] * size) * side
        classes = shares[passing, 1:].argmax(axis=1) if several else None
        return Found(np.concatenate([first, last - first], axis=1), best[passing], classes)

    yield from detectors(case, candidates)


def grid(case: Case) -> Iterator[tuple[str, Program]]:
    """Grids of anchors with one class."""
    anchors, side = np.array(case.network.card.anchors, np.float32), np.float32(_side(case))

    def candidates() -> Found:
        boxes: list[Floats] = []
        scores: list[Floats] = []
        for name, raw in case.outputs.items():
            _, rows, columns, _ = raw.shape
            table = real(case, name).reshape(rows * columns * len(anchors), -1)
            share = 1 / (1 + np.exp(-table[:, 4]))
            passing = np.flatnonzero(share >= CONF)
            cell, anchor = np.divmod(passing, len(anchors))
            row, column = np.divmod(cell, columns)
            found = table[passing]
            places = 1 / (1 + np.exp(-found[:, :2]))
            middle = np.stack([(column + places[:, 0]) / columns, (row + places[:, 1]) / rows], axis=1)
            sizes = anchors[anchor] * np.exp(found[:, 2:4])
            boxes.append(np.concatenate([middle - sizes / 2, sizes], axis=1).astype(np.float32))
            scores.append(share[passing].astype(np.float32, copy=False))
        return Found(np.concatenate(boxes) * side, np.concatenate(scores), None)

    yield from detectors(case, candidates)


def landmark_boxes(case: Case) -> Iterator[tuple[str, Program]]:
    """MediaPipe's faces: anchors of 16 x 16 cells with two and 8 x 8 with six anchors."""
    widths = {name: raw.shape[2] for name, raw in case.outputs.items()}
    scores, rows = (next(name for name, width in widths.items() if (width == 1) == one) for one in (True, False))
    side = np.float32(_side(case))
    anchors = np.concatenate(
        [
            np.repeat(np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2), each, axis=0)
            for cells, each in ((16, 2), (8, 6))
            for middle in [((np.arange(cells) + 0.5) / cells * side).astype(np.float32)]
        ]
    )

    def candidates() -> Found:
        share = 1 / (1 + np.exp(-np.clip(real(case, scores)[0, :, 0], -80, 80)))
        passing = np.flatnonzero(share >= CONF)
        found, middle = real(case, rows)[0][passing], anchors[passing]
        boxes = np.concatenate([found[:, :2] + middle - found[:, 2:4] / 2, found[:, 2:4]], axis=1)
        points = found[:, 4:].reshape(len(found), -1, 2) + middle[:, None]
        return Found(boxes.astype(np.float32, copy=False), share[passing].astype(np.float32, copy=False), None, points)

    yield from detectors(case, candidates)


def fomo(case: Case) -> Iterator[tuple[str, Program]]:
    """Edge Impulse's rules, in Python: cells that touch are joined."""
    name, source, labels = next(iter(case.outputs)), Source(case.placement), case.network.card.labels
    cell = np.float32(_side(case) / case.outputs[name].shape[1])

    def rules() -> list[tuple[Any, ...]]:
        values = real(case, name)[0]
        joined: list[list[Any]] = []
        cells = [
            [x, y, x + 1, y + 1, values[y, x, 1 + k], k]
            for y, x, k in np.argwhere(values[..., 1:] >= FOMO_CONF).tolist()
        ]
        for again in (cells, joined):
            objects: list[list[Any]] = []
            for one in again:
                for other in objects:
                    apart = other[2] < one[0] or one[2] < other[0] or other[3] < one[1] or one[3] < other[1]
                    if not apart and one[5] == other[5]:
                        other[:2] = min(one[0], other[0]), min(one[1], other[1])
                        other[2:5] = max(one[2], other[2]), max(one[3], other[3]), max(one[4], other[4])
                        break
                else:
                    objects.append(one)
            joined[:] = objects
        joined.sort(key=lambda one: -one[4])
        boxes = np.array([(one[0], one[1], one[2] - one[0], one[3] - one[1]) for one in joined], np.float32).reshape(
            -1, 4
        )
        return [
            (labels[one[5]], float(one[4]), box) for one, box in zip(joined, source.boxes(boxes * cell), strict=True)
        ]

    yield "Edge Impulse's rules", rules


def segmentation(case: Case) -> Iterator[tuple[str, Program]]:
    """The class of each pixel."""
    name = next(iter(case.outputs))
    shape = case.outputs[name].shape
    last = shape[3] <= shape[1]
    if shape[3] == 1:
        yield "numpy", lambda: (real(case, name)[0, :, :, 0] >= 0.5).astype(np.uint8)
        if installed("cv2"):
            import cv2

            yield (
                "OpenCV",
                lambda: cv2.threshold(real(case, name)[0, :, :, 0], 0.5, 1, cv2.THRESH_BINARY)[1].astype(np.uint8),
            )
        return
    yield "numpy", lambda: case.outputs[name][0].argmax(axis=-1 if last else 0).astype(np.uint8)
    if installed("cv2"):
        import cv2

        # Raw values have the same order as real ones.
        flat = case.outputs[name].reshape((-1, shape[3]) if last else (shape[1], -1))
        size = shape[1:3] if last else shape[2:]
        yield "OpenCV", lambda: cv2.reduceArgMax(flat, int(last)).reshape(size).astype(np.uint8)


def heatmaps(case: Case) -> Iterator[tuple[str, Program]]:
    """Heatmaps of one person: the centre of the cell with the largest value; rtmlib computes a place between the cells."""
    name, side, source = next(iter(case.outputs)), np.float32(_side(case)), Source(case.placement)
    raw, spec = case.outputs[name][0], case.network.outputs[name]
    height, width, count = raw.shape

    names = case.network.card.keypoints or COCO_NAMES

    def cells() -> list[tuple[Any, ...]]:
        table = raw.reshape(-1, count)
        best = table.argmax(axis=0)
        row, column = np.divmod(best, width)
        shares = table[best, np.arange(count)].astype(np.float32)
        if spec.scale is not None:
            shares = (shares - spec.zero_point) * np.float32(spec.scale)
        places = np.stack([(column + 0.5) * (side / width), (row + 0.5) * (side / height)], axis=1)
        found = source.points(places.astype(np.float32))
        return list(zip(names, found.tolist(), shares.tolist(), strict=True))

    yield "numpy", cells
    if installed("rtmlib"):
        from rtmlib.tools.pose_estimation.vitpose import ViTPose

        middle, full = np.full(2, side / 2), np.full(2, side)

        def rtmlib() -> list[tuple[Any, ...]]:
            maps = np.ascontiguousarray(real(case, name).transpose(0, 3, 1, 2))
            places, shares = ViTPose.postprocess(None, [maps], middle, full)
            return list(zip(names, source.points(places[0]).tolist(), shares[0].tolist(), strict=True))

        yield "rtmlib", rtmlib


def _side(case: Case) -> int:
    return next(iter(case.network.inputs.values())).shape[1]


_PROGRAMS: Final = {
    "yolo": yolo,
    "yolo-pose": yolo_pose,
    "yolo-grid": grid,
    "ssd": ssd,
    "landmark-boxes": landmark_boxes,
    "fomo": fomo,
    "segmentation": segmentation,
    "pose-heatmap": heatmaps,
}


def agreement(case: Case, answer: Any) -> str:
    """How much of the answer of a program equals n6link's, and the largest difference, in pixels of the picture.

    Of candidates with the same score, which are common in quantised outputs, n6link and OpenCV take the first, supervision and rtmlib the last.
    """
    ours, task = case.decode(), case.network.card.task
    if task == "segmentation":
        return f"{np.mean(ours.classes == answer):.2%} equal"
    if task == "pose-heatmap":
        pairs = [(own[:2], place) for own, (_, place, _) in zip(ours[0].keypoints, answer, strict=True)]
    elif len(ours) != len(answer):
        return f"{len(answer)} objects, n6link {len(ours)}"
    elif task == "yolo-pose":  # rtmlib has no boxes
        pairs = [
            (one.keypoints[:, :2], row[-2 if len(row) == 2 else -1][:, :2])
            for one, row in zip(ours, answer, strict=True)
        ]
    else:
        pairs = [(one.box, row[2]) for one, row in zip(ours, answer, strict=True)]
    far = [float(np.abs(one - other).max()) for one, other in pairs]
    return f"{sum(each < EQUAL for each in far)} of {len(far)} equal, {max(far, default=0):.1g} px"
