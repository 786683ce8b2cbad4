"""The clock and the random numbers of the package; a simulation replaces them.

All code that reads a clock, or sends a random number, uses this module. The source is a context variable (:mod:`contextvars`), so
one program can use a simulated device in virtual time and a real device::

    ambient.source.set(ambient.Source(loop.time, random.Random(seed).getrandbits))
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final


def _randbits(count: int) -> int:
    return int.from_bytes(os.urandom((count + 7) // 8)) >> -count % 8  # the module secrets loads hashlib and more


@dataclass(frozen=True, slots=True)
class Source:
    """A clock and a source of random numbers.

    Attributes:
        monotonic: seconds of a clock that never goes back; only differences have a meaning.
        randbits: a whole number with the given number of random bits.
    """

    monotonic: Callable[[], float] = time.monotonic
    randbits: Callable[[int], int] = _randbits


source: Final = ContextVar("n6link.ambient.source", default=Source())  # noqa: B039  Source is immutable


def monotonic() -> float:
    """Seconds of the clock of this context; default: ``time.monotonic()``."""
    return source.get().monotonic()


def randbits(count: int) -> int:
    """A whole number with ``count`` random bits; default: from the operating system."""
    return source.get().randbits(count)
