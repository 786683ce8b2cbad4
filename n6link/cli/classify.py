"""``n6link classify``: the classes of texts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from n6link.cli import tables
from n6link.cli.common import Cards, Json, Named, Timeout, Url, connect, emit, network_for, out, start
from n6link.cli.sources import expand_texts
from n6link.console import bar
from n6link.decoders.classification import Classification

METER: Final = 10


def classify(
    texts: Annotated[
        list[str], typer.Argument(metavar="TEXT", help="Texts to classify; - reads one from standard input.")
    ],
    network: Named = None,
    url: Url = None,
    cards: Cards = None,
    timeout: Timeout = 5.0,
    as_json: Json = False,
) -> None:
    """Classify texts: print the best label of each text; with --json one line per text, with the probabilities of all labels."""
    start(_classify, expand_texts(texts), network, url, cards, timeout, as_json)


async def _classify(
    texts: list[str],
    name: str | None,
    url: str | None,
    cards: list[Path] | None,
    timeout: float,  # noqa: ASYNC109
    as_json: bool,
) -> None:
    found: list[Classification] = []
    async with connect(url, cards, timeout) as dev:
        network = network_for(dev, name, "text-classification")
        for text in texts:
            found.append(await network.classify(text))
            if as_json:
                emit({"text": text, **asdict(found[-1])})
    if as_json:
        return
    shown = tables.table(f"{network.name} on {network.info.device.board}")
    for column in ("label", "probability"):
        shown.add_column(column, no_wrap=True)
    shown.add_column("text", overflow="fold")
    for text, best in zip(texts, found, strict=True):
        meter = bar(best.probability, METER, "█", "green")
        shown.add_row(Text(best.label, "bold"), meter + Text(f" {best.probability:6.1%}"), Text(text))
    out.print(shown)
