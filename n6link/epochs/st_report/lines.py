"""The lines of a console log as the tool wrote them: without what terminals, loggers and progress bars put around them.

STM32CubeMX writes a time stamp and the name of a logger before every line, STM32Cube AI Studio a blank line after it; the progress
bars of the tool end up in the text wherever its output is not a terminal; pages of a GUI use no-break spaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

MAX_LINE: Final = 16384
"""Longer lines are not looked into."""

_ESCAPES: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_LOGGER: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \[[A-Z]{1,8}\] [\w.$]{1,80}:\d{1,6} - ")
_PROGRESS: Final = re.compile(r"(?:[\w.]{1,40}: +)?\d{1,3}%\|[^|\n]{0,200}\| *[\d.,kM]+/[\d.,kM]+ \[[^\]\n]{0,80}\]")


def clean(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Each line with its number from 1, without what was put around it; those of a progress bar alone are left out.

    A line that is too long comes as it is.
    """
    for number, raw in enumerate(lines, 1):
        if len(raw) > MAX_LINE:
            yield number, raw
            continue
        line = _LOGGER.sub("", _ESCAPES.sub("", raw), count=1).replace("\xa0", " ")
        bare = _PROGRESS.sub("", line)
        if bare.strip() or bare == line:
            yield number, bare.rstrip()
