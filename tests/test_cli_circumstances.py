"""Every command in every circumstance: encodings and widths of the output, a reader that has gone, Ctrl-C, its examples.

The commands run in this process, on virtual boards. The signal, the pipe and the streams are real ones.
"""

from __future__ import annotations

import io
import json
import os
import shlex
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import typer
from references import DATA

from n6link import networks
from n6link.cli import app
from n6link.cli.examples import EXAMPLES
from n6link.device import N6Device
from n6link.transport import ports
from n6link.transport.ports import Port

MODEL: Final = str(networks.FOLDER / "movenet13" / "movenet13_192_int8.tflite")
PHOTO: Final = str(networks.PHOTO)
POSE: Final = ("--url", "sim:movenet13")
TEXT: Final = ("--url", "sim:tinybert")


class Command(NamedTuple):
    """A command line, its exit code, and whether it connects to a board."""

    words: tuple[str, ...]
    code: int = 0
    connects: bool = True
    as_json: bool = True


COMMANDS: Final = {
    "demo": Command(("demo", *POSE)),
    "devices": Command(("devices", "--all"), connects=False),
    "doctor": Command(("doctor", *POSE)),
    "info": Command(("info", *POSE)),
    "run": Command(("run", "movenet13", PHOTO, *POSE)),
    "generate": Command(("generate", "Mr. Darcy was", "--max-tokens", "3", *TEXT)),
    "classify": Command(("classify", "good", *TEXT), code=2),
    "check": Command(("check", "movenet13", *POSE), code=1),
    "validate": Command(("validate", "movenet13", MODEL, "--random", "1", *POSE)),
    "expose": Command(("expose", MODEL, "all.tflite"), connects=False),
    "evaluate": Command(("evaluate", "movenet13", "--data", "none", *POSE), code=2),
    "profile": Command(("profile", "tinybert", "--runs", "1", "--warmup", "0", *TEXT)),
    "report": Command(("report", str(DATA / "movenet")), connects=False),
    "predict": Command(("predict", MODEL), connects=False),
    "monitor": Command(("monitor", "--once", *POSE)),
    "view": Command(("view", "--listen", "nowhere", *POSE), code=2, connects=False, as_json=False),
    "serve": Command(("serve", "--listen", "nowhere", *POSE), code=2, connects=False, as_json=False),
    "bridge": Command(("bridge", "--listen", "nowhere", *POSE), code=2, connects=False, as_json=False),
    "sim": Command(("sim", "--tcp", "1", "--unix", "x"), code=2, connects=False, as_json=False),
    "replay": Command(("replay", "none", "--tcp", "0"), code=2, connects=False, as_json=False),
    "trace": Command(("trace", "none"), code=2, connects=False),
    "card": Command(("card", "init", "movenet13", *POSE)),
    "config": Command(("config",), connects=False),
    "firmware": Command(("firmware", "registry", "x.c"), code=2, connects=False),
}
"""a line for every command; a new command needs one"""
WRAPPED: Final = ("card", "demo", "doctor", "expose", "validate")
"""commands with sentences or the text of a file, which the terminal wraps"""
names = pytest.mark.parametrize("name", COMMANDS)


@pytest.fixture(autouse=True)
def environment(virtual_board: None, busy_computer: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder for the files of a command, and none of the caller's settings."""
    for name in ("N6LINK_URL", "N6_DEBUG", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


class Printed(NamedTuple):
    """What a command gave."""

    code: int
    out: bytes
    err: bytes


@contextmanager
def streams(out: Any, err: Any) -> Iterator[None]:
    """Standard output and error of a block."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = out, err
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def n6link(*words: str, encoding: str = "utf-8") -> Printed:
    """Runs a command with outputs of an encoding that are files."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding, newline="\n") for _ in range(2))
    with streams(out, err):
        code = app(list(words), standalone_mode=False)
    for stream in (out, err):
        stream.flush()
    return Printed(code, out.buffer.getvalue(), err.buffer.getvalue())


def test_every_command_is_in_the_table() -> None:
    helped = n6link("--help").out.decode()
    commands = {
        line.split()[1]
        for line in helped.partition("Commands")[2].splitlines()
        if line.startswith("│ ") and line[2] != " "
    }
    assert commands == set(COMMANDS) == set(EXAMPLES)


@names
@pytest.mark.parametrize(("encoding", "columns"), [("ascii", 40), ("cp1252", 80), ("utf-8", 200)])
def test_encodings_and_widths(monkeypatch: pytest.MonkeyPatch, name: str, encoding: str, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    command = COMMANDS[name]
    printed = n6link(*command.words, encoding=encoding)
    text, errors = printed.out.decode(encoding), printed.err.decode(encoding)
    assert printed.code == command.code, errors
    assert "internal error" not in errors and "Traceback" not in errors
    if command.code:
        assert errors.startswith("Error: ") and len(errors.splitlines()) == 1
    else:
        assert text.strip() and "?" not in text
        if name not in WRAPPED:
            wide = [line for line in text.splitlines() if len(line) > columns and os.sep not in line]
            assert not wide, wide
        if columns == 200:
            assert "…" not in text, "nothing is shortened where there is room"


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if command.as_json])
def test_json(name: str) -> None:
    """Standard output has only JSON, one value or one for each line; the message of an error is JSON too."""
    command = COMMANDS[name]
    printed = n6link(*command.words, "--json", encoding="ascii")
    assert printed.code == command.code, printed.err
    for line in (printed.out or printed.err).decode("ascii").splitlines():
        json.loads(line)
    assert printed.out or command.code


@names
def test_a_reader_that_has_gone(name: str) -> None:
    """As in `n6link ... | true`: exit code 1 without a message; what fails before it prints has its own code."""
    command = COMMANDS[name]
    reading, writing = os.pipe()
    os.close(reading)
    out, err = os.fdopen(writing, "w", encoding="utf-8"), io.StringIO()
    with out, streams(out, err):
        code = app(list(command.words), standalone_mode=False)
    assert code == (command.code or 1)
    assert bool(command.code) == err.getvalue().startswith("Error: ")
    assert "Broken" not in err.getvalue()


class Interrupting(io.StringIO):
    """An output during whose first line the user presses Ctrl-C."""

    def write(self, text: str, /) -> int:
        signal.raise_signal(signal.SIGINT)
        return super().write(text)


@names
def test_ctrl_c(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Exit code 130 without a message: during the connection, or in the output of a command that does not connect."""
    command = COMMANDS[name]
    opened = N6Device.__aenter__

    async def interrupted(self: N6Device) -> N6Device:
        signal.raise_signal(signal.SIGINT)
        return await opened(self)

    monkeypatch.setattr(N6Device, "__aenter__", interrupted)
    out = io.StringIO() if command.connects else Interrupting()
    err = io.StringIO() if command.connects or not command.code else Interrupting()
    with streams(out, err):
        code = app(list(command.words), standalone_mode=False)
    assert (code, err.getvalue()) == (130, "")


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_valid(name: str, tmp_path: Path) -> None:
    """The help shows them; those on `sim:` run, the others are read by the parser."""
    (tmp_path / "photo.jpg").write_bytes(networks.PHOTO.read_bytes())
    shown = n6link(name, "--help").out.decode()
    for what, example in EXAMPLES[name]:
        assert f"{what}\n {example}\n" in shown or f"\n {example}\n" in shown
        words = shlex.split(example.partition(" | ")[0].partition(" < ")[0])
        assert words[0] == "n6link"
        if "sim:" in words and name != "bridge":
            assert n6link(*words[1:]).code == 0, example
        else:
            parse(words[1:])


@pytest.mark.parametrize("group", ["card", "config", "firmware"])
def test_commands_of_a_group_have_examples_of_their_own(group: str) -> None:
    root: Any = typer.main.get_command(app)
    for name in root.commands[group].commands:
        shown = n6link(group, name, "--help").out.decode().partition("Examples\n")[2]
        lines = [line.strip() for line in shown.splitlines() if line.strip() and not line.startswith(" #")]
        assert lines and all(line.split()[:3] == ["n6link", group, name] for line in lines), name


def parse(words: list[str]) -> None:
    """Reads a command line, and does not run the command.

    Raises:
        Exception: the parser refuses it.
    """
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    command.make_context("n6link", words)


def test_completion_knows_commands_options_and_boards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("N6LINK_CONFIG", str(tmp_path / "settings.toml"))
    (tmp_path / "settings.toml").write_text('[boards.arm]\nurl = "sim:"\n')
    monkeypatch.setattr(
        ports, "devices", lambda: [Port("/dev/ttyACM3", "ST-Link V3", ""), Port("/dev/ttyS0", None, "")]
    )

    def complete(line: str) -> list[str]:
        monkeypatch.setenv("_N6LINK_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
        with pytest.raises(SystemExit), streams(out := io.StringIO(), sys.stderr):
            app(prog_name="n6link")
        return out.getvalue().split()

    assert complete("n6link ev") == ["evaluate"]
    assert complete("n6link run movenet13 a.png --dr") == ["--draw"]
    assert complete("n6link info --url a") == ["arm"]
    assert complete("n6link info --url s") == ["serial:/dev/ttyACM3", "sim:"]
    assert complete("n6link run --encode q") == ["qoi"]
    (tmp_path / "settings.toml").write_text("damaged")
    assert complete("n6link info --url si") == ["sim:"]
    monkeypatch.delenv("_N6LINK_COMPLETE")
    monkeypatch.setattr("shellingham.detect_shell", lambda: ("bash", "/bin/bash"))  # not that of `make`
    with pytest.raises(SystemExit), streams(out := io.StringIO(), sys.stderr):
        app(["--show-completion", "bash"], prog_name="n6link", standalone_mode=False)
    assert "complete -o default -F _n6link_completion n6link" in out.getvalue()


def test_an_output_that_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in `n6link info >&-`."""
    with streams(None, None):
        code = app(["info", *POSE], standalone_mode=False)
        sys.stdout.close()
    assert code == 0


def test_a_log_with_colours_has_no_spinner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    printed = n6link("info", *POSE)
    assert printed.code == 0 and not printed.err


def test_defaults_of_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("N6LINK_CONFIG", str(tmp_path / "settings.toml"))
    for key, value in {"boards.arm.url": "sim:movenet13", "defaults.url": "arm", "defaults.encode": "jpeg:80"}.items():
        assert n6link("config", "set", key, value).code == 0
    for words, sent in (((), "jpeg:80"), (("--encode", "raw"), "raw")):
        found = json.loads(n6link("run", "movenet13", PHOTO, "--json", *words).out)
        assert found["encoding"] == sent
    assert n6link("config", "set", "defaults.timeout", "-1").code == 2
    assert n6link("config", "set", "defaults.timeout", "0.0625").code == 0
    with socket.create_server(("127.0.0.1", 0)) as server:
        failed = n6link("info", "--url", f"tcp:127.0.0.1:{server.getsockname()[1]}")
    assert failed.code == 1 and b"0.0625 s" in failed.err, failed.err
