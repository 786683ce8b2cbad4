"""Streams: frames in, results out, with the stages overlapped and nothing stale delivered as fresh.

::

    async with net.stream(camera) as results:
        async for result in results:
            print(result.frame.sequence, result.frame.age, result.decode())

A frame goes through three places::

    source -> waiting (one) -> on the device (at most ``depth`` frames hold an input slot) -> ready -> you

With ``depth=2`` frame k+1 travels up while frame k is computed and frame k-1 travels down, so that a stream is as fast as the slowest of
the three. What happens when the source is faster than that, or you are slower, is the policy:

===============  ======================================================  ==============================================
policy           the source is too fast                                  you are too slow
===============  ======================================================  ==============================================
``"latest"``     a new frame replaces the one that waits                 you get the newest result, older ones are dropped
``"drop-new"``   a new frame is dropped while one waits                  frames wait, so new ones are dropped
``"all"``        the source waits                                        the source waits
===============  ======================================================  ==============================================

Whatever is dropped is counted, and every result names the frames that it replaced. Results come in the order of their
frames. With ``max_age`` a frame whose age has passed that is dropped wherever it is, on the device too, and never delivered.

A frame that cannot be used, or whose inference fails, raises its error where the results are read; who goes on reading gets those of the
frames after it. When the device has gone, was restarted, or the source itself fails, that is raised after the results that were
ready, and the stream has ended.

Leaving the block, by ``break``, an exception or a cancellation, stops the work on the device and leaves it usable; a source that is a
generator is closed.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Final, Literal, Self

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from n6link import ambient
from n6link.control import source as source_
from n6link.control.histogram import Histogram
from n6link.control.source import Source
from n6link.errors import BadInput, DeviceError, DeviceRebooted, LocalProtocolError, N6Timeout, TransportError
from n6link.json_types import Plain
from n6link.result import Frame, Result, Run
from n6link.session.tasks import Background
from n6link.tensors.inputs import Data

Policy = Literal["latest", "drop-new", "all"]
POLICIES: Final[tuple[Policy, ...]] = ("latest", "drop-new", "all")
READY: Final = 2
"""results that may wait for a slow consumer before ``"all"`` and ``"drop-new"`` hold back the source"""


@dataclass(slots=True)
class StreamStats:
    """What has become of the frames. Every one is counted once, in the end."""

    frames: int = 0
    """that the source gave"""
    delivered: int = 0
    dropped: int = 0
    """replaced by newer ones, not taken, or left behind when the stream was left"""
    late: int = 0
    """dropped because of max_age"""
    failed: int = 0
    """that could not be used, or whose inference failed"""
    wait: Histogram = field(default_factory=Histogram)
    """from the capture of a frame to its way to the device; seconds"""
    age: Histogram = field(default_factory=Histogram)
    """of the results at their delivery; seconds"""

    @property
    def pending(self) -> int:
        """Frames that wait, are on the device, or whose results are ready."""
        return self.frames - self.delivered - self.dropped - self.late - self.failed

    def to_dict(self) -> Plain:
        """Plain numbers, for JSON."""
        names = ("frames", "delivered", "dropped", "late", "failed", "pending")
        return {name: getattr(self, name) for name in names} | {
            "wait": self.wait.to_dict(),
            "age": self.age.to_dict(),
        }


class _State(enum.Enum):
    """Of a stream."""

    NEW = enum.auto()
    """not entered"""
    OPEN = enum.auto()
    """frames come"""
    ENDED = enum.auto()
    """no more frames come; what is under way may still give results, and at last the failure"""
    OVER = enum.auto()
    """the failure was raised"""


@dataclass(slots=True, eq=False)
class _Entry:
    """A frame on its way; it is done when it has a result or an error."""

    sequence: int
    captured: float
    data: Data | None
    result: Result | None = None
    error: Exception | None = None
    holds_slot: bool = True

    @property
    def done(self) -> bool:
        return bool(self.result or self.error)


class Stream:
    """Made by :meth:`Network.stream`: an async context manager, and the async iterator of its results.

    Args:
        run: runs the network on one frame.
        source: as of :meth:`Network.stream`, like the others.
        depth: frames that hold an input slot of the device at once.
        policy: what happens when the source or the consumer is too fast.
        max_age: seconds after its capture at which a frame is dropped.

    Attributes:
        stats: what has become of the frames so far.
    """

    def __init__(
        self,
        run: Run,
        source: Source | None,
        *,
        depth: int,
        policy: Policy,
        max_age: float | None,
    ) -> None:
        if depth < 1:
            raise BadInput(f"depth={depth} leaves no frame on the device; give 1 or more")
        if policy not in POLICIES:
            raise BadInput(f"policy={policy!r} is none; choose {', '.join(POLICIES)}")
        if max_age is not None and not 0 < max_age < math.inf:
            raise BadInput(f"max_age={max_age} is no age; give seconds above 0, or None")
        if source is not None:
            source_.check(source)
        self.stats = StreamStats()
        self._run = run
        self._source = source
        self._depth = depth
        self._policy = policy
        self._max_age = max_age
        self._waiting: _Entry | None = None
        self._running: list[_Entry] = []
        """in order; those that are done wait for the consumer"""
        self._held = 0
        self._last = -1
        self._background: Background | None = None
        self._tasks: TaskGroup
        self._feeding: anyio.CancelScope
        self._changed: anyio.Event
        self._state = _State.NEW
        self._failure: Exception | None = None

    async def __aenter__(self) -> Self:
        if self._background:
            raise LocalProtocolError("a stream is entered once; call Network.stream again for another one")
        self._background = Background(self._lose)
        self._changed, self._feeding = anyio.Event(), anyio.CancelScope()
        if self._state is _State.NEW:
            self._state = _State.OPEN
        self._tasks = await self._background.__aenter__()
        if self._source is not None:
            self._tasks.start_soon(self._feed, self._source)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._background
        self._end()
        try:
            await self._background.__aexit__(kind, error, trace)
        finally:
            self.stats.dropped += self.stats.pending
            self._waiting = None
            self._running.clear()
            self._change()

    # ---- in

    async def put(self, data: Data, *, captured: float | None = None) -> bool:
        """Adds a frame by hand; only for a stream without a source.

        Args:
            data: as :meth:`Network.run` takes it.
            captured: ``time.monotonic()`` at which it came to be; None = now.

        Returns:
            Whether it was taken; False under ``"drop-new"`` while another one waits.

        Raises:
            TransportError: the device has gone.
            DeviceRebooted: it was restarted.
            LocalProtocolError: the stream has a source, or has ended.
        """
        if self._source is not None:
            raise LocalProtocolError("this stream has a source; frames are put into one that was made without")
        return await self._offer(data, ambient.monotonic() if captured is None else captured)

    def end(self) -> None:
        """No more frames will be put: the iteration ends with the result of the last one."""
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
            except Exception as error:  # noqa: BLE001  the source's own, raised where the results are read
                self._failure = self._failure or error
        self.end()

    async def _offer(self, data: Data, captured: float) -> bool:
        await anyio.lowlevel.checkpoint()
        while self._waiting and self._policy == "all":
            await self._next_change()
        if self._failure:
            raise self._failure.with_traceback(None)
        if self._state is not _State.OPEN:
            raise LocalProtocolError("frames can be put only into an open stream, and not after its end()")
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
        """Something has happened: sends the waiting frame to the device if that has room, and wakes whoever waits."""
        entry = self._waiting
        if entry and self._has_room():
            self._waiting = None
            if self._too_old(entry):
                self.stats.late += 1
            else:
                self.stats.wait.add(ambient.monotonic() - entry.captured)
                self._running.append(entry)
                self._held += 1
                self._tasks.start_soon(self._infer, entry)
        self._changed.set()
        self._changed = anyio.Event()

    async def _next_change(self) -> None:
        await (
            anyio.lowlevel.checkpoint_if_cancelled()
        )  # changes may come so fast that no wait lasts long enough to be cancelled
        await self._changed.wait()

    def _has_room(self) -> bool:
        ready = sum(entry.done for entry in self._running)
        return self._held < self._depth and (self._policy == "latest" or ready < READY)

    async def _infer(self, entry: _Entry) -> None:
        deadline = None if self._max_age is None else entry.captured + self._max_age
        try:
            entry.result = await self._run(
                entry.data, deadline=deadline, captured=entry.captured, computed=partial(self._computed, entry)
            )
        except (TransportError, DeviceRebooted) as error:
            entry.error = error
            self._drop(entry)
            self._lose(error)
        except Exception as error:  # noqa: BLE001  raised where the results are read
            entry.error = error
            if deadline is not None and _passed(deadline, error):
                self._running.remove(entry)
                self.stats.late += 1
        entry.data = None
        if self._policy == "latest":
            self._supersede()
        self._computed(entry)

    def _lose(self, error: Exception) -> None:
        """The device has gone, or forgotten everything: the stream ends with that."""
        self._failure = self._failure or error
        self._end()
        self._feeding.cancel()
        if self._waiting:
            self._waiting = None
            self.stats.failed += 1

    def _computed(self, entry: _Entry) -> None:
        """The device has computed a frame: its slot is free for the next one while its result travels."""
        if entry.holds_slot:
            entry.holds_slot = False
            self._held -= 1
        self._change()

    def _supersede(self) -> None:
        """Of results only the newest waits, if it is newer than what was delivered; of errors the newest."""
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
            BadInput: a frame that cannot be used.
            N6Error: an inference failed, or the device has gone.
            Exception: the source's own.
        """
        if not self._background:
            raise LocalProtocolError("a stream has to be entered: async with net.stream(...) as results")
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
        """Waits for a change, or ends the iteration if none can come."""
        if self._state is _State.OPEN or self._waiting or self._running:
            await self._next_change()
        elif self._failure and self._state is _State.ENDED:
            self._state = _State.OVER
            raise self._failure
        else:
            raise StopAsyncIteration

    def _take(self) -> _Entry | None:
        """The frame to deliver next; None = none is ready. Only ``"latest"`` does not wait for one that is slower."""
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
    """Whether an inference ended because of its deadline, by the host's clock or by the device's."""
    return isinstance(error, N6Timeout) and (
        ambient.monotonic() >= deadline or isinstance(error.__cause__, DeviceError)
    )
