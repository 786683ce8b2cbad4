"""``n6link validate``: compares a board with the network's file on this computer, on the same inputs. ``n6link expose`` helps to find a cause."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import anyio
import anyio.to_thread
import typer
from rich.markup import escape
from rich.table import Table

from n6link.cli import tables
from n6link.cli.boards import Urls, at_once, connect_all
from n6link.cli.common import FAILED, Cards, Json, Timeout, emit, err, out, start
from n6link.cli.files import check_target, write
from n6link.cli.sources import Place, Reader, expand
from n6link.errors import BadInput
from n6link.evaluation.answers import AnswerFile
from n6link.evaluation.expose import MOST, expose
from n6link.json_types import plain
from n6link.progress import Progress
from n6link.tensors.agreement import COSINE, Agreement
from n6link.tensors.inputs import Data

if TYPE_CHECKING:
    from n6link.evaluation.validation import Limits, Validation


@dataclass(frozen=True, slots=True)
class Options:
    """What to compare."""

    model: Path
    float_model: Path | None
    places: Sequence[Place]
    count: int
    seed: int
    limits: Limits
    answers: Path | None
    reports: Sequence[Path]
    as_json: bool


def validate(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="Name of the network, as n6link info shows it.")],
    model: Annotated[Path, typer.Argument(metavar="MODEL.tflite", help="The network's file: the reference.")],
    inputs: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="FILE|DIR", help="Pictures, sounds, .npy or .npz files; may be repeated."),
    ] = None,
    random: Annotated[
        int, typer.Option("--random", min=0, metavar="N", help="Random inputs, evenly distributed; 10 without --data.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the random inputs.")] = 0,
    cosine: Annotated[
        float, typer.Option("--cosine", min=-1, max=1, metavar="C", help="Lowest cosine similarity of an output.")
    ] = COSINE,
    max_error: Annotated[
        float | None,
        typer.Option(
            "--max-error", min=0, metavar="E", help="Largest absolute error of an output, in real values; 0: equal."
        ),
    ] = None,
    float_model: Annotated[
        Path | None,
        typer.Option(
            "--float", metavar="FLOAT.tflite", help="Also show the difference to the network before its quantisation."
        ),
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(
            metavar="JSONL", help="Keep the comparisons in this file; if it exists, continue with the others."
        ),
    ] = None,
    report: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Write a report: .html or .json; may be repeated.")
    ] = None,
    urls: Urls = None,
    cards: Cards = None,
    timeout: Timeout = 5.0,
    as_json: Json = False,
) -> None:
    """Compare the outputs of a board with those of the network's file on this computer; exit code 1 if an output differs too much."""
    from n6link.evaluation.validation import Limits

    reports = report or []
    for path in reports:
        check_target(path, "--report", ".html", ".json")
    for file in (model, float_model):
        if file is not None and not file.exists():
            raise BadInput(f"{str(file)!r} does not exist; use the network's .tflite file")
    count = random or (0 if inputs else 10)
    options = Options(
        model,
        float_model,
        expand(inputs or []),
        count,
        seed,
        Limits(cosine, math.inf if max_error is None else max_error),
        answers,
        reports,
        as_json,
    )
    start(_validate, network, options, urls, cards, timeout)


def expose_results(
    model: Annotated[Path, typer.Argument(metavar="MODEL.tflite", help="The network's file.")],
    target: Annotated[Path, typer.Argument(metavar="OUT.tflite", help="The file to write.")],
    first: Annotated[int, typer.Option(min=0, metavar="N", help="First operation whose result may be taken.")] = 0,
    last: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Last operation; default: the last of all.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, metavar="N", help="Number of results.")] = MOST,
    as_json: Json = False,
) -> None:
    """Make intermediate results of a network outputs, so that n6link validate shows where a difference begins."""
    check_target(target, "the file to write,", ".tflite", sources=[model])
    made = expose(model, first=first, last=last, most=most)
    write(target, made.content)
    if as_json:
        emit({"file": str(target), "operations": [[operation.index, operation.name] for operation in made.operations]})
        return
    out.print(f"[bold]{escape(str(target))}[/] has the results of these operations as outputs:", soft_wrap=True)
    for operation in made.operations:
        shape = "x".join(map(str, operation.outputs[0].shape))
        out.print(
            f"{operation.index:5} {operation.name:24} {operation.outputs[0].dtype.lower()} {shape}", soft_wrap=True
        )


async def _validate(
    name: str,
    options: Options,
    urls: list[str] | None,
    cards: list[Path] | None,
    timeout: float,  # noqa: ASYNC109
) -> None:
    from n6link.evaluation.comparison import Comparison

    async with connect_all(urls, cards, timeout) as device:
        network = device[name]
        comparison = await anyio.to_thread.run_sync(Comparison, network.info, options.model, options.float_model)
        about = {
            "command": "n6link validate",
            "network": name,
            "digest": f"{network.info.digest:08x}",
            "seed": options.seed,
        } | comparison.digests
        places = {str(place): place for place in options.places}
        names = [*places, *(f"random {index}" for index in range(options.count))]

        def read(sample: str) -> Data:
            if place := places.get(sample):
                return Reader(network.info).one(place).data
            return comparison.random(int(sample.split()[1]), options.seed)

        with AnswerFile(options.answers, about) as kept:
            left = [sample for sample in names if sample not in kept.answers]
            rest = iter(left)
            with Progress(name, len(names), done=len(names) - len(left), console=err) as progress:

                async def work() -> None:
                    for sample in rest:
                        data = await anyio.to_thread.run_sync(read, sample)
                        kept.add(sample, await comparison.ask(network.run, data))
                        progress.advance()

                async with anyio.create_task_group() as group:
                    for _ in range(min(at_once(device), max(len(left), 1))):
                        group.start_soon(work)
            samples = {sample: kept.answers[sample] for sample in names}
    found = await anyio.to_thread.run_sync(comparison.figures, samples, options.limits)
    for path in options.reports:
        _write(path, found)
    if options.as_json:
        emit(found)
    else:
        _show(found)
    if not found.good:
        raise typer.Exit(FAILED)


def _write(path: Path, found: Validation) -> None:
    write(path, found.page() if path.suffix.lower() == ".html" else json.dumps(plain(found), indent=1) + "\n")


def _show(found: Validation) -> None:
    out.print(_table("Difference to the reference, in real values", found.outputs(), found.limits))
    if found.float_model:
        out.print(_table(f"Difference to {escape(found.float_model)}", found.outputs("float"), found.limits))
    out.print(escape(found.verdict) + ".", style="" if found.good else "bold red", soft_wrap=True)
    if found.cause:
        out.print(escape(str(found.cause)) + ".", soft_wrap=True)
    elif not found.good:
        out.print(
            "[dim]A file of n6link expose has intermediate results as outputs; they show where the difference begins.[/]"
        )


def _table(title: str, outputs: Sequence[Agreement], limits: Limits) -> Table:
    from n6link.evaluation.validation import HEAD, row

    shown = tables.table(title)
    for index, head in enumerate(HEAD):
        shown.add_column(head.lower(), justify="right" if index else "left", overflow="fold")
    for figures in outputs:
        shown.add_row(*map(escape, row(figures)), style="" if limits.allow(figures) else "red")
    return shown
