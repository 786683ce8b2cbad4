"""``n6link monitor``: a live view of a board."""

from __future__ import annotations

from typing import Annotated

import anyio
import typer

from n6link.cli.common import Cards, Json, Url, emit, out
from n6link.errors import BadInput

MIN_INTERVAL = 0.05


def monitor(
    context: typer.Context,
    url: Url = None,
    network: Annotated[
        str | None, typer.Option("--network", metavar="NAME", help="The network whose epochs are shown first.")
    ] = None,
    interval: Annotated[float, typer.Option("--interval", metavar="SECONDS", help="Time between two readings.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Print one reading and exit.")] = False,
    demo: Annotated[
        bool, typer.Option("--demo", help="Show a virtual board that runs networks; a real board is not required.")
    ] = False,
    cards: Cards = None,
    as_json: Json = False,
) -> None:
    """Show the activity of a board until you press q."""
    from n6link.monitor.app import DEMO, DEMO_FIRST, Monitor

    if as_json and not once:
        raise typer.BadParameter("--json prints one reading; add --once")
    source = context.get_parameter_source("url")
    if demo and source and source.name == "COMMANDLINE":
        raise typer.BadParameter("--demo starts its own virtual board; omit --url")
    if not MIN_INTERVAL <= interval <= 3600:
        raise BadInput(f"--interval {interval:g} is out of range; use {MIN_INTERVAL} to 3600 seconds")
    shown = Monitor(
        "sim:" if demo else url,
        cards=[str(card) for card in cards or ()],
        interval=interval,
        network=network or (DEMO_FIRST if demo else None),
        busy=DEMO if demo else (),
    )
    if not once:
        anyio.run(shown.run, out)
        return
    anyio.run(shown.watcher.once)
    if as_json:
        emit(shown.view().to_dict())
    else:
        out.print(shown.screen(out, footer=False), height=out.height)
