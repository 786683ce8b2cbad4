"""Several boards in one process: a server for each, in one event loop.

Each board has its own socket, clients and queue; they share only the processor. A board that cannot be opened, or does not return, is tried
again, and the others work on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import anyio
import anyio.to_thread

from n6link.device import N6Device
from n6link.errors import BadInput, N6Error, NoDeviceError, innermost
from n6link.serve.listeners import Place
from n6link.serve.record import Record
from n6link.serve.server import Server
from n6link.transport import discovery
from n6link.transport.watch import watch

PAUSE: Final = 1.0
"""seconds between two attempts to open a board"""
Ready: TypeAlias = Callable[[N6Device, Sequence[str]], None]


async def serve(
    urls: Sequence[str] | Literal["all"],
    places: Sequence[Place],
    ready: Ready = lambda dev, urls: None,
    failed: Callable[[str, str], None] = lambda url, why: None,
    record: Record | None = None,
) -> None:
    """Serves boards until it is cancelled.

    Args:
        urls: of the boards; none = the only one; "all" = all connected boards that have no server, also boards that are connected later.
        places: where the servers listen, see :meth:`Place.nth`; besides the sockets at which programs look for them.
        ready: called with a board and the URLs for its clients when clients can connect.
        failed: called with the URL of one of several boards, and the reason, if it is not served; attempts follow.
        record: what the clients do; None = this is not recorded.

    Raises:
        BadInput: a board is there twice, or a place is not possible for several boards.
        NoDeviceError: none of several boards can be opened, with the reason of each; or none is connected that has no server.
        N6Error: as for :meth:`Server.run`, if there is one board.
    """
    connected = urls == "all"
    if connected:
        urls = await _connected()
        if not urls:
            raise NoDeviceError(
                "no STM32N6 board without a server is connected; connect one, or specify its port with --url serial:PORT"
            )
    elif len(urls) <= 1:
        await Server(urls[0] if urls else None, places, record).run(ready)
        return
    if twice := next((url for url in urls if urls.count(url) > 1), None):
        raise BadInput(
            f"--url {twice} is there twice; remove one, or give virtual boards different ids, such as sim:?id=left and sim:?id=right"
        )
    boards: list[_Board] = []

    def add(url: str) -> _Board:
        boards.append(_Board(url, [place.nth(len(boards)) for place in places], record))
        return boards[-1]

    def report(board: _Board) -> None:
        failed(board.url, board.reason)
        if all(each.reason and not each.opened for each in boards):
            raise NoDeviceError("no board can be served: " + "; ".join(f"{each.url}: {each.reason}" for each in boards))

    for url in urls:
        add(url)
    async with anyio.create_task_group() as tasks:
        for board in boards:
            tasks.start_soon(board.keep, ready, report)
        if connected:
            async with aclosing(watch()) as changes:
                async for change in changes:
                    try:
                        later = await _connected() if change.added else []
                        for url in later:
                            if all(url != board.url for board in boards):
                                tasks.start_soon(add(url).keep, ready, report)
                    except N6Error as error:
                        failed("all", str(error))


async def _connected() -> list[str]:
    return await anyio.to_thread.run_sync(discovery.urls_without_server)


@dataclass(slots=True)
class _Board:
    """One of several boards."""

    url: str
    places: Sequence[Place]
    record: Record | None
    reason: str = ""
    """why it is not served"""
    opened: bool = False
    """at some time"""

    async def keep(self, ready: Ready, failed: Callable[[_Board], None]) -> None:
        """Serves it, again and again."""

        def opened(dev: N6Device, urls: Sequence[str]) -> None:
            self.opened, self.reason = True, ""
            ready(dev, urls)

        while True:
            before = self.reason
            try:
                await Server(self.url, self.places, self.record).run(opened)
            except* (N6Error, MemoryError) as group:
                self.reason = str(innermost(group)) or "there is not enough memory"
            if self.reason != before:
                failed(self)
            await anyio.sleep(PAUSE)
