"""Several boards and a pool in virtual time; the package opens them as ``fleet:0``, ``fleet:1`` ..."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, cast

from anyio.abc import ByteStream

from n6link import N6Pool
from n6link.network import Network
from n6link.pool.network import PoolNetwork
from n6link.pool.status import BoardStatus
from n6link.transport import url
from n6link.transport.faults import Fault
from simulation import virtual_time
from simulation.bench import Bench
from simulation.faults import Listed
from simulation.networks import Question, question
from simulation.plan import CONFIGS

PATIENCE: Final = 2.0
"""seconds that a device may be silent"""
LONGEST: Final = 600.0
"""seconds in which everything has ended"""


@dataclass(frozen=True)
class Fleet:
    """The boards of a run, and the pool that uses them; it is not open yet."""

    benches: Sequence[Bench]
    pool: N6Pool

    @property
    def now(self) -> float:
        """Seconds of virtual time."""
        return asyncio.get_running_loop().time()

    def questions(self, name: str, count: int, first: int = 0) -> list[Question]:
        """Inferences for a network of the open pool."""
        return [self.question(name, first + tag) for tag in range(count)]

    def question(self, name: str, tag: int) -> Question:
        """One of them."""
        return question(cast("Network", self.pool[name]), tag)

    def at(self, seconds: float, action: Callable[[], object]) -> None:
        """Has something happen after some seconds."""
        asyncio.get_running_loop().call_later(seconds, action)

    async def until(self, condition: Callable[[Sequence[BoardStatus]], bool]) -> None:
        """Waits for a state of the boards."""
        while not condition(self.pool.boards):  # noqa: ASYNC110  there is no event for it
            await asyncio.sleep(0.05)


def run(
    body: Callable[[Fleet], Awaitable[None]],
    count: int,
    *,
    config: str = "uart",
    faults: Mapping[int, Sequence[Fault]] | None = None,
    networks: Sequence[int] = (),
    reconnect: float = 10.0,
    **options: Any,
) -> None:
    """Runs a program with a pool.

    Args:
        body: the program.
        count: number of boards.
        config: of their ports.
        faults: of the line of each board.
        networks: number of networks of the first boards; the others have three.
        reconnect: of the pool.
        options: of the pool.

    Raises:
        TimeoutError: the program has not ended after :data:`LONGEST` seconds.
        Exception: what the program has raised.
    """

    async def world() -> None:
        benches = [
            Bench(
                CONFIGS[config],
                Listed((faults or {}).get(index, ())),
                networks=networks[index] if index < len(networks) else 3,
                seed=index + 1,
            )
            for index in range(count)
        ]
        _benches.set(benches)
        urls = [f"fleet:{index}" for index in range(count)]
        try:
            await body(Fleet(benches, N6Pool(urls, timeout=PATIENCE, reconnect=reconnect, **options)))
        finally:
            for bench in benches:
                bench.close()

    virtual_time.run(lambda: asyncio.wait_for(world(), LONGEST), 1)


async def ask(net: PoolNetwork, questions: Sequence[Question], **options: Any) -> list[int]:
    """Runs questions through a map, and returns their numbers in the order of the results, each of which is checked."""
    numbers = []
    async with net.map([each.data for each in questions], reduce=False, **options) as results:
        async for result in results:
            assert result.frame
            assert questions[result.frame.sequence].right(result, None)
            numbers.append(result.frame.sequence)
    return numbers


_benches: Final[ContextVar[Sequence[Bench]]] = ContextVar("the benches of a fleet")


async def _open(rest: str) -> ByteStream:
    return await _benches.get()[int(rest)].open()


url.register("fleet", _open)
