"""Ids and positions: unsigned 32-bit numbers that wrap."""

from __future__ import annotations

from typing import Final

MASK: Final = 0xFFFFFFFF
"""of ids and positions"""
HALF: Final = 0x80000000
"""a difference modulo 2^32 that is larger is negative"""


def distance(a: int, b: int) -> int:
    """How far a is after b, as a signed 32-bit number."""
    return ((a - b + HALF) & MASK) - HALF
