"""Reads what ST Edge AI Core says of a network: reports, console logs and c_info, of versions 2.1, 2.2 and 4.0.

::

    report = read("st_ai_output/network_generate_report.txt")
    report.table.offload_by_count, report.table.fallbacks, report.pools

    :func:`read`          one file, or a folder, whose reports are of one network and complete each other
    :class:`Report`       the one model of all of them
    :func:`join`          a report's names and estimates on the blocks of a device
    :func:`block_table`   a report as the block table of a simulated network

Reports come from elsewhere: a wrong or truncated one gives what can be read and notes about the rest, or ReportError if there is nothing
to read; it never takes longer than its size asks for.
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Final

from n6link.epochs.join import Join, join
from n6link.epochs.st_report.c_info import read_c_info
from n6link.epochs.st_report.model import BlockTime, Note, Report, Validation
from n6link.epochs.st_report.text import TextReader
from n6link.errors import ReportError

__all__ = ["BlockTime", "Join", "Note", "Report", "Validation", "block_table", "join", "read"]

MAX_BYTES: Final = 256 * 1024 * 1024
"""Larger files are refused."""
FOLDER_FILES: Final = ("*generate_report.txt", "*validate_report.txt", "*c_info*.json")
"""What is read of a folder, in the order of precedence."""


def read(path: str | os.PathLike[str]) -> Report:
    """Reads a report, or the reports of a folder as one.

    Raises:
        ReportError: there is nothing at this path that can be read as a report.
    """
    place = Path(path)
    if not place.is_dir():
        return _read_file(place)
    files = [file for pattern in FOLDER_FILES for file in sorted(place.glob(pattern))]
    if not files:
        raise ReportError(f"{place} holds no report of ST Edge AI Core: none of {', '.join(FOLDER_FILES)}.")
    report = _read_file(files[0])
    for file in files[1:]:
        report = report.merged(_read_file(file))
    return report


def block_table(path: str | os.PathLike[str]) -> str:
    """The epoch blocks and memory pools of a report as text, one a line, as ``firmware/npu/block_table.h`` tells.

    A simulated network that is given this text shows what the compiler has made of the real one. Pools that the report's
    target does not have (of no size) are left out.

    Raises:
        ReportError: the report cannot be read, or lists no epochs.
    """
    report = read(path)
    if report.table is None:
        raise ReportError(f"{path} lists no epochs; give the generate report or the c_info of the network.")
    blocks = (
        f"{block.kind.name} {block.first} {block.last} {block.estimated_npu} {block.estimated_total} "
        f"{block.sent_operation}".rstrip()
        for block in report.table.blocks
    )
    pools = (
        f"pool {'_'.join(pool.name.split()) or '?'} {pool.base:#x} {pool.total} {pool.used} {pool.weights} {pool.activations}"
        for pool in report.pools
        if pool.total
    )
    return "".join(f"{line}\n" for line in (*blocks, *pools))


def _read_file(path: Path) -> Report:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ReportError(f"{path} has {size} bytes; a report has at most {MAX_BYTES}.")
        raw = path.read_bytes()
    except OSError as error:
        raise ReportError(f"{path} cannot be read: {error.strerror}.") from error
    text = _decode(raw)
    if text.lstrip().startswith("{"):
        try:
            return read_c_info(json.loads(text), str(path))
        except (ValueError, RecursionError) as error:
            raise ReportError(f"{path} is no complete JSON document: {error}.") from error
    reader = TextReader()
    reader.feed(io.StringIO(text, newline=None))
    report = reader.report(str(path))
    if report is None:
        raise ReportError(
            f"{path} has no part of an ST Edge AI Core report. Give network_generate_report.txt, "
            "network_validate_report.txt, network_c_info.json, or a console log with one of them."
        )
    return report


def _decode(raw: bytes) -> str:
    """Text of a file; consoles of Windows redirect into UTF-16."""
    encoding = "utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    return raw.decode(encoding, errors="replace")
