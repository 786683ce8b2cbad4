"""STM32_Programmer_CLI: its commands, and what its errors mean on these boards.

Commands and their order are those of ST's STM32N6-GettingStarted applications; ``-v`` (UM2237: verify) and ``-r`` (UM2237: read into a file)
are added. The tool's exit code is not reliable: a command has succeeded if the code is 0, no line starts with ``Error``,
and the line of success was printed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from n6link.errors import ToolError
from n6link.firmware.boards import Board
from n6link.firmware.process import Command, Done

_ERROR: Final = re.compile(r"^[^\w\n]*Error\b.*$", re.MULTILINE | re.IGNORECASE)
_VERIFIED: Final = "download verified successfully"


@dataclass(frozen=True, slots=True)
class Probe:
    """How a board is reached."""

    cli: Path
    board: Board
    external_loader: Path
    serial: str = ""
    """of the ST-Link; empty = the only one"""
    under_reset: bool = False
    """connect while the chip is in reset: needed if the firmware that runs does not let the debugger in"""
    khz: int = 0
    """clock of the debug port; 0 = the tool's own choice"""

    @property
    def connection(self) -> list[str]:
        """Options for the connection."""
        words = ["-c", "port=SWD", f"mode={'UR' if self.under_reset else 'HOTPLUG'}"]
        words += [f"sn={self.serial}"] if self.serial else []
        return words + ([f"freq={self.khz}"] if self.khz else [])

    def connect(self) -> Command:
        """Connects, and changes nothing."""
        return [self.cli, *self.connection]

    def read(self, address: int, size: int, file: Path) -> Command:
        """Reads flash into a file."""
        return [self.cli, *self.connection, "-el", self.external_loader, "-r", hex(address), hex(size), file]

    def write(self, file: Path, address: int | None) -> Command:
        """Erases, writes and verifies; None = the file has its addresses."""
        where = [] if address is None else [hex(address)]
        return [self.cli, *self.connection, "-el", self.external_loader, "-hardRst", "-w", file, *where, "-v"]


@dataclass(frozen=True, slots=True)
class Found:
    """What the tool says about a board."""

    serial: str
    product: str


def identify(done: Done) -> Found:
    """The board that answered."""
    fields = dict(re.findall(r"^\s*(ST-LINK SN|Board)\s*:\s*(\S+)", done.output, re.MULTILINE))
    return Found(fields.get("ST-LINK SN", ""), fields.get("Board", ""))


def reached(probe: Probe, done: Done) -> Probe:
    """The probe for all further commands: with the serial number of the ST-Link that answered.

    Raises:
        ToolError: it did not, or it is on another board.
    """
    check(probe, done, "the board")
    found = identify(done)
    if found.product.upper() in {"", "--"}:
        return replace(probe, serial=found.serial or probe.serial)
    if found.product.upper() != probe.board.product:
        raise ToolError(
            f"the firmware is for {probe.board.product}, but the ST-Link {found.serial} is on a {found.product}; build it with --board "
            f"{found.product.lower()}, or connect the other board"
        )
    return replace(probe, serial=found.serial or probe.serial)


def answers(done: Done) -> bool:
    """Whether the chip was reached; a chip that does not let the debugger in may be reached under reset."""
    return not re.search(_NO_TARGET, done.output, re.IGNORECASE)


_NO_USB: Final = r"DEV_USB_COMM_ERR|USB communication error|pipe is stalled"
_NO_TARGET: Final = r"No STM32 target found|Unable to get core ID|DEV_TARGET_|DEV_UNKNOWN_MCU"


def check(probe: Probe, done: Done, what: str, *, wrote: bool = False) -> None:
    """Checks that a command has done what it should.

    Args:
        probe: what it was called with.
        done: its end.
        what: the thing that was to be read or written, for the message.
        wrote: whether it wrote.

    Raises:
        ToolError: it has not; the message says why, in words, and what to do.
    """
    errors = [match.strip() for match in _ERROR.findall(done.output)]
    text = "\n".join(errors) or done.output
    if errors or done.code:
        for pattern, sentence in _reasons(probe.board):
            if re.search(pattern, text, re.IGNORECASE):
                raise ToolError(f"{what}: {sentence}{_known_fault(probe.board, done)}")
        raise ToolError(f"{what}: STM32_Programmer_CLI failed: {errors[0] if errors else done.tail}; see {done.log}")
    if wrote and _VERIFIED not in done.output.lower():
        raise ToolError(
            f"{what}: STM32_Programmer_CLI did not report that it verified the flash: {done.tail}; see {done.log}"
        )


def _known_fault(board: Board, done: Done) -> str:
    """A fault of this version of the tool, if it explains the error."""
    if board.name == "nucleo-n657x0-q" and "v2.20." in done.output and "erase" in done.output:
        return "; STM32CubeProg 2.20 cannot erase the flash of this board, newer versions can"
    return ""


def _reasons(board: Board) -> list[tuple[str, str]]:
    """Patterns of the tool's errors, and what they mean; the first that fits counts."""
    power = "unplug and replug the cable"
    sign = f" ({board.sign})" if board.sign else ""
    development = f"set {board.development}{sign}, {power}, and try again"
    absent = f"no ST-Link was found; connect {board.connector} with a cable that carries data; on Linux install n6link devices --udev"
    busy = f"the ST-Link is in use; close STM32CubeIDE, STM32CubeProgrammer and gdb servers; if there is none, {power}"
    erase = f"the flash cannot be erased: the board is not in development mode, or the flash is write-protected; {development}"
    protected = (
        f"the flash refuses the data: it is write-protected, or the board is not in development mode; {development}"
    )
    return [
        (r"No debug probe detected|No ST-?LINK detected", absent),
        (
            r"serial number not found",
            "no ST-Link with this serial number is connected; n6link devices lists those that are",
        ),
        (r"DEV_CONNECT_ERR|already (?:in use|used)|used by another", busy),
        (_NO_USB, f"the ST-Link does not answer; {power}, and try again with --khz 1000"),
        (r"flash ?loader|external loader|\.stldr", f"{board.external_loader} cannot be started; {development}"),
        (_NO_TARGET, f"the ST-Link answers, but the chip does not; {development}"),
        (r"failed to erase|erase operation has failed", erase),
        (r"protect", protected),
        (r"data mismatch|verification failed", "the flash does not hold what was written; try again, with --khz 1000"),
        (r"failed to download", f"writing ended early; {power}, and try again"),
    ]
