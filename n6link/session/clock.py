"""One time base: converts the device's clock to the host's monotonic clock, with an error bound.

A ping returns an interval: the device read its clock at a time between *sent* and *received*. The drift of two clocks is at most
:data:`MAX_DRIFT`, so an earlier interval is still valid now if it is widened by drift times age. The host time of a device time is
therefore in the *intersection* of all widened intervals: a fast ping makes it smaller, a slow one does not change it (this is the
minimum round trip filter, without a threshold), and half of its width is the error bound. Pairs of pings limit the drift itself in
the same way, which reduces the widening.

If the intersection is empty, one of the clocks has jumped (the host was suspended, the board's clocks were changed): the map starts
again with the last ping.

The map never goes back: if two times had already passed when they were converted, the later one is never converted to an earlier time.
Each estimate is a segment that starts at its ping. Its first value is the last value of the previous segment, but not later than the
answer to the ping. If the new line is below this value, the converted time is constant until the line reaches it. The map of a
restarted board starts with the last value of the previous map.

While the host is suspended, its monotonic clock stops and the board's clock runs. Callers therefore pass a time before which the event
happened, and add times that contradict the map (:meth:`ClockMap.agrees`) as additional pings.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from n6link import ambient

MAX_DRIFT: Final = 500e-6
"""maximum drift of two clocks, as a ratio: ten times a usual crystal's 50 ppm, so that it also covers the HSI oscillator"""
SAMPLES: Final = 64
SEGMENTS: Final = 256
FIRST_PAUSE: Final = 0.1
"""seconds between the first and the second ping: then the measured limit of the drift is smaller than :data:`MAX_DRIFT`"""
CLAIM: Final = 1.0
"""seconds after which a ping that is due may be sent by another task, if it was not sent"""
LONGEST_PAUSE: Final = 10.0
"""maximum seconds between two pings: short enough for the change of oscillators while they warm up"""


@dataclass(frozen=True, slots=True)
class HostTime:
    """A time on ``time.monotonic()``, in seconds, with its maximum error (plus or minus)."""

    time: float
    error: float


UNKNOWN: Final = HostTime(float("nan"), float("inf"))
"""an unknown time"""


@dataclass(frozen=True, slots=True)
class _Segment:
    begin: float
    """device seconds"""
    floor: float
    """minimum host time of this segment, seconds"""
    offset: float
    rate: float
    """host = offset + rate * (device - begin)"""
    error: float
    spread: float
    """growth of the error per second of distance from begin"""


class ClockMap:
    """Converts ticks of one device, since one start, to the host's monotonic clock.

    Args:
        tick_hz: ticks per second of the device's clock.
        floor: minimum host time of all results; :attr:`newest` of the map before a restart.

    Attributes:
        due: the host time of the next useful ping: the intervals double while the drift is measured.
    """

    def __init__(self, tick_hz: float, *, floor: float = float("-inf")) -> None:
        self.tick_hz = tick_hz
        self.due = float("-inf")
        self._floor = floor
        self._samples: deque[tuple[float, float, float]] = deque(maxlen=SAMPLES)
        self._segments: deque[_Segment] = deque(maxlen=SEGMENTS)
        self._claimed = float("-inf")
        self._asked = self._given = float("-inf")
        """the latest converted device time, in device seconds, and its host time"""

    def add(self, sent: float, ticks: int, received: float) -> None:
        """Adds a ping: host time before its transmission, device time in the reply, host time after the reply was read."""
        device = ticks / self.tick_hz
        back = bool(self._samples) and device < self._samples[-1][0]
        self._samples.append((device, sent, received))
        line = self._intersect(device)
        if line is None:
            self._samples.clear()
            self._samples.append((device, sent, received))
            line = (sent + received) / 2, 1.0, (received - sent) / 2, MAX_DRIFT
        _, first, _ = self._samples[0]
        self.due = sent + min(max(sent - first, FIRST_PAUSE), LONGEST_PAUSE)
        begin = max(device, self._asked)
        if self._segments:
            begin = max(begin, self._segments[-1].begin)
            self._floor = min(self._at(begin)[1], max(received, self._given))
        if back:  # the device's clock has gone back: its earlier times are not comparable any more
            self._segments.clear()
            begin, self._asked = device, float("-inf")
        offset, rate, error, spread = line
        late = begin - device
        self._segments.append(_Segment(begin, self._floor, offset + rate * late, rate, error + spread * late, spread))

    def agrees(self, sent: float, ticks: int, received: float) -> bool:
        """Whether a device time can be between two host times; if not, add it as a ping."""
        newest = self._segments[-1] if self._segments else None
        late = ticks / self.tick_hz - newest.begin if newest else 0.0
        if newest is None or late <= 0:
            return True
        line = newest.offset + newest.rate * late
        mapped = max(line, newest.floor)
        error = newest.error + newest.spread * late + mapped - line
        return sent <= mapped + error and mapped - error <= received

    def to_host(self, ticks: int, *, before: float = float("inf")) -> HostTime:
        """The host time of a device time.

        Args:
            ticks: of the device's clock.
            before: a host time after the event. For all times that are converted with it, a later device time is never converted to an
                earlier host time, in any order of calls.

        Raises:
            LookupError: there was no ping yet.
        """
        if not self._segments:
            raise LookupError("the clocks were not yet compared; call ping() first")
        device = ticks / self.tick_hz
        line, mapped, error = self._at(device)
        if before < float("inf"):
            mapped = min(mapped, before)
            self._asked, self._given = max(self._asked, device), max(self._given, mapped)
        return HostTime(mapped, error + max(0.0, mapped - line))

    def to_device(self, host: float) -> int:
        """The device time in ticks of a host time, by the newest estimate; not before the start of the device.

        Raises:
            LookupError: there was no ping yet.
        """
        if not self._segments:
            raise LookupError("the clocks were not yet compared; call ping() first")
        newest = self._segments[-1]
        return max(round((newest.begin + (host - newest.offset) / newest.rate) * self.tick_hz), 0)

    def claim(self, now: float) -> bool:
        """Whether another ping is due. If so, the caller must send it; for other callers it is then not due for a while."""
        if now < max(self.due, self._claimed + CLAIM):
            return False
        self._claimed = now
        return True

    @property
    def newest(self) -> float:
        """The latest host time that this map can have returned: the floor for the map of a restarted device."""
        return ambient.monotonic() if self._segments else self._floor

    @property
    def offset(self) -> float:
        """Host time at device time 0, seconds, by the newest estimate; NaN before the first ping."""
        return self._line(self._segments[-1], 0.0) if self._segments else float("nan")

    @property
    def drift(self) -> float:
        """Relative difference of the host's clock rate (1e-6 = 1 ppm faster); 0 before it is known."""
        return self._segments[-1].rate - 1 if self._segments else 0.0

    @property
    def error(self) -> float:
        """Error bound of the newest estimate at its ping, in seconds; infinite before the first ping."""
        return self._segments[-1].error if self._segments else float("inf")

    @staticmethod
    def _line(segment: _Segment, device: float) -> float:
        return segment.offset + segment.rate * (device - segment.begin)

    def _at(self, device: float) -> tuple[float, float, float]:
        """The line of the segment for a device time, the host time, and the error of the line."""
        segment, following = self._segments[-1], None
        if device < segment.begin:
            index = bisect_right(self._segments, device, key=lambda segment: segment.begin)
            segment, following = self._segments[max(index - 1, 0)], self._segments[index]
        line = self._line(segment, device)
        error = segment.error + segment.spread * abs(device - segment.begin)
        if following is segment:  # before the first segment: a minimum is not required
            return line, line, error
        mapped = max(line, segment.floor)
        return line, min(mapped, max(following.floor, segment.floor)) if following else mapped, error

    def _intersect(self, device: float) -> tuple[float, float, float, float] | None:
        """Offset, rate, error and spread at a device time; None if the pings contradict each other."""
        # All pairs: 64 x 64 values take less time in numpy than a search for the pairs that matter.
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
