"""A server: what its clients get is what the board gives, and no client harms another."""

from __future__ import annotations

import fcntl
import importlib.util
import io
import itertools
import json
import os
import random
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest import mock

import anyio
import anyio.lowlevel
import numpy as np
import pytest
from e2e_fixtures import noise, on_both_backends, sim_url
from lines import Line, Usb
from typer.testing import CliRunner

from n6link import N6Device, ambient
from n6link.cli import app
from n6link.errors import BadInput, DeviceError, DeviceRebooted, N6Timeout, NoDeviceError, PortBusy, TransportError
from n6link.protocol import Feature, LeaseAction, MessageType, Status, records
from n6link.serve import library, work
from n6link.serve.desk import Desk, Share
from n6link.serve.listeners import Place, listening
from n6link.serve.server import Server
from n6link.serve.sharing import MOST_CLIENTS
from n6link.session import describe
from n6link.session.connection import HOST
from n6link.session.inference import Job
from n6link.session.state import State
from n6link.tensors import reduce
from n6link.transport import servers, sim
from n6link.transport.socket_stream import SocketStream

LONG: Final = 60.0
"""seconds in which a board, or a server, is back for certain"""


@asynccontextmanager
async def serving(url: str, *places: str) -> AsyncGenerator[list[str], None]:
    """A server in this process; the URLs for its clients."""
    ready, urls = anyio.Event(), list[str]()

    def announce(dev: N6Device, where: Sequence[str]) -> None:
        urls.extend(where)
        ready.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Server(url, [Place.parse(place) for place in places]).run, announce)
        await ready.wait()
        yield urls[1:]  # without the socket at which programs look for it
        tasks.cancel_scope.cancel()


async def description(dev: N6Device) -> list[Any]:
    """Every byte of the descriptions of all networks."""
    ask = dev.connection.channel.ask_all
    return [(network, await describe.packed(ask, network)) for network in await describe.listed(ask)]


def equal(one: Any, other: Any) -> bool:
    """Whether two results have the same bytes."""
    return one.outputs.keys() == other.outputs.keys() and all(
        np.array_equal(array, other.outputs[name]) for name, array in one.outputs.items()
    )


# ------------------------------------------------------------------------------- what a client gets


@on_both_backends
async def test_three_clients_at_once_get_what_the_board_gives(tmp_path: Path) -> None:
    runs = 12
    places = f"unix:{tmp_path}/a", "127.0.0.1:0", "[::1]:0"
    async with serving(sim_url(), *places) as urls, N6Device(sim_url()) as direct:
        names, wanted = list(direct.networks), await description(direct)
        right = {
            (name, seed): await direct[name].run(noise(direct[name], seed))
            for name in names
            for seed in range(3 * runs)
        }
        assert urls[0] == f"unix:{tmp_path}/a" and stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600

        async def use(url: str, first: int) -> None:
            async with N6Device(url) as dev, anyio.create_task_group() as calls:
                assert await description(dev) == wanted
                assert dev.info.runtime.startswith(direct.info.runtime + ", through n6link serve")
                assert (dev.info.slots, dev.info.slot_size) == (direct.info.slots, direct.info.slot_size)

                async def run(name: str, seed: int) -> None:
                    assert equal(await dev[name].run(noise(dev[name], seed)), right[name, seed])

                for name, seed in itertools.product(names, range(first, first + runs)):
                    calls.start_soon(run, name, seed)

        async with anyio.create_task_group() as clients:
            for index, url in enumerate(urls):
                clients.start_soon(use, url, index * runs)
    assert not (tmp_path / "a").exists()


async def test_reductions_encodings_times_and_streams_are_those_of_the_board(tmp_path: Path) -> None:
    blocks = np.random.default_rng(5).integers(0, 256, (5, 6, 3), np.uint8)
    picture = np.kron(blocks, np.ones((8, 8, 1), np.uint8))
    async with (
        serving(sim_url(), f"unix:{tmp_path}/a") as (url,),
        N6Device(sim_url()) as direct,
        N6Device(url) as dev,
    ):
        for name, one in direct.networks.items():
            first = next(iter(one.outputs.values()))
            wanted = [reduce.topk(0, first, 5), reduce.whole(0)]
            right = await one.run(noise(one, 1), reduce=wanted)
            result = await dev[name].run(noise(one, 1), reduce=wanted)
            assert str(result.reduced) == str(right.reduced) and result.reduced and equal(result, right)
        network = dev["reference"]
        result = await network.run(noise(network))
        assert result.epochs and result.epochs.table == network.epochs
        timing = result.timing
        assert timing.npu > 0 and min(value for _, value in timing.stages()) >= 0
        assert timing.started.time <= timing.ended.time <= anyio.current_time() + timing.ended.error
        raw, qoi = [await network.run(picture, encode=how) for how in ("raw", "qoi")]
        assert (raw.encoding, qoi.encoding) == ("raw", "qoi") and raw.sent_bytes != qoi.sent_bytes
        assert equal(raw, qoi) and equal(raw, await direct["reference"].run(picture))
        async with network.stream(map(partial(noise, network), range(6)), policy="all") as stream:
            results = [result async for result in stream]
        assert len(results) == 6
        for seed, result in enumerate(results):
            assert equal(result, await direct["reference"].run(noise(network, seed)))


async def test_what_the_board_refuses_is_said_in_its_words(tmp_path: Path) -> None:
    async with (
        serving(sim_url(), f"unix:{tmp_path}/a") as (url,),
        N6Device(sim_url()) as direct,
        N6Device(url) as dev,
    ):
        network, picture = dev["reference"], np.zeros((48, 48, 3), np.uint8)
        with io.BytesIO() as file:
            noisy = np.random.default_rng(5).integers(0, 256, picture.shape, np.uint8)
            pytest.importorskip("PIL.Image").fromarray(noisy).save(file, "JPEG")
            damaged = file.getvalue()[:-200]
        good = await network.run(picture, encode="qoi")
        said = []
        for each in (direct, dev):
            with pytest.raises(DeviceError) as caught:
                await each["reference"].run(damaged, encode="jpeg:95")
            assert caught.value.status is Status.BAD_PICTURE
            said.append(str(caught.value))
        assert said[0] == said[1]
        checks = [await each["reference"].check() for each in (direct, dev)]
        assert (checks[0].state, checks[0].digest) == (checks[1].state, checks[1].digest)
        assert 0 < checks[1].seconds < LONG
        assert equal(await network.run(picture, encode="qoi"), good)


async def test_calls_that_are_cancelled_or_late_leave_nothing(tmp_path: Path) -> None:
    with sim.rig("reference:?slots=2") as rig:
        async with serving(rig.url, f"unix:{tmp_path}/a") as (url,), N6Device(url) as dev, N6Device(url) as other:
            network = dev["reference"]
            right = await other["reference"].run(noise(network))
            rig.freeze()
            async with anyio.create_task_group() as calls:
                for seed in range(4):
                    calls.start_soon(network.run, noise(network, seed))
                while not (await dev.stats()).queue:
                    pass
                calls.cancel_scope.cancel()
            for _ in range(100):  # on a busy computer the time may have passed before the server has the inference
                with pytest.raises(N6Timeout):
                    await network.run(noise(network), timeout=0.05)
                if (await dev.stats()).networks[0].late:
                    break
            rig.restore()
            assert equal(await other["reference"].run(noise(network)), right)
            assert equal(await network.run(noise(network)), right)
            statistics = await dev.stats()
            assert statistics.queue == 0 and statistics.networks[0].cancelled and statistics.networks[0].late
            assert (await other.stats()).networks[0].runs == 3  # of all programs
            assert [client.runs for client in await dev.clients()] == [2, 1]


async def test_a_network_that_one_program_has_leased(tmp_path: Path) -> None:
    async with serving(sim_url(), f"unix:{tmp_path}/a") as (url,), N6Device(url) as dev, N6Device(url) as other:
        network, others = dev["reference"], other["reference"]
        assert Feature.LEASES in dev.info.features and await network.leased() is None
        right = await others.run(noise(network))
        lease = await network.lease(LONG)
        assert lease.own and lease.holder == HOST and 0 < lease.remaining <= LONG + 1
        assert equal(await network.run(noise(network)), right)
        seen = await others.leased()
        assert seen and not seen.own and seen.holder == HOST and seen.remaining <= LONG + 1
        with pytest.raises(DeviceError, match=rf"BUSY: {HOST} has leased the network for \d+ s more") as caught:
            await others.run(noise(network))
        assert caught.value.status is Status.BUSY
        with pytest.raises(DeviceError, match=f"network 'reference' is leased by {HOST} for .* s more; try again then"):
            await others.lease()
        await others.end_lease()  # it has none
        assert await other["reference_colour"].run(noise(other["reference_colour"]))
        assert [client.leases for client in await other.clients()].count(1) == 1
        await network.end_lease()
        assert equal(await others.run(noise(network)), right)
        await network.lease(0.001)
        while await others.leased():
            pass
        assert equal(await others.run(noise(network)), right)
        # what a program held is free at once when it ends
        await network.lease(LONG)
        await dev.aclose()
        while await others.leased():
            pass
        assert equal(await others.run(noise(network)), right)
        with pytest.raises(BadInput, match="seconds=0 is out of range; use 0.001 to 600"):
            await others.lease(0)
        for body, says in (
            (records.Lease(network=9), "UNKNOWN_NETWORK: no such network .network = 9."),
            (records.Lease(action=7), "UNSUPPORTED: unknown action .action = 7."),
            (records.Lease(action=LeaseAction.TAKE), "BAD_REQUEST: a lease of 0 ms .duration_ms = 0."),
        ):
            with pytest.raises(DeviceError, match=says):
                await other.connection.ask(MessageType.LEASE, body.pack())
    async with N6Device(sim_url()) as alone:
        for call in (alone["reference"].lease(), alone.clients()):
            with pytest.raises(DeviceError, match="UNSUPPORTED: not possible on this device"):
                await call


async def test_programs_that_only_read(tmp_path: Path) -> None:
    async with (
        serving(sim_url(), f"unix:{tmp_path}/a") as (url,),
        N6Device(url) as dev,
        N6Device(url, read_only=True) as reader,
    ):
        network = reader["reference"]
        for call in (network.run(noise(network)), network.lease(), reader.reset(), reader.reset_stats()):
            with pytest.raises(DeviceError, match="the role is READ_ONLY") as caught:
                await call
            assert caught.value.status is Status.READ_ONLY
        await dev["reference"].run(noise(network))
        assert (await reader.ping()).rtt > 0 and (await reader.stats()).networks[0].runs == 1
        await dev["reference"].run(noise(network), timers=False)
        blocks = await reader.epoch_stats("reference")  # those of the run with timers
        assert blocks.runs == 1 and (await reader.stats()).networks[0].runs == 2
        assert len(blocks.mean) == len(network.epochs) and blocks.mean.sum() > 0
        mine, its = sorted(await reader.clients(), key=lambda client: client.read_only)
        assert (mine.name, mine.read_only, mine.runs, mine.queued) == (HOST, False, 2, 0)
        assert (its.name, its.read_only, its.runs) == (HOST, True, 0) and mine.id != its.id
        assert mine.rx_bytes > 6912 and its.tx_bytes > 0
        assert reader.info.features == dev.info.features and Feature.CLIENTS in dev.info.features


async def test_many_clients_are_listed_in_pages(tmp_path: Path) -> None:
    async with serving(sim_url(), f"unix:{tmp_path}/a") as (url,), AsyncExitStack() as stack:
        devices = [await stack.enter_async_context(N6Device(url)) for _ in range(20)]
        found = await devices[0].clients()
        assert len({client.id for client in found}) == len(found) == 20


@pytest.mark.usefixtures("virtual_board")
async def test_a_network_that_cannot_run_is_described_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "bad.tflite").write_bytes(b"no network" * 20)
    url = f"sim:{tmp_path}/bad.tflite,reference:"
    async with (
        serving(url, f"unix:{tmp_path}/a") as (served,),
        N6Device(url) as direct,
        N6Device(served) as dev,
    ):
        assert dev.connection.rejected == direct.connection.rejected and list(dev.connection.rejected) == ["bad"]
        assert await dev["reference"].run(noise(dev["reference"]))


def test_how_failures_are_answered() -> None:
    said = work.failed(DeviceError("long text", Status.NPU_FAULT, 7, "words"))
    assert (said.status, said.value, said.text) == (Status.NPU_FAULT, 7, "words")
    assert work.failed(N6Timeout("the deadline")) == work.LATE
    assert work.failed(N6Timeout("no answer", "silent")).status == Status.NPU_FAULT
    assert "the cable" in work.failed(TransportError("the cable")).text


async def test_work_that_is_late_before_its_turn() -> None:
    desk = Desk(1)
    async with N6Device(sim_url()) as dev, desk.place(Share(), 0):
        job = Job(0, memoryview(b""), b"", timers=False, priority=0, deadline=ambient.monotonic() - 1)
        assert await work.infer(dev, desk, Share(), job) == work.LATE
        assert desk.waiting == 0


def test_an_installation_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    library.library.cache_clear()
    monkeypatch.setenv("N6LINK_SERVE", "/nowhere")
    with pytest.raises(TransportError, match="N6LINK_SERVE is '/nowhere', which is not a file"):
        library.library()
    monkeypatch.delenv("N6LINK_SERVE")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TransportError, match="this installation of n6link cannot serve a board"):
        library.library()
    library.library.cache_clear()


# ------------------------------------------------------------------------------- bad clients


async def test_a_bad_client_harms_only_itself(tmp_path: Path) -> None:
    """Garbage, floods without reading, stalls, lies, and clients that vanish at any byte."""
    seed = 8
    draw = random.Random(seed)
    async with serving(sim_url(), f"unix:{tmp_path}/a") as (url,), N6Device(url) as dev:
        network = dev["reference"]
        right = [await network.run(noise(network, each)) for each in range(4)]
        recorded = await recorded_session(url)
        before = len(os.listdir("/proc/self/fd"))
        for turn in range(60):
            with socket.socket(socket.AF_UNIX) as bad:
                bad.settimeout(LONG)
                bad.connect(f"{tmp_path}/a")
                kind = turn % 5
                sent = bytearray()
                if kind == 0:  # noise
                    sent += draw.randbytes(draw.randrange(1, 5000))
                elif kind == 1:  # vanishes
                    sent += recorded[: draw.randrange(len(recorded))]
                elif kind == 2:  # lies, with good frames around
                    sent += recorded
                    for _ in range(20):
                        sent[draw.randrange(len(sent))] ^= 1 << draw.randrange(8)
                elif kind == 3:  # the same frames in another order
                    cut = draw.randrange(len(recorded))
                    sent += recorded[:200] + recorded[cut:] + recorded[:cut]
                else:  # floods, and does not read
                    sent += recorded * 20
                with suppress(BlockingIOError, ConnectionError):
                    bad.setblocking(False)
                    bad.send(sent)
                each = turn % 4
                assert equal(await network.run(noise(network, each)), right[each])
        async with anyio.create_task_group() as calls:
            for each in range(4):
                calls.start_soon(network.run, noise(network, each))
        while len(os.listdir("/proc/self/fd")) > before:  # noqa: ASYNC110
            await anyio.sleep(0.005)
        assert (await dev.stats()).link.errors == 0


async def recorded_session(url: str) -> bytes:
    """The bytes that a client sends: it opens a session, reads descriptions, infers, and asks for statistics."""
    sent = bytearray()
    original = SocketStream.send

    async def send(self: SocketStream, item: bytes) -> None:
        sent.extend(item)
        await original(self, item)

    with mock.patch.object(SocketStream, "send", send), mock.patch.object(SocketStream, "send_nowait", lambda *_: 0):
        async with N6Device(url) as dev:
            for seed in range(3):
                await dev["reference_colour"].run(noise(dev["reference_colour"], seed))
            await dev.stats()
    return bytes(sent)


async def test_clients_that_are_too_many_are_refused(tmp_path: Path) -> None:
    async with serving(sim_url(), f"unix:{tmp_path}/a") as (url,), AsyncExitStack() as stack:
        devices = [await stack.enter_async_context(N6Device(url)) for _ in range(MOST_CLIENTS)]
        with pytest.raises(DeviceError, match=f"in use by {MOST_CLIENTS} programs, the limit of its server; close"):
            await N6Device(url, reconnect=0).open()
        await devices[3].aclose()
        async with N6Device(url) as dev:
            assert await dev["reference"].run(noise(dev["reference"]))


# ------------------------------------------------------------------------------- boards and servers that go


async def reached(dev: N6Device, state: State) -> None:
    while dev.state is not state:  # noqa: ASYNC110
        await anyio.sleep(0.005)


async def test_the_board_comes_back_without_a_word_to_clients_that_wait(tmp_path: Path) -> None:
    with sim.rig("reference:") as rig:
        async with (
            serving(rig.url, f"unix:{tmp_path}/a") as (url,),
            N6Device(url, reconnect=LONG) as patient,
            N6Device(url, reconnect=0) as hasty,
        ):
            network = patient["reference"]
            right = [await network.run(noise(network, seed)) for seed in range(4)]
            boot = patient.info.boot_nonce
            rig.cut()
            await reached(patient, State.RECONNECTING)
            await reached(hasty, State.LOST)
            with pytest.raises(TransportError):
                await hasty.ping()
            with pytest.raises(DeviceError, match="the device is away: .*; try again later"):
                await N6Device(url, reconnect=0).open()
            async with anyio.create_task_group() as calls:

                async def run(seed: int) -> None:
                    assert equal(await network.run(noise(network, seed)), right[seed])

                for seed in range(4):
                    calls.start_soon(run, seed)
                await anyio.lowlevel.checkpoint()
                rig.restore()
            assert patient.info.boot_nonce == boot and patient.health.reboots == 0
            await hasty.open()
            assert equal(await hasty["reference"].run(noise(network, 0)), right[0])
            await hasty.aclose()

            rig.reset()
            while patient.info.boot_nonce == boot:
                with suppress(DeviceRebooted):
                    await network.run(noise(network, 0))
                await anyio.sleep(0.005)
            assert equal(await network.run(noise(network, 1)), right[1])


async def test_a_server_that_is_started_again(tmp_path: Path) -> None:
    place = f"unix:{tmp_path}/a"
    with sim.rig("reference:") as rig:
        async with serving(rig.url, place) as (url,):
            dev = N6Device(url, reconnect=LONG)
            await dev.open()
            network = dev["reference"]
            right = await network.run(noise(network))
            statistics = await dev.stats()
            assert statistics.networks[0].runs == 1
        await reached(dev, State.RECONNECTING)
        async with serving(rig.url, place):
            assert equal(await network.run(noise(network)), right)
            assert dev.health.reboots == 0
            await dev.aclose()


# ------------------------------------------------------------------------------- places


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("unix:", "does not contain a path"),
        ("7646", "is not a place to listen at; use unix:PATH or 127.0.0.1:PORT"),
        ("127.0.0.1:70000", "is not a place to listen at"),
        ("0.0.0.0:7646", "reached from other machines.*ssh -L 7646:127.0.0.1:7646"),
        ("[::]:1", "reached from other machines"),
        ("board.local:1", "reached from other machines"),
    ],
)
def test_places_that_are_refused(written: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        Place.parse(written)


def test_a_place_has_one_server(tmp_path: Path) -> None:
    place = Place.parse(f"unix:{tmp_path}/a")
    with (
        listening(place),
        pytest.raises(TransportError, match="another server listens at unix:.*/a; stop it"),
        listening(place),
    ):
        pass
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(f"{tmp_path}/a")
    with listening(place) as (_, url):
        assert url == f"unix:{tmp_path}/a"
    (tmp_path / "a").write_text("not a socket")
    with pytest.raises(TransportError, match="exists and is not a socket"), listening(place):
        pass
    with listening(Place.parse("localhost:0")) as (_, url):
        port = url.rpartition(":")[2]
        says = f"cannot listen at 127.0.0.1:{port}: .*choose another --listen"
        with pytest.raises(TransportError, match=says), listening(Place.parse(f"tcp:127.0.0.1:{port}")):
            pass
    with (
        pytest.raises(TransportError, match="cannot listen at unix:.*/a/b"),
        listening(Place.parse(f"unix:{tmp_path}/a/b")),
    ):
        pass


async def test_programs_find_the_server_by_themselves(
    usb: Usb, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("N6LINK_RUNTIME", str(tmp_path / "servers"))
    with pytest.raises(NoDeviceError, match="no STM32N6 board was found"):
        await N6Device().open()
    async with serving("sim:reference:"):
        (server,) = servers.running()
        assert server.pid == os.getpid() and server.board == "sim:reference:" and not server.port
        async with N6Device() as dev:
            assert dev.url == server.url and "through n6link serve" in dev.info.runtime
            assert await dev["reference"].run(noise(dev["reference"]))
        says = f"another server has this board, at {server.url}; stop it, or use it"
        with pytest.raises(TransportError, match=says):
            await Server("sim:reference:", []).run()
        usb.plug("ttyACM0", "0483:374e", "0039002B3433510A")
        with pytest.raises(NoDeviceError, match=r"2 boards are connected: sim:reference: \(through the server"):
            await N6Device().open()
    assert servers.running() == []
    assert [path.name for path in (tmp_path / "servers").iterdir() if path.suffix != ".lock"] == []


def test_servers_that_were_killed_are_not_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("N6LINK_RUNTIME", str(tmp_path))
    server = servers.Running("unix:x", "serial:y", "abc", str(tmp_path / "port"), 1)
    with servers.announced(server), socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(servers.socket_of("abc")))
        assert servers.running() == []
        stale.listen(0)
        assert servers.running() == [server]
        (tmp_path / "link").symlink_to(tmp_path / "port")
        assert servers.holder(str(tmp_path / "link")) == server and not servers.holder("/dev/other")
        (tmp_path / "bad.json").write_text("{")
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(tmp_path / "bad.sock"))
            other.listen()
            assert servers.running() == [server]


def test_a_port_of_a_server_is_busy_with_the_url_to_use(
    line: Line, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("N6LINK_RUNTIME", str(tmp_path))
    server = servers.Running(f"unix:{tmp_path}/abc.sock", "serial:x", "abc", line.path, 77)
    with servers.announced(server), socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(servers.socket_of("abc")))
        listener.listen()
        held = os.open(line.path, os.O_RDWR | os.O_NOCTTY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            with pytest.raises(PortBusy, match=rf"used by `n6link serve` \(process 77\).*; use its URL, {server.url}"):
                anyio.run(N6Device(f"serial:{line.path}").open)
        finally:
            os.close(held)


# ------------------------------------------------------------------------------- shares


async def test_clients_have_equal_shares_and_urgent_work_goes_first() -> None:
    desk, order = Desk(1), list[str]()
    shares = {name: Share() for name in "ab"}

    async def use(name: str, priority: int = 0) -> None:
        async with desk.place(shares.setdefault(name, Share()), priority):
            order.append(name)
            await anyio.lowlevel.checkpoint()
            shares[name].used += 1

    async with anyio.create_task_group() as calls:
        for _ in range(4):
            calls.start_soon(use, "a")
        await anyio.lowlevel.checkpoint()
        for name in "bbbb":
            calls.start_soon(use, name)
        calls.start_soon(use, "c", 1)
    assert desk.waiting == 0
    assert order.index("c") < 2
    assert "".join(name for name in order if name != "c") == "abababab"
    # whoever was idle has no claim for the past
    order.clear()
    async with anyio.create_task_group() as calls:
        for name in ("a", "d", "a", "d", "a", "d"):
            calls.start_soon(use, name)
    assert sorted(order[:2]) == ["a", "d"] and sorted(order[2:4]) == ["a", "d"]


# ------------------------------------------------------------------------------- the command


def test_the_command(tmp_path: Path) -> None:
    listen = ["--listen", f"unix:{tmp_path}/a", "--listen", "127.0.0.1:0"]
    command = [sys.executable, "-m", "n6link", "serve", "--url", sim_url(), *listen]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            said = json.loads(process.stdout.readline())
            assert said["pid"] == process.pid and len(said["urls"]) == 3
            for url in said["urls"]:
                seen = CliRunner().invoke(app, ["info", "--url", url, "--json"])
                assert seen.exit_code == 0 and "n6link serve" in json.loads(seen.stdout)["device"]["runtime"]
            process.send_signal(signal.SIGTERM)
            assert process.wait(LONG) == 0
        finally:
            process.kill()
    assert not (tmp_path / "a").exists()


def test_places_of_the_command() -> None:
    wrong = CliRunner().invoke(app, ["serve", "--url", "sim:reference:", "--listen", "0.0.0.0:1"])
    assert wrong.exit_code == 2 and "ssh -L" in wrong.stderr


def test_a_unit_for_systemd() -> None:
    said = CliRunner().invoke(app, ["serve", "--url", "serial:100%", "--listen", "127.0.0.1:7646", "--systemd"])
    command = [sys.executable, "-m", "n6link", "serve", "--url", "serial:100%%", "--listen", "127.0.0.1:7646"]
    assert said.exit_code == 0 and f"ExecStart={' '.join(command)}\n" in said.stdout


def test_the_folder_of_servers_needs_no_session() -> None:
    """As in a container, where a user has no folder for a session: nothing is printed."""
    environment = {key: value for key, value in os.environ.items() if key not in ("N6LINK_RUNTIME", "XDG_RUNTIME_DIR")}
    program = "from n6link.transport import servers; print(servers.folder())"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == "" and Path(done.stdout.strip()).name == "n6link"
