"""``qemu:`` starts the firmware on an emulated Cortex-M55: qemu-system-arm, machine mps3-an547.

::

    qemu:                  the ELF file that N6LINK_QEMU_ELF names
    qemu:PATH              another one
    qemu:?elf=PATH         the same

The emulated UART is QEMU's end of a socket pair, so nothing is lost between the start of the machine and the first byte. The machine
counts 32 ns for each instruction (``-icount shift=5``): its times are repeatable, and are instructions, not cycles.
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
        TransportError: there is no image, or no QEMU.
    """
    return await spawn(command(rest), _UART, "QEMU")


def command(rest: str) -> list[str]:
    """The command line for what follows ``qemu:``, without the UART.

    Raises:
        TransportError: there is no image, or no QEMU.
    """
    path, _, query = rest.partition("?")
    key, _, value = query.partition("=")
    if query and (path or key != "elf" or "&" in value):
        raise TransportError(f"'qemu:{rest}' is not understood: write qemu:PATH or qemu:?elf=PATH")
    image = unquote(path or value) or os.environ.get("N6LINK_QEMU_ELF", "")
    if not image:
        raise TransportError(
            "'qemu:' names no firmware: write qemu:PATH, or set N6LINK_QEMU_ELF, to the n6qemu.elf that `make firmware`"
            " builds in n6link's sources"
        )
    if not Path(image).is_file():
        raise TransportError(f"the firmware {image!r} of 'qemu:{rest}' does not exist")
    program = shutil.which(_PROGRAM)
    if program is None:
        raise TransportError(f"{_PROGRAM} is not installed; on Debian and Ubuntu: sudo apt install qemu-system-arm")
    # QEMU has no way of its own to end with its parent.
    guard = ["setpriv", "--pdeathsig", "KILL"] if sys.platform == "linux" and shutil.which("setpriv") else []
    return [*guard, program, *_MACHINE, "-kernel", image]
