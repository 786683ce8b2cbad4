"""Adds a report's data to the blocks of a runtime, and detects reports of another build.

ST's report and the runtime describe the same network with some differences, which are not errors:

* A block that is hybrid in the generated code is often SW in the report. Views show the report's kind and operation.
* The report may list HW epochs that compute nothing and have no block. Since version 4.0 it does not list removed epochs, but the range
  of an EC block still includes their numbers.
* If a text lists EC epochs one by one, it does not contain the ends of blobs, so that a series of EC epochs may be several blocks.

Another number, kind or operation at the same position is evidence that the files are from different builds.
Both tables are without the return marker (:meth:`EpochTable.without_marker`). Blocks that the runtime inserted are not in reports and
are not changed. If a report is truncated, missing blocks are not evidence.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from n6link.epochs.table import ON_CPU, EpochBlock, EpochTable
from n6link.protocol import EpochKind


@dataclass(frozen=True, slots=True)
class Join:
    """A runtime's table with the data of a report."""

    table: EpochTable
    """the runtime's blocks with the report's kinds, names, estimates and counts; if the builds differ, only with names and estimates
    that the runtime does not have"""
    disagreements: tuple[str, ...]
    """the evidence for different builds, one sentence each"""


def join(report: EpochTable, measured: EpochTable) -> Join:
    """Joins a report's blocks with those of a runtime.

    Args:
        report: the compiler's table.
        measured: the runtime's table; its order and number of blocks are kept.
    """
    listed = sorted(report.blocks, key=lambda block: block.first)
    firsts, lasts = [block.first for block in listed], [block.last for block in listed]
    own = [block for block in measured.blocks if block.kind is not EpochKind.EXTRA]
    pairs = [(block, listed[bisect_left(lasts, block.first) : bisect_right(firsts, block.last)]) for block in own]
    listing_ends = lasts[-1] if report.unlisted and lasts else None
    evidence = [
        (block.first, sentence)
        for block, known in pairs
        if known or listing_ends is None or block.first <= listing_ends
        for sentence in _against(block, known)
    ]
    evidence += _missing(listed, [known for _, found in pairs for known in found], own)
    blocks = list(measured.blocks)
    for block, known in pairs:
        named = [part for part in known if block.first <= part.first and part.last <= block.last]
        if not evidence:
            blocks[block.index] = _described(block, named)
        elif len(known) == 1 and not any(_against(block, known)):
            blocks[block.index] = block.completed(known[0])
    if evidence:
        return Join(replace(measured, blocks=tuple(blocks)), tuple(sentence for _, sentence in sorted(evidence)))
    if report.unlisted:
        return Join(replace(measured, blocks=tuple(blocks)), ())
    return Join(EpochTable(tuple(blocks), report.counts), ())


def _described(block: EpochBlock, known: Sequence[EpochBlock]) -> EpochBlock:
    """The block with the report's kind, names and estimates."""
    kind = known[0].kind if known else block.kind
    names = dict.fromkeys(name for part in known for name in part.operations)
    estimates = (
        sum(part.estimated_npu for part in known) or block.estimated_npu,
        sum(part.estimated_total for part in known) or block.estimated_total,
    )
    return replace(
        block,
        kind=kind,
        operation=", ".join(names) or block.operation,
        estimated_npu=estimates[0],
        estimated_total=estimates[1],
    )


def _against(block: EpochBlock, known: Sequence[EpochBlock]) -> Iterator[str]:
    """The first contradiction between the report and this block."""
    if not known:
        yield f"{block.label} runs, but is not in the report"
    for part in known:
        if not (_same_kind(part, block) and _same_place(part, block) and _same_name(part, block)):
            yield f"{block.label} runs, but the report has {part.label}"
            return


def _same_kind(known: EpochBlock, block: EpochBlock) -> bool:
    return known.kind is block.kind or (known.kind in ON_CPU and block.kind in ON_CPU)


def _same_place(known: EpochBlock, block: EpochBlock) -> bool:
    """EC epochs may be listed with gaps, or as one series of several blobs; one of the two must include the other."""
    if block.kind is not EpochKind.EC:
        return (known.first, known.last) == (block.first, block.last)
    first, last = max(known.first, block.first), min(known.last, block.last)
    return (first, last) in ((known.first, known.last), (block.first, block.last))


def _same_name(known: EpochBlock, block: EpochBlock) -> bool:
    """Whether the two may have the same operation: a device has the start of a name, or none; a block may have several."""
    if known.kind not in ON_CPU or not known.operation or not block.operation:
        return True
    names = [_plain(name) for name in known.operations]
    return any(name.startswith(own) or own.startswith(name) for own in map(_plain, block.operations) for name in names)


def _plain(operation: str) -> str:
    """An operation without its type: ``Sub(float)`` is ``sub``."""
    return operation.partition("(")[0].strip().lower()


def _missing(
    listed: Sequence[EpochBlock], found: Sequence[EpochBlock], own: Sequence[EpochBlock]
) -> Iterator[tuple[int, str]]:
    """Epochs in the report without a block. HW epochs that compute nothing do not have one."""
    seen = {id(block) for block in found}
    last = max((block.last for block in own), default=0)
    for part in listed:
        idle = part.kind is EpochKind.HW and not part.estimated_total and part.first < last
        if id(part) not in seen and not idle:
            yield part.first, f"{part.label} is in the report, but does not run"
