"""Accuracy: figures that follow from the definitions, data in the usual layouts, data that do not fit, and an interrupted run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray
from reductions import Network, spec
from references import SENTIMENT, sentences
from test_cli import PHOTO, POSE, bad, data, environment, good, n6link
from tflite import write_echo

from n6link.decoders.boxes import Detection
from n6link.decoders.classification import Classification
from n6link.decoders.pose import BODY_NAMES, COCO_EDGES, COCO_NAMES, Pose
from n6link.decoders.segmentation import Segmentation
from n6link.errors import BadInput, CardError
from n6link.evaluation import Exercise, Figures, Sample, answers, open_data
from n6link.evaluation.answers import AnswerFile
from n6link.evaluation.coco import SIGMAS
from n6link.tensors import card
from n6link.tensors.image import Placement

__all__ = ["environment"]

Image = pytest.importorskip("PIL.Image", reason="the extra `vision` is not installed")
pytest.importorskip("faster_coco_eval", reason="the extra `evaluate` is not installed")

SIDE = 64
AREA = 400.0
OUTPUTS = {
    "yolo-pose": (1, 56, 84),
    "pose-heatmap": (1, 16, 16, 13),
    "yolo": (1, 7, 84),
    "image-classification": (1, 7),
    "segmentation": (1, 16, 16, 2),
    "text-generation": (1, 1, 50),
}


def network(task: str, toml: str = "") -> Network:
    inputs = {"image": spec("image", (1, SIDE, SIDE, 3), "uint8")}
    outputs = {"out": spec("out", OUTPUTS[task], "float32")}
    return Network("net", inputs, outputs, card.load(f'task = "{task}"\n{toml}', base=None, name="net"))


def picture(path: Path, shade: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (SIDE, SIDE), (shade, shade, shade)).save(path)
    return path


def points(shift: float = 0.0, count: int = 17) -> list[float]:
    """Keypoints on a diagonal, all annotated."""
    return [value for i in range(count) for value in (10.0 + i + shift, 20.0 + i, 2)]


def person(number: int, image: int, **changes: Any) -> dict[str, Any]:
    about = {"id": number, "image_id": image, "category_id": 1, "bbox": [10, 20, 20, 20], "area": AREA, "iscrowd": 0}
    return about | {"keypoints": points(), "num_keypoints": 17} | changes


def write_coco(
    folder: Path,
    annotations: Sequence[Mapping[str, Any]],
    *,
    images: int = 1,
    categories: Sequence[Mapping[str, Any]] = ({"id": 1, "name": "person", "keypoints": COCO_NAMES},),
) -> Path:
    """COCO's layout: annotations and pictures in two folders."""
    for number in range(1, images + 1):
        picture(folder / "pictures" / f"{number}.png")
    rows = [
        {"id": number, "file_name": f"{number}.png", "width": SIDE, "height": SIDE} for number in range(1, images + 1)
    ]
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    path = folder / "annotations" / "people.json"
    path.write_text(json.dumps({"images": rows, "annotations": list(annotations), "categories": list(categories)}))
    return path


def pose(keypoints: Sequence[float], score: float = 0.9) -> Pose:
    rows = np.array(keypoints, np.float32).reshape(-1, 3)
    return Pose(rows, COCO_NAMES if len(rows) == 17 else BODY_NAMES, COCO_EDGES, score, np.zeros(len(rows), bool))


def box(left: float, top: float, score: float = 0.9, index: int = 0) -> Detection:
    return Detection(str(index), index, score, np.array([left, top, left + 10, top + 10], np.float32))


def figures_of(exercise: Exercise, found: Mapping[str, Any]) -> Figures:
    """Figures of decoded results, through the values that a file would hold."""
    by_name = {sample.name: sample for sample in exercise.samples}
    return exercise.figures(
        json.loads(json.dumps({name: exercise.found(each, by_name[name]) for name, each in found.items()}))
    )


def oks(shift: float, names: Sequence[str] = COCO_NAMES) -> float:
    """The formula."""
    k = 2 * np.array([SIGMAS[name] for name in names]) / 1000
    return float(np.exp(-(shift**2) / (2 * AREA * k**2)).mean())


# ---- people


def test_similarity_is_that_of_the_formula(tmp_path: Path) -> None:
    """The best pose takes the nearest person, the next one another; crowds and people without keypoints do not count."""
    people = [
        person(1, 1),
        person(2, 1, keypoints=points(20)),
        person(3, 1, keypoints=[0] * 51, num_keypoints=0),
        person(4, 1, keypoints=points(40), iscrowd=1),
        person(5, 2),
    ]
    exercise = open_data(network("yolo-pose"), write_coco(tmp_path, people, images=3))
    assert [sample.name for sample in exercise.samples] == ["1.png", "2.png", "3.png"]
    found = {
        "1.png": [pose(points(1), 0.5), pose(points(22), 0.8), pose(points(0), 0.2)],
        "2.png": [],
        "3.png": [pose(points())],
    }
    figures = figures_of(exercise, found)
    assert figures.annotations == 3 and figures.main == "OKS"
    assert figures.values == {"OKS": pytest.approx((oks(1) + oks(2)) / 3), "found": pytest.approx(2 / 3)}
    assert [row["OKS"] for row in figures.each] == [[round(oks(1), 4), round(oks(2), 4)], [0]]
    assert "no AP: 3 annotated people are too few, 100 are required" in figures.about


def in_square(sample: Sample, shift: float) -> list[Pose]:
    """What a network for one person finds in a sample, if the person is on the diagonal with a shift."""
    assert sample.part
    whole = np.array(points(shift)).reshape(-1, 3)[[COCO_NAMES.index(name) for name in BODY_NAMES]]
    return [pose((whole - (*sample.part[:2], 0)).ravel().tolist(), 0.1 + shift / 100)]


def test_a_network_for_one_person_sees_each_person(tmp_path: Path) -> None:
    people = [person(1, 1), person(2, 1, bbox=[40, 50, 10, 40], keypoints=points(20)), person(3, 1, iscrowd=1)]
    exercise = open_data(network("pose-heatmap"), write_coco(tmp_path, people))
    first, second = exercise.samples
    assert first.part == (8, 18, 25) and second.part == (20, 45, 50)
    Image.new("RGB", (SIDE, SIDE), (7, 8, 9)).save(second.path)
    square: Any = exercise.read(second)
    assert square.shape == (50, 50, 3)
    assert (square[:19, :44] == (7, 8, 9)).all() and not square[19:].any() and not square[:, 44:].any()
    figures = figures_of(exercise, {first.name: in_square(first, 0)})
    assert figures.annotations == 1 and figures.values["OKS"] == pytest.approx(1, abs=1e-6)
    assert "13 of the 17 annotated keypoints are those of the network" in figures.about
    figures = figures_of(exercise, {first.name: in_square(first, 1), second.name: in_square(second, 17)})
    assert figures.each[0]["OKS"] == pytest.approx([oks(1, BODY_NAMES), oks(3, BODY_NAMES)], abs=1e-4)


def test_average_precision_from_a_hundred_people(tmp_path: Path) -> None:
    """60 of 100 people are found before all wrong ones: precision is 1 up to a recall of 0.6, which is 61 of 101 points."""
    people = [person(number, number) for number in range(1, 101)]
    exercise = open_data(network("yolo-pose"), write_coco(tmp_path, people, images=100))
    right, wrong = [pose(points(), 0.9)], [pose(points(30), 0.1)]
    found = {f"{number}.png": right if number <= 60 else wrong for number in range(1, 101)}
    values = figures_of(exercise, found).values
    assert values["AP"] == values["AP50"] == pytest.approx(61 / 101) and values["AR"] == pytest.approx(0.6)
    assert values["OKS"] == pytest.approx(0.6) and values["found"] == 0.6


def test_more_people_than_ap_counts(tmp_path: Path) -> None:
    """COCO counts the best 20 of a picture; in OKS all annotated people count."""
    people = [person(number, 1, keypoints=points(number)) for number in range(30)]
    exercise = open_data(network("pose-heatmap"), write_coco(tmp_path, people))
    found = {sample.name: in_square(sample, number) for number, sample in enumerate(exercise.samples)}
    figures = figures_of(exercise, found)
    assert figures.annotations == 30 and figures.values["OKS"] == pytest.approx(1, abs=1e-6)


# ---- objects


CATEGORIES = ({"id": 7, "name": "Cat"}, {"id": 9, "name": "dog"}, {"id": 11, "name": "owl"})


def thing(number: int, image: int, left: float, category: int = 7, crowd: int = 0) -> dict[str, Any]:
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": [left, 0, 10, 10],
        "area": 100,
        "iscrowd": crowd,
    }


def test_precision_and_recall(tmp_path: Path) -> None:
    """Overlaps of 9 / 11 are right, of 5 / 15 wrong; a box of another class is wrong; boxes in a crowd do not count."""
    things = [
        thing(1, 1, 0),
        thing(2, 1, 20),
        thing(3, 1, 40, category=9),
        thing(4, 1, 50, crowd=1),
        thing(5, 1, 0, category=11),
    ]
    path = write_coco(tmp_path, things, categories=CATEGORIES)
    exercise = open_data(network("yolo", 'labels = ["cat", "dog", "cow"]'), path)
    boxes = [box(1, 0), box(25, 0), box(40, 0), box(51, 0), box(0, 0, 0.1), box(0, 0, 0.9, index=2)]
    figures = figures_of(exercise, {"1.png": boxes})
    assert figures.each == [{"picture": "1.png", "annotated": 3, "boxes": 3, "right": 1}]
    assert figures.values == {"recall": 1 / 3, "precision": 1 / 3} and figures.main == "recall"
    assert "2 of 3 categories are labels of the network; others are not counted" in figures.about


def test_average_precision_of_boxes(tmp_path: Path) -> None:
    """Overlaps of 9 / 11 pass the seven thresholds from 0.5 to 0.8."""
    things = [thing(number, 1 + number // 20, number % 20 * 3) for number in range(100)]
    exercise = open_data(network("yolo"), write_coco(tmp_path, things, images=5, categories=CATEGORIES))
    found = {f"{image}.png": [box(number * 3 + 1, 0) for number in range(20)] for image in range(1, 6)}
    values = figures_of(exercise, found).values
    assert values["AP50"] == 1 and values["recall"] == values["precision"] == 1
    exact = figures_of(exercise, {name: [box(number * 3, 0) for number in range(20)] for name in found}).values
    assert exact["AP"] == pytest.approx(1)
    assert 0.6 < values["AP"] < 0.8 and next(iter(values)) == "AP"


def test_boxes_of_a_class_that_is_not_annotated(tmp_path: Path) -> None:
    exercise = open_data(network("yolo"), write_coco(tmp_path, [thing(1, 1, 0)], categories=CATEGORIES))
    with pytest.raises(BadInput, match="an object of class 5, but .* has 3 categories; set labels"):
        exercise.found([box(0, 0, index=5)], exercise.samples[0])


# ---- classes


def classification(shares: NDArray[np.float64]) -> Classification:
    return Classification("x", float(shares.max()), dict(zip("abcdefg", shares.tolist(), strict=True)))


@pytest.mark.parametrize(
    ("names", "toml", "classes"),
    [
        (("Cat", "dog"), 'labels = ["dog", "cow", "cat", "owl", "a", "b", "c"]', (2, 0)),
        (("3", "5"), "", (3, 5)),
        (tuple("abcdefg"), "", range(7)),
    ],
)
def test_top_1_and_top_5(tmp_path: Path, names: Sequence[str], toml: str, classes: Sequence[int]) -> None:
    for name in names:
        picture(tmp_path / name / "0.png")
    (tmp_path / names[0] / "notes.txt").write_text("no picture")
    exercise = open_data(network("image-classification", toml), tmp_path)
    assert [sample.name for sample in exercise.samples] == [f"{name}/0.png" for name in names]
    best, second = np.zeros(7), np.zeros(7)
    best[classes[0]], second[classes[0]], second[classes[1]] = 0.9, 0.5, 0.4
    figures = figures_of(
        exercise, {f"{names[0]}/0.png": classification(best), f"{names[1]}/0.png": classification(second)}
    )
    assert figures.values == {"top-1": 0.5, "top-5": 1.0} and figures.annotations == 2
    assert [row["top-1"] for row in figures.each] == ([1, 0] if classes[0] < classes[1] else [0, 1])
    assert bool(figures.about) is (len(names) == 7)


# ---- regions


def test_miou(tmp_path: Path) -> None:
    """Of the 32 rows of the foreground 24 are found, and 8 others: 24 / 40 and 24 / 40; a row that is not annotated does not count."""
    picture(tmp_path / "images" / "a.jpg")
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:32], mask[63] = 1, 255
    (tmp_path / "masks").mkdir()
    Image.fromarray(mask).save(tmp_path / "masks" / "a.png")
    exercise = open_data(network("segmentation"), tmp_path)
    found = np.zeros((16, 16), np.uint8)
    found[2:10] = 1
    placement = Placement((SIDE, SIDE), (SIDE, SIDE))
    figures = figures_of(exercise, {"a.jpg": Segmentation(found, ("background", "foreground"), placement)})
    assert figures.values == {"mIoU": pytest.approx((24 / 40 + 23 / 39) / 2), "pixel accuracy": pytest.approx(47 / 63)}
    assert figures.each == [{"class": "background", "IoU": round(23 / 39, 4)}, {"class": "foreground", "IoU": 0.6}]


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (np.zeros((3, 3), np.uint8), r"has the shape \(3, 3\), but its picture \(64, 64\)"),
        (np.full((SIDE, SIDE), 2, np.uint8), "has the class 2; the network has 0 to 1, and 255 is not counted"),
        (np.repeat(np.array([0, 255], np.uint8), SIDE * 32).reshape(SIDE, SIDE), "use 1 for the foreground"),
        (np.zeros((SIDE, SIDE, 3), np.uint8), "has the mode RGB"),
        (b"nonsense", "cannot be read"),
    ],
)
def test_masks_that_do_not_fit(tmp_path: Path, mask: Any, says: str) -> None:
    picture(tmp_path / "images" / "a.png")
    path = tmp_path / "masks" / "a.png"
    path.parent.mkdir()
    if isinstance(mask, bytes):
        path.write_bytes(mask)
    else:
        Image.fromarray(mask).save(path)
    exercise = open_data(network("segmentation"), tmp_path)
    found = Segmentation(np.zeros((16, 16), np.uint8), ("a", "b"), Placement((SIDE, SIDE), (SIDE, SIDE)))
    with pytest.raises(BadInput, match=f"mask .*a.png.* {says}"):
        exercise.found(found, exercise.samples[0])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_annotations_as_editors_of_windows_write_them(tmp_path: Path, encoding: str) -> None:
    path = write_coco(tmp_path, [person(1, 1, keypoints=points(0))])
    path.write_text(path.read_text(), encoding=encoding)
    assert len(open_data(network("yolo-pose"), path).samples) == 1


# ---- data that do not fit


def refused(task: str, path: Path, says: str, toml: str = "", pictures: Path | None = None) -> None:
    with pytest.raises(BadInput, match=says):
        open_data(network(task, toml), path, pictures)


def test_wrong_data(tmp_path: Path) -> None:
    refused("yolo-pose", tmp_path / "no", "no' does not exist; use a JSON file of COCO")
    refused("yolo-pose", tmp_path, "must have one JSON file of annotations, but has none; pass the file itself")
    (tmp_path / "a.json").write_text("[")
    refused("yolo-pose", tmp_path, "a.json' cannot be read as annotations of COCO: Expecting value")
    (tmp_path / "a.json").write_text("{}")
    refused("yolo-pose", tmp_path, "'images' is missing; use a JSON file with images, annotations and categories")
    (tmp_path / "b.json").write_text("{}")
    refused("yolo-pose", tmp_path, "but has a.json, b.json")
    for annotation, says in (
        (person(4, 9), "annotation 4 has image_id 9 and category_id 1, and one of them does not exist"),
        ({"id": 4, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]}, "annotation 4 does not have 'area'"),
        (person(4, 1, bbox=["x"]), "could not convert string"),
        (person(4, 1, keypoints=[1, 2, 3]), "annotation 4 .* has 3 values of keypoints; .* so it must have 51"),
    ):
        refused("yolo-pose", write_coco(tmp_path / "x", [annotation]), says)
    refused("yolo-pose", write_coco(tmp_path / "none", [], images=0), "does not have pictures")
    refused(
        "yolo-pose",
        write_coco(tmp_path / "boxes", [], categories=CATEGORIES),
        "does not have a category with keypoints",
    )
    path = write_coco(tmp_path / "far", [person(1, 1)])
    refused("yolo-pose", path, "picture '1.png' .* is not in .*; pass the folder of the pictures", pictures=tmp_path)
    (tmp_path / "far" / "pictures").rename(tmp_path / "elsewhere")
    refused(
        "yolo-pose", path, "picture '1.png' .* is not next to the file; pass the folder of the pictures with --pictures"
    )
    assert open_data(network("yolo-pose"), path, tmp_path / "elsewhere").samples
    refused(
        "yolo",
        path,
        r"none of the labels of card 'net' \(a, b, c\) is a category of .* \(person\)",
        'labels = ["a", "b", "c"]',
        tmp_path / "elsewhere",
    )
    other = ({"id": 1, "name": "person", "keypoints": ["nose", "tail"]},)
    exercise = open_data(network("yolo-pose"), write_coco(tmp_path / "tail", [], categories=other))
    with pytest.raises(
        BadInput, match="the network has the keypoint 'left_eye', which .* does not have; it has nose, tail"
    ):
        exercise.found([pose(points())], exercise.samples[0])
    with pytest.raises(CardError, match="is for text-generation, for which an accuracy is not defined"):
        open_data(network("text-generation"), tmp_path)


def test_wrong_folders(tmp_path: Path) -> None:
    task = "image-classification"
    refused(task, tmp_path / "no", "is not a folder; use one with a folder of pictures for each class")
    refused(task, tmp_path, "does not have folders")
    refused(task, tmp_path, "--pictures .* is not used", pictures=tmp_path)
    (tmp_path / "cat").mkdir()
    refused(task, tmp_path, "folder 'cat' of .* is not a label of card 'net', and there are 1 folders for 7 classes")
    refused(task, tmp_path, "do not have pictures", 'labels = ["cat", "b", "c", "d", "e", "f", "g"]')
    refused("segmentation", tmp_path, "images' is not a folder; the data must have the folders images and masks")
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    refused("segmentation", tmp_path, "images' does not have pictures")
    picture(tmp_path / "images" / "a.png")
    refused("segmentation", tmp_path, "does not have a mask; add .*a.png")


# ---- with a board


def one_person(tmp_path: Path) -> Path:
    """The bundled picture, annotated with what the bundled network finds in it."""
    rows = data("run", "movenet13", PHOTO, "--url", POSE)["decoded"][0]["keypoints"]
    truth = np.zeros((17, 3))
    for name, point in rows.items():
        truth[COCO_NAMES.index(name)] = point["x"], point["y"], 2
    annotation = person(
        1, 1, keypoints=truth.ravel().tolist(), num_keypoints=13, bbox=[51.2, 51.2, 409.6, 409.6], area=9e4
    )
    path = write_coco(tmp_path, [annotation, person(2, 1, keypoints=points(100), bbox=[0, 0, 80, 80])])
    shutil.copy(PHOTO, tmp_path / "pictures" / "1.png")
    return path


def test_evaluate(virtual_board: None, tmp_path: Path) -> None:
    """A person annotated where the network finds it has a similarity near 1. A second run continues the first."""
    path = one_person(tmp_path)
    kept = tmp_path / "answers.jsonl"
    words = ["evaluate", "movenet13", "--url", POSE, "--data", str(path), "--answers", str(kept)]
    first = data(*words, "--limit", "1")
    assert first["samples"] == first["annotations"] == 1 and first["simulated"]
    assert first["figures"]["OKS"] > 0.95 and first["figures"]["found"] == 1
    times = first["latency_s"]
    assert 0 < times["device"]["min_s"] == times["device"]["max_s"] < times["whole"]["median_s"]
    before = kept.read_text()
    kept.write_text(before + '{"sample": "1.png#2", "fou')
    both = data(*words)
    assert both["samples"] == 2 and both["each"][0]["OKS"][0] == first["each"][0]["OKS"][0]
    lines = kept.read_text()
    assert lines.startswith(before) and len(lines.splitlines()) == 3
    shown = good(*words)
    assert "OKS" in shown and "1.png" in shown and "network on the board" in shown and kept.read_text() == lines
    outcome = n6link(*words, "--fail-under", "0.99")
    assert outcome.exit_code == 1 and "lower than 0.99" in outcome.stderr
    assert good(*words, "--limit", "1", "--fail-under", "0.9")


def test_classes_and_regions_on_a_board(virtual_board: None, tmp_path: Path) -> None:
    """The output of a network is its picture: the classes are red, green and blue, of the picture or of each pixel."""
    labels = 'networks = ["echo"]\nlabels = ["red", "green", "blue"]\n'
    for task, side in (("image-classification", 1), ("segmentation", 16)):
        shape = (1, 3) if side == 1 else (1, side, side, 3)
        write_echo(tmp_path / "echo.tflite", (side, side, 3), shape, 1 / 255, 0)
        (tmp_path / "echo.toml").write_text(f'task = "{task}"\n{labels}')
        folder = tmp_path / task
        for index, name in enumerate(("red", "green", "blue")):
            array = np.full((16, 16, 3), 20, np.uint8)
            array[..., index] = 200
            array[0, :, (index + 1) % 3] = 255
            place = folder / name if side == 1 else folder / "images"
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(place / f"{name}.png")
            if side > 1:
                (folder / "masks").mkdir(exist_ok=True)
                Image.fromarray(np.full((16, 16), index, np.uint8)).save(folder / "masks" / f"{name}.png")
        board = ("--url", f"sim:{tmp_path / 'echo.tflite'}", "--card", tmp_path / "echo.toml")
        shown = data("evaluate", "echo", "--data", folder, *board, "--at-once", "1")
        if side == 1:
            assert shown["figures"] == {"top-1": 1} and shown["annotations"] == 3
        else:
            # of each colour, 15 of 16 rows are right, and one row of another picture was found as it
            assert shown["figures"] == {"mIoU": pytest.approx(15 / 17), "pixel accuracy": 15 / 16}


def test_texts_on_a_board(virtual_board: None, tmp_path: Path) -> None:
    """Texts in the folders of the classes that the network gives them, but one."""
    pytest.importorskip("tokenizers", reason="the extra `text` is not installed")
    right, wrong = sentences()[:6], sentences()[6]
    for number, sentence in enumerate((*right, wrong)):
        label = (
            sentence.label if sentence is not wrong else {"negative": "positive", "positive": "negative"}[wrong.label]
        )
        (tmp_path / label).mkdir(exist_ok=True)
        (tmp_path / label / f"{number}.txt").write_text(sentence.text, encoding="utf-8-sig")
    board = ("--url", f"sim:{SENTIMENT}", "--card", SENTIMENT.with_suffix(".toml"))
    words = ("evaluate", "sentiment_bert_48", "--data", tmp_path, *board)
    shown = data(*words)
    assert shown["figures"] == {"top-1": 6 / 7} and sum(row["texts"] for row in shown["each"]) == 7
    (tmp_path / wrong.label / "latin.txt").write_bytes(b"caf\xe9")
    assert "latin.txt' cannot be read as a text" in bad(2, *words)


def test_answers_of_something_else(tmp_path: Path) -> None:
    kept = tmp_path / "answers.jsonl"
    about = {"network": "net", "card": "0"}
    for text, says in (
        (
            '{"network": "other", "card": "0"}\n',
            "are of something else: network differ in the first line; choose another file",
        ),
        ('{"network": "net"}\n', "are of something else: card differ"),
        ("[]\n", "are of something else: card, network differ"),
        ("7\n", "line 1 of .* is not an answer: .*; delete the line or the file"),
        (json.dumps(about) + "\nnonsense\n", "line 2 of .* is not an answer: Expecting value"),
        (json.dumps(about) + '\n{"found": 1}\n', "line 2 of .* is not an answer: 'sample'"),
    ):
        kept.write_text(text)
        with pytest.raises(BadInput, match=says):
            AnswerFile(kept, about)
        assert kept.read_text() == text
    with pytest.raises(BadInput, match="cannot be read and written"):
        AnswerFile(tmp_path, about)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"sample": "2.png"}', "has an answer for '2.png', which is not in the data"),
        ('{"sample": "1.png#1", "found": {}}', "has an incomplete answer for '1.png#1'"),
    ],
)
def test_answers_that_do_not_fit_the_data(virtual_board: None, tmp_path: Path, line: str, says: str) -> None:
    words = ("evaluate", "movenet13", "--url", POSE, "--data", one_person(tmp_path), "--answers", tmp_path / "kept")
    good(*words, "--limit", "1")
    header, _ = (tmp_path / "kept").read_text().splitlines()
    (tmp_path / "kept").write_text(f"{header}\n{line}\n")
    outcome = n6link(*words)
    assert outcome.exit_code == 2 and says in outcome.stderr


async def test_several_boards_share_the_samples(tmp_path: Path) -> None:
    """Each sample is run once, by a board that is free."""
    exercise = open_data(network("yolo-pose"), write_coco(tmp_path, [], images=20))
    shades = [picture(sample.path, shade) for shade, sample in enumerate(exercise.samples)]
    ran: dict[str, list[int]] = {"one": [], "other": []}

    def board(name: str) -> Any:
        async def run(data: NDArray[np.uint8], **options: object) -> object:
            assert options == {"timers": False, "options": {"conf": 0.001}}
            ran[name].append(int(data[0, 0, 0]))
            await anyio.lowlevel.checkpoint()
            timing = SimpleNamespace(npu=1.0, total=2.0)
            return SimpleNamespace(decode=lambda conf: [pose(points(), conf)], timing=timing)

        return run

    got: list[answers.Answer] = []
    await answers.ask([board("one"), board("other")], exercise, exercise.samples, got.append)
    assert all(ran.values()) and sorted(ran["one"] + ran["other"]) == list(range(len(shades)))
    assert {answer.sample for answer in got} == {sample.name for sample in exercise.samples}
    assert all(
        (answer.device, answer.whole) == (1, 2) and answer.found["people"][0]["score"] == 0.001 for answer in got
    )


def test_a_picture_that_cannot_be_read(virtual_board: None, tmp_path: Path) -> None:
    path = one_person(tmp_path)
    (tmp_path / "pictures" / "1.png").write_text("nonsense")
    assert "1.png' cannot be read as a picture" in bad(2, "evaluate", "movenet13", "--url", POSE, "--data", path)
