"""The running monitor with a virtual board: readings, keys, a board that is killed and started again."""

from __future__ import annotations

import io
import os
import pty
import re
import sys
import termios
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import monitor_readings as readings
import pytest
from e2e_fixtures import board, both_backends, executable, noise, on_both_backends, sim_url
from rich.console import Console
from rich.text import Text

from n6link import errors, settings
from n6link.device import N6Device
from n6link.monitor import app, watch
from n6link.monitor.app import Monitor
from n6link.monitor.keys import split
from n6link.monitor.view import View
from n6link.monitor.watch import hopeless
from n6link.protocol import LogLevel
from n6link.serve.server import Server
from n6link.session.connection import HOST
from n6link.transport import sim

PATIENCE = 120
"""seconds after which something that should happen does not"""
LONG = 600.0
"""seconds of a lease that does not end during a test"""
QUICK = 0.05
"""interval between readings"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(app, "CLOCK", QUICK)
    monkeypatch.setattr(watch, "SECOND", QUICK)
    monkeypatch.chdir(tmp_path)


def screen(width: int = 80, height: int = 24) -> Console:
    return Console(width=width, height=height, file=io.StringIO(), force_terminal=True)


@asynccontextmanager
async def watching(monitor: Monitor) -> AsyncIterator[Monitor]:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(monitor.watcher.watch)
        yield monitor
        tasks.cancel_scope.cancel()


async def so(condition: Callable[[], Any]) -> None:
    """Waits until it is so."""
    with anyio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await anyio.sleep(0.01)


async def until(monitor: Monitor, condition: Callable[[Any], Any]) -> View:
    """The view as soon as it is so."""
    await so(lambda: condition(monitor.view()))
    return monitor.view()


async def run(url: str, name: str = "reference", times: int = 1) -> None:
    async with N6Device(url) as device:
        for _ in range(times):
            await device[name].run(noise(device[name]))


# ---- readings


@on_both_backends
async def test_one_reading_has_everything(tmp_path: Path) -> None:
    with board("--unix", str(tmp_path / "board"), "--baud", "921600") as virtual:
        await run(virtual.url, times=3)
        monitor = Monitor(virtual.url, network="reference")
        await monitor.watcher.once()
        view = monitor.view()
    assert view.state == "connected"
    assert view.identity is not None
    assert (view.identity.url, view.identity.baud, view.identity.simulated) == (virtual.url, 921600, True)
    assert [(row.name, row.runs) for row in view.networks] == [("reference", 3), ("reference_colour", 0)]
    assert view.summary is not None
    assert (view.summary.network, view.summary.runs) == ("reference", 3)
    assert len(view.epochs) > 1
    assert view.link is not None
    assert view.link.up_share is not None
    assert view.link.round_trips[0] > 0
    assert view.uptime > 0
    assert view.free_bytes > 0


@on_both_backends
async def test_the_programs_of_a_server_and_the_sentence_of_the_doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("N6LINK_RUNTIME", str(tmp_path / "servers"))
    monkeypatch.setenv("N6LINK_CONFIG", str(tmp_path / "settings.toml"))
    settings.learn(b"n6sim".hex(), doctor="the board is healthy", examined="2026-11-29T16:00:00+00:00")
    ready, urls = anyio.Event(), list[str]()

    def announce(_: N6Device, where: Sequence[str]) -> None:
        urls.extend(where)
        ready.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Server(sim_url(), []).run, announce)
        await ready.wait()
        async with N6Device(urls[0]) as control, watching(Monitor(urls[0], interval=QUICK)) as monitor:
            await control["reference"].lease(LONG)
            view = await until(monitor, lambda view: view.leased and len(view.clients) == 2)
            assert view.leased == {"reference": HOST} and sum(row.leases for row in view.clients) == 1
            await control["reference"].run(noise(control["reference"]))
            view = await until(monitor, lambda view: any(row.runs for row in view.clients))
            assert view.identity and view.identity.server.startswith("n6link serve")
            assert (view.identity.doctor, view.identity.examined[:10]) == ("the board is healthy", "2026-11-29")
            await control["reference"].end_lease()
            await until(monitor, lambda view: not view.leased)
        await anyio.Path(tmp_path / "settings.toml").write_text("version = 99\n")
        once = Monitor(urls[0])
        await once.watcher.once()
        view = once.view()
        assert HOST in [row.name for row in view.clients]
        assert view.identity and not view.identity.doctor, "a file that cannot be used does not concern the monitor"
        tasks.cancel_scope.cancel()


@on_both_backends
async def test_it_follows_a_board_at_work() -> None:
    async with watching(Monitor(sim_url(), interval=QUICK, busy=("reference", "reference_colour"))) as monitor:
        view = await until(monitor, lambda view: view.networks and all(row.runs > 3 for row in view.networks))
        assert view.networks[0].per_second > 0
        view = await until(monitor, lambda view: view.epochs and len(view.link.round_trips) > 2)
        assert view.summary is not None
        assert view.summary.network == "reference"
        await monitor.press("j", screen())
        view = await until(monitor, lambda view: view.epochs and view.summary.network == "reference_colour")


@on_both_backends
async def test_once_runs_what_shall_be_busy() -> None:
    monitor = Monitor(sim_url(), busy=("reference",))
    await monitor.watcher.once()
    assert monitor.view().networks[0].runs == 1


async def test_over_a_slow_line_epochs_are_read_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = N6Device.epoch_stats

    async def count(self: N6Device, name: str) -> Any:
        asked.append(time.monotonic())
        return await real(self, name)

    monkeypatch.setattr(N6Device, "epoch_stats", count)
    monkeypatch.setattr(watch, "UART_SHARE", 0.0)
    monkeypatch.setattr(watch, "LEAST_SHARE", 1e-9)
    async with watching(Monitor(sim_url(baud=921600), interval=QUICK, busy=("reference",))) as monitor:
        await until(monitor, lambda view: view.summary and view.summary.runs)
        known, runs = len(asked), monitor.view().networks[0].runs
        await until(monitor, lambda view: view.networks[0].runs > runs + 2)
        assert len(asked) == known
        await monitor.press("r", screen())
        await until(monitor, lambda view: view.summary and 0 < view.summary.runs)
        assert len(asked) > known


# ---- a board that is not there


@on_both_backends
async def test_a_board_that_dies_comes_back(tmp_path: Path) -> None:
    path = str(tmp_path / "board")
    with board("--unix", path) as first:
        await run(first.url, times=2)
        async with watching(Monitor(first.url, interval=QUICK)) as monitor:
            await until(monitor, lambda view: view.networks and view.networks[0].runs == 2)
            await monitor.press("j", screen())
            await monitor.press("l", screen())
            first.die()
            view = await until(monitor, lambda view: view.state == "lost")
            assert view.networks[0].runs == 2
            assert view.reason
            await until(monitor, lambda view: view.state_seconds > 3 * QUICK and "no program listens" in view.reason)
            await monitor.press("r", screen())
            assert monitor.model.message == "the device is not connected; wait for the connection"
            with board("--unix", path):
                view = await until(monitor, lambda view: view.state == "connected" and view.link)
                assert view.networks[0].runs == 0
                assert view.networks[1].selected
                assert view.log_level == "WARNING"
                assert "the device was restarted" in view.log[-1].text


@on_both_backends
async def test_a_cable_that_is_pulled_and_put_back() -> None:
    """The same start of the board: its counts continue, and the networks that are kept busy are run on."""
    executable()
    with sim.rig("reference:") as rig:
        async with watching(Monitor(rig.url, interval=QUICK, busy=["reference"])) as monitor:
            view = await until(monitor, lambda view: view.networks and view.networks[0].runs >= 2)
            rig.cut()
            await until(monitor, lambda view: view.state == "lost" and "no program listens" in view.reason)
            rig.restore()
            runs = view.networks[0].runs
            view = await until(monitor, lambda view: view.state == "connected" and view.networks[0].runs > runs)
            assert view.log[-1].text.startswith("connected again after ")
            assert "restarted" not in view.log[-1].text
            rig.reset()
            await until(monitor, lambda view: view.log and "the device was restarted" in view.log[-1].text)
            await until(monitor, lambda view: view.networks[0].runs >= 1)


@on_both_backends
async def test_a_board_may_come_later(tmp_path: Path) -> None:
    path = str(tmp_path / "board")
    async with watching(Monitor(f"unix:{path}", interval=QUICK)) as monitor:
        view = await until(monitor, lambda view: view.reason)
        assert (view.state, view.identity) == ("waiting", None)
        with board("--unix", path):
            await until(monitor, lambda view: view.state == "connected" and view.link)


@pytest.mark.parametrize(
    ("url", "network", "error"),
    [
        ("foo:bar", None, errors.TransportError),
        ("sim:none.tflite", None, errors.TransportError),
        ("SIM", "nope", errors.UnknownName),
    ],
)
@both_backends
def test_what_waiting_cannot_mend_ends_it(
    backend: str, url: str, network: str | None, error: type[Exception], tmp_path: Path
) -> None:
    url = sim_url() if url == "SIM" else url
    with pytest.raises(error) as caught:
        anyio.run(Monitor(url, network=network).watcher.watch, backend=backend)
    assert "nope" in str(caught.value) or url in str(caught.value)


async def test_without_a_virtual_board_there_is_nothing_to_wait_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("N6LINK_SIM", str(tmp_path / "gone"))
    with pytest.raises(errors.TransportError, match="N6LINK_SIM"):
        await Monitor("sim:reference:").watcher.watch()


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (errors.VersionMismatch("older"), True),
        (errors.CardError("torn"), True),
        (errors.NoDeviceError("none"), False),
        (errors.RemoteProtocolError("a modem"), False),
        (errors.N6Timeout("silence"), False),
    ],
)
def test_which_errors_are_hopeless(error: errors.N6Error, end: bool) -> None:
    assert hopeless(error, "serial:/dev/ttyACM0") is end
    assert hopeless(error, None) is end
    assert hopeless(error, "qemu:") is True


# ---- keys


@on_both_backends
async def test_reset_zeroes_the_device(tmp_path: Path) -> None:
    with board("--unix", str(tmp_path / "board")) as virtual:
        await run(virtual.url, times=2)
        async with watching(Monitor(virtual.url, interval=QUICK)) as monitor:
            await until(monitor, lambda view: view.epochs and view.networks[0].runs == 2)
            await monitor.press("r", screen())
            assert "were reset" in monitor.model.message
            view = await until(monitor, lambda view: view.link)
            assert view.networks[0].runs == 0
            await until(monitor, lambda view: view.summary and view.summary.runs == 0)
        async with N6Device(virtual.url) as device:
            assert (await device.stats()).since > 0


@on_both_backends
async def test_log_levels_go_round_and_reach_the_device() -> None:
    async with watching(Monitor(sim_url(), interval=QUICK)) as monitor:
        await until(monitor, lambda view: view.link)
        assert not monitor.view().log
        levels = []
        for _ in app.LEVELS:
            await monitor.press("l", screen())
            levels.append(monitor.model.log_level)
        assert levels == [LogLevel.WARNING, LogLevel.ERROR, LogLevel.DEBUG, LogLevel.INFO]
        await monitor.press("l", screen())
        await monitor.press("l", screen())
        await monitor.press("l", screen())
        view = await until(monitor, lambda view: any(line.text == "PING" for line in view.log))
        assert view.log_level == "DEBUG"
        assert {line.level for line in view.log} == {"DEBUG"}


@on_both_backends
async def test_a_command_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching(Monitor(sim_url(), interval=QUICK)) as monitor:
        await until(monitor, lambda view: view.link)

        async def silent(device: N6Device) -> None:
            raise errors.N6Timeout("no answer within 5 s")

        monkeypatch.setattr(N6Device, "reset_stats", silent)
        await monitor.press("r", screen())
        assert monitor.model.message == "no answer within 5 s"


@on_both_backends
async def test_pause_holds_the_screen() -> None:
    async with watching(Monitor(sim_url(), interval=QUICK, busy=("reference",))) as monitor:
        await until(monitor, lambda view: view.networks and view.networks[0].runs > 2)
        await monitor.press("p", screen())
        runs = monitor.view().networks[0].runs
        newest = monitor.model.history.readings
        await so(lambda: newest[-1].networks[0].runs > runs + 2)
        assert monitor.view().networks[0].runs == runs
        await monitor.press("p", screen())
        assert monitor.view().networks[0].runs > runs + 2


async def press(monitor: Monitor, keys: str, console: Console | None = None) -> None:
    for key in keys.split():
        assert await monitor.press(key.replace("_", " "), console or screen())


def recorded() -> Monitor:
    monitor = Monitor("serial:/dev/ttyACM0")
    monitor.model = readings.model()
    return monitor


async def test_keys_that_change_the_view() -> None:
    monitor = recorded()
    await press(monitor, "j down k e")
    assert (monitor.model.selected, monitor.model.order) == ("yolov8n-pose", "index")
    await press(monitor, "up t unknown escape")
    assert (monitor.model.selected, monitor.model.order) == ("movenet", "time")
    assert not await monitor.press("q", screen())
    assert not await monitor.press("Q", screen())


async def test_help_covers_the_screen_until_any_key() -> None:
    monitor = recorded()
    await press(monitor, "?")
    console = screen()
    console.print(monitor.screen(console))
    assert "select a network" in Text.from_ansi(console.file.getvalue()).plain  # type: ignore[attr-defined]
    await press(monitor, "q")
    console = screen()
    console.print(monitor.screen(console), height=24)
    assert "movenet" in console.file.getvalue()  # type: ignore[attr-defined]


async def test_scrolling_stops_at_both_ends() -> None:
    monitor = recorded()
    await press(monitor, "page_up")
    assert monitor.model.first == 0
    await press(monitor, "page_down")
    assert 0 < monitor.model.first < 9
    await press(monitor, "page_down page_down page_down")
    last = monitor.model.first
    await press(monitor, "page_down")
    assert monitor.model.first == last
    await press(monitor, "page_up page_up page_up")
    assert monitor.model.first == 0
    await press(monitor, "page_down e")
    assert monitor.model.first == 0
    await press(monitor, "page_down", screen(200, 60))
    assert monitor.model.first == 0


def test_snapshots_show_what_the_screen_shows(tmp_path: Path) -> None:
    monitor = recorded()
    anyio.run(press, monitor, "s", screen(100, 30))
    svg, html = (next(tmp_path.glob(f"n6link-monitor-*.{ending}")) for ending in ("svg", "html"))
    assert monitor.model.message == f"saved {svg.stem}.svg and .html"
    for text in (svg.read_text(), html.read_text()):
        assert "STM32N6570-DK" in text
        assert "saved" not in text
    assert re.search(r"<svg[^>]*viewBox", svg.read_text())


def test_snapshots_of_one_second_are_all_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(datetime):
        @classmethod
        def now(cls, tz: object = None) -> Stopped:
            return cls(2026, 1, 2, 3, 4, 5)

    monkeypatch.setattr(app, "datetime", Stopped)
    names = [recorded().save(screen(100, 30), tmp_path).removeprefix("saved ").split(".")[0] for _ in range(3)]
    begin = "n6link-monitor-20260102-030405"
    assert names == [begin, f"{begin}-2", f"{begin}-3"]
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}{end}" for name in names for end in (".svg", ".html")}


async def test_a_folder_that_cannot_be_written_is_said() -> None:
    monitor = recorded()
    message = monitor.save(screen(), Path("/nonexistent/folder"))
    assert message == "cannot save in /nonexistent/folder: No such file or directory"


async def test_messages_go_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = recorded()
    monkeypatch.setattr(app, "MESSAGE", -1.0)
    await press(monitor, "r")
    monitor.screen(screen())
    assert monitor.model.message == ""


@pytest.mark.parametrize(
    ("pressed", "keys"),
    [
        (b"q", ["q"]),
        (b"jj", ["j", "j"]),
        (b"\x1b[A\x1bOB", ["up", "down"]),
        (b"\x1b[5~\x1b[6~j", ["page up", "page down", "j"]),
        (b"\x1b", ["escape"]),
        (b"\x1b[1;5Cp", ["escape", "p"]),
        (b"\x1bxq", ["escape", "q"]),
        ("é".encode(), ["Ã", "©"]),
        (b"", []),
    ],
)
def test_keys_of_a_terminal(pressed: bytes, keys: list[str]) -> None:
    assert split(pressed) == keys


# ---- the whole, in a pseudo terminal and without one


ENTERED, LEFT = "\x1b[?1049h", "\x1b[?1049l"
"""what switches to the alternate screen and back"""


class Terminal:
    """A pseudo terminal: what is drawn on it, and keys that are pressed."""

    def __init__(self) -> None:
        self.main, self.inner = pty.openpty()
        self.drawn = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        try:
            while data := os.read(self.main, 65536):
                self.drawn += data
        except OSError:
            pass  # the inner end has been closed

    async def shows(self, text: str) -> None:
        """Waits until this has been drawn."""
        await so(lambda: text.encode() in self.drawn)

    def press(self, keys: str) -> None:
        os.write(self.main, keys.encode())

    def close(self) -> None:
        os.close(self.inner)
        self._reader.join()
        os.close(self.main)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setenv("TERM", "xterm-256color")
    out = Terminal()
    with os.fdopen(os.dup(out.inner), "r") as keyboard:
        monkeypatch.setattr(sys, "stdin", keyboard)
        yield out
    out.close()


@contextmanager
def console_on(terminal: Terminal) -> Iterator[Console]:
    with os.fdopen(os.dup(terminal.inner), "w") as file:
        yield Console(file=file, width=80, height=24)


@on_both_backends
async def test_the_whole_on_a_terminal(terminal: Terminal) -> None:
    monitor = Monitor(sim_url(), interval=QUICK)
    with console_on(terminal) as console:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(monitor.run, console)
            await terminal.shows("▶ reference ")
            terminal.press("j")
            await terminal.shows("▶ reference_colour")
            terminal.press("q")
        await terminal.shows(LEFT)
    assert terminal.drawn.count(ENTERED.encode()) == terminal.drawn.count(LEFT.encode()) == 1


@on_both_backends
async def test_an_error_at_the_start_leaves_the_terminal_as_it_was(terminal: Terminal) -> None:
    before = termios.tcgetattr(terminal.inner)
    with console_on(terminal) as console:
        with pytest.raises(ExceptionGroup) as caught:
            await Monitor(sim_url(), network="nope").run(console)
        await terminal.shows(LEFT)
    assert caught.group_contains(errors.UnknownName, match="nope")
    assert termios.tcgetattr(terminal.inner) == before


@on_both_backends
async def test_without_a_terminal_screens_are_printed() -> None:
    monitor = Monitor(sim_url(), interval=QUICK)
    file = io.StringIO()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(monitor.run, Console(file=file, width=80, height=24))
        await so(lambda: file.getvalue().count("● connected") >= 3)
        tasks.cancel_scope.cancel()
    assert "q quit" not in file.getvalue()
    assert "\x1b" not in file.getvalue()


@on_both_backends
async def test_it_ends_when_nobody_reads_what_it_prints() -> None:
    class Pipe(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    class Gone(Console):
        def on_broken_pipe(self) -> None:
            raise SystemExit(1)  # as rich does, after it has redirected standard output

    with anyio.fail_after(PATIENCE):
        await Monitor(sim_url(), interval=QUICK).run(Gone(file=Pipe(), width=80, height=24))
