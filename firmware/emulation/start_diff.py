"""The register writes of the firmware's start against those of one of ST's examples, line by line.

Both run on the emulated board. The writes are put next to each other as `diff` does with lines, in their order. What is only on one side has
to have a reason in REASONS: a difference without one is a failure, so that a new version of ST's example is looked at.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from emulation import failures
from emulation.board import Board, Image, Kind

OURS, THEIRS = "only in the firmware", "only in ST's example"


@dataclass(frozen=True, slots=True)
class Write:
    """A write to a register, and the function that did it."""

    peripheral: str
    offset: int
    value: int
    function: str

    @property
    def key(self) -> tuple[str, int, int]:
        """What two sides have in common."""
        return self.peripheral, self.offset, self.value


@dataclass(frozen=True, slots=True)
class Reason:
    """Why writes of a peripheral are on one side only; an empty pattern fits all."""

    side: str
    peripherals: str
    functions: str
    text: str
    moved: bool = False
    """only for writes that the other side has as well, at another time"""

    def fits(self, side: str, write: Write, elsewhere: bool) -> bool:
        """Whether it is a reason for this write."""
        return (
            side == self.side
            and (elsewhere or not self.moved)
            and re.fullmatch(self.peripherals, write.peripheral) is not None
            and re.search(self.functions, write.function) is not None
        )


_CAMERA = "display and camera of the example, which the firmware does not use"
REASONS: Final = (
    Reason(
        OURS,
        "IWDG|DBGMCU",
        "",
        "the watchdog runs from the first lines, and stops while a debugger has stopped the CPU",
    ),
    Reason(OURS, "RCC", "board_reset_cause", "the flags of the last reset are read, and cleared"),
    Reason(OURS, "USART1|GPDMA1|GPIOE", "", "the link starts before what may fail"),
    Reason(OURS, "RCC", "start_usart|link_init", "the link starts before what may fail"),
    Reason(
        OURS,
        "RCC",
        "LL_RCC_SetClockSource",
        "clocks of the link, and of the memories: from HCLK, as in the example, or slow without fuses",
    ),
    Reason(
        THEIRS,
        "RCC",
        "LL_RCC_SetClockSource",
        "clocks of the memories, which the firmware sets in one call with others",
    ),
    Reason(THEIRS, "RCC", "RCC_PLL_Config", "PLL4, for the camera and the display"),
    Reason(
        OURS, "RCC", "bringup_clocks", "more clocks in sleep: debug, link, isolation, compensation of the XSPI's pins"
    ),
    Reason(
        OURS,
        "RCC",
        "EnableClockLowPower",
        "the same later: what stays clocked in sleep is set before the link starts",
        moved=True,
    ),
    Reason(
        THEIRS,
        "RCC",
        "EnableClockLowPower",
        "the same earlier: what stays clocked in sleep is set at the end",
        moved=True,
    ),
    Reason(OURS, "RCC", "EnableClockLowPower", "the RAM of the NPU's cache stays clocked in sleep as well"),
    Reason(THEIRS, "RCC", "EnableClockLowPower", _CAMERA),
    Reason(OURS, "RCC", "^bringup$|isolate", "the same later: isolation is set before the NPU is started", moved=True),
    Reason(OURS, "RIFSC", "", "the same later: isolation is set before the NPU is started", moved=True),
    Reason(THEIRS, "RIFSC", "", "isolation of the NPU at the end, and of " + _CAMERA),
    Reason(THEIRS, "RCC", "Hardware_init", "clocks of isolation and of its interrupt at the end, and of " + _CAMERA),
    Reason(
        OURS,
        "RCC|RAMCFG",
        "LL_MEM_EnableClock$|start_npu|HAL_RAMCFG_EnableAXISRAM",
        "AXISRAM2 as well: networks may use it, and no loader has to leave it on",
    ),
    Reason(
        OURS,
        "BSEC",
        "HAL_BSEC_OTP_Reload",
        "the fuse of each memory is read before that memory is started, never programmed",
    ),
    # Where there is only one memory, the compiler inlines fast_memory() into its only caller.
    Reason(OURS, "RCC", "fast_memory|^start_memories$", "the clock of the fuses, for that"),
    Reason(THEIRS, "BSEC", "HAL_BSEC_OTP_Reload", "its Fuse_Programming() reads the fuses, and would program them"),
)
"""For an image that is built with the HAL of the example."""


def recorded(kind: Kind, image: Image, until: Callable[[Board], None]) -> list[Write]:
    """The writes of a start."""
    board = Board(kind, image)
    board.bus.recording = True
    until(board)
    return [
        Write(write.peripheral, write.offset, write.value, image.where(write.pc).partition("+")[0])
        for write in board.bus.writes
    ]


def firmware(kind: Kind, image: Image) -> list[Write]:
    """The firmware, until it starts the network runtime."""
    return recorded(kind, image, lambda board: failures.reach(board, "network runtime"))


def example(kind: Kind, image: Image) -> list[Write]:
    """ST's example, until the end of its Hardware_init()."""

    def run(board: Board) -> None:
        if not board.run(5.0, lambda: board.image.where(board.cpu.pc).startswith("ended+")):
            raise ValueError(f"the example does not end; it is in {board.image.where(board.cpu.pc)}")

    return recorded(kind, image, run)


def differences(ours: Sequence[Write], theirs: Sequence[Write]) -> tuple[int, list[tuple[str, Write]]]:
    """How many writes are the same in the same order, and the others with their side."""
    one, other = ([write.key for write in side] for side in (ours, theirs))
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    same, others = 0, list[tuple[str, Write]]()
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            same += b - a
        else:
            others += [(OURS, write) for write in ours[a:b]] + [(THEIRS, write) for write in theirs[c:d]]
    return same, others


def explained(others: Sequence[tuple[str, Write]]) -> tuple[Counter[tuple[str, str]], list[tuple[str, Write]]]:
    """Differences counted by their side and reason, and those without a reason."""
    counts: Counter[tuple[str, str]] = Counter()
    left: list[tuple[str, Write]] = []
    keys = {side: {write.key for one, write in others if one == side} for side in (OURS, THEIRS)}
    for side, write in others:
        elsewhere = write.key in keys[THEIRS if side == OURS else OURS]
        reason = next((reason for reason in REASONS if reason.fits(side, write, elsewhere)), None)
        if reason:
            counts[side, reason.text] += 1
        else:
            left.append((side, write))
    return counts, left
