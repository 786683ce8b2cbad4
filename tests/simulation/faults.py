"""What can go wrong on a line. Every fault is one record, so that a list of them can be replayed and shortened.

To the kinds of :class:`n6link.transport.faults.Fault` the simulation adds these:

=========  =====================================================  ==================  ==========
kind       what happens                                           at                  size
=========  =====================================================  ==================  ==========
lose       a frame is lost                                        of its type, from 0 its type
silence    all bytes of one way are lost                          seconds             seconds
slow       the host does not read (down)                          seconds             seconds
freeze     the board does nothing                                 seconds             seconds
unplug     the stream breaks, and cannot be opened for a time     seconds             seconds
sleep      the host's clock stops, the board's does not           seconds             seconds
stop       the host's program stops (SIGSTOP), its clock does not seconds             seconds
restart    the server ends, and starts later                      seconds             seconds
taken      the stream breaks, and for a time another program has  seconds             seconds
           the board, with a session of its own
=========  =====================================================  ==================  ==========

Here a cut lets the next stream be opened at once, and a reset takes a time.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from n6link.protocol import MessageType
from n6link.transport.faults import OF_BYTES, WAYS, Fault, Way, of_bytes

IN_A_ROW: Final = 2
RESTART: Final = "restart"
IN_TIME: Final = ("stall", "silence", "slow", "freeze", "reset", "cut", "unplug", "sleep", "stop", "taken", RESTART)


class Faults(Protocol):
    """Where the faults of a run come from."""

    timed: tuple[Fault, ...]
    end: float
    """seconds after which nothing goes wrong any more"""

    def of_bytes(self, way: Way) -> Iterator[Fault]:
        """The faults of bytes of one way, in order."""

    def loses(self, way: Way, kind: int, index: int) -> bool:
        """Whether a frame is lost; asked for every frame in order.

        Args:
            way: its way.
            kind: its type.
            index: its number among those of its type and way.
        """


@dataclass(frozen=True, slots=True)
class Recipe:
    """How many faults of which kinds a run has.

    Attributes:
        rates: faults of bytes, for each byte of each way.
        burst: bytes of one fault at most.
        losses: share of the frames of a type that are lost, of each way at most :data:`IN_A_ROW` one after the other.
        timed: faults in time.
        end: seconds after which nothing goes wrong any more.
    """

    rates: Mapping[str, float] = field(default_factory=dict)
    burst: int = 40
    losses: Mapping[MessageType, float] = field(default_factory=dict)
    timed: tuple[Fault, ...] = ()
    end: float = math.inf


class Drawn:
    """Faults by a recipe and a seed."""

    def __init__(self, recipe: Recipe, seed: int) -> None:
        self.timed = recipe.timed
        self.end = recipe.end
        self._recipe = recipe
        self._seed = seed
        self._row: Counter[tuple[Way, int]] = Counter()
        self._losses = {
            (way, int(kind)): (share, random.Random(f"{seed} {way} {kind}"))
            for kind, share in recipe.losses.items()
            for way in WAYS
        }

    def of_bytes(self, way: Way) -> Iterator[Fault]:
        return of_bytes(self._recipe.rates, self._recipe.burst, way, f"{self._seed} {way}")

    def loses(self, way: Way, kind: int, index: int) -> bool:
        share, draw = self._losses.get((way, kind), (0.0, None))
        lost = draw is not None and draw.random() < share and self._row[way, kind] < IN_A_ROW
        self._row[way, kind] = self._row[way, kind] + 1 if lost else 0
        return lost


class Listed:
    """Given faults."""

    end = math.inf

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.timed = tuple(fault for fault in faults if fault.kind in IN_TIME)
        self._bytes = sorted((fault for fault in faults if fault.kind in OF_BYTES), key=lambda fault: fault.at)
        self._lost = {(fault.way, fault.size, fault.at) for fault in faults if fault.kind == "lose"}

    def of_bytes(self, way: Way) -> Iterator[Fault]:
        return (fault for fault in self._bytes if fault.way == way)

    def loses(self, way: Way, kind: int, index: int) -> bool:
        return (way, kind, index) in self._lost
