"""The places of a server, and the board that it shares there: opens both, and passes connections to :mod:`n6link.serve.sharing`.

:mod:`n6link.serve.boards` runs a server for each of several boards.
"""

from __future__ import annotations

import logging
import math
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import anyio
import anyio.to_thread

from n6link.device import N6Device
from n6link.serve import library
from n6link.serve.listeners import Place, listening
from n6link.serve.record import Record
from n6link.serve.sharing import Sharing
from n6link.transport import discovery, servers
from n6link.transport.socket_stream import SocketStream
from n6link.transport.url import default_url, port_of

_logger = logging.getLogger("n6link.serve")


class Server:
    """See the top of this module.

    Args:
        url: of the board, as for :class:`n6link.N6Device`.
        places: where it listens, besides the socket at which programs look for the server of a board; a path may contain ``{id}``.
        record: what its clients do; None = this is not recorded.
    """

    def __init__(self, url: str | None, places: Sequence[Place], record: Record | None = None) -> None:
        self._url = url
        self._record = record
        self._places = places

    async def run(self, ready: Callable[[N6Device, Sequence[str]], None] = lambda dev, urls: None) -> None:
        """Serves until it is cancelled.

        Args:
            ready: called with the board and the URLs for clients when clients can connect.

        Raises:
            TransportError: the board cannot be opened, or was lost and does not return; or the server cannot listen.
            N6Error: as for :class:`n6link.N6Device`.
        """
        library.library()
        url = self._url or await anyio.to_thread.run_sync(default_url) or (await discovery.find_board()).url
        port = await port_of(url)
        dev = N6Device(url, reconnect=math.inf)
        dev.connection.direct = True
        async with dev:
            with ExitStack() as stack:
                unique_id = dev.info.unique_id
                places = _own_place(dev), *(place.of(unique_id or servers.UNNAMED) for place in self._places)
                opened = [stack.enter_context(listening(place)) for place in places]
                path = port.path if port else ""
                found = servers.Running(opened[0][1], dev.url, unique_id, path, os.getpid())
                sharing = Sharing(dev, self._record.board(dev) if self._record else None)
                async with anyio.create_task_group() as tasks:
                    await tasks.start(sharing.run)
                    for listener, _ in opened:
                        tasks.start_soon(_accept, listener, sharing)
                    stack.enter_context(servers.announced(found))
                    ready(dev, [url for _, url in opened])


def _own_place(dev: N6Device) -> Place:
    """Where programs look for the server of a board."""
    path = servers.socket_of(dev.info.unique_id)
    taken = f"another server has this board, at unix:{path}; stop it, or use it through this URL"
    if dev.info.simulated:
        taken += "; virtual boards that have different ids can be served at the same time: sim:?id=NAME"
    return Place(path=path, taken=taken)


async def _accept(listener: socket.socket, sharing: Sharing) -> None:
    while True:
        await anyio.wait_readable(listener)
        try:
            connected, _ = listener.accept()
        except OSError as error:  # it has gone already, or there are too many descriptors
            _logger.warning("a client could not be accepted: %s", error)
            await anyio.sleep(0.05)
            continue
        if connected.family != socket.AF_UNIX:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = SocketStream(connected)
        if not sharing.accept(stream):
            await stream.aclose()
