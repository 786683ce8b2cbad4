"""A byte stream to a child process that this program starts: the virtual board, or QEMU.

The child inherits one end of a socket pair. It ends when the stream is closed, when the opening is cancelled or fails, and (with
an option on its command line) when this program dies. The child's standard error is an unlinked temporary file: the child never
blocks on it, and its last line can be quoted if the child ends unexpectedly.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

import anyio
from anyio.abc import Process

from n6link.errors import TransportError
from n6link.json_types import Json
from n6link.transport.socket_stream import SocketStream

BUFFER: Final = 1 << 20
"""requested size of the socket pair's buffer in each direction, bytes"""
GRACE: Final = 2.0
"""seconds in which a child must end after its stream was closed; then it is killed. Only if it had reported that it is ready"""
READY_TIMEOUT: Final = 30.0
"""seconds in which a virtual board must load its networks"""

_ERROR_LINE: Final = re.compile(r"fatal|error|fail|cannot|could not", re.IGNORECASE)


class ChildStream(SocketStream):
    """The socket to a child process, and the child.

    Attributes:
        card_files: files with the cards that the child reports, by network.
        baud: rate of the child's line after its start, if it can be changed; else 0.
        ended: called with what the child has printed on its standard output after it was ready, once it has ended.
    """

    def __init__(self, connected: socket.socket, process: Process, errors: IO[bytes], name: str) -> None:
        super().__init__(connected)
        self.card_files: Mapping[str, Path] = {}
        self.baud = 0
        self._process = process
        self._errors = errors
        self._name = name
        self._grace = 0.0
        self.ended: Callable[[bytes], None] | None = None

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Bytes from the child; TransportError contains its exit code."""
        try:
            return await super().receive(max_bytes)
        except (anyio.EndOfStream, anyio.BrokenResourceError) as exc:
            raise await self._ended() from exc

    async def listen(self, received: Callable[[bytes], None]) -> None:
        """See :meth:`SocketStream.listen`; TransportError contains the exit code of the child."""
        try:
            await super().listen(received)
        except (anyio.EndOfStream, anyio.BrokenResourceError) as exc:
            raise await self._ended() from exc

    async def send(self, item: bytes) -> None:
        """Sends all bytes of a buffer to the child; TransportError contains its exit code."""
        try:
            await super().send(item)
        except anyio.BrokenResourceError as exc:
            raise await self._ended() from exc

    async def aclose(self) -> None:
        """Closes the socket and waits for the end of the child."""
        # Shielded: a cancelled task must not leave a process without a parent that waits for it.
        with anyio.CancelScope(shield=True):
            await super().aclose()
            await _end(self._process, self._grace, self.ended)
        self._errors.close()

    async def wait_ready(self, seconds: float) -> None:
        """Waits for the JSON line in which the child reports that it is ready.

        Raises:
            TransportError: the child ended, printed something else, or printed nothing in time.
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
            raise TransportError(f"{self._name} was not ready within {seconds:g} s{self._quote()}")
        self._grace = GRACE  # a child that reports an error ends by itself; it must not be killed meanwhile
        check_ready(line, self._name)

    async def _ended(self) -> TransportError:
        """The error that reports how the child ended."""
        ended = "has ended"
        with anyio.CancelScope(shield=True):
            ended = how_ended(await _end(self._process, GRACE, self.ended))
        return TransportError(f"{self._name} {ended}{self._quote()}")

    def _quote(self) -> str:
        """``: `` and the last line of the child's standard error, preferably one that reports an error; or an empty string."""
        if self._errors.closed:
            return ""
        size = self._errors.seek(0, 2)
        self._errors.seek(max(size - 4096, 0))
        lines = [line.strip() for line in self._errors.read().decode(errors="replace").split("\n") if line.strip()]
        best = [line for line in lines if _ERROR_LINE.search(line)] or lines
        return f": {best[-1]}" if best else ""


async def spawn(command: Sequence[str], socket_argument: Sequence[str], name: str) -> ChildStream:
    """Starts a child process with one end of a socket pair.

    Args:
        command: program and arguments.
        socket_argument: arguments for the child's end of the socket; ``{fd}`` is replaced by the file descriptor.
        name: of the child in error messages.

    Raises:
        TransportError: the program cannot be started.
    """
    ours, theirs = socket.socketpair()
    for end_ in (ours, theirs):
        end_.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the stream
    try:
        fd = theirs.fileno()
        process = await anyio.open_process(
            [*command, *(argument.format(fd=fd) for argument in socket_argument)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            pass_fds=(fd,),
            start_new_session=True,  # Ctrl-C in a terminal must not end the child before this program closes the link
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


async def spawn_board(command: Sequence[str], name: str) -> ChildStream:
    """Starts a virtual board, and waits until it is ready.

    Args:
        command: program and arguments, without those for the link.
        name: of the board in error messages.

    Raises:
        TransportError: the program cannot be started, or did not become ready.
    """
    stream = await spawn(command, ["--fd", "{fd}", "--parent-death"], name)
    try:
        await stream.wait_ready(READY_TIMEOUT)
    except BaseException:
        await stream.aclose()
        raise
    return stream


def check_ready(line: bytes, name: str) -> str:
    """The URL in the JSON line in which a child reports that it is ready.

    Raises:
        TransportError: the line reports an error, or is not such a line.
    """
    ready: Json = None
    with suppress(ValueError):
        ready = json.loads(line)
    if isinstance(ready, dict) and "error" in ready:
        raise TransportError(f"{name} did not start: {str(ready['error']).removeprefix('--')}")
    if not isinstance(ready, dict) or "url" not in ready:
        raise TransportError(f"{name} printed {line.decode(errors='replace').strip()!r} instead of its URL")
    return str(ready["url"])


def how_ended(code: int) -> str:
    """An exit code in words."""
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"


async def _end(process: Process, grace: float, ended: Callable[[bytes], None] | None) -> int:
    """Waits ``grace`` seconds for a child to end, then kills it; returns its exit code."""
    if grace:
        with anyio.move_on_after(grace):
            await process.wait()
    if process.returncode is None:
        # Not process.kill(): before Python 3.12.8 and 3.13.1 it collects the exit code of a child that has just ended. asyncio, which waits
        # for the child too, then prints "Unknown child process", and reports the exit code 255.
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    code = await process.wait()
    if process.stdout:
        if ended:
            printed = b""
            with suppress(anyio.EndOfStream, anyio.ClosedResourceError):
                while True:
                    printed += await process.stdout.receive()
            ended(printed)
        await process.stdout.aclose()
    return code
