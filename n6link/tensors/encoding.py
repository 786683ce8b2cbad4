"""How a picture is sent to a device: raw, as QOI, or as JPEG. :mod:`n6link.tensors.encoders` makes the bytes.

``raw`` sends the tensor itself. ``qoi`` is lossless: the tensor is the same, byte for byte; a photograph has about half of its size.
``jpeg:95`` is JPEG with that quality, 4:2:0, with an eighth or less; it changes pixels, so it is used only if the caller or the card asks for it.

If JPEG is asked for and the picture is itself a JPEG file (a path, or bytes, as cameras deliver them) of exactly the input's size, then this file is
sent unchanged, with any quality: it is not decoded here and loses nothing a second time. Its name is ``jpeg``. Without ``encode``
a JPEG file is decoded here, because decoders differ by a few steps of a pixel.

Without ``encode`` pictures are sent as ``qoi`` if this saves time: on a line whose rate is known and low (:func:`pays`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from n6link.errors import BadInput
from n6link.protocol import Encoding

SHARE: Final = 0.3
"""share of a picture's bytes that QOI saves at least, for most photographs"""
COST: Final = 0.01
"""seconds to encode and decode a picture; QOI must save more"""


@dataclass(frozen=True, slots=True)
class Sent:
    """How a picture is sent."""

    encoding: Encoding
    quality: int = 0
    """of JPEG, 1..100; 0 = that of the file"""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads ``raw``, ``qoi`` or ``jpeg:95``.

        Raises:
            BadInput: another text.
        """
        name, _, quality = text.partition(":")
        if text in ("raw", "qoi"):
            return cls(Encoding[text.upper()])
        if name == "jpeg" and quality.isascii() and quality.isdecimal() and 1 <= int(quality[:4]) <= 100:
            return cls(Encoding.JPEG, int(quality))
        raise BadInput(
            f"encode={text!r} is not an encoding; use 'raw', 'qoi', or 'jpeg:95' with a quality from 1 to 100"
        )

    def __str__(self) -> str:
        name = self.encoding.name.lower()
        return f"{name}:{self.quality}" if self.quality else name


RAW: Final = Sent(Encoding.RAW)
QOI: Final = Sent(Encoding.QOI)
FILE: Final = Sent(Encoding.JPEG)
"""a JPEG file that is sent unchanged"""


def pays(size: int, rate: float | None) -> bool:
    """Whether QOI saves time.

    Args:
        size: bytes of the tensor.
        rate: measured bytes per second to the device; None = not known.
    """
    return rate is not None and size * SHARE > COST * rate
