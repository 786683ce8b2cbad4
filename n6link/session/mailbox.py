"""The events of one call, for the task that waits for them."""

from __future__ import annotations

from collections import deque

import anyio

from n6link.errors import N6Error
from n6link.link.events import Event, Failed


class Mailbox:
    """Events for one call, in order.

    Attributes:
        fragile: an interruption ends the call, because it is part of the opening of a session.
    """

    __slots__ = ("_events", "_filled", "fragile")

    def __init__(self, *, fragile: bool = False) -> None:
        self.fragile = fragile
        self._events: deque[Event | N6Error] = deque()
        self._filled: anyio.Event | None = None

    def put(self, event: Event | N6Error) -> None:
        """Adds an event; an error is raised by the call that gets it."""
        self._events.append(event)
        if self._filled:
            self._filled.set()

    async def get(self) -> Event:
        """The next event.

        Raises:
            N6Error: it was put, or it is the error of a Failed event.
        """
        while not self._events:
            self._filled = anyio.Event()
            await self._filled.wait()
        event = self._events.popleft()
        if isinstance(event, N6Error):
            raise event
        if isinstance(event, Failed):
            raise event.error
        return event
