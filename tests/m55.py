"""Programs for the emulated Cortex-M55: building them, and running them in QEMU."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

FIRMWARE: Final = Path(__file__).resolve().parents[1] / "firmware"
PORT: Final = FIRMWARE / "ports" / "qemu-an547"
COMPILER: Final = "arm-none-eabi-gcc"
EMULATOR: Final = "qemu-system-arm"
WARNINGS: Final = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")

needs_compiler = pytest.mark.skipif(shutil.which(COMPILER) is None, reason=f"{COMPILER} is not installed")
needs_emulator = pytest.mark.skipif(shutil.which(EMULATOR) is None, reason=f"{EMULATOR} is not installed")


MACHINE: Final = ("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard", "-O2")


def assembly(source: Path, *options: str) -> str:
    """What the compiler makes of a source file."""
    command = [COMPILER, *WARNINGS, *MACHINE, *options, "-I", str(FIRMWARE / "core"), "-S", str(source), "-o", "-"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def compile_hosted(sources: Sequence[Path], elf: Path, *options: str) -> None:
    """Links a C program that uses files and printf with the board's start-up."""
    board = [PORT / name for name in ("startup.c", "semihost.c", "clock.c", "uart.c", "hosted.c")]
    link = (
        "--specs=rdimon.specs",
        "-nostartfiles",
        "-Wl,--wrap=main",
        "-T",
        str(PORT / "an547.ld"),
        "-I",
        str(PORT),
        "-I",
        str(FIRMWARE / "core"),
    )
    command = [COMPILER, *WARNINGS, *MACHINE, *options, *link, *map(str, [*sources, *board]), "-o", str(elf)]
    subprocess.run(command, check=True)


def emulate(elf: Path, *, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end; the exit code is that of its main()."""
    machine = ("-M", "mps3-an547", "-icount", "shift=5", "-display", "none", "-nodefaults", "-monitor", "none")
    command = [EMULATOR, *machine, "-semihosting-config", "enable=on,target=native", "-kernel", str(elf)]
    nothing = subprocess.DEVNULL
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False, stdin=nothing)
