"""Many boards as one device, as an async context manager."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal, Self

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from n6link.device import N6Device
from n6link.errors import BadInput, LocalProtocolError, N6Error, NoDeviceError, TransportError, UnknownName
from n6link.pool.board import EVERY, Board, Call
from n6link.pool.dispatch import Dispatcher
from n6link.pool.keeper import Keeper, Settings
from n6link.pool.network import PoolNetwork
from n6link.pool.proof import Agreement
from n6link.pool.status import BoardState, BoardStatus, boards_grid
from n6link.result import Result
from n6link.session.described import listed
from n6link.session.info import DeviceInfo
from n6link.session.lifecycle import Lifecycle
from n6link.session.tasks import Background
from n6link.sheet import Sheet, Shown
from n6link.tensors.card import Card
from n6link.transport import discovery
from n6link.transport.url import check_url
from n6link.transport.watch import watch

NOT_OPEN: Final = "this N6Pool is not open; use it in a `with` block (`async with` in async code), or call its open()"
CLOSED: Final = "the pool was closed by this program"
SPARE: Final = 2
"""times :data:`EVERY` answers of a board that may wait, so that it works during its checks"""
_logger = logging.getLogger("n6link.pool")


class N6Pool(Lifecycle, Shown):
    """Boards that work like one faster device, during an ``async with`` block, or from :meth:`open` to :meth:`aclose`.

    ::

        async with N6Pool(["serial:/dev/ttyACM0", "serial:/dev/ttyACM1", "tcp:bench:6006"]) as pool:
            result = await pool["movenet13"].run(frame)
            async with pool["movenet13"].map(pictures) as results:
                async for result in results:
                    ...

    A job is given to the board where it will be finished first, by measured times. The last jobs of a batch, and jobs of a board that stops
    to answer, are given to a second board, and the first answer counts.

    **Boards that fail.** A board that is lost, does not answer, answers wrongly, or needs 30 times as long as the others at the same time is set aside, with a
    reason in :attr:`boards`. Its jobs are repeated on other boards. The pool tries it again, checks it, and uses it again.

    **Boards that differ.** A network may be missing on some boards. Boards that have another network, card or build under the same name
    are not used for it (:attr:`BoardStatus.refused` has the reason): the networks of the pool are those of the majority of the boards that
    were present when it was opened. If there is no majority, such as with two different boards, its use raises BoardsDiffer.

    **Boards that answer wrongly.** Each board is checked with an input whose outputs must be the same on all boards, see
    :mod:`n6link.pool.proof`: when it is opened or comes back, after a failure of its runtime, and every minute while it works. The
    answers of :meth:`PoolNetwork.map` (and of ``run`` with ``confirm=True``) wait until their board has passed one more check, and are repeated
    on another board if it fails: they are all from boards that were right before and after. Other answers are delivered at once, and cannot
    be taken back: :attr:`BoardStatus.distrusted` counts those since the last good check of a board that then failed one. A fault that
    the check input does not show is not found.

    Args:
        urls: of the boards, or ``"all"``: all boards that are connected to this machine, through their servers (``n6link serve``) if
            these run, also boards that are connected later.
        cards: as for :class:`n6link.N6Device`, for all boards.
        timeout: as for :class:`n6link.N6Device`.
        reconnect: seconds for which jobs wait while no board can be used; then they raise NoDeviceError.
        depth: jobs that a board has at the same time: with 2, the upload of the next one and the computation overlap.
        confirm: default of ``confirm`` for :meth:`PoolNetwork.run`.
        opened: called each time a board was opened, with its position in :attr:`boards` and the open device, for example to record it. The
            pool closes the device.

    Raises, on opening:
        BadInput: an argument is out of range, or there are no URLs.
        NoDeviceError: no board can be opened; the message has the reason of each.
        N6Error: the same for a pool with one board, as for :class:`n6link.N6Device`.
    """

    def __init__(
        self,
        urls: Sequence[str] | Literal["all"],
        *,
        cards: Sequence[Card | str | os.PathLike[str]] = (),
        timeout: float = 5.0,
        reconnect: float = 10.0,
        depth: int = 2,
        confirm: bool = False,
        opened: Callable[[int, N6Device], object] | None = None,
    ) -> None:
        if not 0 < timeout < math.inf:
            raise BadInput(f"timeout={timeout} must be a positive, finite number of seconds")
        if not reconnect >= 0:
            raise BadInput(f"reconnect={reconnect} must be seconds; use 0 for never, math.inf for no limit")
        if depth < 1:
            raise BadInput(f"depth={depth} must be 1 or more")
        if isinstance(urls, str) and urls != "all":
            raise BadInput(f"urls={urls!r} is one string; use a list of URLs, or 'all'")
        if not urls:
            raise BadInput("a pool needs boards; use a list of URLs, or 'all' for all connected boards")
        self._all = urls == "all"
        self._urls = [] if urls == "all" else list(urls)
        for url in self._urls:
            check_url(url)
        self._options = (tuple(cards), timeout, reconnect)
        self._depth = depth
        self._confirm = confirm
        self._opened = opened
        self._boards: list[Board] = []
        self._keepers: dict[Board, Keeper] = {}
        self._networks: Mapping[str, PoolNetwork] = MappingProxyType({})
        self._background: Background | None = None
        self._tasks: TaskGroup
        self._settings = self._fresh()
        self._restarting = anyio.Lock()

    async def open(self) -> Self:
        """Opens all boards, and returns the pool when at least one can be used.

        Raises:
            LocalProtocolError: it is already open.
            N6Error: see :class:`N6Pool`.
        """
        if self._background:
            raise LocalProtocolError("this N6Pool is already open; create another one for a second connection")
        urls = await _connected() if self._all else self._urls
        if not urls:
            raise NoDeviceError("no STM32N6 board is connected; connect one, or use a list of URLs")
        self._boards, self._keepers = [], {}
        self._settings = self._fresh()
        self._background = Background(self._crash)
        self._tasks = await self._background.__aenter__()
        try:
            await self._open(urls)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self.aclose()
            raise
        return self

    async def _open(self, urls: Sequence[str]) -> None:
        self._settings.dispatcher.start(self._tasks)
        for url in urls:
            self._add(url)
        for keeper in list(self._keepers.values()):
            await keeper.tried.wait()
        if not self._background:  # another task has closed it
            raise TransportError(CLOSED)
        opened = [(board.url, board.device.networks) for board in self._boards if board.device]
        if not opened:
            raise self._none()
        agreement = self._settings.agreement
        agreement.decide([(url, net.info) for url, networks in opened for net in networks.values()])
        self._networks = MappingProxyType({name: self._network(name) for name in agreement.networks})
        self._settings.decided.set()
        if self._all:
            self._tasks.start_soon(self._watch)

    def _fresh(self) -> Settings:
        cards, timeout, reconnect = self._options
        dispatcher = Dispatcher(
            self._boards, depth=self._depth, patience=reconnect, wake=lambda board: self._keepers[board].wake()
        )
        return Settings(cards, timeout, Agreement(), dispatcher, self._boards, opened=self._opened)

    def _none(self) -> N6Error:
        reasons = "; ".join(f"{board.url}: {board.reason}" for board in self._boards)
        return NoDeviceError(f"no board of the pool can be opened: {reasons}")

    async def aclose(self) -> None:
        """Closes all boards; calls in progress fail with TransportError. A second call does nothing.

        Raises:
            LocalProtocolError: it was opened in another event loop that still runs.
        """
        background, self._background = self._background, None
        if background:
            try:
                background.check_home("this pool")
            except LocalProtocolError:
                self._background = background
                raise
            self._stop(TransportError(CLOSED))
            await background.__aexit__(None, None, None)
            for board in self._boards:
                board.state = BoardState.CLOSED

    def _crash(self, error: Exception) -> None:
        self._stop(TransportError(f"the pool has failed: {error!r}"))

    def _stop(self, error: N6Error) -> None:
        self._settings.dispatcher.stop(error)

    def brief(self) -> str:
        """Its number of boards, and its networks."""
        count = len(self._boards) or "all" if self._all else len(self._urls)
        state = ", ".join(self._networks) or "no networks"
        return f"{count} board{'' if count == 1 else 's'}: {state if self._background else 'closed'}"

    def sheet(self) -> Sheet:
        """What each board does, and the networks."""
        if not self._background:
            return Sheet()
        return Sheet((boards_grid(self.boards), listed(self._networks)))

    # ---- boards

    def _add(self, url: str) -> None:
        board = Board(url)
        keeper = self._keepers[board] = Keeper(board, self._settings)
        self._boards.append(board)
        self._tasks.start_soon(keeper.run)

    async def _watch(self) -> None:
        """Adds boards that are connected later."""
        async for change in watch():
            if change.added:
                try:
                    urls = await _connected()
                except N6Error as error:
                    _logger.warning("boards that were connected are not used: %s", error)
                    continue
                for url in urls:
                    if url not in {board.url for board in self._boards}:
                        self._add(url)

    @property
    def boards(self) -> tuple[BoardStatus, ...]:
        """What each board does, and why it does not, in the order of the URLs."""
        return tuple(board.status for board in self._boards)

    async def restart(self) -> None:
        """Restarts all boards that are in use, one after the other, while the others work.

        Raises:
            TransportError: a board is not used again; those after it were not restarted.
        """
        self._check()
        async with self._restarting:
            for board in [board for board in self._boards if board.state is BoardState.READY]:
                await self._keepers[board].restart()

    # ---- networks

    @property
    def url(self) -> str:
        """The URLs of all boards, for people."""
        return ", ".join(board.url for board in self._boards)

    @property
    def info(self) -> DeviceInfo:
        """The description of the first board that is connected.

        Raises:
            NoDeviceError: none is.
        """
        self._check()
        for board in self._boards:
            if board.device:
                return board.device.info
        raise self._none()

    @property
    def networks(self) -> Mapping[str, PoolNetwork]:
        """The networks of the pool by name."""
        self._check()
        return self._networks

    def __getitem__(self, name: str) -> PoolNetwork:
        networks = self.networks
        if problem := self._settings.agreement.problems.get(name):
            raise problem
        if name not in networks:
            raise UnknownName(
                f"the boards of the pool do not have a network {name!r}; they have {', '.join(networks) or 'none'}"
            )
        return networks[name]

    @property
    def at_once(self) -> int:
        """Number of calls of :meth:`PoolNetwork.run` at the same time that keeps all present boards busy."""
        return self._calls(self._confirm)

    def _calls(self, confirm: bool) -> int:
        each = self._depth + (SPARE * EVERY if confirm else 0)
        return each * max(sum(board.state is not BoardState.ASIDE for board in self._boards), 1)

    def _network(self, name: str) -> PoolNetwork:
        info = self._settings.agreement.networks[name]
        alive = lambda: self._background is not None
        return PoolNetwork(
            info,
            self._run,
            at_once=self._calls,
            alive=alive,
            doubts=lambda: self._doubts(name),
            confirm=self._confirm,
        )

    def _doubts(self, name: str) -> Iterator[str]:
        for board in self._boards:
            if board.device and name in board.device.networks:
                yield from board.device[name].doubts

    async def _run(
        self,
        name: str,
        call: Call,
        *,
        priority: int,
        deadline: float,
        confirm: bool,
        computed: Callable[[], None] | None,
    ) -> Result:
        self._check()
        settings = self._settings
        if name not in settings.wanted:
            settings.wanted.add(name)
            for keeper in self._keepers.values():
                keeper.wake()
        if problem := settings.agreement.problems.get(name):
            raise problem
        return await settings.dispatcher.run(
            name, call, priority=priority, deadline=deadline, confirm=confirm, computed=computed
        )

    def _check(self) -> None:
        if not self._background:
            raise LocalProtocolError(NOT_OPEN)


async def _connected() -> list[str]:
    """URLs of all boards that are connected to this machine, or of their servers."""
    return await anyio.to_thread.run_sync(discovery.urls)
