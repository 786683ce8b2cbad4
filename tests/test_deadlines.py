"""Deadlines from end to end: work that is too late is dropped at its present stage, also on the device, and never delivered."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from e2e_fixtures import noise, on_both_backends, sim_url
from held import held, inferences, queued
from tflite import write_fully_connected

from n6link import N6Device
from n6link.errors import BadInput, DeviceError, N6Timeout
from n6link.network import Network
from n6link.protocol import InferFlag, Status, records
from n6link.session.inference import Job


def job(network: Network, deadline: float | None) -> Job:
    image = memoryview(bytes(sum(spec.size for spec in network.inputs.values())))
    return Job(network=network.info.index, image=image, returns=b"", timers=False, priority=0, deadline=deadline)


@on_both_backends
async def test_the_device_drops_what_has_waited_too_long() -> None:
    async with N6Device(sim_url()) as device:
        network = device["reference"]
        async with held(device, network):
            before = await device.stats()
            with pytest.raises(N6Timeout, match="the device dropped it") as caught:
                await device.connection.infer(job(network, time.monotonic() + 0.02))
            assert isinstance(caught.value.__cause__, DeviceError)
            assert caught.value.__cause__.status is Status.DEADLINE
            after = await device.stats()
            assert after.queue == 0
            assert after.networks[0].late == 1
            assert after.networks[0].runs == before.networks[0].runs, "it has not even started"


@pytest.mark.parametrize("option", ["timeout", "deadline", "both"])
@on_both_backends
async def test_a_run_ends_with_its_time_and_leaves_nothing_queued(option: str) -> None:
    async with N6Device(sim_url()) as device:
        network = device["reference"]
        async with held(device, network):
            data, reached = noise(network), 0
            while not reached:  # on a busy computer the time may have passed before the device has the inference
                options: dict[str, Any] = {
                    "timeout": {"timeout": 0.02},
                    "deadline": {"deadline": time.monotonic() + 0.02},
                    "both": {"timeout": 0.02, "deadline": time.monotonic() + 1000},
                }[option]
                with pytest.raises(N6Timeout):
                    await network.run(data, **options)
                await queued(device, 0)
                stats = (await device.stats()).networks[0]
                reached = stats.late + stats.cancelled
            assert reached == 1


@on_both_backends
async def test_the_device_stops_a_running_network_that_is_late(virtual_board: None, tmp_path: Path) -> None:
    """Inferences of a network that runs for 40 ms or more on any computer, with a time to live of at most half of this."""
    model = tmp_path / "slow.tflite"
    write_fully_connected(model, np.ones((512, 512), np.int8), rows=256, layers=600)
    async with N6Device(f"sim:slow={model}") as device:
        network = device["slow"]
        whole = min([(await network.run(noise(network))).timing.npu for _ in range(3)])
        with pytest.raises(N6Timeout, match="the device dropped it"):
            await device.connection.infer(job(network, time.monotonic() + min(whole / 5, 0.02)))
        stats = await device.stats()
        assert (stats.queue, stats.networks[0].late, stats.networks[0].runs) == (0, 1, 3)
        assert await network.run(noise(network)), "the next one runs"


@on_both_backends
async def test_what_is_late_already_is_not_sent() -> None:
    async with N6Device(sim_url()) as device:
        network = device["reference"]
        before = device.counters.tx_frames
        with pytest.raises(N6Timeout, match="'reference' was not run: the deadline had passed .* before"):
            await network.run(noise(network), deadline=time.monotonic() - 1)
        assert device.counters.tx_frames == before


@pytest.mark.parametrize(
    ("seconds", "ttl"),
    [
        (None, (0, 0)),
        (2000.0, (1_000_000_000, 2_000_000_000)),
        (1e-9, (1, 1)),
        (4000.0, (1, 4_000_000_000)),
        (5000.0, (0, 0)),
        (math.inf, (0, 0)),
    ],
)
@on_both_backends
async def test_the_time_to_live_is_what_is_left(seconds: float | None, ttl: tuple[int, int]) -> None:
    async with N6Device(sim_url()) as device:
        network = device["reference"]
        with inferences() as made:
            try:
                await device.connection.infer(job(network, None if seconds is None else time.monotonic() + seconds))
            except N6Timeout:
                assert seconds == 1e-9
        infer = records.Infer.unpack(made[0].body)
        assert ttl[0] <= infer.ttl_us <= ttl[1]
        assert bool(infer.flags & InferFlag.ABORT_LATE) == (seconds is not None)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"deadline": math.nan}, "deadline=nan must be a time.monotonic\\(\\) value"),
        ({"timeout": 0}, "timeout=0"),
        ({"priority": 256}, "priority=256"),
    ],
)
@on_both_backends
async def test_impossible_options_are_refused(options: dict[str, Any], sentence: str) -> None:
    async with N6Device(sim_url()) as device:
        with pytest.raises(BadInput, match=sentence):
            await device["reference"].run(noise(device["reference"]), **options)


@on_both_backends
async def test_a_deadline_without_end_is_none() -> None:
    async with N6Device(sim_url()) as device:
        network = device["reference"]
        assert await network.run(noise(network), deadline=math.inf)


@on_both_backends
async def test_a_stream_delivers_nothing_that_is_too_old() -> None:
    """First the device is blocked, and gets frames that are almost too old, so that they become so at every stage; afterwards they do not
    delay new frames."""
    oldest = 100.0
    async with N6Device(sim_url()) as device:
        network = device["reference"]
        async with network.stream(max_age=oldest) as stream:
            async with held(device, network):
                at_device = 0
                while at_device < 2 or stream.stats.late < 4:
                    left = 0.1 + 0.02 * stream.stats.late  # a busy computer needs longer to bring one to the device
                    await stream.put(noise(network), captured=time.monotonic() - oldest + left)
                    await anyio.sleep(0.01)
                    stats = (await device.stats()).networks[0]
                    at_device = stats.late + stats.cancelled
                assert stream.stats.delivered == 0
            await stream.put(noise(network))
            result = await stream.__anext__()
            assert result.frame
            assert result.frame.age <= oldest
