"""Reads the frames of a stream from an async or plain iterable, each with its time of capture.

A plain iterable may block, so it is read in a thread, unless it is a list or a tuple. The end of a stream does not wait for this
thread: if it is still reading a frame, the frame is dropped when it arrives. Generators are closed: their ``finally`` and ``with``
blocks run when the stream ends, or when the thread has read its last frame.
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
"""receives a frame and the time.monotonic() of its arrival"""


def check(source: object) -> None:
    """Checks that a source is an iterable of frames.

    Raises:
        BadInput: it is not iterable, or it is a frame itself.
    """
    kind = type(source).__name__
    if isinstance(source, str | bytes | Mapping | np.ndarray):
        raise BadInput(f"a {kind} cannot be a source of frames; pass an iterable of frames, such as a list")
    if not isinstance(source, AsyncIterable | Iterable):
        raise BadInput(f"a {kind} is not iterable; pass an iterable of frames, or None to use put()")


async def read(source: Source, take: Take) -> None:
    """Reads all frames and passes them to ``take``.

    Raises:
        Exception: any error of the source or of ``take``.
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
        # Python closes an async generator that was left only when it is garbage, which may be much later.
        if isinstance(frames, AsyncGenerator):
            with anyio.CancelScope(shield=True):
                await frames.aclose()


class _Threaded:
    """Reads a plain iterable in a thread."""

    def __init__(self, source: Iterable[Data]) -> None:
        self._source = source
        self._frames: Iterator[Data] | None = None
        self._busy = threading.Lock()
        self._left = False

    async def read(self, take: Take) -> None:
        # A limiter of its own: a source that blocks for long must not use up the threads of anyio's default limiter.
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
        """Closes a generator. If a thread is running it, this thread closes it: close() of a running generator fails."""
        if inspect.isgenerator(self._frames) and self._busy.acquire(blocking=False):
            try:
                self._frames.close()
            finally:
                self._busy.release()
