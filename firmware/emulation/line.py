"""The emulated board's UART on a TCP port of loopback, so that n6link and any terminal can talk to it."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from typing import Final

from emulation.board import Board

IDLE: Final = 0.001
"""seconds that an idle board waits for bytes, for each millisecond of its own: it does not run ahead of the host"""


class Line:
    """Listens; one connection at a time, as a cable has one end."""

    def __init__(
        self, board: Board, port: int = 0, change: Callable[[bytes], list[tuple[bytes, int]]] | None = None
    ) -> None:
        self.board = board
        self.change = change or (lambda data: [(data, 0)])
        self._server = socket.create_server(("127.0.0.1", port))
        self._server.setblocking(False)
        self._client: socket.socket | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.getsockname()[1])

    def close(self) -> None:
        """Ends connection and server."""
        if self._client is not None:
            self._client.close()
        self._server.close()

    def exchange(self, wait: float) -> None:
        """Moves bytes both ways; waits at most so long for some."""
        sockets = [self._server, *([self._client] if self._client else [])]
        readable, _, _ = select.select(sockets, [], [], wait)
        if self._server in readable:
            if self._client is not None:
                self._client.close()
            self._client, _ = self._server.accept()
            self._client.setblocking(False)
            self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.board.usart.sent.clear()
        elif self._client in readable and self._client is not None:
            self._receive(self._client)
        self._send()

    def _receive(self, client: socket.socket) -> None:
        try:
            data = client.recv(65536)
        except (BlockingIOError, ConnectionError):
            return
        if not data:
            client.close()
            self._client = None
            return
        for part, errors in self.change(data):
            self.board.usart.arrive(part, errors)

    def _send(self) -> None:
        sent = self.board.usart.sent
        if self._client is None:
            del sent[:-4096]
            return
        if sent:
            try:
                del sent[: self._client.send(sent)]
            except BlockingIOError:
                pass
            except ConnectionError:
                self._client.close()
                self._client = None

    def serve(self, until: Callable[[], bool]) -> None:
        """Runs the board until a condition holds."""
        slices = 0
        while not until():
            idle = self.board.run_slice()
            slices += 1
            if idle and not self.board.usart.incoming:
                self.exchange(IDLE)
            elif slices % 16 == 0 or self.board.usart.sent:
                self.exchange(0)
