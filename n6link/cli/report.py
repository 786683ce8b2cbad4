"""``n6link report``: what ST Edge AI Core says of networks, one after the other and side by side."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from n6link.cli import tables
from n6link.cli.common import FAILED, Json, emit, listing, out
from n6link.console import duration
from n6link.epochs import patterns
from n6link.epochs.pools import Pool
from n6link.epochs.timers import EpochTable
from n6link.protocol import EpochKind

if TYPE_CHECKING:
    from n6link.epochs.st_report import Report

MAX_NOTES: Final = 20
"""Notes that are shown of each report."""
NARROWEST: Final = 17
"""Width of a network's column in the comparison, at least."""


def report(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE|DIR",
            help="Reports, console logs or c_info.json; a folder is one network, whose reports complete each other.",
        ),
    ],
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if anything was not understood.")] = False,
    as_json: Json = False,
) -> None:
    """Show reports of ST Edge AI Core: memory pools, epochs, what falls back to the CPU, and networks side by side."""
    from n6link.epochs.st_report import read

    reports = [read(file) for file in files]
    if as_json:
        emit([item.to_dict() for item in reports])
    else:
        for item in reports:
            out.print(details(item))
        for table in comparison(reports):
            out.print(table)
    if strict and any(item.notes for item in reports):
        raise typer.Exit(FAILED)


def details(item: Report) -> RenderableType:
    """Everything that one report says."""
    head = Text(item.network or item.source, style="bold")
    about = [f"ST Edge AI Core {item.tool}" if item.tool else "", f"compiler {item.compiler}" if item.compiler else ""]
    about += [item.created, f"{item.macc:,} MACs" if item.macc else "", " + ".join(item.formats)]
    parts: list[RenderableType] = [head, Text(", ".join(filter(None, about)), style="dim")]
    parts += [pools(item)] if item.pools else []
    parts += [Text("\n".join(epochs(item.table)))] if item.table else []
    if item.timers:
        parts.append(times(item))
    parts += [Text(str(note), style="yellow") for note in item.notes[:MAX_NOTES]]
    if (more := len(item.notes) + item.more_notes - MAX_NOTES) > 0:
        parts.append(Text(f"and {more} more notes", style="yellow"))
    return Group(*parts, "")


def pools(item: Report) -> Table:
    """Memory pools that are used, and their sum."""
    table = tables.grid("Pool", *[tables.right(name) for name in ("Used", "Total", "Used", "Weights", "Activations")])
    for pool in item.pools:
        if pool.used:
            sizes = size(pool.used), size(pool.total), f"{pool.share:.0%}", size(pool.weights), size(pool.activations)
            table.add_row(escape(pool.name), *sizes)
    table.add_section()
    used = sum(pool.used for pool in item.pools)
    table.add_row("Total", size(used), "", "", size(item.weights), size(item.activations), style="bold")
    return table


def epochs(table: EpochTable) -> list[str]:
    """Counts, causes and repeats as sentences."""
    counts = ", ".join(
        f"{count} {kind.name}" for kind, count in sorted(table.counts.items(), key=lambda item: -item[1]) if count
    )
    blocks = f"{len(table)} block" + "s" * (len(table) != 1)
    lines = [f"{table.epochs} epochs in {blocks}: {counts}; NPU offload {table.offload_by_count:.1%} of the epochs"]
    if table.fallbacks:
        lines.append(listing("on the CPU", (f"{count} {name}" for name, count in table.fallbacks.items())))
    lines += [f"repeats: {repeat}" for repeat in patterns.find(table)]
    return lines


def times(item: Report) -> Table:
    """The slowest measured blocks."""
    table = tables.grid("Slowest blocks", tables.right("time"), tables.right("share"))
    if timers := item.timers:
        for block, seconds in timers.slowest(8):
            table.add_row(escape(block.label), duration(seconds), f"{seconds / (timers.duration or 1):.1%}")
    return table


def comparison(reports: Sequence[Report]) -> Iterator[Table]:
    """One column a network, one row a metric; in several tables if the terminal is too narrow for one."""
    names = [item.network or item.source for item in reports]
    heads = [
        name if names.count(name) == 1 else f"{name} ({Path(item.source).name})"
        for name, item in zip(names, reports, strict=True)
    ]
    left, gap = max(map(len, METRICS)), 3
    together = min(max((out.width - left) // (NARROWEST + gap), 1), len(reports))
    room = (out.width - left - 2) // together - gap
    for begin in range(0, len(reports), together):
        shown = reports[begin : begin + together]
        table = tables.grid(Column("Metric", no_wrap=True))
        for head in heads[begin : begin + together]:
            head = escape(_in_lines(head, room))
            table.add_column(head, justify="right", overflow="fold", min_width=min(NARROWEST, room))
        for name, value in METRICS.items():
            cells = [value(item) for item in shown]
            if any(cell not in ("", "0") for cell in cells):
                table.add_row(name, *[escape(cell) or "-" for cell in cells])
        yield table


def _in_lines(name: str, width: int) -> str:
    """A long name in lines that end where its words end."""
    lines = [""]
    for word in re.findall(r"[^ _.-]*[ _.-]?", name):
        if lines[-1] and len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] += word
    return "\n".join(line.rstrip() for line in lines)


def size(count: int) -> str:
    """Bytes as ST's reports and the case studies print them: KB and MB of 1024."""
    if count >= 1 << 20:
        return f"{count / (1 << 20):.3f} MB"
    return f"{count / 1024:.0f} KB" if count >= 1024 or not count else f"{count} B"


def _epochs_of(item: Report, *kinds: EpochKind) -> str:
    counts = item.table.counts if item.table else {}
    return str(sum(counts[kind] for kind in kinds)) if counts else ""


def _places(pools: Iterable[Pool], part: Callable[[Pool], int], total: int) -> str:
    names = ", ".join(pool.name for pool in pools if part(pool))
    return f"{size(total)} ({names})" if names else ""


def _offload_by_time(item: Report) -> str:
    return f"{timers.offload_by_time:.1%}" if (timers := item.timers) else ""


METRICS: Final[dict[str, Callable[[Report], str]]] = {
    "Tool": lambda item: item.tool.split()[0] if item.tool else "",
    "Total epochs": lambda item: str(item.table.epochs) if item.table else "",
    "EC epochs (NPU)": lambda item: _epochs_of(item, EpochKind.EC),
    "HW epochs (NPU)": lambda item: _epochs_of(item, EpochKind.HW),
    "SW epochs (CPU)": lambda item: _epochs_of(item, EpochKind.SW),
    "Hybrid epochs": lambda item: _epochs_of(item, EpochKind.HYBRID),
    "Offload by count": lambda item: f"{item.table.offload_by_count:.1%}" if item.table else "",
    "Offload by time": _offload_by_time,
    "Weights": lambda item: _places(item.pools, lambda pool: pool.weights, item.weights),
    "Activations": lambda item: _places(item.pools, lambda pool: pool.activations, item.activations),
    "MACs": lambda item: f"{item.macc / 1e6:.0f} M" if item.macc else "",
    "Inference time": lambda item: f"{item.seconds * 1e3:.3g} ms" if item.seconds else "",
    "SW epoch cause": lambda item: ", ".join(item.table.fallbacks) if item.table else "",
}
"""Rows of the comparison, in the form of published case studies."""
