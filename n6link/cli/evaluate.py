"""``n6link evaluate``: accuracy of a network on a board, on annotated data."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, replace
from pathlib import Path
from typing import Annotated, Final, cast

import anyio.to_thread
import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from n6link.cli import tables
from n6link.cli.boards import Urls
from n6link.cli.common import FAILED, Cards, Encode, Json, Mcap, Timeout, emit, err, out, start
from n6link.cli.farm import Identified, on_boards, on_farm
from n6link.cli.files import check_target
from n6link.console import duration
from n6link.epochs.profile import SPREAD, Spread
from n6link.errors import BadInput
from n6link.evaluation import Figures, open_data
from n6link.evaluation.answers import Answer, AnswerFile
from n6link.json_types import Plain
from n6link.progress import Progress

Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="tcp://HOST:PORT",
        help="Use the boards of all workers of this Dask scheduler; --url is then for each worker, default: all boards.",
    ),
]
LISTED: Final = 20
"""With more pictures or classes, the table of each one is only in the JSON output."""
TIMES: Final = {"device": "network on the board", "whole": "request to decoded result"}


def evaluate(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="Name of the network, as n6link info shows it.")],
    data: Annotated[
        Path,
        typer.Option(
            metavar="FILE|DIR",
            help="COCO's JSON file or its folder (people, objects), a folder with a folder of pictures or texts for each class, "
            "or a folder with the folders images and masks (segmentation).",
        ),
    ],
    pictures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the pictures, if it is not next to the JSON file.")
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(metavar="JSONL", help="Keep the answers in this file; if it exists, continue with the others."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N samples.")] = None,
    samples_at_once: Annotated[
        int | None,
        typer.Option(
            "--at-once",
            min=1,
            metavar="N",
            help="Samples at the same time; default: what keeps all boards busy. 1: times without waiting.",
        ),
    ] = None,
    fail_under: Annotated[
        float | None, typer.Option("--fail-under", metavar="0..1", help="Exit code 1 if the first figure is lower.")
    ] = None,
    encode: Encode = None,
    urls: Urls = None,
    scheduler: Scheduler = None,
    mcap: Mcap = None,
    cards: Cards = None,
    timeout: Timeout = 5.0,
    as_json: Json = False,
) -> None:
    """Measure the accuracy of a network on annotated data: OKS and AP, precision and recall, top-1 and top-5, or mIoU."""
    if mcap and scheduler:
        raise BadInput("--mcap records boards of this computer; omit --scheduler")
    check_target(mcap, "--mcap", ".mcap")
    start(
        _evaluate,
        network,
        data,
        pictures,
        answers,
        limit,
        samples_at_once,
        fail_under,
        encode,
        urls,
        scheduler,
        mcap,
        cards,
        timeout,
        as_json,
    )


async def _evaluate(
    name: str,
    data: Path,
    pictures: Path | None,
    path: Path | None,
    limit: int | None,
    samples_at_once: int | None,
    fail_under: float | None,
    encode: str | None,
    urls: list[str] | None,
    scheduler: str | None,
    mcap: Path | None,
    cards: list[Path] | None,
    timeout: float,  # noqa: ASYNC109
    as_json: bool,
) -> None:
    asked = (
        on_boards(name, urls, cards, timeout, encode, samples_at_once, mcap)
        if scheduler is None
        else on_farm(scheduler, name, urls, cards, timeout, encode)
    )
    async with asked as source:
        exercise = await anyio.to_thread.run_sync(open_data, source.network, data, pictures)
        samples = exercise.samples[:limit]
        with AnswerFile(path, _about(source.network, data, encode)) as kept:
            _check(kept.answers, [sample.name for sample in exercise.samples], path)
            rest = [sample for sample in samples if sample.name not in kept.answers]
            with Progress(name, len(samples), done=len(samples) - len(rest), console=err) as progress:

                def take(answer: Answer) -> None:
                    values = asdict(answer)
                    kept.add(values.pop("sample"), values)
                    progress.advance()

                await source.ask(exercise, rest, take)
            chosen = {sample.name: kept.answers[sample.name] for sample in samples}
        board, simulated = source.board, source.simulated
    figures = await anyio.to_thread.run_sync(
        exercise.figures, {name: values["found"] for name, values in chosen.items()}
    )
    times = {key: Spread.of(np.array([float(values[key]) for values in chosen.values()])).at(0) for key in TIMES}
    if as_json:
        emit(
            {
                "network": name,
                "board": board,
                "simulated": simulated,
                "data": str(data),
                "encode": encode,
                "samples": len(chosen),
                "annotations": figures.annotations,
                "figures": figures.values,
                "about": figures.about,
                "each": figures.each,
                "latency_s": times,
            }
        )
    else:
        _show(name, board, data, len(chosen), figures, times, simulated)
    main = figures.values[figures.main]
    if fail_under is not None and not main >= fail_under:
        err.print(f"[bold red]Error:[/] {figures.main} is {_share(main)}, lower than {fail_under:g}.")
        raise typer.Exit(FAILED)


def _about(network: Identified, data: Path, encode: str | None) -> Plain:
    """What makes answers belong together: first line of their file."""
    # Neither comments of a card nor its place change an answer.
    card = network.card and astuple(replace(network.card, text="", folder=None))
    return {
        "command": "n6link evaluate",
        "network": network.name,
        "digest": f"{network.digest:08x}",
        "card": f"{zlib.crc32(str(card).encode()):08x}",
        "data": data.resolve().name,
        "encode": encode,
    }


def _check(answers: Mapping[str, Plain], samples: Sequence[str], path: Path | None) -> None:
    for sample in answers.keys() - set(samples):
        raise BadInput(f"{str(path)!r} has an answer for {sample!r}, which is not in the data; choose another file")
    for sample, values in answers.items():
        if not isinstance(values.get("found"), dict) or not all(isinstance(values.get(key), float) for key in TIMES):
            raise BadInput(f"{str(path)!r} has an incomplete answer for {sample!r}; delete the line of this sample")


def _show(
    name: str,
    board: str,
    data: Path,
    samples: int,
    figures: Figures,
    times: Mapping[str, Mapping[str, float]],
    simulated: bool,
) -> None:
    out.print(f"[bold]{escape(name)}[/] on {escape(board)}, {samples} samples of {escape(str(data))}\n", soft_wrap=True)
    shown = tables.table()
    shown.add_column("figure")
    shown.add_column("value", justify="right")
    for key, value in figures.values.items():
        shown.add_row(key, _share(value), style="bold" if key == figures.main else "")
    shown.add_row("annotations", str(figures.annotations))
    out.print(shown)
    for sentence in figures.about:
        out.print(f"[dim]{escape(sentence[:1].upper() + sentence[1:])}.[/]", soft_wrap=True)
    if figures.each and len(figures.each) <= LISTED:
        out.print(_each(figures.each))
    latency = tables.table("Simulated times" if simulated else "Times")
    latency.add_column("")
    for head in SPREAD:
        latency.add_column(head, justify="right", no_wrap=True)
    for key, what in TIMES.items():
        latency.add_row(what, *(duration(value) for value in times[key].values()))
    out.print(latency)


def _each(rows: Sequence[Plain]) -> Table:
    shown = tables.table()
    for key in rows[0]:
        shown.add_column(key, overflow="fold")
    for row in rows:
        shown.add_row(*(escape(_cell(value)) for value in row.values()))
    return shown


def _cell(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(_cell, cast("list[object]", value)))
    return _share(value) if isinstance(value, float) else str(value)


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
