"""The section of each command, from its ``--help``."""

from __future__ import annotations

from collections.abc import Iterator

import typer
from typer.testing import CliRunner

from n6link.cli import app

WIDTH = 100


def names(command: object, *parents: str) -> Iterator[list[str]]:
    """The words of each command of a group that users see, in the order of the groups."""
    for name, each in getattr(command, "commands", {}).items():
        if not each.hidden:
            yield [*parents, name]
            yield from names(each, *parents, name)


def sections() -> str:
    """Markdown: a heading and the help of each command."""
    texts = []
    for words in names(typer.main.get_command(app)):
        shown = CliRunner().invoke(app, [*words, "--help"], terminal_width=WIDTH, color=False)
        assert shown.exit_code == 0, shown.output
        lines = "\n".join(line.rstrip() for line in shown.stdout.strip("\n").splitlines())
        texts.append(f"## n6link {' '.join(words)}\n\n```text\n{lines.strip()}\n```\n")
    return "\n".join(texts)
