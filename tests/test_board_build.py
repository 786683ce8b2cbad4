"""The STM32N6 port compiles and links, without ST's packages and with a tree that is laid out as they are.

Nothing here runs on a board. What the port does is tested on the host (test_board_port.py), as far as it needs no chip.
"""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Final

import board_files
import pytest
import st_tools
from typer.testing import CliRunner

from n6link.cli import app

COMPILER: Final = "arm-none-eabi-gcc"
pytestmark = pytest.mark.arm_gcc
VECTORS: Final = 16 + 195


@pytest.fixture(scope="module", params=board_files.BOARDS)
def check(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, str]:
    """A board, the folder of its check, and what building it printed."""
    folder, text = board_files.build(tmp_path_factory.mktemp("check"), request.param)
    return request.param, folder, text


def tool(name: str, *arguments: str | Path) -> str:
    """Output of a program of the compiler."""
    command = [f"arm-none-eabi-{name}", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def symbols(elf: Path) -> dict[str, int]:
    """Addresses of an image's symbols."""
    return {line.split()[2]: int(line.split()[0], 16) for line in tool("nm", "--defined-only", elf).splitlines()}


def test_a_check_says_that_it_is_no_image(check: tuple[str, Path, str]) -> None:
    board, folder, text = check
    assert "compile and link check only, no board image" in text
    assert (
        f"check-{board}.elf is a compile and link check against stand-ins for ST's packages, not a board image." in text
    )
    assert [path.name for path in folder.glob("*.elf")] == [f"check-{board}.elf"]
    assert not [*folder.glob("*.bin"), *folder.glob("*.hex")]


def test_vectors_stack_and_memory(check: tuple[str, Path, str], tmp_path: Path) -> None:
    board, folder, _ = check
    elf = folder / f"check-{board}.elf"
    names = symbols(elf)
    tool("objcopy", "-O", "binary", elf, tmp_path / "image.bin")
    vectors = struct.unpack_from(f"<{VECTORS}I", (tmp_path / "image.bin").read_bytes())
    assert names["g_pfnVectors"] == 0x34000400
    assert names["g_pfnVectors"] % 1024 == 0
    assert names["__exidx_start"] < names["__exidx_end"], "what a C library's unwinder looks for"
    assert vectors[0] == names["_estack"] == 0x34100000
    handlers = {1: "Reset_Handler", 2: "HardFault_Handler", 3: "HardFault_Handler", 15: "SysTick_Handler"}
    for number, name in handlers.items():
        assert vectors[number] == names[name] | 1, name
    used = {vector & ~1 for vector in vectors[16:] if vector}
    assert used == {
        names[name]
        for name in ("NPU0_IRQHandler", "USART1_IRQHandler", "GPDMA1_Channel0_IRQHandler", "GPDMA1_Channel1_IRQHandler")
    }
    assert names["_ebss"] <= names["_n6_inner"] < names["_sstack"] < names["_estack"]
    assert names["_n6_outer_end"] - names["_n6_outer"] == (16 << 20 if board == "stm32n6570-dk" else 0)


def test_nothing_is_loaded_over_what_survives_a_reset(check: tuple[str, Path, str]) -> None:
    board, folder, _ = check
    sections = tool("objdump", "-h", folder / f"check-{board}.elf")
    match = re.search(r"\.noinit +([0-9a-f]+) .*\n +([A-Z, ]+)", sections)
    assert match is not None
    assert int(match[1], 16) >= 192
    assert "LOAD" not in match[2]


def test_no_memory_is_allocated(check: tuple[str, Path, str]) -> None:
    board, folder, _ = check
    names = symbols(folder / f"check-{board}.elf")
    assert not {"malloc", "_malloc_r", "free", "calloc", "printf"} & names.keys()


def test_the_runtime_up_to_2_1(tmp_path: Path) -> None:
    folder, _ = board_files.build(tmp_path, "stm32n6570-dk", cflags="-DN6_STUB_ATON=10100")
    assert "LL_ATON_RT_SetEpochCallback" in symbols(folder / "check-stm32n6570-dk.elf")


@pytest.mark.parametrize("settings", [("-DN6_OVERDRIVE=OFF", "-DN6_BAUD=2764800")])
def test_settings(tmp_path: Path, settings: tuple[str, ...]) -> None:
    board_files.build(tmp_path, "nucleo-n657x0-q", *settings)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (("-DSTM32CUBE_N6_DIR=/nowhere",), "needs both STM32CUBE_N6_DIR and STEDGEAI_CORE_DIR"),
        (("-DN6_NETWORKS=movenet=/nowhere",), "need STM32CUBE_N6_DIR and STEDGEAI_CORE_DIR"),
        (("-DN6_USB=ON",), "N6_USB needs TINYUSB_DIR"),
        (("-DN6_BOARD=disco",), "it has to be stm32n6570-dk or nucleo-n657x0-q"),
        (("-DSTM32CUBE_N6_DIR=/", "-DSTEDGEAI_CORE_DIR=/nowhere"), "STEDGEAI_CORE_DIR: there is no folder '/nowhere'"),
        (("-DSTM32CUBE_N6_DIR=/", "-DSTEDGEAI_CORE_DIR=/"), "was not found: none of"),
    ],
)
def test_settings_that_do_not_add_up(tmp_path: Path, settings: tuple[str, ...], reason: str) -> None:
    done = board_files.cmake("--preset", "stm32n6570-dk", "-B", tmp_path, *settings)
    assert done.returncode != 0
    assert reason in " ".join(done.stderr.split())


# ------------------------------------------------------------------------------------------ with packages


@pytest.mark.parametrize("board", board_files.BOARDS)
def test_an_image_from_packages_and_networks(tmp_path: Path, board: str) -> None:
    """By `n6link firmware build`, whose other tests use a stand-in of CMake."""
    board_files.packages(tmp_path, board=board)
    generated = st_tools.network(tmp_path / "tiny", weights=True)
    words = [f"tiny={generated}", "--board", board, "-o", str(tmp_path / "made")]
    packages = ["--cube-n6", str(tmp_path / "cube"), "--edge-ai", str(tmp_path / "edgeai")]
    result = CliRunner().invoke(app, ["firmware", "build", *words, *packages])
    assert result.exit_code == 0, result.output
    assert "0x70380000       2048 bytes  tiny-octoFlash-0x70380000.bin" in result.output
    made = tmp_path / "made"
    elf, raw = made / f"n6link-{board}.elf", made / f"n6link-{board}.bin"
    assert raw.read_bytes()[:4] == struct.pack("<I", 0x34100000)
    assert "LL_ATON_RT_SetNetworkCallback" in symbols(elf)
    inner = made / "build" / board / "ports" / "stm32n6"
    assert (inner / f"n6link-{board}.hex").read_text().startswith(":02000004")
    assert '"tiny"' in (inner / "registry.c").read_text()


def test_a_folder_and_a_card_elsewhere(tmp_path: Path) -> None:
    settings = board_files.packages(tmp_path)
    shutil.copytree(board_files.STUBS / "network", tmp_path / "generated")
    (tmp_path / "generated" / "registry.c").unlink()
    (tmp_path / "card.toml").write_text('task = "pose-heatmap" # another\n')
    networks = [f"-DN6_NETWORKS=hands={tmp_path / 'generated'}", f"-DN6_CARDS=hands={tmp_path / 'card.toml'}"]
    folder, _ = board_files.build(tmp_path / "build", "stm32n6570-dk", *settings, *networks)
    text = (folder / "registry.c").read_text()
    assert '"hands"' in text
    assert "# another" in text


def test_a_network_of_another_compiler_ends_the_build_with_the_reason(tmp_path: Path) -> None:
    settings = board_files.packages(tmp_path, runtime=10100)
    network = f"-DN6_NETWORKS=tiny={board_files.STUBS / 'network' / 'network.c'}"
    configured = board_files.cmake("--preset", "stm32n6570-dk", "-B", tmp_path / "build", *settings, network)
    assert configured.returncode == 0, configured.stderr
    built = board_files.cmake("--build", tmp_path / "build")
    assert built.returncode != 0
    assert "was generated by compiler 1.1.3-0, but LL_ATON is 1.1.0-0" in " ".join(
        (built.stdout + built.stderr).split()
    )


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        ("tiny", "it has to be name=folder or name=file.c"),
        ("tiny={root}/cube", "must contain one generated network, but contains 0"),
    ],
)
def test_networks_that_are_none(tmp_path: Path, network: str, reason: str) -> None:
    settings = board_files.packages(tmp_path)
    network = network.format(root=tmp_path)
    done = board_files.cmake("--preset", "stm32n6570-dk", "-B", tmp_path / "b", *settings, f"-DN6_NETWORKS={network}")
    assert done.returncode != 0
    assert reason in " ".join(done.stderr.split())
