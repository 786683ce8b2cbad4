"""Single key presses from a terminal, for any event loop."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager, suppress
from typing import Final

import anyio

_KEY: Final = re.compile(rb"\x1b[\[O][0-9;]*[ -/]*[@-~]|\x1b.?|.", re.DOTALL)
"""an escape sequence of a function key, Alt with a key, or one byte"""
_NAMES: Final = {
    b"\x1b[A": "up",
    b"\x1bOA": "up",
    b"\x1b[B": "down",
    b"\x1bOB": "down",
    b"\x1b[5~": "page up",
    b"\x1b[6~": "page down",
}
_SCAN_CODES: Final = {"H": "up", "P": "down", "I": "page up", "Q": "page down"}
_POLL: Final = 0.05
"""seconds between two checks of the keyboard, on systems that cannot wait for it"""


@contextmanager
def single_keys(fd: int) -> Generator[None, None, None]:
    """Switches a terminal to single keys without echo; the previous mode is restored at the end.

    Ctrl-C still interrupts. Ctrl-Z does not stop the program: its screen would stay on the terminal.
    """
    if sys.platform == "win32":
        yield
        return
    import termios
    import tty

    before = termios.tcgetattr(fd)
    try:
        tty.setcbreak(fd)
        mode = termios.tcgetattr(fd)
        mode[6][termios.VSUSP] = b"\0"
        termios.tcsetattr(fd, termios.TCSANOW, mode)
        yield
    finally:
        with suppress(termios.error):  # the terminal was closed
            termios.tcsetattr(fd, termios.TCSADRAIN, before)


async def read_keys(fd: int) -> AsyncGenerator[str, None]:
    """Pressed keys: characters, ``up``, ``down``, ``page up``, ``page down``. Ends when the terminal is closed."""
    if sys.platform == "win32":
        import msvcrt

        while True:
            if not msvcrt.kbhit():
                await anyio.sleep(_POLL)
                continue
            key = msvcrt.getwch()
            yield _SCAN_CODES.get(msvcrt.getwch(), "escape") if key in "\0\xe0" else key
    while True:
        await anyio.wait_readable(fd)
        pressed = os.read(fd, 1024)
        if not pressed:
            return
        for key in split(pressed):
            yield key


def split(pressed: bytes) -> list[str]:
    """The keys in one block of bytes from a terminal; an unknown escape sequence is the key ``escape``."""
    return [
        _NAMES.get(key, "escape") if key.startswith(b"\x1b") else key.decode("latin-1") for key in _KEY.findall(pressed)
    ]
