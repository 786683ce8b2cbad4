"""What a bad client of a server gets, and that the others get nothing of it; a server that dies; the command in this process."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.lowlevel
import anyio.to_thread
import numpy as np
import pytest
from e2e_fixtures import noise, sim_url
from test_serve import LONG, equal, recorded_session, serving
from typer.testing import CliRunner

from n6link import N6Device, blocking
from n6link.cli import app
from n6link.errors import DeviceError, DeviceRebooted, N6Error, N6Timeout, RemoteProtocolError, TransportError
from n6link.link import frames
from n6link.link.handshake import Greeting
from n6link.link.refusal import refusal
from n6link.protocol import Limit, MessageType, Status, records
from n6link.serve import library, served, sharing
from n6link.session.state import State
from n6link.transport import servers, sim

HELLO: Final = frames.pack(MessageType.HELLO, 1, Greeting(77, "a bad program").pack())


class Bad:
    """A program that knows the protocol, and does not keep to it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._received = bytearray()

    async def send(self, data: bytes) -> None:
        """As many bytes as the server takes at once."""
        try:
            self.connection.send(data)
        except (BlockingIOError, ConnectionError):
            pass
        await anyio.lowlevel.checkpoint()

    async def frame(self) -> tuple[int, int, bytes] | None:
        """Type, id and payload of the next frame; None = the server has closed the connection."""
        while True:
            if len(self._received) >= (head := int(Limit.HEADER_SIZE)):
                length = int.from_bytes(self._received[8:10], "little")
                end = head + length + (int(Limit.CRC_SIZE) if length else 0)
                if len(self._received) >= end:
                    frame = bytes(self._received[:end])
                    del self._received[:end]
                    return frame[2], int.from_bytes(frame[4:8], "little"), frame[head : head + length]
            await anyio.wait_readable(self.connection)
            try:
                data = self.connection.recv(65536)
            except ConnectionError:
                return None
            if not data:
                return None
            self._received += data

    async def answer(self, kind: MessageType, payload: bytes, number: int = 2) -> tuple[int, bytes]:
        """The answer to a request."""
        await self.send(frames.pack(kind, number, payload))
        while frame := await self.frame():
            if frame[1] == number:
                return frame[0], frame[2]
        raise AssertionError("the connection was closed")


@asynccontextmanager
async def attack(tmp_path: Path) -> AsyncGenerator[Callable[[], Awaitable[Bad]], None]:
    """A server with another program, which gets right results all the time; bad programs are made in the block."""
    connections: list[socket.socket] = []

    async def bad() -> Bad:
        connection = socket.socket(socket.AF_UNIX)
        connections.append(connection)
        connection.setblocking(False)
        while True:
            try:
                connection.connect(f"{tmp_path}/a")
            except BlockingIOError:  # the server has not accepted the earlier ones yet
                await anyio.sleep(0.001)
            else:
                return Bad(connection)

    async with serving(sim_url(), f"unix:{tmp_path}/a") as (url,), N6Device(url) as dev:
        network = dev["reference"]
        right = await network.run(noise(network))
        count = 0

        async def use() -> None:
            nonlocal count
            while True:
                assert equal(await network.run(noise(network)), right)
                count += 1

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(use)
            yield bad
            before = count
            while count < before + 3:  # noqa: ASYNC110
                await anyio.sleep(0.001)
            tasks.cancel_scope.cancel()
        for connection in connections:
            connection.close()
        while len(await dev.clients()) > 1:  # noqa: ASYNC110
            await anyio.sleep(0.001)
        counters = (await dev.stats()).link
        assert counters.errors == 0 and dev.state is State.OPEN
        assert (dev.counters.header_errors, dev.counters.payload_errors, dev.counters.skipped) == (0, 0, 0)


# ---- what it gets


@pytest.mark.parametrize(
    "sent", [b"", b"no frame at all\n" * 20, HELLO[:-3], HELLO[:-1] + b"\x00", frames.pack(MessageType.INFO, 1, b"")]
)
async def test_a_client_that_does_not_say_hello_is_closed_after_a_time(
    sent: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with attack(tmp_path) as bad:
        monkeypatch.setattr(sharing, "GREETING", 0.05)  # the good program has said hello
        program = await bad()
        await program.send(sent)
        assert await program.frame() is None


async def test_a_client_that_sends_garbage_without_end_is_closed(tmp_path: Path) -> None:
    async with attack(tmp_path) as bad:
        program = await bad()
        with anyio.CancelScope() as scope:

            async def flood() -> None:
                while True:
                    await program.send(bytes(range(256)) * 64)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(flood)
                assert await program.frame() is None
                scope.cancel()


async def test_garbage_in_a_session_costs_nothing_but_itself(tmp_path: Path) -> None:
    """The next good request is answered."""
    async with attack(tmp_path) as bad:
        program = await bad()
        await program.send(HELLO)
        await program.send(np.random.default_rng(7).bytes(3000).replace(b"n6", b"  "))
        kind, said = await program.answer(MessageType.INFO, b"")
        assert kind == MessageType.INFO, refusal(memoryview(said))


@pytest.mark.parametrize(
    ("kind", "payload", "status"),
    [
        (MessageType.INFER, records.Infer(network=9, upload=1).pack(), Status.UNKNOWN_NETWORK),
        (MessageType.INFER, b"short", Status.BAD_REQUEST),
        (MessageType.COMMIT, records.Commit(length=0xFFFFFFFF).pack(), None),
        (MessageType.DESCRIBE, records.Describe(network=200).pack(), Status.UNKNOWN_NETWORK),
        (MessageType.CHECK, records.Check(network=200).pack(), Status.UNKNOWN_NETWORK),
        (200, b"", Status.UNKNOWN_TYPE),
    ],
)
async def test_a_client_that_lies_gets_an_error_for_each_lie(
    kind: MessageType, payload: bytes, status: Status | None, tmp_path: Path
) -> None:
    async with attack(tmp_path) as bad:
        program = await bad()
        await program.send(HELLO)
        answer, text = await program.answer(kind, payload)
        assert answer == MessageType.ERROR
        error = refusal(memoryview(text))
        assert isinstance(error, DeviceError) and (status is None or error.status is status)
        assert (await program.answer(MessageType.INFO, b"", 3))[0] == MessageType.INFO


async def test_a_client_that_asks_and_does_not_read_is_not_read_any_more(tmp_path: Path) -> None:
    """Its answers fill its own buffers. When it reads, they arrive in order, and it is read again."""
    async with attack(tmp_path) as bad:
        program = await bad()
        await program.send(HELLO)
        sent = memoryview(b"".join(frames.pack(MessageType.INFO, 2 + number, b"") for number in range(200_000)))

        async def send() -> None:
            nonlocal sent
            while sent:
                await anyio.wait_writable(program.connection)
                with suppress(BlockingIOError):
                    sent = sent[program.connection.send(sent) :]

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send)
            for _ in range(20):  # the server could read all of it meanwhile
                async with N6Device(f"unix:{tmp_path}/a") as other:
                    await other.ping()
                if (left := len(sent)) == 0:
                    break
            assert left > 0
            seen: list[int] = []
            while len(sent) == left or len(seen) < 1000:
                frame = await program.frame()
                assert frame
                if frame[0] == MessageType.INFO:
                    seen.append(frame[1])
            tasks.cancel_scope.cancel()
        assert seen == list(range(2, len(seen) + 2))


async def test_a_client_that_vanishes_at_any_byte(tmp_path: Path) -> None:
    async with serving(sim_url(), f"unix:{tmp_path}/b") as (url,):
        recorded = await recorded_session(url)
    cuts = [*range(200), *range(200, len(recorded), 499)]
    async with attack(tmp_path) as bad:
        for cut in cuts:
            program = await bad()
            await program.send(recorded[:cut])
            program.connection.close()


async def test_connections_without_a_hello_are_limited(tmp_path: Path) -> None:
    """One that is too many is closed at once; programs that have said hello are not counted."""
    async with attack(tmp_path) as bad:
        waiting = [await bad() for _ in range(2 * sharing.MOST_CLIENTS - 1)]
        assert await (await bad()).frame() is None
        waiting[0].connection.close()
        while True:
            program = await bad()
            await program.send(HELLO)
            if frame := await program.frame():
                assert frame[0] == MessageType.HELLO
                break


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Counts the cores that are made and freed."""
    counts = {"n6_serve_open": 0, "n6_serve_close": 0}

    def counting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            counts[name] += 1
            return function(*arguments)

        return call

    for name in counts:
        monkeypatch.setattr(library.library(), name, counting(name, getattr(library.library(), name)))
    return counts


async def test_programs_that_send_the_same_hello_leave_nothing(tmp_path: Path, cores: dict[str, int]) -> None:
    """Each core is freed, also if the session that it keeps for a program has the number of another one."""
    async with attack(tmp_path) as bad:
        for _ in range(5):
            program = await bad()
            await program.send(HELLO)
            assert await program.frame()
            program.connection.close()
    assert cores["n6_serve_open"] == cores["n6_serve_close"] >= 6


async def test_a_program_that_did_not_get_the_answer_to_its_last_hello(tmp_path: Path, cores: dict[str, int]) -> None:
    """It continues the session before that one, and has the same core, which knows what has run."""
    async with attack(tmp_path) as bad:
        program = await bad()
        await program.send(HELLO)
        assert await program.frame()
        resumed = frames.pack(MessageType.HELLO, 2, Greeting(78, "a program", resume=77).pack())
        await program.send(resumed)
        assert await program.frame()
        program.connection.close()
        before = cores["n6_serve_open"]
        program = await bad()
        await program.send(frames.pack(MessageType.HELLO, 3, Greeting(79, "a program", resume=77).pack()))
        frame = await program.frame()
        assert frame and frame[0] == MessageType.HELLO and cores["n6_serve_open"] == before


# ---- a server that dies


@asynccontextmanager
async def started(url: str, place: Path) -> AsyncGenerator[subprocess.Popen[bytes], None]:
    """A server as a program; killed at the end."""
    command = [sys.executable, "-m", "n6link", "serve", "--url", url, "--listen", f"unix:{place}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: ASYNC220
        try:
            assert process.stdout
            assert json.loads(await anyio.to_thread.run_sync(process.stdout.readline))["pid"] == process.pid
            yield process
        finally:
            process.kill()


async def test_a_server_that_is_killed_with_clients_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that does not reconnect gets one error; one that does goes on with the next server, which replaces the socket files."""
    monkeypatch.setenv("N6LINK_RUNTIME", str(tmp_path / "servers"))
    url = f"unix:{tmp_path}/a"
    with sim.rig("reference:") as rig:
        async with N6Device(rig.url) as direct:
            data = noise(direct["reference"])
            right = await direct["reference"].run(data)
        async with started(rig.url, tmp_path / "a") as process:
            patient, hasty = N6Device(url, reconnect=LONG), N6Device(url, reconnect=0)
            await patient.open()
            await hasty.open()
            rig.freeze()
            results: list[Any] = []

            async def run(dev: N6Device) -> None:
                try:
                    results.append(await dev["reference"].run(data))
                except TransportError as error:
                    results.append(error)

            async with anyio.create_task_group() as calls:
                calls.start_soon(run, patient)
                calls.start_soon(run, hasty)
                while not all([(await dev.stats()).queue for dev in (patient, hasty)]):  # noqa: ASYNC110
                    await anyio.sleep(0.001)
                process.kill()
                await anyio.to_thread.run_sync(process.wait)
                while not results:  # noqa: ASYNC110
                    await anyio.sleep(0.001)
                assert isinstance(results[0], TransportError) and hasty.state is State.LOST
                assert (tmp_path / "a").exists() and len(list((tmp_path / "servers").glob("*.sock"))) == 1
                assert servers.running() == []
                with pytest.raises(TransportError, match="no program listens at"):
                    await N6Device(url, reconnect=0).open()
                rig.restore()
                async with started(rig.url, tmp_path / "a"):
                    while len(results) < 2:  # noqa: ASYNC110
                        await anyio.sleep(0.001)
                    assert equal(results[1], right) and patient.health.reboots == 0
                    assert len(servers.running()) == 1
                    await patient.aclose()
            await hasty.aclose()


async def test_a_board_that_is_back_and_does_not_describe_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked again; if its description is wrong, programs are refused with the reason, until it returns again."""
    monkeypatch.setattr(sharing, "AGAIN", 0.001)
    read, errors = served.Served.read, list[N6Error]()

    async def reads(dev: N6Device) -> served.Served:
        if errors:
            raise errors.pop(0)
        return await read(dev)

    monkeypatch.setattr(served.Served, "read", reads)
    with sim.rig("reference:") as rig:
        async with serving(rig.url, f"unix:{tmp_path}/a") as (url,):

            async def runs() -> bool:
                async with N6Device(url, reconnect=0) as dev:
                    return bool(await dev["reference"].run(noise(dev["reference"])))

            assert await runs()
            errors += [N6Timeout("did not answer INFO for 5 s"), N6Timeout("did not answer INFO for 5 s")]
            rig.reset()
            while errors or not await works(runs):  # noqa: ASYNC110
                await anyio.sleep(0.001)
            errors.append(RemoteProtocolError("the description of network 'reference' contains a contradiction"))
            rig.reset()
            while errors:  # noqa: ASYNC110
                await anyio.sleep(0.001)
            with pytest.raises(DeviceError, match="the device is not usable: the description of network 'reference'"):
                await runs()
            rig.reset()
            while not await works(runs):  # noqa: ASYNC110
                await anyio.sleep(0.001)


async def works(runs: Callable[[], Awaitable[bool]]) -> bool:
    """Whether a program can use the server now."""
    try:
        return await runs()
    except (DeviceError, TransportError, DeviceRebooted):
        return False


# ---- the command, in this process


class Terminal(io.StringIO):
    """A standard output that a person reads."""

    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("restored_signals")
def test_the_command_until_it_is_terminated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One board is there, and one is not."""
    monkeypatch.setenv("N6LINK_RUNTIME", str(tmp_path / "servers"))
    missing = f"unix:{tmp_path}/none"
    with used_and_ended() as found:
        done = CliRunner().invoke(
            app, ["serve", "--url", sim_url(), "--url", missing, "--listen", f"unix:{tmp_path}/{{id}}"]
        )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    (served,) = [line for line in lines if "urls" in line]
    (failed,) = [line for line in lines if "error" in line]
    assert done.exit_code == 0 and served["pid"] == os.getpid()
    assert served["urls"][1] == f"unix:{tmp_path}/{b'n6sim'.hex()}" and failed["board"] == missing
    assert f"Note: the board at {missing} is not served: " in done.stderr and "it is tried again." in done.stderr
    assert "through n6link serve" in found[0] and not (tmp_path / b"n6sim".hex()).exists()


@pytest.mark.usefixtures("restored_signals")
def test_the_command_in_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what to do next; and how many results are missing in the recording."""
    pytest.importorskip("mcap")
    from n6link.serve.record import Record

    monkeypatch.setenv("N6LINK_RUNTIME", str(tmp_path / "servers"))
    monkeypatch.setattr(sys, "stdout", Terminal())
    leave = Record.__exit__

    def exit_(record: Record, *error: Any) -> None:
        leave(record, *error)
        record.dropped = 3

    monkeypatch.setattr(Record, "__exit__", exit_)
    with used_and_ended():
        app(["serve", "--url", sim_url(), "--mcap", str(tmp_path / "a.mcap")], standalone_mode=False)
    said = capsys.readouterr().err
    assert "In other terminals: n6link monitor" in said
    assert "Note: 3 results arrived too fast and are not in " in said


@pytest.fixture
def restored_signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@contextmanager
def used_and_ended() -> Iterator[list[str]]:
    """A block in which a server runs in this process: another program uses it, and then ends it as systemd does."""
    ended, found = threading.Event(), list[str]()

    def use() -> None:
        while not (running := servers.running()) and not ended.wait(0.01):
            pass
        if running:
            with blocking.N6Device(running[0].url) as dev:
                found.append(dev.info.runtime)
            os.kill(os.getpid(), signal.SIGTERM)

    program = threading.Thread(target=use)
    program.start()
    try:
        yield found
    finally:
        ended.set()
        program.join()
