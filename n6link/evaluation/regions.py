"""Segmented pictures: mIoU, the mean over the classes of the intersection over the union of the pixels.

The data are a folder with ``images`` and ``masks``. A mask is a PNG file with the name of its picture, whose pixels are numbers of
classes (grey, or a palette); 255 is not counted, as in Pascal VOC.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from n6link.decoders.described import NetworkLike
from n6link.decoders.segmentation import Segmentation
from n6link.errors import BadInput, requires
from n6link.evaluation import Figures, Sample
from n6link.evaluation.files import OfPictures, files_in
from n6link.json_types import Plain
from n6link.tensors.image import PILLOW

IGNORED: Final = 255


class Regions(OfPictures):
    """An :class:`n6link.evaluation.Exercise`; see ``open_data`` for the arguments."""

    options: Mapping[str, object] = {}

    def __init__(self, network: NetworkLike, data: Path, pictures: Path | None) -> None:
        del network
        folder = pictures or data / "images"
        self._masks = data / "masks"
        for path in folder, self._masks:
            if not path.is_dir():
                raise BadInput(f"{str(path)!r} is not a folder; the data must have the folders images and masks")
        self.samples: Sequence[Sample] = [Sample(path.name, path) for path in files_in(folder)]
        if not self.samples:
            raise BadInput(
                f"{str(folder)!r} does not have pictures; put them there, and their masks into {str(self._masks)!r}"
            )
        for sample in self.samples:
            if not self._mask(sample).is_file():
                raise BadInput(f"picture {str(sample.path)!r} does not have a mask; add {str(self._mask(sample))!r}")

    def _mask(self, sample: Sample) -> Path:
        return self._masks / f"{sample.path.stem}.png"

    def found(self, meaning: Any, sample: Sample) -> Plain:
        """The number of pixels by annotated and found class, where it is not 0: [annotated, found, pixels]."""
        segmented: Segmentation = meaning
        found, classes = segmented.in_picture(), len(segmented.labels)
        truth = _numbers(self._mask(sample), found.shape, classes)
        pairs = truth[truth != IGNORED].astype(np.int64) * (IGNORED + 1) + found[truth != IGNORED]
        values, counts = np.unique(pairs, return_counts=True)
        rows = [
            [int(pair) // (IGNORED + 1), int(pair) % (IGNORED + 1), int(n)]
            for pair, n in zip(values, counts, strict=True)
        ]
        return {"labels": list(segmented.labels), "pixels": rows}

    def figures(self, found: Mapping[str, Plain]) -> Figures:
        """The mIoU over the classes that are annotated or found, and the share of the pixels that have the right class."""
        pixels = np.zeros((IGNORED + 1, IGNORED + 1), np.int64)
        labels: list[str] = []
        for answer in found.values():
            labels = max(labels, answer["labels"], key=len)
            for truth, got, count in answer["pixels"]:
                pixels[truth, got] += count
        right, union = pixels.diagonal(), pixels.sum(0) + pixels.sum(1) - pixels.diagonal()
        seen = np.flatnonzero(union)
        shares = right[seen] / union[seen]
        total = int(pixels.sum())
        values = {
            "mIoU": float(shares.mean()) if seen.size else math.nan,
            "pixel accuracy": float(right.sum() / total) if total else math.nan,
        }
        each: list[Plain] = [
            {"class": labels[index], "IoU": round(float(value), 4)}
            for index, value in zip(seen.tolist(), shares, strict=True)
        ]
        return Figures("mIoU", values, len(found), (), each)


def _numbers(path: Path, shape: tuple[int, ...], classes: int) -> NDArray[np.uint8]:
    """(H, W): the class of each pixel, or IGNORED."""
    with requires(f"reading {str(path)!r}", *PILLOW):
        from PIL import Image
    try:
        with Image.open(path) as mask:
            mode, numbers = mask.mode, np.asarray(mask)
    except (OSError, ValueError, SyntaxError) as error:
        raise BadInput(f"mask {str(path)!r} cannot be read: {error}; use a PNG file") from error
    if mode not in ("L", "P", "1"):
        raise BadInput(
            f"mask {str(path)!r} has the mode {mode}; its pixels must be numbers of classes, 8 bits, grey or palette"
        )
    if numbers.shape != shape:
        raise BadInput(
            f"mask {str(path)!r} has the shape {numbers.shape}, but its picture {shape}; use the picture's size"
        )
    numbers = numbers.astype(np.uint8)
    if wrong := sorted({*np.unique(numbers).tolist()} - {*range(classes), IGNORED}):
        raise BadInput(
            f"mask {str(path)!r} has the class {wrong[0]}; the network has 0 to {classes - 1}, and {IGNORED} is not counted"
        )
    if classes == 2 and {*np.unique(numbers).tolist()} == {0, IGNORED}:
        raise BadInput(f"mask {str(path)!r} has only 0 and {IGNORED}, which is not counted; use 1 for the foreground")
    return numbers
