"""What a release needs: prints each item with its state, and ends with code 1 if one is missing.

The version has one place, n6link/version.py; the changelog names it with its date.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

BY_HAND = (
    "make ci has passed on this commit",
    "a board was tried: n6link doctor, n6link demo --url serial:PORT, n6link check",
    "after `make release`: git tag vVERSION, and twine upload dist/*",
)


def _git(root: Path, *words: str) -> list[str]:
    return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout.splitlines()


def _text(root: Path, name: str) -> str:
    path = root / name
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text) <= date.today()
    except ValueError:
        return False


def items(root: Path) -> Iterator[tuple[str, str]]:
    """Each item, and what is missing; empty = nothing.

    Args:
        root: a checkout.
    """
    project = tomllib.loads(_text(root, "pyproject.toml"))["project"]
    found = re.search(r'__version__.* = "(.+)"', _text(root, "n6link/version.py"))
    version = found[1] if found else ""
    yield (
        "the version is final",
        "" if re.fullmatch(r"\d+\.\d+\.\d+", version) else f"n6link/version.py has {version!r}; it must be X.Y.Z",
    )
    headings = re.findall(r"^## (.+)$", _text(root, "CHANGELOG.md"), re.MULTILINE)
    first, _, day = (headings or [""])[0].partition(" - ")
    yield (
        "the changelog starts with this version and its date",
        ""
        if first == version and _is_date(day)
        else f"the first section is {' - '.join(filter(None, (first, day)))!r}; it must be '{version} - YEAR-MONTH-DAY', not in the future",
    )
    at_head, tags = _git(root, "tag", "--points-at", "HEAD"), _git(root, "tag")
    tag = f"v{version}"
    yield (
        "the version is new",
        f"{tag} is another commit; change n6link/version.py" if {tag} & (set(tags) - set(at_head)) else "",
    )
    changed = _git(root, "status", "--porcelain")
    yield "everything is committed", f"{len(changed)} files are not, such as {changed[0][3:]}" if changed else ""
    yield (
        "users find the project",
        "" if project.get("urls") else "pyproject.toml has no [project.urls]; add Repository",
    )
    licences = [name for name in project["license-files"] if not _text(root, name)]
    yield "licences are included", f"{', '.join(licences)} is missing" if licences else ""
    cited = _text(root, "CITATION.cff")
    keys = {"cff-version", "message", "title", "authors", "license"} - set(
        re.findall(r"^([\w-]+):", cited, re.MULTILINE)
    )
    yield "it can be cited", f"CITATION.cff has no {', '.join(sorted(keys))}" if keys else ""
    yield (
        "the version has one place",
        "CITATION.cff has one too; remove it" if re.search(r"^version:", cited, re.MULTILINE) else "",
    )
    wanted = "## Report a vulnerability"
    yield (
        "faults of security can be reported",
        "" if wanted in _text(root, "SECURITY.md") else f"SECURITY.md has no {wanted!r}",
    )


def main() -> None:
    """Prints the list for the checkout of this file."""
    root = Path(__file__).resolve().parents[1]
    missing = False
    for what, lacks in items(root):
        print(f"[ ] {what}: {lacks}" if lacks else f"[x] {what}")
        missing = missing or bool(lacks)
    for what in BY_HAND:
        print(f"[?] {what}")
    sys.exit(missing)


if __name__ == "__main__":
    main()
