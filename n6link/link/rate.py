"""How fast a link answers and carries bytes, measured from its traffic; and so when silence means loss. No clock.

The retransmission time-out of a request is, as in TCP (RFC 6298), the smoothed round trip plus four times its
deviation, with a floor for hosts that are busy elsewhere; plus the time that the bytes ahead of it need, because on a
UART an upload takes a hundred times longer than a round trip.

The rate comes from the device's grants, which tell how much it has consumed since it was last idle. Such an average is
never above what the link can carry, and below it whenever something was lost or the device was busy: of the last few,
the highest is believed.
"""

from __future__ import annotations

from collections import deque
from typing import Final

FIRST_TIMEOUT: Final = 0.5
"""seconds, before any round trip is known"""
FLOOR: Final = 0.05
"""seconds that a time-out is at least longer than a round trip: event loops and operating systems pause"""
FIRST_RATE: Final = 100_000.0
"""bytes a second, before anything is known: about a UART at 921600 baud"""
LOWEST_RATE: Final = 5_000.0
"""bytes a second that any link carries: half of a UART at 115200 baud"""
LOWEST_BAUD: Final = 9600
"""bits per second: a device that reports less is not believed, because time-outs follow from the rate"""
SAMPLES: Final = 16
"""averages that are remembered"""
BITS_PER_BYTE: Final = 10
"""of a UART: start bit, eight data bits, stop bit"""


class Path:
    """The estimates of one link.

    Attributes:
        pending: DATA bytes of which the device has not told that it took them.
        rate: bytes a second, host to device; taken for the other direction too.
        round_trip: smoothed seconds; 0 before the first sample.
    """

    def __init__(self) -> None:
        self.pending = 0
        self.rate = FIRST_RATE
        self.round_trip = 0.0
        self._deviation = 0.0
        self._slowest, self._fastest = LOWEST_RATE, float("inf")
        self._rates: deque[float] = deque(maxlen=SAMPLES)
        self._begun = 0.0
        self._taken = 0

    def set_baud(self, baud: int) -> None:
        """The device says that it sits behind a UART, which is never faster, nor much slower; 0 = it does not."""
        if baud:
            baud = max(baud, LOWEST_BAUD)
            self.rate = self._fastest = baud / BITS_PER_BYTE
            self._slowest = self.rate / 2

    def restart(self) -> None:
        """A session begins: nothing is on its way. What was measured stays."""
        self.pending = 0

    def answered(self, seconds: float) -> None:
        """A request that nothing was ahead of, and that was sent once, got its answer."""
        if not self.round_trip:
            self.round_trip, self._deviation = seconds, seconds / 2
            return
        self._deviation += (abs(seconds - self.round_trip) - self._deviation) / 4
        self.round_trip += (seconds - self.round_trip) / 8

    def sent(self, count: int, now: float) -> None:
        """DATA bytes left for the device."""
        if not self.pending:
            self._begun, self._taken = now, 0
        self.pending += count

    def consumed(self, count: int, now: float) -> None:
        """The device has told that it took DATA bytes."""
        count = min(count, self.pending)
        self.pending -= count
        self._taken += count
        if now > self._begun:
            self._rates.append(self._taken / (now - self._begun))
            self.rate = min(max(*self._rates, self._slowest), self._fastest)

    def timeout(self, ahead: int = 0) -> float:
        """Seconds after which a missing answer means that something was lost.

        Args:
            ahead: bytes that have to pass, in either direction, before the answer can be here.
        """
        base = self.round_trip + max(4 * self._deviation, FLOOR) if self.round_trip else FIRST_TIMEOUT
        return base + self.drain(ahead)

    def drain(self, count: int) -> float:
        """Seconds that so many bytes need."""
        return count / self.rate
