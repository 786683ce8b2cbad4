"""The STM32N6 port on the host: npu/ll_aton.c and main.c as they are, with stand-ins for the runtime and for the board."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import board_files
import m55
import numpy as np
import pytest

from n6link.device import N6Device
from n6link.doctor import Trouble, examine
from n6link.epochs.timers import EpochBlock
from n6link.errors import DeviceError, N6Error
from n6link.protocol import CheckState, EpochKind, Feature, MessageType, Status, TimerSource, records
from n6link.registry import read_network, write_c
from n6link.tensors.golden import Golden, write_golden

pytestmark = [
    pytest.mark.gcc,
    pytest.mark.skipif(os.name != "posix", reason="needs unix sockets"),
]
FIRMWARE: Final = board_files.FIRMWARE
OPTIONS: Final = (
    *("-std=gnu11", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
    *("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-DLL_ATON_EB_DBG_INFO"),
    *m55.CORE_INCLUDES,
    *(f"-I{FIRMWARE / 'npu'}", f"-I{board_files.STUBS / 'aton'}"),
)
RUNTIME: Final = (FIRMWARE / "npu" / "ll_aton.c", board_files.STUBS / "aton" / "runtime.c")
NETWORK: Final = board_files.STUBS / "network"
INPUT: Final = np.arange(192, dtype=np.uint8).reshape(1, 8, 8, 3)
OUTPUT: Final = (np.arange(32, dtype=np.float32) / 2).reshape(1, 4, 4, 2)


def compiled(program: Path, sources: Sequence[Path], *options: str) -> Path:
    """Compiles a program with sanitizers."""
    subprocess.run(["gcc", *OPTIONS, *options, *map(str, sources), "-o", str(program)], check=True)
    return program


# ------------------------------------------------------------------------------------------ ll_aton.c alone


@pytest.mark.parametrize("runtime", [10100, 10103])
@pytest.mark.parametrize("blocks", [4, 5, 6])
def test_networks_on_ll_aton(tmp_path: Path, runtime: int, blocks: int) -> None:
    sources = [*RUNTIME, NETWORK / "network.c", board_files.PORT / "test" / "test_ll_aton.c"]
    program = compiled(tmp_path / "test", sources, f"-DN6_STUB_ATON={runtime}", f"-DTINY_BLOCKS={blocks}")
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# ------------------------------------------------------------------------------------------ main.c as well


def linked(folder: Path, registry: Path) -> Path:
    """The firmware of a board, with a unix socket as its link."""
    port = board_files.PORT
    sources = [*sorted((FIRMWARE / "core").glob("*/*.c")), *RUNTIME, NETWORK / "network.c", registry]
    sources += [port / "main.c", port / "text.c", port / "test" / "host_board.c"]
    options = (f"-I{port}", '-DN6_BUILD="build"', '-DN6_FIRMWARE="0.1.0"')
    return compiled(folder / "board", sources, *options)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The firmware with the registry of the stand-ins."""
    return linked(tmp_path_factory.mktemp("host"), NETWORK / "registry.c")


@contextmanager
def board(program: Path, folder: Path, **settings: str) -> Iterator[str]:
    """Runs the firmware; its URL."""
    socket = folder / "link"
    environment = {
        **os.environ,
        "N6_TEST_SOCKET": str(socket),
        **{f"N6_TEST_{k.upper()}": v for k, v in settings.items()},
    }
    with subprocess.Popen([str(program)], env=environment, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"listening\n"
            yield f"unix:{socket}"
        finally:
            process.kill()


async def test_the_rate_of_the_line(program: Path, tmp_path: Path) -> None:
    with board(program, tmp_path) as url:
        async with N6Device(url) as dev:
            assert (dev.info.baud, Feature.RATE in dev.info.features) == (4_000_000, True)
            for baud in (5_000_000, 4_000_000):
                now = 0
                for _ in range(5):  # after a second without a frame the board has its first rate again
                    await dev.connection.ask(MessageType.RATE, records.Rate(baud=baud).pack())
                    now = records.InfoReply.unpack(await dev.connection.ask(MessageType.INFO)).baud
                    if now == baud:
                        break
                assert now == baud
            with pytest.raises(DeviceError) as refused:
                await dev.connection.ask(MessageType.RATE, records.Rate(baud=20_000_000).pack())
            assert refused.value.value == 12_500_000


async def test_an_inference_and_all_that_is_known_of_the_network(program: Path, tmp_path: Path) -> None:
    with board(program, tmp_path) as url:
        async with N6Device(url) as dev:
            network = dev["tiny"]
            for _ in range(3):
                result = await network.run(INPUT)
                np.testing.assert_array_equal(result.outputs["Dequantize_4_out_0"], OUTPUT)
            assert network.epochs.blocks[0] == EpochBlock(0, EpochKind.EC, 1, 3, "", 300, 330)
            labels = [block.label for block in network.epochs.blocks]
            assert labels == ["EC 1-3", "SW 4 DequantizeLinear", "HYBRID 5 Softmax", "HW 6", "EC 7"]
            assert [(pool.name, pool.used) for pool in network.pools] == [("npuRAM5", 448), ("octoFlash", 2048)]
            assert 'keypoints = ["left", "right"]' in network.info.card_text
            assert "is not heatmaps" in network.info.card_problem, (
                "the outputs of this network are not those of its card"
            )
            assert result.epochs is not None
            assert result.epochs.source is TimerSource.DWT_CYCLES
            assert (result.epochs.total > 0).all()
            starts = result.epochs.ticks[:, 0]
            assert (np.diff(starts.astype(np.int64)) > 0).all()


async def test_the_board_tells_what_it_is(program: Path, tmp_path: Path) -> None:
    with board(program, tmp_path) as url:
        async with N6Device(url) as dev:
            info = dev.info
            assert (info.board, info.firmware, info.build) == ("host", "0.1.0", "build")
            assert info.runtime.startswith("LL_ATON stand-in; flash runs at a quarter; the CPU does not sleep")
            assert info.fault_record == "kept over the restart"
            assert info.boot_nonce == 42
            (region,) = info.memory
            assert (region.name, region.total) == ("AXISRAM1", 65536)
            assert info.ram_free == region.total - region.used
            assert Feature.ZERO_COPY not in info.features
            assert (info.slots, info.results) == (4, 4)


async def test_memory_is_divided_into_as_many_pairs_as_fit(program: Path, tmp_path: Path) -> None:
    with board(program, tmp_path, memory="15500") as url:
        async with N6Device(url) as dev:
            assert dev.info.slots == dev.info.results == 2
            result = await dev["tiny"].run(INPUT)
            np.testing.assert_array_equal(result.outputs["Dequantize_4_out_0"], OUTPUT)


async def test_a_host_after_the_other(program: Path, tmp_path: Path) -> None:
    with board(program, tmp_path) as url:
        for _ in range(3):
            async with N6Device(url) as dev:
                result = await dev["tiny"].run(INPUT)
                np.testing.assert_array_equal(result.outputs["Dequantize_4_out_0"], OUTPUT)


async def test_the_link_goes_on_while_the_npu_works(program: Path, tmp_path: Path) -> None:
    with board(program, tmp_path, latency="200") as url:
        async with N6Device(url) as dev:
            answered = attempts = 0
            while answered <= 5:  # a computer that pauses may miss most of a run
                attempts += 1
                assert attempts < 50
                task = asyncio.create_task(dev["tiny"].run(INPUT))
                answered = 0
                while not task.done():
                    await dev.ping()
                    answered += 1
                np.testing.assert_array_equal((await task).outputs["Dequantize_4_out_0"], OUTPUT)


async def test_cancelling_stops_at_the_end_of_a_block(program: Path, tmp_path: Path) -> None:
    with board(program, tmp_path, latency="300") as url:
        async with N6Device(url) as dev:
            task = asyncio.create_task(dev["tiny"].run(INPUT))
            while (await dev.stats()).queue < 1:  # the first one that is queued starts immediately
                if task.done():  # this computer has paused; the next one
                    task = asyncio.create_task(dev["tiny"].run(INPUT))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            result = await dev["tiny"].run(INPUT)
            np.testing.assert_array_equal(result.outputs["Dequantize_4_out_0"], OUTPUT)


async def test_an_npu_that_never_finishes_is_a_fault(program: Path, tmp_path: Path) -> None:
    with board(program, tmp_path, latency="4294967295") as url:
        async with N6Device(url) as dev:
            for _ in range(2):
                with pytest.raises(DeviceError) as caught:
                    await dev["tiny"].run(INPUT, timeout=20)
                assert (caught.value.status, caught.value.value) == (Status.NPU_FAULT, 4)
            await dev.ping()


@pytest.mark.parametrize("right", [True, False])
async def test_a_stored_input_is_checked_at_start_and_when_asked(tmp_path: Path, right: bool) -> None:
    place = Path(shutil.copytree(NETWORK, tmp_path / "network"))
    digest = zlib.crc32(OUTPUT.tobytes())
    plain = read_network("tiny", place)
    golden = Golden({plain.source.inputs[0].name: INPUT}, {"Dequantize_4_out_0": OUTPUT}, {"Dequantize_4_out_0": 0.0})
    write_golden(place / "network.golden.npz", replace(golden, checked=(plain.digest, digest ^ (not right))))
    registry = tmp_path / "registry.c"
    registry.write_text(write_c([read_network("tiny", place)]))
    with board(linked(tmp_path, registry), tmp_path) as url:
        async with N6Device(url) as dev:
            remark = "; tiny: not the outputs that a checked board gives" in dev.info.runtime
            assert remark is not right
            seen = await dev["tiny"].check()
            assert seen.digest == digest
            assert seen.state is (CheckState.SAME if right else CheckState.DIFFERENT)
            result = await dev["tiny"].run(INPUT)
            np.testing.assert_array_equal(result.outputs["Dequantize_4_out_0"], OUTPUT)
        found = await examine(url)
        assert found.checks["tiny"].state is seen.state
        assert right or (found.findings[0].trouble is Trouble.WRONG_OUTPUTS and "'tiny'" in found.verdict)


DK: Final = "STM32N6570-DK"


@pytest.mark.parametrize(
    ("settings", "trouble", "sentence"),
    [
        ({"name": DK, "mhz": "600"}, Trouble.WRONG_CLOCK, "the CPU runs at 600 MHz, and not at 800 MHz"),
        (
            {"name": DK, "mhz": "800", "voltage": "1"},
            Trouble.WRONG_CLOCK,
            "800 MHz at nominal core voltage, and not at",
        ),
        ({"hz": "2000000000"}, Trouble.WRONG_CLOCK, "% slower than the rate that it reports"),
        ({"latency": "40"}, None, "tiny is limited by the network itself"),
        ({"name": DK, "mhz": "800", "voltage": "2"}, None, "the board is healthy; tiny is limited by"),
    ],
    ids=["CPU", "voltage", "clock", "slow NPU", "healthy"],
)
async def test_the_doctor_of_a_board(
    program: Path,
    tmp_path: Path,
    busy_computer: None,
    settings: dict[str, str],
    trouble: Trouble | None,
    sentence: str,
) -> None:
    with board(program, tmp_path, **settings) as url:
        found = await examine(url)
    assert sentence in found.verdict
    assert found.healthy is (trouble is None)
    assert trouble in (None, found.findings[0].trouble)
    assert Trouble.REMARK in [finding.trouble for finding in found.findings]


async def test_a_network_without_a_stored_input_is_not_checked(program: Path, tmp_path: Path) -> None:
    with board(program, tmp_path) as url:
        async with N6Device(url) as dev:
            assert Feature.CHECK not in dev.info.features
            with pytest.raises(DeviceError) as caught:
                await dev["tiny"].check()
            assert caught.value.status == Status.UNSUPPORTED


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"failure": "PSRAM does not answer"}, b"PSRAM does not answer\r\n"),
        ({"memory": "9000"}, b"the networks do not fit into memory, bytes missing: "),
    ],
)
async def test_what_keeps_a_board_from_starting_is_told_as_text(
    program: Path, tmp_path: Path, settings: dict[str, str], text: bytes
) -> None:
    with board(program, tmp_path, **settings) as url:
        reader, writer = await asyncio.open_unix_connection(url.removeprefix("unix:"))
        assert (await reader.readline()).startswith(text)
        writer.close()
        await writer.wait_closed()
        with pytest.raises(N6Error):
            async with N6Device(url, timeout=0.5):
                pass
