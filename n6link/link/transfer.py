"""Transfers of one tensor image in chunks: the set of chunks to send, or of missing chunks. Pure bookkeeping.

Both directions have one byte per chunk. In an :class:`Upload` it is 1 if the chunk must be sent, in a :class:`Download` if the chunk
has not arrived. Selective repeat sets some of these bytes again.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from n6link.errors import RemoteProtocolError
from n6link.link.checksum import Digest
from n6link.protocol.records import Commit, EpochTime, Part, Result, ResultRecord

_OPEN: Final = 1
REPEATS: Final = 16
"""an upload that has sent this multiple of its size does not count as progress any more: a line on which fewer than one chunk in
sixteen arrives is not usable"""


class Chunks:
    """The chunks of a transfer that are open.

    Attributes:
        length: bytes of the transfer.
        size: bytes per chunk; the last may be smaller.
        left: number of open chunks.
    """

    __slots__ = ("_flags", "left", "length", "size")

    def __init__(self, length: int, size: int) -> None:
        self.length = length
        self.size = size
        self.left = -(-length // size)
        self._flags = bytearray([_OPEN]) * self.left

    def next(self, start: int = 0) -> int:
        """The first open chunk, beginning with ``start``, or -1."""
        return self._flags.find(_OPEN, start)

    def take(self, budget: int, credit: int) -> range:
        """Closes the first open chunks that follow each other, about ``budget`` and at most ``credit`` bytes; returns their offsets."""
        flags, size = self._flags, self.size
        first = flags.find(_OPEN)
        if first < 0 or budget <= 0 or credit <= 0:
            return range(0)
        last, begin, most = flags.find(0, first), first * size, -(-budget // size)
        count = (len(flags) if last < 0 else last) - first
        count = min(count, most)
        if min(begin + count * size, self.length) - begin > credit:
            count = credit // size
        self.close_all(first, count)
        return range(begin, begin + count * size, size)

    def close(self, index: int) -> bool:
        """Closes a chunk; False if it was already closed."""
        was = self._flags[index]
        self._flags[index] = 0
        self.left -= was
        return was == _OPEN

    def close_all(self, first: int, count: int) -> None:
        """Closes open chunks that follow each other."""
        self._flags[first : first + count] = bytes(count)
        self.left -= count

    def open(self, offset: int = 0, length: int = 0) -> int:
        """Opens the chunks of a byte range (length 0: to the end) again; returns the number of chunks that were closed."""
        first = min(offset // self.size, len(self._flags))
        last = len(self._flags) if not length else min(-(-(offset + length) // self.size), len(self._flags))
        count = last - first - self._flags.count(_OPEN, first, last)
        self._flags[first:last] = bytes([_OPEN]) * (last - first)
        self.left += count
        return count

    def gaps(self, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
        """Runs of open chunks from chunk ``start`` to before chunk ``end``, as byte ranges (offset, length)."""
        flags, end = self._flags, len(self._flags) if end is None else end
        gaps: list[tuple[int, int]] = []
        first = flags.find(_OPEN, start, end)
        while first >= 0:
            last = flags.find(0, first, end)
            last = end if last < 0 else last
            gaps.append((first * self.size, min(last * self.size, self.length) - first * self.size))
            first = flags.find(_OPEN, last, end)
        return gaps


class Upload:
    """An image that is sent to an input slot.

    Attributes:
        parts: packed Part records; empty = an image of all inputs.
        chunks: the chunks to send.
        digest: of the data that were sent.
        begun: time of transmission of the first chunk; None before.
        end: position after the last sent chunk.
        sent: number of sent bytes, including repeats.
        failures: number of times that the device had all chunks and the digest was wrong.
    """

    __slots__ = (
        "_crc",
        "begun",
        "chunks",
        "data",
        "digest",
        "end",
        "failures",
        "network",
        "parts",
        "priority",
        "sent",
        "slot",
    )

    def __init__(
        self, data: memoryview, *, chunk: int, network: int, slot: int, priority: int, parts: bytes = b""
    ) -> None:
        self.data = data
        self.parts = parts
        self.network = network
        self.slot = slot
        self.priority = priority
        self.chunks = Chunks(len(data), chunk)
        self.digest = Digest(chunk)
        self.begun: float | None = None
        self.end = 0
        self.sent = 0
        self.failures = 0
        self._crc: int | None = None

    def again(self, chunk: int) -> None:
        """Opens all of it again, in chunks of another size."""
        self.chunks = Chunks(len(self.data), chunk)
        self.digest = Digest(chunk)
        self.end = 0

    def commit(self, position: int) -> bytes:
        """The body of a COMMIT at a position."""
        commit = Commit(
            position=position,
            length=len(self.data),
            crc=self.crc,
            network=self.network,
            slot=self.slot,
            parts=len(self.parts) // Part.SIZE,
        )
        return commit.pack() + self.parts

    def hopeless(self) -> bool:
        """Whether so much was sent that further chunks are not progress."""
        return self.sent > REPEATS * (len(self.data) or 1)

    @property
    def crc(self) -> int:
        """CRC-32 of all data, computed at first use: when its chunks were sent."""
        if self._crc is None:
            self._crc = self.digest.of(self.data)
        return self._crc


class Download:
    """A result that is received from the device.

    Attributes:
        data: the buffer; complete when no chunk is missing.
        chunks: the missing chunks.
        digest: of the data that have arrived.
        next: the chunk after the highest chunk so far.
        failures: number of times that all chunks had arrived and the digest was wrong.
    """

    __slots__ = ("chunks", "crc", "data", "digest", "failures", "next")

    def __init__(self, length: int, crc: int, chunk: int) -> None:
        # A device may announce more than it sends: memory is used only for what arrives.
        self.data = np.empty(length, np.uint8).data
        self.crc = crc
        self.chunks = Chunks(length, chunk)
        self.digest = Digest(chunk)
        self.next = 0
        self.failures = 0

    def follow(self, count: int, crc: int) -> None:
        """The next chunks were stored; ``crc`` is that of the data to the last whole one, if the digest follows them."""
        digest, size, first = self.digest, self.chunks.size, self.next
        if digest.follow(first * size, size):
            digest.crc, digest.end = crc, min(first + count, self.chunks.length // size) * size
        self.chunks.close_all(first, count)
        self.next = first + count

    def place(self, offset: int, chunk: memoryview) -> tuple[bool, list[tuple[int, int]]]:
        """Stores a chunk.

        Returns:
            Whether it was missing, and the gaps before it that are detected for the first time.

        Raises:
            ValueError: it cannot belong to this transfer.
        """
        index = self._index(offset, len(chunk))
        new = self.chunks.close(index)
        if new:
            self.data[offset : offset + len(chunk)] = chunk
        if index == self.next:
            self.next += 1
            return new, []
        return new, self._gaps(index, index)

    def damaged(self, offset: int, length: int) -> list[tuple[int, int]]:
        """A chunk has arrived with damaged bytes.

        Returns:
            The ranges to request: the chunk, if it is missing, and the gaps before it that are detected for the first time.

        Raises:
            ValueError: it cannot belong to this transfer.
        """
        index = self._index(offset, length)
        if index >= self.next:
            return self._gaps(index, index + 1)
        return [(offset, length)] if self.chunks.next(index) == index else []

    def _index(self, offset: int, length: int) -> int:
        index, rest = divmod(offset, self.chunks.size)
        whole = self.chunks.length
        if rest or offset >= whole or length != min(self.chunks.size, whole - offset):
            raise ValueError(f"a chunk of {length} bytes at offset {offset} is not part of a transfer of {whole} bytes")
        return index

    def _gaps(self, index: int, end: int) -> list[tuple[int, int]]:
        """Missing runs from the next expected chunk to an end; the chunk after ``index`` is expected next."""
        # Each gap is requested once here; if the request or its answer is lost, the time-out requests it again.
        gaps = self.chunks.gaps(self.next, end) if end > self.next else []
        self.next = max(self.next, index + 1)
        return gaps

    def verify(self) -> bool:
        """Whether the complete data have the device's digest; if not, all chunks are missing again."""
        if self.digest.of(self.data) == self.crc:
            return True
        self.failures += 1
        self.digest.clear()
        self.chunks.open()
        self.next = 0
        return False


def announcement(payload: memoryview, most: int) -> tuple[Result, tuple[ResultRecord, ...]]:
    """The ``Result`` and ``ResultRecord`` items of a RESULT.

    Args:
        payload: of the frame.
        most: bytes of a result buffer.

    Raises:
        RemoteProtocolError: the payload is too short, parts of the result are outside of it, or it is larger than a result buffer.
    """
    try:
        header = Result.unpack(payload)
        records = ResultRecord.unpack_all(payload, header.outputs, header.head, header.record)
    except ValueError as error:
        raise RemoteProtocolError(f"the device announces a malformed result: {error}") from error
    end = 0
    for record in records:
        end = max(end, record.offset + record.length)
    if header.blocks:
        if header.timer_record < EpochTime.BASE_SIZE:
            raise RemoteProtocolError(
                f"the device announces records of epoch times with {header.timer_record} bytes; "
                f"they must have {EpochTime.BASE_SIZE} or more"
            )
        end = max(end, header.timers_offset + header.blocks * header.timer_record)
    if header.length > most or end > header.length:
        what = f"{header.length} bytes with a part that ends at {end}, from a buffer of {most} bytes"
        raise RemoteProtocolError(f"the device announces an impossible result: {what}")
    return header, records
