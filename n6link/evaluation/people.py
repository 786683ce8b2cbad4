"""Poses of people, compared with COCO's keypoints: OKS and AP.

A network that finds several people gets whole pictures. A network for one person gets a square around the box of each annotated
person, ``MARGIN`` times as large, as is usual for such networks ("with ground truth boxes").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from n6link.decoders import card_of
from n6link.decoders.boxes import CONF
from n6link.decoders.described import NetworkLike
from n6link.decoders.options import share
from n6link.decoders.pose import Pose
from n6link.errors import BadInput
from n6link.evaluation import ENOUGH, Figures, Sample
from n6link.evaluation.coco import Evaluation, assign, best_first, read
from n6link.evaluation.files import OfPictures
from n6link.json_types import Plain

MARGIN: Final = 1.25
"""Side of the square around a person, as a multiple of the larger side of its box."""
LOWEST: Final = 0.001
"""Lowest score of a person that is counted in AP, as in the evaluation of the YOLO families; AP sorts by score itself."""
FOUND: Final = 0.5
"""OKS from which a person was found, as in AP50."""
ONE_PERSON: Final = ("pose-heatmap", "pose-points")
"""Tasks of networks for one person."""


class People(OfPictures):
    """An :class:`n6link.evaluation.Exercise`; see ``open_data`` for the arguments."""

    def __init__(self, network: NetworkLike, data: Path, pictures: Path | None) -> None:
        card = card_of(network)
        self._data = read(data, pictures, "keypoints", "num_keypoints")
        category = next((row for row in self._data.categories if row.get("keypoints")), None)
        if category is None:
            raise BadInput(
                f"{str(self._data.path)!r} does not have a category with keypoints; use annotations of keypoints"
            )
        self._category = category
        self._names: list[str] = list(map(str, category["keypoints"]))
        self._people = {
            picture: [row for row in rows if row["category_id"] == category["id"]]
            for picture, rows in self._data.by_picture().items()
        }
        for row in (row for rows in self._people.values() for row in rows):
            if len(row["keypoints"]) != 3 * len(self._names):
                raise BadInput(
                    f"annotation {row['id']} of {str(self._data.path)!r} has {len(row['keypoints'])} values of keypoints; its "
                    f"category has {len(self._names)} names, so it must have {3 * len(self._names)}"
                )
        self._one = card.task in ONE_PERSON
        self._conf = 0.0 if self._one else share("conf", card.options.get("conf", CONF))
        self._lowest = min(LOWEST, self._conf)
        self.options: Mapping[str, object] = {} if self._one else {"conf": self._lowest}
        self._owners: dict[str, tuple[int, int]] = {}
        self.samples: Sequence[Sample] = self._squares() if self._one else self._pictures()

    def _pictures(self) -> list[Sample]:
        samples: list[Sample] = []
        for picture in self._data.pictures:
            name = str(picture["file_name"])
            self._owners[name] = picture["id"], 0
            samples.append(Sample(name, self._data.file(picture)))
        return samples

    def _squares(self) -> list[Sample]:
        """A sample for each annotated person."""
        samples: list[Sample] = []
        for picture in self._data.pictures:
            for index, person in enumerate(self._people[picture["id"]]):
                left, top, width, height = person["bbox"]
                side = round(MARGIN * max(width, height))
                if _counts(person) and side > 0:
                    name = f"{picture['file_name']}#{person['id']}"
                    self._owners[name] = picture["id"], index
                    corner = round(left + width / 2 - side / 2), round(top + height / 2 - side / 2)
                    samples.append(Sample(name, self._data.file(picture), (*corner, side)))
        return samples

    def found(self, meaning: Any, sample: Sample) -> Plain:
        """The people, in pixels of the picture, with the names of their keypoints."""
        poses: list[Pose] = meaning
        names = poses[0].names if poses else ()
        if unknown := [name for name in names if name not in self._names]:
            raise BadInput(
                f"the network has the keypoint {unknown[0]!r}, which {str(self._data.path)!r} does not have; "
                f"it has {', '.join(self._names)}; set keypoints = [...] in the card"
            )
        left, top, _ = sample.part or (0, 0, 0)
        return {"names": list(names), "people": [_row(pose, left, top) for pose in poses]}

    def figures(self, found: Mapping[str, Plain]) -> Figures:
        """OKS of the annotated people, and AP, of the pictures that were answered."""
        results: dict[int, list[Plain]] = {}
        names: list[str] = self._names
        for sample, answer in found.items():
            image, person = self._owners[sample]
            names = answer["names"] or names
            place = {"image_id": image, "category_id": self._category["id"], "owner": person}
            rows = results.setdefault(image, [])
            rows += [place | row for row in answer["people"]]
        pictures = [picture for picture in self._data.pictures if picture["id"] in results]
        people = {image: [self._reduced(row, names) for row in self._people[image]] for image in results}
        all_people, all_results = ([row for rows in table.values() for row in rows] for table in (people, results))
        evaluation = Evaluation("keypoints", pictures, [self._category], all_people, all_results, names)
        each: list[Plain] = []
        every: list[float] = []
        for picture in pictures:
            rows = best_first(results[picture["id"]])
            own = self._similarities(evaluation, picture["id"], rows, people[picture["id"]])
            every += own
            if own:
                rounded = [round(score, 4) for score in own]
                each.append({"picture": picture["file_name"], "people": len(own), "OKS": rounded})
        return self._figures(evaluation, every, each, len(names))

    def _similarities(
        self, evaluation: Evaluation, image: int, results: Sequence[Plain], people: Sequence[Plain]
    ) -> list[float]:
        """OKS of each person of a picture that counts."""
        table = evaluation.similarities(image, int(self._category["id"]), len(results), len(people))
        if self._one:
            own = {int(row["owner"]): float(line[row["owner"]]) for row, line in zip(results, table, strict=False)}
            return [own[index] for index in sorted(own) if _counts(people[index])]
        counted = [index for index, row in enumerate(people) if _counts(row)]
        scores = [0.0] * len(counted)
        sure = sum(row["score"] >= self._conf for row in results)
        table = table[:sure, counted]
        for row, column in assign(table):
            scores[column] = float(table[row, column])
        return scores

    def _figures(self, evaluation: Evaluation, every: Sequence[float], each: list[Plain], names: int) -> Figures:
        values = {
            "OKS": float(np.mean(every)) if every else float("nan"),
            "found": float(np.mean(np.array(every) >= FOUND)) if every else float("nan"),
        }
        about = [
            f"a square around each annotated person, {MARGIN} times the larger side of its box"
            if self._one
            else f"whole pictures; in OKS, people with a score of at least {self._conf:g}",
            f"OKS is the mean over the annotated people, 0 for one that was not found; found: OKS of at least {FOUND}",
        ]
        if names != len(self._names):
            about.append(f"{names} of the {len(self._names)} annotated keypoints are those of the network")
        if len(every) >= ENOUGH:
            values |= evaluation.average_precision()
        else:
            about.append(f"no AP: {len(every)} annotated people are too few, {ENOUGH} are required")
        return Figures("OKS", values, len(every), tuple(about), each)

    def _reduced(self, person: Plain, names: Sequence[str]) -> Plain:
        """An annotation with only these keypoints, in this order."""
        points = np.array(person["keypoints"], float).reshape(-1, 3)[[self._names.index(name) for name in names]]
        return person | {"keypoints": points.ravel().tolist(), "num_keypoints": int((points[:, 2] > 0).sum())}


def _counts(person: Plain) -> bool:
    """Whether an annotation is of one person, with keypoints."""
    return bool(person["num_keypoints"]) and not person.get("iscrowd")


def _row(pose: Pose, left: int, top: int) -> Plain:
    points = np.round(pose.keypoints.astype(float) + np.array([left, top, 0]), 3)
    return {"score": round(pose.score, 6), "keypoints": points.ravel().tolist()}
