"""The map in CONTRIBUTING.md is true: what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAP = (ROOT / "CONTRIBUTING.md").read_text().split("## The map")[1].split("\n## ")[0]
BASES = [
    *("", "n6link", "firmware", "tests", "n6link/protocol", "n6link/epochs/st_report"),
    *("firmware/core/seam", "firmware/core/server"),
]
"""folders that a name in the map may be relative to"""


def test_every_file_is_there() -> None:
    named = {name for name in re.findall(r"`([\w./-]+)`", MAP) if re.search(r"/|\.(py|c|h|md|toml)$", name)}
    assert len(named) > 50
    missing = {name for name in named - {"test_NAME.py"} if not any((ROOT / base / name).exists() for base in BASES)}
    assert not missing


def test_every_package_is_in_the_tree() -> None:
    tree = MAP.split("    firmware/")[0]
    folders = {path.name for path in (ROOT / "n6link").iterdir() if (path / "__init__.py").exists()}
    assert folders == {name for name in re.findall(r"(\w+)/", tree) if name in folders}


def test_every_hop_of_an_inference_is_there() -> None:
    hops = re.findall(r"^\d+\. `([\w/]+\.py)`, `(\w+)\.(\w+)`", MAP, re.MULTILINE)
    assert len(hops) == 8
    for path, kind, method in hops:
        source = (ROOT / "n6link" / path).read_text()
        assert f"class {kind}" in source and f"def {method}(" in source, (path, kind, method)
