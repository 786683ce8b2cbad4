"""Pools of simulated boards, in virtual time: what they do with slow, wrong and lost boards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from simulation import fleet
from simulation.fleet import Fleet, ask
from simulation.networks import FAILS

from n6link import (
    BadInput,
    BoardsDiffer,
    DeviceError,
    LocalProtocolError,
    N6Pool,
    N6Timeout,
    NoDeviceError,
    TransportError,
    UnknownName,
)
from n6link.pool.board import Attempt, Board, Job
from n6link.pool.status import BoardState, BoardStatus
from n6link.result import Result
from n6link.tensors.inputs import Data
from n6link.transport.faults import Fault

pytestmark = pytest.mark.gcc


def ready(boards: Sequence[BoardStatus]) -> bool:
    return all(board.state is BoardState.READY for board in boards)


async def seconds_for(world: Fleet, count: int, **options: Any) -> float:
    """Virtual seconds of a map of so many inputs, which is tested."""
    begun = world.now
    assert await ask(world.pool["heat"], world.questions("heat", count), **options) == list(range(count))
    return world.now - begun


# ---- speed


@pytest.mark.parametrize("config", ["uart", "usb"])
def test_four_boards_are_nearly_four_times_as_fast_as_one(config: str) -> None:
    times = {}

    async def body(world: Fleet) -> None:
        async with world.pool:
            times[len(world.benches)] = await seconds_for(world, 200)
            assert sum(board.answers for board in world.pool.boards) == 200
            assert all(board.answers > 30 for board in world.pool.boards) or len(world.benches) == 1

    fleet.run(body, 1, config=config)
    fleet.run(body, 4, config=config)
    assert times[4] < times[1] / 3


def test_a_slow_board_gets_what_it_finishes_first_and_nobody_waits_for_it() -> None:
    times = {}

    async def body(world: Fleet) -> None:
        if len(world.benches) == 4:
            world.benches[0].spoil(slow=50)  # 0.25 s instead of 5 ms; the line takes 25 ms
        async with world.pool:
            times[len(world.benches)] = await seconds_for(world, 200)
            if len(world.benches) == 4:
                slow, *others = world.pool.boards
                assert slow.state is BoardState.READY
                assert 0 < slow.answers < min(board.answers for board in others) / 5

    fleet.run(body, 3)
    fleet.run(body, 4)
    assert times[4] < times[3] * 1.1


def test_results_as_they_are_completed() -> None:
    async def body(world: Fleet) -> None:
        world.benches[0].spoil(slow=40)
        async with world.pool:
            numbers = await ask(world.pool["heat"], world.questions("heat", 60), ordered=False)
            assert sorted(numbers) == list(range(60))
            assert numbers != sorted(numbers)

    fleet.run(body, 3)


def test_the_source_waits_for_a_slow_consumer() -> None:
    async def body(world: Fleet) -> None:
        async with world.pool:
            read = []
            questions = world.questions("tiny", 50)

            async def source() -> AsyncIterator[Any]:
                for each in questions:
                    read.append(each.tag)
                    yield each.data

            async with world.pool["tiny"].map(source(), window=6, reduce=False) as results:
                for number in range(50):
                    await asyncio.sleep(1)
                    assert len(read) <= number + 6 + 1
                    result = await anext(results)
                    assert result.frame and result.frame.sequence == number
                with pytest.raises(StopAsyncIteration):
                    await anext(results)

    fleet.run(body, 2)


def test_several_networks_share_the_boards() -> None:
    async def body(world: Fleet) -> None:
        async with world.pool as pool:
            done = await asyncio.gather(
                *(ask(pool[name], world.questions(name, 40)) for name in ("tiny", "fold", "heat"))
            )
            assert done == [list(range(40))] * 3

    fleet.run(body, 3)


def test_a_stream_uses_all_boards_and_its_results_are_in_order() -> None:
    async def body(world: Fleet) -> None:
        async with world.pool as pool:
            questions = world.questions("heat", 60)
            async with pool["heat"].stream(
                [each.data for each in questions], policy="all", reduce=False, priority=3
            ) as results:
                numbers = []
                async for result in results:
                    assert result.frame and questions[result.frame.sequence].right(result, None)
                    numbers.append(result.frame.sequence)
            assert numbers == list(range(60))
            assert all(board.answers > 10 for board in pool.boards)

    fleet.run(body, 3)


# ---- wrong boards


def test_wrong_answers_of_a_board_that_becomes_wrong_are_not_delivered() -> None:
    async def body(world: Fleet) -> None:
        wrong = world.benches[1]
        async with world.pool as pool:
            world.at(0.5, lambda: wrong.spoil(wrong=True))
            world.at(4.0, wrong.spoil)
            await seconds_for(world, 200)
            board = pool.boards[1]
            assert board.aside >= 1
            assert "have the digest" in board.reason
            assert board.repeated >= 1
            assert board.distrusted == 0
            await world.until(ready)
            before = pool.boards[1].answers
            await seconds_for(world, 60)
            assert pool.boards[1].answers > before

    fleet.run(body, 4)


def test_answers_of_single_calls_that_may_be_wrong_are_counted() -> None:
    async def body(world: Fleet) -> None:
        async with world.pool as pool:
            questions = world.questions("heat", 40)
            await asyncio.gather(*(pool["heat"].run(each.data) for each in questions[:20]))
            world.benches[0].spoil(wrong=True)
            await asyncio.gather(*(pool["heat"].run(each.data) for each in questions[20:]))
            await world.until(lambda boards: boards[0].state is BoardState.ASIDE)  # the check after a minute
            distrusted = pool.boards[0].distrusted
            assert 5 < distrusted <= pool.boards[0].answers
            assert [board.distrusted for board in pool.boards[1:]] == [0, 0]
            result = await pool["heat"].run(questions[0].data, reduce=False, confirm=True)
            assert questions[0].right(result, None)

    fleet.run(body, 3)


def test_a_board_that_is_wrong_from_the_start_is_not_used() -> None:
    async def body(world: Fleet) -> None:
        world.benches[2].spoil(wrong=True)
        async with world.pool as pool:
            await seconds_for(world, 30)
            assert [board.answers > 0 for board in pool.boards] == [True, True, False]
            assert "those of the other boards" in pool.boards[2].reason

    fleet.run(body, 3)


def test_two_boards_that_differ_cannot_be_used() -> None:
    async def body(world: Fleet) -> None:
        world.benches[1].spoil(wrong=True)
        async with world.pool as pool:
            data = world.question("heat", 1).data
            for _ in range(2):
                with pytest.raises(
                    BoardsDiffer, match=r"give different outputs of network 'heat' .* remove the wrong boards"
                ):
                    await pool["heat"].run(data)

    fleet.run(body, 2)


# ---- lost boards


@pytest.mark.parametrize("kind", ["unplug", "reset", "cut", "freeze", "silence", "taken"])
@pytest.mark.parametrize("config", ["uart", "usb"])
def test_a_board_that_is_lost_for_some_time_loses_nothing(kind: str, config: str) -> None:
    begin, length = (0.5, 2.0) if config == "uart" else (0.1, 0.3)

    async def body(world: Fleet) -> None:
        async with world.pool as pool:
            await seconds_for(world, 150)
            await world.until(ready)
            before = pool.boards[1].answers
            await seconds_for(world, 60)
            assert pool.boards[1].answers > before

    fleet.run(body, 3, config=config, faults={1: [Fault(kind, "down", begin, length)]})


def test_a_job_of_a_board_that_does_not_answer_is_repeated_elsewhere_at_once() -> None:
    async def body(world: Fleet) -> None:
        async with world.pool as pool:
            await seconds_for(world, 30)
            questions = world.questions("heat", 2)
            begun = world.now
            calls = [asyncio.ensure_future(pool["heat"].run(each.data)) for each in questions]
            await asyncio.sleep(0.01)
            for bench in world.benches[:1]:
                bench.spoil(slow=1000)
            await asyncio.gather(*calls)
            assert world.now - begun < 0.5

    fleet.run(body, 2)


def test_if_no_board_is_left_calls_fail_after_the_time_to_reconnect() -> None:
    faults = {index: [Fault("unplug", "down", 2.0, 60.0)] for index in range(2)}

    async def body(world: Fleet) -> None:
        async with world.pool as pool:
            numbers = []
            questions = world.questions("heat", 400)
            async with pool["heat"].map([each.data for each in questions]) as results:
                with pytest.raises(
                    NoDeviceError, match=r"no board of the pool can run network 'heat' for 3 s: fleet:0: .*; fleet:1"
                ):
                    async for result in results:
                        assert result.frame
                        numbers.append(result.frame.sequence)
                with pytest.raises(StopAsyncIteration):
                    await anext(results)
            assert numbers == list(range(len(numbers)))
            assert 5.0 < world.now < 6.5
            await world.until(ready)
            await seconds_for(world, 10)

    fleet.run(body, 2, faults=faults, reconnect=3.0)


def test_a_board_that_falls_far_behind_is_set_aside_and_comes_back() -> None:
    async def body(world: Fleet) -> None:
        async with world.pool as pool:
            await ask(pool["tiny"], world.questions("tiny", 100))
            world.benches[2].spoil(slow=1000)
            while not pool.boards[2].aside:
                await ask(pool["tiny"], world.questions("tiny", 100))
            assert "or more for an answer of 'tiny', and the other boards" in pool.boards[2].reason
            world.benches[2].spoil()
            await world.until(ready)
            before = pool.boards[2].answers
            await ask(pool["tiny"], world.questions("tiny", 100))
            assert pool.boards[2].answers > before

    fleet.run(body, 3, config="usb")


def test_a_board_that_is_absent_at_the_start_is_used_when_it_comes() -> None:
    async def body(world: Fleet) -> None:
        await asyncio.sleep(0.1)
        async with world.pool as pool:
            assert pool.boards[0].state is BoardState.ASIDE
            await seconds_for(world, 20)
            await world.until(ready)
            await seconds_for(world, 20)
            assert all(board.answers for board in pool.boards)

    fleet.run(body, 2, faults={0: [Fault("unplug", "down", 0.0, 5.0)]})


def test_without_any_board_the_pool_does_not_open_and_may_be_opened_later() -> None:
    faults = {index: [Fault("unplug", "down", 0.0, 5.0)] for index in range(2)}

    async def body(world: Fleet) -> None:
        await asyncio.sleep(0.1)
        with pytest.raises(NoDeviceError, match="no board of the pool can be opened: fleet:0: .*; fleet:1: "):
            await world.pool.open()
        await asyncio.sleep(5.0)
        async with world.pool:
            await seconds_for(world, 10)

    fleet.run(body, 2, faults=faults)


def test_boards_restart_one_after_the_other_while_the_others_work() -> None:
    async def body(world: Fleet) -> None:
        async with world.pool as pool:
            work = asyncio.ensure_future(seconds_for(world, 200))
            await asyncio.sleep(0.5)
            least = len(pool.boards)

            async def look() -> None:
                nonlocal least
                while True:
                    least = min(least, sum(board.state is BoardState.READY for board in pool.boards))
                    await asyncio.sleep(0.01)

            looking = asyncio.ensure_future(look())
            await pool.restart()
            looking.cancel()
            assert least == 2
            await work
            assert [board.aside for board in pool.boards] == [0, 0, 0]
        assert all(len(bench.resets) == 1 for bench in world.benches)

    fleet.run(body, 3)


def test_a_board_that_does_not_come_back_ends_the_restart() -> None:
    async def body(world: Fleet) -> None:
        async with world.pool as pool:
            await seconds_for(world, 10)
            world.at(0.05, lambda: setattr(world.benches[0], "port", world.benches[0].port))
            for bench in world.benches:
                bench.wrong = True  # from the restart on
            with pytest.raises(TransportError, match="fleet:0 was restarted and is not used again"):
                await pool.restart()
            assert [len(bench.resets) for bench in world.benches] == [1, 0]
            await seconds_for(world, 10)

    fleet.run(body, 2)


# ---- calls


def test_a_fault_of_a_job_is_its_error_and_the_boards_stay_in_use() -> None:
    async def body(world: Fleet) -> None:
        async with world.pool as pool:
            net = pool["heat"]
            good = world.questions("heat", 6)
            bad = world.question("heat", FAILS[0] + 1)
            with pytest.raises(DeviceError):
                await net.run(bad.data)
            with pytest.raises(BadInput):
                await net.run("no such file.png")
            with pytest.raises(UnknownName):
                await net.run(good[0].data, outputs=["nothing"])
            with pytest.raises(BadInput, match="timeout=0"):
                await net.run(good[0].data, timeout=0)
            with pytest.raises(BadInput, match="priority=256"):
                await net.run(good[0].data, priority=256)
            inputs: list[Data] = [good[0].data, bad.data, good[2].data, "no such file.png", good[4].data]
            errors, numbers = [], []
            async with net.map(inputs, reduce=False) as results:
                while True:
                    try:
                        result = await anext(results)
                    except StopAsyncIteration:
                        break
                    except (DeviceError, BadInput) as error:
                        errors.append((type(error), error.__notes__))
                    else:
                        assert result.frame and good[result.frame.sequence].right(result, None)
                        numbers.append(result.frame.sequence)
            assert numbers == [0, 2, 4]
            assert errors == [(DeviceError, ["input 1 of the map"]), (BadInput, ["input 3 of the map"])]
            assert ready(pool.boards)

    fleet.run(body, 3)


def test_deadlines_and_cancellations_leave_the_boards_free() -> None:
    async def body(world: Fleet) -> None:
        async with world.pool as pool:
            net = pool["heat"]
            each = world.questions("heat", 1)[0]
            await net.run(each.data)
            for bench in world.benches:
                bench.spoil(slow=1000)
            with pytest.raises(N6Timeout):
                await net.run(each.data, timeout=0.5)
            calls = [asyncio.ensure_future(net.run(each.data)) for _ in range(10)]
            await asyncio.sleep(0.3)
            assert sum(board.running for board in pool.boards) == 4
            with pytest.raises(N6Timeout, match="did not return a result"):
                await net.run(each.data, timeout=0.3)  # it waits for a board
            for call in calls:
                call.cancel()
            await asyncio.wait(calls)
            assert sum(board.running for board in pool.boards) == 0
            for bench in world.benches:
                bench.spoil()
            await seconds_for(world, 10)
            assert [board.aside for board in pool.boards] == [0, 0]

    fleet.run(body, 2)


def test_closing_ends_calls_and_maps() -> None:
    async def body(world: Fleet) -> None:
        pool = await world.pool.open()
        with pytest.raises(LocalProtocolError, match="already open"):
            await pool.open()
        net = pool["heat"]
        each = world.questions("heat", 1)[0]
        results = await net.map([each.data] * 100).open()
        await anext(results)
        call = asyncio.ensure_future(net.run(each.data))
        await asyncio.sleep(0)
        await pool.aclose()
        await pool.aclose()
        with pytest.raises(TransportError, match="the pool was closed"):
            await call
        with pytest.raises((TransportError, LocalProtocolError)):
            async for _ in results:
                pass
        await results.aclose()
        with pytest.raises(LocalProtocolError, match="not open"):
            await net.run(each.data)
        with pytest.raises(LocalProtocolError, match="not open"):
            pool.networks  # noqa: B018
        assert [board.state for board in pool.boards] == [BoardState.CLOSED] * 2
        async with pool:
            await seconds_for(world, 5)

    fleet.run(body, 2)


def test_a_map_is_left_early() -> None:
    async def body(world: Fleet) -> None:
        closed: list[bool] = []

        async def source() -> AsyncIterator[Any]:
            try:
                while True:
                    yield each.data
            finally:
                closed.append(True)

        async with world.pool as pool:
            each = world.questions("heat", 1)[0]
            async with pool["heat"].map(source()) as results:
                with pytest.raises(LocalProtocolError, match="only once"):
                    await results.open()
                await anext(results)
            assert closed
            assert sum(board.running for board in pool.boards) == 0
            with pytest.raises(LocalProtocolError, match="not entered"):
                await anext(pool["heat"].map([]))
            await seconds_for(world, 10)

    fleet.run(body, 2)


def test_an_error_of_the_source_is_raised_after_the_results() -> None:
    async def body(world: Fleet) -> None:
        async def source() -> AsyncIterator[Any]:
            yield each.data
            raise OSError("the camera was unplugged")

        async with world.pool as pool:
            each = world.questions("heat", 1)[0]
            async with pool["heat"].map(source(), reduce=False) as results:
                assert each.right(await anext(results), None)
                with pytest.raises(OSError, match="the camera was unplugged"):
                    await anext(results)
                with pytest.raises(StopAsyncIteration):
                    await anext(results)

    fleet.run(body, 2)


# ---- boards that are not alike


def test_a_network_that_only_some_boards_have_runs_on_these() -> None:
    async def body(world: Fleet) -> None:
        async with world.pool as pool:
            assert await ask(pool["heat"], world.questions("heat", 20)) == list(range(20))
            assert [board.answers > 0 for board in pool.boards] == [False, True, True]
            assert await ask(pool["tiny"], world.questions("tiny", 40)) == list(range(40))
            assert all(board.answers for board in pool.boards)
            with pytest.raises(UnknownName, match="do not have a network 'large'; they have tiny, fold, heat"):
                pool["large"]

    fleet.run(body, 3, networks=[1, 3, 3])


@pytest.mark.parametrize(
    ("urls", "options", "message"),
    [
        ([], {}, "a pool needs boards"),
        ("sim:", {}, "is one string; use a list of URLs"),
        (["sim:"], {"timeout": 0}, "timeout=0"),
        (["sim:"], {"reconnect": -1}, "reconnect=-1"),
        (["sim:"], {"depth": 0}, "depth=0"),
    ],
)
def test_wrong_arguments_of_a_pool(urls: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        N6Pool(urls, **options)


def test_wrong_arguments_of_a_map() -> None:
    async def body(world: Fleet) -> None:
        async with world.pool as pool:
            with pytest.raises(BadInput, match="window=0"):
                pool["tiny"].map([], window=0)
            with pytest.raises(BadInput, match="cannot be a source"):
                pool["tiny"].map("picture.png")

    fleet.run(body, 1)


async def test_a_board_is_compared_with_what_the_others_need_at_the_same_time() -> None:
    """A computer that was busy for 3 s made all boards slow: no board is much slower than the others in this time, whatever they needed before."""
    job, other = (Job(number, "tiny", fails) for number in range(2))
    board = Board("sim:")

    def answer(begun: float, ended: float) -> None:
        board.running.append(Attempt(job, board, begun))
        board.ended(board.running[0], ended, answered=True)

    assert board.needed("tiny", 0.0, 1.0) is None
    for number in range(10):
        answer(0.1 * number, 0.1 * number + 0.05)
    assert board.needed("tiny", 0.0, 1.0) == pytest.approx(0.05)
    assert board.needed("other", 0.0, 1.0) is None
    answer(1.0, 4.0)
    assert board.needed("tiny", 1.0, 4.0) == 3.0, "the answers before are not of the same time"
    answer(4.0, 4.1)
    board.running.append(Attempt(other, board, 4.1))
    assert board.needed("tiny", 4.05, 4.2) == pytest.approx(0.1)
    assert board.needed("tiny", 4.05, 7.1) == pytest.approx(3.0), "it is busy with this one, too"


async def fails(network: object, computed: object) -> Result:
    raise NotImplementedError
