"""Data that must be in memory before a network runs: its weights, and RAM pools with initial content.

ST Edge AI Core writes one file per such pool next to the C file, ``<name>_atonbuf.<postfix>.raw``, for the first address of the pool;
ST's own examples have it as ``.bin``. The board compares its flash with the size and the CRC-32 of the file: with erased or wrong
flash, the network would return results that look correct.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from n6link.epochs.pools import Pool
from n6link.errors import ReportError
from n6link.registry.source import Source

EXTERNAL: Final = 0x6000_0000
"""First address of memory-mapped external memories; below is the RAM of the chip."""
SLACK: Final = 8192
"""Maximum difference, in bytes, between a file and its size in the C file or report: they round to 0.01 MB, with or without alignment."""


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes at an address."""

    pool: str
    path: Path
    address: int
    content: bytes

    @property
    def in_flash(self) -> bool:
        """Whether it must be programmed into flash; else it is in the firmware, which copies it before each run."""
        return self.address >= EXTERNAL

    @property
    def crc(self) -> int:
        """Zlib's CRC-32."""
        return zlib.crc32(self.content)


def read_parts(source: Source, pools: Sequence[Pool]) -> tuple[Part, ...]:
    """The files of pools with content that are next to the C file.

    Raises:
        ReportError: two files are possible, one cannot be read, or its size is not that of the pool.
    """
    postfixes = dict(source.postfixes)
    found: list[Part] = []
    for pool in pools:
        if pool.weights and pool.name in postfixes:
            found += _part(source, pool, postfixes[pool.name])
    return tuple(found)


def _part(source: Source, pool: Pool, postfix: str) -> Iterator[Part]:
    folder = source.path.parent
    files = sorted(file for end in ("raw", "bin") for file in folder.glob(f"*.{postfix}.{end}"))
    own = [file for file in files if file.name.startswith((f"{source.path.stem}_", f"{source.path.stem}."))]
    files = own or files
    if not files:
        return
    try:
        contents = {file.read_bytes(): file for file in files}
    except OSError as error:
        raise ReportError(f"{error.filename} cannot be read: {error.strerror}") from error
    if len(contents) > 1:
        names = " and ".join(file.name for file in contents.values())
        raise ReportError(f"{folder} contains {names} for {pool.name}; keep only the files of one run")
    content, file = next(iter(contents.items()))
    if abs(len(content) - pool.weights) > SLACK + pool.weights // 100:
        raise ReportError(
            f"{file} has {len(content)} bytes, but {pool.name} has {pool.weights} bytes of weights; keep only the files of one run"
        )
    yield Part(pool.name, file, pool.base, content)
