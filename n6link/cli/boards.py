"""Commands that run a network on one board or on several: the option --url may be repeated, and several boards are a pool."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer
from rich.markup import escape

from n6link.cli.common import checked_urls, complete_url, connect, err, working
from n6link.device import N6Device
from n6link.errors import BadInput
from n6link.network import Network
from n6link.pool.network import PoolNetwork
from n6link.pool.pool import N6Pool

Boards: TypeAlias = N6Device | N6Pool
AnyNetwork: TypeAlias = Network | PoolNetwork

ALL: Final = "all"
"""instead of a URL: all boards that are connected to this computer"""


def checked_urls_or_all(urls: list[str] | None) -> list[str]:
    """As :func:`n6link.cli.common.checked_urls`; :data:`ALL` must be alone."""
    if urls and ALL in urls:
        if len(urls) > 1:
            raise BadInput("--url all is all connected boards; do not give other URLs")
        return urls
    return checked_urls(urls)


Urls = Annotated[
    list[str] | None,
    typer.Option(
        "--url",
        "-u",
        callback=checked_urls_or_all,
        metavar="URL",
        autocompletion=complete_url,
        help="serial:PORT, tcp:HOST:PORT, unix:PATH, sim:, qemu:, or the name of a board in the settings; default: N6LINK_URL, defaults.url of the settings, or the only connected board. "
        "Repeated: several boards work as one, with the same results; all: all connected boards.",
    ),
]


@asynccontextmanager
async def connect_all(
    urls: Sequence[str] | None,
    cards: Sequence[Path] | None = None,
    timeout: float = 5.0,  # noqa: ASYNC109
    opened: Callable[[int, N6Device], object] | None = None,
) -> AsyncGenerator[Boards, None]:
    """An open device, or an open pool of several, which reports the boards that it does not use.

    Args:
        urls: of the boards.
        cards: files of cards.
        timeout: maximum seconds without an answer.
        opened: as for :class:`N6Pool`; also called with the only device.

    Raises:
        N6Error: as for :class:`N6Device` and :class:`N6Pool`.
    """
    urls = urls or []
    if len(urls) <= 1 and ALL not in urls:
        async with connect(urls[0] if urls else None, cards, timeout) as device:
            if opened:
                opened(0, device)
            yield device
        return
    async with AsyncExitStack() as stack:
        with working("Connecting to all boards" if ALL in urls else f"Connecting to {len(urls)} boards"):
            pool = N6Pool(ALL if ALL in urls else urls, cards=cards or (), timeout=timeout, confirm=True, opened=opened)
            await stack.enter_async_context(pool)
        at_start = {board.url: board.aside for board in pool.boards}
        for board in pool.boards:
            for reason in [board.reason] if board.aside else board.refused.values():
                _note(board.url, f"is not used: {reason}")
        try:
            yield pool
        finally:
            for board in pool.boards:
                if board.aside > at_start.get(board.url, 0):
                    _note(board.url, f"was set aside: {board.reason}")


def at_once(boards: Boards) -> int:
    """Number of inferences at the same time that keeps all boards busy."""
    return boards.at_once if isinstance(boards, N6Pool) else boards.info.slots


def _note(url: str, text: str) -> None:
    err.print(f"[yellow]Note:[/] the board at {escape(url)} {escape(text)}.", soft_wrap=True)
