"""Pools of virtual boards, which are processes: with both event loops, in programs that are not async, and on this machine's ports."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import anyio
import numpy as np
import pytest
from anyio.abc import ByteStream, SocketAttribute
from e2e_fixtures import board, noise, on_both_backends, sim_url
from lines import Usb

from n6link import BoardsDiffer, LocalProtocolError, N6Device, N6Pool, NoDeviceError, TransportError, blocking
from n6link.pool.proof import prove
from n6link.pool.status import BoardState
from n6link.tensors.golden import digest
from n6link.tensors.inputs import Data
from n6link.tensors.noise import CELLS, mosaic

COUNT = 40


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  there is no event for it
        await anyio.sleep(0.01)


def inputs(count: int = COUNT) -> list[Data]:
    """Inputs for the network ``reference``, the same for the same number."""

    async def make() -> list[Data]:
        async with N6Device(sim_url()) as device:
            return [noise(device["reference"], seed) for seed in range(count)]

    return anyio.run(make)


@on_both_backends
async def test_results_are_those_of_one_board_bit_for_bit() -> None:
    async with N6Device(sim_url()) as device:
        given = [noise(device["reference"], seed) for seed in range(COUNT)]
        expected = [digest((await device["reference"].run(data)).outputs) for data in given]
    async with N6Pool([sim_url()] * 3) as pool:
        net = pool["reference"]
        assert repr(net).startswith("<PoolNetwork reference: ")
        async with net.map(iter(given)) as results:
            assert [digest(result.outputs) async for result in results] == expected
        assert digest((await net.run(given[0])).outputs) == expected[0]
        assert sum(each.answers for each in pool.boards) >= COUNT + 1  # those of a board that pauses are repeated
        assert all(each.unique_id and each.checks for each in pool.boards)
        assert pool.info.board and pool.url.count("sim:") == 3
    assert repr(pool).endswith("closed>")


@on_both_backends
async def test_a_process_that_is_killed_loses_nothing() -> None:
    with ExitStack() as stack:
        boards = [stack.enter_context(board("--tcp", "0")) for _ in range(3)]
        async with N6Pool([each.url for each in boards]) as pool:
            net = pool["reference"]
            data = noise(net)
            numbers = []
            async with net.map([data] * 200) as results:
                async for result in results:
                    assert result.frame
                    numbers.append(result.frame.sequence)
                    if len(numbers) == 20:
                        boards[1].die()
            assert numbers == list(range(200))
            await until(lambda: pool.boards[1].state is BoardState.ASIDE)
            assert pool.boards[1].reason


def test_a_program_that_is_not_async() -> None:
    given = inputs(10)
    pool = blocking.N6Pool([sim_url()] * 2)
    with pytest.raises(LocalProtocolError, match="not open"):
        pool["reference"]
    with pool, pool["reference"].map(given) as results:
        found = [digest(result.outputs) for result in results]
        net = pool["reference"]
        assert net.latest() and net.name == "reference" and net.inputs and net.outputs and net.card
        assert [digest(net.run(data).outputs) for data in given] == found
        with net.stream(given, policy="all") as stream:
            assert [digest(result.outputs) for result in stream] == found
        assert sum(each.answers for each in pool.boards) >= 30
        assert list(pool.networks) == ["reference", "reference_colour"]
        assert pool.at_once == 4
        pool.restart()
        assert all(each.state is BoardState.READY for each in pool.boards)


def test_a_pool_that_is_closed_by_another_thread() -> None:
    with blocking.N6Pool([sim_url()]) as pool:
        data = inputs(1)[0]
        ended = threading.Event()

        def source() -> Iterator[Data]:
            yield data
            ended.wait()

        with pool["reference"].map(source()) as results:
            next(results)
            thread = threading.Thread(target=pool.close)
            thread.start()
            with pytest.raises(TransportError):
                next(results)
            ended.set()
            thread.join()


def card(folder: Path, name: str, label: str) -> str:
    path = folder / name
    path.write_text(f'task = "image-classification"\nlabels = ["{label}"]\n')
    return f"{sim_url()}?card={path}"


@on_both_backends
async def test_a_pool_that_is_closed_while_it_is_opened() -> None:
    connected, errors = anyio.Event(), list[Exception]()

    async def silent(stream: ByteStream) -> None:
        connected.set()
        async with stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                while True:
                    await stream.receive()

    async def open_it() -> None:
        try:
            await pool.open()
        except TransportError as error:
            errors.append(error)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, silent)
        port = listener.extra(SocketAttribute.local_port)
        pool = N6Pool([f"tcp:127.0.0.1:{port}"])
        tasks.start_soon(open_it)
        await connected.wait()
        await pool.aclose()
        await until(lambda: bool(errors))
        tasks.cancel_scope.cancel()
    assert str(errors) == "[TransportError('the pool was closed by this program')]"


async def test_boards_with_another_card_are_not_used_for_this_network(tmp_path: Path) -> None:
    other = card(tmp_path, "other.toml", "a")
    async with N6Pool([other, sim_url(), sim_url()]) as pool:
        for name in ("reference", "reference_colour"):
            data = [noise(pool[name], seed) for seed in range(30)]
            async with pool[name].map(data) as results:
                assert len([result async for result in results]) == 30
        ((name, reason),) = pool.boards[0].refused.items()
        assert name == "reference_colour"  # the card is for the network before it
        assert "program the same firmware" in reason
        assert not pool.boards[1].refused
        assert sum(each.answers for each in pool.boards) >= 60


async def test_two_different_boards_are_an_error_when_the_network_is_used(tmp_path: Path) -> None:
    async with N6Pool([card(tmp_path, "a.toml", "a"), sim_url()]) as pool:
        with pytest.raises(BoardsDiffer, match=r"different networks of the name 'reference_colour' .*same firmware"):
            pool["reference_colour"]
        await pool["reference"].run(noise(pool["reference"]))


async def test_all_boards_that_are_connected(usb: Usb) -> None:
    with pytest.raises(NoDeviceError, match="no STM32N6 board is connected"):
        await N6Pool("all").open()
    with board("--pty") as first, board("--pty") as second:
        usb.plug("ttyACM0", "0483:374e", "A", at="1-1", node=first.url.removeprefix("serial:"))
        async with N6Pool("all") as pool:
            assert [each.url for each in pool.boards] == ["serial:A"]
            await pool["reference"].run(noise(pool["reference"]))
            usb.plug("ttyACM1", "0483:374e", "B", at="1-2", node=second.url.removeprefix("serial:"))
            await until(lambda: len(pool.boards) == 2 and pool.boards[1].state is not BoardState.OPENING)
            await pool["reference"].run(noise(pool["reference"]))


async def test_boards_that_cannot_be_distinguished_do_not_end_the_pool(
    usb: Usb, caplog: pytest.LogCaptureFixture
) -> None:
    with board("--pty") as first, caplog.at_level("WARNING", "n6link.pool"):
        usb.plug("ttyACM0", "0483:374e", "A", at="1-1", node=first.url.removeprefix("serial:"))
        async with N6Pool("all") as pool:
            chip = "3B0036001151333032393530"
            for number in (1, 2):
                usb.plug(f"ttyACM{number}", "0483:5740", chip, at=f"1-{number + 1}", manufacturer="n6link")
            await until(lambda: f"2 boards have the id {chip.lower()}" in caplog.text)
            await pool["reference"].run(noise(pool["reference"]))


async def test_one_board_with_two_urls_is_used_once() -> None:
    with board("--tcp", "0") as only:
        async with N6Pool([only.url, sim_url()]) as pool:
            await pool["reference"].run(noise(pool["reference"]))


async def test_checks_without_a_stored_input_are_small_for_pictures_and_possible_for_others(
    virtual_board: None,
) -> None:
    async with N6Device("sim:movenet13?baud=921600") as device:
        net = device["movenet13"]
        first = await prove(net)  # measures the rate, by which the encoding is chosen
        before = device.counters.tx_bytes
        assert await prove(net) == first and first.right is None
        assert device.counters.tx_bytes - before < net.info.input_bytes / 8
    async with N6Device("sim:tinybert") as device:
        assert (await prove(device["tinybert"])).right is None


def test_a_mosaic() -> None:
    picture = mosaic((30, 20), 5)
    assert picture.shape == (20, 30, 3) and np.array_equal(picture, mosaic((30, 20), 5))
    assert not np.array_equal(picture, mosaic((30, 20), 6))
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) == CELLS * CELLS
