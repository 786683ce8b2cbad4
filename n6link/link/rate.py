"""Round trip and rate of a link, measured from its traffic, and the time-outs that follow from them. No clock.

The retransmission time-out of a request is, as in TCP (RFC 6298), the smoothed round trip plus four times its deviation. It has a
minimum, because hosts may be busy with other programs. The transmission time of the bytes before the request is added, because on
a UART an upload takes a hundred times longer than a round trip.

The rate is measured from the device's grants, which report the number of bytes received since the line was last idle. Such a mean is
never higher than the capacity of the link, but it is lower if bytes were lost or the device was busy: therefore the highest of the
last means is used.
"""

from __future__ import annotations

from collections import deque
from typing import Final

FIRST_TIMEOUT: Final = 0.5
"""time-out before the first round trip was measured, seconds"""
FLOOR: Final = 0.05
"""minimum difference between time-out and round trip, seconds: event loops and operating systems have pauses"""
FIRST_RATE: Final = 100_000.0
"""bytes per second before the first measurement: about a UART at 921600 baud"""
LOWEST_RATE: Final = 5_000.0
"""minimum bytes per second of any link: half of a UART at 115200 baud"""
LOWEST_BAUD: Final = 19_200
"""bits per second: a lower value from a device is not used, because time-outs are calculated from the rate"""
TRUSTED: Final = 4096
"""bytes of an average that may contradict the rate that the device reports"""
SAMPLES: Final = 16
"""number of stored means"""
RESTED: Final = 0.9
"""share of the transmission time of a frame's rest that passes before it is read: clocks differ"""
ROOM: Final = 2048
"""bytes that may collect unread: half of what a tty stores"""
SHORTEST_REST, LONGEST_REST = 0.002, 0.01
"""seconds for which a slow line is not read; a shorter time costs more than the reads it saves"""
BITS_PER_BYTE: Final = 10
"""of a UART: start bit, eight data bits, stop bit"""


class Path:
    """The estimates of one link.

    Attributes:
        pending: DATA bytes that the device has not yet acknowledged.
        baud: bits per second that the device reports; 0 = not a UART.
        rate: bytes per second, host to device; also used for the other direction.
        round_trip: smoothed seconds; 0 before the first sample.
        known: whether the rate was measured, or the device has reported it.
    """

    def __init__(self) -> None:
        self.pending = self.baud = 0
        self.rate = FIRST_RATE
        self.round_trip = 0.0
        self.known = False
        self._deviation = 0.0
        self._slowest, self._fastest = LOWEST_RATE, float("inf")
        self._rates: deque[float] = deque(maxlen=SAMPLES)
        self._begun = 0.0
        self._taken = 0

    def set_baud(self, baud: int) -> None:
        """Sets the baud rate that the device reports; 0 = not a UART. The link is never faster, and not much slower."""
        self.baud = baud
        if baud:
            baud = max(baud, LOWEST_BAUD)
            self.rate = self._fastest = baud / BITS_PER_BYTE
            self._slowest = self.rate / 2
            self.known = True

    def restart(self) -> None:
        """A session starts: no byte is on the line. Measurements are kept."""
        self.pending = 0

    def answered(self, seconds: float) -> None:
        """A request was answered that had no bytes before it and was sent once (Karn's rule: repeats are ambiguous)."""
        # Gains of 1/8 and 1/4, and a first deviation of half the round trip: RFC 6298, section 2.
        if not self.round_trip:
            self.round_trip, self._deviation = seconds, seconds / 2
            return
        self._deviation += (abs(seconds - self.round_trip) - self._deviation) / 4
        self.round_trip += (seconds - self.round_trip) / 8

    def sent(self, count: int, now: float) -> None:
        """DATA bytes were sent to the device."""
        # The line was idle: the mean of the rate starts again, without the idle time.
        if not self.pending:
            self._begun, self._taken = now, 0
        self.pending += count

    def consumed(self, count: int, now: float) -> None:
        """The device has acknowledged DATA bytes."""
        count = min(count, self.pending)
        self.pending -= count
        self._taken += count
        if now > self._begun:
            self._rates.append(self._taken / (now - self._begun))
            if self._taken >= TRUSTED and self._rates[-1] > 2 * self._fastest:
                self._fastest = float("inf")  # what the device reports as the rate of its line is wrong
            self.rate = min(max(*self._rates, self._slowest), self._fastest)
            self.known = True

    def timeout(self, ahead: int = 0) -> float:
        """Seconds after which a missing answer means that bytes were lost.

        Args:
            ahead: bytes, in either direction, that must be transferred before the answer.
        """
        base = self.round_trip + max(4 * self._deviation, FLOOR) if self.round_trip else FIRST_TIMEOUT
        return base + self.drain(ahead)

    def rest(self, count: int) -> float:
        """Seconds in which ``count`` bytes cannot arrive and their buffer in the system does not overflow; 0 if that is short, or not a UART."""
        seconds = min(RESTED * count, ROOM) / self._fastest
        return min(seconds, LONGEST_REST) if seconds >= SHORTEST_REST else 0.0

    def drain(self, count: int) -> float:
        """Transmission time of ``count`` bytes, seconds."""
        return count / self.rate
