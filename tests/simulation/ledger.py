"""Every call that a simulated program makes: whether it ends in time, with the right result or a true error, after one run."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from n6link.errors import DeviceError, DeviceRebooted, N6Timeout, RemoteProtocolError, TransportError
from n6link.link.link import Link, State
from n6link.protocol import Status
from simulation.bench import Port
from simulation.rules import Rules

T = TypeVar("T")
SILENCE: Final = 5.0
"""seconds for which nothing may be sent while something waits"""
BOUND: Final = 1.0
"""seconds after its time-out at which a call must have ended"""
LONGEST: Final = 5.0
"""seconds, besides what its bytes and those of others need, in which a call without a time-out must end"""
SPARE: Final = 16
"""exchanges and frames that a link may keep besides"""
MENDED: Final = 2.5
"""seconds after the last outage, in which a call that still waits gets on: a repetition comes after :data:`Limit.RETRY_MAX_MS` at the latest"""


@dataclass(eq=False, slots=True)
class Call:
    """One call.

    Attributes:
        name: what it does.
        begun: when.
        limit: when it must have ended, if there was no outage.
        task: that makes it.
        needs: seconds that it takes on a free line without faults.
        load: the same of all calls that it shares the line with, itself included.
        timed: it has a time-out or deadline, so that :class:`N6Timeout` is a true answer.
        fails: the board refuses to run it.
        stopped: something that the program does itself may end it.
    """

    name: str
    begun: float
    limit: float
    task: asyncio.Task[Any]
    needs: float
    load: float
    timed: bool
    fails: bool
    stopped: bool = False


@dataclass(slots=True)
class Score:
    """What a run has come to.

    Attributes:
        inferences: that were asked for.
        results: that came.
        hung: calls that did not end in time, and silence while something waited.
        lost: calls that failed, and should not have: with a time-out although they had none and the line was whole for
            :data:`MENDED`, with the loss of a device that was there, or with any other error that the board or the program did not cause.
        doubled: inferences that ran more than once since the start of a board.
        wrong: results with a wrong byte, or from no run, and whatever else broke a rule.
        worst: the longest time of a call, as a multiple of what it needs on a line without faults.
        slowest: the same in seconds.
        notes: the calls of these numbers.
    """

    inferences: int = 0
    results: int = 0
    hung: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    worst: float = 0.0
    slowest: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether everything was as it should be."""
        return not (self.hung or self.lost or self.doubled or self.wrong)

    def __add__(self, other: Score) -> Score:
        return Score(
            self.inferences + other.inferences,
            self.results + other.results,
            self.hung + other.hung,
            self.lost + other.lost,
            self.doubled + other.doubled,
            self.wrong + other.wrong,
            max(self.worst, other.worst),
            max(self.slowest, other.slowest),
            (self.notes + other.notes)[:100],
        )

    def __str__(self) -> str:
        return f"{self.inferences} inferences, {self.hung} hung, {self.lost} lost, {self.doubled} doubled, {self.wrong} wrong"


class Ground(Protocol):
    """What a program works with: a :class:`simulation.bench.Bench`, or a :class:`simulation.sharing.Seat`."""

    port: Port
    rules: Rules
    heard: float

    @property
    def lethal(self) -> Sequence[float]:
        """Times at which a connection was lost."""

    @property
    def resets(self) -> Sequence[float]:
        """Times at which the board started again."""

    @property
    def shared(self) -> bool:
        """Whether other programs use the board too, through a server."""

    def out(self, begin: float, end: float) -> float:
        """Seconds of a span in which nothing can be expected."""

    def whole(self, now: float) -> float:
        """Seconds since the last outage."""


class Ledger:
    """Of one program.

    Attributes:
        score: so far.
        digest: of the outcomes, in order.
        reconnect: seconds for which a lost board is searched for.
        session_lost: the connection has gone; the program has to open another one.
        connected: when the program began to open the present one.
    """

    def __init__(self, bench: Ground, patience: float, reconnect: float = 0.0) -> None:
        self.reconnect = reconnect
        self.score = Score()
        self.digest = hashlib.blake2b(digest_size=16)
        self.session_lost = False
        self.connected = 0.0
        self._bench = bench
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._calls: dict[Call, None] = {}
        self._answered: set[int] = set()
        self._load = 0.0
        self._stopping = False

    def fault(self, what: str, note: str) -> None:
        """Counts a fault of the program under test."""
        setattr(self.score, what, getattr(self.score, what) + 1)
        self.score.notes.append(f"{what} at {self._loop.time():.3f} s: {note}")

    def begin(
        self,
        name: str,
        task: asyncio.Task[Any] | None = None,
        *,
        needs: float = 0.0,
        timeout: float | None = None,
        fails: bool = False,
        extra: float = 0.0,
    ) -> Call:
        """A call begins.

        Args:
            name: of the call.
            task: that makes it; None = the present one.
            needs: seconds that it takes on a free line without faults.
            timeout: that it was given.
            fails: the board refuses to run it.
            extra: seconds that it may take besides.
        """
        now = self._loop.time()
        self._load += needs
        spare = (
            BOUND + timeout
            if timeout is not None
            else LONGEST + self._patience + (8 if self._bench.shared else 4) * self._load
        )
        task = task or asyncio.current_task()
        assert task
        call = Call(name, now, now + spare + extra, task, needs, self._load, timeout is not None, fails)
        self._calls[call] = None
        return call

    def end(self, call: Call, error: BaseException | None = None) -> None:
        """A call has ended.

        Raises:
            CancelledError: the call was cancelled, and not by the simulation or its program.
        """
        del self._calls[call]
        self._load -= call.needs
        now = self._loop.time()
        self.digest.update(f"{call.name} {call.begun:.9f} {now:.9f} {type(error).__name__}\n".encode())
        if isinstance(error, asyncio.CancelledError):
            if not call.stopped:
                raise error
        elif error is not None:
            self._judge(call, error)
        elif call.needs and not self._bench.out(call.begun, now):
            self.score.worst = max(self.score.worst, (now - call.begun) / call.load)
            self.score.slowest = max(self.score.slowest, now - call.begun)

    async def call(
        self, name: str, action: Callable[[], Awaitable[T]], *, stop_after: float | None = None, **options: Any
    ) -> T | None:
        """Makes a call; returns what it returns, or None if it failed.

        Args:
            name: of the call.
            action: makes it.
            stop_after: seconds after which the program cancels it.
            options: of :meth:`begin`.
        """

        async def act() -> T:
            return await action()

        task = asyncio.ensure_future(act())
        call = self.begin(name, task, **options)
        if stop_after is not None:
            call.stopped = True
            self._loop.call_later(stop_after, task.cancel)
        try:
            result = await task
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  judged by end()
            self.end(call, error)
            return None
        self.end(call)
        return result

    def answered(self, tag: int) -> None:
        """A result has come for a tag."""
        self.score.results += 1
        self._answered.add(tag)

    def check(self) -> None:
        """Looks for calls that should have ended, and for silence."""
        now = self._loop.time()
        for call in list(self._calls):
            out = self._bench.out(call.begun - self._patience, now)
            if now > call.limit + (out + self._patience if out else 0.0):
                call.limit, call.stopped = float("inf"), True
                self.fault("hung", f"{call.name} has waited for {now - call.begun:.1f} s")
                call.task.cancel()
        waits = [call for call in self._calls if now - call.begun > SILENCE]
        silent = now - self._bench.heard
        if waits and silent > SILENCE and not self._bench.out(now - silent, now):
            self.fault("hung", f"silence for {silent:.1f} s while {waits[0].name} waits")
            self._bench.heard = now

    def bound(self, link: Link) -> None:
        """Looks whether a link keeps more than its calls and buffers need."""
        session = link.session
        if not session or link.state is not State.OPEN:
            return
        # Two exchanges of each call, RELEASE or CANCEL for each buffer, and what keeps the connection.
        most = 2 * len(self._calls) + session.slots + session.results + SPARE
        if len(link.exchanges) > most:
            self.fault("wrong", f"{len(link.exchanges)} exchanges for {len(self._calls)} calls")
        # Each frame that arrives causes one frame at most, and grants bound what arrives.
        if len(link.sender.queue) > len(link.exchanges) + 2 * link.receiver.window // session.chunk + SPARE:
            self.fault("wrong", f"{len(link.sender.queue)} frames wait to be sent")

    @contextmanager
    def stopping(self) -> Iterator[None]:
        """The program itself ends the calls in progress, and those that start before this has ended."""
        self._stopping = True
        try:
            yield
        finally:
            self._stopping = False
            for call in self._calls:
                call.stopped = True

    def close(self, tags: Sequence[Counter[int]]) -> None:
        """Compares what was run with what came.

        Args:
            tags: how often each of its inferences was started, for each start of the board.
        """
        for started in tags:
            for tag, count in started.items():
                if count > 1:
                    self.fault("doubled", f"the inference {tag:#x} ran {count} times")
        ran = set().union(*tags) if tags else set()
        for tag in self._answered - ran:
            self.fault("wrong", f"the inference {tag:#x} has a result, and did not run")

    def _judge(self, call: Call, error: BaseException) -> None:
        now = self._loop.time()
        bench, patience = self._bench, self._patience
        out = bench.out(call.begun - patience - 1.0, now)
        stopped = call.stopped or self._stopping
        lethal = any(time >= self.connected for time in bench.lethal)
        match error:
            case N6Timeout():
                true = call.timed or bench.whole(now) < MENDED
            case RemoteProtocolError() if bench.port.uart:  # the bytes of a board that still has another rate
                true = call.name == "open" and bench.whole(now) < MENDED
            case DeviceRebooted() if self.reconnect:
                true = stopped or any(time >= call.begun - 1.0 for time in bench.resets)
            case TransportError() if self.reconnect:
                self.session_lost = self.session_lost or not stopped
                true = stopped or call.name == "open"
            case DeviceRebooted() | TransportError():
                self.session_lost = self.session_lost or not stopped
                true = lethal or stopped or out > 0
            case DeviceError() if bench.shared and call.name == "open":
                away = any(call.begun - MENDED < time for time in bench.lethal)
                true = error.status == Status.BUSY and (out > 0 or away)
            case DeviceError():
                true = (call.fails and error.status == Status.NPU_FAULT) or (
                    stopped and error.status in (Status.CANCELLED, Status.RESULT_GONE)
                )
            case _:
                true = False
        if not true:
            self.fault("lost", f"{call.name} after {now - call.begun:.2f} s: {type(error).__name__}: {error}")
