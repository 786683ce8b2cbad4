"""The frame reader: however a stream is cut into reads, the same frames are found in it, and the same bytes skipped."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from fuzzing.source import Source
from n6link.link import frames
from n6link.protocol import Limit, MessageType

MOST: Final = 400
"""bytes of a stream, after which no piece is added"""
Found = tuple[list[tuple[int, int, int, bytes]], frames.Counters, list[str], bytes]


def one_input(data: bytes) -> None:
    """Makes a stream of frames, bytes between them and silences, and reads it in several ways.

    Raises:
        AssertionError: two ways find something else.
    """
    source = Source(data)
    seed, max_data = source.byte(), source.byte() * 64
    pieces: list[bytes] = []
    while source.left and sum(map(len, pieces)) < MOST:
        pieces.append(_piece(source))
    whole = _read(pieces, [1 << 20], max_data)
    for sizes in ([1], [seed + 1, 3, 300]):
        assert _read(pieces, sizes, max_data) == whole


def _piece(source: Source) -> bytes:
    """A frame, which may be damaged or cut off, or bytes; what follows the last one of a silence."""
    choice, number = source.byte(), source.number(1)
    payload = source.bytes(source.byte()) if choice & 1 else bytes([number]) * (source.byte() * 4)
    if choice & 2:
        piece = payload
    elif choice & 4:
        chunk = memoryview(payload)
        front = frames.header(MessageType.DATA, number, frames.HEADER_SIZE + len(chunk))
        piece = b"".join(frames.pack_data(front, number, source.number(2), number & 3, chunk))
    else:
        piece = frames.pack(source.byte(), number, payload[: Limit.MAX_CONTROL], choice >> 6)
    if choice & 8 and piece:
        at = source.number(2) % len(piece)
        piece = piece[:at] + bytes([piece[at] ^ (source.byte() | 1)]) + piece[at + 1 :]
    if choice & 16:
        piece = piece[: len(piece) - source.byte()]
    return piece


def _read(pieces: list[bytes], sizes: list[int], max_data: int) -> Found:
    """Reads pieces; each empty one is a silence."""
    counters = frames.Counters()
    reader = frames.FrameReader(counters)
    reader.max_data = max_data
    found: list[tuple[int, int, int, bytes]] = []
    turn = 0

    def take(arrived: bytes | None) -> None:
        parsed = reader.search_again() if arrived is None else reader.feed(arrived)
        found.extend((kind, flags, number, bytes(payload)) for kind, flags, number, payload in parsed)

    stream = b""
    for piece in [*pieces, b""]:
        stream += piece
        if piece:
            continue
        while stream:
            size = sizes[turn % len(sizes)]
            turn += 1
            take(stream[:size])
            stream = stream[size:]
        for _ in range(1 + sum(map(len, pieces))):
            if not reader.waiting:
                break
            take(None)
        assert not reader.waiting
    assert counters.rx_bytes == sum(map(len, pieces))
    return found, replace(counters), reader.stray.lines, reader.stray.first
