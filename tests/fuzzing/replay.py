"""Runs a target in Python on inputs: ``python -m fuzzing.replay NAME SOURCES PATH``, a file or a folder of them.

The output is the part of the lines and branches of SOURCES (a pattern of paths) that was reached.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
from pathlib import Path

from coverage import Coverage


def main(name: str, sources: str, path: Path) -> None:
    coverage = Coverage(data_file=None, branch=True, include=[sources], config_file=False)
    coverage.start()  # before the modules are loaded, as their definitions are counted too
    target = importlib.import_module(f"fuzzing.{name}")
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        target.one_input(file.read_bytes())
    coverage.stop()
    with tempfile.NamedTemporaryFile() as report:
        coverage.json_report(outfile=report.name)
        total = json.load(report)["totals"]
    print(
        f"{total['percent_statements_covered']:.1f} % of lines, {total['percent_branches_covered']:.1f} % of branches"
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
