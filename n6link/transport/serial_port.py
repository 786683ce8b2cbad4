"""``serial:`` opens a serial port for exclusive use, with pyserial-asyncio, or with serialx if that is installed.

::

    serial:PORT[?baud=N]        a port by its name: /dev/ttyACM0, /dev/serial/by-id/..., COM3; N fixes the bit rate of the line
    serial:NUMBER[?baud=N]      the board with this USB serial number, or with this unique id of its chip; `n6link devices` shows both

A name without a slash, other than COM and a number, is a NUMBER; upper and lower case are equal. A lock (flock) excludes programs that also
use one, and the exclusive mode of the port (TIOCEXCL) excludes all other programs without root rights.

Both libraries give an asyncio transport; this module adds:

* Their write buffers are not limited. ``send`` passes small pieces and waits until they are almost written. An urgent frame therefore does
  not wait for a whole tensor, and the caller's buffer is free when ``send`` returns. ``send_nowait`` passes one batch of its caller whole.
* The read buffer is not limited. Reading is paused while more than a megabyte waits for ``receive``.
* ``aclose`` waits a limited time for the port to drain and then clears the driver's queue, so that a board that does not read cannot
  block the program.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import anyio
import anyio.to_thread
from anyio.abc import ByteStream

from n6link.errors import PortBusy, PortDenied, TransportError
from n6link.transport import discovery, rights, servers
from n6link.transport.ports import Port, devices
from n6link.transport.serial_protocol import PIECE, Device, Library, PortProtocol, SetBaud, Transport

DEFAULT_BAUD: Final = 921600
DRAIN_POLLS: Final = 100
DRAIN_INTERVAL: Final = 0.0025
"""seconds between two checks of a port that is closed; DRAIN_POLLS times this is the time limit for its last bytes"""

PSEUDO_TERMINALS: Final = range(136, 144)
"""major device numbers on Linux. If a program is killed, their exclusive mode stays set until the other end is closed: it is not used"""
_PORT: Final = re.compile(r"[/\\]|^COM\d+$", re.IGNORECASE)
"""matches names of ports, and not serial numbers"""


class SerialStream(ByteStream):
    """A serial port as a byte stream; one task may receive while another one sends.

    Attributes:
        port: its description; None = the operating system does not list it.
        stable_url: finds the port again, also if its name has changed.
        expected: the unique id that the board must report, because the user asked for it; empty = any.
        baud: the rate with which it was opened; 0 = the URL fixes the rate.
        durable: the line is a cable, which stays the same.
    """

    durable: Final = True

    def __init__(
        self, found: Found, transport: Transport, device: Device, set_baud: SetBaud, protocol: PortProtocol
    ) -> None:
        self.port = found.port
        self.stable_url = found.stable_url
        self.expected = found.expected
        self.baud = found.baud
        self._path = found.path
        self._device = device
        self._set_baud = set_baud
        self._transport = transport
        self._protocol = protocol
        self._closing = False

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Received bytes, at least one; TransportError if the port was lost."""
        protocol = self._protocol
        await anyio.lowlevel.checkpoint()
        while not protocol.buffer:
            self._check()
            protocol.arrived.clear()
            await protocol.arrived.wait()
        return protocol.take(max_bytes)

    async def listen(self, received: Callable[[bytes], None]) -> None:
        """Calls a function with all bytes as they arrive; returns only with an exception: as of :meth:`receive`, or of the function."""
        protocol, loop = self._protocol, asyncio.get_running_loop()
        failed: asyncio.Future[None] = loop.create_future()

        def pass_on(data: bytes) -> None:
            if not failed.done():
                try:
                    received(data)
                except Exception as error:  # noqa: BLE001  raised below
                    failed.set_exception(error)

        if protocol.buffer:
            received(protocol.take(len(protocol.buffer)))
        protocol.listener = pass_on
        lost = loop.create_task(protocol.closed.wait())
        try:
            ends: list[asyncio.Future[Any]] = [failed, lost]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if failed.done():
                failed.result()
            self._check()
        finally:
            protocol.listener = None
            failed.cancel()
            lost.cancel()

    def rest(self, seconds: float) -> None:
        """Reads nothing for a time, while bytes collect in the system; only during :meth:`listen`."""
        self._transport.pause_reading()
        asyncio.get_running_loop().call_later(seconds, self._read_again)

    def _read_again(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def send_nowait(self, item: bytes) -> int:
        """Sends all bytes, or none if others wait; returns their number. The event loop writes the rest that a tty does not take at once."""
        if self._closing or self._transport.is_closing() or self._transport.get_write_buffer_size():
            return 0
        try:
            written = os.write(self._device.fileno(), item)
        except BlockingIOError:
            written = 0
        except (OSError, AttributeError):  # the port was lost: send() reports it; Windows has no descriptor
            return 0
        if written < len(item):
            self._transport.write(memoryview(item)[written:])
        return len(item)

    async def send(self, item: bytes) -> None:
        """Sends all bytes of a buffer; returns when at most a few kilobytes of it are still in this process."""
        await anyio.lowlevel.checkpoint()
        view = memoryview(item).cast("B")
        for start in range(0, len(view), PIECE):
            self._check()
            self._transport.write(bytes(view[start : start + PIECE]))
            await self._protocol.writable.wait()
        self._check()

    async def set_baud(self, baud: int) -> None:
        """Changes the bit rate; nothing may be in the write buffer that needs the old one.

        Raises:
            TransportError: the port does not have this rate, or was lost.
        """
        self._check()
        try:
            await anyio.to_thread.run_sync(self._set_baud, baud)
        except Exception as exc:  # OSError, ValueError, termios.error
            self._check()
            raise await anyio.to_thread.run_sync(_refusal, self._path, baud, exc) from exc

    async def send_eof(self) -> None:
        """Does nothing: a serial line does not have an end of file."""

    async def aclose(self) -> None:
        """Waits a limited time for the last bytes to be sent, and closes the port."""
        if self._closing:
            return
        self._closing = True
        with anyio.CancelScope(shield=True):
            await anyio.lowlevel.checkpoint()
            if not self._protocol.closed.is_set():
                if not self._transport.is_closing():
                    await self._drain()
                _exclude(self._device, False)
                if not self._transport.is_closing():  # else the port was lost
                    self._transport.abort()
                await self._transport.wait_closed()
                if not self._protocol.closed.is_set():
                    # serialx closes in a task, and an event loop that ends has cancelled it.
                    self._transport.abort()
                    await self._protocol.closed.wait()

    async def _drain(self) -> None:
        port = self._device
        # An unplugged port raises OSError or termios.error; termios does not exist on all systems.
        with suppress(Exception):
            for _ in range(DRAIN_POLLS):
                if not self._transport.get_write_buffer_size() and not port.out_waiting:
                    return
                await anyio.sleep(DRAIN_INTERVAL)
            port.reset_output_buffer()

    def _check(self) -> None:
        if self._closing:
            raise anyio.ClosedResourceError
        if self._protocol.closed.is_set() or self._transport.is_closing():
            raise TransportError(
                f"serial port {self._path} was lost; check the cable, then unplug and replug the board"
            ) from self._protocol.error


@dataclass(frozen=True, slots=True)
class Found:
    """The port that a URL names."""

    path: str
    port: Port | None
    stable_url: str
    expected: str
    library: Library
    baud: int


async def open_serial(rest: str) -> SerialStream:
    """Opens a port.

    Args:
        rest: the part of a URL after ``serial:``; see the top of this module.

    Raises:
        NoDeviceError: not exactly one connected board has the serial number or unique id.
        TransportError: the URL is malformed, the port does not exist, is in use or not permitted, or this is not asyncio.
        SettingsError: a unique id is given, and the settings file cannot be used.
    """
    name, baud = parse(rest)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise TransportError(
            f"serial port {name} requires asyncio, which pyserial-asyncio uses; with trio use tcp:, unix:, sim: or qemu:"
        ) from None
    found = await anyio.to_thread.run_sync(
        _find, name, f"?baud={baud}" if "?" in rest else "", 0 if "?" in rest else baud
    )
    protocol = PortProtocol()
    try:
        transport, device, set_baud = await found.library(found.path, baud, protocol)
    except Exception as exc:  # OSError, ValueError, termios.error
        raise await anyio.to_thread.run_sync(_refusal, found.path, baud, exc) from exc
    _exclude(device, True)
    return SerialStream(found, transport, device, set_baud, protocol)


def library() -> Library:
    """The library that opens ports: serialx if it is installed, else pyserial-asyncio."""
    from n6link.transport import serial_pyserial, serial_serialx

    return serial_serialx.connect if serial_serialx.installed() else serial_pyserial.connect


def parse(rest: str) -> tuple[str, int]:
    """Port or number, and baud rate, from the part of a URL after ``serial:``.

    Raises:
        TransportError: the URL is malformed.
    """
    port, _, query = rest.partition("?")
    if not port:
        raise TransportError("'serial:' does not contain a port; use serial:PORT; `n6link devices` lists the ports")
    if not query:
        return port, DEFAULT_BAUD
    key, _, value = query.partition("=")
    if key != "baud":
        raise TransportError(f"'serial:{rest}' has the unknown option {key!r}; the only option is baud=N")
    if not value.isdecimal() or not 0 < int(value) <= 100_000_000:
        raise TransportError(f"'serial:{rest}' has baud={value!r}; it must be a baud rate from 1 to 100000000")
    return port, int(value)


def port_of(rest: str) -> Port | None:
    """The port that a URL names; None = the operating system does not list it.

    Args:
        rest: the part of the URL after ``serial:``.

    Raises:
        NoDeviceError, TransportError, SettingsError: as for :func:`open_serial`.
    """
    return _find(parse(rest)[0], "", 0).port


def number_of(rest: str) -> str:
    """The USB serial number or unique id that a URL contains; empty = it contains a port.

    Args:
        rest: the part of the URL after ``serial:``.

    Raises:
        TransportError: the URL is malformed.
    """
    name, _ = parse(rest)
    return "" if _PORT.search(name) else name


def _find(name: str, query: str, baud: int) -> Found:
    path, expected = name, ""
    if not _PORT.search(name):
        board, expected = discovery.find(name)
        path = board.path
    where = os.path.realpath(path)
    port = next((port for port in devices() if os.path.realpath(port.path) == where), None)
    url = discovery.stable_url(port) if port else f"serial:{path}"
    return Found(path, port, url + query, expected, library(), baud)


def _exclude(device: Device, others: bool) -> None:
    """Switches the exclusive mode of a port, if the system has one."""
    try:
        import fcntl
        import termios
    except ImportError:  # Windows: all ports are exclusive
        return
    with suppress(OSError, AssertionError):  # the port was lost; serialx asserts that it is open
        if os.major(os.fstat(device.fileno()).st_rdev) not in PSEUDO_TERMINALS:
            fcntl.ioctl(device.fileno(), termios.TIOCEXCL if others else termios.TIOCNXCL)


def _refusal(port: str, baud: int, exc: Exception) -> TransportError:
    """The error for a port that could not be opened: the reason and the remedy."""
    number = _error_number(exc)
    # On Windows, pyserial's exception contains only the text of the original exception.
    windows = re.search(r"(FileNotFound|Permission)Error", str(exc))
    if number in (errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EIO) or (windows and windows[1] == "FileNotFound"):
        others = ", ".join(str(other) for other in devices() if other.path != port) or "none"
        return TransportError(
            f"serial port {port} does not exist; connect the board, or use one of the existing ports: {others}"
        )
    if number in (errno.EBUSY, errno.EAGAIN) or windows:
        if server := servers.holder(port):
            return PortBusy(
                f"serial port {port} is used by `n6link serve` (process {server.pid}), for several programs; use its URL, {server.url}"
            )
        return PortBusy(f"serial port {port} is {rights.busy(port)}")
    if number in (errno.EACCES, errno.EPERM):
        return PortDenied(f"no permission to open serial port {port}; {rights.denied(port)}")
    if isinstance(exc, ValueError):
        return TransportError(f"serial port {port} does not support {baud} baud ({exc})")
    return TransportError(f"{port} cannot be used as a serial port ({exc}); `n6link devices` lists the ports")


def _error_number(exc: BaseException) -> int | None:
    """The operating system's; pyserial does not keep it if a port is unplugged while it is configured."""
    if isinstance(exc, OSError) and exc.errno is not None:
        return exc.errno
    cause = exc.__cause__ or exc.__context__  # termios.error; termios does not exist on all systems
    number = cause.args[0] if cause and cause.args else None
    return number if isinstance(number, int) else None
