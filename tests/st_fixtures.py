"""Fixtures for tests of commands that call ST's programs: stand-ins of these programs, and nothing of this machine.

A test module has its own fixture `board`, which uses `standins`, and lists what it imports from here in `__all__`.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

import pytest
import st_tools
from st_tools import Board

from n6link.firmware import tools

RUN: Final = subprocess.run


@pytest.fixture
def standins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    """All programs on the search path, called in this process; the test is in an empty folder."""
    monkeypatch.setenv("PATH", str(st_tools.install(tmp_path / "bin")))
    monkeypatch.setenv("N6_STANDIN", str(tmp_path / "standin"))
    monkeypatch.delenv("STM32CUBE_PROGRAMMER_DIR", raising=False)
    monkeypatch.setattr(tools, "FOLDERS", dict.fromkeys(tools.FOLDERS, ()))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "run", st_tools.here)
    found = Board(tmp_path / "standin")
    found.set()
    return found


@pytest.fixture
def processes(board: Board, monkeypatch: pytest.MonkeyPatch) -> Board:
    """The fixture `board`, with real processes."""
    monkeypatch.setattr(subprocess, "run", RUN)
    return board
