"""Frames: bytes to frames and back, and the text between them. No IO, no clock, no state of a session.

:class:`FrameReader` is the receiver of section 1 of ``protocol.md``. Received bytes are parsed in place. Only an incomplete frame is
stored, and it is parsed again when it is complete: the time is linear in the number of bytes, for large reads and for single bytes.
Payloads are views of the received bytes, valid until the next frame.

========  ====================================================  ==========================================  =======
state     input                                                 action                                      next
========  ====================================================  ==========================================  =======
HUNT      magic, good CRC-16, permitted length                                                              PAYLOAD
HUNT      other bytes                                           skip a byte; it is stray                    HUNT
PAYLOAD   payload and CRC-32 complete, CRC-32 good              deliver                                     HUNT
PAYLOAD   complete, CRC-32 bad                                  deliver DATA as damaged; skip the magic     HUNT
PAYLOAD   :meth:`FrameReader.search_again`                      skip the magic                              HUNT
========  ====================================================  ==========================================  =======

The state is not stored: it follows from the first bytes of the buffer.
"""

from __future__ import annotations

import struct
from binascii import crc_hqx
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias
from zlib import crc32

from n6link.link.checksum import Digest
from n6link.link.numbers import MASK
from n6link.protocol import Limit, MessageType
from n6link.protocol.codec import Buffer
from n6link.protocol.records import DataHeader, FrameHeader

Frame: TypeAlias = tuple[int, int, int, memoryview]
"""type, flags, id, payload"""
Mark: TypeAlias = tuple[int, int, int, int, int, int, int]
"""see :meth:`Counters.mark`"""
DATA: Final = int(MessageType.DATA)
DAMAGED: Final = -1
"""instead of the flags of a DATA frame with a wrong CRC-32: its headers contain the range to request again"""

_MAGIC_NUMBER: Final = int(Limit.MAGIC)
MAGIC: Final = _MAGIC_NUMBER.to_bytes(2, "little")
HEADER_SIZE: Final = int(Limit.HEADER_SIZE)
CRC_SIZE: Final = int(Limit.CRC_SIZE)
OVERHEAD: Final = 2 * HEADER_SIZE + CRC_SIZE
"""bytes of a DATA frame in addition to its chunk"""

_MAX_CONTROL: Final = int(Limit.MAX_CONTROL)
_CRC16_START: Final = 0xFFFF
_NO_PAYLOAD: Final = memoryview(b"")
NOTHING: Final[tuple[Frame, ...]] = ()
"""see :meth:`FrameReader.feed`"""


_HEADER: Final = FrameHeader.STRUCT
_HEADER_BODY: Final = struct.Struct(_HEADER.format.removesuffix("H"))
"""the part before its CRC-16, which is the last field"""
_DATA_HEADER: Final = DataHeader.STRUCT
_DATA_HEADER_BODY: Final = struct.Struct(_DATA_HEADER.format.removesuffix("H"))
_CRC32: Final = struct.Struct("<L")


def header(kind: int, number: int, length: int, flags: int = 0) -> bytes:
    """A frame header with its CRC."""
    body = _HEADER_BODY.pack(_MAGIC_NUMBER, kind, flags, number, length)
    return body + crc_hqx(body, _CRC16_START).to_bytes(2, "little")


def pack(kind: int, number: int, payload: Buffer = b"", flags: int = 0) -> bytes:
    """A whole frame: ``number`` is its id."""
    front = header(kind, number, len(payload), flags)
    return b"".join((front, payload, crc32(payload).to_bytes(CRC_SIZE, "little"))) if payload else front


def pack_data(
    front: bytes, position: int, offset: int, slot: int, chunk: memoryview
) -> tuple[bytes, memoryview, bytes]:
    """A DATA frame in three parts; the second is the chunk itself, which is not copied.

    Args:
        front: the frame header, ``header(DATA, id, HEADER_SIZE + len(chunk))``; the same for all whole chunks of a transfer.
        position: as in DataHeader.
        offset: as in DataHeader.
        slot: as in DataHeader.
        chunk: tensor bytes.
    """
    body = _DATA_HEADER_BODY.pack(position, offset, slot)
    body += crc_hqx(body, _CRC16_START).to_bytes(2, "little")
    return front + body, chunk, _CRC32.pack(crc32(chunk, crc32(body)))


def pack_chunks(
    out: list[Buffer], number: int, position: int, slot: int, data: memoryview, offsets: range, digest: Digest
) -> None:
    """Appends the DATA frames of chunks that follow each other, each in three parts as of :func:`pack_data`.

    Args:
        out: for the parts.
        number: id of the transfer.
        position: of the first chunk.
        slot: as in DataHeader.
        data: of the whole transfer.
        offsets: of the chunks; the step is the chunk size.
        digest: of the transfer; the chunks are added.
    """
    # The loop runs for each chunk of an upload: it has no calls of functions of this package but one.
    size, ahead = offsets.step, position - offsets.start
    whole = offsets if offsets.stop <= len(data) else offsets[:-1]
    front, pack_head, pack_crc = header(DATA, number, HEADER_SIZE + size), _DATA_HEADER_BODY.pack, _CRC32.pack
    append, total = digest.follow(offsets.start, size), digest.crc
    for offset in whole:
        body = pack_head((offset + ahead) & MASK, offset, slot)
        body += crc_hqx(body, _CRC16_START).to_bytes(2, "little")
        chunk, head = data[offset : offset + size], crc32(body)
        crc = crc32(chunk, head)
        out += (front + body, chunk, pack_crc(crc))
        if append:
            total = append(total ^ head) ^ crc
    if append:
        digest.crc, digest.end = total, whole.stop
    if len(whole) < len(offsets):  # the last chunk of a transfer is smaller
        offset = offsets[-1]
        front = header(DATA, number, HEADER_SIZE + len(data) - offset)
        out += pack_data(front, (offset + ahead) & MASK, offset, slot, data[offset:])


def unpack_data(payload: memoryview) -> tuple[int, int, int, memoryview]:
    """Position, offset, slot and chunk of a DATA payload.

    Raises:
        ValueError: it is too short, or its header's CRC is wrong.
    """
    if len(payload) < HEADER_SIZE:
        raise ValueError(f"a DATA payload of {len(payload)} bytes is shorter than its header")
    position, offset, slot, crc = _DATA_HEADER.unpack_from(payload)
    if crc != crc_hqx(payload[: HEADER_SIZE - 2], _CRC16_START):
        raise ValueError("the header of a DATA payload has a wrong CRC")
    return position, offset, slot, payload[HEADER_SIZE:]


@dataclass(slots=True)
class Counters:
    """The counters of this side of the link since it was opened; names as in StatsReply."""

    rx_bytes: int = 0
    tx_bytes: int = 0
    rx_frames: int = 0
    tx_frames: int = 0
    header_errors: int = 0
    payload_errors: int = 0
    skipped: int = 0
    resyncs: int = 0
    naks_sent: int = 0
    naks_received: int = 0
    retransmits: int = 0
    """chunks sent again"""
    duplicates: int = 0
    """chunks received again"""
    repeats: int = 0
    """requests sent again"""
    malformed: int = 0
    """good frames with an invalid payload"""
    rx_chunks: int = 0
    """chunks of results that arrived undamaged"""
    rx_damaged: int = 0
    """chunks of results that arrived damaged"""
    tx_chunks: int = 0
    """chunks of inputs that left, those that were sent again included"""
    uploaded: int = 0
    """bytes of inputs that the device has whole"""
    downloaded: int = 0
    """bytes of results that are here whole"""

    def mark(self) -> Mark:
        """The values that :mod:`n6link.link.diagnosis` compares: bytes received, skipped, frames, chunks up, repeated, down, damaged."""
        return (
            self.rx_bytes,
            self.skipped,
            self.rx_frames,
            self.tx_chunks,
            self.retransmits,
            self.rx_chunks,
            self.rx_damaged,
        )


class FrameReader:
    """Finds frames in received bytes.

    Attributes:
        max_data: longest permitted payload of a DATA frame.
        stray: the bytes outside of frames, as text.
        crc: CRC-32 of the payload of the last frame.

    Args:
        counters: of the link.
        chunks: may take DATA frames that follow each other: called with the id of the first one, the received bytes and its offset, returns the
            number of bytes that it has taken.
    """

    def __init__(self, counters: Counters, chunks: Callable[[int, bytes | bytearray, int], int] | None = None) -> None:
        self.max_data = HEADER_SIZE + int(Limit.MAX_CHUNK)
        self.stray = StrayText()
        self.crc = 0
        self._counters = counters
        self._chunks = chunks
        self._kept = bytearray()
        self._need: int = 0
        self._hunting = False

    @property
    def waiting(self) -> bool:
        """Whether a frame has started to arrive and is not complete."""
        return bool(self._kept)

    @property
    def missing(self) -> int:
        """Minimum number of bytes until the frame is complete that has started to arrive; 0 = none has started."""
        return self._need - len(self._kept) if self._kept else 0

    def feed(self, data: Buffer) -> Iterable[Frame]:
        """The frames that these bytes complete; :data:`NOTHING` if they only continue one. The caller must read all of them before the next call."""
        self._counters.rx_bytes += len(data)
        if self._kept:
            self._kept += data
            if len(self._kept) < self._need:
                return NOTHING
            data, self._kept = self._kept, bytearray()
        return self._parse(data, 0)

    def clear(self) -> None:
        """Removes an incomplete frame: the following bytes are from another stream."""
        self._kept.clear()

    def search_again(self) -> Iterator[Frame]:
        """Aborts the incomplete frame, and searches its bytes for other frames."""
        data, self._kept = self._kept, bytearray()
        return self._parse(data, len(MAGIC))

    def _parse(self, data: Buffer, at: int) -> Iterator[Frame]:
        counters = self._counters
        if isinstance(data, memoryview):
            data = bytes(data)
        view, size = memoryview(data), len(data)
        if at:
            at = min(at, size)
            self._skip(b"" if at == len(MAGIC) else view[:at], at)  # half of a magic may be text
        while at < size:
            body = at + HEADER_SIZE
            if not data.startswith(MAGIC, at):
                start = data.find(MAGIC, at)
                if start < 0:
                    start = size - 1 if data.endswith(MAGIC[:1]) else size
                if start > at:
                    self._skip(view[at:start], start - at)
                    at = start
                    continue
            if size < body:
                self._need = HEADER_SIZE if size - at >= len(MAGIC) else len(MAGIC)
                break
            _, kind, flags, number, length, crc = _HEADER.unpack_from(data, at)
            # A header with a wrong length is skipped by one byte only: its bytes may contain the start of a good frame.
            if crc != crc_hqx(data[at : body - 2], _CRC16_START) or length > (
                _MAX_CONTROL if kind != DATA else self.max_data
            ):
                counters.header_errors += 1
                self._skip(b"", 1)
                at += 1
                continue
            if kind == DATA and self._chunks and not self._hunting and (taken := self._chunks(number, data, at)):
                at += taken
                continue
            end, payload = body + length, _NO_PAYLOAD
            if length:
                if size < end + CRC_SIZE:
                    self._need = end + CRC_SIZE - at
                    break
                payload = view[body:end]
                self.crc = check = crc32(payload)
                if _CRC32.unpack_from(data, end)[0] != check:
                    counters.payload_errors += 1
                    if kind == DATA:
                        yield kind, DAMAGED, number, payload
                    self._skip(b"", len(MAGIC))
                    at += len(MAGIC)
                    continue
                end += CRC_SIZE
            at = end
            counters.rx_frames += 1
            if self._hunting:
                self._hunting = False
                self.stray.end_line()
            yield kind, flags, number, payload
        if at < size:
            self._kept = bytearray(view[at:])

    def _skip(self, stray: Buffer, count: int) -> None:
        """Counts bytes outside of frames; ``stray`` are those that may be text."""
        if not self._hunting:
            self._hunting = True
            self._counters.resyncs += 1
        self._counters.skipped += count
        if stray:
            self.stray.feed(bytes(stray))


class StrayText:
    """Collects stray bytes as lines; lines that are not text, such as the rest of a damaged chunk, are dropped.

    Attributes:
        lines: the lines; the owner clears the list.
        first: the first stray bytes, text or not, to show the data of a peer with another protocol.
    """

    MAX_LINE: Final = 512
    KEPT: Final = 80

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.first = b""
        self._line = bytearray()

    def feed(self, stray: bytes) -> None:
        """Adds bytes outside of frames."""
        if len(self.first) < self.KEPT:
            self.first = (self.first + stray)[: self.KEPT]
        while stray:
            room = self.MAX_LINE + 1 - len(self._line)
            part, stray = stray[:room], stray[room:]
            self._line += part
            if b"\n" in part:
                *lines, rest = self._line.split(b"\n")
                for line in lines:
                    self._add(line)
                self._line = bytearray(rest)
            elif len(self._line) > self.MAX_LINE:
                self.end_line()

    def end_line(self) -> None:
        """Ends the present line."""
        if self._line:
            self._add(self._line)
            self._line.clear()

    def _add(self, line: bytearray) -> None:
        """Adds a line that is text with at least three characters, after noise at its ends was removed."""
        # Random bytes rarely have three printable characters in a row, with less noise than text.
        stripped = line.strip(_NOISE)
        text = stripped.decode("utf-8", "replace").replace("\t", " ")
        if len(text) > 2 and len(stripped) * 2 > len(line) and text.isprintable() and "\ufffd" not in text:
            self.lines.append(text)


_NOISE: Final = bytes(range(33)) + bytes(range(127, 256))
"""Characters that are removed at the ends of a stray line."""
