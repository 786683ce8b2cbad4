"""A prediction for a network, and its comparison with a report of the same network."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self

from n6link.epochs.predict.model import Operation
from n6link.epochs.predict.rules import Place, Placement, place
from n6link.epochs.predict.tflite import read_tflite
from n6link.epochs.table import EpochBlock, EpochTable
from n6link.json_types import Plain
from n6link.protocol import EpochKind
from n6link.sheet import Grid, Sheet, Shown

KINDS: Final = {Place.NPU: EpochKind.HW, Place.CPU: EpochKind.SW, Place.SPLIT: EpochKind.HYBRID}
"""Kinds of predicted blocks."""


@dataclass(frozen=True, slots=True)
class Row:
    """One operation with its expected place."""

    operation: Operation
    placement: Placement

    def to_dict(self) -> Plain:
        """Plain values, for JSON."""
        return {
            "index": self.operation.index,
            "operation": self.operation.name,
            "place": self.placement.place.value,
            "condition": self.placement.condition,
            "cpu_epochs": list(self.placement.epochs),
            "macs": self.operation.macs,
            "shape": list(self.operation.outputs[0].shape) if self.operation.outputs else [],
            "source": str(self.placement.source),
        }


@dataclass(frozen=True, slots=True, repr=False)
class Prediction(Shown):
    """Where ST's compiler is expected to put the operations of a network. Nothing here was compiled or measured."""

    source: str
    rows: tuple[Row, ...]
    varying: int = 0
    """tensors with a length that may vary; the prediction is for the shapes in the file"""

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Self:
        """The prediction for a ``.tflite`` file.

        Raises:
            BadInput: as :func:`n6link.epochs.predict.tflite.read_tflite`.
        """
        network = read_tflite(path)
        rows = tuple(Row(operation, place(operation)) for operation in network.operations)
        return cls(network.source, rows, network.varying)

    def brief(self) -> str:  # noqa: D102
        counts = ", ".join(f"{count} {where.value}" for where, count in self.counts.items() if count)
        return f"of {self.source}: {counts}"

    def sheet(self) -> Sheet:
        """The operations that the CPU computes, completely or partly."""
        rows = [
            (str(row.operation.index), row.operation.name, row.placement.place.value, row.placement.condition)
            for row in self.fallbacks
        ]
        grid = Grid((">number", "operation", "place", "because of"), rows)
        return Sheet((grid,) if rows else (), ("predicted: not compiled, not measured",))

    @property
    def working(self) -> tuple[Row, ...]:
        """The operations that do something at run time."""
        return tuple(row for row in self.rows if row.placement.place is not Place.FOLDED)

    @property
    def fallbacks(self) -> tuple[Row, ...]:
        """The operations that the CPU computes, completely or partly."""
        return tuple(row for row in self.working if row.placement.place is not Place.NPU)

    @property
    def counts(self) -> dict[Place, int]:
        """Number of operations by place, every place present."""
        found = Counter(row.placement.place for row in self.rows)
        return {where: found[where] for where in Place}

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions, dense layers and matrix products; the compiler also counts other operations."""
        return sum(row.operation.macs for row in self.working)

    @property
    def macs_on_npu(self) -> float:
        """Share of the multiply-accumulates on the NPU, 0..1; NaN if there are none."""
        on_npu = sum(row.operation.macs for row in self.working if row.placement.place is Place.NPU)
        return on_npu / self.macs if self.macs else float("nan")

    @property
    def epochs(self) -> Counter[str]:
        """The expected epochs on the CPU, by the names in ST's reports."""
        return Counter(name for row in self.rows for name in row.placement.epochs)

    @property
    def table(self) -> EpochTable:
        """One block for each operation with work; its number is the operation's position in the file."""
        return EpochTable.from_blocks(
            EpochBlock(0, KINDS[row.placement.place], row.operation.index, row.operation.index, row.operation.name)
            for row in self.working
        )

    def to_dict(self) -> Plain:
        """Plain values, for JSON."""
        return {
            "source": self.source,
            "predicted": True,
            "varying": self.varying,
            "operations": {where.value: count for where, count in self.counts.items()},
            "macs": self.macs,
            "macs_on_npu": self.macs_on_npu,
            "cpu_epochs": dict(self.epochs),
            "rows": [row.to_dict() for row in self.rows],
        }


@dataclass(frozen=True, slots=True)
class Agreement:
    """The predicted epochs on the CPU and those of a report, by operation."""

    operations: int
    """number of the network's operations with work"""
    predicted: Mapping[str, int]
    """epochs on the CPU by ST's name of the operation"""
    reported: Mapping[str, int]

    @classmethod
    def of(cls, prediction: Prediction, report: EpochTable) -> Self:
        """Compares with the table of a report, or of generated code, of the same network."""
        found: Counter[str] = Counter()
        for block in report.blocks:
            if block.fallback:
                # The type is not part of the name: Sub(float).
                found.update(name.partition("(")[0] for name in block.operations or ("unknown",))
        return cls(len(prediction.working), prediction.epochs, found)

    @property
    def names(self) -> tuple[str, ...]:
        """All operations that are predicted or reported, the most frequent in the report first."""
        names = set(self.predicted) | set(self.reported)
        return tuple(sorted(names, key=lambda name: (-self.reported.get(name, 0), name)))

    def agreed(self, name: str) -> int:
        """Number of epochs of an operation that are predicted and reported."""
        return min(self.predicted.get(name, 0), self.reported.get(name, 0))

    @property
    def missed(self) -> dict[str, int]:
        """Reported epochs on the CPU that were not predicted, by operation."""
        return dict(self._more(self.reported))

    @property
    def wrong(self) -> dict[str, int]:
        """Predicted epochs on the CPU that are not in the report, by operation."""
        return dict(self._more(self.predicted))

    def _more(self, one: Mapping[str, int]) -> Iterator[tuple[str, int]]:
        for name in self.names:
            if (more := one.get(name, 0) - self.agreed(name)) > 0:
                yield name, more

    @property
    def rate(self) -> float:
        """Share of the operations that are rightly named CPU or NPU, 0..1, if every missed or wrong epoch is of another operation."""
        errors = sum(self.missed.values()) + sum(self.wrong.values())
        return max(1 - errors / self.operations, 0.0) if self.operations else 1.0

    def __str__(self) -> str:
        """``255 operations, 100.0% rightly named; on the CPU 11 epochs predicted, 11 reported, 11 in both``."""
        both = sum(map(self.agreed, self.names))
        return (
            f"{self.operations} operations, {self.rate:.1%} rightly named; "
            f"on the CPU {sum(self.predicted.values())} epochs predicted, {sum(self.reported.values())} reported, {both} in both"
        )

    def to_dict(self) -> Plain:
        """Plain values, for JSON."""
        return {
            "operations": self.operations,
            "rate": self.rate,
            "predicted": dict(self.predicted),
            "reported": dict(self.reported),
            "missed": self.missed,
            "wrong": self.wrong,
        }
