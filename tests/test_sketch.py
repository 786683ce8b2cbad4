"""A sketch has the shapes of the drawing: drawn one by one, they give the same picture."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from n6link.decoders.boxes import Detection
from n6link.decoders.classification import Classification
from n6link.decoders.draw_result import draw, paint
from n6link.decoders.pen import MASK_OPACITY, Layer, own_colour
from n6link.decoders.pose import BODY_EDGES, BODY_NAMES, Pose
from n6link.decoders.segmentation import Segmentation
from n6link.decoders.sketch import Sketch
from n6link.errors import BadInput
from n6link.tensors.image import Placement

SIZE = (320, 200)


def pose(shift: float, *, outside: bool = False) -> Pose:
    random = np.random.default_rng(3)
    points = np.empty((13, 3), np.float32)
    points[:, :2] = random.uniform((20 + shift, 20), (160 + shift, 180), (13, 2))
    points[:, 2] = random.uniform(0.3, 1, 13)
    away = np.zeros(13, bool)
    away[4] = outside
    return Pose(points, BODY_NAMES, BODY_EDGES, 0.8, away)


def detection() -> Detection:
    landmarks = np.array([[50, 60], [400, 70]], np.float32)
    box = np.array([30, 40, 200, 150], np.float32)
    return Detection("cat", 3, 0.7, box, landmarks, ("nose", "tail"), np.array([False, True]))


def segmentation() -> Segmentation:
    classes = np.zeros((10, 16), np.uint8)
    classes[2:6, 3:9], classes[7:, 10:] = 1, 2
    return Segmentation(classes, ("background", "road", "tree"), Placement.fit("stretch", SIZE, (16, 10)))


RESULTS = {
    "a pose": [pose(0)],
    "two poses": [pose(0), pose(90, outside=True)],
    "an object": [detection()],
    "classes": Classification("a", 0.6, {"a": 0.6, "b": 0.3, "c": 0.1}),
    "a mask": segmentation(),
    "nothing": [],
}


def redrawn(sketch: Sketch, photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What a program draws that knows only the shapes; lengths become those of the layer."""
    layer = Layer(photo)
    zoom = layer.zoom
    if sketch.mask is not None:
        for colour in np.unique(sketch.mask[sketch.mask[..., 3] > 0], axis=0):
            layer.shade((sketch.mask == colour).all(axis=2), tuple(colour[:3].tolist()))
    shapes: list[Any] = json.loads(json.dumps(sketch.shapes))
    for kind, *values in shapes:
        if kind == "line":
            x0, y0, x1, y1, radius, colour = values
            layer.capsule((x0 * zoom, y0 * zoom), (x1 * zoom, y1 * zoom), radius * zoom, tuple(colour))
        elif kind == "disc":
            x, y, radius, colour = values
            layer.disc((x * zoom, y * zoom), radius * zoom, tuple(colour))
        elif kind == "circle":
            x, y, radius, width, colour = values
            layer.circle((x * zoom, y * zoom), radius * zoom, width * zoom, tuple(colour))
        else:
            x, y, size, centred, text, ground, ink = values
            assert size * zoom == layer.font_size
            layer.tag(text, (x * zoom, y * zoom), None if ink[0] == 255 else tuple(ground[:3]), centred=centred)
    return np.asarray(layer.picture())


@pytest.mark.parametrize("name", RESULTS)
def test_its_shapes_are_the_drawing(name: str) -> None:
    photo = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    sketch = Sketch(SIZE)
    paint(sketch, RESULTS[name])
    expected = np.asarray(draw(photo, RESULTS[name])).astype(int)
    difference = np.abs(redrawn(sketch, photo).astype(int) - expected).max(axis=2)
    assert np.mean(difference > 24) < 0.004
    assert bool(sketch.shapes) == bool(np.any(expected != 90))


def test_a_mask_is_small_and_covers_the_picture() -> None:
    sketch = Sketch((4000, 2000))
    mask = np.zeros((2000, 4000), bool)
    mask[:, 2000:] = True
    sketch.shade(mask, own_colour(1))
    assert sketch.mask is not None
    height, width, _ = sketch.mask.shape
    assert (width, height) == (571, 286)
    assert sketch.mask[:, : width // 2 - 1].max() == 0
    assert (sketch.mask[:, width // 2 + 1 :] == (*own_colour(1), MASK_OPACITY)).all()


def test_a_result_that_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(BadInput, match="a result of type str cannot be drawn"):
        paint(Sketch(SIZE), "text")
