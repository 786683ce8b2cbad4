"""Accuracy of networks on the virtual board for annotated people: object keypoint similarity (OKS), as defined by COCO.

OKS of a prediction for a person is the mean over the labelled keypoints of exp(-d² / (2 s² k²)): d is the distance in pixels,
s² the person's annotated area, k twice the keypoint's sigma. Networks for several people get the whole picture; networks
for one person get a square around each annotated box, 1.25 times as large, as usual for them.

The networks, pictures and annotations are not part of the project; N6LINK_SHARED is the folder that contains them.

    python benchmarks/oks.py
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from n6link import Card, N6Device, Network
from n6link.decoders.pose import BODY_NAMES, COCO_NAMES
from n6link.tensors import image
from n6link.tensors.card import load

SHARED: Final = Path(os.environ.get("N6LINK_SHARED", Path(__file__).resolve().parents[2] / "shared"))
SIGMAS: Final = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000
"""standard deviation of the annotators for each of the 17 keypoints; from the definition of OKS"""
MARGIN: Final = 1.25
PICTURES: Final = ("yolov8n_pose_256", "yolov8n_pose_192")
CROPS: Final = ("movenet17_192_int8", "movenet13_192_int8")
CARDS: Final = (
    'task = "yolo-pose"\nnetworks = ["yolov8n_pose_*"]\ninput.pad = 114\n',
    'task = "pose-heatmap"\nnetworks = ["movenet17*"]\n',
    'task = "pose-heatmap"\nnetworks = ["movenet13*"]\ninput.mean = 127.5\ninput.std = 127.5\n',
)


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """An annotated person."""

    keypoints: NDArray[np.float64]
    """(17, 3): x, y, and 0 if the keypoint is not labelled"""
    box: tuple[float, float, float, float]
    """left, top, width, height"""
    area: float


def people(folder: Path) -> dict[str, list[Person]]:
    """The annotated people by picture, the largest first; only those with keypoints."""
    data = json.loads((folder / "coco_keypoints.json").read_text())
    found: dict[str, list[Person]] = {f"coco_{picture['id']}.jpg": [] for picture in data["images"]}
    for person in sorted(data["annotations"], key=lambda person: -person["area"]):
        if person["num_keypoints"]:
            keypoints = np.array(person["keypoints"], float).reshape(-1, 3)
            found[f"coco_{person['image_id']}.jpg"].append(Person(keypoints, person["bbox"], person["area"]))
    return found


def similarity(points: NDArray[np.float32], names: Sequence[str], person: Person) -> float:
    """OKS of keypoints (K, 3) with these names; only labelled keypoints are counted."""
    index = [COCO_NAMES.index(name) for name in names]
    truth, sigmas = person.keypoints[index], SIGMAS[index]
    seen = truth[:, 2] > 0
    squares = ((points[seen, :2] - truth[seen, :2]) ** 2).sum(axis=1)
    return float(np.exp(-squares / (2 * person.area * (2 * sigmas[seen]) ** 2)).mean())


async def in_picture(network: Network, path: Path, persons: Sequence[Person]) -> list[float]:
    """OKS for each person; each pose of the network, best first, is assigned to the nearest free person. 0 = not found."""
    scores = [0.0] * len(persons)
    for pose in (await network.run(path)).decode():
        free = [i for i, score in enumerate(scores) if not score]
        if free:
            best = max(free, key=lambda i: similarity(pose.keypoints, COCO_NAMES, persons[i]))
            scores[best] = similarity(pose.keypoints, COCO_NAMES, persons[best])
    return scores


async def in_crops(network: Network, path: Path, persons: Sequence[Person]) -> list[float]:
    """OKS for each person, found in a square around its box."""
    pixels, scores = image.load(path), []
    for person in persons:
        left, top, width, height = person.box
        side = round(MARGIN * max(width, height))
        x, y = round(left + width / 2 - side / 2), round(top + height / 2 - side / 2)
        crop = np.zeros((side, side, 3), np.uint8)
        inside = pixels[max(y, 0) : y + side, max(x, 0) : x + side]
        crop[max(-y, 0) :, max(-x, 0) :][: inside.shape[0], : inside.shape[1]] = inside
        (pose,) = (await network.run(crop)).decode()
        points = pose.keypoints + np.array([x, y, 0], np.float32)
        scores.append(similarity(points, COCO_NAMES if len(points) == len(COCO_NAMES) else BODY_NAMES, person))
    return scores


async def main() -> None:
    cards: list[Card] = [load(text, base=None) for text in CARDS]
    url = "sim:" + ",".join(str(SHARED / "models" / f"{name}.tflite") for name in (*PICTURES, *CROPS))
    print("| network | input | picture | OKS of each person, the largest first | mean |")
    print("|---|---|---|---|---|")
    async with N6Device(url, cards=cards) as dev:
        for name in (*PICTURES, *CROPS):
            for picture, persons in people(SHARED / "images").items():
                measure, sees = (in_picture, "whole picture") if name in PICTURES else (in_crops, "one crop per person")
                scores = await measure(dev[name], SHARED / "images" / picture, persons)
                each = ", ".join(f"{score:.2f}" for score in scores)
                print(f"| {name} | {sees} | {picture} | {each} | {np.mean(scores):.2f} |")


if __name__ == "__main__":
    asyncio.run(main())
