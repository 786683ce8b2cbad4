"""``n6link monitor``: a live view of a board."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import anyio
import typer

from n6link.cli.common import Cards, Json, Mcap, Url, emit, out
from n6link.cli.files import check_target
from n6link.errors import BadInput, RecordingError, innermost

if TYPE_CHECKING:
    from n6link.device import N6Device
    from n6link.monitor.app import Monitor

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
    control: Annotated[
        bool,
        typer.Option(
            "--control",
            help="Also if other programs use the board through n6link serve: r may reset the statistics of all. Default: only read.",
        ),
    ] = False,
    mcap: Mcap = None,
    cards: Cards = None,
    as_json: Json = False,
) -> None:
    """Show the activity of a board until you press q."""
    from n6link.monitor.app import DEMO, DEMO_FIRST, Monitor

    if as_json and not once:
        raise typer.BadParameter("--json prints one reading; add --once")
    if mcap and once:
        raise typer.BadParameter("--mcap records until you press q; omit --once")
    check_target(mcap, "--mcap", ".mcap")
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
        control=control,
    )
    if mcap:
        anyio.run(_record, mcap, shown)
        return
    if not once:
        anyio.run(shown.run, out)
        return
    anyio.run(shown.watcher.once)
    if as_json:
        emit(shown.view().to_dict())
    else:
        shown.print(out)


async def _record(path: Path, shown: Monitor) -> None:
    """Shows a monitor and records its device; if the disk is full, a line of its log says so, and it goes on.

    Raises:
        RecordingError: the file cannot be created.
        MissingExtra: the package mcap is not installed.
    """
    from n6link.monitor.view import LogLine
    from n6link.robotics import McapFile, follow

    file = McapFile(path)

    async def follow_device(device: N6Device) -> None:
        try:
            await follow(device, file, interval=shown.watcher.interval)
        except* RecordingError as group:
            shown.model.add_log(LogLine(None, "ERROR", str(innermost(group))))

    shown.watcher.followers.append(follow_device)
    try:
        await shown.run(out)
    finally:
        with suppress(RecordingError):  # it was shown
            file.close()
