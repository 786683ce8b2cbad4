"""``serial:`` opens a serial port through pyserial-asyncio, for this program alone.

pyserial-asyncio's transport is used with a protocol of our own, and some of its habits are worked around:

* It keeps any amount of data. ``send`` hands over small pieces and waits until they are nearly gone, so a cancelled or urgent frame
  never waits behind a tensor, and the caller's buffer is free when ``send`` returns.
* It delivers any amount of data. Reading is paused while more than a megabyte waits to be received.
* It waits on the event loop, without limit, for the last byte to leave when it closes. ``aclose`` lets the port drain for a moment
  and then empties the driver's queue, so that a board that has stopped reading cannot stop the program.
* It reads a kilobyte at a time, and reports a port that is unplugged to the event loop, with a traceback. Ours does not.
* Opening and configuring a port takes milliseconds: that happens in a thread.
"""

from __future__ import annotations

import asyncio
import errno
import re
from contextlib import suppress
from typing import Final

import anyio
import anyio.to_thread
import serial
import serial_asyncio
from anyio.abc import ByteStream

from n6link.errors import TransportError
from n6link.transport.discovery import devices

DEFAULT_BAUD: Final = 921600
PIECE: Final = 16 * 1024
"""bytes that are handed to the transport at once"""
READ_SIZE: Final = 4096
"""bytes that a tty hands over at once"""
RECEIVE_LIMIT: Final = 1 << 20
"""bytes waiting to be received at which reading is paused"""
DRAIN_POLLS: Final = 100
DRAIN_INTERVAL: Final = 0.0025
"""seconds between looks at a port that is being closed; together the time its last bytes have to leave"""


class _Protocol(asyncio.Protocol):
    """What pyserial-asyncio calls: collects bytes, and knows whether more may be written."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.arrived = asyncio.Event()
        self.writable = asyncio.Event()
        self.writable.set()
        self.closed = asyncio.Event()
        self.error: Exception | None = None
        self.transport: asyncio.ReadTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.ReadTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self.arrived.set()
        if self.transport and len(self.buffer) > RECEIVE_LIMIT:
            self.transport.pause_reading()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        self.closed.set()
        self.arrived.set()
        self.writable.set()


class _Transport(serial_asyncio.SerialTransport):
    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: _Protocol, device: serial.Serial) -> None:
        super().__init__(loop, protocol, device)
        self._max_read_size = READ_SIZE
        self.set_write_buffer_limits(high=PIECE - 1, low=PIECE // 4)

    def _fatal_error(self, exc: Exception, message: str = "") -> None:
        self._abort(exc)


class SerialStream(ByteStream):
    """A serial port as a byte stream; one task may receive while another one sends."""

    def __init__(self, port: str, transport: _Transport, protocol: _Protocol) -> None:
        self._port = port
        self._transport = transport
        self._protocol = protocol
        self._closing = False

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """The bytes that have arrived, at least one; TransportError when the port has gone."""
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
        """Sends all of a buffer; returns when no more than a few kilobytes of it wait in this process."""
        await anyio.lowlevel.checkpoint()
        view = memoryview(item).cast("B")
        for start in range(0, len(view), PIECE):
            self._check()
            self._transport.write(bytes(view[start : start + PIECE]))
            await self._protocol.writable.wait()
        self._check()

    async def send_eof(self) -> None:
        """A serial line has no end of file."""

    async def aclose(self) -> None:
        """Lets the last bytes leave, for a moment, and gives the port back."""
        if self._closing:
            return
        self._closing = True
        with anyio.CancelScope(shield=True):
            await anyio.lowlevel.checkpoint()
            if not self._protocol.closed.is_set():
                if not self._transport.is_closing():
                    await self._drain()
                self._transport.abort()
                await self._protocol.closed.wait()

    async def _drain(self) -> None:
        port = self._transport.serial
        # A port that was unplugged answers with OSError or termios.error, which other systems do not have.
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
                f"the serial port {self._port} has gone; is its cable plugged in?"
            ) from self._protocol.error


async def open_serial(rest: str) -> SerialStream:
    """Opens a port.

    Args:
        rest: ``PORT`` or ``PORT?baud=N``.

    Raises:
        TransportError: it is malformed, does not exist, is busy, must not be opened, or this is not asyncio.
    """
    port, baud = parse(rest)
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise TransportError(
            f"the serial port {port} needs asyncio, as pyserial-asyncio does; under trio tcp:, unix:, sim: and qemu: work"
        ) from None
    try:
        device = await anyio.to_thread.run_sync(_open, port, baud)
    except Exception as exc:  # OSError, ValueError, termios.error
        raise _refusal(port, baud, exc) from exc
    protocol = _Protocol()
    return SerialStream(port, _Transport(loop, protocol, device), protocol)


def parse(rest: str) -> tuple[str, int]:
    """Port and baud rate of what follows ``serial:``.

    Raises:
        TransportError: it is malformed.
    """
    port, _, query = rest.partition("?")
    if not port:
        raise TransportError("'serial:' names no port: write serial:PORT; `n6link devices` lists the ports")
    if not query:
        return port, DEFAULT_BAUD
    key, _, value = query.partition("=")
    if key != "baud":
        raise TransportError(f"'serial:{rest}' has the unknown option {key!r}; there is baud=N")
    if not value.isdecimal() or not 0 < int(value) <= 100_000_000:
        raise TransportError(f"'serial:{rest}' has baud={value!r}, which is not a baud rate")
    return port, int(value)


def _open(port: str, baud: int) -> serial.Serial:
    device = serial.Serial(port, baud, timeout=0, write_timeout=0, exclusive=True)
    # Adapters that collect bytes for 16 ms are asked not to; most drivers, and other systems, know nothing of it.
    with suppress(AttributeError, NotImplementedError, ValueError):
        device.set_low_latency_mode(True)
    return device


def _refusal(port: str, baud: int, exc: Exception) -> TransportError:
    """The sentence that tells why a port could not be opened, and what to do."""
    number = getattr(exc, "errno", None)
    # On Windows, pyserial has the original exception's text only.
    windows = re.search(r"(FileNotFound|Permission)Error", str(exc))
    if number in (errno.ENOENT, errno.ENXIO, errno.ENODEV) or (windows and windows[1] == "FileNotFound"):
        others = ", ".join(str(other) for other in devices()) or "none"
        return TransportError(
            f"there is no serial port {port}; is the board plugged in? Ports that are there: {others}"
        )
    if number in (errno.EBUSY, errno.EAGAIN) or windows:
        return TransportError(
            f"the serial port {port} is in use by another program; close the terminal, IDE or n6link that has it open"
        )
    if number in (errno.EACCES, errno.EPERM):
        return TransportError(
            f"this user may not open the serial port {port}; run: sudo usermod -aG dialout $USER, and log in again"
        )
    if isinstance(exc, ValueError):
        return TransportError(f"the serial port {port} does not do {baud} baud ({exc})")
    return TransportError(f"{port} cannot be used as a serial port ({exc})")
