"""The models of firmware/emulation, with small programs of our own. ST's sources are not needed; `make emulate` runs with them."""

from __future__ import annotations

import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

pytest.importorskip("unicorn", reason="the dependency group emulation is not installed")
pytest.importorskip("elftools", reason="the dependency group emulation is not installed")

from emulation import clocks, failures, npu, small, start_diff, xspi
from emulation.board import FLASH, KINDS, Board, Image
from emulation.coherence import Coherence
from emulation.dma import Dma

if TYPE_CHECKING:
    from emulation.bus import Peripheral

SOURCES: Final = Path(__file__).resolve().parents[1] / "firmware" / "emulation" / "test"
TICKS, FAULT, NPU, ECHO, WATCHDOG, SHARED, EVENTS, RATE = range(8)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The program, for a Cortex-M33 without Helium."""
    elf = tmp_path_factory.mktemp("emulation") / "program.elf"
    options = ["-mcpu=cortex-m33", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16", "-O1", "-ffreestanding"]
    options += ["-Wall", "-Wextra", "-Werror", "-nostdlib", "-T", str(SOURCES / "program.ld")]
    subprocess.run(["arm-none-eabi-gcc", *options, str(SOURCES / "program.c"), "-o", str(elf)], check=True)
    return Image(elf)


def started(image: Image, mode: int, **words: int) -> Board:
    board = Board(KINDS["nucleo-n657x0-q"], image)
    board.cpu.uc.mem_write(image.symbols["mode"], struct.pack("<I", mode))
    for name, value in words.items():
        board.cpu.uc.mem_write(image.symbols["result"] + 4 * int(name[1:]), struct.pack("<I", value))
    return board


def results(board: Board) -> tuple[int, ...]:
    return struct.unpack("<8I", board.cpu.uc.mem_read(board.image.symbols["result"], 32))


# ------------------------------------------------------------------------------------------ programs


@pytest.mark.arm_gcc
def test_interrupts_return_to_where_they_came_and_keep_the_fpu(image: Image) -> None:
    board = started(image, TICKS)
    board.run(0.1, lambda: results(board)[2] != 0)
    count, doubled, total, *_ = results(board)
    assert total == sum(i & 7 for i in range(20000))
    assert count > 10
    assert doubled == 2 * (count - 1)


@pytest.mark.arm_gcc
def test_a_read_that_nothing_answers_is_a_hard_fault_with_its_address(image: Image) -> None:
    board = started(image, FAULT)
    board.run(0.01)
    assert results(board)[:3] == (1 << 15 | 1 << 9, 0x2000_0000, 0)
    assert board.cpu.taken[3] == 1


@pytest.mark.arm_gcc
@pytest.mark.parametrize("debugger", [False, True])
def test_a_breakpoint_stops_the_cpu_for_a_debugger_and_is_a_fault_without_one(image: Image, debugger: bool) -> None:
    board = started(image, TICKS)
    board.cpu.uc.mem_write(image.symbols["tick"] & ~1, b"\x00\xbe")  # bkpt 0
    board.system.debugger = debugger
    board.run(0.01, lambda: board.cpu.taken[3] > 0)
    assert board.stopped == ("breakpoint at tick+0x0" if debugger else "")
    assert board.cpu.taken[3] == (0 if debugger else 1)
    assert board.system.read(0xEDF0) & 1 == debugger  # DHCSR.C_DEBUGEN


@pytest.mark.arm_gcc
def test_a_peripheral_without_its_clock_reads_zero_and_is_noted(image: Image) -> None:
    board = started(image, NPU)
    board.run(0.01)
    assert results(board)[:2] == (0, 0x121F)
    assert [str(problem).split(":")[0] for problem in board.bus.problems] == ["access without a clock"]


@pytest.mark.arm_gcc
def test_a_ring_that_the_dma_writes_for_ever(image: Image) -> None:
    board = started(image, ECHO)
    board.run(0.001)
    text = bytes(range(200))
    board.usart.arrive(text)
    assert board.run(0.1, lambda: len(board.usart.sent) == len(text))
    assert bytes(board.usart.sent) == text
    assert results(board)[6] >= 6  # interrupts at half and at the end of a ring of 64


@pytest.mark.arm_gcc
@pytest.mark.parametrize("kind", failures.DAMAGES)
def test_bytes_that_are_damaged_on_the_line(image: Image, kind: str) -> None:
    board = started(image, ECHO)
    board.run(0.001)
    line = failures.damaged_line(kind, [3, 5])
    for piece, errors in [part for data in (b"abcd", b"efgh") for part in line(data)]:
        board.usart.arrive(piece, errors)
    expected = {"framing": b"abc\x31e\x33gh", "break": b"abc\0e\0gh", "overrun": b"abcegh"}[kind]
    assert board.run(0.1, lambda: len(board.usart.sent) == len(expected))
    assert bytes(board.usart.sent) == expected


@pytest.mark.arm_gcc
def test_something_that_happens_at_a_byte(image: Image) -> None:
    board = started(image, ECHO)
    board.run(0.001)
    line = failures.acting_line(board, {2: lambda board: board.request_reset("brown-out")})
    for piece, errors in line(b"abcd"):
        board.usart.arrive(piece, errors)
    board.run(0.1, lambda: bool(board.resets))
    assert b"ab".startswith(bytes(board.usart.sent))
    assert [reset.cause for reset in board.resets] == ["brown-out"]


@pytest.mark.arm_gcc
def test_bytes_at_another_rate_are_other_bytes(image: Image) -> None:
    board = started(image, ECHO)
    board.usart.host_baud = 115_200
    board.run(0.001)
    board.usart.arrive(b"hello")
    board.run(0.01)
    assert bytes(board.usart.sent) != b"hello"
    assert board.usart.read(0x1C) & 2  # framing error


@pytest.mark.arm_gcc
@pytest.mark.parametrize("waits", [False, True])
def test_a_usart_that_is_disabled_too_early_loses_its_last_bytes(image: Image, waits: bool) -> None:
    board = started(image, RATE, r7=int(waits))
    board.run(0.01, lambda: results(board)[0] == 1)
    sent, rate = bytes(board.usart.sent), bytes([ord("x") ^ 0xA5])  # the other end still has the old rate
    assert (sent == bytes(range(1, 65)) + rate) is waits
    assert bytes(range(1, 65)).startswith(sent.removesuffix(rate))
    assert board.usart.baud == 2_000_000
    assert [problem.kind for problem in board.bus.problems] == ["USART disabled while it sends"] * (not waits)


@pytest.mark.arm_gcc
def test_the_watchdog_resets_and_says_so(image: Image) -> None:
    board = started(image, WATCHDOG)
    board.run(0.02, lambda: bool(board.resets))
    assert [reset.cause for reset in board.resets] == ["watchdog"]
    assert board.resets[0].seconds == pytest.approx(10 * 4 / 32000, rel=0.3)
    assert board.clocks.read(clocks.RSR) >> clocks.RESETS["watchdog"] & 1


@pytest.mark.arm_gcc
@pytest.mark.parametrize("cleaned", [False, True])
def test_what_the_dma_reads_has_to_be_cleaned(image: Image, cleaned: bool) -> None:
    board = started(image, SHARED, r7=int(cleaned))
    board.run(0.01)
    assert bytes(board.usart.sent) == bytes(range(1, 65))  # the emulated CPU has no cache
    assert (("DMA reads a dirty line", "out") in board.coherence.broken) is not cleaned
    locked = [problem for problem in board.bus.problems if problem.kind == "write to a locked register"]
    assert len(locked) == 1  # CBR1 of a channel that runs


@pytest.mark.arm_gcc
@pytest.mark.parametrize("asleep", [False, True])
def test_the_cycle_counter_may_stop_in_sleep(image: Image, asleep: bool) -> None:
    board = started(image, EVENTS)
    board.system.sleep_stops_cycles = asleep
    board.run(1.0, lambda: results(board)[3] == 5)
    counted = board.system.read(0x1004) / board.cycles
    assert (counted < 0.1) is asleep


@pytest.mark.arm_gcc
def test_wfe_waits_for_the_tick(image: Image) -> None:
    board = started(image, EVENTS)
    board.run(1.0, lambda: results(board)[3] == 5)
    # A return from an exception is an event, too: every second WFE finds it and does not wait.
    assert board.seconds == pytest.approx(0.03, rel=0.1)
    assert board.slept > 0.9 * board.seconds


@pytest.mark.arm_gcc
def test_a_power_loss_keeps_nothing_and_a_reset_keeps_memory(image: Image) -> None:
    board = started(image, WATCHDOG)
    board.cpu.uc.mem_write(0x3409_0000, b"kept over a reset")
    board.run(0.02, lambda: bool(board.resets))
    assert bytes(board.cpu.uc.mem_read(0x3409_0000, 17)) == b"kept over a reset"
    board.power_cycle()
    assert bytes(board.cpu.uc.mem_read(0x3409_0000, 17)) != b"kept over a reset"


# ------------------------------------------------------------------------------------------ models


def test_frequencies_follow_from_registers() -> None:
    model = clocks.Clocks()
    model.write(0x80, 2 << 20 | 25 << 8)  # HSI / 2 * 25
    model.write(0x88, 1 << 30 | 1 << 27 | 1 << 24)
    model.write(0xC4, 0)
    model.write(0xC8, 1 << 16)
    assert model.cpu == clocks.HSI
    model.write(clocks.CR, 1 << 3 | 1 << 8)
    model.write(clocks.CFGR1, 3 << 16 | 3 << 24)
    assert (model.cpu, model.bus) == (800_000_000, 400_000_000)
    model.dead_plls.add(1)
    assert model.cpu == 0


def test_the_crc_unit_against_zlib() -> None:
    unit = small.Crc()
    unit.write(8, 1 << 5 | 1 << 7)
    unit.write(0x10, 0xFFFF_FFFF)
    unit.write(8, 1 << 5 | 1 << 7 | 1)
    unit.write_part(0, 0x31, 1)
    unit.write(0, int.from_bytes(b"2345", "big"))
    for byte in b"6789":
        unit.write_part(0, byte, 1)
    assert unit.read(0) ^ 0xFFFF_FFFF == zlib.crc32(b"123456789") == 0xCBF4_3926


def controller(memory: xspi.Memory) -> tuple[xspi.Xspi, Callable[..., bytes]]:
    """A controller with a function that sends a command in the way of ST's HAL."""
    model = xspi.Xspi("XSPI2", 0x5802_A000, memory, lambda on: None)

    def command(
        instruction: int, lines: int, *, address: int | None = None, send: bytes = b"", count: int = 0
    ) -> bytes:
        mode = 4 if lines == 8 else 1
        data = mode << 24 if send or count else 0
        model.write(xspi.CR, (xspi.READ if count else xspi.WRITE) << 28 | 1)
        model.write(xspi.DLR, max(len(send), count) - 1 if data else 0)
        model.write(xspi.CCR, mode | (mode << 8 if address is not None else 0) | data)
        model.write(xspi.IR, instruction)
        if address is not None:
            model.write(xspi.AR, address)
        for byte in send:
            model.write_part(xspi.DR, byte, 1)
        return bytes(model.read(xspi.DR) for _ in range(count))

    return model, command


def test_flash_answers_in_its_mode_only() -> None:
    chip = xspi.Flash(1 << 20, b"\xc2\x84\x3b", bytearray)
    model, command = controller(chip)
    assert command(0x9F, 1, count=3) == b"\xc2\x84\x3b"
    assert command(0x9F60, 8, address=0, count=3) == b"\xff\xff\xff"
    command(0x72, 1, address=0, send=b"\x02")
    assert chip.mode == 0  # not enabled for writing
    command(0x06, 1)
    command(0x72, 1, address=0, send=b"\x02")
    assert chip.mode == 2
    assert command(0x9F, 1, count=3) == b"\xff\xff\xff"
    assert command(0x05FA, 8, address=0, count=2) == b"\x00\x00"
    model.write(xspi.IR, xspi.Flash.OCTA_READ_DTR)
    assert model.readable
    model.write(xspi.IR, 0xEC13)
    assert not model.readable
    command(0x6699, 8)
    command(0x9966, 8)
    assert chip.mode == 0


def test_psram_has_mode_registers_and_an_absent_one_does_not() -> None:
    chip = xspi.Psram(32 << 20, bytearray)
    _, command = controller(chip)
    assert command(0x40, 8, address=1, count=2) == b"\x8d\xdf"
    command(0xC0, 8, address=8, send=b"\x40\x00")
    assert command(0x40, 8, address=8, count=1) == b"\x40"
    chip.present = False
    assert command(0x40, 8, address=1, count=2) == b"\xff\xff"


def test_differences_of_two_starts_have_reasons() -> None:
    def write(peripheral: str, offset: int, value: int, function: str) -> start_diff.Write:
        return start_diff.Write(peripheral, offset, value, function)

    clock = write("RCC", 0xA8C, 1, "LL_MEM_EnableClockLowPower")
    both = [write("PWR", 0, n, "f") for n in range(3)]
    fuses = [write("RCC", 0xA78, 2, name) for name in ("fast_memory", "start_memories")]
    ours = [clock, *both, write("IWDG", 0, 0xAAAA, "HAL_IWDG_Refresh"), *fuses, write("RCC", 0, 7, "unknown")]
    theirs = [*both, clock, write("RCC", 4, 8, "RCC_PLL_Config")]
    same, others = start_diff.differences(ours, theirs)
    assert same == 3
    counts, left = start_diff.explained(others)
    assert counts.total() == 6
    assert counts[start_diff.OURS, "the clock of the fuses, for that"] == 2
    assert [text.split(":")[0] for (_, text), count in counts.items() if "sleep" in text] == [
        "the same later",
        "the same earlier",
    ]
    assert left == [(start_diff.OURS, write("RCC", 0, 7, "unknown"))]


class Recorder:
    """Memory of a bus master."""

    def __init__(self, content: dict[int, bytes] | None = None) -> None:
        self.content = content or {}
        self.written: list[tuple[int, bytes]] = []

    def master_read(self, master: str, address: int, size: int) -> bytes:
        return self.content.get(address, b"")[:size].ljust(size, b"\0")

    def master_write(self, master: str, address: int, data: bytes) -> None:
        self.written.append((address, data))


def ring_channel(memory: Recorder) -> Dma:
    """Channel 0 with a list of one node that follows itself, for 16 bytes at 0x34001000."""
    model = Dma(memory, lambda kind, place, address: None)
    memory.content[0x3400_0100] = struct.pack("<6I", 0x8008_0000, 107, 16, 0, 0x3400_1000, 0xF801_0100)
    model.write(0, 1)
    model.write(0x50, 0x3400_0000)
    model.write(0xCC, 0xF801_0100)
    return model


def test_a_channel_restarted_with_bytes_left_goes_on_in_mid_ring() -> None:
    memory = Recorder()
    model = ring_channel(memory)
    model.write(0x64, 1)
    assert model.to_memory(107, b"12345") == 5
    model.fail_next.add(0)
    assert model.to_memory(107, b"6") == 0
    assert model.read(0x60) >> 10 & 1
    model.write(0x5C, 0x7F00)
    model.write(0x64, 1)
    model.to_memory(107, b"7")
    assert memory.written[-1] == (0x3400_1005, b"7")
    model.write(0x64, 2)  # a reset, and no bytes left: the list is loaded again
    model.write(0x98, 0)
    model.write(0xCC, 0xF801_0100)
    model.write(0x64, 1)
    model.to_memory(107, b"8")
    assert memory.written[-1] == (0x3400_1000, b"8")


def test_a_channel_that_is_not_secure_is_refused() -> None:
    memory = Recorder()
    model = ring_channel(memory)
    model.write(0, 0)
    model.write(0x64, 1)
    assert model.to_memory(107, b"1") == 0
    assert not memory.written


def blob() -> bytes:
    """Two engines: one reads 32 bytes at 0x34100000, one writes 64 at 0x34200000."""
    words = [
        0x1400_7C00,
        0x0008_0104,
        0x1402_0043,
        0x3410_0000,
        32,
        0x1800_7C00,
        0x0008_010C,
        0x1802_0043,
        0x3420_0000,
        64,
    ]
    return struct.pack(f"<{2 + len(words)}I", npu.MAGIC, len(words), *words)


def test_frames_are_the_bytes_that_they_cover() -> None:
    planes = {  # 64 frames of 4 planes x 32 lines x 4 bytes, which follow each other
        npu.CONTROL: 0x0008_0008,
        npu.ADDRESS: 0x3430_0000,
        npu.SIZE: 32 << 16 | 4,
        npu.DEPTH: 0x2000 << 16 | 4,
        npu.STRIDE: 4,
        npu.FRAME_OFFSET: 128,
        npu.FRAME_REPEAT: 64,
        npu.REPEAT_OFFSET: 0x8000,
        npu.FRAMES: 64,
    }
    assert list(npu.moved(9, planes)) == [npu.Range(9, 0x3430_0000, 0x8000, True)]
    lines = planes | {
        npu.CONTROL: 0x0018_8000,
        npu.SIZE: 2 << 16 | 1,
        npu.FRAMES: 1,
        npu.STRIDE: 100,
    }  # 9 bits: 2 bytes
    assert list(npu.moved(1, lines)) == [npu.Range(1, 0x3430_0000 + at, 8, False) for at in (0, 100)]
    raw = {
        npu.CONTROL: 0x0008_0100,
        npu.ADDRESS: 16,
        npu.SIZE: 8,
        npu.FRAME_REPEAT: 1,
        npu.REPEAT_OFFSET: 64,
        npu.FRAMES: 2,
    }
    assert list(npu.moved(0, raw)) == [npu.Range(0, 16, 8, False), npu.Range(0, 80, 8, False)]


def run_epoch(source: bytes, *, allowed: bool = True) -> list[tuple[int, bytes]]:
    memory = Recorder({0x3400_8000: blob(), 0x3410_0000: source})
    model = npu.Npu(clocks.Clocks(), memory, lambda: allowed)
    model.write(npu.CONTROLLER_ADDRESS, 0x3400_8000)
    model.write(npu.CONTROLLER, 1)
    assert not model.line()
    model.advance(1.0)
    assert model.line()
    return memory.written


def test_an_epoch_writes_what_follows_from_what_it_reads() -> None:
    assert list(npu.ranges(blob())) == [
        npu.Range(0, 0x3410_0000, 32, False),
        npu.Range(1, 0x3420_0000, 64, True),
    ]
    first, again, other = (run_epoch(bytes([value]) * 32) for value in (1, 1, 2))
    assert [(address, len(data)) for address, data in first] == [(0x3420_0000, 64)]
    assert first == again != other
    assert run_epoch(b"\1" * 32, allowed=False) == []  # without its RIF entry


def test_an_npu_that_is_dead_or_hangs() -> None:
    model = npu.Npu(clocks.Clocks(), Recorder({0x100: blob()}), lambda: True)
    model.hang_at = 1
    model.write(npu.CONTROLLER, 1)
    model.advance(100.0)
    assert not model.line()
    model.dead = True
    assert model.read(npu.VERSION) == 0


def test_rules_of_coherence() -> None:
    checker = Coherence(cached=True)
    checker.watch("chip", 0x3410_0000, 0x3410_1000)
    checker.watch("PSRAM", 0x9000_0000, 0x9000_1000)
    chip, outer = checker.areas
    checker.cpu_write(chip, 0x3410_0000, 4)
    checker.maintain("clean", 0x3410_0000, "")
    checker.master("NPU", 0x3410_0000, 32, writes=False, place="")
    checker.master("NPU", 0x3410_0000, 32, writes=True, place="")
    checker.maintain("invalidate", 0x3410_0000, "")
    checker.cpu_read(chip, 0x3410_0000, 4, "")
    assert not checker.broken
    assert not checker.possible
    checker.master("NPU", 0x3410_0000, 32, writes=True, place="")
    checker.cpu_read(chip, 0x3410_0000, 4, "here")  # it held the line
    assert checker.broken == {("CPU reads stale bytes", "chip"): 1}
    checker.master("DMA", 0x3410_0040, 32, writes=True, place="")  # next to what it has read
    checker.cpu_read(chip, 0x3410_0040, 4, "there")  # it may have held it
    assert checker.possible == {("CPU reads stale bytes", "chip"): 1}
    checker.master("NPU", 0x9000_0000, 64, writes=True, place="")
    checker.cpu_read(outer, 0x9000_0000, 4, "")
    assert checker.broken["CPU reads what is in the NPU's cache", "PSRAM"] == 1
    checker.maintain_npu("clean+invalidate", 0x9000_0000, 0x9000_0040)
    checker.maintain("invalidate", 0x9000_0000, "")
    checker.cpu_read(outer, 0x9000_0000, 4, "")
    assert checker.broken["CPU reads what is in the NPU's cache", "PSRAM"] == 1


def test_the_cpu_reads_ahead_near_what_it_accesses() -> None:
    checker = Coherence(cached=True)
    checker.watch("chip", 0x3410_0000, 0x3410_4000)
    (chip,) = checker.areas
    for near, operations, expected in ((0x3410_0100, (), 1), (0x3410_1000, (), 0), (0x3410_0100, ("invalidate",), 0)):
        checker.forget()
        checker.possible.clear()
        checker.cached = True
        checker.cpu_read(chip, near, 4, "")
        for operation in operations:
            checker.maintain(operation, 0x3410_0000, "")
        checker.master("NPU", 0x3410_0000, 32, writes=True, place="")
        checker.cpu_read(chip, 0x3410_0000, 4, "")
        assert checker.possible.total() == expected
        assert not checker.broken


def test_memory_of_the_npu_that_a_kernel_of_the_cpu_uses_again() -> None:
    """What the CPU has written itself is not stale; the rest of its lines is lost, and an error only for who reads it."""
    checker = Coherence(cached=True)
    checker.watch("chip", 0x3410_0000, 0x3410_1000)
    (chip,) = checker.areas
    checker.cpu_read(chip, 0x3410_0000, 64, "")
    checker.master("NPU", 0x3410_0000, 64, writes=True, place="")
    checker.cpu_write(chip, 0x3410_001C, 8)  # of two lines
    checker.cpu_read(chip, 0x3410_001C, 8, "")
    checker.maintain("clean", 0x3410_0000, "")
    checker.maintain("clean", 0x3410_0020, "")
    checker.master("NPU", 0x3410_001C, 8, writes=False, place="")
    checker.master("NPU", 0x3410_0000, 16, writes=True, place="")
    checker.master("NPU", 0x3410_0000, 16, writes=False, place="")
    assert not checker.broken
    assert not checker.possible
    assert checker.checked["lines cleaned with stale bytes in them"] == 2
    checker.master("NPU", 0x3410_0010, 4, writes=False, place="")
    checker.cpu_read(chip, 0x3410_0038, 4, "")
    assert checker.broken == {
        ("NPU reads what a clean has overwritten", "chip"): 1,
        ("CPU reads what a clean has overwritten", "chip"): 1,
    }


def test_fuses_are_read_and_a_write_is_noted() -> None:
    model: Peripheral = small.Fuses({124: 1 << 15})
    assert model.read(124 * 4) == 1 << 15
    model.write(0xC04, 1 << 13 | 124)
    assert isinstance(model, small.Fuses)
    assert model.programmed == [124]


@pytest.mark.arm_gcc
def test_flash_is_seen_when_it_is_mapped(image: Image) -> None:
    board = started(image, EVENTS)
    board.load_flash([(FLASH + 16, b"weights")])
    board.flash_chip.mode = 2
    board.xspi2.write(xspi.CCR, 4)
    board.xspi2.write(xspi.IR, xspi.Flash.OCTA_READ_DTR)
    board.xspi2.write(xspi.CR, xspi.MAPPED << 28 | 1)
    assert bytes(board.cpu.uc.mem_read(FLASH + 14, 10)) == b"\xff\xffweights\xff"
