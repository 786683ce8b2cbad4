"""Keeps one board of a pool: opens it, checks it, sets it aside, and opens it again.

A board that was only interrupted is followed by its :class:`N6Device`, which finds it again; it is checked when it is back. A board that
cannot be opened, that does not answer or that fails a check is closed, and tried again after a pause that grows.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import anyio

from n6link import ambient
from n6link.device import N6Device
from n6link.errors import BoardsDiffer, N6Error, TransportError, innermost
from n6link.pool.board import Board
from n6link.pool.dispatch import Dispatcher
from n6link.pool.proof import Agreement, Jury, Proof, prove
from n6link.pool.status import BoardState
from n6link.session.info import DeviceInfo
from n6link.session.state import AWAY, State, StateChange
from n6link.session.subscription import Subscription
from n6link.tensors.card import Card

FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 10.0
"""seconds between two attempts to use a board that was set aside"""
INTERVAL: Final = 60.0
"""seconds after which a board that has worked is checked, also if no answer waits for it"""
RESTART: Final = 30.0
"""seconds that the restart of a board may take"""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the keepers of a pool have in common."""

    cards: Sequence[Card | str | os.PathLike[str]]
    timeout: float
    agreement: Agreement
    dispatcher: Dispatcher
    boards: Sequence[Board]
    wanted: set[str] = field(default_factory=set[str])
    """networks that the program uses"""
    decided: anyio.Event = field(default_factory=anyio.Event)
    """set when the networks of the pool are known"""
    opened: Callable[[int, N6Device], object] | None = None
    """see :class:`n6link.N6Pool`"""


class Keeper:
    """See the top of this module.

    Attributes:
        tried: set when the board was opened, or could not be opened, for the first time.
    """

    def __init__(self, board: Board, settings: Settings) -> None:
        self.board = board
        self.tried = anyio.Event()
        self._settings = settings
        self._wake = anyio.Event()
        self._away = False
        """the connection was interrupted"""
        self._restart: anyio.Event | None = None

    def wake(self) -> None:
        """There is something to do."""
        self._wake.set()

    async def restart(self) -> None:
        """Restarts the board when its jobs are finished, and waits until it is used again.

        Raises:
            TransportError: it is not used again.
        """
        board = self.board
        if board.state is not BoardState.READY:
            raise TransportError(f"the board at {board.url} is not in use: {board.reason or board.state.value}")
        self._restart = anyio.Event()
        self.wake()
        await self._restart.wait()
        if board.state is not BoardState.READY:
            raise TransportError(f"the board at {board.url} was restarted and is not used again: {board.reason}")

    async def run(self) -> None:
        """Keeps the board until it is cancelled."""
        board, pause = self.board, FIRST_PAUSE
        while True:
            answers = board.answers
            try:
                await self._session()
            except N6Error as error:
                self._aside(str(error))
            finally:
                self._withdraw()
                self.tried.set()
            pause = FIRST_PAUSE if board.answers > answers else min(2 * pause, LONGEST_PAUSE)
            await anyio.sleep(pause)

    async def _session(self) -> None:
        """One connection, until the board cannot be used.

        Raises:
            N6Error: the board cannot be opened or used.
        """
        board, settings = self.board, self._settings
        device = N6Device(board.url, cards=settings.cards, timeout=settings.timeout, reconnect=math.inf)
        async with device:
            board.device, board.unique_id = device, device.info.unique_id
            if settings.opened:
                settings.opened(settings.boards.index(board), device)
            self._away, new = False, True
            try:
                self.tried.set()
                await settings.decided.wait()
                async with device.events() as changes, anyio.create_task_group() as group:
                    group.start_soon(self._follow, changes)
                    while new or board.state is not BoardState.ASIDE or self._away:
                        self._wake = anyio.Event()
                        if new or (self._away and device.state is State.OPEN):
                            new = self._away = False
                            await self._admit(device)
                        if not self._away:
                            await self._work(device)
                        with anyio.move_on_after(INTERVAL):
                            await self._wake.wait()
                    group.cancel_scope.cancel()
            except BaseExceptionGroup as errors:
                # Its other task does not raise errors.
                raise innermost(errors) from None
            except N6Error as error:
                self._aside(str(error))  # before its jobs fail because it is closed
                raise
            finally:
                board.device = None

    async def _follow(self, changes: Subscription[StateChange]) -> None:
        async for change in changes:
            if change.state in AWAY and self.board.state is not BoardState.RESTARTING:
                self._away = True
                self._aside(change.reason or "the connection was lost")
                self._leave_juries()
            self.wake()

    async def _work(self, device: N6Device) -> None:
        """Does what is due."""
        board = self.board
        await self._prove_new(device)
        if board.check_wanted or (board.unchecked and ambient.monotonic() - board.checked > INTERVAL):
            await self._check(device)
        if self._restart:
            await self._restart_board(device)

    async def _admit(self, device: N6Device) -> None:
        """A connected board: finds out for which networks it can be used.

        Raises:
            TransportError: for none.
        """
        board, settings = self.board, self._settings
        for other in settings.boards[: settings.boards.index(board)]:
            if other.device and other.device.state is State.OPEN and _same(other.device.info, device.info):
                raise TransportError(f"it is also the board at {other.url}; use one URL for it")
        board.proved.clear()
        board.refused = {
            name: reason
            for name, network in device.networks.items()
            if (reason := settings.agreement.refusal(network.info))
        }
        if not device.networks.keys() - board.refused.keys():
            raise TransportError("; ".join(board.refused.values()) or "it has no networks")
        await self._prove_new(device)
        board.state = BoardState.READY
        settings.dispatcher.deal()

    async def _prove_new(self, device: N6Device) -> None:
        """Checks the networks that the program has begun to use."""
        board, settings = self.board, self._settings
        for name in sorted(settings.wanted & device.networks.keys() - board.proved - board.refused.keys()):
            jury = settings.agreement.juries.get(name)
            if jury is None:
                voters = {each for each in settings.boards if self._votes(each, name)}
                jury = settings.agreement.juries[name] = Jury(name, voters | {board})
            try:
                reason = await jury.judge(board, await self._proof(device, name))
            except BoardsDiffer as error:
                settings.agreement.problems[name] = error
                board.refused[name] = str(error)
                settings.dispatcher.fail_all(name, error)
                continue
            except BaseException:
                jury.withdraw(board)
                raise
            if reason:
                raise TransportError(reason)
            board.proved.add(name)
            board.checks += 1
            board.checked = ambient.monotonic()
            settings.dispatcher.deal()

    def _votes(self, board: Board, name: str) -> bool:
        """Whether a board will soon check a network."""
        info = board.device.networks.get(name) if board.device and board.device.state is State.OPEN else None
        return info is not None and not self._settings.agreement.refusal(info.info)

    async def _proof(self, device: N6Device, name: str) -> Proof:
        begun = ambient.monotonic()
        proof = await prove(device[name])
        self.board.check_seconds[name] = ambient.monotonic() - begun
        return proof

    async def _check(self, device: N6Device) -> None:
        """Repeats the checks of the networks that the board has run, and confirms the answers that it gave before."""
        board, settings = self.board, self._settings
        board.check_wanted = False
        jobs, unchecked, used = list(board.unconfirmed), board.unchecked, sorted(board.used)
        for name in used:
            if reason := await settings.agreement.juries[name].judge(board, await self._proof(device, name)):
                board.distrusted += board.unchecked
                raise TransportError(reason)
        board.checked = ambient.monotonic()
        board.checks += 1
        board.unchecked -= unchecked
        settings.dispatcher.confirm(board, jobs)

    async def _restart_board(self, device: N6Device) -> None:
        """Lets the jobs of the board end, and restarts it.

        Raises:
            N6Error: it does not come back.
        """
        board = self.board
        board.state = BoardState.RESTARTING
        while board.running:
            self._wake = anyio.Event()
            await self._wake.wait()
        await self._check(device)
        with anyio.move_on_after(RESTART) as scope:
            await device.reset(restart=True)
        if scope.cancelled_caught:
            raise TransportError(
                f"it was restarted, and has not answered for {RESTART:g} s; check its power and its cable"
            )
        await self._admit(device)
        self._end_restart()

    def _end_restart(self) -> None:
        if self._restart:
            self._restart.set()
            self._restart = None

    def _aside(self, reason: str) -> None:
        self._settings.dispatcher.set_aside(self.board, reason)

    def _leave_juries(self) -> None:
        for jury in self._settings.agreement.juries.values():
            jury.withdraw(self.board)

    def _withdraw(self) -> None:
        """The board is closed: nobody waits for it."""
        self._leave_juries()
        self.board.unchecked = 0
        self.board.check_wanted = False
        self._end_restart()


def _same(one: DeviceInfo, other: DeviceInfo) -> bool:
    """Whether two connections are to one board. All virtual boards have the same unique id."""
    return (one.unique_id, one.boot_nonce) == (other.unique_id, other.boot_nonce)
