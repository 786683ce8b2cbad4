"""Control loops: drift-free ticks beside a stream, with their jitter measured.

::

    async with net.stream(camera) as results, dev.loop(hz=100) as loop:
        ...                                  # one task consumes results, this one controls
        async for tick in loop:
            newest = tick.latest(net)        # never waits
            if newest and newest.age < 0.1:
                steer(newest.result)

Tick ``k`` is due at ``start + k / hz`` on the monotonic clock, however long the body of the loop takes: an error of
one tick is never carried into the next. On Linux the kernel keeps the schedule (a timerfd), which is some ten times
more exact than an event loop's own timers, whose resolution is a millisecond; elsewhere the event loop keeps it.

A tick whose time passed while the body still ran is *missed*. The policy says what happens then: ``"skip"`` (the
default) goes on with the next tick that lies in the future or is due now, ``"catch-up"`` delivers every one at once, ``"raise"`` ends the
loop with :class:`~n6link.errors.N6Timeout`.
"""

from __future__ import annotations

import ctypes
import math
import os
import struct
import sys
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Literal, Protocol, Self

import anyio
import anyio.lowlevel

from n6link import ambient
from n6link.control.histogram import Histogram
from n6link.errors import BadInput, LocalProtocolError, N6Timeout
from n6link.result import Result

MissedPolicy = Literal["skip", "catch-up", "raise"]

# <sys/timerfd.h>, <time.h>: Python has these calls itself from 3.13 on.
CLOCK_MONOTONIC: Final = 1
_TFD_TIMER_ABSTIME: Final = 1
_TFD_FLAGS: Final = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0) if sys.platform == "linux" else 0


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest result of a network."""

    result: Result
    age: float
    """seconds since the frame was captured"""


class HasNewest(Protocol):
    """A network, of either interface."""

    @property
    def newest(self) -> Result | None:
        """The last result that was delivered."""


@dataclass(frozen=True, slots=True)
class Tick:
    """One turn of a control loop; times are of ``time.monotonic()``, in seconds."""

    index: int
    due: float
    """when it should begin"""
    time: float
    """when it did begin"""
    missed: int
    """ticks skipped right before this one"""

    def latest(self, network: HasNewest) -> Latest | None:
        """The newest result that the network has delivered to anybody, or None. Never waits."""
        return latest(network)


def latest(network: HasNewest) -> Latest | None:
    """The newest result of a network and its age now. Safe to call from any thread."""
    result = network.newest
    return None if result is None else Latest(result, ambient.monotonic() - result.captured)


@dataclass(slots=True)
class LoopStats:
    """What a control loop has measured since it began."""

    hz: float
    ticks: int = 0
    missed: int = 0
    jitter: Histogram = field(default_factory=Histogram)
    """lateness: begin of a tick minus when it was due"""
    period: Histogram = field(default_factory=Histogram)
    """begin of a tick minus begin of the one before"""
    busy: Histogram = field(default_factory=Histogram)
    """time that the body took"""

    def to_dict(self) -> dict[str, object]:
        """Plain numbers, for JSON."""
        return {
            "hz": self.hz,
            "ticks": self.ticks,
            "missed": self.missed,
            "jitter": self.jitter.to_dict(),
            "period": self.period.to_dict(),
            "busy": self.busy.to_dict(),
        }


class KernelTimer:
    """A timerfd, set anew for every tick: a period of whole nanoseconds would run away from the schedule."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = self._libc.timerfd_create(CLOCK_MONOTONIC, _TFD_FLAGS)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")

    async def wait_until(self, due: float) -> None:
        """Returns when the clock has reached ``due``."""
        while ambient.monotonic() < due:
            spec = struct.pack("@llll", 0, 0, *divmod(math.ceil(due * 1e9), 10**9))
            if self._libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, spec, None):
                raise OSError(ctypes.get_errno(), "timerfd_settime")
            await anyio.wait_readable(self._fd)  # setting it anew makes it unreadable again

    def close(self) -> None:
        """Frees the timer."""
        os.close(self._fd)


class EventLoopTimer:
    """The event loop's own timers."""

    async def wait_until(self, due: float) -> None:
        """Returns when the clock has reached ``due``."""
        while (left := due - ambient.monotonic()) > 0:  # noqa: ASYNC110  a timer may ring early
            await anyio.sleep(left)

    def close(self) -> None:
        """There is nothing to free."""


class ControlLoop:
    """Made by ``N6Device.loop``: an async context manager and the async iterator of its ticks."""

    def __init__(self, hz: float, *, missed: MissedPolicy = "skip") -> None:
        if not 0 < hz <= 10_000:
            raise BadInput(f"hz={hz} is not a loop rate; give one above 0 and up to 10000")
        if missed not in ("skip", "catch-up", "raise"):
            raise BadInput(f"missed={missed!r} is no policy; choose skip, catch-up or raise")
        self.hz = hz
        self.stats = LoopStats(hz)
        self._missed = missed
        self._timer: KernelTimer | EventLoopTimer | None = None
        self._start = 0.0
        self._began = 0.0
        self._index = 0

    async def __aenter__(self) -> Self:
        self._start = ambient.monotonic() + 1 / self.hz
        self._timer = KernelTimer() if sys.platform == "linux" else EventLoopTimer()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._timer:
            self._timer.close()
            self._timer = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Tick:
        """Waits for the next tick.

        Raises:
            N6Timeout: ticks were missed, and the policy is ``"raise"``.
        """
        if self._timer is None:
            raise LocalProtocolError("a control loop has to be entered: async with dev.loop(hz=...) as loop")
        if self.stats.ticks:
            self.stats.busy.add(ambient.monotonic() - self._began)
        await anyio.lowlevel.checkpoint()
        missed = self._missed_by_now(self._index)
        index = self._index + missed
        due = self._start + index / self.hz
        await self._timer.wait_until(due)
        now = ambient.monotonic()
        if self.stats.ticks:
            self.stats.period.add(now - self._began)
        self.stats.ticks += 1
        self.stats.missed += missed
        self.stats.jitter.add(now - due)
        self._index, self._began = index + 1, now
        return Tick(index, due, now, missed)

    def _missed_by_now(self, index: int) -> int:
        """How many ticks from index on are to be left out, by policy."""
        newest_due = int((ambient.monotonic() - self._start) * self.hz)
        missed = max(0, newest_due - index)
        if missed and self._missed == "raise":
            raise N6Timeout(f"the loop missed {missed} ticks of {self.hz:g} Hz; its body took too long")
        return missed if self._missed == "skip" else 0
