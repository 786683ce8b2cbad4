"""The original lines of a console log: without the additions of terminals, loggers and progress bars.

STM32CubeMX writes a time stamp and the name of a logger before every line, STM32Cube AI Studio a blank line after it. If the output
is not a terminal, the tool's progress bars are in the text. GUI pages use no-break spaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

MAX_LINE: Final = 16384
"""Longer lines are not parsed: the regular expressions would take too long."""

_ESCAPES: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_LOGGER: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \[[A-Z]{1,8}\] [\w.$]{1,80}:\d{1,6} - ")
_PROGRESS: Final = re.compile(r"(?:[\w.]{1,40}: +)?\d{1,3}%\|[^|\n]{0,200}\| *[\d.,kM]+/[\d.,kM]+ \[[^\]\n]{0,80}\]")


def clean(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Each line with its number from 1, without additions; lines with only a progress bar are omitted.

    A line that is too long is not changed.
    """
    for number, raw in enumerate(lines, 1):
        if len(raw) > MAX_LINE:
            yield number, raw
            continue
        line = _LOGGER.sub("", _ESCAPES.sub("", raw), count=1).replace("\xa0", " ")
        bare = _PROGRESS.sub("", line)
        if bare.strip() or bare == line:
            yield number, bare.rstrip()
