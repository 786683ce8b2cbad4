"""An event loop in virtual time: while something can happen it happens at once, and then time jumps to the next timer."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from itertools import count
from typing import Any


class NothingWillHappenError(Exception):
    """Every task waits for something, and there is no timer: a deadlock."""


class _Jump(selectors.SelectSelector):
    """Waits for no file: it moves the clock instead."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise NothingWillHappenError
        self.now += max(timeout, 0.0)
        return []


class _Task(asyncio.Task[Any]):
    """Hashes by its number: the order of a set of tasks is then the same in every run."""

    def __init__(self, number: int, coro: Coroutine[Any, Any, Any], **options: Any) -> None:
        self._number = number
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self._number


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs on no clock, no file and no thread, so that the same program does the same every time."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)
        numbers = count()
        self.set_task_factory(lambda loop, coro, **options: _Task(next(numbers), coro, loop=loop, **options))

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._jump.now
