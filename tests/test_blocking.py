"""The interface for programs that are not async: the same objects and errors, from any thread."""

from __future__ import annotations

import inspect
import itertools
import logging
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from e2e_fixtures import board, noise, sim_url

import n6link
from n6link import blocking
from n6link.blocking import N6Device
from n6link.control.loop import ControlLoop
from n6link.control.stream import Stream
from n6link.errors import (
    BadInput,
    DeviceError,
    LocalProtocolError,
    N6Timeout,
    TransportError,
    UnknownName,
)
from n6link.link.link import Link
from n6link.protocol import LogLevel, MessageType
from n6link.protocol.records import Return
from n6link.session.channel import Channel
from n6link.text.generation import TextStream


@contextmanager
def stuck(device: N6Device, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Requests of this block are not answered."""
    with monkeypatch.context() as patch:
        patch.setattr(Link, "data_to_send", lambda *_: [])
        yield


def test_it_gives_what_the_async_interface_gives() -> None:
    with N6Device(sim_url()) as device:
        assert device.url == sim_url()
        assert device.info.board == "n6sim (host)"
        assert list(device.networks) == ["reference", "reference_colour"]
        network = device["reference"]
        assert network.name == "reference"
        assert list(network.inputs) == ["image"]
        assert list(network.outputs) == ["heatmaps"]
        assert len(network.epochs.blocks) == 6
        assert network.card is device["reference"].card
        assert network.pools[0].name == "arena"
        assert network.latest() is None
        result = network.run(noise(network), timers=True)
        assert isinstance(result, n6link.Result)
        assert result.epochs
        assert network.newest is result
        latest = network.latest()
        assert latest
        assert latest.result is result
        assert latest.age > 0
        assert device.ping().rtt > 0
        assert device.stats().networks[0].runs == 1
        assert device.epoch_stats("reference").runs == 1
        device.reset_stats()
        assert device.stats().networks[0].runs == 0
        assert network.profile(runs=2, warmup=0).runs == 2
        assert device.counters.tx_frames > 0
        assert device.clock.error < 1


def test_a_stream_with_a_source() -> None:
    with N6Device(sim_url()) as device:
        network = device["reference"]
        frames = [noise(network, seed) for seed in range(5)]
        alone = [network.run(frame).outputs["heatmaps"].tobytes() for frame in frames]
        with network.stream(iter(frames), policy="all") as stream:
            assert [result.outputs["heatmaps"].tobytes() for result in stream] == alone
            assert next(stream, None) is None
        assert stream.stats.delivered == 5


def test_a_stream_that_is_fed_by_hand() -> None:
    with N6Device(sim_url()) as device:
        network = device["reference"]
        with network.stream(policy="all") as stream:
            assert stream.put(noise(network), captured=1.0)
            result = next(stream)
            assert result.frame
            assert result.frame.captured == 1.0
            latest = stream.latest()
            assert latest
            assert latest.result is result
            assert stream.put(noise(network))
            stream.end()
            assert len(list(stream)) == 1


def test_a_loop_beside_a_stream() -> None:
    """A complete control program: frames in, ticks, the newest result."""
    with N6Device(sim_url()) as device:
        network = device["reference"]
        seen: list[float] = []
        with network.stream() as stream, device.loop(200) as loop:
            for tick in loop:
                stream.put(noise(network, tick.index))
                if latest := tick.latest(network):
                    assert latest.result.captured <= time.monotonic()
                    seen.append(latest.result.captured)
                if len(seen) >= 20:
                    break
            assert stream.stats.frames == loop.stats.ticks >= 20
        assert seen == sorted(seen)


def test_statistics_and_log_lines_come_by_themselves() -> None:
    with N6Device(sim_url()) as device:
        with device.subscribe(0.01) as readings:
            first, second = itertools.islice(readings, 2)
            assert second.time > first.time
        device.set_log_level(LogLevel.DEBUG)
        with device.logs() as lines:
            device.ping()
            assert next(lines).text == "PING"


def test_any_thread_may_ask_for_the_newest_result() -> None:
    """Many threads read while one runs: results are never older than before."""
    with N6Device(sim_url()) as device:
        network = device["reference"]
        done = threading.Event()

        def watch() -> int:
            seen: list[float] = []
            over = False
            while not over:
                over = done.wait(0.001)
                if latest := network.latest():
                    seen.append(latest.result.captured)
            assert seen == sorted(seen)
            return len(seen)

        with ThreadPoolExecutor(4) as threads:
            watchers = [threads.submit(watch) for _ in range(4)]
            for seed in range(100):
                network.run(noise(network, seed))
            done.set()
            assert all(watcher.result() > 0 for watcher in watchers)


def test_latest_does_not_wait_for_the_event_loop(caplog: pytest.LogCaptureFixture) -> None:
    with N6Device(sim_url()) as device:
        network = device["reference"]
        network.run(noise(network))
        blocked, may_go_on = threading.Event(), threading.Event()

        class Blocks(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                blocked.set()
                may_go_on.wait(30)

        device.set_log_level(LogLevel.DEBUG)
        logger, handler = logging.getLogger("n6link.device"), Blocks()
        with caplog.at_level(logging.DEBUG, logger.name), ThreadPoolExecutor(1) as threads:
            logger.addHandler(handler)
            waiting = threads.submit(device.ping)  # the event loop hands the device's log line of it to the logger
            assert blocked.wait(30)
            assert network.latest()
            logger.removeHandler(handler)
            may_go_on.set()
            assert waiting.result(30)


def test_threads_run_side_by_side() -> None:
    with N6Device(sim_url()) as device, ThreadPoolExecutor(8) as threads:
        network = device["reference"]
        frames = [noise(network, seed) for seed in range(32)]
        alone = [network.run(frame).outputs["heatmaps"].tobytes() for frame in frames]
        assert [result.outputs["heatmaps"].tobytes() for result in threads.map(network.run, frames)] == alone


def test_two_devices() -> None:
    with board("--tcp", "0") as other_board, N6Device(sim_url()) as first, N6Device(other_board.url) as second:
        frame = noise(first["reference"])
        one, other = first["reference"].run(frame), second["reference"].run(frame)
        np.testing.assert_array_equal(one.outputs["heatmaps"], other.outputs["heatmaps"])
        assert first.info.boot_nonce != second.info.boot_nonce


def test_errors_keep_their_types() -> None:
    with N6Device(sim_url()) as device:
        network = device["reference"]
        with pytest.raises(UnknownName, match="does not have a network 'movenet'"):
            device["movenet"]
        with pytest.raises(BadInput):
            network.run(np.zeros((3, 4)))
        with pytest.raises(BadInput, match="unknown policy 'newest'"):
            network.stream(policy="newest")  # type: ignore[arg-type]
        with pytest.raises(BadInput, match="interval=0"), device.subscribe(0):
            pass
        with pytest.raises(DeviceError), network.stream([noise(network)]) as stream:
            network.run(noise(network), reduce=[Return(0, offset=1 << 30, length=1)])
        with pytest.raises(ZeroDivisionError), network.stream([noise(network)]) as stream:
            next(stream)
            raise ZeroDivisionError
        with pytest.raises(N6Timeout, match="missed"), device.loop(1000, missed="raise") as loop:
            for _ in loop:
                time.sleep(0.01)
        assert network.run(noise(network))
    with pytest.raises(TransportError, match="no program listens"):
        N6Device("unix:/nowhere/at/all").__enter__()


def test_a_restart() -> None:
    with N6Device(sim_url()) as device:
        network = device["reference"]
        with network.stream(itertools.repeat(noise(network))) as stream:
            next(stream)
            device.reset(restart=True)
            restarted = time.monotonic()
            assert any(result.captured > restarted for result in stream)
        assert network.run(noise(network))


def test_what_has_to_be_entered_says_so() -> None:
    device = N6Device(sim_url())
    with pytest.raises(LocalProtocolError, match="not open"):
        device.ping()
    with device:
        network = device["reference"]
        with pytest.raises(LocalProtocolError, match="already open"):
            device.__enter__()
        with pytest.raises(LocalProtocolError, match="was not entered"):
            next(network.stream([]))
    with pytest.raises(LocalProtocolError, match="is not open"):
        network.run(noise(network))
    with device:
        assert device["reference"].run(noise(device["reference"])), "it may be opened again"


def test_an_exception_in_the_block_closes_the_device() -> None:
    device = N6Device(sim_url())
    with pytest.raises(ZeroDivisionError), device:
        raise ZeroDivisionError
    assert not [thread for thread in threading.enumerate() if thread.name == "n6link"]


@pytest.mark.parametrize("where", ["device", "stream", "loop"])
def test_an_interrupt_in_the_block_closes_the_device(where: str) -> None:
    device = N6Device(sim_url())
    with pytest.raises(KeyboardInterrupt), device:
        network = device["reference"]
        if where == "device":
            signal.raise_signal(signal.SIGINT)
        elif where == "stream":
            with network.stream(itertools.repeat(noise(network))) as stream:
                for _ in stream:
                    signal.raise_signal(signal.SIGINT)
        else:
            with device.loop(100) as loop:
                for _ in loop:
                    signal.raise_signal(signal.SIGINT)
    assert not [thread for thread in threading.enumerate() if thread.name == "n6link"]


@pytest.fixture
def channels(monkeypatch: pytest.MonkeyPatch) -> list[Channel]:
    """The channels of the devices that the test opens, in order."""
    made: list[Channel] = []

    def make(*arguments: Any, **options: Any) -> Channel:
        made.append(Channel(*arguments, **options))
        return made[-1]

    monkeypatch.setattr("n6link.session.connection.Channel", make)
    return made


def test_an_interrupt_ends_the_call_that_waits(monkeypatch: pytest.MonkeyPatch, channels: list[Channel]) -> None:
    with N6Device(sim_url()) as device:
        network = device["reference"]
        (channel,) = channels

        def interrupt() -> None:
            while not any(exchange.type is MessageType.COMMIT for exchange in list(channel.link.exchanges.values())):
                time.sleep(0.001)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

        with stuck(device, monkeypatch), ThreadPoolExecutor(1) as threads:
            threads.submit(interrupt)
            with pytest.raises(KeyboardInterrupt):
                network.run(noise(network))
        assert network.run(noise(network)), "and nothing else"


def test_leaving_ends_what_other_threads_have_open(monkeypatch: pytest.MonkeyPatch) -> None:
    ready = threading.Barrier(4)

    def stream(network: blocking.Network) -> None:
        with pytest.raises((TransportError, LocalProtocolError), match="closed"), network.stream() as opened:
            ready.wait(30)
            while True:
                next(opened)

    def loop(device: N6Device) -> None:
        with pytest.raises((TransportError, LocalProtocolError), match="closed"), device.loop(100) as opened:
            ready.wait(30)
            for _ in opened:
                pass

    def idle(network: blocking.Network) -> None:
        with network.stream():
            ready.wait(30)
            left.wait(30)

    left = threading.Event()
    with ThreadPoolExecutor(3) as threads:
        with N6Device(sim_url()) as device:
            network = device["reference"]
            others = [threads.submit(stream, network), threads.submit(loop, device), threads.submit(idle, network)]
            ready.wait(30)
        left.set()
        for other in others:
            other.result(30)


@pytest.mark.parametrize(
    ("ours", "theirs", "inside"),
    [
        (blocking.N6Device, n6link.N6Device, {"aclose"}),
        (blocking.Network, n6link.Network, {"text_classifier", "text_generator"}),
        (blocking.Stream, Stream, {"aclose"}),
        (blocking.TextStream, TextStream, set()),
        (blocking.Loop, ControlLoop, {"aclose"}),
    ],
)
def test_nothing_of_the_async_interface_is_missing(ours: type, theirs: type, inside: set[str]) -> None:
    def public(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert public(theirs) - inside <= public(ours)
    for name in public(theirs) & public(ours):
        method, original = getattr(ours, name), getattr(theirs, name)
        if inspect.isfunction(original) and name != "open":  # which has its own documentation
            assert inspect.signature(method) == inspect.signature(original)
            assert inspect.getdoc(method) == inspect.getdoc(original)


def test_a_device_takes_what_the_async_one_takes() -> None:
    assert inspect.signature(blocking.N6Device) == inspect.signature(n6link.N6Device)
    with pytest.raises(TypeError, match="timeot"):
        blocking.N6Device(timeot=1.0)  # type: ignore[call-arg]
    with pytest.raises(BadInput, match="timeout=0"):
        blocking.N6Device(timeout=0)
