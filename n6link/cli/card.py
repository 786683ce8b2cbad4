"""``n6link card``: proposes and checks the description of a network's tensors."""

from __future__ import annotations

import shlex
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import anyio.to_thread
import typer
from rich.markup import escape

from n6link import decoders
from n6link.cli import tables
from n6link.cli.common import Json, Timeout, Url, connect, emit, err, out, start
from n6link.cli.files import check_target, write
from n6link.cli.sources import Place, Reader, one_place
from n6link.cli.writing import DRAWINGS, drawn, save_picture
from n6link.decoders.proposal import proposals
from n6link.device import N6Device
from n6link.errors import BadInput, CardError
from n6link.json_types import plain
from n6link.network import Network
from n6link.result import Result
from n6link.tensors import card as cards
from n6link.tensors.image import NO_PICTURES

if TYPE_CHECKING:
    from n6link.decoders.draft import Draft

SIM: Final = "sim:"
THRESHOLD: Final = 0.25
"""Keypoints with a lower score are not drawn."""

app = typer.Typer(help="Propose and check the description of a network's tensors.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NETWORK", help="Name of the network, as n6link info shows it.")]


@app.command("init")
def init(
    network: Name,
    url: Url = None,
    output: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.toml", help="Write the card to this file; it must not exist.")
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="A file that describes the network: its .tflite, a .yaml of ST's model zoo, metadata of ultralytics, labels (.txt); may be repeated. Default with sim: its .tflite.",
        ),
    ] = None,
    picture: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Run the network with the card on this picture, and show the result."),
    ] = None,
    draw: Annotated[Path | None, typer.Option(metavar="PNG", help="Draw the result of --picture to this file.")] = None,
    timeout: Timeout = 5.0,
    as_json: Json = False,
) -> None:
    """Propose a card from a network's tensors and from files that describe it, with the reason of each line."""
    if draw and not picture:
        raise BadInput("--draw requires a picture; add --picture FILE")
    place = one_place(picture) if picture else None
    check_target(draw, "--draw", *DRAWINGS, sources=[place])
    check_target(output, "--out", ".toml")
    if output and output.exists():
        raise BadInput(f"{str(output)!r} exists; choose another file, or delete it")
    start(_init, network, files or [], output, place, draw, url, timeout, as_json)


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="The card.")],
    network: Name,
    url: Url = None,
    timeout: Timeout = 5.0,
    as_json: Json = False,
) -> None:
    """Check that a card fits a network: its tensors, labels and keypoints."""
    start(_check, file, network, url, timeout, as_json)


async def _init(
    name: str,
    files: list[Path],
    output: Path | None,
    place: Place | None,
    drawing: Path | None,
    url: str | None,
    timeout: float,  # noqa: ASYNC109
    as_json: bool,
) -> None:
    from n6link.decoders import metadata
    from n6link.decoders.draft import draft

    async with connect(url, None, timeout) as dev:
        network = dev[name]
        found = [facts for file in files or _own_files(dev.url, name) for facts in metadata.read(file)]
        made = draft(network.info, found)
        if output is not None:
            write(output, made.text, new=True)
        result = await _try(dev, network, made, place, drawing) if place else None
    if as_json:
        proposed = [asdict(one) for one in proposals(network.info)]
        seen = None if result is None else plain(result.decode())
        emit({"network": name, "proposals": proposed, "card": made.text, "problem": made.problem, "decoded": seen})
        return
    if output is None:
        out.print(escape(made.text), end="", soft_wrap=True)
    else:
        out.print(f"Written: [bold]{escape(str(output))}[/]", soft_wrap=True)
    if made.problem:
        err.print(f"[yellow]It does not fit yet:[/] {escape(made.problem)}", soft_wrap=True)
    if result is not None:
        # The card alone is on standard output, which may be a file.
        err.print(tables.found_table(result, result.decode(), THRESHOLD))
        if drawing:
            err.print(f"Drawn: [bold]{escape(str(drawing))}[/]", soft_wrap=True)
    elif not made.problem and not made.card.task.startswith(NO_PICTURES):
        board = f" --url {shlex.quote(url)}" if url else ""
        then = (
            f"card init {name} --picture FILE"
            if output is None
            else f"run {name} FILE --card {shlex.quote(str(output))}"
        )
        err.print(f"[dim]Look at a result of it: n6link {escape(then + board)} --draw OUT.png[/]", soft_wrap=True)


def _own_files(url: str, name: str) -> list[Path]:
    """The file of a virtual board's network, which is on this computer."""
    from n6link.transport import sim

    if not url.startswith(SIM):
        return []
    return [
        Path(network.source)
        for network in sim.parse(url.removeprefix(SIM)).networks
        if network.name == name and not network.built_in
    ]


async def _try(dev: N6Device, network: Network, made: Draft, place: Place, drawing: Path | None) -> Result:
    """Runs the network with the draft of its card."""
    if made.problem:
        raise CardError(f"the card does not fit yet, so {str(place)!r} is not decoded: {made.problem}")
    trial = Network(dev.connection, replace(network.info, card=made.card, card_problem=""))
    sample = await anyio.to_thread.run_sync(Reader(trial.info).one, place)
    result = await trial.run(sample.data, reduce=False)
    meaning = result.decode()
    if drawing:
        shown = await anyio.to_thread.run_sync(drawn, sample, meaning, THRESHOLD)
        await anyio.to_thread.run_sync(save_picture, drawing, shown)
    return result


async def _check(file: Path, name: str, url: str | None, timeout: float, as_json: bool) -> None:  # noqa: ASYNC109
    card = cards.read(file)
    async with connect(url, None, timeout) as dev:
        network = dev[name]
        decoders.check(replace(network.info, card=replace(card, networks=("*",)), card_problem=""))
    fits = card.fits(name)
    if as_json:
        emit(
            {
                "card": card.name,
                "network": name,
                "task": card.task,
                "decoder": card.task in decoders.tasks(),
                "used": fits,
            }
        )
        return
    out.print(f"Card [bold]{escape(card.name)}[/] fits network [bold]{escape(name)}[/]: {escape(card.task)}.")
    if card.task not in decoders.tasks():
        out.print(f"[yellow]A decoder for the task {escape(card.task)} is not installed.[/]")
    if not fits:
        out.print(
            f'[yellow]It is for {escape(", ".join(card.networks))}: set networks = \\["{escape(name)}"] in it.[/]'
        )
