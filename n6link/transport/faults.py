"""Faults of a line, determined by a seed: what they are, when they happen, and what they do to bytes.

Two lines use this module: that of ``sim:?flip=1e-5&cut=3`` (:mod:`n6link.transport.cable`), and that of the simulation in virtual time that
tests this package.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Final, Literal, Self

from n6link.errors import BadInput

Way = Literal["up", "down"]
"""up is from the host to the board"""
WAYS: Final[tuple[Way, Way]] = ("up", "down")
OF_BYTES: Final = ("flip", "drop", "double", "insert", "burst")
IN_TIME: Final = ("stall", "cut", "reset")
BURST: Final = 40
"""bytes of one fault at most"""
HIGHEST_RATE: Final = 0.1
"""faults per byte: with more than this no frame arrives"""
INTERVAL: Final = (0.01, 86400.0)
"""seconds between two faults in time"""
LENGTHS: Final[Mapping[str, tuple[float, float]]] = {"stall": (0.05, 0.5), "cut": (0.05, 0.5), "reset": (0.0, 0.0)}
"""seconds that a fault in time lasts, from and to"""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    =========  ==================================================  =======  =======
    kind       what happens                                        at       size
    =========  ==================================================  =======  =======
    flip       a bit changes                                       byte     the bit
    drop       bytes are lost                                      byte     bytes
    double     bytes arrive twice                                  byte     bytes
    insert     bytes arrive that nobody sent                       byte     bytes
    burst      bytes are replaced by others                        byte     bytes
    stall      bytes of both ways wait, and arrive later           seconds  seconds
    cut        the cable is unplugged, and plugged in again later  seconds  seconds
    reset      the board starts again                              seconds  -
    =========  ==================================================  =======  =======

    A byte is counted from the first one of its way. A simulation may have more kinds.
    """

    kind: str
    way: Way = "up"
    at: float = 0
    size: float = 0

    def __repr__(self) -> str:
        return f"Fault({self.kind!r}, {self.way!r}, {self.at!r}, {self.size!r})"


@dataclass(frozen=True, slots=True)
class Faults:
    """How often each fault happens; the same numbers always produce the same faults.

    Attributes:
        flip: rate per byte, of each way, from 0 to :data:`HIGHEST_RATE`; so are the next four.
        drop: see :class:`Fault`.
        double: see :class:`Fault`.
        insert: see :class:`Fault`.
        burst: see :class:`Fault`.
        stall: mean seconds between two of them, within :data:`INTERVAL`; 0 = never. So are the next two. They last as long as
            :data:`LENGTHS` has it.
        cut: see :class:`Fault`.
        reset: see :class:`Fault`.
        seed: a whole number; another one has other faults.

    Raises:
        BadInput: a number is out of range.
    """

    flip: float = 0.0
    drop: float = 0.0
    double: float = 0.0
    insert: float = 0.0
    burst: float = 0.0
    stall: float = 0.0
    cut: float = 0.0
    reset: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for kind in OF_BYTES:
            if not 0 <= getattr(self, kind) <= HIGHEST_RATE:
                raise BadInput(f"{kind}={getattr(self, kind)} must be a rate per byte from 0 to {HIGHEST_RATE}")
        least, most = INTERVAL
        for kind in IN_TIME:
            value = getattr(self, kind)
            if value and not least <= value <= most:
                raise BadInput(
                    f"{kind}={value} must be the mean number of seconds between two faults, from {least:g} to {most:g}"
                )
        if not 0 <= self.seed < 1 << 32 or self.seed != int(self.seed):
            raise BadInput(f"seed={self.seed} must be a whole number from 0 to 4294967295")

    @classmethod
    def of(cls, options: Mapping[str, float]) -> Self:
        """Faults by name.

        Raises:
            BadInput: a name is unknown, or a number is out of range.
        """
        known = [field.name for field in fields(cls)]
        if unknown := next((name for name in options if name not in known), None):
            raise BadInput(f"unknown fault {unknown!r}; choose {', '.join(known)}")
        return cls(**options)  # type: ignore[arg-type]  # seed is an int

    @classmethod
    def parse(cls, options: Mapping[str, str]) -> Self:
        """Reads options of a URL.

        Raises:
            BadInput: a name is unknown, or a value is not a number or out of range.
        """
        values: dict[str, float] = {}
        for key, value in options.items():
            try:
                values[key] = int(value) if key == "seed" else float(value)
            except ValueError:
                kind = "a whole number" if key == "seed" else "a number"
                raise BadInput(f"{key}={value!r} is not {kind}; write it as in flip=1e-5&seed=7") from None
        return cls.of(values)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return any(getattr(self, kind) for kind in OF_BYTES + IN_TIME)

    def __str__(self) -> str:
        """The options of a URL; empty if there are no faults."""
        rates = [f"{kind}={value:g}" for kind in OF_BYTES + IN_TIME if (value := getattr(self, kind))]
        return "&".join([*rates, f"seed={self.seed}"]) if rates else ""

    def of_bytes(self, way: Way, number: int = 0) -> Iterator[Fault]:
        """The faults of bytes of one way, in order.

        Args:
            way: of the bytes.
            number: of the connection, from 0.
        """
        rates = {kind: rate for kind in OF_BYTES if (rate := getattr(self, kind))}
        return of_bytes(rates, BURST, way, f"{self.seed} {number} {way}")

    def in_time(self) -> Iterator[Fault]:
        """The faults in time, in order; endless if there are any."""
        return heapq.merge(
            *(self._of_time(kind, mean) for kind in IN_TIME if (mean := getattr(self, kind))),
            key=lambda fault: fault.at,
        )

    def _of_time(self, kind: str, mean: float) -> Iterator[Fault]:
        draw, at = random.Random(f"{self.seed} {kind}"), 0.0
        while True:
            at += draw.expovariate(1 / mean)
            yield Fault(kind, at=at, size=draw.uniform(*LENGTHS[kind]))


def of_bytes(rates: Mapping[str, float], burst: int, way: Way, seed: str) -> Iterator[Fault]:
    """Draws faults of bytes of one way, in order; endless if a rate is not 0.

    Args:
        rates: faults per byte, by kind.
        burst: bytes of one fault at most.
        way: of the bytes.
        seed: of the random numbers.
    """
    if not (rate := sum(rates.values())):
        return
    draw = random.Random(seed)
    at = -1
    while True:
        at += 1 + int(draw.expovariate(rate))
        kind = draw.choices(list(rates), list(rates.values()))[0]
        yield Fault(kind, way, at, draw.randrange(8) if kind == "flip" else draw.randint(1, burst))


class Wire:
    """The bytes of one way, through faults.

    Args:
        faults: those of bytes, in order.

    Attributes:
        fired: the faults that have happened.
    """

    def __init__(self, faults: Iterator[Fault]) -> None:
        self.fired: list[Fault] = []
        self._faults = faults
        self._next = next(faults, None)
        self._at = 0

    def carry(self, data: bytes, *, clean: bool = False) -> bytes:
        """What arrives of some bytes.

        Args:
            data: that were sent.
            clean: no fault happens at present; those of these bytes are passed over.
        """
        begin = self._at
        self._at += len(data)
        out, done = bytearray(), 0
        while (fault := self._next) and fault.at < self._at:
            if not clean:
                at = max(int(fault.at) - begin, done)
                out += data[done:at]
                done = at + _apply(fault, data[at:], out)
                self.fired.append(fault)
            self._next = next(self._faults, None)
        return bytes(out + data[done:]) if done or out else data


def _apply(fault: Fault, data: bytes, out: bytearray) -> int:
    """Adds what arrives in place of the first bytes; returns how many of them it replaces."""
    size = min(int(fault.size), len(data))
    match fault.kind:
        case "flip":
            out += bytes([data[0] ^ 1 << int(fault.size)]) if data else b""
            return min(1, len(data))
        case "drop":
            return size
        case "double":
            out += data[:size] * 2
            return size
        case "insert":
            out += _noise(fault)
            return 0
        case _:
            out += _noise(fault)[:size]
            return size


def _noise(fault: Fault) -> bytes:
    return random.Random(fault.at).randbytes(int(fault.size))
