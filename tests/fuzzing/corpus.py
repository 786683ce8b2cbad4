"""The inputs that are kept: a file for each target, with one input on each line, in hexadecimal digits; the shortest first."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).with_name("corpus")


def read(name: str) -> list[bytes]:
    """The inputs of a target; none if it has no file."""
    path = FOLDER / f"{name}.hex"
    return [bytes.fromhex(line) for line in path.read_text().splitlines()] if path.exists() else []


def write(name: str, inputs: Iterable[bytes]) -> None:
    """Replaces the inputs of a target."""
    lines = [data.hex() + "\n" for data in sorted(set(inputs), key=lambda data: (len(data), data))]
    (FOLDER / f"{name}.hex").write_text("".join(lines))
