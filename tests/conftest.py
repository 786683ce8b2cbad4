"""Fixtures that more than one test module uses."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from e2e_fixtures import executable, litert

# A shell that starts the tests in the background has them ignore Ctrl-C, which some of them send to a child.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = Path(os.environ.get("N6LINK_SHARED", Path(__file__).resolve().parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with networks, images and reference outputs that are not part of the project."""
    if not (SHARED / "refs").is_dir():
        pytest.skip(f"reference data not found at {SHARED} (set N6LINK_SHARED)")
    return SHARED


@pytest.fixture(scope="session")
def virtual_board() -> None:
    """The test is skipped where networks cannot be run on a virtual board: without its program or without LiteRT."""
    executable()
    litert()
