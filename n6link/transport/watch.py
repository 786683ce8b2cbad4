"""Hot-plug: reports ports that are connected and disconnected.

::

    async for change in n6link.watch():
        print("+" if change.added else "-", change.port)

The list of ports is read periodically, in a thread. This takes less than a millisecond, does not require rights, and works on every system,
in containers, and with asyncio and trio.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

import anyio
import anyio.to_thread

from n6link.errors import BadInput
from n6link.transport.ports import Port, devices


@dataclass(frozen=True, slots=True)
class PortChange:
    """A port was connected or disconnected.

    Attributes:
        added: connected.
        port: the port, as it is or was.
    """

    added: bool
    port: Port


async def watch(interval: float = 0.5, *, all_ports: bool = False) -> AsyncGenerator[PortChange, None]:
    """Reports the existing ports as connected, and then every change.

    On Linux, a board that was disconnected and connected again within the interval is reported as both.

    Args:
        interval: seconds between two readings of the list.
        all_ports: also report ports that are not those of a board.

    Raises:
        BadInput: the interval is out of range.
    """
    if not 0.01 <= interval <= 3600:
        raise BadInput(f"interval={interval} is out of range; use 0.01 to 3600 seconds")
    seen: dict[Port, None] = {}  # keeps the order
    while True:
        now = dict.fromkeys(port for port in await anyio.to_thread.run_sync(devices) if port.kind or all_ports)
        before, seen = seen, now
        for port in before:
            if port not in now:
                yield PortChange(False, port)
        for port in now:
            if port not in before:
                yield PortChange(True, port)
        await anyio.sleep(interval)
