"""A board with an NPU, or a virtual board, as an async context manager."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType, TracebackType
from typing import Final, Self

import numpy as np

from n6link.control.loop import ControlLoop, HasNewest, MissedPolicy
from n6link.control.watchdog import Watchdog
from n6link.epochs.timers import EpochStats
from n6link.errors import BadInput, RemoteProtocolError, UnknownName
from n6link.link.frames import Counters
from n6link.network import Network
from n6link.protocol import LogLevel, MessageType, ResetKind, Role, records
from n6link.recorder.recorder import Recorder
from n6link.session.clock import ClockMap
from n6link.session.connection import Connection
from n6link.session.described import listed
from n6link.session.health import Health
from n6link.session.info import DeviceInfo, NetworkInfo, Ping
from n6link.session.lifecycle import Lifecycle
from n6link.session.replies import decoding
from n6link.session.sharing import ClientInfo, read_clients
from n6link.session.state import State, StateChange
from n6link.session.stats import BATCH, Stats, StatsPages
from n6link.session.subscription import LogRecord, Subscription
from n6link.sheet import Sheet, Shown, facts
from n6link.tensors.card import Card

MAX_PAGES: Final = 64
"""frames of one reading of statistics at most; the networks of one frame are about fifteen"""


class N6Device(Lifecycle, Shown):
    """A device that is open during an ``async with`` block, or from :meth:`open` to :meth:`aclose`.

    ::

        async with N6Device("sim:") as dev:
            result = await dev["movenet13"].run(frame)

    Any task may open and close it, in any order: start-up and shut-down handlers, fixtures, exit stacks, cells of a notebook. A device that
    was closed may be opened again. One that is never closed is closed when its event loop ends.

    Args:
        url: see :mod:`n6link.transport.url`; None = the variable N6LINK_URL, else ``defaults.url`` of the settings,
            else the only connected board.
        cards: descriptions of networks, as cards or files; they have priority over the firmware's cards. A firmware's card
            that cannot be used does not prevent the connection, see ``Network.card_problem``.
        timeout: seconds. A request fails if there is no answer for this time, an inference if there is no progress.
        reconnect: seconds for which a lost device is searched for, after unplugging, reset, restart, or sleep of this computer; 0 = never,
            math.inf = without limit. Only the same board (unique id) is accepted; the name of its port may change. Calls wait
            meanwhile. If the board was not restarted, they continue. If it was, requests in progress raise
            :class:`DeviceRebooted`, or are executed again with ``rerun=True``. Streams, loops, subscriptions and logs continue and count what
            was lost. After this time every call raises TransportError until the device is opened again.
            The default is for applications: a board starts in one second and a port appears again in two, so 10 seconds cover what
            needs no person, and a cable that stays unplugged is reported soon. Use ``math.inf`` in programs that run
            unattended, with a ``timeout`` for calls that must end. Use 0 in commands that run once, as the commands of ``n6link``
            do: all calls fail immediately, and the script that started the command decides.
        heartbeat: seconds without a frame from the device after which it gets a ping; see :attr:`health`.
        read_only: this program only reads: inferences, leases and resets are refused with the status READ_ONLY. For monitors of a board that
            others control.
        record: file for a recording of all bytes on the line and of all states, ``FILE?ring=4M`` for the last 4 MB before a
            failure, or a recorder; see :class:`n6link.Recorder`. None = the variable N6LINK_RECORD, else no recording.

    Raises, on opening:
        NoDeviceError: no URL, and not exactly one board.
        TransportError: the URL cannot be opened.
        RemoteProtocolError: the peer is not an n6link device, or its description contains a contradiction.
        VersionMismatch: the firmware uses another protocol version.
        N6Timeout: the peer does not answer.
        CardError: a card in ``cards`` cannot be used.
        BadInput: the file for the recording cannot be written.

    Attributes:
        connection: the open connection, for requests that do not have a method here.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        cards: Sequence[Card | str | os.PathLike[str]] = (),
        timeout: float = 5.0,
        reconnect: float = 10.0,
        heartbeat: float = 1.0,
        read_only: bool = False,
        record: str | os.PathLike[str] | Recorder | None = None,
    ) -> None:
        if not 0 < timeout < math.inf:
            raise BadInput(f"timeout={timeout} must be a positive, finite number of seconds")
        if not reconnect >= 0:
            raise BadInput(f"reconnect={reconnect} must be seconds; use 0 for never, math.inf for no limit")
        if not 0 < heartbeat < math.inf:
            raise BadInput(f"heartbeat={heartbeat} must be a positive, finite number of seconds")
        self.connection = Connection(
            url,
            cards=cards,
            timeout=timeout,
            reconnect=reconnect,
            heartbeat=heartbeat,
            networks_changed=self._take_networks,
            recorder=Recorder.from_environment() if record is None else Recorder.read(record),
            role=Role.READ_ONLY if read_only else Role.CONTROL,
        )
        self._networks: Mapping[str, Network] = MappingProxyType({})

    async def open(self) -> Self:
        """Opens the device, and returns it.

        Raises:
            LocalProtocolError: it is already open.
            N6Error: see :class:`N6Device`.
        """
        await self.connection.open()
        return self

    async def aclose(self) -> None:
        """Closes the device; calls in progress fail with TransportError. A second call does nothing.

        Raises:
            LocalProtocolError: it was opened in another event loop that still runs.
        """
        await self.connection.aclose()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            self.connection.journal.failed(error, "the program")
        await super().__aexit__(kind, error, trace)

    def brief(self) -> str:
        """Its URL and networks."""
        names = ", ".join(self._networks) or "no networks"
        return f"{self.url} {'closed' if self.connection.state is State.CLOSED else f'with {names}'}"

    def sheet(self) -> Sheet:
        """Board and networks."""
        if self.connection.state is State.CLOSED:
            return Sheet()
        info = self.info
        about = {
            "board": info.board,
            "firmware": info.firmware,
            "unique id": info.unique_id,
            "state": self.state.value,
            "times": "simulated: not those of an NPU" if info.simulated else "measured by the board",
        }
        return Sheet((facts(about), listed(self._networks)))

    def _take_networks(self) -> None:
        """Creates a Network for each network of the device; after a restart, an unchanged network keeps its object."""
        before = self._networks
        self._networks = MappingProxyType({info.name: self._network(info) for info in self.connection.networks})
        for name, network in before.items():
            if self._networks.get(name) is not network:
                network.replaced = name in self._networks

    def _network(self, info: NetworkInfo) -> Network:
        known = self._networks.get(info.name)
        if known is None or known.info.digest != info.digest:
            return Network(self.connection, info)
        known.info = replace(known.info, device=info.device, index=info.index)
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
        self.connection.check()
        return self._networks

    def __getitem__(self, name: str) -> Network:
        networks = self.networks
        if reason := self.connection.rejected.get(name):
            raise UnknownName(f"the network {name!r} cannot be used: {reason}")
        if name not in networks:
            raise UnknownName(f"the device does not have a network {name!r}; it has {', '.join(networks) or 'none'}")
        return networks[name]

    @property
    def clock(self) -> ClockMap:
        """Converts device times to ``time.monotonic()``."""
        self.connection.check()
        return self.connection.clock

    @property
    def counters(self) -> Counters:
        """The counters of the host's side of the link."""
        return self.connection.channel.link.counters

    @property
    def state(self) -> State:
        """Whether the device is present; see :class:`n6link.session.state.State`."""
        return self.connection.state

    @property
    def health(self) -> Health:
        """The last sign of life, and the quality of the link. Returns immediately, in any thread."""
        return self.connection.health

    def events(self) -> Subscription[StateChange]:
        """The changes of :attr:`state`. It may be opened before the device, and stays open when the device is closed.

        ::

            async with dev.events() as changes:
                async for change in changes:
                    print(change.state.value, change.reason)
        """
        return Subscription(self.connection.follow, self.connection.unfollow)

    # ---- requests

    async def ping(self) -> Ping:
        """Measures a round trip, and compares the clocks."""
        sent, ticks, received = await self.connection.ping()
        if received >= self.clock.due:
            self.clock.add(sent, ticks, received)
        return Ping(received - sent, ticks / self.info.tick_hz, (sent + received) / 2)

    async def stats(self) -> Stats:
        """The device's statistics: its side of the link, and every network."""
        pages = StatsPages(self.info.tick_hz)
        for _ in range(MAX_PAGES):
            asked = [records.StatsRequest(first=first).pack() for first in pages.missing]
            for payload in await self.connection.ask_all(MessageType.STATS, asked):
                with decoding("STATS"):
                    reading = pages.add(payload)
                if reading:
                    return reading
        raise RemoteProtocolError(f"the device sends statistics of {pages.known} networks without a last page")

    async def clients(self) -> tuple[ClientInfo, ...]:
        """The programs that share the device, if it is used through a server (``n6link serve``); also this one.

        Raises:
            DeviceError: UNSUPPORTED: this program has the device alone.
        """
        return await read_clients(self.connection.ask)

    async def reset_stats(self) -> None:
        """Resets all statistics to zero, also those of the epochs."""
        await self.connection.ask(MessageType.RESET_STATS)

    async def epoch_stats(self, name: str) -> EpochStats:
        """Sums of the times of a network's epoch blocks since the statistics were reset.

        Raises:
            UnknownName: the network does not exist.
        """
        network = self[name].info
        total = len(network.epochs)
        sums, wanted = np.zeros(total, records.BlockStats.DTYPE), [0] if total else []
        runs = first = step = 0
        while wanted:
            bodies = [records.EpochStats(network=network.index, first=start).pack() for start in wanted]
            for payload in await self.connection.ask_all(MessageType.EPOCH_STATS, bodies):
                with decoding("EPOCH_STATS"):
                    page = records.EpochStatsReply.unpack(payload)
                    found = records.BlockStats.array(payload, page.count, page.head, page.record)
                if page.total != total or page.first != first or not (page.count or not page.runs):
                    raise RemoteProtocolError(
                        f"the device reports {page.count} of {page.total} epoch blocks of {name!r} from {first}"
                    )
                runs, step, count = page.runs, page.count, min(page.count, total - first)
                if not runs:  # none, or they were reset since the last page
                    break
                sums[first : first + count] = found[:count]
                first += count
            wanted = list(range(first, total, step))[:BATCH] if runs else []
        return EpochStats.from_records(
            network.epochs,
            sums,
            runs=runs,
            source=network.timer_source,
            tick_hz=network.device.tick_hz,
            simulated=network.device.simulated,
        )

    def subscribe(self, interval: float = 1.0) -> Subscription[Stats]:
        """Statistics that the device sends at an interval.

        ::

            async with dev.subscribe(0.5) as readings:
                async for stats in readings:
                    ...

        Args:
            interval: seconds between two readings; the shortest interval of all subscriptions is used.

        Raises:
            BadInput: the interval is out of range.
        """
        if not 0.001 <= interval <= 3600:
            raise BadInput(f"interval={interval} is out of range; use 0.001 to 3600 seconds")
        return Subscription(partial(self.connection.listen, interval=interval), self.connection.unlisten)

    def logs(self) -> Subscription[LogRecord]:
        """Log lines of the device, and other text on the line; they are also sent to the logger ``n6link.device``."""
        return Subscription(self.connection.hear, self.connection.unhear)

    async def set_log_level(self, level: LogLevel | int) -> None:
        """Sets the minimum level of the device's log lines; numbers as in :mod:`logging`."""
        await self.connection.set_log_level(min(int(level), int(LogLevel.NONE)))

    async def reset(self, *, restart: bool = False) -> None:
        """Cancels all work and deletes all results; pending calls fail with DeviceError.

        Args:
            restart: restart the device, and wait until it is connected again; pending calls fail with DeviceRebooted.
        """
        if restart:
            await self.connection.restart()
        else:
            await self.connection.ask(MessageType.RESET, records.Reset(kind=ResetKind.SESSION).pack())

    def loop(self, hz: float, *, missed: MissedPolicy = "skip") -> ControlLoop:
        """A control loop whose ticks show whether the device is stale; see :mod:`n6link.control.loop`."""
        return ControlLoop(hz, missed=missed, life=lambda: self.connection.life)

    def watchdog(self, silence: float = 3.0, results: Mapping[HasNewest, float] | None = None) -> Watchdog:
        """A latched watchdog; see :mod:`n6link.control.watchdog`.

        Args:
            silence: seconds without a frame from the device that trip it.
            results: for networks the age of the newest result, in seconds, that trips it.

        Raises:
            BadInput: a time is out of range, or ``silence`` is below two heartbeats, which an idle device reaches in normal operation.
        """
        least = 2 * self.connection.vitals.heartbeat
        if silence < least:
            raise BadInput(
                f"silence={silence:g} is below two heartbeats ({least:g} s), which an idle device reaches in normal operation; "
                f"use a larger one, or N6Device(heartbeat={silence / 2:g})"
            )
        return Watchdog(lambda: self.connection.life, silence=silence, results=results or {})
