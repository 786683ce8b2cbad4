"""Reads a device for a :class:`~n6link.monitor.model.Model`, and goes on when it has come back.

The monitor must not disturb other traffic. The device pushes statistics at the selected rate, and the round trip is measured once per
second. The accumulated epoch timers of the selected network may have kilobytes: over a UART they are read only as often as
:data:`UART_SHARE` of its rate allows.

A device that goes away is searched for without a time limit (``N6Device(reconnect=math.inf)``). Before the first connection, and if the device
cannot be used when it comes back, a new attempt is made every second. Only an error that does not disappear ends the monitor, and only
at the start: see :func:`hopeless`.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import anyio
import anyio.to_thread

from n6link import errors, settings
from n6link.device import N6Device
from n6link.json_types import JsonObject
from n6link.link.rate import BITS_PER_BYTE
from n6link.monitor.model import Model
from n6link.monitor.view import Identity, LogLine, PoolRow
from n6link.protocol import LogLevel, Status, records
from n6link.recorder.recorder import Recorder
from n6link.session.state import State
from n6link.tensors.noise import noise
from n6link.tensors.tensor import Array
from n6link.transport.url import beside, check_url

if TYPE_CHECKING:
    from n6link.network import Network
    from n6link.session.subscription import LogRecord
    from n6link.tensors.card import Card

UART_SHARE: Final = 0.006
"""maximum share of a UART's rate for all readings, if the statistics alone do not use more"""
LEAST_SHARE: Final = 0.001
"""share of a UART's rate that is always available for epoch timers"""
SECOND: Final = 1.0
"""seconds between two round trips, and between two attempts to connect"""
PAUSE: Final = 0.1
"""seconds between two runs of the first busy network; twice as long for the second one, and so on"""

PATIENCE: Final = 5.0
"""seconds for a request of the user"""
SHARED: Final = ("unix:", "tcp:")
"""URLs through which a server may be reached"""
ONLY_READS: Final = "the monitor only reads this board, because other programs can use it too; to reset the statistics of all, start it with --control"

Inputs = dict[str, Array]
T = TypeVar("T")


class Watcher:
    """Watches a device, with :meth:`once` or :meth:`watch`.

    Args:
        model: receives the data of the device.
        url: of the device, as for ``N6Device``.
        cards: as for ``N6Device``.
        interval: seconds between two readings.
        network: name of the network that is selected at the start; None = the first one.
        busy: names of networks that the watcher itself runs, a few times per second.
        control: also if other programs can use the board at the same time, it may do more than read.
        changed: called after every change of the model.

    Attributes:
        followers: functions that run as tasks as long as a device is connected.
    """

    def __init__(
        self,
        model: Model,
        url: str | None,
        *,
        cards: Sequence[Card | str] = (),
        interval: float = 1.0,
        network: str | None = None,
        busy: Sequence[str] = (),
        control: bool = False,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.interval = interval
        self.followers: list[Callable[[N6Device], Coroutine[object, object, None]]] = []
        self._model = model
        self._url = url
        self._cards = cards
        self._network = network
        self._busy = busy
        self._control = control or bool(busy)
        self._reads_only = False
        self._changed = changed
        self._device: N6Device | None = None
        self._recorder = Recorder.from_environment()  # one for all connections: they are recorded in the same file
        self._met = False
        self._due: dict[str, float] = {}
        self._reselected = anyio.Event()

    async def once(self) -> None:
        """Takes one reading.

        Raises:
            N6Error: there is no device, it does not answer, or it does not have the network.
        """
        async with self._connected(reconnect=0.0) as device:
            for name in self._busy:
                await _run(device[name], _noise(device[name]))
            self._model.add_round_trip((await device.ping()).rtt)
            if name := self._model.selected:
                self._model.add_epochs(name, await device.epoch_stats(name))
            self._model.add(await device.stats())
            if device.info.server:
                await self._read_clients(device)

    async def watch(self) -> None:
        """Reads the device until it is cancelled, whatever happens to the connection.

        Raises:
            N6Error: an error that does not disappear, before the first reading.
        """
        if self._url:
            check_url(self._url)
        while True:
            lost = await self._watch_until_lost()
            if not self._met and hopeless(lost, self._url):
                raise lost
            self._model.absent(str(lost), time.monotonic())
            self._changed()
            await anyio.sleep(SECOND)

    def reselected(self) -> None:
        """Another network was selected: its epochs are read immediately, if they are due."""
        self._reselected.set()

    async def reset(self) -> None:
        """Resets the device's statistics.

        Raises:
            DeviceError: other programs can use the board, and the watcher only reads.
            N6Error: there is no device, or it does not answer.
        """
        if self._reads_only and self.connected:
            raise errors.DeviceError(ONLY_READS, Status.READ_ONLY)
        await self._ask(N6Device.reset_stats)
        self._model.reset()
        self._due.clear()
        self._reselected.set()

    async def set_log_level(self, level: LogLevel) -> None:
        """Sets the minimum level of the device's log lines, now and after each reconnection.

        Raises:
            N6Error: there is no device, or it does not answer.
        """
        await self._ask(lambda device: device.set_log_level(level))
        self._model.log_level = level

    @property
    def connected(self) -> bool:
        """Whether a device is connected."""
        return self._device is not None and self._device.state is State.OPEN

    async def _ask(self, request: Callable[[N6Device], Awaitable[None]]) -> None:
        """Sends a request of the user, who does not wait for a device that is away."""
        if self._device is None or not self.connected:
            raise errors.TransportError("the device is not connected; wait for the connection")
        with anyio.move_on_after(PATIENCE) as scope:
            await request(self._device)
        if scope.cancelled_caught:
            raise errors.N6Timeout(f"the device has not answered within {PATIENCE:g} s; wait for the connection")

    async def _watch_until_lost(self) -> BaseException:
        """Watches one connection; returns the error that ended it."""
        lost: BaseException = errors.TransportError("the connection was closed")
        try:
            async with self._connected() as device, anyio.create_task_group() as tasks:
                self._met = True
                await device.set_log_level(self._model.log_level)
                for number, name in enumerate(self._busy):
                    tasks.start_soon(_keep_busy, device[name], PAUSE * (number + 1))
                for follow in (
                    self._follow_state,
                    self._follow_stats,
                    self._follow_log,
                    self._follow_round_trips,
                    self._follow_epochs,
                    self._follow_clients,
                    *self.followers,
                ):
                    tasks.start_soon(follow, device)
        except* errors.N6Error as group:
            lost = errors.innermost(group)
        return lost

    @asynccontextmanager
    async def _connected(self, reconnect: float = math.inf) -> AsyncGenerator[N6Device, None]:
        async with AsyncExitStack() as stack:
            device = await self._open(reconnect, stack)
            # Only on the first connection: afterwards the user's selection is kept.
            if self._network:
                self._model.selected, self._network = device[self._network].name, None
            self._model.connected(await _identity(device), time.monotonic())
            self._changed()
            self._device = device
            try:
                yield device
            finally:
                self._device = None

    async def _open(self, reconnect: float, stack: AsyncExitStack) -> N6Device:
        """The device, through the server that has it, if there is one: then without the right to disturb the other programs."""
        url = await beside(self._url)
        make = partial(N6Device, url, cards=self._cards, reconnect=reconnect, record=self._recorder)
        self._reads_only = not self._control and url.startswith(SHARED)
        device = await stack.enter_async_context(make(read_only=self._reads_only))
        if self._reads_only and not device.info.server:  # it has the board alone
            await stack.aclose()
            self._reads_only = False
            device = await stack.enter_async_context(make())
        return device

    async def _follow_state(self, device: N6Device) -> None:
        async with device.events() as changes, anyio.create_task_group() as tasks:
            async for change in changes:
                if change.state is State.RECONNECTING:
                    self._model.absent(change.reason, change.time)
                    tasks.start_soon(self._explain, device)
                elif change.state is State.OPEN:
                    identity = await _identity(device) if change.rebooted else None
                    self._model.returned(change.time, change.away, identity=identity, changed=change.changed)
                    self._due.clear()
                    self._reselected.set()
                self._changed()

    async def _explain(self, device: N6Device) -> None:
        """Shows why the device cannot be connected again, as long as this is so."""
        while device.state is State.RECONNECTING:
            self._model.absent(device.connection.obstacle, time.monotonic())
            self._changed()
            await anyio.sleep(SECOND)

    async def _follow_stats(self, device: N6Device) -> None:
        async with device.subscribe(self.interval) as pushed:
            self._model.add(await _again(device.stats))
            async for stats in pushed:
                self._model.add(stats)
                self._changed()

    async def _follow_round_trips(self, device: N6Device) -> None:
        while True:
            self._model.add_round_trip((await _again(device.ping)).rtt)
            await anyio.sleep(max(SECOND, self.interval))

    async def _follow_clients(self, device: N6Device) -> None:
        while device.info.server:
            await _again(partial(self._read_clients, device))
            self._changed()
            await anyio.sleep(max(SECOND, self.interval))

    async def _read_clients(self, device: N6Device) -> None:
        leases = {name: await network.leased() for name, network in device.networks.items()}
        leased = {name: lease.holder for name, lease in leases.items() if lease}
        self._model.add_clients(time.monotonic(), await device.clients(), leased)

    async def _follow_log(self, device: N6Device) -> None:
        async with device.logs() as records:
            async for record in records:
                self._model.add_log(_line(record))
                self._changed()

    async def _follow_epochs(self, device: N6Device) -> None:
        self._due.clear()
        while name := self._model.selected:
            wait = self._due.get(name, 0.0) - time.monotonic()
            if wait > 0:
                with anyio.move_on_after(wait):
                    self._reselected = anyio.Event()
                    await self._reselected.wait()
                continue
            epochs = await _again(partial(device.epoch_stats, name))
            self._model.add_epochs(name, epochs)
            self._changed()
            # Before the first run the reply does not have records, and is free.
            size = len(epochs.table) * records.BlockStats.SIZE if epochs.runs else 0
            self._due[name] = time.monotonic() + max(self.interval, size / self._epoch_rate(device))

    def _epoch_rate(self, device: N6Device) -> float:
        """Bytes per second for reading epoch timers."""
        if not device.info.baud:
            return float("inf")
        pushed = records.StatsReply.SIZE + len(device.networks) * records.NetworkStats.SIZE
        line = device.info.baud / BITS_PER_BYTE
        return max(UART_SHARE * line - pushed / self.interval, LEAST_SHARE * line)


def hopeless(error: BaseException, url: str | None) -> bool:
    """Whether another attempt cannot succeed: the cause is on this computer, or in the firmware."""
    ours = errors.VersionMismatch, errors.UnknownName, errors.BadInput, errors.CardError, errors.ReportError
    return isinstance(error, ours) or (url or "").startswith(("sim:", "qemu:"))


async def _identity(device: N6Device) -> Identity:
    info = device.info
    doctor = await anyio.to_thread.run_sync(_doctor, info.unique_id)
    return Identity(
        url=device.url,
        board=info.board,
        unique_id=info.unique_id,
        firmware=info.firmware,
        protocol=info.protocol,
        baud=info.baud,
        simulated=info.simulated,
        networks=tuple(device.networks),
        pools={
            name: tuple(PoolRow(pool.name, pool.used, pool.total) for pool in network.pools)
            for name, network in device.networks.items()
        },
        server=info.server,
        doctor=str(doctor.get("doctor", "")),
        examined=str(doctor.get("examined", "")),
    )


def _doctor(unique_id: str) -> JsonObject:
    """What the doctor has stored for a board."""
    with suppress(errors.SettingsError):  # a damaged file does not concern the monitor
        return settings.load().learnt(unique_id)
    return {}


def _line(record: LogRecord) -> LogLine:
    return LogLine(record.time, logging.getLevelName(record.level), record.text)


def _noise(network: Network) -> Inputs:
    return {name: noise(spec, network.info.index) for name, spec in network.inputs.items()}


async def _again(request: Callable[[], Awaitable[T]]) -> T:
    """The answer to a request that reads something: it is repeated if the device was restarted meanwhile."""
    while True:
        with suppress(errors.DeviceRebooted):
            return await request()


async def _run(network: Network, inputs: Inputs) -> None:
    try:
        await network.run(inputs, timers=False, rerun=True)
    except errors.DeviceError as error:
        logging.getLogger(__name__).debug("%s: %s", network.name, error)


async def _keep_busy(network: Network, pause: float) -> None:
    """Runs a network repeatedly with noise: a demonstration, not a load test."""
    inputs = _noise(network)
    while True:
        await _run(network, inputs)
        await anyio.sleep(pause)
