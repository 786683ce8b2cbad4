"""What a report of ST Edge AI Core says, whichever file it was read from."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Final, Self

import numpy as np

from n6link.epochs.join import join
from n6link.epochs.pools import Pool
from n6link.epochs.timers import EpochBlock, EpochTable, EpochTimers
from n6link.json_types import Plain
from n6link.protocol import EpochKind, TimerSource

MAX_NOTES: Final = 1000
"""Notes that are kept of one file; ``Report.more_notes`` counts the others."""


@dataclass(frozen=True, slots=True)
class BlockTime:
    """What the tool measured of one epoch block on the target: the mean over its samples."""

    seconds: float
    pre: int
    """CPU cycles of preparation; core and post likewise"""
    core: int
    post: int
    kind: EpochKind | None = None
    """None where the file does not tell (a c_info that holds nothing but times)"""
    first: int = 0
    last: int = 0
    """includes the return marker, as the target prints it"""


@dataclass(frozen=True, slots=True)
class Validation:
    """A run on the target."""

    blocks: tuple[BlockTime, ...] = ()
    samples: int | None = None
    seconds: float | None = None
    """mean time of an inference"""
    min: float | None = None
    max: float | None = None
    deviation: float | None = None
    cpu_hz: float | None = None
    npu_hz: float | None = None
    runtime: str = ""
    """name and version of the network runtime"""
    device: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    """accuracy against the original model, by ST's names: rmse, mae, l2r, cos ..."""

    @property
    def tick_hz(self) -> float | None:
        """Rate of the cycles of :attr:`blocks`: the CPU's clock, or else what cycles and times say."""
        seconds = sum(block.seconds for block in self.blocks)
        cycles = sum(block.pre + block.core + block.post for block in self.blocks)
        return self.cpu_hz or (cycles / seconds if seconds > 0 and cycles else None)


@dataclass(frozen=True, slots=True)
class Note:
    """A line that was not understood, or something that does not add up."""

    line: int
    """number of the line, from 1; 0 = the file as a whole"""
    text: str
    """what it says, cut to 120 characters"""
    reason: str

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.reason}" + (f": {self.text}" if self.text else "")


@dataclass(frozen=True, slots=True)
class Report:
    """One report, or several of the same network merged. What a file does not hold is empty or None."""

    source: str
    """name of the file or folder"""
    formats: tuple[str, ...] = ()
    """what it was: ``generate``, ``validate``, ``c_info``"""
    tool: str = ""
    """version of ST Edge AI Core, as it prints it"""
    compiler: str = ""
    """version of the Neural-ART compiler"""
    created: str = ""
    network: str = ""
    """name of the model"""
    macc: int | None = None
    """multiply-accumulates of one inference"""
    pools: tuple[Pool, ...] = ()
    total: Pool | None = None
    """the report's own sum over the pools, rounded as it is printed"""
    table: EpochTable | None = None
    mapping: dict[str, int] = field(default_factory=dict)
    """c_info: nodes by mapping, the nodes without work (parameters, return marker) included"""
    validation: Validation | None = None
    notes: tuple[Note, ...] = ()
    more_notes: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    """parts that hold nothing this model has a place for, with their number of lines"""

    @property
    def weights(self) -> int:
        """Bytes of weights in all pools."""
        return sum(pool.weights for pool in self.pools)

    @property
    def activations(self) -> int:
        """Bytes of activations in all pools."""
        return sum(pool.activations for pool in self.pools)

    @property
    def seconds(self) -> float | None:
        """Measured time of an inference."""
        return self.validation.seconds if self.validation else None

    @property
    def timers(self) -> EpochTimers | None:
        """The measured times as epoch timers; None if blocks were not measured, or their kinds are not known.

        A report has no time between two blocks; what its inference takes longer than all of them is after the last one.
        """
        times = self.validation.blocks if self.validation else ()
        hz = self.validation.tick_hz if self.validation else None
        table = self._measured_table(times)
        if table is None or not times or hz is None:
            return None
        cycles = np.array([(time.pre, time.core, time.post) for time in times], np.uint64)
        ends = cycles.sum(axis=1).cumsum()
        ticks = np.column_stack([ends - cycles.sum(axis=1), cycles])
        elapsed = max(int(ends[-1]), round((self.seconds or 0.0) * hz))
        return EpochTimers(table, TimerSource.DWT_CYCLES, hz, ticks, elapsed, simulated=False)

    def _measured_table(self, times: tuple[BlockTime, ...]) -> EpochTable | None:
        kinds = [time.kind for time in times if time.kind is not None]
        if len(kinds) == len(times):
            rows = zip(kinds, times, strict=True)
            blocks = (EpochBlock(0, kind, time.first, time.last) for kind, time in rows)
            own = EpochTable.from_blocks(blocks).without_marker()
            return join(self.table, own).table if self.table else own
        return self.table if self.table and len(self.table) == len(times) else None

    def merged(self, other: Self) -> Self:
        """This report, completed by another one of the same network."""
        values: Plain = {}
        for name in (part.name for part in fields(self)):
            mine, theirs = getattr(self, name), getattr(other, name)
            values[name] = mine or theirs
        values |= {name: (*getattr(self, name), *getattr(other, name)) for name in ("formats", "notes")}
        values["more_notes"] = self.more_notes + other.more_notes
        values["skipped"] = self.skipped | other.skipped
        if self.table and other.table and not _estimated(self.table):
            values["table"] = other.table
        if self.validation and other.validation and not any(block.kind is not None for block in self.validation.blocks):
            values["validation"] = other.validation
        return type(self)(**values)

    def to_dict(self) -> Plain:
        """Plain values, ready for JSON."""
        timers = self.timers
        return {
            "source": self.source,
            "formats": list(self.formats),
            "tool": self.tool,
            "compiler": self.compiler,
            "created": self.created,
            "network": self.network,
            "macc": self.macc,
            "weights": self.weights,
            "activations": self.activations,
            "pools": [_plain(pool) for pool in self.pools],
            "total": _plain(self.total) if self.total else None,
            "epochs": self.table.to_dict() if self.table else None,
            "fallbacks": self.table.fallbacks if self.table else None,
            "mapping": self.mapping,
            "inference_s": self.seconds,
            "timers": timers.to_dict() if timers else None,
            "metrics": self.validation.metrics if self.validation else {},
            "notes": [_plain(note) for note in self.notes],
            "more_notes": self.more_notes,
            "skipped": self.skipped,
        }


def _estimated(table: EpochTable) -> bool:
    return any(block.estimated_total for block in table.blocks)


def _plain(record: Pool | Note) -> Plain:
    return {part.name: getattr(record, part.name) for part in fields(record)}
