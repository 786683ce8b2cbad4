"""Where a stream's frames come from: any async or plain iterable, each frame with the moment at which it was there.

A plain iterable may block, so it is asked in a thread, unless it is a list or a tuple. Leaving does not wait for it: a thread
that is still busy with the next frame is left behind, and what it brings is dropped. Generators are closed, as nobody
else could: their ``finally`` and ``with`` blocks run when the stream ends, or when the thread that was left behind comes back.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

import anyio
import anyio.to_thread
import numpy as np

from n6link import ambient
from n6link.errors import BadInput
from n6link.tensors.inputs import Data

Source: TypeAlias = AsyncIterable[Data] | Iterable[Data]
Take: TypeAlias = Callable[[Data, float], Awaitable[object]]
"""gets a frame and the time.monotonic() at which it was there"""


def check(source: object) -> None:
    """Checks that a source gives frames.

    Raises:
        BadInput: it does not, or it is a frame itself.
    """
    kind = type(source).__name__
    if isinstance(source, str | bytes | Mapping | np.ndarray):
        raise BadInput(f"a {kind} is one frame, or none; give an iterable of frames, such as a list")
    if not isinstance(source, AsyncIterable | Iterable):
        raise BadInput(f"a {kind} gives no frames; give an iterable, or None and use put()")


async def read(source: Source, take: Take) -> None:
    """Takes frame after frame until there are no more.

    Raises:
        Exception: whatever the source or ``take`` raises.
    """
    if isinstance(source, AsyncIterable):
        await _read(source, take)
    elif isinstance(source, list | tuple):
        for data in source:
            await take(data, ambient.monotonic())
    else:
        await _Threaded(source).read(take)


async def _read(source: AsyncIterable[Data], take: Take) -> None:
    frames = aiter(source)
    try:
        async for data in frames:
            await take(data, ambient.monotonic())
    finally:
        if isinstance(frames, AsyncGenerator):
            with anyio.CancelScope(shield=True):
                await frames.aclose()


class _Threaded:
    """A plain iterable."""

    def __init__(self, source: Iterable[Data]) -> None:
        self._source = source
        self._frames: Iterator[Data] | None = None
        self._busy = threading.Lock()
        self._left = False

    async def read(self, take: Take) -> None:
        one = anyio.CapacityLimiter(1)
        try:
            while frame := await anyio.to_thread.run_sync(self._next, abandon_on_cancel=True, limiter=one):
                await take(*frame)
        finally:
            self._left = True
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._close)

    def _next(self) -> tuple[Data, float] | None:
        try:
            with self._busy:
                self._frames = self._frames or iter(self._source)
                for data in self._frames:
                    return data, ambient.monotonic()
                return None
        finally:
            if self._left:
                self._close()

    def _close(self) -> None:
        """Closes a generator; one that runs is closed by the thread in which it runs."""
        if inspect.isgenerator(self._frames) and self._busy.acquire(blocking=False):
            try:
                self._frames.close()
            finally:
                self._busy.release()
