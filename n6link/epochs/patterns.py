"""Repeated series of epoch blocks: the layers of a network as the compiler has divided them.

A transformer with six layers has the same series of CPU epochs six times. :func:`find` reads the sequence of steps (all neighbouring
NPU blocks are one step) and returns the repeats; those that cover most of the network are first. A repeat contains the repeats within
one of its copies. ``str()`` of a repeat is its name, such as::

    6 x (NPU, Transpose, NPU, 4 x (Conv), NPU, Softmax)

Only repeats with work of the CPU are returned, and only copies that follow each other without a gap.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from n6link.epochs.timers import ON_NPU, EpochTable
from n6link.protocol import EpochKind

NPU: Final = "NPU"
"""The step for a series of NPU blocks and the blocks that the runtime inserts between them."""
MAX_STEPS: Final = 4096
"""Longer sequences are not searched: the search takes time with the square of the length."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """The same steps, several times without a gap."""

    name: str
    """the whole repeat, as above"""
    steps: tuple[str, ...]
    """one copy: ``NPU``, or the operation that the CPU computes"""
    spans: tuple[tuple[int, int], ...]
    """for each copy its first block, and the block after its last one"""
    inner: tuple[Repeat, ...]
    """the repeats within the first copy"""

    @property
    def times(self) -> int:
        """Number of copies."""
        return len(self.spans)

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """The CPU's operations in one copy, in order."""
        return tuple(step for step in self.steps if step != NPU)

    def __str__(self) -> str:
        return self.name


def find(table: EpochTable) -> tuple[Repeat, ...]:
    """The repeats of a network; those that cover most steps are first.

    Example: ``find(report.table)[0].times`` is the number of layers of a transformer.
    """
    steps: list[str] = []
    begins: list[int] = []
    for block in table.blocks:
        npu = block.kind in ON_NPU or block.kind is EpochKind.EXTRA
        if not (npu and steps and steps[-1] == NPU):
            steps.append(NPU if npu else block.operation or block.kind.name)
            begins.append(block.index)
    if len(steps) > MAX_STEPS:
        return ()
    bounds = np.array([*begins, len(table)])
    codes = np.unique(np.array(steps, np.str_), return_inverse=True)[1]
    return tuple(_in_blocks(repeat, bounds) for repeat in _search(tuple(steps), codes, 0))


def _search(steps: tuple[str, ...], codes: NDArray[np.intp], shift: int) -> list[Repeat]:
    """Repeats of a sequence, with spans in steps that start at ``shift``."""
    free = np.ones(len(steps), np.bool_)
    found: list[Repeat] = []
    for _, period, start, times in sorted(_candidates(codes)):
        stop = start + period * times
        unit = steps[start : start + period]
        if free[start:stop].all() and any(step != NPU for step in unit):
            free[start:stop] = False
            begin = shift + start
            spans = tuple((begin + copy * period, begin + (copy + 1) * period) for copy in range(times))
            inner = tuple(_search(unit, codes[start : start + period], begin))
            found.append(Repeat(f"{times} x ({_spell(unit, inner, begin)})", unit, spans, inner))
    return found


def _spell(steps: tuple[str, ...], inner: tuple[Repeat, ...], begin: int) -> str:
    """The steps of one copy, with its inner repeats."""
    parts: list[str] = []
    offset = 0
    for repeat in sorted(inner, key=lambda part: part.spans):
        parts += (*steps[offset : repeat.spans[0][0] - begin], repeat.name)
        offset = repeat.spans[-1][1] - begin
    return ", ".join((*parts, *steps[offset:]))


def _candidates(codes: NDArray[np.intp]) -> Iterator[tuple[int, int, int, int]]:
    """Every longest run of period p with at least two copies, as (-steps covered, p, start, copies)."""
    for period in range(1, len(codes) // 2 + 1):
        # A run of equal elements at distance p is a series of copies of period p.
        same = np.concatenate(([False], codes[period:] == codes[:-period], [False]))
        edges = np.flatnonzero(same[1:] != same[:-1])
        for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            times = (stop - start) // period + 1
            if times > 1:
                yield -times * period, period, start, times


def _in_blocks(repeat: Repeat, bounds: NDArray[np.intp]) -> Repeat:
    """The repeat with spans in blocks instead of steps."""
    spans = tuple((int(bounds[first]), int(bounds[stop])) for first, stop in repeat.spans)
    return replace(repeat, spans=spans, inner=tuple(_in_blocks(inner, bounds) for inner in repeat.inner))
