"""Types of the values in JSON and TOML files, and functions that check them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
JsonObject: TypeAlias = Mapping[str, Json]
"""an object that was read; the type of each value must be checked"""
Plain: TypeAlias = dict[str, Any]
"""an object to write: plain values by name"""


def mapping(value: Json) -> JsonObject:
    """An object.

    Raises:
        TypeError: the value is something else.
    """
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is not an object")
    return value


def sequence(value: Json) -> Sequence[Json]:
    """A list.

    Raises:
        TypeError: the value is something else.
    """
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list")
    return value


def number(value: Json) -> float:
    """A number.

    Raises:
        TypeError: the value is something else.
    """
    if not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return float(value)


def whole(value: Json) -> int:
    """A whole number.

    Raises:
        TypeError: the value is something else.
    """
    if not isinstance(value, int | float) or value != value // 1:
        raise TypeError(f"{value!r} is not a whole number")
    return int(value)
