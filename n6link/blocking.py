"""The same device for programs that are not async.

::

    from n6link.blocking import N6Device

    with N6Device() as dev:
        poses = dev["movenet13"].run(frame).decode()
        with dev["movenet13"].stream(policy="latest") as stream:
            while True:
                stream.put(camera.read())          # never waits
                newest = stream.latest()           # never waits
                if newest and newest.age < 0.1:
                    steer(newest.result)

Nothing is implemented twice: a device runs the objects of :mod:`n6link` on an event loop of its own, in a thread of its own (anyio's blocking
portal), and every method here hands one call over and waits for it. ``latest`` hands nothing over and never waits. All methods may be called
from any thread. Results, infos and statistics are the very objects of the async interface.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from n6link import device as device_
from n6link import generate as generate_
from n6link import loop as loop_
from n6link import network as network_
from n6link import stream as stream_
from n6link.card import Card
from n6link.decoders.text import Classification
from n6link.epochs import EpochStats, EpochTable
from n6link.errors import LocalProtocolError
from n6link.generate import Piece
from n6link.info import DeviceInfo, Ping
from n6link.loop import Latest, LoopStats, MissedPolicy, Tick
from n6link.profile import Profile
from n6link.protocol import LogLevel
from n6link.reduce import Return
from n6link.result import Result
from n6link.stats import Stats
from n6link.stream import Policy, StreamStats
from n6link.tensor import TensorSpec

T = TypeVar("T")


class _Portal:
    """Hands calls over to the event loop of a device."""

    def __init__(self, portal: BlockingPortal) -> None:
        self._portal = portal

    def call(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any, **options: Any) -> T:
        """Runs a coroutine function there and waits for it; an interrupt here cancels it there."""
        future: Future[T] = self._portal.start_task_soon(partial(function, *args, **options))
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def block(self, manager: Any) -> AbstractContextManager[Any]:
        """An async context manager as one for ``with``."""
        return self._portal.wrap_async_context_manager(manager)


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
            self._opened = _Portal(stack.enter_context(start_blocking_portal()))
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
        if not self._stack or not self._opened:
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

    def ping(self) -> Ping:
        """See :meth:`n6link.N6Device.ping`."""
        return self._portal.call(self._device.ping)

    def stats(self) -> Stats:
        """See :meth:`n6link.N6Device.stats`."""
        return self._portal.call(self._device.stats)

    def reset_stats(self) -> None:
        """See :meth:`n6link.N6Device.reset_stats`."""
        self._portal.call(self._device.reset_stats)

    def epoch_stats(self, name: str) -> EpochStats:
        """See :meth:`n6link.N6Device.epoch_stats`."""
        return self._portal.call(self._device.epoch_stats, name)

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
    """A network of a device; see :class:`n6link.network.Network`."""

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
    def epochs(self) -> EpochTable:
        """Its epoch blocks."""
        return self._network.epochs

    @property
    def card(self) -> Card | None:
        """What its tensors mean."""
        return self._network.card

    def run(self, data: Any, **options: Any) -> Result:
        """Runs the network once; arguments and errors are those of :meth:`n6link.network.Network.run`."""
        return self._portal.call(self._network.run, data, **options)

    def generate(self, prompt: str, **options: Any) -> TextStream:
        """Continues a text; an iterator of pieces. Arguments are those of :meth:`n6link.network.Network.generate`."""
        return TextStream(self._portal, self._network.generate(prompt, **options))

    def classify(self, text: str, **options: Any) -> Classification:
        """What a text is; arguments and errors are those of :meth:`n6link.network.Network.classify`."""
        return self._portal.call(self._network.classify, text, **options)

    def profile(self, *, runs: int = 20, warmup: int = 3) -> Profile:
        """See :meth:`n6link.network.Network.profile`."""
        return self._portal.call(self._network.profile, runs=runs, warmup=warmup)

    def latest(self) -> Latest | None:
        """The newest result that was delivered to anybody, and its age. Never waits."""
        return loop_.latest(self._network)

    def stream(
        self,
        source: AsyncIterable[Any] | Iterable[Any] | None = None,
        *,
        depth: int = 2,
        policy: Policy = "latest",
        max_age: float | None = None,
        timers: bool = False,
        reduce: bool | Sequence[Return] | None = None,
        priority: int = 0,
    ) -> Stream:
        """See :meth:`n6link.network.Network.stream`; a ``with`` block, and an iterator of results."""
        made = self._network.stream(
            source, depth=depth, policy=policy, max_age=max_age, timers=timers, reduce=reduce, priority=priority
        )
        return Stream(self._portal, made, self)


class Stream:
    """A stream; see :class:`n6link.stream.Stream`."""

    def __init__(self, portal: _Portal, stream: stream_.Stream, network: Network) -> None:
        self._portal = portal
        self._stream = stream
        self._network = network
        self._block: AbstractContextManager[stream_.Stream] | None = None

    def __enter__(self) -> Self:
        self._block = self._portal.block(self._stream)
        self._block.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._block
        self._block.__exit__(kind, error, trace)

    @property
    def stats(self) -> StreamStats:
        """What has become of the frames so far."""
        return self._stream.stats

    def put(self, data: Any, *, captured: float | None = None) -> bool:
        """Adds a frame; waits for room only under ``policy="all"``. See :meth:`n6link.stream.Stream.put`."""
        return self._portal.call(self._stream.put, data, captured=captured)

    def latest(self) -> Latest | None:
        """The newest result of the network, and its age. Never waits."""
        return self._network.latest()

    def __iter__(self) -> Iterator[Result]:
        return self

    def __next__(self) -> Result:
        try:
            return self._portal.call(self._stream.__anext__)
        except StopAsyncIteration:
            raise StopIteration from None


class TextStream:
    """A text that grows as it is iterated over; see :class:`n6link.generate.TextStream`."""

    def __init__(self, portal: _Portal, text: generate_.TextStream) -> None:
        self._portal = portal
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

    def __iter__(self) -> Iterator[Piece]:
        return self

    def __next__(self) -> Piece:
        try:
            return self._portal.call(self._text.__anext__)
        except StopAsyncIteration:
            raise StopIteration from None


class Loop:
    """A control loop; see :class:`n6link.loop.ControlLoop`."""

    def __init__(self, portal: _Portal, loop: loop_.ControlLoop) -> None:
        self._portal = portal
        self._loop = loop
        self._block: AbstractContextManager[loop_.ControlLoop] | None = None

    def __enter__(self) -> Self:
        self._block = self._portal.block(self._loop)
        self._block.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._block
        self._block.__exit__(kind, error, trace)

    @property
    def stats(self) -> LoopStats:
        """Periods, jitter and misses so far."""
        return self._loop.stats

    def __iter__(self) -> Iterator[Tick]:
        return self

    def __next__(self) -> Tick:
        return self._portal.call(self._loop.__anext__)
