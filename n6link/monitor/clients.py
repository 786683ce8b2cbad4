"""The programs that share a board (``n6link serve``): readings, their rates, and their section of the screen.

Rates and mean waits are differences of the last :data:`READINGS` readings. A program that has connected between two readings has a rate from the
second one on. The list also contains the monitor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.console import Group, RenderableType

from n6link.console import counted, duration, rate, short
from n6link.monitor.lines import Cell, Column, fit, heading, line, rows_of
from n6link.monitor.view import ClientRow, clean
from n6link.session.sharing import ClientInfo

READINGS: Final = 5
NAME: Final = 28
"""maximum width of a name"""
WIDE: Final = 70
"""width from which there is a column for the waits"""


@dataclass(slots=True)
class Clients:
    """Readings of the clients of a server, the newest last, each with its time in seconds of one clock."""

    readings: deque[tuple[float, tuple[ClientInfo, ...]]] = field(default_factory=lambda: deque(maxlen=READINGS))

    def copy(self) -> Clients:
        """An independent copy."""
        return Clients(self.readings.copy())

    def rows(self) -> tuple[ClientRow, ...]:
        """The present clients, those that run most first."""
        if not self.readings:
            return ()
        rows = [self._row(client) for client in self.readings[-1][1]]
        return tuple(sorted(rows, key=lambda row: (-row.per_second, -row.queued, row.id)))

    def _row(self, newest: ClientInfo) -> ClientRow:
        seen = [(at, client) for at, clients in self.readings for client in clients if client.id == newest.id]
        (begin, oldest), (end, _) = seen[0], seen[-1]
        seconds = end - begin if end > begin else float("inf")
        waits = newest.waits - oldest.waits
        return ClientRow(
            id=newest.id,
            name=clean(newest.name) or "unnamed",
            read_only=newest.read_only,
            runs=newest.runs,
            per_second=(newest.runs - oldest.runs) / seconds,
            up=(newest.rx_bytes - oldest.rx_bytes) / seconds,
            down=(newest.tx_bytes - oldest.tx_bytes) / seconds,
            queued=newest.queued,
            leases=newest.leases,
            wait=(newest.waited - oldest.waited) / waits if waits > 0 else None,
            waited=newest.waited,
        )


def section(rows: Sequence[ClientRow], leased: Sequence[str], lines: int, width: int) -> RenderableType:
    """The clients, as many as fit in the lines after the title.

    Args:
        rows: the clients.
        leased: networks with the programs that have leased them.
        lines: of rows.
        width: of the section.
    """
    wide = width >= WIDE
    columns: list[Column[ClientRow]] = [
        Column("program", min(NAME, max(width - (60 if wide else 50), 8)), _name, left=True),
        Column("runs/s", 6, lambda row: f"{row.per_second:.1f}"),
        Column("up", 9, lambda row: rate(row.up)),
        Column("down", 9, lambda row: rate(row.down)),
        Column("waiting", 7, lambda row: _count(row.queued, "yellow")),
        Column("leases", 6, lambda row: _count(row.leases, "bold yellow")),
    ]
    if wide:
        columns.insert(-1, Column("mean wait", 9, lambda row: duration(row.wait or 0.0)))
    hidden = f"{lines} of {len(rows)}" if len(rows) > lines else ""
    title = heading(f"{counted(len(rows), 'program')} on this board", width, "; ".join(leased) or hidden)
    titles = "  ".join(fit(column.title, column.width, column.left) for column in columns)
    return Group(title, line((titles, "dim")), *rows_of(columns, rows[:lines], gap=2))


def _name(row: ClientRow) -> Cell:
    return row.name + (" (reads)" if row.read_only else ""), ""


def _count(count: int, style: str) -> Cell:
    return short(count), style if count else "dim"
