"""The first stage boot loader (FSBL), which the chip's ROM starts and which starts the image.

It is ST's: ``ai_fsbl.hex``, in the folder ``Binary`` or ``FSBL`` of each STM32N6-GettingStarted application. It is programmed once for a
board. Its file is read here to refuse others, such as the image of a whole application, and to compare it with what a board has.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from n6link.errors import BadInput
from n6link.firmware.boards import FLASH, IMAGE
from n6link.firmware.signing import MAGIC

WHERE: Final = (
    "ST ships it as ai_fsbl.hex in the folder Binary or FSBL of each STM32N6-GettingStarted application, such as "
    "STM32N6-GettingStarted-PoseEstimation"
)


def read(path: Path) -> bytes:
    """The bytes of a boot loader from :data:`FLASH` on, from an Intel HEX or binary file.

    Raises:
        BadInput: it cannot be read, or is not a boot loader.
    """
    try:
        content = _hex(path.read_text(encoding="ascii")) if path.suffix.lower() == ".hex" else path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BadInput(f"{path} is not a boot loader: {error}; {WHERE}") from error
    if content[:4] != MAGIC:
        raise BadInput(f"{path} is not a boot loader: it does not start with the header STM2; {WHERE}")
    if len(content) > IMAGE - FLASH:
        raise BadInput(f"{path} is not a boot loader: it has more than {(IMAGE - FLASH) >> 20} MB; {WHERE}")
    return content


def _hex(text: str) -> bytes:
    """Data records of an Intel HEX file; gaps are erased flash."""
    content, base = bytearray(), 0
    for number, line in enumerate(text.split(), 1):
        record = bytes.fromhex(line[1:]) if line.startswith(":") else b""
        if len(record) < 5 or len(record) != record[0] + 5 or sum(record) % 256:
            raise ValueError(f"line {number} is damaged")
        kind, data = record[3], record[4:-1]
        if kind == 4:
            base = int.from_bytes(data) << 16
        elif kind == 0:
            at = base + int.from_bytes(record[1:3])
            if not FLASH <= at <= IMAGE - len(data):
                raise ValueError(f"it has bytes at {at:#x}, outside of {FLASH:#x} to {IMAGE - 1:#x}")
            start = at - FLASH
            content.extend(b"\xff" * (start + len(data) - len(content)))
            content[start : start + len(data)] = data
    return bytes(content)
