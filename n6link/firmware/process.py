"""Runs a program of ST's or a compiler: its output goes to a log file and to the caller, its input is empty."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from n6link.errors import ToolError

Command = Sequence[str | os.PathLike[str]]
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a program."""

    code: int
    """exit code"""
    output: str
    """standard output and error, in the order of printing"""
    log: Path
    """file with this output"""

    @property
    def tail(self) -> str:
        """The last line with "error", else the last line."""
        lines = [line.strip() for line in self.output.replace("\r", "\n").splitlines() if line.strip()]
        failed = [line for line in lines if "error" in line.lower()]
        return (failed or lines or [f"exit code {self.code}"])[-1]


def shown(command: Command) -> str:
    """A command as a shell takes it."""
    return shlex.join([os.fspath(word) for word in command])


def run(
    command: Command, log: Path, *, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> Done:
    """Runs a program to its end and appends its output to a log.

    Raises:
        ToolError: it cannot be started, or the log cannot be written.
    """
    words = [os.fspath(word) for word in command]
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"$ {shown(words)}\n")
            file.flush()
            done = subprocess.run(
                words,
                cwd=folder,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,  # a tool that asks a question gets no answer, instead of waiting for one
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                check=False,
            )
            output = _COLOUR.sub("", done.stdout)
            file.write(output)
    except OSError as error:
        raise ToolError(f"{words[0]} cannot be run: {error.strerror or error}; see {log}") from error
    return Done(done.returncode, output, log)
