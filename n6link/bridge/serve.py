"""Boards for other computers: connects them, and serves them until it is cancelled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import anyio
import anyio.to_thread

from n6link.bridge.board import RETRY, BoardBridge, Options, Presence
from n6link.bridge.link import endpoints, open_session
from n6link.errors import TransportError
from n6link.robotics.wall import Wall


async def serve(
    urls: Sequence[str | None] = (None,),
    *,
    connect: Sequence[str] = (),
    listen: Sequence[str] = (),
    config: Path | None = None,
    scout: bool = False,
    options: Options | None = None,
    listening: Callable[[list[str]], None] = lambda endpoints: None,
    report: Callable[[Presence], None] = lambda presence: None,
) -> None:
    """Serves boards over Zenoh until it is cancelled. Boards and routers that are not there are waited for.

    Args:
        urls: of the boards, as for ``N6Device``; None = the only connected one.
        connect: see :func:`n6link.bridge.link.open_session`, as the next three.
        listen: endpoints of the bridge.
        config: a configuration file of Zenoh.
        scout: find others by multicast, and be found.
        options: what all boards share; None = the defaults.
        listening: called with the endpoints of the bridge.
        report: called when a board comes or goes.

    Raises:
        BadInput: the configuration or an endpoint is not valid.
        TransportError: the bridge cannot listen at an endpoint.
        MissingExtra: eclipse-zenoh is not installed.
        N6Error: a board can never be used; see :meth:`BoardBridge.run`.
    """
    while True:
        try:
            session = await anyio.to_thread.run_sync(lambda: open_session(connect, listen, config, scout=scout))
            break
        except TransportError as error:
            if listen or not connect:
                raise
            report(Presence("", "", "away", reason=str(error)))
            await anyio.sleep(RETRY)
    names: set[str] = set()
    shared = options or Options()
    wall = Wall()

    def name_for(unique_id: str) -> str:
        """Virtual boards, for example, have the same id."""
        wanted = unique_id if unique_id != "_" else "board"
        name = next(
            name for number in count(1) if (name := f"{wanted}-{number}" if number > 1 else wanted) not in names
        )
        names.add(name)
        return name

    try:
        listening(await anyio.to_thread.run_sync(endpoints, session))
        async with anyio.create_task_group() as tasks:
            for url in urls:
                board = BoardBridge(session, url, shared, name_for=name_for, report=report, wall=wall)
                tasks.start_soon(board.run)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(session.close)
