"""``n6link bridge``: boards for other computers and for robots, over Zenoh."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import anyio
import typer
from rich.markup import escape

from n6link.cli.common import Cards, Json, emit, err, out, start
from n6link.errors import BadInput
from n6link.transport import url as transport

if TYPE_CHECKING:
    from n6link.bridge.board import Options, Presence


def bridge(
    urls: Annotated[
        list[str] | None,
        typer.Option(
            "--url", "-u", metavar="URL", envvar="N6LINK_URL", help="A board; may be repeated. Default: the only one."
        ),
    ] = None,
    connect: Annotated[
        list[str] | None,
        typer.Option("--connect", metavar="ENDPOINT", help="A router or peer, such as tcp/192.168.1.2:7447."),
    ] = None,
    listen: Annotated[
        list[str] | None,
        typer.Option(
            "--listen",
            metavar="ENDPOINT",
            help="Where others connect; default: tcp/127.0.0.1:7447, this computer only; with --connect nowhere.",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="JSON5", help="A configuration file of Zenoh.")
    ] = None,
    scout: Annotated[bool, typer.Option("--scout", help="Find others by multicast, and be found.")] = False,
    prefix: Annotated[str, typer.Option("--prefix", metavar="KEY", help="The beginning of all keys.")] = "n6link",
    max_age: Annotated[
        float | None, typer.Option("--max-age", metavar="SECONDS", help="Drop pictures of a stream that are older.")
    ] = None,
    epochs: Annotated[bool, typer.Option("--epochs", help="Also send the times of the epoch blocks.")] = False,
    max_bytes: Annotated[int, typer.Option("--max-bytes", min=1, metavar="N", help="Refuse larger messages.")] = 16
    << 20,
    cards: Cards = None,
    as_json: Json = False,
) -> None:
    """Serve boards over Zenoh until Ctrl-C: queries, streams, and messages of ROS 2."""
    from n6link.bridge.board import Options

    for url in urls or ():
        transport.check_url(url)
    if max_age is not None and not 0 < max_age < float("inf"):
        raise BadInput(f"--max-age {max_age:g} must be a positive number of seconds")
    if not prefix or prefix.strip("/") != prefix or any(letter in prefix for letter in "*?#$"):
        raise BadInput(f"--prefix {prefix!r} is not a key; use names with / between them")
    options = Options(prefix, tuple(cards or ()), max_age, epochs, max_bytes)
    boards: list[str | None] = [*urls] if urls else [None]
    start(_bridge, boards, connect or [], listen or [], config, scout, options, as_json)


async def _bridge(
    urls: list[str | None],
    connect: list[str],
    listen: list[str],
    config: Path | None,
    scout: bool,
    options: Options,
    as_json: bool,
) -> None:
    from n6link.bridge.serve import serve

    def listening(endpoints: list[str]) -> None:
        if as_json:
            emit({"listening": endpoints})
        else:
            out.print(f"Listening: {', '.join(endpoints) or 'nowhere'}. Ctrl-C ends the bridge.", soft_wrap=True)

    def report(presence: Presence) -> None:
        if as_json:
            emit(presence)
        elif presence.state == "connected":
            out.print(
                f"[bold]{escape(presence.key)}[/]: connected, with {escape(', '.join(presence.networks))}",
                soft_wrap=True,
            )
        else:
            err.print(f"{escape(presence.key or 'a board')}: {escape(presence.reason)}", soft_wrap=True)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_end_on_request, tasks.cancel_scope)
        await serve(
            urls,
            connect=connect,
            listen=listen,
            config=config,
            scout=scout,
            options=options,
            listening=listening,
            report=report,
        )


async def _end_on_request(scope: anyio.CancelScope) -> None:
    """A request to end closes the connections."""
    if sys.platform != "win32":
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGHUP) as signals:
            async for _ in signals:
                scope.cancel()
