"""An image that does nothing but the start-up of one of ST's example applications, built from the example's own sources."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent / "test"
MODULES: Final = (
    *("", "_bsec", "_cacheaxi", "_cortex", "_dma", "_dma_ex", "_exti", "_gpio", "_i2c", "_i2c_ex", "_pwr", "_pwr_ex"),
    *("_ramcfg", "_rcc", "_rcc_ex", "_rif", "_uart", "_uart_ex", "_xspi"),
)
"""of the HAL"""
DEFINES: Final = (
    *("STM32N657xx", "USE_FULL_LL_DRIVER", "USE_DCACHE", "LL_ATON_SW_FALLBACK", "LL_ATON_DBG_BUFFER_INFO_EXCLUDED=1"),
    *(
        "LL_ATON_PLATFORM=LL_ATON_PLAT_STM32N6",
        "LL_ATON_OSAL=LL_ATON_OSAL_BARE_METAL",
        "LL_ATON_RT_MODE=LL_ATON_RT_ASYNC",
    ),
    "__int64_t_defined=1",
)
"""as in the example's Makefile; the last one is for newlib, as in ports/stm32n6/CMakeLists.txt"""
OPTIONS: Final = (
    *("-mcpu=cortex-m33", "-mthumb", "-mcmse", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16", "-Os", "-w", "-std=gnu11"),
    *("-fpermitted-flt-eval-methods=c11", "-ffunction-sections", "-fdata-sections"),
)


def build(application: Path, to: Path) -> Path:
    """Builds the image in a folder.

    Args:
        application: such as ``STM32N6-GettingStarted-PoseEstimation/Application/STM32N6570-DK``.
        to: an empty or new folder.

    Raises:
        FileNotFoundError: the folder does not have the parts of such an example.
        subprocess.CalledProcessError: it does not compile.
    """
    root = application.parents[1]
    drivers, middlewares = root / "STM32Cube_FW_N6" / "Drivers", root / "Middlewares"
    main = application / "Src" / "main.c"
    if not main.is_file() or not drivers.is_dir():
        raise FileNotFoundError(f"{application} is not the folder of an application of ST's GettingStarted examples")
    hal, cmsis, bsp = drivers / "STM32N6xx_HAL_Driver", drivers / "CMSIS", drivers / "BSP"
    boards = [folder for folder in bsp.iterdir() if (folder / _bsp_file(application)).is_file()]
    sources = [hal / "Src" / f"stm32n6xx_hal{name}.c" for name in MODULES]
    sources += [
        file
        for board in boards
        for file in board.glob("*.c")
        if file.stem.endswith(("discovery", "nucleo", "_bus", "_xspi"))
    ]
    components = [path.stem.removesuffix("_conf") for path in (application / "Inc").glob("*_conf.h")]
    sources += [file for name in components for file in (bsp / "Components" / name).glob("*.c")]
    sources += [application / "Src" / "app_fuseprogramming.c", HERE / "example.c"]
    sources += sorted(middlewares.rglob("npu_cache.c"))[:1]
    sources += sorted((cmsis / "Device").rglob("system_stm32n6xx_fsbl.c"))[:1]
    includes = [
        application / "Inc",
        hal / "Inc",
        cmsis / "Device/ST/STM32N6xx/Include",
        cmsis / "Include",
        cmsis / "DSP/Include",
    ]
    includes += [root / "STM32Cube_FW_N6" / "Utilities" / "lcd", *boards, *(bsp / "Components").iterdir()]
    includes += sorted({header.parent for header in middlewares.rglob("*.h")})
    command = ["arm-none-eabi-gcc", *OPTIONS, *(f"-D{name}" for name in DEFINES), f'-DN6_EXAMPLE="{main}"']
    command += [f"-I{folder}" for folder in includes]
    to.mkdir(parents=True, exist_ok=True)
    objects = []
    for source in sources:
        if source.is_file():
            objects.append(to / f"{source.stem}.o")
            subprocess.run([*command, "-c", str(source), "-o", str(objects[-1])], check=True)
    image = to / "example.elf"
    link = [
        "-nostartfiles",
        "--specs=nano.specs",
        "--specs=nosys.specs",
        "-Wl,--gc-sections",
        "-T",
        str(HERE / "example.ld"),
    ]
    link.append("-Wl,--no-warn-rwx-segments")
    subprocess.run([*command, *link, *map(str, objects), "-lm", "-o", str(image)], check=True)
    return image


def _bsp_file(application: Path) -> str:
    return "stm32n6570_discovery.c" if application.name.endswith("DK") else "stm32n6xx_nucleo.c"
