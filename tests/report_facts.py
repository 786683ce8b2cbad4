"""Compares what n6link reads from ST's files with what a search of their text finds. It shares no code with the readers.

    python tests/report_facts.py FOLDER...

prints one line for each report in these folders: epochs, kinds, operations on the CPU, pools, MACs, time; and what differs.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from n6link.epochs.st_report import Report, read
from n6link.epochs.table import FOUR
from n6link.errors import N6Error
from n6link.protocol import EpochKind

SUFFIXES = (".txt", ".log", ".json")
UNITS = {"B": 1, "kB": 1024, "MB": 1 << 20, "GB": 1 << 30}
NO_WORK = {"Param", "Return", ""}


@dataclass
class Facts:
    """What the text of a file says; None = nothing."""

    epochs: int | None = None
    software: int | None = None
    hybrid: int | None = None
    operations: Counter[str] = field(default_factory=Counter[str])
    """of SW epochs"""
    pools: dict[str, float] = field(default_factory=dict[str, float])
    """used bytes, as printed"""
    maccs: set[int] = field(default_factory=set[int])
    milliseconds: list[float] = field(default_factory=list[float])


def facts(path: Path) -> Facts:
    """Searches a file."""
    text = path.read_bytes().decode("utf-8", errors="replace").replace("\xa0", " ")
    return _of_json(json.loads(text)) if text.lstrip().startswith("{") else _of_text(text)


def _of_text(text: str) -> Facts:
    found = Facts()
    numbers = re.findall(r"Total number of epochs:? +(\d+)", text)
    if not numbers or not re.search(r"\bepochs?[ _]+\d+ +(-|HW|EC|SW|\?|\||->)", text):
        return _rest(found, text)  # without rows, a total is not the number of epochs
    found.epochs = int(numbers[0])
    if numbers := re.findall(r"of which (\d+) implemented in software|pure software \(SW\) epochs +(\d+)", text):
        found.software = int("".join(numbers[0]))
    if numbers := re.findall(r"hybrid epochs \([^)]*\) +(\d+)", text):
        found.hybrid = int(numbers[0])
    elif found.epochs is not None:
        found.hybrid = len(re.findall(r"^.*\bepoch +\d+ +\?\?", text, re.MULTILINE))
    rows = re.findall(r"\bepoch +\d+ +-SW- +\( *(\S+) *\)|^.*\| epoch_\d+ +\| +SW +\| +(\S+)", text, re.MULTILINE)
    found.operations = Counter("".join(row) for row in rows)
    runs = len(re.findall(r"Total number of epochs", text))
    if runs > 1:
        found.operations = Counter({name: count // runs for name, count in found.operations.items()})
    return _rest(found, text)


def _rest(found: Facts, text: str) -> Facts:
    pool = r"(\S+) +\[ *0x[0-9A-Fa-f]+ *- *0x[0-9A-Fa-f]+ *\]: +([\d.]+) +(B|kB|MB|GB) */"
    for name, size, unit in re.findall(pool, text):
        found.pools[name] = float(size) * UNITS[unit]
    maccs = re.findall(r"(?:\bmacc *: *|model: macc=)([\d,]+)", text)
    found.maccs = {int(macc.replace(",", "")) for macc in maccs} - {0}
    found.milliseconds = [float(value) for value in re.findall(r"\bduration +: +([\d.]+) ms", text)]
    return found


def _of_json(document: Any) -> Facts:
    nodes = [
        node
        for graph in document.get("graphs", ())[:1]
        for node in graph["nodes"]
        if re.fullmatch(r"epoch_\d+", node["name"]) and node["mapping"] != "NODE_NO_X" and set(_parts(node)) - NO_WORK
    ]
    kinds = Counter(node["mapping"] for node in nodes)
    found = Facts(len(nodes) or None)
    if nodes:
        found.software, found.hybrid = kinds["NODE_SW"], kinds["NODE_SW_HW"] + kinds["NODE_HYBRID"]
        found.operations = Counter(
            part
            for node in nodes
            if node["mapping"] == "NODE_SW"
            for part in dict.fromkeys(_parts(node))
            if part not in NO_WORK
        )
    for pool in document.get("memory_pools", ()):
        if not pool.get("subpools"):
            found.pools[pool["name"]] = float(pool["used_size_bytes"])
    return found


def _parts(node: Any) -> Iterator[str]:
    for part in node.get("subgraph_nodes", ()):
        yield (part.get("type") or part.get("description") or "").removeprefix("Node kind=")


def differences(report: Report, found: Facts) -> list[str]:
    """What n6link has read otherwise than a search finds it."""
    counts = report.table.counts if report.table else {}
    if report.table and report.table.unlisted:
        # Nothing is known about epochs that are announced, but not listed.
        found = replace(found, software=None, hybrid=None)
    pairs: list[tuple[str, object, object]] = [
        ("epochs", report.table and report.table.epochs, found.epochs),
        ("SW epochs", counts.get(EpochKind.SW), found.software),
        ("hybrid epochs", counts.get(EpochKind.HYBRID), found.hybrid),
    ]
    if found.operations and report.table:
        software = [block for block in report.table.blocks if block.kind is EpochKind.SW]
        operations = Counter(name for block in software for name in block.operations)
        pairs.append(("operations", dict(sorted(operations.items())), dict(sorted(found.operations.items()))))
    wrong = [
        f"{name}: {mine} instead of {theirs}" for name, mine, theirs in pairs if theirs is not None and mine != theirs
    ]
    for pool in report.pools:
        printed = found.pools.get(pool.name)
        # Printed sizes have three decimals of their unit.
        if printed is None or abs(printed - pool.used) > max(1024 * (printed >= 1 << 20), printed > 1024):
            wrong.append(f"{pool.name}: {pool.used} bytes instead of {printed}")
    if set(found.pools) != {pool.name for pool in report.pools}:
        wrong.append(f"pools {sorted(pool.name for pool in report.pools)} instead of {sorted(found.pools)}")
    if found.maccs and report.macc not in found.maccs:
        wrong.append(f"MACs {report.macc} instead of {sorted(found.maccs)}")
    seconds = report.seconds if report.seconds is not None else report.host_seconds
    if found.milliseconds and not any(abs((seconds or 0) * 1e3 - value) < 1e-6 for value in found.milliseconds):
        wrong.append(f"{seconds} s instead of {found.milliseconds} ms")
    return wrong


def line(path: Path, report: Report, wrong: list[str]) -> str:
    """One row of the table."""
    table = report.table
    kinds = "/".join(str(table.counts[kind]) for kind in FOUR) if table else "-"
    operations = ", ".join(f"{count} {name}" for name, count in table.fallbacks.items()) if table else ""
    seconds = report.seconds if report.seconds is not None else report.host_seconds
    cells = [
        path.name,
        report.tool.split("-")[0] or "-",
        str(table.epochs) if table else "-",
        kinds,
        operations[:60] or "-",
        str(sum(bool(pool.used) for pool in report.pools)),
        f"{report.macc:,}" if report.macc else "-",
        f"{seconds * 1e3:.3f}" if seconds else "-",
        "; ".join(wrong) or "exact",
    ]
    return f"| {' | '.join(cells)} |"


def main(folders: list[str]) -> None:
    """Prints the table."""
    print("| file | Core | epochs | EC/HW/hybrid/SW | on the CPU | pools | MACs | ms | compared with the text |")
    print("|---|---|--:|---|---|--:|--:|--:|---|")
    exact = files = 0
    for path in sorted(file for folder in folders for file in Path(folder).rglob("*") if file.suffix in SUFFIXES):
        try:
            report = read(path)
        except N6Error:
            continue
        if report.formats in (("mpool",), ("failed",)):
            continue
        wrong = differences(report, facts(path))
        print(line(path, report, wrong))
        files, exact = files + 1, exact + (not wrong)
    print(f"\n{files} reports, {exact} exact")


if __name__ == "__main__":
    main(sys.argv[1:])
