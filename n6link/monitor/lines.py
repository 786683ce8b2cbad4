"""Lines of the screen: titles with a rule, and tables with columns of fixed width. Lines are never wider than requested."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.text import Text

T = TypeVar("T")
Cell = str | tuple[str, str]
"""a text, or a text and its style"""


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """A column of a table: its width, and a function from a row to its cell."""

    title: str
    width: int
    cell: Callable[[T], Cell]
    left: bool = False


def line(*parts: tuple[str, str]) -> Text:
    """One line from texts and their styles."""
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def heading(title: str, width: int, note: str = "") -> Text:
    """A title, a horizontal rule, and a note at the right if it fits."""
    shown = set_cell_size(title, width) if cell_len(title) > width else title
    tail = f" {note}" if note and cell_len(shown) + cell_len(note) + 4 <= width else ""
    fill = max(width - cell_len(shown) - cell_len(tail) - 1, 0)
    return Text.assemble((shown, "bold"), (" " + "─" * fill + tail, "dim"), no_wrap=True, overflow="crop")


def fit(text: str, width: int, left: bool) -> str:
    """A text, padded or cut to exactly ``width`` cells of the terminal."""
    used = cell_len(text)
    if used > width:
        return set_cell_size(text, width - 1) + "…"
    return text + " " * (width - used) if left else " " * (width - used) + text


def rows_of(columns: Sequence[Column[T]], rows: Sequence[T], *, gap: int) -> list[Text]:
    """One line per row."""
    # A rich table, which calculates the widths of its columns, takes several times as long.
    lines: list[Text] = []
    for row in rows:
        line = Text(no_wrap=True, overflow="crop")
        for column in columns:
            cell = column.cell(row)
            text, style = cell if isinstance(cell, tuple) else (cell, "")
            line.append(fit(text, column.width, column.left), style).append(" " * gap)
        lines.append(line)
    return lines
