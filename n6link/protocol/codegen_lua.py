"""The text of ``recorder/tables.lua``: the messages as tables, for the dissector of Wireshark in ``recorder/dissector.lua``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from n6link.protocol.codegen_messages import ROLES, bits, bodies, sections
from n6link.protocol.enums import Limit
from n6link.protocol.layout import Layout, Member, layouts, schema_id
from n6link.protocol.schema import ENUMS, STRUCTS, VERSION_MAJOR, VERSION_MINOR

_TYPES: Final = {
    "B": "uint8",
    "H": "uint16",
    "L": "uint32",
    "Q": "uint64",
    "b": "int8",
    "h": "int16",
    "l": "int32",
    "q": "int64",
    "f": "float",
}
_HEAD: Final = """-- n6link for Wireshark and tshark, protocol {version} ({id:08x}). Printed by `n6link trace --dissector`.
-- The tables are GENERATED from n6link/protocol/schema.py by codegen.py: do not edit.
--
--   n6link trace --dissector > n6link.lua
--   wireshark -X lua_script:n6link.lua run.pcapng

local LIMIT = {{{limits}}}
"""


def tables() -> str:
    """The text of ``tables.lua``."""
    limits = ", ".join(f"{m.name} = {m.value}" for m in Limit if m.name.startswith(("MAX_C", "HEADER", "CRC")))
    version = f"{VERSION_MAJOR}.{VERSION_MINOR}"
    lines = list[str](_HEAD.format(version=version, id=schema_id(), limits=limits).splitlines())
    lines += ["", "local ENUMS = {"]
    for name, kind in ENUMS.items():
        lines.append(f"  {name} = {{{', '.join(f'[{m.value}] = {_quoted(m.name)}' for m in kind)}}},")
    lines += [
        "}",
        "",
        "-- name, offset, bytes, type, elements (0 = one), enum, flags, description",
        "local STRUCTS = {",
    ]
    flags = bits()
    for layout in layouts().values():
        lines += [f"  {layout.name} = {{ size = {layout.size},", *_members(layout, flags), "  },"]
    lines += [
        "}",
        "",
        "-- by type and role: struct, and what follows: a struct, or a kind of bytes",
        "local BODIES = {",
    ]
    found: dict[int, dict[str, str]] = {}
    for message, role, body in bodies():
        struct, tail = body.struct, body.tail if body.tail in STRUCTS else (body.tail or "").partition(" of ")[0]
        found.setdefault(message.value, {})[role] = f"{{{_quoted(struct or '')}, {_quoted(tail or '')}}}"
    for value, roles in found.items():
        lines.append(f"  [{value}] = {{{', '.join(f'{role} = {roles[role]}' for role in ROLES if role in roles)}}},")
    sorted_sections = ", ".join(f"[{member.value}] = {_quoted(kind)}" for member, kind in sections().items())
    return "\n".join([*lines, "}", "", f"local SECTIONS = {{{sorted_sections}}}", ""]) + "\n"


def _members(layout: Layout, flags: Mapping[tuple[str, str], str]) -> Iterator[str]:
    for m in layout.members:
        if not m.reserved:
            kind = flags.get((layout.name, m.name))
            parts = [_quoted(m.name), m.offset, m.size, _quoted(_type(m)), m.count]
            names = [_quoted(m.enum.__name__) if m.enum else "nil", _quoted(kind) if kind else "nil"]
            yield f"    {{{', '.join(map(str, [*parts, *names, _quoted(m.doc)]))}}},"


def _type(m: Member) -> str:
    if m.format.endswith("s"):
        return "string" if m.text else "bytes"
    return _TYPES[m.format]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
