"""Selects the chunk size for a line from the share of damaged chunks. Pure arithmetic.

A chunk of c bytes uses c + :data:`~n6link.link.frames.OVERHEAD` bytes on the line, and arrives undamaged with the probability
exp(-f (c + overhead)), where f is the number of faults per byte. The number of useful bytes per sent byte is largest near
c = sqrt(overhead / f), for small f.
"""

from __future__ import annotations

import math
from typing import Final

from n6link.link.frames import OVERHEAD, Counters, Mark
from n6link.protocol import Limit

SAMPLE: Final = 24
"""number of chunks in one sample"""
ALARM: Final = 0.05
"""share of damaged chunks in :data:`LARGE_SAMPLE` above which the rate of the line is proved again"""
LARGE_SAMPLE: Final = 64
"""number of chunks for that"""
HEARD: Final = 512
"""number of received bytes for the same with bytes that are not in a good frame"""
BAD: Final = 0.25
"""if the share of damaged chunks is larger in two consecutive samples, a smaller size is faster"""


class Damage:
    """Counts the damaged chunks of one link."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._mark = self._seen = self._heard = counters.mark()
        self._bad = 0

    def begin(self) -> None:
        """A session starts, or the line has another rate: a new sample starts."""
        self._mark, self._bad = self._counters.mark(), 0
        self._seen = self._heard = self._mark

    def _since(self, mark: Mark) -> tuple[int, float]:
        """Number of chunks since a mark in the direction with more of them, and the share of damaged ones in the worse direction."""
        counters = self._counters
        up, repeated = counters.tx_chunks - mark[3], counters.retransmits - mark[4]
        down, damaged = counters.rx_chunks - mark[5], counters.rx_damaged - mark[6]
        # Uploads and results are counted separately: the directions of a line may differ.
        return max(up, down + damaged), max(repeated / max(up, 1), damaged / max(down + damaged, 1))

    def rising(self) -> bool:
        """Whether too many chunks or bytes of a sample are damaged for the rate of the line; a new sample starts when one is complete."""
        now = self._counters.mark()
        received, skipped = now[0] - self._heard[0], now[1] - self._heard[1]
        bad = False
        if received >= HEARD:
            self._heard, bad = now, skipped > ALARM * received
        chunks, lost = self._since(self._seen)
        if chunks >= LARGE_SAMPLE:
            self._seen, bad = now, bad or lost > ALARM
        return bad

    def better(self, chunk: int) -> int | None:
        """A better chunk size for the line; None = the present size is best, or there are too few samples."""
        chunks, lost = self._since(self._mark)
        if chunks < SAMPLE or chunk <= Limit.MIN_CHUNK:
            return None
        self._mark = self._counters.mark()
        self._bad = self._bad + 1 if lost > BAD else 0
        if self._bad < 2:
            return None
        # The limit of 0.01 avoids log(0). A power of two, as the protocol requires, and at most half of the present size,
        # so that each change has an effect that the next samples can measure.
        faults = -math.log(max(1 - lost, 0.01)) / (chunk + OVERHEAD)
        best = 1 << int(math.log2(math.sqrt(OVERHEAD / faults)))
        best = max(min(best, chunk // 2), int(Limit.MIN_CHUNK))
        return best if best < chunk else None
