"""Logs a repeated line once, with the number of repetitions: a board that logs each damaged chunk would fill a disk."""

from __future__ import annotations

import re
from typing import Final

SPAN: Final = 10.0
"""seconds for which repetitions are counted instead of logged"""
MOST: Final = 100
"""maximum number of different lines that are stored"""
_NUMBER: Final = re.compile(r"\d+")


class Repeats:
    """Counts repeated log lines of one device. Lines that differ only in numbers are equal."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, int]] = {}

    def add(self, text: str, now: float) -> str | None:
        """The text to log for a line; None = the line is only counted."""
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
        """The repetitions that were counted but not logged; they are logged when the device is closed."""
        rest = [f"{key}{_more(count)}" for key, (_, count) in self._seen.items() if count]
        self._seen.clear()
        return rest


def _more(count: int) -> str:
    return f" ({count} more of these in the last {SPAN:g} s or so)" if count else ""
