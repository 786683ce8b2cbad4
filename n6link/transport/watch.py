"""Hot-plug: ports that come and go.

::

    async for change in n6link.watch():
        print("+" if change.added else "-", change.port)

The list of ports is read again and again, in a thread. It costs less than a millisecond, needs no rights, works on every system, in
containers, and under asyncio and trio.
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
    """A port has appeared, or has gone.

    Attributes:
        added: whether it is there now.
        port: what it is, or was.
    """

    added: bool
    port: Port


async def watch(interval: float = 0.5, *, all_ports: bool = False) -> AsyncGenerator[PortChange, None]:
    """Reports the ports that are there, and then each one that comes or goes.

    A board that was taken out and put back between two looks is reported as both, on Linux.

    Args:
        interval: seconds between two looks.
        all_ports: also report ports that no board of ours is attached by.

    Raises:
        BadInput: the interval is not one.
    """
    if not 0.01 <= interval <= 3600:
        raise BadInput(f"interval={interval} cannot be used; give 0.01 to 3600 seconds")
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
