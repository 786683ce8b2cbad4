"""The data of a report of ST Edge AI Core, for all file formats."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import Final, Self

import numpy as np

from n6link.epochs.join import join
from n6link.epochs.pools import Pool
from n6link.epochs.timers import EpochBlock, EpochTable, EpochTimers
from n6link.errors import ReportError
from n6link.json_types import Plain
from n6link.protocol import EpochKind, TimerSource
from n6link.sheet import Sheet, Shown, facts

NPU: Final = "stm32n6npu"
"""The series of a build that uses the NPU."""
MAX_NOTES: Final = 1000
"""Maximum number of stored notes per file; ``Report.more_notes`` counts the others."""
DEFAULT_NAME: Final = "network"
"""C name of a network without the option --name."""
_HOST: Final = re.compile(r"x86|amd64|i\d86|aarch64|arm64", re.IGNORECASE)
"""Start of ``device.desc`` if a network ran on the host."""


@dataclass(frozen=True, slots=True)
class BlockTime:
    """The tool's measurement of one epoch block on the target: the mean over its samples."""

    seconds: float
    pre: int
    """CPU cycles of preparation; core and post likewise"""
    core: int
    post: int
    kind: EpochKind | None = None
    """None if the file does not contain it (a c_info with times only)"""
    first: int = 0
    last: int = 0
    """includes the return marker, as printed by the target"""
    operation: str = ""
    """if the tool prints it (4.0 does for some HW blocks)"""


@dataclass(frozen=True, slots=True)
class Validation:
    """A run of the built network: on the target, or on the host that built it."""

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
    mode: str = ""
    """``TARGET`` or ``HOST``; empty if the file does not contain it"""
    metrics: dict[str, float] = field(default_factory=dict)
    """accuracy against the original model, by ST's names: rmse, mae, l2r, cos ..."""

    @property
    def on_host(self) -> bool:
        """Whether the network ran on the computer that built it: its time is not that of a board."""
        return self.mode == "HOST" or (not self.mode and _HOST.match(self.device) is not None)

    @property
    def tick_hz(self) -> float | None:
        """Rate of the cycles of :attr:`blocks`: the CPU's clock, else cycles divided by times."""
        seconds = sum(block.seconds for block in self.blocks)
        cycles = sum(block.pre + block.core + block.post for block in self.blocks)
        return self.cpu_hz or (cycles / seconds if seconds > 0 and cycles else None)


@dataclass(frozen=True, slots=True)
class Work:
    """The work of all layers of one type, in a network that is built for the CPU."""

    layers: int
    macc: int
    """multiply-accumulates of all these layers"""


@dataclass(frozen=True, slots=True)
class Note:
    """A line that was not understood, or a contradiction."""

    line: int
    """number of the line, from 1; 0 = the whole file"""
    text: str
    """the line, cut to 120 characters"""
    reason: str

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.reason}" + (f": {self.text}" if self.text else "")


@dataclass(frozen=True, slots=True, repr=False)
class Report(Shown):
    """One report, or several of the same network combined. Values that a file does not contain are empty or None."""

    source: str
    """name of the first file"""
    formats: tuple[str, ...] = ()
    """``generate``, ``analyze``, ``validate``, ``c_info``, ``mpool``, or ``failed`` (only the tool's errors)"""
    tool: str = ""
    """version of ST Edge AI Core, as printed"""
    compiler: str = ""
    """version of the Neural-ART compiler: ``1.1.1-14``"""
    created: str = ""
    arguments: str = ""
    """command line of the tool"""
    network: str = ""
    """name of the model"""
    name: str = ""
    """C name of the network; the names of its files start with it"""
    series: str = ""
    """target of the build: ``stm32n6npu``, ``stm32n6`` (its CPU), ``stm32h7`` ..."""
    macc: int | None = None
    """multiply-accumulates of one inference"""
    pools: tuple[Pool, ...] = ()
    total: Pool | None = None
    """the report's own sum over the pools, rounded as printed"""
    table: EpochTable | None = None
    layers: dict[str, Work] = field(default_factory=dict)
    """work of the CPU by type, for a network without epochs"""
    mapping: dict[str, int] = field(default_factory=dict)
    """c_info: number of nodes by mapping, including nodes without work (parameters, return marker)"""
    memory: tuple[int, int] = (0, 0)
    """bytes of weights and of activations, for a network without pools"""
    validation: Validation | None = None
    errors: tuple[str, ...] = ()
    """errors that the tool reports"""
    notes: tuple[Note, ...] = ()
    more_notes: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    """parts without data for this class, with their number of lines"""

    def brief(self) -> str:  # noqa: D102
        return f"of {self.network or self.source}: {', '.join(self.formats)}"

    def sheet(self) -> Sheet:
        """What it contains."""
        from n6link.console import duration

        about = {
            "file": self.source,
            "ST Edge AI Core": self.tool,
            "compiler": self.compiler,
            "target": self.series,
            "MACC": None if self.macc is None else f"{self.macc:,}",
            "bytes of weights": f"{self.weights:,}",
            "bytes of activations": f"{self.activations:,}",
            "on the NPU": self.table.offload if self.table else None,
            "time of an inference": None if self.seconds is None else duration(self.seconds),
        }
        return Sheet((facts(about),), (*self.errors, *map(str, self.notes)))

    @property
    def weights(self) -> int:
        """Bytes of weights."""
        return sum(pool.weights for pool in self.pools) if self.pools else self.memory[0]

    @property
    def activations(self) -> int:
        """Bytes of activations."""
        return sum(pool.activations for pool in self.pools) if self.pools else self.memory[1]

    @property
    def seconds(self) -> float | None:
        """Measured time of an inference on the target."""
        return self.validation.seconds if self.validation and not self.validation.on_host else None

    @property
    def host_seconds(self) -> float | None:
        """Time of an inference on the host; only the accuracy of such a validation is of interest."""
        return self.validation.seconds if self.validation and self.validation.on_host else None

    @property
    def idle(self) -> str:
        """Why this build does not use the NPU, and the missing option; empty if it uses the NPU, or if this is unknown."""
        target = argument(self.arguments, "--target") or self.series
        if self.table or not self.layers or self.series == NPU or (self.validation and self.validation.blocks):
            return ""
        if not target.startswith("stm32n6"):
            built = f"built for {target}" if target else "built for a CPU"
            return (
                f"the network is {built}, without NPU; for the NPU of an STM32N6 add --target stm32n6 --st-neural-art"
            )
        if "--st-neural-art" not in self.arguments:
            return "the NPU is not used: stedgeai was called without --st-neural-art; add this option, with a quantised model"
        profile = argument(self.arguments, "--st-neural-art")
        return (
            f"the NPU is not used, although stedgeai was called with --st-neural-art {profile}".rstrip()
            + "; use a profile of the Neural-ART compiler, such as --st-neural-art default"
        )

    def require_table(self) -> EpochTable:
        """The table, for callers that require it.

        Raises:
            ReportError: the report does not list epochs.
        """
        if self.table is None:
            reason = self.idle or "use the generate report or the c_info of a network that is built for the NPU"
            raise ReportError(f"{self.source} does not list epochs; {reason}")
        return self.table

    @property
    def timers(self) -> EpochTimers | None:
        """The measured times as epoch timers; None if blocks were not measured, or their kinds are unknown.

        A report does not contain the times between blocks; the difference between inference and blocks is put after the last block.
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
            blocks = (EpochBlock(0, kind, time.first, time.last, time.operation) for kind, time in rows)
            own = EpochTable.from_blocks(blocks).without_marker()
            return join(self.table, own).table if self.table else own
        return self.table if self.table and len(self.table) == len(times) else None

    def merged(self, other: Self) -> Self:
        """This report; missing values are taken from another one of the same network."""
        values: Plain = {}
        for name in (part.name for part in fields(self)):
            mine, theirs = getattr(self, name), getattr(other, name)
            values[name] = mine or theirs
        values |= {name: (*getattr(self, name), *getattr(other, name)) for name in ("formats", "notes", "errors")}
        values["memory"] = self.memory if any(self.memory) else other.memory
        values["more_notes"] = self.more_notes + other.more_notes
        values["skipped"] = self.skipped | other.skipped
        if self.table and other.table:
            values["table"] = _more(self.table, other.table)
        if self.validation and other.validation:
            values["validation"] = max((self.validation, other.validation), key=_worth)
        return type(self)(**values)

    def to_dict(self) -> Plain:
        """Plain values, for JSON."""
        timers = self.timers
        return {
            "source": self.source,
            "formats": list(self.formats),
            "tool": self.tool,
            "compiler": self.compiler,
            "created": self.created,
            "arguments": self.arguments,
            "network": self.network,
            "name": self.name,
            "series": self.series,
            "macc": self.macc,
            "weights": self.weights,
            "activations": self.activations,
            "pools": [_plain(pool) for pool in self.pools],
            "total": _plain(self.total) if self.total else None,
            "epochs": self.table.to_dict() if self.table else None,
            "fallbacks": self.table.fallbacks if self.table else None,
            "idle": self.idle,
            "layers": {name: {"layers": work.layers, "macc": work.macc} for name, work in self.layers.items()},
            "mapping": self.mapping,
            "inference_s": self.seconds,
            "host_s": self.host_seconds,
            "timers": timers.to_dict() if timers else None,
            "metrics": self.validation.metrics if self.validation else {},
            "errors": list(self.errors),
            "notes": [_plain(note) for note in self.notes],
            "more_notes": self.more_notes,
            "skipped": self.skipped,
        }


def _more(one: EpochTable, other: EpochTable) -> EpochTable:
    """The table with more data: all epochs listed, estimates, names of hybrid epochs."""

    def known(table: EpochTable) -> tuple[bool, bool, int]:
        named = sum(bool(block.operation) for block in table.blocks if block.fallback)
        return not table.unlisted, any(block.estimated_total for block in table.blocks), named

    return other if known(other) > known(one) else one


def _worth(validation: Validation) -> tuple[bool, bool, bool]:
    """Rank of a validation: on the target, with kinds of blocks, with a time."""
    kinds = any(block.kind is not None for block in validation.blocks)
    return not validation.on_host, kinds, validation.seconds is not None


def argument(arguments: str, *names: str) -> str:
    """The value of an option of the tool's command line; empty if it is not used."""
    options = "|".join(re.escape(name) for name in names)
    match = re.search(rf"(?:^|\s)(?:{options})(?:=(\S+)|\s+(?!-)(\S+))", arguments)
    return (match[1] or match[2]) if match else ""


def _plain(record: Pool | Note) -> Plain:
    return {part.name: getattr(record, part.name) for part in fields(record)}
