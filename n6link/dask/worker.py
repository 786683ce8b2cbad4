"""The part that runs on the workers: a plugin that has the pool of a computer, and the tasks that use it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

import distributed
import numpy as np
from distributed import Reschedule, Status, Worker, WorkerPlugin, get_worker

from n6link import decoders
from n6link.blocking import N6Pool
from n6link.errors import N6Error, NoDeviceError, TransportError
from n6link.pool.status import BoardState
from n6link.result import Result
from n6link.tensors.card import Card
from n6link.tensors.inputs import Data

RESOURCE: Final = "n6link"
"""what a worker with boards offers, and what a task takes one of"""
CHUNK: Final = 16
"""inputs of a task"""
LOOK: Final = 0.5
"""seconds between two looks at whether there are boards"""

_logger = logging.getLogger("n6link.dask")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one input."""

    value: Any
    """what ``each`` has made of the result"""
    error: Exception | None
    """why there is no result"""
    board: str
    """the board's unique id; empty = unknown"""
    device: float
    """seconds of the network's run on the board"""
    whole: float
    """seconds from the request on the worker to the result"""


def plain(result: Result) -> Any:
    """The default of ``each``: the decoded result if there is a decoder for the network's card, else copies of the outputs by name.

    Raises:
        CardError: the card does not fit the network.
    """
    card = result.network.card
    if card is not None and card.task in decoders.tasks():
        return result.decode()
    return {name: np.array(array) for name, array in result.outputs.items()}


def decoded(result: Result, options: Mapping[str, object]) -> Any:
    """The decoded result, with options of the decoder."""
    return result.decode(**options)


@dataclass(frozen=True, slots=True)
class Options:
    """How a network is run."""

    each: Callable[[Result], Any] = plain
    reduce: bool | None = None
    options: Mapping[str, object] | None = None
    encode: str | None = None
    timers: bool = False


class Boards(WorkerPlugin):
    """The boards of a worker's computer; register it with ``client.register_plugin(Boards())``.

    The worker offers the resource ``n6link`` as long as one of its boards can be used.

    Args:
        urls: of the boards, the same on each worker, or ``"all"``: all boards that are connected to the worker's computer.
        cards: as for :class:`n6link.N6Pool`; files are read by the workers.
        timeout: as for :class:`n6link.N6Pool`.
    """

    name: str = "n6link"

    def __init__(
        self,
        urls: Sequence[str] | Literal["all"] = "all",
        *,
        cards: Sequence[Card | str | os.PathLike[str]] = (),
        timeout: float = 5.0,
    ) -> None:
        self.pool = N6Pool(urls, cards=cards, timeout=timeout, confirm=True)
        self._arguments = (urls, cards, timeout)
        self._open = False
        self._watching: asyncio.Task[None] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _boards, self._arguments

    async def setup(self, worker: Worker) -> None:
        """Opens the boards; called by the worker."""
        await self._try()
        await self._offer(worker)
        self._watching = asyncio.create_task(self._watch(worker))

    async def teardown(self, worker: Worker) -> None:
        """Closes the boards; called by the worker."""
        if self._watching:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
        await asyncio.to_thread(self.pool.close)
        self._open = False
        if worker.status is Status.running:  # else it is about to end, perhaps because the scheduler was lost
            await self._offer(worker)

    async def _try(self) -> None:
        try:
            await asyncio.to_thread(self.pool.open)
            self._open = True
            while any(board.state is BoardState.OPENING for board in self.pool.boards):  # noqa: ASYNC110  it takes a moment
                await asyncio.sleep(0.02)
        except N6Error as error:
            _logger.warning("the boards of this worker cannot be used: %s", error)

    async def _offer(self, worker: Worker) -> None:
        boards = any(board.state is BoardState.READY for board in self.pool.boards) if self._open else False
        # Answers wait for the checks of their boards: with fewer inputs, the boards would wait too, and be checked more often.
        count = self.pool.at_once // CHUNK + 1 if boards else 0
        if worker.state.total_resources.get(RESOURCE, 0) != count:
            with suppress(OSError):  # the scheduler was lost: the worker will end, or connect again
                await worker.set_resources(**{RESOURCE: count})

    async def _watch(self, worker: Worker) -> None:
        while True:
            await asyncio.sleep(LOOK)
            if not self._open:
                await self._try()
            await self._offer(worker)


def _boards(
    urls: Sequence[str] | Literal["all"], cards: Sequence[Card | str | os.PathLike[str]], timeout: float
) -> Boards:
    return Boards(urls, cards=cards, timeout=timeout)


async def dask_setup(worker: Worker) -> None:
    """For ``dask worker --preload n6link.dask``: opens the boards in N6LINK_URL, or all boards."""
    urls = os.environ.get("N6LINK_URL", "").replace(",", " ").split()
    await worker.plugin_add(Boards(urls or "all"))


def pool_of_worker() -> N6Pool:
    """The pool of the worker on which this task runs.

    Raises:
        Reschedule: the worker does not have boards.
    """
    plugin = get_worker().plugins.get(Boards.name)
    if not isinstance(plugin, Boards):
        raise Reschedule
    return plugin.pool


def run(network: str, inputs: Sequence[Data], how: Options) -> list[Answer]:
    """A task: runs some inputs on the boards of this worker, in order.

    Raises:
        Reschedule: no board of this worker can be used; another worker gets the inputs.
    """
    pool = pool_of_worker()
    secede: Any = distributed.secede  # it has no types
    secede()  # the thread only waits: the worker may start the next task
    answers: list[Answer] = []
    try:
        net = pool[network]
        with net.map(
            list(inputs), reduce=how.reduce, options=how.options, encode=how.encode, timers=how.timers
        ) as results:
            while True:
                try:
                    result = next(results)
                    timing = result.timing
                    board = result.network.device.unique_id
                    answers.append(Answer(how.each(result), None, board, timing.npu, timing.total))
                except StopIteration:
                    return answers
                except (TransportError, NoDeviceError):
                    raise
                except Exception as error:  # noqa: BLE001  an input's own error goes to the program, with the others' results
                    vars(error).pop("__notes__", None)  # they have its number in this task
                    answers.append(Answer(None, error, "", 0.0, 0.0))
    except TransportError as error:
        _logger.warning("%d inputs go to another worker: %s", len(inputs), error)
        raise Reschedule from error
