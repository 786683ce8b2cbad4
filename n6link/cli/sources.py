"""What commands accept as the input of a network: one rule for ``run``, ``profile``, ``check`` and ``validate``.

=====================  =====================================================================================
argument               samples
=====================  =====================================================================================
picture                one
``.npy``               one: the input's values, or a uint8 picture; several if the first axis counts them
``.npz``               one: raw values of all inputs, by their names
sound (``.wav`` ...)   one per window of the input's length, see :mod:`n6link.tensors.sound`
video (``.mp4`` ...)   one per frame, see :mod:`n6link.cli.video`
``-``                  a picture, sound, .npy or .npz from standard input
folder                 those of its files of the kinds above, by name
``*``, ``?``           those of the files that match
=====================  =====================================================================================

Pictures are Pillow images, whose channels have one order; arrays have that of the card (``input.order``).
"""

from __future__ import annotations

import glob
import io
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zipfile import BadZipFile

import numpy as np

from n6link.cli import video
from n6link.decoders.described import NetworkLike
from n6link.errors import BadInput, CardError, requires
from n6link.evaluation.files import PICTURES, files_in
from n6link.tensors import sound
from n6link.tensors.encoders import jpeg_file
from n6link.tensors.image import PILLOW, PictureInput, load
from n6link.tensors.inputs import Data, Raw, Value
from n6link.tensors.tensor import Array, TensorSpec, is_array

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

ARRAYS: Final = frozenset({".npy", ".npz"})
KNOWN: Final = PICTURES | ARRAYS | sound.SUFFIXES | video.SUFFIXES
"""extensions of the files of a folder that are used"""
TEXTS: Final = frozenset({".txt", ".md", ".csv", ".json"})
STDIN: Final = "-"
HELP: Final = (
    "Pictures, sounds, videos, .npy and .npz files, folders, patterns such as '*.jpg', or - for standard input."
)


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera of this computer."""

    number: int

    def __str__(self) -> str:
        return f"camera {self.number}"


@dataclass(frozen=True, slots=True)
class Content:
    """The content of standard input."""

    data: bytes

    def __str__(self) -> str:
        return STDIN


Place = Path | Camera | Content
"""where samples come from"""


@dataclass(frozen=True, slots=True)
class Sample:
    """One input of a network."""

    name: str
    """for people and programs: the file, with the number of the frame or the time in it"""
    stem: str
    """the beginning of names of files about it"""
    data: Data
    picture: Picture | None = None
    """that results can be drawn into"""


def one_place(word: str) -> Place:
    """The file for an argument, or ``-``.

    Raises:
        BadInput: it matches several files, or none.
    """
    places = expand([word])
    if len(places) != 1:
        raise BadInput(f"{word!r} matches {len(places)} files; name one")
    if isinstance(places[0], Path):
        check_exists(places[0])
    return places[0]


def check_exists(file: Path) -> None:
    """Checks a file before any work.

    Raises:
        BadInput: it does not exist.
    """
    if not file.exists():
        raise BadInput(f"{str(file)!r} does not exist; check the name")


def is_single(place: Place) -> bool:
    """Whether a place certainly has one sample."""
    return isinstance(place, Path) and place.suffix.lower() not in {".npy"} | sound.SUFFIXES | video.SUFFIXES


def expand(words: Sequence[str]) -> list[Path | Content]:
    """The files for arguments: files, folders, patterns and ``-``, which is read now.

    Raises:
        BadInput: an argument does not match a file, or standard input is empty.
    """
    if words.count(STDIN) > 1:
        raise BadInput("- is given twice; standard input can be read once")
    places: list[Path | Content] = []
    for word in words:
        found: Sequence[Path | Content]
        if word == STDIN:
            found, what = [Content(_standard_input())], ""
        elif os.path.isdir(word):
            found = files_in(Path(word), KNOWN)
            what = f"folder {word!r} does not contain pictures, sounds, videos, .npy or .npz files"
        elif os.path.exists(word) or not glob.has_magic(word):
            found, what = [Path(word)], ""
        else:
            found = sorted(map(Path, glob.glob(word, recursive=True)))
            what = f"pattern {word!r} does not match a file"
        if not found:
            raise BadInput(what)
        places += found
    return places


def expand_texts(words: Sequence[str]) -> list[str]:
    """Texts; ``-`` is the text of standard input.

    Raises:
        BadInput: standard input is empty or not UTF-8, or is given twice.
    """
    if words.count(STDIN) > 1:
        raise BadInput("- is given twice; standard input can be read once")
    try:
        return [_standard_input("a text").decode().rstrip("\r\n") if word == STDIN else word for word in words]
    except UnicodeDecodeError:
        raise BadInput("standard input is not UTF-8; redirect a text file to it") from None


class Reader:
    """Reads samples for a network.

    Args:
        network: its inputs and card say how a sound is divided and what an array is.
        resample: whether a sound may be converted to the network's rate.
    """

    def __init__(self, network: NetworkLike, *, resample: bool = False) -> None:
        card, specs = network.card, network.inputs
        self._network = network
        self._specs = specs
        self._main = card.main_input(specs) if card and not network.card_problem else next(iter(specs.values()))
        self._rate = card.input.rate if card else None
        self._resample = resample
        self._size: tuple[int, int] | None = None
        with suppress(CardError):
            self._size = PictureInput(self._main, card).size

    def one(self, place: Place) -> Sample:
        """The sample of a place that must have exactly one.

        Raises:
            BadInput: it has another number, or cannot be read.
        """
        found = list(islice(self.samples(place), 2))
        if len(found) != 1:
            raise BadInput(f"{str(place)!r} contains more than one input; use a file with one")
        return found[0]

    def samples(self, place: Place) -> Generator[Sample]:
        """The samples of a place, read one by one.

        Raises:
            BadInput: it cannot be read, or does not fit the network.
        """
        if isinstance(place, Camera):
            yield from _frames(video.camera(place.number), str(place), f"camera{place.number}")
        elif isinstance(place, Content):
            yield from self._content(place.data, str(place))
        elif (suffix := place.suffix.lower()) in ARRAYS:
            yield from self._arrays(place, str(place), place.stem)
        elif suffix in sound.SUFFIXES:
            yield from self._sounds(place, str(place), place.stem)
        elif suffix in video.SUFFIXES:
            yield from _frames(video.frames(place), str(place), place.stem)
        elif suffix in TEXTS:
            raise BadInput(f"{str(place)!r} is text; for a text network use n6link generate or n6link classify")
        else:
            yield self._picture(place, str(place), place.stem)

    def _content(self, content: bytes, name: str) -> Generator[Sample]:
        """The samples of a file's content, whose kind is seen from its first bytes."""
        if content.startswith((b"\x93NUMPY", b"PK\x03\x04")):
            yield from self._arrays(io.BytesIO(content), name, "stdin")
        elif content.startswith((b"RIFF", b"fLaC", b"OggS")) and content[8:12] != b"WEBP":
            yield from self._sounds(io.BytesIO(content), name, "stdin")
        else:
            yield self._picture(content, name, "stdin")

    def _picture(self, file: Path | bytes, name: str, stem: str) -> Sample:
        pixels = load(file)
        with requires(f"reading {name!r}", *PILLOW):
            from PIL import Image
        picture = Image.fromarray(pixels)
        # A JPEG file of the input's size stays as it is: with encode="jpeg:95" it is sent unchanged.
        same = jpeg_file(file, self._size) if self._size and picture.size == self._size else None
        return Sample(name, stem, same or picture, picture)

    def _arrays(self, file: Path | io.BytesIO, name: str, stem: str) -> Generator[Sample]:
        loaded = read_arrays(file, name)
        if isinstance(loaded, dict):
            specs = self._specs
            yield Sample(
                name,
                stem,
                {key: _raw(array, specs[key]) if key in specs else array for key, array in loaded.items()},
            )
            return
        spec = self._main
        if spec.shape[:1] == (1,) and loaded.shape[:1] != (1,) and loaded.shape[1:] == spec.shape[1:]:
            if not len(loaded):
                raise BadInput(
                    f"{name!r} of shape {loaded.shape} does not contain inputs; save an array with one or more"
                )
            for number, array in enumerate(loaded):
                yield Sample(f"{name}[{number}]", f"{stem}-{number:05}", _raw(array[None], spec))
        else:
            yield Sample(name, stem, _raw(loaded, spec))

    def _sounds(self, file: Path | io.BytesIO, name: str, stem: str) -> Generator[Sample]:
        spec = self._main
        length = sound.window(spec, self._network.name, self._rate)
        assert self._rate
        samples = sound.read(file, name, self._rate, resample=self._resample)
        for number, window in enumerate(sound.windows(samples, length)):
            seconds = number * length / self._rate
            where, suffix = (f" at {seconds:.2f} s", f"-{number:05}") if len(samples) > length else ("", "")
            yield Sample(f"{name}{where}", f"{stem}{suffix}", sound.values(window, spec))


def read_arrays(file: Path | io.BytesIO, name: str) -> Array | dict[str, Array]:
    """The array of a .npy file, or the arrays of a .npz file by name.

    Raises:
        BadInput: the file cannot be read as either.
    """
    try:
        with file.open("rb") if isinstance(file, Path) else file as opened:
            arrays = np.load(opened, allow_pickle=False)
            return arrays if is_array(arrays) else dict(arrays)
    except FileNotFoundError:
        raise BadInput(f"{name!r} does not exist; check the name") from None
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise BadInput(f"{name!r} cannot be read as .npz or .npy: {error}") from error


def _raw(array: Array, spec: TensorSpec) -> Value:
    """An array of the input's own shape and data type contains its raw values; others are converted."""
    return Raw(array) if array.dtype == spec.dtype and array.shape == spec.shape else array


def _frames(frames: Generator[Array], name: str, stem: str) -> Generator[Sample]:
    with requires(f"reading {name!r}", *PILLOW):
        from PIL import Image
    for number, frame in enumerate(frames):
        picture = Image.fromarray(frame)
        yield Sample(f"{name}[{number}]", f"{stem}-{number:05}", picture, picture)


def _standard_input(wanted: str = "a picture, a sound, a .npy or a .npz file") -> bytes:
    if sys.stdin.isatty():
        raise BadInput("- is standard input, which is a terminal; redirect a file to it, such as < FILE")
    content = sys.stdin.buffer.read()
    if not content:
        raise BadInput(f"standard input is empty; redirect {wanted} to it")
    return content
