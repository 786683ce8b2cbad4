"""Building the STM32N6 port: against its stand-ins, and against a tree that is laid out as ST's packages are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

FIRMWARE: Final = Path(__file__).resolve().parents[1] / "firmware"
PORT: Final = FIRMWARE / "ports" / "stm32n6"
STUBS: Final = PORT / "stubs"
BOARDS: Final = ("stm32n6570-dk", "nucleo-n657x0-q")

_PATH: Final = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
_PACKAGES: Final = ("STM32CUBE_N6_DIR", "STEDGEAI_CORE_DIR", "TINYUSB_DIR", "CFLAGS")


def cmake(*arguments: str | Path, cflags: str = "") -> subprocess.CompletedProcess[str]:
    """Runs CMake in the firmware's folder, without the packages that the environment may name."""
    environment = {name: value for name, value in os.environ.items() if name not in _PACKAGES}
    program = shutil.which("cmake", path=_PATH) or "cmake"
    return subprocess.run(
        [program, *map(str, arguments)],
        cwd=FIRMWARE,
        env={**environment, "PATH": _PATH, **({"CFLAGS": cflags} if cflags else {})},
        capture_output=True,
        text=True,
        check=False,
    )


def build(folder: Path, board: str, *settings: str, cflags: str = "") -> tuple[Path, str]:
    """Builds a board's preset in a folder; returns where its images are, and what was printed."""
    configured = cmake("--preset", board, "-B", folder, *settings, cflags=cflags)
    assert configured.returncode == 0, configured.stdout[-4000:] + configured.stderr[-4000:]
    built = cmake("--build", folder, "-j2")
    assert built.returncode == 0, built.stdout[-4000:] + built.stderr[-4000:]
    return folder / "ports" / "stm32n6", configured.stdout + built.stdout


def _names(variable: str) -> list[str]:
    """The names of a foreach loop of vendor.cmake."""
    match = re.search(rf"foreach\(({variable}) ([^)]*)\)", (PORT / "vendor.cmake").read_text())
    assert match is not None
    return match[2].split()


def packages(root: Path, *, board: str = BOARDS[0], runtime: int = 10103) -> list[str]:
    """Lays out stand-ins as STM32CubeN6 and ST Edge AI Core are; returns the settings that name them."""
    drivers, ai = root / "cube" / "Drivers", root / "edgeai" / "Middlewares" / "ST" / "AI"
    hal, device = drivers / "STM32N6xx_HAL_Driver", drivers / "CMSIS" / "Device" / "ST" / "STM32N6xx"
    empty = [hal / "Src" / f"stm32n6xx_hal_{name}.c" for name in _names("module")]
    empty += [device / "Source" / "Templates" / "system_stm32n6xx_fsbl.c", device / "Include" / "stm32n6xx.h"]
    empty += [drivers / "CMSIS" / "Core" / "Include" / "core_cm55.h", ai / "Inc" / "ai.h"]
    if board == BOARDS[0]:
        bsp, flash = drivers / "BSP" / "STM32N6570-DK", "mx66uw1g45g"
        empty += [bsp / "stm32n6570_discovery.c", bsp / "stm32n6570_discovery_xspi.c"]
        empty += [drivers / "BSP" / "Components" / "aps256xx" / "aps256xx.c"]
    else:
        bsp, flash = drivers / "BSP" / "STM32N6xx_Nucleo", "mx25um51245g"
        empty += [bsp / "stm32n6xx_nucleo.c", bsp / "stm32n6xx_nucleo_xspi.c"]
    empty += [drivers / "BSP" / "Components" / flash / f"{flash}.c", drivers / "BSP" / "Components" / "Common" / "x.h"]
    empty += [ai / "Npu" / "Devices" / "STM32N6XX" / name for name in ("mcu_cache.c", "npu_cache.c")]
    for path in empty:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    shutil.copytree(STUBS / "hal", hal / "Inc")
    shutil.move(hal / "Inc" / "hal.c", hal / "Src" / "stm32n6xx_hal.c")
    shutil.copytree(STUBS / "aton", ai / "Npu" / "ll_aton")
    shutil.move(ai / "Npu" / "ll_aton" / "runtime.c", ai / "Npu" / "ll_aton" / "ll_aton_runtime.c")
    numbers = zip(
        ("MAJOR", "MINOR", "MICRO", "DEV"), (runtime // 10000, runtime // 100 % 100, runtime % 100, 0), strict=True
    )
    version = "".join(f"#define LL_ATON_VERSION_{name} {number}\n" for name, number in numbers)
    header = f'#pragma once\n#define N6_STUB_ATON {runtime}\n#define LL_ATON_VERSION_NAME "stand-in"\n{version}'
    (ai / "Npu" / "ll_aton" / "ll_aton_version.h").write_text(header)
    library = ai / "Lib" / "GCC" / "ARMCortexM55"
    library.mkdir(parents=True)
    for name in ("NetworkRuntime1020_CM55_GCC.a", "NetworkRuntime1020_CM55_GCC_PIC.a"):
        subprocess.run(["arm-none-eabi-ar", "qc", str(library / name)], check=True)
    return [
        f"-DSTM32CUBE_N6_DIR={root / 'cube'}",
        f"-DSTEDGEAI_CORE_DIR={root / 'edgeai'}",
        "-DN6LINK=N6LINK-NOTFOUND",
        f"-DPython3_EXECUTABLE={sys.executable}",
    ]
