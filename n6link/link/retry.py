"""Time-outs: when to repeat a request, to request missing chunks, to probe for credits, and when an exchange fails.

The rules check each exchange of a :class:`n6link.link.link.Link` every :data:`TICK` seconds. They measure the time without
progress, not the deadline of a caller: a slow upload does not fail, and neither does one that waits for others as long as the device
receives their bytes.

=========  ============================================  =====================================================
phase      time without progress                         action
=========  ============================================  =====================================================
ASKED      the path's time-out, doubled each time        repeat; the third time after a flush
ACCEPTED   at least :data:`POLL`, doubled each time      repeat: the reply has its state, or the result arrives
RECEIVING  the path's time-out, doubled each time        request every missing chunk, and probe
any        its patience, plus the transmission time of   the exchange fails
           the bytes before it; what had to wait for
           others begins again when it is sent
=========  ============================================  =====================================================

If an upload has bytes to send and no credit, in any phase, the device is probed after the path's time-out, doubled each time,
until there are credits.

If no byte of an incomplete frame arrives for a time-out, its bytes are searched for other frames. Time in which this process did
not run (it was suspended, or blocked) is not counted. The time of a tick is proportional to the number of exchanges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from n6link.link.exchange import ACCEPTED, ASKED, RECEIVING, Exchange
from n6link.link.link import Link
from n6link.protocol import Limit

TICK: Final = 0.02
"""seconds between two checks"""
PAUSE: Final = 5 * TICK
"""a longer time between two checks means that this process did not run"""
POLL: Final = 0.5
"""minimum seconds before the INFER of a running inference is repeated"""
FLUSH: Final = 2
"""in each series of eight repetitions, the one before which zeros are sent: the device may wait for the rest of a damaged frame"""
LONGEST: Final = int(Limit.RETRY_MAX_MS) / 1000
"""maximum seconds between two repetitions"""


@dataclass(slots=True)
class _Watch:
    """The time without progress of an exchange."""

    progress: int
    tries: int
    quiet: float = 0.0
    """seconds since the last progress or transmission"""
    idle: float = 0.0
    """seconds since the last progress"""
    level: int = 0
    """number of repetitions since the last progress"""


class Retry:
    """Watches the exchanges of a link."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._watches: dict[int, _Watch] = {}
        self._time: float | None = None
        self._received: int = 0
        self._frames: int = 0
        self._silence = self._unheard = 0.0
        self._blocked = _Watch(0, 0)
        self._stuck = 0.0

    def tick(self, now: float) -> list[Exchange]:
        """Repeats what is due; returns the exchanges whose patience is over. They are not withdrawn."""
        link = self._link
        passed = 0.0 if self._time is None else min(now - self._time, PAUSE)
        self._time = now
        self._search(now, passed)
        self._probe(passed)
        self._watches = {number: watch for number, watch in self._watches.items() if number in link.exchanges}
        answers, waiting = self._answers(), link.sender.waiting
        hopeless: list[Exchange] = []
        self._stuck = 0.0
        for exchange in link.pending:
            watch, progress = self._watches.get(exchange.id), self._progress(exchange, waiting)
            if watch is None or watch.progress != progress:
                self._watches[exchange.id] = _Watch(progress, exchange.tries)
                continue
            watch.idle += passed
            watch.quiet += passed
            if watch.tries != exchange.tries:
                watch.quiet = 0.0
                if not watch.tries:  # it has waited for others until now
                    watch.idle = 0.0
                watch.tries = exchange.tries
            if exchange.phase is ASKED and exchange.tries > 1:
                self._stuck = max(self._stuck, watch.idle)
            ahead = exchange.ahead if exchange.tries else link.path.pending
            if watch.idle > exchange.patience + link.path.drain(ahead):
                hopeless.append(exchange)
                continue
            allowed = link.path.timeout(min(ahead, link.path.pending) + answers)  # less, if some of them have arrived
            if exchange.phase is ACCEPTED:
                allowed = max(allowed, POLL)
            if watch.quiet > min(allowed * 2**watch.level, max(allowed, LONGEST)):
                self._act(exchange, watch)
        return hopeless

    @property
    def silence(self) -> float:
        """Seconds without any received byte, while this process ran and there were exchanges."""
        return self._silence

    @property
    def unheard(self) -> float:
        """The same without any good frame."""
        return self._unheard

    @property
    def stuck(self) -> float:
        """Seconds for which a repeated request has had no answer; the longest of all."""
        return self._stuck

    def rest(self) -> None:
        """There are no exchanges: the time until the next tick is not counted."""
        self._time = None
        self._silence = self._unheard = self._stuck = 0.0

    def _progress(self, exchange: Exchange, waiting: set[int]) -> int:
        """The progress of an exchange, and of what it waits for: an INFER for its upload, an upload for those before it."""
        progress, upload = exchange.progress, exchange.needs
        if exchange.id in waiting:
            progress += self._link.sender.acknowledged
        if upload and upload.id in self._link.exchanges:
            progress += self._progress(upload, waiting)
        return progress

    def _search(self, now: float, passed: float) -> None:
        link = self._link
        if link.counters.rx_bytes != self._received:
            self._received, self._silence = link.counters.rx_bytes, 0.0
        self._silence += passed
        if link.counters.rx_frames != self._frames:
            self._frames, self._unheard = link.counters.rx_frames, 0.0
        self._unheard += passed
        if link.half_frame and self._silence > link.path.timeout(self._chunk):
            link.search_again(now)

    def _probe(self, passed: float) -> None:
        """Probes the device if an upload waits for credits."""
        link, watch = self._link, self._blocked
        if not link.blocked or watch.progress != link.sender.acknowledged:
            self._blocked = _Watch(link.sender.acknowledged, 0)
            return
        watch.quiet += passed
        allowed = link.path.timeout(link.path.pending)
        if watch.quiet > min(allowed * 2**watch.level, max(allowed, LONGEST)):
            link.probe(max(exchange.patience for exchange in link.exchanges.values()))
            watch.level += 1
            watch.quiet = 0.0

    @property
    def _chunk(self) -> int:
        return self._link.session.chunk if self._link.session else int(Limit.MAX_CONTROL)

    def _answers(self) -> int:
        """Bytes of other answers that may be transferred before the expected one."""
        exchanges = self._link.exchanges
        answers = len(exchanges) * int(Limit.MAX_CONTROL)
        if any(exchange.phase in (ACCEPTED, RECEIVING) for exchange in exchanges.values()):
            answers += 2 * self._chunk
        return answers

    def _act(self, exchange: Exchange, watch: _Watch) -> None:
        link = self._link
        if exchange.phase is RECEIVING:
            link.complain(exchange.id)
            link.probe(exchange.patience)
        elif exchange.phase in (ASKED, ACCEPTED) and exchange.tries:
            link.repeat(exchange.id, flush=watch.level % 8 == FLUSH)
        else:
            return
        watch.level += 1
        watch.quiet = 0.0
