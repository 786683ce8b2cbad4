"""Connects TCP sockets, to the first address of a host that accepts ("happy eyeballs", RFC 8305).

anyio has this too, but its stream cannot be used as a :class:`~n6link.transport.socket_stream.SocketStream`: with asyncio a ping over its
stream costs twice the CPU time.
"""

from __future__ import annotations

import os
import socket
from functools import partial
from itertools import chain, zip_longest
from typing import Any, Final, TypeAlias

import anyio
import anyio.to_thread

DELAY: Final = 0.25
"""seconds after which the next address is tried too; RFC 8305, section 8"""
_Address: TypeAlias = tuple[int, int, int, Any]
"""family, type, protocol and address of a socket"""


async def connect(host: str, port: int) -> socket.socket:
    """A connected socket that does not block.

    Raises:
        OSError: no address accepts; the error of the first one. ``socket.gaierror``: the host has none.
    """
    # Not anyio.getaddrinfo(): a loop of asyncio that has used its own threads starts one more when it ends, and
    # CPython 3.12 refuses that in a program that ends without closing its device.
    listed = await anyio.to_thread.run_sync(
        partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM), abandon_on_cancel=True
    )
    found: list[_Address] = [(family, kind, protocol, address) for family, kind, protocol, _, address in listed]
    families = [
        [entry for entry in found if entry[0] == family] for family in dict.fromkeys(entry[0] for entry in found)
    ]
    errors: list[OSError] = []
    winner: socket.socket | None = None

    async def attempt(entry: _Address, failed: anyio.Event) -> None:
        nonlocal winner
        try:
            connected = await _connect(*entry)
        except OSError as error:
            errors.append(error)
            failed.set()
            return
        if winner:
            connected.close()
        else:
            winner = connected
            tasks.cancel_scope.cancel()

    try:
        async with anyio.create_task_group() as tasks:
            for entry in chain.from_iterable(zip_longest(*families)):  # the families take turns
                if entry:
                    failed = anyio.Event()
                    tasks.start_soon(attempt, entry, failed)
                    with anyio.move_on_after(DELAY):
                        await failed.wait()
    except BaseException:
        if winner:
            winner.close()
        raise
    if winner is None:
        raise errors[0]
    winner.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
    return winner


async def _connect(family: int, kind: int, protocol: int, address: Any) -> socket.socket:
    connecting = socket.socket(family, kind, protocol)
    try:
        connecting.setblocking(False)
        try:
            connecting.connect(address)
        except BlockingIOError:
            await anyio.wait_writable(connecting)
            if number := connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(number, os.strerror(number)) from None
    except BaseException:
        connecting.close()
        raise
    return connecting
