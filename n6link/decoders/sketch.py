"""A drawing as a list of shapes, for programs that draw it themselves, such as a web page. Pillow is not required.

Each shape is a list of plain values; coordinates are pixels of the picture, colours are ``[red, green, blue, opacity]``, all 0..255:

====================================================  ========================================================
shape                                                 meaning
====================================================  ========================================================
``["line", x0, y0, x1, y1, radius, colour]``          a line with round ends
``["disc", x, y, radius, colour]``                    a filled circle
``["circle", x, y, radius, width, colour]``           a circle whose line has a width
``["tag", x, y, size, centred, text, ground, ink]``   a label above its left corner, or, if centred, its middle; ``size`` of
                                                      its letters; colours of its ground and its letters
====================================================  ========================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from n6link.decoders.pen import MASK_OPACITY, RIM, TAG_OPACITY, WHITE, Colour, Shade, Sheet

if TYPE_CHECKING:
    from n6link.json_types import Json

LONGEST: Final = 640
"""width or height of the mask at most: more would not be visible in a mask of a network"""


class Sketch(Sheet):
    """Collects the shapes of a drawing.

    Args:
        size: width and height of the picture.

    Attributes:
        shapes: in the order of drawing.
        mask: (h, w, 4): colours and opacities that cover the whole picture, uint8, before all shapes; None = there are none.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__(size, 1)
        self.shapes: list[Json] = []
        self.mask: NDArray[np.uint8] | None = None

    def capsule(self, a: Sequence[float], b: Sequence[float], radius: float, colour: Shade) -> None:
        """See :class:`Sheet`."""
        self.shapes.append(["line", *_short(*a, *b, radius), list(colour)])

    def disc(self, centre: Sequence[float], radius: float, colour: Shade) -> None:
        """See :class:`Sheet`."""
        self.shapes.append(["disc", *_short(*centre, radius), list(colour)])

    def circle(self, centre: Sequence[float], radius: float, width: float, colour: Shade) -> None:
        """See :class:`Sheet`."""
        self.shapes.append(["circle", *_short(*centre, radius, width), list(colour)])

    def shade(self, mask: NDArray[np.bool_], colour: Colour) -> None:
        """See :class:`Sheet`."""
        step = -(-max(mask.shape) // LONGEST)
        part = mask[step // 2 :: step, step // 2 :: step]
        if self.mask is None:
            self.mask = np.zeros((*part.shape, 4), np.uint8)
        self.mask[part] = (*colour, MASK_OPACITY)

    def tag(self, text: str, corner: tuple[float, float], colour: Colour | None, *, centred: bool = False) -> None:
        """See :class:`Sheet`."""
        ground = [*(colour or RIM), TAG_OPACITY]
        ink = [*(RIM if colour else WHITE), 255]
        self.shapes.append(["tag", *_short(*corner, self.font_size), centred, text, ground, ink])


def _short(*numbers: float) -> list[float]:
    return [round(number, 2) for number in numbers]
