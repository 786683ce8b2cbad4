"""The health of a device and its link: time of the last frame, round trip, damaged chunks, rates.

If no frame has arrived for a *heartbeat*, the device is pinged. While it works, its age (seconds since the last good frame) is therefore
less than two heartbeats plus a round trip. Rates are those of the last :data:`SPAN` seconds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, replace
from typing import Final

from n6link.json_types import Plain
from n6link.link.frames import Counters
from n6link.link.link import Link
from n6link.session.state import State
from n6link.sheet import Sheet, Shown, facts

SPAN: Final = 10.0
"""time window of the rates, seconds"""
STALE: Final = 3.0
"""number of heartbeats without a frame after which a device is stale: one ping may be lost, and the next must be answered"""


@dataclass(frozen=True, slots=True)
class Life:
    """Whether a device is connected and answers."""

    state: State
    age: float
    """seconds since its last good frame; infinite before the first one"""
    limit: float
    """maximum age, seconds"""
    departures: int
    """number of lost connections since it was opened, also because it did not answer"""

    @property
    def open(self) -> bool:
        """Whether it can be used."""
        return self.state is State.OPEN

    @property
    def stale(self) -> bool:
        """Whether it cannot be used, or its last frame is too old."""
        return not self.open or self.age > self.limit


@dataclass(frozen=True, slots=True, repr=False)
class Health(Shown, Life):
    """The same, with figures of the link; times are in seconds."""

    round_trip: float
    """smoothed; 0 = not yet measured"""
    damage: float
    """share of damaged or lost chunks, in both directions"""
    repeats: float
    """repeated requests per second"""
    up: float
    """bytes per second of complete inputs to the device"""
    down: float
    """bytes per second of complete results from the device"""
    baud: int
    """present bit rate of the line; 0 = not a UART"""
    returns: int
    """number of reconnections since it was opened"""
    reboots: int
    """number of reconnections after a restart of the device"""

    def brief(self) -> str:  # noqa: D102
        stale = ", stale" if self.open and self.stale else ""
        return f"{self.state.value}{stale}, round trip {self.round_trip * 1e3:.2f} ms, {self.damage:.2%} damaged"

    def sheet(self) -> Sheet:  # noqa: D102
        from n6link.console import duration, rate

        about = {
            "state": self.state.value,
            "last frame": f"{duration(self.age)} ago" if self.open else "",
            "round trip": duration(self.round_trip),
            "damaged or lost chunks": f"{self.damage:.2%}",
            "repeated requests per second": f"{self.repeats:.2f}",
            "to the board": rate(self.up),
            "from the board": rate(self.down),
            "bit rate": self.baud or None,
            "connections lost": self.departures,
            "reconnections": self.returns,
            "restarts of the board": self.reboots,
        }
        return Sheet((facts(about),))

    def to_dict(self) -> Plain:
        """Plain values, for JSON."""
        return asdict(self) | {"state": self.state.value, "stale": self.stale}


class Vitals:
    """Collects figures of one device since it was opened.

    Args:
        heartbeat: seconds without a frame after which the device is pinged.

    Attributes:
        departures: number of lost connections.
        returns: number of reconnections.
        reboots: number of reconnections after a restart of the device.
    """

    def __init__(self, heartbeat: float) -> None:
        self.heartbeat = heartbeat
        self.departures = self.returns = self.reboots = 0
        self._samples: deque[tuple[float, Counters]] = deque()

    def sample(self, counters: Counters, now: float) -> None:
        """Stores the counters of the link; called at least twice per span."""
        self._samples.append((now, replace(counters)))
        while len(self._samples) > 2 and now - self._samples[1][0] >= SPAN:
            self._samples.popleft()

    def life(self, state: State, heard: float, now: float) -> Life:
        """Whether the device is connected and answers; ``heard`` is the time of its last good frame."""
        return Life(state, now - heard, STALE * self.heartbeat, self.departures)

    def health(self, life: Life, link: Link, now: float) -> Health:
        """The same, with figures of the link."""
        counters = link.counters
        begin, first = self._samples[0] if self._samples else (now, counters)
        span = max(now - begin, 1e-3)
        sent, received = counters.tx_chunks - first.tx_chunks, counters.rx_chunks - first.rx_chunks
        damaged = counters.rx_damaged - first.rx_damaged
        bad = counters.retransmits - first.retransmits + damaged
        return Health(
            state=life.state,
            age=life.age,
            limit=life.limit,
            departures=life.departures,
            round_trip=link.path.round_trip,
            damage=min(bad / max(sent + received + damaged, 1), 1.0),
            repeats=(counters.repeats - first.repeats) / span,
            up=(counters.uploaded - first.uploaded) / span,
            down=(counters.downloaded - first.downloaded) / span,
            baud=link.path.baud,
            returns=self.returns,
            reboots=self.reboots,
        )
