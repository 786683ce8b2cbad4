"""N6Device end to end, on every target and under both event loops, with line faults, cancellation and hostile peers."""

from __future__ import annotations

import logging
import math
import random
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import anyio
import anyio.lowlevel
import numpy as np
import pytest
import wire
from e2e_fixtures import REFERENCE, board, device_url, noise, on_both_backends, sim_url
from faults import Faults, FaultyStream, breaking
from held import held, queued
from scripted import nonce_of, number_of, peer

import n6link
from n6link.control.loop import ControlLoop
from n6link.device import N6Device
from n6link.errors import (
    BadInput,
    CardError,
    DeviceError,
    DeviceRebooted,
    LocalProtocolError,
    N6Timeout,
    RemoteProtocolError,
    TransportError,
    UnknownName,
    VersionMismatch,
)
from n6link.network import Network
from n6link.protocol import VERSION, LogLevel, MessageType, ResetKind, Status, records
from n6link.result import Result
from n6link.session import connection
from n6link.session.inference import Job
from n6link.session.state import State
from n6link.tensors import card
from n6link.transport.url import open_stream

__all__ = ["device_url"]
NAMES = [network.split("=")[0] for network in REFERENCE]


def same(a: Result, b: Result) -> bool:
    """Whether two results have the same bytes."""
    return a.outputs.keys() == b.outputs.keys() and all(
        np.array_equal(a.outputs[name], b.outputs[name]) for name in a.outputs
    )


async def times_out(call: Callable[[], Awaitable[object]], says: str) -> None:
    """A call fails with this sentence. If the computer pauses for as long as the time-out, the sentence is another one, and the call is repeated."""
    said = ""
    for _ in range(20):
        with pytest.raises(N6Timeout) as caught:
            await call()
        said = str(caught.value)
        if re.search(says, said):
            return
    raise AssertionError(said)


# --------------------------------------------------------------------------------------- every target


async def test_what_a_device_says_of_itself(device_url: str) -> None:
    async with N6Device(device_url) as dev:
        assert dev.url == device_url
        assert list(dev.networks) == NAMES
        info = dev.info
        assert info.board
        assert info.firmware == n6link.__version__
        assert info.tick_hz > 0
        assert info.slots >= 2
        assert info.protocol == VERSION
        assert info.simulated
        assert 0 <= info.uptime < 3600
        for network in dev.networks.values():
            assert len(network.epochs) > 0
            assert network.pools
            assert network.card is not None
        assert dev["reference"].inputs["image"].shape == (1, 48, 48, 3)
        assert list(dev["reference_colour"].inputs) == ["image", "prior"]
        assert NAMES[0] in repr(dev)
        assert "image int8[1, 48, 48, 3]" in repr(dev["reference"])


async def test_an_unknown_network(device_url: str) -> None:
    async with N6Device(device_url) as dev:
        with pytest.raises(UnknownName, match="does not have a network 'yolo'; it has reference, reference_colour"):
            dev["yolo"]
        with pytest.raises(DeviceError) as caught:
            await dev.connection.ask(MessageType.DESCRIBE, records.Describe(network=99).pack())
        assert (caught.value.status, caught.value.value) == (Status.UNKNOWN_NETWORK, 99)


async def test_clocks(device_url: str) -> None:
    async with N6Device(device_url) as dev:
        first = await dev.ping()
        await anyio.sleep(0.01)
        second = await dev.ping()
        assert second.device_time > first.device_time
        assert second.error == second.rtt / 2
        assert 0 <= dev.clock.error < 1
        # The clock of an emulated device stops while it is idle, so only times of the host's clock agree.
        if device_url.startswith("sim:"):
            assert abs(second.offset - first.offset) <= first.error + second.error


async def test_inferences_one_after_the_other_and_many_at_once(device_url: str) -> None:
    async with N6Device(device_url, timeout=30) as dev:
        alone = {(name, seed): await dev[name].run(noise(dev[name], seed)) for name in NAMES for seed in range(3)}
        assert not same(alone["reference", 0], alone["reference", 1])
        together: dict[tuple[str, int], Result] = {}

        async def run(name: str, seed: int) -> None:
            together[name, seed] = await dev[name].run(noise(dev[name], seed))

        async with anyio.create_task_group() as group:
            for key in alone:
                group.start_soon(run, *key)
        assert all(same(alone[key], together[key]) for key in alone)


async def test_statistics(device_url: str) -> None:
    async with N6Device(device_url) as dev:
        network = dev["reference"]
        await dev.reset_stats()
        for seed in range(3):
            await network.run(noise(network, seed))
        stats = await dev.stats()
        assert stats.networks[network.info.index].runs == 3
        assert stats.networks[network.info.index].mean > 0
        assert stats.link.rx_frames > 6
        assert stats.link.errors == 0
        epochs = await dev.epoch_stats("reference")
        assert epochs.runs == 3
        assert len(epochs.mean) == len(network.epochs)
        await dev.reset_stats()
        assert (await dev.stats()).networks[network.info.index].runs == 0
        assert (await dev.epoch_stats("reference")).runs == 0
        with pytest.raises(UnknownName):
            await dev.epoch_stats("yolo")


async def test_statistics_that_come_by_themselves(device_url: str) -> None:
    async with N6Device(device_url) as dev:
        async with dev.subscribe(0.01) as readings, dev.subscribe(3600) as rare:
            times = []
            async for stats in readings:
                times.append(stats.time)
                if len(times) == 3:
                    break
            assert times == sorted(times)
            assert (await anext(rare)).time < 3600  # the first reading does not wait for the interval
        assert (await dev.stats()).time > times[-1]
        with pytest.raises(BadInput, match="interval=0"):
            async with dev.subscribe(0):
                pass


async def test_log_lines(device_url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="n6link.device"):
        async with N6Device(device_url) as dev, dev.logs() as lines:
            await dev.set_log_level(LogLevel.DEBUG)
            await dev.ping()
            line = await anext(lines)
            assert line.level == logging.DEBUG
            assert line.time is not None
            assert line.text
            await dev.set_log_level(LogLevel.NONE)
    assert any(line.text in record.getMessage() for record in caplog.records)


async def test_cancelling_leaves_the_device_usable(device_url: str) -> None:
    async with N6Device(device_url, timeout=30) as dev:
        network = dev["reference"]
        good = await network.run(noise(network))
        for pause in (0.0, 0.0005, 0.002, 0.01, 0.05):
            with anyio.move_on_after(pause):
                await network.run(noise(network, 1))
            assert same(await network.run(noise(network)), good)


async def test_reset_cancels_what_is_under_way(device_url: str) -> None:
    async with N6Device(device_url, timeout=30) as dev:
        network = dev["reference"]
        good = await network.run(noise(network))
        errors = []

        async def run() -> None:
            with pytest.raises(DeviceError) as caught:
                await network.run(noise(network, 1))
            errors.append(caught.value.status)

        async with held(dev, network), anyio.create_task_group() as group:
            group.start_soon(run)
            await queued(dev, 1)
            await dev.reset()
        assert errors == [Status.CANCELLED]
        assert (await dev.stats()).queue == 0
        assert same(await network.run(noise(network)), good)


async def test_restart(device_url: str) -> None:
    async with N6Device(device_url, timeout=30) as dev:
        before = dev.info
        await dev.reset(restart=True)
        assert dev.info.boot_nonce != before.boot_nonce
        assert dev.info.board == before.board
        network = dev["reference"]
        await network.run(noise(network))


async def test_a_device_that_was_restarted_by_others(device_url: str) -> None:
    async with N6Device(device_url, timeout=30, reconnect=0) as dev:
        with suppress(DeviceRebooted):
            await dev.connection.ask(
                MessageType.RESET, records.Reset(kind=ResetKind.DEVICE, boot_nonce=dev.info.boot_nonce).pack()
            )
        with pytest.raises(DeviceRebooted, match="was restarted"):
            for _ in range(100):
                await dev.ping()
        with pytest.raises(DeviceRebooted):
            await dev["reference"].run(noise(dev["reference"]))


# ---------------------------------------------------------------------------------- other transports


@on_both_backends
async def test_sim() -> None:
    await infer_once(sim_url())


@on_both_backends
async def test_tcp() -> None:
    with board("--tcp", "0") as stands_alone:
        await infer_once(stands_alone.url)
        await infer_once(stands_alone.url)


@on_both_backends
async def test_unix(tmp_path: Any) -> None:
    with board("--unix", str(tmp_path / "board")) as stands_alone:
        await infer_once(stands_alone.url)
        await infer_once(stands_alone.url)


async def test_serial() -> None:
    with board("--pty") as stands_alone:
        await infer_once(stands_alone.url)
        await infer_once(stands_alone.url)


async def infer_once(url: str) -> None:
    async with N6Device(url) as dev:
        network = dev["reference"]
        first, second = [await network.run(noise(network)) for _ in range(2)]
        assert same(first, second)


# ------------------------------------------------------------------------------------------ faults


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    "faults",
    [
        Faults(flip=3e-4),
        Faults(drop=2e-4),
        Faults(insert=2e-4),
        Faults(double=2e-4),
        Faults(flip=1e-4, drop=1e-4, insert=1e-4, double=1e-4),
        Faults(dribble=True),
        Faults(stall=0.2),
    ],
    ids=["flips", "drops", "noise", "doubled bytes", "everything", "dribble", "stalls"],
)
async def test_results_are_right_over_a_bad_line(faults: Faults, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    url = sim_url(chunk=256)
    async with N6Device(url) as dev:
        network = dev["reference"]
        good = [await network.run(noise(network, n)) for n in range(3)]
    made: list[FaultyStream] = []
    monkeypatch.setattr(connection, "open_stream", breaking(open_stream, faults, seed, made))
    async with N6Device(url, timeout=30) as dev:
        network = dev["reference"]
        for n in range(12):
            assert same(await network.run(noise(network, n % 3)), good[n % 3])
        made[0].active = False
        assert same(await network.run(noise(network)), good[0])
        assert dev.counters.rx_frames > 0


@pytest.mark.parametrize(
    ("find", "put", "way"),
    [
        (b"\x11", b"", "down"),
        (b"\r", b"\n", "down"),
        (b"\n", b"\r\n", "down"),
        (b"\xff", b"\xff\xff", "down"),
        (b"\r", b"\n", "up"),
        (b"\xff", b"\xff\xff", "up"),
    ],
    ids=["XON is removed", "CR to LF", "LF to CR LF", "0xff doubled", "CR to LF, sent", "0xff doubled, sent"],
)
async def test_a_line_that_changes_bytes(find: bytes, put: bytes, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Terminal settings and converters do this to every such byte; the time-out names the cause.

    A chunk is damaged each time, or the HELLO of a session with smaller chunks: its random nonce may have the byte too.
    """
    says = {
        "down": "received bytes are not part of a frame",
        "up": "of the chunks arrive at the device undamaged; .*the line's settings|the line changes what is sent to it|"
        "the line damages this request each time",
    }[way]

    made: list[FaultyStream] = []
    changes = breaking(open_stream, Faults(find=find, put=put, way=way), 0, made, active=False)
    monkeypatch.setattr(connection, "open_stream", changes)
    async with N6Device(sim_url(), reconnect=0) as dev:
        network = dev["reference"]
        data = np.arange(network.inputs["image"].size, dtype=np.int8).reshape(network.inputs["image"].shape)
        good = await network.run(data)
        made[0].active = True
        dev.connection.channel.timeout = 0.4

        async def until_it_fails() -> None:
            while True:
                await network.run(data)

        await times_out(until_it_fails, says)
    async with N6Device(sim_url()) as dev:
        assert same(await dev["reference"].run(data), good)


async def test_a_line_of_seven_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer to HELLO arrives undamaged; that frames of n6link arrive is said."""
    monkeypatch.setattr(connection, "open_stream", breaking(open_stream, Faults(seven_bits=True), 0))
    says = r"all arrive damaged: the line changes bytes \(flow control, 7 bits"
    await times_out(N6Device(sim_url(), timeout=0.4, reconnect=0).open, says)


@pytest.mark.parametrize("cut", [6000, 9000, 20_000])
async def test_a_line_that_breaks(cut: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every waiting call fails immediately with an error object of its own, and so does every later call."""
    url = sim_url()
    monkeypatch.setattr(connection, "open_stream", breaking(open_stream, Faults(cut=cut), 1))
    errors = []

    async def run(network: Network) -> None:
        with pytest.raises(TransportError, match="was cut") as caught:
            while True:
                await network.run(noise(network))
        errors.append(caught.value)

    async with N6Device(url, reconnect=0) as dev:
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(run, dev["reference"])
        assert len(set(map(id, errors))) == 5
        with pytest.raises(TransportError, match="was cut"):
            await dev.ping()


async def test_a_line_that_breaks_while_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "open_stream", breaking(open_stream, Faults(cut=500), 1))
    with pytest.raises(TransportError, match="was cut"):
        async with N6Device(sim_url()):
            pass


@on_both_backends
async def test_an_inference_reports_its_steps() -> None:
    steps: list[str] = []
    async with N6Device(sim_url()) as device:
        network = device["reference"]
        await network.run(noise(network), sent=lambda: steps.append("sent"), computed=lambda: steps.append("computed"))
    assert steps == ["sent", "computed"]


@on_both_backends
async def test_a_board_that_dies() -> None:
    with board("--tcp", "0") as victim:
        async with N6Device(victim.url, reconnect=0) as dev, dev.logs() as lines, dev.subscribe(3600) as readings:
            await dev.ping()
            victim.die()
            with pytest.raises(TransportError):
                while True:
                    await dev.ping()
            for listener in (lines, readings):
                with pytest.raises(TransportError):
                    async for _ in listener:
                        pass


# ------------------------------------------------------------------------------------- cancellation


@pytest.mark.parametrize("step", range(24))
async def test_cancelled_anywhere(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each read and each write has a delay, so that the cancellation happens at each await, one after the other."""
    monkeypatch.setattr(connection, "open_stream", breaking(open_stream, Faults(delay=0.001), 1))
    async with N6Device(sim_url(chunk=256, slots=2)) as dev:
        network = dev["reference"]
        good = await network.run(noise(network))
        with anyio.move_on_after(step * 0.0007):
            await network.run(noise(network, 1))
        together: list[Result] = []

        async def run() -> None:
            together.append(await network.run(noise(network)))

        async with anyio.create_task_group() as group:  # as many as there are slots, and one more
            for _ in range(3):
                group.start_soon(run)
        assert all(same(result, good) for result in together)
        background = (MessageType.RELEASE, MessageType.PING)  # end when they end
        assert not [x for x in dev.connection.channel.link.exchanges.values() if x.type not in background]


async def test_a_repeated_ping_counts_from_the_transmission_that_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers wait before they arrive, so that the PING is repeated, and the first answer is that to the first one."""

    class Late(FaultyStream):
        late = 0.0

        async def receive(self, max_bytes: int = 65536) -> bytes:
            data = await super().receive(max_bytes)
            await anyio.sleep(self.late)
            return data

    made: list[Late] = []

    async def late(url: str | None = None) -> Late:
        made.append(Late(await open_stream(url), Faults(), 0))
        return made[-1]

    monkeypatch.setattr(connection, "open_stream", late)
    async with N6Device(sim_url()) as dev:
        made[0].late = 0.5
        before = dev.counters.repeats
        assert (await dev.ping()).rtt >= 0.5
        assert dev.counters.repeats > before


@on_both_backends
async def test_cancelled_while_all_slots_are_taken() -> None:
    async with N6Device(sim_url(slots=2)) as dev:
        network = dev["reference"]
        async with anyio.create_task_group() as group:
            for seed in range(6):
                group.start_soon(network.run, noise(network, seed))
            await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
        await network.run(noise(network))


@pytest.mark.parametrize("seed", [1, 2])
async def test_cancelled_at_random_over_a_bad_line(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five programs at once, a third of their calls cancelled; no result is wrong and no slot or buffer stays in use."""
    faults, made = Faults(flip=5e-5, drop=5e-5, insert=5e-5, double=5e-5), list[FaultyStream]()
    monkeypatch.setattr(connection, "open_stream", breaking(open_stream, faults, seed, made))
    chance = random.Random(seed)
    async with N6Device(sim_url(chunk=256), timeout=30) as dev:
        made[0].active = False
        good = {(name, n): await dev[name].run(noise(dev[name], n)) for name in NAMES for n in range(2)}
        made[0].active = True

        async def program() -> None:
            for _ in range(30):
                name, n = key = chance.choice(list(good))
                with anyio.move_on_after(chance.choice([math.inf, math.inf, 0.0, 0.001, 0.004, 0.02])):
                    result = await dev[name].run(noise(dev[name], n), priority=chance.randrange(3), reduce=False)
                    assert same(result, good[key])

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(program)
        made[0].active = False
        while not dev.connection.channel.idle:  # noqa: ASYNC110  what was cancelled is cleared up in the background
            await anyio.sleep(0.01)
        assert (await dev.stats()).queue == 0


async def test_a_cancelled_request_leaves_nothing_behind() -> None:
    async with N6Device(sim_url()) as dev:
        with anyio.move_on_after(0):
            await dev.ping()
        assert dev.connection.channel.idle
        await dev.ping()


@on_both_backends
async def test_a_slot_that_the_device_still_uses_is_tried_again() -> None:
    """An inference whose input never arrives uses the first slot until its time to live has passed."""
    async with N6Device(sim_url(slots=2)) as dev:
        network = dev["reference"]
        good = await network.run(noise(network))
        for slot in range(2):
            later = dev.connection.channel.link.next_id + 1000
            body = records.Infer(
                key=slot + 1, upload=later, slot=slot, network=network.info.index, ttl_us=150_000
            ).pack()
            dev.connection.channel.send(MessageType.INFER, body)
        assert same(await network.run(noise(network)), good)
        assert (await dev.stats()).networks[network.info.index].late == 2


async def test_a_device_that_stays_busy_is_given_up() -> None:
    async with N6Device(sim_url(slots=2)) as dev:
        network, channel = dev["reference"], dev.connection.channel
        await network.run(noise(network))
        usual, channel.timeout = channel.timeout, 0.3
        for slot in range(2):
            later = dev.connection.channel.link.next_id + 1000
            body = records.Infer(key=slot + 1, upload=later, slot=slot, network=network.info.index).pack()
            dev.connection.channel.send(MessageType.INFER, body)
        with pytest.raises(DeviceError) as caught:
            while True:
                with suppress(N6Timeout):  # of a computer that pauses
                    await network.run(noise(network))
                    break
        assert caught.value.status == Status.BUSY
        channel.timeout = usual
        await dev.reset()
        await network.run(noise(network))


# ----------------------------------------------------------------------------------------- deadlines


@on_both_backends
async def test_time_outs() -> None:
    async with N6Device(sim_url(baud=115200)) as dev:
        network = dev["reference"]
        begun = time.monotonic()
        with pytest.raises(N6Timeout, match=r"network 'reference' did not return a result within 0\.1 s"):
            await network.run(noise(network), timeout=0.1)
        with pytest.raises(TimeoutError):
            await network.run(noise(network), deadline=time.monotonic() + 0.05)
        assert time.monotonic() - begun >= 0.15
        await network.run(noise(network), timeout=30)


async def test_an_inference_that_stays_in_the_queue() -> None:
    """The device answers each repetition of the INFER, and this is not progress."""
    async with N6Device(sim_url(), reconnect=0) as dev:
        network, channel = dev["reference"], dev.connection.channel
        async with held(dev, network):
            usual, channel.timeout = channel.timeout, 0.4
            says = "the device reports QUEUED without progress; use a larger timeout"
            await times_out(lambda: network.run(noise(network)), says)
            channel.timeout = usual
            assert (await dev.ping()).rtt > 0
        await network.run(noise(network))


async def test_the_device_drops_what_is_late() -> None:
    """The host does not stop the wait, so that the error is the device's."""
    async with N6Device(sim_url()) as dev:
        network = dev["reference"]
        job = Job(
            network=network.info.index,
            image=memoryview(bytes(network.inputs["image"].size)),
            returns=b"",
            timers=False,
            priority=0,
            deadline=time.monotonic() - 1,
        )
        with pytest.raises(N6Timeout, match="the device dropped it") as caught:
            await dev.connection.infer(job)
        assert isinstance(caught.value.__cause__, DeviceError)
        assert (await dev.stats()).networks[network.info.index].late == 1


# --------------------------------------------------------------------------------- peers and programs


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (lambda _: b"", N6Timeout, "has not answered for 0.3 s; check the power of the board"),
        (lambda _: b"Debian GNU/Linux\r\nlogin: ", RemoteProtocolError, r"it sends 'Debian GNU/Linux\r\nlogin: "),
        (lambda _: b"\xff\x00\x01", RemoteProtocolError, r"it sends '\xff\x00\x01"),
        (lambda sent: sent, RemoteProtocolError, "returns the bytes that this program sends"),
        (
            lambda sent: wire.hello_reply(number_of(sent), nonce=nonce_of(sent), major=3),
            VersionMismatch,
            "update n6link on this computer",
        ),
        (
            lambda sent: wire.hello_reply(number_of(sent), nonce=nonce_of(sent), chunk=1),
            RemoteProtocolError,
            "a chunk of 1 bytes",
        ),
    ],
    ids=["silent", "a console", "noise", "an echo", "another version", "impossible"],
)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_peers_that_are_no_device(
    answer: Callable[[bytes], bytes], error: type[Exception], says: str, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body() -> None:
        with pytest.raises(error) as caught:
            async with peer(monkeypatch, answer):
                pytest.fail("there is no device")
        assert says in str(caught.value)

    anyio.run(body, backend=backend)


def test_a_peer_that_describes_itself_badly(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(sent: bytes) -> bytes:
        kind, number = sent[2], int.from_bytes(sent[4:8], "little")
        if kind == MessageType.HELLO:
            return wire.hello_reply(number, nonce=nonce_of(sent))
        return wire.reply(MessageType(kind), number, b"short")

    async def body() -> None:
        with pytest.raises(RemoteProtocolError, match="reply to INFO cannot be used"):
            async with peer(monkeypatch, answer):
                pass

    anyio.run(body)


async def test_boot_messages_are_log_lines(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    class Booting(FaultyStream):
        async def receive(self, max_bytes: int = 65536) -> bytes:
            data = await super().receive(max_bytes)
            text, self.text = self.text, b""
            return text + data

        text = b"\r\nBoot ok, 800 MHz\r\n"

    async def booting(url: str | None = None) -> Booting:
        return Booting(await open_stream(url), Faults(), 0)

    monkeypatch.setattr(connection, "open_stream", booting)
    with caplog.at_level(logging.INFO, logger="n6link.device"):
        async with N6Device(sim_url()) as dev:
            await dev.ping()
    said = [record.getMessage() for record in caplog.records if record.name == "n6link.device"]
    assert said == [f"{dev.url}: Boot ok, 800 MHz"]


async def test_a_url_that_cannot_be_opened() -> None:
    with pytest.raises(TransportError, match="no program listens"):
        async with N6Device("unix:/nowhere/at/all"):
            pass


@pytest.mark.parametrize("timeout", [0, -1, math.inf, math.nan])
def test_impossible_time_outs(timeout: float) -> None:
    with pytest.raises(BadInput, match="must be a positive, finite number of seconds"):
        N6Device("sim:", timeout=timeout)


@on_both_backends
async def test_exceptions_of_the_block_come_out_as_they_are() -> None:
    with pytest.raises(ZeroDivisionError):
        async with N6Device(sim_url()):
            raise ZeroDivisionError


@on_both_backends
async def test_the_block_can_be_cancelled() -> None:
    with anyio.move_on_after(0.05) as scope:
        async with N6Device(sim_url()) as dev:
            while True:
                await dev.ping()
    assert scope.cancelled_caught


@on_both_backends
async def test_opening_can_be_cancelled() -> None:
    for pause in (0.0, 0.001, 0.005, 0.02):
        with anyio.move_on_after(pause):
            async with N6Device(sim_url()):
                pass


async def test_a_device_is_open_once_and_can_be_opened_again() -> None:
    dev = N6Device(sim_url())
    with pytest.raises(LocalProtocolError, match="is not open"):
        await dev.ping()
    assert "closed" in repr(dev)
    for _ in range(2):
        async with dev:
            await dev.ping()
            with pytest.raises(LocalProtocolError, match="already open"):
                async with dev:
                    pass
    with pytest.raises(LocalProtocolError, match="is not open"):
        await dev.ping()


async def test_a_control_loop_beside_the_device() -> None:
    async with N6Device(sim_url()) as dev:
        loop = dev.loop(50, missed="raise")
        assert isinstance(loop, ControlLoop)
        assert loop.hz == 50


async def test_two_devices_at_once() -> None:
    async with N6Device(sim_url()) as one, N6Device(sim_url()) as two:
        assert one.info.boot_nonce != two.info.boot_nonce
        network = one["reference"]
        first, second = await network.run(noise(network)), await two["reference"].run(noise(network))
        assert same(first, second)


async def test_names_that_do_not_exist() -> None:
    async with N6Device(sim_url()) as dev:
        network = dev["reference"]
        with pytest.raises(UnknownName, match="output 'heat' does not exist; the network has heatmaps"):
            network.outputs["heat"]
        with pytest.raises(UnknownName, match="input 'x' does not exist; the network has "):
            network.inputs["x"]
        assert network.outputs.get("heat") is None


async def test_a_card_that_is_not_for_any_network() -> None:
    other = card.load('task = "pose-heatmap"\nnetworks = ["dancer*"]', base=None, name="dancer")
    dev = N6Device(sim_url(), cards=[other])
    with pytest.raises(CardError, match=r"card 'dancer' is for the network dancer\*, but the device has reference"):
        await dev.open()
    assert dev.state is State.CLOSED
