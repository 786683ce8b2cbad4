"""The connection to one device, from opening to closing: its channel, clock, description and listeners.

Opening consists of these steps: open the byte stream, HELLO, INFO, a comparison of the clocks, and the description of every network. If
the dialogue is interrupted, :mod:`n6link.session.reunion` connects the device again; calls wait meanwhile. A device that was not
restarted continues. If it was restarted, INFO, clock and descriptions are read again, and requests in progress have failed with
:class:`~n6link.errors.DeviceRebooted`. The states are those of :class:`n6link.session.state.State`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final

import anyio
from anyio.abc import ByteStream

from n6link import ambient
from n6link.errors import (
    DeviceError,
    DeviceRebooted,
    LocalProtocolError,
    N6Error,
    N6Timeout,
    TransportError,
)
from n6link.link.events import LogLine, Opened, Reply, StatsPushed, Stray, Unasked
from n6link.link.link import Link
from n6link.protocol import MessageType, ResetKind, Role, Status, records
from n6link.recorder.recorder import Recorder
from n6link.session import describe, learnt, reunion
from n6link.session.cards import Cards
from n6link.session.channel import Channel
from n6link.session.clock import ClockMap
from n6link.session.health import Health, Life, Vitals
from n6link.session.inference import Job, Outcome, Runner
from n6link.session.info import DeviceInfo, NetworkInfo
from n6link.session.journal import Journal
from n6link.session.quiet import Repeats
from n6link.session.rates import Attempt, Rates
from n6link.session.replies import decoding
from n6link.session.state import AWAY, State, StateChange
from n6link.session.stats import Stats, StatsPages
from n6link.session.subscription import Listeners, LogRecord, Subscription
from n6link.tensors.card import Card
from n6link.transport import discovery
from n6link.transport.url import Stream, open_stream
from n6link.version import __version__

NOT_OPEN: Final = "this N6Device is not open; use it in a `with` block (`async with` in async code), or call its open()"
HOST: Final = f"n6link {__version__}"
"""name of this program in HELLO"""
PINGS: Final = 4
"""round trips of a comparison of the clocks; the fastest one is used"""
RESTART: Final = 10.0
"""maximum seconds until a device is connected again that this program has restarted"""

_OPEN: Final = State.OPEN
_logger = logging.getLogger("n6link.device")


class Connection:
    """See the top of this module.

    Args:
        url: as for :class:`n6link.N6Device`, like the other arguments.
        networks_changed: called at opening, and when the device has other networks than before.
        recorder: records the bytes on the line and the states of the device.
        role: rights of this program.

    Attributes:
        state: state of the device.
        url: the URL that was opened, or will be.
        networks: the networks that the device has loaded, in its order.
        rejected: networks that cannot be used, with reasons: the device could not start them, or their descriptions are invalid.
        clock: converts times of the device to ``time.monotonic()``.
        listeners: subscriptions to statistics, log lines and changes of the state.
        obstacle: why the last attempt to connect again has failed.
        durable: whether what was measured of its line is valid the next time, see :class:`n6link.transport.url.Stream`.
        direct: ``serial:NUMBER`` is the port of the board, also if a server runs for the board; set it before :meth:`open`.
        vitals: times and counts for :attr:`health`.
        journal: passes events to the recorder.
    """

    def __init__(
        self,
        url: str | None,
        *,
        cards: Sequence[Card | str | os.PathLike[str]] = (),
        timeout: float = 5.0,
        reconnect: float = 0.0,
        heartbeat: float = 1.0,
        networks_changed: Callable[[], None] = lambda: None,
        recorder: Recorder | None = None,
        role: Role = Role.CONTROL,
    ) -> None:
        self.state = State.CLOSED
        self.url = url or ""
        self.networks: tuple[NetworkInfo, ...] = ()
        self.clock = ClockMap(1.0)
        self.rejected: Mapping[str, str] = {}
        self.listeners = Listeners()
        self.vitals = Vitals(heartbeat)
        self.journal = Journal(recorder)
        self._pages = StatsPages(1)
        self._rates = Rates(self._rate_changed)
        self._repeats = Repeats()
        self._wanted = url
        self._cards = Cards(cards)
        self._stable_url = self.url
        self._own_board = False
        self.durable = False
        self.direct = False
        self.obstacle = ""
        self._role = role
        self._timeout = timeout
        self._reconnect = reconnect
        self._networks_changed = networks_changed
        self._channel: Channel | None = None
        self._info: DeviceInfo | None = None
        self._log_level: int | None = None
        self._settled = anyio.Event()
        self._runner: Runner | None = None
        self._boot = 0
        self._restarts = False

    # ---- from opening to closing

    async def open(self) -> None:
        """Opens it.

        Raises:
            N6Error: see :class:`n6link.N6Device`.
        """
        if self.state is State.LOST:
            await self.aclose()
        if self.state is not State.CLOSED and not (self._channel and self._channel.over):
            raise LocalProtocolError("this N6Device is already open; create another one for a second connection")
        self._cards.read()
        self._channel, self._info, self._log_level = None, None, None
        self.vitals = Vitals(self.vitals.heartbeat)
        self._change(State.OPENING)
        try:
            await self.journal.open()
            stream = await self._open(self._wanted)
            self.url, self._stable_url, self._cards.files = stream.url, stream.stable_url, stream.card_files
            channel = Channel(name=self.url, timeout=self._timeout, notify=self._notice, survives=self._reconnect > 0)
            if self.state is not State.OPENING:
                await stream.aclose()
                raise channel.closed()
            self._channel = channel
            try:
                await channel.open()
            except BaseException:
                with anyio.CancelScope(shield=True):
                    await stream.aclose()
                raise
            self._own_board, self.durable = stream.rig is not None, stream.durable
            if stream.rig:
                channel.tasks.start_soon(stream.rig.keep)
            self._rates.attach(stream)
            await channel.attach(self.journal.tap(stream))
            opened = await channel.greet(HOST, self._role)
            self.journal.greeted(opened)
            await self._read_device(channel, opened)
            channel.check()  # another task may have closed it
            self._cards.check(self.networks)
            await discovery.confirm(stream.port, stream.expected, self.info.unique_id)
            channel.check()
            channel.tasks.start_soon(self._supervise, channel)
            channel.tasks.start_soon(self._beat, channel)
            if self._rates.first:
                channel.tasks.start_soon(self._rates.watch, channel)
            self._change(State.OPEN)
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Closes it; calls in progress fail with TransportError. A second call does nothing.

        Raises:
            LocalProtocolError: it was opened in another event loop, which still runs.
        """
        if self._channel:
            self._channel.check_home("this N6Device")
        if self.state is not State.CLOSED:
            self._change(State.CLOSED)
        if self._channel:
            await self._channel.aclose()
        for said in self._repeats.rest():
            _logger.info("%s: %s", self.url, said)
        await self.journal.aclose()

    async def restart(self) -> None:
        """Restarts the device and waits until it is connected again; calls in progress fail with DeviceRebooted.

        Raises:
            N6Error: it refused, and nothing has changed; or it was not connected again in time.
        """
        channel = await self.usable()
        self._change(State.RESTARTING)
        try:
            reset = records.Reset(kind=ResetKind.DEVICE, boot_nonce=self.info.boot_nonce)
            await channel.ask_now([(MessageType.RESET, reset.pack())])
        except N6Error:
            if self.state is State.RESTARTING and not channel.interruption:
                self._change(State.OPEN)
            raise
        self._restarts = True
        channel.abort(self._restarted())
        channel.interrupt(self._restarted(), survives=True)
        await self.usable()

    def _restarted(self) -> DeviceRebooted:
        return DeviceRebooted(f"{self.url} was restarted by this program: requests in progress are lost")

    async def _read_device(self, channel: Channel, opened: Opened) -> tuple[str, ...]:
        """Reads the description of a device at opening, or after its restart.

        Returns:
            Names of the networks that have changed or do not exist any more.
        """
        clock = ClockMap(opened.hello.tick_hz, floor=self.clock.newest)
        self._pages = StatsPages(opened.hello.tick_hz)
        (reply,) = await channel.ask_now([(MessageType.INFO, b"")])
        with decoding("INFO"):
            self._info = DeviceInfo.parse(opened, reply.payload)
        if self.durable and not self._info.baud:
            self._info = replace(self._info, speed=await learnt.recall(self._info.unique_id, "speed"))
        channel.link.path.set_baud(self._info.baud)
        await self._rates.settle(channel)
        await self._compare_clocks(channel, clock)
        self.clock = clock  # not before: other tasks convert times at any time
        described, self.rejected = await describe.read(channel.ask_now, opened.hello.networks, self._info)
        for name, reason in self.rejected.items():
            _logger.warning("%s: network %r cannot be used: %s", self.url, name, reason)
        before, self.networks = self.networks, tuple(map(self._cards.add_to, described))
        self._choose_runner(channel, opened.hello.slots, same=_numbers(before) == _numbers(self.networks))
        self._boot = opened.hello.boot_nonce
        self._networks_changed()
        now = {network.name: network.digest for network in self.networks}
        return tuple(network.name for network in before if now.get(network.name) != network.digest)

    def _rate_changed(self, baud: int) -> None:
        if self._info:
            self._info = replace(self._info, baud=baud)

    def _choose_runner(self, channel: Channel, slots: int, *, same: bool) -> None:
        """Keeps the runner, and so the inferences that wait for a slot, if the numbers of slots and networks are unchanged."""
        if self._runner and self._runner.serves(channel, slots) and same:
            return
        if self._runner:
            self._runner.end(channel.rebooted())
        self._runner = Runner(channel, slots, self.usable)

    # ---- reconnection

    async def _supervise(self, channel: Channel) -> None:
        """Connects the device again after each interruption of the dialogue; ends if this fails."""
        while True:
            reason = await channel.interrupted()
            begun, restarting = ambient.monotonic(), self._restarts
            self._restarts = False
            if not restarting:
                self._change(State.RECONNECTING, str(reason))
            self.obstacle = str(reason)
            try:
                rebooted, changed = await reunion.bring_back(
                    channel,
                    urls=self._urls,
                    connect=self._connect,
                    resume=partial(self._resume, channel, restarting),
                    bound=self._reconnect or RESTART,
                    failed=self._not_yet,
                )
            except N6Error as error:
                self._change(State.LOST, str(error))
                channel.fail(error)
                return
            self.vitals.returns += 1
            self.vitals.reboots += rebooted
            self.listeners.interrupted()
            self._change(State.OPEN, away=ambient.monotonic() - begun, rebooted=rebooted, changed=changed)

    def _not_yet(self, error: N6Error) -> None:
        self.obstacle = str(error)

    def _urls(self) -> list[str]:
        """Possible URLs of the device now."""
        if self._own_board:  # its first URL would start another board
            return [self._stable_url]
        known = self.info.unique_id
        # A board that was unplugged may get another port name; its unique id does not change.
        other = [f"serial:{known}"] if known and self._stable_url.startswith("serial:") else []
        return list(dict.fromkeys([self._stable_url, self.url, *other]))

    async def _open(self, url: str | None) -> Stream:
        return await (open_stream(url, direct=True) if self.direct else open_stream(url))

    async def _connect(self, url: str) -> ByteStream:
        stream = await self._open(url)
        self._cards.files = stream.card_files or self._cards.files
        self._rates.attach(stream, self._rates.first if self._own_board else None)
        return self.journal.tap(stream)

    async def _resume(self, channel: Channel, restarting: bool, patience: float) -> tuple[bool, tuple[str, ...]]:
        """Continues the dialogue; returns whether the device was restarted, and the names of changed networks."""
        await self._rates.rest(channel)
        opened = await channel.greet(HOST, resume=True, patience=patience)
        self.journal.greeted(opened)
        changed: tuple[str, ...] = ()
        rebooted = opened.hello.boot_nonce != self._boot
        if rebooted:
            changed = await self._read_device(channel, opened)
        elif restarting:
            # The old program answers HELLO until the reset happens; reunion tries again.
            await anyio.sleep(reunion.FIRST_PAUSE)
            raise TransportError("the device answers, but has not restarted yet")
        else:
            await self._rates.settle(channel)
            await self._compare_clocks(channel, self.clock)
        if not opened.resumed:
            self._restore(channel)
        return rebooted, changed

    def _restore(self, channel: Channel) -> None:
        """Sends the settings that a new session of the device does not have: log level and subscription."""
        if self._log_level is not None:
            channel.send(MessageType.LOG_LEVEL, records.LogLevelRequest(level=self._log_level).pack())
        if self.listeners.stats:
            channel.send(MessageType.SUBSCRIBE, self._rate())

    async def _beat(self, channel: Channel) -> None:
        """Pings a device that has not sent a frame for a heartbeat, so that a lost device is detected; samples the link."""
        while True:
            await anyio.sleep(self.vitals.heartbeat)
            now = ambient.monotonic()
            self.vitals.sample(channel.link.counters, now)
            if self.state is State.OPEN and now - channel.heard >= self.vitals.heartbeat:
                try:
                    await channel.ask(MessageType.PING)
                except N6Timeout as error:  # without reconnection; the device may still answer later
                    self.listeners.fail(error, final=False)
                except N6Error:
                    pass

    def _change(self, state: State, reason: str = "", **more: Any) -> None:
        """Changes the state of the device, wakes calls that wait for it, and notifies subscriptions."""
        self.vitals.departures += self.state is State.OPEN
        self.state = state
        self._settled.set()
        self._settled = anyio.Event()
        change = StateChange(ambient.monotonic(), state, reason, **more)
        self.journal.changed(change)
        self.listeners.change(change)

    # ---- requests

    def check(self) -> None:
        """Raises LocalProtocolError if it is not open, or its event loop has ended."""
        if self.state is State.CLOSED or (self._channel and self._channel.over):
            raise LocalProtocolError(NOT_OPEN)

    @property
    def channel(self) -> Channel:
        """The dialogue with the device.

        Raises:
            LocalProtocolError: it is not open.
        """
        self.check()
        if self._channel is None:
            raise LocalProtocolError(NOT_OPEN)
        return self._channel

    @property
    def alive(self) -> bool:
        """Whether the device is connected, or a reconnection is expected."""
        return self.state is State.OPEN or self.state in AWAY

    def rate(self) -> float | None:
        """Bytes per second to the device, measured or reported by it; None = not known yet."""
        path = self.channel.link.path
        return path.rate if path.known else None

    async def renew_rate(self) -> tuple[Attempt, ...]:
        """Tries all bit rates of the line again, also those above the stored one, and stores the best.

        Returns:
            What was tried last; empty = the rate of this line cannot be changed.

        Raises:
            N6Error: the device does not answer any more.
        """
        await self._rates.renew(await self.usable())
        return self._rates.attempts

    async def usable(self) -> Channel:
        """The dialogue with a connected device; waits during a reconnection.

        Raises:
            LocalProtocolError: it is not open.
            N6Error: the reconnection has failed.
        """
        channel = self._channel
        if self.state is _OPEN and channel and not channel.over and not channel.failure:
            return channel
        channel = self.channel
        while self.state in AWAY and not channel.failure:
            await self._settled.wait()
        channel.check()
        return channel

    @property
    def info(self) -> DeviceInfo:
        """Board, firmware and limits, read at opening or after a restart.

        Raises:
            LocalProtocolError: it is not open.
        """
        self.check()
        if self._info is None:
            raise LocalProtocolError(NOT_OPEN)
        return self._info

    @property
    def life(self) -> Life:
        """Whether the device is connected and answers. Returns immediately, in any thread."""
        heard = self._channel.heard if self._channel else float("-inf")
        return self.vitals.life(self.state, heard, ambient.monotonic())

    @property
    def health(self) -> Health:
        """The same, with figures of the link."""
        link = self._channel.link if self._channel else Link()
        return self.vitals.health(self.life, link, ambient.monotonic())

    async def ask(
        self,
        kind: MessageType,
        body: bytes = b"",
        *,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> bytes:
        """Sends a request of the protocol and returns the payload of the answer.

        Args:
            kind: type of the request.
            body: payload of the request, see ``protocol.md``.
            timeout: maximum seconds without an answer; None = the device's time-out.

        Raises:
            DeviceError: the device refused.
            DeviceRebooted: the device was restarted meanwhile.
            N6Timeout: no answer.
            TransportError: the device was lost.
        """
        with self.journal.watching(kind.name):
            return (await (await self.usable()).ask(kind, body, timeout=timeout)).payload

    async def ask_all(self, kind: MessageType, bodies: Sequence[bytes]) -> list[bytes]:
        """Sends several requests of one type at the same time, such as for the pages of a list; see :meth:`ask`."""
        with self.journal.watching(kind.name):
            replies = await (await self.usable()).ask_all([(kind, body) for body in bodies])
            return [reply.payload for reply in replies]

    async def ping(self) -> tuple[float, int, float]:
        """A round trip, for the clock: host time of sending, ticks of the device, host time of the answer."""
        with self.journal.watching("PING"):
            return _trip(await (await self.usable()).ask(MessageType.PING))

    async def set_log_level(self, level: int) -> None:
        """Sets the minimum level of the device's log lines, also for the time after a reconnection."""
        self._log_level = level
        await self.ask(MessageType.LOG_LEVEL, records.LogLevelRequest(level=level).pack())

    async def infer(self, job: Job) -> Outcome:
        """Runs a job whose inputs are bytes; users call :meth:`n6link.Network.run`.

        Raises:
            N6Error: see :meth:`n6link.Network.run`.
        """
        with self.journal.watching("inference"):
            if self.clock.claim(ambient.monotonic()):
                self.channel.tasks.start_soon(self._compare_in_background)
            if self._runner is None:
                raise LocalProtocolError(NOT_OPEN)
            try:
                outcome = await self._runner.run(job)
            except DeviceError as error:
                # A device that restarts cancels its work first; the cause for the caller is the restart.
                if error.status == Status.CANCELLED and self.state is State.RESTARTING:
                    raise self._restarted() from error
                if error.status == Status.NOT_READY:
                    why = await describe.reason(self.channel.ask_all, job.network)
                    raise DeviceError(f"the network cannot run: {why}", error.status, error.value) from error
                raise
        moment = outcome.begun, outcome.header.t_end, outcome.received
        if not self.clock.agrees(*moment):
            self.clock.add(*moment)
        return outcome

    # ---- subscriptions

    async def listen(self, readings: Subscription[Stats], interval: float) -> None:
        """Delivers statistics to a subscription, until :meth:`unlisten`."""
        self.listeners.stats[readings] = interval
        await self.ask(MessageType.SUBSCRIBE, self._rate())

    def unlisten(self, readings: Subscription[Stats]) -> None:
        """Ends the delivery of statistics to a subscription."""
        if self.listeners.stats.pop(readings, None) and self._channel and not self._channel.failure:
            self._channel.send(MessageType.SUBSCRIBE, self._rate())

    async def hear(self, lines: Subscription[LogRecord]) -> None:
        """Delivers log lines to a subscription, until :meth:`unhear`."""
        self.channel.check()
        self.listeners.logs.add(lines)

    def unhear(self, lines: Subscription[LogRecord]) -> None:
        """Ends the delivery of log lines to a subscription."""
        self.listeners.logs.discard(lines)

    async def follow(self, changes: Subscription[StateChange]) -> None:
        """Delivers changes of the state to a subscription, until :meth:`unfollow`."""
        self.listeners.events.add(changes)

    def unfollow(self, changes: Subscription[StateChange]) -> None:
        """Ends the delivery of changes of the state to a subscription."""
        self.listeners.events.discard(changes)

    def _rate(self) -> bytes:
        return records.Subscribe(interval_ms=round(self.listeners.interval * 1000)).pack()

    def _notice(self, event: Unasked | N6Error) -> None:
        """Handles an event that is not an answer to a request, or the error that ended the dialogue."""
        match event:
            case N6Error():
                self.listeners.fail(event, final=True)
                if self.alive:
                    self._change(State.LOST, str(event))
            case LogLine():
                self._log(LogRecord(event.level, event.text, event.time / self._pages.tick_hz))
            case Stray():
                self._log(LogRecord(logging.INFO, event.text, None))
            case StatsPushed():
                if reading := self._pages.add(event.payload):
                    self.listeners.read(reading)

    def _log(self, record: LogRecord) -> None:
        if (said := self._repeats.add(record.text, ambient.monotonic())) is not None:
            _logger.log(record.level, "%s: %s", self.url, said)
        self.listeners.log(record)

    # ---- clocks

    async def _compare_in_background(self) -> None:
        with suppress(N6Error):
            await self._compare_clocks(self.channel, self.clock)

    async def _compare_clocks(self, channel: Channel, clock: ClockMap) -> None:
        trips = [_trip((await channel.ask_now([(MessageType.PING, b"")]))[0]) for _ in range(PINGS)]
        best = min(trips, key=lambda trip: trip[2] - trip[0])
        clock.add(*best)
        self.journal.compared(clock, best[2])


def _numbers(networks: Sequence[NetworkInfo]) -> list[tuple[str, int, int]]:
    return [(network.name, network.index, network.digest) for network in networks]


def _trip(reply: Reply) -> tuple[float, int, float]:
    """Host time of sending, ticks of the device, host time of the answer.

    The PING may have been repeated: the answer contains the time of the transmission that it answers, else an answer that was late would
    seem to be fast, and the comparison of the clocks would be wrong.
    """
    answer = records.PingReply.unpack(reply.payload)
    return min(answer.host_time / 1e9, reply.sent), answer.device_time, reply.received
