"""Puts what a report knows of a network onto the epoch blocks that a device has, and says where the two disagree.

Both tables are without the return marker (:meth:`EpochTable.without_marker`). Blocks that the runtime inserted are in no report and
stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

from n6link.epochs.align import Pair, align
from n6link.epochs.timers import EpochBlock, EpochTable
from n6link.protocol import EpochKind


@dataclass(frozen=True, slots=True)
class Join:
    """A device's table with what a report adds to it."""

    table: EpochTable
    """the device's blocks, with the report's operations and estimates where the device gives none"""
    disagreements: tuple[str, ...]
    """one sentence each; if there is any, the report is likely of another build than the one on the board"""


def join(report: EpochTable, measured: EpochTable) -> Join:
    """Joins a report's blocks with those of a device.

    Args:
        report: what the compiler says.
        measured: what runs; its order and number of blocks are kept.
    """
    own = [block for block in measured.blocks if block.kind is not EpochKind.EXTRA]
    if [block.kind for block in own] == [block.kind for block in report.blocks]:
        pairs: list[Pair] = [(index, index) for index in range(len(own))]
    else:
        pairs = align([(b.kind, b.first) for b in report.blocks], [(b.kind, b.first) for b in own])
    blocks = list(measured.blocks)
    disagreements = []
    for there, here in pairs:
        known = None if there is None else report.blocks[there]
        block = None if here is None else own[here]
        if block and known:
            blocks[block.index] = block.completed(known)
            if not _agree(block, known):
                disagreements.append(f"{block.label} runs where the report has {known.label}.")
        elif block:
            disagreements.append(f"{block.label} runs on the device, and is not in the report.")
        elif known:
            disagreements.append(f"{known.label} is in the report, and does not run on the device.")
    return Join(EpochTable(tuple(blocks)), tuple(disagreements))


def _agree(block: EpochBlock, known: EpochBlock) -> bool:
    """The report may lack the name, and the device may have the begin of it only."""
    same_name = known.operation[: len(block.operation)] == block.operation
    return (block.first, block.last) == (known.first, known.last) and (same_name or not known.operation)
