"""Draws poses into a picture.

The colour shows the side of the body: left is blue, right is orange or red, the middle is green, and arms are brighter than legs.
The size of a joint shows its score. If there is more than one person, each has a corner frame and a label in a separate colour.
The stroke width depends on the size of the person and of the picture. Strokes are drawn at a larger size and scaled down, so that
their edges are smooth. A dark rim makes them visible on any picture.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from n6link.tensors.image import load, needs_pillow

if TYPE_CHECKING:
    from PIL import ImageDraw
    from PIL.Image import Image as Picture

Colour = tuple[int, int, int]

RIM: Final = (10, 14, 20)
ARM: Final = {"left": (56, 189, 248), "right": (251, 146, 60)}
LEG: Final = {"left": (99, 102, 241), "right": (244, 63, 94)}
MIDDLE: Final = (52, 211, 153)
_LEG_JOINTS: Final = ("hip", "knee", "ankle")
_SMOOTH_PIXELS: Final = 24_000_000
"""pixels that the enlarged drawing may have: bounds memory to about 100 MB"""


class Drawable(Protocol):
    """The attributes of a pose that are drawn; :class:`n6link.decoders.Pose` has them."""

    @property
    def keypoints(self) -> NDArray[np.float32]:
        """(K, 3): x, y in pixels of the picture, score 0..1."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the keypoints."""
        ...

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """Pairs of keypoints that a line connects."""
        ...

    @property
    def score(self) -> float:
        """Of the whole pose, 0..1."""
        ...

    @property
    def box(self) -> NDArray[np.float32] | None:
        """x0, y0, x1, y1 in pixels, if the network has boxes."""
        ...


def draw_poses(image: object, poses: Sequence[Drawable], *, threshold: float = 0.25, labels: bool = True) -> Picture:
    """A copy of a picture with poses drawn into it.

    Args:
        image: the picture of the poses: uint8 array of shape (h, w) or (h, w, 3) RGB, Pillow image, or path of a file.
        poses: in pixels of that picture.
        threshold: keypoints with a smaller score or outside of the picture are not drawn, nor limbs that end in one.
        labels: whether to write the score of each pose above it.

    Returns:
        A Pillow image of the same size, RGB.

    Raises:
        BadInput: the picture cannot be read, or Pillow is not installed.
    """
    with needs_pillow("drawing poses"):
        from PIL import Image, ImageDraw
    base = Image.fromarray(load(image)).convert("RGB")
    width, height = base.size
    zoom = max(1, min(4, int(math.sqrt(_SMOOTH_PIXELS / (width * height)))))
    layer = Image.new("RGBA", (width * zoom, height * zoom), (*RIM, 0))
    pen = ImageDraw.Draw(layer)
    for index, pose in enumerate(poses):
        shown = (pose.keypoints[:, 2] >= threshold) & _inside(pose.keypoints[:, :2], base.size)
        _skeleton(pen, pose, shown, zoom, max(width, height))
        if labels:
            own = _person_colour(index) if len(poses) > 1 else None
            _label(pen, pose, shown, zoom, base.size, own)
    # Colours are weighted by their opacity (mode RGBa): without it, the rim's colour appears in transparent pixels.
    overlay = layer.convert("RGBa").resize(base.size, Image.Resampling.BOX).convert("RGBA")
    base.paste(overlay, (0, 0), overlay)
    return base


def _inside(xy: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which points are in the picture: a network may also find joints in the bars of its letterbox."""
    return np.asarray(((xy >= 0) & (xy <= np.array(size))).all(axis=1))


def _skeleton(pen: ImageDraw.ImageDraw, pose: Drawable, shown: NDArray[np.bool_], zoom: int, picture: int) -> None:
    if not shown.any():
        return
    points: list[list[float]] = (pose.keypoints[:, :2] * zoom).tolist()
    extent = float(np.ptp(pose.keypoints[shown, :2], axis=0).max())
    stroke = zoom * float(np.clip(extent * 0.014, max(1.5, picture * 0.0035), max(2.0, picture * 0.009)))
    rim = max(zoom * 0.9, stroke * 0.28)
    limbs = [(a, b, _limb_colour(pose.names, a, b)) for a, b in pose.edges if shown[a] and shown[b]]
    joints = [(k, stroke * (0.6 + min(float(pose.keypoints[k, 2]), 1.0))) for k in np.flatnonzero(shown).tolist()]
    # First all rims, then all colours: otherwise the rim of one limb covers part of another limb.
    for a, b, _ in limbs:
        _capsule(pen, points[a], points[b], stroke / 2 + rim, (*RIM, 150))
    for k, radius in joints:
        _disc(pen, points[k], radius + rim, (*RIM, 150))
    for a, b, colour in limbs:
        _capsule(pen, points[a], points[b], stroke / 2, (*colour, 255))
    for k, radius in joints:
        _disc(pen, points[k], radius, (*_joint_colour(pose.names, k), 255))
        _disc(pen, points[k], radius * 0.45, (255, 255, 255, 255))


def _label(
    pen: ImageDraw.ImageDraw,
    pose: Drawable,
    shown: NDArray[np.bool_],
    zoom: int,
    size: tuple[int, int],
    colour: Colour | None,
) -> None:
    """The score above a pose, and a frame of four corners around it if it has a separate colour."""
    points = pose.keypoints[shown, :2]
    if pose.box is not None:
        box = np.asarray(pose.box, np.float32)
    elif len(points):
        # Joints are inside the body, so the frame is wider than they are. Above the highest one, usually the nose, is half a head.
        extent = float(np.ptp(points, axis=0).max())
        margin = 0.06 * extent + 0.01 * max(size)
        box = np.concatenate([points.min(axis=0) - (margin, margin + 0.12 * extent), points.max(axis=0) + margin])
    else:
        return
    unit = zoom * max(1.0, max(size) * 0.0025)
    right_end, bottom_end = size[0] * zoom - unit, size[1] * zoom - unit
    limits = np.array([right_end, bottom_end, right_end, bottom_end])
    x0, y0, x1, y1 = np.clip(box * zoom, unit, limits).tolist()
    if colour:
        arm = 0.18 * min(x1 - x0, y1 - y0)
        for x, y, dx, dy in ((x0, y0, arm, arm), (x1, y0, -arm, arm), (x0, y1, arm, -arm), (x1, y1, -arm, -arm)):
            for shade, radius in (((*RIM, 150), unit * 1.3), ((*colour, 255), unit * 0.8)):
                _capsule(pen, (x, y), (x + dx, y), radius, shade)
                _capsule(pen, (x, y), (x, y + dy), radius, shade)
    from PIL import ImageFont

    font = ImageFont.load_default(zoom * max(11.0, max(size) * 0.022))
    text = f"{pose.score:.2f}"
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    pad = (bottom - top) * 0.45
    w, h = right - left + 2 * pad, bottom - top + 2 * pad
    # With a frame the label is at its corner; without a frame it is above the highest keypoint.
    x = x0 if colour or not len(points) else zoom * float(points[points[:, 1].argmin(), 0]) - w / 2
    x = min(max(x, unit), right_end - w)
    y = y0 - h - unit if y0 - h - unit >= 0 else y0 + 2 * unit
    pen.rounded_rectangle((x, y, x + w, y + h), radius=h * 0.3, fill=(*(colour or RIM), 220))
    ink = RIM if colour else (255, 255, 255)
    pen.text((x + pad - left, y + pad - top), text, font=font, fill=(*ink, 255))


def _limb_colour(names: Sequence[str], a: int, b: int) -> Colour:
    first, second = _side(names, a), _side(names, b)
    if first is None or first != second:
        return MIDDLE
    return (LEG if _is_leg(names, a) and _is_leg(names, b) else ARM)[first]


def _joint_colour(names: Sequence[str], index: int) -> Colour:
    side = _side(names, index)
    if side is None:
        return MIDDLE
    return (LEG if _is_leg(names, index) else ARM)[side]


def _side(names: Sequence[str], index: int) -> str | None:
    name = names[index] if index < len(names) else ""
    return next((side for side in ARM if name.startswith(side)), None)


def _is_leg(names: Sequence[str], index: int) -> bool:
    return any(part in names[index] for part in _LEG_JOINTS)


def _person_colour(index: int) -> Colour:
    """Hues at distances of the golden ratio: neighbours differ clearly for any number of people."""
    red, green, blue = colorsys.hsv_to_rgb((0.14 + index * 0.618034) % 1.0, 0.62, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def _capsule(
    pen: ImageDraw.ImageDraw, a: Sequence[float], b: Sequence[float], radius: float, colour: tuple[int, ...]
) -> None:
    pen.line([*a, *b], fill=colour, width=max(1, round(2 * radius)))
    _disc(pen, a, radius, colour)
    _disc(pen, b, radius, colour)


def _disc(pen: ImageDraw.ImageDraw, centre: Sequence[float], radius: float, colour: tuple[int, ...]) -> None:
    x, y = centre
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
