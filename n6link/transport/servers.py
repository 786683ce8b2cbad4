"""The servers of boards (``n6link serve``) that run on this machine for this user.

A server listens at a unix socket with the unique id of its board as its name, in the user's runtime folder (Linux:
``$XDG_RUNTIME_DIR/n6link``), or in the folder of the variable N6LINK_RUNTIME. Next to it is a JSON file with the port of the board. A server that
was killed leaves both; nobody listens at such a socket, so it is ignored.
"""

from __future__ import annotations

import json
import os
import socket
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from n6link.json_types import mapping

UNNAMED: Final = "unnamed"
"""name of a board that does not report a unique id"""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs."""

    url: str
    """for its clients"""
    board: str
    """the URL that it has opened"""
    unique_id: str
    """of the chip, hexadecimal; empty = unknown"""
    port: str
    """path of the board's serial port; empty = the board is not at a serial port"""
    pid: int

    def __str__(self) -> str:
        return f"{self.board} (through the server with process {self.pid})"


def folder() -> Path:
    """The folder with the sockets."""
    if named := os.environ.get("N6LINK_RUNTIME"):
        return Path(named)
    import platformdirs

    # Without the folder of a session, such as in a container, one in the temporary directory is right; later versions warn of this.
    if category := getattr(platformdirs, "RuntimeDirWarning", None):
        warnings.simplefilter("ignore", category)
    return platformdirs.user_runtime_path("n6link", appauthor=False)


def socket_of(unique_id: str) -> Path:
    """The socket of the server of a board; its folder, which only this user can open, is created."""
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder() / f"{unique_id or UNNAMED}.sock"


@contextmanager
def announced(server: Running) -> Generator[None, None, None]:
    """A block in which other programs find a server, which listens at its socket."""
    note = socket_of(server.unique_id).with_suffix(".json")
    new = note.with_suffix(".new")
    new.write_text(json.dumps(asdict(server)), "utf-8")
    new.replace(note)
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def running() -> list[Running]:
    """The servers that run, in the order of their names; none if the folder does not exist, or is that of another user."""
    found: list[Running] = []
    try:
        files = sorted(folder().iterdir())
    except OSError:
        return found
    for note in files:
        server = _read(note) if note.suffix == ".json" else None
        if server and _listens(note.with_suffix(".sock")):
            found.append(server)
    return found


def holder(port: str) -> Running | None:
    """The server that uses a serial port; the port may be named by a link."""
    path = os.path.realpath(port)
    return next((server for server in running() if server.port and os.path.realpath(server.port) == path), None)


def _read(note: Path) -> Running | None:
    try:
        values = mapping(json.loads(note.read_bytes()))
        url, board, unique_id, port = (str(values[name]) for name in ("url", "board", "unique_id", "port"))
        return Running(url, board, unique_id, port, int(str(values["pid"])))
    except (OSError, ValueError, KeyError):
        return None


def _listens(path: Path) -> bool:
    if not hasattr(socket, "AF_UNIX"):
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except BlockingIOError:  # its queue is full
            return True
        except OSError:
            return False
        return True
