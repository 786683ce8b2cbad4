"""Bars of long work: in a terminal, in a notebook, and where there is neither."""

from __future__ import annotations

import io
import sys
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console

from n6link import ambient
from n6link.errors import BadInput
from n6link.progress import BETWEEN, Progress


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Clock:
    """Time that only advances in tests."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the package."""
    clock = Clock()
    monkeypatch.setattr(ambient, "monotonic", clock)
    return clock


class Cell:
    """A cell of a notebook, in the place of IPython's."""

    def __init__(self) -> None:
        self.pages: list[str] = []

    def update(self, thing: Any) -> None:
        self.pages.append(thing._repr_html_())


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Cell:
    """IPython's ``display`` shows in this cell."""
    cell, module = Cell(), ModuleType("IPython.display")

    def display(thing: object, *, display_id: bool) -> Cell:
        assert display_id
        cell.update(thing)
        return cell

    vars(module)["display"] = display
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return cell


@pytest.mark.parametrize("kind", ["xterm", "dumb"])
def test_a_terminal_shows_the_bar_and_removes_it(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", kind)
    file = Terminal()
    with Progress("net :smile: [bold]", total=3, console=Console(file=file, width=80, force_terminal=True)) as progress:
        for _ in range(3):
            progress.advance()
    text = file.getvalue()
    if kind == "dumb":
        assert text == "", "it has only lines"
        return
    assert "net :smile: [bold]" in text and "3/3" in text, "names are not markup"
    assert text.endswith("\x1b[2K"), "the line is erased"


@pytest.mark.parametrize("shown", [True, False])
def test_files_and_unwanted_bars_show_nothing(shown: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    file = Terminal() if not shown else io.StringIO()
    with Progress("net", total=2, console=Console(file=file, force_terminal=True), shown=shown) as progress:
        progress.advance()
        assert progress.done == 1, "it counts all the same"
    assert file.getvalue() == ""


def test_a_notebook_shows_the_last_state_without_a_message_for_each_part(clock: Clock, cell: Cell) -> None:
    with Progress("net", total=500, done=100, console=Console(force_jupyter=True)) as progress:
        for _ in range(399):
            clock.now += BETWEEN / 4
            progress.advance()
        assert 90 < len(cell.pages) <= 101
        progress.advance()
    assert "net: 100 of 500" in cell.pages[0]
    assert "500 of 500" in cell.pages[-1] and "width:100.0%" in cell.pages[-1]


def test_rate_and_rest_are_those_of_this_run(clock: Clock) -> None:
    with Progress("net", total=300, done=100, shown=False) as progress:
        clock.now += 10
        progress.advance(40)
        assert progress.brief() == "net: 140 of 300, 4 per s, 40 s left"
        clock.now += 90
        progress.advance(10)
        assert progress.brief() == "net: 150 of 300, 0.5 per s, 5 min left"
        progress(300, 300)
        assert progress.brief() == "net: 300 of 300, 2 per s"
    assert repr(progress) == "<Progress net: 300 of 300, 2 per s>"


def test_the_number_of_parts_may_be_unknown(clock: Clock, cell: Cell) -> None:
    with Progress("net", console=Console(force_jupyter=True)) as progress:
        clock.now += 2
        progress.advance()
        assert progress.brief() == "net: 1, 0.5 per s" and "<table" not in cell.pages[-1]
        progress(1, 4)
        assert progress.brief() == "net: 1 of 4, 0.5 per s, 6 s left"
    assert "25%" in cell.pages[-1]


def test_it_counts_before_it_is_entered() -> None:
    progress = Progress("net", total=2)
    progress.advance()
    assert progress.brief() == "net: 1 of 2"


@pytest.mark.parametrize(("total", "done", "named"), [(-1, 0, "total"), (1, -1, "done")])
def test_negative_numbers_are_refused(total: int, done: int, named: str) -> None:
    with pytest.raises(BadInput, match=f"{named}=-1 must be 0 or more"):
        Progress("net", total, done=done)
