"""The part of pyserial-asyncio that the serial transport uses; the package has no types of its own."""

import asyncio

from serial import Serial

class SerialTransport(asyncio.Transport):
    _max_read_size: int
    def __init__(
        self, loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol, serial_instance: Serial
    ) -> None: ...
    @property
    def serial(self) -> Serial: ...
    def _abort(self, exc: BaseException | None) -> None: ...
    def _fatal_error(self, exc: Exception, message: str = ...) -> None: ...
