"""How far long work is: a bar in a terminal and in a notebook. Elsewhere, such as in the log of a service, nothing is printed.

In a notebook the bar is HTML of this package (:mod:`n6link.sheet`), which is replaced in its cell: widgets are not needed, and the last
state stays in the saved notebook. In a terminal it is the bar of rich on standard error, which disappears at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, Self

from n6link import ambient
from n6link.console import moves
from n6link.errors import BadInput
from n6link.sheet import Bar, Grid, Sheet, Shown

if TYPE_CHECKING:
    from rich.console import Console

BETWEEN: Final = 0.1
"""seconds between two updates of a notebook, at least: each is a message to the browser"""
MINUTE: Final = 60


class _Cell(Protocol):
    """What IPython has displayed, and can replace: its ``DisplayHandle``."""

    def update(self, obj: object) -> None: ...


class Progress(Shown):
    """A bar, and a context manager that shows it while it is entered.

    ::

        with Progress("movenet13", total=len(pictures)) as progress:
            async with pool["movenet13"].map(pictures) as results:
                async for result in results:
                    progress.advance()

    Functions with the argument ``progress``, such as :meth:`n6link.Network.profile`, call it with the numbers of what is done and of all::

        with Progress("profile") as progress:
            profile = await net.profile(runs=500, progress=progress)

    Args:
        what: name of the work.
        total: number of its parts, such as inputs; None = not known.
        done: how many of them are completed already.
        console: a console of rich for the bar in a terminal; None = standard error.
        shown: False = nothing is shown.

    Attributes:
        done: number of completed parts.
        total: number of all parts; None = not known.

    Raises:
        BadInput: a number is negative.
    """

    def __init__(
        self,
        what: str,
        total: int | None = None,
        *,
        done: int = 0,
        console: Console | None = None,
        shown: bool = True,
    ) -> None:
        for name, value in (("total", total), ("done", done)):
            if value is not None and value < 0:
                raise BadInput(f"{name}={value} must be 0 or more")
        self.what = what
        self.done = done
        self.total = total
        self._first = done
        self._begun: float | None = None
        self._elapsed = 0.0
        self._console = console
        self._wanted = shown
        self._stack = ExitStack()
        self._show: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        self._begun, self._first = ambient.monotonic(), self.done
        if self._wanted:
            from rich.console import Console

            console = self._console or Console(stderr=True)
            if console.is_jupyter:
                self._in_notebook()
            elif moves(console):
                self._in_terminal(console)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._show = lambda: None

    def advance(self, count: int = 1) -> None:
        """Some more parts are completed."""
        self(self.done + count, self.total)

    def __call__(self, done: int, total: int | None) -> None:
        """So many parts are completed, of so many; None = their number is not known."""
        self.done, self.total = done, total
        if self._begun is not None:
            self._elapsed = ambient.monotonic() - self._begun
        self._show()

    def brief(self) -> str:
        """``movenet13: 120 of 500, 13.2 per s, 29 s left``."""
        new = self.done - self._first
        parts = [f"{self.done} of {self.total}" if self.total is not None else f"{self.done}"]
        if new and self._elapsed:
            parts.append(f"{new / self._elapsed:.3g} per s")
            left = ((self.total or 0) - self.done) * self._elapsed / new
            if left > 0:
                parts.append(f"{left:.0f} s left" if left < MINUTE else f"{left / MINUTE:.0f} min left")
        return f"{self.what}: {', '.join(parts)}"

    def sheet(self) -> Sheet:
        """The bar."""
        if not self.total:
            return Sheet()
        share = self.done / self.total
        return Sheet((Grid(("", ""), [(Bar(share, whole=True), f"{share:.0%}")]),))

    def _in_notebook(self) -> None:
        display: Callable[..., _Cell] = import_module("IPython.display").display  # typed in part
        cell = display(self, display_id=True)
        last = ambient.monotonic()

        def show() -> None:
            nonlocal last
            if (now := ambient.monotonic()) - last >= BETWEEN:
                last = now
                cell.update(self)

        self._show = show
        self._stack.callback(cell.update, self)

    def _in_terminal(self, console: Console) -> None:
        from rich import progress as rich

        bar = self._stack.enter_context(
            rich.Progress(
                rich.TextColumn("{task.description}", markup=False),
                rich.BarColumn(),
                rich.MofNCompleteColumn(),
                rich.TimeRemainingColumn(),
                console=console,
                transient=True,
            )
        )
        task = bar.add_task(self.what, total=self.total, completed=self.done)
        self._show = lambda: bar.update(task, completed=self.done, total=self.total)
