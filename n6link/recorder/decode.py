"""Frames as names and values: what ``n6link trace`` shows, and what a replay is made from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, Literal, TypeAlias

from n6link.json_types import Plain
from n6link.protocol import Flag, MessageType, Section
from n6link.protocol.codec import Record, printable
from n6link.protocol.fields import unpack_fields
from n6link.protocol.messages import BITS, BODIES, SECTIONS

Role: TypeAlias = Literal["request", "reply", "event"]
_HEX: Final = frozenset({"nonce", "resume", "boot_nonce", "key", "schema", "digest", "crc"})
"""numbers without an order, which are shown as hexadecimal digits"""


@dataclass(frozen=True, slots=True)
class Message:
    """A frame, decoded.

    Attributes:
        kind: its type; the number if this version does not have it.
        role: of the frame in the dialogue.
        id: of the request or transfer; 0 for events.
        body: the fixed part; None = there is none, or it cannot be read.
        records: those that follow.
        text: a text that follows.
        fields: optional fields that follow.
        data: bytes that follow, such as those of a chunk.
        problem: why the payload cannot be read; empty if it can.
    """

    kind: MessageType | int
    role: Role
    id: int
    body: Any = None
    records: tuple[Any, ...] = ()
    text: str = ""
    fields: dict[str, str] = field(default_factory=dict[str, str])
    data: bytes = b""
    problem: str = ""

    @property
    def name(self) -> str:
        """The name of its type."""
        return self.kind.name if isinstance(self.kind, MessageType) else f"type {self.kind:#04x}"


def decode(kind: int, flags: int, number: int, payload: memoryview, *, outbound: bool) -> Message:
    """A frame of :class:`n6link.link.frames.FrameReader`.

    Args:
        kind: type of the frame.
        flags: of the frame.
        number: id of the frame.
        payload: of the frame; it is copied.
        outbound: from the host to the device.
    """
    named = MessageType.named(kind)
    role: Role = "request" if outbound else "reply" if flags & Flag.REPLY else "event"
    if not isinstance(named, MessageType) or (named, role) not in BODIES:
        return Message(named, role, number, data=bytes(payload), problem="not a message of this version")
    try:
        return _decode(named, role, number, payload)
    except ValueError as error:
        return Message(named, role, number, data=bytes(payload), problem=str(error))


def _decode(kind: MessageType, role: Role, number: int, payload: memoryview) -> Message:
    record, tail = BODIES[kind, role]
    body: Any = record.unpack(payload) if record else None
    rest = bytes(payload[getattr(body, "head", record.SIZE if record else 0) :])
    if isinstance(tail, str):
        if tail == "fields":
            return Message(
                kind, role, number, body, fields={tag.name: text for tag, text in unpack_fields(rest).items()}
            )
        if tail == "text":
            return Message(kind, role, number, body, text=printable(rest))
        if not tail.startswith("records"):
            return Message(kind, role, number, body, data=rest)
        if not isinstance(body.section, Section) or body.section not in SECTIONS:
            page = rest[: body.count]
            return Message(kind, role, number, body, text=printable(page), data=page)
        tail = SECTIONS[body.section]
    count = next(getattr(body, name) for name in ("count", "outputs", "returns", "parts") if hasattr(body, name))
    return Message(kind, role, number, body, tail.unpack_all(payload, count, body.head, body.record))


def values(message: Message) -> Plain:
    """All values of a message by name, for JSON. Enums and flags are names; bytes of tensors are a number of bytes."""
    found = record_values(message.body) if message.body else {}
    if message.records:
        found["records"] = [record_values(record) for record in message.records]
    if message.text:
        found["text"] = message.text
    if message.data:
        found["bytes"] = len(message.data)
    return {**found, **message.fields}


def record_values(record: Record) -> Plain:
    """The fields of a record by name."""
    return {name: _value(record, name, getattr(record, name)) for name in record.__slots__}


def _value(record: Record, name: str, value: Any) -> Any:
    if flags := BITS.get((type(record).__name__, name)):
        return "|".join(_bits(flags, value)) or 0
    if isinstance(value, IntEnum):
        return value.name
    if isinstance(value, bytes):
        return value.rstrip(b"\0").hex()
    if name in _HEX and isinstance(value, int):
        return f"{value:0{16 if value >> 32 or name in ('key', 'nonce', 'resume', 'boot_nonce') else 8}x}"
    return value


def _bits(flags: type[IntEnum], value: int) -> Iterator[str]:
    rest = value
    for flag in flags:
        if value & flag:
            yield flag.name
            rest &= ~flag
    if rest:
        yield f"{rest:#x}"
