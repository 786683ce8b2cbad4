"""A board of a pool and its jobs: what it does at present, and how fast it is. No IO."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias

import anyio

from n6link.device import N6Device
from n6link.network import Network
from n6link.pool.status import BoardState, BoardStatus
from n6link.result import Result

Call: TypeAlias = Callable[[Network, Callable[[], None]], Awaitable[Result]]
"""runs the network of a board; its second argument is called when the board has computed the result, before the download"""
NEWEST: Final = 0.25
"""weight of the newest measurement in the average of a board's seconds per answer"""
FORGOTTEN: Final = 10.0
"""seconds for which this average is used without a new measurement"""
OVERDUE: Final = 4.0
"""a job that takes so many times as long as usual is repeated on another board before any new one"""
EVERY: Final = 8
"""answers that wait for a check of their board"""
RECENT: Final = 64
"""measurements that are kept, to compare boards with what the others did at the same time"""
SHARE: Final = 20
"""a check is not repeated before so many times its own duration, so that checks cost about 5 % of the time of a board at most"""


@dataclass(slots=True, eq=False)
class Job:
    """A job. It is over when ``done`` is set: then it has a result or an error."""

    number: int
    """in the order of the calls"""
    network: str
    call: Call
    priority: int = 0
    deadline: float = math.inf
    """host time after which nobody waits for it"""
    confirm: bool = False
    """the result is given only after its board has passed a check that began later"""
    computed: Callable[[], None] | None = None
    """called once, when the first board has computed the result"""
    attempts: list[Attempt] = field(default_factory=list["Attempt"])
    refused: set[Board] = field(default_factory=set["Board"])
    """boards whose runtime has failed with it"""
    crashes: int = 0
    """how often a board was lost while it worked on it"""
    waits_since: float | None = None
    """host time since which no board can take it"""
    answer: Result | None = None
    """that waits for a check, or is the result"""
    error: Exception | None = None
    done: anyio.Event = field(default_factory=anyio.Event)

    @property
    def order(self) -> tuple[int, int]:
        """Position among the jobs that wait."""
        return -self.priority, self.number

    def fail(self, error: Exception) -> None:
        """Ends it with an error."""
        self.error = error
        self.done.set()

    def tell_computed(self) -> None:
        """A board has computed its result."""
        if self.computed:
            self.computed()
            self.computed = None


@dataclass(slots=True, eq=False)
class Attempt:
    """A job on one board."""

    job: Job
    board: Board
    begun: float
    """host time"""
    holds_slot: bool = True
    """until the board has computed it; then the board can take the next job"""
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)


@dataclass(slots=True, eq=False)
class Board:
    """The pool's own view of a board."""

    url: str
    state: BoardState = BoardState.OPENING
    reason: str = ""
    device: N6Device | None = None
    """while it is open"""
    unique_id: str = ""
    proved: set[str] = field(default_factory=set[str])
    """networks that it may run: checked, and the same as those of the other boards"""
    refused: dict[str, str] = field(default_factory=dict[str, str])
    running: list[Attempt] = field(default_factory=list[Attempt])
    unconfirmed: list[Job] = field(default_factory=list[Job])
    """answered, and waiting for a check"""
    unchecked: int = 0
    """answers that were given to the program since the last check"""
    used: set[str] = field(default_factory=set[str])
    """networks that it has run since the last check"""
    check_wanted: bool = False
    checked: float = 0.0
    """host time of the last good check"""
    check_seconds: dict[str, float] = field(default_factory=dict[str, float])
    """duration of the last check, by network"""
    late: int = 0
    """jobs in a row that took longer than any on the other boards at the same time"""
    behind: float = 0.0
    """how many times as long, at least, for the worst of them"""
    answers: int = 0
    repeated: int = 0
    aside: int = 0
    checks: int = 0
    distrusted: int = 0
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    _measured: dict[str, float] = field(default_factory=dict[str, float])
    """host times of the last measurements"""
    _recent: deque[tuple[str, float, float]] = field(
        default_factory=partial(deque[tuple[str, float, float]], maxlen=RECENT)
    )
    """network, host time and seconds of the last measurements"""
    _progress: float = 0.0
    """host time at which a job has ended here"""

    def takes(self, job: Job) -> bool:
        """Whether it may run a job."""
        return self.state is BoardState.READY and job.network in self.proved and self not in job.refused

    @property
    def load(self) -> int:
        """Jobs that wait for the board or are computed by it."""
        return sum(attempt.holds_slot for attempt in self.running)

    def ended(self, attempt: Attempt, now: float, *, answered: bool = False, beaten: bool = False) -> float:
        """A job has ended here. Returns the seconds since it began, or since the one before it ended.

        Args:
            attempt: the job.
            now: host time.
            answered: it has a result.
            beaten: another board had the result first: this board would have needed longer.
        """
        first = attempt is self.running[0]
        self.running.remove(attempt)
        name, spent = attempt.job.network, now - max(attempt.begun, self._progress)
        before = self.seconds.get(name, spent)
        if answered:
            self.seconds[name] = before + NEWEST * (spent - before)
            self._measured[name] = now
            self._recent.append((name, now, spent))
        elif beaten and first:
            self.seconds[name] = max(before, spent)
            self._measured[name] = now
            self._recent.append((name, now, spent))
        self._progress = now
        return spent

    def needed(self, network: str, since: float, now: float) -> float | None:
        """Mean seconds per answer since a time; None = it gave none. If this computer is busy, all boards are slow at the same time."""
        spent = [seconds for name, ended, seconds in self._recent if name == network and ended >= since]
        if not spent:
            return None
        mean = sum(spent) / len(spent)
        return max(mean, now - max(self.running[0].begun, self._progress)) if self.running else mean

    def busy(self, now: float, usual: Mapping[str, float]) -> float:
        """Seconds until it will have finished its jobs.

        Args:
            now: host time.
            usual: seconds per answer of a board that was not measured, by network.
        """
        return self.until(self.running[-1], now, usual) if self.running else 0.0

    def until(self, last: Attempt, now: float, usual: Mapping[str, float]) -> float:
        """Seconds until it will have finished one of its jobs. A job that takes longer than usual will need as long again."""
        return abs(self._needs(last, now, usual) - (now - max(self.running[0].begun, self._progress)))

    def overdue(self, attempt: Attempt, now: float, usual: Mapping[str, float]) -> bool:
        """Whether one of its jobs takes much longer than usual."""
        needs = self._needs(attempt, now, usual)
        return 0.0 < OVERDUE * needs < now - attempt.begun

    def _needs(self, last: Attempt, now: float, usual: Mapping[str, float]) -> float:
        """Seconds for its jobs up to this one."""
        seconds = 0.0
        for attempt in self.running:
            seconds += self.each(attempt.job.network, now, usual)
            if attempt is last:
                break
        return seconds

    def each(self, network: str, now: float, usual: Mapping[str, float]) -> float:
        """Seconds per answer. What was measured long ago is forgotten: a board that was slow gets jobs again."""
        seconds = self.seconds.get(network, 0.0)
        if network in self.seconds and now - self._measured[network] < FORGOTTEN + 4 * seconds:
            return seconds
        # The check is a run without an upload, or with one: the board will hardly be faster.
        return max(usual.get(network, seconds), self.check_seconds.get(network, 0.0))

    def finishes(self, job: Job, now: float, usual: Mapping[str, float]) -> float:
        """Seconds from the start of a job to its result, with the check that confirms it."""
        check = self.check_seconds.get(job.network, 0.0) if job.confirm else 0.0
        return self.each(job.network, now, usual) + check

    def due(self, now: float) -> bool:
        """Whether enough answers wait for a check."""
        return len(self.unconfirmed) >= EVERY and now - self.checked >= SHARE * sum(
            map(self.check_seconds.__getitem__, self.used)
        )

    @property
    def status(self) -> BoardStatus:
        """What a program can read."""
        return BoardStatus(
            url=self.url,
            unique_id=self.unique_id,
            state=self.state,
            reason=self.reason,
            refused=dict(self.refused),
            answers=self.answers,
            repeated=self.repeated,
            aside=self.aside,
            checks=self.checks,
            distrusted=self.distrusted,
            running=len(self.running),
            seconds=dict(self.seconds),
        )
