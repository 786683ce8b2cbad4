"""The places at which a server listens: unix sockets, and TCP ports of this machine.

A unix socket is for its user only (0600). A lock next to it belongs to the server that uses it, and ends with its process: a socket
file without a lock is left from a server that was killed, and is replaced.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from n6link.errors import BadInput, TransportError

BACKLOG: Final = 64
ID: Final = "{id}"
"""in a path: the unique id of the board"""
HIGHEST: Final = 65535
"""port"""
_LOCAL: Final = "localhost"


@dataclass(frozen=True, slots=True)
class Place:
    """``unix:PATH``, or ``HOST:PORT`` of a loopback address."""

    path: Path | None = None
    host: str = ""
    port: int = 0
    taken: str = ""
    """what is said if another server listens there; empty = the usual text"""

    @classmethod
    def parse(cls, written: str) -> Place:
        """Reads ``unix:PATH`` or ``HOST:PORT``, also with ``tcp:`` before it; port 0 = the system chooses one.

        Raises:
            BadInput: it is neither, or the host is not this machine.
        """
        if written.startswith("unix:"):
            if not (path := written.removeprefix("unix:")):
                raise BadInput("'unix:' does not contain a path; use unix:PATH")
            return cls(path=Path(path).absolute())
        host, _, port = written.removeprefix("tcp:").removeprefix("//").rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not host or not port.isdecimal() or int(port) > HIGHEST:
            raise BadInput(f"{written!r} is not a place to listen at; use unix:PATH or 127.0.0.1:PORT")
        if not _is_loopback(host):
            raise BadInput(
                f"{written!r} can be reached from other machines, and the protocol has no passwords; listen at 127.0.0.1:{port}, "
                f"and run `ssh -L {port}:127.0.0.1:{port} THIS_MACHINE` on the other machine"
            )
        return cls(host=host, port=int(port))

    def nth(self, index: int) -> Place:
        """The place of one of several boards: a port for each, from this one on; a path contains ``{id}``.

        Raises:
            BadInput: there is no such port, or the path is the same for all.
        """
        if self.path and ID not in str(self.path):
            raise BadInput(
                f"--listen unix:{self.path} is one place, and there are several boards; use {ID} in the path, which is replaced by "
                "the unique id of each board, or 127.0.0.1:PORT: the boards have PORT, PORT+1 and so on"
            )
        if self.port + index > HIGHEST:
            raise BadInput(
                f"--listen {self.host}:{self.port} has no port for board {index + 1}: they have PORT, PORT+1 and so on; "
                f"use {HIGHEST - index} or less"
            )
        return replace(self, port=self.port + index) if self.port else self

    def of(self, unique_id: str) -> Place:
        """The place of a board with this unique id."""
        return replace(self, path=Path(str(self.path).replace(ID, unique_id))) if self.path else self


def _is_loopback(host: str) -> bool:
    try:
        return host == _LOCAL or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def listening(place: Place) -> Generator[tuple[socket.socket, str], None, None]:
    """A block in which a socket listens at a place; its URL is the second value.

    Raises:
        TransportError: another program listens there, or it is not possible.
    """
    try:
        with _unix(place.path, place.taken) if place.path else _tcp(place) as (opened, url):
            opened.listen(BACKLOG)
            opened.setblocking(False)
            yield opened, url
    except OSError as error:
        where = f"unix:{place.path}" if place.path else f"{place.host}:{place.port}"
        raise TransportError(
            f"the server cannot listen at {where}: {error.strerror or error}; choose another --listen"
        ) from error


@contextmanager
def _tcp(place: Place) -> Generator[tuple[socket.socket, str], None, None]:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    with socket.socket(family) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((place.host, place.port))
        host = f"[{place.host}]" if ":" in place.host else place.host
        yield opened, f"tcp:{host}:{opened.getsockname()[1]}"


@contextmanager
def _unix(path: Path, taken: str) -> Generator[tuple[socket.socket, str], None, None]:
    import filelock

    lock = filelock.FileLock(f"{path}.lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        usual = f"another server listens at unix:{path}; stop it, or choose another --listen"
        raise TransportError(taken or usual) from None
    try:
        if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
            raise TransportError(f"{path} exists and is not a socket; choose another --listen")
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as opened:
            before = os.umask(0o177)
            try:
                opened.bind(str(path))
            finally:
                os.umask(before)
            try:
                yield opened, f"unix:{path}"
            finally:
                path.unlink(missing_ok=True)
    finally:
        lock.release()
