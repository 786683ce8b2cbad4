"""``n6link predict``: shows where the operations of a ``.tflite`` are expected to run on an STM32N6, before it is compiled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from n6link.cli import advice, tables
from n6link.cli.common import Json, emit, listing, out
from n6link.colours import KIND_COLOURS
from n6link.epochs.advice import Advice
from n6link.epochs.predict import Agreement, Place, Prediction, Row
from n6link.epochs.table import EpochTable
from n6link.errors import BadInput
from n6link.protocol import EpochKind

STYLES: Final = {
    Place.NPU: KIND_COLOURS[EpochKind.HW],
    Place.CPU: KIND_COLOURS[EpochKind.SW],
    Place.SPLIT: KIND_COLOURS[EpochKind.HYBRID],
    Place.FOLDED: "dim",
}


def predict(
    models: Annotated[list[Path], typer.Argument(metavar="MODEL", help="Networks: .tflite files.")],
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Report or c_info of the same network, a folder of them, or its generated network.c: lists what was predicted wrongly.",
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Also list the operations on the NPU.")] = False,
    advise: Annotated[bool, typer.Option("--advice", help="Show reasons, remedies and sources.")] = False,
    as_json: Json = False,
) -> None:
    """Predict which operations of a network run on the NPU, before it is compiled.

    The rules are those of ST's documents and of published reports; each has
    its source. The compiler knows more: only its report is certain.
    """
    if report and len(models) > 1:
        raise BadInput(f"--report {report} is for one network, not for {len(models)}; call the command once for each")
    predictions = [Prediction.of(model) for model in models]
    table = _table(report) if report else None
    compared = [Agreement.of(prediction, table) if table else None for prediction in predictions]
    pairs = list(zip(predictions, compared, strict=True))
    if as_json:
        emit([one.to_dict() | {"agreement": other.to_dict() if other else None} for one, other in pairs])
        return
    for prediction, agreement in pairs:
        out.print(Group(*show(prediction, every=every, advise=advise), *(agreed(agreement) if agreement else ()), ""))


def _table(path: Path) -> EpochTable:
    if path.suffix == ".c":
        from n6link.registry import read_source

        return read_source(path).table
    from n6link.epochs.st_report import read

    return read(path).require_table()


def show(prediction: Prediction, *, every: bool = False, advise: bool = False) -> Iterator[RenderableType]:
    """The prediction as text and tables."""
    counts, working = prediction.counts, len(prediction.working)
    yield Text(Path(prediction.source).name, style="bold")
    yield Text("predicted from ST's documents and published reports; not compiled, not measured", style="bold yellow")
    if prediction.varying:
        lengths = f"lengths of {prediction.varying} tensors may vary"
        yield Text(f"{lengths}; the prediction is for the shapes in the file", style="yellow")
    folded = f"; {counts[Place.FOLDED]} are computed during compilation" if counts[Place.FOLDED] else ""
    yield Text(
        f"{working} operations: {counts[Place.NPU]} on the NPU, {counts[Place.SPLIT]} split, {counts[Place.CPU]} on the CPU{folded}"
    )
    if prediction.macs:
        yield Text(f"{prediction.macs_on_npu:.1%} of {prediction.macs / 1e6:.1f} M MACs on the NPU")
    if epochs := prediction.epochs:
        yield Text(listing("expected epochs on the CPU", (f"{count} {name}" for name, count in epochs.most_common())))
    if rows := prediction.rows if every else prediction.fallbacks:
        yield from _operations(rows)
    if advise:
        yield from advice.show(Advice.of(prediction.table, origin="unknown before the network runs", compiled=False))


def _operations(rows: Sequence[Row]) -> Iterator[RenderableType]:
    """One row for each group of operations with the same place, condition and source."""
    groups: dict[tuple[str, Place, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.operation.name, row.placement.place, row.placement.condition), []).append(row)
    sources = list(dict.fromkeys(row.placement.source for row in rows))
    table: Table = tables.grid(
        "Operation", tables.right("count"), "place", Column("because of", overflow="fold"), "source"
    )
    for (name, where, condition), group in groups.items():
        source = f"[{sources.index(group[0].placement.source) + 1}]"
        table.add_row(
            escape(name), str(len(group)), Text(where.value, style=STYLES[where]), escape(condition), escape(source)
        )
    yield table
    yield Text("\n".join(f"[{number}] {source}" for number, source in enumerate(sources, 1)), style="dim")


def agreed(agreement: Agreement) -> Iterator[RenderableType]:
    """The comparison with a report."""
    yield Text(f"\ncompared with the report: {agreement}", style="bold")
    table = tables.grid(
        "Epochs on the CPU", tables.right("predicted"), tables.right("reported"), tables.right("in both")
    )
    for name in agreement.names:
        cells = agreement.predicted.get(name, 0), agreement.reported.get(name, 0), agreement.agreed(name)
        table.add_row(escape(name), *map(str, cells))
    if agreement.names:
        yield table
    for words, found in (("missed", agreement.missed), ("not in the report", agreement.wrong)):
        if found:
            yield Text(listing(words, (f"{count} {name}" for name, count in found.items())), style="yellow")
