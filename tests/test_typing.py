"""A misspelt struct, keyword, field or attribute is an error in the editor: mypy and pyright refuse it, and accept what is right."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from importlib import util
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
SNIPPETS: Final = ROOT / "tests/typing"
EXPECTED: Final = re.compile(r"  # ([a-z-]+), (report\w+)$")
Found = dict[tuple[str, int], set[str]]
"""codes by file and line"""

pytestmark = pytest.mark.timeout(600)  # without its cache, mypy reads numpy and all of the package first


def expected(checker: int) -> Found:
    """The codes that the snippets name; checker is 0 for mypy, 1 for pyright."""
    found: Found = {}
    for path in SNIPPETS.glob("*.py"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if match := EXPECTED.search(line):
                found[path.name, number] = {match[checker + 1]}
    return found


VERSION = "{}.{}".format(*sys.version_info)
"""of the installed libraries: their stubs use what is new in it"""


def run(module: str, *arguments: str) -> str:
    if util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed: make .venv/.dev")
    command = [sys.executable, "-m", module, *arguments, *map(str, sorted(SNIPPETS.glob("*.py")))]
    return subprocess.run(command, check=False, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout


def test_mypy() -> None:
    found: Found = defaultdict(set)
    for line in run("mypy", "--no-error-summary").splitlines():
        if match := re.match(r".*?(\w+\.py):(\d+): error: .*\[([a-z-]+)\]$", line):
            found[match[1], int(match[2])].add(match[3])
        else:
            assert ": note: " in line
    assert found == expected(0)


def test_pyright() -> None:
    found: Found = defaultdict(set)
    for fault in json.loads(
        run("basedpyright", "--outputjson", "--pythonpath", sys.executable, "--pythonversion", VERSION)
    )["generalDiagnostics"]:
        found[Path(fault["file"]).name, fault["range"]["start"]["line"] + 1].add(fault["rule"])
    wanted = expected(1)
    assert found.keys() == wanted.keys()
    # what follows from a slip, such as an unknown type, is reported on its line too
    assert {line: codes & wanted[line] for line, codes in found.items()} == wanted


def test_any_is_rare() -> None:
    """Where it is, nothing is checked: fewer than 3 lines in 1,000 name it."""
    lines = [line for path in ROOT.glob("n6link/**/*.py") for line in path.read_text().splitlines()]
    assert sum(bool(re.search(r"\bAny\b", line)) for line in lines) * 1000 < 3 * len(lines)
