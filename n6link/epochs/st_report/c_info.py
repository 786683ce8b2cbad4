"""Reads network_c_info.json (json_schema_version 2.x), written by generate and extended by validate.

Used parts of the schema: ``environment`` (tools, names), ``graphs[0].nodes`` (one node per epoch, its operations in
``subgraph_nodes``), ``power_estimates`` (``compute_cycles``: computation of the NPU, ``max_cycles``: the whole epoch, including waits for
memory), ``memory_pools``, ``buffers``, ``memory_footprint``, and, after validate, ``aton_execution_time``, ``exec_time`` and
``validation``. Numbers may be decimal strings. Differences between versions:

* The name of an operation is ``type``, up to 2.2 ``description``: ``Node kind=Conv``.
* The blob of an epoch is in its ``description``; since 2.2 also in ``ec_blobs_info``, since 3.0 only there.
* Two nodes are not epochs: the parameters (``epoch_0``) and the return marker after the last epoch; since 3.0 their mapping is
  ``NODE_NO_X``. They are in ``Report.mapping``, which counts the nodes of the file, but not in ``Report.table``.

If no node is an epoch, the nodes are the layers of a network that runs on the CPU, or, after a validation, of the original model.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from n6link.epochs.pools import Pool
from n6link.epochs.st_report.model import DEFAULT_NAME, MAX_NOTES, BlockTime, Note, Report, Validation, Work, argument
from n6link.epochs.table import ON_CPU, EpochBlock, EpochTable
from n6link.errors import ReportError
from n6link.json_types import Json, JsonObject
from n6link.protocol import EpochKind

SCHEMA: Final = "2."
"""Start of the supported schema versions."""
KINDS: Final = {
    "NODE_HW": EpochKind.HW,
    "NODE_EC": EpochKind.EC,
    "NODE_SW": EpochKind.SW,
    "NODE_SW_HW": EpochKind.HYBRID,
    "NODE_HYBRID": EpochKind.HYBRID,
}
MAX_COUNT: Final = 2**48
"""Sizes and cycles are below this: 2^48 cycles are four days at 800 MHz."""
_CORE: Final = "ST.EdgeAI.Core"
_NO_WORK: Final = frozenset({"Param", "Return", ""})
_EPOCH: Final = re.compile(r"epoch_(\d{1,9})")
_BLOB: Final = re.compile(r"Epoch Controller (\S+)")


def read_c_info(document: JsonObject, source: str) -> Report:
    """The report of a parsed c_info document.

    Raises:
        ReportError: its schema is not supported.
    """
    version = document.get("json_schema_version")
    if not isinstance(version, str) or not version.startswith(SCHEMA):
        raise ReportError(
            f"{source} has json_schema_version {version!r}; a network_c_info.json of {SCHEMA}x is required"
        )
    return _Reader(document).report(source)


def as_dict(value: Json) -> JsonObject:
    """The value if it is an object, else an empty object."""
    return value if isinstance(value, dict) else {}


def dicts(value: Json) -> Iterator[JsonObject]:
    """The objects of a list."""
    return (item for item in _list(value) if isinstance(item, dict))


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list) else ()


def count(value: Json) -> int:
    """A count, also from a decimal string; 0 for other values."""
    if isinstance(value, str):
        value = int(value) if value.isdecimal() and len(value) <= 15 else 0
    return int(value) if isinstance(value, int | float) and 0 <= value < MAX_COUNT else 0


class _Reader:
    def __init__(self, document: JsonObject) -> None:
        self._document = document
        self._notes: list[Note] = []
        self._more = 0

    def _note(self, reason: str, text: str = "") -> None:
        if len(self._notes) < MAX_NOTES:
            self._notes.append(Note(0, text[:120], reason))
        else:
            self._more += 1

    def report(self, source: str) -> Report:
        environment = as_dict(self._document.get("environment"))
        tools = list(dicts(environment.get("tools")))
        versions = {str(tool.get("name", "")): str(tool.get("version", "")) for tool in tools}
        arguments = next((str(tool.get("arguments", "")) for tool in tools if tool.get("name") == _CORE), "")
        generated = as_dict(environment.get("generated_model"))
        model = next((str(as_dict(tool.get("input_model")).get("name", "")) for tool in tools), "")
        footprint = as_dict(self._document.get("memory_footprint"))
        graph = next(dicts(self._document.get("graphs")), as_dict(None))
        nodes = list(dicts(graph.get("nodes")))
        table = self._table(nodes)
        layers = {} if any(_number(node) is not None for node in nodes) else _layers(nodes)
        return Report(
            source,
            ("c_info",),
            tool=versions.get(_CORE, ""),
            compiler=next(iter(versions.get("ATONN Compiler", "").split()), ""),
            created=str(generated.get("generated_time", "")),
            arguments=arguments,
            network=model or str(generated.get("name", "")),
            name=(argument(arguments, "--name", "-n") or DEFAULT_NAME) if arguments else "",
            series=str(footprint.get("series") or "").removeprefix("generic"),
            macc=sum(work.macc for work in layers.values()) or None,
            pools=self._pools(),
            table=table,
            layers=layers,
            memory=(count(footprint.get("weights")), count(footprint.get("activations"))),
            mapping=dict(Counter(str(node.get("mapping", "")).removeprefix("NODE_") for node in nodes)),
            validation=self._validation(environment, as_dict(graph.get("exec_time"))),
            notes=tuple(self._notes),
            more_notes=self._more,
            skipped={
                key: len(value)
                for key, value in self._document.items()
                if key in ("memory_accesses",) and isinstance(value, list)
            },
        )

    def _table(self, nodes: list[JsonObject]) -> EpochTable | None:
        """The epochs as blocks: the epochs of a blob become one block, also if numbers between them were removed."""
        estimates = {count(item.get("node_id")): item for item in dicts(self._document.get("power_estimates"))}
        blobs = {
            count(node): str(blob.get("name"))
            for blob in dicts(self._document.get("ec_blobs_info"))
            for node in _list(blob.get("nodes_id"))
        }
        blocks: list[EpochBlock] = []
        counts: Counter[EpochKind] = Counter()
        open_blob = ""
        for number, node in sorted(self._epochs(nodes), key=lambda epoch: epoch[0]):
            identity, kind = count(node.get("id")), KINDS[str(node.get("mapping"))]
            estimate = estimates.get(identity, {})
            cycles = count(estimate.get("compute_cycles")), count(estimate.get("max_cycles"))
            block = EpochBlock(0, kind, number, number, _operation(node, kind), *cycles)
            blob = blobs.get(identity) or _blob(node) if kind is EpochKind.EC else ""
            if blocks and number <= blocks[-1].last:
                self._note(f"epoch {number} is listed twice", block.label)
                continue
            counts[kind] += 1
            if blob and blob == open_blob:
                blocks[-1] = _grown(blocks[-1], block)
            else:
                blocks.append(block)
            open_blob = blob
        table = EpochTable.from_blocks(blocks)
        if not blocks:
            return None
        return table if table.epochs == sum(counts.values()) else replace(table, totals=counts)

    def _epochs(self, nodes: list[JsonObject]) -> Iterator[tuple[int, JsonObject]]:
        """The nodes that are epochs with work, with their numbers."""
        for node in nodes:
            number, mapping = _number(node), node.get("mapping")
            if number is None or mapping == "NODE_NO_X" or not set(_operations(node)) - _NO_WORK:
                continue
            if str(mapping) in KINDS:
                yield number, node
            else:
                self._note("the mapping of an epoch is unknown", f"{node.get('name')} {mapping}")

    def _pools(self) -> tuple[Pool, ...]:
        """Pools in the order of their addresses. Virtual pools are omitted: their parts are listed separately."""
        params: dict[int, int] = defaultdict(int)
        for buffer in dicts(self._document.get("buffers")):
            if buffer.get("is_param") is True:
                params[count(buffer.get("mpool_id"))] += count(buffer.get("size_bytes"))
        pools: list[Pool] = []
        for item in dicts(self._document.get("memory_pools")):
            used, total = count(item.get("used_size_bytes")), count(item.get("size_bytes"))
            if not item.get("subpools"):
                read_only = str(item.get("rights", "")) == "ACC_READ"
                weights = used if read_only else min(params[count(item.get("id"))], used)
                base = count(item.get("address"))
                pools.append(Pool(str(item.get("name", "")), base, total, used, weights, used - weights))
        return tuple(sorted(pools, key=lambda pool: pool.base))

    def _validation(self, environment: JsonObject, whole: JsonObject) -> Validation | None:
        blocks: list[BlockTime] = []
        for item in dicts(self._document.get("aton_execution_time")):
            counters, milliseconds = _list(item.get("counters")), item.get("duration_ms")
            if len(counters) == 3 and isinstance(milliseconds, int | float):
                pre, core, post = map(count, counters)
                blocks.append(BlockTime(milliseconds / 1e3, pre, core, post))
            else:
                self._note("an execution time does not have three counters and a duration", str(item))
        metrics = next(dicts(as_dict(self._document.get("validation")).get("val_metrics")), as_dict(None))
        seconds, milliseconds = sum(block.seconds for block in blocks) if blocks else None, whole.get("duration_ms")
        if not blocks and isinstance(milliseconds, int | float):
            seconds = milliseconds / 1e3
        if seconds is None and not metrics:
            return None
        return Validation(
            tuple(blocks),
            seconds=seconds,
            device=str(environment.get("device") or ""),
            metrics={name: float(value) for name, value in metrics.items() if isinstance(value, int | float)},
        )


def _number(node: JsonObject) -> int | None:
    """The number of an epoch, None for another node."""
    match = _EPOCH.fullmatch(str(node.get("name", "")))
    return int(match[1]) if match else None


def _type(node: JsonObject) -> str:
    return str(node.get("type") or node.get("description") or "").removeprefix("Node kind=")


def _operations(node: JsonObject) -> list[str]:
    return [_type(part) for part in dicts(node.get("subgraph_nodes"))]


def _operation(node: JsonObject, kind: EpochKind) -> str:
    """The operations of an epoch with work; if the CPU takes part in it, only the CPU's operations."""
    parts = [part for part in dicts(node.get("subgraph_nodes")) if _type(part) not in _NO_WORK]
    on_cpu = [part for part in parts if str(part.get("mapping", "")).startswith("NODE_SW")] if kind in ON_CPU else []
    return ", ".join(dict.fromkeys(_type(part) for part in on_cpu or parts))


def _blob(node: JsonObject) -> str:
    """The name of the blob in an epoch's description, empty if there is none."""
    match = _BLOB.match(str(node.get("description") or ""))
    return match[1] if match else ""


def _layers(nodes: list[JsonObject]) -> dict[str, Work]:
    layers: dict[str, Work] = {}
    for node in nodes:
        known = layers.get(_type(node), Work(0, 0))
        layers[_type(node)] = Work(known.layers + 1, known.macc + count(node.get("macc")))
    layers.pop("", None)
    return layers


def _grown(block: EpochBlock, by: EpochBlock) -> EpochBlock:
    names = dict.fromkeys((*block.operations, *by.operations))
    npu, total = block.estimated_npu + by.estimated_npu, block.estimated_total + by.estimated_total
    return replace(block, last=by.last, operation=", ".join(names), estimated_npu=npu, estimated_total=total)
