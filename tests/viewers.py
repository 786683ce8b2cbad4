"""The page of a board for tests: served on loopback, and programs that behave like pages in a browser."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from n6link.view.live import Live
from n6link.view.server import View, address, bind

PATIENCE = 60
"""seconds after which something that should happen does not"""


@asynccontextmanager
async def serving(url: str | None, live: Live | None = None, network: str | None = None) -> AsyncIterator[str]:
    """The address of a page of the board with this URL."""
    with bind("127.0.0.1:0") as listening:
        view, ready = View(url, live=live, network=network), anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(view.run, listening, ready.set))
            with anyio.fail_after(PATIENCE):
                await ready.wait()
            yield address(listening)
            tasks.cancel_scope.cancel()


@dataclass
class Page:
    """A viewer: the newest message of each topic."""

    socket: ClientConnection
    newest: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    scenes: int = 0

    async def send(self, **command: object) -> None:
        await self.socket.send(json.dumps(command))

    async def look(self) -> set[str]:
        """Asks for what is new; returns the topics."""
        await self.send(do="next")
        topics: set[str] = set()
        while True:
            data = await self.socket.recv()
            message = json.loads(data) if isinstance(data, str) else unpack(data)
            if message["topic"] == "end":
                return topics
            topics.add(message["topic"])
            self.newest[message["topic"]] = message
            self.scenes += message["topic"] == "scene"

    async def refused(self, part: str) -> None:
        """Waits until the server has refused a command with a sentence that has this part."""
        await self.until("refused", lambda refused: part in refused["text"])

    async def until(self, topic: str, condition: Callable[[Mapping[str, Any]], object]) -> Mapping[str, Any]:
        """The newest message of a topic as soon as it is so."""
        with anyio.fail_after(PATIENCE):
            while not (topic in self.newest and condition(self.newest[topic])):
                await self.look()
        return self.newest[topic]


@asynccontextmanager
async def page(address: str, origin: str | None = None) -> AsyncIterator[Page]:
    """A viewer of the page at an address; ``origin`` is that of another page."""
    live, own = address.replace("http:", "ws:") + "live", Origin(origin or address.rstrip("/"))
    async with connect(live, origin=own, proxy=None, open_timeout=PATIENCE) as socket:
        yield Page(socket)


def unpack(data: bytes) -> dict[str, Any]:
    """The description of a scene, with ``picture`` and ``mask`` as bytes."""
    begin = 4 + int.from_bytes(data[:4])
    message: dict[str, Any] = json.loads(data[4:begin])
    end = begin + message["jpeg"]
    assert len(data) == end + message["mask"]
    return message | {"picture": data[begin:end], "mask": data[end:]}
