"""What a program may do with a device. Each of these works until there is nothing left to do, or the connection has gone."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from n6link import N6Device
from n6link.control.stream import POLICIES, Policy
from n6link.errors import DeviceRebooted, N6Error, TransportError
from n6link.link.link import Link
from n6link.network import Network
from n6link.protocol.records import Return
from n6link.result import Result
from simulation.ledger import SILENCE, Ledger
from simulation.networks import FAILS, TAG_BITS, Question, question, returns_of
from simulation.plan import Plan

OVERHEAD: Final = 300
"""bytes of the small frames of an inference"""
RUN_TIMES: Final = {"tiny": 0.0006, "fold": 0.004, "heat": 0.01, "large": 0.036}
"""seconds that a run takes at most"""


class Program:
    """A program, over all its connections.

    Attributes:
        draw: its decisions.
        left: inferences that it has not asked for yet.
        device: of its present connection.
        link: the same, while it is open.
        number: of the program.
        shared: whether it uses a board through a server.
    """

    def __init__(self, plan: Plan, ledger: Ledger, inferences: int, number: int = 0) -> None:
        self.draw = random.Random(f"program {plan.seed}" + (f", {number}" if number else ""))
        self.ledger = ledger
        self.left = inferences
        self.device: N6Device
        self.link: Link | None = None
        self._port = plan.port
        self.shared = plan.shared
        self.number = number
        self._tag = number << TAG_BITS

    def take(self) -> bool:
        """Whether there is another inference to be asked for, on this connection."""
        if self.left <= 0 or self.ledger.session_lost:
            return False
        self.left -= 1
        return True

    def question(
        self, names: tuple[str, ...] = ("tiny", "tiny", "fold", "heat"), fails: float = 0.0, *, smooth: bool = False
    ) -> Question:
        """Another inference."""
        self._tag += 1
        tag = self._tag + (self.draw.choice(FAILS) if self.draw.random() < fails else 0)
        self.ledger.score.inferences += 1
        return question(self.device[self.draw.choice(names)], tag, smooth=smooth)

    def needs(self, network: Network) -> float:
        """Seconds that an inference takes on a free line."""
        port = self._port
        size = network.info.input_bytes + sum(spec.size for spec in network.outputs.values()) + OVERHEAD
        return size * 1.03 / port.rate + RUN_TIMES[network.name] + 6 * port.latency

    async def infer(
        self,
        asked: Question,
        *,
        returns: list[Return] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
        stop_after: float | None = None,
        encode: str | None = None,
        **options: Any,
    ) -> None:
        """Has one inference run, and checks what comes."""
        network = asked.network
        data = asked.picture if encode else asked.data
        timers = self.draw.random() < 0.5

        async def run() -> Result:
            options["encode"] = encode
            return await network.run(data, reduce=returns, timeout=timeout, timers=timers, **options)

        result = await self.ledger.call(
            f"run {asked.tag:#x} of {network.name}",
            run,
            needs=self.needs(network),
            timeout=timeout,
            fails=asked.fails,
            stop_after=stop_after,
        )
        if result is not None:
            self.check(asked, result, returns)
            if timers and (result.epochs is None or len(result.epochs.core) != len(network.epochs)):
                self.ledger.fault("wrong", f"the result of {asked.tag:#x} has no times of its epochs")

    def check(self, asked: Question, result: Result, returns: list[Return] | None = None) -> None:
        """Checks a result."""
        self.ledger.answered(asked.tag)
        if asked.fails or not asked.right(result, returns):
            self.ledger.fault("wrong", f"the result of {asked.tag:#x} of {asked.network.name}")

    async def pause(self, longest: float) -> None:
        """Does nothing for a time."""
        await asyncio.sleep(self.draw.random() * longest)


async def single(program: Program) -> None:
    """One after another."""
    while program.take():
        await program.infer(program.question())
        if program.draw.random() < 0.1:
            await program.pause(0.5)


async def many(program: Program) -> None:
    """1 to 64 at once."""
    while program.left and not program.ledger.session_lost:
        count = program.draw.choice([1, 2, 3, 8, 20, 64])
        await asyncio.gather(*[program.infer(program.question()) for _ in range(count) if program.take()])


async def steady(program: Program) -> None:
    """A few small ones, each again soon after it has ended: whoever is forgotten while others go on is seen."""

    async def work() -> None:
        while program.take():
            await program.infer(program.question(("tiny",)))
            await program.pause(0.2)

    await asyncio.gather(*[work() for _ in range(program.draw.randint(3, 6))])


async def large(program: Program) -> None:
    """Two at once whose uploads need many grants."""

    async def work() -> None:
        while program.take():
            program.left -= min(program.left, 14)  # it replaces fifteen small ones
            await program.infer(program.question(("large",)))

    await asyncio.gather(work(), work())


async def cancel(program: Program) -> None:
    """Several at once, of which some are given up at any moment."""

    async def work() -> None:
        while program.take():
            asked = program.question()
            after = program.draw.random() * 3 * program.needs(asked.network) if program.draw.random() < 0.6 else None
            await program.infer(asked, stop_after=after)

    await asyncio.gather(*[work() for _ in range(program.draw.randint(1, 8))])


async def encoded(program: Program) -> None:
    """Several at once, most of them with an encoded picture, of which some are given up at any moment."""

    async def work() -> None:
        while program.take():
            asked = program.question(("heat",), smooth=program.draw.random() < 0.9)
            after = program.draw.random() * 2 * program.needs(asked.network) if program.draw.random() < 0.3 else None
            await program.infer(asked, encode=program.draw.choice(["qoi", "qoi", "qoi", "raw"]), stop_after=after)

    await asyncio.gather(*[work() for _ in range(program.draw.randint(1, 6))])


async def deadlines(program: Program) -> None:
    """Several at once, with time-outs that some of them cannot keep."""

    async def work() -> None:
        while program.take():
            asked = program.question()
            await program.infer(asked, timeout=program.draw.uniform(0.2, 6) * program.needs(asked.network))

    await asyncio.gather(*[work() for _ in range(program.draw.randint(1, 6))])


async def priorities(program: Program) -> None:
    """Several at once, of different importance."""

    async def work() -> None:
        while program.take():
            await program.infer(program.question(), priority=program.draw.choice([0, 0, 1, 9, 255]))
            if program.draw.random() < 0.3:
                await program.pause(0.05)

    await asyncio.gather(*[work() for _ in range(program.draw.randint(2, 12))])


async def reductions(program: Program) -> None:
    """Parts of outputs and what boards compute of them."""

    async def work() -> None:
        while program.take():
            asked = program.question(("heat", "heat", "tiny"))
            await program.infer(asked, returns=returns_of(asked.network, program.draw.randrange(8)))

    await asyncio.gather(*[work() for _ in range(program.draw.randint(1, 4))])


async def failing(program: Program) -> None:
    """Some of them fail on the board."""

    async def work() -> None:
        while program.take():
            await program.infer(program.question(fails=0.3))

    await asyncio.gather(*[work() for _ in range(program.draw.randint(1, 6))])


async def streams(program: Program) -> None:
    """One or two streams, and now and then a run between their frames."""
    names = ["tiny", "fold", "heat"]
    program.draw.shuffle(names)
    others = asyncio.ensure_future(_now_and_then(program))
    try:
        await asyncio.gather(*[_stream(program, name) for name in names[: program.draw.randint(1, 2)]])
    finally:
        others.cancel()
        await asyncio.gather(others, return_exceptions=True)


async def _now_and_then(program: Program) -> None:
    while program.take():
        await program.infer(program.question(("tiny",)), priority=5)
        await program.pause(0.5)


async def _stream(program: Program, name: str) -> None:
    draw, ledger = program.draw, program.ledger
    network = program.device[name]
    interval = draw.choice([0.0, 1.0, 3.0]) * program.needs(network)
    asked: list[Question] = []

    async def frames() -> AsyncIterator[dict[str, Any]]:
        while program.take():
            asked.append(program.question((name,)))
            yield asked[-1].data
            await asyncio.sleep(interval)

    max_age = draw.choice([None, None, 20 * program.needs(network)])
    policy: Policy = draw.choice(POLICIES)
    depth = draw.randint(1, 3)

    async with network.stream(frames(), policy=policy, depth=depth, max_age=max_age) as results:
        while result := await ledger.call(
            f"frame of {name}", partial(anext, results, None), needs=program.needs(network), extra=interval
        ):
            assert result.frame
            program.check(asked[result.frame.sequence], result)
    stats = results.stats
    if stats.pending or len(asked) - stats.frames not in (0, 1):
        ledger.fault("wrong", f"of {len(asked)} frames the stream counts {stats.to_dict()}")


async def subscriptions(program: Program) -> None:
    """Readings and log lines as they come, next to some runs."""
    readers = [asyncio.ensure_future(_readings(program)), asyncio.ensure_future(_lines(program))]
    await asyncio.sleep(0)
    while program.take():
        await program.infer(program.question(("tiny",)))
        await program.pause(0.3)
    if program.draw.random() < 0.5:
        await asyncio.sleep(4 * SILENCE)  # nothing else is asked
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)


async def _readings(program: Program) -> None:
    ledger = program.ledger
    interval = program.draw.choice([0.05, 0.2, 1.0])
    try:
        async with program.device.subscribe(interval) as readings:
            while not ledger.session_lost:
                await ledger.call("reading", lambda: anext(readings), timeout=interval + SILENCE)
    except (TransportError, DeviceRebooted):
        ledger.session_lost = True
    except N6Error:
        pass


async def _lines(program: Program) -> None:
    try:
        await program.ledger.call("log level", lambda: program.device.set_log_level(10))
        async with program.device.logs() as lines:
            async for _ in lines:
                pass
    except N6Error:
        pass


async def resets(program: Program) -> None:
    """Work that the program itself ends for all."""

    async def work() -> None:
        while program.take():
            await program.infer(program.question())

    workers = asyncio.gather(*[work() for _ in range(program.draw.randint(1, 4))])
    while not workers.done():
        await program.pause(1.0)
        if not workers.done() and not program.ledger.session_lost:
            action = partial(program.device.reset, restart=program.draw.random() < 0.3 and not program.shared)
            with program.ledger.stopping():
                await program.ledger.call("reset", action)
    await workers


async def mixed(program: Program) -> None:
    """All of that at once."""
    several = [single, cancel, deadlines, priorities, reductions, failing]
    program.draw.shuffle(several)
    await asyncio.gather(*[work(program) for work in several[:4]], _commands(program))


async def _commands(program: Program) -> None:
    device, ledger = program.device, program.ledger
    commands: list[Callable[[], Awaitable[Any]]] = [
        device.ping,
        device.stats,
        device.reset_stats,
        lambda: device.epoch_stats("heat"),
        lambda: device.set_log_level(20),
    ]
    while program.left and not ledger.session_lost:
        await ledger.call("command", program.draw.choice(commands))
        await program.pause(0.2)


ALL: Final[Mapping[str, Callable[[Program], Awaitable[None]]]] = {
    function.__name__: function
    for function in (
        single,
        many,
        steady,
        large,
        cancel,
        deadlines,
        priorities,
        streams,
        subscriptions,
        reductions,
        failing,
        resets,
        mixed,
        encoded,
    )
}
