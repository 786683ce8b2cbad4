"""The events of one call, for the task that waits for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from n6link.errors import N6Error
from n6link.link.events import Event, Failed
from n6link.waiting import Signal, Signals, wake


class Mailbox:
    """Events for one call, in order.

    Args:
        signals: of the event loop of its task.
        fragile: see below.
        at_once: gets each event when it arrives; returns whether the task does not need it, and is not woken.

    Attributes:
        fragile: an interruption ends the call, because it is part of the opening of a session.
    """

    __slots__ = ("_at_once", "_events", "_filled", "_signals", "fragile")

    def __init__(
        self,
        signals: Signals,
        *,
        fragile: bool = False,
        at_once: Callable[[Event | N6Error], bool] | None = None,
    ) -> None:
        self.fragile = fragile
        self._at_once = at_once
        self._signals = signals
        self._events: deque[Event | N6Error] = deque()
        self._filled: Signal | None = None

    def put(self, event: Event | N6Error) -> None:
        """Adds an event; an error is raised by the call that gets it."""
        if self._at_once and self._at_once(event):
            return
        self._events.append(event)
        if self._filled:
            wake(self._filled)

    async def get(self) -> Event:
        """The next event.

        Raises:
            N6Error: it was put, or it is the error of a Failed event.
        """
        while not self._events:
            self._filled = self._signals()
            await self._filled
        event = self._events.popleft()
        if isinstance(event, N6Error):
            raise event
        if isinstance(event, Failed):
            raise event.error
        return event
