"""The folder of a built firmware: the image, the weights, and ``firmware.json``, which says what is in it.

``firmware.json`` is removed when a build starts, and written last: a build that has failed leaves nothing that could be programmed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, cast

from n6link.errors import BadInput
from n6link.firmware.boards import BOARDS, Board
from n6link.version import __version__

NAME: Final = "firmware.json"
LOG: Final = "tools.log"
"""what all programs printed"""


@dataclass(frozen=True, slots=True)
class Placed:
    """A file of the folder, and where in flash it belongs."""

    what: str
    """for people, such as ``weights of movenet (octoFlash)``"""
    file: str
    """its name in the folder"""
    address: int
    size: int
    """bytes"""
    sha256: str


@dataclass(frozen=True, slots=True)
class Built:
    """A firmware that is ready to be signed and programmed."""

    folder: Path
    board: Board
    networks: tuple[str, ...]
    image: Placed
    """not yet signed; its address is that of the signed image"""
    weights: tuple[Placed, ...]

    @property
    def log(self) -> Path:
        """What all programs printed."""
        return self.folder / LOG

    @property
    def signed(self) -> Path:
        """The signed image; it may be missing, or of an older image (:func:`n6link.firmware.signing.fault`)."""
        return self.folder / f"{Path(self.image.file).stem}_sign.bin"


@contextmanager
def writing(folder: Path) -> Generator[None]:
    """Reports files that cannot be written.

    Raises:
        BadInput: one cannot.
    """
    try:
        yield
    except OSError as error:
        raise BadInput(
            f"{error.filename or folder} cannot be written: {error.strerror}; use another --output"
        ) from error


def sha256(content: bytes) -> str:
    """In hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def placed(what: str, file: str, address: int, content: bytes) -> Placed:
    """The description of a file."""
    return Placed(what, file, address, len(content), sha256(content))


def clear(folder: Path) -> None:
    """Makes the folder one that holds no firmware."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).unlink(missing_ok=True)


def write(built: Built) -> None:
    """Writes ``firmware.json``."""
    text = json.dumps(
        {
            "format": 1,
            "n6link": __version__,
            "board": built.board.name,
            "networks": built.networks,
            "image": _plain(built.image),
            "weights": [_plain(one) for one in built.weights],
        },
        indent=1,
    )
    new = built.folder / f"{NAME}.new"
    new.write_text(text + "\n", encoding="utf-8")
    os.replace(new, built.folder / NAME)


def read(folder: Path) -> Built:
    """Reads a folder and compares its files with what ``firmware.json`` says.

    Raises:
        BadInput: it does not hold a complete firmware, or a file has changed.
    """
    again = "run n6link firmware build again"
    try:
        data: Any = json.loads((folder / NAME).read_text(encoding="utf-8"))
        if data["format"] != 1:
            raise BadInput(f"{folder / NAME} was written by n6link {data['n6link']}; {again}")
        built = Built(
            folder=folder.absolute(),
            board=BOARDS[data["board"]],
            networks=tuple(map(str, data["networks"])),
            image=_placed(data["image"]),
            weights=tuple(_placed(one) for one in cast("Sequence[Mapping[str, Any]]", data["weights"])),
        )
    except FileNotFoundError:
        raise BadInput(f"{folder} does not hold a complete firmware: there is no {NAME}; {again}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{folder / NAME} is damaged ({error}); {again}") from error
    for one in (built.image, *built.weights):
        try:
            content = (folder / one.file).read_bytes()
        except OSError as error:
            raise BadInput(f"{folder / one.file} cannot be read: {error.strerror}; {again}") from error
        if sha256(content) != one.sha256:
            raise BadInput(f"{folder / one.file} has changed since the build; {again}")
    return built


def _plain(one: Placed) -> dict[str, object]:
    return {**asdict(one), "address": hex(one.address)}


def _placed(data: Mapping[str, Any]) -> Placed:
    return Placed(
        what=str(data["what"]),
        file=Path(str(data["file"])).name,
        address=int(str(data["address"]), 16),
        size=int(data["size"]),
        sha256=str(data["sha256"]),
    )


def find(folder: Path | None) -> Path:
    """The given folder, or the only one below the current folder that holds a firmware.

    Raises:
        BadInput: there is none, or more than one.
    """
    if folder is not None:
        return folder
    found = sorted(path.parent for path in Path().glob(f"*/{NAME}"))
    if len(found) == 1:
        return found[0]
    names = ", ".join(map(str, found))
    raise BadInput(
        f"there are several built firmwares here ({names}); name one of these folders"
        if found
        else f"there is no built firmware here (no folder with {NAME}); run n6link firmware build first, or name its folder"
    )
