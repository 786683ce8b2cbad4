"""Opens serial ports with pyserial-asyncio.

Its transport is changed in these points:

* When it is closed, it waits without limit for the last byte, and blocks the event loop: it is always aborted instead.
* It reads only one kilobyte per call, with several system calls for each read, and copies all that waits for each write. This module does not.
* When a port is unplugged it logs a traceback. This module does not.
* Opening and configuring a port takes milliseconds: this is done in a thread.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from functools import partial
from typing import Final

import anyio.to_thread
import serial
import serial_asyncio

from n6link.transport.serial_protocol import PIECE, Device, PortProtocol, SetBaud, Transport

READ_SIZE: Final = 4096
"""maximum number of bytes that a tty returns per read"""


class _Transport(serial_asyncio.SerialTransport):
    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: PortProtocol, device: serial.Serial) -> None:
        super().__init__(loop, protocol, device)
        self._closed = protocol.closed
        # Its default of 1024 costs four times as many turns of the event loop.
        self._max_read_size = READ_SIZE
        self.set_write_buffer_limits(high=PIECE - 1, low=PIECE // 4)

    async def wait_closed(self) -> None:
        await self._closed.wait()

    if os.name != "nt":

        def _read_ready(self) -> None:
            # The original asks the system whether there are bytes, which the event loop has just done.
            try:
                data = os.read(self.serial.fileno(), READ_SIZE)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._close(serial.SerialException(f"read failed: {error}"))
                return
            if data:
                self._protocol.data_received(data)
            else:
                self._close(serial.SerialException("the port was unplugged"))

        def _write_ready(self) -> None:
            # The original copies all that waits for each write, and a tty takes 4 KB.
            waiting = self._write_buffer
            while waiting:
                try:
                    written = os.write(self.serial.fileno(), waiting[0])
                except (BlockingIOError, InterruptedError):
                    break
                except OSError as error:
                    self._fatal_error(serial.SerialException(f"write failed: {error}"))
                    return
                if written < len(waiting[0]):
                    waiting[0] = memoryview(waiting[0])[written:]
                    break
                del waiting[0]
            if not waiting:
                self._remove_writer()
            self._maybe_resume_protocol()
            if self._closing and not waiting:
                self._close()

    def _fatal_error(self, exc: Exception, message: str = "") -> None:
        self._abort(exc)  # the original also calls the event loop's exception handler, which logs a traceback


async def connect(path: str, baud: int, protocol: PortProtocol) -> tuple[Transport, Device, SetBaud]:
    """Opens a port; see :class:`n6link.transport.serial_protocol.Library`."""
    device = await anyio.to_thread.run_sync(_open, path, baud)
    return _Transport(asyncio.get_running_loop(), protocol, device), device, partial(setattr, device, "baudrate")


def _open(path: str, baud: int) -> serial.Serial:
    device = serial.Serial(path, baud, timeout=0, write_timeout=0, exclusive=True)
    # Some USB adapters (FTDI) collect bytes for 16 ms; this switches it off. Most drivers and other systems do not have it.
    with suppress(AttributeError, NotImplementedError, ValueError):
        device.set_low_latency_mode(True)
    return device
