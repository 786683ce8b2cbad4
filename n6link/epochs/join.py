"""Puts what a report knows of a network onto the epoch blocks that a device has, and says where the two disagree.

A measured block that covers one epoch more than the report's last block is no disagreement: the device counts the return
marker (see :mod:`n6link.epochs.timers`). Blocks that the runtime inserted are in no report and stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

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
            blocks[block.index], wrong = _complete(block, known, last=known is report.blocks[-1])
            disagreements += wrong
        elif block:
            disagreements.append(f"{block.label} runs on the device, and is not in the report.")
        elif known:
            disagreements.append(f"{known.label} is in the report, and does not run on the device.")
    return Join(EpochTable(tuple(blocks)), tuple(disagreements))


def _complete(block: EpochBlock, known: EpochBlock, *, last: bool) -> tuple[EpochBlock, list[str]]:
    end = block.last - 1 if last and block.last == known.last + 1 else block.last
    full = replace(
        block,
        last=max(end, block.first),
        operation=block.operation or known.operation,
        estimated_npu=block.estimated_npu or known.estimated_npu,
        estimated_total=block.estimated_total or known.estimated_total,
    )
    same_name = known.operation[: len(block.operation)] == block.operation
    same_span = (block.first, end) == (known.first, known.last)
    if same_span and (same_name or not known.operation):
        return full, []
    return full, [f"{block.label} runs where the report has {known.label}."]
