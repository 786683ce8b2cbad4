"""Draws the result of any decoder into the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from n6link.decoders.boxes import Detection
from n6link.decoders.classification import Classification
from n6link.decoders.described import listed
from n6link.decoders.draw import draw_poses
from n6link.decoders.pen import RIM, Colour, Layer, disc, own_colour
from n6link.decoders.pose import Pose
from n6link.decoders.segmentation import Segmentation
from n6link.errors import BadInput

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

LISTED: Final = 3
"""classes that are written into the picture"""


def draw(image: object, meaning: object, *, threshold: float = 0.25) -> Picture:
    """A copy of a picture with a decoded result drawn into it.

    Args:
        image: the picture of the result, as for :func:`n6link.decoders.draw.draw_poses`.
        meaning: what ``Result.decode()`` returned: poses, detections, a segmentation or a classification.
        threshold: keypoints with a smaller score are not drawn.

    Returns:
        A Pillow image of the same size, RGB.

    Raises:
        BadInput: the result is something else, or the picture cannot be read.
        MissingExtra: Pillow is not installed.
    """
    if isinstance(meaning, Segmentation):
        return _segmentation(image, meaning)
    if isinstance(meaning, Classification):
        return _classification(image, meaning)
    if meaning is None:
        raise BadInput("the result was not decoded, so nothing can be drawn; add a card that describes the outputs")
    items = listed(meaning)
    poses = [item for item in items if isinstance(item, Pose)]
    if len(poses) == len(items):
        return draw_poses(image, poses, threshold=threshold)
    objects = [item for item in items if isinstance(item, Detection)]
    if len(objects) == len(items):
        return _detections(image, objects)
    raise BadInput(f"a result of type {type(meaning).__name__} cannot be drawn; only results in a picture can be drawn")


def _detections(image: object, objects: Sequence[Detection]) -> Picture:
    """A frame with label and score for each object, in the colour of its class, and its landmarks."""
    layer = Layer(image)
    # The best one is drawn last, over the others.
    for item in reversed(objects):
        colour = own_colour(item.index)
        x0, y0, _, _ = layer.frame(item.box, colour)
        _landmarks(layer, item, colour)
        layer.tag(f"{item.label} {item.score:.2f}" + (" (cut)" if item.cut else ""), (x0, y0), colour)
    return layer.picture()


def _landmarks(layer: Layer, item: Detection, colour: Colour) -> None:
    """A disc at each landmark; a ring at the edge for one outside of the picture."""
    if item.landmarks is None:
        return
    away = np.zeros(len(item.landmarks), bool) if item.outside is None else item.outside
    for xy in item.landmarks[away]:
        layer.ring(xy, colour)
    points: list[list[float]] = (item.landmarks[~away] * layer.zoom).tolist()
    for point in points:
        disc(layer.pen, point, layer.unit * 2.6, (*RIM, 200))
        disc(layer.pen, point, layer.unit * 1.8, (*colour, 255))


def _segmentation(image: object, found: Segmentation) -> Picture:
    """Each class but the background in its colour, half transparent, with its name, on dark, at its middle."""
    layer = Layer(image)
    classes = found.in_picture()
    shares = found.shares
    for index, label in enumerate(found.labels):
        if label not in shares or (index == 0 and label.lower() in ("background", "class_0")):
            continue
        mask = classes == index
        layer.shade(mask, own_colour(index))
        y, x = (float(np.median(axis)) for axis in np.nonzero(mask))
        layer.tag(f"{label} {shares[label]:.0%}", (x * layer.zoom, y * layer.zoom), None, centred=True)
    return layer.picture()


def _classification(image: object, found: Classification) -> Picture:
    """The best classes with their probabilities, at the bottom."""
    layer = Layer(image)
    bottom = layer.size[1] * layer.zoom
    line = layer.zoom * max(11.0, max(layer.size) * 0.022) * 2
    for number, (label, probability) in enumerate(reversed(found.top(LISTED))):
        layer.tag(f"{label} {probability:.1%}", (0, bottom - number * line), None)
    return layer.picture()
