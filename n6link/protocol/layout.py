"""The layout of the schema for the generators: the members of each struct with their offsets, and the schema id."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import construct as cs

from n6link.protocol import schema
from n6link.protocol.enums import Coded
from n6link.protocol.schema import Coding, Since, Text

_SCALARS: Final = {"B": 1, "H": 2, "L": 4, "Q": 8, "b": 1, "h": 2, "l": 4, "q": 8, "f": 4}
"""bytes by ``struct`` format"""


@dataclass(frozen=True, slots=True)
class Member:
    """One field of a struct."""

    name: str
    format: str
    """``struct`` format of one element, or ``Ns`` for bytes"""
    count: int
    """0 for a scalar, else the length of the array"""
    enum: type[Coded] | None
    text: bool
    """bytes that are UTF-8, zero padded"""
    doc: str
    offset: int
    size: int
    since: int
    """minor that added it"""

    @property
    def reserved(self) -> bool:
        """Whether it is sent as zero and ignored."""
        return self.name.startswith("reserved")


@dataclass(frozen=True, slots=True)
class Layout:
    """A struct in memory and on the line."""

    name: str
    members: tuple[Member, ...]

    @property
    def size(self) -> int:
        """Bytes of all members; there is no padding."""
        return self.members[-1].offset + self.members[-1].size

    @property
    def base_size(self) -> int:
        """Bytes of the fields of minor 0."""
        return sum(m.size for m in self.members if not m.since)


def members(definition: cs.Struct) -> Iterator[Member]:
    """The members of a construct Struct.

    Raises:
        TypeError: a field is not naturally aligned, not little-endian, or of a kind that the schema's rules forbid.
    """
    offset = newest = 0
    for sub in definition.subcons:
        count, kind, inner, since = 0, None, sub, 0
        while isinstance(inner, cs.Renamed):
            inner = inner.subcon
        if isinstance(inner, Since):
            since, inner = inner.minor, inner.subcon
        if since < newest:
            raise TypeError(f"{sub.name} of minor {since} is after a field of minor {newest}; move it to the end")
        newest = since
        if isinstance(inner, cs.Array):
            count, inner = inner.count, inner.subcon
        if isinstance(inner, Coding):
            kind, inner = inner.kind, inner.subcon
        if isinstance(inner, cs.FormatField) and inner.fmtstr[0] == "<" and inner.fmtstr[1] in _SCALARS:
            form, align = inner.fmtstr[1], _SCALARS[inner.fmtstr[1]]
            size = align * max(count, 1)
        elif isinstance(inner, cs.Bytes) and isinstance(inner.length, int):
            form, align, size = f"{inner.length}s", 1, inner.length
        else:
            raise TypeError(f"{sub.name}: {inner!r} is not allowed in a generated struct")
        if offset % align:
            raise TypeError(f"{sub.name} at offset {offset} is not aligned to {align}")
        yield Member(str(sub.name), form, count, kind, isinstance(inner, Text), str(sub.docs), offset, size, since)
        offset += size


def layouts() -> dict[str, Layout]:
    """Every struct of the schema, by name."""
    return {name: Layout(name, tuple(members(definition))) for name, definition in schema.STRUCTS.items()}


def schema_id() -> int:
    """Identifies a major: a hash of the definitions of its minor 0, without the documentation.

    Returns:
        First four bytes (big-endian) of the SHA-256 over names, types, offsets, enum values and message bodies.
    """
    lines = [f"version {schema.VERSION_MAJOR}"]
    for name, kind in schema.ENUMS.items():
        lines += [f"enum {name} {member.name} {member.value}" for member in kind if not member.since]
    for name, layout in layouts().items():
        if layout.base_size:
            lines += [f"struct {name} {m.name} {m.format} {m.count} {m.offset}" for m in layout.members if not m.since]
    for message_type, message in schema.MESSAGES.items():
        for role, body in (("request", message.request), ("reply", message.reply), ("event", message.event)):
            if body and not message.since:
                lines.append(f"message {message_type.name} {role} {body.struct} {body.tail}")
    return int.from_bytes(hashlib.sha256("\n".join(lines).encode()).digest()[:4], "big")
