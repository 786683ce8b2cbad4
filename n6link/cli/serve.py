"""``n6link serve``: one board for several programs."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from typing import Annotated, Final

import anyio
import typer

from n6link.cli.common import Url, err, start
from n6link.device import N6Device

Listen = Annotated[
    list[str] | None,
    typer.Option(
        "--listen",
        metavar="PLACE",
        help="Also listen at unix:PATH or 127.0.0.1:PORT, only of this machine; may be repeated. Port 0: the system chooses one.",
    ),
]
_UNIT: Final = """\
# systemctl --user enable --now n6link.service, after: n6link serve ... --systemd > ~/.config/systemd/user/n6link.service
[Unit]
Description=n6link: one board for several programs

[Service]
ExecStart={command}
Restart=always
RestartSec=1

[Install]
WantedBy=default.target
"""


def serve(
    url: Url = None,
    listen: Listen = None,
    systemd: Annotated[
        bool, typer.Option("--systemd", help="Print a unit file with these options for systemd --user, and exit.")
    ] = False,
) -> None:
    """Let several programs use one board, until Ctrl-C; the first line of output is JSON with the URLs for them.

    Programs of this user without a URL find the server by themselves.
    """
    if systemd:
        words = [sys.executable, "-m", "n6link", "serve", *(("--url", url) if url else ())]
        words += [word for place in listen or () for word in ("--listen", place)]
        # In a unit file, % and $ have a meaning of their own.
        print(_UNIT.format(command=shlex.join(words).replace("%", "%%").replace("$", "$$")), end="")
        return
    start(_serve, url, listen or ())


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
        err.print("[dim]In other terminals: n6link monitor     Ctrl-C stops this server.[/]")
