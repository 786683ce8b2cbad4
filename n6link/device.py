"""A board with an NPU, or a virtual one, as an async context manager."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, Self

from n6link import ambient
from n6link.control.loop import ControlLoop, MissedPolicy
from n6link.epochs.timers import EpochStats
from n6link.errors import (
    BadInput,
    CardError,
    DeviceError,
    DeviceRebooted,
    LocalProtocolError,
    N6Error,
    RemoteProtocolError,
    UnknownName,
)
from n6link.link.events import Event, LogLine, Reply, StatsPushed, Stray
from n6link.link.frames import Counters
from n6link.network import Network
from n6link.protocol import LogLevel, MessageType, ResetKind, Status, records
from n6link.session import describe
from n6link.session.channel import Channel
from n6link.session.clock import ClockMap
from n6link.session.describe import Description
from n6link.session.inference import Job, Outcome, Runner
from n6link.session.info import DeviceInfo, Ping
from n6link.session.stats import Stats
from n6link.session.subscription import LogRecord, Subscription
from n6link.tensors import card as cards_
from n6link.tensors.card import Card
from n6link.transport import sim
from n6link.transport.url import open_stream
from n6link.version import __version__

PINGS: Final = 4
"""round trips of a comparison of the clocks, of which the quickest counts"""

_logger = logging.getLogger(__name__)


class N6Device:
    """A device, for the length of an ``async with`` block.

    ::

        async with N6Device("sim:") as dev:
            result = await dev["movenet13"].run(frame)

    Args:
        url: see :mod:`n6link.transport.url`; None = the variable N6LINK_URL, else the one board that is plugged in.
        cards: what networks mean, as cards or files; they win over what the firmware says. A card of the firmware that
            cannot be used does not hinder the connection, see ``Network.card_problem``.
        timeout: seconds. A request fails without an answer after that time, an inference when nothing has moved for it.

    Raises, on entering:
        NoDeviceError: no URL, and not exactly one board.
        TransportError: the URL cannot be opened.
        RemoteProtocolError: the peer is no n6link device, or contradicts itself.
        VersionMismatch: the firmware was built from another protocol.
        N6Timeout: the peer says nothing.
        CardError: a card that was given cannot be used.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        cards: Sequence[Card | str | os.PathLike[str]] = (),
        timeout: float = 5.0,
    ) -> None:
        if not 0 < timeout < math.inf:
            raise BadInput(f"timeout={timeout} is not a time-out; give seconds above 0")
        self._wanted = url
        self._wanted_cards = tuple(cards)
        self._cards: tuple[Card, ...] = ()
        self._timeout = timeout
        self._stack: AsyncExitStack | None = None
        self._channel: Channel | None = None
        self._logs: set[Subscription[LogRecord]] = set()
        self._stats: dict[Subscription[Stats], float] = {}
        self._url = ""
        self._info: DeviceInfo
        self._networks: Mapping[str, Network] = MappingProxyType({})
        self._runner: Runner
        self._known = False
        """whether all is read that has to be known of the device since it started"""
        self._clock = ClockMap(1.0)
        self._comparing = False

    async def __aenter__(self) -> Self:
        if self._stack:
            raise LocalProtocolError("this N6Device is open already; make another one for a second connection")
        self._cards = tuple(given if isinstance(given, Card) else cards_.read(given) for given in self._wanted_cards)
        async with AsyncExitStack() as stack:
            stream = await open_stream(self._wanted)
            self._url = stream.url
            channel = Channel(stream, name=self._url, timeout=self._timeout, notify=self._notice)
            self._channel = await stack.enter_async_context(channel)
            await self._open()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._stack
        stack, self._stack = self._stack, None
        await stack.__aexit__(kind, error, trace)

    def __repr__(self) -> str:
        names = ", ".join(self._networks) or "no networks"
        return f"<N6Device {self._url or self._wanted or ''}: {names if self._stack else 'closed'}>"

    # ---- what is there

    @property
    def url(self) -> str:
        """What was opened, as it may be written again."""
        return self._url

    @property
    def info(self) -> DeviceInfo:
        """Board, firmware and limits, as they were at connecting."""
        return self._info

    @property
    def networks(self) -> Mapping[str, Network]:
        """The networks that the firmware has loaded, by name, in its order."""
        return self._networks

    def __getitem__(self, name: str) -> Network:
        if name not in self._networks:
            raise UnknownName(f"the device has no network {name!r}; it has {', '.join(self._networks) or 'none'}")
        return self._networks[name]

    @property
    def clock(self) -> ClockMap:
        """The device's clock on ``time.monotonic()``."""
        return self._clock

    @property
    def counters(self) -> Counters:
        """What this end of the link has counted."""
        return self._open_channel.link.counters

    # ---- what can be asked

    async def ping(self) -> Ping:
        """Measures a round trip, and compares the clocks."""
        reply = await self._open_channel.ask(MessageType.PING)
        if reply.received >= self._clock.due:
            self._add_to_clock(reply)
        middle = (reply.sent + reply.received) / 2
        return Ping(reply.received - reply.sent, _device_time(reply) / self._info.tick_hz, middle)

    async def request(
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
        return (await self._open_channel.ask(kind, body, timeout=timeout)).payload

    async def stats(self) -> Stats:
        """What the device counts: its end of the link, and every network."""
        return self._parsed(await self.request(MessageType.STATS))

    async def reset_stats(self) -> None:
        """Zeroes statistics, those of the epochs too."""
        await self.request(MessageType.RESET_STATS)

    async def epoch_stats(self, name: str) -> EpochStats:
        """What the device has summed up of a network's epoch blocks since the statistics were reset.

        Raises:
            UnknownName: there is no such network.
        """
        network, size = self[name], records.BlockStats.SIZE
        blocks, runs, total = b"", 0, 1
        while len(blocks) < total * size:
            body = records.EpochStats(network=network.index, first=len(blocks) // size).pack()
            payload = await self.request(MessageType.EPOCH_STATS, body)
            page = records.EpochStatsReply.unpack(payload)
            total, runs = page.total, page.runs
            if not runs:
                blocks = bytes(total * size)
            elif not page.count and total:
                raise RemoteProtocolError(f"the device has {total} epoch blocks, and reports {len(blocks) // size}")
            else:
                blocks += payload[page.SIZE : page.SIZE + page.count * size]
        return EpochStats.from_records(
            network.epochs,
            records.BlockStats.array(blocks),
            runs=runs,
            source=network.timer_source,
            tick_hz=self._info.tick_hz,
            simulated=self._info.simulated,
        )

    @asynccontextmanager
    async def subscribe(self, interval: float = 1.0) -> AsyncIterator[Subscription[Stats]]:
        """Statistics as the device sends them by itself.

        ::

            async with dev.subscribe(0.5) as readings:
                async for stats in readings:
                    ...

        Args:
            interval: seconds between two readings; the shortest one of all subscriptions holds.
        """
        if not 0.001 <= interval <= 3600:
            raise BadInput(f"interval={interval} is no rate of readings; give 0.001 to 3600 seconds")
        readings = Subscription[Stats]()
        self._stats[readings] = interval
        try:
            await self.request(MessageType.SUBSCRIBE, self._rate())
            yield readings
        finally:
            del self._stats[readings]
            if not self._open_channel.failure:
                self._open_channel.send(MessageType.SUBSCRIBE, self._rate())

    @asynccontextmanager
    async def logs(self) -> AsyncIterator[Subscription[LogRecord]]:
        """Log lines of the device, and stray text on the line, as they come; they also go to the logger of this module."""
        lines = Subscription[LogRecord]()
        self._logs.add(lines)
        try:
            yield lines
        finally:
            self._logs.discard(lines)

    async def set_log_level(self, level: LogLevel | int) -> None:
        """The least severe level of log lines that the device sends; numbers as in :mod:`logging`."""
        body = records.LogLevelRequest(level=min(int(level), int(LogLevel.NONE))).pack()
        await self.request(MessageType.LOG_LEVEL, body)

    async def infer(self, job: Job) -> Outcome:
        """Runs a job that is prepared down to its bytes; :meth:`Network.run` is what to call.

        Raises:
            as :meth:`Network.run`.
        """
        channel = self._open_channel
        channel.check()
        if not self._known:
            raise self._restarted()
        if not self._comparing and ambient.monotonic() >= self._clock.due:
            self._comparing = True
            channel.tasks.start_soon(self._compare)
        try:
            outcome = await self._runner.run(job)
        except DeviceError as error:
            if error.status == Status.CANCELLED and not self._known:
                raise self._restarted() from error
            raise
        moment = outcome.begun, outcome.header.t_end, outcome.received
        if not self._clock.agrees(*moment):
            self._clock.add(*moment)
        return outcome

    async def reset(self, *, restart: bool = False) -> None:
        """Cancels all work and drops all results; what was under way fails with DeviceError.

        Args:
            restart: restart the device, and wait until it is there again; what was under way fails with DeviceRebooted.
        """
        kind = ResetKind.DEVICE if restart else ResetKind.SESSION
        self._known = not restart
        try:
            await self.request(MessageType.RESET, records.Reset(kind=kind).pack())
        except N6Error:
            self._known = True
            raise
        if restart:
            self._open_channel.fail(self._restarted())
            await self._open()

    def loop(self, hz: float, *, missed: MissedPolicy = "skip") -> ControlLoop:
        """A control loop beside this device; see :mod:`n6link.control.loop`."""
        return ControlLoop(hz, missed=missed)

    # ---- inside

    @property
    def _open_channel(self) -> Channel:
        if self._channel is None:
            raise LocalProtocolError("this N6Device is not open: use `async with N6Device(...) as dev`")
        return self._channel

    def _restarted(self) -> DeviceRebooted:
        return DeviceRebooted(f"{self._url} was restarted by this program: what was under way is lost")

    async def _open(self) -> None:
        """Opens a session, and reads what the device has."""
        channel = self._open_channel
        self._known = False
        opened = await channel.open(ambient.randbits(64), host=f"n6link {__version__}")
        self._clock = ClockMap(opened.hello.tick_hz, floor=self._clock.newest)
        try:
            self._info = DeviceInfo.parse(opened, await self.request(MessageType.INFO))
        except ValueError as error:
            raise RemoteProtocolError(f"the device tells too little of itself: {error}") from error
        channel.link.path.set_baud(self._info.baud)
        await self._compare_clocks()
        networks: dict[str, Network] = {}
        files = await sim.card_files(self._url)
        for description in await describe.read(channel.ask_all, opened.hello.networks):
            known, now = self._networks.get(description.name), (description.digest, description.index)
            same = known if known and (known.digest, known.index) == now else None  # over a restart
            networks[description.name] = same or Network(
                self, description, *self._card(description, files.get(description.name))
            )
        self._networks = MappingProxyType(networks)
        self._runner = Runner(channel, opened.hello.slots)
        self._known = True

    def _card(self, description: Description, file: Path | None) -> tuple[Card | None, str]:
        """The card of a network, or what is wrong with that of its firmware."""
        try:
            return cards_.find(description.name, description.card, self._cards, file=file), ""
        except CardError as error:
            return None, str(error)

    async def _compare(self) -> None:
        with suppress(N6Error):
            await self._compare_clocks()
        self._comparing = False

    async def _compare_clocks(self) -> None:
        replies = [await self._open_channel.ask(MessageType.PING) for _ in range(PINGS)]
        self._add_to_clock(min(replies, key=lambda reply: reply.received - reply.sent))

    def _add_to_clock(self, reply: Reply) -> None:
        self._clock.add(reply.sent, _device_time(reply), reply.received)

    def _notice(self, event: Event | N6Error) -> None:
        """What came unasked, or that nothing will come any more."""
        match event:
            case N6Error():
                for lines in self._logs:
                    lines.fail(event)
                for readings in self._stats:
                    readings.fail(event)
            case LogLine():
                self._log(LogRecord(event.level, event.text, event.time / self._clock.tick_hz))
            case Stray():
                self._log(LogRecord(logging.INFO, event.text, None))
            case StatsPushed():
                stats = self._parsed(event.payload)
                for readings in self._stats:
                    readings.put(stats)

    def _log(self, record: LogRecord) -> None:
        _logger.log(record.level, "%s: %s", self._url, record.text)
        for lines in self._logs:
            lines.put(record)

    def _parsed(self, payload: bytes) -> Stats:
        return Stats.parse(payload, self._info.tick_hz)

    def _rate(self) -> bytes:
        interval = min(self._stats.values(), default=0.0)
        return records.Subscribe(interval_ms=round(interval * 1000)).pack()


def _device_time(pong: Reply) -> int:
    return records.PingReply.unpack(pong.payload).device_time
