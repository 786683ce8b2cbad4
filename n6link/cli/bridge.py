"""``n6link bridge``: boards for other computers and for robots, over Zenoh."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import anyio
import typer
from rich.markup import escape

from n6link.cli.common import Cards, Json, checked_url, complete_url, emit, err, out, pair, start
from n6link.errors import BadInput

if TYPE_CHECKING:
    from n6link.bridge.board import Options, Presence


def bridge(
    urls: Annotated[
        list[str] | None,
        typer.Option(
            "--url",
            "-u",
            metavar="URL",
            autocompletion=complete_url,
            help="A board, as for other commands; may be repeated. Default: N6LINK_URL, defaults.url of the settings, or the only connected board.",
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
    ros: Annotated[
        bool,
        typer.Option("--ros", help="Also topics of ROS 2, as rmw_zenoh has them; --connect then is its router here."),
    ] = False,
    ros_domain: Annotated[
        int | None,
        typer.Option(
            "--ros-domain", min=0, max=232, metavar="N", help="Domain of ROS 2; default: ROS_DOMAIN_ID, or 0."
        ),
    ] = None,
    ros_images: Annotated[
        list[str] | None,
        typer.Option(
            "--ros-image",
            metavar="NETWORK=TOPIC",
            help="Use the pictures of this topic, a sensor_msgs/msg/CompressedImage.",
        ),
    ] = None,
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
    from n6link.bridge.ros import ROUTER, domain_of

    named: list[str | None] = [*urls] if urls else [os.environ.get("N6LINK_URL") or None]
    boards = [checked_url(url) for url in named]
    if max_age is not None and not 0 < max_age < float("inf"):
        raise BadInput(f"--max-age {max_age:g} must be a positive number of seconds")
    if not prefix or prefix.strip("/") != prefix or any(letter in prefix for letter in "*?#$"):
        raise BadInput(f"--prefix {prefix!r} is not a key; use names with / between them")
    if (ros_images or ros_domain is not None) and not ros:
        raise BadInput("--ros-image and --ros-domain are for topics of ROS 2; add --ros")
    if ros:
        connect = connect or ([] if listen or config else [ROUTER])
    options = Options(
        prefix,
        tuple(cards or ()),
        max_age,
        epochs,
        max_bytes,
        (domain_of() if ros_domain is None else ros_domain) if ros else None,
        [pair(text, "--ros-image", "NETWORK=TOPIC") for text in ros_images or ()],
    )
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
            err.print(f"{escape(presence.key or 'waiting')}: {escape(presence.reason)}", soft_wrap=True)

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
        tasks.cancel_scope.cancel()


async def _end_on_request(scope: anyio.CancelScope) -> None:
    """A request to end closes the connections."""
    if sys.platform != "win32":
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGHUP) as signals:
            async for _ in signals:
                scope.cancel()
