"""One time base: the device's clock mapped to the host's monotonic clock, with a stated error.

A ping gives an interval: the device read its clock at some moment between *sent* and *received*. Two clocks drift
apart by at most :data:`MAX_DRIFT`, so an interval seen earlier still holds now if it is widened by drift times age. The
host time of a device time therefore lies in the *intersection* of all widened intervals: a quick ping narrows it, a slow
one changes nothing (this is the minimum round trip filter, without a threshold to tune), and half of its width is the
error bound. Pairs of pings bound the drift itself in the same way, and so narrow the widening.

If the intersection is empty, one of the clocks has jumped (the host slept, the board's clocks were changed): the map
starts anew with the last ping.

The map never goes back: of two moments that had happened when they were asked for, the later one never maps to an earlier time. Each
estimate is a segment that holds from its ping on; it begins where the one before has led to, but never later than the ping's answer, and
where the new line lies below that, time stands still until the line has caught up. A map for a restarted board takes the floor of the one
before.

While the host sleeps its monotonic clock stands still and the board's goes on. So whoever maps a moment says before when it happened,
and offers what contradicts the map (:meth:`ClockMap.agrees`) as a ping of its own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from n6link import ambient

MAX_DRIFT: Final = 500e-6
"""Most that two clocks drift apart, as a ratio: ten times a usual crystal's 50 ppm, so that also the HSI oscillator fits."""
SAMPLES: Final = 64
SEGMENTS: Final = 256
FIRST_PAUSE: Final = 0.1
"""seconds after the first ping at which a second one bounds the drift better than :data:`MAX_DRIFT` does"""
CLAIM: Final = 1.0
"""seconds that a ping which is due may take before somebody else makes it"""
LONGEST_PAUSE: Final = 10.0
"""seconds between two pings at most: what oscillators do while they warm up"""


@dataclass(frozen=True, slots=True)
class HostTime:
    """A moment on ``time.monotonic()``, in seconds, that is right to within plus or minus error."""

    time: float
    error: float


UNKNOWN: Final = HostTime(float("nan"), float("inf"))
"""a moment that nobody has told"""


@dataclass(frozen=True, slots=True)
class _Segment:
    begin: float
    """device seconds"""
    floor: float
    """host seconds below which this segment does not go"""
    offset: float
    rate: float
    """host = offset + rate * (device - begin)"""
    error: float
    spread: float
    """growth of the error with time away from begin"""


class ClockMap:
    """From ticks of one device, since one start-up, to the host's monotonic clock.

    Args:
        tick_hz: ticks a second of the device's clock.
        floor: host time below which nothing is mapped; :attr:`newest` of the map before a restart.
    """

    def __init__(self, tick_hz: float, *, floor: float = float("-inf")) -> None:
        self.tick_hz = tick_hz
        self._floor = floor
        self._samples: deque[tuple[float, float, float]] = deque(maxlen=SAMPLES)
        self._segments: deque[_Segment] = deque(maxlen=SEGMENTS)
        self._claimed = float("-inf")
        self._asked = self._given = float("-inf")
        """the latest moment that was asked for, in device seconds, and the latest answer"""

    def add(self, sent: float, ticks: int, received: float) -> None:
        """A ping: host time before it left, device time in the reply, host time at which the reply was read."""
        device = ticks / self.tick_hz
        back = bool(self._samples) and device < self._samples[-1][0]
        self._samples.append((device, sent, received))
        line = self._intersect(device)
        if line is None:
            self._samples.clear()
            self._samples.append((device, sent, received))
            line = (sent + received) / 2, 1.0, (received - sent) / 2, MAX_DRIFT
        begin = max(device, self._asked)
        if self._segments:
            begin = max(begin, self._segments[-1].begin)
            self._floor = min(self._at(begin)[1], max(received, self._given))
        if back:  # the device's older times mean nothing any more
            self._segments.clear()
            begin, self._asked = device, float("-inf")
        offset, rate, error, spread = line
        late = begin - device
        self._segments.append(_Segment(begin, self._floor, offset + rate * late, rate, error + spread * late, spread))

    def agrees(self, sent: float, ticks: int, received: float) -> bool:
        """Whether a device time may lie between two host times; else it should be added, as a ping."""
        if not self._segments or ticks / self.tick_hz <= self._segments[-1].begin:
            return True
        mapped = self.to_host(ticks)
        return sent <= mapped.time + mapped.error and mapped.time - mapped.error <= received

    def to_host(self, ticks: int, *, before: float = float("inf")) -> HostTime:
        """The host time of a device time.

        Args:
            ticks: of the device's clock.
            before: host time at which the moment had surely happened. Of moments asked for with it, a later device time never maps to an
                earlier host time, whenever the two are asked.

        Raises:
            LookupError: there was no ping yet.
        """
        if not self._segments:
            raise LookupError("the clocks were not compared yet")
        device = ticks / self.tick_hz
        segment, mapped = self._at(device)
        error = segment.error + segment.spread * abs(device - segment.begin)
        if before < float("inf"):
            mapped = min(mapped, before)
            self._asked, self._given = max(self._asked, device), max(self._given, mapped)
        return HostTime(mapped, error + max(0.0, mapped - self._line(segment, device)))

    @property
    def due(self) -> float:
        """The host time at which another ping tells something new: pauses double while the drift becomes known."""
        if not self._samples:
            return float("-inf")
        _, first, _ = self._samples[0]
        _, last, _ = self._samples[-1]
        return last + min(max(last - first, FIRST_PAUSE), LONGEST_PAUSE)

    def claim(self, now: float) -> bool:
        """Whether another ping is due; whoever is told so makes it, and for a while nobody else is."""
        if now < max(self.due, self._claimed + CLAIM):
            return False
        self._claimed = now
        return True

    @property
    def newest(self) -> float:
        """The latest host time that this map may have given: the floor for the map of a restarted device."""
        return ambient.monotonic() if self._segments else self._floor

    @property
    def offset(self) -> float:
        """Host time at device time 0, seconds, by the newest estimate; NaN before the first ping."""
        return self._line(self._segments[-1], 0.0) if self._segments else float("nan")

    @property
    def drift(self) -> float:
        """How much faster the host's clock runs, as a ratio (1e-6 = 1 ppm); 0 before it is known."""
        return self._segments[-1].rate - 1 if self._segments else 0.0

    @property
    def error(self) -> float:
        """Error bound of the newest estimate at its ping, in seconds; infinite before the first ping."""
        return self._segments[-1].error if self._segments else float("inf")

    @staticmethod
    def _line(segment: _Segment, device: float) -> float:
        return segment.offset + segment.rate * (device - segment.begin)

    def _at(self, device: float) -> tuple[_Segment, float]:
        """The segment that holds at a device time, and the host time there."""
        segment = self._segments[-1]
        if device >= segment.begin:
            return segment, max(self._line(segment, device), segment.floor)
        index = bisect_right(self._segments, device, key=lambda segment: segment.begin)
        segment = self._segments[max(index - 1, 0)]
        line = self._line(segment, device)
        if not index:  # older than everything: no floor can be needed
            return segment, line
        return segment, min(max(line, segment.floor), max(self._segments[index].floor, segment.floor))

    def _intersect(self, device: float) -> tuple[float, float, float, float] | None:
        """Offset, rate, error and spread at a device time; None if the pings contradict each other."""
        at, sent, received = np.array(self._samples).T
        slowest, fastest = 1 - MAX_DRIFT, 1 + MAX_DRIFT
        span = at[None, :] - at[:, None]
        pairs = span > 0
        if pairs.any():
            slowest = max(slowest, float(((sent[None, :] - received[:, None])[pairs] / span[pairs]).max()))
            fastest = min(fastest, float(((received[None, :] - sent[:, None])[pairs] / span[pairs]).min()))
        if (span < 0).any(where=np.triu(np.ones_like(span, bool))) or slowest > fastest:
            return None
        age = device - at
        low = float((sent + slowest * age).max())
        high = float((received + fastest * age).min())
        if low > high:
            return None
        return (low + high) / 2, (slowest + fastest) / 2, (high - low) / 2, (fastest - slowest) / 2
