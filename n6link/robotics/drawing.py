"""Decoded results as drawings over a picture: ``foxglove_msgs/msg/ImageAnnotations``, which viewers show on top of it.

They are the drawings of :mod:`n6link.decoders.draw_result`, painted on a sheet of lines, circles and texts. Positions are in pixels of
the source picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from n6link.decoders.draw_result import paint
from n6link.decoders.pen import RIM, TAG_OPACITY, WHITE, Colour, Shade, Sheet
from n6link.errors import BadInput
from n6link.robotics.cdr import Values

LINE_LIST: Final = 4
"""type of ``foxglove_msgs/msg/PointsAnnotation``: pairs of points"""
TRANSPARENT: Final = (0, 0, 0, 0)


class Annotations(Sheet):
    """A sheet whose content is one message.

    Args:
        size: width and height of the picture.
        stamp: its time, as ``builtin_interfaces/msg/Time``.
    """

    def __init__(self, size: tuple[int, int], stamp: object) -> None:
        super().__init__(size, 1)
        self._stamp = stamp
        self._circles: list[Values] = []
        self._lines: list[Values] = []
        self._texts: list[Values] = []

    @property
    def message(self) -> Values:
        """The values of the message."""
        return {"circles": self._circles, "points": self._lines, "texts": self._texts}

    def capsule(self, a: Sequence[float], b: Sequence[float], radius: float, colour: Shade) -> None:
        """See :class:`Sheet`."""
        self._lines.append(
            {
                "timestamp": self._stamp,
                "type": LINE_LIST,
                "points": [_point(a), _point(b)],
                "outline_color": _shade(colour),
                "thickness": 2 * radius,
            }
        )

    def disc(self, centre: Sequence[float], radius: float, colour: Shade) -> None:
        """See :class:`Sheet`."""
        self._circle(centre, radius, 0.0, colour, TRANSPARENT)

    def circle(self, centre: Sequence[float], radius: float, width: float, colour: Shade) -> None:
        """See :class:`Sheet`."""
        self._circle(centre, radius, width, TRANSPARENT, colour)

    def shade(self, mask: NDArray[np.bool_], colour: Colour) -> None:
        """The format does not have masks: the classes of pixels are a picture of their own."""

    def tag(self, text: str, corner: tuple[float, float], colour: Colour | None, *, centred: bool = False) -> None:
        """See :class:`Sheet`; viewers do not centre texts, so half of the usual width is estimated."""
        x, y = corner
        width = 0.6 * self.font_size * len(text)
        limit = self.size[0] - width
        x = min(max(x - width / 2 if centred else x, 0.0), max(limit, 0.0))
        y = max(y, 1.2 * self.font_size)
        self._texts.append(
            {
                "timestamp": self._stamp,
                "position": {"x": x, "y": y},
                "text": text,
                "font_size": self.font_size,
                "text_color": _colour(RIM if colour else WHITE, 255),
                "background_color": _colour(colour or RIM, TAG_OPACITY),
            }
        )

    def _circle(self, centre: Sequence[float], radius: float, width: float, fill: Shade, outline: Shade) -> None:
        self._circles.append(
            {
                "timestamp": self._stamp,
                "position": _point(centre),
                "diameter": 2 * radius,
                "thickness": width,
                "fill_color": _shade(fill),
                "outline_color": _shade(outline),
            }
        )


def annotate(meaning: object, size: tuple[int, int], stamp: object, *, threshold: float = 0.25) -> Values | None:
    """The drawing of a decoded result; None = it cannot be drawn.

    Args:
        meaning: what ``Result.decode()`` returned.
        size: width and height of the picture.
        stamp: its time, as ``builtin_interfaces/msg/Time``.
        threshold: keypoints with a smaller score are not drawn.
    """
    sheet = Annotations(size, stamp)
    try:
        paint(sheet, meaning, threshold=threshold)
    except BadInput:
        return None
    return sheet.message


def _point(xy: Sequence[float]) -> Values:
    return {"x": xy[0], "y": xy[1]}


def _shade(shade: Shade) -> Values:
    red, green, blue, opacity = shade
    return _colour((red, green, blue), opacity)


def _colour(colour: Colour, opacity: int) -> Values:
    red, green, blue = colour
    return {"r": red / 255, "g": green / 255, "b": blue / 255, "a": opacity / 255}
