"""What the simulator has to do itself: repeat itself exactly, and find what it is there to find."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from itertools import islice, pairwise

import anyio.to_thread
import pytest

from n6link.link import frames
from n6link.protocol import Flag, MessageType
from n6link.protocol.records import Credit, Hello, HelloReply
from n6link.transport.faults import Fault
from simulation import workloads
from simulation.__main__ import main
from simulation.faults import Drawn, Listed, Recipe
from simulation.line import Frames, Line
from simulation.plan import KINDS, Plan
from simulation.rules import Rules
from simulation.shrink import as_test, shrunk, smallest
from simulation.virtual_time import NothingWillHappenError, VirtualLoop
from simulation.workloads import Program
from simulation.world import objects, run

pytestmark = pytest.mark.gcc

QUIET = Plan(1, "none", "single", "uart")
DATA = bytes(range(100))


# ------------------------------------------------------------------------------------------- it repeats itself


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_replays_exactly(kind: str) -> None:
    plan = Plan.draw(3, kind, "mixed")
    first = run(plan)
    assert run(plan) == first
    assert run(plan, first.faults).digest == first.digest
    assert run(Plan(4, kind, "mixed", plan.config)).digest != first.digest


def test_time_passes_only_when_nothing_else_can_happen() -> None:
    async def body() -> list[float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.watch_threads()
        times = [loop.time()]
        await asyncio.gather(asyncio.sleep(3600), asyncio.sleep(60))
        times.append(loop.time())
        assert await anyio.to_thread.run_sync(sum, [1, 2]) == 3
        times.append(loop.time())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.Event().wait()
        return [*times, loop.time()]

    loop = VirtualLoop()
    try:
        assert loop.run_until_complete(body()) == pytest.approx([0, 3600, 3600, 3605])
        waiting = loop.create_task(asyncio.Event().wait())
        with pytest.raises(NothingWillHappenError):
            loop.run_until_complete(waiting)
        waiting.cancel()
        loop.run_until_complete(asyncio.wait([waiting]))
    finally:
        loop.close()


# ------------------------------------------------------------------------------------------- it finds what is wrong


def found(body: Callable[[Program], Awaitable[None]], *faults: Fault) -> list[str]:
    """The first words of what is wrong with a program."""
    return sorted({note.partition(" ")[0] for note in run(QUIET, faults, body=body, inferences=1).score.notes})


def test_a_wrong_result() -> None:
    async def body(program: Program) -> None:
        program.left = 0
        asked, other = program.question(("tiny",)), program.question(("tiny",))
        program.check(other, await program.device["tiny"].run(asked.data))

    assert found(body) == ["wrong"]


def test_an_inference_that_runs_twice() -> None:
    async def body(program: Program) -> None:
        program.left = 0
        asked = program.question(("tiny",))
        await program.infer(asked)
        await program.infer(asked)

    assert found(body) == ["doubled"]


def test_a_call_that_does_not_end() -> None:
    async def body(program: Program) -> None:
        program.left = 0
        await program.ledger.call("forever", asyncio.Event().wait)
        await program.ledger.call("short", lambda: asyncio.sleep(3.0), timeout=1.0)

    assert found(body) == ["hung"]
    assert found(body, Fault("silence", "up", 0.5, 2.0)) == ["hung"]


def test_a_call_that_fails_for_no_reason() -> None:
    async def body(program: Program) -> None:
        program.left = 0
        network = program.device["tiny"]
        data = program.question(("tiny",)).data
        await program.ledger.call("no such output", lambda: network.run(data, outputs=["nothing"]))

    assert found(body) == ["lost"]


def test_bytes_beyond_a_grant() -> None:
    rules, reply = Rules(), int(Flag.REPLY)
    chunk = b"".join(frames.pack_data(frames.header(MessageType.DATA, 2, 12 + 256), 1000, 0, 0, memoryview(bytes(256))))
    rules.host_sends([(MessageType.HELLO, frames.pack(MessageType.HELLO, 1, Hello(window=500).pack()))])
    rules.board_sends([(MessageType.HELLO, frames.pack(MessageType.HELLO, 1, HelloReply(window=1024).pack(), reply))])
    rules.host_sends(Frames().take(chunk))
    assert rules.found == ["the host sends 232 bytes beyond the grant of the board"]
    rules.board_sends(Frames().take(frames.pack(MessageType.CREDIT, 0, Credit(limit=1256).pack())))
    rules.host_sends(Frames().take(chunk))
    assert len(rules.found) == 1
    rules.board_sends(Frames().take(chunk))
    assert rules.found[1:] == ["the board sends 756 bytes beyond the grant of the host"]


def test_more_exchanges_than_calls_need() -> None:
    async def body(program: Program) -> None:
        program.left = 0
        await asyncio.sleep(1.1 - asyncio.get_running_loop().time())
        for _ in range(60):
            program.device.connection.channel.send(MessageType.INFO)
        await asyncio.sleep(1.0)

    assert found(body) == []
    assert found(body, Fault("silence", "up", 0.9, 2.0)) == ["wrong"]


def test_time_without_the_program() -> None:
    """Other than in a sleep, the host's clock goes on."""
    times: list[float] = []

    async def body(program: Program) -> None:
        program.left = 0
        for _ in range(12):
            times.append(asyncio.get_running_loop().time())
            await asyncio.sleep(0.1)

    assert found(body, Fault("stop", "up", 1.0, 7.0)) == []
    steps = [b - a for a, b in pairwise(times)]
    assert max(steps) == pytest.approx(7.1, abs=0.2)
    assert sorted(steps)[-2] < 0.2


def test_a_run_that_another_program_has_stopped_may_be_repeated() -> None:
    """It is not doubled: its key was forgotten, as protocol.md has it."""

    async def body(program: Program) -> None:
        program.left = 0
        await asyncio.sleep(1.0 - asyncio.get_running_loop().time())
        await program.infer(program.question(("large",)))

    plan = Plan(1, "none", "single", "usb")
    report = run(plan, [Fault("taken", "up", 1.036, 0.5)], body=body, inferences=1, reconnect=10.0)
    assert report.score.notes == []
    assert report.score.results == 1


def test_nothing_is_left_behind() -> None:
    """Hundreds of inferences, cancelled ones and streams leave no object of the package."""
    counts: list[int] = []

    async def body(program: Program) -> None:
        for work in (workloads.many, workloads.cancel, workloads.streams, workloads.deadlines):
            for _ in range(3):
                program.left = 100
                await work(program)
                await asyncio.sleep(2.0)
                counts.append(objects())

    report = run(Plan(1, "none", "mixed", "usb"), Drawn(Recipe({"flip": 1e-5}), 1), body=body)
    assert report.score.notes == []
    assert report.score.inferences > 1000
    for first in range(0, len(counts), 3):
        assert counts[first + 2] - counts[first] < 200, counts


# ------------------------------------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("fault", "arrives"),
    [
        (Fault("flip", "up", 3, 1), DATA[:3] + b"\x01" + DATA[4:]),
        (Fault("drop", "up", 98, 5), DATA[:98]),
        (Fault("double", "up", 0, 2), DATA[:2] + DATA),
        (Fault("drop", "down", 3, 1), DATA),
        (Fault("drop", "up", 200, 1), DATA),
    ],
)
def test_faults_of_bytes(fault: Fault, arrives: bytes) -> None:
    for piece in (50, 100):
        line = Line(Listed([fault]), "up")
        assert b"".join(line.carry(DATA[at : at + piece], 0.0) for at in range(0, 100, piece)) == arrives
        assert line.fired == ([fault] if arrives != DATA else [])


@pytest.mark.parametrize(("kind", "length"), [("insert", 107), ("burst", 100)])
def test_bytes_that_nobody_sent(kind: str, length: int) -> None:
    out = Line(Listed([Fault(kind, "up", 10, 7)]), "up").carry(DATA, 0.0)
    assert (len(out), out[:10], out[-83:]) == (length, DATA[:10], DATA[17:])
    assert out != DATA


def test_faults_are_drawn_at_their_rate() -> None:
    faults = Drawn(Recipe({"flip": 1e-3, "drop": 1e-3}, burst=3), 5)
    drawn = list(islice(faults.of_bytes("up"), 2000))
    assert 0.9e6 < drawn[-1].at < 1.1e6
    assert {fault.kind for fault in drawn} == {"flip", "drop"}
    assert drawn == list(islice(faults.of_bytes("up"), 2000))
    assert drawn != list(islice(faults.of_bytes("down"), 2000))


def test_frames_that_are_lost() -> None:
    ping, nak = frames.pack(MessageType.PING, 1, b"12345678"), frames.pack(MessageType.NAK, 2, b"12345678")
    sent = Frames().take(ping + bytes(5) + nak + ping + nak)
    line = Line(Listed([Fault("lose", "down", 1, MessageType.NAK)]), "down")
    assert line.lose(sent, 0.0) == ping + bytes(5) + nak + ping
    cut = Frames()
    assert cut.take(ping[:5]) == []
    assert cut.take(ping[5:] + nak[:20]) == [(MessageType.PING, ping)]


# ------------------------------------------------------------------------------------------- fewest faults


def test_the_fewest_faults_are_found() -> None:
    faults = [Fault("flip", "up", at) for at in range(100)]
    asked = 0

    def fails(some: object) -> bool:
        nonlocal asked
        asked += 1
        return isinstance(some, list) and {faults[3], faults[17], faults[90]} <= set(some)

    assert smallest(faults, fails) == [faults[3], faults[17], faults[90]]
    assert asked < 120
    assert smallest(faults[:1], lambda some: True) == []


def test_a_failing_run_is_printed_as_a_test() -> None:
    """A result that is lost again and again."""
    plan = Plan(28, "none", "single", "usb")
    faults = [Fault("lose", "down", at, MessageType.RESULT) for at in range(3, 25)]
    flips = [Fault("flip", "up", at, 3) for at in (2000, 3000, 4000)]
    fewest = shrunk(plan, [*faults, *flips])
    assert 3 < len(fewest) <= 22
    assert set(fewest) <= set(faults)
    names: dict[str, object] = {"run": run, "Plan": Plan, "Fault": Fault, "MessageType": MessageType}
    exec(as_test(plan, fewest), names)  # noqa: S102  what is printed is Python
    test = names["test_single_usb_28"]
    assert callable(test)
    with pytest.raises(AssertionError):
        test()


def test_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["5:8", "--kind", "none"]) == 0
    *_, rates, verdict = capsys.readouterr().out.splitlines()
    assert "3 seeds, 0 faults" in rates
    assert re.fullmatch(r"\d{2,} inferences, 0 hung, 0 lost, 0 doubled, 0 wrong", verdict)
