"""``n6link firmware flash``: signs and programs a built firmware, and shows the board that runs it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from n6link.cli import info
from n6link.cli.common import FAILED, Url, err, out, working
from n6link.cli.firmware_build import Programmer
from n6link.errors import BadInput, N6Error, ProtocolError, ToolError
from n6link.transport import ports

if TYPE_CHECKING:
    from n6link.firmware.flash import Write
    from n6link.firmware.folder import Built
    from n6link.firmware.process import Command
    from n6link.firmware.programmer import Probe
    from n6link.firmware.state import State

RETRY_S: Final = 1.0
"""pause between attempts to reach the board after its start, in seconds"""


def flash(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="Folder of n6link firmware build; default: the only one in this folder."),
    ] = None,
    boot_loader: Annotated[
        Path | None,
        typer.Option(
            "--fsbl",
            metavar="FILE",
            help="First stage boot loader of ST (ai_fsbl.hex), for a board that does not have one.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print every command, and run none.")] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            "-y",
            help="Do not ask: the board is in development mode already, and --wait is the time to change its switches.",
        ),
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Program also what the board has already.")] = False,
    serial: Annotated[
        str, typer.Option(metavar="NUMBER", help="Serial number of the ST-Link, if there are several boards.")
    ] = "",
    under_reset: Annotated[bool, typer.Option("--under-reset", help="Connect while the chip is in reset.")] = False,
    khz: Annotated[
        int, typer.Option(metavar="KHZ", min=0, help="Clock of the debug port, such as 1000; 0: that of the tool.")
    ] = 0,
    programmer: Programmer = None,
    url: Url = None,
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long to wait for the started board; 0: do not look for it.")
    ] = 60.0,
) -> None:
    """Sign and program a built firmware, then show the board that runs it.

    Explains the boot switches, asks before it writes, and continues an interrupted run. Never programs a fuse.
    """
    from n6link.firmware import flash as steps
    from n6link.firmware import signing, tools
    from n6link.firmware.folder import find, read
    from n6link.firmware.programmer import Probe
    from n6link.firmware.state import NAME, State

    built = read(find(folder))
    board = built.board
    missing = tools.Missing()
    found = tools.programmer(missing, programmer)
    if dry_run:
        probe = Probe(found.cli, board, found.loader_path(board), serial, under_reset, khz)
        _print_commands(built, probe, found.signing, boot_loader)
        return
    missing.check()
    probe = Probe(found.cli, board, found.external_loader(board), serial, under_reset, khz)
    if steps.needs_signing(built):
        _say("sign: the boot loader starts only an image with ST's header")
        signing.sign(found.signing, built)
    planned = steps.writes(built, boot_loader)
    _refuse_several_boards(serial)

    _say(f"{board.product}: set {board.development}, then unplug and replug the cable at {board.connector}")
    _confirm("done?", yes)
    with working("Connecting"):
        probe = steps.connect(probe, built.log, _say)
    state = State(built.folder / NAME, probe.serial)
    for left in state.incomplete():
        _say(f"an earlier run was interrupted: incomplete on the board: {left}")
    with working("Reading the flash"):
        if boot_loader is None:
            steps.require_boot_loader(probe, built.log)
        todo = [step for step in planned if again or not steps.is_there(probe, step, state, built.log)]
    for step in planned:
        action = "to program" if step in todo else "compared, and already on the board"
        _say(f"{action}: {step.what}, {len(step.content)} bytes at {step.address:#x} ({step.why})")
    if todo:
        _confirm(f"write to the flash of the {board.product}, ST-Link {probe.serial or 'without a number'}?", yes)
    for step in todo:
        _program(probe, step, state, built)
    _say(f"programmed: set {board.from_flash}, then unplug and replug the cable at {board.connector}")
    if wait > 0:
        _confirm("done?", yes)
        _show_board(url, probe.serial, wait, built)


def _say(line: str) -> None:
    err.print(line, markup=False, soft_wrap=True)


def _confirm(question: str, yes: bool) -> None:
    """Asks, unless --yes; the answer no ends the program."""
    if yes:
        return
    try:
        agreed = typer.confirm(question, default=True, err=True)
    except typer.Abort:
        raise BadInput("there is no terminal to ask questions; use --yes") from None
    if not agreed:
        _say("stopped; nothing more was written")
        raise typer.Exit(FAILED)


def _refuse_several_boards(serial: str) -> None:
    """STM32CubeProgrammer takes the first ST-Link that it finds: of several, the user must choose."""
    numbers = sorted(
        {port.serial_number for port in ports.devices() if port.kind == ports.ST_LINK and port.serial_number}
    )
    if not serial and len(numbers) > 1:
        raise BadInput(f"several boards are connected ({', '.join(numbers)}); choose one with --serial")


def _program(probe: Probe, step: Write, state: State, built: Built) -> None:
    from n6link.firmware.flash import program

    try:
        with working(f"Programming and verifying the {step.what}"):
            program(probe, step, state, built.log)
    except KeyboardInterrupt:
        _say(
            f"interrupted: {step.what} at {step.address:#x}: incomplete on the board; run the same command again to continue"
        )
        raise
    _say(f"programmed and verified: {step.what} at {step.address:#x}")


def _show_board(url: str | None, serial: str, wait: float, built: Built) -> None:
    """``n6link info``, as soon as the board answers."""
    end = time.monotonic() + wait
    while True:
        known = any(port.serial_number == serial for port in ports.devices() if serial)
        try:
            info.info(url=url or (f"serial:{serial}" if known else None))
        except N6Error as error:
            left = end - time.monotonic()
            # What the firmware says during a failed start will not change.
            if left <= 0 or isinstance(error, ProtocolError):
                raise ToolError(
                    f"the board is programmed, but does not answer: {error}; check {built.board.from_flash}, unplug and replug the cable, and "
                    "run n6link info"
                ) from error
            time.sleep(min(RETRY_S, left))
        else:
            return


def _print_commands(built: Built, probe: Probe, signing_tool: Path, boot_loader: Path | None) -> None:
    from n6link.firmware import flash as steps
    from n6link.firmware import signing
    from n6link.firmware.boards import FLASH
    from n6link.firmware.loader import WHERE
    from n6link.firmware.process import shown

    def show(why: str, *commands: Command) -> None:
        lines: Sequence[str] = [f"# {why}", *map(shown, commands)]
        for line in lines:
            out.print(line, markup=False, soft_wrap=True)

    board = built.board
    if steps.needs_signing(built):
        command = signing.command(signing_tool, built, None)
        show("sign the image; without -align if the signing tool is older than 2.21", command)
    show(f"set {board.development}, unplug and replug the cable at {board.connector}")
    show("connect, and compare the name of the board; mode=UR if the chip does not answer", probe.connect())
    if boot_loader is None:
        command = probe.read(FLASH, signing.PAYLOAD, Path("flash.bin"))
        show(f"is there a first stage boot loader? if not, add --fsbl FILE: {WHERE}", command)
    for step in steps.writes(built, boot_loader):
        show(f"{step.what}: {step.why}", step.command(probe))
    show(f"set {board.from_flash}, unplug and replug the cable at {board.connector}")
    show("show the board that runs it", ["n6link", "info"])
