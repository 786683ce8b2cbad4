"""What one run and one ping cost the host, and an upload a Cortex-M55, in numbers that do not depend on the machine: calls, turns of the event loop, system calls, memory.

The virtual board may answer in one write or in several, in several more often the busier the machine is. So one attempt of many has to be within the bounds.
``benchmarks/host_bench.py`` measures the same calls in microseconds.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, cast

import anyio
import anyio.lowlevel
import pytest
import wire
from anyio.abc import ByteStream
from e2e_fixtures import noise, sim_url
from effort import Work, work

from n6link import N6Device
from n6link.link import frames
from n6link.link.events import Reply
from n6link.protocol import MessageType
from n6link.session.line import Line
from n6link.waiting import signals

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
import m55_size

ATTEMPTS: Final = 1000
"""the first one succeeds on a quiet machine in most cases, the tenth on a busy one"""
PING: Final = "ping"
RUN: Final = "run"


async def excess(kind: str, excess_of: Callable[[Work], Counter[str]]) -> Counter[str]:
    """What the cheapest of many calls costs above its bounds: nothing, as soon as one call is within them."""
    attempts: list[Counter[str]] = []
    async with N6Device(sim_url(), heartbeat=1000) as device:
        network = device["reference"]
        inputs = noise(network)

        async def run() -> None:
            await network.run(inputs, reduce=False, timers=False)

        call: Callable[[], Awaitable[object]] = run if kind == RUN else device.ping
        while len(attempts) < ATTEMPTS and (not attempts or attempts[-1]):
            with work() as done:
                await call()
            attempts.append(excess_of(done))
    return min(attempts, key=Counter.total)


@pytest.mark.parametrize(("kind", "calls", "turns"), [(PING, 95, 2), (RUN, 265, 3)])
async def test_calls_and_turns(kind: str, calls: int, turns: int) -> None:
    """A result that arrives in two reads needs about 50 calls more than one in a single read."""
    bounds = Counter(calls=calls, turns=turns)
    assert await excess(kind, lambda done: Counter(calls=done.calls, turns=done.turns) - bounds) == Counter()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (PING, {"socket.send": 1, "socket.recv": 1, "epoll.poll": 2}),
        (RUN, {"socket.send": 1, "socket.recv": 2, "epoll.poll": 3}),  # RELEASE leaves with the next run
    ],
)
async def test_system_calls(kind: str, expected: dict[str, int]) -> None:
    """Nothing is registered for one read; the socket is registered once."""
    assert await excess(kind, lambda done: done.system - Counter(expected)) == Counter()


async def test_a_result_is_released_without_a_further_call() -> None:
    """RELEASE waits for the next request, to be sent with it, but not for long: the device needs the buffer."""
    async with N6Device(sim_url(), heartbeat=1000) as device:
        network, channel = device["reference"], device.connection.channel
        await network.run(noise(network), reduce=False, timers=False)
        assert not channel.idle
        while not channel.idle:
            await anyio.lowlevel.checkpoint()


async def test_the_pieces_of_a_frame_cost_little() -> None:
    """A line with a rate gives a result in a hundred pieces: all but those that end a frame are only stored."""
    link = wire.opened()
    request = link.request(MessageType.INFO, patience=wire.PATIENCE)
    wire.sent(link)
    frame = wire.reply(MessageType.INFO, request.id, bytes(1000))
    rest = range(frames.HEADER_SIZE, len(frame) - 1)
    found: list[tuple[int, int]] = []
    ended, arrived = anyio.Event(), 0

    class Stream:
        async def listen(self, received: Callable[[bytes], None]) -> None:
            received(frame[: rest.start])
            before = arrived
            with work() as done:
                for at in rest:
                    received(frame[at : at + 1])
            found.append((done.calls, arrived - before))
            received(frame[rest.stop :])
            ended.set()
            await anyio.sleep_forever()

        async def send(self, data: bytes) -> None: ...

        async def aclose(self) -> None: ...

    def count() -> None:
        nonlocal arrived
        arrived += 1

    line = Line(cast(ByteStream, Stream()), link, signals(), count, lambda error: None)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(line.serve)
        await ended.wait()
        tasks.cancel_scope.cancel()
    ((calls, notified),) = found
    assert calls <= 5 * len(rest)
    assert notified == 0
    assert arrived == 2
    assert wire.events(link) == [Reply(request.id, MessageType.INFO, bytes(1000), 0.0, line.heard)]


async def test_memory_of_runs() -> None:
    """A run needs a buffer for a read, and its result; what is kept does not grow."""
    async with N6Device(sim_url(), heartbeat=1000) as device:
        network = device["reference"]
        inputs = noise(network)

        async def runs(count: int) -> None:
            for _ in range(count):
                await network.run(inputs, reduce=False, timers=False)

        await runs(20)
        tracemalloc.start()
        try:
            await runs(5)
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            await runs(40)
            after, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert after - before < 16 << 10
    assert peak - before < 400 << 10


@pytest.mark.arm_gcc
@pytest.mark.qemu
def test_instructions_on_a_cortex_m55(tmp_path: Path) -> None:
    """Of the core, with CRC-32 in software; about 10 % above the figures in firmware/README.md."""
    counts = m55_size.instructions(tmp_path, "-O2")
    assert {
        chunk: (each < limit, commit < 1700)
        for (chunk, (each, commit)), limit in zip(counts.items(), (9, 6.3), strict=True)
    } == {
        1024: (True, True),
        8192: (True, True),
    }
