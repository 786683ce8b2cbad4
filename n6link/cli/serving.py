"""Where ``n6link sim`` and ``n6link replay`` serve a virtual board: the options, shared by both."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from n6link.errors import BadInput

Pty = Annotated[
    bool, typer.Option("--pty", help="Serve a pseudo terminal, which other programs use like a serial port.")
]
Tcp = Annotated[
    int | None,
    typer.Option(
        "--tcp", min=0, max=65535, metavar="PORT", help="Serve a TCP port of this machine; 0 = any free port."
    ),
]
Unix = Annotated[Path | None, typer.Option("--unix", metavar="PATH", help="Serve a unix socket.")]


def ends(what: str, pty: bool, tcp: int | None, unix: Path | None) -> list[str]:
    """The options of n6sim for the place that the user has chosen; ``what`` is served there.

    Raises:
        BadInput: not exactly one place was chosen.
    """
    places = [["--pty"]] if pty else []
    if tcp is not None:
        places.append(["--tcp", str(tcp)])
    if unix is not None:
        places.append(["--unix", str(unix)])
    if len(places) != 1:
        raise BadInput(f"{what} requires exactly one of --pty, --tcp PORT and --unix PATH")
    return places[0]
