"""Generates the files that depend on the schema: ``python -m n6link.protocol.codegen [--check]``, in a source checkout.

================================  =====================================================================
file                              from
================================  =====================================================================
n6link/protocol/records.py        ``schema.py``: typed records, version, schema id
n6link/protocol/messages.py       the same: the records of each message
n6link/recorder/tables.lua        the same: tables for the dissector of Wireshark
firmware/core/wire/n6_protocol.h  the same: typedefs, enums, static asserts, version, schema id
protocol.md, section 10           the same, as tables
protocol.md, section 11           ``tests/vectors.toml``, group ``inference``: hex dump
firmware/test/n6_vectors.h        ``tests/vectors.toml``: golden frames, written manually, for the C tests
================================  =====================================================================

``--check`` does not write files; it exits with 1 if a file is not up to date. The package itself uses ``records.py``: change the
schema, generate, then change the code that uses it. After a merge conflict in ``records.py``, take either side and generate.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Final

from n6link.json_types import Plain
from n6link.protocol.codegen_lua import tables
from n6link.protocol.codegen_messages import messages
from n6link.protocol.codegen_records import records
from n6link.protocol.enums import MessageType
from n6link.protocol.layout import Layout, Member, layouts, schema_id
from n6link.protocol.schema import ENUMS, MESSAGES, STRUCTS, VERSION_MAJOR, VERSION_MINOR, Body

ROOT: Final = Path(__file__).resolve().parents[2]
_C_TYPES: Final = {
    "B": "uint8_t",
    "H": "uint16_t",
    "L": "uint32_t",
    "Q": "uint64_t",
    "b": "int8_t",
    "h": "int16_t",
    "l": "int32_t",
    "q": "int64_t",
    "f": "float",
}


def snake(name: str) -> str:
    """``HelloReply`` -> ``hello_reply``; ``DType`` -> ``dtype``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def c_name(name: str) -> str:
    """The C type of a struct or enum."""
    return f"n6_{snake(name)}_t"


# ---------------------------------------------------------------------------------------------- C header


def _c_member(m: Member) -> str:
    if m.format.endswith("s"):
        return f"{'char' if m.text else 'uint8_t'} {m.name}[{m.size}];"
    array = f"[{m.count}]" if m.count else ""
    return f"{_C_TYPES[m.format]} {m.name}{array};"


def _c_struct(layout: Layout) -> list[str]:
    kind = c_name(layout.name)
    lines = ["typedef struct {"]
    for m in layout.members:
        prefix = f"{c_name(m.enum.__name__)}: " if m.enum else ""
        lines.append(f"    {_c_member(m)} /* {prefix}{m.doc} */")
    lines += [f"}} {kind};", f'_Static_assert(sizeof({kind}) == {layout.size}, "{kind}");']
    lines += [f"#define N6_{snake(layout.name).upper()}_BASE_SIZE {layout.base_size}u"]
    lines += [f'_Static_assert(offsetof({kind}, {m.name}) == {m.offset}, "{kind}.{m.name}");' for m in layout.members]
    return [*lines, ""]


def header() -> str:
    """The text of ``n6_protocol.h``."""
    lines = [
        "/*",
        " * n6_protocol.h - the messages of the protocol.",
        " *",
        " * GENERATED from n6link/protocol/schema.py by codegen.py: do not edit.",
        " */",
        "#ifndef N6_PROTOCOL_H",
        "#define N6_PROTOCOL_H",
        "",
        "/* clang-format off */",
        "#include <stddef.h>",
        "#include <stdint.h>",
        "",
        f"#define N6_VERSION_MAJOR {VERSION_MAJOR}u",
        f"#define N6_VERSION_MINOR {VERSION_MINOR}u",
        f"#define N6_SCHEMA_ID 0x{schema_id():08x}u",
        "",
    ]
    for name, kind in ENUMS.items():
        lines.append(f"/* {(kind.__doc__ or '').strip().splitlines()[0]} */")
        lines.append("typedef enum {")
        lines += [f"    N6_{snake(name).upper()}_{m.name} = {m.value}, /* {m.doc} */" for m in kind]
        lines += [f"}} {c_name(name)};", ""]
    for layout in layouts().values():
        lines += _c_struct(layout)
    lines += ["/* clang-format on */", "", "#endif", ""]
    return "\n".join(lines)


# ---------------------------------------------------------------------------------------------- protocol.md


def _body(body: Body | None) -> str:
    if body is None:
        return ""
    parts = [f"`{body.struct}`"] if body.struct else []
    if body.tail in STRUCTS:
        parts.append(f"`{body.tail}` ...")
    elif body.tail:
        parts.append(f"{body.tail}")
    return " + ".join(parts) or "empty"


def _type(m: Member) -> str:
    if m.format.endswith("s"):
        return f"bytes[{m.size}]"
    base = _C_TYPES[m.format].removesuffix("_t").replace("float", "float32")
    return f"{base}[{m.count}]" if m.count else base


def reference() -> str:
    """Section 10 of ``protocol.md``: version, messages, enums, structs."""
    lines = [
        f"Version {VERSION_MAJOR}.{VERSION_MINOR}, schema id `0x{schema_id():08x}`.",
        "",
        "### Messages",
        "",
        "| type | name | request (host to device) | reply (device to host) | event | meaning |",
        "|---|---|---|---|---|---|",
    ]
    for kind, message in MESSAGES.items():
        cells = (_body(message.request), _body(message.reply), _body(message.event))
        lines.append(f"| 0x{kind.value:02x} | {kind.name} | {' | '.join(cells)} | {kind.doc} |")
    for name, enum in ENUMS.items():
        lines += [
            "",
            f"### {name}",
            "",
            (enum.__doc__ or "").strip(),
            "",
            "| value | name | meaning |",
            "|---|---|---|",
        ]
        lines += [f"| {m.value} | {m.name} | {m.doc} |" for m in enum]
    for layout in layouts().values():
        lines += [
            "",
            f"### {layout.name} ({layout.size} bytes)",
            "",
            "| offset | field | type | meaning |",
            "|---|---|---|---|",
        ]
        lines += [f"| {m.offset} | {m.name} | {_type(m)} | {m.doc} |" for m in layout.members]
    return "\n".join(lines)


# ---------------------------------------------------------------------------------------------- golden vectors


def vectors() -> list[Plain]:
    """The golden frames of ``tests/vectors.toml``."""
    frames: list[Plain] = tomllib.loads((ROOT / "tests/vectors.toml").read_text())["frame"]
    return frames


def _frame_bytes(frame: Plain) -> bytes:
    return bytes.fromhex(re.sub(r"#.*", "", frame["hex"]))


def vectors_header() -> str:
    """The text of ``n6_vectors.h``."""
    lines = [
        "/* Golden frames. GENERATED from tests/vectors.toml by n6link/protocol/codegen.py: do not edit. */",
        "#ifndef N6_VECTORS_H",
        "#define N6_VECTORS_H",
        "",
        "/* clang-format off */",
        "#include <stddef.h>",
        "#include <stdint.h>",
        "",
        "typedef struct {",
        "    const char *name;",
        "    const char *group;",
        "    uint8_t from_host; /* 1: host to device, 0: device to host */",
        "    uint8_t type;",
        "    uint8_t flags;",
        "    uint32_t id;",
        "    size_t size;",
        "    const uint8_t *bytes;",
        "} n6_vector_t;",
        "",
    ]
    rows: list[str] = []
    for index, frame in enumerate(vectors()):
        raw = _frame_bytes(frame)
        lines.append(f"static const uint8_t n6_vector_{index}[] = {{")
        lines += ["    " + " ".join(f"0x{b:02x}," for b in raw[at : at + 16]) for at in range(0, len(raw), 16)]
        lines.append("};")
        kind = MessageType[frame["type"]].value
        rows.append(
            f'    {{"{frame["name"]}", "{frame["group"]}", {int(frame["from"] == "host")}, 0x{kind:02x}, '
            f"{int(frame.get('reply', False))}, {frame['id']}u, {len(raw)}, n6_vector_{index}}},"
        )
    lines += [
        "",
        "static const n6_vector_t n6_vectors[] = {",
        *rows,
        "};",
        "",
        "/* clang-format on */",
        "",
        "#endif",
        "",
    ]
    return "\n".join(lines)


def example() -> str:
    """Section 11 of ``protocol.md``: the group ``inference`` as a hex dump."""
    lines: list[str] = []
    for frame in vectors():
        if frame["group"] != "inference":
            continue
        arrow = "host -> device" if frame["from"] == "host" else "device -> host"
        lines += [f"**{frame['name']}** ({arrow}, id {frame['id']})", "", "```"]
        lines += [line.strip() for line in frame["hex"].strip().splitlines()]
        lines += ["```", ""]
    return "\n".join(lines).rstrip()


# ---------------------------------------------------------------------------------------------- files


def _between_marks(document: str, mark: str, content: str) -> str:
    pattern = re.compile(rf"(<!-- gen:{mark} -->\n).*?(<!-- end:{mark} -->)", re.DOTALL)
    if not pattern.search(document):
        raise SystemExit(f"protocol.md does not contain the marks for {mark}")
    return pattern.sub(lambda match: f"{match[1]}{content}\n{match[2]}", document)


def generate() -> dict[Path, str]:
    """Every generated file with the text it should have."""
    document = (ROOT / "protocol.md").read_text()
    document = _between_marks(document, "reference", reference())
    document = _between_marks(document, "example", example())
    return {
        ROOT / "n6link/protocol/records.py": records(),
        ROOT / "n6link/protocol/messages.py": messages(),
        ROOT / "n6link/recorder/tables.lua": tables(),
        ROOT / "firmware/core/wire/n6_protocol.h": header(),
        ROOT / "firmware/test/n6_vectors.h": vectors_header(),
        ROOT / "protocol.md": document,
    }


def main(arguments: list[str]) -> int:
    """Writes the stale files, or with ``--check`` only names them. Returns the exit code."""
    check = arguments == ["--check"]
    if arguments and not check:
        sys.stderr.write("usage: python -m n6link.protocol.codegen [--check]\n")
        return 2
    stale = [path for path, text in generate().items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if not check:
            path.write_text(generate()[path])
        sys.stderr.write(
            f"{path.relative_to(ROOT)}: {'stale, run python -m n6link.protocol.codegen' if check else 'written'}\n"
        )
    return int(check and bool(stale))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
