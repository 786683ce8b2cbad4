"""Types of the values in JSON and TOML files, functions that check them, and :func:`plain`, which makes them of any result."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Protocol, TypeAlias, cast, runtime_checkable

import numpy as np

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


@runtime_checkable
class ToDict(Protocol):
    """A result that has plain values of its own."""

    def to_dict(self) -> Mapping[str, object]: ...  # noqa: D102


def plain(value: object) -> Json:
    """A value with JSON types only: results by their to_dict(), dataclasses and arrays as lists and objects, enums by name, NaN and infinity as null."""
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, ToDict):
        return plain(value.to_dict())
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, np.ndarray | np.generic):
        return plain(cast("np.ndarray[Any, Any]", value).tolist())  # numpy scalars also have tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in cast("Mapping[object, object]", value).items()}
    if isinstance(value, Sequence | AbstractSet) and not isinstance(value, str | bytes | bytearray):
        return [plain(item) for item in cast("Sequence[object]", value)]
    if isinstance(value, bytes | bytearray):
        return value.hex()
    return value if isinstance(value, int | str | None) else str(value)
