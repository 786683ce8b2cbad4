"""Draws the result of any decoder into the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from n6link.decoders.boxes import Detection
from n6link.decoders.classification import Classification
from n6link.decoders.described import listed
from n6link.decoders.draw import paint_poses
from n6link.decoders.pen import RIM, Colour, Layer, Sheet, own_colour
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
    layer = Layer(image)
    paint(layer, meaning, threshold=threshold)
    return layer.picture()


def paint(sheet: Sheet, meaning: object, *, threshold: float = 0.25) -> None:
    """Draws a decoded result on any sheet.

    Raises:
        BadInput: it cannot be drawn.
    """
    if meaning is None:
        raise BadInput("the result was not decoded, so nothing can be drawn; add a card that describes the outputs")
    items = listed(meaning)
    poses = [item for item in items if isinstance(item, Pose)]
    objects = [item for item in items if isinstance(item, Detection)]
    if isinstance(meaning, Segmentation):
        _segmentation(sheet, meaning)
    elif isinstance(meaning, Classification):
        _classification(sheet, meaning)
    elif len(poses) == len(items):
        paint_poses(sheet, poses, threshold=threshold)
    elif len(objects) == len(items):
        _detections(sheet, objects)
    else:
        what = type(meaning).__name__
        raise BadInput(f"a result of type {what} cannot be drawn; only results in a picture can be drawn")


def _detections(sheet: Sheet, objects: Sequence[Detection]) -> None:
    """A frame with label and score for each object, in the colour of its class, and its landmarks."""
    # The best one is drawn last, over the others.
    for item in reversed(objects):
        colour = own_colour(item.index)
        x0, y0, _, _ = sheet.frame(item.box, colour)
        _landmarks(sheet, item, colour)
        sheet.tag(f"{item.label} {item.score:.2f}" + (" (cut)" if item.cut else ""), (x0, y0), colour)


def _landmarks(sheet: Sheet, item: Detection, colour: Colour) -> None:
    """A disc at each landmark; a ring at the edge for one outside of the picture."""
    if item.landmarks is None:
        return
    away = np.zeros(len(item.landmarks), bool) if item.outside is None else item.outside
    for xy in item.landmarks[away]:
        sheet.ring(xy, colour)
    points: list[list[float]] = (item.landmarks[~away] * sheet.zoom).tolist()
    for point in points:
        sheet.disc(point, sheet.unit * 2.6, (*RIM, 200))
        sheet.disc(point, sheet.unit * 1.8, (*colour, 255))


def _segmentation(sheet: Sheet, found: Segmentation) -> None:
    """Each class but the background in its colour, half transparent, with its name, on dark, at its middle."""
    classes = found.in_picture()
    shares = found.shares
    for index, label in enumerate(found.labels):
        if label not in shares or (index == 0 and label.lower() in ("background", "class_0")):
            continue
        mask = classes == index
        sheet.shade(mask, own_colour(index))
        y, x = (float(np.median(axis)) for axis in np.nonzero(mask))
        sheet.tag(f"{label} {shares[label]:.0%}", (x * sheet.zoom, y * sheet.zoom), None, centred=True)


def _classification(sheet: Sheet, found: Classification) -> None:
    """The best classes with their probabilities, at the bottom."""
    bottom = sheet.size[1] * sheet.zoom
    line = 2 * sheet.font_size
    for number, (label, probability) in enumerate(reversed(found.top(LISTED))):
        sheet.tag(f"{label} {probability:.1%}", (0, bottom - number * line), None)
