"""Numbers and sizes as ST Edge AI Core prints them: thousands separators, B, kB = 1024 B, MB, GB."""

from __future__ import annotations

from typing import Final

NUMBER: Final = r"\d[\d,]{0,19}(?:\.\d{1,9})?"
"""A number in a regular expression."""
UNITS: Final = {
    "B": 1,
    "kB": 1024,
    "KB": 1024,
    "KiB": 1024,
    "MB": 1024**2,
    "MiB": 1024**2,
    "GB": 1024**3,
    "GiB": 1024**3,
}
SIZE: Final = rf"\s*({NUMBER})\s*([kKMG]?i?B)\s*"
"""A size in a regular expression: the number and the unit are its groups."""


def number(text: str) -> float:
    """A number that may have thousands separators."""
    return float(text.replace(",", ""))


def whole(text: str) -> int:
    """A whole number that may have thousands separators."""
    return int(text.replace(",", ""))


def in_bytes(value: str, unit: str) -> int:
    """A size in bytes, rounded."""
    return round(number(value) * UNITS[unit])
