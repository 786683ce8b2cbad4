"""The receiving half of :class:`n6link.link.link.Link`: results as they arrive, and how far the device may send.

Twin of :mod:`n6link.link.sender`. ``seen`` is the highest position of the device that is known: what was sent before it has
arrived or is lost. The device may send up to ``granted``; a chunk beyond it is not believed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from n6link.errors import RemoteProtocolError
from n6link.link import frames
from n6link.link.events import Begun, Failed, Received
from n6link.link.exchange import Exchange, Phase
from n6link.link.numbers import MASK, distance
from n6link.link.transfer import Download, announcement
from n6link.protocol import MessageType, records

ATTEMPTS: Final = 3
"""times that a whole result is asked for when only its digest is wrong"""
GAPS: Final = 32
"""NAKs of one complaint at most"""


class Receiver:
    """See the head of this module.

    Args:
        counters: of this end.
        window: DATA bytes that the host takes in flight.
        send: queues a small frame.
    """

    def __init__(self, counters: frames.Counters, window: int, send: Callable[[bytes], None]) -> None:
        self.window = window
        self._counters = counters
        self._send = send
        self._seen = self._granted = 0
        self._chunk = self._most = 0

    def begin(self, chunk: int, most: int) -> None:
        """A session begins or is resumed.

        Args:
            chunk: bytes of a chunk.
            most: bytes of a result at most.
        """
        self._seen, self._granted = 0, self.window
        self._chunk, self._most = chunk, most

    # ---- credits

    def reached(self, position: int) -> None:
        """The device says how far it has sent; what is beyond our grant is not believed."""
        if distance(position, self._seen) > 0 and distance(position, self._granted) <= 0:
            self._seen = position

    def grant(self) -> None:
        """Allows the device a window of bytes from what is known to have arrived or to be lost."""
        self._granted = (self._seen + self.window) & MASK
        self._send(frames.pack(MessageType.CREDIT, 0, records.Credit(limit=self._granted).pack()))

    # ---- results

    def announced(self, exchange: Exchange, payload: memoryview, now: float) -> list[Begun | Received | Failed]:
        """A RESULT has come: its bytes will follow.

        Raises:
            ValueError: the payload is too short.
        """
        try:
            result = announcement(payload, self._most)
        except RemoteProtocolError as error:
            return [Failed(exchange.id, error)]
        header, download = result[0], exchange.download
        if download and (download.chunks.length, download.crc) == (header.length, header.crc):
            return []
        exchange.result = result
        exchange.download = Download(header.length, header.crc, chunk=self._chunk)
        exchange.phase = Phase.RECEIVING
        exchange.progress += 1
        done = None if header.length else self._complete(exchange, now)
        return [Begun(exchange.id), done] if done else [Begun(exchange.id)]

    def data(self, exchange: Exchange | None, payload: memoryview, now: float) -> Received | Failed | None:
        """A chunk has come, of a result that nobody waits for if exchange is None.

        Raises:
            ValueError: it cannot be a chunk of this result, or is beyond the grant.
        """
        position, offset, _, chunk = frames.unpack_data(payload)
        end = (position + len(chunk)) & MASK
        if distance(end, self._granted) > 0:
            raise ValueError(f"a chunk up to position {end} is beyond the grant of {self._granted}")
        if distance(end, self._seen) > 0:
            self._seen = end
            if distance(end + self.window, self._granted) * 2 >= self.window:
                self.grant()
        if exchange is None or exchange.download is None:
            return None
        new, gaps = exchange.download.place(offset, chunk)
        exchange.progress += new
        self._counters.rx_chunks += 1
        self._counters.duplicates += not new
        for gap in gaps:
            self._nak(exchange, *gap)
        return None if exchange.download.chunks.left else self._complete(exchange, now)

    def damaged(self, exchange: Exchange | None, payload: memoryview) -> None:
        """A chunk has come whose headers are good and whose bytes are not: asks for it at once.

        Raises:
            ValueError: it cannot be a chunk of this result.
        """
        _, offset, _, chunk = frames.unpack_data(payload)
        self._counters.rx_damaged += 1
        if exchange and exchange.download:
            for gap in exchange.download.damaged(offset, len(chunk)):
                self._nak(exchange, *gap)

    def complain(self, exchange: Exchange) -> None:
        """Asks for every chunk that a result lacks."""
        assert exchange.download
        for gap in exchange.download.chunks.gaps()[:GAPS]:
            self._nak(exchange, *gap)

    def _complete(self, exchange: Exchange, now: float) -> Received | Failed | None:
        download, result = exchange.download, exchange.result
        assert download and result
        if download.verify():
            return Received(exchange.id, *result, download.data, now)
        if download.failures < ATTEMPTS:
            self._nak(exchange, 0, 0)
            return None
        error = RemoteProtocolError(
            f"the result arrived {ATTEMPTS} times with a wrong digest: its CRC-32 is not {download.crc:#x}"
        )
        return Failed(exchange.id, error)

    def _nak(self, exchange: Exchange, offset: int, length: int) -> None:
        self._counters.naks_sent += 1
        self._send(frames.pack(MessageType.NAK, exchange.id, records.Nak(offset=offset, length=length).pack()))
