"""The order of inferences: at the host's slots, on the line, and in the device's queue; seen in the device's own times."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import pytest
from e2e_fixtures import noise, on_both_backends, sim_url
from held import held, queued

from n6link import N6Device, Network, Result
from n6link.protocol import records
from n6link.session.connection import Connection
from n6link.session.inference import Job, Outcome


class Runs:
    """Requested inferences, by name, and the order in which the device started them."""

    def __init__(self, tasks: Any) -> None:
        self._tasks = tasks
        self.results: dict[str, Result] = {}

    async def start(self, name: str, network: Network, priority: int = 0) -> None:
        """Requests an inference; further requests follow only after it."""
        self._tasks.start_soon(self._run, name, network, priority)
        await anyio.lowlevel.checkpoint()

    async def _run(self, name: str, network: Network, priority: int) -> None:
        self.results[name] = await network.run(noise(network), priority=priority)

    @property
    def order(self) -> list[str]:
        return sorted(self.results, key=lambda name: self.results[name].timing.started.time)


@on_both_backends
async def test_a_control_inference_overtakes_bulk_ones_everywhere() -> None:
    """Ten bulk inferences were first; three are in the device's queue, and seven wait for slots. One slot stays free for the control inference."""
    async with N6Device(sim_url(slots=4)) as device:
        network = device["reference"]
        async with anyio.create_task_group() as tasks:
            runs = Runs(tasks)
            async with held(device, network):
                for number in range(10):
                    await runs.start(f"bulk {number}", network)
                await queued(device, 3)
                await runs.start("control", network, priority=200)
                await queued(device, 4)
        assert runs.order[:4] == ["control", "bulk 0", "bulk 1", "bulk 2"]


@on_both_backends
async def test_of_two_slots_none_is_kept_but_the_next_free_one_is_for_the_larger_priority() -> None:
    async with N6Device(sim_url(slots=2)) as device:
        network = device["reference"]
        async with anyio.create_task_group() as tasks:
            runs = Runs(tasks)
            async with held(device, network):
                for number in range(4):
                    await runs.start(f"bulk {number}", network)
                await queued(device, 2)
                await runs.start("control", network, priority=1)
        assert runs.order.index("control") <= 3, "two were on the device when it came, and one leaves with it"


@on_both_backends
async def test_a_control_inference_waits_for_one_bulk_run_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a running device: when its upload is complete, no other inference starts before it."""
    headers: list[tuple[int, records.Result]] = []
    infer = Connection.infer

    async def noted(connection: Connection, job: Job) -> Outcome:
        outcome = await infer(connection, job)
        headers.append((job.priority, outcome.header))
        return outcome

    monkeypatch.setattr(Connection, "infer", noted)
    async with N6Device(sim_url()) as device:
        network = device["reference"]
        async with anyio.create_task_group() as tasks:
            runs = Runs(tasks)
            for number in range(30):
                await runs.start(f"bulk {number}", network)
            await runs_begin(device)
            await runs.start("control", network, priority=1)
        (control,) = (header for priority, header in headers if priority)
        ready = max(control.t_committed, control.t_queued)
        assert not [header for _, header in headers if ready < header.t_start < control.t_start]


async def runs_begin(device: N6Device) -> None:
    while not (await device.stats()).networks[0].runs:
        await anyio.lowlevel.checkpoint()


@on_both_backends
async def test_networks_take_turns_on_the_device() -> None:
    async with N6Device(sim_url(slots=8)) as device:
        first, second = device.networks.values()
        async with anyio.create_task_group() as tasks:
            runs = Runs(tasks)
            async with held(device, first):
                for number in range(4):
                    await runs.start(f"a{number}", first)
                    await queued(device, number + 1)
                for number in range(3):
                    await runs.start(f"b{number}", second)
                    await queued(device, number + 5)
        assert runs.order == ["b0", "a0", "b1", "a1", "b2", "a2", "a3"], "the first one ran last before"


@on_both_backends
async def test_networks_take_turns_at_the_slots() -> None:
    """Nine of one network were requested before three of another, and the device accepts only two at the same time."""
    async with N6Device(sim_url(slots=2)) as device:
        first, second = device.networks.values()
        async with anyio.create_task_group() as tasks:
            runs = Runs(tasks)
            async with held(device, first):
                for number in range(9):
                    await runs.start(f"a{number}", first)
                await queued(device, 2)
                for number in range(3):
                    await runs.start(f"b{number}", second)
        last = max(runs.order.index(f"b{number}") for number in range(3))
        assert last <= 2 + 2 * 3, "of the rest, every other one at least was the second network's"


@on_both_backends
async def test_statistics_tell_of_the_queue_and_of_drops() -> None:
    async with N6Device(sim_url()) as device:
        first, second = device.networks.values()
        async with anyio.create_task_group() as tasks, first.stream() as stream:
            runs = Runs(tasks)
            async with held(device, first):
                for _ in range(5):
                    await stream.put(noise(first))
                    await queued(device, min(stream.stats.frames, 2))
                await runs.start("other", second)
                await queued(device, 3)
                stats = await device.stats()
                assert [network.queued for network in stats.networks] == [2, 1]
                assert (stream.stats.frames, stream.stats.dropped, stream.stats.pending) == (5, 2, 3)
                before = stats.networks[0].waited
            while stream.stats.pending:
                await stream.__anext__()
            stats = await device.stats()
            assert [network.queued for network in stats.networks] == [0, 0]
            assert stats.networks[0].waited > before
            assert stream.stats.wait.count == 3
            assert stream.stats.delivered + stream.stats.dropped == 5


@pytest.mark.parametrize("priority", [0, 255])
@on_both_backends
async def test_priorities_change_nothing_else(priority: int) -> None:
    async with N6Device(sim_url()) as device:
        network = device["reference"]
        async with network.stream([noise(network)] * 3, policy="all", priority=priority) as results:
            assert len([result async for result in results]) == 3
