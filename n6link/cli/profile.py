"""``n6link profile``: measures where epochs run and how long they take; saves, compares and checks profiles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import anyio
import anyio.to_thread
import typer
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from n6link.cli import advice, tables
from n6link.cli.common import FAILED, Cards, Encode, Json, Timeout, Url, emit, err, listing, out
from n6link.cli.files import check_target, write
from n6link.cli.sources import Place, Reader, one_place
from n6link.console import KIND_STYLES, bar, counted, duration
from n6link.device import N6Device
from n6link.epochs import diff
from n6link.epochs.offload import OVERHEAD
from n6link.epochs.profile import Profile
from n6link.epochs.timers import STAGES
from n6link.errors import BadInput
from n6link.progress import Progress
from n6link.protocol import EpochKind

SHOWN: Final = 12
"""Maximum number of blocks in the table, slowest first."""
SHOWN_CHANGES: Final = 30
"""Maximum number of differences in the table, largest first."""
SHOWN_ADVICE: Final = 3
"""Maximum number of operations with advice, the most time first."""
WIDE: Final = 105
"""Terminal width, in columns, for all columns of the table of blocks."""
_BAR: Final = 24
_LEAST_BAR: Final = 8
"""Shorter bars are not readable: they are omitted, and block names use the space."""


def _file(name: str, what: str) -> object:
    return typer.Option(name, metavar="FILE", help=what, dir_okay=False)


def profile(
    network: Annotated[
        str | None,
        typer.Argument(metavar="NETWORK", help="Name of the network; optional if the board has only one."),
    ] = None,
    url: Url = None,
    runs: Annotated[int, typer.Option(min=1, metavar="N", help="Number of measured inferences.")] = 20,
    warmup: Annotated[int, typer.Option(min=0, metavar="N", help="Number of inferences before the measurement.")] = 3,
    data: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="A picture, sound, .npz or .npy file, or - (standard input); default: zeros.",
        ),
    ] = None,
    load: Annotated[Path | None, _file("--load", "Show a saved profile; a board is not required.")] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Report of ST Edge AI Core, or a folder of reports: adds names and estimated cycles to the measured blocks.",
        ),
    ] = None,
    save: Annotated[Path | None, _file("--save", "Save the profile (JSON), for --load and --diff.")] = None,
    base: Annotated[Path | None, _file("--diff", "Compare with a saved profile.")] = None,
    gate: Annotated[
        str | None,
        typer.Option(
            "--fail-on",
            metavar="RULES",
            help="Exit with 1 if one of these rules is true, such as 'new-sw,p95>+5%': a block has moved to the CPU, or p95 is more than 5 % above the base of --diff.",
        ),
    ] = None,
    trace: Annotated[Path | None, _file("--trace", "Write a trace for ui.perfetto.dev.")] = None,
    csv: Annotated[Path | None, _file("--csv", "Write the blocks as CSV.")] = None,
    html: Annotated[Path | None, _file("--html", "Write one self-contained HTML page.")] = None,
    picture: Annotated[Path | None, _file("--picture", "Write a bar chart of the blocks (SVG).")] = None,
    encode: Encode = None,
    cards: Cards = None,
    timeout: Timeout = 5.0,
    as_json: Json = False,
) -> None:
    """Measure the epochs of a network: which run on the NPU, which fall back to the CPU, and how long they take.

    The NPU's share is shown in two ways: by count, the share of epochs that
    run completely on the NPU, and by time, the share of the inference in
    which the NPU computes. Overhead is the time of the runtime between blocks.

    On a virtual board without a report, blocks are operators of LiteRT, and
    their kinds are predicted, see n6link predict.
    """
    for path, option, suffix in (
        (save, "--save", ".json"),
        (trace, "--trace", ".json"),
        (csv, "--csv", ".csv"),
        (html, "--html", ".html"),
        (picture, "--picture", ".svg"),
    ):
        check_target(path, option, suffix)
    # Whatever can be wrong is read before the measurement.
    old = Profile.load(base) if base else None
    if gate:
        diff.rules(gate, compared=old is not None)
    place = one_place(data) if data else None
    named = None
    if report:
        from n6link.epochs.st_report import read

        named = read(report).require_table()
    if load:
        measured = Profile.load(load)
        if network not in (None, measured.network):
            raise BadInput(
                f"{load} is a profile of {measured.network}, not of {network}; omit the name, or use another file"
            )
    else:
        measured = anyio.run(_measure, network, url, runs, warmup, place, encode, cards, timeout)
    disagreements: tuple[str, ...] = ()
    if named:
        measured, disagreements = measured.joined(named)
    compared = diff.Diff.of(old, measured) if old else None
    violations = diff.check(gate, measured, compared.base if compared else None) if gate else []
    from n6link.epochs import export

    for path, text in {
        save: Profile.to_json,
        trace: export.trace,
        csv: Profile.to_csv,
        html: export.page,
        picture: export.picture,
    }.items():
        if path:
            write(path, text(measured))
            err.print(f"[dim]wrote {escape(str(path))}[/]")
    if as_json:
        emit(
            {
                "profile": measured.summary() | {"blocks": measured.rows(), "advice": measured.advice.to_dict()},
                "disagreements": disagreements,
                "diff": compared.to_dict() if compared else None,
                "violations": violations,
            }
        )
    else:
        out.print(Group(*show(measured), *_warn(disagreements), *(show_diff(compared) if compared else ())))
    for sentence in violations:
        err.print(f"[bold red]Gate:[/] {escape(sentence)}")
    if violations:
        raise typer.Exit(FAILED)


async def _measure(
    name: str | None,
    url: str | None,
    runs: int,
    warmup: int,
    place: Place | None,
    encode: str | None,
    cards: list[Path] | None,
    timeout: float,  # noqa: ASYNC109
) -> Profile:
    async with N6Device(url, cards=cards or (), timeout=timeout, reconnect=0) as device:
        if name is None and len(device.networks) != 1:
            raise BadInput(f"the board has {len(device.networks)} networks; choose one of {', '.join(device.networks)}")
        network = device[name] if name is not None else next(iter(device.networks.values()))
        sample = await anyio.to_thread.run_sync(Reader(network.info).one, place) if place else None
        with Progress(network.name, console=err) as progress:
            return await network.profile(
                inputs=sample.data if sample else None, runs=runs, warmup=warmup, encode=encode, progress=progress
            )


# ---------------------------------------------------------------------------------------------- for people


def show(measured: Profile) -> Iterator[RenderableType]:
    """The profile as tables."""
    spread = measured.inference
    figures = ", ".join(f"{name} {duration(float(getattr(spread, name)))}" for name in ("median", "p95", "min", "max"))
    yield Text(f"{measured.network} on {measured.board}", style="bold")
    yield Text(f"{figures} over {counted(measured.runs, 'run')}")
    yield Text(f"on the NPU: {measured.use}")
    yield Text(f"times: {measured.origin}", style="bold yellow" if measured.simulated else "dim")
    yield _kinds(measured)
    if fallbacks := measured.fallbacks():
        costs = (f"{duration(seconds)} in {epochs} {name}" for name, (epochs, seconds) in fallbacks.items())
        yield Text(listing("on the CPU", costs) + "\n")
    yield _blocks(measured)
    for repeat, seconds in measured.repeats():
        each = f"{duration(min(seconds))} to {duration(max(seconds))}"
        yield Text(f"repeats: {repeat}: {duration(sum(seconds))}, each {each}\n")
    stages = zip(STAGES, measured.stages.mean(axis=0).tolist(), strict=True)
    yield Text(
        listing("stages", (f"{name} {duration(seconds)}" for name, seconds in stages if seconds)) + "\n", style="dim"
    )
    yield from advice.show(measured.advice, at_most=SHOWN_ADVICE)


def _kinds(measured: Profile) -> Table:
    table = tables.grid(
        "Kind",
        tables.right("blocks"),
        tables.right("epochs"),
        tables.right("time"),
        tables.right("share"),
        Column(width=_BAR),
    )
    counts, blocks, whole = measured.table.counts, measured.table.block_counts, float(measured.durations.mean())
    for name, share in measured.by_kind().items():
        if name == OVERHEAD:
            style, glyph, numbers = "bright_black", "·", ("", "")
        else:
            kind = EpochKind[name]
            (style, glyph), numbers = KIND_STYLES[kind], (str(blocks[kind]), str(counts[kind]))
        if share or numbers[0] not in ("", "0"):
            meter = bar(share, _BAR, glyph, style)
            table.add_row(Text(name, style=style), *numbers, duration(share * whole), f"{share:.1%}", meter)
    return table


def _blocks(measured: Profile) -> Table:
    slowest = measured.slowest(SHOWN)
    cycles, wide = any(block.estimated_total for block, _ in slowest), out.width >= WIDE
    figures = ("mean", "median", "p95", "max") if wide else ("mean", "p95")
    room = out.width - (len(figures) * 10 + 9 + cycles * 19 + 3)
    names = min(max((len(block.label) for block, _ in slowest), default=0), room)
    width = min(room - names - 3, _BAR) if room - names - 3 >= _LEAST_BAR else 0
    heads = [tables.right(name) for name in (*figures, "share", *(["estimated cycles"] if cycles else ()))]
    table = tables.grid("Slowest blocks", *heads, *([Column(width=width)] if width else ()))
    spread, whole = measured.blocks, float(measured.durations.mean()) or 1.0
    top = max((seconds for _, seconds in slowest), default=0.0) or 1.0
    for block, seconds in slowest:
        style, glyph = KIND_STYLES[block.kind]
        values = [duration(float(getattr(spread, name)[block.index])) for name in figures]
        estimate = [f"{block.estimated_total:,}" if block.estimated_total else ""] if cycles else []
        meter = [bar(seconds / top, width, glyph, style)] if width else []
        label = Text(block.label, style=style)
        label.truncate(names, overflow="ellipsis")
        table.add_row(label, *values, f"{seconds / whole:.1%}", *estimate, *meter)
    return table


def _warn(disagreements: tuple[str, ...]) -> Iterator[RenderableType]:
    """The differences between a report and the board."""
    if disagreements:
        head = "The report is from another build of the network than the one on the board:"
        lines = [head, *disagreements[:SHOWN]]
        lines += [f"and {len(disagreements) - SHOWN} more"] if len(disagreements) > SHOWN else []
        yield Text("\n".join(lines), style="yellow")


def show_diff(compared: diff.Diff) -> Iterator[RenderableType]:
    """The differences from the base as tables."""
    yield Text("Compared with the base", style="bold")
    if compared.base.network != compared.new.network:
        yield Text(f"The base is a profile of another network: {compared.base.network}.", style="yellow")
    if not compared.comparable:
        yield Text(f"The times of the base are of another kind: {compared.base.origin}.", style="yellow")
    old, new = float(compared.base.inference.median), float(compared.new.inference.median)
    yield Text(f"median {duration(old)} -> {duration(new)} ({_change(old, new)})")
    changes = sorted((change for change in compared.blocks if change.what), key=lambda change: -abs(change.seconds))
    if not changes:
        yield Text("No block was added, removed or changed.")
        return
    table = tables.grid("", "Block", tables.right("base"), tables.right("new"), tables.right("change"))
    for change in changes[:SHOWN_CHANGES]:
        style = {"added": "yellow", "removed": "cyan"}.get(change.what, "")
        values = duration(change.old_seconds), duration(change.new_seconds)
        amount = _change(change.old_seconds, change.new_seconds) if change.what == "changed" else ""
        table.add_row(change.what, Text(change.label), *values, amount, style=style)
    yield table
    if len(changes) > SHOWN_CHANGES:
        yield Text(f"and {len(changes) - SHOWN_CHANGES} smaller ones", style="dim")


def _change(old: float, new: float) -> str:
    return f"{new / old - 1:+.1%}" if old else ""
