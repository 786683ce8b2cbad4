"""Converts pictures to input tensors, and points of the input back to points of the picture.

:class:`PictureInput` takes a picture (array, Pillow image or file), fits it into the input's size, and writes raw values. The card
specifies the fit and the normalisation (``input`` keys, see :mod:`n6link.tensors.card`). A picture that already has the input's
size is not resized, and an array that already contains the input's raw values is not copied.

**Pixels to raw values.** A pixel has 256 values. Normalisation, division by the scale and rounding are therefore one table of
256 raw values, or one table per channel if the card or the tensor has values per channel. The picture is converted in one pass,
without a float array. The table comes from :func:`n6link.tensors.tensor.quantize`, so it rounds and saturates like any tensor.

**Geometry.** Points are continuous: (0, 0) is the corner of the first pixel, (0.5, 0.5) is its centre, x increases to the right,
sizes are (width, height). ``input = source * scale + offset`` on each axis. A letterbox scales the picture by
``min(W / w, H / h)``, rounds its sides to whole pixels, and centres it; if the bars are not equal, the one after the picture is
one pixel wider. ``scale`` uses the rounded sides, so the formula is exact. A crop cuts the largest centred part that has the
input's proportions, in whole source pixels, and stretches it to the input's size.

Pillow resizes (``input.resize``; bilinear over all pixels that a target pixel covers): this requires the extra ``vision``.
"""

from __future__ import annotations

import io
import os
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from n6link.errors import BadInput, CardError, requires
from n6link.tensors.card import Card, Picture
from n6link.tensors.tensor import Array, TensorSpec, is_array, quantize

if TYPE_CHECKING:
    from PIL import Image

Pixels: TypeAlias = NDArray[np.uint8]

NO_PICTURES: Final = ("text-", "audio-")
"""Starts of the names of tasks whose inputs are not pictures."""
_LUMA: Final = np.array([19595, 38470, 7471], np.uint32)
"""0.299, 0.587, 0.114 of 65536"""
PILLOW: Final = ("Pillow", "vision")
"""The package that reads, scales and draws pictures, and its extra."""
ENCODED: Final = (bytes, bytearray)
_CHANNELS: Final = {"rgb": 3, "bgr": 3, "grey": 1}


@dataclass(frozen=True, slots=True)
class Placement:
    """The position of a picture in an input: ``input = source * scale + offset``, on x and y."""

    source_size: tuple[int, int]
    input_size: tuple[int, int]
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def fit(cls, how: str, source_size: tuple[int, int], input_size: tuple[int, int]) -> Placement:
        """The placement of a picture; how is ``letterbox``, ``stretch`` or ``crop``."""
        ratios = [target / length for length, target in zip(source_size, input_size, strict=True)]
        axes: list[tuple[float, float]] = []
        for length, target in zip(source_size, input_size, strict=True):
            if how == "letterbox":
                drawn = max(round(length * min(ratios)), 1)
                axes.append((drawn / length, float((target - drawn) // 2)))
            else:
                cut = max(round(target / max(ratios)), 1) if how == "crop" else length
                axes.append((target / cut, (cut - length) // 2 * target / cut))
        (scale_x, left), (scale_y, top) = axes
        return cls(source_size, input_size, (scale_x, scale_y), (left, top))

    def to_source(self, xy: Array, *, clip: bool = False) -> NDArray[np.float32]:
        """Points in input pixels (..., 2) to source pixels, float32; clip moves points outside onto the picture's edge."""
        source = (_float32(xy) - _float32(self.offset)) / _float32(self.scale)
        return self.within(source) if clip else source

    def within(self, source: NDArray[np.float32]) -> NDArray[np.float32]:
        """Points in source pixels (..., 2), those outside of the picture moved to its edge."""
        return np.minimum(np.maximum(source, 0), _float32(self.source_size))

    def to_input(self, xy: Array) -> NDArray[np.float32]:
        """Points in source pixels (..., 2) to input pixels, float32."""
        return _float32(xy) * _float32(self.scale) + _float32(self.offset)


def _float32(numbers: ArrayLike) -> NDArray[np.float32]:
    return np.asarray(numbers, np.float32)


def load(image: object) -> Pixels:
    """The pixels of a picture: (h, w, 3) RGB or (h, w) grey, uint8; files as their EXIF orientation shows them.

    Args:
        image: uint8 array of shape (h, w), (h, w, 1), (h, w, 3) or, channels first, (1, h, w) or (3, h, w), also as a batch of one; Pillow
            image, path of a file, or the bytes of a file.

    Raises:
        BadInput: anything else, or a file that is missing or not a picture.
    """
    if isinstance(image, ENCODED):
        return _decoded(io.BytesIO(image), f"a picture of {len(image)} bytes")
    if is_path(image):
        return _decoded(image, repr(os.fspath(image)))
    if _is_pillow(image):
        return _pixels(image)
    if not is_array(image):
        raise BadInput(f"a picture must be an array, a Pillow image or a file; got {type(image).__name__}")
    return _picture(image)


def _picture(array: Array) -> Pixels:
    """An array as a picture with channels last."""
    shape, picture = array.shape, array
    if len(shape) == 4 and shape[0] != 1:
        raise BadInput(
            f"an array of shape {shape} has {shape[0]} pictures, and one is required; pass them one by one, or to stream()"
        )
    if picture.ndim == 4:
        picture = picture[0]
    if picture.ndim == 3 and picture.shape[2] not in (1, 3) and picture.shape[0] in (1, 3):
        picture = picture.transpose(1, 2, 0)
    if (
        picture.dtype != np.uint8
        or picture.ndim not in (2, 3)
        or (picture.ndim == 3 and picture.shape[2] not in (1, 3))
    ):
        raise BadInput(
            f"a picture must be uint8 of shape (h, w), (h, w, 3) or (3, h, w), RGB; got {array.dtype} of shape {shape}"
        )
    if 0 in shape:
        raise BadInput(f"a picture of shape {shape} does not have pixels; use one with at least one pixel")
    return picture[:, :, 0] if picture.ndim == 3 and picture.shape[2] == 1 else picture


def _decoded(file: str | os.PathLike[str] | io.BytesIO, name: str) -> Pixels:
    """The pixels of an encoded picture."""
    with requires(f"reading {name}", *PILLOW):
        from PIL import Image, ImageOps, UnidentifiedImageError
    try:
        with Image.open(file) as opened:
            return _pixels(ImageOps.exif_transpose(opened))
    except BadInput:
        raise
    except FileNotFoundError:
        raise BadInput(f"picture {name} does not exist; check the name") from None
    except UnidentifiedImageError:
        what = "its format is unknown; use PNG, JPEG or another format that Pillow reads"
        raise BadInput(f"{name} cannot be read as a picture: {what}") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadInput(f"{name} cannot be read as a picture: {error}") from None


class PictureInput:
    """Converts pictures to the raw values of one input; the input's shape and card are evaluated once.

    Args:
        spec: the input, (1, h, w, c) or (1, c, h, w), c = 1 or 3.
        card: how to fit and normalise; None = letterbox, RGB, pixels are not normalised.

    Attributes:
        size: its width and height.

    Raises:
        CardError: the input does not have the shape of a picture.
    """

    def __init__(self, spec: TensorSpec, card: Card | None = None) -> None:
        shape, how = spec.shape, card.input if card else Picture()
        if card and card.task.startswith(NO_PICTURES):
            raise CardError(
                f"input {spec.name!r} is not a picture: the network's task is {card.task}; pass an array of {shape}"
            )
        if len(shape) not in (3, 4) or (len(shape) == 4 and shape[0] != 1):
            raise CardError(f"input {spec.name!r} of shape {shape} is not a picture; pass an array of this shape")
        if len(shape) == 3 and shape[0] == 1 and shape[-1] not in (1, 3) and how.layout is None:
            raise CardError(
                f"input {spec.name!r} of shape {shape} may be anything, such as a row of vectors; pass an array of this shape, or "
                'set input.layout = "nchw" in the card if it is a grey picture'
            )
        self._channels_last = (how.layout or ("nhwc" if shape[-1] in (1, 3) else "nchw")) == "nhwc"
        self._channels = shape[-1 if self._channels_last else -3]
        if self._channels not in (1, 3):
            layout = "nhwc" if self._channels_last else "nchw"
            raise CardError(
                f"input {spec.name!r} of shape {shape} has {self._channels} channels in the layout {layout}; "
                "a picture has 1 or 3; set input.layout in the card"
            )
        height, width = shape[-3:-1] if self._channels_last else shape[-2:]
        self.size = width, height
        self._spec = spec
        self._how = how
        self._colour = how.colour or ("grey" if self._channels == 1 else "rgb")

    def prepare(self, image: object) -> tuple[Array, Placement]:
        """A picture as the raw values of the input; see :func:`prepare`."""
        if is_array(image) and image.dtype != np.uint8:
            return self._values(image), Placement(self.size, self.size)
        pixels, placement = self.place(image)
        return self.raw(pixels), placement

    def place(self, image: object) -> tuple[Pixels, Placement]:
        """The pixels of a picture at their position in the input, (h, w, c): RGB, or grey."""
        spec, how = self._spec, self._how
        if _CHANNELS[self._colour] != self._channels:
            raise CardError(
                f"input {spec.name!r} has {self._channels} channels, but input.colour in its card is {how.colour!r}; "
                "use grey for 1 channel, rgb or bgr for 3"
            )
        if is_array(image) and image.shape == spec.shape:
            image = image.reshape(image.shape[-3:])
            image = image if self._channels_last else image.transpose(1, 2, 0)
        source = load(image)
        placement = Placement.fit(how.fit, (source.shape[1], source.shape[0]), self.size)
        order = how.order if is_array(image) else "rgb"
        return _coloured(_place(source, placement, how.pad, how.resize), self._colour, order), placement

    def raw(self, pixels: Pixels) -> Array:
        """The raw values of the pixels of :meth:`place`."""
        spec, table = self._spec, self._table
        placed = pixels[:, :, ::-1] if self.bgr else pixels
        planar = placed if self._channels_last else placed.transpose(2, 0, 1)
        if table is None:
            return np.ascontiguousarray(planar).reshape(spec.shape)
        if table.ndim == 1:
            return np.take(table, planar).reshape(spec.shape)
        raw = np.empty(planar.shape, spec.dtype)
        axis = 2 if self._channels_last else 0
        for channel in range(self._channels):
            np.moveaxis(raw, axis, 0)[channel] = np.take(table[:, channel], np.moveaxis(planar, axis, 0)[channel])
        return raw.reshape(spec.shape)

    @property
    def bgr(self) -> bool:
        """Whether channel 0 of the input is blue."""
        return self._colour == "bgr"

    @property
    def coloured(self) -> bool:
        """Whether the input has three channels."""
        return self._channels > 1

    @property
    def tables(self) -> tuple[int, bytes]:
        """How a device makes raw values of pixels: the number of tables of 256 values, and their bytes.

        No tables: it makes them of 8-bit inputs itself, v or v - 128; see protocol.md, section 4.
        """
        table, signed = self._table, np.arange(-128, 128).astype(np.int8)
        if table is None or (table.dtype == np.int8 and np.array_equal(table, signed)):
            return 0, b""
        return (1 if table.ndim == 1 else self._channels), table.T.tobytes()

    def is_laid_out_like(self, shape: tuple[int, ...]) -> bool:
        """Whether the card and a device that knows only the shape agree on the input's layout."""
        width, height = self.size
        return shape == (1, height, width, self._channels) if self._channels_last else shape[-1] not in (1, 3)

    def _values(self, image: Array) -> Array:
        """Raw or real values of the input's own shape."""
        spec = self._spec
        if image.shape not in (spec.shape, spec.shape[-3:]):
            raise BadInput(
                f"an array of {image.dtype} must have the input's shape {spec.shape}, got {image.shape}; "
                "pictures of other sizes must be uint8"
            )
        return spec.check(spec.quantize(image).reshape(spec.shape))

    @cached_property
    def _table(self) -> Array | None:
        """Raw values of the 256 pixel values: (256,), or (256, c) if channels differ; None = pixels are raw values."""
        spec, how, channels, levels = self._spec, self._how, self._channels, np.arange(256)
        if how.mean is None or how.std is None:
            if spec.dtype.kind == "f":
                raise CardError(f"input {spec.name!r} is {spec.dtype}; its card must contain input.mean and input.std")
            if spec.quantized and spec.dtype.itemsize > 1:
                raise CardError(
                    f"input {spec.name!r} is {spec.dtype}, and a pixel has 8 bits; its card must contain input.mean and input.std"
                )
            return None if spec.dtype == np.uint8 else (levels - 128 * (spec.dtype.kind == "i")).astype(spec.dtype)
        if not {len(how.mean), len(how.std)} <= {1, channels}:
            raise CardError(
                f"input {spec.name!r} has {channels} channels, but its card has {len(how.mean)} values in input.mean "
                f"and {len(how.std)} in input.std; use 1 or {channels}"
            )
        real = ((levels[:, None] - np.array(how.mean)) / np.array(how.std)).astype(np.float32)
        real = np.broadcast_to(real, (256, channels))
        if spec.dtype.kind == "f":
            table = real.astype(spec.dtype)
        elif spec.scales is not None:
            if spec.axis != len(spec.shape) - (1 if self._channels_last else 3):
                raise CardError(
                    f"input {spec.name!r} is quantised along axis {spec.axis}, which is not its channel axis; "
                    "pass an array of raw values"
                )
            table = quantize(real, spec.scales, spec.zero_points if spec.zero_points is not None else 0, spec.dtype)
        elif spec.scale is not None:
            table = quantize(real, spec.scale, spec.zero_point, spec.dtype)
        else:
            raise CardError(
                f"input {spec.name!r} is {spec.dtype} and not quantised; remove input.mean and input.std from its card"
            )
        return table[:, 0] if (table == table[:, :1]).all() else table


def prepare(image: object, spec: TensorSpec, card: Card | None = None) -> tuple[Array, Placement]:
    """A picture as the raw values of an input.

    Args:
        image: a picture as for :func:`load`; uint8 is always a picture. Or an array of the input's own shape (a
            leading 1 is optional) that contains its raw values, or floats that are its real values.
        spec: as for :class:`PictureInput`, which is faster for many pictures.
        card: as for :class:`PictureInput`.

    Returns:
        C-contiguous raw values of ``spec.shape`` and ``spec.dtype``, and the position of the picture in them.

    Raises:
        BadInput: not a picture, NaN or infinity.
        MissingExtra: Pillow is required and not installed.
        CardError: the input does not have the shape of a picture, or is float and its card has no mean and std.
    """
    return PictureInput(spec, card).prepare(image)


def is_path(value: object) -> TypeGuard[str | os.PathLike[str]]:
    """Whether a value is a file name."""
    return isinstance(value, str | os.PathLike)


def _is_pillow(image: object) -> TypeGuard[Image.Image]:
    """Whether this is a Pillow image."""
    # If Pillow was not imported, the caller cannot have an image of it; importing it here would cost time for nothing.
    kind = getattr(sys.modules.get("PIL.Image"), "Image", None)  # missing also while another thread imports it
    return kind is not None and isinstance(image, kind)


def _pixels(image: Image.Image) -> Pixels:
    """A Pillow image as an array; palettes and other colour spaces become RGB, transparency is dropped."""
    if image.mode[0] in "IF":
        raise BadInput(
            f"the picture has more than 8 bits per channel (Pillow mode {image.mode}); convert it to mode RGB or L first"
        )
    if image.mode not in ("L", "RGB"):
        image = image.convert("L" if image.mode in ("1", "LA", "La") else "RGB")
    return np.asarray(image)


def _place(source: Pixels, placement: Placement, pad: int, resize: str) -> Pixels:
    """The picture at its position in the input: (H, W) or (H, W, 3)."""
    if placement.source_size == placement.input_size:
        return source
    begin: list[int] = []
    end: list[int] = []
    box_from: list[float] = []
    box_to: list[float] = []
    for length, target, scale, offset in zip(
        placement.source_size, placement.input_size, placement.scale, placement.offset, strict=True
    ):
        first = max(int(offset), 0)
        last = min(round(length * scale + offset), target)
        begin.append(first)
        end.append(last)
        # Rounded, so that an edge on a whole pixel is a whole number: 1e-6 of a pixel does not change the result.
        box_from.append(round((first - offset) / scale, 6))
        box_to.append(min(round((last - offset) / scale, 6), float(length)))
    size = end[0] - begin[0], end[1] - begin[1]
    drawn = _resized(source, size, (*box_from, *box_to), resize)
    if size == placement.input_size:
        return drawn
    canvas = np.full((placement.input_size[1], placement.input_size[0], *source.shape[2:]), pad, np.uint8)
    canvas[begin[1] : end[1], begin[0] : end[0]] = drawn
    return canvas


def _resized(source: Pixels, size: tuple[int, int], box: tuple[float, ...], resize: str) -> Pixels:
    left, top, right, bottom = box
    if (right - left, bottom - top) == size and left.is_integer() and top.is_integer():
        return source[int(top) : int(bottom), int(left) : int(right)]
    height, width = source.shape[:2]
    with requires(f"resizing a picture of {width} x {height} pixels", *PILLOW):
        from PIL import Image
    image = Image.fromarray(source)
    return np.asarray(image.resize(size, Image.Resampling[resize.upper()], box=(left, top, right, bottom)))


def _coloured(pixels: Pixels, colour: str, order: str) -> Pixels:
    """(h, w, c) pixels, RGB or grey, from those in the caller's order; grey is the luma of ITU-R 601, as Pillow computes it."""
    if pixels.ndim == 2:
        return np.broadcast_to(pixels[:, :, None], (*pixels.shape, _CHANNELS[colour]))
    if colour == "grey":
        luma = (pixels @ (_LUMA if order == "rgb" else _LUMA[::-1]) + 0x8000) >> 16
        return luma.astype(np.uint8)[:, :, None]
    return pixels if order == "rgb" else pixels[:, :, ::-1]
