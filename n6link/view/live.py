"""Sources of pictures: the demonstration, and the pace of others."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from n6link import networks
from n6link.control.stream import Policy
from n6link.errors import requires
from n6link.tensors.image import PILLOW, Pixels, load

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

RATE: Final = 20.0
"""pictures per second of the demonstration at most"""
SIDE: Final = 480
"""width and height of its pictures"""


@dataclass(frozen=True, slots=True)
class Live:
    """A source that gives one picture after the other.

    Attributes:
        title: for people.
        open: starts it from its beginning; the iterator may block, and is read in a thread.
        policy: of the stream: ``"latest"`` for a camera, whose pictures do not wait; ``"all"`` for files.
    """

    title: str
    open: Callable[[], Iterable[Pixels]]
    policy: Policy = "all"


def demonstration() -> Live:
    """The photograph of the package, seen by a camera that moves slowly."""
    return Live("the photograph of the package, seen by a moving camera", lambda: paced(_moving(), RATE))


def paced(pictures: Iterable[Pixels], rate: float) -> Generator[Pixels]:
    """The same pictures, at most ``rate`` per second."""
    due = time.monotonic()
    for picture in pictures:
        wait = due - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        yield picture
        due = max(due + 1 / rate, time.monotonic())


def photograph() -> Picture:
    """The photograph of the package.

    Raises:
        MissingExtra: Pillow is not installed.
    """
    with requires("the demonstration", *PILLOW):
        from PIL import Image
    return Image.fromarray(load(networks.PHOTO))


def _moving() -> Generator[Pixels]:
    photo = photograph()
    from PIL import Image

    begun = time.monotonic()
    while True:
        box = view_at(time.monotonic() - begun, photo.size)
        yield np.asarray(photo.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box))


def view_at(seconds: float, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the part of a picture that the camera sees: it moves around, and comes closer and goes away."""
    width, height = size
    side = min(size) * (0.86 + 0.1 * math.sin(0.42 * seconds))
    x = (width - side) * (0.5 + 0.5 * math.sin(0.61 * seconds))
    y = (height - side) * (0.3 + 0.3 * math.sin(0.37 * seconds - 1.2))
    return x, y, min(x + side, width), min(y + side, height)
