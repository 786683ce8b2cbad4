"""One board and its clients, whatever carries the bytes of these.

The server speaks the protocol to each client as if it was the board. The device's side of the protocol is the firmware's core, one
instance per client (:mod:`n6link.serve.library`): a client can confuse only its own. Inferences go to the board as they
arrived: the board decodes inputs, computes reductions, and checks networks. :mod:`n6link.serve.desk` shares the board.

    client -- stream -- Client (core) -- orders -- Desk -- N6Device -- line -- board

While the board is away, connections are closed, and new ones are refused with the reason; sessions are kept. A client that
reconnects continues when the board is back, like a client that has the board alone.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Final

import anyio
from anyio.abc import TaskGroup, TaskStatus

from n6link.device import N6Device
from n6link.errors import N6Error, RemoteProtocolError, TransportError
from n6link.protocol import LogLevel
from n6link.serve import library, work
from n6link.serve.client import Board, Client, Stream
from n6link.serve.desk import Desk
from n6link.serve.record import BoardRecord
from n6link.serve.served import Served
from n6link.session.state import AWAY, State

MOST_CLIENTS: Final = 32
"""connections at a time"""
MOST_AWAY: Final = 8
"""clients without a connection whose results and keys are kept; the one that left first is removed first"""
AGAIN: Final = 1.0
"""seconds after which a board that did not describe itself is asked again"""
GREETING: Final = 10.0
"""maximum seconds from a connection to its HELLO"""
GREETING_BYTES: Final = 64 * 1024
_logger = logging.getLogger("n6link.serve")


class Sharing:
    """See the top of this module.

    Args:
        dev: the board, open; with ``reconnect``.
        record: what its clients do; None = this is not recorded.
    """

    def __init__(self, dev: N6Device, record: BoardRecord | None = None) -> None:
        self._dev = dev
        self._record = record
        self._desk = Desk(dev.info.slots)
        self._tasks: TaskGroup | None = None
        self._served: Served | None = None
        self._board: Board | None = None
        self._clients: list[Client] = []
        """those with a connection"""
        self._absent: dict[int, Client] = {}
        """those without one, by the nonce of their session"""
        self._greeting = 0
        self._log_level = int(LogLevel.WARNING)
        """of the board: the lowest that a client wants"""
        self._levelled = anyio.Event()
        self._obstacle = ""

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Serves until it is cancelled; has started when clients can connect.

        Raises:
            TransportError: the board was lost and does not return.
            N6Error: its description cannot be used.
        """
        lost = ""
        try:
            async with self._dev.events() as changes, anyio.create_task_group() as tasks:
                await self._meet(tasks)
                self._tasks = tasks
                tasks.start_soon(self._pass_log)
                tasks.start_soon(self._keep_log_level)
                if self._record:
                    tasks.start_soon(self._record.follow)
                task_status.started()
                async for change in changes:
                    if change.state in AWAY:
                        await self._board_left(change.reason)
                    elif change.state is State.OPEN:
                        await self._board_returned(tasks, rebooted=change.rebooted)
                    elif change.state is State.LOST:
                        lost = change.reason
                        break
                tasks.cancel_scope.cancel()
        finally:
            self._tasks = None
            self._forget()
        raise TransportError(f"the board was lost: {lost}")

    def accept(self, stream: Stream) -> bool:
        """Serves a connection, until it ends; False: there are too many, and the connection is not used."""
        if not self._tasks or self._greeting + len(self._clients) >= 2 * MOST_CLIENTS:
            return False
        self._tasks.start_soon(self._welcome, stream)
        return True

    # ---- the board

    async def _meet(self, tasks: TaskGroup) -> None:
        dev, desk = self._dev, self._desk
        served = self._served = await Served.read(dev)
        self._board = Board(
            pointer=served.pointer,
            tick_hz=dev.info.tick_hz,
            tick=partial(served.tick, dev),
            infer=partial(work.infer, dev, desk),
            check=partial(work.check, dev),
            levelled=lambda: self._levelled.set(),
            tasks=tasks,
            record=self._record,
        )
        self._obstacle = ""

    async def _board_left(self, reason: str) -> None:
        _logger.warning("the board is away: %s", reason)
        self._obstacle = f"away: {reason}"
        for client in tuple(self._clients):
            if client.stream:
                await client.stream.aclose()

    async def _board_returned(self, tasks: TaskGroup, *, rebooted: bool) -> None:
        if self._board and not rebooted:
            self._obstacle = ""
            return
        for client in tuple(self._clients):  # their connections are closed, and end
            await client.left.wait()
        self._forget()
        while not self._board and self._dev.state is State.OPEN:  # else it is away again, and will return
            try:
                await self._meet(tasks)
            except RemoteProtocolError as error:
                self._obstacle = f"not usable: {error}"
                return
            except N6Error as error:
                self._obstacle = f"not usable: {error}"
                await anyio.sleep(AGAIN)

    def _forget(self) -> None:
        for client in (*self._clients, *self._absent.values()):
            client.close()
        self._absent.clear()
        self._board = None
        if self._served:
            self._served.close()
            self._served = None

    async def _pass_log(self) -> None:
        """Passes lines of the board's log to all clients that want them."""
        lost = 0
        async with self._dev.logs() as lines:
            async for line in lines:
                for client in tuple(self._clients):
                    client.log(line, lines.dropped - lost)
                lost = lines.dropped

    async def _keep_log_level(self) -> None:
        """The board sends what at least one client wants."""
        while True:
            self._levelled = anyio.Event()
            wanted = min([int(LogLevel.WARNING), *(client.log_level for client in self._clients)])
            if wanted == self._log_level:
                await self._levelled.wait()
                continue
            try:
                await self._dev.set_log_level(wanted)
                self._log_level = wanted
            except N6Error as error:
                _logger.warning("the level of the board's log cannot be set: %s", error)
                await self._levelled.wait()

    # ---- clients

    async def _welcome(self, stream: Stream) -> None:
        """Serves a connection until it ends, and closes it."""
        try:
            await self._serve(stream)
        finally:
            with anyio.CancelScope(shield=True):
                await stream.aclose()

    async def _serve(self, stream: Stream) -> None:
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
        if client.record:
            client.record.note("a program has connected")
        try:
            await client.attend(stream, data)
        finally:
            if client.record:
                client.record.note(f"{client.name} has disconnected")
            self._clients.remove(client)
            self._levelled.set()
            self._keep(client)
            client.left.set()

    async def _client(self, nonce: int) -> Client | str:
        """The client that continues its session, or a new one; or why there can be none."""
        if nonce:
            for client in tuple(self._clients):
                if client.had(nonce) and client.stream:  # its old connection is broken, and nobody has noticed
                    await client.stream.aclose()
                    await client.left.wait()
        if self._obstacle or not self._board:
            return self._obstacle
        if len(self._clients) >= MOST_CLIENTS:
            return f"in use by {MOST_CLIENTS} programs, the limit of its server"
        try:
            kept = next((client for client in self._absent.values() if client.had(nonce)), None)
            return self._absent.pop(kept.nonce) if kept else Client(self._board)
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
        if other := self._absent.pop(client.nonce, None):  # a program has sent a HELLO of another one again
            other.close()
        self._absent[client.nonce] = client
        while len(self._absent) > MOST_AWAY:
            self._absent.pop(next(iter(self._absent))).close()


async def _read_greeting(stream: Stream) -> tuple[bytes, int | None]:
    """The bytes of a connection with its HELLO, and the nonce of the session that it continues; None = there is no HELLO."""
    data = b""
    try:
        with anyio.move_on_after(GREETING):
            while len(data) < GREETING_BYTES:
                data += await stream.receive(GREETING_BYTES)
                if (nonce := library.resumed(data)) is not None:
                    return data, nonce
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        pass
    return data, None


async def _refuse(stream: Stream, data: bytes, why: str) -> None:
    try:
        with anyio.move_on_after(GREETING):
            await stream.send(library.refuse(data, why))
            await stream.send_eof()
    except (anyio.BrokenResourceError, OSError):
        pass
