"""The code blocks of the documents: read, and run as they are written.

A block is a fence of Markdown with a language: ``python`` (also with ``await`` outside of functions, as in a notebook) and ``sh`` are run,
``toml`` and ``json`` are read, ``text`` is for people. The blocks of a document share names and folder. A comment before a block changes this:

    <!-- file: NAME -->       the block is a file with this name, for the blocks after it
    <!-- exit: N -->          the commands end with this exit code
    <!-- not run: REASON -->  it needs what a test does not have: it is compiled, and its names and commands must exist
    <!-- setup                the rest of the comment is Python that runs first, such as objects of the reader's program
    ... -->
"""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import json
import os
import re
import shlex
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any, Final

import typer
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from n6link.cli import app

ROOT: Final = Path(__file__).resolve().parents[1]
DOCUMENTS: Final = [ROOT / "README.md", *(path for path in sorted(ROOT.glob("docs/**/*.md")) if path.name != "help.md")]
COMMENT: Final = re.compile(r"<!--\s*(file|exit|not run|setup)\b:?\s*(.*?)\s*-->", re.DOTALL)
SECONDS: Final = 280
"""time limit of a command"""


@dataclass(frozen=True, slots=True)
class Block:
    """A code block."""

    path: Path
    line: int
    """number of its first line of code, from 1"""
    language: str
    code: str
    marks: dict[str, str]

    @property
    def where(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"


def blocks(path: Path) -> Iterator[Block]:
    """The blocks of a document, and its hidden ones; directives of the site (``{name}``) are not code."""
    marks: dict[str, str] = {}
    for token in MarkdownIt().enable("table").parse(path.read_text()):
        line = token.map[0] + 2 if token.map else 0
        if token.type == "html_block":
            for mark in COMMENT.finditer(token.content):
                if mark[1] == "setup":
                    yield Block(path, line, "python", mark[2] + "\n", {})
                else:
                    marks[mark[1]] = mark[2]
        elif token.type in {"fence", "code_block"}:
            if not token.info.startswith("{"):
                yield Block(path, line, token.info.strip(), token.content, marks)
            marks = {}
        elif token.type.endswith("_open"):
            marks = {}


def compiled(block: Block) -> CodeType:
    """The code of a Python block, with the lines of its document."""
    tree = ast.parse(block.code, str(block.path))
    ast.increment_lineno(tree, block.line - 1)
    return compile(tree, str(block.path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)  # type: ignore[no-any-return]


@dataclass
class Run:
    """Runs the blocks of one document in a folder."""

    folder: Path
    runner: asyncio.Runner
    environment: dict[str, str]
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})

    def block(self, block: Block) -> None:
        """Runs, reads or checks a block."""
        if name := block.marks.get("file"):
            (self.folder / name).write_text(block.code)
        elif "not run" in block.marks:
            check(block)
        elif block.language == "python":
            code = compiled(block)
            if code.co_flags & inspect.CO_COROUTINE:
                self.runner.run(eval(code, self.names))
            else:
                exec(code, self.names)  # noqa: S102
        elif block.language == "sh":
            self.shell(block.code, int(block.marks.get("exit", "0")))
        elif block.language == "toml":
            tomllib.loads(block.code)
        elif block.language == "json":
            json.loads(block.code)
        else:
            assert block.language == "text", f"a block of the language {block.language!r}"

    def shell(self, code: str, expected: int) -> None:
        """Runs commands: those of n6link alone in this process, because each start of Python costs half a second."""
        if simple := alone(code):
            for words in simple:
                result = CliRunner().invoke(app, words, prog_name="n6link")
                assert result.exit_code == expected, f"{words} {result.output} {result.exception!r}"
            return
        # Programs in the background keep a pipe open, so the output is a file; they end with the block, also if it fails.
        with (self.folder / ".output").open("w+") as output:
            process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", code],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                returned = process.wait(SECONDS)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            output.seek(0)
            assert returned == expected, f"{code}{output.read()}"


# ---- blocks that are not run


def check(block: Block) -> None:
    """What can be known of a block without running it."""
    if block.language == "python":
        compiled(block)
        for name in imported(ast.parse(block.code)):
            assert exists(name), f"{name} does not exist"
    elif block.language == "sh":
        subprocess.run(["bash", "-n", "-c", block.code], check=True)
        for words in commands(block.code):
            check_command(words)


def imported(tree: ast.Module) -> Iterator[str]:
    """The names of n6link that a program uses, complete; attributes of objects are not known."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {alias.asname or alias.name.partition(".")[0]: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    ours = {name: full for name, full in known.items() if full.startswith(("n6link", "pytest_n6link"))}
    yield from ours.values()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ours:
            yield f"{ours[node.value.id]}.{node.attr}"


def exists(name: str) -> bool:
    """Whether a module, or an object in a module, has this name."""
    module, rest = name, list[str]()
    while module:
        try:
            found: object = importlib.import_module(module)
            break
        except ModuleNotFoundError:
            module, _, last = module.rpartition(".")
            rest.insert(0, last)
    else:
        return False
    for part in rest:
        if not hasattr(found, part):
            return False
        found = getattr(found, part)
    return True


def commands(code: str) -> Iterator[list[str]]:
    """The commands of n6link in a script."""
    words = shlex.shlex(code.replace("\\\n", " "), posix=True, punctuation_chars=";&|<>\n")
    words.whitespace, words.whitespace_split = " \t", True
    command: list[str] = []
    for word in [*words, "\n"]:
        if set(word) <= set(";&|<>\n"):
            if "n6link" in command:
                yield command[command.index("n6link") + 1 :]
            command = []
        else:
            command.append(word)


def alone(code: str) -> list[list[str]]:
    """The commands of a script that has only commands of n6link, one a line, without anything for the shell; else none."""
    found = []
    for line in code.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        if parts := list(words):
            if parts[0] != "n6link" or any(set(part) <= set("();<>|&") or "$" in part for part in parts):
                return []
            found.append(parts[1:])
    return found


def check_command(words: list[str]) -> None:
    """The command exists, and has these options."""
    command: Any = typer.main.get_command(app)
    words = list(words)
    while subcommands := getattr(command, "commands", None):
        if not words or words[0].startswith("-"):
            break
        assert words[0] in subcommands, f"n6link {words[0]}"
        command = subcommands[words.pop(0)]
    options = {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | {"--help", "-h"}
    for word in words:
        assert not re.match("--?[a-z]", word) or word.partition("=")[0] in options, f"{command.name} {word}"
