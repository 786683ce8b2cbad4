"""The encoders QOI and JPEG, and :func:`convert`, which makes a picture a part of an upload (protocol.md, section 4)."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

import numpy as np

from n6link.errors import requires
from n6link.protocol import Encoding, PartFlag
from n6link.tensors.encoding import FILE, Sent
from n6link.tensors.image import ENCODED, PILLOW, PictureInput, Pixels, Placement, is_path
from n6link.tensors.tensor import Array

_RUN: Final = 62
"""longest run of one QOI chunk"""
_ALPHA: Final = 255 * 11 % 256
"""part of the alpha channel in a pixel's hash"""


@dataclass(frozen=True, slots=True)
class Coded:
    """An encoded picture: one part of an upload."""

    data: bytes
    """the tables, then the picture"""
    sent: Sent
    tables: int
    flags: int


def convert(picture: PictureInput, image: object, how: Sent, room: int) -> tuple[Array | Coded, Placement]:
    """A picture as a part of an upload; or as raw values, if the part would be larger than the room for it.

    Args:
        picture: the input.
        image: the picture, as for :meth:`PictureInput.prepare`.
        how: QOI or JPEG.
        room: maximum bytes of the part.

    Raises:
        BadInput, CardError: as :meth:`PictureInput.prepare`.
    """
    count, tables = picture.tables
    flags = PartFlag.BGR if picture.bgr else 0
    if how.encoding is Encoding.JPEG and (file := jpeg_file(image, picture.size)) and len(tables) + len(file) <= room:
        return Coded(tables + file, FILE, count, flags), Placement(picture.size, picture.size)
    pixels, placement = picture.place(image)
    data = tables + encode(pixels, how)
    return Coded(data, how, count, flags) if len(data) <= room else picture.raw(pixels), placement


def encode(pixels: Pixels, how: Sent) -> bytes:
    """The bytes of a picture.

    Args:
        pixels: RGB (h, w, 3), or grey (h, w, 1).
        how: QOI, or JPEG with a quality.
    """
    return _jpeg(pixels, how.quality) if how.encoding is Encoding.JPEG else _qoi(pixels)


def _jpeg(pixels: Pixels, quality: int) -> bytes:
    with requires("encoding JPEG", *PILLOW):
        from PIL import Image
    file = io.BytesIO()
    picture = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    Image.fromarray(np.ascontiguousarray(picture)).save(
        file, "JPEG", quality=quality, subsampling="4:2:0", optimize=True
    )
    return file.getvalue()


def jpeg_file(image: object, size: tuple[int, int]) -> bytes | None:
    """The bytes of a JPEG file that a device decodes to an input of this width and height; None = something else.

    Baseline, RGB or grey, and without a rotation by EXIF.
    """
    if not isinstance(image, ENCODED) and not is_path(image):
        return None
    with requires("reading JPEG", *PILLOW):
        from PIL import ExifTags, Image, JpegImagePlugin
    try:
        with Image.open(io.BytesIO(image) if isinstance(image, ENCODED) else image, formats=["JPEG"]) as file:
            whole = file.size == size and not file.info.get("progressive")
            colour = file.mode == "L" or (
                file.mode == "RGB"
                and file.info.get("adobe_transform", 1) == 1
                and JpegImagePlugin.get_sampling(file) in (0, 1, 2)
            )
            upright = file.getexif().get(ExifTags.Base.Orientation, 1) == 1
        if not (whole and colour and upright):
            return None
        if isinstance(image, ENCODED):
            return bytes(image)
        with open(image, "rb") as opened:
            return opened.read()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None  # the usual path reports it


def _qoi(pixels: Pixels) -> bytes:
    """QOI 1.0 (qoiformat.org) with 3 channels: the chunks of the reference encoder, computed for all pixels at the same time."""
    height, width, _ = pixels.shape
    head: bytes = b"qoif" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\3\0"
    return head + _chunks(np.broadcast_to(pixels, (height, width, 3)).reshape(-1, 3)) + b"\0\0\0\0\0\0\0\1"


def _chunks(colours: Pixels) -> bytes:
    # All sums are modulo 256, as in the format: x + 2 < 4 is -2 <= x <= 1.
    count, planes = len(colours), np.ascontiguousarray(colours.T)
    step = np.diff(planes, prepend=np.uint8(0))
    same = (step[0] | step[1] | step[2]) == 0
    size, code = np.zeros(count, np.uint8), np.zeros((count, 4), np.uint8)

    # A run: one chunk for each 62 pixels, and one at its end.
    number = np.arange(count)
    behind = number - np.maximum.accumulate(np.where(same, -1, number))
    runs = same & (np.append(~same[1:], True) | (behind % _RUN == 0))
    size[runs] = 1
    code[runs, 0] = 0xC0 | (behind[runs] - 1) % _RUN

    # Other pixels: the place of the last one with the same hash, if it is equal; else the smallest difference that fits.
    at = np.flatnonzero(~same)
    pixel = planes[:, at]
    red, green, blue = step[:, at]
    whole = pixel[0] | pixel[1].astype(np.uint32) << 8 | pixel[2].astype(np.uint32) << 16
    place = (pixel[0] * np.uint8(3) + pixel[1] * np.uint8(5) + pixel[2] * np.uint8(7) + np.uint8(_ALPHA)) & 63
    order = np.argsort(place, kind="stable")
    seen = np.zeros(len(at), bool)
    seen[order[1:]] = (whole[order[1:]] == whole[order[:-1]]) & (place[order[1:]] == place[order[:-1]])
    luma_red, luma_blue = red - green + np.uint8(8), blue - green + np.uint8(8)
    small = red + np.uint8(2) | green + np.uint8(2) | blue + np.uint8(2)
    kind = np.where(green + np.uint8(32) < 64, np.where(luma_red | luma_blue < 16, 2, 3), 3)
    kind = np.where(seen, 0, np.where(small < 4, 1, kind))
    size[at] = np.array([1, 1, 2, 4], np.uint8)[kind]
    small = red + np.uint8(2) << 4 | green + np.uint8(2) << 2 | blue + np.uint8(2)
    code[at, 0] = np.choose(kind, (place, small | 0x40, green + np.uint8(32) | 0x80, np.uint8(0xFE)))
    code[at, 1] = np.where(kind == 2, luma_red << 4 | luma_blue, pixel[0])
    code[at, 2:] = pixel[1:].T
    chunks: Array = code[np.arange(4) < size[:, None]]
    data: bytes = chunks.tobytes()
    return data
