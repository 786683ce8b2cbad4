"""``n6link report``: shows reports of ST Edge AI Core, one after the other and side by side."""

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

from n6link.cli import advice, tables
from n6link.cli.common import FAILED, Json, emit, err, listing, out
from n6link.console import duration
from n6link.epochs import patterns
from n6link.epochs.advice import Advice
from n6link.epochs.pools import Pool
from n6link.epochs.table import UNKNOWN
from n6link.epochs.timers import EpochTable
from n6link.errors import ReportError
from n6link.json_types import Plain
from n6link.protocol import EpochKind

if TYPE_CHECKING:
    from n6link.epochs.st_report import Folder, Report

MAX_NOTES: Final = 20
"""Maximum number of printed notes per report."""
NARROWEST: Final = 17
"""Minimum width of a network's column in the comparison."""


def report(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE|DIR",
            help="Reports, console logs, c_info.json or .mpool files, or folders; files of one network are combined.",
        ),
    ],
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Exit with 1 if lines were not understood, files were ignored, or a build failed."
        ),
    ] = False,
    advise: Annotated[
        bool,
        typer.Option(
            "--advice", help="For each operation on the CPU: its time, the reason, a remedy, and their sources."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show reports of ST Edge AI Core: memory pools, epochs, fallbacks to the CPU, and networks side by side."""
    found = _read(files)
    if as_json:
        reports = [_plain(item, advise=advise) for item in found.reports]
        emit({"reports": reports, "ignored": found.ignored, "damaged": [str(error) for error in found.damaged]})
    else:
        for item in found.reports:
            out.print(details(item, advise=advise))
        for table in comparison([item for item in found.reports if item.formats not in (("failed",), ("mpool",))]):
            out.print(table)
    for sentence in found.ignored:
        err.print(f"[yellow]Ignored:[/] {escape(sentence)}", soft_wrap=True)
    for error in found.damaged:
        err.print(f"[bold red]Error:[/] {escape(str(error))}", soft_wrap=True)
    wrong = found.ignored or any(item.notes or item.errors for item in found.reports)
    if found.damaged or (strict and wrong):
        raise typer.Exit(FAILED)


def _read(files: Iterable[Path]) -> Folder:
    """All requested reports, and the errors; if no report can be read, raises the first error."""
    from n6link.epochs.st_report import Folder, read, read_folder

    reports: list[Report] = []
    ignored: list[str] = []
    damaged: list[ReportError] = []
    for file in files:
        try:
            found = read_folder(file) if file.is_dir() else Folder((read(file),))
            if not found.reports and not found.damaged:
                raise ReportError(
                    f"{file} does not contain a report of ST Edge AI Core; use the output folder of stedgeai, or a file"
                )
        except ReportError as error:
            found = Folder(damaged=(error,))
        reports += found.reports
        ignored += found.ignored
        damaged += found.damaged
    if not reports:
        raise damaged[0]
    return Folder(tuple(reports), tuple(ignored), tuple(damaged))


def _plain(item: Report, *, advise: bool) -> Plain:
    found = advice_of(item) if advise else None
    return item.to_dict() | ({"advice": found.to_dict() if found else None} if advise else {})


def advice_of(item: Report) -> Advice | None:
    """The advice for a network, with measured times if the report contains them; None if it does not list epochs."""
    if timers := item.timers:
        return Advice.of(timers.table, seconds=timers.total, inference=timers.duration, origin=timers.origin)
    return Advice.of(item.table) if item.table else None


def details(item: Report, *, advise: bool = False) -> RenderableType:
    """All data of one report, and with ``advise`` what helps against its epochs on the CPU."""
    head = Text(item.network or item.source, style="bold")
    about = [f"ST Edge AI Core {item.tool}" if item.tool else "", f"compiler {item.compiler}" if item.compiler else ""]
    about += [item.created, f"{item.macc:,} MACs" if item.macc else "", " + ".join(item.formats)]
    parts: list[RenderableType] = [head, Text(", ".join(filter(None, about)), style="dim")]
    parts += [Text(f"failed: {error}", style="bold red") for error in item.errors]
    parts += [pools(item)] if item.pools else []
    parts += [Text("\n".join(epochs(item.table)))] if item.table else []
    parts += [layers(item)] if item.layers and not item.table else []
    parts += [Text(item.idle, style="bold yellow")] if item.idle else []
    if item.validation and item.host_seconds is not None:
        where = f"on the host ({item.validation.device})" if item.validation.device else "on the host"
        parts.append(Text(f"validated {where}: its time is not that of a board", style="dim"))
    if item.timers:
        parts.append(times(item))
    if advise and (found := advice_of(item)):
        parts += advice.show(found)
    parts += [Text(str(note), style="yellow") for note in item.notes[:MAX_NOTES]]
    if (more := len(item.notes) + item.more_notes - MAX_NOTES) > 0:
        parts.append(Text(f"and {more} more notes", style="yellow"))
    return Group(*parts, "")


def layers(item: Report) -> Table:
    """The CPU's layers of a network without epochs, the most work first."""
    table = tables.grid("Layers on the CPU", *[tables.right(name) for name in ("Layers", "MACs", "Share")])
    whole = sum(work.macc for work in item.layers.values())
    for name, work in sorted(item.layers.items(), key=lambda layer: (-layer[1].macc, -layer[1].layers, layer[0])):
        table.add_row(escape(name), str(work.layers), f"{work.macc:,}", f"{work.macc / whole:.1%}" if whole else "")
    return table


def pools(item: Report) -> Table:
    """The used memory pools and their sum, or all pools of a memory pool file."""
    if item.formats == ("mpool",):
        table = tables.grid("Pool", Column("Address"), tables.right("Total"))
        for pool in item.pools:
            table.add_row(escape(pool.name), f"{pool.base:#x}", size(pool.total) if pool.total else "-")
        return table
    table = tables.grid("Pool", *[tables.right(name) for name in ("Used", "Total", "Used", "Weights", "Activations")])
    for pool in item.pools:
        if pool.used:
            whole = (size(pool.total), f"{pool.share:.0%}") if pool.total else ("-", "-")
            table.add_row(escape(pool.name), size(pool.used), *whole, size(pool.weights), size(pool.activations))
    table.add_section()
    used = sum(pool.used for pool in item.pools)
    table.add_row("Total", size(used), "", "", size(item.weights), size(item.activations), style="bold")
    return table


def epochs(table: EpochTable) -> list[str]:
    """Counts, fallbacks and repeats as sentences."""
    blocks = f"{len(table)} block" + "s" * (len(table) != 1)
    count = f"{table.epochs} epoch" + "s" * (table.epochs != 1)
    lines = [f"{count} in {blocks}: {table.kinds_by_count}; NPU offload {table.offload}"]
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
    """One column per network, one row per metric; several tables if the terminal is too narrow for one."""
    if not reports:
        return
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
    """A long name in several lines that break between words."""
    lines = [""]
    for word in re.findall(r"[^ _.-]*[ _.-]?", name):
        if lines[-1] and len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] += word
    return "\n".join(line.rstrip() for line in lines)


def size(count: int) -> str:
    """Bytes in the format of ST's reports and case studies: KB and MB are powers of 1024."""
    if count >= 1 << 20:
        return f"{count / (1 << 20):.3f} MB"
    return f"{count / 1024:.0f} KB" if count >= 1024 or not count else f"{count} B"


def _epochs_of(item: Report, kind: EpochKind) -> str:
    return str(item.table.counts[kind]) if item.table else ""


def _places(pools: Iterable[Pool], part: Callable[[Pool], int], total: int) -> str:
    names = ", ".join(pool.name for pool in pools if part(pool))
    return (f"{size(total)} ({names})" if names else size(total)) if total else ""


def _millions(macc: int) -> str:
    return f"{macc / 1e6:.0f} M" if macc >= 1_000_000 else f"{macc / 1e6:.3f} M"


def _causes(item: Report) -> str:
    """The CPU's operations, the most frequent first, each once."""
    names = (name.strip() for causes in item.table.fallbacks for name in causes.split(",")) if item.table else ()
    return ", ".join(dict.fromkeys(name for name in names if name != UNKNOWN))


def _offload_by_time(item: Report) -> str:
    return f"{timers.offload_by_time:.1%}" if (timers := item.timers) else ""


METRICS: Final[dict[str, Callable[[Report], str]]] = {
    "Tool": lambda item: item.tool.split()[0] if item.tool else "",
    "Total epochs": lambda item: str(item.table.epochs) if item.table else "",
    "EC epochs (NPU)": lambda item: _epochs_of(item, EpochKind.EC),
    "HW epochs (NPU)": lambda item: _epochs_of(item, EpochKind.HW),
    "SW epochs (CPU)": lambda item: _epochs_of(item, EpochKind.SW),
    "Hybrid epochs": lambda item: _epochs_of(item, EpochKind.HYBRID),
    "Offload by count": lambda item: item.table.offload_share if item.table else "",
    "Offload by time": _offload_by_time,
    "Weights": lambda item: _places(item.pools, lambda pool: pool.weights, item.weights),
    "Activations": lambda item: _places(item.pools, lambda pool: pool.activations, item.activations),
    "MACs": lambda item: _millions(item.macc) if item.macc else "",
    "Inference time": lambda item: f"{item.seconds * 1e3:.3g} ms" if item.seconds else "",
    "SW epoch cause": _causes,
    "CPU layers": lambda item: "" if item.table else ", ".join(item.layers),
}
"""Rows of the comparison, in the format of published case studies."""
