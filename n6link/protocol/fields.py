"""The optional fields at the end of Hello, HelloReply and InfoReply: tag, length, value, each padded to four bytes."""

from __future__ import annotations

from collections.abc import Sequence

from n6link.protocol.codec import Buffer, printable
from n6link.protocol.enums import FieldTag
from n6link.protocol.records import Field


def pack_fields(fields: Sequence[tuple[FieldTag, str]]) -> bytes:
    """Optional fields, each padded to a multiple of four bytes."""
    out = bytearray()
    for tag, value in fields:
        raw = value.encode()
        out += Field(tag, len(raw)).pack() + raw + bytes(-len(raw) % 4)
    return bytes(out)


def unpack_fields(tail: Buffer) -> dict[FieldTag, str]:
    """The optional fields that are known; unknown tags and a truncated last field are skipped."""
    out: dict[FieldTag, str] = {}
    offset = 0
    while offset + Field.SIZE <= len(tail):
        field = Field.unpack(tail, offset)
        offset += Field.SIZE
        value = bytes(tail[offset : offset + field.length])
        if len(value) == field.length and isinstance(field.tag, FieldTag):
            out[field.tag] = printable(value)
        offset += field.length + (-field.length % 4)
    return out
