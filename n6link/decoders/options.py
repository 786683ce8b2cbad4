"""Checks of the values of decoders' options. An abstract class takes a microsecond, so the usual type is tried first."""

from __future__ import annotations

from numbers import Integral, Real

from n6link.errors import BadInput


def share(name: str, value: object) -> float:
    """An option from 0 to 1.

    Raises:
        BadInput: it is not such a number.
    """
    if not (isinstance(value, (float, Real)) and 0 <= float(value) <= 1):
        raise BadInput(f"{name} is {value!r}; it must be a number from 0 to 1")
    return float(value)


def whole(name: str, value: object) -> int:
    """An option that is a whole number, 1 or more.

    Raises:
        BadInput: it is not such a number.
    """
    if not (isinstance(value, (int, Integral)) and int(value) >= 1):
        raise BadInput(f"{name} is {value!r}; it must be a whole number, 1 or more")
    return int(value)
