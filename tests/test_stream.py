"""Streams: the policies with a network whose steps a test controls; with real devices: leaving a stream, losing and reusing the device."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import anyio
import anyio.lowlevel
import numpy as np
import pytest
from e2e_fixtures import noise, on_both_backends, sim_url
from hypothesis import given, settings
from hypothesis import strategies as st

from n6link import N6Device
from n6link.control.stream import POLICIES, READY, Policy, Stream
from n6link.errors import (
    BadInput,
    DeviceError,
    DeviceRebooted,
    LocalProtocolError,
    N6Error,
    N6Timeout,
    TransportError,
)
from n6link.network import Network
from n6link.protocol import Status
from n6link.result import Result
from n6link.tensors.inputs import Data

settled = anyio.wait_all_tasks_blocked
"""waits until every task waits for something"""


class Call:
    """One frame on the device; the test triggers its next step."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self._end = anyio.Event()
        self._error: BaseException | None = None

    async def computed(self) -> None:
        self.options["computed"]()
        await settled()

    async def sent(self) -> None:
        self.options["sent"]()
        await settled()

    async def end(self, error: BaseException | None = None) -> None:
        self._error = error
        self._end.set()
        await settled()

    async def wait(self) -> None:
        await self._end.wait()
        if self._error:
            raise self._error


class Scripted:
    """A network that the test controls. For a stream, its results are the frames themselves."""

    def __init__(self, slots: int = 4) -> None:
        self.slots = slots
        self.calls: dict[Any, Call] = {}
        self.cancelled: list[Any] = []

    async def run(self, data: Any, **options: Any) -> Any:
        call = self.calls[data] = Call(options)
        try:
            await call.wait()
        except anyio.get_cancelled_exc_class():
            self.cancelled.append(data)
            raise
        return SimpleNamespace(data=data, frame=None)

    def stream(
        self,
        source: Any = None,
        *,
        policy: Policy = "latest",
        depth: int = 2,
        max_age: float | None = None,
        in_turn: bool = False,
        **options: Any,
    ) -> Stream:
        """Like Network.stream."""
        run = partial(self.run, **options)
        return Stream(run, source, depth=min(depth, self.slots), policy=policy, max_age=max_age, in_turn=in_turn)


class Reader:
    """Reads a stream in its own task, at the speed that the test selects."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.got: list[Any] = []
        self.ended = False

    async def take(self) -> None:
        """Reads one more: the data of a result, or an error."""
        try:
            self.got.append(await self._stream.__anext__())
        except StopAsyncIteration:
            self.ended = True
        except Exception as error:  # noqa: BLE001
            self.got.append(error)

    async def take_all(self) -> None:
        while not self.ended:
            await self.take()

    @property
    def data(self) -> list[Any]:
        return [item if isinstance(item, Exception) else item.data for item in self.got]


async def until(condition: Callable[[], object]) -> None:
    """Waits until a thread has done something."""
    while not condition():  # noqa: ASYNC110
        await anyio.sleep(0.001)


async def filled(stream: Stream, *frames: Any) -> list[bool]:
    """Puts frames, and lets the stream process each before the next one."""
    taken = []
    for frame in frames:
        taken.append(await stream.put(frame))
        await settled()
    return taken


def counts(stream: Stream) -> tuple[int, ...]:
    """Delivered, dropped, late, failed, pending."""
    stats = stream.stats
    return stats.delivered, stats.dropped, stats.late, stats.failed, stats.pending


# ---- the policies


@on_both_backends
async def test_latest_replaces_the_frame_that_waits() -> None:
    network = Scripted()
    async with network.stream() as stream:
        assert await filled(stream, 0, 1, 2, 3, 4) == [True] * 5
        assert list(network.calls) == [0, 1], "two hold a slot, one waits"
        await network.calls[0].computed()
        assert list(network.calls) == [0, 1, 4], "its slot is free before its result is here"
        for number in (0, 1, 4):
            await network.calls[number].end()
        result: Any = await stream.__anext__()
        assert result.data == 4, "older results were superseded"
        assert result.frame.sequence == 4
        assert list(result.frame.replaced) == [0, 1, 2, 3]
        assert counts(stream) == (1, 4, 0, 0, 0)


@on_both_backends
async def test_a_frame_is_chosen_when_the_input_before_it_has_left() -> None:
    network = Scripted()
    async with network.stream(in_turn=True) as stream:
        await filled(stream, 0, 1, 2)
        assert list(network.calls) == [0], "a slot is free, but the line is not"
        await network.calls[0].sent()
        assert list(network.calls) == [0, 2]
        await filled(stream, 3)
        await network.calls[2].sent()
        assert list(network.calls) == [0, 2], "no slot is free"
        await network.calls[0].computed()
        assert list(network.calls) == [0, 2, 3]


@on_both_backends
async def test_a_frame_that_cannot_be_sent_does_not_hold_back_the_next() -> None:
    network = Scripted()
    async with network.stream(in_turn=True) as stream:
        await filled(stream, 0, 1)
        await network.calls[0].end(BadInput("not a picture"))
        assert list(network.calls) == [0, 1]


@on_both_backends
async def test_latest_delivers_every_result_to_a_fast_reader() -> None:
    network = Scripted()
    async with anyio.create_task_group() as tasks, network.stream() as stream:
        reader = Reader(stream)
        tasks.start_soon(reader.take_all)
        for number in range(5):
            await filled(stream, number)
            await network.calls[number].end()
        stream.end()
    assert reader.data == [0, 1, 2, 3, 4]
    assert [list(result.frame.replaced) for result in reader.got] == [[]] * 5


@on_both_backends
async def test_latest_never_goes_back() -> None:
    """Frame 0 takes longer than frame 1: its later result is dropped."""
    network = Scripted()
    async with network.stream() as stream:
        await filled(stream, 0, 1)
        await network.calls[1].end()
        first: Any = await stream.__anext__()
        assert (first.data, list(first.frame.replaced)) == (1, [0])
        await network.calls[0].end()
        assert counts(stream) == (1, 1, 0, 0, 0)
        await filled(stream, 2)
        await network.calls[2].end()
        second: Any = await stream.__anext__()
        assert (second.data, list(second.frame.replaced)) == (2, [])


@on_both_backends
async def test_drop_new_keeps_the_frame_that_waits() -> None:
    network = Scripted()
    async with network.stream(policy="drop-new") as stream:
        assert await filled(stream, 0, 1, 2, 3, 4) == [True, True, True, False, False]
        for number in (0, 1, 2):
            await network.calls[number].end()
        stream.end()
        assert [result.data async for result in cast(Any, stream)] == [0, 1, 2]
        assert counts(stream) == (3, 2, 0, 0, 0)


@pytest.mark.parametrize("policy", ["drop-new", "all"])
@on_both_backends
async def test_a_slow_reader_holds_back_the_source(policy: Policy) -> None:
    network = Scripted()
    async with network.stream(policy=policy) as stream:
        for number in range(READY):
            await filled(stream, number)
            await network.calls[number].end()
        await filled(stream, "held back")
        assert list(network.calls) == list(range(READY)), "no result is computed that is not read"
        await stream.__anext__()
        await settled()
        assert list(network.calls) == [*range(READY), "held back"]


@on_both_backends
async def test_all_lets_the_source_wait() -> None:
    network, given = Scripted(), []

    async def source() -> AsyncIterator[int]:
        for number in range(6):
            given.append(number)
            yield number

    async with anyio.create_task_group() as tasks, network.stream(source(), policy="all") as stream:
        reader = Reader(stream)
        tasks.start_soon(reader.take_all)
        await settled()
        assert given == [0, 1, 2, 3], "two on the device, one waits, one is offered"
        for number in range(6):
            await network.calls[number].end()
    assert reader.data == list(range(6))
    assert counts(stream) == (6, 0, 0, 0, 0)


@pytest.mark.parametrize("policy", ["drop-new", "all"])
@on_both_backends
async def test_results_keep_the_order_of_their_frames(policy: Policy) -> None:
    network = Scripted()
    async with network.stream(policy=policy, depth=2) as stream:
        await filled(stream, 0, 1)
        await network.calls[1].end()
        reader = Reader(stream)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(reader.take)
            await settled()
            assert reader.got == []
            await network.calls[0].end()
        await reader.take()
        assert reader.data == [0, 1]


@on_both_backends
async def test_no_more_frames_than_the_device_has_slots() -> None:
    network = Scripted(slots=2)
    async with network.stream(depth=100) as stream:
        await filled(stream, 0, 1, 2)
        assert list(network.calls) == [0, 1]


@on_both_backends
async def test_options_reach_the_network() -> None:
    network = Scripted()
    options: dict[str, Any] = {"timers": True, "reduce": True, "priority": 7, "options": {"threshold": 0.5}}
    async with network.stream(**options) as stream:
        await stream.put("frame", captured=12.5)
        await settled()
        given = network.calls["frame"].options
        assert {name: given[name] for name in options} == options
        assert (given["captured"], given["deadline"]) == (12.5, None)


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=100)
@given(data=st.data())
def test_every_frame_is_counted_once_and_order_is_kept(policy: Policy, data: st.DataObject) -> None:
    """Any order of puts, ends of inferences, failures, slow and fast reads, and leaving."""

    async def body() -> None:
        network, seen = Scripted(), []
        async with network.stream(policy=policy) as stream, anyio.create_task_group() as tasks:
            reader, number = Reader(stream), 0
            for move in data.draw(st.lists(st.sampled_from(["put", "put", "end", "fail", "computed", "take"]))):
                running = [call for call in network.calls if call not in seen]
                if move == "put":
                    tasks.start_soon(stream.put, number)
                    number += 1
                elif move == "take":
                    tasks.start_soon(reader.take)
                elif running and move == "computed":
                    network.calls[data.draw(st.sampled_from(running))].options["computed"]()
                elif running:
                    seen.append(data.draw(st.sampled_from(running)))
                    await network.calls[seen[-1]].end(N6Error(str(seen[-1])) if move == "fail" else None)
                await settled()
                assert sum(counts(stream)) == stream.stats.frames
                assert min(counts(stream)) >= 0
            tasks.cancel_scope.cancel()
        results = [item for item in reader.got if not isinstance(item, Exception)]
        numbers = [result.frame.sequence for result in results]
        assert numbers == sorted(set(numbers))
        before = -1
        for result in results:
            assert result.frame.replaced == range(before + 1, result.frame.sequence)
            before = result.frame.sequence
        assert len(results) == stream.stats.delivered
        assert stream.stats.pending == 0
        if policy == "all":
            assert stream.stats.failed >= len(reader.got) - len(results)

    anyio.run(body, backend="trio")  # whose tasks settle without a pause


# ---- age


@on_both_backends
async def test_max_age_is_a_deadline_from_the_capture_on() -> None:
    network = Scripted()
    async with network.stream(max_age=1000.0) as stream:
        captured = time.monotonic() - 3
        await stream.put("frame", captured=captured)
        await settled()
        assert network.calls["frame"].options["deadline"] == captured + 1000.0


@on_both_backends
async def test_a_frame_that_is_too_old_never_reaches_the_device() -> None:
    network = Scripted()
    async with network.stream(max_age=1.0) as stream:
        await stream.put("old", captured=time.monotonic() - 2)
        await filled(stream, "new")
        assert list(network.calls) == ["new"]
        assert counts(stream) == (0, 0, 1, 0, 1)


@pytest.mark.parametrize("policy", POLICIES)
@on_both_backends
async def test_a_result_that_has_become_too_old_is_not_delivered(
    policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    network = Scripted()
    async with network.stream(policy=policy, max_age=5.0) as stream:
        await filled(stream, 0)
        await network.calls[0].end()
        monkeypatch.setattr("n6link.control.stream.ambient", SimpleNamespace(monotonic=lambda: now + 6))
        await stream.put(1, captured=now + 6)
        await settled()
        await network.calls[1].end()
        stream.end()
        results: list[Any] = [result async for result in stream]
    assert [result.data for result in results] == [1]
    assert list(results[0].frame.replaced) == [0]
    assert counts(stream)[0] == 1
    assert counts(stream)[4] == 0


@on_both_backends
async def test_an_inference_that_its_deadline_ended_is_late_and_no_error() -> None:
    network = Scripted()
    refused = N6Timeout("the device dropped it")
    refused.__cause__ = DeviceError("too late", Status.DEADLINE)
    async with network.stream(max_age=1000.0) as stream:
        await filled(stream, 0, 1)
        await network.calls[0].end(refused)
        await network.calls[1].end(N6Timeout("nothing has moved"))
        stream.end()
        with pytest.raises(N6Timeout, match="nothing has moved"):
            await stream.__anext__()
    assert counts(stream) == (0, 0, 1, 1, 0)


# ---- errors


@pytest.mark.parametrize("policy", POLICIES)
@on_both_backends
async def test_a_failed_frame_raises_and_the_stream_goes_on(policy: Policy) -> None:
    network = Scripted()
    async with network.stream(policy=policy) as stream:
        await filled(stream, 0)
        await network.calls[0].end(DeviceError("the NPU is on fire", Status.NPU_FAULT))
        with pytest.raises(DeviceError, match="on fire"):
            await stream.__anext__()
        await filled(stream, 1)
        await network.calls[1].end()
        result: Any = await stream.__anext__()
        assert (result.data, list(result.frame.replaced)) == (1, [0])
        assert counts(stream) == (1, 0, 0, 1, 0)


@on_both_backends
async def test_latest_keeps_the_newest_error_beside_the_newest_result() -> None:
    network = Scripted()
    async with network.stream(depth=4) as stream:
        await filled(stream, 0, 1, 2, 3)
        await network.calls[3].end(BadInput("three"))
        await network.calls[1].end()
        await network.calls[0].end(BadInput("zero"))
        await network.calls[2].end()
        reader = Reader(stream)
        await reader.take()
        await reader.take()
    assert [str(item) for item in reader.data] == ["2", "three"]
    assert counts(stream) == (1, 1, 0, 2, 0)


@on_both_backends
async def test_a_source_that_fails_ends_the_stream_after_its_frames() -> None:
    network = Scripted()

    async def source() -> AsyncIterator[int]:
        yield 0
        raise RuntimeError("the camera was unplugged")

    async with network.stream(source()) as stream:
        await settled()
        await network.calls[0].end()
        reader = Reader(stream)
        await reader.take_all()
    assert reader.data[0] == 0
    assert isinstance(reader.data[1], RuntimeError)
    assert len(reader.data) == 2


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("kind", [TransportError, DeviceRebooted])
@on_both_backends
async def test_a_lost_device_ends_the_stream_after_what_is_ready(policy: Policy, kind: type[N6Error]) -> None:
    network = Scripted()
    async with network.stream(policy=policy) as stream:
        await filled(stream, 0, 1, 2)
        await network.calls[0].end()
        await network.calls[1].end(kind("it has gone"))
        if 2 in network.calls:
            await network.calls[2].end(kind("it has gone"))
        reader = Reader(stream)
        await reader.take_all()
        assert reader.data[0] == 0
        assert [type(item) for item in reader.data[1:]] == [kind]
        assert counts(stream) == (1, 0, 0, 2, 0)
        with pytest.raises(kind, match="gone"):
            await stream.put(3)


@on_both_backends
async def test_a_lost_device_stops_the_source() -> None:
    network, closed = Scripted(), anyio.Event()

    async def source() -> AsyncIterator[int]:
        try:
            yield 0
            await anyio.sleep_forever()
        finally:
            closed.set()

    async with network.stream(source()) as stream:
        await settled()
        await network.calls[0].end(TransportError("it has gone"))
        await closed.wait()
        with pytest.raises(TransportError):
            await stream.__anext__()


# ---- the source


@on_both_backends
async def test_leaving_closes_an_async_generator() -> None:
    network, closed = Scripted(), []

    async def source() -> AsyncIterator[int]:
        try:
            for number in range(100):
                yield number
        finally:
            await anyio.lowlevel.checkpoint()  # it may take time to clean up
            closed.append(True)

    async with network.stream(source(), policy="all"):
        await settled()
    assert closed == [True]


@on_both_backends
async def test_an_iterator_that_is_no_generator_stays_open() -> None:
    """It belongs to the caller, who can continue to read it."""
    network = Scripted()
    send, receive = anyio.create_memory_object_stream[int](10)
    async with send, receive:
        for number in range(4):
            send.send_nowait(number)
        async with network.stream(receive, policy="drop-new"):
            await settled()
        send.send_nowait(4)
        assert await receive.receive() == 4


@on_both_backends
async def test_leaving_closes_a_generator() -> None:
    network, closed = Scripted(), []

    def source() -> Iterator[int]:
        try:
            yield from range(100)
        finally:
            closed.append(threading.current_thread())

    async with network.stream(source(), policy="all"):
        await until(lambda: len(network.calls) == 2)
    assert len(closed) == 1
    assert closed[0] is not threading.main_thread(), "it may block, as it may everywhere"


@on_both_backends
async def test_leaving_does_not_wait_for_a_source_that_blocks() -> None:
    network, may_go_on, closed = Scripted(), threading.Event(), threading.Event()
    asked = threading.Event()

    def source() -> Iterator[int]:
        try:
            yield 0
            asked.set()
            may_go_on.wait(30)
            yield 1
        finally:
            closed.set()

    async with network.stream(source()):
        await until(asked.is_set)
    assert not closed.is_set(), "it runs in its thread still"
    may_go_on.set()
    assert await anyio.to_thread.run_sync(closed.wait, 30), "and is closed by it"
    assert list(network.calls) == [0]


@on_both_backends
async def test_plain_iterables_end_the_iteration() -> None:
    for source in ([0, 1, 2], (0, 1, 2), range(3), iter([0, 1, 2]), {0: "a", 1: "b", 2: "c"}.keys()):
        network = Scripted()
        async with anyio.create_task_group() as tasks, network.stream(source, policy="all") as stream:
            reader = Reader(stream)
            tasks.start_soon(reader.take_all)
            for number in range(3):
                await until(partial(network.calls.__contains__, number))
                await network.calls[number].end()
        assert reader.data == [0, 1, 2]


@on_both_backends
async def test_an_endless_source_that_never_waits_leaves_room_for_others() -> None:
    network, turns = Scripted(), 0

    async def source() -> AsyncIterator[int]:
        number = 0
        while True:
            yield number
            number += 1

    async with network.stream(source()):
        while turns < 100:
            turns += 1
            await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("source", ["image.png", b"abc", np.zeros((2, 3)), {"image": 1}, 5])
def test_what_gives_no_frames_is_refused(source: Any) -> None:
    with pytest.raises(BadInput, match=type(source).__name__):
        Scripted().stream(source)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"depth": 0}, "depth=0"),
        ({"policy": "newest"}, "unknown policy 'newest'; choose latest, drop-new, all"),
        ({"max_age": 0}, "max_age=0"),
        ({"max_age": float("nan")}, "max_age=nan"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        Scripted().stream(**options)


# ---- the block


@on_both_backends
async def test_a_stream_is_entered_once_and_before_all_else() -> None:
    stream = Scripted().stream()
    with pytest.raises(LocalProtocolError, match="stream is not open"):
        await stream.put(0)
    with pytest.raises(LocalProtocolError, match="was not entered"):
        await stream.__anext__()
    stream.end()
    async with stream:
        pass
    with pytest.raises(LocalProtocolError, match="opened only once"):
        async with stream:
            pass
    with pytest.raises(LocalProtocolError, match="stream is not open"):
        await stream.put(0)


@on_both_backends
async def test_frames_are_not_put_into_a_stream_with_a_source() -> None:
    async with Scripted().stream([1]) as stream:
        with pytest.raises(LocalProtocolError, match="has a source"):
            await stream.put(0)


@on_both_backends
async def test_leaving_frees_whoever_still_puts_or_reads() -> None:
    network = Scripted()
    async with anyio.create_task_group() as tasks:
        async with network.stream(policy="all") as stream:
            await filled(stream, 0, 1, 2)

            async def put() -> None:
                with pytest.raises(LocalProtocolError, match="not open; call put.. inside of the block and before end"):
                    await stream.put(3)

            reader = Reader(stream)
            tasks.start_soon(put)
            tasks.start_soon(reader.take_all)
            await settled()
        while not reader.ended:
            await anyio.lowlevel.checkpoint()
    assert sorted(network.cancelled) == [0, 1]
    assert counts(stream) == (0, 3, 0, 0, 0)


@on_both_backends
async def test_the_body_s_exception_is_left_as_it_is() -> None:
    network = Scripted()
    with pytest.raises(ZeroDivisionError):
        async with network.stream() as stream:
            await filled(stream, 0)
            raise ZeroDivisionError
    assert network.cancelled == [0]


async def test_figures_are_plain_numbers() -> None:
    network = Scripted()
    async with network.stream() as stream:
        await filled(stream, 0)
        await network.calls[0].end()
        await stream.__anext__()
    figures = stream.stats.to_dict()
    assert figures["delivered"] == figures["age"]["count"] == figures["wait"]["count"] == 1
    assert figures["pending"] == 0


# ---- on a device


async def idle(device: N6Device, free: int) -> None:
    """Waits until the device has nothing to do, and all its buffers are free again."""
    stats = await device.stats()
    while stats.queue or stats.free_bytes != free:
        await anyio.lowlevel.checkpoint()
        stats = await device.stats()


@on_both_backends
async def test_a_device_gives_what_run_gives() -> None:
    async with N6Device(sim_url()) as device:
        network = device["reference"]
        frames = [noise(network, seed) for seed in range(20)]
        alone = [(await network.run(frame)).outputs["heatmaps"].tobytes() for frame in frames]
        async with network.stream(frames, policy="all", timers=True) as results:
            begun = time.monotonic()
            streamed: list[bytes] = []
            async for result in results:
                assert result.frame
                assert result.frame.sequence == len(streamed)
                assert begun <= result.frame.captured <= time.monotonic() - result.frame.age
                assert result.epochs
                streamed.append(result.outputs["heatmaps"].tobytes())
        assert streamed == alone
        assert network.newest is result


@pytest.mark.parametrize("how", ["break", "exception", "cancellation"])
@pytest.mark.parametrize("stage", ["before anything", "upload", "run", "download", "steady"])
@on_both_backends
async def test_leaving_early_leaves_the_device_usable_at_once(stage: str, how: str) -> None:
    """On a slow line, so that every stage lasts: the next inference has the right result, and no slot stays in use."""
    async with N6Device(sim_url(baud=2_000_000)) as device:
        network = device["reference"]
        frame = noise(network, 1)
        right = (await network.run(frame, reduce=False)).outputs["heatmaps"].tobytes()
        free = (await device.stats()).free_bytes
        with anyio.CancelScope() as scope:
            try:
                async with network.stream(endless(network), depth=3, reduce=False) as results:
                    await reach(stage, device, results)
                    if how == "exception":
                        raise ZeroDivisionError
                    if how == "cancellation":
                        scope.cancel()
                        await anyio.lowlevel.checkpoint()
            except ZeroDivisionError:
                pass

        async def run() -> None:
            assert (await network.run(frame, reduce=False)).outputs["heatmaps"].tobytes() == right

        await run()
        async with anyio.create_task_group() as group:  # a cancelled upload stays in its slot until the next one
            for _ in range(device.info.slots):
                group.start_soon(run)
        await idle(device, free)


async def endless(network: Network) -> AsyncIterator[Any]:
    seed = 0
    while True:
        yield noise(network, seed)
        seed += 1
        await anyio.sleep(0.001)


async def reach(stage: str, device: N6Device, results: Stream) -> None:
    """Waits until a stream is in the middle of something."""
    link = device.connection.channel.link
    match stage:
        case "upload":
            sent = link.counters.tx_bytes
            while link.counters.tx_bytes < sent + 1000:
                await anyio.lowlevel.checkpoint()
        case "run":
            while not any(exchange.type.name == "INFER" for exchange in link.exchanges.values()):
                await anyio.lowlevel.checkpoint()
        case "download":
            while not any(exchange.download for exchange in link.exchanges.values()):
                await anyio.lowlevel.checkpoint()
        case "steady":
            for _ in range(3):
                await results.__anext__()


@on_both_backends
async def test_a_bad_frame_raises_and_the_stream_goes_on() -> None:
    async with N6Device(sim_url()) as device:
        network = device["reference"]
        frames: list[Data] = [noise(network), np.zeros((3, 5)), noise(network)]
        async with network.stream(frames, policy="all") as results:
            await results.__anext__()
            with pytest.raises(BadInput):
                await results.__anext__()
            last = await results.__anext__()
            assert last.frame
            assert last.frame.replaced == range(1, 2)
            with pytest.raises(StopAsyncIteration):
                await results.__anext__()


@on_both_backends
async def test_a_stream_continues_after_a_restart_and_counts_what_was_lost() -> None:
    async with N6Device(sim_url()) as device:
        network = device["reference"]
        async with network.stream(endless(network)) as results:
            await results.__anext__()
            await device.reset(restart=True)
            restarted = time.monotonic()
            async for result in results:
                if result.captured > restarted:
                    break
        assert 0 <= results.stats.lost <= 2
        assert results.stats.failed == 0


@on_both_backends
async def test_two_networks_stream_side_by_side_and_share_the_device() -> None:
    """Both always have waiting frames: the device runs them alternately, for any number of frames of one of them."""
    async with N6Device(sim_url()) as device:
        first, second = device.networks.values()
        starts: list[tuple[float, int]] = []

        async def stream(network: Network, depth: int) -> None:
            async with network.stream([noise(network)] * 60, policy="all", depth=depth) as results:
                starts.extend([(result.timing.started.time, network.info.index) async for result in results])

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream, first, 3)
            tasks.start_soon(stream, second, 2)
        stats = await device.stats()
        assert [network.runs for network in stats.networks] == [60, 60]
        order = [index for _, index in sorted(starts)]
        both = order[: 2 * 60 - max(order[::-1].index(index) for index in (0, 1))]
        assert min(both.count(0), both.count(1)) >= 20, "when one was through, the other one had got its turns"


@on_both_backends
async def test_newest_never_goes_back() -> None:
    async with N6Device(sim_url()) as device:
        network = device["reference"]
        now = time.monotonic()
        newer = await network.run(noise(network), captured=now)
        older = await network.run(noise(network), captured=now - 1)
        assert older.captured < newer.captured
        assert network.newest is newer


@on_both_backends
async def test_a_stream_leaves_no_garbage() -> None:
    async with N6Device(sim_url()) as device:
        network = device["reference"]
        for turn in range(3):
            async with network.stream([noise(network)] * 5, policy="all") as results:
                async for _ in results:
                    pass
            del results, _
            network.newest = None
            gc.collect()
            left = sum(isinstance(thing, Result | Stream) for thing in gc.get_objects())
            assert left == 0, turn


async def test_frames_that_cannot_be_used_are_not_silent_for_a_program_that_does_not_iterate() -> None:
    """A program that only puts frames and reads the newest result learns of a wrong frame at its next put()."""
    async with N6Device(sim_url()) as dev, dev["reference"].stream() as stream:
        await stream.put(None)  # type: ignore[arg-type]
        while not stream.stats.failed:
            try:
                await stream.put(noise(dev["reference"]))
            except BadInput as error:
                assert "reference" in str(error) or "tensor" in str(error)
        assert stream.stats.failed == 1
        await stream.put(noise(dev["reference"]))
        assert (await anext(stream)).outputs
