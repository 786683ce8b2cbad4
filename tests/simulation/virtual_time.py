"""An event loop in virtual time: while something can happen it happens at once, and then time jumps to the next timer."""

from __future__ import annotations

import asyncio
import queue
import random
import selectors
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from itertools import count
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread

from n6link import ambient

T = TypeVar("T")
LATE: Final = 2e-9
"""seconds by which timers ring late: more than the clock's resolution, by which asyncio lets them ring early"""
THREAD: Final = 30.0
"""seconds of real time that a thread may work"""


class NothingWillHappenError(Exception):
    """Every task waits for something, and there is no timer: a deadlock."""


class _Task(asyncio.Task[Any]):
    """Hashes by its number: the order of a set of tasks is then the same in every run."""

    def __init__(self, number: int, coro: Coroutine[Any, Any, Any], **options: Any) -> None:
        self._number = number
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self._number


class _Jump(selectors.SelectSelector):
    """Waits for no file: it moves the clock instead, or waits for the thread that works for a task."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.limiter: anyio.CapacityLimiter | None = None
        self.calls: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            pass  # something is ready
        elif self.limiter and self.limiter.borrowed_tokens:
            self.calls.get(timeout=THREAD)()
        elif timeout is None:
            raise NothingWillHappenError
        else:
            self.now += timeout + LATE
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs on no clock and no file, so that the same program does the same every time."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)
        numbers = count()
        self.set_task_factory(lambda loop, coro, **options: _Task(next(numbers), coro, loop=loop, **options))

    def watch_threads(self) -> None:
        """Has the loop wait for threads; to be called in it."""
        self._jump.limiter = anyio.to_thread.current_default_thread_limiter()

    def call_soon_threadsafe(  # type: ignore[override]  # nobody here cancels it
        self, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> None:
        """Has the loop call something; what a thread asks for is done when the loop waits for that thread."""
        self._jump.calls.put(lambda: self.call_soon(callback, *args, context=context))

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._jump.now

    def stand_still(self, seconds: float) -> None:
        """Lets time pass in which this program does nothing."""
        self._jump.now += seconds


def run(main: Callable[[], Coroutine[Any, Any, T]], seed: int | str) -> T:
    """Runs a program in a loop and a context of its own; the package has the time of this loop.

    Args:
        main: the program.
        seed: of the package's random numbers.
    """
    return copy_context().run(_run, main, random.Random(seed))


def _run(main: Callable[[], Coroutine[Any, Any, T]], draw: random.Random) -> T:
    loop = VirtualLoop()
    ambient.source.set(ambient.Source(loop.time, draw.getrandbits))

    async def program() -> T:
        loop.watch_threads()
        return await main()

    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(program())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
