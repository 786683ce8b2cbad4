"""Times (begin, end) in which nothing can be expected of a line."""

from __future__ import annotations

from collections.abc import Sequence

Outages = Sequence[tuple[float, float]]


def overlap(outages: Outages, begin: float, end: float) -> float:
    """Seconds of a span with an outage."""
    seconds, done = 0.0, begin
    for first, last in sorted(outages):
        seconds += max(min(end, last) - max(first, done), 0.0)
        done = max(done, last)
    return seconds


def since(outages: Outages, now: float) -> float:
    """Seconds since the end of the last outage that has begun."""
    return now - max((last for first, last in outages if first <= now), default=0.0)
