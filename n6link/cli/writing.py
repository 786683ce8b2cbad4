"""Files that commands write about samples: drawings, outputs, tables. None of them replaces a file that is read."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from n6link.cli import video
from n6link.cli.files import unwritable
from n6link.cli.sources import Sample
from n6link.decoders.classification import Classification
from n6link.decoders.described import listed
from n6link.decoders.draw_result import draw
from n6link.decoders.segmentation import Segmentation
from n6link.errors import BadInput
from n6link.json_types import Json, plain
from n6link.result import Result
from n6link.tensors.tensor import Array

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_CONTAINERS: Final = ("keypoints", "landmarks")
_SIDES: Final = {2: ("x", "y"), 4: ("left", "top", "right", "bottom")}
DRAWINGS: Final = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
"""formats of drawings, by suffix"""
BEST: Final = 5
"""classes of a picture or sound in a table"""


class Targets:
    """Files for the results of several samples: the names of the samples, with a number if two are equal or one is read.

    Args:
        folder: where they are; it is created.
        what: of what, for messages.
        suffix: end of their names.
        sources: files that must not be overwritten.

    Raises:
        BadInput: the folder cannot be used, or is the name of a file.
    """

    def __init__(self, folder: Path, what: str, suffix: str, sources: Sequence[object]) -> None:
        if folder.suffix and not folder.is_dir():
            raise BadInput(
                f"{str(folder)!r} is the name of one file, but there are several inputs; use a folder for the {what}"
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(
                f"{str(folder)!r} cannot be used as the folder for {what} of several inputs: {error}"
            ) from error
        self._folder = folder
        self._suffix = suffix
        self._taken = {path.resolve() for path in sources if isinstance(path, Path)}

    def path(self, stem: str) -> Path:
        """The file for a sample."""
        names = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
        paths = (self._folder / f"{name}{self._suffix}" for name in names)
        path = next(path for path in paths if path.resolve() not in self._taken)
        self._taken.add(path.resolve())
        return path


def file_for(path: Path | None, what: str, suffix: str, stem: str, sources: Sequence[object]) -> Path | None:
    """The file for the result of one sample: a name without a suffix is a folder, as for several samples.

    Raises:
        BadInput: the folder cannot be used.
    """
    if path is None or (path.suffix and not path.is_dir()):
        return path
    return Targets(path, what, suffix, sources).path(stem)


def drawn(sample: Sample, meaning: object, threshold: float) -> Picture:
    """The picture of a sample with its result.

    Raises:
        BadInput: it is not a picture, or the result cannot be drawn.
    """
    if sample.picture is None:
        raise BadInput(f"{sample.name!r} is not a picture, so nothing can be drawn into it; omit --draw")
    return draw(sample.picture, meaning, threshold=threshold)


def save_picture(path: Path, picture: Picture) -> None:
    """Writes a picture.

    Raises:
        BadInput: the file cannot be written.
    """
    try:
        picture.save(path)
    except OSError as error:
        raise unwritable(path, error) from error


class Drawings:
    """Drawings of several samples: files in a folder, or the frames of a video; a context manager.

    Raises:
        BadInput: the folder or the video cannot be written.
    """

    def __init__(self, path: Path, sources: Sequence[object]) -> None:
        self._film = video.Film(path) if path.suffix.lower() in video.SUFFIXES else None
        self._targets = None if self._film else Targets(path, "drawings", ".png", sources)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._film:
            self._film.close()

    def add(self, sample: Sample, meaning: object, threshold: float) -> None:
        """Draws a result; see :func:`drawn`."""
        picture = drawn(sample, meaning, threshold)
        if self._film:
            self._film.add(picture)
        elif self._targets:
            save_picture(self._targets.path(sample.stem), picture)


def save_outputs(path: Path, result: Result) -> None:
    """Writes the outputs to an .npz file: raw by their names, and real ones, float32, as NAME.real if they are quantised.

    Raises:
        BadInput: the file cannot be written.
    """
    arrays: dict[str, Array] = dict(result.outputs)
    for name, real in result.dequantized().items():
        if result.network.outputs[name].quantized:
            arrays[f"{name}.real"] = real
    try:
        with path.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy declares only its own options
    except OSError as error:
        raise unwritable(path, error) from error


class Csv:
    """A table with a row for each thing that was found, with the name of its input; a context manager.

    Raises:
        BadInput: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("w", newline="", encoding="utf-8")
        except OSError as error:
            raise unwritable(path, error) from error
        self._writer: csv.DictWriter[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, name: str, result: Result, meaning: object) -> None:
        """Adds the rows of a result."""
        for row in rows(result, meaning):
            if self._writer is None:
                # Things of one network have the same columns.
                self._writer = csv.DictWriter(self._file, ["input", *row], restval="", extrasaction="ignore")
                self._writer.writeheader()
            self._writer.writerow({"input": name, **row})
        self._file.flush()


def rows(result: Result, meaning: object) -> Iterator[Mapping[str, object]]:
    """The rows of a table about a result: one per person, object, class or, if it was not decoded, output."""
    if isinstance(meaning, Classification):
        for rank, (label, probability) in enumerate(meaning.top(BEST), 1):
            yield {"rank": rank, "label": label, "probability": round(probability, 4)}
    elif isinstance(meaning, Segmentation):
        for label, share in meaning.shares.items():
            yield {"label": label, "share": round(share, 4)}
    elif meaning is None:
        for name, real in result.dequantized().items():
            spec = result.network.outputs[name]
            figures = {"minimum": np.min(real), "mean": np.mean(real), "maximum": np.max(real)}
            shape = "x".join(map(str, spec.shape))
            yield {"output": name, "shape": shape, "type": str(spec.dtype)} | {
                key: f"{value:.6g}" for key, value in figures.items()
            }
    else:
        for number, item in enumerate(listed(meaning)):
            yield {"number": number} | dict(_flat(plain(item)))


def _flat(value: Json, name: str = "") -> Iterator[tuple[str, object]]:
    """The values of nested ones, each with its name, such as ``nose_x``."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, name if key in _CONTAINERS else f"{name}_{key}" if name else key)
    elif isinstance(value, list):
        names = _SIDES.get(len(value), tuple(map(str, range(len(value)))))
        for key, inner in zip(names, value, strict=True):
            yield from _flat(inner, key if name == "box" else f"{name}_{key}" if name else key)
    elif value is not None:
        yield name or "value", value
