"""``qemu:`` starts the firmware on an emulated Cortex-M55: qemu-system-arm, machine mps3-an547.

::

    qemu:                  the ELF file in the variable N6LINK_QEMU_ELF
    qemu:PATH              another ELF file
    qemu:?elf=PATH         the same

The emulated UART is QEMU's end of a socket pair, so no byte is lost while the machine starts. The machine counts 32 ns for each
instruction (``-icount shift=5``): its times are repeatable, but they are numbers of instructions, not of cycles.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from n6link.errors import TransportError
from n6link.transport.process import ChildStream, spawn

_PROGRAM: Final = "qemu-system-arm"
_MACHINE: Final = (
    *("-M", "mps3-an547"),
    *("-display", "none", "-nodefaults", "-monitor", "none"),
    *("-icount", "shift=5"),
    *("-semihosting-config", "enable=on,target=native"),
)
_UART: Final = ["-chardev", "socket,id=uart,fd={fd}", "-serial", "chardev:uart"]


async def open_qemu(rest: str) -> ChildStream:
    """Starts QEMU with a firmware image.

    Raises:
        TransportError: there is no image, or QEMU is not installed.
    """
    return await spawn(command(rest), _UART, "QEMU")


def command(rest: str) -> list[str]:
    """The command line for the part of a URL after ``qemu:``, without the UART.

    Raises:
        TransportError: there is no image, or QEMU is not installed.
    """
    path, _, query = rest.partition("?")
    key, _, value = query.partition("=")
    if query and (path or key != "elf" or "&" in value):
        raise TransportError(f"'qemu:{rest}' is not valid; use qemu:PATH or qemu:?elf=PATH")
    image = unquote(path or value) or os.environ.get("N6LINK_QEMU_ELF", "")
    if not image:
        raise TransportError(
            "'qemu:' does not contain a firmware; use qemu:PATH, or set N6LINK_QEMU_ELF, with the n6qemu.elf that "
            "`make firmware` builds from n6link's sources"
        )
    if not Path(image).is_file():
        raise TransportError(f"firmware {image!r} of 'qemu:{rest}' does not exist; build it with `make firmware`")
    program = shutil.which(_PROGRAM)
    if program is None:
        raise TransportError(f"{_PROGRAM} is not installed; on Debian and Ubuntu: sudo apt install qemu-system-arm")
    # QEMU does not have an option to end with its parent; the kernel kills it.
    guard = ["setpriv", "--pdeathsig", "KILL"] if sys.platform == "linux" and shutil.which("setpriv") else []
    return [*guard, program, *_MACHINE, "-kernel", image]
