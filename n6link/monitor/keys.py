"""Single key presses from a terminal, for any event loop."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

import anyio

_ESCAPES = {b"\x1b[A": "up", b"\x1bOA": "up", b"\x1b[B": "down", b"\x1bOB": "down"}


@contextmanager
def single_keys(fd: int) -> Iterator[None]:
    """Switches a terminal to single keys without echo; Ctrl-C still interrupts. What was set before comes back at the end."""
    if sys.platform == "win32":
        yield
        return
    import termios
    import tty

    before = termios.tcgetattr(fd)
    try:
        tty.setcbreak(fd)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


async def read_keys(fd: int) -> AsyncGenerator[str, None]:
    """Keys as they are pressed: characters, or ``up`` and ``down``. Ends with the terminal."""
    while True:
        await anyio.wait_readable(fd)
        pressed = os.read(fd, 64)
        if not pressed:
            return
        for key in split(pressed):
            yield key


def split(pressed: bytes) -> list[str]:
    """The keys in what a terminal sent at once; unknown escape sequences are one key without a meaning."""
    keys = []
    while pressed:
        if pressed[:3] in _ESCAPES:
            keys.append(_ESCAPES[pressed[:3]])
            pressed = pressed[3:]
        elif pressed.startswith(b"\x1b"):
            keys.append("escape")
            break
        else:
            keys.append(chr(pressed[0]))
            pressed = pressed[1:]
    return keys
