"""What a program can read about the boards of a pool."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass


class BoardState(enum.Enum):
    """State of a board of a pool."""

    OPENING = "opening"
    """it is connected and checked"""
    READY = "ready"
    ASIDE = "aside"
    """it does not get jobs, for the reason that is given; the pool tries again"""
    RESTARTING = "restarting"
    """by :meth:`n6link.N6Pool.restart`"""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class BoardStatus:
    """What a program can read about a board; counts are since the pool was opened."""

    url: str
    unique_id: str
    """of the chip, hexadecimal; empty if unknown"""
    state: BoardState
    reason: str
    """why it is, or was last, set aside; empty = it never was"""
    refused: Mapping[str, str]
    """networks that it has, but for which the pool does not use it, with the reason"""
    answers: int
    """results that it was the first to give"""
    repeated: int
    """jobs that it has begun and that another board has finished: it failed, or the other one was faster"""
    aside: int
    """how often it was set aside"""
    checks: int
    """checks that it has passed"""
    distrusted: int
    """answers that were given to the program before the board failed a check, and after the last one that it passed: they may be wrong"""
    running: int
    seconds: Mapping[str, float]
    """seconds per answer, by network, as measured while it was busy"""
