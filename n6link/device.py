"""A board with an NPU, or a virtual board, as an async context manager."""

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
    """A device that is open during an ``async with`` block.

    ::

        async with N6Device("sim:") as dev:
            result = await dev["movenet13"].run(frame)

    Args:
        url: see :mod:`n6link.transport.url`; None = the variable N6LINK_URL, else the only connected board.
        cards: descriptions of networks, as cards or files; they have priority over the firmware's cards. A firmware's card
            that cannot be used does not prevent the connection, see ``Network.card_problem``.
        timeout: seconds. A request fails if there is no answer for this time, an inference if there is no progress.

    Raises, on entering:
        NoDeviceError: no URL, and not exactly one board.
        TransportError: the URL cannot be opened.
        RemoteProtocolError: the peer is not an n6link device, or its description contains a contradiction.
        VersionMismatch: the firmware uses another protocol version.
        N6Timeout: the peer does not answer.
        CardError: a card in ``cards`` cannot be used.

    Attributes:
        connection: the open connection, for requests that do not have a method here.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        cards: Sequence[Card | str | os.PathLike[str]] = (),
        timeout: float = 5.0,
    ) -> None:
        if not 0 < timeout < math.inf:
            raise BadInput(f"timeout={timeout} must be a positive, finite number of seconds")
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
        """Creates a Network for each network of the device; after a restart, an unchanged network keeps its object."""
        self._networks = MappingProxyType({info.name: self._network(info) for info in self.connection.networks})

    def _network(self, info: NetworkInfo) -> Network:
        known = self._networks.get(info.name)
        if known is None or (known.info.digest, known.info.index) != (info.digest, info.index):
            return Network(self.connection, info)
        known.info = replace(known.info, device=info.device)
        return known

    # ---- description

    @property
    def url(self) -> str:
        """The URL that was opened."""
        return self.connection.url

    @property
    def info(self) -> DeviceInfo:
        """Board, firmware and limits, read when the device was opened."""
        return self.connection.info

    @property
    def networks(self) -> Mapping[str, Network]:
        """The firmware's networks by name, in its order."""
        return self._networks

    def __getitem__(self, name: str) -> Network:
        if name not in self._networks:
            raise UnknownName(
                f"the device does not have a network {name!r}; it has {', '.join(self._networks) or 'none'}"
            )
        return self._networks[name]

    @property
    def clock(self) -> ClockMap:
        """Converts device times to ``time.monotonic()``."""
        return self.connection.clock

    @property
    def counters(self) -> Counters:
        """The counters of the host's side of the link."""
        return self.connection.channel.link.counters

    # ---- requests

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
        """Statistics that the device sends at an interval.

        ::

            async with dev.subscribe(0.5) as readings:
                async for stats in readings:
                    ...

        Args:
            interval: seconds between two readings; the shortest interval of all subscriptions is used.
        """
        if not 0.001 <= interval <= 3600:
            raise BadInput(f"interval={interval} is out of range; use 0.001 to 3600 seconds")
        readings = Subscription[Stats]()
        try:
            await self.connection.listen(readings, interval)
            yield readings
        finally:
            self.connection.unlisten(readings)

    @asynccontextmanager
    async def logs(self) -> AsyncGenerator[Subscription[LogRecord]]:
        """Log lines of the device, and other text on the line; they are also sent to the logger ``n6link.device``."""
        lines, logs = Subscription[LogRecord](), self.connection.listeners.logs
        logs.add(lines)
        try:
            yield lines
        finally:
            logs.discard(lines)

    async def set_log_level(self, level: LogLevel | int) -> None:
        """Sets the minimum level of the device's log lines; numbers as in :mod:`logging`."""
        body = records.LogLevelRequest(level=min(int(level), int(LogLevel.NONE))).pack()
        await self.connection.ask(MessageType.LOG_LEVEL, body)

    async def reset(self, *, restart: bool = False) -> None:
        """Cancels all work and deletes all results; pending calls fail with DeviceError.

        Args:
            restart: restart the device, and wait until it is connected again; pending calls fail with DeviceRebooted.
        """
        if restart:
            await self.connection.restart()
            self._take_networks()
        else:
            await self.connection.ask(MessageType.RESET, records.Reset(kind=ResetKind.SESSION).pack())

    def loop(self, hz: float, *, missed: MissedPolicy = "skip") -> ControlLoop:
        """A control loop; see :mod:`n6link.control.loop`."""
        return ControlLoop(hz, missed=missed)
