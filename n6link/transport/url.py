"""Byte streams by URL.

::

    serial:PORT[?baud=N]              a board; N is 921600 unless given        serial:/dev/ttyACM0   serial:COM3?baud=2000000
    tcp:HOST:PORT                     a board or virtual board on a network    tcp:localhost:6006    tcp:[::1]:6006
    unix:PATH                         a virtual board on this machine          unix:/tmp/n6
    sim:[NETWORK,...][?OPTION=N&...]  starts a virtual board; see n6link.transport.sim   sim:                  sim:pose=net.tflite?baud=921600
    qemu:[ELF]                        starts the firmware in QEMU; see n6link.transport.qemu

:func:`open_stream` gives an :class:`anyio.abc.ByteStream`, whatever is behind the URL. This is the only place where the
exceptions of sockets, serial ports and child processes are known: everything that goes wrong, then or later, leaves
the stream as a :class:`TransportError` whose sentence says what happened to which port, and what to do about it. Sockets
and child processes work under asyncio and trio; serial ports need asyncio, as pyserial-asyncio does.

A stream may be read by one task while another one writes. ``send`` returns when the bytes have left the process, save
for a few kilobytes, so that a sender is as fast as its link and a small frame never waits behind megabytes.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import anyio.to_thread
from anyio.abc import ByteStream

from n6link.errors import BadInput, TransportError, innermost
from n6link.transport.socket_stream import SocketStream

RECEIVE_SIZE: Final = 256 * 1024
CONNECT_TIMEOUT: Final = 10.0
"""seconds until a host that does not answer at all is given up"""
QUEUE_INTERVAL: Final = 0.01
"""seconds between two attempts at a unix socket that has too many clients waiting"""


class Stream(ByteStream):
    """A byte stream that raises nothing but TransportError.

    Attributes:
        url: what was opened, as the user may write it again.
        card_files: files of this machine with the cards that the device reports, by network: those of a board that ``sim:`` started.
    """

    def __init__(self, inner: ByteStream, url: str) -> None:
        self._inner = inner
        self.url = url
        self.card_files: Mapping[str, Path] = getattr(inner, "card_files", {})

    async def receive(self, max_bytes: int = RECEIVE_SIZE) -> bytes:
        """The bytes that have arrived, at least one.

        Raises:
            TransportError: the other end has gone, or this end was closed.
        """
        with _mapped(self.url):
            return await self._inner.receive(max_bytes)

    async def send(self, item: bytes | bytearray | memoryview) -> None:
        """Sends all bytes of a buffer, which may be changed again afterwards.

        Raises:
            TransportError: the other end has gone, or this end was closed.
        """
        with _mapped(self.url):
            await self._inner.send(item)  # type: ignore[arg-type]  # declared as bytes, any buffer will do

    def send_nowait(self, item: bytes) -> int:
        """Sends what leaves without waiting, if anything does; :meth:`send` tells what is wrong.

        Returns:
            Number of the bytes that have left.
        """
        send_nowait: Callable[[bytes], int] | None = getattr(self._inner, "send_nowait", None)
        return send_nowait(item) if send_nowait else 0

    async def send_eof(self) -> None:
        """Tells the other end that nothing more will come, where the stream can."""
        with _mapped(self.url):
            await self._inner.send_eof()

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        """What anyio's ``extra()`` can tell about a socket."""
        # anyio declares it with a type variable that nothing binds
        return self._inner.extra_attributes  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

    async def aclose(self) -> None:
        """Closes the stream; a child process behind it is ended. Closing again does nothing."""
        try:
            await self._inner.aclose()
        except (OSError, anyio.BrokenResourceError):
            pass  # it had gone before


async def open_stream(url: str | None = None) -> Stream:
    """Opens a byte stream to a device.

    Args:
        url: see the head of this module; None = the variable N6LINK_URL, else the one board that is plugged in.

    Raises:
        NoDeviceError: no URL is given, and not exactly one board is there.
        TransportError: the URL is malformed, or what it names cannot be opened.
    """
    if url is None:
        url = os.environ.get("N6LINK_URL") or await _find_board()
    scheme, rest = await anyio.to_thread.run_sync(_split, url)  # imports what the scheme needs
    with _mapped(url):
        return Stream(await scheme.open(rest), url)


async def _find_board() -> str:
    from n6link.transport import discovery

    return await discovery.find_board()


def check_url(url: str) -> None:
    """Checks a URL as far as that is possible without opening it.

    Raises:
        TransportError: it has no known scheme, or what follows is malformed, or names files that are not there.
    """
    scheme, rest = _split(url)
    scheme.check(rest)


def _check_unix(rest: str) -> None:
    if not rest:
        raise TransportError("'unix:' names no socket: write unix:PATH")


async def _open_unix(rest: str) -> ByteStream:
    _check_unix(rest)
    if not hasattr(socket, "AF_UNIX"):
        raise TransportError("this system has no unix sockets: use tcp:HOST:PORT")
    connecting = socket.socket(socket.AF_UNIX)
    connecting.setblocking(False)
    try:
        while True:
            try:
                connecting.connect(rest)
            except BlockingIOError:  # the listener's queue is full
                await anyio.sleep(QUEUE_INTERVAL)
            else:
                return SocketStream(connecting)
    except BaseException as exc:
        connecting.close()
        if not isinstance(exc, ConnectionError | FileNotFoundError):
            raise
        raise TransportError(
            f"nothing listens at {rest!r} ({_reason(exc)}); `n6link sim --unix {rest}` would start a virtual board there"
        ) from exc


def _address(rest: str) -> tuple[str, int]:
    host, _, port = rest.removeprefix("//").rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise TransportError(f"'tcp:{rest}' names no port: write tcp:HOST:PORT, as in tcp:localhost:6006")
    return host, int(port)


async def _open_tcp(rest: str) -> ByteStream:
    host, port = _address(rest)
    try:
        with anyio.fail_after(CONNECT_TIMEOUT):
            return await anyio.connect_tcp(host, port)
    except TimeoutError as exc:
        raise TransportError(f"{host} port {port} does not answer; is it the right address, and reachable?") from exc
    except socket.gaierror as exc:
        raise TransportError(f"no host is called {host!r} ({_reason(exc)})") from exc
    except OSError as exc:
        raise TransportError(f"nothing listens at {host} port {port} ({_reason(exc)})") from exc


@dataclass(frozen=True, slots=True)
class _Scheme:
    """What is done with the part of a URL that follows the colon."""

    open: Callable[[str], Awaitable[ByteStream]]
    check: Callable[[str], object]


def _serial() -> _Scheme:
    from n6link.transport import serial_port

    return _Scheme(serial_port.open_serial, serial_port.parse)


def _sim() -> _Scheme:
    from n6link.transport import sim

    return _Scheme(sim.open_sim, sim.parse)


def _qemu() -> _Scheme:
    from n6link.transport import qemu

    return _Scheme(qemu.open_qemu, qemu.command)


_SCHEMES: Final[dict[str, Callable[[], _Scheme]]] = {
    "serial": _serial,
    "tcp": lambda: _Scheme(_open_tcp, _address),
    "unix": lambda: _Scheme(_open_unix, _check_unix),
    "sim": _sim,
    "qemu": _qemu,
}
"""What a scheme needs is imported when it is first used: pyserial, readers of reports, and so on."""


def register(scheme: str, opener: Callable[[str], Awaitable[ByteStream]]) -> None:
    """Adds a kind of URL for this program: a line that this package does not know, or a simulated one.

    Args:
        scheme: what comes before the colon, in lower case.
        opener: gets the rest of the URL and gives a stream. What the stream raises is mapped as that of a socket is:
            ``OSError`` and anyio's exceptions of streams become :class:`TransportError`.

    Raises:
        BadInput: the scheme exists.
    """
    if not scheme.isidentifier() or scheme != scheme.lower() or scheme in _SCHEMES:
        raise BadInput(f"scheme={scheme!r} cannot be added; give a new name in lower case, not {', '.join(_SCHEMES)}")
    _SCHEMES[scheme] = lambda: _Scheme(opener, lambda rest: rest)


def _split(url: str) -> tuple[_Scheme, str]:
    scheme, colon, rest = url.partition(":")
    if colon and scheme.lower() in _SCHEMES:
        return _SCHEMES[scheme.lower()](), rest
    looks_like_port = url.startswith("/dev/") or (url[:3].upper() == "COM" and url[3:].isdecimal())
    hint = (
        f"did you mean serial:{url}?"
        if looks_like_port
        else "a URL starts with " + ", ".join(f"{name}:" for name in _SCHEMES)
    )
    what = f"has the unknown scheme {scheme!r}" if colon else "has no scheme"
    raise TransportError(f"{url!r} {what}; {hint}")


@contextmanager
def _mapped(url: str) -> Generator[None, None, None]:
    """Turns what sockets, ports and processes raise into TransportError."""
    try:
        yield
    except anyio.ClosedResourceError as exc:
        raise TransportError(f"the stream to {url} was closed by this program") from exc
    except anyio.EndOfStream as exc:
        raise TransportError(f"the other end of {url} has closed the connection") from exc
    except anyio.BrokenResourceError as exc:
        raise TransportError(f"the connection to {url} broke ({_reason(exc.__cause__ or exc)})") from exc
    except OSError as exc:
        raise TransportError(f"{url} failed ({_reason(exc)})") from exc


def _reason(exc: BaseException) -> str:
    """What the system says, in a few words: the cause of anyio's wrappers, the text of a number."""
    exc = innermost(exc)
    if isinstance(exc, OSError) and exc.__cause__ is not None:
        return _reason(exc.__cause__)
    if isinstance(exc, OSError) and exc.errno is not None and exc.errno in errno.errorcode:
        return os.strerror(exc.errno).lower()
    return (getattr(exc, "strerror", None) or str(exc) or type(exc).__name__).lower()
