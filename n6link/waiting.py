"""Waits of the tasks that run for each message. anyio detects the event loop in every call; here this is done once.

In asyncio a wait is a future; in trio it is an event of anyio.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, Final, NoReturn, Protocol, TypeAlias

import anyio
from anyio.abc import ByteStream

READ_SIZE: Final = 256 * 1024
"""maximum bytes per read"""


def asyncio_loop() -> asyncio.AbstractEventLoop | None:
    """The running event loop of asyncio; None in a task of trio."""
    if "trio" in sys.modules:
        import trio.lowlevel

        if trio.lowlevel.in_trio_task():
            return None
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Signal(Protocol):
    """What one task waits for, once: ``await signal``; it is set with :func:`wake`. The methods are those of a future."""

    def done(self) -> bool:
        """Whether it is set, or its task was cancelled."""
        ...

    def set_result(self, result: None, /) -> None:
        """Wakes the task."""

    def __await__(self) -> Generator[Any, None, None]: ...


Signals: TypeAlias = Callable[[], Signal]
"""makes a signal"""


def signals() -> Signals:
    """Makes signals for tasks of the event loop that runs now."""
    loop = asyncio_loop()
    return loop.create_future if loop else _EventSignal


def sleeps() -> Callable[[float], Awaitable[None]]:
    """The function that lets tasks of the event loop that runs now sleep."""
    return asyncio.sleep if asyncio_loop() else anyio.sleep


def wake(signal: Signal) -> None:
    """Wakes the task that waits for a signal; a second call does nothing."""
    if not signal.done():
        signal.set_result(None)


class _EventSignal:
    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = anyio.Event()

    def done(self) -> bool:
        return self._event.is_set()

    def set_result(self, result: None, /) -> None:
        self._event.set()

    def __await__(self) -> Generator[Any, None, None]:
        return self._event.wait().__await__()


async def listen(stream: ByteStream, received: Callable[[bytes], None]) -> None:
    """Calls a function with all bytes of a stream as they arrive; returns only with an exception, also that of the function.

    A stream may have a method ``listen`` that does this without a turn of the event loop for each read.
    """
    await getattr(stream, "listen", partial(read_all, stream))(received)


async def read_all(stream: ByteStream, received: Callable[[bytes], None]) -> NoReturn:
    """Calls a function with all bytes of a stream; returns only with an exception."""
    while True:
        received(await stream.receive(READ_SIZE))
