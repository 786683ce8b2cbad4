"""One result as a message for viewers: the picture, and what the network saw in it.

A scene is one binary message, so that picture and drawing always belong together::

    length of the description, 4 bytes, big-endian
    description, JSON
    the picture, JPEG, ``jpeg`` bytes
    the mask of a segmentation, PNG, ``mask`` bytes; it covers the whole picture

The description has the network, the size of the picture, the shapes of :mod:`n6link.decoders.sketch` in pixels of this picture, a
sentence, and items with a score.
"""

from __future__ import annotations

import io
import json
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from n6link.console import counted
from n6link.decoders.boxes import Detection
from n6link.decoders.classification import Classification
from n6link.decoders.described import listed
from n6link.decoders.draw_result import paint
from n6link.decoders.pose import Pose
from n6link.decoders.segmentation import Segmentation
from n6link.decoders.sketch import Sketch
from n6link.errors import requires
from n6link.json_types import Json
from n6link.result import Result, Timing
from n6link.tensors.image import PILLOW, Pixels
from n6link.view import facts

LONGEST: Final = 1280
"""width or height of a picture that is sent, at most"""
QUALITY: Final = 85
"""of its JPEG"""
LISTED: Final = 8
"""items that are listed"""
MEAN: Final = 20
"""number of results in the means of a budget"""


def scene(result: Result, picture: Pixels, where: str = "") -> bytes:
    """The message of a result; for a thread.

    Args:
        result: of the network.
        picture: what it saw, or a picture of what it heard.
        where: is added to the sentence, such as a time in a sound.

    Raises:
        CardError: the result cannot be decoded: the card is missing, or does not fit.
        BadInput: it is not a result in a picture.
        MissingExtra: Pillow is not installed.
    """
    with requires("pictures on the page", *PILLOW):
        from PIL import Image
    meaning = result.decode()
    height, width = picture.shape[:2]
    sketch = Sketch((width, height))
    paint(sketch, meaning)
    summary, items = described(meaning)
    shown = Image.fromarray(picture).convert("RGB")
    shown.thumbnail((LONGEST, LONGEST), Image.Resampling.BILINEAR, reducing_gap=2.0)
    jpeg = _encoded(shown, "JPEG", quality=QUALITY)
    mask = b"" if sketch.mask is None else _encoded(Image.fromarray(sketch.mask, "RGBA"), "PNG", compress_level=1)
    description = {
        "topic": "scene",
        "network": result.network.name,
        "size": [width, height],
        "unit": sketch.unit,
        "shapes": sketch.shapes,
        "jpeg": len(jpeg),
        "mask": len(mask),
        "summary": summary + where,
        "items": items,
    }
    head = json.dumps(description).encode()
    return len(head).to_bytes(4) + head + jpeg + mask


def described(meaning: object) -> tuple[str, list[Json]]:
    """A sentence, and items: name, text, share 0..1."""
    if isinstance(meaning, Classification):
        return f"{meaning.label}, {facts.percent(meaning.probability)}", _items(meaning.top(LISTED))
    if isinstance(meaning, Segmentation):
        shares = list(meaning.shares.items())[:LISTED]
        return ", ".join(f"{name} {facts.percent(share)}" for name, share in shares[:3]), _items(shares)
    found = listed(meaning)
    poses = [item for item in found if isinstance(item, Pose)]
    objects = [item for item in found if isinstance(item, Detection)]
    if poses:
        names = [f"person {number}" if len(poses) > 1 else "person" for number in range(1, len(poses) + 1)]
        people = "1 person" if len(poses) == 1 else f"{len(poses)} people"
        return people, _items([(name, pose.score) for name, pose in zip(names, poses, strict=True)][:LISTED])
    if objects:
        classes = Counter(item.label for item in objects)
        sentence = ", ".join(f"{count} {label}" for label, count in classes.most_common(3))
        more = len(classes) - 3
        return sentence + (
            f" and {counted(more, 'other class')}" if more == 1 else f" and {more} other classes" if more > 1 else ""
        ), _items([(item.label, item.score) for item in objects[:LISTED]])
    return "nothing was found", []


def _items(pairs: Sequence[tuple[str, float]]) -> list[Json]:
    return [[name, facts.percent(share), max(0.0, min(share, 1.0))] for name, share in pairs]


def _encoded(picture: object, kind: str, **options: int) -> bytes:
    from PIL import Image

    assert isinstance(picture, Image.Image)
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


class Budget:
    """Means over the last results of one network."""

    def __init__(self) -> None:
        self._stages: deque[list[float]] = deque(maxlen=MEAN)
        self._times: deque[float] = deque(maxlen=MEAN)

    def add(self, timing: Timing, now: float) -> Mapping[str, Json]:
        """Adds a result; returns the message with the means."""
        self._stages.append([seconds for _, seconds in timing.stages()])
        self._times.append(now)
        span = self._times[-1] - self._times[0]
        mean: list[float] = np.mean(self._stages, axis=0).tolist()
        return facts.budget(mean, len(self._stages), (len(self._times) - 1) / span if span else 0.0)
