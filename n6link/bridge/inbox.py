"""What arrives on the threads of Zenoh, for the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """Items from any thread, in order; if there are too many, the oldest one is dropped and counted.

    Args:
        size: maximum number of waiting items; 1 = only the newest.

    Attributes:
        received: number of items.
        dropped: number of those that were dropped.
    """

    def __init__(self, size: int) -> None:
        self.received = self.dropped = 0
        self._items: deque[T] = deque()
        self._size = size
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._filled = asyncio.Event()

    def put(self, item: T) -> T | None:
        """Adds an item; returns the one that is dropped for it. In any thread."""
        with self._lock:
            self.received += 1
            old = self._items.popleft() if len(self._items) >= self._size else None
            self.dropped += old is not None
            self._items.append(item)
        with suppress(RuntimeError):  # the event loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._filled.set)
        return old

    async def get(self) -> T:
        """The oldest item; waits for one."""
        while True:
            with self._lock:
                if self._items:
                    return self._items.popleft()
                self._filled.clear()
            await self._filled.wait()
