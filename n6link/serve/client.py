"""One client of a server: its core, its connection and its orders.

Bytes of the client go to its core, and bytes of the core to the client. The core gives orders to the board; each is a task of the
server, whose answer goes back to the core. A client that does not read its answers is not read any more, and gives no further orders.
Lines of the board's log wait for it, the newest :data:`LINES`; those that it has lost are counted in the next one.
"""

from __future__ import annotations

import ctypes
import math
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import anyio
import anyio.lowlevel
import numpy as np
from anyio.abc import TaskGroup

from n6link import ambient
from n6link.protocol import InferFlag, Limit, LogLevel, records
from n6link.protocol.codec import text
from n6link.serve.desk import Share
from n6link.serve.library import CHECK, Answer, Order, Turn, library
from n6link.serve.record import BoardRecord, ClientRecord
from n6link.serve.served import words
from n6link.serve.work import Done
from n6link.session.inference import Job
from n6link.session.subscription import LogRecord

READ: Final = 256 * 1024
"""maximum bytes of one turn in each direction; then other clients have theirs"""
LINES: Final = 256
"""lines of the log that wait at most for a client that does not read"""
_NEVER: Final = (1 << 64) - 1
_MOST_32: Final = (1 << 32) - 1


class Stream(Protocol):
    """The connection of a client; a :class:`n6link.transport.socket_stream.SocketStream` is one."""

    async def receive(self, max_bytes: int) -> bytes:
        """Received bytes, at least one."""
        ...

    async def send(self, item: bytes) -> None:
        """Sends all bytes."""

    def send_nowait(self, item: memoryview) -> int:
        """Sends as many bytes as possible without waiting; returns their number."""
        ...

    async def send_eof(self) -> None:
        """Closes the direction to the client."""

    async def aclose(self) -> None:
        """Closes the connection."""


@dataclass(frozen=True, slots=True)
class Board:
    """What a client uses of its server."""

    pointer: int
    """the board, for functions of the library"""
    tick_hz: int
    tick: Callable[[], int]
    """sets the clock of the board, and returns it"""
    infer: Callable[[Share, Job, float, ClientRecord | None], Awaitable[Done]]
    check: Callable[[int], Awaitable[Done]]
    levelled: Callable[[], None]
    """called when a client wants another level of the log"""
    tasks: TaskGroup
    """for its orders"""
    record: BoardRecord | None = None


class Client:
    """See the top of this module.

    Attributes:
        share: what it has used of the board.
        record: what it does; None = this is not recorded.
        stream: its connection; None = it has none.
        log_level: minimum level of the lines that it wants.
        left: set when its connection has ended, and the server has noted it.
    """

    def __init__(self, board: Board) -> None:
        self.share = Share()
        self.record = board.record.client() if board.record else None
        self.stream: Stream | None = None
        self.log_level = int(LogLevel.NONE)
        self._board = board
        self._library = library()
        self._core: int | None = self._library.n6_serve_open(board.pointer)
        if not self._core:
            raise MemoryError("there is not enough memory for another client")
        self._out = ctypes.create_string_buffer(READ)
        self._turned, self._order = Turn(), Order()
        self._unsent = b""
        self._answers: deque[tuple[int, Done]] = deque()
        self._nonces: deque[int] = deque([0, 0], maxlen=2)
        self._lines: deque[LogRecord] = deque()
        self._lost = 0
        """lines before those that wait"""
        self._scopes: dict[int, anyio.CancelScope] = {}
        self._sent, self._blocked, self._sooner = anyio.Event(), anyio.Event(), anyio.Event()
        self._due = self._planned = math.inf
        self.left = anyio.Event()

    @property
    def nonce(self) -> int:
        """Of its session, also of one that it has left; 0 = none."""
        return int(self._library.n6_serve_nonce(self._core))

    def had(self, nonce: int) -> bool:
        """Whether this was the number of its session, or the one before: the program may not have got the answer to its last HELLO."""
        return nonce != 0 and nonce in (self.nonce, *self._nonces)

    @property
    def name(self) -> str:
        """Of its program."""
        return text(self._library.n6_serve_name(self._core)) or "an unnamed program"

    # ---- the connection

    async def attend(self, stream: Stream, first: bytes) -> None:
        """Serves it over a connection, until the connection ends.

        Args:
            stream: the connection.
            first: its first bytes.
        """
        self.stream, self._unsent = stream, b""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._write, stream)
                tasks.start_soon(self._keep)
                await self._take(first)
                while True:
                    await self._take(await stream.receive(READ))
        except* (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass
        finally:
            self.stream = None
            self._blocked.set()

    def relink(self) -> None:
        """Its connection has ended, and it may continue its session over another one."""
        self._library.n6_serve_relink(self._core)

    def leave(self) -> None:
        """It has left: its orders end, and what it held is free; its results and keys are kept."""
        self._withdraw_all()
        self._library.n6_serve_leave(self._core)

    def close(self) -> None:
        """Frees its memory."""
        self._withdraw_all()
        if self._core:
            self._library.n6_serve_close(self._core)
            self._core = None

    def _withdraw_all(self) -> None:
        for scope in self._scopes.values():
            scope.cancel()
        self._scopes.clear()
        self._answers.clear()

    async def _take(self, data: bytes) -> None:
        while data:
            data = data[self.turn(data) :]
            await (self._sent.wait() if self._unsent else anyio.lowlevel.checkpoint())

    async def _write(self, stream: Stream) -> None:
        while True:
            if self._unsent:
                await stream.send(self._unsent)
                self._unsent = b""
                self._sent.set()  # before the turn, which may replace it
                self.turn()
            else:
                self._blocked = anyio.Event()
                await self._blocked.wait()

    async def _keep(self) -> None:
        """Gives the core a turn when it is due: for deadlines, statistics, and frames whose bytes have stopped."""
        while True:
            self._planned, self._sooner = self._due, anyio.Event()
            with anyio.move_on_after(max(self._planned - ambient.monotonic(), 0.0)):
                await self._sooner.wait()
            if self._due <= ambient.monotonic():
                self.turn()

    def log(self, line: LogRecord, lost: int = 0) -> None:
        """Passes it a line of the board's log, if it wants lines of this level.

        Args:
            line: the line.
            lost: number of lines before it that the server has lost.
        """
        if line.level < self.log_level:
            return
        self._lost += lost
        self._lines.append(line)
        if len(self._lines) > LINES:
            self._lines.popleft()
            self._lost += 1
        self.turn()

    # ---- turns of the core

    def turn(self, data: bytes = b"") -> int:
        """Gives its core a turn, and starts and ends orders.

        Args:
            data: that have arrived.

        Returns:
            Number of bytes that were taken.
        """
        taken, turned = 0, self._turned
        while True:
            now = self._board.tick()
            room = 0 if self._unsent or not self.stream else READ
            view = data[taken:] if taken else data
            self._library.n6_serve_turn(self._core, view, len(view), self._out, room, turned)
            taken += int(turned.taken)
            if turned.made:
                self._send(turned.made)
            if turned.orders:
                self._take_orders(now)
            elif not (self._give_answers() | self._give_lines()) and (turned.due or not room):
                break
        if turned.log_level != self.log_level:
            self.log_level = int(turned.log_level)
            self._board.levelled()
        if data and (nonce := self.nonce) != self._nonces[-1]:
            self._nonces.append(nonce)
        self._due = math.inf if turned.due >= _NEVER >> 1 else ambient.monotonic() + turned.due / self._board.tick_hz
        if self._due < self._planned:
            self._sooner.set()
        return taken

    def _send(self, size: int) -> None:
        assert self.stream
        made = memoryview(self._out)[:size]
        sent = self.stream.send_nowait(made)
        if sent < size:
            self._unsent = bytes(made[sent:])
            self._blocked.set()
            self._sent = anyio.Event()

    def _take_orders(self, now: int) -> None:
        order = self._order
        while self._library.n6_serve_order(self._core, order):
            if order.withdrawn:
                if scope := self._scopes.pop(order.number, None):
                    scope.cancel()
                continue
            scope = self._scopes[order.number] = anyio.CancelScope()
            if order.number == CHECK:
                work = partial(self._board.check, order.network)
            else:
                since = ambient.monotonic() - (now - order.ready_at) / self._board.tick_hz
                work = partial(self._board.infer, self.share, self._job(order, now), since, self.record)
            self._board.tasks.start_soon(self._carry_out, order.number, scope, work)

    def _job(self, order: Order, now: int) -> Job:
        deadline = None
        if order.deadline != _NEVER:
            deadline = ambient.monotonic() + (order.deadline - now) / self._board.tick_hz
        size = records.Return.SIZE * order.returns
        parts = records.Part.SIZE * order.parts
        return Job(
            network=order.network,
            # A copy: the memory belongs to the core, which may use it again when the order is withdrawn.
            image=memoryview(ctypes.string_at(order.input, order.length)),
            returns=bytes(order.records)[:size],
            timers=bool(order.flags & InferFlag.TIMERS),
            priority=order.priority,
            deadline=deadline,
            parts=ctypes.string_at(order.part, parts) if parts else b"",
        )

    async def _carry_out(self, number: int, scope: anyio.CancelScope, work: Callable[[], Awaitable[Done]]) -> None:
        done: Done | None = None
        with scope:
            done = await work()
        self._note_waits()
        if done is None or self._scopes.get(number) is not scope:
            return
        del self._scopes[number]
        self._answers.append((number, done))
        self.turn()

    def _note_waits(self) -> None:
        """For the list of clients."""
        if self._core:
            share = self.share
            self._library.n6_serve_waits(
                self._core, share.waits, round(share.waited * 1e6), min(round(share.longest * 1e6), _MOST_32)
            )

    def _give_answers(self) -> bool:
        """Passes answers to the core; returns whether it has taken some, and needs another turn."""
        given = False
        while self._answers and self._give(*self._answers[0]):
            self._answers.popleft()
            given = True
        return given

    def _give_lines(self) -> bool:
        """Passes lines of the log to the core; returns whether it has taken some, and needs another turn."""
        given = False
        while self._lines:
            line, lost = self._lines[0], self._lost
            self._lost = 0
            ticks = round((line.time or 0.0) * self._board.tick_hz)
            if not self._library.n6_serve_log(self._core, min(line.level, 255), line.text.encode(), ticks, lost):
                break
            self._lines.popleft()
            given = True
        return given

    def _give(self, number: int, done: Done) -> bool:
        answer = Answer(
            number=number, status=done.status, field=int(Limit.NO_FIELD), value=done.value, text=done.text.encode()
        )
        if done.payload and number == CHECK:
            answer.check = words(done.payload)
        elif done.payload:
            result = words(done.payload)
            packed = words(done.records) if done.records else None
            data = np.frombuffer(done.data, np.uint8) if done.data else None
            answer.result = ctypes.addressof(result)
            answer.records = ctypes.addressof(packed) if packed is not None else None
            answer.data = data.ctypes.data if data is not None else None
        return bool(self._library.n6_serve_answer(self._core, answer))
