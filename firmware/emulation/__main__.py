"""Runs an image: ``python -m emulation image.elf --tcp 7777 --flash 0x70380000=weights.raw``."""

from __future__ import annotations

import argparse
import contextlib
import signal
from pathlib import Path

from emulation.board import FAST_FLASH, FAST_PSRAM, KINDS, Board, Image
from emulation.line import Line
from emulation.summary import summary


def _flash(text: str) -> tuple[int, bytes]:
    address, _, path = text.partition("=")
    return int(address, 0), Path(path).read_bytes()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="emulation", description=__doc__)
    parser.add_argument("image", type=Path)
    parser.add_argument("--board", choices=KINDS, default="stm32n6570-dk")
    parser.add_argument("--tcp", type=int, default=0, help="port; 0 takes a free one, which is printed")
    parser.add_argument("--flash", type=_flash, action="append", default=[], metavar="ADDRESS=FILE")
    parser.add_argument("--fuses", type=lambda text: int(text, 0), default=FAST_FLASH | FAST_PSRAM, help="OTP word 124")
    parser.add_argument("--baud", type=int, default=921_600)
    parser.add_argument("--development", action="store_true", help="a reset ends in the boot ROM")
    parser.add_argument("--npu-dead", action="store_true")
    parser.add_argument(
        "--hang-at", type=int, metavar="BLOB", help="the NPU does not end this epoch blob, counted from 1"
    )
    parser.add_argument("--no-flash", action="store_true")
    parser.add_argument("--no-psram", action="store_true")
    options = parser.parse_args()
    board = Board(
        KINDS[options.board],
        Image(options.image),
        fuses=options.fuses,
        host_baud=options.baud,
        development=options.development,
    )
    board.load_flash(options.flash)
    board.npu.dead, board.npu.hang_at = options.npu_dead, options.hang_at
    board.flash_chip.present, board.psram_chip.present = not options.no_flash, not options.no_psram
    line = Line(board, options.tcp)
    print(f"tcp:127.0.0.1:{line.port}", flush=True)
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
    with contextlib.suppress(KeyboardInterrupt):
        line.serve(lambda: bool(ended))
    line.close()
    print(summary(board))


if __name__ == "__main__":
    main()
