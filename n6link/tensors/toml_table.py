"""Values of a TOML table, each with its type checked, for cards."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from n6link.errors import CardError
from n6link.json_types import Json, JsonObject
from n6link.protocol.codec import printable

T = TypeVar("T", str, int)
D = TypeVar("D")

_WORDS: Final[Mapping[type, str]] = {str: "a string", int: "a whole number"}


class Table:
    """Reads values of a TOML table; :meth:`end` refuses keys that were not read.

    Each method has a default for a missing key, or returns None or an empty table. It raises CardError for a value of another type.

    Args:
        values: the table.
        where: start of error messages.
        prefix: the names of the tables around it, such as ``input.``.
        foreign: the table comes from a device: its strings are made printable, because terminals execute escape sequences.
    """

    def __init__(self, values: JsonObject, where: str, prefix: str = "", *, foreign: bool = False) -> None:
        self._values = _printable_table(values) if foreign else dict(values)
        self._known: list[str] = []
        self._where = where
        self._prefix = prefix

    def take(self, key: str, kind: type[T], default: D) -> T | D:
        """A string or a whole number."""
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self._wrong(key, value, _WORDS[kind])
        return value

    def text_or_number(self, key: str) -> str | int | None:
        """A string or a whole number from 0."""
        value = self._take(key)
        if value is None or isinstance(value, str) or (type(value) is int and value >= 0):
            return value
        raise self._wrong(key, value, "a string or a whole number, 0 or more")

    def error(self, what: str) -> CardError:
        """An error in a value."""
        return CardError(f"{self._where}: {what}")

    def mapping(self, key: str) -> JsonObject:
        """A table as it is."""
        value = self._take(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self._wrong(key, value, "a table")
        return value

    def table(self, key: str) -> Table:
        """A table whose values are read one by one."""
        return Table(self.mapping(key), self._where, f"{key}.")

    def choice(self, key: str, choices: Sequence[str], default: D) -> str | D:
        """One of some strings."""
        value = self.take(key, str, None)
        if value is None:
            return default
        if value not in choices:
            raise self._wrong(key, value, f"one of {', '.join(choices)}")
        return value

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """A list of strings."""
        values = self._list(key)
        if values is None:
            return default
        texts = tuple(value for value in values if isinstance(value, str))
        if len(texts) != len(values):
            raise self._wrong(key, values, "a list of strings")
        return texts

    def numbers(self, key: str) -> tuple[float, ...] | None:
        """A number or a list of numbers, all finite."""
        value = self._take(key)
        if value is None:
            return None
        values = value if isinstance(value, list) else [value]
        numbers = tuple(float(n) for n in values if isinstance(n, int | float) and not isinstance(n, bool))
        if not numbers or len(numbers) != len(values) or not all(map(math.isfinite, numbers)):
            raise self._wrong(key, value, "a number or a list of numbers")
        return numbers

    def pairs(self, key: str, count: int) -> tuple[tuple[int, int], ...] | None:
        """A list of pairs of indices below ``count``; 0 = any index."""
        values = self._list(key)
        if values is None:
            return None
        pairs: list[tuple[int, int]] = []
        for pair in values:
            match pair:
                case [int(first), int(second)] if type(first) is type(second) is int and min(first, second) >= 0:
                    pairs.append((first, second))
                case _:
                    raise self._wrong(key, pair, "a pair of indices")
            if count and max(first, second) >= count:
                raise self._wrong(key, pair, f"a pair of indices below {count}, the number of keypoints")
        return tuple(pairs)

    def sizes(self, key: str) -> tuple[tuple[float, ...], ...]:
        """Pairs of positive numbers."""
        rows: list[tuple[float, ...]] = []
        for row in self._list(key) or []:
            numbers = (
                tuple(
                    float(n) for n in row if isinstance(n, int | float) and not isinstance(n, bool) and 0 < n < math.inf
                )
                if isinstance(row, list)
                else ()
            )
            if not isinstance(row, list) or len(numbers) != 2 or len(row) != 2:
                raise self._wrong(key, row, "a pair of positive numbers, width and height")
            rows.append(numbers)
        return tuple(rows)

    def _take(self, key: str) -> Json:
        """The value of this key; None if the table does not have it."""
        self._known.append(key)
        return self._values.pop(key, None)

    def _list(self, key: str) -> list[Json] | None:
        value = self._take(key)
        if value is not None and not isinstance(value, list):
            raise self._wrong(key, value, "a list")
        return value

    def end(self) -> None:
        """Raises CardError if the table has other keys than those that were read."""
        if self._values:
            key = next(iter(self._values))
            raise CardError(f"{self._where}: unknown key {self._prefix}{key}; choose {', '.join(self._known)}")

    def _wrong(self, key: str, value: object, wanted: str) -> CardError:
        return CardError(f"{self._where}: {self._prefix}{key} is {value!r}; it must be {wanted}")


def _printable(value: Json) -> Json:
    if isinstance(value, str):
        return printable(value.encode())
    if isinstance(value, list):
        return list(map(_printable, value))
    return _printable_table(value) if isinstance(value, dict) else value


def _printable_table(values: JsonObject) -> dict[str, Json]:
    """The same table with printable strings; TOML can contain any character."""
    return {printable(key.encode()): _printable(value) for key, value in values.items()}
