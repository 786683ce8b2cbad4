"""``n6link card``: proposes and checks the description of a network's tensors."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from n6link import decoders
from n6link.cli.common import Json, Timeout, Url, connect, emit, out, start
from n6link.decoders.proposal import proposals
from n6link.errors import BadInput, CardError
from n6link.tensors import card as cards
from n6link.tensors.image import PictureInput
from n6link.tensors.tensor import Array

if TYPE_CHECKING:
    from n6link.decoders.proposal import Proposal
    from n6link.network import Network

app = typer.Typer(help="Propose and check the description of a network's tensors.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NETWORK", help="Name of the network, as n6link info shows it.")]


@app.command("init")
def init(
    network: Name,
    url: Url = None,
    output: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.toml", help="Write the card to this file; it must not exist.")
    ] = None,
    timeout: Timeout = 5.0,
    as_json: Json = False,
) -> None:
    """Propose a card from the names and shapes of a network's tensors, and say what is certain; with --json all proposals."""
    start(_init, network, url, output, timeout, as_json)


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


async def _init(name: str, url: str | None, output: Path | None, timeout: float, as_json: bool) -> None:  # noqa: ASYNC109
    async with connect(url, None, timeout) as dev:
        network = dev[name]
        found = proposals(network.info)
        if not found:
            shapes = ", ".join(f"{spec.name} {list(spec.shape)}" for spec in network.outputs.values())
            raise CardError(
                f"no decoder is known for the outputs of network {name!r}: {shapes}; its raw outputs are available in "
                "result.outputs"
            )
        text = propose(network, found)
    if output is not None:
        try:
            with output.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            raise BadInput(f"{str(output)!r} exists; choose another file, or delete it") from None
        except OSError as error:
            raise BadInput(f"{str(output)!r} cannot be written: {error.strerror}") from None
    if as_json:
        emit({"network": name, "proposals": [asdict(one) for one in found], "card": text})
    elif output is None:
        out.print(escape(text), end="", soft_wrap=True)
    else:
        out.print(f"Written: [bold]{escape(str(output))}[/]", soft_wrap=True)


def propose(network: Network, found: list[Proposal]) -> str:
    """A card, TOML, from the best proposal; the others are comments."""
    best = found[0]
    lines = [
        f"# {best.why} ({'hardly anything else has this shape' if best.sure else 'a guess'})",
        f'task = "{best.task}"',
        *(f'# task = "{other.task}"  # {other.why}' for other in found[1:]),
        f'networks = ["{network.name}"]',
        *best.keys,
    ]
    if not any(key.startswith("labels") for key in best.keys) and best.task not in ("pose-heatmap", "pose-points"):
        lines.append('# labels = ["...", "..."]  # names of the classes, in the order of training')
    for spec in network.inputs.values():
        try:
            PictureInput(spec)
        except CardError:
            continue
        if spec.dtype.kind == "f":
            lines += ["input.mean = 127.5  # a guess: as in training, often also 0 and 255", "input.std = 127.5"]
        elif spec.quantized and spec.dtype.itemsize == 1:
            low, high = spec.dequantize(_ends(network, spec.name)).tolist()
            lines.append(f"# input {spec.name} takes real values from {low:.4g} to {high:.4g}")
        break
    lines.append(
        f"# compare the result with what you know: n6link run {network.name} PICTURE --card FILE.toml --draw OUT.png"
    )
    return "\n".join(lines) + "\n"


def _ends(network: Network, name: str) -> Array:
    """The smallest and the largest raw value of an input."""
    import numpy as np

    limits = np.iinfo(network.inputs[name].dtype.str)
    return np.array([limits.min, limits.max], network.inputs[name].dtype)


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
