"""How an object is shown: one description, as a line of text, as a table of rich, and as HTML for notebooks.

A class inherits :class:`Shown` and describes itself in ``brief()`` and ``sheet()``. Python's prompt and logs then show one line of bounded length,
``rich.print`` and notebooks a table. The HTML has the colours and the font of the page that it is in, dark or light; only bars have
colours of their own. All text is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from rich.console import RenderableType

MOST: Final = 24
"""rows of a table; the others are counted"""
LINE: Final = 200
"""characters of the line"""
BAR: Final = 16
"""cells of a bar in a terminal"""
LONG: Final = 24
"""characters from which on a text has a column of some width on a narrow page; shorter ones are narrow anyway"""


@dataclass(frozen=True, slots=True)
class Bar:
    """A cell with a horizontal bar."""

    share: float
    """0..1"""
    colour: str = "#56b4e9"
    """sRGB, as in CSS; the default is not that of a kind of epochs (:mod:`n6link.colours`)"""
    whole: bool = False
    """whether the length of 1 is shown too"""


Cell: TypeAlias = str | Bar


@dataclass(frozen=True, slots=True)
class Grid:
    """A table."""

    head: tuple[str, ...]
    """names of the columns; one that starts with ``>`` has its values at the right"""
    rows: Sequence[tuple[Cell, ...]]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The description of an object."""

    grids: tuple[Grid, ...] = ()
    notes: tuple[str, ...] = ()
    """sentences below the tables, such as that times are simulated"""


class Shown:
    """An object that shows itself."""

    __slots__ = ()

    def brief(self) -> str:
        """The most important facts, in a few words."""
        raise NotImplementedError

    def sheet(self) -> Sheet:
        """What is shown below :meth:`brief` in notebooks and by rich."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {_line(self.brief())}>"

    def __rich__(self) -> RenderableType:
        return _rich(type(self).__name__, _line(self.brief()), self.sheet())

    def _repr_html_(self) -> str:
        return _html(type(self).__name__, _line(self.brief()), self.sheet())


def facts(values: Mapping[str, object]) -> Grid:
    """A table of names and values; values that are empty or None are omitted."""
    return Grid(("", ""), [(name, str(value)) for name, value in values.items() if value not in (None, "")])


def _line(brief: str) -> str:
    text = " ".join(brief.split())
    return text if len(text) <= LINE else text[: LINE - 3] + "..."


def _rows(grid: Grid) -> tuple[Sequence[tuple[Cell, ...]], str]:
    """The rows that are shown, and a text about the others."""
    hidden = len(grid.rows) - MOST
    return (grid.rows, "") if hidden <= 0 else (grid.rows[:MOST], f"and {hidden} more")


def _html(name: str, brief: str, sheet: Sheet) -> str:
    parts = [f'<div style="overflow-x:auto"><b>{escape(name)}</b> {escape(brief)}']
    for grid in sheet.grids:
        rows, more = _rows(grid)
        sides = ["right" if column.startswith(">") else "left" for column in grid.head]
        style = "padding:0.1em 1em 0.1em 0;border:0;background:transparent;color:inherit"
        head = "".join(
            f'<th scope="col" style="{style};text-align:{side};font-weight:600;opacity:0.75">{escape(column.lstrip(">"))}</th>'
            for column, side in zip(grid.head, sides, strict=True)
        )
        body = "".join(
            "<tr>"
            + "".join(
                f'<td style="{style};text-align:{side};{_width(cell, side)}">{_cell(cell)}</td>'
                for cell, side in zip(row, sides, strict=True)
            )
            + "</tr>"
            for row in rows
        )
        caption = f'<caption style="text-align:left;color:inherit;font-weight:600">{escape(grid.title)}</caption>'
        parts.append(
            f'<table style="border-collapse:collapse;border:0;margin:0.6em 0;color:inherit">{caption if grid.title else ""}'
            f"{f'<thead><tr>{head}</tr></thead>' if any(grid.head) else ''}<tbody>{body}</tbody></table>{escape(more)}"
        )
    parts += [f'<div style="opacity:0.75">{escape(note)}</div>' for note in sheet.notes]
    return "".join(parts) + "</div>"


def _width(cell: Cell, side: str) -> str:
    """A number stays in one line, and a text does not become a column of single words: a page that is too narrow is scrolled."""
    if side == "right":
        return "font-variant-numeric:tabular-nums;white-space:nowrap"
    return f"min-width:{LONG / 2:g}em" if isinstance(cell, str) and len(cell) > LONG else ""


def _cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return escape(cell)
    share, rest = min(max(cell.share, 0.0), 1.0), "#80808040" if cell.whole else "transparent"
    return (
        f'<span role="img" aria-label="{share:.0%}" style="display:inline-block;width:8em;height:0.8em;background:{rest}">'
        f'<span style="display:block;height:100%;width:{share:.1%};background:{escape(cell.colour)}"></span></span>'
    )


def _rich(name: str, brief: str, sheet: Sheet) -> RenderableType:
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    shown: list[RenderableType] = [Text(f"{name} ", style="bold") + Text(brief, style="not bold")]
    for grid in sheet.grids:
        rows, more = _rows(grid)
        table = Table(
            title=grid.title or None,
            title_justify="left",
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            show_header=any(grid.head),
        )
        for column in grid.head:
            table.add_column(
                Text(column.lstrip(">")), justify="right" if column.startswith(">") else "left", overflow="fold"
            )
        for row in rows:
            table.add_row(*(Text(cell) if isinstance(cell, str) else _meter(cell) for cell in row))
        shown += [table, *([Text(more, style="dim")] if more else [])]
    shown += [Text(note, style="dim") for note in sheet.notes]
    return Group(*shown)


def _meter(bar: Bar) -> RenderableType:
    from rich.text import Text

    cells = round(min(max(bar.share, 0.0), 1.0) * BAR)
    return Text("█" * cells, style=bar.colour) + Text("░" * (BAR - cells) if bar.whole else "", style="dim")
