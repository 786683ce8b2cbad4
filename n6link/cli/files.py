"""Files that commands write: checked before any work, so that no result is lost, and written with one message for every failure."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from n6link.errors import BadInput


def check_target(
    path: Path | None, what: str, *suffixes: str, sources: Iterable[object] = (), folder: bool = False
) -> None:
    """Checks a file or folder to write.

    Args:
        path: the file; None = nothing is written.
        what: the option or argument, for the message.
        suffixes: those of the formats, in lower case.
        sources: files that are read, and must not be overwritten.
        folder: whether the name of a folder is allowed too: one that exists, or a name without a suffix.

    Raises:
        BadInput: it has another suffix, is a file that is read, or cannot be written.
    """
    if path is None:
        return
    name = f"{what} {str(path)!r}"
    if path.is_file() and any(isinstance(one, Path) and one.exists() and path.samefile(one) for one in sources):
        raise BadInput(f"{name} is an input, which would be overwritten; choose another file")
    if folder and (path.is_dir() or not path.suffix):
        above = path
        while not above.exists() and above != above.parent:
            above = above.parent
        if not above.is_dir():
            raise BadInput(f"{name} cannot be a folder, because {str(above)!r} is a file; choose another name")
        _check_writable(above, name)
        return
    if path.suffix.lower() not in suffixes:
        *others, last = suffixes
        endings = f"{', '.join(others)} or {last}" if others else last
        raise BadInput(f"{name} must end in {endings}{', or be a folder' if folder else ''}")
    if path.is_dir():
        raise BadInput(f"{name} is a folder; add the name of a file")
    if not path.parent.is_dir():
        raise BadInput(f"{name} cannot be written, because the folder {str(path.parent)!r} does not exist; create it")
    _check_writable(path if path.exists() else path.parent, name)


def _check_writable(path: Path, name: str) -> None:
    if not os.access(path, os.W_OK):
        raise BadInput(f"{name} cannot be written, because you have no right to write to {str(path)!r}; choose another")


def write(path: Path, content: str | bytes, *, new: bool = False) -> None:
    """Writes a file.

    Args:
        path: the file.
        content: text is written as UTF-8.
        new: whether an existing file is an error.

    Raises:
        BadInput: it cannot be written.
    """
    try:
        with path.open("xb" if new else "wb") as file:
            file.write(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content)
    except FileExistsError:
        raise BadInput(f"{str(path)!r} exists; choose another file, or delete it") from None
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> BadInput:
    """The message about a file that cannot be written."""
    return BadInput(f"{str(path)!r} cannot be written: {error.strerror or error}; choose another file")
