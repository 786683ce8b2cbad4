"""Lines of a board's log at the clients of its server: each has the level that it wants, and only a client that does not read loses some."""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
from e2e_fixtures import noise, on_both_backends, sim_url

from n6link import N6Device, Network
from n6link.link import frames
from n6link.protocol import SCHEMA_ID, VERSION_MAJOR, Limit, LogLevel, MessageType, records
from n6link.serve.client import LINES
from n6link.serve.listeners import Place
from n6link.serve.server import Server
from n6link.session.subscription import LogRecord, Subscription


@asynccontextmanager
async def serving(place: str) -> AsyncGenerator[tuple[N6Device, str], None]:
    """A server in this process: its device, and the URL for clients."""
    ready, devices = anyio.Event(), list[N6Device]()

    def announce(dev: N6Device, urls: Sequence[str]) -> None:
        devices.append(dev)
        ready.set()

    async with anyio.create_task_group() as tasks:
        server = Server(sim_url(), [Place.parse(place)])
        tasks.start_soon(server.run, announce)
        await ready.wait()
        yield devices[0], place
        tasks.cancel_scope.cancel()


async def until(lines: Subscription[LogRecord], text: str) -> LogRecord:
    """The first line with this text."""
    async for line in lines:
        if line.text == text:
            return line
    raise AssertionError(text)


async def keep_running(network: Network) -> None:
    while True:
        await network.run(noise(network))


@on_both_backends
async def test_each_client_has_the_lines_that_it_wants(tmp_path: Path) -> None:
    async with (
        serving(f"unix:{tmp_path}/a") as (server, url),
        N6Device(url) as one,
        N6Device(url) as other,
        server.logs() as board,
        one.logs() as lines,
        other.logs() as others,
    ):
        network = other["reference"]
        said = LogRecord(logging.WARNING, "the board says it", 1234.5)
        server.connection.listeners.log(said)
        assert await until(lines, said.text) == said and await until(others, said.text) == said
        # One wants all lines: the board sends them, and the other one does not get them.
        await one.set_log_level(LogLevel.DEBUG)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keep_running, network)
            line = await until(lines, "INFER")
            tasks.cancel_scope.cancel()
        assert (
            line.level == logging.DEBUG
            and line.time
            and line.time <= one.clock.to_device(anyio.current_time()) / one.info.tick_hz
        )
        server.connection.listeners.log(said)
        async for line in others:
            assert line == said
            break
        # Text between frames has no time: it gets that of its arrival.
        server.connection.listeners.log(LogRecord(logging.INFO, "text on the line", None))
        assert (await until(lines, "text on the line")).time
        # A client that leaves wants nothing any more: a run adds no lines.
        await one.aclose()
        while True:
            before = LogRecord(logging.WARNING, "before", 1.0)
            server.connection.listeners.log(before)
            await until(board, before.text)
            await network.run(noise(network))
            server.connection.listeners.log(said)
            async for line in board:
                found = line.text
                break
            if found == said.text:
                break
            await until(board, said.text)


async def test_a_client_that_does_not_read_loses_the_oldest_lines(tmp_path: Path) -> None:
    sent, size = 3000, 900
    hello = records.Hello(
        major=VERSION_MAJOR, schema=SCHEMA_ID, nonce=7, max_chunk=Limit.MAX_CHUNK, window=1 << 16
    ).pack()
    level = records.LogLevelRequest(level=LogLevel.INFO).pack()
    asked = frames.pack(MessageType.HELLO, 1, hello), frames.pack(MessageType.LOG_LEVEL, 2, level)
    with socket.socket(socket.AF_UNIX) as slow:
        async with (
            serving(f"unix:{tmp_path}/a") as (server, url),
            N6Device(url) as dev,
            dev.logs() as lines,
        ):
            slow.connect(f"{tmp_path}/a")
            slow.setblocking(False)
            slow.sendall(b"".join(asked))
            reader, answers = frames.FrameReader(frames.Counters()), 0
            while answers < len(asked):
                await anyio.wait_readable(slow)
                answers += len(list(reader.feed(slow.recv(1 << 16))))
            for number in range(sent):
                server.connection.listeners.log(LogRecord(logging.INFO, f"{number:05}".ljust(size, "."), 1.0))
                if number % 100 == 0:
                    server.connection.listeners.log(LogRecord(logging.WARNING, f"{number}", 1.0))
                    await until(lines, f"{number}")  # it reads, and loses nothing
            server.connection.listeners.log(LogRecord(logging.WARNING, "last", 1.0))
            assert (await until(lines, "last")).time == 1.0
            assert lines.dropped == 0 and (await dev.stats()).log_dropped == 0
            network = dev["reference"]
            assert await network.run(noise(network))
            got, dropped = list[str](), 0
            while not got or got[-1] != "last":
                await anyio.wait_readable(slow)
                for kind, *_, payload in reader.feed(slow.recv(1 << 16)):
                    if kind == MessageType.LOG:
                        log = records.Log.unpack(payload)
                        assert log.dropped >= dropped
                        dropped = log.dropped
                        got.append(bytes(payload[log.head :]).decode())
            # Those that the sockets had are the oldest, those that have waited the newest; the others are counted.
            numbers = [int(text[:5]) for text in got if len(text) == size]
            assert numbers[0] == 0 and numbers == sorted(numbers)
            assert set(numbers) >= set(range(sent - LINES // 2, sent))
            assert dropped == sent - len(numbers) + (sent // 100 - (len(got) - 1 - len(numbers))) > 0
