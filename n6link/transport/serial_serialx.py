"""Opens serial ports with serialx, an optional library (``pip install 'n6link[serialx]'``): less work for each small frame.

``make bench BENCH=links`` compares it with pyserial-asyncio.
"""

from __future__ import annotations

import asyncio
import importlib.util
from typing import Final

import anyio

from n6link.transport.serial_protocol import PIECE, Device, PortProtocol, SetBaud, Transport

OLDEST: Final = (1, 15)
"""first version that this module was tested with"""


def installed() -> bool:
    """Whether a version that can be used is installed."""
    if importlib.util.find_spec("serialx") is None:
        return False
    from importlib import metadata

    major, minor, *_ = metadata.version("serialx").split(".")
    return (int(major), int(minor)) >= OLDEST


async def connect(path: str, baud: int, protocol: PortProtocol) -> tuple[Transport, Device, SetBaud]:
    """Opens a port; see :class:`n6link.transport.serial_protocol.Library`."""
    import serialx

    transport: serialx.BaseSerialTransport | None = None
    with anyio.CancelScope(shield=True):  # takes milliseconds; serialx does not close the port if it is cancelled
        loop = asyncio.get_running_loop()
        transport, _ = await serialx.create_serial_connection(loop, lambda: protocol, path, baud)
    assert transport
    transport.set_write_buffer_limits(high=PIECE - 1, low=PIECE // 4)
    port = transport.serial
    return transport, port, lambda baud: port.reconfigure_port(baudrate=baud)
