"""Detected objects, compared with COCO's boxes: AP, precision and recall."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from n6link.decoders import card_of
from n6link.decoders.boxes import CONF, Detection
from n6link.decoders.described import NetworkLike
from n6link.decoders.options import share
from n6link.errors import BadInput
from n6link.evaluation import ENOUGH, Figures, Sample
from n6link.evaluation.coco import Evaluation, assign, read
from n6link.evaluation.files import OfPictures
from n6link.evaluation.people import LOWEST
from n6link.json_types import Plain

Place: TypeAlias = tuple[int, int]
"""id of a picture and of a category"""
OVERLAP: Final = 0.5
"""Intersection over union from which a box is right, as in AP50."""


class Objects(OfPictures):
    """An :class:`n6link.evaluation.Exercise`; see ``open_data`` for the arguments.

    The card's labels are names of categories; a card without labels has the categories in the order of their ids.
    """

    def __init__(self, network: NetworkLike, data: Path, pictures: Path | None) -> None:
        card = card_of(network)
        self._data = read(data, pictures)
        names = {str(row["name"]).casefold(): row for row in self._data.categories}
        if card.labels:
            found = {
                index: names[label.casefold()] for index, label in enumerate(card.labels) if label.casefold() in names
            }
        else:
            found = dict(enumerate(self._data.categories))
        if not found:
            raise BadInput(
                f"none of the labels of card {card.name!r} ({', '.join(card.labels[:5])}) is a category of "
                f"{str(self._data.path)!r} ({', '.join(list(names)[:5])}); use the names of the categories as labels"
            )
        self._categories = found
        self._labels = len(card.labels)
        self._conf = share("conf", card.options.get("conf", CONF))
        self.options: Mapping[str, object] = {"conf": min(LOWEST, self._conf)}
        self._by_name = {str(picture["file_name"]): picture for picture in self._data.pictures}
        self.samples: Sequence[Sample] = [Sample(name, self._data.file(row)) for name, row in self._by_name.items()]

    def found(self, meaning: Any, sample: Sample) -> Plain:
        """The objects of the categories that are annotated."""
        objects: list[Detection] = meaning
        if not self._labels and (wrong := [each.index for each in objects if each.index not in self._categories]):
            raise BadInput(
                f"the network has found an object of class {wrong[0]}, but {str(self._data.path)!r} has "
                f"{len(self._categories)} categories; set labels = [...] in the card"
            )
        return {"objects": [_row(each) for each in objects if each.index in self._categories]}

    def figures(self, found: Mapping[str, Plain]) -> Figures:
        """AP, and precision and recall of the boxes whose score is at least the card's ``conf``."""
        pictures = [self._by_name[name] for name in self._by_name if name in found]
        ids = {picture["id"] for picture in pictures}
        categories = list(self._categories.values())
        known = {row["id"] for row in categories}
        truth: dict[Place, list[Plain]] = defaultdict(list)
        results: dict[Place, list[Plain]] = defaultdict(list)
        for row in self._data.annotations:
            if row["image_id"] in ids and row["category_id"] in known:
                truth[row["image_id"], row["category_id"]].append(row)
        for picture in pictures:
            for row in found[picture["file_name"]]["objects"]:
                (left, top, right, bottom), category = row["box"], self._categories[row["index"]]["id"]
                box = [left, top, right - left, bottom - top]
                entry = {"image_id": picture["id"], "category_id": category, "score": row["score"], "bbox": box}
                results[picture["id"], category].append(entry)
        evaluation = Evaluation("bbox", pictures, categories, _all(truth), _all(results))
        counts = {picture["id"]: np.zeros(3, int) for picture in pictures}
        for place in truth.keys() | results.keys():
            counts[place[0]] += self._compared(evaluation, place, truth.get(place, []), results.get(place, []))
        annotated, boxes, right = (sum(int(count[index]) for count in counts.values()) for index in range(3))
        each = [
            {"picture": picture["file_name"]}
            | dict(zip(("annotated", "boxes", "right"), counts[picture["id"]].tolist(), strict=True))
            for picture in pictures
        ]
        values = {
            "recall": right / annotated if annotated else float("nan"),
            "precision": right / boxes if boxes else float("nan"),
        }
        about = [
            f"a box is right if its overlap is at least {OVERLAP:g}; precision and recall for scores from {self._conf:g}"
        ]
        if len(categories) < len(self._data.categories):
            about.append(
                f"{len(categories)} of {len(self._data.categories)} categories are labels of the network; others are not counted"
            )
        if annotated >= ENOUGH:
            values = evaluation.average_precision() | values
        else:
            about.append(f"no AP: {annotated} annotated objects are too few, {ENOUGH} are required")
        return Figures(next(iter(values)), values, annotated, tuple(about), each)

    def _compared(
        self, evaluation: Evaluation, place: Place, truth: Sequence[Plain], results: Sequence[Plain]
    ) -> tuple[int, int, int]:
        """Numbers of annotated objects, of boxes that count, and of right ones."""
        single, crowds = (
            [index for index, row in enumerate(truth) if bool(row.get("iscrowd")) is crowd] for crowd in (False, True)
        )
        table = evaluation.similarities(*place, len(results), len(truth))
        table = table[: sum(row["score"] >= self._conf for row in results)]
        taken = {row for row, _ in assign(table[:, single], OVERLAP)}
        # What is in a crowd that is annotated as one is neither right nor wrong.
        in_crowd = {row for row in range(len(table)) if (table[row, crowds] >= OVERLAP).any()} - taken
        return len(single), len(table) - len(in_crowd), len(taken)


def _all(rows: Mapping[Place, Sequence[Plain]]) -> list[Plain]:
    return [row for each in rows.values() for row in each]


def _row(found: Detection) -> Plain:
    return {"index": found.index, "score": round(found.score, 6), "box": np.round(found.box.astype(float), 3).tolist()}
