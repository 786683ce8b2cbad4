"""What a serial port and the library that opens it have in common: an asyncio protocol, and the types of the library."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeAlias

PIECE: Final = 16 * 1024
"""maximum number of bytes per write to the transport"""
RECEIVE_LIMIT: Final = 1 << 20
"""reading is paused if more bytes than this wait for ``receive``"""


class PortProtocol(asyncio.Protocol):
    """The callbacks of pyserial-asyncio: passes on or collects received bytes, and stores whether more may be written."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.listener: Callable[[bytes], None] | None = None
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
        """Passes received bytes to the listener, or stores them; pauses reading if they are too many."""
        if self.listener:
            self.listener(data)
            return
        self.buffer += data
        self.arrived.set()
        if self.transport and len(self.buffer) > RECEIVE_LIMIT:
            self.transport.pause_reading()

    def take(self, max_bytes: int) -> bytes:
        """Removes received bytes; reads again if this ends a pause."""
        paused = len(self.buffer) > RECEIVE_LIMIT
        data = bytes(memoryview(self.buffer)[:max_bytes])
        del self.buffer[:max_bytes]
        if paused and len(self.buffer) <= RECEIVE_LIMIT and self.transport and not self.closed.is_set():
            self.transport.resume_reading()
        return data

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


class Transport(Protocol):
    """The methods of an asyncio transport that are used."""

    def write(self, data: bytes | memoryview) -> None:
        """Writes, or stores in the write buffer."""

    def get_write_buffer_size(self) -> int:
        """Bytes in the write buffer."""
        ...

    def pause_reading(self) -> None:
        """Bytes stay in the system."""

    def resume_reading(self) -> None:
        """Ends the pause."""

    def is_closing(self) -> bool:
        """Whether it is closed, or will be without further calls."""
        ...

    def abort(self) -> None:
        """Closes the port without a wait for the last bytes."""

    async def wait_closed(self) -> None:
        """Waits until the port is closed, or the event loop has cancelled that."""


class Device(Protocol):
    """The methods of an open port that are used."""

    def fileno(self) -> int:
        """Its descriptor."""
        ...

    def reset_output_buffer(self) -> None:
        """Clears the driver's queue."""

    @property
    def out_waiting(self) -> int:
        """Bytes in the driver's queue."""
        ...


SetBaud: TypeAlias = Callable[[int], None]
"""sets the bit rate of an open port; takes milliseconds"""
Library: TypeAlias = Callable[[str, int, PortProtocol], Awaitable[tuple[Transport, Device, SetBaud]]]
"""opens a port by its path, at a baud rate, for a protocol; the write buffer of the transport has the limit PIECE"""
