"""Gives each job to the board where it will be finished first, and the last ones to two boards.

A board has a few jobs at a time, so that its line and its NPU are both busy; all others wait here, because the board that will be first
is known only when it has room. Each job in turn is assigned to the board that will finish it first, by the seconds per answer that were
measured and the jobs that the board has. If this board has no room yet, the job waits for it, and a board that has room gets
the first job in the row that it will finish before the others would: a slow board works, but nobody waits for it.

If no job waits, boards that have room repeat the jobs that they would finish before the boards that run them: at the end of a batch, or
if a board stops to answer. The first answer counts, and the other run is cancelled.
"""

from __future__ import annotations

import logging
import math
import statistics
from bisect import insort
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import Final

import anyio
from anyio.abc import TaskGroup

from n6link import ambient
from n6link.errors import BadInput, CardError, DeviceError, N6Error, N6Timeout, NoDeviceError, UnknownName
from n6link.pool.board import Attempt, Board, Call, Job
from n6link.pool.status import BoardState
from n6link.result import Result

AHEAD: Final = 128
"""jobs in the row that are examined for a board"""
TRIES: Final = 5
"""boards that a job may lose before it fails: it may be the job that breaks them"""
REFUSALS: Final = 2
"""boards whose runtime may fail with a job before it fails: then it is the job's fault"""
BEHIND: Final = 30.0
"""A board that needs so many times the seconds per answer that the others need at the same time is set aside."""
LATE: Final = 3
"""jobs in a row with which it is late before this is so"""
TICK: Final = 0.1
"""seconds between two looks at what is late"""

_logger = logging.getLogger("n6link.pool")


class Dispatcher:
    """The jobs of a pool.

    Args:
        boards: of the pool; may grow.
        depth: jobs that a board has at the same time.
        patience: seconds for which a job waits while no board can take it.
        wake: called when the keeper of a board has something to do.
    """

    def __init__(self, boards: Sequence[Board], *, depth: int, patience: float, wake: Callable[[Board], None]) -> None:
        self._boards = boards
        self._depth = depth
        self._patience = patience
        self._numbers = count()
        self._pending: list[Job] = []
        self._group: TaskGroup | None = None
        self._changed = anyio.Event()
        self._wake = wake

    def start(self, group: TaskGroup) -> None:
        """Begins to work, with tasks of this group."""
        self._group = group
        group.start_soon(self._watch)

    def stop(self, error: N6Error) -> None:
        """Ends all jobs with an error."""
        self._group = None
        for job in [*self._pending, *(attempt.job for board in self._boards for attempt in board.running)]:
            job.fail(error)
        for board in self._boards:
            for job in board.unconfirmed:
                job.fail(error)
        self._pending.clear()

    async def run(
        self,
        network: str,
        call: Call,
        *,
        priority: int,
        deadline: float,
        confirm: bool,
        computed: Callable[[], None] | None,
    ) -> Result:
        """Runs a job, and returns its result; see :class:`Job`.

        Raises:
            Exception: see :meth:`n6link.pool.network.PoolNetwork.run`.
        """
        job = Job(next(self._numbers), network, call, priority, deadline, confirm, computed)
        insort(self._pending, job, key=lambda each: each.order)
        begun = ambient.monotonic()
        try:
            self.deal()
            with anyio.CancelScope(deadline=anyio.current_time() + deadline - ambient.monotonic()):
                await job.done.wait()
        finally:
            answer = job.answer if job.done.is_set() else None
            self._forget(job)
        if job.error:
            raise job.error
        if answer is None:
            raise N6Timeout(
                f"network {network!r} did not return a result within {deadline - begun:g} s; use a longer timeout, or look at pool.boards"
            )
        return answer

    # ---- choice

    def deal(self) -> None:
        """Called after every change: starts jobs on boards that have room."""
        self._changed.set()
        if not self._group:
            return
        now = ambient.monotonic()
        usual = self._usual()
        ready = [board for board in self._boards if board.state is BoardState.READY]
        load = {board: board.load for board in ready}
        room = sum(load[board] < self._depth for board in ready)
        if room:
            room -= self._repeat(ready, load, now, usual, only_overdue=True)
        busy = {board: board.busy(now, usual) for board in ready}
        for job in self._pending[:AHEAD]:
            if not room:
                break
            takers = [board for board in ready if board.takes(job)]
            if not takers:
                continue
            best = min(takers, key=lambda board: (busy[board] + board.finishes(job, now, usual), load[board]))
            busy[best] += best.each(job.network, now, usual)
            if load[best] < self._depth:
                self._pending.remove(job)
                self._start(job, best, now)
                room -= load[best] + 1 == self._depth
            load[best] += 1
        for board in ready:
            # Whatever the board is, the jobs after so many others are not finished earlier by the others.
            if room and load[board] < self._depth and len(self._pending) > AHEAD:
                later = next((job for job in self._pending[AHEAD:] if board.takes(job)), None)
                if later:
                    self._pending.remove(later)
                    self._start(later, board, now)
        if room and not any(board.takes(job) for job in self._pending for board in ready):
            self._repeat(ready, load, now, usual)
        self._settle(now)

    def _usual(self) -> dict[str, float]:
        """Median seconds per answer, by network."""
        known: dict[str, list[float]] = {}
        for board in self._boards:
            for name, seconds in board.seconds.items():
                known.setdefault(name, []).append(seconds)
        return {name: statistics.median(each) for name, each in known.items()}

    def _repeat(
        self,
        boards: Sequence[Board],
        load: dict[Board, int],
        now: float,
        usual: dict[str, float],
        *,
        only_overdue: bool = False,
    ) -> int:
        """Repeats on boards that have room the jobs that will otherwise be finished last. Returns how many boards have no more room."""
        full = 0
        for board in boards:
            latest, most = None, 0.0
            for other in self._boards if load[board] < self._depth else ():
                for attempt in other.running:
                    job = attempt.job
                    # Without any measurement it is not known what is late.
                    if other is board or len(job.attempts) > 1 or job.network not in usual or not board.takes(job):
                        continue
                    if only_overdue and not other.overdue(attempt, now, usual):
                        continue
                    gain = (
                        other.until(attempt, now, usual) - board.busy(now, usual) - board.each(job.network, now, usual)
                    )
                    if gain > most:
                        latest, most = job, gain
            if latest:
                self._start(latest, board, now)
                load[board] += 1
                full += load[board] == self._depth
        return full

    def _settle(self, now: float) -> None:
        """Has boards checked whose answers wait: after enough of them, or if there is nothing else to do."""
        for board in self._boards:
            if board.state is BoardState.RESTARTING and not board.running:
                self._wake(board)
            if board.state is not BoardState.READY:
                continue
            idle = not board.running and not any(board.takes(job) for job in self._pending)
            if board.unconfirmed and not board.check_wanted and (idle or board.due(now)):
                board.check_wanted = True
                self._wake(board)

    # ---- one attempt

    def _start(self, job: Job, board: Board, now: float) -> None:
        assert self._group
        attempt = Attempt(job, board, now)
        job.attempts.append(attempt)
        job.waits_since = None
        board.running.append(attempt)
        self._group.start_soon(self._attempt, attempt)

    async def _attempt(self, attempt: Attempt) -> None:
        job, board = attempt.job, attempt.board
        result: Result | None = None
        error: Exception | None = None
        with attempt.scope:
            try:
                assert board.device
                result = await job.call(board.device[job.network], partial(self._computed, attempt))
            except Exception as raised:  # noqa: BLE001  raised by the call
                error = raised
        if attempt not in board.running:
            return  # it was taken from the board meanwhile
        spent = board.ended(attempt, ambient.monotonic(), answered=result is not None)
        job.attempts.remove(attempt)
        if result:
            self._answered(job, board, result)
            self._compare(board, job.network, spent)
        elif error:
            self._failed(job, board, error)
        self.deal()

    def _computed(self, attempt: Attempt) -> None:
        attempt.holds_slot = False
        attempt.job.tell_computed()
        self.deal()

    def _answered(self, job: Job, board: Board, result: Result) -> None:
        if job.done.is_set() or job.answer:
            return
        for other, spent in self._cancel(job, beaten=True):
            self._compare(other, job.network, spent, beaten=True)
        job.answer = result
        board.answers += 1
        board.used.add(job.network)
        if job.confirm:
            board.unconfirmed.append(job)
        else:
            board.unchecked += 1
            job.done.set()

    def _compare(self, board: Board, network: str, spent: float, *, beaten: bool = False) -> None:
        """Sets a board aside that is much slower than the others at the same time: this computer may be busy, and then all are slow.

        Args:
            board: has answered, or was beaten.
            network: of the job.
            spent: seconds for the job, or until it was beaten.
            beaten: another board had the result first: this board would have needed longer.
        """
        now = ambient.monotonic()
        others = [each.needed(network, now - spent, now) for each in self._boards if each is not board]
        known = [seconds for seconds in others if seconds is not None]
        if not known:
            return
        usual = statistics.median(known)
        if spent > (usual if beaten else BEHIND * usual):
            board.late += 1
            board.behind = max(board.behind, spent / usual)
        elif not beaten:
            board.late, board.behind = 0, 0.0
        if board.late >= LATE and board.behind > BEHIND:
            board.late, board.behind = 0, 0.0
            self.set_aside(
                board,
                f"it needs {spent:.3g} s or more for an answer of {network!r}, and the other boards {usual:.3g} s",
            )

    def _failed(self, job: Job, board: Board, error: Exception) -> None:
        if job.done.is_set():
            return
        late = isinstance(error, N6Timeout) and ambient.monotonic() >= job.deadline
        if late or not isinstance(error, N6Error) or isinstance(error, BadInput | CardError | UnknownName):
            final = True
        elif isinstance(error, DeviceError):
            job.refused.add(board)
            final = len(job.refused) >= REFUSALS or not any(map(self._may_take(job), self._boards))
            if not board.check_wanted:
                board.check_wanted = True
                self._wake(board)
        else:
            job.crashes += 1
            final = job.crashes >= TRIES
            self.set_aside(board, str(error))
        if final:
            self._cancel(job)
            job.fail(error)
        elif not job.attempts and not job.answer:
            board.repeated += 1
            self._again(job)

    def _may_take(self, job: Job) -> Callable[[Board], bool]:
        return lambda board: board not in job.refused and job.network in board.proved

    # ---- boards that leave

    def set_aside(self, board: Board, reason: str) -> None:
        """A board gets no more jobs; those that it has, and answers that wait for its check, are repeated elsewhere."""
        if board.state is BoardState.CLOSED:
            return
        board.reason = reason
        if board.state is BoardState.ASIDE:
            return
        board.state = BoardState.ASIDE
        board.aside += 1
        _logger.warning("the board at %s is set aside: %s", board.url, reason)
        running, board.running = board.running, []
        for attempt in running:
            attempt.scope.cancel()
            attempt.job.attempts.remove(attempt)
            if not attempt.job.attempts and not attempt.job.done.is_set() and not attempt.job.answer:
                board.repeated += 1
                self._again(attempt.job)
        self.doubt(board)
        board.seconds.clear()
        self._wake(board)
        self.deal()

    def doubt(self, board: Board) -> None:
        """The answers of a board that wait for a check are not used."""
        doubted, board.unconfirmed = board.unconfirmed, []
        for job in doubted:
            job.answer = None
            board.repeated += 1
            self._again(job)

    def confirm(self, board: Board, jobs: Sequence[Job]) -> None:
        """A board has passed a check that began after these answers."""
        for job in jobs:
            if job in board.unconfirmed:
                board.unconfirmed.remove(job)
                job.done.set()
        self.deal()

    def fail_all(self, network: str, error: N6Error) -> None:
        """Ends the jobs of a network that no board can run."""
        for job in [job for job in self._pending if job.network == network]:
            self._pending.remove(job)
            job.fail(error)

    def _again(self, job: Job) -> None:
        insort(self._pending, job, key=lambda each: each.order)

    def _cancel(self, job: Job, *, beaten: bool = False) -> list[tuple[Board, float]]:
        """Ends the runs of a job that is over. Returns the boards that worked on it, and their seconds so far."""
        now = ambient.monotonic()
        attempts, job.attempts = job.attempts, []
        worked: list[tuple[Board, float]] = []
        for attempt in attempts:
            attempt.scope.cancel()
            first = attempt is attempt.board.running[0]
            spent = attempt.board.ended(attempt, now, beaten=beaten)
            attempt.board.repeated += 1
            if first:
                worked.append((attempt.board, spent))
        return worked

    def _forget(self, job: Job) -> None:
        """Nobody waits for a job any more, or it is over."""
        if job.done.is_set():
            return
        job.done.set()
        if job in self._pending:
            self._pending.remove(job)
        for attempt in job.attempts:
            attempt.board.repeated -= 1  # the caller gave it up
        self._cancel(job)
        for board in self._boards:
            if job in board.unconfirmed:
                board.unconfirmed.remove(job)
        self.deal()

    # ---- time

    async def _watch(self) -> None:
        """Looks at what is late, as long as there are jobs."""
        while True:
            if not self._pending and not any(board.running for board in self._boards):
                self._changed = anyio.Event()
                await self._changed.wait()
            await anyio.sleep(TICK)
            now = ambient.monotonic()
            for job in list(self._pending):
                if any(board.takes(job) for board in self._boards):
                    job.waits_since = None
                    continue
                job.waits_since = now if job.waits_since is None else job.waits_since
                if now - job.waits_since >= self._patience:
                    self._pending.remove(job)
                    job.fail(self._nobody(job))
            self.deal()

    def _nobody(self, job: Job) -> NoDeviceError:
        reasons = [
            f"{board.url}: {board.refused.get(job.network) or board.reason or board.state.value}"
            for board in self._boards
        ]
        waited = "" if math.isinf(self._patience) else f" for {self._patience:g} s"
        return NoDeviceError(
            f"no board of the pool can run network {job.network!r}{waited}: {'; '.join(reasons) or 'it has no boards'}"
        )
