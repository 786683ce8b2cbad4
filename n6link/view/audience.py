"""The newest value of each topic, and the viewers who receive it.

A viewer takes what it has not seen yet when it is ready. Values that were replaced meanwhile are never sent, so memory and traffic do
not depend on the speed of a viewer.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import anyio

Message = str | bytes


class Viewer:
    """One viewer. Created by :meth:`Audience.join`."""

    def __init__(self, public: dict[str, Message]) -> None:
        self._fresh = dict(public)
        self._changed = anyio.Event()
        if public:
            self._changed.set()

    def tell(self, topic: str, message: Message) -> None:
        """Replaces the value of a topic, for this viewer."""
        self._fresh[topic] = message
        self._changed.set()

    def forget(self, topic: str) -> None:
        """Drops a value that this viewer has not taken."""
        self._fresh.pop(topic, None)

    async def news(self) -> list[Message]:
        """The newest value of each topic that has changed since the last call; waits until there is one."""
        while not self._fresh:
            self._changed = anyio.Event()
            await self._changed.wait()
        messages = list(self._fresh.values())
        self._fresh = {}
        return messages


class Audience:
    """All viewers."""

    def __init__(self) -> None:
        self._newest: dict[str, Message] = {}
        self._viewers: set[Viewer] = set()
        self._present = anyio.Event()

    def __len__(self) -> int:
        return len(self._viewers)

    def publish(self, topic: str, message: Message) -> None:
        """Replaces the value of a topic, for viewers of now and of later; an equal value is not sent again."""
        if self._newest.get(topic) != message:
            self._newest[topic] = message
            for viewer in self._viewers:
                viewer.tell(topic, message)

    def withdraw(self, *topics: str) -> None:
        """Removes values that are not true any more, for viewers who have not taken them yet."""
        for topic in topics:
            self._newest.pop(topic, None)
            for viewer in self._viewers:
                viewer.forget(topic)

    @contextmanager
    def join(self) -> Generator[Viewer, None, None]:
        """A viewer during a block; it starts with the newest value of each topic."""
        viewer = Viewer(self._newest)
        self._viewers.add(viewer)
        self._present.set()
        try:
            yield viewer
        finally:
            self._viewers.remove(viewer)
            if not self._viewers:
                self._present = anyio.Event()

    async def attended(self) -> None:
        """Waits until there is a viewer."""
        await self._present.wait()
