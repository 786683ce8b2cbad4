"""Epoch blocks and their table: the description of a network without measurements."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from n6link.errors import BadInput, RemoteProtocolError
from n6link.json_types import JsonObject, Plain, mapping, sequence, whole
from n6link.protocol import EpochKind
from n6link.protocol.records import BlockRecord
from n6link.sheet import Grid, Sheet, Shown

ON_NPU: Final = frozenset({EpochKind.HW, EpochKind.EC})
"""Kinds that run completely on the NPU."""
ON_CPU: Final = frozenset({EpochKind.SW, EpochKind.HYBRID})
"""Kinds that run on the CPU, completely or partly: the fallbacks."""
FOUR: Final = (EpochKind.EC, EpochKind.HW, EpochKind.HYBRID, EpochKind.SW)
"""The kinds of a network's epochs, in the order of all tables."""
UNKNOWN: Final = "unknown"
"""Shown for an operation without a name."""
_OPERATION_BYTES: Final = BlockRecord.DTYPE["operation"].itemsize


def known(share: float) -> float | None:
    """A share for JSON and views: None instead of NaN."""
    return None if math.isnan(share) else share


@dataclass(frozen=True, slots=True)
class EpochBlock:
    """One block that the runtime executes as a unit."""

    index: int
    """position in the table"""
    kind: EpochKind
    first: int
    """first epoch, with the compiler's number"""
    last: int
    """last epoch; equal to first unless the block is an EC blob"""
    operation: str = ""
    """name of the operation, empty if unknown"""
    estimated_npu: int = 0
    """the compiler's estimate of NPU cycles; 0 = unknown"""
    estimated_total: int = 0
    """the compiler's estimate of all cycles; 0 = unknown"""

    @property
    def epochs(self) -> int:
        """Epochs of the network in this block; 0 for a block that the runtime inserted."""
        return 0 if self.kind is EpochKind.EXTRA else self.last - self.first + 1

    @property
    def span(self) -> str:
        """``59``, or ``1-58``."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    @property
    def label(self) -> str:
        """Kind, epochs and operation, for people: ``SW 59 Resize``."""
        return f"{self.kind.name} {self.span} {self.operation}".rstrip()

    @property
    def sent_operation(self) -> str:
        """The start of the operation's name that fits in a BlockRecord, without partial characters."""
        return self.operation.encode()[:_OPERATION_BYTES].decode(errors="ignore").strip(" ,")

    @property
    def operations(self) -> tuple[str, ...]:
        """The names in :attr:`operation`: a block may compute several."""
        return tuple(name.strip() for name in self.operation.split(",") if name.strip())

    @property
    def fallback(self) -> str:
        """The CPU's operation in this block (SW and HYBRID), :data:`UNKNOWN` if it has no name; empty for other blocks."""
        return (self.operation or UNKNOWN) if self.kind in ON_CPU else ""

    def completed(self, known: EpochBlock) -> EpochBlock:
        """This block; missing name and estimates are taken from the other."""
        return replace(
            self,
            operation=self.operation or known.operation,
            estimated_npu=self.estimated_npu or known.estimated_npu,
            estimated_total=self.estimated_total or known.estimated_total,
        )

    @property
    def key(self) -> tuple[EpochKind, str]:
        """Identifies this block in another build of the network: its processor, and the CPU's operation.

        SW and HYBRID are equal here: ST's report and its generated code use different kinds for the same block.
        """
        kind = EpochKind.SW if self.kind in ON_CPU else self.kind
        return kind, "" if self.kind in ON_NPU else self.operation

    def to_dict(self) -> Plain:
        """Plain values; :meth:`from_dict` reads them."""
        return {
            "index": self.index,
            "kind": self.kind.name,
            "first": self.first,
            "last": self.last,
            "operation": self.operation,
            "estimated_npu": self.estimated_npu,
            "estimated_total": self.estimated_total,
        }

    @classmethod
    def from_dict(cls, values: JsonObject) -> Self:
        """The block of a :meth:`to_dict`.

        Raises:
            BadInput: a key is missing, or a value is not possible.
        """
        try:
            kind = EpochKind[str(values["kind"])]
            numbers = [whole(values[key]) for key in ("index", "first", "last", "estimated_npu", "estimated_total")]
            operation = str(values["operation"])
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"{values!r} is not an epoch block: {error!r}") from error
        index, first, last, npu, total = numbers
        return cls(index, kind, first, last, operation, npu, total)


@dataclass(frozen=True, slots=True, repr=False)
class EpochTable(Shown):
    """The epoch blocks of a network, in the order of execution, and its number of epochs.

    Epoch numbers have gaps: the compiler removes epochs without work, within EC blobs and between blocks. The range of a blob is
    therefore its position, not its number of epochs, and the compiler's counts are stored in addition to the blocks.
    """

    blocks: tuple[EpochBlock, ...]
    totals: Mapping[EpochKind, int] | None = None
    """the compiler's number of epochs by kind; None = as many as the blocks have numbers"""
    unlisted: int = 0
    """number of announced epochs that the report does not list"""

    def brief(self) -> str:  # noqa: D102
        return f"{len(self.blocks)} blocks; on the NPU: {self.offload}"

    def sheet(self) -> Sheet:  # noqa: D102
        rows = [(str(block.index), block.kind.name, block.operation) for block in self.blocks]
        return Sheet((Grid((">block", "kind", "operation"), rows),))

    @classmethod
    def from_records(cls, records: Iterable[BlockRecord], *, epochs: int | None = None) -> Self:
        """Converts a device's description.

        Args:
            records: one for each block.
            epochs: number of epochs of the network (``NetworkRecord.epochs``). If the blocks have one more, the table has the return
                marker; for any other difference, numbers have gaps.

        Raises:
            RemoteProtocolError: a record has an unknown kind, or ends before it starts.
        """
        blocks: list[EpochBlock] = []
        for index, record in enumerate(records):
            kind, first, last = record.kind, record.first, record.last
            if not isinstance(kind, EpochKind) or last < first:
                raise RemoteProtocolError(
                    f"epoch block {index} of the device is impossible: kind {kind}, epochs {first} to {last}; update n6link, or build the firmware again"
                )
            estimates = record.estimated_npu, record.estimated_total
            blocks.append(EpochBlock(index, kind, first, last, record.operation, *estimates))
        table = cls(tuple(blocks))
        if table.epochs - 1 == epochs:
            table = table.without_marker()
        return table if epochs is None else table.of(epochs)

    @classmethod
    def from_blocks(cls, blocks: Iterable[EpochBlock]) -> Self:
        """A table of these blocks, numbered from 0."""
        return cls(tuple(replace(block, index=index) for index, block in enumerate(blocks)))

    def without_marker(self) -> Self:
        """This table, if it is the runtime's, without the return marker; see :mod:`n6link.epochs.timers`.

        If the last block of the network is an EC blob, the last epoch of the blob is the marker. Otherwise the marker does not have a block.
        """
        last = self.blocks[-1] if self.blocks else None
        if last is None or last.kind is not EpochKind.EC or last.epochs < 2:
            return self
        return replace(self, blocks=(*self.blocks[:-1], replace(last, last=last.last - 1)))

    def of(self, epochs: int) -> Self:
        """This table for a network with this number of epochs: the difference from the blocks' numbers is in NPU blocks.

        If the NPU blocks have too few numbers for that, the table is not changed.
        """
        counts = self.counts
        kind = EpochKind.EC if counts[EpochKind.EC] else EpochKind.HW
        counts[kind] += epochs - self.epochs
        return self if epochs == self.epochs or counts[kind] < 0 else replace(self, totals=counts)

    def __len__(self) -> int:
        return len(self.blocks)

    @property
    def epochs(self) -> int:
        """Number of epochs of the network."""
        return sum(self.counts.values()) + self.unlisted

    @property
    def counts(self) -> dict[EpochKind, int]:
        """Epochs by kind, every kind present."""
        if self.totals is not None:
            return {kind: self.totals.get(kind, 0) for kind in EpochKind}
        return {kind: sum(block.epochs for block in self.blocks if block.kind is kind) for kind in EpochKind}

    @property
    def block_counts(self) -> dict[EpochKind, int]:
        """Blocks by kind, every kind present."""
        found = Counter(block.kind for block in self.blocks)
        return {kind: found[kind] for kind in EpochKind}

    @property
    def offload_by_count(self) -> float:
        """Share of the epochs that run completely on the NPU, 0..1; NaN without epochs, or if some are not listed."""
        return self._share(*ON_NPU)

    @property
    def hybrid_by_count(self) -> float:
        """Share of the epochs that run on both, 0..1; NaN like :attr:`offload_by_count`, which does not include them."""
        return self._share(EpochKind.HYBRID)

    @property
    def offload(self) -> str:
        """Both shares in words: ``86.5% of 148 epochs, 1.4% hybrid``."""
        if self.unlisted:
            return f"unknown, {self.unlisted} of {self.epochs} epochs are not listed"
        hybrid = f", {self.hybrid_by_count:.1%} hybrid" if self.counts[EpochKind.HYBRID] else ""
        return f"{self.offload_by_count:.1%} of {self.epochs} epochs{hybrid}"

    @property
    def offload_share(self) -> str:
        """A short form: ``86.5% + 1.4% hybrid``; ``-`` without epochs."""
        if self.unlisted or not self.epochs:
            return "unknown" if self.unlisted else "-"
        hybrid = f" + {self.hybrid_by_count:.1%} hybrid" if self.counts[EpochKind.HYBRID] else ""
        return f"{self.offload_by_count:.1%}{hybrid}"

    @property
    def kinds_by_count(self) -> str:
        """The number of epochs of each kind, in words: ``128 EC, 2 HYBRID, 18 SW``."""
        counts = self.counts
        parts = [f"{counts[kind]} {kind.name}" for kind in FOUR if counts[kind]]
        return ", ".join(parts + [f"{self.unlisted} not listed"] * bool(self.unlisted))

    def _share(self, *kinds: EpochKind) -> float:
        counts, epochs = self.counts, self.epochs
        return sum(counts[kind] for kind in kinds) / epochs if epochs and not self.unlisted else float("nan")

    @property
    def offload_by_blocks(self) -> float:
        """Share of the network's blocks (without EXTRA) that run completely on the NPU, 0..1; NaN if there are no blocks."""
        counts = self.block_counts
        blocks = len(self) - counts[EpochKind.EXTRA]
        return sum(counts[kind] for kind in ON_NPU) / blocks if blocks else float("nan")

    @property
    def fallbacks(self) -> dict[str, int]:
        """Operations that the CPU computes (SW and HYBRID), with their number of epochs, most frequent first."""
        found: Counter[str] = Counter()
        for block in self.blocks:
            if block.fallback:
                found[block.fallback] += block.epochs
        return dict(found.most_common())

    @property
    def kinds(self) -> NDArray[np.uint8]:
        """EpochKind of every block, shape (blocks,)."""
        return np.array([block.kind for block in self.blocks], np.uint8)

    @property
    def on_npu(self) -> NDArray[np.bool_]:
        """Which blocks run completely on the NPU, shape (blocks,)."""
        return np.isin(self.kinds, [int(kind) for kind in ON_NPU])

    def to_dict(self) -> Plain:
        """Plain values, for JSON; :meth:`from_dict` reads the blocks."""
        return {
            "epochs": self.epochs,
            "counts": {kind.name: count for kind, count in self.counts.items()},
            "unlisted": self.unlisted,
            "offload_by_count": known(self.offload_by_count),
            "hybrid_by_count": known(self.hybrid_by_count),
            "blocks": [block.to_dict() for block in self.blocks],
        }

    @classmethod
    def from_dict(cls, values: JsonObject) -> Self:
        """The table of a :meth:`to_dict`.

        Raises:
            BadInput: this is not such a dictionary.
        """
        counts = values.get("counts", {})
        try:
            blocks = [mapping(block) for block in sequence(values.get("blocks"))]
        except TypeError as error:
            raise BadInput(f"an epoch table must have a list of blocks: {error}") from error
        table = cls.from_blocks(map(EpochBlock.from_dict, blocks))
        try:
            totals = {EpochKind[name]: whole(count) for name, count in mapping(counts).items()}
            unlisted = whole(values.get("unlisted", 0))
        except (KeyError, TypeError) as error:
            raise BadInput(f"{counts!r} must be counts of epochs by kind: {error!r}") from error
        return replace(table, totals=None if totals in ({}, table.counts) else totals, unlisted=unlisted)

    def to_json(self) -> str:
        """:meth:`to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=1)

    def to_csv(self) -> str:
        """One line per block."""
        return to_csv(block.to_dict() for block in self.blocks)


def to_csv(rows: Iterable[Mapping[str, object]]) -> str:
    """CSV text (RFC 4180, but with Unix line ends) of rows; all rows have the keys of the first."""
    rows = list(rows)
    out = io.StringIO()
    if rows:
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return out.getvalue()
