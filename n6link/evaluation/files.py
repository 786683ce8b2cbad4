"""The pictures of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PICTURES: Final = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"})
"""extensions of the files of a folder that are used"""


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder, without those of its subfolders, sorted."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES and path.is_file())
