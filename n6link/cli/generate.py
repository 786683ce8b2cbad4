"""``n6link generate``: continues a text, and prints each token when it arrives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from n6link.cli.common import Cards, Json, Named, Timeout, Url, connect, emit, err, network_for, out, start
from n6link.cli.sources import expand_texts
from n6link.console import counted, duration
from n6link.network import Network
from n6link.text.generation import Piece, TextStream
from n6link.text.tokens import Sampling


def generate(
    prompt: Annotated[
        str, typer.Argument(metavar="PROMPT", help="The beginning of the text; - reads it from standard input.")
    ],
    network: Named = None,
    max_tokens: Annotated[int, typer.Option(metavar="N", help="Stop after N tokens.")] = 50,
    temperature: Annotated[
        float, typer.Option(metavar="T", help="0 always takes the best token; higher values are more random.")
    ] = 0.0,
    top_k: Annotated[int | None, typer.Option(metavar="K", help="Choose only from the best K tokens.")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Make the text repeatable.")] = None,
    stop: Annotated[
        list[str] | None, typer.Option(metavar="TOKEN", help="A token that ends the text; may be repeated.")
    ] = None,
    url: Url = None,
    cards: Cards = None,
    timeout: Timeout = 5.0,
    as_json: Json = False,
) -> None:
    """Continue a text, token by token; with --json one line per token, then a line with the whole text."""
    (prompt,) = expand_texts([prompt])
    Sampling(max_tokens, temperature, top_k, seed)  # reports a wrong value before the connection

    def begin(found: Network) -> TextStream:
        return found.generate(
            prompt, max_tokens=max_tokens, temperature=temperature, top_k=top_k, seed=seed, stop=stop or ()
        )

    start(_generate, prompt, begin, network, url, cards, timeout, as_json)


async def _generate(
    prompt: str,
    begin: Callable[[Network], TextStream],
    name: str | None,
    url: str | None,
    cards: list[Path] | None,
    timeout: float,  # noqa: ASYNC109
    as_json: bool,
) -> None:
    async with connect(url, cards, timeout) as dev:
        network = network_for(dev, name, "text-generation")
        text = begin(network)
        pieces = await (_emit(text) if as_json else _print(text, prompt))
    if as_json:
        seconds = sum(piece.seconds for piece in pieces)
        emit({"prompt": prompt, "text": text.text, "tokens": text.tokens, "seconds": seconds})
    elif err.moves:
        err.print(_summary(pieces, network), soft_wrap=True)


async def _emit(text: TextStream) -> list[Piece]:
    pieces: list[Piece] = []
    async for piece in text:
        emit({"piece": piece.text, "token": piece.token, "seconds": piece.seconds, "npu": piece.result.timing.npu})
        pieces.append(piece)
    return pieces


async def _print(text: TextStream, prompt: str) -> list[Piece]:
    """Prints the pieces of a text as they arrive, and a line feed at the end, also after an error."""
    pieces: list[Piece] = []
    try:
        async for piece in text:
            if not pieces:
                out.print(f"[bold]{escape(prompt)}[/]", end="", soft_wrap=True)
            pieces.append(piece)
            out.print(piece.text, end="", markup=False, emoji=False, soft_wrap=True)
    finally:
        if pieces:
            out.print()
    return pieces


def _summary(pieces: list[Piece], network: Network) -> str:
    count = len(pieces)
    seconds = sum(piece.seconds for piece in pieces)
    npu = sum(piece.result.timing.npu for piece in pieces) / count
    where = "a simulated network" if network.info.device.simulated else "the network"
    return (
        f"[dim]{counted(count, 'token')} in {duration(seconds)}, {count / seconds:.1f} per second; {duration(seconds / count)} per token "
        f"({where}: {duration(npu)})[/]"
    )
