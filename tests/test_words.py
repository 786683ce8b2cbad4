"""The text that users and readers meet: the style of error messages, and plain words in messages, docstrings, comments and documents."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from n6link import errors

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = sorted(ROOT.glob("n6link/**/*.py"))
TEXTS: Final = {
    "package": PACKAGE,
    "firmware": [
        path
        for kind in ("c", "h", "py", "pml")
        for path in ROOT.glob(f"firmware/**/*.{kind}")
        if "build" not in path.parts
    ],
    "tests": [*ROOT.glob("tests/**/*.py"), *ROOT.glob("tests/**/*.[ch]")],
    "programs": [path for folder in ("benchmarks", "examples", "tools") for path in ROOT.glob(f"{folder}/**/*.py")],
    "documents": [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("firmware/*.md"),
        *ROOT.glob("n6link/**/*.md"),
        *ROOT.glob("tests/**/*.md"),
    ],
}

IDIOMS: Final = {
    "is not a, does not exist": r"(?<!there\s)(is|are|was|were|be) no(?! (longer|more|less|later)\b)",
    "per": r"(bytes|times|frames|pictures|ticks|bits|chunks|once|twice) an? (second|minute|hour|frame|run|byte"
    r"|inference|pixel|line|tick|value|request|epoch|sample|column|row|channel|block|network|chunk|word|turn|token|tensor|field|file)",
    "reports, shows": r"tell(s|ing)?|told",
    "next to, besides": r"beside",
    "is at, is in": r"(lies|lie|lay|lying) (in|at|on|within|between|next|there|here|before|after|outside|inside)",
    "after": r"behind",
    "is": r"stands?(?!-)|standing(?!-)|stood",
    "again": r"anew|afresh",
    "until": r"till",
    "in progress": r"under way|underway",
    "without result": r"in vain",
    "available": r"at hand|to hand",
    "permanently": r"once and for all|for good",
    "itself": r"of itself|by itself alone",
    "connected": r"is (there|back) again",
    "reads, contains": r"has it that|goes without saying|so to speak|as it were",
    "starts": r"comes? into being|springs?",
}
"""Figures of speech, by what to write instead; whole words, in any case."""
IDIOM: Final = re.compile(
    r"\b(?:" + "|".join(f"(?:{words})" for words in IDIOMS.values()).replace(" ", r"\s+") + r")\b", re.IGNORECASE
)

ERRORS: Final = frozenset(name for name in vars(errors) if isinstance(getattr(errors, name), type)) | {"error"}
"""names by which the package makes its errors; some modules have a function error() for theirs"""
PROPER: Final = ("N6LINK_", "Pillow", "LiteRT", "QEMU", "ST ", "Python")
"""names with which a message may start"""
USERS: Final = frozenset({"BadInput", "UnknownName", "CardError", "ReportError", "SettingsError", "NoDeviceError"})
"""errors that the user can correct"""


class Message(NamedTuple):
    """The text of an error; {} = a value."""

    where: str
    error: str
    text: str


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def text_of(node: ast.expr) -> str | None:
    """A literal or f-string, with {} for each value; None = another expression."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return (text_of(left) or "{}") + (text_of(right) or "{}")
    return None


def messages(module: ast.Module, name: str) -> Iterator[Message]:
    """Every message with which a module makes an error."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and node.args and isinstance(node.func, ast.Name | ast.Attribute):
            error = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            text = text_of(node.args[0]) if error in ERRORS else None
            if text is not None:
                yield Message(f"{name}:{node.lineno}", error, text)


def faults(message: Message) -> Iterator[str]:
    """What is wrong with a message."""
    text = message.text
    first = re.match(r"[A-Za-z]+", text)
    if first and first[0].istitle() and not text.startswith(PROPER):
        yield "starts in upper case"
    if text.endswith((".", "!", " ")) and not text.endswith("..."):
        yield "ends with a period"
    if re.search(r"[.!] [A-Z]", text):
        yield "has two sentences; use a semicolon"
    if idiom := IDIOM.search(text):
        yield f"{idiom[0]!r}"
    if message.error in USERS and not re.search(";|must|require", text):
        if "{}" not in text:
            yield "has neither the value nor the remedy"
        elif not text.endswith(("{}", "{})")):  # else it ends with the text of another error, or with what exists
            yield "has the value, but not the remedy"


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Comments, docstrings and other texts of a Python file."""
    source = path.read_text()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and " " in token.string):
            yield token.start[0], token.string


def idioms(path: Path) -> Iterator[str]:
    """The idioms of a file, each with its line."""
    source = path.read_text()
    if not IDIOM.search(source):  # quicker than to search its comments
        return
    if path.suffix == ".py":
        parts = prose(path)
    elif path.suffix in {".c", ".h", ".pml"}:
        parts = (
            (source.count("\n", 0, at.start()) + 1, at[0])
            for at in re.finditer(r'/\*.*?\*/|//[^\n]*|"[^"\n]*"', source, re.DOTALL)
        )
    else:
        parts = iter([(1, source)])
    for line, text in parts:
        for found in IDIOM.finditer(text):
            yield f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}:{line + text.count(chr(10), 0, found.start())}: {found[0]}"


ALL: Final = [message for path in PACKAGE for message in messages(tree(path), str(path.relative_to(ROOT)))]


def test_messages_are_found() -> None:
    assert len(ALL) > 250
    assert {message.error for message in ALL} >= USERS


@pytest.mark.parametrize("error", sorted({message.error for message in ALL}))
def test_every_message_has_the_style(error: str) -> None:
    assert [(message, fault) for message in ALL if message.error == error for fault in faults(message)] == []


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("raise BadInput(f'Depth {depth} is wrong; use 1')", "starts in upper case"),
        ("raise BadInput(f'depth {depth} must be 1.')", "ends with a period"),
        ("raise BadInput(f'depth {depth} must be 1. Use it')", "has two sentences; use a semicolon"),
        ("raise errors.CardError(f'{name} is no card; use a card')", "'is no'"),
        ("raise error('depth is wrong')", ""),
        ("raise UnknownName('there is not a network')", "has neither the value nor the remedy"),
        ("raise CardError(f'{name} does not have labels')", "has the value, but not the remedy"),
        ("raise BadInput(f'{path} cannot be read: {error}')", ""),
    ],
)
def test_a_wrong_message_is_found(code: str, fault: str) -> None:
    (message,) = messages(ast.parse(code), "here")
    assert list(faults(message)) == ([fault] if fault else [])


@pytest.mark.parametrize("kind", TEXTS)
def test_plain_words(kind: str) -> None:
    assert TEXTS[kind]
    assert [found for path in TEXTS[kind] if path != Path(__file__) for found in idioms(path)] == []


def test_an_idiom_is_found(tmp_path: Path) -> None:
    python, c = tmp_path / "one.py", tmp_path / "two.c"
    python.write_text('beside = 1\n\n\ndef told() -> None:\n    """This is\n    no list."""  # once a frame\n')
    c.write_text("int behind; /* of a list\n * that stands alone */\n")
    assert [text.rpartition(": ")[2] for text in idioms(python)] == ["is\n    no", "once a frame"]
    assert [text.rpartition(": ")[2] for text in idioms(c)] == ["stands"]
