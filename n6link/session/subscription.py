"""What a device says unasked, for a task that listens: log lines and statistics."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, Generic, Self, TypeVar

import anyio

from n6link.errors import N6Error
from n6link.session.stats import Stats

KEPT: Final = 1000
"""items that wait for a slow listener; older ones are dropped and counted"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A line that a device has logged, or that stood on the wire between the frames."""

    level: int
    """as in :mod:`logging`"""
    text: str
    time: float | None
    """seconds of the device's clock; None if the line came without a time"""


class Subscription(Generic[T]):
    """An async iterator over what comes while it is open; see :data:`KEPT`.

    Attributes:
        dropped: items that the listener was too slow for.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._items: deque[T] = deque()
        self._filled = anyio.Event()
        self._failure: N6Error | None = None

    def put(self, item: T) -> None:
        """Adds an item; the oldest one goes if there are too many."""
        if len(self._items) >= KEPT:
            self._items.popleft()
            self.dropped += 1
        self._items.append(item)
        self._filled.set()

    def fail(self, error: N6Error) -> None:
        """After the items that are there, the error is raised."""
        self._failure = error
        self._filled.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """The next item.

        Raises:
            N6Error: nothing will come any more, because of this.
        """
        while not self._items:
            if self._failure:
                raise self._failure
            self._filled = anyio.Event()
            await self._filled.wait()
        return self._items.popleft()


class Listeners:
    """Who gets what a device says unasked.

    Attributes:
        logs: get log lines and stray text.
        stats: get statistics; the seconds between two readings that each wants.
    """

    def __init__(self) -> None:
        self.logs: set[Subscription[LogRecord]] = set()
        self.stats: dict[Subscription[Stats], float] = {}

    @property
    def any(self) -> bool:
        """Whether anybody listens."""
        return bool(self.logs or self.stats)

    @property
    def interval(self) -> float:
        """Seconds between two readings, as the most demanding one wants it; 0 = nobody wants any."""
        return min(self.stats.values(), default=0.0)

    def log(self, record: LogRecord) -> None:
        """Passes on a log line."""
        for lines in self.logs:
            lines.put(record)

    def read(self, stats: Stats) -> None:
        """Passes on statistics."""
        for readings in self.stats:
            readings.put(stats)

    def fail(self, error: N6Error) -> None:
        """Nothing will come any more, because of this."""
        for lines in self.logs:
            lines.fail(error)
        for readings in self.stats:
            readings.fail(error)
