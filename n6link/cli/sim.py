"""``n6link sim``: a virtual board in its own process; other programs connect to it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from n6link.cli.common import Json, err
from n6link.cli.serving import Pty, Tcp, Unix, ends
from n6link.errors import BadInput, TransportError


def sim(
    pty: Pty = False,
    tcp: Tcp = None,
    unix: Unix = None,
    network: Annotated[
        list[str] | None,
        typer.Option(
            "--network",
            metavar="NAME=PATH",
            help="A .tflite file or a bundled network, as in a sim: URL; may be repeated. Default: all bundled networks.",
        ),
    ] = None,
    baud: Annotated[
        int | None,
        typer.Option(min=1, metavar="RATE", help="Limit the link to the speed of a UART with this baud rate."),
    ] = None,
    uart: Annotated[
        int | None,
        typer.Option(
            min=300,
            max=12_500_000,
            metavar="RATE",
            help="Like --baud, and a program on --pty may change the rate of the line.",
        ),
    ] = None,
    slots: Annotated[
        int | None, typer.Option(min=2, max=8, metavar="N", help="Number of input slots of the board.")
    ] = None,
    chunk: Annotated[
        int | None,
        typer.Option(min=256, max=8192, metavar="N", help="Maximum number of tensor bytes in one frame of the link."),
    ] = None,
    board_id: Annotated[
        str | None,
        typer.Option("--id", metavar="NAME", help="Unique id of the board, 1 to 16 characters; default: n6sim."),
    ] = None,
    faults: Annotated[
        str | None,
        typer.Option(
            metavar="FAULTS",
            help="Faults of the line, as in a sim: URL, such as 'flip=1e-5&cut=3'; see n6link.transport.sim.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a virtual board until Ctrl-C; the first line of output is JSON with its URL."""
    from n6link.transport import sim as boards
    from n6link.transport.process import check_ready, how_ended
    from n6link.transport.rig import NAME, Rig

    where = ends("the virtual board", pty, tcp, unix)
    url = ",".join(network or ())
    for option in (None if board_id is None else f"id={quote(board_id, safe='')}", faults):
        if option:
            url += f"{'&' if '?' in url.rpartition(',')[2] else '?'}{option}"
    try:
        board = boards.parse(url)
    except TransportError as error:
        raise BadInput(str(error)) from error
    options = {
        key: value
        for key, value in (("baud", baud), ("uart", uart), ("slots", slots), ("chunk", chunk))
        if value is not None
    }
    board = replace(board, options={**board.options, **options})
    if board.faults:
        with Rig(
            board.command,
            link="pty" if pty else "unix" if unix else "tcp",
            faults=board.faults,
            port=tcp or 0,
            path=unix,
        ) as rig:
            _announce(json.dumps({"url": rig.url, "pid": rig.pid}), rig.url)
            threading.Event().wait()
    with tempfile.TemporaryDirectory(prefix="n6sim-") as folder:
        command = [*board.command(Path(folder)), *where, "--parent-death"]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            try:
                assert process.stdout
                line = process.stdout.readline()
                _announce(line.decode().rstrip(), check_ready(line, NAME))
                code = process.wait()
            finally:
                process.terminate()
    if code:
        raise TransportError(f"{NAME} {how_ended(code)}")


def _announce(line: str, url: str) -> None:
    print(line, flush=True)
    if sys.stdout.isatty():
        err.print(f"[dim]In another terminal: n6link info --url {url}     Ctrl-C stops this board.[/]")
