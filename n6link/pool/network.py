"""A network of a pool: the same as a network of one board, on all boards that have it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from n6link import ambient
from n6link.control.source import Source
from n6link.control.stream import Policy, Stream
from n6link.errors import BadInput
from n6link.network import Network
from n6link.pool.mapping import Map
from n6link.protocol.records import Return
from n6link.result import Result, Run
from n6link.session.described import DescribedNetwork
from n6link.session.info import NetworkInfo
from n6link.tensors.encoding import Sent
from n6link.tensors.inputs import Data


class PoolNetwork(DescribedNetwork):
    """A network of a pool. Created by :class:`n6link.N6Pool`.

    Attributes:
        info: its description, the same on all boards that run it.
        newest: the last delivered result; None before the first.
    """

    def __init__(
        self,
        info: NetworkInfo,
        run: Run,
        *,
        at_once: Callable[[bool], int],
        alive: Callable[[], bool],
        doubts: Callable[[], Iterable[str]],
        confirm: bool,
    ) -> None:
        self.info = info
        self.newest: Result | None = None
        self._job = run
        self._at_once = at_once
        self._alive = alive
        self._doubts = doubts
        self._confirm = confirm

    @property
    def doubts(self) -> tuple[str, ...]:
        """What makes its decoded results implausible, as found on the boards that are connected."""
        return tuple(dict.fromkeys(self._doubts()))

    async def run(
        self,
        data: Data,
        *,
        outputs: Sequence[str] | None = None,
        reduce: bool | Sequence[Return] | None = None,
        timers: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109
        deadline: float | None = None,
        priority: int = 0,
        captured: float | None = None,
        options: Mapping[str, object] | None = None,
        computed: Callable[[], None] | None = None,
        encode: str | None = None,
        confirm: bool | None = None,
    ) -> Result:
        """Runs the network once, on the board that will be finished first.

        If the board is lost or fails, the inference is repeated on another one. ``result.network.device`` describes the board that
        gave the result.

        Args:
            data: as for :meth:`n6link.Network.run`, as all arguments but the last.
            outputs: names of the outputs to return.
            reduce: whether the device sends only the data that the network's decoder uses.
            timers: return the times of the epoch blocks.
            timeout: maximum seconds for the whole call, with the wait for a board. None = no limit while there is a board.
            deadline: the same as a ``time.monotonic()`` value.
            priority: 0..255; larger values are before smaller ones.
            captured: ``time.monotonic()`` of the capture of the data; None = now.
            options: the options of the :meth:`Result.decode` call that follows.
            computed: called when a board has computed the result.
            encode: how a picture is sent.
            confirm: return the result only after the board has passed a check that began later; if it fails, the inference is repeated
                on another board. This takes longer: a check covers 8 answers of a board. None = as the pool was opened.

        Raises:
            BoardsDiffer: the boards do not compute the same values.
            NoDeviceError: no board could be used for the pool's ``reconnect`` seconds.
            N6Timeout: the time has passed.
            DeviceError: the runtime of two boards, or of the only one, failed.
            N6Error: otherwise as :meth:`n6link.Network.run`.
        """
        begun = ambient.monotonic()
        if timeout is not None:
            if timeout <= 0:
                raise BadInput(f"timeout={timeout} must be a positive number of seconds, or None")
            deadline = min(begun + timeout, math.inf if deadline is None else deadline)
        if not 0 <= priority <= 255:
            raise BadInput(f"priority={priority} is out of range; use 0 to 255")
        captured = begun if captured is None else captured

        async def call(network: Network, told: Callable[[], None]) -> Result:
            return await network.run(
                data,
                outputs=outputs,
                reduce=reduce,
                timers=timers,
                deadline=deadline,
                priority=priority,
                captured=captured,
                options=options,
                computed=told,
                encode=encode,
            )

        result = await self._job(
            self.name,
            call,
            priority=priority,
            deadline=math.inf if deadline is None else deadline,
            confirm=self._confirm if confirm is None else confirm,
            computed=computed,
        )
        # Calls may finish in any order: an older picture must not replace a newer one.
        if self.newest is None or result.captured >= self.newest.captured:
            self.newest = result
        return result

    def stream(
        self,
        source: Source | None = None,
        *,
        depth: int | None = None,
        policy: Policy = "latest",
        max_age: float | None = None,
        timers: bool = False,
        reduce: bool | Sequence[Return] | None = None,
        priority: int = 0,
        options: Mapping[str, object] | None = None,
        encode: str | None = None,
    ) -> Stream:
        """Runs the network on a series of frames; see :meth:`n6link.Network.stream`. Its answers do not wait for checks.

        Args:
            source: as for :meth:`n6link.Network.stream`, as the other arguments.
            depth: maximum number of frames on all boards; None = as many as keep the present boards busy.
            policy: what happens if the source or the consumer is too fast. With ``"latest"`` the boards work on frames at the same
                time, and a result that is older than one that was delivered is dropped.
            max_age: seconds after its capture at which a frame is dropped.
            timers: return the times of the epoch blocks.
            reduce: as in :meth:`run`.
            priority: as in :meth:`run`.
            options: as in :meth:`run`.
            encode: as in :meth:`run`.

        Raises:
            BadInput: an argument is out of range.
        """
        if encode is not None:
            Sent.parse(encode)
        run = partial(
            self.run, timers=timers, reduce=reduce, priority=priority, options=options, encode=encode, confirm=False
        )
        depth = self._at_once(False) if depth is None else depth
        return Stream(run, source, depth=depth, policy=policy, max_age=max_age, alive=self._alive)

    def map(
        self,
        inputs: Source,
        *,
        ordered: bool = True,
        window: int | None = None,
        outputs: Sequence[str] | None = None,
        timers: bool = False,
        reduce: bool | Sequence[Return] | None = None,
        priority: int = 0,
        options: Mapping[str, object] | None = None,
        encode: str | None = None,
        confirm: bool = True,
    ) -> Map:
        """Runs the network on many inputs, on all boards.

        ::

            async with pool["movenet13"].map(pictures) as results:
                async for result in results:
                    print(result.frame.sequence, result.poses())

        Args:
            inputs: iterable of inputs, as for :meth:`n6link.Network.run`; a plain iterable is read in a thread, so it may block.
            ordered: results in the order of the inputs; else as they are completed.
            window: maximum number of inputs in work, and of results that wait for a slow consumer; None = as many as keep the present
                boards busy.
            outputs: as in :meth:`run`.
            timers: return the times of the epoch blocks.
            reduce: as in :meth:`run`.
            priority: as in :meth:`run`.
            options: as in :meth:`run`.
            encode: as in :meth:`run`.
            confirm: deliver a result only after its board has passed a later check, see :meth:`run`.

        Raises:
            BadInput: an argument is out of range, or the inputs are not an iterable.
        """
        run = partial(
            self.run,
            outputs=outputs,
            timers=timers,
            reduce=reduce,
            priority=priority,
            options=options,
            encode=encode,
            confirm=confirm,
        )
        return Map(run, inputs, ordered=ordered, window=self._at_once(confirm) if window is None else window)
