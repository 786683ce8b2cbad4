"""Failures that a first start or a line can meet, put into an emulated board, and what its user then sees.

Each failure is a function that changes a board before it starts, and the words that have to be on the line; or, for those
that happen while a network is used, a change of the line or of the DMA under which an inference still has to succeed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from emulation.board import Board
from emulation.usart import FE, NE


@dataclass(frozen=True, slots=True)
class StartFailure:
    """What is broken before the first start, and a part of the sentence that the user gets."""

    name: str
    apply: Callable[[Board], None]
    says: str
    psram_only: bool = False


def _npu_dead(board: Board) -> None:
    board.npu.dead = True


def _flash_absent(board: Board) -> None:
    board.flash_chip.present = False
    board.pace = 400  # five seconds of polling


def _psram_absent(board: Board) -> None:
    board.psram_chip.present = False


def _pll_dead(number: int) -> Callable[[Board], None]:
    def apply(board: Board) -> None:
        board.clocks.dead_plls.add(number)

    return apply


def _hang(stage: str) -> Callable[[Board], None]:
    """The watchdog bites as soon as a stage is entered, once: time is skipped and not waited for."""

    def apply(board: Board) -> None:
        kept = board.image.symbols["kept"]

        def reached() -> bool:
            return stage.encode() in bytes(board.cpu.uc.mem_read(kept, board.image.sizes["kept"]))

        board.run(2.0, reached)
        board.watchdog.advance(board.watchdog.period)

    return apply


START: Final = (
    StartFailure("PLL1 does not lock", _pll_dead(1), "the PLLs do not lock"),
    StartFailure("NPU without clock", _npu_dead, "the NPU does not answer"),
    StartFailure("flash absent", _flash_absent, "flash does not answer"),
    StartFailure("PSRAM absent", _psram_absent, "PSRAM does not keep what is written", psram_only=True),
    StartFailure("hang in flash", _hang("flash"), "start-up, flash: it did not end, and the watchdog"),
    StartFailure("hang in the runtime", _hang("network runtime"), "start-up, network runtime: it did not end"),
)


def first_sentence(board: Board, seconds: float = 40.0) -> str:
    """What the line says first, as plain text; empty if it says nothing."""
    board.run(seconds, lambda: b"\r\n" in board.usart.sent)
    return bytes(board.usart.sent).partition(b"\r\n")[0].decode("ascii", "replace")


def damaged_line(kind: str, points: set[int]) -> Callable[[bytes], list[tuple[bytes, int]]]:
    """A line on which the bytes at some points of the host's stream are damaged: framing, break or overrun."""
    seen = 0

    def change(data: bytes) -> list[tuple[bytes, int]]:
        nonlocal seen
        parts = list(_damaged(data, seen, kind, points))
        seen += len(data)
        return parts

    return change


def _damaged(data: bytes, seen: int, kind: str, points: set[int]) -> Iterator[tuple[bytes, int]]:
    last = 0
    for at in sorted(point - seen for point in points if seen <= point < seen + len(data)):
        yield data[last:at], 0
        if kind == "framing":
            yield bytes([data[at] ^ 0x55]), FE | NE
        elif kind == "break":
            yield b"\0", FE
        last = at + 1  # an overrun loses the byte
    yield data[last:], 0
