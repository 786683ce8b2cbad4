"""Control loops: the schedule, the policies, the figures. Durations are asserted only as lower bounds."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import AsyncIterator

import anyio
import anyio.lowlevel
import numpy as np
import pytest
from e2e_fixtures import noise, on_both_backends, sim_url
from numpy.typing import NDArray

from n6link import N6Device, ambient
from n6link.control.loop import ControlLoop, KernelTimer, Tick
from n6link.errors import BadInput, LocalProtocolError, N6Timeout


@pytest.fixture(params=["kernel", "event-loop"])
def timer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both clocks that may keep the schedule."""
    if request.param == "event-loop":
        monkeypatch.setattr(sys, "platform", "somewhere-else")
    elif sys.platform != "linux":
        pytest.skip("timerfd is Linux's")
    return str(request.param)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_ticks_lie_on_the_schedule(timer: str, backend: str) -> None:
    async def body() -> list[Tick]:
        ticks = []
        async with ControlLoop(200) as loop:
            async for tick in loop:
                ticks.append(tick)
                if len(ticks) == 20:
                    break
            assert loop.stats.ticks == 20
            assert loop.stats.period.count == 19
        return ticks

    ticks = anyio.run(body, backend=backend)
    start = ticks[0].due
    for tick in ticks:
        assert tick.due == pytest.approx(start + (tick.index - ticks[0].index) / 200)
        assert tick.time >= tick.due
    for before, after in itertools.pairwise(ticks):
        assert after.index == before.index + 1 + after.missed


async def test_skipped_ticks_are_counted_and_the_schedule_is_kept(timer: str) -> None:
    async with ControlLoop(100) as loop:
        first = None
        async for tick in loop:
            if first is None:
                first = tick
                time.sleep(0.055)  # noqa: ASYNC251  the body blocks: five ticks pass
                continue
            assert tick.missed >= 4
            assert loop.stats.missed == tick.missed + first.missed
            assert tick.due == pytest.approx(first.due + (tick.index - first.index) / 100)
            break


async def test_catch_up_delivers_every_tick(timer: str) -> None:
    async with ControlLoop(100, missed="catch-up") as loop:
        ticks = []
        async for tick in loop:
            ticks.append(tick)
            if len(ticks) == 1:
                time.sleep(0.055)  # noqa: ASYNC251
            if len(ticks) == 8:
                break
    assert [tick.index for tick in ticks] == list(range(8))
    assert all(tick.missed == 0 for tick in ticks)


async def test_raise_ends_the_loop(timer: str) -> None:
    async with ControlLoop(100, missed="raise") as loop:
        with pytest.raises(N6Timeout, match="missed .* ticks at 100 Hz"):
            async for _ in loop:
                time.sleep(0.055)  # noqa: ASYNC251


async def test_figures_are_plain_numbers() -> None:
    async with ControlLoop(500) as loop:
        async for tick in loop:
            if tick.index >= 5:
                break
    figures = loop.stats.to_dict()
    assert figures["hz"] == 500
    assert set(figures) == {"hz", "ticks", "missed", "stale", "jitter", "period", "busy"}


async def test_a_loop_yields_to_other_tasks_even_when_late() -> None:
    """Catching up must not starve the task that feeds the loop."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks, ControlLoop(10_000, missed="catch-up") as loop:
        tasks.start_soon(other)
        async for tick in loop:
            if tick.index >= 200:
                break
        tasks.cancel_scope.cancel()
    assert turns >= 200


@pytest.mark.parametrize("hz", [0, -1, float("nan"), 1e6])
def test_impossible_rates_are_refused(hz: float) -> None:
    with pytest.raises(BadInput, match="must be a rate above 0 and up to 10000 Hz"):
        ControlLoop(hz)


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(BadInput, match="unknown policy 'later'; choose skip"):
        ControlLoop(10, missed="later")  # type: ignore[arg-type]


async def test_a_loop_must_be_entered() -> None:
    with pytest.raises(LocalProtocolError, match="was not entered"):
        async for _ in ControlLoop(10):
            pass


async def test_no_rate_runs_away_from_its_schedule(timer: str) -> None:
    """The tenth million of ticks at a rate whose period is not a whole number of nanoseconds: due at the scheduled time, like the first."""
    loop, ticks = ControlLoop(700 / 3), []
    begun = time.monotonic() - 10_000_000 / loop.hz
    usual = ambient.source.set(ambient.Source(monotonic=lambda: begun))
    async with loop:
        ambient.source.reset(usual)
        async for tick in loop:
            ticks.append(tick)
            if len(ticks) == 5:
                break
    for tick in ticks:
        assert tick.due == pytest.approx(begun + (1 + tick.index) / loop.hz, abs=1e-6)
        assert tick.time >= tick.due
    assert ticks[-1].index - ticks[0].index == 4 + sum(tick.missed for tick in ticks[1:])


@pytest.mark.skipif(sys.platform != "linux", reason="timerfd is Linux's")
async def test_a_kernel_timer_rings_when_it_is_due_and_not_before() -> None:
    kernel = KernelTimer()
    for seconds in (0.01, 0.0, -1.0, 1e-9, 0.005):
        due = time.monotonic() + seconds
        await kernel.wait_until(due)
        assert time.monotonic() >= due
    kernel.close()
    with pytest.raises(OSError, match="timerfd_settime"):
        await kernel.wait_until(time.monotonic() + 1)


@pytest.mark.skipif(sys.platform != "linux", reason="timerfd is Linux's")
def test_a_kernel_without_timers_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("n6link.control.loop.CLOCK_MONOTONIC", 99)
    with pytest.raises(OSError, match="timerfd_create"):
        KernelTimer()


async def test_a_loop_that_was_left_has_ended(timer: str) -> None:
    async with ControlLoop(100) as loop:
        pass
    with pytest.raises(LocalProtocolError, match="was not entered"):
        await loop.__anext__()


@on_both_backends
async def test_a_loop_beside_a_stream_on_one_device() -> None:
    """Every tick gets the newest result without waiting, and never an older one than before."""
    async with N6Device(sim_url()) as device:
        network = device["reference"]
        seen: list[float] = []

        async def endless() -> AsyncIterator[dict[str, NDArray[np.int8]]]:
            while True:
                yield noise(network)

        async def consume() -> None:
            async for _ in results:
                pass

        async with (
            network.stream(endless()) as results,
            device.loop(hz=200) as loop,
            anyio.create_task_group() as tasks,
        ):
            assert loop.hz == 200
            tasks.start_soon(consume)
            async for tick in loop:
                before = time.monotonic()
                if latest := tick.latest(network):
                    age = latest.age + latest.result.captured  # the time at which it was determined
                    assert before <= age + 1e-6 and age <= time.monotonic() + 1e-6
                    seen.append(latest.result.captured)
                if len(seen) >= 50 and len(set(seen)) > 1:
                    break
            tasks.cancel_scope.cancel()
        assert seen == sorted(seen)
        assert loop.stats.ticks >= 50
