"""Programs for the emulated Cortex-M55: building them, and running them in QEMU."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

FIRMWARE: Final = Path(__file__).resolve().parents[1] / "firmware"
PORT: Final = FIRMWARE / "ports" / "qemu-an547"
CORE_INCLUDES: Final = tuple(f"-I{layer}" for layer in sorted((FIRMWARE / "core").glob("*/")))
COMPILER: Final = "arm-none-eabi-gcc"
EMULATOR: Final = "qemu-system-arm"
WARNINGS: Final = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")

needs_second_compiler = pytest.mark.skipif(
    importlib.util.find_spec("ziglang") is None, reason="the package ziglang is not installed"
)

MACHINE: Final = ("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard", "-O2")


def assembly(source: Path, *options: str) -> str:
    """What the compiler makes of a source file."""
    command = [COMPILER, *WARNINGS, *MACHINE, *options, *CORE_INCLUDES, "-S", str(source), "-o", "-"]
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
        *CORE_INCLUDES,
    )
    command = [COMPILER, *WARNINGS, *MACHINE, *options, *link, *map(str, [*sources, *board]), "-o", str(elf)]
    subprocess.run(command, check=True)


QEMU: Final = (
    *(EMULATOR, "-M", "mps3-an547", "-icount", "shift=5", "-display", "none", "-nodefaults", "-monitor", "none"),
    *("-semihosting-config", "enable=on,target=native", "-kernel"),
)


def emulate(elf: Path, *, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end; the exit code is that of its main()."""
    nothing = subprocess.DEVNULL
    command = [*QEMU, str(elf)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=250, check=False, stdin=nothing)


@contextmanager
def board(elf: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """A board that outlives its connections: its URL, and the file with what it writes to standard error."""
    path, errors = folder / "uart", folder / "errors"
    with socket.socket(socket.AF_UNIX) as listener, errors.open("wb") as file:
        listener.bind(str(path))
        listener.listen()
        number = listener.fileno()
        uart = ("-chardev", f"socket,id=uart,fd={number},server=on,wait=off", "-serial", "chardev:uart")
        with subprocess.Popen(
            [*QEMU, str(elf), *uart], stdin=subprocess.DEVNULL, stderr=file, pass_fds=(number,)
        ) as qemu:
            listener.close()  # so that a connection after QEMU's end is refused
            try:
                yield f"unix:{path}", errors
            finally:
                qemu.kill()


@functools.cache
def build(preset: str) -> Path:
    """Builds a preset of firmware/CMakePresets.json; returns the folder of its ELF files. Incremental."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    for command in (["cmake", "--preset", preset], ["cmake", "--build", "--preset", preset]):
        program = shutil.which(command[0], path=path)
        if program is None:
            pytest.skip("cmake is not installed")
        done = subprocess.run(
            [program, *command[1:]],
            cwd=FIRMWARE,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return FIRMWARE / "build" / preset / "ports" / "qemu-an547"
