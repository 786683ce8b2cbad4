"""A byte stream to a child process that this program starts: the virtual board, or QEMU.

The child inherits one end of a socket pair. Its life is that of the stream: it ends when the stream is closed, when
opening it is cancelled or fails, and (through what the caller puts on its command line) when this program dies. The
child's standard error goes to an unlinked temporary file, so that it can never block on it, and the last line can be
quoted when it ends unasked.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

import anyio
from anyio.abc import Process

from n6link.errors import TransportError
from n6link.json_types import Json
from n6link.transport.socket_stream import SocketStream

BUFFER: Final = 1 << 20
"""bytes that each direction of the socket pair is asked to hold"""
GRACE: Final = 2.0
"""seconds that a child which said that it is ready has to end by itself once its stream is closed"""

_TELLING: Final = re.compile(r"fatal|error|fail|cannot|could not", re.IGNORECASE)


class ChildStream(SocketStream):
    """The socket to a child process, and the child.

    Attributes:
        card_files: files with the cards that the child reports, by network.
    """

    def __init__(self, connected: socket.socket, process: Process, errors: IO[bytes], name: str) -> None:
        super().__init__(connected)
        self.card_files: Mapping[str, Path] = {}
        self._process = process
        self._errors = errors
        self._name = name
        self._grace = 0.0

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Bytes from the child; TransportError tells how it ended."""
        try:
            return await super().receive(max_bytes)
        except (anyio.EndOfStream, anyio.BrokenResourceError) as exc:
            raise await self._ended() from exc

    async def send(self, item: bytes) -> None:
        """Sends all of a buffer to the child; TransportError tells how it ended."""
        try:
            await super().send(item)
        except anyio.BrokenResourceError as exc:
            raise await self._ended() from exc

    async def aclose(self) -> None:
        """Closes the socket and sees the child end."""
        with anyio.CancelScope(shield=True):
            await super().aclose()
            await _end(self._process, self._grace)
        self._errors.close()

    async def wait_ready(self, seconds: float) -> None:
        """Waits for the JSON line with which the child says that it listens.

        Raises:
            TransportError: it ended, printed something else, or said nothing in time.
        """
        line = b""
        assert self._process.stdout
        with anyio.move_on_after(seconds) as scope:
            while not line.endswith(b"\n"):
                try:
                    line += await self._process.stdout.receive()
                except (anyio.EndOfStream, anyio.BrokenResourceError) as exc:
                    raise await self._ended() from exc
        if scope.cancelled_caught:
            raise TransportError(f"{self._name} does not get ready within {seconds:g} s{self._quote()}")
        check_ready(line, self._name)
        self._grace = GRACE

    async def _ended(self) -> TransportError:
        """The error that tells why the child has gone."""
        ended = "has gone"
        with anyio.CancelScope(shield=True):
            ended = how_ended(await _end(self._process, GRACE))
        return TransportError(f"{self._name} {ended}{self._quote()}")

    def _quote(self) -> str:
        """``: `` and what the child said last on its standard error, best a line that tells an error; or nothing."""
        if self._errors.closed:
            return ""
        size = self._errors.seek(0, 2)
        self._errors.seek(max(size - 4096, 0))
        lines = [line.strip() for line in self._errors.read().decode(errors="replace").split("\n") if line.strip()]
        telling = [line for line in lines if _TELLING.search(line)] or lines
        return f": {telling[-1]}" if telling else ""


async def spawn(command: Sequence[str], socket_argument: Sequence[str], name: str) -> ChildStream:
    """Starts a child process with one end of a socket pair.

    Args:
        command: program and arguments.
        socket_argument: arguments that give the child its end; ``{fd}`` stands for the number of the descriptor.
        name: what the child is called in error messages.

    Raises:
        TransportError: the program cannot be started.
    """
    ours, theirs = socket.socketpair()
    for end_ in (ours, theirs):
        end_.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the stream
    try:
        fd = theirs.fileno()
        process = await anyio.open_process(
            [*command, *(argument.format(fd=fd) for argument in socket_argument)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            pass_fds=(fd,),
            start_new_session=True,
        )
    except BaseException as exc:
        ours.close()
        errors.close()
        if isinstance(exc, OSError):
            raise TransportError(f"{name} cannot be started: {command[0]!r}: {exc.strerror}") from exc
        raise
    finally:
        theirs.close()
    return ChildStream(ours, process, errors, name)


def check_ready(line: bytes, name: str) -> str:
    """The URL in the JSON line with which a child says that it listens.

    Raises:
        TransportError: the line tells an error, or is something else.
    """
    ready: Json = None
    with suppress(ValueError):
        ready = json.loads(line)
    if isinstance(ready, dict) and "error" in ready:
        raise TransportError(f"{name} does not start: {str(ready['error']).removeprefix('--')}")
    if not isinstance(ready, dict) or "url" not in ready:
        raise TransportError(f"{name} printed {line.decode(errors='replace').strip()!r} instead of its URL")
    return str(ready["url"])


def how_ended(code: int) -> str:
    """An exit code in words."""
    return f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"


async def _end(process: Process, grace: float) -> int:
    """Gives a child some time to end by itself, then kills it; returns its exit code."""
    if grace:
        with anyio.move_on_after(grace):
            await process.wait()
    with suppress(ProcessLookupError):
        process.kill()
    code = await process.wait()
    if process.stdout:
        await process.stdout.aclose()
    return code
