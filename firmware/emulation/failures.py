"""Failures that are put into an emulated board, and what its user has to see.

At start     a function that changes a board before, or during, its first start, and words of the text that the line must then show
In use       something that happens when the board has received so many bytes: a damaged byte, an error of the DMA, a reset, a fault.
             Either the inference succeeds, or it fails with one error and the next one succeeds
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import unicorn as u
from unicorn import arm_const as arm

from emulation.board import Board
from emulation.clocks import CLEAR, ENABLE, SLEEP
from emulation.usart import FE, MARK, NE

Change = Callable[[bytes], list[tuple[bytes, int]]]
"""what the line makes of the host's bytes: pieces, each with its error flags"""

# ------------------------------------------------------------------------------------------ at start


@dataclass(frozen=True, slots=True)
class StartFailure:
    """What is broken at the first start, and a part of the text that the user sees."""

    name: str
    apply: Callable[[Board], None]
    says: str
    psram_only: bool = False


STAGES: Final = ("clocks", "trial of sleeping", "link", "NPU", "PSRAM", "flash", "network runtime")
"""of the firmware's start, in order; a board without PSRAM skips it"""
STAGE_MARK: Final = 200
"""offset in kept_t of ports/stm32n6/startup.c: magic, CRC, 192 bytes of text"""
TEXT: Final = 0x341F_0000
"""memory that a start does not use, for the texts of a failed assertion"""


def reach(board: Board, stage: str) -> None:
    """Runs a board until its start is in a stage: the firmware writes the text of a stage, and then a mark in front of it."""
    uc, kept, text = board.cpu.uc, board.image.symbols["kept"], stage.encode()
    found: list[str] = []

    def written(*_: object) -> None:
        board.cpu.leave_block()
        if text in bytes(uc.mem_read(kept + STAGE_MARK, board.image.sizes["kept"] - STAGE_MARK)):
            found.append(stage)
            uc.emu_stop()

    hook = uc.hook_add(u.UC_HOOK_MEM_WRITE, written, None, kept + STAGE_MARK, kept + STAGE_MARK + 3)
    board.run(2.0, lambda: bool(found))
    uc.hook_del(hook)
    if not found:
        raise ValueError(f"the start does not have the stage {stage!r}; use {', '.join(STAGES)}")


def _hang(stage: str, board: Board) -> None:
    """The watchdog resets the board: its time is skipped and not waited for."""
    reach(board, stage)
    board.watchdog.advance(board.watchdog.period)


def _fault(stage: str, board: Board) -> None:
    reach(board, stage)
    board.fault(0xDEAD_0000)


def _assert(stage: str, board: Board) -> None:
    """As a failed assert() of LL_ATON: a call of newlib's function."""
    reach(board, stage)
    texts = (b"/a/b/ll_aton.c\0", b"start\0", b"id < units\0")
    places = [TEXT + 32 * i for i in range(3)]
    for place, text in zip(places, texts, strict=True):
        board.cpu.uc.mem_write(place, text)
    for register, value in zip(
        (arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R1, arm.UC_ARM_REG_R2, arm.UC_ARM_REG_R3),
        (places[0], 42, places[1], places[2]),
        strict=True,
    ):
        board.cpu.uc.reg_write(register, value)
    board.cpu.pc = board.image.symbols["__assert_func"] & ~1
    board.asleep = False


def _flash_absent(board: Board) -> None:
    board.flash_chip.present = False
    board.pace = 400  # five seconds of polling


def _psram_absent(board: Board) -> None:
    board.psram_chip.present = False


def _npu_dead(board: Board) -> None:
    board.npu.dead = True


def _pll_dead(number: int, board: Board) -> None:
    board.clocks.dead_plls.add(number)


def _at_stages() -> Iterable[StartFailure]:
    watchdog = "it did not end, and the watchdog restarted the board"
    for stage in STAGES:
        psram = stage == "PSRAM"
        if stage != "trial of sleeping":  # an end that the firmware expects
            yield StartFailure(f"hang in {stage}", partial(_hang, stage), f"start-up, {stage}: {watchdog}", psram)
        yield StartFailure(f"fault in {stage}", partial(_fault, stage), f"start-up, {stage}: fault cfsr=", psram)
        text = f"start-up, {stage}: assert ll_aton.c line=0000002a start: id < units"
        yield StartFailure(f"failed assertion in {stage}", partial(_assert, stage), text, psram)


START: Final = (
    *(StartFailure(f"PLL{i} does not lock", partial(_pll_dead, i), "the PLLs do not lock") for i in (1, 2, 3)),
    StartFailure("NPU without clock", _npu_dead, "the NPU does not answer"),
    StartFailure("flash absent", _flash_absent, "flash does not answer"),
    StartFailure("PSRAM absent", _psram_absent, "PSRAM does not keep what is written", psram_only=True),
    *_at_stages(),
)


def first_sentence(board: Board, seconds: float = 40.0) -> str:
    """What the line says first, as plain text; empty if it says nothing."""
    board.run(seconds, lambda: b"\r\n" in board.usart.sent)
    return bytes(board.usart.sent).partition(b"\r\n")[0].decode("ascii", "replace")


# ------------------------------------------------------------------------------------------ in use


@dataclass(frozen=True, slots=True)
class UseFailure:
    """What happens while a board is used."""

    name: str
    apply: Callable[[Board], None]
    says: str = ""
    """part of the error; empty = the inference has to succeed"""


def _sleep_clock(board: Board) -> None:
    """The NPU has no clock while the CPU sleeps, and the CPU sleeps nearly always."""
    board.clocks.write(CLEAR + SLEEP + 4 * 7, 1 << 31)
    board.npu.epoch_seconds = 10.0


def half_clock(board: Board) -> None:
    """The NPU runs at half its clock, from now on: its divider is doubled."""
    at = 0xC4 + 4 * 5
    board.clocks.write(at, board.clocks.read(at) & ~0xFF_0000 | (board.clocks.read(at) >> 16 & 0xFF) * 2 + 1 << 16)


def _npu_memory(board: Board) -> None:
    """A bank of its memory loses its clock: what the CPU then accesses there does not answer."""
    board.clocks.write(CLEAR + ENABLE + 4 * 2, 1 << 2)


def _npu_hangs(board: Board) -> None:
    board.npu.hang_at = board.npu.blobs + 1


def _npu_bus_error(board: Board) -> None:
    board.npu.bus_error_at = board.npu.blobs + 1


USE: Final = (
    UseFailure("NPU hangs in an epoch", _npu_hangs, "NPU_FAULT"),
    UseFailure("NPU without its clock while the CPU sleeps", _sleep_clock, "NPU_FAULT"),
    UseFailure("error of the NPU on its bus", _npu_bus_error, "was restarted"),
    UseFailure("memory of the NPU without its clock", _npu_memory, "was restarted"),
    UseFailure("error of the receiving DMA channel", lambda board: board.dma.fail_next.add(0)),
    UseFailure("error of the sending DMA channel", lambda board: board.dma.fail_next.add(1)),
    UseFailure("watchdog", lambda board: board.watchdog.on_bite(), "was restarted"),
    UseFailure("fault", lambda board: board.fault(0xDEAD_0000), "was restarted"),
    UseFailure("brown-out", lambda board: board.request_reset("brown-out"), "was restarted"),
)
"""At the first byte of an inference's upload, and in its middle."""

DAMAGES: Final = ("framing", "break", "overrun")


def damaged_line(kind: str, points: Iterable[int]) -> Change:
    """A line on which the bytes at some points of the host's stream are damaged: framing, break or overrun."""

    def damage(byte: int) -> list[tuple[bytes, int]]:
        if kind == "framing":
            return [(bytes([byte ^ 0x55]), FE | NE)]
        return [(b"\0", FE)] if kind == "break" else []  # an overrun loses the byte

    return _at_points(points, damage)


def acting_line(board: Board, actions: Mapping[int, Callable[[Board], None]]) -> Change:
    """A good line; when the byte at a point of the host's stream passes the USART, something is done to the board."""
    waiting = deque(action for _, action in sorted(actions.items()))
    board.usart.on_mark = lambda: waiting.popleft()(board)
    return _at_points(actions, lambda byte: [(bytes([byte]), MARK)])


def _at_points(points: Iterable[int], change: Callable[[int], list[tuple[bytes, int]]]) -> Change:
    left = deque(sorted(points))
    seen = 0

    def pieces(data: bytes) -> list[tuple[bytes, int]]:
        nonlocal seen
        parts: list[tuple[bytes, int]] = []
        last = 0
        while left and left[0] < seen + len(data):
            at = left.popleft() - seen
            parts += [(data[last:at], 0), *change(data[at])]
            last = at + 1
        seen += len(data)
        return [*parts, (data[last:], 0)]

    return pieces
