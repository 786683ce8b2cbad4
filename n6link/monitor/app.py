"""The running monitor: it watches a device, listens to keys, and draws.

It must not disturb what it watches. Statistics are pushed by the device at the chosen rate, and the round trip is
measured once a second. The accumulated epoch timers of the selected network may be kilobytes: over a UART they are read
as often as :data:`UART_SHARE` of its rate leaves room for. The screen is drawn when there is something new, and at
least once a second for its clocks where readings come more rarely.

A device that vanishes, or that is not there yet, is a state on the screen, and is tried again every second. Only what
waiting cannot mend ends the program, and only at the start: see :func:`hopeless`.
"""

from __future__ import annotations

import io
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
import numpy as np
from numpy.typing import NDArray
from rich.console import Console, RenderableType
from rich.live import Live

from n6link import errors
from n6link.device import N6Device
from n6link.monitor import screen
from n6link.monitor.keys import read_keys, single_keys
from n6link.monitor.model import Model
from n6link.monitor.view import Identity, LogLine, PoolRow, View
from n6link.path import BITS_PER_BYTE
from n6link.protocol import CODECS, LogLevel
from n6link.transport import check_url

if TYPE_CHECKING:
    from n6link.card import Card
    from n6link.network import Network
    from n6link.subscription import LogRecord

UART_SHARE: Final = 0.006
"""share of a UART's rate that all readings together may take, if the statistics alone do not take more"""
LEAST_SHARE: Final = 0.001
"""share of a UART's rate that reading epoch timers may always take"""
SECOND: Final = 1.0
"""between two round trips, two attempts to find a device, and two drawings when nothing has come"""
FRAME: Final = 0.05
"""seconds between two drawings, however much comes"""
MESSAGE: Final = 4.0
"""seconds for which the answer to a key stays"""
LEVELS: Final = (LogLevel.DEBUG, LogLevel.INFO, LogLevel.WARNING, LogLevel.ERROR)


Inputs = dict[str, NDArray[Any]]


class Monitor:
    """Watches a device until it is told to quit.

    Args:
        url: of the device, as for ``N6Device``.
        cards: as for ``N6Device``.
        interval: seconds between two readings.
        network: name of the network that is selected at first; None = the first one.
        busy: names of networks that the monitor itself keeps running, a few times a second.

    Attributes:
        model: what the device has said so far.
    """

    def __init__(
        self,
        url: str | None,
        *,
        cards: Sequence[Card | str] = (),
        interval: float = 1.0,
        network: str | None = None,
        busy: Sequence[str] = (),
    ) -> None:
        self.model = Model(since=time.monotonic())
        self._url = url
        self._cards = cards
        self._interval = interval
        self._network = network
        self._busy = busy
        self._device: N6Device | None = None
        self._met = False
        self._changed = anyio.Event()
        self._reselected = anyio.Event()
        self._due: dict[str, float] = {}
        self._help = False
        self._message_until = 0.0

    # ---- the device

    async def once(self) -> None:
        """Takes one reading into the model.

        Raises:
            N6Error: there is no device, or it does not answer, or it has no network of the name.
        """
        async with self._connected() as device:
            for name in self._busy:
                await _run(device[name], _noise(device[name]))
            self.model.add_round_trip((await device.ping()).rtt)
            if name := self.model.selected:
                self.model.add_epochs(name, await device.epoch_stats(name))
            self.model.add(await device.stats())

    async def watch(self) -> None:
        """Reads the device for ever; finds it again when it is lost.

        Raises:
            N6Error: something that waiting cannot mend, before the first reading.
        """
        if self._url:
            check_url(self._url)
        while True:
            lost = await self._watch_until_lost()
            if not self._met and hopeless(lost, self._url):
                raise lost
            self.model.absent(str(lost), time.monotonic())
            self._changed.set()
            await anyio.sleep(SECOND)

    async def _watch_until_lost(self) -> BaseException:
        """Watches one connection; returns what ended it."""
        lost: BaseException = errors.TransportError("the connection has ended")
        try:
            async with self._connected() as device, anyio.create_task_group() as tasks:
                self._met = True
                await device.set_log_level(self.model.log_level)
                for number, name in enumerate(self._busy):
                    tasks.start_soon(_keep_busy, device[name], 0.1 * (number + 1))
                for follow in (self._follow_stats, self._follow_log, self._follow_round_trips, self._follow_epochs):
                    tasks.start_soon(follow, device)
        except* errors.N6Error as group:
            lost = _first(group)
        return lost

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[N6Device]:
        async with N6Device(self._url, cards=self._cards) as device:
            if self._network:
                self.model.selected, self._network = device[self._network].name, None
            self.model.connected(_identity(device), time.monotonic())
            self._changed.set()
            self._device = device
            try:
                yield device
            finally:
                self._device = None

    async def _follow_stats(self, device: N6Device) -> None:
        async with device.subscribe(self._interval) as pushed:
            async for stats in pushed:
                self.model.add(stats)
                self._changed.set()

    async def _follow_round_trips(self, device: N6Device) -> None:
        while True:
            self.model.add_round_trip((await device.ping()).rtt)
            await anyio.sleep(max(SECOND, self._interval))

    async def _follow_log(self, device: N6Device) -> None:
        async with device.logs() as records:
            async for record in records:
                self.model.add_log(_line(record))
                self._changed.set()

    async def _follow_epochs(self, device: N6Device) -> None:
        self._due.clear()
        while name := self.model.selected:
            wait = self._due.get(name, 0.0) - time.monotonic()
            if wait > 0:
                with anyio.move_on_after(wait):
                    self._reselected = anyio.Event()
                    await self._reselected.wait()
                continue
            epochs = await device.epoch_stats(name)
            self.model.add_epochs(name, epochs)
            self._changed.set()
            size = len(epochs.table) * CODECS["BlockStats"].size if epochs.runs else 0
            self._due[name] = time.monotonic() + max(self._interval, size / self._epoch_rate(device))

    def _epoch_rate(self, device: N6Device) -> float:
        """Bytes a second in which epoch timers may be read."""
        if not device.info.baud:
            return float("inf")
        pushed = CODECS["StatsReply"].size + len(device.networks) * CODECS["NetworkStats"].size
        line = device.info.baud / BITS_PER_BYTE
        return max(UART_SHARE * line - pushed / self._interval, LEAST_SHARE * line)

    # ---- keys

    async def press(self, key: str, console: Console) -> bool:
        """Does what a key stands for; False = quit."""
        if self._help:
            self._help = False
        elif key in ("q", "Q"):
            return False
        elif key in ("j", "down", "k", "up"):
            self.model.select(1 if key in ("j", "down") else -1)
            self._reselected.set()
        elif key in ("e", "t"):
            self.model.order, self.model.first = "index" if key == "e" else "time", 0
        elif key in ("page up", "page down"):
            self._scroll(1 if key == "page down" else -1, console)
        elif key == "p":
            self.model.pause()
        elif key == "?":
            self._help = True
        elif key == "s":
            self._say(self.save(console, Path.cwd()))
        elif key in ("r", "l"):
            await self._command(key)
        self._changed.set()
        return True

    def _scroll(self, pages: int, console: Console) -> None:
        view = self.view()
        page = max(screen.sizes(view, console.width, console.height).epochs - 1, 1)
        self.model.first = max(min(self.model.first + pages * page, len(view.epochs) - page), 0)

    async def _command(self, key: str) -> None:
        """Keys that ask the device something."""
        if self._device is None:
            self._say("there is no device to ask")
            return
        try:
            if key == "r":
                await self._device.reset_stats()
                self.model.reset()
                self._due.clear()
                self._say("the device's statistics start anew")
                self._reselected.set()
            else:
                level = LEVELS[(LEVELS.index(self.model.log_level) + 1) % len(LEVELS)]
                await self._device.set_log_level(level)
                self.model.log_level = level
                self._say(f"log lines from {level.name} on")
        except errors.N6Error as error:
            self._say(str(error))

    def save(self, console: Console, folder: Path) -> str:
        """Writes what is on the screen as SVG and HTML; returns a sentence with the files' name."""
        name = f"n6link-monitor-{datetime.now():%Y%m%d-%H%M%S}"
        copy = Console(record=True, width=console.width, height=console.height, file=io.StringIO(), force_terminal=True)
        copy.print(self.screen(copy), height=copy.height)
        try:
            copy.save_svg(str(folder / f"{name}.svg"), title="n6link monitor", clear=False)
            copy.save_html(str(folder / f"{name}.html"))
        except OSError as error:
            return f"cannot save in {folder}: {error.strerror}"
        return f"saved {name}.svg and .html"

    def _say(self, message: str) -> None:
        self.model.message, self._message_until = message, time.monotonic() + MESSAGE

    # ---- the screen

    def view(self) -> View:
        """What is known now, as plain data."""
        return self.model.view(time.monotonic())

    def screen(self, console: Console, *, footer: bool = True) -> RenderableType:
        """What is to be seen now."""
        if time.monotonic() > self._message_until:
            self.model.message = ""
        if self._help:
            return screen.render_help(self.view())
        return screen.render(self.view(), console.width, console.height, footer=footer)

    async def run(self, console: Console) -> None:
        """Shows the monitor on a terminal until q is pressed; on anything else, prints a screen every interval.

        Raises:
            N6Error: as :meth:`watch`.
        """
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.watch)
            if console.is_terminal and sys.stdin.isatty():
                with single_keys(sys.stdin.fileno()), Live(console=console, screen=True, auto_refresh=False) as live:
                    tasks.start_soon(self._draw, live)
                    tasks.start_soon(self._heed_signals, tasks.cancel_scope)
                    async with aclosing(read_keys(sys.stdin.fileno())) as keys:
                        async for key in keys:
                            if not await self.press(key, console):
                                break
                    tasks.cancel_scope.cancel()
            else:
                await self._print(console)
                tasks.cancel_scope.cancel()

    async def _print(self, console: Console) -> None:
        await anyio.sleep(min(SECOND, self._interval))
        with suppress(SystemExit):  # with this, rich says that nobody reads any more
            while True:
                console.print(self.screen(console, footer=False), height=console.height)
                await anyio.sleep(self._interval)

    async def _draw(self, live: Live) -> None:
        while True:
            self._changed = anyio.Event()
            live.update(self.screen(live.console), refresh=True)
            await anyio.sleep(FRAME)
            often = self._device is not None and self._interval <= SECOND
            with anyio.move_on_after(2 * SECOND if often else SECOND):
                await self._changed.wait()

    async def _heed_signals(self, scope: anyio.CancelScope) -> None:
        """A terminal that changes its size is drawn anew; a request to end leaves the terminal as it was."""
        if sys.platform != "win32":
            with anyio.open_signal_receiver(signal.SIGWINCH, signal.SIGTERM, signal.SIGHUP) as signals:
                async for number in signals:
                    if number != signal.SIGWINCH:
                        scope.cancel()
                    self._changed.set()


def hopeless(error: BaseException, url: str | None) -> bool:
    """Whether waiting cannot mend an error: what is wrong is on this side, or in the firmware."""
    ours = errors.VersionMismatch, errors.UnknownName, errors.BadInput, errors.CardError, errors.ReportError
    return isinstance(error, ours) or (url or "").startswith(("sim:", "qemu:"))


def _identity(device: N6Device) -> Identity:
    info = device.info
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
    )


def _line(record: LogRecord) -> LogLine:
    return LogLine(record.time, logging.getLevelName(record.level), record.text)


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


def _noise(network: Network) -> Inputs:
    noise = np.random.default_rng(network.index)
    return {name: noise.integers(-100, 100, spec.shape).astype(spec.dtype) for name, spec in network.inputs.items()}


async def _run(network: Network, inputs: Inputs) -> None:
    try:
        await network.run(inputs, timers=False)
    except errors.DeviceError as error:
        logging.getLogger(__name__).debug("%s: %s", network.name, error)


async def _keep_busy(network: Network, pause: float) -> None:
    """Runs a network again and again with noise: a demonstration, not a load test."""
    inputs = _noise(network)
    while True:
        await _run(network, inputs)
        await anyio.sleep(pause)
