"""Values to the bytes of a message of ROS 2, and back: CDR, the encoding of DDS (version 1, plain).

Four bytes say the byte order. Then follow the fields: a number is aligned to its size, a string is its length with a final zero,
a sequence is its number of elements and the elements. Alignment counts from the end of the four bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final, cast

from n6link.errors import BadInput
from n6link.robotics.types import SIZES, STRING, Field, MessageType, is_message, message_type

LITTLE: Final = b"\x00\x01\x00\x00"
BIG: Final = b"\x00\x00\x00\x00"
_FORMATS: Final = {
    "bool": "?",
    "uint8": "B",
    "int8": "b",
    "uint16": "H",
    "int16": "h",
    "uint32": "I",
    "int32": "i",
    "float32": "f",
    "uint64": "Q",
    "int64": "q",
    "float64": "d",
}

Values = Mapping[str, object]
"""values of the fields of a message: numbers, texts, bytes (``uint8[]``), sequences, and values of inner messages"""


def encode(name: str, values: Values) -> bytes:
    """The bytes of a message.

    Args:
        name: its type.
        values: of its fields; a field that is missing is 0, empty or false.

    Raises:
        BadInput: a value does not fit its field, or a field does not exist.
    """
    out = bytearray()
    _put_message(out, message_type(name), values)
    return LITTLE + bytes(out)


def decode(name: str, data: bytes) -> dict[str, object]:
    """The values of a message.

    Args:
        name: its type.
        data: its bytes, of either byte order.

    Raises:
        BadInput: the bytes are not a message of this type.
    """
    reader = _Reader(name, data)
    values = reader.message(message_type(name))
    reader.end()
    return values


def _put_message(out: bytearray, kind: MessageType, values: Values) -> None:
    known = {field.name for field in kind.fields}
    if extra := values.keys() - known:
        raise BadInput(
            f"{kind.name} does not have a field {min(extra)!r}; it has {', '.join(field.name for field in kind.fields)}"
        )
    for field in kind.fields:
        try:
            _put_field(out, field, values.get(field.name))
        except (struct.error, TypeError, ValueError, OverflowError, AttributeError) as error:
            if isinstance(error, BadInput):
                raise
            raise BadInput(f"{values[field.name]!r} is not a value of {kind.name}.{field.name}: {error}") from error


def _put_field(out: bytearray, field: Field, value: object) -> None:
    if field.count is None:
        _put(out, field.type, value)
        return
    if field.type == "uint8" and not field.count:
        data = b"" if value is None else memoryview(cast("bytes", value)).cast("B")
        _put(out, "uint32", len(data))
        out += data
        return
    items = cast("Sequence[object]", [None] * field.count if value is None else value)
    if not field.count:
        _put(out, "uint32", len(items))
    elif len(items) != field.count:
        raise BadInput(f"field {field.name!r} has {len(items)} values; {field.count} are required")
    if field.type in SIZES and len(items):
        _align(out, SIZES[field.type])
        out += struct.pack(f"<{len(items)}{_FORMATS[field.type]}", *(item or 0 for item in items))
    else:
        for item in items:
            _put(out, field.type, item)


def _put(out: bytearray, kind: str, value: object) -> None:
    if kind == STRING:
        # A zero would end the text for a reader in C, and a lone surrogate is not text.
        text = cast("str", value or "").replace("\0", "").encode("utf-8", "replace")
        _put(out, "uint32", len(text) + 1)
        out += text + b"\0"
    elif is_message(kind):
        _put_message(out, message_type(kind), cast("Values", value or {}))
    else:
        _align(out, SIZES[kind])
        out += struct.pack(f"<{_FORMATS[kind]}", value or 0)


def _align(out: bytearray, size: int) -> None:
    out += bytes(-len(out) % size)


class _Reader:
    """Reads fields one after the other."""

    def __init__(self, name: str, data: bytes) -> None:
        self._name = name
        if data[:4] not in (LITTLE, BIG):
            raise BadInput(
                f"{len(data)} bytes do not start with the head of a CDR message: {data[:4].hex(' ') or 'they are empty'}"
            )
        self._order = "<" if data[:4] == LITTLE else ">"
        self._data = memoryview(data)[4:]
        self._at = 0

    def message(self, kind: MessageType) -> dict[str, object]:
        return {field.name: self._field(field) for field in kind.fields}

    def end(self) -> None:
        # DDS pads messages to a multiple of four bytes.
        if len(self._data) - self._at > 3:
            raise BadInput(f"{len(self._data) - self._at} bytes follow the end of a message of type {self._name}")

    def _field(self, field: Field) -> object:
        if field.count is None:
            return self._one(field.type)
        count = field.count or self._number("uint32")
        if field.type == "uint8":
            return bytes(self._take(count))
        if field.type in SIZES:
            self._align(SIZES[field.type])
            return list(
                struct.unpack(f"{self._order}{count}{_FORMATS[field.type]}", self._take(count * SIZES[field.type]))
            )
        if count > len(self._data) - self._at:  # each element has one byte at least
            raise self._short(count)
        return [self._one(field.type) for _ in range(count)]

    def _one(self, kind: str) -> object:
        if kind == STRING:
            text = bytes(self._take(self._number("uint32")))
            try:
                return text.removesuffix(b"\0").decode()
            except UnicodeDecodeError:
                raise BadInput(f"a message of type {self._name} has a text that is not UTF-8: {text[:20]!r}") from None
        return self.message(message_type(kind)) if is_message(kind) else self._number(kind)

    def _number(self, kind: str) -> int:
        self._align(SIZES[kind])
        (number,) = struct.unpack(self._order + _FORMATS[kind], self._take(SIZES[kind]))
        return cast("int", number)

    def _align(self, size: int) -> None:
        self._at += -self._at % size

    def _take(self, count: int) -> memoryview:
        if self._at + count > len(self._data):
            raise self._short(count)
        begin, self._at = self._at, self._at + count
        return self._data[begin : self._at]

    def _short(self, count: int) -> BadInput:
        return BadInput(
            f"a message of type {self._name} ends too early: {count} elements or bytes at byte {self._at} of {len(self._data)}"
        )
