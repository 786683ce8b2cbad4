"""Selects the chunk size for a line from the share of damaged chunks. Pure arithmetic.

A chunk of c bytes uses c + :data:`~n6link.link.frames.OVERHEAD` bytes on the line, and arrives undamaged with the probability
exp(-f (c + overhead)), where f is the number of faults per byte. The number of useful bytes per sent byte is largest near
c = sqrt(overhead / f), for small f.
"""

from __future__ import annotations

import math
from typing import Final

from n6link.link.frames import OVERHEAD, Counters
from n6link.protocol import Limit

SAMPLE: Final = 24
"""number of chunks in one sample"""
BAD: Final = 0.25
"""if the share of damaged chunks is larger in two consecutive samples, a smaller size is faster"""


class Damage:
    """Counts the damaged chunks of one link."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._mark = counters.mark()
        self._bad = 0

    def begin(self) -> None:
        """A session starts: a new sample starts with its chunk size."""
        self._mark, self._bad = self._counters.mark(), 0

    def better(self, chunk: int) -> int | None:
        """A better chunk size for the line; None = the present size is best, or there are too few samples."""
        now = self._counters.mark()
        _, _, _, up, repeated, down, damaged = (b - a for a, b in zip(self._mark, now, strict=True))
        if max(up, down + damaged) < SAMPLE or chunk <= Limit.MIN_CHUNK:
            return None
        # Uploads and results are counted separately: the directions of a line may differ.
        lost = max(repeated / max(up, 1), damaged / max(down + damaged, 1))
        self._mark = now
        self._bad = self._bad + 1 if lost > BAD else 0
        if self._bad < 2:
            return None
        # The limit of 0.01 avoids log(0). A power of two, as the protocol requires, and at most half of the present size,
        # so that each change has an effect that the next samples can measure.
        faults = -math.log(max(1 - lost, 0.01)) / (chunk + OVERHEAD)
        best = 1 << int(math.log2(math.sqrt(OVERHEAD / faults)))
        best = max(min(best, chunk // 2), int(Limit.MIN_CHUNK))
        return best if best < chunk else None
