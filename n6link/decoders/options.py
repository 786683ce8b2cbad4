"""Checks of the values of decoders' options."""

from __future__ import annotations

from numbers import Integral, Real

from n6link.errors import BadInput


def share(name: str, value: object) -> float:
    """An option from 0 to 1.

    Raises:
        BadInput: it is not such a number.
    """
    if not (isinstance(value, Real) and 0 <= float(value) <= 1):
        raise BadInput(f"{name} is {value!r}; it must be a number from 0 to 1")
    return float(value)


def whole(name: str, value: object) -> int:
    """An option that is a whole number, 1 or more.

    Raises:
        BadInput: it is not such a number.
    """
    if not (isinstance(value, Integral) and int(value) >= 1):
        raise BadInput(f"{name} is {value!r}; it must be a whole number, 1 or more")
    return int(value)
