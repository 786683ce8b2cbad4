"""The steps that bring a built firmware onto a board, in an order that leaves nothing unnamed.

Weights are programmed before the image: a board whose programming was interrupted still has its old image, which compares the weights
at its start and says which do not belong to it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from n6link.errors import ToolError
from n6link.firmware import loader, programmer, signing
from n6link.firmware.boards import FLASH, IMAGE
from n6link.firmware.folder import Built, sha256
from n6link.firmware.process import Command, run
from n6link.firmware.programmer import Probe
from n6link.firmware.state import State

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Write:
    """A file that must be in flash."""

    what: str
    why: str
    """one line for the user"""
    file: Path
    address: int
    content: bytes
    """what the flash must hold from the address on"""

    def command(self, probe: Probe) -> Command:
        """How it is programmed; a HEX file has its address itself."""
        return probe.write(self.file, None if self.file.suffix.lower() == ".hex" else self.address)


def writes(built: Built, boot_loader: Path | None) -> list[Write]:
    """All that must be in flash, in this order: boot loader if it is given, weights, signed image.

    Raises:
        BadInput: the boot loader is none.
    """
    steps: list[Write] = []
    if boot_loader:
        content = loader.read(boot_loader)
        why = "the chip's ROM starts it, and it starts the image; once for a board"
        steps.append(Write("first stage boot loader", why, boot_loader.absolute(), FLASH, content))
    for one in built.weights:
        why = "the NPU reads them from flash"
        path = built.folder / one.file
        steps.append(Write(one.what, why, path, one.address, path.read_bytes()))
    content = built.signed.read_bytes() if built.signed.is_file() else b""
    why = "the firmware; last, so that an interrupted run leaves the old one"
    return [*steps, Write("signed image", why, built.signed, IMAGE, content)]


def needs_signing(built: Built) -> bool:
    """Whether there is no signed image, or one of an older image."""
    return signing.fault(built.signed, (built.folder / built.image.file).read_bytes()) is not None


def connect(probe: Probe, log: Path, say: Say) -> Probe:
    """Connects without a change of the board, under reset if it does not answer otherwise, and checks that it is the right board.

    Raises:
        ToolError: it was not reached, or it is another board.
    """
    done = run(probe.connect(), log)
    if not programmer.answers(done) and not probe.under_reset:
        say("the chip does not let the debugger in: connect under reset")
        probe = replace(probe, under_reset=True)
        done = run(probe.connect(), log)
    return programmer.reached(probe, done)


def require_boot_loader(probe: Probe, log: Path) -> None:
    """Checks that the board has a first stage boot loader; nothing else would start the image.

    Raises:
        ToolError: it has none, or the flash cannot be read.
    """
    if _read(probe, FLASH, signing.PAYLOAD, log)[:4] != signing.MAGIC:
        raise ToolError(
            f"the board has no first stage boot loader, and nothing was written; add --fsbl FILE: {loader.WHERE}"
        )


def is_there(probe: Probe, write: Write, state: State, log: Path) -> bool:
    """Whether a file was verified on this board before, and is still in its flash.

    Raises:
        ToolError: the flash cannot be read.
    """
    if not state.has(write.address, sha256(write.content)):
        return False
    return _read(probe, write.address, len(write.content), log) == write.content


def _read(probe: Probe, address: int, size: int, log: Path) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "flash.bin")
        done = run(probe.read(address, size, file), log)
        programmer.check(probe, done, f"reading the flash at {address:#x}")
        try:
            return file.read_bytes()[:size]
        except OSError:
            raise ToolError(
                f"reading the flash at {address:#x}: STM32_Programmer_CLI wrote no file; see {log}"
            ) from None


def program(probe: Probe, write: Write, state: State, log: Path) -> None:
    """Programs and verifies one file, and notes it.

    Raises:
        ToolError: it failed; the message names what is incomplete now.
    """
    digest = sha256(write.content)
    state.begin(write.address, write.what, digest)
    done = run(write.command(probe), log)
    try:
        programmer.check(probe, done, f"{write.what} at {write.address:#x}: incomplete on the board", wrote=True)
    except ToolError as error:
        raise ToolError(f"{error}; run the same command again to continue") from error
    state.complete(write.address, write.what, digest)
