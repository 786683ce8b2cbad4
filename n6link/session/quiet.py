"""Says a repeated condition once, and how often it was repeated: a board that logs each damaged chunk would fill a disk."""

from __future__ import annotations

import re
from typing import Final

SPAN: Final = 10.0
"""seconds in which a repetition is counted instead of said"""
MOST: Final = 100
"""conditions that are remembered"""
_NUMBER: Final = re.compile(r"\d+")


class Repeats:
    """Of one device. Lines that differ in nothing but numbers are one condition."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, int]] = {}

    def add(self, text: str, now: float) -> str | None:
        """What to say of a line; None = nothing, it is counted."""
        key = _NUMBER.sub("#", text)
        begun, count = self._seen.pop(key, (float("-inf"), 0))
        if now < begun + SPAN:
            self._seen[key] = begun, count + 1
            return None
        while len(self._seen) >= MOST:
            self._seen.pop(next(iter(self._seen)))
        self._seen[key] = now, 0
        return f"{text}{_more(count)}"

    def rest(self) -> list[str]:
        """What is counted and not said yet; said when the device is closed."""
        rest = [f"{key}{_more(count)}" for key, (_, count) in self._seen.items() if count]
        self._seen.clear()
        return rest


def _more(count: int) -> str:
    return f" ({count} more of these in the last {SPAN:g} s or so)" if count else ""
