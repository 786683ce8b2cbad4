"""What has gone wrong once, as the fewest faults that lead there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from n6link.errors import DeviceRebooted, N6Timeout, TransportError
from n6link.protocol import MessageType
from n6link.transport.faults import Fault, Way
from simulation.bench import Port
from simulation.faults import Drawn, Recipe
from simulation.plan import CONFIGS, Plan
from simulation.workloads import Program, steady
from simulation.world import run

pytestmark = pytest.mark.gcc

CREDIT, DATA, COMMIT, NAK, ERROR = (
    MessageType.CREDIT,
    MessageType.DATA,
    MessageType.COMMIT,
    MessageType.NAK,
    MessageType.ERROR,
)


async def one_large(program: Program) -> None:
    """One inference whose upload needs many grants."""
    assert program.take()
    await program.infer(program.question(("large",)))


async def large_ones(program: Program) -> None:
    """Two at once, as long as there are any."""

    async def work() -> None:
        while program.take():
            await program.infer(program.question(("large",)))

    await asyncio.gather(work(), work())


async def at(moment: float) -> None:
    """Waits for a moment of the run."""
    await asyncio.sleep(moment - asyncio.get_running_loop().time())


class OneWay(Drawn):
    """Faults of one direction only."""

    def __init__(self, recipe: Recipe, seed: int, way: Way) -> None:
        super().__init__(recipe, seed)
        self._only = way

    def of_bytes(self, way: Way) -> Iterator[Fault]:
        return super().of_bytes(way) if way == self._only else iter(())


def test_two_grants_and_the_last_chunk_are_lost() -> None:
    plan = Plan(1, "none", "large", "uart")
    faults = [Fault("lose", "down", 7, CREDIT), Fault("lose", "down", 8, CREDIT), Fault("lose", "up", 53, DATA)]
    report = run(plan, faults, body=one_large, inferences=1)
    assert len(report.faults) == 3
    assert report.score.notes == []
    assert report.score.results == 1
    assert report.score.slowest < 3.0


@pytest.mark.parametrize("config", ["uart", "usb", "small"])
def test_a_lost_commit_costs_its_run_a_round_trip_whatever_the_others_do(config: str) -> None:
    report = run(Plan(1, "none", "steady", config), [Fault("lose", "up", 5, COMMIT)], body=steady, inferences=400)
    assert len(report.faults) == 1
    assert report.score.notes == []
    assert report.score.slowest < 1.0


@pytest.mark.parametrize("config", ["uart", "usb", "small"])
def test_a_lost_chunk_and_its_lost_nak_cost_their_run_a_round_trip_whatever_the_others_do(config: str) -> None:
    faults = [Fault("lose", "up", 5, DATA), Fault("lose", "down", 0, NAK)]
    report = run(Plan(1, "none", "steady", config), faults, body=steady, inferences=400)
    assert len(report.faults) == 2
    assert report.score.notes == []
    assert report.score.slowest < 1.0


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_bad_line_is_used_or_given_up(way: Way) -> None:
    """With one fault per thousand bytes, a chunk of 8192 bytes is almost never undamaged; a chunk of 256 bytes usually is."""
    report = run(Plan(1, "none", "large", "usb"), OneWay(Recipe({"flip": 1e-3}), 1, way), body=one_large, inferences=1)
    assert report.score.notes == []
    assert report.score.results == 1


class SmallChunks(Plan):
    """The port of ``sim:`` with chunks of 1024 bytes."""

    @property
    def port(self) -> Port:
        return replace(CONFIGS["sim"], chunk=1024)


@pytest.mark.parametrize("kind", ["flip", "double", "insert"])
def test_a_line_that_stays_bad_stays_as_fast(kind: str) -> None:
    """The session is resumed with smaller chunks during an upload; what is acknowledged later is counted from then on."""
    plan = SmallChunks(8, "none", "large", "sim")
    report = run(plan, Drawn(Recipe({kind: 1e-3}, burst=1), 8), body=large_ones, inferences=40)
    assert report.score.notes == []
    assert report.score.slowest < 3.0


class SlowBaud(Plan):
    """A board on USB that reports a baud rate, and a tiny one."""

    @property
    def port(self) -> Port:
        return replace(CONFIGS["usb"], baud=4)


def test_a_baud_rate_does_not_make_a_time_out_longer_than_the_line_needs() -> None:
    ended: list[float] = []

    async def ask(program: Program) -> None:
        await at(1.0)
        assert program.take()
        await program.infer(program.question(("fold",)))
        ended.append(asyncio.get_running_loop().time())

    run(
        SlowBaud(1, "none", "single", "usb"), [Fault("silence", "up", 1.0, 1000.0)], body=ask, inferences=1, reconnect=0
    )
    # it begins at 1 s, the time-out is 5 s, and the slowest line that is believed needs 2.2 s for the input
    assert 1.0 < ended[0] < 9.0


@pytest.mark.parametrize("reconnect", [0.0, 10.0])
def test_a_subscription_ends_or_continues_when_the_board_was_reset(reconnect: float) -> None:
    ended: list[BaseException] = []

    async def listen(program: Program) -> None:
        program.left = 0
        readings = program.device.subscribe(0.2)
        try:
            async with asyncio.timeout(30.0), readings:
                async for stats in readings:
                    if readings.gaps and stats.time > 3.0:
                        return
        except (TransportError, DeviceRebooted) as error:
            ended.append(error)

    faults = [Fault("reset", "down", 2.0, 0.3)]
    report = run(Plan(1, "none", "subscriptions", "uart"), faults, body=listen, reconnect=reconnect)
    assert report.score.notes == []
    assert len(ended) == (reconnect == 0)


@pytest.mark.parametrize("listener", ["subscription", "logs"])
@pytest.mark.parametrize("reconnect", [0.0, 10.0])
def test_a_listener_learns_that_the_board_stands_still_if_nothing_else_is_asked(
    listener: str, reconnect: float
) -> None:
    """Without a search for the board it ends with the reason; with one it continues when the board does."""
    ended: list[tuple[float, str]] = []

    async def listen(program: Program) -> None:
        program.left = 0
        loop = asyncio.get_running_loop()
        await program.device.set_log_level(10)
        items = program.device.subscribe(0.2) if listener == "subscription" else program.device.logs()
        try:
            async with asyncio.timeout(60.0), items:
                async for _ in items:
                    if items.gaps and loop.time() > 17.0:
                        return
        except N6Timeout as error:
            ended.append((loop.time(), str(error)))

    faults = [Fault("freeze", "down", 2.0, 8.0 if reconnect else 1000.0)]
    report = run(Plan(1, "none", "subscriptions", "uart"), faults, body=listen, reconnect=reconnect)
    assert report.score.notes == []
    if reconnect:
        assert ended == []
    else:
        ((when, why),) = ended
        assert 2.0 < when < 12.0
        assert "the board has stopped or restarts" in why


def test_results_that_were_received_do_not_block_the_board() -> None:
    """The line stalls for longer than the host waits for the answers to RELEASE; then all is well again."""

    async def work(program: Program) -> None:
        await at(1.0)
        asked = [program.question((name,)) for name in ("tiny", "tiny", "fold", "fold", "tiny", "tiny")]
        program.left = 0
        await asyncio.gather(*[program.infer(one) for one in asked])
        for _ in range(3):
            await program.infer(program.question(("tiny",)))

    for milliseconds in range(0, 60, 3):
        stall = Fault("stall", "up", 1 + milliseconds / 1000, 6.5)
        report = run(Plan(1, "none", "mixed", "small"), [stall], body=work)
        assert report.score.notes == [], stall


def test_a_reset_of_the_session_makes_nothing_run_again() -> None:
    """The result and the answer to RESET come late; INFER is repeated meanwhile."""

    async def work(program: Program) -> None:
        program.left = 0
        await at(1.0)
        running = asyncio.ensure_future(program.infer(program.question(("tiny",))))
        await at(1.1)
        with program.ledger.stopping():
            await program.ledger.call("reset", program.device.reset)
        await running

    report = run(Plan(1, "none", "resets", "usb"), [Fault("stall", "down", 1.0002, 3.0)], body=work)
    assert report.score.notes == []


def test_a_lost_error_makes_nothing_run_again_however_many_others_run_meanwhile() -> None:
    """The device forgets the keys of inferences that have ended; the host sends no more than it remembers."""

    async def work(program: Program) -> None:
        program.left = 0
        failing = asyncio.ensure_future(program.infer(program.question(("tiny",), fails=1.0)))

        async def others() -> None:
            for _ in range(60):
                await program.infer(program.question(("tiny",)))

        await asyncio.gather(failing, others(), others())

    report = run(Plan(1, "none", "failing", "sim"), [Fault("lose", "down", at, ERROR) for at in (0, 1)], body=work)
    assert len(report.faults) == 2
    assert report.score.notes == []
    assert report.score.results == 120
    assert report.score.slowest < 1.0


def test_an_inference_that_waits_for_long_does_not_hold_up_the_others() -> None:
    """It has a lower priority than all others, and so it is asked for now and then."""

    async def work(program: Program) -> None:
        program.left = 0
        waits: list[asyncio.Task[None]] = []

        async def others() -> None:
            for _ in range(60):
                await program.infer(program.question(("fold",)), priority=9)
                if not waits:
                    waits.append(asyncio.ensure_future(program.infer(program.question(("tiny",)))))

        await asyncio.gather(others(), others(), others())
        await waits[0]

    report = run(Plan(1, "none", "priorities", "usb"), [], body=work)
    assert report.score.notes == []
    assert report.seconds < 2.0


def test_what_is_sent_after_a_reset_is_not_ended_by_it() -> None:
    """The upload begins before the RESET, and its INFER could leave before the answer."""

    async def work(program: Program) -> None:
        program.left = 0
        await at(1.0)
        asked = program.question(("large",))
        running = asyncio.ensure_future(program.infer(asked))
        await at(2.1)
        await program.ledger.call("reset", program.device.reset)
        await running
        for _ in range(6):
            await program.infer(program.question(("tiny",)))

    faults = [Fault("lose", "down", at, MessageType.RESET) for at in range(3)]
    report = run(Plan(1, "none", "resets", "uart"), faults, body=work)
    assert len(report.faults) == 3
    assert report.score.notes == []
    assert report.score.results == 7


@pytest.mark.parametrize(
    ("config", "name", "most"),
    [
        ("uart", "tiny", 3.33),
        ("uart", "heat", 3.33),  # three stages of nearly the same duration
        ("uart", "large", 1.7),  # the upload is slowest, and a frame is chosen when the input before it has left
        ("usb", "tiny", 3.33),
        ("usb", "heat", 2.4),
        ("usb", "large", 2.5),
        ("sim", "tiny", 2.4),
        ("sim", "heat", 2.4),
        ("sim", "large", 2.4),
    ],
)
def test_a_source_that_is_too_fast_does_not_make_results_old(config: str, name: str, most: float) -> None:
    """Depth 2: a result is at most three stages old, and the time until the source's next frame, in which it waited to be replaced."""
    depth, faster = 2, 3
    oldest: list[float] = []

    async def body(program: Program) -> None:
        network, question = program.device[name], program.question((name,))
        while program.take():
            pass
        stages = dict((await network.run(question.data)).timing.stages())
        slowest = max(stages[stage] for stage in ("upload", "npu", "download"))

        async def frames() -> AsyncIterator[dict[str, Any]]:
            for _ in range(60):
                yield question.data
                await asyncio.sleep(slowest / faster)

        ages = []
        async with network.stream(frames(), depth=depth) as results:
            async for result in results:
                assert result.frame
                ages.append(result.frame.age / slowest)
        # The last frames are not replaced: the source has ended.
        oldest.append(max(ages[:-depth]))

    run(Plan(1, "none", "single", config), [], body=body, inferences=1)  # one question again and again is "doubled"
    assert 1 < oldest[0] < most <= depth + 1 + 1 / faster


@dataclass(frozen=True)
class Limits(Plan):
    """A line whose rate can be changed, and that carries only some rates.

    Attributes:
        clean: as of :class:`Port`.
        spoilt: the same.
    """

    clean: tuple[tuple[float, int], ...] = ()
    spoilt: float = 0.5

    @property
    def port(self) -> Port:
        return replace(CONFIGS["rated"], clean=self.clean, spoilt=self.spoilt)


def rates(
    clean: tuple[tuple[float, int], ...], *, spoilt: float = 0.5, size: str = "tiny", faults: Sequence[Fault] = ()
) -> list[tuple[float, int]]:
    """Runs inferences for sixteen seconds; returns the rates of the line and when each began."""
    seen: list[tuple[float, int]] = []

    async def body(program: Program) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < 16 and program.take():
            await program.infer(program.question((size,)))
            await asyncio.sleep(0.05)
            baud = program.device.info.baud
            if not seen or seen[-1][1] != baud:
                seen.append((loop.time(), baud))
        program.left = 0

    report = run(Limits(1, "none", "single", "rated", clean, spoilt), faults, body=body, inferences=20_000)
    assert report.score.notes == []
    return seen


@pytest.mark.parametrize(("limit", "spoilt"), [(2_764_800, 0.5), (2_000_000, 1e-3), (1_500_000, 0.5), (921_600, 1e-3)])
def test_the_highest_rate_that_the_line_carries_is_chosen(limit: int, spoilt: float) -> None:
    assert [baud for _, baud in rates(((0.0, limit),), spoilt=spoilt)] == [limit]


@pytest.mark.parametrize("begin", [0.045, 0.06, 0.085, 0.15])
def test_a_computer_that_pauses_while_a_rate_is_proved_uses_this_rate(begin: float) -> None:
    pause = Fault("stop", "up", begin, 0.3)
    assert [baud for _, baud in rates(((0.0, 3_000_000),), faults=[pause])] == [2_764_800]


@pytest.mark.parametrize(("size", "spoilt"), [("tiny", 1.0), ("tiny", 0.02), ("large", 0.02), ("large", 1e-3)])
def test_a_rate_that_the_line_does_not_carry_any_more_is_left_in_seconds(spoilt: float, size: str) -> None:
    (_, first), *later = rates(((0.0, 3_000_000), (5.0, 1_600_000)), spoilt=spoilt, size=size)
    assert first == 2_764_800
    assert later[-1][1] == 1_500_000
    assert later[-1][0] < 5.0 + 8.0


def test_a_line_that_carries_only_its_first_rate_any_more_has_it_again() -> None:
    *_, (_, last) = rates(((0.0, 3_000_000), (5.0, 921_600)))
    assert last == 921_600


class SlowServed(Plan):
    """A server whose board has the slowest line."""

    @property
    def port(self) -> Port:
        return CONFIGS["uart"]


def test_an_inference_that_waits_in_a_server_for_longer_than_the_patience() -> None:
    """The server has its input at once; the line of the board needs 1.2 s for each, and there are eight before the last one."""

    async def body(program: Program) -> None:
        async def one() -> None:
            assert program.take()
            await program.infer(program.question(("large",)))

        await asyncio.gather(*[one() for _ in range(4)])

    report = run(SlowServed(1, "none", "large", "served"), [], body=body, inferences=4)
    assert report.score.notes == []
    assert report.score.results == 8
    assert report.score.slowest > 9.0


def test_uploads_that_wait_for_others_for_longer_than_the_patience() -> None:
    """Three at once on the slowest line, whose host does not read for some seconds."""
    faults = [Fault("slow", "up", 1.46, 0.19), Fault("slow", "down", 1.55, 2.75)]
    report = run(Plan(455, "chaos", "large", "served"), faults)
    assert report.score.notes == []
    assert report.score.results == 10


@pytest.mark.parametrize("first", [1.7, 1.75, 1.8])
def test_a_server_reads_a_client_again_whose_buffer_was_full_twice(first: float) -> None:
    """While what did not fit is sent, its core makes more than fits again."""
    faults = [Fault("stall", "down", first, 2.5), Fault("stall", "down", first + 0.3, 2.5)]
    report = run(SlowServed(1, "none", "large", "clients"), faults, body=large_ones, inferences=12)
    assert report.score.notes == []
    assert report.score.results == 24
