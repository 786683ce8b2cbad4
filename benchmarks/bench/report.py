"""One table on the terminal, one JSON file."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable
from importlib import metadata
from math import isnan
from pathlib import Path
from typing import Any, Final

from bench.measure import Row, Sample, interval

PACKAGES: Final = ("n6link", "numpy", "anyio", "pyserial-asyncio", "ai-edge-litert", "pyserial", "uvloop", "serialx")
PEERS: Final = ("openmv", "smpclient", "rtmlib", "supervision", "opencv-python", "opencv-python-headless")
HEAD: Final = "| group | work | program | time | to the floor (95 %) | CPU | to the floor | rounds | |\n|---|---|---|--:|--:|--:|--:|--:|---|"


def seconds(value: float) -> str:
    """``1.20 s``, ``3.4 ms``, ``56 us``; empty for NaN."""
    if isnan(value):
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if value >= size:
            return f"{value / size:.{2 if value < 10 * size else 1 if value < 100 * size else 0}f} {unit}"
    return f"{value * 1e6:.{0 if value >= 1e-4 else 1}f} us"


def times(value: float) -> str:
    """``0.0123``, ``1.20``, ``34.5``, ``120``; empty for NaN."""
    if isnan(value):
        return ""
    digits = 4 if value < 0.1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f}"


def line(row: Row) -> str:
    """A row of the table."""
    low, high = interval(row.ratios("wall"))
    between = "" if isnan(low) or row.samples == row.floor else f" ({times(low)}-{times(high)})"
    cells = (
        row.group,
        row.work,
        row.program,
        seconds(row.median("wall")),
        times(row.ratio("wall")) + between,
        seconds(row.median("cpu")),
        times(row.ratio("cpu")),
        str(len(row.samples)),
        row.note,
    )
    return "| " + " | ".join(cells) + " |"


def machine() -> dict[str, object]:
    """What the figures depend on."""
    versions = {}
    for name in (*PACKAGES, *PEERS):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "python": sys.version.split()[0],
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "versions": versions,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((each.partition(":")[2].strip() for each in lines if each.startswith("model name")), "")


def save(path: Path, rows: Iterable[Row], mode: str, before: dict[str, object]) -> None:
    """Writes all samples.

    Args:
        path: of the file.
        rows: of the run.
        mode: of the run.
        before: the machine, from the start.
    """
    found = [
        {
            "group": row.group,
            "work": row.work,
            "program": row.program,
            "note": row.note,
            "wall": row.values("wall"),
            "cpu": row.values("cpu"),
            "floor_wall": [sample.wall for sample in row.floor],
            "floor_cpu": [sample.cpu for sample in row.floor],
        }
        for row in rows
    ]
    content = {"mode": mode, "machine": before | {"load at the end": os.getloadavg()}, "rows": found}
    path.write_text(json.dumps(content, indent=1))


def load(path: Path) -> tuple[dict[str, Any], list[Row]]:
    """The machine and the rows of a file."""
    content = json.loads(path.read_text())
    rows = []
    for row in content["rows"]:
        samples, floor = (
            tuple(map(Sample._make, zip(row[f"{kind}wall"], row[f"{kind}cpu"], strict=True))) for kind in ("", "floor_")
        )
        rows.append(Row(row["group"], row["work"], row["program"], samples, floor, row["note"]))
    return content["machine"], rows
