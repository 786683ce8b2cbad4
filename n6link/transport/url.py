"""Byte streams by URL.

::

    serial:PORT[?baud=N]              a board; default of N: 921600            serial:/dev/ttyACM0   serial:COM3?baud=2000000
    serial:NUMBER[?baud=N]            a board by its USB serial number or the unique id of its chip, through its server (``n6link serve``)
                                      if one runs: then N is not used                                 serial:0039002B3433510A
    NAME, board:NAME                  a board with a name in the settings file; see n6link.settings  arm
    tcp:HOST:PORT                     a board or virtual board on a network    tcp:localhost:6006    tcp:[::1]:6006
    unix:PATH                         a virtual board on this machine          unix:/tmp/n6
    sim:[NETWORK,...][?OPTION=N&...]  starts a virtual board; see n6link.transport.sim   sim:                  sim:pose=net.tflite?baud=921600
    replay:FILE[?speed=X]             plays a recording; see n6link.transport.replay                 replay:run.pcapng
    qemu:[ELF]                        starts the firmware in QEMU; see n6link.transport.qemu

:func:`open_stream` returns an :class:`anyio.abc.ByteStream` for any URL. The exceptions of sockets, serial ports and child processes
are handled only here: every error of a stream is a :class:`TransportError` with the port, the reason and the remedy.
Sockets and child processes work with asyncio and trio; serial ports require asyncio, which pyserial-asyncio uses.

One task may read a stream while another task writes. ``send`` returns when all but a few kilobytes have left the process: a sender
therefore has the speed of its link, and a small frame does not wait for megabytes.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio.to_thread
from anyio.abc import ByteStream

from n6link import settings
from n6link.errors import BadInput, TransportError, innermost
from n6link.transport import discovery, servers, tcp
from n6link.transport.ports import Port
from n6link.transport.socket_stream import SocketStream
from n6link.waiting import READ_SIZE, listen

if TYPE_CHECKING:
    from n6link.transport.rig import Rig

CONNECT_TIMEOUT: Final = 10.0
"""time-out for a host that does not answer, seconds"""
QUEUE_INTERVAL: Final = 0.01
"""seconds between two attempts to connect to a unix socket whose queue is full"""


class Stream(ByteStream):
    """A byte stream that raises only TransportError.

    Attributes:
        url: the URL that was opened.
        card_files: files on this machine with the cards that the device reports, by network; only for ``sim:``.
        port: the serial port, if the operating system lists it.
        expected: unique id that the board must report, hexadecimal; empty = any.
        stable_url: finds the same board again, also if the name of its port has changed. Equal to ``url`` if there is no other way.
        rest: reads nothing for some seconds during :meth:`listen`; None = the stream cannot do this.
        rig: a virtual board that was started for the stream, and ends with it unless ``rig.keep()`` runs.
        baud: the bit rate with which it was opened, if :meth:`set_baud` can change it; 0 = it cannot be changed, or the URL fixes it.
        durable: whether the rate that its line carries is the same when it is opened again: it is stored for the board.
    """

    def __init__(self, inner: ByteStream, url: str) -> None:
        self._inner = inner
        self.url = url
        self.card_files: Mapping[str, Path] = getattr(inner, "card_files", {})
        self.port: Port | None = getattr(inner, "port", None)
        self.expected: str = getattr(inner, "expected", "")
        self.stable_url: str = getattr(inner, "stable_url", url)
        self.rig: Rig | None = getattr(inner, "rig", None)
        self.baud: int = getattr(inner, "baud", 0)
        self.durable: bool = getattr(inner, "durable", False)
        self._send_nowait: Callable[[bytes], int] | None = getattr(inner, "send_nowait", None)
        self.rest: Callable[[float], None] | None = getattr(inner, "rest", None)

    async def receive(self, max_bytes: int = READ_SIZE) -> bytes:
        """Received bytes, at least one.

        Raises:
            TransportError: the connection was lost or closed.
        """
        with _mapped(self.url):
            return await self._inner.receive(max_bytes)

    async def listen(self, received: Callable[[bytes], None]) -> None:
        """Calls a function with all bytes as they arrive; returns only with an exception, also that of the function.

        Raises:
            TransportError: the connection was lost or closed.
        """
        with _mapped(self.url):
            await listen(self._inner, received)

    async def send(self, item: bytes | bytearray | memoryview) -> None:
        """Sends all bytes of a buffer, which may be changed afterwards.

        Raises:
            TransportError: the connection was lost or closed.
        """
        with _mapped(self.url):
            await self._inner.send(item)  # type: ignore[arg-type]  # declared as bytes, but every buffer works

    def send_nowait(self, item: bytes) -> int:
        """Sends as many bytes as possible without waiting; does not raise errors, :meth:`send` does.

        Returns:
            Number of bytes that have left, or will leave before all later ones.
        """
        return self._send_nowait(item) if self._send_nowait else 0

    async def set_baud(self, baud: int) -> None:
        """Sets the bit rate of its port, if :attr:`baud` is not 0; for a virtual board, whose process has the line, this has no effect.

        Raises:
            TransportError: the port does not have this rate.
        """
        set_baud: Callable[[int], Awaitable[None]] | None = getattr(self._inner, "set_baud", None)
        if set_baud:
            with _mapped(self.url):
                await set_baud(baud)

    async def send_eof(self) -> None:
        """Sends an end of file, if the stream has one."""
        with _mapped(self.url):
            await self._inner.send_eof()

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        """Attributes for anyio's ``extra()``."""
        # anyio declares it with an unbound type variable
        return self._inner.extra_attributes  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

    async def aclose(self) -> None:
        """Closes the stream, and ends its child process if it has one. A second call does nothing."""
        try:
            await self._inner.aclose()
        except (OSError, anyio.BrokenResourceError):
            pass  # the connection was already lost


async def open_stream(url: str | None = None, *, direct: bool = False) -> Stream:
    """Opens a byte stream to a device.

    Args:
        url: see the top of this module; None = the variable N6LINK_URL, else ``defaults.url`` of the settings file, else the only
            connected board, through its server (``n6link serve``) if one runs.
        direct: ``serial:NUMBER`` is the port of the board, also if a server runs for the board.

    Raises:
        NoDeviceError: not exactly one connected board fits.
        TransportError: the URL is malformed, or cannot be opened.
        SettingsError: the settings file is required, and cannot be used.
    """
    url = url if direct and url is not None else await chosen(url)
    scheme, rest = await anyio.to_thread.run_sync(_split, url)  # in a thread, since it imports the module of the scheme
    with _mapped(url):
        return Stream(await scheme.open(rest), url)


async def chosen(url: str | None) -> str:
    """The URL that :func:`open_stream` opens: that of a server, if it has the board that is meant.

    Raises:
        NoDeviceError, TransportError, SettingsError: as for :func:`open_stream`.
    """
    url = url if url is not None else await anyio.to_thread.run_sync(default_url)
    if url is None:
        return await discovery.find_url()
    scheme, rest = await anyio.to_thread.run_sync(_split, url)
    number = scheme.number(rest)
    server = await discovery.find_server(number) if number else None
    return server.url if server else url


async def beside(url: str | None) -> str:
    """The URL for a program that looks at a board while others use it: of the server that has the board, also if a URL names its port.

    Raises:
        NoDeviceError, TransportError, SettingsError: as for :func:`open_stream`.
    """
    url = await chosen(url)
    port = await port_of(url)
    server = await anyio.to_thread.run_sync(servers.holder, port.path) if port else None
    return server.url if server else url


def default_url() -> str | None:
    """The URL for programs that do not specify one, see :func:`open_stream`; None = the only connected board.

    Raises:
        SettingsError: the settings file cannot be used.
    """
    return os.environ.get("N6LINK_URL") or settings.load().default_url


async def port_of(url: str) -> Port | None:
    """The serial port that a URL names; None = it names another kind of stream, or a port that the operating system does not list.

    Raises:
        TransportError, SettingsError: as for :func:`open_stream`.
    """
    scheme, rest = await anyio.to_thread.run_sync(_split, url)
    return await anyio.to_thread.run_sync(scheme.port, rest)


def check_url(url: str) -> None:
    """Checks a URL without opening it.

    Raises:
        TransportError: the scheme is unknown, the rest is malformed, or a file does not exist.
        SettingsError: the URL is the name of a board, and the settings file cannot be used.
    """
    scheme, rest = _split(url)
    scheme.check(rest)


def _check_unix(rest: str) -> None:
    if not rest:
        raise TransportError("'unix:' does not contain a path; use unix:PATH")


async def _open_unix(rest: str) -> ByteStream:
    _check_unix(rest)
    if not hasattr(socket, "AF_UNIX"):
        raise TransportError("this system does not have unix sockets; use tcp:HOST:PORT")
    connecting = socket.socket(socket.AF_UNIX)
    connecting.setblocking(False)
    try:
        while True:
            try:
                connecting.connect(rest)
            except BlockingIOError:  # Linux: the listener's queue is full; a unix socket cannot wait for it
                await anyio.sleep(QUEUE_INTERVAL)
            else:
                return SocketStream(connecting)
    except BaseException as exc:
        connecting.close()
        if not isinstance(exc, ConnectionError | FileNotFoundError):
            raise
        raise TransportError(
            f"no program listens at {rest!r} ({_reason(exc)}); start a virtual board there with `n6link sim --unix {rest}`"
        ) from exc


def _address(rest: str) -> tuple[str, int]:
    host, _, port = rest.removeprefix("//").rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise TransportError(f"'tcp:{rest}' does not contain a port; use tcp:HOST:PORT, such as tcp:localhost:6006")
    return host, int(port)


async def _open_tcp(rest: str) -> ByteStream:
    host, port = _address(rest)
    try:
        with anyio.fail_after(CONNECT_TIMEOUT):
            return SocketStream(await tcp.connect(host, port))
    except TimeoutError as exc:
        raise TransportError(f"{host} port {port} does not answer; check the address and the network") from exc
    except socket.gaierror as exc:
        raise TransportError(f"unknown host {host!r} ({_reason(exc)}); check the name") from exc
    except OSError as exc:
        raise TransportError(f"no program listens at {host} port {port} ({_reason(exc)}); check the address") from exc


def _named(name: str) -> tuple[_Scheme, str]:
    boards = settings.load().boards
    if name not in boards:
        raise TransportError(
            f"the settings file does not have the board {name!r}; it has {', '.join(boards) or 'none'}; "
            f"to add it, run: n6link config set boards.{name or 'NAME'} URL"
        )
    return _split(boards[name])


def _check_named(name: str) -> None:
    scheme, rest = _named(name)
    scheme.check(rest)


def _port_of_named(name: str) -> Port | None:
    scheme, rest = _named(name)
    return scheme.port(rest)


def _number_of_named(name: str) -> str:
    scheme, rest = _named(name)
    return scheme.number(rest)


async def _open_named(name: str) -> ByteStream:
    scheme, rest = await anyio.to_thread.run_sync(_named, name)
    return await scheme.open(rest)


@dataclass(frozen=True, slots=True)
class _Scheme:
    """Functions for the part of a URL after the colon."""

    open: Callable[[str], Awaitable[ByteStream]]
    check: Callable[[str], object]
    port: Callable[[str], Port | None] = lambda _: None
    number: Callable[[str], str] = lambda _: ""
    """USB serial number or unique id of the board that is meant; empty = it is named in another way"""


def _serial() -> _Scheme:
    from n6link.transport import serial_port

    return _Scheme(serial_port.open_serial, serial_port.parse, serial_port.port_of, serial_port.number_of)


def _sim() -> _Scheme:
    from n6link.transport import sim

    return _Scheme(sim.open_sim, sim.parse)


def _qemu() -> _Scheme:
    from n6link.transport import qemu

    return _Scheme(qemu.open_qemu, qemu.command)


def _replay() -> _Scheme:
    from n6link.transport import replay

    return _Scheme(replay.open_replay, replay.parse)


_SCHEMES: Final[dict[str, Callable[[], _Scheme]]] = {
    "serial": _serial,
    "tcp": lambda: _Scheme(_open_tcp, _address),
    "unix": lambda: _Scheme(_open_unix, _check_unix),
    "sim": _sim,
    "qemu": _qemu,
    "replay": _replay,
    "board": lambda: _Scheme(_open_named, _check_named, _port_of_named, _number_of_named),
}
"""Functions, so that the modules of a scheme (pyserial, readers of reports) are imported at its first use."""


def register(scheme: str, opener: Callable[[str], Awaitable[ByteStream]]) -> None:
    """Adds a URL scheme for this program, such as another kind of link, or a simulated one.

    Args:
        scheme: the part before the colon, in lower case.
        opener: receives the rest of the URL and returns a stream. Exceptions of the stream are converted as for a socket:
            ``OSError`` and anyio's exceptions of streams become :class:`TransportError`.

    Raises:
        BadInput: the scheme exists, or is not a name in lower case.
    """
    if not scheme.isidentifier() or scheme != scheme.lower() or scheme in _SCHEMES:
        raise BadInput(f"scheme={scheme!r} cannot be added; use a new name in lower case, not {', '.join(_SCHEMES)}")
    _SCHEMES[scheme] = lambda: _Scheme(opener, lambda rest: rest)


def _split(url: str) -> tuple[_Scheme, str]:
    scheme, colon, rest = url.partition(":")
    if colon and scheme.lower() in _SCHEMES:
        return _SCHEMES[scheme.lower()](), rest
    boards: Mapping[str, str] = {} if colon else settings.load().boards
    if url in boards:
        return _split(boards[url])
    looks_like_port = url.startswith("/dev/") or (url[:3].upper() == "COM" and url[3:].isdecimal())
    hint = (
        f"use serial:{url}"
        if looks_like_port
        else "a URL must start with " + ", ".join(f"{name}:" for name in _SCHEMES)
    )
    what = (
        f"has the unknown scheme {scheme!r}"
        if colon
        else f"is neither a URL nor a board of the settings file, which has {', '.join(boards) or 'none'}"
    )
    raise TransportError(f"{url!r} {what}; {hint}")


@contextmanager
def _mapped(url: str) -> Generator[None, None, None]:
    """Converts the exceptions of sockets, ports and processes to TransportError."""
    try:
        yield
    except anyio.ClosedResourceError as exc:
        raise TransportError(f"the stream to {url} was closed by this program") from exc
    except anyio.EndOfStream as exc:
        raise TransportError(
            f"the device at {url} has closed the connection; check the program that serves it"
        ) from exc
    except anyio.BrokenResourceError as exc:
        raise TransportError(f"the connection to {url} was lost ({_reason(exc.__cause__ or exc)})") from exc
    except OSError as exc:
        raise TransportError(f"{url} failed ({_reason(exc)})") from exc


def _reason(exc: BaseException) -> str:
    """The system's short text for an error: the cause of anyio's wrappers, the text of an error number."""
    exc = innermost(exc)
    if isinstance(exc, OSError) and exc.__cause__ is not None:
        return _reason(exc.__cause__)
    if isinstance(exc, OSError) and exc.errno is not None and exc.errno in errno.errorcode:
        return os.strerror(exc.errno).lower()
    return (getattr(exc, "strerror", None) or str(exc) or type(exc).__name__).lower()
