"""The files of a folder, and how a network gets them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from n6link.evaluation import Sample
from n6link.tensors import image
from n6link.tensors.inputs import Data

PICTURES: Final = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"})
"""extensions of the files of a folder that are used"""


def files_in(folder: Path, suffixes: frozenset[str] = PICTURES) -> list[Path]:
    """The files of a folder with these extensions, without those of its subfolders, sorted; default: the pictures."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes and path.is_file())


class OfPictures:
    """The part of an :class:`n6link.evaluation.Exercise` whose samples are pictures, or parts of them."""

    def read(self, sample: Sample) -> Data:
        """Its pixels; what is outside of the picture is black.

        Raises:
            BadInput: the file cannot be read.
        """
        whole = image.load(sample.path)
        if sample.part is None:
            return whole
        left, top, side = sample.part
        square = np.zeros((side, side, *whole.shape[2:]), np.uint8)
        inside = whole[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
        square[max(-top, 0) :, max(-left, 0) :][: inside.shape[0], : inside.shape[1]] = inside
        return square
