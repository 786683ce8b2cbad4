"""The receiving half of :class:`n6link.link.link.Link`: results, and the credits of the device.

The counterpart of :mod:`n6link.link.sender`. ``seen`` is the highest known position of the device: all bytes before it have arrived
or are lost. The device may send up to ``granted``; a chunk after it is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final
from zlib import crc32

from n6link.errors import RemoteProtocolError
from n6link.link import frames
from n6link.link.events import Begun, Failed, Received
from n6link.link.exchange import RECEIVING, Exchange
from n6link.link.numbers import HALF, MASK, distance
from n6link.link.transfer import Download, announcement
from n6link.protocol import MessageType, records

ATTEMPTS: Final = 3
"""number of times that a whole result is requested if only its digest is wrong"""
_PLACE: Final = struct.Struct("<LL").pack
"""position and offset at the start of a DATA payload"""
_CRC: Final = struct.Struct("<L").unpack_from
_DATA, _HEADER_SIZE, _CRC_SIZE = frames.DATA, frames.HEADER_SIZE, frames.CRC_SIZE
GAPS: Final = 32
"""maximum number of NAKs per complaint: on a slow line more would delay the repeats that they request"""


class Receiver:
    """See the top of this module.

    Args:
        counters: of this side.
        window: maximum DATA bytes in flight.
        send: queues a small frame.
    """

    def __init__(self, counters: frames.Counters, window: int, send: Callable[[bytes], None]) -> None:
        self.window = window
        self._counters = counters
        self._send = send
        self._seen = self._granted = 0
        self._chunk = self._most = 0

    def begin(self, chunk: int, most: int) -> None:
        """A session is opened or resumed.

        Args:
            chunk: bytes per chunk.
            most: maximum bytes of a result.
        """
        self._seen, self._granted = 0, self.window
        self._chunk, self._most = chunk, most

    # ---- credits

    def reached(self, position: int) -> None:
        """The device has reported its position; a value after our grant is not used."""
        if distance(position, self._seen) > 0 and distance(position, self._granted) <= 0:
            self._seen = position

    def grant(self) -> None:
        """Grants the device a window of bytes after the highest known position.

        It is called when half of the last grant is used: it then arrives before the device must stop, and the frames cost little.
        """
        self._granted = (self._seen + self.window) & MASK
        self._send(frames.pack(MessageType.CREDIT, 0, records.Credit(limit=self._granted).pack()))

    # ---- results

    def announced(self, exchange: Exchange, payload: memoryview) -> Begun | Failed | None:
        """A RESULT has arrived: its bytes follow, if it has some."""
        try:
            result = announcement(payload, self._most)
        except RemoteProtocolError as error:
            return Failed(exchange.id, error)
        header, download = result[0], exchange.download
        # A repeated INFER is answered with the same RESULT again: the chunks that have arrived are kept.
        if download and download.crc == header.crc and download.chunks.length == header.length:
            return None
        exchange.result = result
        exchange.download = Download(header.length, header.crc, self._chunk)
        exchange.phase = RECEIVING
        exchange.progress += 1
        return Begun(exchange.id)

    def data(self, exchange: Exchange | None, payload: memoryview, crc: int, now: float) -> Received | Failed | None:
        """A chunk has arrived; exchange is None if its exchange does not exist any more; crc is that of the payload.

        Raises:
            ValueError: it cannot be a chunk of this result, or is after the grant.
        """
        position, offset, _, chunk = frames.unpack_data(payload)
        end = (position + len(chunk)) & MASK
        left = (self._granted - end) & MASK
        if left > HALF:
            raise ValueError(f"a chunk ends at position {end}, after the grant of {self._granted}")
        # Chunks of a withdrawn exchange are counted too: they have used up credits.
        if 0 < (end - self._seen) & MASK < HALF:
            self._seen = end
            if 2 * left <= self.window:
                self.grant()
        if exchange is None or exchange.download is None:
            return None
        download = exchange.download
        new, gaps = download.place(offset, chunk)
        if new:
            download.digest.add(offset, len(chunk), crc32(payload[: frames.HEADER_SIZE]), crc)
        exchange.progress += new
        self._counters.rx_chunks += 1
        self._counters.duplicates += not new
        for gap in gaps:
            self._nak(exchange, *gap)
        return None if download.chunks.left else self.complete(exchange, now)

    def chunks(self, exchange: Exchange, data: bytes | bytearray, at: int) -> int:
        """Takes frames that are exactly the next chunks of a result, as most are: without faults their headers are known before.

        Stops before every other frame, which :meth:`data` takes.

        Args:
            exchange: of the first frame.
            data: received bytes.
            at: start of the frame.

        Returns:
            Number of bytes of the frames that were taken.
        """
        download = exchange.download
        if download is None:
            return 0
        size, stored, view, begin = download.chunks.size, download.data, memoryview(data), at
        length, first, room = len(stored), download.next * size, len(data) - _CRC_SIZE
        ahead, limit = self._seen - first, first + ((self._granted - self._seen) & MASK)
        front = frames.header(_DATA, exchange.id, _HEADER_SIZE + size) if first + size <= length else b""
        append = download.digest.follow(first, size) if front else None
        total, end, count = download.digest.crc, first, 0
        # The loop runs for each chunk of a result: it has no calls of functions of this package but one.
        for offset in range(first, length if limit >= length else limit - size + 1, size):
            if offset + size > length:  # the last chunk of a transfer is smaller, and not part of the digest yet
                size, append = length - offset, None
                front = frames.header(_DATA, exchange.id, _HEADER_SIZE + size)
            head, body = at + _HEADER_SIZE, at + 2 * _HEADER_SIZE
            stop = body + size
            if stop > room or not data.startswith(front + _PLACE((offset + ahead) & MASK, offset), at):
                break
            chunk, crc_head = view[body:stop], crc32(view[head:body])
            crc = crc32(chunk, crc_head)
            if _CRC(data, stop)[0] != crc:
                break
            end = offset + size
            stored[offset:end] = chunk
            if append:
                total = append(total ^ crc_head) ^ crc
            at = stop + _CRC_SIZE
            count += 1
        if count:
            download.follow(count, total)
            exchange.progress += count
            self._counters.rx_chunks += count
            self._counters.rx_frames += count
            self._seen = (end + ahead) & MASK
            if 2 * (limit - end) <= self.window:
                self.grant()
        return at - begin

    def damaged(self, exchange: Exchange | None, payload: memoryview) -> None:
        """A chunk has arrived with good headers and damaged bytes: requests it again immediately.

        Raises:
            ValueError: it cannot be a chunk of this result.
        """
        _, offset, _, chunk = frames.unpack_data(payload)
        self._counters.rx_damaged += 1
        if exchange and exchange.download:
            for gap in exchange.download.damaged(offset, len(chunk)):
                self._nak(exchange, *gap)

    def complain(self, exchange: Exchange) -> None:
        """Requests every missing chunk of a result."""
        assert exchange.download
        for gap in exchange.download.chunks.gaps()[:GAPS]:
            self._nak(exchange, *gap)

    def complete(self, exchange: Exchange, now: float) -> Received | Failed | None:
        """All chunks have arrived: the event, or None if all of them are requested again, because their digest is wrong."""
        download, result = exchange.download, exchange.result
        assert download and result
        if download.verify():
            return Received(exchange.id, *result, download.data, now)
        if download.failures < ATTEMPTS:
            self._nak(exchange, 0, 0)
            return None
        error = RemoteProtocolError(
            f"the result has arrived {ATTEMPTS} times with a wrong digest: its CRC-32 is not {download.crc:#x}"
        )
        return Failed(exchange.id, error)

    def _nak(self, exchange: Exchange, offset: int, length: int) -> None:
        self._counters.naks_sent += 1
        self._send(frames.pack(MessageType.NAK, exchange.id, records.Nak(offset=offset, length=length).pack()))
