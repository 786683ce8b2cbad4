"""Runs statements in a child process that has no root rights: the administrator may do everything, and notices no refusal."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

NOBODY: Final = 65534

_BEFORE: Final = """
import asyncio, errno, fcntl, grp, os, pwd, sys, termios
import anyio, filelock, serial_asyncio, tomlkit, tomllib
from n6link import N6Error, doctor, settings
from n6link.transport import discovery, ports, rights, serial_port, url
async def refusal(name):
    try:
        async with await url.open_stream(name):
            return "opened"
    except N6Error as error:
        return str(error)
"".encode("utf-8-sig")
port, far_end = os.openpty()
asyncio.run(refusal("serial:" + os.ttyname(far_end)))
asyncio.run(refusal("serial:/dev/none"))
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
"""
"""imports everything first: the files of Python and of the package may be readable for root alone"""


def run(statements: str, *arguments: str, before: str = "") -> list[str]:
    """What the statements print, by line. Other statements may run before, with all rights."""
    words = [sys.executable, "-c", f"{before}\n{_BEFORE}{statements}", *arguments]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder that everybody may look into."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        os.chmod(name, 0o755)
        yield Path(name)
