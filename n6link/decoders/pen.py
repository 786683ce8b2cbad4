"""Strokes, colours and labels of drawings."""

from __future__ import annotations

import colorsys
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from n6link.errors import requires
from n6link.tensors.image import PILLOW, load

if TYPE_CHECKING:
    from PIL import ImageDraw
    from PIL.Image import Image as Picture

Colour = tuple[int, int, int]
Shade = tuple[int, int, int, int]
"""a colour with its opacity"""

RIM: Final = (10, 14, 20)
WHITE: Final = (255, 255, 255)
MASK_OPACITY: Final = 120
TAG_OPACITY: Final = 220
"""of 255"""
_SMOOTH_PIXELS: Final = 24_000_000
"""pixels that the enlarged drawing may have: bounds memory to about 100 MB"""


class Sheet(ABC):
    """What results are drawn on: pixels (:class:`Layer`), or a list of shapes (:class:`n6link.decoders.sketch.Sketch`).

    Args:
        size: width and height of the picture.
        zoom: units of the sheet per pixel of the picture.

    Attributes:
        size: width and height of the picture.
        zoom: units of the sheet per pixel of the picture.
    """

    def __init__(self, size: tuple[int, int], zoom: int) -> None:
        self.size = size
        self.zoom = zoom

    @abstractmethod
    def capsule(self, a: Sequence[float], b: Sequence[float], radius: float, colour: Shade) -> None:
        """A line with round ends; points and radius are in units of the sheet."""

    @abstractmethod
    def disc(self, centre: Sequence[float], radius: float, colour: Shade) -> None:
        """A filled circle; centre and radius are in units of the sheet."""

    @abstractmethod
    def circle(self, centre: Sequence[float], radius: float, width: float, colour: Shade) -> None:
        """A circle whose line has a width; all are in units of the sheet."""

    @abstractmethod
    def shade(self, mask: NDArray[np.bool_], colour: Colour) -> None:
        """Colours the pixels of a mask, (H, W), half transparent."""

    @abstractmethod
    def tag(self, text: str, corner: tuple[float, float], colour: Colour | None, *, centred: bool = False) -> None:
        """A label above a point of the sheet, moved into the picture; on ``colour``, or white on dark.

        Args:
            text: the label.
            corner: left and bottom end of the label; ``centred``: its middle and bottom end.
            colour: of the object; None = it does not have one.
            centred: see corner.
        """

    def inside(self, box: NDArray[np.float32]) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of a box of the picture, in units of the sheet, a line's width inside the picture."""
        unit = self.unit
        limits = np.tile(np.array(self.size) * self.zoom - unit, 2)
        x0, y0, x1, y1 = np.clip(box * self.zoom, unit, limits).tolist()
        return x0, y0, x1, y1

    def frame(self, box: NDArray[np.float32], colour: Colour) -> tuple[float, float, float, float]:
        """Draws the four corners of a frame; returns the same as :meth:`inside`."""
        x0, y0, x1, y1 = self.inside(box)
        unit, arm = self.unit, 0.18 * min(x1 - x0, y1 - y0)
        for x, y, dx, dy in ((x0, y0, arm, arm), (x1, y0, -arm, arm), (x0, y1, arm, -arm), (x1, y1, -arm, -arm)):
            for shade, radius in (((*RIM, 150), unit * 1.3), ((*colour, 255), unit * 0.8)):
                self.capsule((x, y), (x + dx, y), radius, shade)
                self.capsule((x, y), (x, y + dy), radius, shade)
        return x0, y0, x1, y1

    def ring(self, xy: NDArray[np.float32], colour: Colour) -> None:
        """A ring at the point of the picture that is nearest to one outside of it; nothing for NaN."""
        if not np.isfinite(xy).all():
            return
        x, y = np.clip(xy, 0, self.size).tolist()
        middle, radius = (x * self.zoom, y * self.zoom), self.unit * 2.4
        for width, shade in ((self.unit * 2.2, (*RIM, 150)), (self.unit * 1.2, (*colour, 255))):
            self.circle(middle, radius, width, shade)

    @property
    def font_size(self) -> float:
        """Of labels, in units of the sheet."""
        return self.zoom * max(11.0, max(self.size) * 0.022)

    @property
    def unit(self) -> float:
        """Width of a thin line, in units of the sheet."""
        return self.zoom * max(1.0, max(self.size) * 0.0025)


class Layer(Sheet):
    """A transparent layer over a picture, larger than it, so that strokes are smooth when it is scaled down.

    Args:
        image: the picture, as for :func:`n6link.tensors.image.load`.

    Raises:
        BadInput: the picture cannot be read.
        MissingExtra: Pillow is not installed.
    """

    def __init__(self, image: object) -> None:
        with requires("drawing results", *PILLOW):
            from PIL import Image, ImageDraw
        self._base = Image.fromarray(load(image)).convert("RGB")
        width, height = self._base.size
        super().__init__((width, height), max(1, min(4, int(math.sqrt(_SMOOTH_PIXELS / (width * height))))))
        self._layer = Image.new("RGBA", (width * self.zoom, height * self.zoom), (*RIM, 0))
        self._pen: ImageDraw.ImageDraw = ImageDraw.Draw(self._layer)

    def picture(self) -> Picture:
        """The picture with the layer over it, RGB."""
        from PIL import Image

        # Colours are weighted by their opacity (mode RGBa): without it, the rim's colour appears in transparent pixels.
        overlay = self._layer.convert("RGBa").resize(self.size, Image.Resampling.BOX).convert("RGBA")
        self._base.paste(overlay, (0, 0), overlay)
        return self._base

    def capsule(self, a: Sequence[float], b: Sequence[float], radius: float, colour: Shade) -> None:
        """See :class:`Sheet`."""
        self._pen.line([*a, *b], fill=colour, width=max(1, round(2 * radius)))
        self.disc(a, radius, colour)
        self.disc(b, radius, colour)

    def disc(self, centre: Sequence[float], radius: float, colour: Shade) -> None:
        """See :class:`Sheet`."""
        x, y = centre
        self._pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

    def circle(self, centre: Sequence[float], radius: float, width: float, colour: Shade) -> None:
        """See :class:`Sheet`."""
        edges = tuple(c + side * (radius + width / 2) for side in (-1, 1) for c in centre)
        self._pen.ellipse(edges, outline=colour, width=max(round(width), 1))

    def shade(self, mask: NDArray[np.bool_], colour: Colour) -> None:
        """See :class:`Sheet`."""
        from PIL import Image

        opacity = Image.fromarray(mask.astype(np.uint8) * 255).resize(self._layer.size, Image.Resampling.NEAREST)
        self._layer.paste((*colour, MASK_OPACITY), (0, 0), opacity)

    def tag(self, text: str, corner: tuple[float, float], colour: Colour | None, *, centred: bool = False) -> None:
        """See :class:`Sheet`."""
        from PIL import ImageFont

        unit = self.unit
        font = ImageFont.load_default(self.font_size)
        left, top, right, bottom = self._pen.textbbox((0, 0), text, font=font)
        pad = (bottom - top) * 0.45
        w, h = right - left + 2 * pad, bottom - top + 2 * pad
        x = corner[0] - w / 2 if centred else corner[0]
        x = min(max(x, unit), self.size[0] * self.zoom - unit - w)
        y = corner[1] - h - unit if corner[1] - h - unit >= 0 else corner[1] + 2 * unit
        self._pen.rounded_rectangle((x, y, x + w, y + h), radius=h * 0.3, fill=(*(colour or RIM), TAG_OPACITY))
        self._pen.text((x + pad - left, y + pad - top), text, font=font, fill=(*(RIM if colour else WHITE), 255))


def own_colour(index: int) -> Colour:
    """Hues at distances of the golden ratio: neighbours differ clearly for any number of objects."""
    red, green, blue = colorsys.hsv_to_rgb((0.14 + index * 0.618034) % 1.0, 0.62, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)
