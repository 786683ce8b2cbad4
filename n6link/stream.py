"""Streams: frames in, results out, with the stages overlapped and nothing stale delivered as fresh.

::

    async with net.stream(camera) as results:
        async for result in results:
            print(result.frame.sequence, result.frame.age, result.decode())

A frame goes through three places::

    source -> waiting -> on the device (at most ``depth`` frames hold an input slot) -> ready -> you

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

Leaving the block, by ``break``, an exception or a cancellation, stops the work on the device and leaves it usable.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import anyio
import anyio.to_thread

from n6link.channel import Background
from n6link.errors import BadInput, LocalProtocolError, N6Error, N6Timeout
from n6link.histogram import Histogram

if TYPE_CHECKING:
    from types import TracebackType

    from anyio.abc import TaskGroup

    from n6link.network import Network
    from n6link.reduce import Return
    from n6link.result import Result

Policy = Literal["latest", "drop-new", "all"]
POLICIES: Final = ("latest", "drop-new", "all")
READY: Final = 2
"""results that may wait for a slow consumer before ``"all"`` and ``"drop-new"`` hold back the source"""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a streamed result comes from; times are seconds of ``time.monotonic()``."""

    sequence: int
    """number of the frame in its stream, from 0"""
    captured: float
    """when the source gave it"""
    age: float
    """seconds from then to the delivery of the result"""
    replaced: range
    """numbers of the frames that were dropped since the result before"""


@dataclass(slots=True)
class StreamStats:
    """What has become of the frames."""

    frames: int = 0
    """that the source gave"""
    delivered: int = 0
    dropped: int = 0
    """replaced by newer ones, or not taken"""
    late: int = 0
    """dropped because of max_age"""
    failed: int = 0
    """whose inference failed"""
    age: Histogram = field(default_factory=Histogram)
    """of the delivered results"""

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        counts = {name: getattr(self, name) for name in ("frames", "delivered", "dropped", "late", "failed")}
        return counts | {"age": self.age.to_dict()}


@dataclass(slots=True, eq=False)
class _Entry:
    """A frame on its way."""

    sequence: int
    captured: float
    data: Any
    result: Result | None = None
    error: N6Error | None = None
    done: bool = False
    holds_slot: bool = True


class Stream:
    """Made by :meth:`Network.stream`: an async context manager, and the async iterator of its results.

    Attributes:
        stats: what has become of the frames so far.
    """

    def __init__(
        self,
        network: Network,
        source: AsyncIterable[Any] | Iterable[Any] | None,
        *,
        depth: int,
        policy: Policy,
        max_age: float | None,
        timers: bool,
        reduce: bool | Sequence[Return] | None,
        priority: int,
        options: Mapping[str, Any] | None,
    ) -> None:
        if depth < 1:
            raise BadInput(f"depth={depth} leaves no frame on the device; give 1 or more")
        if policy not in POLICIES:
            raise BadInput(f"policy={policy!r} is none; choose {', '.join(POLICIES)}")
        if max_age is not None and not 0 < max_age < math.inf:
            raise BadInput(f"max_age={max_age} is no age; give seconds above 0, or None")
        if source is not None and not isinstance(source, AsyncIterable | Iterable):
            raise BadInput(f"a {type(source).__name__} gives no frames; give an iterable, or None and use put()")
        self.stats = StreamStats()
        self._network = network
        self._source = source
        self._depth = depth
        self._policy = policy
        self._max_age = max_age
        self._run_options: dict[str, Any] = {
            "timers": timers,
            "reduce": reduce,
            "priority": priority,
            "options": options,
        }
        self._waiting: deque[_Entry] = deque()
        self._running: deque[_Entry] = deque()
        self._background: Background | None = None
        self._tasks: TaskGroup
        self._ended = False
        self._failure: BaseException | None = None
        self._held = 0
        self._last = -1
        self._changed = anyio.Event()

    async def __aenter__(self) -> Self:
        if self._background:
            raise LocalProtocolError("this stream is open already; call Network.stream again for another one")
        self._background = Background()
        self._tasks = await self._background.__aenter__()
        self._tasks.start_soon(self._admit)
        if self._source is not None:
            self._tasks.start_soon(self._pull, self._source)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._background
        self._ended = True
        await self._background.__aexit__(kind, error, trace)

    # ---- in

    async def put(self, data: Any, *, captured: float | None = None) -> bool:
        """Adds a frame by hand; only for a stream without a source.

        Args:
            data: as :meth:`Network.run` takes it.
            captured: ``time.monotonic()`` at which it came to be; None = now.

        Returns:
            Whether it was taken; False under ``"drop-new"`` while another one waits.

        Raises:
            LocalProtocolError: the stream has a source, or is closed.
        """
        if self._source is not None or not self._background or self._ended:
            raise LocalProtocolError("frames can be put only into an open stream that has no source")
        return await self._offer(data, time.monotonic() if captured is None else captured)

    def end(self) -> None:
        """No more frames will be put: the iteration ends with the result of the last one."""
        self._ended = True
        self._change()

    async def _pull(self, source: AsyncIterable[Any] | Iterable[Any]) -> None:
        """Feeds the stream from its source; a plain iterable may block, so it is asked in a thread."""
        try:
            if isinstance(source, AsyncIterable):
                async for data in source:
                    await self._offer(data, time.monotonic())
            else:
                iterator, nothing = iter(source), object()
                while True:
                    data = await anyio.to_thread.run_sync(next, iterator, nothing, abandon_on_cancel=True)
                    if data is nothing:
                        break
                    await self._offer(data, time.monotonic())
        except Exception as error:  # noqa: BLE001  the source's own, raised where the results are read
            self._failure = error
        self.end()

    async def _offer(self, data: Any, captured: float) -> bool:
        entry = _Entry(self.stats.frames, captured, data)
        self.stats.frames += 1
        if self._policy == "all":
            while self._waiting:
                await self._wait()
        elif self._waiting:
            self.stats.dropped += 1
            if self._policy == "drop-new":
                return False
            self._waiting.clear()
        self._waiting.append(entry)
        self._change()
        return True

    # ---- on the device

    async def _admit(self) -> None:
        """Sends waiting frames to the device as soon as it has room for them, and not before."""
        while True:
            while not self._waiting or not self._has_room():
                await self._wait()
            entry = self._waiting.popleft()
            self._running.append(entry)
            self._held += 1
            self._tasks.start_soon(self._run, entry)
            self._change()

    def _has_room(self) -> bool:
        ready = sum(entry.done for entry in self._running)
        return self._held < self._depth and (self._policy == "latest" or ready < READY)

    async def _run(self, entry: _Entry) -> None:
        deadline = None if self._max_age is None else entry.captured + self._max_age
        try:
            entry.result = await self._network.run(
                entry.data,
                deadline=deadline,
                captured=entry.captured,
                computed=self._computed(entry),
                **self._run_options,
            )
        except N6Timeout as error:
            if deadline is None or time.monotonic() < deadline:
                entry.error = error
        except N6Error as error:
            entry.error = error
        entry.data, entry.done = None, True
        self._free_slot(entry)
        if self._policy == "latest":
            self._drop_older()
        self._change()

    def _computed(self, entry: _Entry) -> Callable[[], None]:
        """Tells that the device has computed a frame: its slot is free for the next one while its result travels."""

        def computed() -> None:
            self._free_slot(entry)
            self._change()

        return computed

    def _free_slot(self, entry: _Entry) -> None:
        if entry.holds_slot:
            entry.holds_slot = False
            self._held -= 1

    # ---- out

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Result:
        """The next result, with its :attr:`Result.frame` set.

        Raises:
            N6Error: an inference failed; the stream goes on with the next frame if it is asked again.
            Exception: the source's own.
        """
        if not self._background:
            raise LocalProtocolError("a stream has to be entered: async with net.stream(...) as results")
        while True:
            entry = self._take()
            if entry is None:
                if self._ended and not self._waiting and not self._running:
                    if self._failure:
                        failure, self._failure = self._failure, None
                        raise failure
                    raise StopAsyncIteration
                await self._wait()
            elif entry.error:
                self.stats.failed += 1
                raise entry.error
            elif entry.result and not self._too_old(entry):
                return self._delivered(entry, entry.result)
            else:
                self.stats.late += 1

    def _take(self) -> _Entry | None:
        """The frame to deliver next; None = none is ready. Under ``"latest"`` at most one is."""
        for index, entry in enumerate(self._running):
            if entry.done:
                del self._running[index]
                self._change()
                return entry
            if self._policy != "latest":
                break
        return None

    def _drop_older(self) -> None:
        """Leaves only the newest finished frame, and none that is older than what was delivered."""
        newest = max((entry.sequence for entry in self._running if entry.done), default=-1)
        for entry in [e for e in self._running if e.done and e.sequence < max(newest, self._last)]:
            self._running.remove(entry)
            if entry.error:
                self.stats.failed += 1
            elif entry.result:
                self.stats.dropped += 1
            else:
                self.stats.late += 1

    def _too_old(self, entry: _Entry) -> bool:
        return self._max_age is not None and time.monotonic() > entry.captured + self._max_age

    def _delivered(self, entry: _Entry, result: Result) -> Result:
        age = time.monotonic() - entry.captured
        result.frame = Frame(entry.sequence, entry.captured, age, range(self._last + 1, entry.sequence))
        self._last = entry.sequence
        self.stats.delivered += 1
        self.stats.age.add(age)
        return result

    # ---- between the tasks

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def _wait(self) -> None:
        await self._changed.wait()
