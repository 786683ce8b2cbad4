"""A report as the block table of a simulated network."""

from __future__ import annotations

import os

from n6link.epochs.st_report.files import read


def block_table(path: str | os.PathLike[str]) -> str:
    """The number of epochs, the epoch blocks and the memory pools of a report as text, one per line, see ``firmware/npu/block_table.h``.

    A simulated network with this text has the epochs of the compiled network. Pools that the report's target does not have
    (with size 0) are omitted.

    Raises:
        ReportError: the report cannot be read, or does not list epochs.
    """
    report = read(path)
    table = report.require_table()
    blocks = (
        f"{block.kind.name} {block.first} {block.last} {block.estimated_npu} {block.estimated_total} "
        f"{block.sent_operation}".rstrip()
        for block in table.blocks
    )
    pools = (
        f"pool {'_'.join(pool.name.split()) or '?'} {pool.base:#x} {pool.total} {pool.used} {pool.weights} {pool.activations}"
        for pool in report.pools
        if pool.total
    )
    return "".join(f"{line}\n" for line in (f"epochs {table.epochs}", *blocks, *pools))
