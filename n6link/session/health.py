"""How a device and its link do: the last sign of life, the round trip, what the line damages, how much it carries.

A device that has said nothing for a *heartbeat* is pinged, so that silence means something: its age (seconds since the last good frame)
stays below two heartbeats and a round trip while all is well. Rates are those of the last :data:`SPAN` seconds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, replace
from typing import Final

from n6link.json_types import Plain
from n6link.link.frames import Counters
from n6link.link.link import Link
from n6link.session.state import State

SPAN: Final = 10.0
"""seconds over which rates are taken"""
STALE: Final = 3.0
"""heartbeats without a sign of life after which a device is stale: one ping may be lost, and the next one is on its way"""


@dataclass(frozen=True, slots=True)
class Life:
    """Whether a device is there."""

    state: State
    age: float
    """seconds since its last good frame; infinite before the first one"""
    limit: float
    """seconds above which that is too long"""
    departures: int
    """times that it went, or said nothing for too long, since it was opened"""

    @property
    def open(self) -> bool:
        """Whether it can be used."""
        return self.state is State.OPEN

    @property
    def stale(self) -> bool:
        """Whether it cannot be used, or its last sign of life is too old."""
        return not self.open or self.age > self.limit


@dataclass(frozen=True, slots=True)
class Health(Life):
    """The same, and how its link does; times are seconds."""

    round_trip: float
    """smoothed; 0 = not measured yet"""
    damage: float
    """share of the chunks, in both directions, that did not arrive whole"""
    repeats: float
    """requests per second that were sent again"""
    up: float
    """bytes per second of whole inputs that have reached the device"""
    down: float
    """bytes per second of whole results that have come from it"""
    returns: int
    """times that the device came back since it was opened"""
    reboots: int
    """of these, how often it had been restarted"""

    def to_dict(self) -> Plain:
        """Plain values, for JSON."""
        return asdict(self) | {"state": self.state.value, "stale": self.stale}


class Vitals:
    """What is known of the life of one device, since it was opened.

    Args:
        heartbeat: seconds of silence after which the device is pinged.

    Attributes:
        departures: times that it went.
        returns: times that it came back.
        reboots: of these, how often it had been restarted.
    """

    def __init__(self, heartbeat: float) -> None:
        self.heartbeat = heartbeat
        self.departures = self.returns = self.reboots = 0
        self._samples: deque[tuple[float, Counters]] = deque()

    def sample(self, counters: Counters, now: float) -> None:
        """Looks at the counters of the link, at least twice in a span."""
        self._samples.append((now, replace(counters)))
        while len(self._samples) > 2 and now - self._samples[1][0] >= SPAN:
            self._samples.popleft()

    def life(self, state: State, heard: float, now: float) -> Life:
        """Whether the device is there, if it was heard last at a time."""
        return Life(state, now - heard, STALE * self.heartbeat, self.departures)

    def health(self, life: Life, link: Link, now: float) -> Health:
        """The same, and how its link does."""
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
            returns=self.returns,
            reboots=self.reboots,
        )
