"""Reads network_c_info.json (json_schema_version 2.x), as generate writes it and as validate completes it.

Of the schema these are used: ``environment`` (tools, names), ``graphs[0].nodes`` (one node an epoch, in ``subgraph_nodes`` its
operations), ``ec_blobs_info`` (which epochs one blob holds), ``power_estimates`` (``compute_cycles``: what the NPU computes,
``max_cycles``: what the epoch takes, waiting for memory included), ``memory_pools``, ``buffers``, ``memory_footprint``, and, after validate,
``aton_execution_time`` and ``validation``. Numbers may be decimal strings.

Two nodes are no epochs: the parameters (``epoch_0``) and the return marker behind the last epoch. They stay in ``Report.mapping``, which
counts nodes as the file does, and are not in ``Report.table``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from n6link.epochs.pools import Pool
from n6link.epochs.st_report.model import MAX_NOTES, BlockTime, Note, Report, Validation
from n6link.epochs.timers import EpochBlock, EpochTable
from n6link.errors import ReportError
from n6link.json_types import Json, JsonObject
from n6link.protocol import EpochKind

SCHEMA: Final = "2."
"""Beginning of the schema versions that are read."""
KINDS: Final = {
    "NODE_HW": EpochKind.HW,
    "NODE_EC": EpochKind.EC,
    "NODE_SW": EpochKind.SW,
    "NODE_SW_HW": EpochKind.HYBRID,
    "NODE_HYBRID": EpochKind.HYBRID,
}
MAX_COUNT: Final = 2**48
"""Sizes and cycles are below this: 2^48 cycles are four days at 800 MHz."""
_NO_WORK: Final = frozenset({"Param", "Return"})


def read_c_info(document: Json, source: str) -> Report:
    """The report of a parsed c_info document.

    Raises:
        ReportError: this is no c_info, or of a schema that is not known.
    """
    report = _dict(document)
    version = report.get("json_schema_version")
    if not isinstance(version, str) or not version.startswith(SCHEMA):
        raise ReportError(
            f"{source} has json_schema_version {version!r}; a network_c_info.json of {SCHEMA}x is needed."
        )
    return _Reader(report).report(source)


def _dict(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _dicts(value: Json) -> Iterator[JsonObject]:
    return (item for item in _list(value) if isinstance(item, dict))


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list) else ()


def _int(value: Json) -> int:
    """A count, also one written as a decimal string; 0 for anything else."""
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
        environment = _dict(self._document.get("environment"))
        tools = list(_dicts(environment.get("tools")))
        versions = {str(tool.get("name", "")): str(tool.get("version", "")) for tool in tools}
        generated = _dict(environment.get("generated_model"))
        model = next((str(_dict(tool.get("input_model")).get("name", "")) for tool in tools), "")
        nodes = list(_dicts(_dict(next(_dicts(self._document.get("graphs")), None)).get("nodes")))
        table = self._table(nodes)
        pools = self._pools()
        return Report(
            source,
            ("c_info",),
            tool=versions.get("ST.EdgeAI.Core", ""),
            compiler=versions.get("ATONN Compiler", ""),
            created=str(generated.get("generated_time", "")),
            network=model or str(generated.get("name", "")),
            pools=pools,
            table=table,
            mapping=dict(Counter(str(node.get("mapping", "")).removeprefix("NODE_") for node in nodes)),
            validation=self._validation(environment),
            notes=tuple(self._notes),
            more_notes=self._more,
            skipped={
                key: len(value)
                for key, value in self._document.items()
                if key in ("memory_accesses",) and isinstance(value, list)
            },
        )

    def _table(self, nodes: list[JsonObject]) -> EpochTable | None:
        estimates = {_int(item.get("node_id")): item for item in _dicts(self._document.get("power_estimates"))}
        blobs = {
            _int(node): index
            for index, blob in enumerate(_dicts(self._document.get("ec_blobs_info")))
            for node in _list(blob.get("nodes_id"))
        }
        rows: list[tuple[int, int | None, EpochBlock]] = []
        for node in nodes:
            number = str(node.get("name", "")).removeprefix("epoch_")
            operations = [_operation(part) for part in _dicts(node.get("subgraph_nodes"))]
            kind = KINDS.get(str(node.get("mapping")))
            if kind is None or not number.isdecimal() or len(number) > 9:
                self._note("A node is no epoch", f"{node.get('name')} {node.get('mapping')}")
            elif set(operations) - _NO_WORK:
                estimate = estimates.get(_int(node.get("id")), {})
                cycles = _int(estimate.get("compute_cycles")), _int(estimate.get("max_cycles"))
                names = ", ".join(dict.fromkeys(name for name in operations if name not in _NO_WORK))
                blob = blobs.get(_int(node.get("id"))) if kind is EpochKind.EC else None
                rows.append((int(number), blob, EpochBlock(0, kind, int(number), int(number), names, *cycles)))
        rows.sort(key=lambda row: row[0])
        return EpochTable.from_blocks(self._blocks(rows)) if rows else None

    def _blocks(self, rows: list[tuple[int, int | None, EpochBlock]]) -> Iterator[EpochBlock]:
        """The blocks of the epochs: the epochs of a blob become one."""
        done: EpochBlock | None = None
        open_blob: int | None = None
        for number, blob, block in rows:
            if done and number <= done.last:
                self._note(f"Epoch {number} comes twice", block.label)
            elif done and blob is not None and blob == open_blob and number == done.last + 1:
                done = _grown(done, block)
            else:
                if done:
                    yield done
                done, open_blob = block, blob
        if done:
            yield done

    def _pools(self) -> tuple[Pool, ...]:
        """Pools in the order of their addresses. A virtual pool is left out: its parts are listed themselves."""
        params: dict[int, int] = defaultdict(int)
        for buffer in _dicts(self._document.get("buffers")):
            if buffer.get("is_param") is True:
                params[_int(buffer.get("mpool_id"))] += _int(buffer.get("size_bytes"))
        pools: list[Pool] = []
        for item in _dicts(self._document.get("memory_pools")):
            used, total = _int(item.get("used_size_bytes")), _int(item.get("size_bytes"))
            if not item.get("subpools"):
                read_only = str(item.get("rights", "")) == "ACC_READ"
                weights = used if read_only else min(params[_int(item.get("id"))], used)
                base = _int(item.get("address"))
                pools.append(Pool(str(item.get("name", "")), base, total, used, weights, used - weights))
        return tuple(sorted(pools, key=lambda pool: pool.base))

    def _validation(self, environment: JsonObject) -> Validation | None:
        blocks: list[BlockTime] = []
        for item in _dicts(self._document.get("aton_execution_time")):
            counters, milliseconds = _list(item.get("counters")), item.get("duration_ms")
            if len(counters) == 3 and isinstance(milliseconds, int | float):
                pre, core, post = map(_int, counters)
                blocks.append(BlockTime(milliseconds / 1e3, pre, core, post))
            else:
                self._note("An execution time has not three counters and a duration", str(item))
        listed = list(_dicts(_dict(self._document.get("validation")).get("val_metrics")))
        metrics: JsonObject = listed[0] if listed else {}
        if not blocks and not metrics:
            return None
        return Validation(
            tuple(blocks),
            seconds=sum(block.seconds for block in blocks) if blocks else None,
            device=str(environment.get("device", "")),
            metrics={name: float(value) for name, value in metrics.items() if isinstance(value, int | float)},
        )


def _operation(node: JsonObject) -> str:
    return str(node.get("description", "")).removeprefix("Node kind=")


def _grown(block: EpochBlock, by: EpochBlock) -> EpochBlock:
    names = dict.fromkeys((*block.operation.split(", "), *by.operation.split(", ")))
    npu, total = block.estimated_npu + by.estimated_npu, block.estimated_total + by.estimated_total
    return replace(block, last=by.last, operation=", ".join(names), estimated_npu=npu, estimated_total=total)
