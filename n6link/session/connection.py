"""The connection to one device, from opening to closing: its channel, its clock, what it says of itself, and who listens.

This is the one place that knows the state of a device::

    CLOSED --open()--> OPENING --> OPEN --aclose()--> CLOSED
                                    |  ^
                           restart()|  |the device is there again
                                    v  |
                                 RESTARTING

Opening is: the byte stream, HELLO, INFO, a comparison of the clocks, and the description of every network. A restart does the same over the
stream that is open. What was under way then has failed, and so does every inference until the device is there again.
"""

from __future__ import annotations

import enum
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import anyio

from n6link import ambient
from n6link.errors import CardError, DeviceError, DeviceRebooted, LocalProtocolError, N6Error, RemoteProtocolError
from n6link.link.events import LogLine, StatsPushed, Stray, Unasked
from n6link.protocol import MessageType, ResetKind, Status, records
from n6link.session import describe
from n6link.session.channel import Channel
from n6link.session.clock import ClockMap
from n6link.session.inference import Job, Outcome, Runner
from n6link.session.info import DeviceInfo, NetworkInfo
from n6link.session.stats import Stats, StatsPages
from n6link.session.subscription import Listeners, LogRecord, Subscription
from n6link.tensors import card as cards_
from n6link.tensors.card import Card
from n6link.transport import discovery
from n6link.transport.url import open_stream
from n6link.version import __version__

PINGS: Final = 4
"""round trips of a comparison of the clocks, of which the quickest counts"""

_logger = logging.getLogger("n6link.device")


class State(enum.Enum):
    """Of a connection; see the head of this module."""

    CLOSED = enum.auto()
    OPENING = enum.auto()
    OPEN = enum.auto()
    RESTARTING = enum.auto()


class Connection:
    """See the head of this module.

    Args:
        url: as for :class:`n6link.N6Device`.
        cards: as for :class:`n6link.N6Device`.
        timeout: as for :class:`n6link.N6Device`.

    Attributes:
        state: of the connection.
        url: what was opened; before that what is to be.
        networks: those that the device has loaded, in its order.
        rejected: names of those that cannot be used, and why: what the device says of them is impossible.
        clock: the device's, on ``time.monotonic()``.
        listeners: to what the device says unasked.
    """

    def __init__(
        self, url: str | None, *, cards: Sequence[Card | str | os.PathLike[str]] = (), timeout: float = 5.0
    ) -> None:
        self.state = State.CLOSED
        self.url = url or ""
        self.networks: tuple[NetworkInfo, ...] = ()
        self.clock = ClockMap(1.0)
        self.rejected: Mapping[str, str] = {}
        self._pages = StatsPages(1)
        self.listeners = Listeners()
        self._wanted = url
        self._wanted_cards = tuple(cards)
        self._cards: tuple[Card, ...] = ()
        self._card_files: Mapping[str, Path] = {}
        self._timeout = timeout
        self._stack = AsyncExitStack()
        self._channel: Channel | None = None
        self._info: DeviceInfo | None = None
        self._runner: Runner

    # ---- from opening to closing

    async def open(self) -> None:
        """Opens it.

        Raises:
            as entering :class:`n6link.N6Device`.
        """
        if self.state is not State.CLOSED:
            raise LocalProtocolError("this N6Device is open already; make another one for a second connection")
        self._cards = tuple(given if isinstance(given, Card) else cards_.read(given) for given in self._wanted_cards)
        self.state = State.OPENING
        try:
            async with AsyncExitStack() as stack:
                stream = await open_stream(self._wanted)
                self.url, self._card_files = stream.url, stream.card_files
                channel = Channel(stream, name=self.url, timeout=self._timeout, notify=self._notice)
                self._channel = await stack.enter_async_context(channel)
                await self._begin(channel)
                await discovery.confirm(stream.port, stream.expected, self.info.unique_id)
                channel.tasks.start_soon(self._watch, channel)
                self._stack = stack.pop_all()
        except BaseException:
            self.state = State.CLOSED
            raise

    async def aclose(self) -> None:
        """Closes it: whatever is under way fails with TransportError."""
        self.state = State.CLOSED
        await self._stack.aclose()

    async def restart(self) -> None:
        """Restarts the device and waits until it is there again; what was under way fails with DeviceRebooted.

        Raises:
            N6Error: it refused, in which case nothing has changed, or it does not come back.
        """
        channel, self.state = self.channel, State.RESTARTING
        try:
            reset = records.Reset(kind=ResetKind.DEVICE, boot_nonce=self.info.boot_nonce)
            await channel.ask(MessageType.RESET, reset.pack())
        except N6Error:
            self.state = State.OPEN
            raise
        channel.fail(self._restarted())
        try:
            await self._begin(channel)
        except DeviceRebooted:  # the HELLO was there before the device went down, and was answered
            await self._begin(channel)

    async def _begin(self, channel: Channel) -> None:
        """Opens a session, and reads what the device has."""
        opened = await channel.open(f"n6link {__version__}")
        self.clock = ClockMap(opened.hello.tick_hz, floor=self.clock.newest)
        self._pages = StatsPages(opened.hello.tick_hz)
        try:
            self._info = DeviceInfo.parse(opened, (await channel.ask(MessageType.INFO)).payload)
        except ValueError as error:
            raise RemoteProtocolError(f"the device tells too little of itself: {error}") from error
        channel.link.path.set_baud(self._info.baud)
        await self._compare_clocks()
        described, self.rejected = await describe.read(channel.ask_all, opened.hello.networks, self._info)
        for name, reason in self.rejected.items():
            _logger.warning("%s: network %r cannot be used: %s", self.url, name, reason)
        self.networks = tuple(map(self._with_card, described))
        self._runner = Runner(channel, opened.hello.slots)
        self.state = State.OPEN

    def _with_card(self, network: NetworkInfo) -> NetworkInfo:
        """The same network with its card, or with what is wrong with that of its firmware."""
        try:
            file = self._card_files.get(network.name)
            return replace(network, card=cards_.find(network.name, network.card_text, self._cards, file=file))
        except CardError as error:
            return replace(network, card_problem=str(error))

    # ---- what can be asked

    @property
    def channel(self) -> Channel:
        """The dialogue with the device.

        Raises:
            LocalProtocolError: it was never opened.
        """
        if self._channel is None:
            raise _not_open()
        return self._channel

    @property
    def info(self) -> DeviceInfo:
        """Board, firmware and limits, as they were at connecting.

        Raises:
            LocalProtocolError: it was never opened.
        """
        if self._info is None:
            raise _not_open()
        return self._info

    async def ask(
        self,
        kind: MessageType,
        body: bytes = b"",
        *,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> bytes:
        """Asks the device something of the protocol and returns the payload of the answer.

        Args:
            kind: of the request.
            body: its payload, see ``protocol.md``.
            timeout: seconds without an answer; None = that of the device.

        Raises:
            DeviceError: the device refused.
            N6Timeout: no answer.
            TransportError: the device has gone.
        """
        return (await self.channel.ask(kind, body, timeout=timeout)).payload

    async def ping(self) -> tuple[float, int, float]:
        """A round trip as the clock takes it: host time at which it left, ticks of the device, host time of the answer."""
        reply = await self.channel.ask(MessageType.PING)
        return reply.sent, records.PingReply.unpack(reply.payload).device_time, reply.received

    async def infer(self, job: Job) -> Outcome:
        """Runs a job that is prepared down to its bytes; :meth:`n6link.Network.run` is what users call.

        Raises:
            as :meth:`n6link.Network.run`.
        """
        channel = self._checked()
        if self.clock.claim(ambient.monotonic()):
            channel.tasks.start_soon(self._compare_in_background)
        try:
            outcome = await self._runner.run(job)
        except DeviceError as error:
            if error.status == Status.CANCELLED and self.state is State.RESTARTING:
                raise self._restarted() from error
            raise
        moment = outcome.begun, outcome.header.t_end, outcome.received
        if not self.clock.agrees(*moment):
            self.clock.add(*moment)
        return outcome

    async def listen(self, readings: Subscription[Stats], interval: float) -> None:
        """Has the device send statistics, and a subscription get them, until :meth:`unlisten`."""
        self.listeners.stats[readings] = interval
        await self.ask(MessageType.SUBSCRIBE, self._rate())

    def unlisten(self, readings: Subscription[Stats]) -> None:
        """A subscription gets no more statistics."""
        del self.listeners.stats[readings]
        if not self.channel.failure:
            self.channel.send(MessageType.SUBSCRIBE, self._rate())

    # ---- inside

    def _checked(self) -> Channel:
        """The channel of a device that can compute."""
        self.channel.check()
        if self.state is not State.OPEN:
            raise self._restarted()
        return self.channel

    def _restarted(self) -> DeviceRebooted:
        return DeviceRebooted(f"{self.url} was restarted by this program: what was under way is lost")

    async def _watch(self, channel: Channel) -> None:
        """Asks a device that is silent, so that those who only listen learn that it has gone."""
        while True:
            heard = channel.link.counters.rx_bytes
            await anyio.sleep(self._timeout)
            if channel.link.counters.rx_bytes != heard or not self.listeners.any:
                continue
            try:
                await channel.ask(MessageType.PING)
            except N6Error as error:
                self.listeners.fail(error)

    async def _compare_in_background(self) -> None:
        with suppress(N6Error):
            await self._compare_clocks()

    async def _compare_clocks(self) -> None:
        trips = [await self.ping() for _ in range(PINGS)]
        self.clock.add(*min(trips, key=lambda trip: trip[2] - trip[0]))

    def _rate(self) -> bytes:
        return records.Subscribe(interval_ms=round(self.listeners.interval * 1000)).pack()

    def _notice(self, event: Unasked | N6Error) -> None:
        """What came unasked, or that nothing will come any more."""
        match event:
            case N6Error():
                self.listeners.fail(event)
            case LogLine():
                self._log(LogRecord(event.level, event.text, event.time / self.clock.tick_hz))
            case Stray():
                self._log(LogRecord(logging.INFO, event.text, None))
            case StatsPushed():
                if reading := self._pages.add(event.payload):
                    self.listeners.read(reading)

    def _log(self, record: LogRecord) -> None:
        _logger.log(record.level, "%s: %s", self.url, record.text)
        self.listeners.log(record)


def _not_open() -> LocalProtocolError:
    return LocalProtocolError("this N6Device is not open: use `async with N6Device(...) as dev`")
