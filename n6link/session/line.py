"""One byte stream of a channel: a task that passes received bytes to the link, and a task that writes the link's frames.

Frames are first written where they arise, as far as the stream takes them without waiting; the writer only writes the rest. It
writes whole frames and is never cancelled by a call, so that frames are never truncated while the stream is in use. Nothing else waits for the
stream, so that two full pipes cannot cause a deadlock.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

import anyio
from anyio.abc import ByteStream

from n6link import ambient
from n6link.errors import TransportError
from n6link.link.link import Link
from n6link.link.sender import BATCH
from n6link.waiting import Signal, Signals, listen, wake

FAREWELL: Final = 0.25
"""maximum seconds for the transmission of the last frame of a session"""
BATCH_SECONDS: Final = 0.02
"""maximum duration of one write, so that a small frame does not wait long for chunks before it"""


class Line:
    """See the top of this module.

    Args:
        stream: stream to the device; closed when :meth:`serve` ends.
        link: the protocol.
        signals: of the event loop.
        arrived: called after the link has received bytes that events may follow.
        broke: called when the stream was lost.

    Attributes:
        broken: the error that ended the stream; None while it works.
        heard: time of the last good frame.
    """

    def __init__(
        self,
        stream: ByteStream,
        link: Link,
        signals: Signals,
        arrived: Callable[[], None],
        broke: Callable[[TransportError], None],
    ) -> None:
        self.broken: TransportError | None = None
        self.heard = float("-inf")
        self._stream = stream
        self._link = link
        self._arrived, self._broke = arrived, broke
        self._scope, self._closed = anyio.CancelScope(), anyio.Event()
        self._detached = False
        self._signals = signals
        self._idle: Signal | None = None
        self._send_nowait: Callable[[bytes], int] | None = getattr(stream, "send_nowait", None)
        self._rest: Callable[[float], None] | None = getattr(stream, "rest", None)
        self._unsent = b""
        self._sending = False

    async def serve(self) -> None:
        """Reads and writes until it is cancelled, and closes the stream. Unless it was detached, first stops all work on the device."""
        try:
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._read)
                    tasks.start_soon(self._write)
                    await anyio.sleep_forever()  # a broken stream stays attached until the owner detaches it
        finally:
            with anyio.CancelScope(shield=True):
                await self._leave()
                await self._stream.aclose()
            self._closed.set()

    async def detach(self) -> None:
        """Ends :meth:`serve` without a message to the device."""
        self._detached = True
        self._scope.cancel()
        await self._closed.wait()

    def wake(self) -> None:
        """There may be bytes to write. Writes a batch immediately, which saves the turns of a task; the writer writes the rest."""
        if not self._idle or not self._link.wants_to_send:
            return
        if self._send_nowait:
            batch = self._batch()
            self._unsent = batch[self._send_nowait(batch) :]
        if self._unsent or self._link.wants_to_send:
            idle, self._idle = self._idle, None
            wake(idle)

    async def _leave(self) -> None:
        self._idle = None
        if not self._detached and not self.broken:
            farewell = self._link.farewell(ambient.randbits(64), flush=self._sending or bool(self._unsent))
            with anyio.move_on_after(FAREWELL), suppress(TransportError):
                if farewell:
                    await self._stream.send(farewell)

    async def _read(self) -> None:
        try:
            await listen(self._stream, self._received)
        except TransportError as error:
            self._end(error)

    def _received(self, data: bytes) -> None:
        counters, now = self._link.counters, ambient.monotonic()
        frames = counters.rx_frames
        if self._link.receive_data(data, now):
            if counters.rx_frames != frames:
                self.heard = now
            self._arrived()
        if self._rest and (seconds := self._link.rest):
            self._rest(seconds)

    async def _write(self) -> None:
        try:
            while True:
                batch, self._unsent = self._unsent or self._batch(), b""
                if batch:
                    self._sending = True
                    await self._stream.send(batch)
                    self._sending = False
                else:
                    self._idle = self._signals()
                    await self._idle
                    self._idle = None
        except TransportError as error:
            self._end(error)

    def _batch(self) -> bytes:
        """The bytes to write next."""
        # Joined to one write: many small writes would cost more CPU time than this copy.
        link = self._link
        budget = min(int(link.path.rate * BATCH_SECONDS) + 1, BATCH)
        return b"".join(link.data_to_send(ambient.monotonic(), budget))

    def _end(self, error: TransportError) -> None:
        if not self.broken:
            self.broken = error
            self._broke(error)
