"""The text of ``messages.py``: which records each message consists of, for programs that decode any frame."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from n6link.protocol import enums, schema
from n6link.protocol.layout import layouts
from n6link.protocol.schema import ENUMS, MESSAGES, STRUCTS, Body

ROLES: Final = ("request", "reply", "event")
_BITS: Final = re.compile(r"(\w+) bits\b")
_HEAD: Final = '''"""The records of each message. GENERATED from schema.py by codegen.py: do not edit."""

# fmt: off
from __future__ import annotations

from typing import Final

from n6link.protocol import enums, records
from n6link.protocol.codec import Record
from n6link.protocol.enums import Coded, MessageType, Section

BODIES: Final[dict[tuple[MessageType, str], tuple[type[Record] | None, type[Record] | str]]] = {
'''


def bits() -> dict[tuple[str, str], str]:
    """The fields that consist of flags: (struct, field) -> enum."""
    found: dict[tuple[str, str], str] = {}
    for name, layout in layouts().items():
        for m in layout.members:
            kind = _BITS.match(m.doc)
            if kind and kind[1] in ENUMS:
                found[name, m.name] = kind[1]
    return found


def sections() -> dict[enums.Section, str]:
    """The record of each section of a network's description; those of text are not there."""
    kinds = ((member, member.doc.split()[0].rstrip(":")) for member in enums.Section)
    return {member: kind for member, kind in kinds if kind in STRUCTS}


def bodies() -> Iterator[tuple[enums.MessageType, str, Body]]:
    """Every payload: message, role, body."""
    for kind, message in MESSAGES.items():
        for role, body in zip(ROLES, (message.request, message.reply, message.event), strict=True):
            if body:
                yield kind, role, body


def messages() -> str:
    """The text of ``messages.py``."""
    lines = list[str](_HEAD.splitlines())
    for kind, role, body in bodies():
        tail = f"records.{body.tail}" if body.tail in schema.STRUCTS else f'"{body.tail or ""}"'
        struct = f"records.{body.struct}" if body.struct else "None"
        lines.append(f'    (MessageType.{kind.name}, "{role}"): ({struct}, {tail}),')
    lines += [
        "}",
        '"""by message and role (request, reply, event): the fixed record, and what follows it: records, or a kind of bytes"""',
        "",
        "SECTIONS: Final[dict[Section, type[Record]]] = {",
        *(f"    Section.{member.name}: records.{kind}," for member, kind in sections().items()),
        "}",
        '"""the records of the sections of a network\'s description; the others are texts"""',
        "",
        "BITS: Final[dict[tuple[str, str], type[Coded]]] = {",
        *(f'    ("{struct}", "{field}"): enums.{kind},' for (struct, field), kind in bits().items()),
        "}",
        '"""the fields that consist of flags, by record and field"""',
    ]
    return "\n".join(lines) + "\n"
