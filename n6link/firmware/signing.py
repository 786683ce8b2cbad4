"""STM32_SigningTool_CLI: puts the header before an image that the boot loader of ST requires.

The command is that of ST's STM32N6-GettingStarted applications. ``-nk``: no keys, the chip need not be closed and no fuse is read or
written. From version 2.21 on the tool does not align the payload to offset 0x400 unless it is called with ``-align``;
without it, the board starts in the middle of a function and is silent. Versions before 2.21 do not know the option, and align always.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Final

from n6link.errors import ToolError
from n6link.firmware.folder import Built
from n6link.firmware.process import Command, run

PAYLOAD: Final = 0x400
"""Offset of the image in the signed file."""
MAGIC: Final = b"STM2"
ENTRY: Final = 0x70
"""Offset of the entry point in the header, version 2.3."""
ALIGN_SINCE: Final = (2, 21)


def command(tool: Path, built: Built, version: tuple[int, ...] | None) -> Command:
    """How an image is signed by this version of the tool; None = unknown, taken as new."""
    align = [] if version and version < ALIGN_SINCE else ["-align"]
    image = built.folder / built.image.file
    return [tool, "-s", "-bin", image, "-nk", "-t", "ssbl", "-hv", "2.3", *align, "-o", built.signed]


def read_version(tool: Path, log: Path) -> tuple[int, ...] | None:
    """The tool's version; None if it does not print it."""
    match = re.search(r"v(\d+)\.(\d+)", run([tool, "--version"], log).output)
    return tuple(map(int, match.groups())) if match else None


def fault(signed: Path, image: bytes) -> str | None:
    """What is wrong with a signed file, as a part of a sentence; None = it will start this image."""
    try:
        content = signed.read_bytes()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if content[:4] != MAGIC or len(content) < PAYLOAD:
        return "does not start with the header STM2"
    if content[PAYLOAD : PAYLOAD + len(image)] != image:
        at = content.find(image[:64])
        return f"has the image at offset {at:#x} instead of {PAYLOAD:#x}" if at > 0 else "is of another image"
    (entry,), (reset,) = struct.unpack_from("<I", content, ENTRY), struct.unpack_from("<I", image, 4)
    return None if entry == reset else f"starts at {entry:#x} instead of {reset:#x}, the image's reset handler"


def sign(tool: Path, built: Built) -> None:
    """Signs the image, and checks the result as the boot loader will read it.

    Raises:
        ToolError: the tool failed, or its result would not start.
    """
    version = read_version(tool, built.log)
    built.signed.unlink(missing_ok=True)  # else the tool asks whether to replace it
    done = run(command(tool, built, version), built.log)
    if done.code or not built.signed.is_file():
        raise ToolError(f"the signing tool failed: {done.tail}; see {built.log}")
    wrong = fault(built.signed, (built.folder / built.image.file).read_bytes())
    if wrong:
        built.signed.unlink()
        known = ".".join(map(str, version)) if version else "of unknown version"
        raise ToolError(
            f"the signed image {wrong}, and the board would stay silent; the signing tool is {known}: use that of STM32CubeProg 2.21 or newer"
        )
