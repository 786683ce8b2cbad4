"""Time and random numbers: what the package takes from its surroundings, and what a simulation replaces.

Everything that reads a clock or draws a number that goes over the wire asks here. The source belongs to the context
(:mod:`contextvars`), so that a simulated device in virtual time and a real one can be used in one program::

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
        monotonic: seconds of a clock that never goes back; its zero has no meaning.
        randbits: a whole number of so many random bits.
    """

    monotonic: Callable[[], float] = time.monotonic
    randbits: Callable[[int], int] = _randbits


source: Final = ContextVar("n6link.ambient.source", default=Source())  # noqa: B039  it cannot change


def monotonic() -> float:
    """Seconds of the clock of this context: ``time.monotonic()``, where nothing else was set."""
    return source.get().monotonic()


def randbits(count: int) -> int:
    """A whole number of so many random bits: from the operating system, where nothing else was set."""
    return source.get().randbits(count)
