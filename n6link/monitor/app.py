"""The running monitor: one task watches the device, one listens to keys, one draws.

It must not disturb what it watches. Statistics are pushed by the device, at the chosen rate; the round trip is measured
once a second; and the accumulated epoch timers of the selected network, which may be kilobytes, are read as often as
:data:`EPOCH_SHARE` of a UART's rate allows. The screen is drawn when there is something new, not on a timer, save for
the clock of the header.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import numpy as np
from rich.console import Console, RenderableType
from rich.live import Live

from n6link.device import N6Device
from n6link.errors import DeviceError, N6Error
from n6link.monitor import render
from n6link.monitor.keys import read_keys, single_keys
from n6link.monitor.view import Identity, LogLine, Model, PoolRow, Reading, View
from n6link.protocol import CODECS, LogLevel

if TYPE_CHECKING:
    from n6link.card import Card
    from n6link.network import Network
    from n6link.subscription import LogRecord

EPOCH_SHARE: Final = 0.003
"""share of a UART's rate that reading epoch timers may take"""
PING_INTERVAL: Final = 1.0
RECONNECT: Final = 1.0
"""seconds between two attempts to find a lost device"""
CLOCK: Final = 1.0
"""seconds after which the screen is drawn though nothing has come, for its timers"""
MESSAGE: Final = 4.0
"""seconds for which the answer to a key stays"""
LEVELS: Final = (LogLevel.DEBUG, LogLevel.INFO, LogLevel.WARNING, LogLevel.ERROR)


class Monitor:
    """Watches a device until it is told to quit.

    Args:
        url: of the device, as for ``N6Device``.
        cards: as for ``N6Device``.
        interval: seconds between two readings.
        network: name of the network that is selected at first; None = the first one.
        busy: names of networks that the monitor itself keeps running, a few times a second.
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
        self.model = Model()
        self._url = url
        self._cards = cards
        self._interval = interval
        self._network = network
        self._busy = busy
        self._device: N6Device | None = None
        self._changed = anyio.Event()
        self._help = False
        self._message_until = 0.0

    # ---- the device

    async def once(self) -> None:
        """Takes one reading into the model.

        Raises:
            N6Error: there is no device, or it does not answer.
        """
        async with self._connected() as device:
            self.model.add(await self._reading(device, await self._pushed(device)))

    async def watch(self) -> None:
        """Reads the device for ever; finds it again when it is lost."""
        while True:
            try:
                async with self._connected() as device, anyio.create_task_group() as tasks:
                    for index, name in enumerate(self._busy):
                        tasks.start_soon(_keep_busy, device[name], index)
                    tasks.start_soon(self._follow_log, device)
                    await self._read(device)
            except* N6Error as group:
                self.model.lost(str(_first(group)), time.monotonic())
                self._change()
            await anyio.sleep(RECONNECT)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[N6Device]:
        async with N6Device(self._url, cards=self._cards) as device:
            self.model.connected(_identity(device), time.monotonic())
            if self._network:
                self.model.selected = list(device.networks).index(device[self._network].name)
                self._network = None
            self._change()
            self._device = device
            try:
                yield device
            finally:
                self._device = None

    async def _pushed(self, device: N6Device) -> Reading:
        ping = await device.ping()
        return Reading(time.monotonic(), await device.stats(), ping.rtt)

    async def _reading(self, device: N6Device, reading: Reading) -> Reading:
        """The reading with the epoch timers of the selected network."""
        name = self.model.selected_name
        epochs = await device.epoch_stats(name) if name else None
        return Reading(reading.at, reading.stats, reading.round_trip, epochs)

    async def _read(self, device: N6Device) -> None:
        pinged, rtt, epochs, epochs_of, epochs_at = -PING_INTERVAL, 0.0, None, None, 0.0
        async with device.subscribe(self._interval) as pushed:
            async for stats in pushed:
                now = time.monotonic()
                if now - pinged >= PING_INTERVAL:
                    pinged, rtt = now, (await device.ping()).rtt
                name = self.model.selected_name
                if name and (name != epochs_of or now - epochs_at >= _epoch_interval(device, name)):
                    epochs, epochs_of, epochs_at = await device.epoch_stats(name), name, now
                self.model.add(Reading(now, stats, rtt, epochs))
                self._change()

    async def _follow_log(self, device: N6Device) -> None:
        async with device.logs() as records:
            async for record in records:
                self.model.log(_line(record))
                self._change()

    # ---- keys

    async def press(self, key: str, console: Console) -> bool:
        """Does what a key stands for; False = quit."""
        if self._help:
            self._help = False
        elif key in ("q", "Q"):
            return False
        elif key in ("j", "down", "k", "up"):
            self.model.select(1 if key in ("j", "down") else -1)
        elif key in ("e", "t"):
            self.model.order = "index" if key == "e" else "time"
        elif key == "p":
            self.model.paused = not self.model.paused
        elif key == "?":
            self._help = True
        elif key == "s":
            self._say(f"saved {self.save(console, Path.cwd())}")
        elif key in ("r", "l"):
            await self._command(key)
        self._change()
        return True

    async def _command(self, key: str) -> None:
        """Keys that ask the device something."""
        if self._device is None:
            self._say("there is no device to ask")
            return
        try:
            if key == "r":
                await self._device.reset_stats()
                self.model.reset()
                self._say("statistics of the device start anew")
            else:
                names = [level.name for level in LEVELS]
                level = LEVELS[(names.index(self.model.log_level) + 1) % len(LEVELS)]
                await self._device.set_log_level(level)
                self.model.log_level = level.name
                self._say(f"log lines from {level.name} on")
        except N6Error as error:
            self._say(str(error))

    def save(self, console: Console, folder: Path) -> str:
        """Writes what is on the screen as SVG and HTML; returns the name without its ending."""
        name = f"n6link-monitor-{datetime.now():%Y%m%d-%H%M%S}"
        with open("/dev/null" if sys.platform != "win32" else "NUL", "w") as nowhere:
            copy = Console(record=True, width=console.width, height=console.height, file=nowhere, force_terminal=True)
            copy.print(self.screen(copy), height=copy.height)
        copy.save_svg(str(folder / f"{name}.svg"), title="n6link monitor", clear=False)
        copy.save_html(str(folder / f"{name}.html"))
        return name

    def _say(self, message: str) -> None:
        self.model.message, self._message_until = message, time.monotonic() + MESSAGE

    # ---- the screen

    def view(self) -> View:
        """What is known now, as plain data."""
        return self.model.view(time.monotonic())

    def screen(self, console: Console) -> RenderableType:
        """What is to be seen now."""
        now = time.monotonic()
        if now > self._message_until:
            self.model.message = ""
        if self._help:
            return render.render_help()
        return render.render(self.view(), console.width, console.height)

    async def run(self, console: Console) -> None:
        """Shows the monitor on a terminal until q is pressed; on anything else, prints a screen a reading."""
        interactive = console.is_terminal and sys.stdin.isatty()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.watch)
            if interactive:
                with single_keys(sys.stdin.fileno()), Live(console=console, screen=True, auto_refresh=False) as live:
                    tasks.start_soon(self._draw, live)
                    tasks.start_soon(self._resize)
                    async with aclosing(read_keys(sys.stdin.fileno())) as keys:
                        async for key in keys:
                            if not await self.press(key, console):
                                break
                    tasks.cancel_scope.cancel()
            else:
                while True:
                    await self._wait()
                    console.print(self.screen(console), height=console.height)

    async def _draw(self, live: Live) -> None:
        while True:
            live.update(self.screen(live.console), refresh=True)
            await self._wait()

    async def _wait(self) -> None:
        """Until there is something new, or a timer on the screen moves."""
        with anyio.move_on_after(CLOCK):
            await self._changed.wait()
        self._changed = anyio.Event()

    async def _resize(self) -> None:
        if sys.platform != "win32":
            with anyio.open_signal_receiver(signal.SIGWINCH) as signals:
                async for _ in signals:
                    self._change()

    def _change(self) -> None:
        self._changed.set()


def _epoch_interval(device: N6Device, name: str) -> float:
    """Seconds between two readings of a network's epoch timers."""
    size = len(device[name].epochs) * CODECS["BlockStats"].size
    return size / (EPOCH_SHARE * device.info.baud / 10) if device.info.baud else 0.0


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
    return LogLine(record.time or 0.0, logging.getLevelName(record.level), record.text)


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


async def _keep_busy(network: Network, index: int) -> None:
    """Runs a network a few times a second with noise: a demonstration, not a load test."""
    noise = np.random.default_rng(index)
    pause = 0.1 * (index + 1)
    while True:
        inputs = {
            name: noise.integers(-100, 100, spec.shape).astype(spec.dtype) for name, spec in network.inputs.items()
        }
        try:
            await network.run(inputs, timers=False)
        except DeviceError as error:
            logging.getLogger(__name__).debug("%s: %s", network.name, error)
        await anyio.sleep(pause)
