"""Control loops: ticks without drift, parallel to a stream, with measured jitter.

::

    async with net.stream(camera) as results, dev.loop(hz=100) as loop:
        ...                                  # another task reads results; this one controls
        async for tick in loop:
            newest = tick.latest(net)        # never waits
            if newest and newest.age < 0.1 and not tick.stale:
                steer(newest.result)

Tick ``k`` is due at ``start + k / hz`` on the monotonic clock. This does not depend on the duration of the loop's body, so errors
of the ticks do not accumulate. On Linux a timerfd of the kernel is used, which is about ten times more exact than the timers of
an event loop (their resolution is a millisecond). On other systems the timers of the event loop are used.

A tick is *missed* if its time passes while the body still runs. The policy is one of: ``"skip"`` (default) continues with the next
tick that is due now or later, ``"catch-up"`` delivers every missed tick immediately, ``"raise"`` ends the loop with
:class:`~n6link.errors.N6Timeout`.
"""

from __future__ import annotations

import ctypes
import math
import os
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, Self

import anyio
import anyio.lowlevel

from n6link import ambient
from n6link.control.histogram import Histogram, histograms
from n6link.errors import BadInput, LocalProtocolError, N6Timeout
from n6link.result import Result
from n6link.session.health import Life
from n6link.session.lifecycle import Lifecycle
from n6link.sheet import Sheet, Shown

MissedPolicy = Literal["skip", "catch-up", "raise"]

# From <sys/timerfd.h> and <time.h>: Python has timerfd functions only since version 3.13.
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
    """A network of the async or of the blocking interface."""

    @property
    def newest(self) -> Result | None:
        """The last delivered result."""


@dataclass(frozen=True, slots=True)
class Tick:
    """One iteration of a control loop; times are of ``time.monotonic()``, in seconds."""

    index: int
    due: float
    """planned start"""
    time: float
    """actual start"""
    missed: int
    """number of skipped ticks directly before this one"""
    stale: bool = False
    """whether the device is away, or was silent for too long: results that are still there describe the past"""

    def latest(self, network: HasNewest) -> Latest | None:
        """The newest result that the network has delivered to any task, or None. Never waits."""
        return latest(network)


def latest(network: HasNewest) -> Latest | None:
    """The newest result of a network and its age now. Safe to call from any thread."""
    result = network.newest
    return None if result is None else Latest(result, ambient.monotonic() - result.captured)


@dataclass(slots=True, repr=False)
class LoopStats(Shown):
    """Statistics of a control loop since its start."""

    hz: float
    ticks: int = 0
    missed: int = 0
    stale: int = 0
    """ticks at which the device was stale"""
    jitter: Histogram = field(default_factory=Histogram)
    """actual start of a tick minus planned start"""
    period: Histogram = field(default_factory=Histogram)
    """start of a tick minus start of the previous tick"""
    busy: Histogram = field(default_factory=Histogram)
    """duration of the body"""

    def brief(self) -> str:  # noqa: D102
        return f"{self.hz:g} Hz: {self.ticks} ticks, {self.missed} missed, {self.stale} with a stale board"

    def sheet(self) -> Sheet:  # noqa: D102
        return Sheet((histograms(jitter=self.jitter, period=self.period, busy=self.busy),))

    def to_dict(self) -> dict[str, object]:
        """Plain numbers, for JSON."""
        return {
            "hz": self.hz,
            "ticks": self.ticks,
            "missed": self.missed,
            "stale": self.stale,
            "jitter": self.jitter.to_dict(),
            "period": self.period.to_dict(),
            "busy": self.busy.to_dict(),
        }


class KernelTimer:
    """A timerfd, set again for every tick: the period in whole nanoseconds would cause a drift."""

    def __init__(self) -> None:
        # CDLL(None) is the C library of this process; use_errno, since other threads change errno.
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = self._libc.timerfd_create(CLOCK_MONOTONIC, _TFD_FLAGS)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")

    async def wait_until(self, due: float) -> None:
        """Returns when the clock has reached ``due``."""
        while ambient.monotonic() < due:
            # struct itimerspec: no period, and an absolute time. Rounded up: an early wake-up costs another turn of this loop.
            spec = struct.pack("@llll", 0, 0, *divmod(math.ceil(due * 1e9), 10**9))
            if self._libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, spec, None):
                raise OSError(ctypes.get_errno(), "timerfd_settime")
            await anyio.wait_readable(self._fd)  # the descriptor is not read: settime() makes it unreadable again

    def close(self) -> None:
        """Frees the timer."""
        os.close(self._fd)


class EventLoopTimer:
    """The timers of the event loop."""

    async def wait_until(self, due: float) -> None:
        """Returns when the clock has reached ``due``."""
        while (left := due - ambient.monotonic()) > 0:  # noqa: ASYNC110  a timer may expire early
            await anyio.sleep(left)

    def close(self) -> None:
        """Does not free anything."""


class ControlLoop(Lifecycle):
    """Created by ``N6Device.loop``: an async context manager and the async iterator of its ticks."""

    def __init__(self, hz: float, *, missed: MissedPolicy = "skip", life: Callable[[], Life] | None = None) -> None:
        if not 0 < hz <= 10_000:
            raise BadInput(f"hz={hz} must be a rate above 0 and up to 10000 Hz")
        if missed not in ("skip", "catch-up", "raise"):
            raise BadInput(f"unknown policy {missed!r}; choose skip, catch-up or raise")
        self.hz = hz
        self.stats = LoopStats(hz)
        self._missed = missed
        self._life = life
        self._timer: KernelTimer | EventLoopTimer | None = None
        self._start = 0.0
        self._began = 0.0
        self._index = 0

    async def open(self) -> Self:
        """Starts the clock. The first tick is one period away, so that the caller's preparations do not make it late."""
        if self._timer:
            raise LocalProtocolError("this control loop is already open; create another one")
        self._start = ambient.monotonic() + 1 / self.hz
        self._timer = KernelTimer() if sys.platform == "linux" else EventLoopTimer()
        return self

    async def aclose(self) -> None:
        """Ends it. Closing again does nothing."""
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
            raise LocalProtocolError("the control loop was not entered; use: async with dev.loop(hz=...) as loop")
        if self.stats.ticks:
            self.stats.busy.add(ambient.monotonic() - self._began)
        # A tick that is already due does not wait: without this, a body that is too slow would block all other tasks.
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
        stale = bool(self._life and self._life().stale)
        self.stats.stale += stale
        return Tick(index, due, now, missed, stale)

    def _missed_by_now(self, index: int) -> int:
        """The number of ticks to skip, starting at index, by policy."""
        newest_due = int((ambient.monotonic() - self._start) * self.hz)
        missed = max(0, newest_due - index)
        if missed and self._missed == "raise":
            raise N6Timeout(
                f"the loop missed {missed} ticks at {self.hz:g} Hz; make its body faster, or use a lower rate"
            )
        return missed if self._missed == "skip" else 0
