"""How well ``n6link predict`` agrees with ST's compiler: a table over networks with a report.

    python benchmarks/prediction.py NET.tflite=REPORT [NET.tflite=REPORT ...]

REPORT is a report, a c_info, or a generated network.c of the same network. One line for each network: its operations with work, the share that is
rightly named CPU or NPU, the epochs on the CPU (predicted, reported, in both), and what was missed or predicted wrongly.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from n6link.epochs.predict import Agreement, Prediction
from n6link.epochs.st_report import read
from n6link.epochs.table import EpochTable
from n6link.registry import read_source


def table(path: Path) -> EpochTable:
    """The epochs of a report, or the blocks of generated code."""
    return read_source(path).table if path.suffix == ".c" else read(path).require_table()


def listing(names: Mapping[str, int]) -> str:
    """``2 Concat, 1 Slice``."""
    return ", ".join(f"{count} {name}" for name, count in names.items()) or "-"


def main(pairs: list[str]) -> None:
    """Prints the table."""
    print(
        "| network | operations | rightly named | CPU epochs: predicted | reported | in both | missed | not in the report |"
    )
    print("|---|--:|--:|--:|--:|--:|---|---|")
    total: list[tuple[int, int]] = []
    for pair in pairs:
        model, _, report = pair.partition("=")
        found = Agreement.of(Prediction.of(model), table(Path(report)))
        both = sum(map(found.agreed, found.names))
        errors = sum(found.missed.values()) + sum(found.wrong.values())
        total.append((found.operations, errors))
        print(
            f"| {Path(model).stem} | {found.operations} | {found.rate:.1%} | {sum(found.predicted.values())} "
            f"| {sum(found.reported.values())} | {both} | {listing(found.missed)} | {listing(found.wrong)} |"
        )
    operations, errors = map(sum, zip(*total, strict=True))
    print(f"\n{len(pairs)} networks, {operations} operations, {1 - errors / operations:.2%} rightly named")


if __name__ == "__main__":
    if len(sys.argv) < 2 or not all("=" in pair for pair in sys.argv[1:]):
        sys.exit(str(__doc__))
    main(sys.argv[1:])
