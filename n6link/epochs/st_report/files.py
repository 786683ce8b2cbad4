"""Reads files and folders: detects the format of a file, and the files of a folder that describe the same network.

A folder may contain files of several runs of the tool. Two files describe the same network if they have the same C name or model, and
all values that both contain are equal: names, target, version of the tool or the compiler, number of epochs. A second network, or
a second run, is therefore not mixed with the first.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from n6link.epochs.st_report.c_info import as_dict, read_c_info
from n6link.epochs.st_report.model import Note, Report
from n6link.epochs.st_report.mpool import is_mpool, read_mpool
from n6link.epochs.st_report.text import TextReader
from n6link.errors import ReportError
from n6link.json_types import JsonObject

MAX_BYTES: Final = 256 * 1024 * 1024
"""Larger files are refused."""
SUFFIXES: Final = frozenset({".txt", ".log", ".json", ".mpool"})
"""Extensions of the files of a folder that are read."""

_WANTED: Final = (
    "use network_generate_report.txt, network_analyze_report.txt, network_validate_report.txt, network_c_info.json, "
    "a .mpool file, or a log of one of these runs"
)
_OTHERS: Final = {
    "tensors": "quantisation of the model",
    "c_layers": "graph of the C model",
    "cli_version_str": "summary for STM32CubeMX",
}
"""Other JSON files of the tool, by a key; they do not contain data of a report."""
_NAME: Final = re.compile(r"(.+?)_(?:(?:generate|analyze|validate)_report|c_info)\b.*|(.+?)_c_info_\d+\.json")


class NotAReport(ReportError):
    """A file that was not written by ST Edge AI Core, or does not contain data of a report."""


class NotNeeded(NotAReport):
    """A file of ST Edge AI Core that does not contain data of a report."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The reports of a folder."""

    reports: tuple[Report, ...] = ()
    """one for each network, or for each file"""
    ignored: tuple[str, ...] = ()
    """one sentence for each file that is not a report"""
    damaged: tuple[ReportError, ...] = ()
    """one for each report that cannot be read"""


def read(path: str | os.PathLike[str]) -> Report:
    """Reads a report, or the reports of a folder as one. A damaged file in a folder becomes a note of the others.

    Raises:
        ReportError: the path does not contain a readable report, or has several networks.
    """
    place = Path(path)
    if not place.is_dir():
        return read_file(place)
    folder = read_folder(place)
    if not folder.reports:
        raise next(iter(folder.damaged), NotAReport(f"{place} does not contain a report; {_WANTED}"))
    report, *others = folder.reports
    if others:
        found = ", ".join(Path(report.source).name for report in folder.reports)
        raise ReportError(
            f"{place} contains reports of {len(folder.reports)} networks or builds; choose one file of {found}"
        )
    damaged = Report("", notes=tuple(Note(0, "", str(error)) for error in folder.damaged))
    return report.merged(damaged) if folder.damaged else report


def read_folder(path: str | os.PathLike[str]) -> Folder:
    """Reads all reports of a folder; reports of the same network are combined.

    Raises:
        ReportError: the folder cannot be read.
    """
    folder = read_files(path)
    reports: list[Report] = []
    for report in folder.reports:
        _add(reports, report)
    return Folder(tuple(reports), folder.ignored, folder.damaged)


def read_files(path: str | os.PathLike[str]) -> Folder:
    """Reads all reports of a folder; one report for each file.

    Raises:
        ReportError: the folder cannot be read.
    """
    reports: list[Report] = []
    ignored: list[str] = []
    damaged: list[ReportError] = []
    try:
        files = sorted(file for file in Path(path).iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
    except OSError as error:
        raise ReportError(f"{path} cannot be read: {error.strerror}") from error
    for file in sorted(files, key=_rank):
        try:
            reports.append(read_file(file))
        except NotNeeded:
            continue
        except NotAReport as error:
            ignored.append(str(error))
        except ReportError as error:
            damaged.append(error)
    return Folder(tuple(reports), tuple(ignored), tuple(damaged))


def read_file(path: Path) -> Report:
    """Reads one file.

    Raises:
        ReportError: it cannot be read as a report.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ReportError(f"{path} has {size} bytes; a report must not have more than {MAX_BYTES}")
        raw = path.read_bytes()
    except OSError as error:
        raise ReportError(f"{path} cannot be read: {error.strerror}") from error
    text = _decoded(raw, path)
    if text.lstrip().startswith("{"):
        report = _from_json(text, path)
    else:
        reader = TextReader()
        reader.feed(io.StringIO(text, newline=None))
        found = reader.report(str(path))
        if found is None:
            begin = next((line.strip()[:60] for line in text.splitlines() if line.strip()), "")
            what = f"starts with {begin!r} and does not contain a part of a report" if begin else "is empty"
            raise NotAReport(f"{path} {what} of ST Edge AI Core; {_WANTED}" if begin else f"{path} {what}; {_WANTED}")
        report = found
    return report


def _from_json(text: str, path: Path) -> Report:
    try:
        document: JsonObject = as_dict(json.loads(text))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise ReportError(f"{path} is not a complete JSON document ({where}); generate the file again") from error
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{path} cannot be read as a JSON document: {error}") from error
    if is_mpool(document):
        return read_mpool(document, str(path))
    if "json_schema_version" not in document:
        for key, what in _OTHERS.items():
            if key in document:
                raise NotNeeded(f"{path} is the {what}; {_WANTED}")
        raise NotAReport(f"{path} does not have a json_schema_version; {_WANTED}")
    return read_c_info(document, str(path))


def _decoded(raw: bytes, path: Path) -> str:
    """Text of a file. Consoles of Windows write UTF-16, with or without a byte order mark."""
    # Without a mark: in UTF-16 text of Latin letters, every second byte is zero.
    encoding = "utf-8-sig"
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif raw[1:64:2].count(0) > 24:
        encoding = "utf-16-le"
    elif raw[:64:2].count(0) > 24:
        encoding = "utf-16-be"
    text = raw.decode(encoding, errors="replace")
    if (place := text.find("\0")) >= 0:
        line = text.count("\n", 0, place) + 1
        raise NotAReport(f"{path} is not text: line {line} contains a zero byte; text in UTF-8 or UTF-16 is required")
    return text


def _rank(file: Path) -> tuple[int, str]:
    """Generate before validate before c_info: in a combined report, values of the first one are used."""
    order = ("generate_report", "analyze_report", "validate_report", "c_info")
    return next((index for index, part in enumerate(order) if part in file.name), len(order)), file.name


def _add(reports: list[Report], report: Report) -> None:
    """Combines a report with the one of the same network, if there is one."""
    for index, known in enumerate(reports):
        if not differences(known, report):
            reports[index] = known.merged(report)
            return
    reports.append(report)


def differences(one: Report, other: Report) -> list[str]:
    """Reasons why two reports are not from one build of one network: different values, or no common name."""
    pairs: Iterable[tuple[str, str | int, str | int]] = (
        ("C name", _c_name(one), _c_name(other)),
        ("model", one.network, other.network),
        ("target", one.series, other.series),
        ("processor", _processor(one), _processor(other)),
        ("ST Edge AI Core", one.tool.partition(" ")[0], other.tool.partition(" ")[0]),
        ("compiler", one.compiler, other.compiler),
        ("epochs", one.table.epochs if one.table else 0, other.table.epochs if other.table else 0),
    )
    known = [(what, mine, theirs) for what, mine, theirs in pairs if mine and theirs]
    found = [f"{what} {mine} and {theirs}" for what, mine, theirs in known if mine != theirs]
    named = any(what in ("C name", "model") for what, *_ in known)
    return found + ["no name in common"] * (not named)


def _processor(report: Report) -> str:
    return "CPU" if report.idle else "NPU" if report.table else ""


def _c_name(report: Report) -> str:
    """The C name of a network; if the report does not contain it, from the name of the file."""
    return report.name or file_name(report)


def file_name(report: Report) -> str:
    """The C name at the start of the file's name, as the tool writes it; empty if the name has another form."""
    match = _NAME.fullmatch(Path(report.source).name)
    return (match[1] or match[2]) if match else ""
