"""One board, watched and shown, until the program ends."""

from __future__ import annotations

import json
import signal
import socket
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

import anyio
import uvicorn

from n6link.errors import BadInput
from n6link.monitor.model import Model
from n6link.monitor.watch import Watcher
from n6link.view import facts
from n6link.view.app import application
from n6link.view.audience import Audience
from n6link.view.guard import is_loopback
from n6link.view.live import Live
from n6link.view.show import Show

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from n6link.tensors.card import Card

LONGEST_COMMAND: Final = 65536
"""bytes of a message of a viewer"""
SILENCE: Final = 60.0
"""seconds without an answer to a ping after which a viewer has vanished; a busy computer may need many"""
PATIENCE: Final = 1
"""seconds for viewers to close their connections at the end"""
_BUSY: Final = 98, 48, 10048
"""EADDRINUSE of Linux, macOS and Windows"""


def bind(listen: str) -> socket.socket:
    """A listening socket at HOST:PORT of this computer.

    Raises:
        BadInput: it does not have this form, is reachable from other computers, or is in use.
    """
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdigit() or int(port) > 65535:
        raise BadInput(f"--listen {listen!r} must have the form HOST:PORT, such as 127.0.0.1:8016")
    if not is_loopback(host):
        raise BadInput(
            f"--listen {listen!r} is reachable from other computers, and the page does not ask for a password; use "
            f"127.0.0.1:{port}, and ssh -L {port}:127.0.0.1:{port} from another computer"
        )
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, int(port)), family=family)
    except OSError as error:
        why = "is in use by another program" if error.errno in _BUSY else f"cannot be used: {error.strerror}"
        raise BadInput(f"--listen {listen!r} {why}; use another port, or 127.0.0.1:0 for any free one") from None


def address(listening: socket.socket) -> str:
    """The URL of the page."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


class View:
    """The page of one board.

    Args:
        url: of the device, as for ``N6Device``.
        cards: as for ``N6Device``.
        live: the source of pictures; None = only those that viewers choose.
        network: name of the network at the start; None = the first one.

    Attributes:
        app: the application, for an ASGI server.
    """

    def __init__(
        self, url: str | None, *, cards: Sequence[Card | str] = (), live: Live | None = None, network: str | None = None
    ) -> None:
        self._audience = Audience()
        self._model = Model(order="index", since=time.monotonic())
        self._show = Show(self._audience, live, network=network, selected=self._select)
        # It runs networks, so it needs the rights of a program that controls the board.
        self._watcher = Watcher(self._model, url, cards=cards, network=network, control=True, changed=self._changed)
        self._watcher.followers.append(self._show.work)
        self.app: Starlette = application(self._audience, self._show)
        self._changed()

    async def watch(self) -> None:
        """Watches the board and runs what viewers choose, until it is cancelled.

        Raises:
            N6Error: as :meth:`n6link.monitor.watch.Watcher.watch`.
        """
        await self._watcher.watch()

    async def run(self, listening: socket.socket, ready: Callable[[], None] = lambda: None) -> None:
        """Serves the page until SIGTERM or a cancellation.

        Raises:
            N6Error: as :meth:`watch`, in a group.
        """
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(_serve, self.app, listening, ready))
            tasks.start_soon(self._end_on_signal, tasks.cancel_scope)
            await self.watch()

    def _select(self, network: str) -> None:
        self._model.selected = network
        self._watcher.reselected()

    def _changed(self) -> None:
        message = facts.board(self._model.view(time.monotonic()))
        self._audience.publish("board", json.dumps(message, ensure_ascii=False))

    async def _end_on_signal(self, scope: anyio.CancelScope) -> None:
        if sys.platform != "win32":
            with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGHUP) as signals:
                async for _ in signals:
                    scope.cancel()


class _Server(uvicorn.Server):
    """A server without handlers of signals: Ctrl-C must also close the device."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Nothing is captured."""
        yield


async def _serve(app: Starlette, listening: socket.socket, ready: Callable[[], None]) -> None:
    server = _Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="websockets-sansio",
            ws_max_size=LONGEST_COMMAND,
            ws_ping_timeout=SILENCE,
            lifespan="off",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=PATIENCE,
        )
    )
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_shielded, server, listening)
        try:
            while not server.started:  # noqa: ASYNC110  uvicorn does not have an event for it
                await anyio.sleep(0.01)
            ready()
            await anyio.sleep_forever()
        finally:
            server.should_exit = True


async def _shielded(server: uvicorn.Server, listening: socket.socket) -> None:
    with anyio.CancelScope(shield=True):
        await server.serve(sockets=[listening])
