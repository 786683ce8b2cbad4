"""What ``n6link evaluate`` asks for answers: a board, a pool, or the workers of a Dask scheduler (``--scheduler``)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import anyio
import anyio.from_thread
import anyio.to_thread

from n6link.cli.boards import at_once, connect_all
from n6link.cli.common import err, working
from n6link.cli.recording import Recording
from n6link.decoders.described import NetworkLike
from n6link.errors import TransportError
from n6link.evaluation import Exercise, Sample
from n6link.evaluation.answers import Answer, ask
from n6link.result import Result
from n6link.tensors import card
from n6link.tensors.inputs import Data


class Identified(NetworkLike, Protocol):
    """A network with the digest that changes with it."""

    @property
    def digest(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Asked:
    """A network that answers samples."""

    network: Identified
    board: str
    simulated: bool
    ask: Callable[[Exercise, Sequence[Sample], Callable[[Answer], None]], Awaitable[None]]
    """runs the samples, and calls a function with each answer"""


@asynccontextmanager
async def on_boards(
    name: str,
    urls: Sequence[str] | None,
    cards: Sequence[Path] | None,
    timeout: float,  # noqa: ASYNC109
    encode: str | None,
    samples_at_once: int | None,
    mcap: Path | None,
) -> AsyncGenerator[Asked, None]:
    """A network of one board, or of several."""
    log = Recording(mcap)
    async with connect_all(urls, cards, timeout, log.opened) as boards:
        network = boards[name]

        async def recorded(data: Data, *, options: Mapping[str, object], **others: Any) -> Result:
            others["timers"] = True
            result = await network.run(data, options=options, encode=encode, **others)
            meaning = await anyio.to_thread.run_sync(lambda: result.decode(**options))
            await log.add(data if result.placement else None, result, meaning)
            return result

        async def run(exercise: Exercise, samples: Sequence[Sample], take: Callable[[Answer], None]) -> None:
            count = min(samples_at_once or at_once(boards), max(len(samples), 1))
            await ask([recorded if mcap else partial(network.run, encode=encode)] * count, exercise, samples, take)

        async with log.of(boards):
            yield Asked(network.info, boards.info.board, boards.info.simulated, run)


@asynccontextmanager
async def on_farm(
    scheduler: str,
    name: str,
    urls: Sequence[str] | None,
    cards: Sequence[Path] | None,
    timeout: float,  # noqa: ASYNC109
    encode: str | None,
) -> AsyncGenerator[Asked, None]:
    """A network of the boards of all workers. Workers that have none open these, or all that are connected to their computers.

    Raises:
        MissingExtra: distributed is not installed.
        TransportError: the scheduler does not answer.
        N6Error: as for :func:`n6link.dask.describe`.
    """
    from n6link import dask

    with working(f"Connecting to {scheduler}"):
        client: Any = await anyio.to_thread.run_sync(_client, scheduler, timeout)
    try:
        own = not await anyio.to_thread.run_sync(dask.offered, client)
        if own:
            described = [card.read(path) for path in cards or ()]
            boards = dask.Boards(list(urls) if urls and urls != ["all"] else "all", cards=described, timeout=timeout)
            with working("Opening the boards of the workers"):
                await anyio.to_thread.run_sync(client.register_plugin, boards)
        elif urls or cards:
            err.print(
                "[yellow]Note:[/] the workers have boards already; --url and --card are not used.", soft_wrap=True
            )
        network = await anyio.to_thread.run_sync(dask.describe, client, name)

        async def run(exercise: Exercise, samples: Sequence[Sample], take: Callable[[Answer], None]) -> None:
            work = partial(_ask, client, name, exercise, samples, take, encode)
            await anyio.to_thread.run_sync(work, abandon_on_cancel=True)

        yield Asked(network, network.board, network.simulated, run)
        if own:
            with suppress(OSError):
                await anyio.to_thread.run_sync(client.unregister_worker_plugin, dask.Boards.name)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(client.close, 5.0)


def _client(scheduler: str, seconds: float) -> Any:
    import distributed

    client: Any = distributed.Client  # it has no types
    try:
        return client(scheduler, timeout=seconds, set_as_default=False)
    except (OSError, ValueError) as error:
        raise TransportError(
            f"the scheduler {scheduler!r} does not answer: {error}; use the address that it prints"
        ) from error


def _ask(
    client: Any,
    name: str,
    exercise: Exercise,
    samples: Sequence[Sample],
    take: Callable[[Answer], None],
    encode: str | None,
) -> None:
    """In a thread."""
    from n6link.dask import mapping, worker

    options: Mapping[str, object] = dict(exercise.options)

    def inputs() -> Iterator[Data]:
        for sample in samples:
            yield exercise.read(sample)

    how = worker.Options(partial(worker.decoded, options=options), None, options, encode)
    for sample, answer in zip(samples, mapping.answers(client, name, inputs(), how), strict=True):
        if answer.error:
            answer.error.add_note(f"sample {sample.name}")
            raise answer.error
        found = exercise.found(answer.value, sample)
        anyio.from_thread.run_sync(take, Answer(sample.name, found, answer.device, answer.whole))
