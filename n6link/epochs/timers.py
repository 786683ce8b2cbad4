"""Epoch blocks, their times, and the NPU offload.

ST's compiler divides a network into *epochs*; the runtime runs *epoch blocks*. A block is one epoch or, if the epoch controller (EC)
executes a blob, a series of epochs that the CPU cannot distinguish. :class:`EpochTable` is the list of blocks, :class:`EpochTimers`
the times of one inference, :class:`EpochStats` the sums that the device itself collects.

**Phases.** The runtime calls a function before and after each phase of a block: *pre* is preparation on the CPU, *core* is from the
start of the block's work to its end, *post* is completion on the CPU. The work of a SW block is in post (LL_ATON) or in core, so only
its total is comparable. The time between blocks, before the first and after the last block is the runtime's *overhead*.

**Return marker.** The last EC blob of a network includes the epoch that ends the network. It has no work, and the compiler's
reports do not count it: a network of 58 epochs has ``EpochBlock_57 -> 59`` on the board. If the last block is HW or SW, the marker does
not have a block. All readers of the runtime's tables (device, generated C file, validate report) remove it:
:meth:`EpochTable.without_marker`.

Kinds, phases and cycles are those of ST's runtime (``EpochBlock_ItemTypeDef``). Times are in seconds, ticks are those of
the device clock. EXTRA blocks are inserted by the runtime: they take time, but are not epochs of the network.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from n6link.epochs.offload import Measured, Seconds, TimeUse
from n6link.epochs.table import ON_CPU, ON_NPU, EpochBlock, EpochTable, to_csv
from n6link.errors import RemoteProtocolError
from n6link.json_types import Plain
from n6link.protocol import TimerSource
from n6link.sheet import Grid, Sheet, Shown

__all__ = [
    "MAX_SHIFT",
    "ON_CPU",
    "ON_NPU",
    "PHASES",
    "STAGES",
    "STAGE_MEANINGS",
    "EpochBlock",
    "EpochStats",
    "EpochTable",
    "EpochTimers",
    "Seconds",
    "Ticks",
    "origin",
    "to_csv",
]

PHASES: Final = ("start", "pre", "core", "post")
"""Columns of :attr:`EpochTimers.ticks`."""
STAGES: Final = ("prepare", "queue", "upload", "wait", "npu", "download", "decode")
"""Stages of an inference on the host, in order: the fields of :class:`n6link.result.Timing`. The blocks run in ``npu``."""
STAGE_MEANINGS: Final = (
    "picture fitted and quantised",
    "wait for an input slot",
    "input sent to the board",
    "wait in the board's queue",
    "network running",
    "outputs sent to this computer",
    "outputs decoded",
)
"""What happens in each of the STAGES, for people."""
MAX_SHIFT: Final = 29
"""Largest possible Result.timer_shift: the sum of four shifted 32-bit times fits in 64 bits."""
ON_HOST: Final = frozenset({TimerSource.LITERT_PROFILER, TimerSource.HOST_CLOCK})
"""Sources on a host: their times are simulated."""

PREDICTED: Final = "; kinds of blocks: predicted, or from the report in the URL"
"""LiteRT does not have an NPU: see :mod:`n6link.epochs.predict`."""

Ticks = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EpochTimers(Measured):
    """Measured times of the epoch blocks of one inference.

    Properties are in seconds, one value per block: float64 of shape (blocks,).
    """

    table: EpochTable
    source: TimerSource
    """source of the ticks"""
    tick_hz: float
    """ticks per second"""
    ticks: Ticks
    """shape (blocks, 4): start relative to the start of the network, pre, core, post"""
    elapsed: int
    """ticks from the start of the network to its end, including gaps"""
    simulated: bool
    """whether the times are simulated, not measured on a board"""

    def brief(self) -> str:  # noqa: D102
        return f"{self.elapsed / self.tick_hz * 1e3:.3f} ms; on the NPU: {self.use}"

    @classmethod
    def from_records(
        cls,
        table: EpochTable,
        records: NDArray[np.void],
        *,
        source: TimerSource,
        tick_hz: float,
        shift: int = 0,
        elapsed: int | None = None,
        simulated: bool = False,
    ) -> Self:
        """The epoch times of a result.

        Args:
            table: blocks of the network.
            records: structured array of EpochTime (``records.EpochTime.DTYPE``), one per block.
            source: the network's timer source; sources on a host mark the times as simulated.
            tick_hz: rate of the device clock.
            shift: Result.timer_shift.
            elapsed: ticks from Result.t_start to Result.t_end; at least, and by default, to the end of the last block.
            simulated: the device has Feature.SIMULATED.

        Raises:
            RemoteProtocolError: there is not one record per block, or the clock rate or the shift is impossible.
        """
        if len(records) != len(table):
            raise RemoteProtocolError(f"the device sent {len(records)} epoch times for {len(table)} blocks")
        if not (tick_hz > 0 and 0 <= shift <= MAX_SHIFT):
            raise RemoteProtocolError(f"the device reports epoch times at {tick_hz} Hz, shifted by {shift} bits")
        ticks = np.zeros((len(records), len(PHASES)), np.uint64)
        for column, name in enumerate(PHASES):
            ticks[:, column] = records[name]
        ticks <<= np.uint64(shift)
        end = int(ticks.sum(axis=1).max(initial=0))
        least = max(end, int(ticks[:, 1:].sum()))
        simulated = simulated or source in ON_HOST
        return cls(table, source, tick_hz, ticks, max(least, elapsed or 0), simulated)

    @property
    def start(self) -> Seconds:
        """Start of each block, relative to the start of the network."""
        return self.ticks[:, 0] / self.tick_hz

    @property
    def pre(self) -> Seconds:
        """Preparation on the CPU."""
        return self.ticks[:, 1] / self.tick_hz

    @property
    def core(self) -> Seconds:
        """From the start of the block's work to its end."""
        return self.ticks[:, 2] / self.tick_hz

    @property
    def post(self) -> Seconds:
        """Completion on the CPU."""
        return self.ticks[:, 3] / self.tick_hz

    @property
    def total(self) -> Seconds:
        """All three phases."""
        ticks: Ticks = self.ticks[:, 1:].sum(axis=1)
        return ticks / self.tick_hz

    @property
    def gaps(self) -> Seconds:
        """Time of the runtime before each block and, as the last value, after the last block; shape (blocks + 1,)."""
        ends: Seconds = np.append(0.0, self.start + self.total)
        begins: Seconds = np.append(self.start, self.duration)
        return np.maximum(begins - ends, 0.0)

    @property
    def duration(self) -> float:
        """Seconds from the start of the network to its end, including gaps."""
        return self.elapsed / self.tick_hz

    @property
    def use(self) -> TimeUse:
        """The use of time in this inference."""
        return TimeUse(self.table, self.core, self.total, self.duration)

    @property
    def origin(self) -> str:
        """The source of the times, for every view and export."""
        return origin(self.source, self.simulated)

    def rows(self) -> list[Plain]:
        """One dictionary per block: its description, its phases in seconds, and the source of the times."""
        names = ("start_s", "pre_s", "core_s", "post_s", "total_s", "gap_before_s")
        times = np.stack([self.start, self.pre, self.core, self.post, self.total, self.gaps[:-1]], axis=1).tolist()
        tail = {"source": self.source.name, "simulated": self.simulated}
        return [
            block.to_dict() | dict(zip(names, row, strict=True)) | tail
            for block, row in zip(self.table.blocks, times, strict=True)
        ]

    def to_dict(self) -> Plain:
        """Plain values, for JSON."""
        return {
            "source": self.source.name,
            "simulated": self.simulated,
            "origin": self.origin,
            "tick_hz": self.tick_hz,
            "duration_s": self.duration,
            **self.figures(),
            "blocks": self.rows(),
        }

    def to_json(self) -> str:
        """:meth:`to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=1)

    def to_csv(self) -> str:
        """One line per block, with times in seconds."""
        return to_csv(self.rows())


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EpochStats(Shown):
    """The device's sums over many inferences, since its statistics were reset.

    Properties are in seconds, one value per block: float64 of shape (blocks,); NaN before the first inference.
    """

    table: EpochTable
    source: TimerSource
    tick_hz: float
    runs: int
    """number of inferences in the sums"""
    sums: Ticks
    """shape (blocks, 3): ticks of pre, core, post"""
    bounds: Ticks
    """shape (blocks, 2): ticks of the fastest and the slowest run of the whole block"""
    simulated: bool

    def brief(self) -> str:  # noqa: D102
        return f"{self.runs} runs of {len(self.table)} blocks, mean {self.mean.sum() * 1e3:.3f} ms"

    def sheet(self) -> Sheet:  # noqa: D102
        from n6link.console import duration

        rows = [
            (block.label, *map(duration, times))
            for block, *times in zip(
                self.table.blocks, self.mean.tolist(), self.min.tolist(), self.max.tolist(), strict=True
            )
        ]
        return Sheet((Grid(("block", ">mean", ">min", ">max"), rows),), (f"times: {self.origin}",))

    @classmethod
    def from_records(
        cls,
        table: EpochTable,
        records: NDArray[np.void],
        *,
        runs: int,
        source: TimerSource,
        tick_hz: float,
        simulated: bool = False,
    ) -> Self:
        """The statistics of an EPOCH_STATS reply, whose ``records`` are BlockStats.

        Raises:
            RemoteProtocolError: there is not one record per block, or the clock rate is not positive.
        """
        if len(records) != len(table) or not tick_hz > 0:
            what = f"{len(records)} block statistics for {len(table)} blocks, at {tick_hz} Hz"
            raise RemoteProtocolError(f"the device sent {what}")
        sums = np.stack([records[name] for name in PHASES[1:]], axis=1).astype(np.uint64)
        bounds = np.stack([records["min"], records["max"]], axis=1).astype(np.uint64)
        simulated = simulated or source in ON_HOST
        return cls(table, source, tick_hz, runs, sums, bounds, simulated)

    def _seconds(self, ticks: Ticks) -> Seconds:
        return ticks / self.tick_hz if self.runs else np.full(len(ticks), np.nan)

    @property
    def mean(self) -> Seconds:
        """Mean time of each block."""
        return self._seconds(self.sums.sum(axis=1)) / max(self.runs, 1)

    def use(self, inference: float) -> TimeUse:
        """The use of time in the mean of all inferences.

        Args:
            inference: mean seconds of a whole inference, including gaps (``NetworkStats.mean``); 0 = unknown.
        """
        runs = max(self.runs, 1)
        core, total = self.sums[:, 1] / self.tick_hz, self.sums.sum(axis=1) / self.tick_hz
        return TimeUse(self.table, core / runs, total / runs, inference if self.runs else 0.0)

    @property
    def min(self) -> Seconds:
        """Fastest run of each block."""
        return self._seconds(self.bounds[:, 0])

    @property
    def max(self) -> Seconds:
        """Slowest run of each block; the maximum value 2^32 - 1 ticks also means longer."""
        return self._seconds(self.bounds[:, 1])

    @property
    def origin(self) -> str:
        """The source of the times, for every view and export."""
        return origin(self.source, self.simulated)

    def to_dict(self) -> Plain:
        """Plain values, for JSON."""
        rows: list[Plain] = []
        for block, mean, low, high in zip(self.table.blocks, self.mean, self.min, self.max, strict=True):
            times = {"mean_s": float(mean), "min_s": float(low), "max_s": float(high)} if self.runs else {}
            rows.append(block.to_dict() | times)
        head = {"source": self.source.name, "simulated": self.simulated, "origin": self.origin}
        return head | {"runs": self.runs, "tick_hz": self.tick_hz, "blocks": rows}


def origin(source: TimerSource, simulated: bool) -> str:
    """The source of the times in words, whether they are simulated, and whether the kinds of blocks are predicted."""
    words = f"simulated: {source.doc.removesuffix(': simulated')}" if simulated else source.doc
    return words + PREDICTED * (source is TimerSource.LITERT_PROFILER)
