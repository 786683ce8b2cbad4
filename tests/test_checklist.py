"""The checklist of a release: complete, it allows the release; each item that is missing is named."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = (
    "CHANGELOG.md",
    "CITATION.cff",
    "LICENSE",
    "SECURITY.md",
    "n6link/networks/NOTICE",
    "n6link/version.py",
    "pyproject.toml",
)

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def _items() -> Callable[[Path], Iterator[tuple[str, str]]]:
    spec = importlib.util.spec_from_file_location("checklist", ROOT / "tools" / "checklist.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast("Callable[[Path], Iterator[tuple[str, str]]]", module.items)


def git(root: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=x", "-c", "user.email=x@x.invalid", *words], cwd=root, check=True, capture_output=True
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that is ready for a release."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    change(tmp_path, "n6link/version.py", '"' + _version() + '"', '"7.1.0"')
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 7.1.0 - 2026-01-31\n\n### Added\n- x\n")
    change(
        tmp_path,
        "pyproject.toml",
        "[project.scripts]",
        '[project.urls]\nRepository = "https://x.invalid"\n\n[project.scripts]',
    )
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def _version() -> str:
    from n6link.version import __version__

    return __version__


def change(root: Path, name: str, old: str, new: str) -> None:
    text = (root / name).read_text()
    assert old in text
    (root / name).write_text(text.replace(old, new))


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "x", "--allow-empty")


def missing(root: Path) -> list[str]:
    return [f"{what}: {lacks}" for what, lacks in _items()(root) if lacks]


def test_a_complete_checkout_lacks_nothing_also_if_it_has_its_tag(checkout: Path) -> None:
    assert missing(checkout) == []
    git(checkout, "tag", "v7.1.0")
    assert missing(checkout) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        (
            "n6link/version.py",
            "7.1.0",
            "7.1.0.dev1",
            "the version is final: n6link/version.py has '7.1.0.dev1'; it must be X.Y.Z",
        ),
        (
            "n6link/version.py",
            "7.1.0",
            "7.2.0",
            "the first section is '7.1.0 - 2026-01-31'; it must be '7.2.0 - YEAR-MONTH-DAY'",
        ),
        ("CHANGELOG.md", "7.1.0 - 2026-01-31", "Unreleased", "the first section is 'Unreleased'"),
        ("CHANGELOG.md", "2026-01-31", "9999-01-31", "not in the future"),
        ("CHANGELOG.md", "2026-01-31", "31.1.2026", "YEAR-MONTH-DAY"),
        ("pyproject.toml", "[project.urls]", "[tool.x]", "has no [project.urls]"),
        ("pyproject.toml", '"LICENSE", ', '"COPYING", ', "COPYING is missing"),
        ("CITATION.cff", "authors:", "people:", "it can be cited: CITATION.cff has no authors"),
        ("CITATION.cff", "type: software", "version: 7.1.0", "CITATION.cff has one too"),
        ("SECURITY.md", "## Report a vulnerability", "## Report", "SECURITY.md has no"),
    ],
)
def test_what_is_missing_is_named(checkout: Path, name: str, old: str, new: str, expected: str) -> None:
    change(checkout, name, old, new)
    commit(checkout)
    assert any(expected in each for each in missing(checkout)), missing(checkout)


def test_a_version_that_was_published_from_another_commit(checkout: Path) -> None:
    git(checkout, "tag", "v7.1.0")
    commit(checkout)
    assert missing(checkout) == ["the version is new: v7.1.0 is another commit; change n6link/version.py"]


def test_a_file_that_is_not_committed(checkout: Path) -> None:
    (checkout / "notes.txt").write_text("x")
    assert missing(checkout) == ["everything is committed: 1 files are not, such as notes.txt"]
