"""The session's clock as the time of day, which recordings and other computers use."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from n6link import ambient

SECOND: Final = 1_000_000_000
"""nanoseconds"""
_TRIES: Final = 8


class Wall:
    """Converts ``time.monotonic()`` to nanoseconds since 1970, UTC.

    Both clocks are compared once: a time of day that is set later does not change the distances between messages.

    Args:
        now: nanoseconds since 1970.

    Attributes:
        error: maximum error of the comparison, in seconds. The error of the computer's own time of day is not known.
    """

    def __init__(self, now: Callable[[], int] = time.time_ns) -> None:
        self.error = math.inf
        self._origin = 0
        for _ in range(_TRIES):  # the shortest of a few readings: the program may be interrupted between two clocks
            before = ambient.monotonic()
            wall = now()
            after = ambient.monotonic()
            if (after - before) / 2 < self.error:
                self.error = (after - before) / 2
                self._origin = wall - round((before + after) / 2 * SECOND)

    def at(self, monotonic: float) -> int:
        """The time of day for a time of the session; 0 = unknown (NaN)."""
        return 0 if math.isnan(monotonic) else self._origin + round(monotonic * SECOND)

    def now(self) -> int:
        """The present time."""
        return self.at(ambient.monotonic())
