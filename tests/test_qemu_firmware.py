"""The firmware on the emulated Cortex-M55, through the public API: what is special about this port.

What every device has to do is tested by the suite that runs on all of them.
"""

from __future__ import annotations

import asyncio
import importlib
import random
import re
import sys
from pathlib import Path
from typing import Any, Final

import anyio
import m55
import numpy as np
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream

from n6link.device import N6Device
from n6link.errors import DeviceRebooted
from n6link.link import frames
from n6link.link.link import FLUSH
from n6link.protocol import EpochKind, Feature, Flag, MessageType, ResetCause, Status, TimerSource, records

sys.path.insert(0, str(m55.FIRMWARE / "npu"))
sys.path.insert(0, str(Path(__file__).parent))
networks: Any = importlib.import_module("reference_networks")
model: Any = importlib.import_module("test_reference")

pytestmark = pytest.mark.qemu
FAULT: Final = np.zeros((1, 48, 48, 3), dtype=np.int8)
FAULT.reshape(-1)[:5] = list(b"FAULT")


@pytest.fixture(
    params=[
        pytest.param("qemu", marks=pytest.mark.arm_gcc),
        pytest.param("qemu-clang", marks=m55.needs_second_compiler),
    ]
)
def url(request: pytest.FixtureRequest) -> str:
    """The firmware of each compiler."""
    return f"qemu:{m55.build(request.param) / 'n6qemu.elf'}"


@pytest.fixture
def faulty() -> Path:
    """A firmware that causes a fault on request."""
    return m55.build("qemu") / "n6qemu_fault.elf"


async def test_outputs_are_those_of_the_definition(url: str) -> None:
    async with N6Device(url) as dev:
        assert list(dev.networks) == ["reference", "reference_colour"]
        for network in networks.networks():
            for inputs in model.noise(network, seed=7, count=2)[:3]:
                arrays = {x.name: value.astype(np.int8) for x, value in zip(network.inputs, inputs, strict=True)}
                result = await dev[network.name].run(arrays)
                for tensor, wanted in zip(network.outputs, model.evaluate(network, inputs), strict=True):
                    np.testing.assert_array_equal(result.outputs[tensor.name], wanted)


async def test_markers_become_a_pose_in_pixels_of_the_picture(url: str) -> None:
    picture = np.zeros((96, 96, 3), dtype=np.uint8)
    places = {"red": (30, 20), "blue": (70, 40), "yellow": (20, 76)}
    for colour, (x, y) in places.items():
        picture[y - 7 : y + 7, x - 7 : x + 7] = model.RGB[colour]
    async with N6Device(url) as dev:
        result = await dev["reference"].run(picture)
    (pose,) = result.decode()
    assert pose.names == networks.COLOURS
    for name, (x, y, score) in zip(pose.names, pose.keypoints, strict=True):
        if name in places:
            assert abs(x - places[name][0]) <= 8 and abs(y - places[name][1]) <= 8
            assert score > 0.4
        else:
            assert score < 0.1


async def test_times_are_instruction_counts_and_repeat(url: str) -> None:
    image = np.full((1, 48, 48, 3), 5, dtype=np.int8)
    async with N6Device(url) as dev:
        assert dev.info.timer_source == TimerSource.INSTRUCTION_COUNT
        assert Feature.SIMULATED in dev.info.features
        timers = [(await dev["reference"].run({"image": image})).epochs for _ in range(3)]
    for epochs in timers:
        assert epochs is not None
        assert epochs.source == TimerSource.INSTRUCTION_COUNT
        pre, core, post = epochs.ticks[:, 1:].astype(np.int64).T
        software = np.array([block.kind == EpochKind.SW for block in epochs.table.blocks])
        assert (post[software] > 1000).all() and not core[software].any() and not pre[software].any()
        assert (core[~software] > 1000).all() and not post[~software].any()
    first, *others = [np.asarray(epochs.ticks[:, 1:], dtype=np.int64) for epochs in timers if epochs]
    for other in others:  # an interrupt may fall into a block: a few hundred instructions
        assert np.abs(other - first).max() < 3000


async def test_restart_is_a_real_one(url: str) -> None:
    async with N6Device(url) as dev:
        before = dev.info
        await dev.ping()
        await dev.reset(restart=True)
        after = dev.info
        assert before.reset_cause == ResetCause.POWER_ON
        assert after.reset_cause == ResetCause.SOFTWARE
        assert after.boot_nonce != before.boot_nonce
        assert not after.fault_record
        result = await dev["reference"].run(np.zeros((48, 48, 3), dtype=np.uint8))
        assert result.outputs["heatmaps"].shape == (1, 12, 12, 6)


async def test_two_boards_differ(url: str) -> None:
    async with N6Device(url) as one, N6Device(url) as other:
        assert one.info.boot_nonce != other.info.boot_nonce


async def test_memory_and_stack_are_told(url: str) -> None:
    async with N6Device(url) as dev:
        await dev["reference"].run(np.zeros((48, 48, 3), dtype=np.uint8))
        regions = {region.name: region for region in dev.info.memory}
        (arena, constants) = dev["reference"].pools
    assert set(regions) == {"ITCM", "DTCM", "stack"}
    assert all(0 < region.used < region.total for region in regions.values())
    assert regions["stack"].total == 16384
    assert 0x20000000 <= arena.base < 0x20080000
    assert 0 < constants.base < 0x80000


@pytest.mark.arm_gcc
async def test_a_flood_larger_than_the_receive_ring_loses_nothing(tmp_path: Path) -> None:
    """Three times the ring in one write: the requests after it are answered immediately."""
    noise = random.Random(1).randbytes(24000)
    with m55.board(m55.build("qemu") / "n6qemu.elf", tmp_path) as (url, errors):
        async with await anyio.connect_unix(url.removeprefix("unix:")) as line:
            await line.send(noise + frames.pack(MessageType.PING, 1, records.Ping(host_time=5).pack()))
            answer = await BufferedByteReceiveStream(line).receive_exactly(12 + records.ErrorReply.SIZE)
        assert answer[:4] == b"n6" + bytes([MessageType.ERROR, Flag.REPLY])
        assert records.ErrorReply.unpack(answer[12:]).status == Status.NO_SESSION
        async with N6Device(url) as dev:
            assert dev.info.reset_cause == ResetCause.POWER_ON
            flushes = (await dev.stats()).link.skipped - len(noise)  # one, and one more for each repeated HELLO
            assert flushes > 0 and flushes % len(FLUSH) == 0
        assert "exc=" not in errors.read_text()


@pytest.mark.arm_gcc
async def test_a_fault_restarts_the_board_and_is_reported(faulty: Path, tmp_path: Path) -> None:
    picture = np.zeros((48, 48, 3), dtype=np.uint8)
    with m55.board(faulty, tmp_path) as (url, errors):
        for _ in range(4):  # more than the faults in a row that it takes: it answers in between
            async with N6Device(url) as dev:
                await dev["reference"].run(picture)
                with pytest.raises(DeviceRebooted):
                    await dev["reference"].run({"image": FAULT})
            async with N6Device(url) as dev:
                assert dev.info.reset_cause == ResetCause.FAULT
                assert re.fullmatch(r"usage exc=00000006 pc=\w{8} .* cfsr=00010000 .*", dev.info.fault_record)
                assert errors.read_text().splitlines()[-1] == dev.info.fault_record
                await dev.reset(restart=True)
                after = dev.info
            assert after.reset_cause == ResetCause.SOFTWARE
            assert not after.fault_record


@pytest.mark.arm_gcc
async def test_faults_that_do_not_end_have_an_exit_code(tmp_path: Path) -> None:
    """A program that faults before anything else: it is started again twice, then QEMU ends with the record."""
    source = tmp_path / "faulty.c"
    source.write_text("int main(void) { return *(volatile int *)0xF0000000; }")
    m55.compile_hosted([source], tmp_path / "faulty.elf")
    done = await asyncio.to_thread(m55.emulate, tmp_path / "faulty.elf", folder=tmp_path)
    assert done.returncode == 70
    assert "bus exc=00000005" in done.stderr
    assert "bfar=f0000000" in done.stderr


@pytest.mark.arm_gcc
async def test_a_stack_overflow_is_a_fault(tmp_path: Path) -> None:
    source = tmp_path / "deep.c"
    source.write_text("""
        static int deep(int n) { volatile int here[64]; here[n & 63] = n; return n ? deep(n - 1) + here[n & 63] : 0; }
        int main(void) { return deep(1 << 20); }
    """)
    m55.compile_hosted([source], tmp_path / "deep.elf")
    done = await asyncio.to_thread(m55.emulate, tmp_path / "deep.elf", folder=tmp_path)
    assert done.returncode == 70
    assert "usage exc=00000006" in done.stderr
    assert "cfsr=00100000" in done.stderr
