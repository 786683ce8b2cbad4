"""Runs a Link over byte streams: its tasks, and a mailbox for each call. Independent of networks.

A :class:`~n6link.session.line.Line` reads and writes one stream; the channel may use several streams, one after the other. The *keeper*
checks the time-outs every few milliseconds, while there are exchanges. Events are put into the mailboxes of their calls.

A call adds requests to the link, wakes the writer, and waits for its mailbox. It may be cancelled at any time; the link drops a
late answer. If the stream breaks, the device loses the session, or does not answer, the dialogue is interrupted.
Then every waiting call, and every later one, fails immediately with the error; or, if the owner of the channel continues the dialogue over
another stream, the calls wait and continue there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import anyio
from anyio.abc import ByteStream, TaskGroup

from n6link import ambient
from n6link.errors import DeviceRebooted, N6Error, N6Timeout, RemoteProtocolError, TransportError, innermost
from n6link.link import diagnosis
from n6link.link.events import Event, LogLine, Lost, Opened, Refused, Reply, Sent, StatsPushed, Stray, Unasked
from n6link.link.exchange import Exchange, Inference
from n6link.link.handshake import Greeting
from n6link.link.link import Link, State
from n6link.link.retry import TICK, Retry
from n6link.protocol import MessageType, Role
from n6link.session.line import Line
from n6link.session.mailbox import Mailbox
from n6link.session.tasks import Background
from n6link.waiting import Signal, Signals, signals, sleeps, wake

_logger = logging.getLogger("n6link.device")

SILENT: Final = 0.9
"""share of the time-out; if no byte has arrived for a longer time, the device is silent, and a missing answer is not the problem of one
call"""


class Channel:
    """See the top of this module.

    Args:
        name: of the device, for messages.
        timeout: seconds without progress after which a call fails.
        notify: receives events that are not for a call: log lines, stray text, statistics, and the failure as the last one.
        survives: whether calls wait during an interruption, because the owner will continue the dialogue; else they fail immediately.

    Attributes:
        link: the protocol.
        tasks: for work that continues after the call that started it.
        failure: the error that ended the channel; None while it works.
        interruption: the error that interrupted the dialogue; None while it works.
    """

    def __init__(
        self, *, name: str, timeout: float, notify: Callable[[Unasked | N6Error], None], survives: bool = False
    ) -> None:
        self.link = Link()
        self.name = name
        self.timeout = timeout
        self.failure: N6Error | None = None
        self.interruption: N6Error | None = None
        self.tasks: TaskGroup
        self._notify = notify
        self._survives = survives
        self._retry = Retry(self.link)
        self._boxes: dict[int, Mailbox] = {}
        self._opening: Mailbox | None = None
        self._background = Background(self._crashed)
        self._interrupted = anyio.Event()
        self._line: Line | None = None
        self._heard = float("-inf")
        self._busy: Signal | None = None
        self._signals: Signals

    # ---- open and close

    async def open(self) -> None:
        """Starts the tasks."""
        self._signals = signals()
        self.tasks = await self._background.__aenter__()
        self.tasks.start_soon(self._keep, name=f"n6link {self.name} keeper")

    async def aclose(self) -> None:
        """Ends every call with an error, the tasks, and the stream."""
        self.fail(self.closed())
        await self._background.__aexit__(None, None, None)

    async def attach(self, stream: ByteStream) -> None:
        """Starts to use a stream, and takes ownership of it; call :meth:`greet` next.

        Raises:
            N6Error: the channel has failed; the stream is closed.
        """
        if self.failure or self.over:
            await stream.aclose()
            self.check()
            raise self.closed()
        self.link.stream_changed()
        line = self._line = Line(stream, self.link, self._signals, self._deliver, self.interrupt)
        self.tasks.start_soon(line.serve, name=f"n6link {self.name}")

    async def detach(self) -> None:
        """Closes the stream without a message to the device; exchanges wait for another stream."""
        if line := self._line:
            self._line, self._heard = None, self.heard
            await line.detach()

    def rebooted(self) -> DeviceRebooted:
        """The error of a call that the device has lost."""
        hint = "run it again, or allow this with rerun=True" if self._survives else "open it again"
        return DeviceRebooted(f"{self.name} was restarted, and requests in progress are lost; {hint}")

    def closed(self) -> TransportError:
        """The error of a call that ended because this program has closed the device."""
        return TransportError(f"the device {self.name} was closed by this program")

    @property
    def over(self) -> bool:
        """Whether it has ended; also if its event loop has ended."""
        return self._background.over

    @property
    def broken(self) -> bool:
        """Whether there is no working stream."""
        return self._line is None or self._line.broken is not None

    @property
    def heard(self) -> float:
        """Time of the last good frame of the device."""
        return max(self._heard, self._line.heard) if self._line else self._heard

    @property
    def unheard(self) -> float:
        """Seconds without a good frame, while this process ran and exchanges waited."""
        return self._retry.unheard

    @property
    def stuck(self) -> float:
        """Seconds for which a repeated request has had no answer; the longest of all."""
        return self._retry.stuck

    def check_home(self, what: str) -> None:
        """See :meth:`Background.check_home`."""
        self._background.check_home(what)

    def _crashed(self, error: Exception) -> None:
        self.fail(N6Error(f"{self.name}: internal error of n6link: {innermost(error)!r}"))

    # ---- interruptions

    async def interrupted(self) -> N6Error:
        """Waits until the dialogue is interrupted; returns the error."""
        while self.interruption is None:
            await self._interrupted.wait()
        return self.interruption

    def interrupt(self, error: N6Error, *, survives: bool = False) -> None:
        """The dialogue is interrupted: calls wait until :meth:`greet` continues it, or fail if it will not be continued.

        Args:
            error: the reason.
            survives: it will be continued, this time.
        """
        if self._opening:
            self._opening.put(error)
        for number, box in list(self._boxes.items()):
            if box.fragile and box is not self._opening:
                self._end(number, _renewed(error))
        if self.interruption or self.failure:
            return
        if self._survives or survives:
            self.interruption = error
            self._interrupted.set()
        else:
            self.fail(error)

    def abort(self, error: N6Error) -> None:
        """Ends every waiting call with an error: the device does not have them any more."""
        self.link.forget()
        self._tell_all(error)

    def fail(self, error: N6Error) -> None:
        """Ends every waiting call, and every later one, with an error."""
        if self.failure:
            return
        self.failure = error
        if self._opening:
            self._opening.put(error)
        self._tell_all(error)
        self._notify(error)

    def _tell_all(self, error: N6Error) -> None:
        boxes = [box for box in dict.fromkeys(self._boxes.values()) if box is not self._opening]
        self._boxes = {number: box for number, box in self._boxes.items() if box is self._opening}
        for box in boxes:
            box.put(_renewed(error))

    def _end(self, number: int, error: N6Error) -> None:
        self.link.withdraw(number)
        if box := self._boxes.pop(number, None):
            box.put(error)

    # ---- calls

    def mailbox(self, *, fragile: bool = False, at_once: Callable[[Event | N6Error], bool] | None = None) -> Mailbox:
        """A mailbox for a call; see :class:`Mailbox`."""
        return Mailbox(self._signals, fragile=fragile, at_once=at_once)

    async def greet(
        self, host: str, role: Role = Role.CONTROL, *, resume: bool = False, patience: float | None = None
    ) -> Opened:
        """Opens a session.

        Args:
            host: name and version of this program, for the device and its other users.
            role: its rights, in a new session.
            resume: continue the previous session with its exchanges; else they are removed.
            patience: seconds without an answer; None = the time-out of the channel.

        Raises:
            VersionMismatch: the firmware uses another version of the protocol.
            RemoteProtocolError: the peer uses another protocol.
            DeviceError: BUSY: another program uses the device.
            WrongDevice: it is another device; exchanges still wait for the first one.
            N6Timeout: there was no answer.
            TransportError: there is no stream, or it is broken.
        """
        if self._line and self._line.broken:
            raise _renewed(self._line.broken) from self._line.broken
        self.check()
        self._opening = self.mailbox(fragile=True)
        self.interruption, self._interrupted = None, anyio.Event()
        patience = self.timeout if patience is None else patience
        if resume:
            exchange = self.link.resume(ambient.randbits(64), patience=patience)
        else:
            number = ambient.randbits(31) + 1
            exchange = self.link.open(Greeting(ambient.randbits(64), host, role=role), number, patience=patience)
        self._boxes[exchange.id] = self._opening
        self.wake()
        try:
            event = await self._opening.get()
        except N6Timeout as error:
            counters = self.link.counters
            if counters.header_errors + counters.payload_errors and not counters.rx_frames:
                raise N6Timeout(
                    f"{self.name} has not answered for {patience:g} s: it sends frames of n6link, and all arrive damaged: the line "
                    "changes bytes (flow control, 7 bits, CR/LF conversion), or another program reads it; check the line's settings",
                    diagnosis.Cause.FOREIGN,
                ) from None
            if heard := self.link.heard:
                raise RemoteProtocolError(
                    f"{self.name} does not use the n6link protocol: it sends {repr(heard)[1:]}; n6link's firmware sends the reason if it "
                    "cannot start, else check the port"
                ) from None
            hint = "check the power of the board, and that n6link's firmware is on it"
            if counters.rx_frames:
                hint = "it sends frames, but not a valid answer to HELLO"
            raise N6Timeout(f"{self.name} has not answered for {patience:g} s; {hint}", error.cause) from None
        finally:
            self.forget(exchange)
            self._opening = None
        if isinstance(event, Refused):
            raise event.error
        assert isinstance(event, Opened)
        return event

    def send(
        self,
        kind: MessageType,
        body: bytes = b"",
        *,
        box: Mailbox | None = None,
        timeout: float | None = None,
        later: bool = False,
    ) -> Exchange:
        """Sends a request without waiting; its events are put into the mailbox, or dropped.

        Args:
            kind: its type.
            body: its payload.
            box: for its events.
            timeout: maximum seconds without an answer.
            later: sends it with the next bytes, or after the next :data:`TICK`, which saves a write.

        Raises:
            N6Error: the channel has failed.
        """
        exchange = self._request(kind, body, box, timeout)
        if not later:
            self.wake()
        elif self._busy:
            wake(self._busy)
        return exchange

    def _request(
        self, kind: MessageType, body: bytes, box: Mailbox | None, timeout: float | None, *, urgent: bool = False
    ) -> Exchange:
        self.check()
        patience = self.timeout if timeout is None else timeout
        exchange = self.link.request(kind, body, patience=patience, urgent=urgent)
        if box:
            self._boxes[exchange.id] = box
        return exchange

    def infer(
        self, data: memoryview, inference: Inference, box: Mailbox, *, tell_sent: bool = False
    ) -> tuple[Exchange, Exchange]:
        """Sends an image of a network's inputs and the INFER, without waiting; see :meth:`Link.infer`.

        Args:
            data: flat bytes.
            inference: the inference of this image.
            box: for the events.
            tell_sent: Sent is one of them.

        Raises:
            N6Error: the channel has failed.
        """
        self.check()
        upload, infer = self.link.infer(data, inference, patience=self.timeout)
        if tell_sent:
            infer.left = partial(box.put, Sent(infer.id))
        self._boxes[upload.id] = self._boxes[infer.id] = box
        self.wake()
        return upload, infer

    def forget(self, exchange: Exchange) -> None:
        """Removes an exchange; later events of it are dropped."""
        self.link.withdraw(exchange.id)
        self._boxes.pop(exchange.id, None)

    async def ask(
        self,
        kind: MessageType,
        body: bytes = b"",
        *,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Reply:
        """Sends a request and waits for the answer.

        Raises:
            DeviceError: the device refused.
            N6Timeout: no answer.
            N6Error: the channel has failed.
        """
        box = self.mailbox()
        exchange = self.send(kind, body, box=box, timeout=timeout)
        try:
            event = await box.get()
        finally:
            self.forget(exchange)
        assert isinstance(event, Reply)
        return event

    async def ask_now(self, questions: Sequence[tuple[MessageType, bytes]]) -> list[Reply]:
        """Like :meth:`ask_all`, but fails if the dialogue is interrupted: for requests during the opening of a session."""
        return await self.ask_all(questions, fragile=True)

    async def ask_all(
        self,
        questions: Sequence[tuple[MessageType, bytes]],
        *,
        timeout: float | None = None,  # noqa: ASYNC109
        fragile: bool = False,
        urgent: bool = False,
    ) -> list[Reply]:
        """Sends several requests at the same time; see :meth:`ask`.

        Args:
            questions: types and payloads.
            timeout: maximum seconds without an answer.
            fragile: fails if the dialogue is interrupted.
            urgent: as of :class:`~n6link.link.exchange.Exchange`.
        """
        if fragile and self.interruption:
            raise _renewed(self.interruption) from self.interruption
        asked: list[tuple[Exchange, Mailbox]] = []
        replies: list[Reply] = []
        try:
            for kind, body in questions:
                box = self.mailbox(fragile=fragile)
                asked.append((self._request(kind, body, box, timeout, urgent=urgent), box))
            self.wake()
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
        """Whether there are no exchanges and no waiting calls."""
        return not self.link.exchanges and not self._boxes

    def check(self) -> None:
        """Raises the failure, if there is one."""
        if self.failure:
            raise _renewed(self.failure) from self.failure

    def wake(self) -> None:
        """There may be bytes to write, and answers to wait for."""
        if self._busy:
            wake(self._busy)
        if self._line:
            self._line.wake()

    # ---- tasks

    async def _keep(self) -> None:
        sleep = sleeps()
        while True:
            if self.interruption or not self.link.pending:
                self._retry.rest()
                self._busy = self._signals()
                await self._busy
                self._busy = None
            await sleep(TICK)
            for exchange in self._retry.tick(ambient.monotonic()):
                self._give_up(exchange)
            if chunk := self.link.better_chunk():
                _logger.info("%s: the line damages chunks; the chunk size is now %d bytes", self.name, chunk)
                self.link.resume(ambient.randbits(64), max_chunk=chunk, patience=self.timeout)
            self._deliver()

    def _give_up(self, exchange: Exchange) -> None:
        """Ends a call without progress; if no byte has arrived at all, interrupts the dialogue."""
        reason = diagnosis.why(exchange, self.link.counters)
        text = f"{self.name} did not answer {exchange.type.name} for {exchange.patience:g} s: {reason.text}"
        error = N6Timeout(text, reason.cause)
        hello = exchange.type is MessageType.HELLO
        if not hello and self._survives and self._retry.silence > SILENT * self.timeout:
            self.interrupt(error)
        else:
            self._end(exchange.id, error)
            if hello and not self._opening:
                self.interrupt(error)

    def _deliver(self) -> None:
        """Passes events to their mailboxes, and wakes the writer if there are bytes to write."""
        for event in self.link.events():
            if isinstance(event, tuple):  # an Answer
                if box := self._boxes.get(event.id):
                    box.put(event)
                continue
            match event:
                case Opened() | Refused():
                    if self._opening:
                        self._opening.put(event)
                    elif isinstance(event, Refused):
                        self.interrupt(event.error)
                case Lost() if self.link.state is State.OPEN:
                    self._tell_all(self.rebooted())
                case Lost():
                    self.interrupt(self.rebooted())
                case LogLine() | StatsPushed() | Stray():
                    self._notify(event)
        if self._line:
            self._line.wake()


def _renewed(error: N6Error) -> N6Error:
    """A copy of the error for another call: raising one exception twice would mix two tracebacks."""
    renewed = type(error).__new__(type(error), *error.args)
    renewed.args = error.args
    vars(renewed).update(vars(error))
    return renewed
