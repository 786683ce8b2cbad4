"""What a program can read about the boards of a pool."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from n6link.sheet import Grid, Sheet, Shown, facts


class BoardState(enum.Enum):
    """State of a board of a pool."""

    OPENING = "opening"
    """it is connected and checked"""
    READY = "ready"
    ASIDE = "aside"
    """it does not get jobs, for the reason that is given; the pool tries again"""
    RESTARTING = "restarting"
    """by :meth:`n6link.N6Pool.restart`"""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, repr=False)
class BoardStatus(Shown):
    """What a program can read about a board; counts are since the pool was opened."""

    url: str
    unique_id: str
    """of the chip, hexadecimal; empty if unknown"""
    state: BoardState
    reason: str
    """why it is, or was last, set aside; empty = it never was"""
    refused: Mapping[str, str]
    """networks that it has, but for which the pool does not use it, with the reason"""
    answers: int
    """results that it was the first to give"""
    repeated: int
    """jobs that it has begun and that another board has finished: it failed, or the other one was faster"""
    aside: int
    """how often it was set aside"""
    checks: int
    """checks that it has passed"""
    distrusted: int
    """answers that were given to the program before the board failed a check, and after the last one that it passed: they may be wrong"""
    running: int
    seconds: Mapping[str, float]
    """seconds per answer, by network, as measured while it was busy"""

    def brief(self) -> str:
        """Its URL, its state, and why it is not in use."""
        reason = "" if self.state is BoardState.READY or not self.reason else f", {self.reason}"
        return f"{self.url}: {self.state.value}{reason}; {self.answers} answers"

    def sheet(self) -> Sheet:
        """The counts, and the seconds per answer."""
        counts = {
            name: getattr(self, name) for name in ("answers", "repeated", "aside", "checks", "distrusted", "running")
        }
        about = {"unique id": self.unique_id, "set aside": self.reason} | counts
        speed = [(name, self._speed(name)) for name in self.seconds]
        refused = list(self.refused.items())
        return Sheet(
            (facts(about), Grid(("network", ">time per answer"), speed), Grid(("not used for", "because"), refused))
        )

    def _speed(self, network: str) -> str:
        from n6link.console import duration

        return duration(self.seconds[network])

    def row(self) -> tuple[str, ...]:
        """Its row of :func:`boards_grid`."""
        speed = ", ".join(map(self._speed, self.seconds))
        return self.url, self.state.value, str(self.answers), str(self.repeated), speed or "-", self.reason or "-"


def boards_grid(boards: Sequence[BoardStatus]) -> Grid:
    """A table of boards."""
    head = ("board", "state", ">answers", ">repeated", ">time per answer", "set aside because")
    return Grid(head, [board.row() for board in boards])
