"""The program ``n6link monitor`` as a person has it: in a terminal (tmux), with keys, and a cable that is pulled.

Each test has a tmux server of its own, on a socket of its own. Nothing waits for a fixed time: what is on the screen is
looked at until it is as expected.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import anyio
import pytest
from e2e_fixtures import REFERENCE, Board, board, noise

import n6link
from n6link.device import N6Device
from n6link.transport import sim

pytestmark = pytest.mark.tmux

PATIENCE = 120
"""seconds after which something that should happen does not"""
LOST = re.compile(r"● lost \d:\d\d:\d\d")
COLOUR = re.compile(r"\x1b\[[\d;]*(?:3|4|9|10)[0-8](?:;[\d;]*)?m")


class Tmux:
    """A terminal with a shell in it."""

    def __init__(self, folder: Path, width: int = 80, height: int = 24) -> None:
        hidden = ("N6LINK_URL", "N6_DEBUG", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TMUX", "TMUX_PANE")
        self._environment = {key: value for key, value in os.environ.items() if key not in hidden} | {
            "TMUX_TMPDIR": str(folder),
            "PYTHONPATH": str(Path(n6link.__file__).parents[1]),
            "LC_ALL": "C.UTF-8",
        }
        size = ["-x", str(width), "-y", str(height)]
        self.run("new-session", "-d", *size, "-c", str(folder), "sh")
        self.shell = int(self.ask("pane_pid"))

    def run(self, *words: str) -> str:
        command = ["tmux", "-u", "-f", "/dev/null", "-L", "n6link", *words]
        return subprocess.run(command, env=self._environment, check=True, capture_output=True, text=True).stdout

    def until(self, condition: Callable[[], object]) -> None:
        """Waits until it is so."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"it never came to that:\n{self.screen}"
            time.sleep(0.02)

    def type(self, command: str) -> None:
        """Types a line into the shell."""
        self.run("send-keys", "-l", command)
        self.keys("Enter")

    def keys(self, *keys: str) -> None:
        """Presses keys, as tmux names them."""
        self.run("send-keys", *keys)

    def shows(self, *texts: str) -> None:
        """Waits until all of these are on the screen."""
        self.until(lambda: all(text in self.screen for text in texts))

    @property
    def screen(self) -> str:
        return self.run("capture-pane", "-p")

    @property
    def coloured(self) -> str:
        return self.run("capture-pane", "-p", "-e")

    def ask(self, variable: str) -> str:
        """A variable of the pane."""
        return self.run("display-message", "-p", f"#{{{variable}}}").strip()

    def answers(self, key: str, text: str) -> None:
        """Presses a key until this is on the screen: a message is shown for some seconds only, and a look may come too late."""
        end = time.monotonic() + PATIENCE
        while text not in self.screen:
            assert time.monotonic() < end, f"it never came to that:\n{self.screen}"
            self.keys(key)
            for _ in range(50):
                if text in self.screen:
                    break
                time.sleep(0.02)

    def resize(self, width: int, height: int) -> None:
        self.run("resize-window", "-x", str(width), "-y", str(height))

    def close(self) -> None:
        """Ends the terminal, and sees its shell end."""
        self.run("kill-server")
        gone(self.shell)


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    terminal = Tmux(tmp_path)
    yield terminal
    terminal.close()


@pytest.fixture
def virtual(tmp_path: Path) -> Iterator[Board]:
    with board("--unix", str(tmp_path / "board")) as running:
        yield running


def gone(pid: int) -> None:
    """Waits until a process has ended."""
    end = time.monotonic() + PATIENCE
    # It may end between any two steps.
    with suppress(FileNotFoundError, ProcessLookupError):
        while "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
            assert time.monotonic() < end, f"process {pid} does not end"
            time.sleep(0.02)


def run_networks(url: str, times: int = 3) -> None:
    async def run() -> None:
        async with N6Device(url) as device:
            for _ in range(times):
                await device["reference"].run(noise(device["reference"]))

    anyio.run(run)


def command(*words: str, program: str = "exec") -> str:
    """A shell line that runs the monitor, writes its process id to a file, and its exit code to the screen."""
    line = shlex.join([sys.executable, "-m", "n6link", "monitor", "--interval", "0.1", *words])
    return f"sh -c 'echo $$ > pid; {program} {line}'; echo ended $?"


def pid_of(tmp_path: Path) -> int:
    return int((tmp_path / "pid").read_text())


def test_keys(tmux: Tmux, virtual: Board, tmp_path: Path) -> None:
    run_networks(virtual.url)
    tmux.type(command("--url", virtual.url))
    tmux.shows("● connected", "▶ reference ", "epochs of reference, slowest first, mean of 3 runs", "q quit  ? help")
    assert tmux.ask("alternate_on") == "1"
    tmux.keys("e")
    tmux.shows("epochs of reference, in order")
    tmux.keys("t")
    tmux.shows("epochs of reference, slowest first")
    tmux.keys("j")
    tmux.shows("▶ reference_colour", "no inference yet")
    tmux.keys("Down")
    tmux.shows("▶ reference ")
    tmux.keys("Up")
    tmux.shows("▶ reference_colour")
    tmux.keys("k")
    tmux.shows("▶ reference ", "mean of 3 runs")
    tmux.keys("p")
    tmux.shows("‖ paused")
    tmux.keys("p")
    tmux.until(lambda: "paused" not in tmux.screen)
    tmux.keys("l")
    tmux.shows("log, WARNING and above")
    tmux.keys("?")
    tmux.shows("any key closes this help")
    tmux.keys("q")
    tmux.shows("● connected")
    tmux.answers("s", "saved n6link-monitor-")
    assert {path.suffix for path in tmp_path.glob("n6link-monitor-*")} == {".svg", ".html"}
    tmux.answers("r", "statistics were reset")
    tmux.shows("no inference yet")
    tmux.keys("q")
    tmux.shows("ended 0")
    assert tmux.ask("alternate_on") == "0"


def test_a_terminal_that_has_only_lines_gets_one_screen_after_the_other(tmux: Tmux, virtual: Board) -> None:
    run_networks(virtual.url)
    tmux.type("TERM=dumb " + command("--url", virtual.url))
    tmux.until(lambda: int(tmux.ask("history_size")) > 24)
    # A whole screen: its first line is in sight, and the last lines of the one before are not.
    tmux.until(lambda: "● connected" in tmux.screen.splitlines()[0] and "mean of 3 runs" in tmux.screen)
    assert tmux.ask("alternate_on") == "0"
    tmux.keys("C-c")
    tmux.shows("ended 130")


def test_epochs_scroll_by_pages(tmux: Tmux, virtual: Board) -> None:
    run_networks(virtual.url)
    tmux.type(command("--url", virtual.url))
    tmux.shows("mean of 3 runs")
    tmux.resize(80, 14)
    tmux.until(lambda: re.search(r"\d+ more, ", tmux.screen))
    tmux.keys("PageDown")
    tmux.until(lambda: re.search(r"\d+ before, \d+ after, ", tmux.screen))
    tmux.keys("PageUp")
    tmux.until(lambda: re.search(r"\d+ more, ", tmux.screen))
    tmux.keys("q")
    tmux.shows("ended 0")


def test_every_size_at_once(tmux: Tmux, virtual: Board) -> None:
    tmux.type(command("--url", virtual.url, "--interval", "3600"))
    tmux.shows("● connected")

    def filled() -> tuple[int, int] | None:
        """The size of the picture, from its first rule to its last line, if it is whole."""
        lines = tmux.screen.rstrip("\n").split("\n")
        rules = [len(line) for line in lines if line.startswith("networks")]
        return (rules[0], len(lines)) if rules and lines[-1].startswith("q quit") else None

    for width, height in ((200, 60), (60, 16), (41, 13), (120, 30), (80, 24)):
        tmux.resize(width, height)
        tmux.until(lambda: filled() == (width, height))  # noqa: B023 - it is called at once
    tmux.resize(20, 5)
    tmux.shows("connected; requires")
    tmux.resize(200, 60)
    tmux.shows("memory pools", "cancelled", "credits")
    tmux.keys("q")
    tmux.shows("ended 0")


def test_a_pulled_cable(tmux: Tmux, virtual: Board, tmp_path: Path) -> None:
    run_networks(virtual.url)
    tmux.type(command("--url", virtual.url))
    tmux.shows("● connected", "mean of 3 runs")
    virtual.die()
    tmux.until(lambda: LOST.search(tmux.screen))
    tmux.shows("reference", "mean of 3 runs", "no program listens at")
    tmux.until(lambda: (found := LOST.search(tmux.screen)) and found[0] > "● lost 0:00:01")
    with board("--unix", str(tmp_path / "board")):
        tmux.shows("● connected", "no inference yet")
        tmux.keys("q")
        tmux.shows("ended 0")


def test_a_cable_that_is_put_back(tmux: Tmux) -> None:
    """The screen is kept, and goes on; the log says what happened."""
    with sim.rig(",".join(REFERENCE), link="pty") as rig:
        run_networks(rig.url)
        tmux.type(command("--url", rig.url))
        tmux.shows("● connected", "mean of 3 runs")
        rig.cut()
        tmux.until(lambda: LOST.search(tmux.screen))
        tmux.shows("mean of 3 runs", "ERROR   connection lost")
        rig.restore()
        tmux.shows("● connected", "mean of 3 runs", "WARNING connected again after")
        rig.reset()
        tmux.shows("the device was restarted", "no inference yet")
        tmux.keys("q")
        tmux.shows("ended 0")


@pytest.mark.parametrize(
    ("how", "code"), [(["C-c"], 130), (["q"], 0), (signal.SIGTERM, 0)], ids=["Ctrl-C", "q", "SIGTERM"]
)
def test_the_terminal_is_as_it_was(
    tmux: Tmux, virtual: Board, tmp_path: Path, how: list[str] | signal.Signals, code: int
) -> None:
    tmux.type("stty -a > before")
    tmux.type(command("--url", virtual.url))
    tmux.shows("● connected")
    assert (tmux.ask("alternate_on"), tmux.ask("cursor_flag")) == ("1", "0")
    if isinstance(how, signal.Signals):
        os.kill(pid_of(tmp_path), how)
    else:
        tmux.keys(*how)
    tmux.shows(f"ended {code}")
    assert (tmux.ask("alternate_on"), tmux.ask("cursor_flag")) == ("0", "1")
    assert "Traceback" not in tmux.screen
    tmux.type("stty -a > after; echo compared")
    tmux.until(lambda: tmux.screen.count("compared") == 2)
    assert (tmp_path / "after").read_text() == (tmp_path / "before").read_text()


def test_ctrl_c_before_there_is_a_board(tmux: Tmux, tmp_path: Path) -> None:
    tmux.type(command("--url", f"unix:{tmp_path / 'nothing'}"))
    tmux.shows("● waiting", "no program listens at")
    tmux.keys("C-c")
    tmux.shows("ended 130")
    assert tmux.ask("alternate_on") == "0"


def test_a_terminal_that_is_closed_ends_it(tmp_path: Path, virtual: Board) -> None:
    terminal = Tmux(tmp_path)
    try:
        terminal.type(command("--url", virtual.url))
        terminal.shows("● connected")
        monitor = pid_of(tmp_path)
    finally:
        terminal.close()
    gone(monitor)
    run_networks(virtual.url)  # the board is free again


def test_without_colour(tmux: Tmux, virtual: Board) -> None:
    run_networks(virtual.url)
    tmux.type(command("--url", virtual.url))
    tmux.shows("mean of 3 runs")
    assert COLOUR.search(tmux.coloured)
    tmux.keys("q")
    tmux.shows("ended 0")
    tmux.type("clear; " + command("--url", virtual.url, program="NO_COLOR=1 exec"))
    tmux.shows("mean of 3 runs")
    assert not COLOUR.search(tmux.coloured)
    tmux.keys("q")
    tmux.shows("ended 0")


def test_errors_at_the_start_are_sentences(tmux: Tmux, virtual: Board) -> None:
    tmux.type("clear; " + command("--url", virtual.url, "--network", "nope"))
    tmux.shows("ended 2", "Error: the device does not have a network 'nope'")
    assert "reference, reference_colour" in tmux.screen.replace("\n", "")
    tmux.type("clear; " + command("--url", "sim:nope.tflite"))
    tmux.shows("ended 2", "which does not exist")


def test_output_that_is_no_terminal(tmux: Tmux, virtual: Board, tmp_path: Path) -> None:
    reader = 'awk "{print} /● connected/ && ++count == 2 {exit}"'
    tmux.type(command("--url", virtual.url).replace("'; echo", f" | {reader} > out'; echo"))
    tmux.shows("ended 0")
    text = (tmp_path / "out").read_text()
    assert text.count("● connected") == 2
    assert "networks" in text and "\x1b" not in text
    tmux.type(command("--url", virtual.url, "--once", "--json").replace("'; echo ended", " > json'; echo printed"))
    tmux.shows("printed 0")
    assert json.loads((tmp_path / "json").read_text())["identity"]["url"] == virtual.url


def test_demo(virtual_board: None, tmux: Tmux) -> None:
    tmux.type(command("--demo"))
    tmux.until(lambda: re.search(r"  movenet13 +\d{2,}", tmux.screen) and re.search(r"▶ tinybert +\d{2,}", tmux.screen))
    tmux.shows("simulated", "epochs of tinybert", "░░ SW")
    tmux.keys("k")
    tmux.shows("epochs of movenet13")
    tmux.keys("q")
    tmux.shows("ended 0")
