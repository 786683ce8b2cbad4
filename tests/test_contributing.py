"""The map in CONTRIBUTING.md is true: what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

from documents import DOCUMENTS, blocks, check

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
    tree = MAP.split("\n    firmware/")[0]
    folders = {path.name for path in (ROOT / "n6link").iterdir() if (path / "__init__.py").exists()}
    assert folders == {name for name in re.findall(r"(\w+)/", tree) if name in folders}


def test_every_module_is_in_the_table() -> None:
    table = MAP.split("**Modules.**")[1].split("**Corresponding modules.**")[0]
    rows = dict(re.findall(r"^\| `([\w/]+/)` \| (.+) \|$", table, re.MULTILINE))
    commands = (ROOT / "n6link" / "cli" / "__init__.py").read_text()
    assert len(rows) > 15
    missing = [
        f"{folder}{module.name}"
        for module in sorted((ROOT / "n6link").rglob("*.py"))
        for folder in [f"{module.parent.relative_to(ROOT / 'n6link').as_posix()}/".removeprefix("./") or "n6link/"]
        if not module.stem.startswith("__") and not (folder == "cli/" and f"    {module.stem},\n" in commands)
        if f"`{module.stem}`" not in rows.get(folder, "")
    ]
    assert not missing, "add them to their row of the table of modules in CONTRIBUTING.md"
    named = {f"{folder}{name}.py" for folder, row in rows.items() for name in re.findall(r"`(\w+)`", row)}
    assert not {name for name in named if not (ROOT / "n6link" / name.removeprefix("n6link/")).exists()}


def test_every_hop_of_an_inference_is_there() -> None:
    hops = re.findall(r"^\d+\. `([\w/]+\.py)`, `(\w+)\.(\w+)`", MAP, re.MULTILINE)
    assert len(hops) == 9
    for path, kind, method in hops:
        source = (ROOT / "n6link" / path).read_text()
        assert f"class {kind}" in source and f"def {method}(" in source, (path, kind, method)


def test_every_block_of_the_documents_can_be_run() -> None:
    """By test_documents.py, which takes longer. A fence needs a language, and the commands of a block that is not run must exist."""
    wrong = []
    for block in (block for path in DOCUMENTS for block in blocks(path)):
        if block.language not in {"python", "sh", "toml", "json", "text"}:
            wrong.append(
                f"{block.where}: use a fence with a language: python, sh, toml, json, or text for what is not code"
            )
        elif "not run" in block.marks:
            check(block)
    assert wrong == []
