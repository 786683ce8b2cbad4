"""The same device for programs that are not async.

::

    from n6link.blocking import N6Device

    with N6Device() as dev:
        poses = dev["movenet13"].run(frame).decode()
        with dev["movenet13"].stream(policy="latest") as stream:
            while True:
                stream.put(camera.read())          # never waits for the device
                newest = stream.latest()           # never waits
                if newest and newest.age < 0.1:
                    steer(newest.result)

Nothing is implemented twice: a device runs the objects of :mod:`n6link` on an event loop of its own, in a thread of its own (anyio's blocking
portal), and every method here hands one call over and waits for it. ``latest`` hands nothing over and never waits. All methods may be called
from any thread; an interrupt (Ctrl-C) ends the call that waits. When the device's block is left, calls and blocks of other threads
end with TransportError. Results, infos and statistics are the very objects of the async interface, and so are the errors.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import AbstractAsyncContextManager, AbstractContextManager, ExitStack
from functools import partial
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from n6link import device as device_
from n6link import network as network_
from n6link.control import loop as loop_
from n6link.control import stream as stream_
from n6link.control.loop import Latest, LoopStats, MissedPolicy, Tick
from n6link.control.source import Source
from n6link.control.stream import StreamStats
from n6link.decoders.logits import Classification
from n6link.epochs.pools import Pool
from n6link.epochs.profile import Profile
from n6link.epochs.timers import EpochStats, EpochTable
from n6link.errors import LocalProtocolError, TransportError
from n6link.link.frames import Counters
from n6link.protocol import LogLevel, MessageType
from n6link.result import Result
from n6link.session.clock import ClockMap
from n6link.session.info import DeviceInfo, Ping
from n6link.session.stats import Stats
from n6link.session.subscription import LogRecord
from n6link.tensors.card import Card
from n6link.tensors.tensor import TensorSpec
from n6link.text import generation as generate_
from n6link.text.generation import Piece

T = TypeVar("T")


class _Portal:
    """Hands calls over to the event loop of a device."""

    def __init__(self, portal: BlockingPortal) -> None:
        self._portal = portal
        self.closed = False

    def call(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any, **options: Any) -> T:
        """Runs a coroutine function there and waits for it; an interrupt here cancels it there."""
        if self.closed:
            raise LocalProtocolError("the device was closed: its `with` block has been left")
        future: Future[T] = self._portal.start_task_soon(partial(function, *args, **options))
        try:
            return future.result()
        except CancelledError:
            raise TransportError("the device was closed by another thread of this program") from None
        except BaseException:
            future.cancel()
            raise

    def block(self, manager: AbstractAsyncContextManager[T]) -> AbstractContextManager[T]:
        """An async context manager as one for ``with``."""
        return self._portal.wrap_async_context_manager(manager)

    def close(self) -> None:
        """Ends whatever other threads still have open."""
        self.closed = True
        self._portal.call(self._portal.stop, True)


class Steps(Generic[T]):
    """An async iterator as one for ``for``."""

    def __init__(self, portal: _Portal, steps: AsyncIterator[T] | None = None) -> None:
        self._portal = portal
        self._steps = steps

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        if self._steps is None:
            raise LocalProtocolError("this has to be entered before it is iterated over: with ... as ...")
        try:
            return self._portal.call(self._steps.__anext__)  # type: ignore[arg-type]  # declared as an awaitable only
        except StopAsyncIteration:
            raise StopIteration from None


class Block(Steps[T]):
    """What has to be entered first: a ``with`` block, and then an iterator."""

    def __init__(self, portal: _Portal, manager: AbstractAsyncContextManager[AsyncIterator[T]]) -> None:
        super().__init__(portal)
        self._block = portal.block(manager)

    def __enter__(self) -> Self:
        self._steps = self._block.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._portal.closed:
            self._block.__exit__(kind, error, trace)


class N6Device:
    """A device, for the length of a ``with`` block; arguments and errors are those of :class:`n6link.N6Device`."""

    def __init__(
        self, url: str | None = None, *, cards: Sequence[Card | str | os.PathLike[str]] = (), timeout: float = 5.0
    ) -> None:
        self._device = device_.N6Device(url, cards=cards, timeout=timeout)
        self._stack: ExitStack | None = None
        self._opened: _Portal | None = None

    def __enter__(self) -> Self:
        if self._stack:
            raise LocalProtocolError("this N6Device is open already; make another one for a second connection")
        with ExitStack() as stack:
            self._opened = _Portal(stack.enter_context(start_blocking_portal(name="n6link")))
            stack.callback(self._opened.close)
            stack.enter_context(self._opened.block(self._device))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._stack
        stack, self._stack = self._stack, None
        stack.__exit__(kind, error, trace)

    @property
    def _portal(self) -> _Portal:
        if not self._opened:
            raise LocalProtocolError("this N6Device is not open: use `with N6Device(...) as dev`")
        return self._opened

    @property
    def url(self) -> str:
        """What was opened, as it may be written again."""
        return self._device.url

    @property
    def info(self) -> DeviceInfo:
        """Board, firmware and limits."""
        return self._device.info

    @property
    def networks(self) -> dict[str, Network]:
        """The networks that the firmware has loaded, by name."""
        return {name: Network(self._portal, network) for name, network in self._device.networks.items()}

    def __getitem__(self, name: str) -> Network:
        return Network(self._portal, self._device[name])

    @property
    def clock(self) -> ClockMap:
        """The device's clock on ``time.monotonic()``."""
        return self._device.clock

    @property
    def counters(self) -> Counters:
        """What this end of the link has counted."""
        return self._device.counters

    def ping(self) -> Ping:
        """See :meth:`n6link.N6Device.ping`."""
        return self._portal.call(self._device.ping)

    def request(self, kind: MessageType, body: bytes = b"", *, timeout: float | None = None) -> bytes:
        """See :meth:`n6link.N6Device.request`."""
        return self._portal.call(self._device.request, kind, body, timeout=timeout)

    def stats(self) -> Stats:
        """See :meth:`n6link.N6Device.stats`."""
        return self._portal.call(self._device.stats)

    def reset_stats(self) -> None:
        """See :meth:`n6link.N6Device.reset_stats`."""
        self._portal.call(self._device.reset_stats)

    def epoch_stats(self, name: str) -> EpochStats:
        """See :meth:`n6link.N6Device.epoch_stats`."""
        return self._portal.call(self._device.epoch_stats, name)

    def subscribe(self, interval: float = 1.0) -> Block[Stats]:
        """See :meth:`n6link.N6Device.subscribe`; a ``with`` block, and an iterator of statistics."""
        return Block(self._portal, self._device.subscribe(interval))

    def logs(self) -> Block[LogRecord]:
        """See :meth:`n6link.N6Device.logs`; a ``with`` block, and an iterator of log lines."""
        return Block(self._portal, self._device.logs())

    def set_log_level(self, level: LogLevel | int) -> None:
        """See :meth:`n6link.N6Device.set_log_level`."""
        self._portal.call(self._device.set_log_level, level)

    def reset(self, *, restart: bool = False) -> None:
        """See :meth:`n6link.N6Device.reset`."""
        self._portal.call(self._device.reset, restart=restart)

    def loop(self, hz: float, *, missed: MissedPolicy = "skip") -> Loop:
        """See :meth:`n6link.N6Device.loop`; a ``with`` block, and an iterator of ticks."""
        return Loop(self._portal, self._device.loop(hz, missed=missed))


class Network:
    """A network of a device; see :class:`n6link.network.Network`, whose arguments and errors are those of the methods here."""

    def __init__(self, portal: _Portal, network: network_.Network) -> None:
        self._portal = portal
        self._network = network

    @property
    def name(self) -> str:
        """As the firmware calls it."""
        return self._network.name

    @property
    def inputs(self) -> Mapping[str, TensorSpec]:
        """Tensors by name."""
        return self._network.inputs

    @property
    def outputs(self) -> Mapping[str, TensorSpec]:
        """Tensors by name."""
        return self._network.outputs

    @property
    def pools(self) -> tuple[Pool, ...]:
        """Memory that it uses."""
        return self._network.pools

    @property
    def epochs(self) -> EpochTable:
        """Its epoch blocks."""
        return self._network.epochs

    @property
    def card(self) -> Card | None:
        """What its tensors mean."""
        return self._network.card

    @property
    def newest(self) -> Result | None:
        """The last result that was delivered to anybody; None before the first."""
        return self._network.newest

    def latest(self) -> Latest | None:
        """The same with its age. Never waits, in no thread."""
        return loop_.latest(self._network)

    def run(self, data: Any, **options: Any) -> Result:
        """See :meth:`n6link.network.Network.run`."""
        return self._portal.call(self._network.run, data, **options)

    def stream(self, source: Source | None = None, **options: Any) -> Stream:
        """See :meth:`n6link.network.Network.stream`; a ``with`` block, and an iterator of results."""
        return Stream(self._portal, self._network.stream(source, **options), self)

    def generate(self, prompt: str, **options: Any) -> TextStream:
        """See :meth:`n6link.network.Network.generate`; an iterator of pieces."""
        return TextStream(self._portal, self._network.generate(prompt, **options))

    def classify(self, text: str, **options: Any) -> Classification:
        """See :meth:`n6link.network.Network.classify`."""
        return self._portal.call(self._network.classify, text, **options)

    def profile(self, **options: Any) -> Profile:
        """See :meth:`n6link.network.Network.profile`."""
        return self._portal.call(self._network.profile, **options)


class Stream(Block[Result]):
    """A stream; see :class:`n6link.control.stream.Stream`."""

    def __init__(self, portal: _Portal, stream: stream_.Stream, network: Network) -> None:
        super().__init__(portal, stream)
        self._stream = stream
        self._network = network

    @property
    def stats(self) -> StreamStats:
        """What has become of the frames so far."""
        return self._stream.stats

    def put(self, data: Any, *, captured: float | None = None) -> bool:
        """Adds a frame; waits for room only under ``policy="all"``. See :meth:`n6link.control.stream.Stream.put`."""
        return self._portal.call(self._stream.put, data, captured=captured)

    def end(self) -> None:
        """No more frames will be put: the iteration ends with the result of the last one."""

        async def end() -> None:
            self._stream.end()

        self._portal.call(end)

    def latest(self) -> Latest | None:
        """The newest result of the network, and its age. Never waits."""
        return self._network.latest()


class TextStream(Steps[Piece]):
    """A text that grows as it is iterated over; see :class:`n6link.text.generation.TextStream`."""

    def __init__(self, portal: _Portal, text: generate_.TextStream) -> None:
        super().__init__(portal, text)
        self._text = text

    @property
    def text(self) -> str:
        """What was generated so far, with what is still uncertain about its end."""
        return self._text.text

    @property
    def tokens(self) -> tuple[int, ...]:
        """Ids of the tokens that were generated so far, without a stop token."""
        return self._text.tokens

    @property
    def done(self) -> bool:
        """Whether the text has ended."""
        return self._text.done


class Loop(Block[Tick]):
    """A control loop; see :class:`n6link.control.loop.ControlLoop`."""

    def __init__(self, portal: _Portal, loop: loop_.ControlLoop) -> None:
        super().__init__(portal, loop)
        self._loop = loop

    @property
    def stats(self) -> LoopStats:
        """Periods, jitter and misses so far."""
        return self._loop.stats
