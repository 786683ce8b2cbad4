"""The blocks of a pcapng file that a recording consists of; nothing here knows frames.

::

    section header                        the program that has written it
    interface 0   LINKTYPE_USER0 (147)    each read or write of the line: a packet with its bytes and its direction
    interface 1   LINKTYPE_USER1 (148)    events of the host: a packet with a JSON object, and a sentence as its comment
    packets ...                           times are nanoseconds since 1970

The format is that of draft-ietf-opsawg-pcapng; Wireshark reads it. The reader accepts little-endian files, with any blocks and options between these.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final, TypeAlias

from n6link.errors import RecordingError

LINE: Final = 0
EVENTS: Final = 1
LINK_TYPES: Final = (147, 148)
"""of the two interfaces: DLT_USER0 and DLT_USER1"""
NANOSECONDS: Final = 1_000_000_000

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_BYTE_ORDER: Final = 0x1A2B3C4D
_COMMENT, _NAME, _DESCRIPTION, _FLAGS, _APPLICATION, _RESOLUTION = 1, 2, 3, 2, 4, 9
_INBOUND, _OUTBOUND = 1, 2
_BLOCK: Final = struct.Struct("<II")
_PACKET_HEAD: Final = struct.Struct("<IIIIIII")
_PACKET_TAIL: Final = struct.Struct("<HHIII")
_OPTION: Final = struct.Struct("<HH")
_OPTIONS_BYTES: Final = 12
"""the option with the direction, and the end of the options"""
_ABOUT: Final = b"bytes between host and device", b"what the host knows of the device"
_LARGEST: Final = 1 << 28
"""bytes; a longer block is not one, but a file that is damaged or not pcapng"""

Parts: TypeAlias = tuple[bytes, ...]
"""one block, in pieces that need not be copied"""


def head(application: str) -> bytes:
    """The blocks at the start of a file, written by a program with this name and version."""
    section = struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1) + _options((_APPLICATION, application.encode()))
    blocks = [_block(_SECTION, section)]
    for link_type, name, about in zip(LINK_TYPES, (b"line", b"events"), _ABOUT, strict=True):
        options = _options((_NAME, name), (_DESCRIPTION, about), (_RESOLUTION, b"\x09"))
        blocks.append(_block(_INTERFACE, struct.pack("<HHI", link_type, 0, 0) + options))
    return b"".join(blocks)


def line_packet(time: int, data: bytes, *, outbound: bool) -> Parts:
    """A read or a write.

    Args:
        time: nanoseconds since 1970.
        data: its bytes.
        outbound: from the host to the device.
    """
    size, padding = len(data), -len(data) % 4
    total = _BLOCK.size + 20 + size + padding + _OPTIONS_BYTES + 4
    return (
        _PACKET_HEAD.pack(_PACKET, total, LINE, time >> 32, time & 0xFFFFFFFF, size, size),
        data,
        bytes(padding) + _PACKET_TAIL.pack(_FLAGS, 4, _OUTBOUND if outbound else _INBOUND, 0, total),
    )


def event_packet(time: int, data: bytes, comment: str) -> Parts:
    """An event of the host: JSON, and the same for people."""
    body = struct.pack("<IIIII", EVENTS, time >> 32, time & 0xFFFFFFFF, len(data), len(data))
    return (_block(_PACKET, body + _padded(data) + _options((_COMMENT, comment.encode()[:0xFFFF]))),)


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet of a file."""

    interface: int
    time: int
    """nanoseconds since 1970"""
    data: bytes
    outbound: bool = False
    """from the host to the device"""


@dataclass(slots=True)
class Ending:
    """How a file ends, once all of it was read.

    Attributes:
        cut: bytes of a last block that is not complete; 0 = the file is whole.
    """

    cut: int = 0


def read(file: IO[bytes], name: str, ending: Ending) -> Iterator[Packet]:
    """The packets of the two interfaces.

    Args:
        file: is read as far as it goes; a last block that is not complete is left out.
        name: of the file, for messages.
        ending: gets how the file ends.

    Raises:
        RecordingError: it is empty, not pcapng, or damaged.
    """
    start = file.read(_BLOCK.size + 4)
    if not start:
        raise RecordingError(f"{name} is empty; choose another recording")
    kind, _, order = struct.unpack("<III", start.ljust(12, b"\0"))
    if kind != _SECTION or (order != _BYTE_ORDER and len(start) == 12):
        what = "was written on a machine with another byte order" if kind == _SECTION else "is not a pcapng file"
        raise RecordingError(f"{name} {what}; choose a file that n6link has recorded")
    file.seek(0)
    interfaces: list[tuple[int, int]] = []
    at = 0
    while front := file.read(_BLOCK.size):
        kind, total = _BLOCK.unpack(front.ljust(_BLOCK.size, b"\0"))
        if len(front) == _BLOCK.size and (total < 12 or total % 4 or total > _LARGEST):
            raise RecordingError(f"{name} is damaged at byte {at}: a block of {total} bytes; use the packets before it")
        body = file.read(total - _BLOCK.size) if len(front) == _BLOCK.size else b""
        if len(body) < total - _BLOCK.size or len(front) < _BLOCK.size:
            ending.cut = len(front) + len(body)
            return
        at += total
        if kind == _SECTION:
            interfaces.clear()
        elif kind == _INTERFACE:
            interfaces.append(_interface(body))
        elif kind == _PACKET:
            yield from _packet(body, interfaces)


def _interface(body: bytes) -> tuple[int, int]:
    """Link type, and units of time per second."""
    resolution = _option(body, 8, _RESOLUTION) or b"\x06"
    exponent = resolution[0]
    return int.from_bytes(body[:2], "little"), 2 ** (exponent & 127) if exponent & 128 else 10**exponent


def _packet(body: bytes, interfaces: list[tuple[int, int]]) -> Iterator[Packet]:
    number, high, low, size, _ = struct.unpack_from("<IIIII", body)
    if number >= len(interfaces) or interfaces[number][0] not in LINK_TYPES or 20 + size > len(body):
        return
    link_type, units = interfaces[number]
    flags = _option(body, 20 + size + -size % 4, _FLAGS) or b"\0"
    time = ((high << 32) | low) * NANOSECONDS // units
    yield Packet(LINK_TYPES.index(link_type), time, body[20 : 20 + size], outbound=flags[0] & 3 == _OUTBOUND)


def _option(body: bytes, at: int, wanted: int) -> bytes:
    while at + _OPTION.size <= len(body) - 4:
        code, size = _OPTION.unpack_from(body, at)
        if code == wanted:
            return body[at + _OPTION.size : at + _OPTION.size + size]
        if not code:
            break
        at += _OPTION.size + size + -size % 4
    return b""


def _options(*options: tuple[int, bytes]) -> bytes:
    parts = [_OPTION.pack(code, len(value)) + _padded(value) for code, value in options]
    return b"".join(parts) + bytes(4)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _block(kind: int, body: bytes) -> bytes:
    total = _BLOCK.size + len(body) + 4
    return _BLOCK.pack(kind, total) + body + total.to_bytes(4, "little")
