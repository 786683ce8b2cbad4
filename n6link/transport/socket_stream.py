"""A connected unix socket as a byte stream.

Like anyio's own, with two differences. A read that is cancelled in the moment in which bytes arrive leaves nothing behind for
the event loop to complain about; and bytes that are there are taken at once, before the loop turns, which is half of the way of a small answer.
"""

from __future__ import annotations

import socket

import anyio
from anyio.abc import ByteStream
from anyio.lowlevel import cancel_shielded_checkpoint, checkpoint, checkpoint_if_cancelled


class SocketStream(ByteStream):
    """Owns a socket; one task may receive while another one sends."""

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        self._socket = connected
        self._closed = False

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """The bytes that have arrived, at least one."""
        await checkpoint_if_cancelled()
        waited = False
        while True:
            try:
                data = self._socket.recv(max_bytes)
            except BlockingIOError:
                await anyio.wait_readable(self._socket)
                waited = True
            except OSError as error:
                raise self._failure() from error
            else:
                break
        if not waited:
            await cancel_shielded_checkpoint()
        if not data:
            raise anyio.EndOfStream
        return data

    async def send(self, item: bytes) -> None:
        """Sends all of a buffer."""
        await checkpoint()
        view = memoryview(item).cast("B")
        while view:
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                await anyio.wait_writable(self._socket)
            except OSError as error:
                raise self._failure() from error

    def send_nowait(self, item: bytes) -> int:
        """Sends what leaves without waiting; returns how many bytes did."""
        try:
            return self._socket.send(item)
        except OSError:  # not now, or never again: send() will tell
            return 0

    async def send_eof(self) -> None:
        """Shuts the direction to the peer."""
        self._socket.shutdown(socket.SHUT_WR)

    async def aclose(self) -> None:
        """Closes the socket; who waits for it is told so."""
        if not self._closed:
            self._closed = True
            anyio.notify_closing(self._socket)
            self._socket.close()
        await checkpoint()

    def _failure(self) -> Exception:
        return anyio.ClosedResourceError() if self._closed else anyio.BrokenResourceError()
