"""Decides which client's inference goes to the board next.

As many inferences as the board has input slots are at the board at a time: one runs, others are uploaded. Those that wait in
the server are served in this order: larger priority; then the client that has used the board least; then in order of arrival. The use
is measured in seconds of the line and of the NPU. A client that was idle does not save its share for later: when it returns, it has
used as much as the client that has used least of those that are busy.

An inference with a larger priority than all at the board does not wait for a place: the board, or its slots, order it before others.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from n6link import ambient


@dataclass(slots=True, eq=False)
class Share:
    """What one client has used of the board."""

    used: float = 0.0
    """seconds; comparable with those of other clients that are busy"""
    busy: int = 0
    """its inferences that wait or are at the board"""
    waits: int = 0
    """its inferences that have waited, also those that were given up"""
    waited: float = 0.0
    """seconds of these waits"""
    longest: float = 0.0
    """seconds of the longest one"""

    def add_wait(self, seconds: float) -> None:
        """One of its inferences has waited, until it was its turn or it was given up."""
        seconds = max(seconds, 0.0)  # the clock of the board, from which it was converted, is not exact
        self.waits += 1
        self.waited += seconds
        self.longest = max(self.longest, seconds)


@dataclass(slots=True, eq=False)
class _Waiter:
    share: Share
    priority: int
    ready: anyio.Event = field(default_factory=anyio.Event)


class Desk:
    """See the top of this module.

    Args:
        places: number of inferences at the board at a time.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._waiting: list[_Waiter] = []
        self._at_board: list[_Waiter] = []
        self._busy: dict[int, Share] = {}

    @property
    def waiting(self) -> int:
        """Number of inferences that wait in the server."""
        return len(self._waiting)

    @asynccontextmanager
    async def place(self, share: Share, priority: int, since: float | None = None) -> AsyncGenerator[None, None]:
        """A block in which an inference of a client is at the board; waits until it is its turn.

        Args:
            share: of the client.
            priority: of the inference.
            since: host time since which it waits; None = now.
        """
        waiter = _Waiter(share, priority)
        since = ambient.monotonic() if since is None else since
        self._enter(share)
        self._waiting.append(waiter)
        try:
            self._call()
            try:
                await waiter.ready.wait()
            finally:
                share.add_wait(ambient.monotonic() - since)
            yield
        finally:
            (self._at_board if waiter in self._at_board else self._waiting).remove(waiter)
            self._leave(share)
            self._call()

    def _enter(self, share: Share) -> None:
        if not share.busy:
            least = min((other.used for other in self._busy.values()), default=0.0)
            share.used = max(share.used, least)
            self._busy[id(share)] = share
        share.busy += 1

    def _leave(self, share: Share) -> None:
        share.busy -= 1
        if not share.busy:
            del self._busy[id(share)]

    def _call(self) -> None:
        while self._waiting:
            first = min(self._waiting, key=lambda waiter: (-waiter.priority, waiter.share.used))
            urgent = first.priority > max((waiter.priority for waiter in self._at_board), default=-1)
            if len(self._at_board) >= self._places and not urgent:
                return
            self._waiting.remove(first)
            self._at_board.append(first)
            first.ready.set()
