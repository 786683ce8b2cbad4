"""Draws poses into a picture.

The colour shows the side of the body: left is blue, right is orange or red, the middle is green, and arms are brighter than legs.
The size of a joint shows its score. If there is more than one person, each has a corner frame and a label in a separate colour.
The stroke width depends on the size of the person and of the picture. Strokes are drawn at a larger size and scaled down, so that
their edges are smooth. A dark rim makes them visible on any picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from n6link.decoders.pen import RIM, Colour, Layer, Sheet, own_colour

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

ARM: Final = {"left": (56, 189, 248), "right": (251, 146, 60)}
LEG: Final = {"left": (99, 102, 241), "right": (244, 63, 94)}
MIDDLE: Final = (52, 211, 153)
_LEG_JOINTS: Final = ("hip", "knee", "ankle")


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
    def outside(self) -> NDArray[np.bool_]:
        """(K,) which keypoints are outside of the picture."""
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
        threshold: keypoints with a smaller score are not drawn, nor limbs that end in one. A keypoint outside of the picture is a
            ring at the edge.
        labels: whether to write the score of each pose above it.

    Returns:
        A Pillow image of the same size, RGB.

    Raises:
        BadInput: the picture cannot be read.
        MissingExtra: Pillow is not installed.
    """
    layer = Layer(image)
    paint_poses(layer, poses, threshold=threshold, labels=labels)
    return layer.picture()


def paint_poses(sheet: Sheet, poses: Sequence[Drawable], *, threshold: float, labels: bool = True) -> None:
    """The same on any sheet."""
    for index, pose in enumerate(poses):
        sure = pose.keypoints[:, 2] >= threshold
        shown = sure & _inside(pose.keypoints[:, :2], sheet.size) & ~pose.outside
        for k in np.flatnonzero(sure & ~shown).tolist():
            sheet.ring(pose.keypoints[k, :2], _joint_colour(pose.names, k))
        _skeleton(sheet, pose, shown)
        if labels:
            _label(sheet, pose, shown, own_colour(index) if len(poses) > 1 else None)


def _inside(xy: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which points are in the picture: a network may also find joints in the bars of its letterbox."""
    return np.asarray(((xy >= 0) & (xy <= np.array(size))).all(axis=1))


def _skeleton(sheet: Sheet, pose: Drawable, shown: NDArray[np.bool_]) -> None:
    if not shown.any():
        return
    zoom, picture = sheet.zoom, max(sheet.size)
    points: list[list[float]] = (pose.keypoints[:, :2] * zoom).tolist()
    extent = float(np.ptp(pose.keypoints[shown, :2], axis=0).max())
    stroke = zoom * float(np.clip(extent * 0.014, max(1.5, picture * 0.0035), max(2.0, picture * 0.009)))
    rim = max(zoom * 0.9, stroke * 0.28)
    limbs = [(a, b, _limb_colour(pose.names, a, b)) for a, b in pose.edges if shown[a] and shown[b]]
    joints = [(k, stroke * (0.6 + min(float(pose.keypoints[k, 2]), 1.0))) for k in np.flatnonzero(shown).tolist()]
    # First all rims, then all colours: otherwise the rim of one limb covers part of another limb.
    for a, b, _ in limbs:
        sheet.capsule(points[a], points[b], stroke / 2 + rim, (*RIM, 150))
    for k, radius in joints:
        sheet.disc(points[k], radius + rim, (*RIM, 150))
    for a, b, colour in limbs:
        sheet.capsule(points[a], points[b], stroke / 2, (*colour, 255))
    for k, radius in joints:
        sheet.disc(points[k], radius, (*_joint_colour(pose.names, k), 255))
        sheet.disc(points[k], radius * 0.45, (255, 255, 255, 255))


def _label(sheet: Sheet, pose: Drawable, shown: NDArray[np.bool_], colour: Colour | None) -> None:
    """The score above a pose, and a frame of four corners around it if it has a separate colour."""
    points = pose.keypoints[shown, :2]
    if pose.box is not None:
        box = np.asarray(pose.box, np.float32)
    elif len(points):
        # Joints are inside the body, so the frame is wider than they are. Above the highest one, usually the nose, is half a head.
        extent = float(np.ptp(points, axis=0).max())
        margin = 0.06 * extent + 0.01 * max(sheet.size)
        box = np.concatenate([points.min(axis=0) - (margin, margin + 0.12 * extent), points.max(axis=0) + margin])
    else:
        return
    x0, y0, _, _ = sheet.frame(box, colour) if colour else sheet.inside(box)
    # With a frame the label is at its corner; without a frame it is above the highest keypoint.
    centred = not colour and len(points) > 0
    x = sheet.zoom * float(points[points[:, 1].argmin(), 0]) if centred else x0
    sheet.tag(f"{pose.score:.2f}", (x, y0), colour, centred=centred)


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
