"""The same interface for programs that are not async.

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

A device, or a pool, runs the objects of :mod:`n6link` on its own event loop in a separate thread (with anyio's blocking portal). Each method here
passes one call to this loop and waits for the result; only ``latest`` returns immediately. All methods may be called from any thread.
An interrupt (Ctrl-C) ends a call that waits. When the device is closed, calls and blocks of other threads end with TransportError. Results,
infos, statistics and errors are the objects of the async interface.

The methods are generated from those of the async interface (:func:`waits`, :func:`gives`, :func:`does`). They have the same
parameters and documentation, for editors, type checkers and ``help()``. Where an example there has ``async with`` and
``async for``, write ``with`` and ``for``.
"""

# pyright: reportPrivateUsage=false
# (the functions that make methods are outside of the classes that have them)

from __future__ import annotations

import atexit
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from functools import partial, wraps
from types import TracebackType
from typing import Any, Concatenate, Final, Generic, ParamSpec, Protocol, Self, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

from n6link import device as device_
from n6link import network as network_
from n6link.control import loop as loop_
from n6link.control import stream as stream_
from n6link.control.loop import Latest, LoopStats, Tick
from n6link.control.stream import StreamStats
from n6link.errors import LocalProtocolError, TransportError
from n6link.link.frames import Counters
from n6link.pool import mapping as mapping_
from n6link.pool import network as pool_network
from n6link.pool import pool as pool_
from n6link.pool.status import BoardStatus
from n6link.result import Result
from n6link.session.clock import ClockMap
from n6link.session.connection import NOT_OPEN
from n6link.session.described import DescribedNetwork
from n6link.session.health import Health
from n6link.session.info import DeviceInfo, NetworkInfo
from n6link.session.state import State
from n6link.session.subscription import Subscription
from n6link.sheet import Sheet, Shown
from n6link.text import generation as generation_
from n6link.text.generation import Piece

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
EXIT: Final = 10.0
"""seconds that closing forgotten devices may take when the program ends"""
WORKER: Final = "AnyIO worker thread"
"""name of the threads in which anyio runs calls that would block its event loop"""

Made = TypeVar("Made")
Own = TypeVar("Own", bound="Blocking[Any]")
Device = TypeVar("Device", bound="_Closes")


class _Portal:
    """An event loop in its own thread, to which calls are passed. The thread does not keep the program alive."""

    def __init__(self) -> None:
        self.closed = False
        started = Future[BlockingPortal]()
        self._thread = threading.Thread(target=self._serve, args=(started,), name="n6link", daemon=True)
        self._thread.start()
        self._portal = started.result()

    @staticmethod
    def _serve(started: Future[BlockingPortal]) -> None:
        async def main() -> None:
            async with BlockingPortal() as portal:
                started.set_result(portal)
                await portal.sleep_until_stopped()

        anyio.run(main)

    def call(self, function: Callable[P, Awaitable[T]], *args: P.args, **options: P.kwargs) -> T:
        """Runs a coroutine function in the event loop and waits for it; an interrupt of this thread cancels it."""
        if self.closed:
            raise LocalProtocolError(NOT_OPEN)
        future: Future[T] = self._portal.start_task_soon(partial(function, *args, **options))
        try:
            return future.result()
        except CancelledError:
            # Only close() cancels: a thread that waits here does not cancel its own future.
            raise TransportError("the device was closed by another thread of this program") from None
        except BaseException:
            # KeyboardInterrupt while waiting: the coroutine must not continue without a caller.
            future.cancel()
            raise

    def close(self) -> None:
        """Stops the event loop, cancels the calls of other threads, and ends the thread."""
        self.closed = True
        self._portal.call(self._portal.stop, True)
        self._thread.join()


class _Open:
    """Open devices. If the program does not close them, they are closed when its last thread has ended."""

    def __init__(self) -> None:
        self._devices: set[Owner[Any]] = set()
        self._lock = threading.Lock()
        self._guard: threading.Thread | None = None

    def add(self, device: Owner[Any]) -> None:
        """A device was opened."""
        with self._lock:
            self._devices.add(device)
            if not self._guard:
                self._guard = threading.Thread(target=self._close, name="n6link exit", daemon=True)
                self._guard.start()
                atexit.register(self._guard.join, EXIT)

    def discard(self, device: Owner[Any]) -> None:
        """It was closed."""
        with self._lock:
            self._devices.discard(device)

    def _close(self) -> None:
        """Waits for all threads that may use a device. anyio's own threads end only with the event loops that this closes."""
        main: threading.Thread | None = threading.main_thread()
        while main:
            main.join()
            main = next((thread for thread in threading.enumerate() if _works(thread)), None)
        while self._devices:
            self._devices.pop().close()


def _works(thread: threading.Thread) -> bool:
    return not thread.daemon and thread is not threading.main_thread() and thread.name != WORKER


_open: Final = _Open()


# ---------------------------------------------------------------------------------------------- methods from async ones


class Blocking(Protocol[T_co]):
    """The attributes of each class here: an object of the async interface, and its event loop."""

    @property
    def _inner(self) -> T_co: ...
    @property
    def _portal(self) -> _Portal: ...


def waits(
    method: Callable[Concatenate[T, P], Awaitable[Made]],
) -> Callable[Concatenate[Blocking[T], P], Made]:
    """Converts an async method to a blocking one with the same parameters and result."""

    @wraps(method)
    def call(self: Blocking[T], /, *args: P.args, **options: P.kwargs) -> Made:
        return self._portal.call(method, self._inner, *args, **options)

    return call


def does(method: Callable[Concatenate[T, P], Made]) -> Callable[Concatenate[Blocking[T], P], Made]:
    """Converts a plain method that is not thread-safe: it runs in the event loop."""

    @wraps(method)
    def call(self: Blocking[T], /, *args: P.args, **options: P.kwargs) -> Made:
        async def there() -> Made:
            return method(self._inner, *args, **options)

        return self._portal.call(there)

    return call


def reads(method: Callable[Concatenate[T, P], Made]) -> Callable[Concatenate[Blocking[T], P], Made]:
    """A plain method that any thread may call."""

    @wraps(method)
    def call(self: Blocking[T], /, *args: P.args, **options: P.kwargs) -> Made:
        return method(self._inner, *args, **options)

    return call


def gives(
    method: Callable[Concatenate[T, P], Made], wrap: Callable[[Own, Made], T_co]
) -> Callable[Concatenate[Own, P], T_co]:
    """Converts a plain method that returns an object of the async interface: it returns the blocking form."""

    @wraps(method)
    def call(self: Own, /, *args: P.args, **options: P.kwargs) -> T_co:
        return wrap(self, method(self._inner, *args, **options))

    return call


def holds(
    kind: Callable[P, T],
) -> Callable[[Callable[[Own, T], None]], Callable[Concatenate[Own, P], None]]:
    """Gives an ``__init__`` the parameters of an async class; it receives an object of this class."""

    def decorate(initialise: Callable[[Own, T], None]) -> Callable[Concatenate[Own, P], None]:
        @wraps(kind.__init__)
        def call(self: Own, /, *args: P.args, **options: P.kwargs) -> None:
            initialise(self, kind(*args, **options))

        return call

    return decorate


# ---------------------------------------------------------------------------------------------- the classes


class _Opens(Protocol[T_co]):
    """A :class:`Lifecycle` that is its own iterator."""

    async def open(self) -> AsyncIterator[T_co]: ...
    async def aclose(self) -> None: ...


class Steps(Generic[T]):
    """Converts an async iterator to one for ``for``."""

    def __init__(self, portal: _Portal, steps: AsyncIterator[T] | None = None) -> None:
        self._portal = portal
        self._steps = steps

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        if self._steps is None:
            raise LocalProtocolError("the block was not entered before the iteration; use: with ... as ...")
        try:
            return self._portal.call(self._steps.__anext__)
        except StopAsyncIteration:
            raise StopIteration from None


class Block(Steps[T]):
    """A context manager for ``with`` (or opened and closed), and an iterator while it is open."""

    def __init__(self, portal: _Portal, inner: _Opens[T]) -> None:
        super().__init__(portal)
        self._block = inner

    def open(self) -> Self:
        """Opens it, and returns it."""
        self._steps = self._portal.call(self._block.open)
        return self

    def close(self) -> None:
        """Closes it. Does nothing if it, or the device, is closed."""
        if not self._portal.closed:
            with suppress(TransportError):  # the device was closed meanwhile
                self._portal.call(self._block.aclose)

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Stream(Block[Result]):
    """A stream; see :class:`n6link.control.stream.Stream`."""

    def __init__(self, portal: _Portal, stream: stream_.Stream, network: AnyNetwork[Any]) -> None:
        super().__init__(portal, stream)
        self._inner = stream
        self._network = network

    put = waits(stream_.Stream.put)
    end = does(stream_.Stream.end)

    @property
    def stats(self) -> StreamStats:
        """Counts of frames so far."""
        return self._inner.stats

    def latest(self) -> Latest | None:
        """The newest result of the network, and its age. Never waits."""
        return self._network.latest()


class TextStream(Steps[Piece]):
    """A text; each step of the iteration adds a token; see :class:`n6link.text.generation.TextStream`."""

    def __init__(self, portal: _Portal, text: generation_.TextStream) -> None:
        super().__init__(portal, text)
        self._inner = text

    @property
    def text(self) -> str:
        """The text so far, including characters at its end that later tokens may change."""
        return self._inner.text

    @property
    def tokens(self) -> tuple[int, ...]:
        """Ids of the tokens that were generated so far, without a stop token."""
        return self._inner.tokens

    @property
    def done(self) -> bool:
        """Whether the text has ended."""
        return self._inner.done


class Loop(Block[Tick]):
    """A control loop; see :class:`n6link.control.loop.ControlLoop`."""

    def __init__(self, portal: _Portal, loop: loop_.ControlLoop) -> None:
        super().__init__(portal, loop)
        self._inner = loop

    @property
    def stats(self) -> LoopStats:
        """Periods, jitter and missed ticks so far."""
        return self._inner.stats


Net = TypeVar("Net", bound=network_.Network | pool_network.PoolNetwork)


class AnyNetwork(DescribedNetwork, Generic[Net]):
    """What the networks of a device and of a pool have in common."""

    def __init__(self, portal: _Portal, network: Net) -> None:
        self._portal = portal
        self._inner = network

    @property
    def info(self) -> NetworkInfo:
        """Its description."""
        return self._inner.info

    @property
    def doubts(self) -> tuple[str, ...]:
        """What makes its decoded results implausible."""
        return self._inner.doubts

    @property
    def newest(self) -> Result | None:
        """The last result that was delivered to any thread; None before the first."""
        return self._inner.newest

    def latest(self) -> Latest | None:
        """The newest result with its age. Never waits; may be called from any thread."""
        return loop_.latest(self._inner)


def _stream(network: AnyNetwork[Any], stream: stream_.Stream) -> Stream:
    return Stream(network._portal, stream, network)  # noqa: SLF001  as a method


class Network(AnyNetwork[network_.Network]):
    """A network of a device; see :class:`n6link.network.Network`."""

    def _text(self, text: generation_.TextStream) -> TextStream:
        return TextStream(self._portal, text)

    run = waits(network_.Network.run)
    stream = gives(network_.Network.stream, _stream)
    generate = gives(network_.Network.generate, _text)
    classify = waits(network_.Network.classify)
    lease = waits(network_.Network.lease)
    end_lease = waits(network_.Network.end_lease)
    leased = waits(network_.Network.leased)
    check = waits(network_.Network.check)
    profile = waits(network_.Network.profile)

    @property
    def replaced(self) -> bool | None:
        """Whether the device came back with another network of this name (True) or with none (False); None = it is the same."""
        return self._inner.replaced


class _Closes(Protocol):
    """A :class:`Lifecycle`."""

    async def open(self) -> object: ...
    async def aclose(self) -> None: ...


class Owner(Generic[Device]):
    """What has an event loop of its own, in a thread: it is open during a ``with`` block, or from :meth:`open` to :meth:`close`."""

    def __init__(self, inner: Device) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self._opened: _Portal | None = None

    def open(self) -> Self:
        """Opens it, and returns it; the errors are those of the async interface."""
        with self._lock:
            if self._opened:
                name = type(self).__name__
                raise LocalProtocolError(f"this {name} is already open; create another one for a second connection")
            portal = self._opened = _Portal()
        try:
            portal.call(self._inner.open)
            _open.add(self)
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Closes it; calls and blocks of other threads end with TransportError. A second call does nothing."""
        with self._lock:
            portal, self._opened = self._opened, None
        if portal:
            _open.discard(self)
            try:
                portal.call(self._inner.aclose)
            finally:
                portal.close()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _portal(self) -> _Portal:
        portal = self._opened
        if not portal:
            raise LocalProtocolError(NOT_OPEN)
        return portal


class N6Device(Owner[device_.N6Device], Shown):
    """A device that is open during a ``with`` block, or from :meth:`open` to :meth:`close`, in any threads.

    Arguments and errors are those of :class:`n6link.N6Device`. A device that a program does not close is closed when its last thread ends.
    """

    @holds(device_.N6Device)
    def __init__(self, device: device_.N6Device) -> None:
        super().__init__(device)

    def brief(self) -> str:
        """Its URL and networks."""
        return self._inner.brief()

    def sheet(self) -> Sheet:
        """Board and networks."""
        return self._inner.sheet()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            self._inner.connection.journal.failed(error, "the program")
        self.close()

    def _block(self, inner: Subscription[T]) -> Block[T]:
        return Block(self._portal, inner)

    def _loop(self, loop: loop_.ControlLoop) -> Loop:
        return Loop(self._portal, loop)

    ping = waits(device_.N6Device.ping)
    stats = waits(device_.N6Device.stats)
    reset_stats = waits(device_.N6Device.reset_stats)
    epoch_stats = waits(device_.N6Device.epoch_stats)
    clients = waits(device_.N6Device.clients)
    set_log_level = waits(device_.N6Device.set_log_level)
    reset = waits(device_.N6Device.reset)
    subscribe = gives(device_.N6Device.subscribe, _block)
    logs = gives(device_.N6Device.logs, _block)
    events = gives(device_.N6Device.events, _block)
    loop = gives(device_.N6Device.loop, _loop)

    watchdog = reads(device_.N6Device.watchdog)

    @property
    def state(self) -> State:
        """State of the device. Returns immediately."""
        return self._inner.state

    @property
    def health(self) -> Health:
        """The last sign of life, and the quality of the link. Returns immediately."""
        return self._inner.health

    @property
    def url(self) -> str:
        """The URL that was opened."""
        return self._inner.url

    @property
    def info(self) -> DeviceInfo:
        """Board, firmware and limits."""
        return self._inner.info

    @property
    def networks(self) -> dict[str, Network]:
        """The firmware's networks by name."""
        return {name: Network(self._portal, network) for name, network in self._inner.networks.items()}

    def __getitem__(self, name: str) -> Network:
        return Network(self._portal, self._inner[name])

    @property
    def clock(self) -> ClockMap:
        """Converts device times to ``time.monotonic()``."""
        return self._inner.clock

    @property
    def counters(self) -> Counters:
        """The counters of the host's side of the link."""
        return self._inner.counters


class Map(Block[Result]):
    """Results of many inputs; see :class:`n6link.pool.mapping.Map`."""


class PoolNetwork(AnyNetwork[pool_network.PoolNetwork]):
    """A network of a pool; see :class:`n6link.pool.network.PoolNetwork`."""

    def _map(self, results: mapping_.Map) -> Map:
        return Map(self._portal, results)

    run = waits(pool_network.PoolNetwork.run)
    stream = gives(pool_network.PoolNetwork.stream, _stream)
    map = gives(pool_network.PoolNetwork.map, _map)


class N6Pool(Owner[pool_.N6Pool], Shown):
    """Boards that work like one faster device; open during a ``with`` block, or from :meth:`open` to :meth:`close`, in any threads.

    Arguments and errors are those of :class:`n6link.N6Pool`. A pool that a program does not close is closed when its last thread ends.
    """

    @holds(pool_.N6Pool)
    def __init__(self, pool: pool_.N6Pool) -> None:
        super().__init__(pool)

    def brief(self) -> str:
        """Its number of boards, and its networks."""
        return self._inner.brief()

    def sheet(self) -> Sheet:
        """What each board does, and the networks."""
        return self._inner.sheet()

    restart = waits(pool_.N6Pool.restart)

    @property
    def boards(self) -> tuple[BoardStatus, ...]:
        """What each board does, and why it does not. Returns immediately."""
        return self._inner.boards

    @property
    def at_once(self) -> int:
        """Number of calls at the same time that keeps all present boards busy."""
        return self._inner.at_once

    @property
    def networks(self) -> dict[str, PoolNetwork]:
        """The networks of the pool by name."""
        return {name: PoolNetwork(self._portal, network) for name, network in self._inner.networks.items()}

    def __getitem__(self, name: str) -> PoolNetwork:
        return PoolNetwork(self._portal, self._inner[name])
