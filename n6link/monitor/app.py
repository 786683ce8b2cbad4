"""The monitor on a terminal: runs the watcher, reads keys, and draws the screen.

The screen is drawn after every change. If readings are more than a second apart, it is also drawn once per second for its clocks.
"""

from __future__ import annotations

import io
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import aclosing, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
from rich.console import Console, ConsoleDimensions, RenderableType
from rich.live import Live

from n6link.console import moves
from n6link.errors import N6Error
from n6link.monitor import screen
from n6link.monitor.keys import read_keys, single_keys
from n6link.monitor.model import Model
from n6link.monitor.view import View
from n6link.monitor.watch import Watcher
from n6link.protocol import LogLevel

if TYPE_CHECKING:
    from n6link.tensors.card import Card

CLOCK: Final = 1.0
"""maximum seconds between two drawings"""
FRAME: Final = 0.05
"""minimum seconds between two drawings"""
MESSAGE: Final = 4.0
"""seconds for which the message about a key is shown"""
TITLE: Final = "n6link monitor"
DEMO: Final = ("movenet13", "tinybert")
"""networks that run in a demonstration"""
DEMO_FIRST: Final = "tinybert"
"""the one whose epochs are shown first: its slowest blocks run on the CPU"""
LEVELS: Final = (LogLevel.DEBUG, LogLevel.INFO, LogLevel.WARNING, LogLevel.ERROR)


class Monitor:
    """Shows a device until the user quits. Arguments are those of :class:`~n6link.monitor.watch.Watcher`.

    Attributes:
        model: the data of the device.
        watcher: reads the device into the model.
    """

    def __init__(
        self,
        url: str | None,
        *,
        cards: Sequence[Card | str] = (),
        interval: float = 1.0,
        network: str | None = None,
        busy: Sequence[str] = (),
        control: bool = False,
    ) -> None:
        self.model = Model(since=time.monotonic())
        self.watcher = Watcher(
            self.model,
            url,
            cards=cards,
            interval=interval,
            network=network,
            busy=busy,
            control=control,
            changed=self._change,
        )
        self._changed = anyio.Event()
        self._help = False
        self._message_until = 0.0

    # ---- keys

    async def press(self, key: str, console: Console) -> bool:
        """Executes the command of a key; False = quit."""
        if self._help:
            self._help = False
        elif key in ("q", "Q"):
            return False
        elif key in ("j", "down", "k", "up"):
            self.model.select(1 if key in ("j", "down") else -1)
            self.watcher.reselected()
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
        self._change()
        return True

    def _scroll(self, pages: int, console: Console) -> None:
        view = self.view()
        page = max(screen.sizes(view, console.width, console.height).epochs - 1, 1)
        self.model.first = max(min(self.model.first + pages * page, len(view.epochs) - page), 0)

    async def _command(self, key: str) -> None:
        """Keys that send a request to the device."""
        try:
            if key == "r":
                await self.watcher.reset()
                self._say("the device's statistics were reset")
            else:
                level = LEVELS[(LEVELS.index(self.model.log_level) + 1) % len(LEVELS)]
                await self.watcher.set_log_level(level)
                self._say(f"log level {level.name}")
        except N6Error as error:
            self._say(str(error))

    def recorded(self, console: Console) -> Console:
        """A copy of this console's screen that can be exported."""
        copy = Console(record=True, width=console.width, height=console.height, file=io.StringIO(), force_terminal=True)
        copy.print(self.screen(copy), height=copy.height)
        return copy

    def save(self, console: Console, folder: Path) -> str:
        """Writes the screen as SVG and HTML; returns a message with the files' names."""
        copy = self.recorded(console)
        svg, html = copy.export_svg(title=TITLE, clear=False), copy.export_html()
        begin = f"n6link-monitor-{datetime.now():%Y%m%d-%H%M%S}"
        try:
            path = _new_file(folder, begin)
            path.write_text(svg, encoding="utf-8")
            path.with_suffix(".html").write_text(html, encoding="utf-8")
        except OSError as error:
            return f"cannot save in {folder}: {error.strerror}"
        return f"saved {path.stem}.svg and .html"

    def _say(self, message: str) -> None:
        self.model.message, self._message_until = message, time.monotonic() + MESSAGE

    # ---- the screen

    def view(self) -> View:
        """The present content of the screen, as plain data."""
        return self.model.view(time.monotonic())

    def screen(self, console: Console, *, footer: bool = True) -> RenderableType:
        """The present screen."""
        if time.monotonic() > self._message_until:
            self.model.message = ""
        if self._help:
            return screen.render_help(self.view())
        return screen.render(self.view(), console.width, console.height, footer=footer)

    def print(self, console: Console) -> None:
        """Prints the present screen; one line of a terminal stays free for the cursor, so that the first line is in sight."""
        if console.is_dumb_terminal:
            console.size = ConsoleDimensions(*shutil.get_terminal_size(console.size))  # rich assumes 80x25
        console.print(self.screen(console, footer=False), height=console.height - 1, end="")

    async def run(self, console: Console) -> None:
        """Shows the monitor on a terminal until q is pressed; on other outputs, prints a screen per interval.

        Raises:
            N6Error: as :meth:`Watcher.watch`, in a group.
        """
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.watcher.watch)
            if moves(console) and sys.stdin.isatty():
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
        await anyio.sleep(min(CLOCK, self.watcher.interval))
        with suppress(SystemExit):  # rich raises this if the reader has closed the pipe
            while True:
                self.print(console)
                await anyio.sleep(self.watcher.interval)

    async def _draw(self, live: Live) -> None:
        while True:
            self._changed = anyio.Event()
            live.update(self.screen(live.console), refresh=True)
            await anyio.sleep(FRAME)
            often = self.watcher.connected and self.watcher.interval <= CLOCK
            with anyio.move_on_after(2 * CLOCK if often else CLOCK):
                await self._changed.wait()

    async def _heed_signals(self, scope: anyio.CancelScope) -> None:
        """Draws the screen again if the terminal's size changes; a request to end restores the terminal."""
        if sys.platform != "win32":
            with anyio.open_signal_receiver(signal.SIGWINCH, signal.SIGTERM, signal.SIGHUP) as signals:
                async for number in signals:
                    if number != signal.SIGWINCH:
                        scope.cancel()
                    self._change()

    def _change(self) -> None:
        self._changed.set()


def _new_file(folder: Path, begin: str) -> Path:
    """An SVG file that did not exist; snapshots of the same second have numbers."""
    path, number = folder / f"{begin}.svg", 1
    while True:
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            number += 1
            path = folder / f"{begin}-{number}.svg"
        else:
            return path
