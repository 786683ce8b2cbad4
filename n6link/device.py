"""A board with an NPU, or a virtual one, as an async context manager."""

from __future__ import annotations

import math
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from types import MappingProxyType, TracebackType
from typing import Final, Self

import numpy as np

from n6link.control.loop import ControlLoop, MissedPolicy
from n6link.epochs.timers import EpochStats
from n6link.errors import BadInput, RemoteProtocolError, UnknownName
from n6link.link.frames import Counters
from n6link.network import Network
from n6link.protocol import LogLevel, MessageType, ResetKind, records
from n6link.session.clock import ClockMap
from n6link.session.connection import Connection, State
from n6link.session.info import DeviceInfo, NetworkInfo, Ping
from n6link.session.stats import Stats, StatsPages
from n6link.session.subscription import LogRecord, Subscription
from n6link.tensors.card import Card

MAX_PAGES: Final = 64
"""frames of one reading of statistics at most; the networks of one frame are about fifteen"""


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

    Attributes:
        connection: all that is kept of the device while it is open, for what this class has no method for.
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
        self.connection = Connection(url, cards=cards, timeout=timeout)
        self._networks: Mapping[str, Network] = MappingProxyType({})

    async def __aenter__(self) -> Self:
        await self.connection.open()
        self._take_networks()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.connection.aclose()

    def __repr__(self) -> str:
        names = ", ".join(self._networks) or "no networks"
        closed = self.connection.state is State.CLOSED
        return f"<N6Device {self.url}: {'closed' if closed else names}>"

    def _take_networks(self) -> None:
        """Makes a Network of each that the device has; one that is the same as before keeps its own."""
        self._networks = MappingProxyType({info.name: self._network(info) for info in self.connection.networks})

    def _network(self, info: NetworkInfo) -> Network:
        known = self._networks.get(info.name)
        if known is None or (known.info.digest, known.info.index) != (info.digest, info.index):
            return Network(self.connection, info)
        known.info = replace(known.info, device=info.device)
        return known

    # ---- what is there

    @property
    def url(self) -> str:
        """What was opened, as it may be written again."""
        return self.connection.url

    @property
    def info(self) -> DeviceInfo:
        """Board, firmware and limits, as they were at connecting."""
        return self.connection.info

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
        return self.connection.clock

    @property
    def counters(self) -> Counters:
        """What this end of the link has counted."""
        return self.connection.channel.link.counters

    # ---- what can be asked

    async def ping(self) -> Ping:
        """Measures a round trip, and compares the clocks."""
        sent, ticks, received = await self.connection.ping()
        if received >= self.clock.due:
            self.clock.add(sent, ticks, received)
        return Ping(received - sent, ticks / self.info.tick_hz, (sent + received) / 2)

    async def stats(self) -> Stats:
        """What the device counts: its end of the link, and every network."""
        pages = StatsPages(self.info.tick_hz)
        for _ in range(MAX_PAGES):
            request = records.StatsRequest(first=pages.known).pack()
            if reading := pages.add(await self.connection.ask(MessageType.STATS, request)):
                return reading
        raise RemoteProtocolError(f"the device sends statistics of {pages.known} networks, and no last page")

    async def reset_stats(self) -> None:
        """Zeroes statistics, those of the epochs too."""
        await self.connection.ask(MessageType.RESET_STATS)

    async def epoch_stats(self, name: str) -> EpochStats:
        """What the device has summed up of a network's epoch blocks since the statistics were reset.

        Raises:
            UnknownName: there is no such network.
        """
        network = self[name].info
        total = len(network.epochs)
        sums, runs, first = np.zeros(total, records.BlockStats.DTYPE), 0, 0
        while first < total:
            body = records.EpochStats(network=network.index, first=first).pack()
            payload = await self.connection.ask(MessageType.EPOCH_STATS, body)
            page = records.EpochStatsReply.unpack(payload)
            if page.total != total or page.first != first or not (page.count or not page.runs):
                raise RemoteProtocolError(
                    f"the device reports {page.count} of {page.total} epoch blocks of {name!r} from {first}"
                )
            runs, count = page.runs, min(page.count, total - first)
            if not runs:
                break
            sums[first : first + count] = records.BlockStats.array(payload, count, page.head, page.record)
            first += count
        return EpochStats.from_records(
            network.epochs,
            sums,
            runs=runs,
            source=network.timer_source,
            tick_hz=network.device.tick_hz,
            simulated=network.device.simulated,
        )

    @asynccontextmanager
    async def subscribe(self, interval: float = 1.0) -> AsyncGenerator[Subscription[Stats]]:
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
        try:
            await self.connection.listen(readings, interval)
            yield readings
        finally:
            self.connection.unlisten(readings)

    @asynccontextmanager
    async def logs(self) -> AsyncGenerator[Subscription[LogRecord]]:
        """Log lines of the device, and stray text on the line, as they come; they also go to the logger ``n6link.device``."""
        lines, logs = Subscription[LogRecord](), self.connection.listeners.logs
        logs.add(lines)
        try:
            yield lines
        finally:
            logs.discard(lines)

    async def set_log_level(self, level: LogLevel | int) -> None:
        """The least severe level of log lines that the device sends; numbers as in :mod:`logging`."""
        body = records.LogLevelRequest(level=min(int(level), int(LogLevel.NONE))).pack()
        await self.connection.ask(MessageType.LOG_LEVEL, body)

    async def reset(self, *, restart: bool = False) -> None:
        """Cancels all work and drops all results; what was under way fails with DeviceError.

        Args:
            restart: restart the device, and wait until it is there again; what was under way fails with DeviceRebooted.
        """
        if restart:
            await self.connection.restart()
            self._take_networks()
        else:
            await self.connection.ask(MessageType.RESET, records.Reset(kind=ResetKind.SESSION).pack())

    def loop(self, hz: float, *, missed: MissedPolicy = "skip") -> ControlLoop:
        """A control loop beside this device; see :mod:`n6link.control.loop`."""
        return ControlLoop(hz, missed=missed)
