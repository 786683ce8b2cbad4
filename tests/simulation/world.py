"""Runs a plan."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from n6link import N6Device
from n6link.errors import N6Error
from n6link.transport.faults import Fault
from simulation import sharing, virtual_time, workloads
from simulation.bench import Bench, Opens, current
from simulation.faults import Drawn, Faults, Listed
from simulation.ledger import Ledger, Score
from simulation.networks import owner
from simulation.plan import CLIENTS, Plan
from simulation.workloads import Program

LOOK: Final = 0.5
"""seconds between two looks at what waits"""
PATIENCE: Final = 5.0
"""seconds that a device may be silent, the default of the package"""
LONGEST: Final = 600.0
"""seconds after which a run is ended"""
SHARE: Final = {"steady": 5}
"""how many more inferences a workload has than others: whoever is forgotten must be seen to wait"""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a run."""

    plan: Plan
    score: Score
    faults: tuple[Fault, ...]
    """that happened"""
    digest: str
    """of all bytes, their times, and all outcomes: two runs of one plan have the same"""
    seconds: float
    """of virtual time"""


Body = Callable[[Program], Awaitable[None]]


def run(
    plan: Plan,
    faults: Sequence[Fault] | Faults | None = None,
    *,
    body: Body | None = None,
    inferences: int | None = None,
    reconnect: float | None = None,
) -> Report:
    """Runs a plan in a loop and a context of its own.

    Args:
        plan: what to do.
        faults: that happen; None = those of the plan.
        body: None = the workload of the plan.
        inferences: None = as many as the plan draws.
        reconnect: seconds for which a lost board is searched for; None = as the plan draws.
    """
    reconnect = plan.reconnect if reconnect is None else reconnect
    if faults is None:
        faults = Drawn(plan.recipe, plan.seed)
    elif isinstance(faults, Sequence):
        faults = Listed(faults)
    world = partial(_world, plan, faults, body or workloads.ALL[plan.workload], inferences, reconnect)
    with _quiet():
        return virtual_time.run(world, f"nonces {plan.seed}")


async def _world(plan: Plan, faults: Faults, body: Body, inferences: int | None, reconnect: float) -> Report:
    draw = random.Random(f"world {plan.seed}")
    count = draw.randint(30, 120) * SHARE.get(plan.workload, 1) if inferences is None else inferences
    line = sharing.without_sockets(faults) if plan.config == CLIENTS else faults
    features = draw.choice([0, 64])
    bench = Bench(plan.port, line, networks=4, features=features, seed=plan.seed)
    async with AsyncExitStack() as stack:
        grounds: Sequence[Bench | sharing.Seat] = [bench]
        if plan.shared:
            of_first = faults if plan.config == CLIENTS else Listed(())
            grounds = await stack.enter_async_context(sharing.shared(bench, of_first, plan.seed))
        programs = [
            Program(plan, Ledger(ground, PATIENCE, reconnect), count, number) for number, ground in enumerate(grounds)
        ]
        await asyncio.gather(
            *[_watch(program, ground, body) for program, ground in zip(programs, grounds, strict=True)]
        )
    bench.close()
    for note in sorted({*bench.rules.found, *(note for ground in grounds for note in ground.rules.found)}):
        programs[0].ledger.fault("wrong", note)
    score, digest = Score(), bench.digest.hexdigest()
    for program in programs:
        program.ledger.close(
            [Counter({tag: ran[tag] for tag in ran if owner(tag) == program.number}) for ran in bench.tags]
        )
        score += program.ledger.score
        digest += program.ledger.digest.hexdigest()
    fired = dict.fromkeys(fault for place in (bench, *grounds) for fault in place.fired)
    return Report(plan, score, tuple(fired), digest, asyncio.get_running_loop().time())


async def _watch(program: Program, ground: Opens, body: Body) -> None:
    """Runs a program, and looks whether it gets on."""
    loop, ledger = asyncio.get_running_loop(), program.ledger
    current.set(ground)
    main = asyncio.ensure_future(_survive(program, body))
    while not main.done() and loop.time() < LONGEST:
        await asyncio.wait([main], timeout=LOOK)
        ledger.check()
        if program.link:
            ledger.bound(program.link)
    if not main.done():
        ledger.fault("hung", f"the program has not ended; {program.left} inferences are left")
        with ledger.stopping():
            main.cancel()
    await asyncio.wait([main])
    if error := main.exception() if not main.cancelled() else None:
        raise error


async def _survive(program: Program, body: Body) -> None:
    """Opens a device again as long as there is something left to do."""
    while program.left > 0:
        await _connection(program, body)
        await asyncio.sleep(0.2)


async def _connection(program: Program, body: Body) -> None:
    ledger = program.ledger
    ledger.session_lost, ledger.connected = False, asyncio.get_running_loop().time()
    call = ledger.begin("open")
    error: BaseException | None = None
    try:
        async with N6Device("simulated:", timeout=PATIENCE, reconnect=ledger.reconnect) as device:
            ledger.end(call)
            program.device, program.link = device, device.connection.channel.link
            try:
                await body(program)
            finally:
                program.link = None
                call = ledger.begin("close", timeout=0.0)
    except (N6Error, asyncio.CancelledError) as raised:
        error = raised
    ledger.end(call, error)


@contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("n6link")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


def objects() -> int:
    """Objects of the package that exist."""
    gc.collect()
    return sum(str(type(item).__module__).startswith("n6link") for item in gc.get_objects())
