"""One board for several programs.

The server owns the connection to the board, and speaks the protocol to each client as if it was the board. The device's side of the
protocol is the firmware's core, one instance per client (:mod:`n6link.serve.library`): a client can confuse only its own. Inferences go to the
board as they arrived: the board decodes inputs, computes reductions, and checks networks. :mod:`n6link.serve.desk` shares the board.

    client -- socket -- Client (core) -- orders -- Desk -- N6Device -- line -- board

While the board is away, connections are closed, and new ones are refused with the reason; sessions are kept. A client that
reconnects continues when the board is back, like a client that has the board alone.
"""

from __future__ import annotations

import logging
import math
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from n6link.device import N6Device
from n6link.errors import N6Error, TransportError
from n6link.serve import library, work
from n6link.serve.client import Board, Client
from n6link.serve.desk import Desk
from n6link.serve.listeners import Place, listening
from n6link.serve.served import Served
from n6link.session.state import AWAY, State
from n6link.transport import discovery, servers
from n6link.transport.socket_stream import SocketStream
from n6link.transport.url import default_url, port_of

MOST_CLIENTS: Final = 32
"""connections at a time"""
MOST_AWAY: Final = 8
"""clients without a connection whose results and keys are kept; the one that left first is removed first"""
GREETING: Final = 10.0
"""maximum seconds from a connection to its HELLO"""
GREETING_BYTES: Final = 64 * 1024
_logger = logging.getLogger("n6link.serve")


class Server:
    """See the top of this module.

    Args:
        url: of the board, as for :class:`n6link.N6Device`.
        places: where it listens, besides the socket at which programs look for the server of a board.
    """

    def __init__(self, url: str | None, places: Sequence[Place]) -> None:
        self._url = url
        self._places = places
        self._served: Served | None = None
        self._board: Board | None = None
        self._clients: list[Client] = []
        """those with a connection"""
        self._absent: dict[int, Client] = {}
        """those without one, by the nonce of their session"""
        self._greeting = 0
        self._obstacle = "not ready: its server starts"

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
        async with N6Device(url, reconnect=math.inf) as dev:
            with ExitStack() as stack:
                unique_id = dev.info.unique_id
                own = Place(path=servers.socket_of(unique_id), of_board=True)
                opened = [stack.enter_context(listening(place)) for place in (own, *self._places)]
                path = port.path if port else ""
                found = servers.Running(opened[0][1], dev.url, unique_id, path, os.getpid())
                try:
                    async with dev.events() as changes, anyio.create_task_group() as tasks:
                        desk = Desk(dev.info.slots)
                        await self._meet(dev, desk, tasks)
                        for listener, _ in opened:
                            tasks.start_soon(self._accept, listener, tasks)
                        stack.enter_context(servers.announced(found))
                        ready(dev, [url for _, url in opened])
                        async for change in changes:
                            if change.state in AWAY:
                                await self._board_left(change.reason)
                            elif change.state is State.OPEN:
                                await self._board_returned(dev, desk, tasks, rebooted=change.rebooted)
                            elif change.state is State.LOST:
                                raise TransportError(f"the board was lost: {change.reason}")
                finally:
                    self._forget()

    # ---- the board

    async def _meet(self, dev: N6Device, desk: Desk, tasks: TaskGroup) -> None:
        served = self._served = await Served.read(dev)
        self._board = Board(
            pointer=served.pointer,
            tick_hz=dev.info.tick_hz,
            tick=partial(served.tick, dev),
            infer=partial(work.infer, dev, desk),
            check=partial(work.check, dev),
            tasks=tasks,
        )
        self._obstacle = ""

    async def _board_left(self, reason: str) -> None:
        _logger.warning("the board is away: %s", reason)
        self._obstacle = f"away: {reason}"
        for client in tuple(self._clients):
            if client.stream:
                await client.stream.aclose()

    async def _board_returned(self, dev: N6Device, desk: Desk, tasks: TaskGroup, *, rebooted: bool) -> None:
        if not rebooted:
            self._obstacle = ""
            return
        for client in tuple(self._clients):  # their connections are closed, and end
            await client.left.wait()
        self._forget()
        try:
            await self._meet(dev, desk, tasks)
        except N6Error as error:
            self._obstacle = f"not usable: {error}"

    def _forget(self) -> None:
        for client in (*self._clients, *self._absent.values()):
            client.close()
        self._absent.clear()
        self._board = None
        if self._served:
            self._served.close()
            self._served = None

    # ---- clients

    async def _accept(self, listener: socket.socket, tasks: TaskGroup) -> None:
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
            if self._greeting + len(self._clients) >= 2 * MOST_CLIENTS:
                await stream.aclose()
            else:
                tasks.start_soon(self._welcome, stream)

    async def _welcome(self, stream: SocketStream) -> None:
        """Serves a connection until it ends, and closes it."""
        try:
            await self._serve(stream)
        finally:
            with anyio.CancelScope(shield=True):
                await stream.aclose()

    async def _serve(self, stream: SocketStream) -> None:
        self._greeting += 1
        try:
            data, nonce = await _read_greeting(stream)
        finally:
            self._greeting -= 1
        if nonce is None:
            return
        client = await self._client(nonce)
        if isinstance(client, str):
            await _refuse(stream, data, client)
            return
        client.left = anyio.Event()
        self._clients.append(client)
        try:
            await client.attend(stream, data)
        finally:
            self._clients.remove(client)
            self._keep(client)
            client.left.set()

    async def _client(self, nonce: int) -> Client | str:
        """The client that continues its session, or a new one; or why there can be none."""
        if nonce:
            for client in tuple(self._clients):
                if client.nonce == nonce and client.stream:  # its old connection is broken, and nobody has noticed
                    await client.stream.aclose()
                    await client.left.wait()
        if self._obstacle or not self._board:
            return self._obstacle
        if len(self._clients) >= MOST_CLIENTS:
            return f"in use by {MOST_CLIENTS} programs, the limit of its server"
        try:
            return self._absent.pop(nonce, None) or Client(self._board)
        except MemoryError as error:
            return f"not able to serve another program: {error}"

    def _keep(self, client: Client) -> None:
        """A client has no connection any more: if it has left, its orders end."""
        if self._obstacle:
            client.relink()
        else:
            client.leave()
        if not client.nonce or self._served is None:
            client.close()
            return
        self._absent[client.nonce] = client
        while len(self._absent) > MOST_AWAY:
            self._absent.pop(next(iter(self._absent))).close()


async def _read_greeting(stream: SocketStream) -> tuple[bytes, int | None]:
    """The bytes of a connection with its HELLO, and the nonce of the session that it continues; None = there is no HELLO."""
    data = b""
    try:
        with anyio.move_on_after(GREETING):
            while len(data) < GREETING_BYTES:
                data += await stream.receive()
                if (nonce := library.resumed(data)) is not None:
                    return data, nonce
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        pass
    return data, None


async def _refuse(stream: SocketStream, data: bytes, why: str) -> None:
    try:
        with anyio.move_on_after(GREETING):
            await stream.send(library.refuse(data, why))
            await stream.send_eof()
    except (anyio.BrokenResourceError, OSError):
        pass
