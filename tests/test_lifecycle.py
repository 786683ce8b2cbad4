"""Opening and closing: by any task, in any order, in threads, repeatedly, or never; no resource stays open, and no task is cancelled."""

from __future__ import annotations

import asyncio
import gc
import itertools
import math
import os
import random
import select
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
from e2e_fixtures import board, noise, on_both_backends, sim_url

from n6link import N6Device, blocking
from n6link.errors import LocalProtocolError, N6Error, TransportError
from n6link.link import frames
from n6link.session import describe
from n6link.transport import sim

CYCLES: Final = int(os.environ.get("N6LINK_CYCLES", "40"))
"""times that a device is opened and closed"""
ENDS: Final = 60
"""seconds in which a program must end"""


async def in_a_task(function: Callable[[], Awaitable[Any]]) -> Any:
    """The result of a function that runs in its own task, which has ended afterwards."""
    results: list[Any] = []

    async def run() -> None:
        results.append(await function())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
    return results[0]


async def use(dev: N6Device) -> None:
    """Runs a network once."""
    await dev["reference"].run(noise(dev["reference"]))


# ------------------------------------------------------------------------------------------- tasks


@on_both_backends
async def test_one_task_opens_another_one_uses_and_a_third_one_closes() -> None:
    dev = N6Device(sim_url())
    assert await in_a_task(dev.open) is dev
    await in_a_task(lambda: use(dev))
    await in_a_task(dev.aclose)
    with pytest.raises(LocalProtocolError, match="is not open"):
        await dev.ping()


@on_both_backends
async def test_devices_are_closed_in_any_order() -> None:
    first, second = N6Device(sim_url()), N6Device(sim_url())
    await first.__aenter__()
    with anyio.CancelScope() as scope:
        await second.__aenter__()
        await first.__aexit__(None, None, None)
        await use(second)
    assert not scope.cancelled_caught
    await second.__aexit__(None, None, None)


@on_both_backends
async def test_an_exit_stack_over_two_tasks() -> None:
    stack = AsyncExitStack()

    async def start() -> N6Device:
        return await stack.enter_async_context(N6Device(sim_url()))

    dev = await in_a_task(start)
    await use(dev)
    await in_a_task(stack.aclose)


@on_both_backends
async def test_a_generator_that_is_left_by_another_task() -> None:
    async def devices() -> AsyncIterator[N6Device]:
        async with N6Device(sim_url()) as dev:
            yield dev

    generator = devices()
    dev = await in_a_task(lambda: anext(generator))
    await use(dev)
    assert await in_a_task(lambda: anext(generator, None)) is None
    with pytest.raises(LocalProtocolError, match="is not open"):
        await use(dev)


@on_both_backends
async def test_a_device_whose_opener_was_cancelled_afterwards() -> None:
    dev = N6Device(sim_url())
    async with anyio.create_task_group() as tasks:

        async def open_and_stay() -> None:
            await dev.open()
            tasks.cancel_scope.cancel()

        tasks.start_soon(open_and_stay)
        tasks.start_soon(anyio.sleep_forever)
    await use(dev)
    await dev.aclose()


@pytest.fixture
async def from_a_fixture() -> AsyncIterator[N6Device]:
    """A device that pytest opens and closes."""
    async with N6Device(sim_url()) as dev:
        yield dev


async def test_a_fixture(from_a_fixture: N6Device) -> None:
    await use(from_a_fixture)


@on_both_backends
async def test_streams_and_subscriptions_of_other_tasks() -> None:
    dev = await N6Device(sim_url()).open()
    stream, readings, lines = dev["reference"].stream(), dev.subscribe(0.01), dev.logs()
    for opened in (stream, readings, lines):
        assert await in_a_task(opened.open) is opened
    await stream.put(noise(dev["reference"]))
    assert await in_a_task(lambda: anext(stream))
    first = await in_a_task(lambda: anext(readings))
    assert first.time > 0
    for opened in (lines, stream, readings):
        await in_a_task(opened.aclose)
        await opened.aclose()
    assert [stats async for stats in readings] != None, "it has ended"
    await readings.open()
    assert (await anext(readings)).time > first.time
    with pytest.raises(LocalProtocolError, match="already open"):
        await readings.open()
    await dev.aclose()
    with pytest.raises(TransportError, match="closed by this program"):
        async for _ in readings:
            pass
    await readings.aclose()


@on_both_backends
async def test_a_listener_ends_when_its_subscription_is_closed_elsewhere() -> None:
    async with N6Device(sim_url()) as dev:
        lines = await dev.logs().open()
        async with anyio.create_task_group() as tasks:

            async def listen() -> None:
                async for _ in lines:
                    pass

            tasks.start_soon(listen)
            await anyio.wait_all_tasks_blocked()
            await lines.aclose()


# ----------------------------------------------------------------------------- not open, open twice


def asks(dev: Any) -> dict[str, Callable[[], Any]]:
    """All functions that require an open device."""
    return {
        "info": lambda: dev.info,
        "networks": lambda: dev.networks,
        "[]": lambda: dev["reference"],
        "clock": lambda: dev.clock,
        "counters": lambda: dev.counters,
        "ping": dev.ping,
        "stats": dev.stats,
        "reset_stats": dev.reset_stats,
        "epoch_stats": lambda: dev.epoch_stats("reference"),
        "set_log_level": lambda: dev.set_log_level(10),
        "reset": dev.reset,
        "restart": lambda: dev.reset(restart=True),
    }


SENTENCE: Final = (
    r"^this N6Device is not open; use it in a `with` block \(`async with` in async code\), or call its open\(\)$"
)


@pytest.mark.parametrize("before", ["never opened", "closed"])
@on_both_backends
async def test_one_error_for_a_device_that_is_not_open(before: str) -> None:
    dev = N6Device(sim_url())
    if before == "closed":
        async with dev:
            network = dev["reference"]
        for ask in (lambda: network.run(noise(network)), lambda: network.profile(runs=1)):
            with pytest.raises(LocalProtocolError, match=SENTENCE):
                await ask()
        with pytest.raises(LocalProtocolError, match=SENTENCE):
            network.stream()
    for ask in (*asks(dev).values(), dev.subscribe().open, dev.logs().open):
        with pytest.raises(LocalProtocolError, match=SENTENCE):
            if isinstance(asked := ask(), Awaitable):
                await asked
    await dev.aclose()
    assert "closed" in repr(dev)


@pytest.mark.parametrize("before", ["never opened", "closed"])
def test_one_error_for_a_blocking_device_that_is_not_open(before: str) -> None:
    dev = blocking.N6Device(sim_url())
    if before == "closed":
        dev.open()
        network = dev["reference"]
        dev.close()
        with pytest.raises(LocalProtocolError, match=SENTENCE):
            network.run(noise(network))
    for ask in (*asks(dev).values(), dev.subscribe, dev.logs):
        with pytest.raises(LocalProtocolError, match=SENTENCE):
            ask()
    dev.close()


@on_both_backends
async def test_closing_when_the_last_answer_of_the_opening_has_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    dev, read = N6Device(sim_url()), describe.read

    async def read_and_close(*args: object) -> object:
        described = await read(*args)  # type: ignore[arg-type]
        await dev.aclose()
        return described

    with monkeypatch.context() as patch:
        patch.setattr(describe, "read", read_and_close)
        with pytest.raises(TransportError, match="closed by this program"):
            await dev.open()
    async with dev:
        await use(dev)


@on_both_backends
async def test_closing_while_it_is_opened_and_by_two_tasks() -> None:
    dev = N6Device(sim_url())
    errors = []

    async def open_it() -> None:
        try:
            await dev.open()
        except N6Error as error:
            errors.append(error)

    for pause in (0.0, 0.001, 0.01, 0.03, 0.1):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(open_it)
            await anyio.sleep(pause)
            tasks.start_soon(dev.aclose)
            tasks.start_soon(dev.aclose)
        await dev.aclose()
    assert not [error for error in errors if "closed by this program" not in str(error)]
    assert {type(error) for error in errors} <= {TransportError}
    async with dev:
        await use(dev)


@on_both_backends
async def test_closing_ends_what_is_under_way() -> None:
    dev = await N6Device(sim_url(baud=115200)).open()

    async def run() -> None:
        with pytest.raises(TransportError, match="was closed by this program"):
            while True:  # on a slow machine the first ones may have ended before the device is closed
                await use(dev)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(run)
        await anyio.wait_all_tasks_blocked()
        await dev.aclose()


# ------------------------------------------------------------------------------------- event loops


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_device_that_is_never_closed_ends_with_its_event_loop(backend: str) -> None:
    dev = N6Device(sim_url())
    before = descriptors()

    async def forget() -> None:
        await dev.open()
        await use(dev)

    for _ in range(3):
        anyio.run(forget, backend=backend)
        with pytest.raises(LocalProtocolError, match="is not open"):
            assert dev.info
    anyio.run(dev.aclose, backend=backend)
    assert descriptors() == before


def test_another_event_loop_cannot_close_it() -> None:
    async def body() -> None:
        async with N6Device(sim_url()) as dev, dev["reference"].stream() as stream:
            for close in (dev.aclose, stream.aclose):
                with pytest.raises(LocalProtocolError, match="opened in another event loop that still runs"):
                    await anyio.to_thread.run_sync(anyio.run, close)
            await use(dev)

    anyio.run(body)


# -------------------------------------------------------------------------- programs that only end


def ends(program: str, *arguments: str) -> str:
    """Runs a program to its end, and returns what it prints; it must print no error."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=ENDS, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


FORGETS: Final = """
import sys, threading, numpy as np
from n6link.blocking import N6Device
dev = N6Device(sys.argv[1]).open()
net = dev["reference"]
stream = net.stream().open()
frame = np.zeros(net.inputs["image"].shape, np.int8)
stream.put(frame)
def later():
    threading.main_thread().join()
    for _ in range(20):
        net.run(frame)
    print("used after the main thread had ended")
if "thread" in sys.argv:
    threading.Thread(target=later).start()
readings = dev.subscribe(0.01).open()
"""


@pytest.mark.parametrize("thread", ["", "thread"])
def test_a_program_that_never_closes_a_blocking_device_ends(thread: str) -> None:
    with board("--tcp", "0") as stands_alone:
        said = ends(FORGETS, stands_alone.url, thread)
        assert said == ("used after the main thread had ended\n" if thread else "")
        with blocking.N6Device(stands_alone.url) as dev:
            assert dev.stats().queue == 0


@contextmanager
def raw(path: str) -> Iterator[Callable[[float], list[tuple[int, int]]]]:
    """A serial port without a program: the types and flags of the frames that arrive until it is silent for some seconds."""
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    reader = frames.FrameReader(frames.Counters())

    def read(silence: float) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        while select.select([fd], [], [], silence)[0]:
            found += [(kind, flags) for kind, flags, _, _ in reader.feed(os.read(fd, 65536))]
            if len(found) > 100:
                break
        return found

    try:
        yield read
    finally:
        os.close(fd)


@pytest.mark.parametrize("how", ["closed", "forgotten"])
def test_a_board_on_a_serial_line_is_left_in_peace(how: str) -> None:
    """It cannot detect that the program has ended: without a last message it would push statistics without end."""

    async def leave() -> None:
        dev = await N6Device(f"serial:{path}").open()
        await dev.subscribe(0.01).open()
        await dev.set_log_level(10)
        if how == "closed":
            await dev.aclose()

    with board("--pty") as stands_alone:
        path = stands_alone.url.removeprefix("serial:")
        with raw(path) as read:  # keeps the line open, so that no bytes are lost
            anyio.run(leave)
            silent = (read(0.3) == [] for _ in range(10))  # what was on its way may be late
            assert any(silent)
        with blocking.N6Device(stands_alone.url) as dev:
            assert dev.ping().rtt > 0


# ------------------------------------------------------------------------------------ again and again


def descriptors() -> int:
    """Open file descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))


def children() -> int:
    """Number of child processes that have not ended."""
    mine = str(os.getpid())
    stats = (path.read_text().rpartition(")")[2].split() for path in Path("/proc").glob("[0-9]*/stat") if path.exists())
    return sum(fields[1] == mine for fields in stats)


@asynccontextmanager
async def as_generator(url: str) -> AsyncIterator[N6Device]:
    dev = N6Device(url)
    try:
        yield await dev.open()
    finally:
        await dev.aclose()


async def as_fixture(url: str) -> AsyncIterator[N6Device]:
    """Like an async fixture: a generator whose two halves run in different tasks."""
    async with N6Device(url) as dev:
        yield dev


async def cycle(url: str, chance: random.Random) -> None:
    """Opens, uses and closes a device in one of several ways."""
    way = chance.randrange(8)
    if way == 0:
        async with N6Device(url) as dev:
            await use(dev)
    elif way == 1:
        dev = await in_a_task(N6Device(url).open)
        async with dev["reference"].stream() as stream:
            await stream.put(noise(dev["reference"]))
            await in_a_task(dev.aclose)
    elif way == 2:
        async with AsyncExitStack() as stack:
            dev = await stack.enter_async_context(as_generator(url))
            await stack.enter_async_context(dev.subscribe(0.01))
            await use(dev)
    elif way == 3:
        with anyio.move_on_after(chance.random() * 0.05):
            async with N6Device(url) as dev:
                while True:
                    await use(dev)
    elif way == 4:
        halves = as_fixture(url)
        dev = await in_a_task(lambda: anext(halves))
        await use(dev)
        await in_a_task(lambda: anext(halves, None))
    elif way == 5:
        forgotten = as_fixture(url)
        await use(await anext(forgotten))
        del forgotten  # the event loop closes it in a task of its own
    elif way == 6:
        with sim.rig("reference:") as rig:
            dev = await N6Device(rig.url, reconnect=math.inf).open()
            rig.cut()
            await anyio.sleep(chance.random() * 0.02)
            await in_a_task(dev.aclose)
    else:

        def in_a_thread() -> None:
            with closing(blocking.N6Device(url).open()) as dev, dev.logs():
                dev["reference"].run(noise(dev["reference"]))

        await anyio.to_thread.run_sync(in_a_thread)


def threads() -> int:
    """Number of threads without anyio's workers, which end only after some idle seconds."""
    return sum(thread.name != blocking.WORKER for thread in threading.enumerate())


@pytest.mark.skipif(sys.platform != "linux", reason="counts in /proc")
def test_nothing_grows_and_nobody_is_cancelled_by_many_cycles() -> None:
    url, chance = sim_url(), random.Random(1)
    cancelled = 0

    async def bystander() -> None:
        nonlocal cancelled
        try:
            await anyio.sleep_forever()
        except BaseException:
            cancelled += 1
            raise

    async def body() -> tuple[list[int], int]:
        seen: list[int] = []
        asides = [asyncio.create_task(bystander()) for _ in range(3)]
        for number in range(CYCLES):
            await cycle(url, chance)
            if number in (CYCLES // 4, CYCLES - 1):
                gc.collect()
                with anyio.move_on_after(ENDS):
                    while children() or len(asyncio.all_tasks()) > 4:  # noqa: ASYNC110  forgotten devices are closed
                        await anyio.sleep(0.01)
                seen += [descriptors(), threads(), len(asyncio.all_tasks()), children()]
        count = cancelled
        for task in asides:
            task.cancel()
        return seen, count

    seen, count = asyncio.run(body())
    half = len(seen) // 2
    # A thread may still be ending at the first count.
    assert all(later <= earlier for earlier, later in zip(seen[:half], seen[half:], strict=True)), seen
    assert count == 0


def test_threads_open_and_close_side_by_side() -> None:
    url = sim_url()

    def work(seed: int) -> int:
        for _ in itertools.repeat(None, 3):
            with blocking.N6Device(url) as dev:
                dev["reference"].run(noise(dev["reference"], seed))
        return seed

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(work, range(4))) == [0, 1, 2, 3]
    assert not [thread for thread in threading.enumerate() if thread.name == "n6link"]
