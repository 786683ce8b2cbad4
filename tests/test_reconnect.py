"""A device that is lost and connected again: calls that continue, calls that are lost, the events, and the time limit."""

from __future__ import annotations

import logging
import math
import os
import random
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Literal

import anyio
import anyio.lowlevel
import numpy as np
import pytest
from e2e_fixtures import REFERENCE, board, executable, noise, on_both_backends, sim_url
from held import held, queued

from n6link import N6Device, blocking
from n6link.control.watchdog import Watchdog
from n6link.errors import BadInput, DeviceRebooted, N6Timeout, NetworkChanged, TransportError, WrongDevice
from n6link.session import quiet as quiet_
from n6link.session import reunion
from n6link.session.state import State
from n6link.transport.cable import Cable

LONG: Final = 60.0
"""seconds until a board is certainly connected again"""


@pytest.fixture(params=["pty", "tcp"])
def kind(request: pytest.FixtureRequest) -> Any:
    """How the board is connected; a board on a serial line does not detect that its cable is unplugged."""
    return request.param


@contextmanager
def on_a_cable(kind: Literal["pty", "tcp"], folder: Path) -> Iterator[Cable]:
    """A board on a cable."""
    options = ["--pty"] if kind == "pty" else ["--tcp", "0"]
    with board(*options) as alone, closing(Cable(lambda: alone.url, kind=kind, path=folder / "line")) as cable:
        yield cable


@pytest.fixture
def one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost board is searched for once, immediately and without a limit, and then the time to reconnect is over."""
    monkeypatch.setattr(reunion, "FIRST_PAUSE", 1000.0)
    monkeypatch.setattr(reunion, "ATTEMPT", 1000.0)


async def reached(dev: N6Device, *states: State) -> None:
    """Waits until the device has one of these states."""
    while dev.state not in states:  # noqa: ASYNC110
        await anyio.sleep(0.005)


def child() -> int:
    """The process of the only virtual board that this program has started by ``sim:``."""
    mine = str(os.getpid())
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            command = stat.with_name("cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if fields[1] == mine and command[0] == executable().encode() and fields[0] != "Z":
            found.append(int(stat.parent.name))
    (pid,) = found
    return pid


# ------------------------------------------------------------------------------------- what continues


async def test_calls_streams_and_listeners_continue_after_the_cable_was_unplugged(kind: Any, tmp_path: Path) -> None:
    with on_a_cable(kind, tmp_path) as cable:
        async with (
            N6Device(cable.url, reconnect=LONG) as dev,
            dev.events() as changes,
            dev.subscribe(0.02) as readings,
            dev.logs() as lines,
            dev["reference"].stream(policy="all") as stream,
        ):
            network, boot = dev["reference"], dev.info.boot_nonce
            right = [await network.run(noise(network, seed)) for seed in range(4)]
            got: list[Any] = []

            async def run(seed: int) -> None:
                got.append((seed, await network.run(noise(network, seed))))

            async def count(listener: Any) -> None:
                while not listener.gaps:
                    await anext(listener)

            async with anyio.create_task_group() as tasks:
                for seed in range(4):
                    tasks.start_soon(run, seed)
                await stream.put(noise(network, 0))
                tasks.start_soon(count, readings)
                cable.unplug()
                await reached(dev, State.RECONNECTING)
                for seed in range(4):
                    tasks.start_soon(run, seed)
                tasks.start_soon(dev.stats)
                await anyio.sleep(0.3)
                cable.plug()
                streamed = await anext(stream)
            assert len(got) == 8
            for seed, result in [*got, (0, streamed)]:
                np.testing.assert_array_equal(result.outputs["heatmaps"], right[seed].outputs["heatmaps"])
            assert dev.state is State.OPEN
            assert dev.info.boot_nonce == boot
            assert dev["reference"] is network
            assert (await dev.stats()).networks[0].runs == 4 + 8 + 1, "nothing ran twice"
            assert lines.gaps == readings.gaps == 1
            assert stream.stats.lost == stream.stats.failed == 0
            went, came = await anext(changes), await anext(changes)
            assert (went.state, came.state, came.rebooted, came.changed) == (State.RECONNECTING, State.OPEN, False, ())
            assert went.reason
            assert came.away > 0
            assert (dev.health.returns, dev.health.reboots, dev.health.departures) == (1, 0, 1)


async def test_a_result_that_was_computed_before_the_cut_is_delivered_after_it(kind: Any, tmp_path: Path) -> None:
    with on_a_cable(kind, tmp_path) as cable:
        async with N6Device(cable.url, reconnect=LONG) as dev:
            network = dev["reference"]
            right = await network.run(noise(network))
            computed = anyio.Event()
            got = []

            async def run() -> None:
                got.append(await network.run(noise(network), computed=computed.set))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run)
                await computed.wait()
                cable.unplug()
                await reached(dev, State.RECONNECTING, State.OPEN)
                cable.plug()
            np.testing.assert_array_equal(got[0].outputs["heatmaps"], right.outputs["heatmaps"])
            assert (await dev.stats()).networks[0].runs == 2


@on_both_backends
async def test_a_virtual_board_that_was_killed_is_started_again() -> None:
    async with N6Device(sim_url(), reconnect=LONG) as dev, dev.subscribe(0.02) as readings:
        network, boot = dev["reference"], dev.info.boot_nonce
        right = await network.run(noise(network))
        lost, again = [], []

        async def run(rerun: bool) -> None:
            try:
                again.append(await network.run(noise(network), rerun=rerun))
            except DeviceRebooted as error:
                lost.append(error)

        async with held(dev, network), anyio.create_task_group() as tasks:
            tasks.start_soon(run, False)
            tasks.start_soon(run, True)
            await queued(dev, 2)
            os.kill(child(), signal.SIGKILL)
        assert len(lost) == 1
        assert "rerun=True" in str(lost[0])
        np.testing.assert_array_equal(again[0].outputs["heatmaps"], right.outputs["heatmaps"])
        assert dev.info.boot_nonce != boot
        assert dev["reference"] is network
        while not readings.gaps:
            await anext(readings)
        assert dev.health.reboots == 1


@pytest.mark.parametrize("seed", range(4))
async def test_a_virtual_board_that_is_killed_at_any_moment(seed: int) -> None:
    """Four workers and a stream: every call has its own result, or DeviceRebooted; the stream counts its lost frames."""
    chance = random.Random(seed)
    async with N6Device(sim_url(), reconnect=LONG) as dev:
        network = dev["reference"]
        right = [await network.run(noise(network, n)) for n in range(3)]
        lost = 0

        async def work() -> None:
            nonlocal lost
            for number in range(30):
                try:
                    result = await network.run(noise(network, number % 3))
                except DeviceRebooted:
                    lost += 1
                else:
                    np.testing.assert_array_equal(result.outputs["heatmaps"], right[number % 3].outputs["heatmaps"])

        async def frames() -> AsyncIterator[Any]:
            for number in range(40):
                yield noise(network, number % 3)

        async def kill() -> None:
            for _ in range(5):
                await anyio.sleep(chance.random() * 0.1)
                returns = dev.health.returns
                os.kill(child(), signal.SIGKILL)
                while dev.health.returns == returns:  # noqa: ASYNC110  it may be back before a look at its state
                    await anyio.sleep(0.005)

        async with anyio.create_task_group() as tasks, network.stream(frames(), policy="all") as results:
            tasks.start_soon(kill)
            for _ in range(4):
                tasks.start_soon(work)
            delivered = [result.frame.sequence async for result in results if result.frame]
        assert delivered == list(range(40)), "it promises a result for each frame"
        assert lost <= 5 * 4
        assert dev.health.reboots == 5


async def test_a_stream_of_the_newest_frames_counts_what_a_restart_has_lost() -> None:
    async with N6Device(sim_url(), reconnect=LONG) as dev:
        network = dev["reference"]
        async with network.stream(policy="latest") as stream:
            async with held(dev, network):
                await stream.put(noise(network))
                await queued(dev, 1)
                departures = dev.health.departures
                os.kill(child(), signal.SIGKILL)
                while dev.health.departures == departures:  # noqa: ASYNC110  see above
                    await anyio.sleep(0.005)
            await reached(dev, State.OPEN)
            await stream.put(noise(network))
            result = await anext(stream)
            assert result.frame
            assert result.frame.sequence == 1
        assert (stream.stats.lost, stream.stats.delivered, stream.stats.failed) == (1, 1, 0)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_board_that_stands_still_for_a_while(backend: str) -> None:
    """Longer than the time-out: nothing is lost, and its processes are not started again."""

    async def body() -> None:
        async with N6Device(sim_url(), reconnect=LONG, timeout=0.4, heartbeat=0.1) as dev:
            network, pid = dev["reference"], child()
            right = await network.run(noise(network))
            got = []

            async def run() -> None:
                got.append(await network.run(noise(network)))

            dog = dev.watchdog(silence=0.3)
            await quiet(dog)
            os.kill(pid, signal.SIGSTOP)
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(run)
                    await reached(dev, State.RECONNECTING)
                    assert dev.health.stale
                    assert dog.tripped
                    os.kill(pid, signal.SIGCONT)
            finally:
                os.kill(pid, signal.SIGCONT)
            np.testing.assert_array_equal(got[0].outputs["heatmaps"], right.outputs["heatmaps"])
            assert child() == pid
            assert dev.health.reboots == 0
            assert dog.tripped
            assert dog.reason
            await reached(dev, State.OPEN)
            await quiet(dog)

    anyio.run(body, backend=backend)


async def quiet(dog: Watchdog) -> None:
    """Resets a watchdog until it does not trip: on a busy computer an answer may be late."""
    while dog.tripped:
        await anyio.sleep(0.005)
        dog.reset()


def test_a_blocking_program(tmp_path: Path) -> None:
    with on_a_cable("tcp", tmp_path) as cable, blocking.N6Device(cable.url, reconnect=LONG) as dev:
        network = dev["reference"]
        right = network.run(noise(network))
        with dev.events() as changes:
            cable.unplug()
            assert next(changes).state is State.RECONNECTING
            cable.plug()
            result = network.run(noise(network))
            assert next(changes).state is State.OPEN
        np.testing.assert_array_equal(result.outputs["heatmaps"], right.outputs["heatmaps"])
        assert dev.state is State.OPEN
        assert dev.health.returns == 1


# ------------------------------------------------------------------------------------- what has an end


@pytest.mark.usefixtures("one_attempt")
async def test_a_board_that_does_not_come_back(tmp_path: Path) -> None:
    with on_a_cable("tcp", tmp_path) as cable:
        async with N6Device(cable.url, reconnect=LONG) as dev, dev.events() as changes, dev.logs() as lines:
            network = dev["reference"]
            stream = await network.stream().open()
            cable.unplug()
            with pytest.raises(TransportError, match="was not connected again within 60 s: no program listens"):
                while True:
                    await network.run(noise(network))
            assert dev.state is State.LOST
            assert [(await anext(changes)).state for _ in range(2)] == [State.RECONNECTING, State.LOST]
            for listener in (lines, stream):
                with pytest.raises(TransportError, match="was not connected again"):
                    await stream.put(noise(network))
                    await anext(listener)
            await stream.aclose()
            cable.plug()
            await dev.open()
            assert await dev["reference"].run(noise(network))


async def test_calls_keep_their_own_time_limits_while_the_board_is_away(tmp_path: Path) -> None:
    with on_a_cable("tcp", tmp_path) as cable:
        async with N6Device(cable.url, reconnect=math.inf) as dev:
            network = dev["reference"]
            cable.unplug()
            await reached(dev, State.RECONNECTING)
            with pytest.raises(N6Timeout, match=r"did not return a result within 0\.1 s"):
                await network.run(noise(network), timeout=0.1)
            with anyio.move_on_after(0.05) as scope:
                await dev.ping()
            assert scope.cancelled_caught


async def test_closing_while_the_board_is_away(tmp_path: Path) -> None:
    with on_a_cable("tcp", tmp_path) as cable:
        dev = await N6Device(cable.url, reconnect=math.inf).open()
        errors = []

        async def run() -> None:
            with pytest.raises(TransportError, match="closed by this program") as caught:
                await dev.ping()
            errors.append(caught.value)

        cable.unplug()
        await reached(dev, State.RECONNECTING)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            await anyio.lowlevel.checkpoint()
            await dev.aclose()
        assert len(errors) == 1
        assert dev.state is State.CLOSED


async def test_a_board_with_other_networks(tmp_path: Path) -> None:
    with on_a_cable("tcp", tmp_path) as cable:
        async with N6Device(cable.url, reconnect=LONG) as dev, dev.events() as changes:
            same, gone = dev["reference"], dev["reference_colour"]
            cable.unplug()
            await reached(dev, State.RECONNECTING)
            with board("--tcp", "0", networks=["other=reference:reference_colour", REFERENCE[0]]) as new:
                cable.plug(lambda: new.url)
                assert await same.run(noise(same)), "it has another number, and is the same"
                with pytest.raises(NetworkChanged, match="'reference_colour'"):
                    await gone.run(noise(gone))
                assert list(dev.networks) == ["other", "reference"]
                assert dev["reference"] is same
                await anext(changes)
                assert (await anext(changes)).changed == ("reference_colour",)
                cable.unplug()
                await dev.aclose()


@pytest.mark.parametrize("stays", [True, False])
async def test_another_board_in_the_place_of_the_first_one(
    kind: Any, stays: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """It is never used: calls wait for the first board until the time is over, and continue on it if it comes back."""
    if stays:
        request.getfixturevalue("one_attempt")
    option = "--pty" if kind == "pty" else "--tcp=0"
    with on_a_cable(kind, tmp_path) as cable, board(option, "--id", "other") as other, board(option) as first:
        cable.plug(lambda: first.url)
        async with N6Device(cable.url, reconnect=LONG) as dev, dev.events() as changes:
            network, boot, results = dev["reference"], dev.info.boot_nonce, []
            right = await network.run(noise(network))

            async def run() -> None:
                with suppress(WrongDevice):
                    results.append(await network.run(noise(network)))

            cable.unplug()
            cable.plug(lambda: other.url)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run)
                while "another board answers (unique id 6f74686572, not 6e3673696d)" not in dev.connection.obstacle:  # noqa: ASYNC110
                    await anyio.sleep(0.005)
                if not stays:
                    cable.unplug()
                    cable.plug(lambda: first.url)
            if stays:
                assert results == []
                assert dev.state is State.LOST
                with pytest.raises(WrongDevice, match="was not connected again within 60 s: another board answers"):
                    await network.run(noise(network))
                await anext(changes)
                assert "another board answers" in (await anext(changes)).reason
            else:
                np.testing.assert_array_equal(results[0].outputs["heatmaps"], right.outputs["heatmaps"])
                assert dev.info.boot_nonce == boot
        cable.plug(lambda: first.url)
        async with N6Device(other.url) as theirs:
            assert theirs.info.unique_id == "6f74686572"
            assert (await theirs.stats()).networks[0].runs == 0


async def test_a_program_that_holds_the_port_meanwhile(tmp_path: Path) -> None:
    with board("--tcp", "0") as stands_alone:
        async with N6Device(stands_alone.url, reconnect=0) as other:
            with pytest.raises(Exception, match=r"BUSY|in use"):
                await N6Device(stands_alone.url, reconnect=0.5).open()
            assert (await other.ping()).rtt > 0
        async with N6Device(stands_alone.url) as dev:
            assert (await dev.ping()).rtt > 0


# ------------------------------------------------------------------------------------- health and quiet


@on_both_backends
async def test_a_device_that_is_asked_nothing_shows_that_it_lives() -> None:
    async with N6Device(sim_url(), heartbeat=0.05) as dev, dev.loop(100) as loop:
        fresh = 0
        async for tick in loop:
            # On a busy computer a tick may come when the answer is late; without pings all ticks would be stale from the fifteenth on.
            fresh += tick.index > 30 and not tick.stale
            if fresh > 30:
                break
        while (health := dev.health).stale:  # noqa: ASYNC110
            await anyio.sleep(0.005)
        assert 0 <= health.age <= health.limit
        assert health.round_trip > 0
        assert health.to_dict()["state"] == "open"
        network = dev["reference"]
        for seed in range(3):
            await network.run(noise(network, seed))
        health = dev.health
        assert health.up > 0
        assert health.down > 0
        assert health.damage == 0
    assert dev.health.stale


def test_a_watchdog_that_looks_at_results() -> None:
    with blocking.N6Device(sim_url(), heartbeat=0.1) as dev:
        network = dev["reference"]
        dog = dev.watchdog(silence=10, results={network: 30.0})
        assert dog.tripped
        assert dog.reason == "reference has no result"
        network.run(noise(network))
        assert dog.tripped, "it stays tripped"
        dog.reset()
        assert not dog.tripped
        for silence in (0.19, -1, math.nan):
            with pytest.raises(BadInput, match="silence"):
                dev.watchdog(silence=silence)
        with pytest.raises(BadInput, match="results"):
            dev.watchdog(silence=1, results={network: 0})


@pytest.mark.parametrize(("name", "value"), [("reconnect", -1), ("reconnect", math.nan), ("heartbeat", 0)])
def test_impossible_options(name: str, value: float) -> None:
    options: dict[str, Any] = {name: value}
    with pytest.raises(BadInput, match=name):
        N6Device("sim:", **options)


async def test_repeated_lines_of_the_log_are_counted_and_said_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quiet_, "SPAN", 1000.0)
    with caplog.at_level(logging.DEBUG, logger="n6link.device"):
        async with N6Device(sim_url()) as dev, dev.logs() as lines:
            await dev.set_log_level(logging.DEBUG)
            for _ in range(50):
                await dev.ping()
            seen = [await anext(lines) for _ in range(50)]
    assert [line.text for line in seen] == ["PING"] * 50
    said = [record.getMessage() for record in caplog.records if "PING" in record.getMessage()]
    assert len(said) <= 2
    assert "49 more" in said[-1]


@pytest.mark.usefixtures("one_attempt")
async def test_a_board_that_another_program_holds_when_it_comes_back(tmp_path: Path) -> None:
    """The refusal has a status, and every waiting call fails with it."""
    with on_a_cable("tcp", tmp_path) as cable, board("--tcp", "0") as other:
        async with N6Device(other.url) as holder, N6Device(cable.url, reconnect=LONG) as dev:
            errors = []

            async def run() -> None:
                with pytest.raises(TransportError, match="was not connected again within 60 s: .*in use by") as caught:
                    await dev.ping()
                errors.append(caught.value)

            cable.unplug()
            cable.plug(lambda: other.url)
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(run)
            assert len(set(map(id, errors))) == 3
            assert (await holder.ping()).rtt > 0
