"""A cable between a host and a virtual board that can be unplugged and plugged in again, as a serial port or as a TCP connection."""

from __future__ import annotations

import os
import queue
import select
import socket
import threading
import tty
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

PIECE: Final = 65536


class Cable:
    """Passes bytes between a board and whoever opens :attr:`url`, in a thread of its own.

    Args:
        board: URL of the board: ``serial:`` of a board that does not notice when nobody listens, or ``tcp:`` of one that does.
        folder: for the name of the serial port.
    """

    def __init__(self, board: str, folder: Path) -> None:
        self._scheme, _, self._board = board.partition(":")
        self._link = folder / "port"
        self._port = 0
        self._fds: list[int] = []
        self._listener: socket.socket | None = None
        self._wake, self._waker = os.pipe()
        self._asked: queue.SimpleQueue[tuple[Callable[[], None], Future[None]]] = queue.SimpleQueue()
        self._over = False
        self._far = os.open(self._board, os.O_RDWR | os.O_NOCTTY) if self._scheme == "serial" else -1
        if self._far >= 0:
            tty.setraw(self._far)
        self._plug(None)
        self._thread = threading.Thread(target=self._pump, name="cable", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """What the host opens."""
        return f"serial:{self._link}" if self._scheme == "serial" else f"tcp:127.0.0.1:{self._port}"

    def plug(self, board: str | None = None) -> None:
        """Plugs it in, perhaps at another board."""
        self._ask(lambda: self._plug(board))

    def unplug(self) -> None:
        """Unplugs it at the host's end."""
        self._ask(self._unplug)

    def _ask(self, action: Callable[[], None]) -> None:
        # Only the thread opens and closes files: no other one could know which of them it waits for.
        done: Future[None] = Future()
        self._asked.put((action, done))
        os.write(self._waker, b"w")
        done.result()

    def _plug(self, board: str | None) -> None:
        if board:
            self._board = board.partition(":")[2]
        if self._scheme == "serial":
            if board:
                os.close(self._far)
                self._far = os.open(self._board, os.O_RDWR | os.O_NOCTTY)
                tty.setraw(self._far)
            near, slave = os.openpty()
            tty.setraw(slave)
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(os.ttyname(slave))
            self._fds = [near, slave]
        else:
            self._listener = socket.create_server(("127.0.0.1", self._port))
            self._port = self._listener.getsockname()[1]

    def _unplug(self) -> None:
        self._link.unlink(missing_ok=True)
        if self._listener:
            self._listener.close()
            self._listener = None
        self._drop()

    def _end(self) -> None:
        self._unplug()
        self._over = True

    def _drop(self) -> None:
        for fd in self._fds:
            with suppress(OSError):
                os.close(fd)
        self._fds = []

    def _pump(self) -> None:
        while not self._over:
            near = self._fds[0] if self._fds else -1
            far = self._far if self._scheme == "serial" else self._fds[1] if self._fds else -1
            watched = [fd for fd in (self._wake, near, far) if fd >= 0]
            if self._listener and near < 0:
                watched.append(self._listener.fileno())
            readable = select.select(watched, [], [])[0]
            if self._wake in readable:
                os.read(self._wake, 1)
                action, done = self._asked.get()
                try:
                    action()
                except OSError as error:
                    done.set_exception(error)
                else:
                    done.set_result(None)
            elif self._listener and self._listener.fileno() in readable:
                self._accept(self._listener)
            else:
                for source, sink in ((near, far), (far, near)):
                    if source in readable:
                        self._pass(source, sink)

    def _accept(self, listener: socket.socket) -> None:
        host, port = self._board.rsplit(":", 1)
        near, _ = listener.accept()
        far = socket.create_connection((host, int(port)))
        self._fds = [near.detach(), far.detach()]

    def _pass(self, source: int, sink: int) -> None:
        try:
            data = os.read(source, PIECE)
            if not data:
                raise OSError
            while data and sink >= 0:
                data = data[os.write(sink, data) :]
        except OSError:
            if self._scheme != "serial":
                self._drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ask(self._end)
        self._thread.join()
        for fd in (self._wake, self._waker, *([self._far] if self._far >= 0 else [])):
            os.close(fd)
