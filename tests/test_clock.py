"""The clock map: the true time is always within the stated error, and time never goes back."""

from __future__ import annotations

import itertools
import math
import time

import anyio
import anyio.lowlevel
import pytest
from e2e_fixtures import noise, on_both_backends, sim_url
from hypothesis import given
from hypothesis import strategies as st

from n6link import N6Device, ambient
from n6link.session.clock import LONGEST_PAUSE, MAX_DRIFT, SEGMENTS, ClockMap

HZ = 800e6
delays = st.floats(20e-6, 20e-3)
pings = st.lists(st.tuples(st.floats(0.001, 5.0), delays, delays), min_size=1, max_size=80)
"""pause before the ping, delay there, delay back: seconds"""


def feed(clock: ClockMap, trips: list[tuple[float, float, float]], offset: float, drift: float) -> list[float]:
    """Pings a device whose clock reads (host - offset) / (1 + drift); returns the device times in seconds."""
    host, times = offset + 10.0, []
    for pause, there, back in trips:
        host += pause
        device = (host + there - offset) / (1 + drift)
        clock.add(host, round(device * HZ), host + there + back)
        times.append(device)
        host += there + back
    return times


@given(pings, st.floats(-1e6, 1e6), st.floats(-0.9 * MAX_DRIFT, 0.9 * MAX_DRIFT))
def test_the_truth_lies_within_the_error(trips: list[tuple[float, float, float]], offset: float, drift: float) -> None:
    clock = ClockMap(HZ)
    times = feed(clock, trips, offset, drift)
    last = times[-1]
    for device in (last, last + 0.5, last + 30.0):
        mapped = clock.to_host(round(device * HZ))
        assert abs(mapped.time - (offset + (1 + drift) * device)) <= mapped.error + 1e-6
    near, far = (clock.to_host(round((last + later) * HZ)).error for later in (30.0, 60.0))
    assert abs(clock.drift - drift) <= (far - near) / 30.0 + 1e-9, "the error grows as the drift is uncertain"


@given(
    pings,
    st.floats(-0.9 * MAX_DRIFT, 0.9 * MAX_DRIFT),
    st.lists(st.tuples(st.floats(0, 3), st.floats(0, 0.1)), min_size=1, max_size=30),
)
def test_it_is_monotonic(
    trips: list[tuple[float, float, float]], drift: float, moments: list[tuple[float, float]]
) -> None:
    """Also for conversions before and after a new estimate, and if a ping is read late."""
    clock = ClockMap(HZ)
    answers: list[tuple[float, float]] = []
    begin = 0
    host = 10.0
    for index, (pause, there, back) in enumerate(trips):
        host += pause
        ticks, received = round((host + there) / (1 + drift) * HZ), host + there + back
        if not index:
            clock.add(host, ticks, received)
            begin = ticks
        age, late = moments[index % len(moments)]
        for happened in (received + late - min(age, received - 10.0), received + late):
            device = round(happened / (1 + drift) * HZ)
            answers.append((device, clock.to_host(device, before=happened + 1e-4).time))
        if index:
            clock.add(host, ticks, received)
        host = received + late
    answers = sorted(answer for answer in answers if answer[0] >= begin)
    for (_, before), (_, after) in itertools.pairwise(answers):
        assert after >= before - 1e-6


def test_a_quick_ping_narrows_the_error_and_a_slow_one_does_not_widen_it() -> None:
    clock = ClockMap(HZ)
    clock.add(1.000, round(0.5005 * HZ), 1.001)
    assert clock.error == pytest.approx(0.5e-3)
    clock.add(1.100, round(0.60005 * HZ), 1.1001)
    narrow = clock.error
    assert narrow <= 50e-6
    clock.add(1.200, round(0.75 * HZ), 1.300)
    assert clock.error <= narrow + MAX_DRIFT * 0.2


def test_drift_becomes_known() -> None:
    clock = ClockMap(HZ)
    feed(clock, [(1.0, 100e-6, 100e-6)] * 60, offset=5.0, drift=40e-6)
    assert clock.drift == pytest.approx(40e-6, abs=5e-6)
    assert clock.error < 150e-6
    assert clock.offset == pytest.approx(5.0, abs=5e-3)


@pytest.mark.parametrize("jump", [-5.0, 5.0], ids=["the host slept", "the device slept"])
def test_a_jump_starts_anew_and_time_still_does_not_go_back(jump: float) -> None:
    clock = ClockMap(HZ)
    times = feed(clock, [(1.0, 1e-4, 1e-4)] * 5, offset=0.0, drift=0.0)
    before = clock.to_host(round(times[-1] * HZ), before=times[-1] + 1e-4)
    host = times[-1] + 1.0
    device = host - jump
    clock.add(host, round(device * HZ), host + 2e-4)
    at_jump = clock.to_host(round(device * HZ))
    later = clock.to_host(round((device + 10.0) * HZ))
    assert before.time <= at_jump.time <= host + 2e-4
    assert abs(later.time - (host + 1e-4 + 10.0)) <= later.error < 0.01


def test_a_result_that_contradicts_the_map_is_a_ping() -> None:
    """The host slept for an hour, and its clock stopped: no time maps into the future, and the map does not stop for an hour."""
    clock = ClockMap(HZ)
    last = feed(clock, [(1.0, 1e-4, 1e-4)] * 5, offset=0.0, drift=0.0)[-1]
    known = round((last + 0.002) * HZ)
    assert clock.agrees(last + 0.001, known, last + 0.003)
    assert not clock.agrees(last + 0.003, known, last + 0.004)
    assert clock.agrees(last + 5, round((last - 1) * HZ), last + 6), "a reading before the last ping is ignored"
    slept = round((last + 3600.002) * HZ)
    assert not clock.agrees(last + 0.001, slept, last + 0.003)
    clock.add(last + 0.001, slept, last + 0.003)
    mapped = clock.to_host(slept, before=last + 0.003)
    assert last < mapped.time <= last + 0.003
    assert mapped.error < 0.003
    assert clock.to_host(slept + round(HZ)).time == pytest.approx(last + 1.002, abs=0.003)


def test_an_answer_given_before_the_ping_that_is_older_still_counts() -> None:
    clock = ClockMap(HZ)
    clock.add(1.0, round(1.05 * HZ), 1.1)  # off by up to 50 ms
    result = clock.to_host(round(2.009 * HZ), before=2.02)
    clock.add(2.0, round(2.0001 * HZ), 2.0002)  # read later than the result, and far more exact
    assert clock.error < 2e-3
    for later in (2.009, 2.01, 2.05, 2.2):
        assert clock.to_host(round(later * HZ), before=later + 0.02).time >= result.time - 1e-9


def test_a_device_clock_that_goes_back_is_another_clock() -> None:
    clock = ClockMap(HZ)
    last = feed(clock, [(1.0, 1e-4, 1e-4)] * 5, offset=0.0, drift=0.0)[-1]
    before = clock.to_host(round(last * HZ), before=last + 1e-4)
    clock.add(last + 1, round(0.5 * HZ), last + 1.0002)
    assert clock.to_host(round(0.5 * HZ)).time == pytest.approx(last + 1.0001, abs=1e-4)
    assert clock.to_host(round(0.4 * HZ)).time >= before.time


def test_pings_are_due_often_while_they_tell_much() -> None:
    clock = ClockMap(HZ)
    assert clock.due == -math.inf
    host, count = 100.0, 0
    while host < 200.0:
        clock.add(host, round(host * HZ), host + 1e-4)
        count += 1
        assert host < clock.due <= host + LONGEST_PAUSE + 1e-9
        assert clock.to_host(round(clock.due * HZ)).error < 0.3e-3, "the stated error until the next ping"
        host = clock.due
    assert count < 25


def test_old_moments_are_still_mapped_after_many_estimates() -> None:
    clock = ClockMap(HZ)
    feed(clock, [(1.0, 1e-4, 1e-4)] * (SEGMENTS + 10), offset=0.0, drift=1e-5)
    mapped = clock.to_host(round(11.0 * HZ))
    assert abs(mapped.time - 11.0 * (1 + 1e-5)) <= mapped.error


def test_while_time_stands_still_the_error_says_so() -> None:
    clock = ClockMap(HZ, floor=100.0)
    clock.add(90.0, round(1.0 * HZ), 90.001)
    mapped = clock.to_host(round(1.0 * HZ))
    assert mapped.time == 100.0
    assert mapped.error >= 9.9
    assert clock.to_host(round(20.0 * HZ)).time == pytest.approx(109.0, abs=0.02)


def test_before_the_first_ping_nothing_is_known() -> None:
    clock = ClockMap(HZ)
    with pytest.raises(LookupError, match="not yet compared"):
        clock.to_host(0)
    assert math.isnan(clock.offset)
    assert clock.drift == 0
    assert clock.error == math.inf
    assert clock.newest == -math.inf
    clock.add(1.0, 5, 1.1)
    assert clock.newest > 0


# ---- on a device


@on_both_backends
async def test_results_lie_in_host_time_between_call_and_answer() -> None:
    opened = time.monotonic()
    async with N6Device(sim_url()) as device:
        network = device["reference"]
        before = -math.inf
        for _ in range(20):
            asked = time.monotonic()
            timing = (await network.run(noise(network))).timing
            assert asked - timing.started.error <= timing.started.time <= timing.ended.time <= time.monotonic()
            assert timing.ended.time - timing.started.time <= timing.npu + timing.error + 1e-6
            assert timing.started.error < time.monotonic() - opened, "it is that of a round trip"
            assert timing.started.time >= before
            before = timing.ended.time


@on_both_backends
async def test_time_does_not_go_back_over_a_restart() -> None:
    """The device's own clock starts at zero again."""
    async with N6Device(sim_url()) as device:
        network = device["reference"]
        before = (await network.run(noise(network))).timing
        old = device.clock
        await device.reset(restart=True)
        assert device.clock is not old
        assert device["reference"] is network, "a client with a session can continue"
        asked = time.monotonic()
        after = (await network.run(noise(network))).timing
        assert before.ended.time <= asked - after.started.error <= after.started.time


@on_both_backends
async def test_times_can_be_converted_during_a_restart() -> None:
    """A server does it for each of its programs, also while the board is connected again."""
    async with N6Device(sim_url(), reconnect=30) as device, anyio.create_task_group() as tasks:
        before, converted = device.clock, 0

        async def convert() -> None:
            nonlocal converted
            while True:
                assert device.clock.to_device(time.monotonic()) >= 0
                converted += 1
                await anyio.lowlevel.checkpoint()

        tasks.start_soon(convert)
        await device.reset(restart=True)
        assert device.clock is not before
        assert converted
        tasks.cancel_scope.cancel()


@on_both_backends
async def test_inferences_have_the_clocks_compared_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    async with N6Device(sim_url()) as device:
        network = device["reference"]
        added = device.clock.due
        monkeypatch.setattr("n6link.session.clock.FIRST_PAUSE", 0.0)
        while device.clock.due < added + 0.01:
            await network.run(noise(network))


@on_both_backends
async def test_a_result_shows_that_the_host_has_slept() -> None:
    """The device's clock advances without the host's clock."""
    slept = 0.0
    ambient.source.set(ambient.Source(monotonic=lambda: time.monotonic() - slept))
    async with N6Device(sim_url()) as device:
        network = device["reference"]
        await network.run(noise(network))
        now = time.monotonic()
        time.sleep(0.3)  # noqa: ASYNC251  nothing looks at the clock meanwhile
        slept = time.monotonic() - now
        asked = ambient.monotonic()
        timing = (await network.run(noise(network))).timing
        assert now <= timing.started.time + timing.started.error
        assert timing.ended.time <= ambient.monotonic()
        assert timing.started.error <= ambient.monotonic() - asked, "this inference was the comparison of the clocks"
