"""How fast a link answers and carries bytes, measured from its traffic; and so when silence means loss. No clock.

The retransmission time-out of a request is, as in TCP (RFC 6298), the smoothed round trip plus four times its
deviation, with a floor for hosts that are busy elsewhere; plus the time that the bytes ahead of it need, because on a
UART an upload takes a hundred times longer than a round trip. The rate comes from the device's grants: between two
of them it has consumed a known number of bytes. A slower rate is believed at once, a faster one gradually, since a
request that is repeated too early costs the very bandwidth that it is waiting for.
"""

from __future__ import annotations

from typing import Final

FIRST_TIMEOUT: Final = 0.5
"""seconds, before any round trip is known"""
FLOOR: Final = 0.05
"""seconds that a time-out is at least longer than a round trip: event loops and operating systems pause"""
FIRST_RATE: Final = 100_000.0
"""bytes a second, before anything is known: about a UART at 921600 baud"""
BITS_PER_BYTE: Final = 10
"""of a UART: start bit, eight data bits, stop bit"""


class Path:
    """The estimates of one link.

    Attributes:
        rate: bytes a second, host to device; taken for the other direction too.
        round_trip: smoothed seconds; 0 before the first sample.
    """

    def __init__(self) -> None:
        self.rate = FIRST_RATE
        self.round_trip = 0.0
        self._deviation = 0.0
        self._line_rate = float("inf")
        self._pending = 0
        self._since = 0.0

    def set_baud(self, baud: int) -> None:
        """The device says that it sits behind a UART."""
        if baud:
            self._line_rate = baud / BITS_PER_BYTE
            self.rate = self._line_rate

    def answered(self, seconds: float) -> None:
        """A request that nothing was ahead of, and that was sent once, got its answer."""
        if not self.round_trip:
            self.round_trip, self._deviation = seconds, seconds / 2
            return
        self._deviation += (abs(seconds - self.round_trip) - self._deviation) / 4
        self.round_trip += (seconds - self.round_trip) / 8

    def sent(self, count: int, now: float) -> None:
        """DATA bytes left for the device."""
        if not self._pending:
            self._since = now
        self._pending += count

    def consumed(self, count: int, now: float) -> None:
        """The device has told that it took DATA bytes."""
        if now > self._since and 0 < count <= self._pending:
            rate = min(count / (now - self._since), self._line_rate)
            self.rate = rate if rate < self.rate else self.rate + (rate - self.rate) / 8
        self._pending = max(self._pending - count, 0)
        self._since = now

    @property
    def pending(self) -> int:
        """DATA bytes of which the device has not told that it took them."""
        return self._pending

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
