"""Which chunk size suits the line, judged by the chunks that arrive damaged. Pure arithmetic.

A chunk of c bytes costs c + :data:`~n6link.link.frames.OVERHEAD` on the line and survives with the probability exp(-f (c + overhead)),
where f is the rate of faults per byte. What arrives per byte that is sent is largest near c = sqrt(overhead / f), for small f.
"""

from __future__ import annotations

import math
from typing import Final

from n6link.link.frames import OVERHEAD, Counters
from n6link.protocol import Limit

SAMPLE: Final = 24
"""chunks after which the line is judged"""
BAD: Final = 0.25
"""share of damaged chunks above which a smaller size pays, if it is so in two samples after each other"""


class Damage:
    """Watches the chunks of one link."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._mark = counters.mark()
        self._bad = 0

    def begin(self) -> None:
        """A session begins, with a chunk size that has still to be judged."""
        self._mark, self._bad = self._counters.mark(), 0

    def better(self, chunk: int) -> int | None:
        """The size that would suit the line better than the present one; None = the present one is right, or nothing is known yet."""
        now = self._counters.mark()
        _, _, _, up, repeated, down, damaged = (b - a for a, b in zip(self._mark, now, strict=True))
        if max(up, down + damaged) < SAMPLE or chunk <= Limit.MIN_CHUNK:
            return None
        lost = max(repeated / max(up, 1), damaged / max(down + damaged, 1))
        self._mark = now
        self._bad = self._bad + 1 if lost > BAD else 0
        if self._bad < 2:
            return None
        faults = -math.log(max(1 - lost, 0.01)) / (chunk + OVERHEAD)
        best = 1 << int(math.log2(math.sqrt(OVERHEAD / faults)))
        best = max(min(best, chunk // 2), int(Limit.MIN_CHUNK))
        return best if best < chunk else None
