"""What `make emulate` checks on a board: networks, caches, the line, the DMA, and every failure of `failures`."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np

from emulation import failures
from emulation.board import FAST_FLASH, FAST_PSRAM, Board, Image, Kind
from emulation.line import Line
from emulation.summary import summary
from n6link.blocking import N6Device
from n6link.errors import DeviceError, N6Error
from n6link.protocol import CheckState, Status

TIMEOUT: Final = 240.0
"""seconds for one inference: an emulated board is slow"""
EVERY: Final = 5003
"""bytes between two damaged ones; a chunk with its frame has 2076, so that another part of a frame is damaged each time"""


@dataclass
class Report:
    """What is written down."""

    lines: list[str] = field(default_factory=list)
    passed: int = 0
    failed: int = 0
    injected: int = 0

    def note(self, text: str) -> None:
        """A line."""
        self.lines.append(text)
        print(text, flush=True)

    def check(self, name: str, good: bool, seen: str, *, injected: bool = False) -> None:
        """A result, as a row of a table."""
        self.passed += good
        self.failed += not good
        self.injected += injected
        self.note(f"| {name} | {'pass' if good else 'FAIL'} | {seen or 'nothing'} |")


@dataclass(frozen=True)
class Setup:
    """A board that can be made again and again."""

    kind: Kind
    image: Image
    networks: Sequence[str]
    flash: Sequence[tuple[int, bytes]]
    """weights"""
    compared: frozenset[str]
    """networks whose weights the firmware compares"""

    def board(self, *, fuses: int = FAST_FLASH | FAST_PSRAM, flash: Sequence[tuple[int, bytes]] | None = None) -> Board:
        """As new."""
        board = Board(self.kind, self.image, fuses=fuses)
        board.load_flash(self.flash if flash is None else flash)
        return board


@contextmanager
def served(board: Board, change: failures.Change | None = None) -> Iterator[str]:
    """A board that runs in a thread; its URL."""
    line = Line(board, change=change)
    ended = threading.Event()
    thread = threading.Thread(target=line.serve, args=(ended.is_set,), daemon=True)
    thread.start()
    try:
        yield f"tcp:127.0.0.1:{line.port}"
    finally:
        ended.set()
        thread.join()
        line.close()


def inference(device: N6Device, name: str, fill: int) -> int:
    """CRC-32 of what a network gives for an input of one value, which is sent raw: failures happen at a byte of the upload."""
    network = device[name]
    data = {key: np.full(spec.shape, fill, np.uint8).astype(spec.dtype) for key, spec in network.inputs.items()}
    result = network.run(data, reduce=False, timeout=TIMEOUT, encode="raw")
    return zlib.crc32(b"".join(np.ascontiguousarray(array).tobytes() for array in result.outputs.values()))


def guarded(url: str, action: Callable[[N6Device], int]) -> tuple[int | None, str]:
    """A value, or the error that the user sees."""
    try:
        with N6Device(url, timeout=TIMEOUT, reconnect=TIMEOUT) as device:
            return action(device), ""
    except N6Error as error:
        return None, f"{type(error).__name__}: {error}"


def run_all(setup: Setup, report: Report) -> None:
    """All checks of one board."""
    report.note("| check | result | seen |\n|---|---|---|")
    runs(setup, report)
    report.note("\n| injected failure | result | what the user sees |\n|---|---|---|")
    line(setup, report)
    in_use(setup, report)
    memories(setup, report)
    at_start(setup, report)


def runs(setup: Setup, report: Report) -> None:
    """Every network three times, and once with its stored input; nothing may be refused, nothing stale."""
    board = setup.board()
    with served(board) as url:
        for name in setup.networks:
            # What the first run finds in memory is not what the others find.
            values, errors = zip(
                *(guarded(url, partial(inference, name=name, fill=fill)) for fill in (7, 3, 3)), strict=True
            )
            good = None not in values and values[1] == values[2] != values[0]
            report.check(f"{name}, three inferences", good, "".join(errors) or f"CRC-32 of the outputs {values}")
            report.check(f"{name}, CHECK", *stored(url, name))
    report.check("cache maintenance", not (board.coherence.broken or board.coherence.possible), "see the counts below")
    report.check("refused accesses", not board.bus.problems, f"{len(board.bus.problems)}")
    report.note("\n```\n" + summary(board) + "\n```")


def stored(url: str, name: str) -> tuple[bool, str]:
    """CHECK gives one digest twice; a network without a stored input says so."""
    try:
        with N6Device(url, timeout=TIMEOUT) as device:
            seen = [device[name].check() for _ in range(2)]
            good = seen[0].digest == seen[1].digest and seen[0].state is not CheckState.DIFFERENT
            return good, f"digest {seen[0].digest:#010x}, {seen[0].state.name}"
    except DeviceError as error:
        return error.status == Status.UNSUPPORTED, str(error)


def line(setup: Setup, report: Report) -> None:
    """Damaged bytes in all that a host sends, from HELLO to the end of an upload."""
    for kind in failures.DAMAGES:
        points = range(EVERY, 100_000, EVERY)
        board = setup.board()
        with served(board, failures.damaged_line(kind, points)) as url:
            value, error = guarded(url, partial(inference, name=setup.networks[-1], fill=3))
        report.check(
            f"{kind}, every {EVERY} bytes", value is not None, error or "the inference succeeds", injected=True
        )


def in_use(setup: Setup, report: Report) -> None:
    """What happens to the chip in an upload; then the board has to answer."""
    name = setup.networks[-1]
    for failure in failures.USE:
        points = {"middle": 40_000} if failure.says else {"first bytes": 4000, "middle": 40_000, "end": 98_000}
        for where, point in points.items():
            board = setup.board()
            with served(board, failures.acting_line(board, {point: failure.apply})) as url:
                value, error = guarded(url, partial(inference, name=name, fill=3))
                after = how_it_is(url)
            good = failure.says in error if failure.says else value is not None
            seen = f"{error or 'the inference succeeds'}; then: {after}"
            report.check(f"{failure.name}, {where} of an upload", good and "runtime" in after, seen, injected=True)
    board = setup.board()
    failures.reach(board, "network runtime")
    whole = board.clocks.npu
    failures.half_clock(board)
    with served(board) as url, N6Device(url, timeout=TIMEOUT) as device:
        hertz = device.info.npu_hz
    report.check("NPU at half its clock", hertz == whole // 2, f"clocks: NPU {hertz // 1_000_000} MHz", injected=True)


def how_it_is(url: str) -> str:
    """What `n6link info` says of a start; empty if there is no answer."""
    try:
        with N6Device(url, timeout=TIMEOUT) as device:
            info = device.info
            record = f", last fault: {info.fault_record}" if info.fault_record else ""
            return f"started by {info.reset_cause.doc}{record}, runtime {info.runtime}"
    except N6Error as error:
        return f"{type(error).__name__}: {error}"


def memories(setup: Setup, report: Report) -> None:
    """Flash that is erased or stale, fuses that are not set, a clock that stops, a sleep that does not end."""
    stale = [(address, bytes([data[0] ^ 1]) + data[1:]) for address, data in setup.flash]
    for what, flash in (("erased", []), ("stale", stale)) if setup.compared else ():
        board = setup.board(flash=flash)
        with served(board) as url:
            _, error = guarded(url, partial(inference, name=min(setup.compared), fill=3))
            after = how_it_is(url)
        report.check(f"flash {what}", "cannot run" in error and "weights" in after, f"{error}; {after}", injected=True)
    board = setup.board(fuses=0)
    with served(board) as url:
        after = how_it_is(url)
    report.check("fuses not set", "OTP word 124" in after, after, injected=True)
    board = setup.board()
    board.system.sleep_stops_cycles = True
    with served(board) as url:
        after = how_it_is(url)
    report.check("cycle counter stops in sleep", "does not sleep" in after, after, injected=True)
    board = setup.board()
    failures.reach(board, "trial of sleeping")
    board.watchdog.advance(board.watchdog.period)
    with served(board) as url:
        after = how_it_is(url)
    good = "trial of sleeping: it did not end" in after and "does not sleep" in after
    report.check("sleep that does not end", good, after, injected=True)


def at_start(setup: Setup, report: Report) -> None:
    """Each failure of the first start has its sentence."""
    for failure in failures.START:
        if failure.psram_only and not setup.kind.psram_size:
            continue
        board = setup.board()
        failure.apply(board)
        said = failures.first_sentence(board)
        report.check(failure.name, failure.says in said, said, injected=True)
