"""COCO's annotations, and its evaluation by faster-coco-eval.

Object keypoint similarity (OKS) of a pose for a person is the mean over the annotated keypoints of exp(-d² / (2 s² k²)): d is the
distance in pixels, s² the person's annotated area, k twice the standard deviation of the annotators for this keypoint. Average
precision (AP) is the mean of 101 precisions along the recall, over ten thresholds of the similarity (or overlap) from 0.5 to 0.95.
https://cocodataset.org/#keypoints-eval and #detection-eval define both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal, cast

import numpy as np
from numpy.typing import NDArray

from n6link.decoders.pose import COCO_NAMES
from n6link.errors import BadInput, requires
from n6link.json_types import Plain

SIGMAS: Final = dict(
    zip(COCO_NAMES, (26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89), strict=True)
)
"""Standard deviation of the annotators for each keypoint, in thousandths; from the definition of OKS."""
_STATS: Final = {"AP": "AP_all", "AP50": "AP_50", "AP75": "AP_75", "AR": "AR_all"}
"""Our names of figures, and those of the library."""


@dataclass(frozen=True, slots=True)
class Coco:
    """A JSON file of annotations with its pictures."""

    path: Path
    folder: Path
    """of the pictures"""
    pictures: list[Plain]
    """sorted by id"""
    annotations: list[Plain]
    categories: list[Plain]
    """sorted by id"""

    def file(self, picture: Plain) -> Path:
        """The file of a picture."""
        return self.folder / str(picture["file_name"])

    def by_picture(self) -> dict[int, list[Plain]]:
        """The annotations of each picture, also of those that have none."""
        found: dict[int, list[Plain]] = {picture["id"]: [] for picture in self.pictures}
        for annotation in self.annotations:
            found[annotation["image_id"]].append(annotation)
        return found


def read(data: Path, pictures: Path | None, *keys: str) -> Coco:
    """Reads annotations.

    Args:
        data: the JSON file, or a folder that has it, itself or in ``annotations``.
        pictures: the folder of the pictures; None = it is searched next to the file.
        keys: what each annotation must have.

    Raises:
        BadInput: there is not exactly one file, it is not COCO's JSON, or the pictures are missing.
    """
    path = _json_file(data)
    try:
        top = json.loads(path.read_bytes())
        images, annotations, categories = (
            [dict(row) for row in top[key]] for key in ("images", "annotations", "categories")
        )
        ids = {int(row["id"]) for row in images}
        known = {int(row["id"]) for row in categories}
        for row in images:
            str(row["file_name"])
        for row in annotations:
            if row["image_id"] not in ids or row["category_id"] not in known:
                raise ValueError(
                    f"annotation {row['id']} has image_id {row['image_id']} and category_id {row['category_id']}, and one of them does not exist"
                )
            for key in ("bbox", "area", *keys):
                if key not in row:
                    raise ValueError(f"annotation {row['id']} does not have {key!r}")
            row["bbox"] = [float(value) for value in row["bbox"]]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise BadInput(
            f"{str(path)!r} cannot be read as annotations of COCO: {what}; use a JSON file with images, annotations and categories"
        ) from error
    if not images:
        raise BadInput(f"{str(path)!r} does not have pictures; use a file with annotated pictures")
    images.sort(key=lambda row: row["id"])
    categories.sort(key=lambda row: row["id"])
    folder = _picture_folder(path, images[0]["file_name"], pictures)
    return Coco(path, folder, images, annotations, categories)


def _json_file(data: Path) -> Path:
    if data.is_file():
        return data
    if not data.is_dir():
        raise BadInput(f"{str(data)!r} does not exist; use a JSON file of COCO, or the folder that has it")
    files = sorted([*data.glob("*.json"), *(data / "annotations").glob("*.json")])
    if len(files) != 1:
        has = ", ".join(str(file.relative_to(data)) for file in files[:8]) or "none"
        raise BadInput(f"{str(data)!r} must have one JSON file of annotations, but has {has}; pass the file itself")
    return files[0]


def _picture_folder(path: Path, first: str, given: Path | None) -> Path:
    def near() -> Iterator[Path]:
        for folder in (path.parent, path.parent.parent):
            yield folder
            yield from sorted(child for child in folder.iterdir() if child.is_dir())

    for folder in [given] if given else near():
        if (folder / first).is_file():
            return folder
    where = f"in {str(given)!r}" if given else "next to the file"
    raise BadInput(
        f"picture {first!r} of {str(path)!r} is not {where}; pass the folder of the pictures with --pictures"
    )


class Evaluation:
    """Found poses or boxes, compared with annotations.

    Args:
        kind: what is compared.
        pictures: of which all annotations and all results are counted.
        categories: that are counted.
        annotations: of these pictures and categories.
        results: rows of COCO's results format: image_id, category_id, score, and keypoints or bbox.
        names: of the keypoints, in the order of both.

    Raises:
        BadInput: the library is missing.
    """

    def __init__(
        self,
        kind: Literal["keypoints", "bbox"],
        pictures: Sequence[Plain],
        categories: Sequence[Plain],
        annotations: Sequence[Plain],
        results: Sequence[Plain],
        names: Sequence[str] = (),
    ) -> None:
        with requires("this evaluation", "faster-coco-eval", "evaluate"):
            library: Any = import_module("faster_coco_eval")
        truth = library.COCO(
            {
                "images": list(pictures),
                "categories": list(categories),
                "annotations": [{"iscrowd": 0} | row | {"id": index} for index, row in enumerate(annotations, 1)],
            }
        )
        found = truth.loadRes([dict(row) for row in results])
        sigmas = np.array([SIGMAS[name] for name in names]) / 1000 if names else None
        self._evaluator: Any = library.COCOeval_faster(truth, found, kind, kpt_oks_sigmas=sigmas)
        self._evaluator.evaluate()
        self._compute: Any = self._evaluator.computeOks if kind == "keypoints" else self._evaluator.computeIoU
        self._most = int(self._evaluator.params.maxDets[-1])

    def similarities(self, picture: int, category: int, results: int, annotations: int) -> NDArray[np.float64]:
        """(results, annotations): OKS or overlap of each result, best score first, with each annotation of a picture, in order.

        Args:
            picture: its id.
            category: its id.
            results: number of results that the picture has in this category.
            annotations: number of its annotations.
        """
        if not results or not annotations:
            return np.zeros((results, annotations))
        if results > self._most:
            # AP counts only so many results of a picture.
            self._evaluator.params.maxDets[-1], most = results, self._most
            matrix = self._compute(picture, category)
            self._evaluator.params.maxDets[-1] = most
        else:
            matrix = self._evaluator.ious[picture, category]
        return np.asarray(matrix, np.float64)

    def average_precision(self) -> dict[str, float]:
        """AP, AP50, AP75 and AR; NaN = there is no annotation."""
        self._evaluator.accumulate()
        self._evaluator.summarize()
        stats = cast("Mapping[str, float]", self._evaluator.stats_as_dict)
        return {ours: float(stats[theirs]) if stats[theirs] >= 0 else float("nan") for ours, theirs in _STATS.items()}


def assign(similarities: NDArray[np.float64], lowest: float = 0.0) -> Iterator[tuple[int, int]]:
    """Assigns each result, best score first, to the most similar annotation that is still free.

    Args:
        similarities: (results, annotations).
        lowest: similarity that an assignment requires; results without any similarity are never assigned.
    """
    rest = similarities.copy()
    for row, line in enumerate(rest):
        column = int(line.argmax()) if line.size else 0
        if line.size and line[column] > 0 and line[column] >= lowest:
            rest[:, column] = 0
            yield row, column


def best_first(rows: Iterable[Plain]) -> list[Plain]:
    """Rows of results in the order of :meth:`Evaluation.similarities`: best score first, equal ones as before."""
    return sorted(rows, key=lambda row: -row["score"])
