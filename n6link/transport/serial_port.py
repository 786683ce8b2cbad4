"""``serial:`` opens a serial port with pyserial-asyncio, for exclusive use.

::

    serial:PORT[?baud=N]        a port by its name: /dev/ttyACM0, /dev/serial/by-id/..., COM3
    serial:NUMBER[?baud=N]      the board with this USB serial number, or with this unique id of its chip; `n6link devices` shows both

A name without a slash, other than COM and a number, is a NUMBER; upper and lower case are equal. A lock (flock) excludes programs that also
use one, and the exclusive mode of the port (TIOCEXCL) excludes all other programs without root rights.

The transport of pyserial-asyncio is used with a separate protocol class, and these properties of it are changed:

* Its write buffer is not limited. ``send`` passes small pieces and waits until they are almost written. An urgent frame therefore does
  not wait for a whole tensor, and the caller's buffer is free when ``send`` returns.
* Its read buffer is not limited. Reading is paused while more than a megabyte waits for ``receive``.
* When it is closed, it waits without limit for the last byte, and blocks the event loop. ``aclose`` waits a limited time for the port
  to drain and then clears the driver's queue, so that a board that does not read cannot block the program.
* It reads only one kilobyte per call, and when a port is unplugged it logs a traceback. This module reads more, and does not log.
* Opening and configuring a port takes milliseconds: this is done in a thread.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import anyio
import anyio.to_thread
import serial
import serial_asyncio
from anyio.abc import ByteStream

from n6link.errors import TransportError
from n6link.transport import discovery, rights
from n6link.transport.ports import Port, devices

DEFAULT_BAUD: Final = 921600
PIECE: Final = 16 * 1024
"""maximum number of bytes per write to the transport"""
READ_SIZE: Final = 4096
"""maximum number of bytes that a tty returns per read"""
RECEIVE_LIMIT: Final = 1 << 20
"""reading is paused if more bytes than this wait for ``receive``"""
DRAIN_POLLS: Final = 100
DRAIN_INTERVAL: Final = 0.0025
"""seconds between two checks of a port that is closed; DRAIN_POLLS times this is the time limit for its last bytes"""

PSEUDO_TERMINALS: Final = range(136, 144)
"""major device numbers on Linux. If a program is killed, their exclusive mode stays set until the other end is closed: it is not used"""
_PORT: Final = re.compile(r"[/\\]|^COM\d+$", re.IGNORECASE)
"""matches names of ports, and not serial numbers"""


class PortProtocol(asyncio.Protocol):
    """The callbacks of pyserial-asyncio: collects received bytes, and stores whether more may be written."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.arrived = asyncio.Event()
        self.writable = asyncio.Event()
        self.writable.set()
        self.closed = asyncio.Event()
        self.error: Exception | None = None
        self.transport: asyncio.ReadTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Stores the transport."""
        assert isinstance(transport, asyncio.ReadTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Stores received bytes; pauses reading if they are too many."""
        self.buffer += data
        self.arrived.set()
        if self.transport and len(self.buffer) > RECEIVE_LIMIT:
            self.transport.pause_reading()

    def pause_writing(self) -> None:
        """The transport's buffer is full."""
        self.writable.clear()

    def resume_writing(self) -> None:
        """The transport's buffer has space."""
        self.writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wakes all tasks that wait."""
        self.error = exc
        self.closed.set()
        self.arrived.set()
        self.writable.set()


class _Transport(serial_asyncio.SerialTransport):
    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: PortProtocol, device: serial.Serial) -> None:
        super().__init__(loop, protocol, device)
        # Its default of 1024 costs four times as many turns of the event loop.
        self._max_read_size = READ_SIZE
        self.set_write_buffer_limits(high=PIECE - 1, low=PIECE // 4)

    def _fatal_error(self, exc: Exception, message: str = "") -> None:
        self._abort(exc)  # the original also calls the event loop's exception handler, which logs a traceback


class SerialStream(ByteStream):
    """A serial port as a byte stream; one task may receive while another one sends.

    Attributes:
        port: its description; None = the operating system does not list it.
        stable_url: finds the port again, also if its name has changed.
        expected: the unique id that the board must report, because the user asked for it; empty = any.
    """

    def __init__(self, opened: Opened, transport: _Transport, protocol: PortProtocol) -> None:
        self.port = opened.port
        self.stable_url = opened.stable_url
        self.expected = opened.expected
        self._port = opened.path
        self._device = opened.device
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
        paused = len(protocol.buffer) > RECEIVE_LIMIT
        data = bytes(memoryview(protocol.buffer)[:max_bytes])
        del protocol.buffer[:max_bytes]
        if paused and len(protocol.buffer) <= RECEIVE_LIMIT and not protocol.closed.is_set():
            self._transport.resume_reading()
        return data

    async def send(self, item: bytes) -> None:
        """Sends all bytes of a buffer; returns when at most a few kilobytes of it are still in this process."""
        await anyio.lowlevel.checkpoint()
        view = memoryview(item).cast("B")
        for start in range(0, len(view), PIECE):
            self._check()
            self._transport.write(bytes(view[start : start + PIECE]))
            await self._protocol.writable.wait()
        self._check()

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
                f"serial port {self._port} was lost; check the cable, then unplug and replug the board"
            ) from self._protocol.error


@dataclass(frozen=True, slots=True)
class Opened:
    """An open port: pyserial's device, and its description."""

    device: serial.Serial
    path: str
    port: Port | None
    stable_url: str
    expected: str


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
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise TransportError(
            f"serial port {name} requires asyncio, which pyserial-asyncio uses; with trio use tcp:, unix:, sim: or qemu:"
        ) from None
    opened = await anyio.to_thread.run_sync(_open, name, baud, "?" in rest)
    protocol = PortProtocol()
    return SerialStream(opened, _Transport(loop, protocol, opened.device), protocol)


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


def _open(name: str, baud: int, with_baud: bool) -> Opened:
    path, expected = name, ""
    if not _PORT.search(name):
        found, expected = discovery.find(name)
        path = found.path
    try:
        device = serial.Serial(path, baud, timeout=0, write_timeout=0, exclusive=True)
    except Exception as exc:  # OSError, ValueError, termios.error
        raise _refusal(path, baud, exc) from exc
    _exclude(device, True)
    # Some USB adapters (FTDI) collect bytes for 16 ms; this switches it off. Most drivers and other systems do not have it.
    with suppress(AttributeError, NotImplementedError, ValueError):
        device.set_low_latency_mode(True)
    where = os.path.realpath(path)
    port = next((port for port in devices() if os.path.realpath(port.path) == where), None)
    url = discovery.stable_url(port) if port else f"serial:{path}"
    return Opened(device, path, port, f"{url}?baud={baud}" if with_baud else url, expected)


def _exclude(device: serial.Serial, others: bool) -> None:
    """Switches the exclusive mode of a port, if the system has one."""
    try:
        import fcntl
        import termios
    except ImportError:  # Windows: all ports are exclusive
        return
    with suppress(OSError, serial.SerialException):  # the port was lost
        if os.major(os.fstat(device.fileno()).st_rdev) not in PSEUDO_TERMINALS:
            fcntl.ioctl(device.fileno(), termios.TIOCEXCL if others else termios.TIOCNXCL)


def _refusal(port: str, baud: int, exc: Exception) -> TransportError:
    """The error that says why a port could not be opened, and what to do."""
    number = _error_number(exc)
    # On Windows, pyserial's exception contains only the text of the original exception.
    windows = re.search(r"(FileNotFound|Permission)Error", str(exc))
    if number in (errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EIO) or (windows and windows[1] == "FileNotFound"):
        others = ", ".join(str(other) for other in devices() if other.path != port) or "none"
        return TransportError(
            f"serial port {port} does not exist; connect the board, or use one of the existing ports: {others}"
        )
    if number in (errno.EBUSY, errno.EAGAIN) or windows:
        return TransportError(f"serial port {port} is {rights.busy(port)}")
    if number in (errno.EACCES, errno.EPERM):
        return TransportError(f"no permission to open serial port {port}; {rights.denied(port)}")
    if isinstance(exc, ValueError):
        return TransportError(f"serial port {port} does not support {baud} baud ({exc})")
    return TransportError(f"{port} cannot be used as a serial port ({exc})")


def _error_number(exc: BaseException) -> int | None:
    """The operating system's; pyserial does not keep it if a port is unplugged while it is configured."""
    if isinstance(exc, OSError) and exc.errno is not None:
        return exc.errno
    cause = exc.__cause__ or exc.__context__  # termios.error; termios does not exist on all systems
    number = cause.args[0] if cause and cause.args else None
    return number if isinstance(number, int) else None
