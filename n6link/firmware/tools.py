"""Finds what a board's firmware is built and programmed with, and says of what is missing where it comes from.

Each thing is searched in this order: the option or environment variable that names its folder, the search path, the folders into which
its installer puts it. ST's installers exist for three systems, with a folder for each.
"""

from __future__ import annotations

import glob
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from n6link.errors import BadInput, ToolError
from n6link.firmware.boards import Board

CUBE_N6: Final = "STM32CUBE_N6_DIR"
EDGE_AI: Final = "STEDGEAI_CORE_DIR"
PROGRAMMER: Final = "STM32CUBE_PROGRAMMER_DIR"
HAL: Final = "Drivers/STM32N6xx_HAL_Driver/Inc/stm32n6xx_hal.h"
ATON: Final = "Middlewares/ST/AI/Npu/ll_aton/ll_aton_version.h"

FOLDERS: Final[dict[str, tuple[str, ...]]] = {
    "STM32CubeProg": (
        "~/STMicroelectronics/STM32Cube/STM32CubeProgrammer/bin",
        "/usr/local/STMicroelectronics/STM32Cube/STM32CubeProgrammer/bin",
        "/opt/st/stm32cubeclt_*/STM32CubeProgrammer/bin",
        "/Applications/STMicroelectronics/STM32Cube/STM32CubeProgrammer/STM32CubeProgrammer.app/Contents/MacOs/bin",
        "C:/Program Files/STMicroelectronics/STM32Cube/STM32CubeProgrammer/bin",
        "C:/ST/STM32CubeCLT*/STM32CubeProgrammer/bin",
    ),
    "arm-none-eabi-gcc": (
        "/opt/st/stm32cubeclt_*/GNU-tools-for-STM32/bin",
        "C:/ST/STM32CubeCLT*/GNU-tools-for-STM32/bin",
        "/Applications/ArmGNUToolchain/*/arm-none-eabi/bin",
        "C:/Program Files*/Arm GNU Toolchain arm-none-eabi/*/bin",
    ),
    "STM32CubeN6": ("~/STM32CubeN6", "~/STM32Cube/Repository/STM32Cube_FW_N6_V*"),
    "ST Edge AI Core": (
        "/opt/ST/STEdgeAI/*",
        "~/ST/STEdgeAI/*",
        "C:/ST/STEdgeAI/*",
        "~/STM32Cube/Repository/Packs/STMicroelectronics/X-CUBE-AI/*",
    ),
}
"""where installers put things; patterns"""

SOURCES: Final = {
    "arm-none-eabi-gcc": "install gcc-arm-none-eabi and libnewlib-arm-none-eabi (Debian, Ubuntu), the Arm GNU Toolchain, or STM32CubeCLT "
    "from ST's page of this name",
    "cmake": "pip install cmake",
    "ninja": "pip install ninja",
    "STM32CubeN6": "git clone --recurse-submodules https://github.com/STMicroelectronics/STM32CubeN6, or load it with STM32CubeMX; "
    f"set {CUBE_N6} if it is elsewhere",
    "ST Edge AI Core": f"install STEdgeAI-Core from ST's page of this name; set {EDGE_AI} to the folder that holds Middlewares/ST/AI if it "
    "is elsewhere",
    "stedgeai": "it is a part of STEdgeAI-Core, from ST's page of this name, in its folder Utilities; or run stedgeai generate elsewhere, "
    "and pass its output folder instead of the model",
    "STM32_Programmer_CLI": f"install STM32CubeProg from ST's page of this name; set {PROGRAMMER} to its bin folder if it is elsewhere",
    "STM32_SigningTool_CLI": "it is a part of STM32CubeProg 2.18 or newer, from ST's page of this name; "
    f"set {PROGRAMMER} to its bin folder if it is elsewhere",
}


class Missing:
    """Collects what is missing, so that one message names all of it."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def need(self, name: str, found: Path | None) -> Path:
        """Notes what was not found; the result is of use only after :meth:`check`."""
        if found is None:
            self._lines.append(f"{name} was not found; {SOURCES[name]}")
        return found or Path(name)

    def check(self) -> None:
        """Ends the collection.

        Raises:
            ToolError: something is missing.
        """
        if self._lines:
            raise ToolError("\n".join(self._lines))


def program(name: str, folders: Iterable[str] = ()) -> Path | None:
    """A program on the search path, next to Python (where pip installs programs), or in one of these folders."""
    beside = str(Path(sys.executable).parent)
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), beside])
    for place in (path, *map(str, _expand(folders))):
        if found := shutil.which(name, path=place):
            return Path(found)
    return None


def _expand(patterns: Iterable[str]) -> Iterator[Path]:
    """Existing places, for each pattern the newest version first."""
    for pattern in patterns:
        for found in sorted(glob.glob(str(Path(pattern).expanduser())), reverse=True):
            yield Path(found)


def compiler() -> Path | None:
    """``arm-none-eabi-gcc``."""
    return program("arm-none-eabi-gcc", FOLDERS["arm-none-eabi-gcc"])


def cube_n6(folder: Path | None) -> Path | None:
    """STM32CubeN6.

    Raises:
        BadInput: the given folder is something else.
    """
    return _package(folder, CUBE_N6, "STM32CubeN6 with its submodules", HAL, _expand(FOLDERS["STM32CubeN6"]))


def edge_ai(folder: Path | None, compilers: Iterable[str]) -> Path | None:
    """ST Edge AI Core, of several the first whose runtime is that of one of these compilers.

    Raises:
        BadInput: the given folder is something else.
    """
    from n6link.registry import runtime_version

    beside = program("stedgeai")
    near = beside.resolve().parents if beside else ()
    places = [place for place in (*near, *_expand(FOLDERS["ST Edge AI Core"])) if (place / ATON).is_file()]
    wanted = set(compilers)
    places.sort(key=lambda place: runtime_version(place / ATON) not in wanted)
    return _package(folder, EDGE_AI, "ST Edge AI Core", ATON, places)


def _package(folder: Path | None, variable: str, name: str, file: str, places: Iterable[Path]) -> Path | None:
    given = folder or (Path(os.environ[variable]) if os.environ.get(variable) else None)
    if given is not None:
        given = given.expanduser().resolve()
        if not (given / file).is_file():
            raise BadInput(f"{str(given)!r} has no {file}; use the folder of {name} (option or {variable})")
        return given
    return next((place.resolve() for place in places if (place / file).is_file()), None)


def stedgeai(core: Path | None) -> Path | None:
    """The program of ST Edge AI Core."""
    return program("stedgeai", [str(core / "Utilities" / "*")] if core else ())


@dataclass(frozen=True, slots=True)
class Programmer:
    """STM32CubeProgrammer's two programs."""

    cli: Path
    signing: Path

    def loader_path(self, board: Board) -> Path:
        """Where the file should be that STM32CubeProgrammer programs a board's flash with; always absolute if it exists."""
        # Programs on the search path may be links: the loaders are where they lead to.
        places = [cli.parent / "ExternalLoader" / board.external_loader for cli in (self.cli, self.cli.resolve())]
        return next((place.absolute() for place in places if place.is_file()), places[0])

    def external_loader(self, board: Board) -> Path:
        """The file that STM32CubeProgrammer programs a board's flash with.

        Raises:
            ToolError: it is missing.
        """
        path = self.loader_path(board)
        if not path.is_file():
            raise ToolError(
                f"there is no external loader {path}; install STM32CubeProg 2.18 or newer from ST's page of this name, or set "
                f"{PROGRAMMER} to the bin folder of another installation"
            )
        return path


def programmer(missing: Missing, folder: Path | None) -> Programmer:
    """STM32CubeProgrammer; what is missing of it is noted."""
    given = folder or (Path(os.environ[PROGRAMMER]) if os.environ.get(PROGRAMMER) else None)

    def find(name: str) -> Path | None:
        if given is not None:
            found = shutil.which(name, path=str(given.expanduser()))
            return Path(found) if found else None
        return program(name, FOLDERS["STM32CubeProg"])

    return Programmer(
        cli=missing.need("STM32_Programmer_CLI", find("STM32_Programmer_CLI")),
        signing=missing.need("STM32_SigningTool_CLI", find("STM32_SigningTool_CLI")),
    )
