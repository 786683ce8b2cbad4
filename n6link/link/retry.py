"""What silence means: when to repeat a request, to ask for missing chunks, to probe for credits, and when to give up.

The rules look at each exchange of a :class:`n6link.link.link.Link` every :data:`TICK` seconds. They know no deadline of a
caller; what they measure is lack of progress, so that a slow upload may take as long as it needs.

=========  ============================================  =====================================================
phase      nothing has happened for                      then
=========  ============================================  =====================================================
ASKED      the path's time-out, doubled each time        repeat; the third time behind a flush
SENDING    the same, and no credits are left             probe
ACCEPTED   at least :data:`POLL`, doubled each time      repeat: the reply says how far it is, or the result comes
RECEIVING  the path's time-out, doubled each time        ask for every missing chunk, and probe
any        its patience, beside what the bytes ahead     give up
           of it need
=========  ============================================  =====================================================

Half a frame whose rest does not come for a time-out is searched for others. Time during which this process did not run
(it was suspended, or blocked) is not silence of the device, and is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from n6link.link.exchange import Exchange, Phase
from n6link.link.link import Link
from n6link.protocol import Limit

TICK: Final = 0.02
"""seconds between two looks"""
PAUSE: Final = 5 * TICK
"""a longer time between two looks means that this process did not run"""
POLL: Final = 0.5
"""seconds after which a running inference is asked for at the earliest"""
FLUSH: Final = 2
"""the repetition, of each eight, before which any frame whose end the device may still wait for is filled up"""
LONGEST: Final = 1.0
"""seconds to which repetitions are spread out at most"""


@dataclass(slots=True)
class _Watch:
    """How long an exchange has been silent."""

    progress: int
    tries: int
    quiet: float = 0.0
    """since something came or was sent"""
    idle: float = 0.0
    """since something came"""
    level: int = 0
    """repetitions since something came"""


class Retry:
    """Watches the exchanges of a link."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._watches: dict[int, _Watch] = {}
        self._time: float | None = None
        self._received = 0
        self._silence = 0.0

    def tick(self, now: float) -> list[Exchange]:
        """Repeats what is due; returns the exchanges that have run out of patience, which are not withdrawn."""
        link = self._link
        passed = 0.0 if self._time is None else min(now - self._time, PAUSE)
        self._time = now
        self._search(now, passed)
        self._watches = {number: watch for number, watch in self._watches.items() if number in link.exchanges}
        hopeless: list[Exchange] = []
        for exchange in list(link.exchanges.values()):
            watch = self._watches.get(exchange.id)
            if watch is None or watch.progress != exchange.progress:
                self._watches[exchange.id] = _Watch(exchange.progress, exchange.tries)
                continue
            watch.idle += passed
            watch.quiet = 0.0 if watch.tries != exchange.tries else watch.quiet + passed
            watch.tries = exchange.tries
            if watch.idle > exchange.patience + link.path.drain(self._ahead(exchange)):
                hopeless.append(exchange)
                continue
            allowed = self._allowed(exchange)
            if watch.quiet > min(allowed * 2**watch.level, max(allowed, LONGEST)):
                self._act(exchange, watch)
        return hopeless

    def rest(self) -> None:
        """Nothing is under way: the time until the next tick is not silence."""
        self._time = None

    def _search(self, now: float, passed: float) -> None:
        link = self._link
        if link.counters.rx_bytes != self._received:
            self._received, self._silence = link.counters.rx_bytes, 0.0
        self._silence += passed
        if link.half_frame and self._silence > link.path.timeout(self._chunk):
            link.search_again(now)

    @property
    def _chunk(self) -> int:
        return self._link.session.chunk if self._link.session else int(Limit.MAX_CONTROL)

    def _allowed(self, exchange: Exchange) -> float:
        """Seconds of silence that are no sign of loss."""
        link = self._link
        answers = len(link.exchanges) * int(Limit.MAX_CONTROL)
        if any(other.phase in (Phase.ACCEPTED, Phase.RECEIVING) for other in link.exchanges.values()):
            answers += 2 * self._chunk
        allowed = link.path.timeout(self._ahead(exchange) + answers)
        return max(allowed, POLL) if exchange.phase is Phase.ACCEPTED else allowed

    def _ahead(self, exchange: Exchange) -> int:
        """DATA bytes that have to arrive before it can get on."""
        return exchange.ahead if exchange.tries else self._link.path.pending

    def _act(self, exchange: Exchange, watch: _Watch) -> None:
        link = self._link
        if exchange.phase is Phase.RECEIVING:
            link.complain(exchange.id)
            link.probe(exchange.patience)
        elif exchange.phase is Phase.SENDING:
            if not link.blocked:
                return
            link.probe(exchange.patience)
        elif exchange.phase is Phase.HELD or not exchange.tries:
            return
        else:
            link.repeat(exchange.id, flush=watch.level % 8 == FLUSH)
        watch.level += 1
        watch.quiet = 0.0
