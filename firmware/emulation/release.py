"""`make emulate`: the board image with ST's own sources on the emulated board, checked and written down.

    STM32CUBE_N6_DIR=... STEDGEAI_CORE_DIR=... python -m emulation.release --network movenet13=/path/to/st_ai_output

For each board: builds the image for a Cortex-M33, boots it, runs every network through n6link, damages the line and the DMA in
the middle of uploads, and breaks what a first start can meet. The report says versions, counts, what was skipped and why. No board is measured.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from emulation import failures
from emulation.board import FAST_FLASH, FAST_PSRAM, KINDS, Board, Image
from emulation.line import Line
from emulation.summary import summary
from n6link.blocking import N6Device
from n6link.errors import N6Error
from n6link.registry import read_network

FIRMWARE: Final = Path(__file__).resolve().parents[1]
TIMEOUT: Final = 120.0
"""seconds for one inference: an emulated board is slow"""


@dataclass
class Report:
    """What is written down."""

    lines: list[str] = field(default_factory=list)
    failed: int = 0

    def note(self, text: str) -> None:
        """A line."""
        self.lines.append(text)
        print(text, flush=True)

    def check(self, name: str, good: bool, seen: str) -> None:
        """A result."""
        self.failed += not good
        self.note(f"| {name} | {'pass' if good else 'FAIL'} | {seen} |")


@contextmanager
def served(board: Board, change: Callable[[bytes], list[tuple[bytes, int]]] | None = None) -> Iterator[str]:
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


def build(board: str, networks: list[str], report: Report) -> Path | None:
    """The image of a board, or None with the reason in the report."""
    folder = FIRMWARE / "build" / f"emulated-{board}"
    settings = ["-DN6_EMULATED=ON", f"-DN6_NETWORKS={';'.join(networks)}"]
    for command in (["--preset", board, "-B", str(folder), *settings], ["--build", str(folder)]):
        done = subprocess.run(["cmake", *command], cwd=FIRMWARE, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            reason = re.findall(r"^Error: .*|.*error:.*", done.stdout + done.stderr, re.MULTILINE)
            report.note(f"skipped: {board} was not built: {reason[0] if reason else done.stderr[-300:]}")
            return None
    return folder / "ports" / "stm32n6" / f"emulated-{board}.elf"


def inference(url: str, name: str, fill: int) -> int:
    """CRC-32 of what a network gives for an input of one value."""
    with N6Device(url, timeout=TIMEOUT) as device:
        network = device[name]
        data = {key: np.full(spec.shape, fill, np.uint8).astype(spec.dtype) for key, spec in network.inputs.items()}
        result = network.run(data if len(data) > 1 else next(iter(data.values())), reduce=False, timeout=TIMEOUT)
        return zlib.crc32(b"".join(np.ascontiguousarray(array).tobytes() for array in result.outputs.values()))


def guarded(action: Callable[[], int]) -> tuple[int | None, str]:
    """A value, or the error that the user sees."""
    try:
        return action(), ""
    except N6Error as error:
        return None, f"{type(error).__name__}: {error}"


def check_board(kind: str, image: Image, networks: list[str], weights: list[tuple[int, bytes]], report: Report) -> None:
    """All checks of one board."""

    def made(fuses: int = FAST_FLASH | FAST_PSRAM, flash: list[tuple[int, bytes]] | None = None) -> Board:
        board = Board(KINDS[kind], image, fuses=fuses)
        board.load_flash(weights if flash is None else flash)
        return board

    names = [network.partition("=")[0] for network in networks]
    board = made()
    with served(board) as url:
        for name in names:
            values, error = [], ""
            for fill in (7, 3, 3):  # what the first one finds in memory is not what the others find
                value, error = guarded(lambda name=name, fill=fill: inference(url, name, fill))  # type: ignore[misc]
                values.append(value)
            good = None not in values and values[1] == values[2]
            report.check(f"{name}, three inferences", good, error or f"outputs {values}")
    report.check("no cache maintenance is missing", not board.coherence.broken, "see the counts below")
    report.check("no access was refused", not board.bus.problems, f"{len(board.bus.problems)} refused")
    report.note("\n```\n" + summary(board) + "\n```\n")
    for kind_of, points in (("framing", {400, 5000, 50000}), ("break", {401, 30000}), ("overrun", {1000, 20001})):
        board = made()
        with served(board, failures.damaged_line(kind_of, points)) as url:
            value, error = guarded(lambda: inference(url, names[0], 3))
        report.check(f"{kind_of} in an upload", value is not None, error or "the inference succeeds")
    board = made()
    with served(board) as url:
        timer = threading.Timer(1.5, board.dma.fail_next.add, (0,))
        timer.start()
        value, error = guarded(lambda: inference(url, names[0], 3))
        timer.cancel()
    report.check("DMA error in an upload", value is not None, error or "the inference succeeds")
    board = made()
    board.npu.hang_at = 1
    with served(board) as url:
        value, error = guarded(lambda: inference(url, names[0], 3))
    report.check("NPU hangs in an epoch", "NPU" in error, error)
    if weights:
        stale = [(address, bytes([data[0] ^ 1]) + data[1:]) for address, data in weights]
        for what, flash in (("erased", []), ("stale", stale)):
            board = made(flash=flash)
            with served(board) as url:
                value, error = guarded(lambda: inference(url, names[-1], 3))
                with N6Device(url, timeout=TIMEOUT) as device:
                    runtime = device.info.runtime
            report.check(f"flash {what}", "NOT_READY" in error and "weights" in runtime, f"{runtime}; {error}")
    board = made(fuses=0)
    with served(board) as url, N6Device(url, timeout=TIMEOUT) as device:
        runtime = device.info.runtime
    report.check("fuses not set", "OTP word 124" in runtime, runtime)
    for failure in failures.START:
        if failure.psram_only and not KINDS[kind].psram_size:
            continue
        board = made()
        failure.apply(board)
        said = failures.first_sentence(board)
        report.check(failure.name, failure.says in said, said or "nothing")


def main() -> int:
    """The command line; 1 if a check failed."""
    parser = argparse.ArgumentParser(prog="emulation.release", description=__doc__)
    parser.add_argument("--network", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--board", action="append", choices=KINDS)
    parser.add_argument("--image", action="append", default=[], metavar="BOARD=ELF", help="built before")
    parser.add_argument("--report", type=Path, default=FIRMWARE / "build" / "emulation.md")
    options = parser.parse_args()
    missing = [name for name in ("STM32CUBE_N6_DIR", "STEDGEAI_CORE_DIR") if not os.environ.get(name)]
    if missing or not options.network:
        what = ", ".join(missing) or "--network"
        print(f"{what} is not given; the emulation needs ST's sources and a generated network", file=sys.stderr)
        return 2
    report = Report()
    weights: list[tuple[int, bytes]] = []
    for text in options.network:
        name, _, path = text.partition("=")
        network = read_network(name, path)
        report.note(f"{name}: {network.source.path.name}, compiler {network.source.compiler or 'unknown'}")
        for note in network.notes:
            report.note(f"skipped: {note}")
        weights += [(part.address, part.content) for part in network.parts if part.in_flash]
    report.note("skipped: USB, Helium, timing, voltages, and all that a model of firmware/emulation says it leaves out")
    for kind in options.board or KINDS:
        report.note(f"\n## {kind}\n")
        images = dict(text.split("=", 1) for text in options.image)
        elf = Path(images[kind]) if kind in images else build(kind, options.network, report)
        if elf is not None:
            report.note("| check | result | what the user sees |\n|---|---|---|")
            check_board(kind, Image(elf), options.network, weights, report)
    options.report.parent.mkdir(exist_ok=True)
    options.report.write_text("\n".join(report.lines) + "\n", encoding="utf-8")
    print(f"{report.failed} failed; {options.report}")
    return int(report.failed > 0)


if __name__ == "__main__":
    sys.exit(main())
