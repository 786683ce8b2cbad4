"""``n6link firmware``: builds the firmware of a board, and programs it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from n6link.cli import firmware_build, firmware_flash
from n6link.cli.common import Group, Json, emit, err, out, pair
from n6link.cli.files import check_target, write
from n6link.cli.firmware_build import NetworkCards
from n6link.errors import BadInput

if TYPE_CHECKING:
    from n6link.registry import Network

app = typer.Typer(cls=Group, no_args_is_help=True)


@app.callback()
def firmware() -> None:
    """Build the firmware of a board with networks of ST Edge AI Core, and program it."""


app.command("build")(firmware_build.build)
app.command("flash")(firmware_flash.flash)


@app.command()
def registry(
    output: Annotated[Path, typer.Argument(metavar="FILE.c", help="The C file to write.")],
    network: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH", help="A network: its generated folder or C file; may be repeated."),
    ] = None,
    card: NetworkCards = None,
    board: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Check that the networks fit into the memory of this board, such as stm32n6570-dk."
        ),
    ] = None,
    runtime: Annotated[
        Path | None, typer.Option(metavar="FILE.h", help="The ll_aton_version.h of the firmware's build.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check the networks of a firmware, write their C registry, and print the addresses of their weights."""
    from n6link.firmware.boards import board as find_board
    from n6link.registry import check_together, read_network, runtime_version, write_c

    check_target(output, "the file to write,", ".c")
    if not network:
        raise BadInput("no network is given; add --network NAME=PATH")
    if board:
        find_board(board)  # reports a wrong name before anything is read
    cards = dict(pair(text, "--card") for text in card or ())
    networks = [
        read_network(name, path, card=cards.pop(name, None))
        for name, path in (pair(text, "--network") for text in network or ())
    ]
    if cards:
        raise BadInput(
            f"--card is for {next(iter(cards))!r}, but no --network has this name; add --network {next(iter(cards))}=PATH"
        )
    check_together(networks, board=board, runtime=runtime_version(runtime) if runtime else None)
    write(output, write_c(networks))
    if as_json:
        emit([_summary(one) for one in networks])
        return
    for one in networks:
        for note in one.notes:
            err.print(note, markup=False, soft_wrap=True)
        for pool in one.weights:
            out.print(
                f"{one.name}: {pool.weights} bytes of weights at {pool.base:#x} ({pool.name})",
                markup=False,
                soft_wrap=True,
            )


def _summary(network: Network) -> dict[str, object]:
    return {
        "name": network.name,
        "source": network.source.path,
        "epochs": network.epochs,
        "blocks": len(network.blocks),
        "notes": network.notes,
        "weights": [{"pool": pool.name, "base": pool.base, "bytes": pool.weights} for pool in network.weights],
    }
