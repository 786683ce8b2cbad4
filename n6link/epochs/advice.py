"""Why is a network slow? Its epochs on the CPU: their operations, their times, and what helps.

The times are those of a measurement, or the compiler's estimates (``max_cycles`` of c_info, as a share of the estimates of all epochs),
or unknown. Reasons and remedies are those of :mod:`n6link.epochs.operators`, with their sources.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

from n6link.epochs.offload import Seconds
from n6link.epochs.operators import Remedy, Source, remedy
from n6link.epochs.table import UNKNOWN, EpochBlock, EpochTable
from n6link.json_types import Plain
from n6link.protocol import EpochKind
from n6link.sheet import Grid, Sheet, Shown

CONTROLLER: Final = Remedy(
    (),
    "the CPU starts each of these epochs; the epoch controller would start them without the CPU",
    "add --enable-epoch-controller to the options of the profile of --st-neural-art",
    (Source.EPOCH_CONTROLLER,),
)
"""For epochs on the NPU that the epoch controller does not execute."""
ESTIMATED: Final = (
    "estimated by the compiler, too low for the CPU: it estimates the Softmax of a YOLOv8n-pose at 0.6% of the cycles; "
    "in logs of YOLOv8n and YOLO11n it took 15.1% and 10.4% of the time"
)
"""c_info of YOLOv8n-pose 256 (Core 2.1.0), and the logs of ``Source.YOLO_TIMES``."""
UNMEASURED: Final = "unknown: not measured, and the files do not contain estimates for all epochs on the CPU"


@dataclass(frozen=True, slots=True)
class Item:
    """All epochs on the CPU with one operation, or the HW epochs without epoch controller."""

    operation: str
    blocks: tuple[EpochBlock, ...]
    remedy: Remedy
    seconds: float | None
    """measured time of all these blocks; None = not measured"""
    share: float | None
    """of the inference, or, if nothing was measured, of the estimated cycles of all epochs; None = unknown"""

    @property
    def epochs(self) -> int:
        """Number of epochs."""
        return sum(block.epochs for block in self.blocks)

    @property
    def kinds(self) -> str:
        """``SW``, ``HYBRID``, or both."""
        return ", ".join(dict.fromkeys(block.kind.name for block in self.blocks))


@dataclass(frozen=True, slots=True, repr=False)
class Advice(Shown):
    """What the CPU computes in a network, and what helps; the most time first."""

    items: tuple[Item, ...]
    origin: str
    """source of the times in words: measured, estimated by the compiler, or unknown"""
    estimated: bool
    """whether shares are estimates"""

    @classmethod
    def of(
        cls,
        table: EpochTable,
        *,
        seconds: Seconds | None = None,
        inference: float = 0.0,
        origin: str = "",
        compiled: bool = True,
    ) -> Self:
        """The advice for a network.

        Args:
            table: its blocks, with the names of a report.
            seconds: measured time of each block, shape (blocks,); None = not measured.
            inference: measured seconds of the whole inference, for the shares.
            origin: source of the measured times.
            compiled: whether ST's compiler has made the blocks; others never have an epoch controller.
        """
        times = None if seconds is None else seconds.tolist()
        cycles = sum(block.estimated_total for block in table.blocks)
        # A table in which only some epochs on the CPU have an estimate gives no true shares.
        estimated = times is None and bool(cycles) and all(b.estimated_total for b in table.blocks if b.fallback)

        def item(operation: str, blocks: Sequence[EpochBlock], found: Remedy) -> Item:
            if times is not None:
                spent = sum(times[block.index] for block in blocks)
                return Item(operation, tuple(blocks), found, spent, spent / inference if inference else None)
            share = sum(block.estimated_total for block in blocks) / cycles if estimated else None
            return Item(operation, tuple(blocks), found, None, share)

        groups: dict[str, list[EpochBlock]] = {}
        for block in table.blocks:
            if block.fallback:
                groups.setdefault(block.fallback, []).append(block)
        items = [item(name, blocks, remedy("" if name == UNKNOWN else name)) for name, blocks in groups.items()]
        items.sort(key=lambda one: (-(one.share or 0.0), -(one.seconds or 0.0), -one.epochs, one.operation))
        alone = [block for block in table.blocks if block.kind is EpochKind.HW]
        if compiled and alone and not table.counts[EpochKind.EC]:
            items.append(item("without epoch controller", alone, CONTROLLER))
        words = ESTIMATED if estimated else origin or UNMEASURED
        return cls(tuple(items), words, estimated)

    def brief(self) -> str:  # noqa: D102
        return ", ".join(f"{item.operation} ({item.epochs})" for item in self.items) or "nothing is on the CPU"

    def sheet(self) -> Sheet:
        """What the CPU computes, and what helps."""
        from n6link.console import duration

        rows = [
            (
                item.operation,
                str(item.epochs),
                "-" if item.seconds is None else duration(item.seconds),
                "-" if item.share is None else f"{item.share:.1%}",
                item.remedy.change or "none is documented",
            )
            for item in self.items
        ]
        grid = Grid(("on the CPU", ">epochs", ">time", ">share", "remedy"), rows)
        return Sheet((grid,) if rows else (), (f"times: {self.origin}",))

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources of all items, in the order of their first use."""
        return tuple(dict.fromkeys(source for item in self.items for source in item.remedy.sources))

    def to_dict(self) -> Plain:
        """Plain values, for JSON: one row for each epoch block."""
        return {"times": self.origin, "estimated": self.estimated, "rows": list(self._rows())}

    def _rows(self) -> Iterator[Plain]:
        for item in self.items:
            yield {
                "operation": item.operation,
                "kinds": item.kinds,
                "epochs": [block.span for block in item.blocks],
                "seconds": item.seconds,
                "share": item.share,
                "reason": item.remedy.reason,
                "remedy": item.remedy.change or None,
                "sources": [str(source) for source in item.remedy.sources],
            }
