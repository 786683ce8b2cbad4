"""A link in the world: the tasks that read, write and wait, and a mailbox for each call. Nothing here knows networks.

Three tasks serve a :class:`n6link.link.link.Link` for as long as the device is open:

* the *reader* feeds it and hands its events to their mailboxes. It never writes, so that two full pipes cannot lock
  each other up;
* the *writer* is the only one that writes, whole frames, and is never cancelled by a call: whatever a call does, no
  frame is ever cut in two;
* the *keeper* looks every few milliseconds, while something is under way, at what silence means.

A call puts requests into the link, wakes the writer, and waits for its mailbox; it may be cancelled at any time, and a
late answer is dropped by the link. When the stream breaks or the device forgets the session, every waiting call gets
the error at once, and so does every later one.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self

import anyio
from anyio.abc import ByteStream, TaskGroup

from n6link import ambient
from n6link.errors import DeviceRebooted, N6Error, N6Timeout, RemoteProtocolError, TransportError, innermost
from n6link.link import diagnosis
from n6link.link.events import (
    Begun,
    Event,
    Failed,
    LogLine,
    Lost,
    Opened,
    Received,
    Refused,
    Reply,
    StatsPushed,
    Stray,
    Unasked,
)
from n6link.link.exchange import Exchange, Inference
from n6link.link.handshake import Greeting
from n6link.link.link import Link
from n6link.link.retry import TICK, Retry
from n6link.link.sender import BATCH
from n6link.protocol import MessageType
from n6link.session.tasks import Background

_logger = logging.getLogger("n6link.device")

READ_SIZE: Final = 256 * 1024
BATCH_SECONDS: Final = 0.02
"""time that one write should take at most, so that a small frame need not wait long behind chunks"""


class Mailbox:
    """Events for one call, in order."""

    __slots__ = ("_events", "_filled")

    def __init__(self) -> None:
        self._events: deque[Event | N6Error] = deque()
        self._filled: anyio.Event | None = None

    def put(self, event: Event | N6Error) -> None:
        """Adds an event; an error is raised by the call that gets it."""
        self._events.append(event)
        if self._filled:
            self._filled.set()

    async def get(self) -> Event:
        """The next event.

        Raises:
            N6Error: that was put, or that a Failed event carries.
        """
        while not self._events:
            self._filled = anyio.Event()
            await self._filled.wait()
        event = self._events.popleft()
        if isinstance(event, N6Error):
            raise event
        if isinstance(event, Failed):
            raise event.error
        return event


class Channel:
    """See the head of this module; an async context manager that owns its tasks.

    Args:
        stream: to the device; closed with the channel.
        name: of the device, for messages.
        timeout: seconds without progress after which a call fails.
        notify: gets what belongs to no call: log lines, stray text, statistics, and at last the failure.

    Attributes:
        link: the protocol.
        tasks: for work that goes on after the call that started it.
        failure: why nothing works any more; None while it does.
    """

    def __init__(
        self, stream: ByteStream, *, name: str, timeout: float, notify: Callable[[Unasked | N6Error], None]
    ) -> None:
        self.link = Link()
        self.name = name
        self.timeout = timeout
        self.failure: N6Error | None = None
        self.tasks: TaskGroup
        self._stream = stream
        self._notify = notify
        self._retry = Retry(self.link)
        self._boxes: dict[int, Mailbox] = {}
        self._opening: Mailbox | None = None
        self._writable: anyio.Event | None = None
        self._send_nowait: Callable[[bytes], int] | None = getattr(stream, "send_nowait", None)
        self._unsent = b""
        self._busy: anyio.Event | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._stack.push_async_callback(self._close)
        self.tasks = await self._stack.enter_async_context(Background(self._crashed))
        for task in (self._read, self._write, self._keep):
            self.tasks.start_soon(task, name=f"n6link {self.name} {task.__name__}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.fail(TransportError(f"the device {self.name} was closed by this program"))
        await self._stack.__aexit__(kind, error, trace)

    def _crashed(self, error: Exception) -> None:
        self.fail(N6Error(f"{self.name}: internal error of n6link: {innermost(error)!r}"))

    async def _close(self) -> None:
        with anyio.CancelScope(shield=True):
            await self._stream.aclose()

    # ---- calls

    async def open(self, host: str) -> Opened:
        """Opens a session; whatever was under way is forgotten. Until it is open, other calls fail as before.

        Args:
            host: name and version of this program, for the device and its other users.

        Raises:
            VersionMismatch: the firmware speaks another version of the protocol.
            RemoteProtocolError: the peer speaks something else.
            DeviceError: BUSY: another program holds the device.
            N6Timeout: nothing was answered.
        """
        self._opening = Mailbox()
        number = ambient.randbits(31) + 1
        exchange = self.link.open(Greeting(ambient.randbits(64), host), number, patience=self.timeout)
        self._boxes[exchange.id] = self._opening
        self.wake()
        try:
            event = await self._opening.get()
        except N6Timeout:
            if heard := self.link.heard:
                raise RemoteProtocolError(f"{self.name} does not speak n6link; it sends {repr(heard)[1:]}") from None
            hint = "is the board powered, and does it run n6link's firmware?"
            if self.link.counters.rx_frames:
                hint = "it sends frames, but no valid answer to HELLO"
            raise N6Timeout(f"{self.name} has not answered for {self.timeout:g} s; {hint}") from None
        finally:
            self.forget(exchange)
            self._opening = None
        if isinstance(event, Refused):
            raise event.error
        assert isinstance(event, Opened)
        self.failure = None
        return event

    def send(
        self, kind: MessageType, body: bytes = b"", *, box: Mailbox | None = None, timeout: float | None = None
    ) -> Exchange:
        """Sends a request without waiting; its events come to the mailbox, or are dropped.

        Raises:
            N6Error: the channel has failed.
        """
        self.check()
        exchange = self.link.request(kind, body, patience=self.timeout if timeout is None else timeout)
        if box:
            self._boxes[exchange.id] = box
        self.wake()
        return exchange

    def infer(self, data: memoryview, inference: Inference, box: Mailbox) -> tuple[Exchange, Exchange]:
        """Sends an image of a network's inputs, and has it run, without waiting; see :meth:`Link.infer`.

        Raises:
            N6Error: the channel has failed.
        """
        self.check()
        upload, infer = self.link.infer(data, inference, patience=self.timeout)
        self._boxes[upload.id] = self._boxes[infer.id] = box
        self.wake()
        self._begin_to_write()
        return upload, infer

    def forget(self, exchange: Exchange) -> None:
        """Drops whatever still comes for an exchange."""
        self.link.withdraw(exchange.id)
        self._boxes.pop(exchange.id, None)

    async def ask(
        self,
        kind: MessageType,
        body: bytes = b"",
        *,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Reply:
        """Asks the device and waits for the answer.

        Raises:
            DeviceError: the device refused.
            N6Timeout: no answer.
            N6Error: the channel has failed.
        """
        return (await self.ask_all([(kind, body)], timeout=timeout))[0]

    async def ask_all(
        self,
        questions: Sequence[tuple[MessageType, bytes]],
        *,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> list[Reply]:
        """Asks several things at once; see :meth:`ask`."""
        asked: list[tuple[Exchange, Mailbox]] = []
        replies: list[Reply] = []
        try:
            for kind, body in questions:
                box = Mailbox()
                asked.append((self.send(kind, body, box=box, timeout=timeout), box))
            for _, box in asked:
                event = await box.get()
                assert isinstance(event, Reply)
                replies.append(event)
        finally:
            for exchange, _ in asked:
                self.forget(exchange)
        return replies

    @property
    def idle(self) -> bool:
        """Whether nothing is under way and no call waits."""
        return not self.link.exchanges and not self._boxes

    def check(self) -> None:
        """Raises the failure, if there is one."""
        if self.failure:
            raise _renewed(self.failure) from self.failure

    def fail(self, error: N6Error) -> None:
        """Ends every waiting call, and every later one, with an error."""
        if self.failure and not self._opening:
            return
        self.failure = error
        boxes, self._boxes = self._boxes, {}
        for box in dict.fromkeys(boxes.values()):
            box.put(_renewed(error))
        self._notify(error)

    def wake(self) -> None:
        """There may be something to write, and something to wait for."""
        for event in (self._writable, self._busy):
            if event:
                event.set()

    # ---- tasks

    async def _read(self) -> None:
        link = self.link
        try:
            while True:
                data = await self._stream.receive(READ_SIZE)
                link.receive_data(data, ambient.monotonic())
                self._deliver()
        except TransportError as error:
            self.fail(error)

    def _batch(self) -> bytes:
        """What is written next, in one piece."""
        link = self.link
        budget = min(max(int(link.path.rate * BATCH_SECONDS), 1), BATCH)
        return b"".join(link.data_to_send(ambient.monotonic(), budget))

    def _begin_to_write(self) -> None:
        """Writes what the stream takes at once, if the writer has nothing to do: an upload need not wait for it to wake up."""
        if self._writable and not self._unsent and self._send_nowait:
            batch = self._batch()
            self._unsent = batch[self._send_nowait(batch) :]

    async def _write(self) -> None:
        try:
            while True:
                batch, self._unsent = self._unsent or self._batch(), b""
                if batch:
                    await self._stream.send(batch)
                else:
                    self._writable = anyio.Event()
                    await self._writable.wait()
                    self._writable = None
        except TransportError as error:
            self.fail(error)

    async def _keep(self) -> None:
        while True:
            if not self.link.exchanges:
                self._retry.rest()
                self._busy = anyio.Event()
                await self._busy.wait()
                self._busy = None
            await anyio.sleep(TICK)
            for exchange in self._retry.tick(ambient.monotonic()):
                self._give_up(exchange)
            if chunk := self.link.better_chunk():
                _logger.info("%s: the line damages chunks; they have %d bytes from now on", self.name, chunk)
                self.link.resume(ambient.randbits(64), max_chunk=chunk, patience=self.timeout)
            self._deliver()

    def _give_up(self, exchange: Exchange) -> None:
        """Ends a call that got no further for too long."""
        box = self._boxes.get(exchange.id)
        self.link.withdraw(exchange.id)
        reason = diagnosis.why(exchange, self.link.counters)
        error = N6Timeout(f"{self.name} gave no answer to {exchange.type.name} for {exchange.patience:g} s: {reason}")
        if box:
            box.put(error)
        elif exchange.type is MessageType.HELLO:
            self.fail(error)

    def _deliver(self) -> None:
        """Hands out what has happened, and has the writer go on if there is something to write."""
        for event in self.link.events():
            match event:
                case Reply() | Failed() | Begun() | Received():
                    if box := self._boxes.get(event.id):
                        box.put(event)
                case Opened() | Refused():
                    if self._opening:
                        self._opening.put(event)
                    elif isinstance(event, Refused):
                        self.fail(event.error)
                case Lost():
                    self.fail(DeviceRebooted(f"{self.name} was restarted: what was under way is lost; open it again"))
                case LogLine() | StatsPushed() | Stray():
                    self._notify(event)
        if self._writable and self.link.wants_to_send:
            self._writable.set()


def _renewed(error: N6Error) -> N6Error:
    """The same error once more, for another call: an exception that is raised twice mixes up two tracebacks."""
    return type(error)(*error.args)
