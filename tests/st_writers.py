"""Writes made-up networks in the forms in which versions of ST Edge AI Core report them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from n6link.protocol import EpochKind

HW, EXTRA, SW, HYBRID, EC = EpochKind.HW, EpochKind.EXTRA, EpochKind.SW, EpochKind.HYBRID, EpochKind.EC

TOOLS: Final = {
    "2.0": ("2.0.0-20049", "1.0.0-16"),
    "2.1": ("2.1.0-20194 329b0e98d", "1.1.0-31"),
    "2.2": ("2.2.0-20266 2adc00962", "1.1.1-14"),
    "3.0": ("3.0.0-20426 123672867", "1.1.3-8"),
    "4.0": ("4.0.1-20581 7ed50de05", "1.1.3-275"),
}
"""Versions of the tool and of its compiler."""
POOLS: Final = (
    ("npuRAM4", 0x34270000, 458752, 185280, False),
    ("npuRAM5", 0x342E0000, 458752, 0, False),
    ("octoFlash", 0x71000000, 117440512, 3300769, True),
)
"""name, address, size, used, whether it holds weights"""
MACC: Final = 763_030_879


@dataclass(frozen=True)
class Block:
    """Epochs that run as one: several of a blob, or one of another kind."""

    kind: EpochKind
    operation: str = ""
    epochs: int = 1
    """those that work; a blob may have none"""
    removed: int = 0
    """numbers of epochs that were removed after those that work (4.0 alone)"""
    inside: int = 0
    """numbers of epochs that were removed between those that work (4.0 alone)"""

    def numbers(self, first: int, *, gaps: bool) -> list[int]:
        """The numbers of the epochs that work."""
        numbers = list(range(first, first + self.epochs))
        return [*numbers[:-1], *(number + self.inside for number in numbers[-1:])] if gaps else numbers


Network = Sequence[Block]


def numbered(network: Network, *, gaps: bool) -> Iterable[tuple[Block, int]]:
    """The blocks with their first numbers."""
    number = 1
    for block in network:
        yield block, number
        number += block.epochs + (max(block.removed + block.inside, 0 if block.epochs else 1) if gaps else 0)


def total(network: Network, *kinds: EpochKind) -> int:
    """Epochs of these kinds."""
    return sum(block.epochs for block in network if block.kind in kinds)


def rule(char: str = "-") -> str:
    """A line across."""
    return char * 84


def size(count: int) -> str:
    """A size as the tool prints it."""
    for unit, bytes_ in (("MB", 1024**2), ("kB", 1024)):
        if count >= bytes_:
            return f"{count / bytes_:.3f} {unit}"
    return f"{count}  B"


def pools() -> list[str]:
    """The parts on memory."""
    rows, ranges = [], []
    for name, base, whole, used, weights in POOLS:
        where = f"\t{name:10} [{base:#010x} - {base + whole:#010x}]:"
        parts = (used, 0) if weights else (0, used)
        shares = [f"{size(part):>12} ({100 * part / whole:6.2f} % used)" for part in parts]
        rows.append(
            f"{where} {size(used):>12} / {size(whole):>12}  ({100 * used / whole:6.2f} % used) -- weights: {shares[0]}  activations: {shares[1]}"
        )
        if used:
            ranges.append(f"{where} {base:#010x}-{base + (used + 15) // 16 * 16:#010x}")
    held, active = (sum(used for *_, used, ro in POOLS if ro is kept) for kept in (True, False))
    sums = f"Total: {size(held + active):>20} -- weights: {size(held):>12}  activations: {size(active):>12}"
    head = "Memory usage information  (input/output buffers are included in activations)"
    return [head, rule(), *rows, "", sums, rule("="), "Used memory ranges", rule(), *ranges, rule("=")]


def sections() -> list[str]:
    """The sizes by section: the weights to the byte."""
    weights = sum(used for *_, used, ro in POOLS if ro)
    return [
        ' Requested memory size by section - "stm32n6npu" target',
        " ------------------------------- -------- ----------- ------ -----------",
        f" weights                                0   {weights:,}      0           0",
        " ------------------------------- -------- ----------- ------ -----------",
    ]


def epochs_2(network: Network) -> list[str]:
    """The epochs as 2.0 to 3.0 list them: each number."""
    words = {EC: "     EC    ", HW: "     HW    ", HYBRID: "     ??    "}
    rows = []
    for block, first in numbered(network, gaps=False):
        for number in range(first, first + block.epochs):
            word = f"    -SW-   ( {block.operation:^16} )" if block.kind is SW else words[block.kind]
            rows.append(f"epoch {number:<3} {word}")
    announced = (
        f"Total number of epochs: {total(network, *EpochKind)} of which {total(network, SW)} implemented in software"
    )
    return ["Epochs details", rule(), announced, "---", "epoch ID   HW/SW/EC Operation (SW only)", *rows, rule("=")]


def epochs_4(network: Network) -> list[str]:
    """The epochs as 4.0 lists them: blobs as ranges."""
    rows = []
    for block, first in numbered(network, gaps=True):
        words = {EC: "EC", HW: "HW", HYBRID: "Hybrid", SW: "SW"}[block.kind]
        place = f"epoch_{first}"
        if block.kind is EC:
            place = (
                f"epochs {first:>4} -> {block.numbers(first, gaps=True)[-1]}"
                if block.epochs
                else "<no executed epochs>"
            )
        rows.append(f"| {place:20} | {words:^6} | {block.operation:^16} |")
    blobs = sum(block.kind is EC for block in network)
    line = "+----------------------+--------+------------------+"
    return [
        "Epochs details",
        rule(),
        f"Total number of epochs                               {total(network, *EpochKind)}",
        f">> pure software (SW) epochs                         {total(network, SW):3}",
        f">> hybrid epochs (using both software and hardware)  {total(network, HYBRID):3}",
        (
            f">> pure hardware (HW or EC) epochs                   {total(network, EC, HW):3}  "
            f"(implemented in {blobs} epoch controller blobs/meta epochs)"
        ),
        line,
        "| epoch ID             |  Type  |     Details      |",
        line,
        *rows,
        line,
        rule("="),
    ]


def text(network: Network, version: str, *, name: str = "network", model: str = "made_up_int8") -> list[str]:
    """A generate report; a summary in place of a model part in 4.0."""
    tool, compiler = TOOLS[version]
    arguments = f"generate --target stm32n6 --name {name} -m {model}.tflite --st-neural-art default"
    head = [
        f"ST Edge AI Core v{tool}",
        "Created date          : 2026-01-02 03:04:05",
        f"Parameters            : {arguments}",
        "",
    ]
    made = [f"Model name - {model}", rule(), f"model: macc={MACC:,} weights=3,321,036 activations=-- io=--", ""]
    if version == "4.0":
        made = [
            " Exec/report summary (generate)",
            f" {rule()}",
            " c_name             :   network",
            " target/series      :   stm32n6npu",
            f" model_name         :   {model}",
            " macc               :   0",
            f" macc               :   {MACC:,}",
            f" {rule()}",
        ]
    compiled = [
        "Compilation details",
        rule(),
        f"Compiler version: {compiler}",
        "Compiler arguments:  -i x.onnx",
        rule("="),
    ]
    epochs = epochs_4(network) if version == "4.0" else epochs_2(network)
    return [*head, *made, *compiled, *pools(), *epochs, *sections()]


def cubemx(lines: Iterable[str]) -> list[str]:
    """The lines as they are in a log of STM32CubeMX."""
    return [
        f"2026-06-16 21:38:{i // 1000 % 60:02},{i % 1000:03} [INFO] CmdLine:76 - {line}" for i, line in enumerate(lines)
    ]


def studio(lines: Iterable[str]) -> list[str]:
    """The lines as they are in a log of STM32Cube AI Studio, between progress bars."""
    out = ["Calculating memory footprint..."]
    for index, line in enumerate(lines):
        out += [f"PASS:  {index % 90 + 10}%|####1     | 91/99 [00:05<00:00, 21.46it/s]{line if index % 3 else ''}"]
        out += [line] if index % 3 == 0 else []
        out += ["", "                                                     "]
    return out


def c_info(network: Network, version: str, *, name: str = "network", model: str = "made_up_int8") -> dict[str, Any]:
    """The c_info of a generate run."""
    types = version in ("3.0", "4.0")
    nodes: list[dict[str, Any]] = [
        _node(1, "epoch_0", "NODE_NO_X" if types else "NODE_HW", [("Param", "NODE_HW")], types)
    ]
    blobs: list[dict[str, Any]] = []
    names = {EC: "NODE_EC", HW: "NODE_HW", SW: "NODE_SW", HYBRID: "NODE_SW_HW"}
    last = None
    for block, first in numbered(network, gaps=version == "4.0"):
        work = [(block.operation or "Conv", "NODE_SW" if block.kind in (SW, HYBRID) else "NODE_HW")]
        work += [("Transpose_", "NODE_HW")] if block.kind is HYBRID else []
        blob = f"_ec_blob_{first}"
        made = [
            _node(10 * n, f"epoch_{n}", names[block.kind], work, types)
            for n in block.numbers(first, gaps=version == "4.0")
        ]
        if block.kind is EC:
            blobs.append({"encrypted": False, "name": blob, "nodes_id": [node["id"] for node in made]})
            for node in made if not types else ():
                node["description"] = f"Epoch Controller {blob}"
        nodes, last = nodes + made, (block, blob)
    marker = "NODE_NO_X" if types else "NODE_EC" if last and last[0].kind is EC else "NODE_SW"
    number = max(int(node["name"][6:]) for node in nodes) + 1
    nodes.append(_node(10 * number, f"epoch_{number}", marker, [("Return", "NODE_SW")], types))
    tool, compiler = TOOLS[version]
    arguments = f"generate --target stm32n6 --name {name} -m {model}.tflite --st-neural-art default"
    tools = [
        {"name": "ST.EdgeAI.Core", "version": tool, "arguments": arguments, "input_model": {"name": model}},
        {
            "name": "ATONN Compiler",
            "version": f"{compiler} Internal Build atonn-v{compiler}",
            "arguments": " -i x.onnx",
        },
    ]
    document: dict[str, Any] = {
        "json_schema_version": "2.0",
        "environment": {"tools": tools, "generated_model": {"name": name, "generated_time": "2026-01-02 03:04:05"}},
        "graphs": [{"name": name, "nodes": nodes}],
        "memory_footprint": {"weights": 3300769, "activations": 185280, "series": "stm32n6npu"},
        "memory_pools": [
            {
                "id": index,
                "name": pool,
                "address": str(base),
                "size_bytes": str(whole),
                "used_size_bytes": str(used),
                "rights": "ACC_READ" if weights else "ACC_WRITE",
                "subpools": [],
            }
            for index, (pool, base, whole, used, weights) in enumerate(POOLS)
        ],
        "power_estimates": [],
    }
    if version in ("2.2", "3.0", "4.0"):
        document["ec_blobs_info"] = blobs
    return document


def _node(identity: int, name: str, mapping: str, work: Iterable[tuple[str, str]], types: bool) -> dict[str, Any]:
    key, begin = ("type", "") if types else ("description", "Node kind=")
    parts = [{"id": identity + i, key: f"{begin}{kind}", "mapping": place} for i, (kind, place) in enumerate(work, 1)]
    node = {"id": identity, "name": name, "mapping": mapping, "macc": 0, "subgraph_nodes": parts}
    return node | ({} if types else {"description": ""})


def times(network: Network, version: str) -> list[str]:
    """The part of a validation on the target: a row for each block, and for what the runtime inserts into hybrid ones."""
    gaps = version == "4.0"
    rows: list[tuple[str, str]] = []
    *others, end = numbered(network, gaps=gaps)
    for block, first in (*others, end):
        last = first + block.epochs - 1 + (max(block.removed + block.inside, 0 if block.epochs else 1) if gaps else 0)
        last += int(block is end[0] and block.kind is EC)
        kind = {EC: " (EC)", SW: " (SW)", HYBRID: " (HYBRID)", HW: " - Conv2D_PW" if gaps else ""}[block.kind]
        rows.append((f"epoch{kind}", f"EpochBlock_{first}" + (f" -> {last}" if last > first else "")))
        if block.kind is HYBRID and gaps:
            rows.append(("epoch (extra HW.6)", f"EpochBlock_{first} (6)"))
    shown = [
        f"   {index:<6}  -      {kind:22} 1.000  {100 / len(rows):5.2f}%  {100 * (index + 1) / len(rows):6.2f}%  [     1,000     {600_000 + index:,}     199,000 ]   {name}"
        for index, (kind, name) in enumerate(rows)
    ]
    return [
        "Running the ST.AI c-model (AI RUNNER)...(name=network, mode=TARGET)",
        "  Summary 'network' - ['network']",
        "  device.desc                 :   stm32 family - 0x486 - STM32N6xx @800/400MHz",
        '  ST.AI Profiling results v2.0 - "network"',
        "  nb sample(s)                   :   10",
        f"  duration                       :   {len(rows)}.000 ms by sample (1.000/2.000/0.500)",
        "   Inference time per node",
        "   c_id    m_id   type                      dur (ms)        %     cumul  CPU cycles             name",
        *shown,
        f"   total                                      {len(rows)}.000                     [  1  2  3 ]",
        "   Statistic per tensor",
    ]


def as_json(document: dict[str, Any]) -> str:
    """JSON text as the tool indents it."""
    return json.dumps(document, indent=4)
