"""``n6link serve``: boards for several programs."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Final

import anyio
import typer
from rich.markup import escape

from n6link.cli.boards import ALL, checked_urls_or_all
from n6link.cli.common import Mcap, complete_url, err, start
from n6link.cli.files import check_target
from n6link.console import counted
from n6link.device import N6Device

Urls = Annotated[
    list[str] | None,
    typer.Option(
        "--url",
        "-u",
        callback=checked_urls_or_all,
        metavar="URL",
        autocompletion=complete_url,
        help="serial:PORT, tcp:HOST:PORT, unix:PATH, sim:, qemu:, or the name of a board in the settings; default: N6LINK_URL, defaults.url of the settings, or the only connected board. "
        "Repeated: each board has its own socket and clients; all: all connected boards that have no server, also those that are connected later.",
    ),
]
Listen = Annotated[
    list[str] | None,
    typer.Option(
        "--listen",
        metavar="PLACE",
        help="Also listen at unix:PATH or 127.0.0.1:PORT, only of this machine; may be repeated. Port 0: the system chooses one. "
        "Several boards, in the order of --url or in which they are found, have PORT, PORT+1 and so on; {id} in PATH is the unique id of the board.",
    ),
]
_UNIT: Final = """\
# systemctl --user enable --now n6link.service, after: n6link serve ... --systemd > ~/.config/systemd/user/n6link.service
[Unit]
Description=n6link: boards for several programs

[Service]
ExecStart={command}
Restart=always
RestartSec=1

[Install]
WantedBy=default.target
"""


def serve(
    url: Urls = None,
    listen: Listen = None,
    mcap: Mcap = None,
    systemd: Annotated[
        bool, typer.Option("--systemd", help="Print a unit file with these options for systemd --user, and exit.")
    ] = False,
) -> None:
    """Let several programs use a board, or each of several boards, until Ctrl-C; the output has one line of JSON per board, with the URLs for them.

    Programs of this user find the server by themselves: without a URL if there is one board, else with serial:ID, the unique id of the board.
    """
    check_target(mcap, "--mcap", ".mcap")
    if systemd:
        words = [sys.executable, "-m", "n6link", "serve"]
        words += [word for each in url or () for word in ("--url", each)]
        words += [word for place in listen or () for word in ("--listen", place)]
        words += ["--mcap", str(mcap.absolute())] if mcap else []
        # In a unit file, % and $ have a meaning of their own.
        print(_UNIT.format(command=shlex.join(words).replace("%", "%%").replace("$", "$$")), end="")
        return
    start(_serve, url or (), listen or (), mcap)


async def _serve(urls: Sequence[str], listen: Sequence[str], mcap: Path | None) -> None:
    from n6link.serve import boards
    from n6link.serve.listeners import Place
    from n6link.serve.record import Record

    places = [Place.parse(place) for place in listen]
    several = len(urls) > 1 or ALL in urls
    with Record(mcap, several=several) if mcap else nullcontext() as record:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_until_terminated, tasks.cancel_scope)
            await boards.serve(ALL if ALL in urls else urls, places, _announce, _announce_failure, record)
    if record and record.dropped:
        err.print(
            f"[yellow]Note:[/] {counted(record.dropped, 'result')} arrived too fast and are not in {escape(str(mcap))}."
        )


async def _until_terminated(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()


def _announce(dev: N6Device, urls: Sequence[str]) -> None:
    said = {"urls": list(urls), "board": dev.url, "unique_id": dev.info.unique_id, "pid": os.getpid()}
    print(json.dumps(said), flush=True)
    if sys.stdout.isatty():
        err.print("[dim]In other terminals: n6link monitor     Ctrl-C stops this server.[/]")


def _announce_failure(url: str, why: str) -> None:
    print(json.dumps({"board": url, "error": why, "pid": os.getpid()}), flush=True)
    err.print(
        f"[yellow]Note:[/] the board at {escape(url)} is not served: {escape(why)}; it is tried again.", soft_wrap=True
    )
