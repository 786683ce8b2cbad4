from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from n6link.decoders.boxes import Detection
from n6link.decoders.classification import Classification
from n6link.decoders.draw import ARM, LEG, MIDDLE, draw_poses
from n6link.decoders.draw_result import draw
from n6link.decoders.pen import own_colour
from n6link.decoders.segmentation import Segmentation
from n6link.errors import BadInput, MissingExtra
from n6link.tensors.image import Placement

NAMES = ("nose", "left_shoulder", "right_shoulder", "left_wrist", "right_hip", "right_knee")
EDGES = ((0, 1), (0, 2), (1, 3), (2, 4), (4, 5))
POINTS = [(100, 20), (140, 60), (60, 60), (160, 110), (70, 130), (70, 180)]


@dataclass(frozen=True)
class Figure:
    keypoints: NDArray[np.float32]
    names: tuple[str, ...] = NAMES
    edges: tuple[tuple[int, int], ...] = EDGES
    score: float = 0.9
    box: NDArray[np.float32] | None = None
    outside: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(len(NAMES), bool))


def figure(*, scores: float | list[float] = 0.9, shift: int = 0, box: list[float] | None = None) -> Figure:
    keypoints = np.empty((len(POINTS), 3), np.float32)
    keypoints[:, :2] = np.add(POINTS, (shift, 0))
    keypoints[:, 2] = scores
    return Figure(keypoints, box=None if box is None else np.array(box, np.float32))


GREY = [128, 128, 128]


def grey(width: int = 400, height: int = 200) -> NDArray[np.uint8]:
    return np.full((height, width, 3), 128, np.uint8)


def pixels(image: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(image)


def near(image: Image.Image, xy: tuple[float, float], colour: tuple[int, int, int]) -> bool:
    """Whether a pixel about there is of this colour, as far as smoothing leaves it."""
    x, y = int(xy[0]), int(xy[1])
    window = pixels(image)[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3].astype(int)
    return bool(np.abs(window - colour).max(axis=2).min() < 40)


def corner(image: Image.Image, person: Figure) -> list[int]:
    """The colour of the lower right corner of a person's frame, or what is there instead."""
    assert person.box is not None
    right, bottom = person.box[2:].astype(int)
    return list(pixels(image)[bottom - 1, right - 1])


def far(a: Sequence[int], b: Sequence[int]) -> bool:
    """Whether two colours cannot be mixed up."""
    return bool(np.abs(np.subtract(a, b, dtype=int)).max() > 60)


def middle(a: int, b: int) -> tuple[float, float]:
    return (POINTS[a][0] + POINTS[b][0]) / 2, (POINTS[a][1] + POINTS[b][1]) / 2


def test_each_limb_has_the_colour_of_its_side() -> None:
    image = draw_poses(grey(), [figure()])
    assert image.size == (400, 200) and image.mode == "RGB"
    assert near(image, middle(0, 1), MIDDLE)
    assert near(image, middle(1, 3), ARM["left"])
    assert near(image, middle(2, 4), ARM["right"])
    assert near(image, middle(4, 5), LEG["right"])
    assert not near(image, middle(1, 2), MIDDLE), "these two are not joined"


def test_the_picture_that_was_given_is_not_changed() -> None:
    source = grey()
    draw_poses(source, [figure()])
    assert (source == 128).all()


def test_keypoints_below_the_threshold_and_their_limbs_are_left_out() -> None:
    hidden = figure(scores=[0.9, 0.9, 0.9, 0.1, 0.9, 0.9])
    image = draw_poses(grey(), [hidden], labels=False)
    assert (pixels(image)[110, 160] == 128).all()
    assert near(image, middle(0, 1), MIDDLE)
    assert not (pixels(draw_poses(grey(), [hidden], threshold=0.05))[110, 160] == 128).all()


@pytest.mark.parametrize("y", [-30, 0])
def test_joints_outside_of_the_picture_are_rings_at_its_edge(y: int) -> None:
    """A decoder may move such a joint to the edge, and marks it."""
    beyond = figure()
    beyond.keypoints[3, :2] = (160, y)
    beyond.outside[3] = True
    image = draw_poses(grey(800, 200), [beyond], labels=False)
    assert (pixels(image)[20:30, 150:165] == 128).all(), "no limb"
    assert near(image, (160, 6), ARM["left"])
    assert (pixels(image)[0, 160] == 128).all(), "the ring is empty"
    beyond.keypoints[3, :2] = np.nan
    assert not near(draw_poses(grey(800, 200), [beyond], labels=False), (160, 6), ARM["left"])


def test_nothing_is_drawn_of_a_pose_without_good_keypoints() -> None:
    assert (pixels(draw_poses(grey(), [figure(scores=0.0)])) == 128).all()
    assert (pixels(draw_poses(grey(), [])) == 128).all()


def test_better_keypoints_are_larger() -> None:
    def ink(score: float) -> int:
        lone = Figure(
            np.array([[200, 200, score], [600, 200, 0.9]], np.float32), ("a", "b"), (), outside=np.zeros(2, bool)
        )
        image = pixels(draw_poses(grey(800, 400), [lone], labels=False))
        return int((image[150:250, 150:250] != 128).any(axis=2).sum())

    assert ink(0.3) < ink(0.6) < ink(1.0)


def test_edges_are_smooth() -> None:
    image = pixels(draw_poses(grey(), [figure()], labels=False))
    colours = np.unique(image.reshape(-1, 3), axis=0)
    assert len(colours) > 60, "a drawing without smoothing has a handful of colours"


def test_labels_tell_the_score_and_can_be_left_out() -> None:
    with_label, without = (pixels(draw_poses(grey(), [figure()], labels=labels)) for labels in (True, False))
    changed = np.argwhere((with_label != without).any(axis=2))
    assert len(changed)
    top, left = changed.min(axis=0)
    bottom, right = changed.max(axis=0)
    assert left <= POINTS[0][0] <= right and 8 <= bottom - top <= 40, "one line of text above the highest keypoint"


def test_several_people_are_framed_in_colours_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    people = [figure(box=[40, 10, 180, 190]), figure(shift=200, box=[240, 10, 380, 190])]
    image = draw_poses(grey(), people)
    first, second = corner(image, people[0]), corner(image, people[1])
    assert far(first, second) and far(first, GREY) and far(second, GREY)
    assert corner(draw_poses(grey(), people[:1]), people[0]) == GREY, "one person needs no frame"
    written = []
    original = ImageDraw.ImageDraw.text

    def text(self: ImageDraw.ImageDraw, xy: tuple[float, float], text: str, **options: object) -> None:
        written.append(text)
        original(self, xy, text, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", text)
    draw_poses(grey(), people)
    assert written == ["0.90", "0.90"]


def test_neighbouring_people_never_look_alike() -> None:
    people = [figure(box=[30 * index + 10, 10, 30 * index + 30, 190]) for index in range(12)]
    image = draw_poses(grey(), people)
    for before, after in itertools.pairwise(corner(image, person) for person in people):
        assert far(before, after)


@pytest.mark.parametrize("box", [[-50, -50, 900, 900], [390, 195, 400, 200], [0, 0, 1, 1]])
def test_a_box_may_leave_the_picture(box: list[float]) -> None:
    image = draw_poses(grey(), [figure(box=box), figure(shift=390, box=box)])
    assert image.size == (400, 200)


def test_strokes_grow_with_the_picture() -> None:
    def width(factor: int) -> int:
        pose = figure()
        pose.keypoints[:, :2] *= factor
        image = pixels(draw_poses(grey(400 * factor, 200 * factor), [pose], labels=False))
        column = image[:, int(middle(0, 1)[0]) * factor]
        return int((column != 128).any(axis=1).sum())

    assert 2.5 < width(4) / width(1) < 6


@pytest.mark.parametrize("names", [(), ("a",), tuple("abcdef")])
def test_keypoints_without_known_names_are_drawn_in_one_colour(names: tuple[str, ...]) -> None:
    image = draw_poses(grey(), [Figure(figure().keypoints, names)])
    assert near(image, middle(1, 3), MIDDLE)


def test_files_and_grey_pictures_become_colour(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    Image.fromarray(grey()[:, :, 0]).save(path)
    image = draw_poses(path, [figure()])
    assert image.mode == "RGB" and near(image, middle(0, 1), MIDDLE)


def test_a_large_picture_is_drawn_without_enlarging_it(tmp_path: Path) -> None:
    assert draw_poses(grey(6000, 4200), [figure()]).size == (6000, 4200)


def test_no_pillow_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtra, match=r"pip install 'n6link\[vision\]'"):
        draw_poses(grey(), [])


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="none.png' does not exist"):
        draw_poses(tmp_path / "none.png", [])


# ---- other results


def test_detections_are_framed_in_the_colour_of_their_class() -> None:
    box, points = np.array([100, 50, 300, 150], np.float32), np.array([[200, 100]], np.float32)
    found = [Detection("cat", 3, 0.8, box, points, ("nose",))]
    drawn = draw(grey(), found)
    assert near(drawn, (299, 149), own_colour(3)) and near(drawn, (200, 100), own_colour(3))
    assert pixels(drawn)[140, 200].tolist() == GREY
    assert near(draw(grey(), [Detection("dog", 4, 0.8, box)]), (299, 149), own_colour(4))


def test_a_segmentation_is_coloured_but_its_background_is_not() -> None:
    classes = np.zeros((4, 8), np.uint8)
    classes[:, 4:] = 1
    drawn = draw(grey(), Segmentation(classes, ("background", "cat"), Placement((400, 200), (400, 200))))
    assert pixels(drawn)[180, 50].tolist() == GREY
    shade = pixels(drawn)[180, 390].astype(float)
    assert np.allclose(shade, 128 + (np.array(own_colour(1)) - 128) * 120 / 255, atol=3)


def test_classes_are_written_at_the_bottom() -> None:
    drawn = draw(grey(), Classification("cat", 0.75, {"cat": 0.75, "dog": 0.25}))
    changed = (pixels(drawn) != 128).any(axis=2)
    assert changed[100:, :200].any() and not changed[:100].any()


def test_results_that_cannot_be_drawn() -> None:
    with pytest.raises(BadInput, match="a result of type str cannot be drawn"):
        draw(grey(), "a text")
    assert np.array_equal(pixels(draw(grey(), [])), grey())
