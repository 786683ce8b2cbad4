"""The NPU's share of a network: the only definition of offload.

Offload is always shown in two ways, because they answer different questions. **By count** it is the share of the epochs that run
completely on the NPU (HW and EC), as "94.7 %" in published case studies. **By time** it is the share of a whole inference in which the
NPU computes: the core phases of the HW and EC blocks, divided by the time from the start of the network to its end. This time includes
the CPU's pre and post phases, all SW and HYBRID blocks, and the *overhead*, which is the runtime's time between the blocks.

If the overhead is large, as for a small network or on a simulated board, it hides the blocks' share.
:attr:`TimeUse.offload_without_overhead` is therefore the same share of the blocks' own time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from n6link.colours import KIND_COLOURS, OVERHEAD_COLOUR
from n6link.epochs.table import EpochBlock, EpochTable, known
from n6link.json_types import Plain
from n6link.protocol import EpochKind
from n6link.sheet import Bar, Grid, Sheet, Shown

OVERHEAD: Final = "overhead"
"""Key of the time between blocks in :meth:`TimeUse.by_kind`."""

Seconds = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TimeUse(Shown):
    """The use of time in one measured inference, or in the mean of several."""

    table: EpochTable
    core: Seconds
    """core phase of each block, shape (blocks,)"""
    total: Seconds
    """all three phases of each block, shape (blocks,)"""
    measured: float
    """measured seconds of the whole inference, including gaps; 0 = unknown"""

    @property
    def blocks(self) -> float:
        """Seconds of all blocks."""
        return float(self.total.sum())

    @property
    def inference(self) -> float:
        """Seconds of the whole inference, never less than those of its blocks."""
        # Statistics of the network and of its blocks are read by two requests: a run between them is only in the blocks' sums.
        return max(self.measured, self.blocks)

    @property
    def overhead(self) -> float:
        """Seconds of the inference outside of the blocks."""
        return self.inference - self.blocks

    @property
    def offload_by_time(self) -> float:
        """Share of the inference in which the NPU computes, 0..1; NaN before the first run, or if only blocks were measured."""
        return self._share(self.inference) if self.measured else math.nan

    @property
    def offload_without_overhead(self) -> float:
        """The same share of the blocks' own time; NaN before the first run."""
        return self._share(self.blocks)

    def _share(self, whole: float) -> float:
        return float(self.core[self.table.on_npu].sum()) / whole if whole and len(self.table) else math.nan

    def by_kind(self) -> dict[str, float]:
        """Share of the inference by name of the kind, and of the overhead; the sum is 1, or 0 before the first run."""
        kinds, whole = self.table.kinds, self.inference
        seconds = {kind.name: float(self.total[kinds == kind].sum()) for kind in EpochKind} | {OVERHEAD: self.overhead}
        return {name: value / whole if whole else 0.0 for name, value in seconds.items()}

    def brief(self) -> str:  # noqa: D102
        return f"on the NPU: {self}"

    def sheet(self) -> Sheet:
        """The share of each kind."""
        colours = {kind.name: colour for kind, colour in KIND_COLOURS.items()} | {OVERHEAD: OVERHEAD_COLOUR}
        rows = [(name, f"{share:.1%}", Bar(share, colours[name])) for name, share in self.by_kind().items() if share]
        return Sheet((Grid(("kind", ">share of the time", ""), rows),))

    def __str__(self) -> str:
        """``94.7% of 75 epochs, 71.2% of the time``, and the share without overhead if it differs."""
        by_time, without = f"{self.offload_by_time:.1%}", f"{self.offload_without_overhead:.1%}"
        return f"{self.table.offload}, {by_time} of the time" + (
            f" ({without} without overhead)" if without != by_time else ""
        )


class Measured(Shown):
    """Figures of measured blocks, for one inference and for the mean of several."""

    __slots__ = ()

    @property
    def origin(self) -> str:
        """The source of the times, for every view and export."""
        raise NotImplementedError

    def sheet(self) -> Sheet:
        """The share of each kind, and the slowest blocks."""
        from n6link.console import duration

        slowest = self.slowest()
        most = max((seconds for _, seconds in slowest), default=0.0) or 1.0
        blocks = [
            (block.label, duration(seconds), Bar(seconds / most, KIND_COLOURS[block.kind]))
            for block, seconds in slowest
        ]
        return Sheet(
            (*self.use.sheet().grids, Grid(("slowest blocks", ">time", ""), blocks)),
            (f"times: {self.origin}",),
        )

    @property
    def use(self) -> TimeUse:
        """The use of time in an inference."""
        raise NotImplementedError

    @property
    def overhead(self) -> float:
        """Seconds of an inference outside of the blocks."""
        return self.use.overhead

    @property
    def offload_by_count(self) -> float:
        """Share of the epochs that run completely on the NPU, 0..1; NaN without epochs."""
        return self.use.table.offload_by_count

    @property
    def offload_by_time(self) -> float:
        """Share of an inference in which the NPU computes, 0..1; NaN before the first run."""
        return self.use.offload_by_time

    def by_kind(self) -> dict[str, float]:
        """Share of the time by name of the kind, and ``overhead``; the sum is 1, or 0 before the first run."""
        return self.use.by_kind()

    def slowest(self, count: int = 10) -> list[tuple[EpochBlock, float]]:
        """The blocks that take longest with their seconds, slowest first."""
        use = self.use
        order = np.argsort(-use.total, kind="stable")[:count]
        return [(use.table.blocks[index], float(use.total[index])) for index in order]

    def figures(self) -> Plain:
        """Both offloads, the overhead in seconds and the shares by kind, for JSON; None = unknown."""
        return {
            "overhead_s": self.overhead,
            "offload_by_count": known(self.offload_by_count),
            "offload_by_time": known(self.offload_by_time),
            "offload_without_overhead": known(self.use.offload_without_overhead),
            "by_kind": self.by_kind(),
        }
