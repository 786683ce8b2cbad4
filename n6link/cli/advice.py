"""Advice as text: what the CPU computes, how long it takes, why, and what helps."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from n6link.cli.common import out
from n6link.colours import KIND_COLOURS
from n6link.console import duration
from n6link.epochs.advice import Advice, Item
from n6link.protocol import EpochKind

SPANS: Final = 6
"""Maximum number of epochs that are listed for one operation."""


def show(advice: Advice, *, at_most: int | None = None) -> Iterator[RenderableType]:
    """The advice, the most time first, and its sources; nothing if no epoch needs advice.

    Args:
        advice: of a network.
        at_most: number of operations; None = all.
    """
    items = advice.items[:at_most]
    if not items:
        return
    yield Text("Why it is slow, and what helps", style="bold")
    yield Text(textwrap.fill(f"times: {advice.origin}", out.width), style="yellow" if advice.estimated else "dim")
    numbers = {source: number for number, source in enumerate(advice.sources, 1)}
    used: dict[int, str] = {}
    for item in items:
        marks = [numbers[source] for source in item.remedy.sources]
        used |= {numbers[source]: str(source) for source in item.remedy.sources}
        yield Text(_head(item, estimated=advice.estimated), style=KIND_COLOURS[item.blocks[0].kind])
        references = "".join(f" [{mark}]" for mark in marks)
        change = f"remedy: {item.remedy.change}" if item.remedy.change else "remedy: none is documented"
        yield Text("\n".join(_wrapped(line) for line in (item.remedy.reason, change + references)))
    if more := len(advice.items) - len(items):
        yield Text(f"and {more} other operations; --json lists all", style="dim")
    yield Text("\n".join(_wrapped(f"[{number}] {used[number]}", hang=4) for number in sorted(used)), style="dim")


def _head(item: Item, *, estimated: bool) -> str:
    """``Softmax: 4.78 ms, 11.1%, in 2 SW epochs (77, 164)``."""
    figures = [duration(item.seconds)] if item.seconds is not None else []
    figures += [f"{item.share:.1%}" + " (estimated)" * estimated] if item.share is not None else []
    spans = [block.span for block in item.blocks[:SPANS]] + ["..."] * (len(item.blocks) > SPANS)
    kinds = "HW" if item.blocks[0].kind is EpochKind.HW else item.kinds
    count = f"{item.epochs} {kinds} epoch" + "s" * (item.epochs != 1)
    return f"{item.operation}: {', '.join([*figures, ''])}in {count} ({', '.join(spans)})"


def _wrapped(text: str, hang: int = 0) -> str:
    return textwrap.fill(
        text, out.width, initial_indent="  ", subsequent_indent=" " * (2 + hang), break_on_hyphens=False
    )
