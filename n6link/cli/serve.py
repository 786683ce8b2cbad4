"""``n6link serve``: one board for several programs."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated

import anyio
import typer

from n6link.cli.common import Url, err, start
from n6link.device import N6Device

Listen = Annotated[
    list[str],
    typer.Option(
        "--listen",
        metavar="PLACE",
        help="unix:PATH or 127.0.0.1:PORT, only of this machine; may be repeated. Port 0: the system chooses one.",
    ),
]


def serve(listen: Listen, url: Url = None) -> None:
    """Let several programs use one board, until Ctrl-C; the first line of output is JSON with the URLs for them."""
    start(_serve, url, listen)


async def _serve(url: str | None, listen: Sequence[str]) -> None:
    from n6link.serve.listeners import Place
    from n6link.serve.server import Server

    server = Server(url, [Place.parse(place) for place in listen])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_until_terminated, tasks.cancel_scope)
        await server.run(_announce)


async def _until_terminated(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()


def _announce(dev: N6Device, urls: Sequence[str]) -> None:
    print(json.dumps({"urls": list(urls), "board": dev.url, "pid": os.getpid()}), flush=True)
    if sys.stdout.isatty():
        err.print(f"[dim]In other terminals: n6link monitor --url {urls[0]}     Ctrl-C stops this server.[/]")
