from __future__ import annotations

import asyncio
import errno
import importlib.metadata
import importlib.util
import json
import logging
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
import serial
from anyio.abc import ByteStream, SocketAttribute
from e2e_fixtures import board, noise
from lines import Line
from references import DATA

from n6link.device import N6Device
from n6link.errors import BadInput, MissingExtra, N6Error, TransportError
from n6link.transport import (
    interpreter,
    process,
    qemu,
    serial_port,
    serial_protocol,
    serial_pyserial,
    serial_serialx,
    sim,
    tcp,
)
from n6link.transport import url as transport
from n6link.transport.socket_stream import SocketStream
from n6link.transport.url import check_url, open_stream, register

MEGABYTE = bytes(range(256)) * 4096


def run(backend: str, function: Callable[[], Awaitable[None]]) -> None:
    with_limit = anyio.run(lambda: _limited(function), backend=backend)
    assert with_limit is None


async def _limited(function: Callable[[], Awaitable[None]]) -> None:
    with anyio.fail_after(200):
        await function()


both = pytest.mark.parametrize("backend", ["asyncio", "trio"])


async def receive_exactly(stream: anyio.abc.ByteReceiveStream, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        data += await stream.receive(count - len(data))
    return bytes(data)


async def within(seconds: float, done: Awaitable[object]) -> bool:
    """Whether something is done within that time."""
    with anyio.move_on_after(seconds) as scope:
        await done
    return not scope.cancelled_caught


async def exchange(ours: anyio.abc.ByteStream, theirs: anyio.abc.ByteStream) -> None:
    """A megabyte each way at once, then a little."""

    async def check(reader: anyio.abc.ByteStream) -> None:
        assert await receive_exactly(reader, len(MEGABYTE)) == MEGABYTE

    async with anyio.create_task_group() as group:
        for end in (ours, theirs):
            group.start_soon(end.send, MEGABYTE)
            group.start_soon(check, end)
    await ours.send(memoryview(bytearray(b"ping")))  # type: ignore[arg-type]
    assert await theirs.receive() == b"ping"
    await theirs.send(b"pong")
    assert await ours.receive(2) + await ours.receive() == b"pong"


# ------------------------------------------------------------------------------------------- URLs


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (
            "",
            "is neither a URL nor a board of the settings file, which has none; a URL must start with serial:, tcp:, unix:, sim:, qemu:, replay:, board:",
        ),
        ("board", "'board' is neither a URL nor a board of the settings file"),
        ("/dev/ttyACM0", "use serial:/dev/ttyACM0"),
        ("COM7", "use serial:COM7"),
        ("http://host", "unknown scheme 'http'"),
        ("tcp:", "use tcp:HOST:PORT"),
        ("tcp:host", "use tcp:HOST:PORT"),
        ("tcp:host:serial", "use tcp:HOST:PORT"),
        ("tcp:host:65536", "use tcp:HOST:PORT"),
        ("tcp::6006", "use tcp:HOST:PORT"),
        ("unix:", "use unix:PATH"),
        ("serial:", "use serial:PORT"),
        ("serial:COM3?speed=9600", "unknown option 'speed'; the only option is baud=N"),
        ("serial:COM3?baud=fast", "'fast'; it must be a baud rate"),
        ("serial:COM3?baud=0", "must be a baud rate"),
    ],
)
async def test_a_malformed_url_says_what_is_wrong(url: str, says: str) -> None:
    with pytest.raises(TransportError) as error:
        await open_stream(url)
    assert says in str(error.value)


@pytest.mark.parametrize("url", ["TCP:host:1", "serial:COM9?baud=9600", "unix:/nowhere", "sim:movenet13?baud=9600"])
def test_a_url_can_be_checked_without_opening_it(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize("url", ["host", "tcp:host", "serial:", "unix:", "sim:nothing.tflite", "qemu:/nothing.elf"])
def test_a_url_that_cannot_work_is_told_without_opening_it(url: str) -> None:
    with pytest.raises(TransportError, match=f"'{url}|of '{url}"):
        check_url(url)


# ------------------------------------------------------------------------------------------- sockets


async def test_a_scheme_of_the_program_itself() -> None:
    opened: list[str] = []
    here, there = socket.socketpair()

    async def open_it(rest: str) -> anyio.abc.ByteStream:
        opened.append(rest)
        return await anyio.abc.SocketStream.from_socket(here)

    register("tested", open_it)
    check_url("tested:board 1")
    with there:
        async with await open_stream("tested:board 1") as ours:
            assert opened == ["board 1"]
            await ours.send(b"ping")
            assert there.recv(4) == b"ping"
            there.close()
            with pytest.raises(TransportError, match="the device at tested:board 1 has closed"):
                await ours.receive()
    for name in ("tested", "serial", "Upper", "a b", ""):
        with pytest.raises(BadInput, match="cannot be added"):
            register(name, open_it)


@both
def test_unix(backend: str, tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "socket"
        async with await anyio.create_unix_listener(path) as listener, await open_stream(f"unix:{path}") as ours:
            assert ours.url == f"unix:{path}"
            async with await listener.accept() as theirs:
                await exchange(ours, theirs)
            with pytest.raises(TransportError, match="the device at unix:.* has closed the connection"):
                await ours.receive()
            with pytest.raises(TransportError, match=r"the connection to unix:.* was lost \(broken pipe\)"):
                for _ in range(100):
                    await ours.send(MEGABYTE)
        with pytest.raises(TransportError, match="closed by this program"):
            await ours.receive()
        with pytest.raises(TransportError, match="closed by this program"):
            await ours.send(b"x")
        await ours.aclose()

    run(backend, main)


@both
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "//localhost"])
def test_tcp(backend: str, host: str) -> None:
    async def main() -> None:
        family = socket.AF_INET6 if "::" in host else socket.AF_INET
        local = "::1" if "::" in host else "127.0.0.1"
        with socket.socket(family) as raw:
            try:
                raw.bind((local, 0))
            except OSError:
                pytest.skip(f"this machine has no {local}")
            raw.listen()
            raw.setblocking(False)
            async with await open_stream(f"tcp:{host}:{raw.getsockname()[1]}") as ours:
                assert ours.extra(SocketAttribute.raw_socket).getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                accepted = await anyio.to_thread.run_sync(_accept, raw)
                async with await anyio.abc.SocketStream.from_socket(accepted) as theirs:
                    await exchange(ours, theirs)
                with pytest.raises(TransportError, match="closed the connection"):
                    await ours.receive()

    run(backend, main)


def _accept(raw: socket.socket) -> socket.socket:
    raw.settimeout(10)
    return raw.accept()[0]


@both
def test_an_end_that_resets_the_connection(backend: str) -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as raw:
            async with await open_stream(f"tcp:127.0.0.1:{raw.getsockname()[1]}") as ours:
                accepted = _accept(raw)
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                accepted.close()
                with pytest.raises(TransportError, match="reset"):
                    await ours.receive()

    run(backend, main)


@both
def test_listening(backend: str, tmp_path: Path) -> None:
    """A function gets all bytes; its exception, and the end of the stream, end the call."""

    def fail(data: bytes) -> None:
        raise ValueError(f"the function got {data!r}")

    async def main() -> None:
        path, got, complete = tmp_path / "socket", bytearray(), anyio.Event()

        def received(data: bytes) -> None:
            got.extend(data)
            if len(got) == len(MEGABYTE):
                complete.set()

        async with await anyio.create_unix_listener(path) as listener, await open_stream(f"unix:{path}") as ours:
            async with await listener.accept() as theirs:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(ours.listen, received)
                    await theirs.send(MEGABYTE)
                    await complete.wait()
                    tasks.cancel_scope.cancel()
                assert got == MEGABYTE
                await theirs.send(b"more")
                assert await receive_exactly(ours, 4) == b"more", "the call that was cancelled has not read it"
                await theirs.send(b"x")
                with pytest.raises(ValueError, match="the function got b'x'"):
                    await ours.listen(fail)
            with pytest.raises(TransportError, match="closed the connection"):
                await ours.listen(fail)

    run(backend, main)


@both
def test_an_end_of_listening(backend: str) -> None:
    """The peer resets the connection, or the program closes it."""

    async def main() -> None:
        ours, theirs = socket.socketpair()
        stream = transport.Stream(SocketStream(ours), "pair:")
        await stream.send(b"not read")
        theirs.close()
        with pytest.raises(TransportError, match=r"the connection to pair: was lost \(connection reset"):
            await stream.listen(lambda data: None)
        await stream.aclose()
        ours, theirs = socket.socketpair()
        stream = transport.Stream(SocketStream(ours), "pair:")
        with theirs:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(stream.aclose)
                with pytest.raises(TransportError, match="closed by this program"):
                    await stream.listen(lambda data: None)

    run(backend, main)


async def test_bytes_collect_while_a_stream_rests() -> None:
    ours, theirs = socket.socketpair()
    stream, pieces = transport.Stream(SocketStream(ours), "pair:"), list[bytes]()

    def received(data: bytes) -> None:
        pieces.append(data)
        if len(pieces) > 1:
            raise EOFError
        assert stream.rest
        stream.rest(0.01)
        theirs.send(b"b")
        theirs.send(b"c")

    with theirs:
        theirs.send(b"a")
        with pytest.raises(EOFError):
            await stream.listen(received)
    assert pieces == [b"a", b"bc"]
    await stream.aclose()


async def test_nobody_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as raw:
        port = raw.getsockname()[1]
    with pytest.raises(TransportError, match=rf"no program listens at 127.0.0.1 port {port} \(connection refused\)"):
        await open_stream(f"tcp:127.0.0.1:{port}")
    with pytest.raises(TransportError, match=r"no such file or directory.*n6link sim --unix /"):
        await open_stream(f"unix:{tmp_path / 'nothing'}")
    (tmp_path / "file").touch()
    with pytest.raises(TransportError, match="connection refused"):
        await open_stream(f"unix:{tmp_path / 'file'}")
    with pytest.raises(TransportError, match="failed"):
        await open_stream(f"unix:{tmp_path / ('long' * 50)}")


async def test_a_host_that_does_not_exist() -> None:
    with pytest.raises(TransportError, match="unknown host 'nowhere.invalid'"):
        await open_stream("tcp:nowhere.invalid:1")


@contextmanager
def silent() -> Iterator[int]:
    """The port of a server that ignores new connections, because its queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as raw, socket.create_connection(raw.getsockname()):
        yield raw.getsockname()[1]


@both
def test_a_host_that_does_not_answer(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        with silent() as port, pytest.raises(TransportError, match=rf"127.0.0.1 port {port} does not answer"):
            await open_stream(f"tcp:127.0.0.1:{port}")

    monkeypatch.setattr(transport, "CONNECT_TIMEOUT", 0.01)
    run(backend, main)


@both
@pytest.mark.parametrize("answers", [True, False])
def test_a_host_with_several_addresses(backend: str, answers: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first address refuses, or does not answer: the next one is used."""

    async def main() -> None:
        def addresses(*_: object, **__: object) -> list[tuple[Any, ...]]:
            ports = [dead, dead, raw.getsockname()[1]]
            return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)) for port in ports]

        monkeypatch.setattr(socket, "getaddrinfo", addresses)
        async with await open_stream("tcp:board.local:1"):
            _accept(raw).close()

    monkeypatch.setattr(tcp, "DELAY", 60 if answers else 0.01)
    with socket.create_server(("127.0.0.1", 0)) as raw, silent() as dead:
        if answers:
            with socket.create_server(("127.0.0.1", 0)) as closed:
                dead = closed.getsockname()[1]
        run(backend, main)


async def test_no_unix_sockets_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_UNIX")
    with pytest.raises(TransportError, match="does not have unix sockets; use tcp:HOST:PORT"):
        await open_stream("unix:/tmp/x")


# ------------------------------------------------------------------------------------------- serial ports


LIBRARIES = {"pyserial-asyncio": serial_pyserial.connect, "serialx": serial_serialx.connect}


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opens ports with each library."""
    if request.param == "serialx" and not serial_serialx.installed():
        pytest.skip("serialx is not installed")
    monkeypatch.setattr(serial_port, "library", lambda: LIBRARIES[request.param])


@pytest.fixture
def line(library: None, line: Line) -> Line:
    """A line that is opened with each library."""
    return line


@pytest.mark.parametrize(("version", "usable"), [(None, False), ("1.14.9", False), ("1.15", True), ("2.0.1rc1", True)])
def test_the_library_is_the_one_that_is_installed(
    monkeypatch: pytest.MonkeyPatch, version: str | None, usable: bool
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: version)
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    assert serial_port.library() is LIBRARIES["serialx" if usable else "pyserial-asyncio"]


async def test_serial(line: Line) -> None:
    async with await open_stream(f"{line.url}?baud=115200") as ours:
        assert line.attributes()[4:6] == [termios.B115200, termios.B115200]
        # Both directions at once: neither may wait for the other.
        reading = asyncio.create_task(receive_exactly(ours, len(MEGABYTE)))
        feeding = asyncio.create_task(line.write(MEGABYTE))
        arriving = asyncio.create_task(line.read(len(MEGABYTE)))
        await ours.send(MEGABYTE)
        assert await arriving == MEGABYTE
        assert await reading == MEGABYTE
        await feeding
        await line.write(b"pong")
        assert await ours.receive(2) + await ours.receive() == b"pong"
        await ours.send_eof()
    async with await open_stream(line.url):
        assert line.attributes()[4] == termios.B921600


async def test_a_buffer_may_be_changed_as_soon_as_it_is_sent(line: Line) -> None:
    buffer = bytearray(MEGABYTE[:100_000])
    async with await open_stream(line.url) as ours:
        arriving = asyncio.create_task(line.read(len(buffer)))
        await ours.send(memoryview(buffer))
        buffer[:] = bytes(len(buffer))
        assert await arriving == MEGABYTE[:100_000]


async def test_bytes_that_a_tty_does_not_take_at_once_need_no_task(line: Line) -> None:
    """A batch is taken whole, and the next one only when it has left, so that the order of bytes is kept."""
    async with await open_stream(line.url) as ours:
        assert ours.send_nowait(MEGABYTE[:100_000]) == 100_000
        assert ours.send_nowait(b"later") == 0
        arriving = asyncio.create_task(line.read(100_005))
        await ours.send(b"later")
        assert await arriving == MEGABYTE[:100_000] + b"later"
        assert ours.send_nowait(b"end") == 3
        assert await line.read(3) == b"end"


async def test_little_waits_in_the_process_when_the_board_does_not_read(line: Line) -> None:
    async with await open_stream(line.url) as ours:
        with anyio.move_on_after(0.2) as scope:
            await ours.send(MEGABYTE)
        assert scope.cancelled_caught
        kept = 0
        while await within(0.3, anyio.wait_readable(line.board)):
            kept += len(os.read(line.board, 4096))
        assert kept <= serial_protocol.PIECE + 16384, "more than the stream's and the kernel's buffers was on its way"


async def test_reading_is_paused_when_nobody_receives(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_protocol, "RECEIVE_LIMIT", 20_000)
    async with await open_stream(line.url) as ours:
        written = 0
        # A line that is full before the stream is was not read for some time, because this computer paused.
        with anyio.fail_after(200):
            while await within(0.3, anyio.wait_writable(line.board)) or written <= 20_000:
                with suppress(BlockingIOError):
                    written += os.write(line.board, MEGABYTE[written : written + 4096])
        assert written < 200_000
        assert await receive_exactly(ours, written) == MEGABYTE[:written]
        feeding = asyncio.create_task(line.write(MEGABYTE))
        assert await receive_exactly(ours, len(MEGABYTE)) == MEGABYTE
        await feeding


async def test_a_stalled_board_stops_neither_the_loop_nor_the_end(line: Line) -> None:
    turns = 0

    async def watch() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    async with await open_stream(line.url) as ours, anyio.create_task_group() as group:
        group.start_soon(watch)
        async with anyio.create_task_group() as sending:
            sending.start_soon(ours.send, MEGABYTE)
            while turns < 100:
                await anyio.lowlevel.checkpoint()
            sending.cancel_scope.cancel()
        before = turns
        with anyio.fail_after(30):  # closing drains for a moment, and gives up
            await ours.aclose()
        assert before < turns
        group.cancel_scope.cancel()


async def test_the_last_bytes_leave_before_the_port_closes(line: Line) -> None:
    ours = await open_stream(line.url)
    await ours.send(MEGABYTE[:4000])
    closing = asyncio.create_task(ours.aclose())
    assert await line.read(4000) == MEGABYTE[:4000]
    await closing


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Errors in the log; on a slow computer an event loop in its debug mode warns of slow callbacks."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("doing", ["receiving", "sending", "nothing"])
async def test_unplugging_ends_what_is_under_way(line: Line, doing: str, caplog: pytest.LogCaptureFixture) -> None:
    async with await open_stream(line.url) as ours:

        async def work() -> None:
            if doing == "receiving":
                await ours.receive()
            elif doing == "sending":
                await ours.send(MEGABYTE)

        task = asyncio.create_task(work())
        await anyio.wait_all_tasks_blocked()
        path = line.path
        line.unplug()
        if doing != "nothing":
            with pytest.raises(TransportError, match=f"serial port {path} was lost; check the cable"):
                await task
        for attempt in (ours.receive, lambda: ours.send(b"x")):
            with pytest.raises(TransportError, match="was lost"):
                await attempt()
    await ours.aclose()
    assert not errors(caplog), "the event loop does not report an error"


def test_an_event_loop_that_ends_while_a_port_is_lost(line: Line) -> None:
    """Its tasks are cancelled, those of the library too."""

    async def main() -> None:
        ours = await open_stream(line.url)

        async def keep() -> None:
            try:
                await ours.receive()
            finally:
                await ours.aclose()

        keeping = asyncio.create_task(keep())
        await anyio.wait_all_tasks_blocked()
        line.unplug()
        assert not keeping.done()

    asyncio.run(main())


async def test_unplugging_while_the_port_closes(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    ours = await open_stream(line.url)
    with anyio.move_on_after(0.1):
        await ours.send(MEGABYTE)
    closing = asyncio.create_task(ours.aclose())  # waits for the board to read
    await anyio.wait_all_tasks_blocked()
    line.unplug()
    await closing
    assert not errors(caplog)


async def test_what_had_arrived_can_be_read_after_unplugging(line: Line) -> None:
    async with await open_stream(line.url) as ours:
        await line.write(b"the last words")
        assert await ours.receive(4) == b"the ", "the rest has arrived with it"
        line.unplug()
        with pytest.raises(TransportError, match="was lost"):
            while True:
                await ours.send(b"x")
        assert await ours.receive() == b"last words"
        with pytest.raises(TransportError, match="was lost"):
            await ours.receive()


async def test_listening_at_a_port(line: Line) -> None:
    pieces: list[bytes] = []

    def received(data: bytes) -> None:
        pieces.append(data)
        if pieces[-1:] == [b"fail"]:
            raise EOFError
        if len(pieces) == 1:
            assert ours.rest
            ours.rest(0.01)
            os.write(line.board, b"b")
            os.write(line.board, b"c")
        else:
            line.unplug()

    async with await open_stream(line.url) as ours:
        await line.write(b"a")
        with pytest.raises(TransportError, match="was lost"):
            await ours.listen(received)
    assert pieces == [b"a", b"bc"]


async def test_what_a_listener_of_a_port_raises(line: Line) -> None:
    def fail(data: bytes) -> None:
        raise ValueError(f"the function got {data!r}")

    async with await open_stream(line.url) as ours:
        await line.write(b"ab")
        assert await ours.receive(1) == b"a", "the rest has arrived with it"
        with pytest.raises(ValueError, match="the function got b'b'"):
            await ours.listen(fail)
        await line.write(b"c")
        with pytest.raises(ValueError, match="the function got b'c'"):
            await ours.listen(fail)
        await line.write(b"d")
        assert await ours.receive() == b"d"


async def test_a_cancelled_read_loses_nothing(line: Line) -> None:
    async with await open_stream(line.url) as ours:
        with anyio.move_on_after(0.05):
            await ours.receive()
        await line.write(b"here")
        assert await ours.receive() == b"here"


async def test_a_closed_port_is_free_and_says_so(line: Line) -> None:
    ours = await open_stream(line.url)
    with pytest.raises(TransportError, match=f"{line.path} is in use by this program; close it"):
        await open_stream(line.url)
    await ours.aclose()
    with pytest.raises(TransportError, match="closed by this program"):
        await ours.receive()
    async with await open_stream(line.url):
        pass


async def test_a_file_is_no_port(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(TransportError, match=f"{path} cannot be used as a serial port"):
        await open_stream(f"serial:{path}")


@pytest.mark.parametrize(
    ("exc", "says"),
    [
        (serial.SerialException(errno.EACCES, "no"), "no permission to open serial port"),
        (serial.SerialException(errno.EBUSY, "no"), "in use by another program"),
        (serial.SerialException(errno.EAGAIN, "no"), "in use by another program"),
        (serial.SerialException("could not open port 'COM3': PermissionError(13, 'Access is denied.')"), "in use"),
        (
            serial.SerialException("could not open port 'COM3': FileNotFoundError(2, 'no such file')"),
            "serial port COM3 does not exist",
        ),
        (ValueError("Invalid baud rate: 7"), "does not support 921600 baud"),
        (OSError(errno.EIO, "odd"), "does not exist"),
        (OSError(errno.ENOSPC, "odd"), "cannot be used as a serial port"),
    ],
)
async def test_a_port_that_cannot_be_opened(monkeypatch: pytest.MonkeyPatch, exc: Exception, says: str) -> None:
    async def refuse(*_: object) -> None:
        raise exc

    monkeypatch.setattr(serial_port, "library", lambda: refuse)
    with pytest.raises(TransportError) as error:
        await open_stream("serial:COM3")
    assert says in str(error.value) and "COM3" in str(error.value)


async def test_a_port_is_asked_for_low_latency(monkeypatch: pytest.MonkeyPatch, line: Line) -> None:
    asked = []
    monkeypatch.setattr(serial.Serial, "set_low_latency_mode", lambda self, on: asked.append(on))
    monkeypatch.setattr(serial_port, "library", lambda: serial_pyserial.connect)
    async with await open_stream(line.url):
        assert asked == [True]


async def test_the_virtual_board_behind_a_serial_port(library: None) -> None:
    with board("--pty") as virtual:
        for _ in range(2):  # a port can be opened again
            async with N6Device(virtual.url) as dev:
                network = dev["reference"]
                first, second = await asyncio.gather(network.run(noise(network)), network.run(noise(network)))
                for name, output in first.outputs.items():
                    assert (output == second.outputs[name]).all()


async def test_a_virtual_board_that_vanishes_from_its_serial_port(library: None) -> None:
    with board("--pty", "--baud", "115200") as virtual:
        async with N6Device(virtual.url, reconnect=0) as dev:
            network = dev["reference"]
            before = dev.counters.tx_frames

            async def keep_running() -> None:  # the first one may end before the board does
                while True:
                    await network.run(noise(network))

            task = asyncio.create_task(keep_running())
            while dev.counters.tx_frames == before:  # noqa: ASYNC110  counters wake nobody
                await anyio.sleep(0.001)
            virtual.die()
            with pytest.raises(TransportError, match="was lost"):
                await task
            with pytest.raises(TransportError, match="was lost"):
                await dev.ping()


def test_serial_needs_asyncio(line: Line) -> None:
    async def main() -> None:
        with pytest.raises(TransportError, match="requires asyncio, .* with trio use tcp:, unix:, sim: or qemu:"):
            await open_stream(line.url)

    run("trio", main)


# ------------------------------------------------------------------------------------------- sim: URLs


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files that could be networks, which is the current one."""
    for name in ("a.tflite", "b.tflite", "with,comma.tflite", "a=b.tflite", "odd name!.tflite", "x;y.tflite", "r.txt"):
        (tmp_path / name).touch()
    (tmp_path / "b.toml").write_text('task = "pose-heatmap"')
    (tmp_path / "n6sim").touch()
    monkeypatch.setenv("N6LINK_SIM", str(tmp_path / "n6sim"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def arguments(rest: str, folder: Path) -> list[str]:
    """The arguments with which n6sim loads networks."""
    command = sim.parse(rest).command(folder)
    return [command[i + 1] for i, word in enumerate(command) if word == "--network"]


def test_sim_runs_the_bundled_networks() -> None:
    board = sim.parse("")
    assert [network.name for network in board.networks] == ["movenet13", "tinybert"]
    for network in board.networks:
        assert Path(network.source).is_file() and network.card and network.card.suffix == ".toml"
    assert not board.options


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("a.tflite", ["a=a.tflite"]),
        ("b.tflite", ["b=b.tflite;card=b.toml"]),
        ("reference:", ["reference=reference:"]),
        ("deep=reference:pose?card=r.txt", ["deep=reference:pose;card=r.txt"]),
        ("b.tflite?card=r.txt", ["b=b.tflite;card=r.txt"]),
        ("pose=a.tflite,b.tflite", ["pose=a.tflite", "b=b.tflite;card=b.toml"]),
        ("with%2Ccomma.tflite", None),
        ("c=with%2Ccomma.tflite", ["c=with,comma.tflite"]),
        ("./a=b.tflite", None),
        ("n=a=b.tflite", ["n=a=b.tflite"]),
    ],
)
def test_sim_networks(nets: Path, rest: str, expected: list[str] | None) -> None:
    if expected is None:
        with pytest.raises(TransportError, match="has the invalid network name"):
            sim.parse(rest)
    else:
        assert arguments(rest, nets) == expected


def test_sim_bundled_networks_by_name(nets: Path) -> None:
    one, other = sim.parse("movenet13,left=movenet13?report=r.txt").networks
    assert (one.name, other.name) == ("movenet13", "left")
    assert one.source == other.source and one.card == other.card and other.report == Path("r.txt")
    (nets / "movenet13").touch()
    assert sim.parse("movenet13").networks[0].source == "movenet13", "a file of that name comes first"


def test_sim_reports_become_tables_of_blocks(nets: Path) -> None:
    report = DATA / "reports" / "letters_ec_network_generate_report.txt"
    (argument,) = arguments(f"pose=a.tflite?report={report}", nets)
    source, blocks = argument.split(";")
    assert source == "pose=a.tflite"
    lines = Path(blocks.removeprefix("blocks=")).read_text().splitlines()
    assert lines and all(line.split()[0] in {"epochs", "HW", "EC", "SW", "HYBRID", "EXTRA", "pool"} for line in lines)


def test_sim_needs_no_litert_for_built_in_networks(nets: Path) -> None:
    assert "--litert" not in sim.parse("reference:").command(nets)
    assert "--litert" in sim.parse("reference:,a.tflite").command(nets)


def test_sim_paths_with_a_semicolon_cannot_be_passed_on(nets: Path) -> None:
    with pytest.raises(TransportError, match="'z=x;y.tflite' contains a semicolon"):
        arguments("z=x;y.tflite", nets)


@pytest.mark.parametrize(
    "rest",
    ["?baud=921600&slots=4", "a.tflite?baud=921600&slots=4", "a.tflite?slots=4,b.tflite?report=r.txt&baud=921600"],
)
def test_sim_options_of_the_board_may_stand_anywhere(nets: Path, rest: str) -> None:
    assert sim.parse(rest).options == {"baud": 921600, "slots": 4}


@pytest.mark.parametrize(
    ("rest", "says"),
    [
        (
            "none.tflite",
            "has the network 'none.tflite', which does not exist; the bundled networks are movenet13, tinybert",
        ),
        (".", "has the network '.', which is not a file"),
        ("a.tflite,a.tflite", "two networks with the name 'a'; use NAME=PATH"),
        ("a.tflite,", "empty network"),
        ("odd name!.tflite", "invalid network name 'odd name!'; use NAME="),
        ("=a.tflite", "has the invalid network name ''; use NAME=a.tflite"),
        ("n" * 32 + "=a.tflite", "1 to 31 characters"),
        ("?baud=0", "baud='0'; it must be a whole number from 1"),
        ("?baud=", "baud=''; it must be a whole number from 1"),
        ("?slots=-1", "slots='-1'"),
        ("?chunk=99999999999", "it must be a whole number from 1 to 4294967295"),
        ("?bauds=9600", "unknown option 'bauds'; choose report, card, golden, baud, uart, slots, chunk"),
        ("?report=r.txt", "option 'report' without a network"),
        ("a.tflite?report=none.txt", "report='none.txt', which does not exist"),
        ("a.tflite?baud=1&baud=2", "option 'baud' twice"),
        ("a.tflite?baud=1,b.tflite?baud=2", "option 'baud' twice"),
        ("a.tflite?report=r.txt&report=r.txt", "option 'report' twice"),
    ],
)
def test_sim_errors_name_what_is_wrong(nets: Path, rest: str, says: str) -> None:
    with pytest.raises(TransportError) as error:
        sim.parse(rest)
    assert says in str(error.value) and f"'sim:{rest}'" in str(error.value)


def test_no_virtual_board_in_this_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("N6LINK_SIM", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: SimpleNamespace(submodule_search_locations=["/"]))
    with pytest.raises(
        TransportError, match="this installation of n6link does not contain the virtual board.*N6LINK_SIM"
    ):
        sim.find_executable()
    monkeypatch.setenv("N6LINK_SIM", "/nowhere/n6sim")
    with pytest.raises(TransportError, match="N6LINK_SIM is '/nowhere/n6sim', which is not a file"):
        sim.find_executable()


def test_the_virtual_board_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "_bin").mkdir()
    (tmp_path / "_bin" / "n6sim").touch()
    monkeypatch.delenv("N6LINK_SIM", raising=False)
    spec = SimpleNamespace(submodule_search_locations=["/nowhere", str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec if name == "n6link" else None)
    assert sim.find_executable() == tmp_path / "_bin" / "n6sim"


@pytest.mark.parametrize(
    ("spec", "error", "says"),
    [
        (None, MissingExtra, r"requires LiteRT.*pip install 'n6link\[sim\]'"),
        (SimpleNamespace(submodule_search_locations=["/"]), TransportError, "does not contain lib.*pip install"),
    ],
)
def test_no_litert(monkeypatch: pytest.MonkeyPatch, spec: object, error: type[N6Error], says: str) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(error, match=says):
        sim.find_litert()


# ------------------------------------------------------------------------------------------- child processes

HEAD = """#!{python}
import json, os, signal, socket, sys, time
argv = sys.argv
link = socket.socket(fileno=int(argv[argv.index("--fd") + 1]))
def ready(): print(json.dumps({{"url": "fd:", "pid": os.getpid()}}), flush=True)
"""
ECHO = """
ready()
link.sendall(json.dumps([os.getpid(), *argv[1:]]).encode() + b"\\n")
while data := link.recv(65536): link.sendall(data)
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes ``sim:`` start a small program instead of the virtual board."""

    def install(body: str) -> None:
        path = tmp_path / "n6sim"
        path.write_text(HEAD.format(python=sys.executable) + body)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(process, "GRACE", 60.0)  # a busy computer may need long to end it
        monkeypatch.setenv("N6LINK_SIM", str(path))
        monkeypatch.setattr(sim, "find_litert", lambda: Path("/litert.so"))

    return install


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@both
def test_sim_starts_a_child_and_ends_it(backend: str, child: Callable[[str], None]) -> None:
    child(ECHO)

    async def main() -> None:
        async with await open_stream("sim:movenet13?baud=115200") as ours:
            line = b""
            while not line.endswith(b"\n"):
                line += await ours.receive()
            pid, *options = json.loads(line)
            assert options[:2] == ["--litert", "/litert.so"] and options[-1] == "--parent-death"
            assert options[2:5] == ["--python", sys.executable, "--interpreter"]
            assert Path(options[5]) == Path(interpreter.__file__)
            assert options[6] == "--network" and options[7].startswith("movenet13=") and ".toml" in options[7]
            assert options[8:11] == ["--baud", "115200", "--fd"]

            async def check() -> None:
                assert await receive_exactly(ours, len(MEGABYTE)) == MEGABYTE

            async with anyio.create_task_group() as group:
                group.start_soon(check)
                await ours.send(MEGABYTE)
            await ours.send_eof()
            with pytest.raises(TransportError, match="the virtual board ended with exit code 0"):
                await ours.receive()
        assert not alive(pid)
        await ours.aclose()

    run(backend, main)


@both
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            "sys.exit('cannot read network a: not a flatbuffer')",
            "ended with exit code 1: cannot read network a: not a flatb",
        ),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "was killed by signal 11"),
        ("print('hello', flush=True); link.recv(1)", "printed 'hello' instead of its URL"),
        ('print(\'{"error": "--network a: no such file"}\', flush=True)', "did not start: network a: no such file"),
        ("print('[1]', flush=True); link.recv(1)", "printed '[1]' instead of its URL"),
        ("print('so far', file=sys.stderr, flush=True); time.sleep(60)", "was not ready within {seconds:g} s: so far"),
    ],
)
def test_a_child_that_does_not_get_ready(
    backend: str, child: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, body: str, says: str
) -> None:
    child(body)
    said = ""

    async def main() -> None:
        nonlocal said
        with pytest.raises(TransportError) as error:
            await open_stream("sim:")
        said = str(error.value)

    for seconds in (0.5, 4.0, 32.0):  # on a busy computer Python may need longer to print something
        if "sleep" in body:
            monkeypatch.setattr(process, "READY_TIMEOUT", seconds)
        run(backend, main)
        assert not children()
        if (wanted := says.format(seconds=seconds)) in said:
            break
    assert wanted in said and said.startswith("the virtual board ")


@both
def test_a_child_that_dies_later_leaves_its_last_words(backend: str, child: Callable[[str], None]) -> None:
    child("ready(); link.recv(1); print('noise\\nassertion failed\\n\\n', file=sys.stderr, flush=True); os._exit(3)")

    async def main() -> None:
        async with await open_stream("sim:") as ours:
            await ours.send(b"x")
            with pytest.raises(TransportError, match="the virtual board ended with exit code 3: assertion failed"):
                await ours.receive()
            with pytest.raises(TransportError, match="ended with exit code 3"):
                await ours.send(MEGABYTE)

    run(backend, main)


@both
def test_a_child_that_does_not_end_is_killed(
    backend: str, child: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    child("signal.signal(signal.SIGTERM, signal.SIG_IGN); ready(); time.sleep(60)")
    monkeypatch.setattr(process, "GRACE", 0.1)

    async def main() -> None:
        async with await open_stream("sim:"):
            assert len(children()) == 1
        assert not children()

    run(backend, main)


@both
def test_cancelling_ends_the_child(backend: str, child: Callable[[str], None]) -> None:
    child("time.sleep(60)")

    async def main() -> None:
        with anyio.move_on_after(0.5) as scope:
            await open_stream("sim:")
        assert scope.cancelled_caught

    run(backend, main)
    assert not children()

    child(ECHO)

    async def later() -> None:
        with anyio.move_on_after(0.5):
            async with await open_stream("sim:"):
                await anyio.sleep_forever()

    run(backend, later)
    assert not children()


@pytest.mark.parametrize("where", ["main thread", "other thread"])
def test_a_child_that_ends_by_itself_while_it_is_closed_is_known_to_asyncio(
    caplog: pytest.LogCaptureFixture, where: str
) -> None:
    """asyncio printed "Unknown child process pid 443, will report returncode 255" if a signal had collected the exit code before it."""
    codes: list[str] = []

    async def main() -> None:
        for _ in range(60):  # without the care of process.py, about half of the runs of one child print it
            async with await process.spawn(["/bin/sh", "-c", "exit 3"], ["{fd}"], "the child"):
                pass
        async with await process.spawn(["/bin/sh", "-c", "exit 3"], ["{fd}"], "the child") as stream:
            with pytest.raises(TransportError) as error:
                await stream.receive()
            codes.append(str(error.value))

    if where == "main thread":
        asyncio.run(main())
    else:
        thread = threading.Thread(target=asyncio.run, args=(main(),))
        thread.start()
        thread.join()
    assert codes == ["the child ended with exit code 3"] and not children()
    assert [record.getMessage() for record in caplog.records] == []


def children() -> list[tuple[int, str]]:
    """Ids and command lines of the child processes that this process has now, zombies included."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(entry.read_text().rpartition(")")[2].split()[1]) == os.getpid():
                found.append((int(entry.parent.name), (entry.parent / "cmdline").read_text()))
        except OSError:
            pass
    return found


async def test_a_program_that_cannot_be_started(child: Callable[[str], None], tmp_path: Path) -> None:
    child(ECHO)
    (tmp_path / "n6sim").chmod(0o600)
    with pytest.raises(TransportError, match="the virtual board cannot be started: .*n6sim.*Permission denied"):
        await open_stream("sim:")


# ------------------------------------------------------------------------------------------- qemu:


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "n6qemu.elf"
    path.touch()
    monkeypatch.delenv("N6LINK_QEMU_ELF", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    return path


@pytest.mark.parametrize("url", ["{}", "?elf={}", ""])
def test_qemu_runs_an_image(image: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    if not url:
        monkeypatch.setenv("N6LINK_QEMU_ELF", str(image))
    command = qemu.command(url.format(image))
    assert command[:4] == ["setpriv", "--pdeathsig", "KILL", "/bin/qemu-system-arm"]
    assert command[-2:] == ["-kernel", str(image)]


@pytest.mark.parametrize(
    ("rest", "says"),
    [
        (
            "",
            "does not contain a firmware; use qemu:PATH, or set N6LINK_QEMU_ELF, with the n6qemu.elf that `make firmware`",
        ),
        ("/nowhere.elf", "'/nowhere.elf' of 'qemu:/nowhere.elf' does not exist"),
        ("?image=x", "is not valid; use qemu:PATH or qemu:?elf=PATH"),
        ("a.elf?elf=b.elf", "is not valid"),
    ],
)
async def test_qemu_without_an_image(image: Path, rest: str, says: str) -> None:
    with pytest.raises(TransportError) as error:
        await open_stream(f"qemu:{rest}")
    assert says in str(error.value)


async def test_qemu_is_not_installed(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(TransportError, match="qemu-system-arm is not installed"):
        await open_stream(f"qemu:{image}")


# ------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError("odd"), "odd"),
        (OSError(errno.ECONNREFUSED, "no"), "connection refused"),
        (OSError(), "oserror"),
    ],
)
async def test_every_error_is_one_of_ours(error: Exception, says: str) -> None:
    class Failing(ByteStream):
        async def receive(self, max_bytes: int = 65536) -> bytes:
            raise error

        async def send(self, item: bytes) -> None:
            raise error

        async def send_eof(self) -> None:
            raise error

        async def aclose(self) -> None:
            raise error

    stream = transport.Stream(Failing(), "x:")
    for call in (stream.receive, lambda: stream.send(b""), stream.send_eof):
        with pytest.raises(TransportError, match=rf"x: failed \({says}\)"):
            await call()
    await stream.aclose()


def test_parents_that_die_take_their_child_along(child: Callable[[str], None]) -> None:
    """The socket is closed when the parent ends, for any reason."""
    child(ECHO)
    script = (
        "import anyio, json\nfrom pathlib import Path\nfrom n6link.transport import sim, url\n"
        "sim.find_litert = lambda: Path('/litert.so')\n"
        "async def main():\n"
        "    stream = await url.open_stream('sim:')\n"
        "    print(json.loads(await stream.receive())[0], flush=True)\n"
        "    await anyio.sleep_forever()\n"
        "anyio.run(main)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(pid)
