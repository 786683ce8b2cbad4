"""Writes the C source of a registry, with the declarations of ``firmware/npu/ll_aton.h``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from n6link.registry.network import Network

_HEAD: Final = """\
/* The networks of this firmware. Written by `n6link firmware registry`: do not edit. */
/* clang-format off */
#include "ll_aton.h"
"""

_TAIL: Final = """\
const n6_aton_network_t n6_aton_registry[{size}] = {{
{entries}}};
n6_network_t n6_aton_description[{size}];
const uint16_t n6_aton_networks = {count};
"""


def write_c(networks: Sequence[Network]) -> str:
    """The registry of a firmware as C11."""
    parts = [_HEAD, *(_tables(index, network) for index, network in enumerate(networks))]
    entries = "".join(_entry(index, network) for index, network in enumerate(networks)) or "    {0},\n"
    return "\n".join([*parts, _TAIL.format(entries=entries, size=max(len(networks), 1), count=len(networks))])


def quoted(text: str) -> str:
    """A C string literal, with one line of source per line of text."""
    lines = text.splitlines(keepends=True) or [""]
    return "\n    ".join('"' + "".join(_escaped(byte) for byte in line.encode()) + '"' for line in lines)


def _escaped(byte: int) -> str:
    if byte in b'"\\?':
        return "\\" + chr(byte)
    if byte == 0x0A:
        return "\\n"
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}"


def _array(declaration: str, rows: Iterable[str]) -> str:
    body = "".join(f"    {{{row}}},\n" for row in rows)
    return f"static {declaration}[] = {{\n{body}}};\n" if body else ""


def _tables(index: int, network: Network) -> str:
    source = network.source
    pools = (
        f"{quoted(pool.name)}, {pool.base:#x}u, {pool.total}u, {pool.used}u, {pool.weights}u, {pool.activations}u"
        for pool in network.pools
    )
    blocks = (
        f"{block.estimated_npu}u, {block.estimated_total}u, {block.first}u, {block.last}u, "
        f"N6_EPOCH_KIND_{block.kind.name}, {quoted(block.operation) if block.operation else 'NULL'}"
        for block in network.blocks
    )
    zero_points = _zero_points(network)
    return "".join(
        [
            f"/* {network.name}: {source.path.name} */\n",
            f"LL_ATON_DECLARE_NAMED_NN_INSTANCE_AND_INTERFACE({source.symbol})\n",
            _array(f"const n6_pool_t pool_{index}", pools),
            _array(f"const n6_block_t block_{index}", blocks),
            *(
                f"static const uint8_t content_{index}_{i}[] = {{\n{_bytes(part.content)}}};\n"
                for i, part in enumerate(network.parts)
                if not part.in_flash
            ),
            _array(f"const n6_aton_part_t part_{index}", _parts(index, network)),
            f"static const _Alignas(64) uint8_t check_{index}[] = {{\n{_bytes(network.stored)}}};\n"
            if network.stored
            else "",
            f"static n6_tensor_t input_{index}[{len(source.inputs)}];\n",
            f"static n6_tensor_t output_{index}[{len(source.outputs)}];\n",
            f"static int32_t zero_point_{index}[{zero_points}];\n" if zero_points else "",
            f"static const char card_{index}[] =\n    {quoted(network.card)};\n" if network.card else "",
        ]
    )


def _parts(index: int, network: Network) -> Iterable[str]:
    for i, part in enumerate(network.parts):
        content = "NULL" if part.in_flash else f"content_{index}_{i}"
        yield f"{part.address:#x}u, {len(part.content)}u, {part.crc:#x}u, {content}"


def _bytes(content: bytes) -> str:
    rows = (content[at : at + 32] for at in range(0, len(content), 32))
    return "".join("    " + ",".join(map(str, row)) + ",\n" for row in rows)


def _entry(index: int, network: Network) -> str:
    source = network.source
    fields = {
        "instance": f"&NN_Instance_{source.symbol}",
        "name": quoted(network.name),
        "card": f"card_{index}" if network.card else "NULL",
        "card_bytes": str(len(network.card.encode())),
        "epochs": str(network.epochs),
        "digest": f"{network.digest:#x}u",
        "pool": f"pool_{index}" if network.pools else "NULL",
        "blocks": str(len(network.blocks)),
        "zero_points": str(_zero_points(network)),
        "part": f"part_{index}" if network.parts else "NULL",
        "parts": str(len(network.parts)),
        "pools": str(len(network.pools)),
        "inputs": str(len(source.inputs)),
        "outputs": str(len(source.outputs)),
        "input": f"input_{index}",
        "output": f"output_{index}",
        "block": f"block_{index}",
        "zero_point": f"zero_point_{index}" if _zero_points(network) else "NULL",
    }
    if network.stored:
        fields |= {"check_input": f"check_{index}", "check_bytes": str(len(network.stored))}
    if network.stored and network.expected is not None:
        fields |= {"check_known": "1", "check_digest": f"{network.expected:#x}u"}
    return "    {\n" + "".join(f"        .{name} = {value},\n" for name, value in fields.items()) + "    },\n"


def _zero_points(network: Network) -> int:
    return sum(tensor.zero_points for tensor in (*network.source.inputs, *network.source.outputs))
