"""Events of a device for tasks that listen: log lines, statistics, changes of state."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, Self, TypeVar

import anyio

from n6link.errors import LocalProtocolError, N6Error
from n6link.session.lifecycle import Lifecycle
from n6link.session.state import StateChange
from n6link.session.stats import Stats

KEPT: Final = 1000
"""maximum number of waiting items for a slow listener; older ones are dropped and counted"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A log line of a device, or text between the frames on the line."""

    level: int
    """as in :mod:`logging`"""
    text: str
    time: float | None
    """seconds of the device's clock; None = unknown"""


class Subscription(Lifecycle, Generic[T]):
    """An async iterator over the items that arrive while it is open; see :data:`KEPT`. It may be opened again after it was closed.

    Args:
        begin: starts the delivery of items; called by :meth:`open`.
        end: stops the delivery; called by :meth:`aclose`.

    Attributes:
        dropped: number of items that were dropped because the listener was too slow.
        gaps: number of interruptions of the connection; items are missing during an interruption.
    """

    def __init__(
        self, begin: Callable[[Subscription[T]], Awaitable[None]], end: Callable[[Subscription[T]], None]
    ) -> None:
        self.dropped = self.gaps = 0
        self._begin, self._end = begin, end
        self._items: deque[T] = deque()
        self._filled = anyio.Event()
        self._failure: N6Error | None = None
        self._final = False
        self._open = self._opened = False

    async def open(self) -> Self:
        """Starts to listen.

        Raises:
            LocalProtocolError: it is already open, or the device is not open.
            N6Error: the device does not answer.
        """
        if self._open:
            raise LocalProtocolError("this subscription is already open; create another one for a second listener")
        self._open, self._failure = True, None
        self._items.clear()
        try:
            await self._begin(self)
        except BaseException:
            await self.aclose()
            raise
        self._opened = True
        return self

    async def aclose(self) -> None:
        """Ends it; whoever waits for an item learns that there are no more."""
        if self._open:
            self._open = False
            self._end(self)
            self._filled.set()

    def put(self, item: T) -> None:
        """Adds an item; the oldest one goes if there are too many."""
        if len(self._items) >= KEPT:
            self._items.popleft()
            self.dropped += 1
        self._items.append(item)
        self._filled.set()

    def fail(self, error: N6Error, *, final: bool) -> None:
        """The iteration raises the error after the waiting items: once, or, if it is final, at each further step."""
        self._failure, self._final = error, final
        self._filled.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """The next item; after :meth:`aclose` the remaining ones.

        Raises:
            N6Error: the error that ended the delivery.
        """
        if not self._opened:
            raise LocalProtocolError("the subscription is not open; use: async with dev.subscribe(...) as readings")
        while not self._items:
            if failure := self._failure:
                self._failure = failure if self._final else None
                raise failure
            if not self._open:
                raise StopAsyncIteration
            self._filled = anyio.Event()
            await self._filled.wait()
        return self._items.popleft()


class Listeners:
    """The subscriptions of a device.

    Attributes:
        logs: receive log lines and stray text.
        stats: receive statistics, with the seconds between two readings of each.
        events: receive changes of the device's state; they are kept when the device is closed.
    """

    def __init__(self) -> None:
        self.logs: set[Subscription[LogRecord]] = set()
        self.stats: dict[Subscription[Stats], float] = {}
        self.events: set[Subscription[StateChange]] = set()

    @property
    def any(self) -> bool:
        """Whether anybody listens."""
        return bool(self.logs or self.stats)

    @property
    def interval(self) -> float:
        """Seconds between two readings: the shortest requested interval; 0 = there is no subscription."""
        return min(self.stats.values(), default=0.0)

    def log(self, record: LogRecord) -> None:
        """Delivers a log line."""
        for lines in self.logs:
            lines.put(record)

    def read(self, stats: Stats) -> None:
        """Delivers statistics."""
        for readings in self.stats:
            readings.put(stats)

    def interrupted(self) -> None:
        """Counts a gap: the device was lost and is connected again."""
        for lines in self.logs:
            lines.gaps += 1
        for readings in self.stats:
            readings.gaps += 1

    def change(self, change: StateChange) -> None:
        """Delivers a change of the device's state."""
        for events in self.events:
            events.put(change)

    def fail(self, error: N6Error, *, final: bool) -> None:
        """Delivers the error because of which no more items arrive, at present or (``final``) at all."""
        for lines in self.logs:
            lines.fail(error, final=final)
        for readings in self.stats:
            readings.fail(error, final=final)
