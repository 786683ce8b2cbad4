"""The text of ``records.py``: a typed record for each struct of the schema."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from n6link.protocol import schema
from n6link.protocol.layout import Layout, Member, layouts, schema_id

_NUMPY: Final = {
    "B": "u1",
    "H": "<u2",
    "L": "<u4",
    "Q": "<u8",
    "b": "i1",
    "h": "<i2",
    "l": "<i4",
    "q": "<i8",
    "f": "<f4",
}
_COLUMNS: Final = 120
_HEAD: Final = '''"""Typed records of all structs of the protocol. GENERATED from schema.py by codegen.py: do not edit."""

# fmt: off
# ruff: noqa: D102 - Record documents pack and unpack
from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final, Self

import numpy as np

from n6link.protocol.codec import Buffer, Record, padded, text
from n6link.protocol.enums import (
{enums}
)

VERSION_MAJOR: Final = {major}
VERSION_MINOR: Final = {minor}
VERSION: Final = "{major}.{minor}"
"""A different major is refused; the session uses the smaller minor of both sides."""

SCHEMA_ID: Final = 0x{id:08x}
"""Identifies the major: a hash of the definitions of its minor 0."""

{members}
'''


def records() -> str:
    """The text of ``records.py``."""
    structs = layouts().values()
    enums = sorted({m.enum.__name__ for layout in structs for m in layout.members if m.enum})
    lines = _HEAD.format(
        enums="\n".join(f"    {name}," for name in enums),
        major=schema.VERSION_MAJOR,
        minor=schema.VERSION_MINOR,
        id=schema_id(),
        members="\n".join(f"_{name}: Final = {name}.by_value()" for name in enums),
    ).splitlines()
    for layout in structs:
        lines += ["", "", *_record(layout)]
    return "\n".join(lines) + "\n"


def _record(layout: Layout) -> Iterator[str]:
    fields = [m for m in layout.members if not m.reserved]
    yield "@dataclass(frozen=True, slots=True, eq=False, repr=False)"
    yield f"class {layout.name}(Record):"
    yield f'    """{_place(layout.name)}; {layout.size} bytes."""'
    yield ""
    yield f"    SIZE = {layout.size}"
    yield f"    BASE_SIZE = {layout.base_size}"
    yield f'    STRUCT = Struct("<{"".join(map(_format, layout.members))}")'
    yield from _call("    DTYPE = np.dtype([", map(_column, layout.members), "])")
    yield ""
    for m in fields:
        yield f"    {m.name}: {_type(m)} = {_size(layout, m) or _default(m)}"
        yield f'    """{m.doc}"""'
    yield ""
    yield "    def pack(self) -> bytes:"
    yield from _call("        return self.STRUCT.pack(", map(_raw, fields), ")")
    yield ""
    yield "    @classmethod"
    yield "    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:"
    if any(m.enum or m.text or m.count for m in fields):
        names = [name for m in fields for name in _elements(m)]
        yield from _call("        (", names, f"{',' * (len(names) == 1)}) = cls._values(buffer, offset)")
        yield from _call("        return cls(", map(_value, fields), ")")
    else:
        yield "        return cls(*cls._values(buffer, offset))"


def _call(front: str, items: Iterable[str], back: str) -> Iterator[str]:
    """``front item, item back`` in lines of at most 120 columns."""
    parts = list(items)
    whole = f"{front}{', '.join(parts)}{back}"
    if len(whole) <= _COLUMNS:
        yield whole
        return
    indent = " " * (len(front) - len(front.lstrip()))
    yield front
    line = f"{indent}   "
    for part in parts:
        if len(line) + len(part) + 2 > _COLUMNS:
            yield line
            line = f"{indent}   "
        line += f" {part},"
    yield line
    yield f"{indent}{back}"


def _place(name: str) -> str:
    """Where on the wire a struct is."""
    places: list[str] = []
    for kind, message in schema.MESSAGES.items():
        for role, body in (("request", message.request), ("reply", message.reply), ("event", message.event)):
            if body and body.struct == name:
                places.append(f"{kind.name} {role}")
            elif body and body.tail == name:
                places.append(f"{kind.name} {role} (repeated)")
    return ", ".join(places) or "Part of other messages"


def _format(m: Member) -> str:
    return f"{m.size}x" if m.reserved else f"{m.count or ''}{m.format}"


def _column(m: Member) -> str:
    base = f"S{m.size}" if m.format.endswith("s") else _NUMPY[m.format]
    return f'("{m.name}", "{base}", ({m.count},))' if m.count else f'("{m.name}", "{base}")'


def _type(m: Member) -> str:
    if m.format.endswith("s"):
        return "str" if m.text else "bytes"
    one = "float" if m.format == "f" else f"{m.enum.__name__} | int" if m.enum else "int"
    return f"tuple[{one}, ...]" if m.count else one


def _default(m: Member) -> str:
    if m.format.endswith("s"):
        return '""' if m.text else f'b"\\0" * {m.size}'
    if m.enum and 0 in set(m.enum):
        return f"{m.enum.__name__}.{m.enum(0).name}"
    zero = "0.0" if m.format == "f" else "0"
    return f"({', '.join([zero] * m.count)})" if m.count else zero


def _size(layout: Layout, m: Member) -> int:
    """The values of ``head`` and ``record`` if this version is the sender; 0 for other fields."""
    if m.name == "head":
        return layout.size
    if m.name != "record":
        return 0
    bodies = (body for message in schema.MESSAGES.values() for body in (message.request, message.reply))
    return next(
        (layouts()[b.tail].size for b in bodies if b and b.struct == layout.name and b.tail in schema.STRUCTS), 0
    )


def _elements(m: Member) -> list[str]:
    return [f"{m.name}_{index}" for index in range(m.count)] if m.count else [m.name]


def _raw(m: Member) -> str:
    """What ``struct`` packs of a field."""
    if m.format.endswith("s"):
        return f"padded(self.{m.name}, {m.size})"
    return f"{'*' if m.count else ''}self.{m.name}"


def _value(m: Member) -> str:
    """The field, of what ``struct`` has unpacked."""
    if m.count:
        return f"({', '.join(_elements(m))})"
    if m.enum:
        return f"_{m.enum.__name__}({m.name}, {m.name})"
    return f"text({m.name})" if m.text else m.name
