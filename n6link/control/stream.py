"""Streams: frames in, results out, with overlapped stages and the age of each result.

::

    async with net.stream(camera) as results:
        async for result in results:
            print(result.frame.sequence, result.frame.age, result.decode())

A frame passes through these stages::

    source -> waiting (one) -> on the device (at most ``depth`` frames hold an input slot) -> ready -> you

With ``depth=2``, the upload of frame k+1, the computation of frame k and the download of frame k-1 overlap: the slowest of the three
determines the rate. A frame goes to the device when it has a free slot and the input of the frame before has left the host: until then a newer frame
may take its place, so that a result is at most three times the slowest stage old, and one interval of the source. The policy defines what happens if the source is faster than this rate, or the consumer is slower:

===============  ======================================================  ==============================================
policy           the source is too fast                                  the consumer is too slow
===============  ======================================================  ==============================================
``"latest"``     a new frame replaces the one that waits                 it gets the newest result, older ones are dropped
``"drop-new"``   a new frame is dropped while one waits                  frames wait, so new ones are dropped
``"all"``        the source waits                                        the source waits
===============  ======================================================  ==============================================

Dropped frames are counted, and every result lists the frames that it replaced. Results have the order of their frames. With
``max_age`` a frame that is older than this is dropped at any stage, also on the device, and is never delivered.

If a frame cannot be used, or its inference fails, the iteration raises the error; a consumer that continues to read gets the results
of the next frames. While the device is away, frames wait under the same policy. Frames whose inference was lost by a restart of the device
are counted as lost. If the device does not come back, or the source fails, this error is raised after the results that were ready, and
the stream ends.

When the block is left, by ``break``, an exception or a cancellation, the work on the device is stopped and the device stays usable. A
source that is a generator is closed.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal, Self

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from n6link import ambient
from n6link.control import source as source_
from n6link.control.histogram import Histogram, histograms
from n6link.control.source import Source
from n6link.errors import (
    BadInput,
    CardError,
    DeviceError,
    DeviceRebooted,
    LocalProtocolError,
    N6Timeout,
    TransportError,
    UnknownName,
)
from n6link.json_types import Plain
from n6link.result import Frame, Result, Run
from n6link.session.lifecycle import Lifecycle
from n6link.session.tasks import Background
from n6link.sheet import Sheet, Shown
from n6link.tensors.inputs import Data

Policy = Literal["latest", "drop-new", "all"]
POLICIES: Final[tuple[Policy, ...]] = ("latest", "drop-new", "all")
READY: Final = 2
"""number of results that may wait for a slow consumer before ``"all"`` and ``"drop-new"`` stop the source"""


@dataclass(slots=True, repr=False)
class StreamStats(Shown):
    """Counts of frames by outcome. At the end of the stream every frame is counted in exactly one outcome."""

    frames: int = 0
    """frames of the source"""
    delivered: int = 0
    dropped: int = 0
    """replaced by a newer frame, not accepted, or not finished at the end of the stream"""
    late: int = 0
    """dropped because of max_age"""
    lost: int = 0
    """in progress when the device was restarted"""
    failed: int = 0
    """the frame could not be used, or its inference failed"""
    wait: Histogram = field(default_factory=Histogram)
    """from the capture of a frame to the start of its inference; seconds"""
    age: Histogram = field(default_factory=Histogram)
    """of the results at their delivery; seconds"""

    @property
    def pending(self) -> int:
        """Frames that wait, are on the device, or whose results are ready."""
        return self.frames - self.delivered - self.dropped - self.late - self.lost - self.failed

    def brief(self) -> str:  # noqa: D102
        names = ("delivered", "dropped", "late", "lost", "failed", "pending")
        return f"{self.frames} frames: " + ", ".join(f"{getattr(self, name)} {name}" for name in names)

    def sheet(self) -> Sheet:  # noqa: D102
        return Sheet((histograms(wait=self.wait, age=self.age),))

    def to_dict(self) -> Plain:
        """Plain numbers, for JSON."""
        names = ("frames", "delivered", "dropped", "late", "lost", "failed", "pending")
        return {name: getattr(self, name) for name in names} | {
            "wait": self.wait.to_dict(),
            "age": self.age.to_dict(),
        }


class _State(enum.Enum):
    """The state of a stream."""

    NEW = enum.auto()
    """not entered"""
    OPEN = enum.auto()
    """accepts frames"""
    ENDED = enum.auto()
    """does not accept frames; results of earlier frames may follow, and then the failure"""
    OVER = enum.auto()
    """the failure was raised"""


@dataclass(slots=True, eq=False)
class _Entry:
    """A frame that was started; it is done when it has a result or an error."""

    sequence: int
    captured: float
    data: Data | None
    result: Result | None = None
    error: Exception | None = None
    holds_slot: bool = True

    @property
    def done(self) -> bool:
        return bool(self.result or self.error)


class Stream(Lifecycle):
    """Created by :meth:`Network.stream`: an async context manager (or opened and closed), and the async iterator of its results.

    Args:
        run: runs the network on one frame.
        source: as for :meth:`Network.stream`, like the other arguments.
        depth: maximum number of frames in input slots of the device.
        policy: what happens if the source or the consumer is too fast.
        max_age: seconds after its capture at which a frame is dropped.
        alive: whether a device that was restarted is there, or expected to be there again: then the stream goes on.
        in_turn: a frame starts only when the input of the one before it has left, which ``run`` reports: until then a newer one may
            replace it. Without this the inputs of ``depth`` frames are sent at the same time, as a pool of boards requires.

    Attributes:
        stats: counts of frames so far.
    """

    def __init__(
        self,
        run: Run,
        source: Source | None,
        *,
        depth: int,
        policy: Policy,
        max_age: float | None,
        alive: Callable[[], bool] = lambda: False,
        in_turn: bool = False,
    ) -> None:
        if depth < 1:
            raise BadInput(f"depth={depth} must be 1 or more")
        if policy not in POLICIES:
            raise BadInput(f"unknown policy {policy!r}; choose {', '.join(POLICIES)}")
        if max_age is not None and not 0 < max_age < math.inf:
            raise BadInput(f"max_age={max_age} must be a positive, finite number of seconds, or None")
        if source is not None:
            source_.check(source)
        self.stats = StreamStats()
        self._run = run
        self._source = source
        self._depth = depth
        self._policy = policy
        self._max_age = max_age
        self._alive = alive
        self._waiting: _Entry | None = None
        self._running: list[_Entry] = []
        """in order of frames; entries that are done wait for the consumer"""
        self._in_turn = in_turn
        self._sending: _Entry | None = None
        """the entry for whose input the next one waits"""
        self._held = 0
        """entries that occupy an input slot of the device"""
        self._last = -1
        self._iterated = False
        """whether somebody iterates, and so learns of errors"""
        self._background: Background | None = None
        self._tasks: TaskGroup
        self._feeding: anyio.CancelScope
        self._changed: anyio.Event
        self._state = _State.NEW
        self._failure: Exception | None = None

    async def open(self) -> Self:
        """Begins to take frames.

        Raises:
            LocalProtocolError: it was open before.
        """
        if self._background:
            raise LocalProtocolError("a stream can be opened only once; call Network.stream again")
        self._background = Background(self._lose)
        self._changed, self._feeding = anyio.Event(), anyio.CancelScope()
        if self._state is _State.NEW:
            self._state = _State.OPEN
        self._tasks = await self._background.__aenter__()
        if self._source is not None:
            self._tasks.start_soon(self._feed, self._source)
        return self

    async def aclose(self) -> None:
        """Ends it: stops the work on the device, and drops what was not delivered. Closing again does nothing.

        Raises:
            LocalProtocolError: it was opened in another event loop that still runs.
        """
        if not self._background:
            return
        self._background.check_home("this stream")
        self._end()
        try:
            await self._background.__aexit__(None, None, None)
        finally:
            # Now all tasks have ended, so the counts are final: frames without an outcome were dropped.
            self.stats.dropped += self.stats.pending
            self._waiting = None
            self._running.clear()
            self._change()

    # ---- in

    async def put(self, data: Data, *, captured: float | None = None) -> bool:
        """Adds a frame; only for a stream without a source.

        Args:
            data: as for :meth:`Network.run`.
            captured: ``time.monotonic()`` of its capture; None = now.

        Returns:
            Whether it was accepted; False with ``"drop-new"`` while another frame waits.

        Raises:
            TransportError: the connection to the device was lost.
            DeviceRebooted: the device was restarted.
            LocalProtocolError: the stream has a source, or has ended.
            BadInput, CardError, UnknownName: an earlier frame could not be used, and nobody iterates.
        """
        if self._source is not None:
            raise LocalProtocolError("this stream has a source; call put() only on a stream without a source")
        if not self._iterated:
            for entry in self._running:
                if isinstance(entry.error, BadInput | CardError | UnknownName):
                    self._drop(entry)
                    raise entry.error
        return await self._offer(data, ambient.monotonic() if captured is None else captured)

    def end(self) -> None:
        """Declares that no more frames follow: the iteration ends after the result of the last frame."""
        self._end()
        if self._background:
            self._change()

    def _end(self) -> None:
        if self._state is not _State.OVER:
            self._state = _State.ENDED

    async def _feed(self, source: Source) -> None:
        with self._feeding:
            try:
                await source_.read(source, self._offer)
            except Exception as error:  # noqa: BLE001  an error of the source is raised by the iteration
                self._failure = self._failure or error
        self.end()

    async def _offer(self, data: Data, captured: float) -> bool:
        # A source that never waits, such as a list, must not block the tasks that receive results.
        await anyio.lowlevel.checkpoint()
        while self._waiting and self._policy == "all":
            await self._next_change()
        if self._failure:
            raise self._failure.with_traceback(None)  # the same error is raised for every put(): tracebacks would grow
        if self._state is not _State.OPEN:
            raise LocalProtocolError("the stream is not open; call put() inside of the block and before end()")
        entry = _Entry(self.stats.frames, captured, data)
        self.stats.frames += 1
        if self._waiting:
            self.stats.dropped += 1
            if self._policy == "drop-new":
                return False
        self._waiting = entry
        self._change()
        return True

    # ---- on the device

    def _change(self) -> None:
        """Called after every change: sends the waiting frame to the device if possible, and wakes all waiting tasks."""
        entry = self._waiting
        if entry and self._has_room():
            self._waiting = None
            if self._too_old(entry):
                self.stats.late += 1
            else:
                self.stats.wait.add(ambient.monotonic() - entry.captured)
                self._running.append(entry)
                self._held += 1
                self._sending = entry if self._in_turn else None
                self._tasks.start_soon(self._infer, entry)
        # anyio's events cannot be reset: each change has its own event.
        self._changed.set()
        self._changed = anyio.Event()

    async def _next_change(self) -> None:
        # On asyncio, anyio cancels only tasks whose wait is not over yet. In a fast series of changes each wait is over before
        # anyio looks, and a cancelled task would continue for ever.
        await anyio.lowlevel.checkpoint_if_cancelled()
        await self._changed.wait()

    def _has_room(self) -> bool:
        ready = sum(entry.done for entry in self._running)
        return self._held < self._depth and not self._sending and (self._policy == "latest" or ready < READY)

    async def _infer(self, entry: _Entry) -> None:
        deadline = None if self._max_age is None else entry.captured + self._max_age
        told = {"computed": partial(self._computed, entry)}
        if self._in_turn:
            told["sent"] = partial(self._sent, entry)
        try:
            entry.result = await self._run(entry.data, deadline=deadline, captured=entry.captured, **told)
        except (TransportError, DeviceRebooted) as error:
            self._running.remove(entry)
            if isinstance(error, DeviceRebooted) and self._alive():
                self.stats.lost += 1
            else:
                self.stats.failed += 1
                self._lose(error)
        except Exception as error:  # noqa: BLE001  raised by the iteration
            entry.error = error
            if deadline is not None and _passed(deadline, error):
                self._running.remove(entry)
                self.stats.late += 1
        entry.data = None  # the result may wait for long: the frame's memory is free for the next one
        if self._policy == "latest":
            self._supersede()
        self._computed(entry)

    def _lose(self, error: Exception) -> None:
        """The connection is lost or the device was restarted: the stream ends with this error."""
        self._failure = self._failure or error
        self._end()
        self._feeding.cancel()
        if self._waiting:
            self._waiting = None
            self.stats.failed += 1

    def _sent(self, entry: _Entry) -> None:
        """The input of a frame has left: the line has room for the newest one."""
        if self._sending is entry:
            self._sending = None
            self._change()

    def _computed(self, entry: _Entry) -> None:
        """The device has computed a frame: its slot is free for the next one during the download of its result."""
        # Called twice for most frames: when the device reports the end of the run, and when the result has arrived.
        if entry.holds_slot:
            entry.holds_slot = False
            self._held -= 1
        if self._sending is entry:
            self._sending = None
        self._change()

    def _supersede(self) -> None:
        """Keeps only the newest result, if it is newer than the last delivered one, and only the newest error."""
        results = [entry for entry in self._running if entry.result]
        errors = [entry for entry in self._running if entry.error]
        for entry in results[:-1] + errors[:-1] + [entry for entry in results[-1:] if entry.sequence < self._last]:
            self._drop(entry)

    def _drop(self, entry: _Entry) -> None:
        self._running.remove(entry)
        if entry.error:
            self.stats.failed += 1
        else:
            self.stats.dropped += 1

    def _too_old(self, entry: _Entry) -> bool:
        return self._max_age is not None and ambient.monotonic() > entry.captured + self._max_age

    # ---- out

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Result:
        """The next result, with its :attr:`Result.frame` set.

        Raises:
            BadInput: a frame cannot be used.
            N6Error: an inference failed, or the connection was lost.
            Exception: an error of the source.
        """
        if not self._background:
            raise LocalProtocolError("the stream was not entered; use: async with net.stream(...) as results")
        self._iterated = True
        while True:
            entry = self._take()
            if entry is None:
                await self._more()
            elif entry.error:
                self.stats.failed += 1
                raise entry.error
            elif entry.result and not self._too_old(entry):
                return self._delivered(entry, entry.result)
            else:
                self.stats.late += 1

    async def _more(self) -> None:
        """Waits for a change, or ends the iteration if none is possible."""
        if self._state is _State.OPEN or self._waiting or self._running:
            await self._next_change()
        elif self._failure and self._state is _State.ENDED:
            self._state = _State.OVER
            raise self._failure
        else:
            raise StopAsyncIteration

    def _take(self) -> _Entry | None:
        """The next frame to deliver; None = none is ready. Only ``"latest"`` skips a frame that is slower than later ones."""
        candidates = self._running if self._policy == "latest" else self._running[:1]
        entry = next((entry for entry in candidates if entry.done), None)
        if entry:
            self._running.remove(entry)
            self._change()
        return entry

    def _delivered(self, entry: _Entry, result: Result) -> Result:
        age = ambient.monotonic() - entry.captured
        result.frame = Frame(entry.sequence, entry.captured, age, range(self._last + 1, entry.sequence))
        self._last = entry.sequence
        self.stats.delivered += 1
        self.stats.age.add(age)
        return result


def _passed(deadline: float, error: Exception | None) -> bool:
    """Whether an inference ended because of its deadline, by the host's or the device's clock."""
    return isinstance(error, N6Timeout) and (
        ambient.monotonic() >= deadline or isinstance(error.__cause__, DeviceError)
    )
