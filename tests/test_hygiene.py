"""Event-loop hygiene: n6link never blocks the event loop, also if a device stops reading.

No clock is used. The peer of a stalled line runs in the same event loop and thread: if n6link waited in a call,
the peer could not continue, and the test would not end.
"""

from __future__ import annotations

import select
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
import anyio.lowlevel
import numpy as np
import pytest
from e2e_fixtures import board, noise, on_both_backends, sim_url

from n6link import N6Device, TransportError
from n6link.transport.socket_stream import SocketStream
from n6link.transport.url import Stream, open_stream

TURNS = 2000
"""of the event loop, during which a line is stalled"""


class StallingLine:
    """Passes bytes between a host and a device while it is not stalled. It stores almost no bytes itself."""

    def __init__(self) -> None:
        self._flowing = anyio.Event()
        self._flowing.set()
        self._host, ours = socket.socketpair()
        self._host.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # the smallest there is, some kilobytes
        self._ours = SocketStream(ours)

    async def opened(self, url: str | None = None) -> Stream:
        """The replacement for ``open_stream``."""
        return Stream(SocketStream(self._host), url or "")

    async def relay(self, device: Stream) -> None:
        async with self._ours, anyio.create_task_group() as tasks:
            tasks.start_soon(self._pass, device, self._ours)
            tasks.start_soon(self._pass, self._ours, device)

    async def _pass(self, source: Stream | SocketStream, sink: Stream | SocketStream) -> None:
        with suppress(anyio.EndOfStream, anyio.BrokenResourceError, TransportError):  # one side closes first in the end
            while True:
                await self._flowing.wait()
                await sink.send(await source.receive(1000))

    @property
    def full(self) -> bool:
        """Whether the host cannot send any more."""
        return not select.select([], [self._host], [], 0)[1]

    @asynccontextmanager
    async def stalled(self) -> AsyncIterator[None]:
        """No bytes pass in this block, which takes many iterations of the event loop."""
        self._flowing = anyio.Event()
        yield
        for _ in range(TURNS):
            await anyio.lowlevel.checkpoint()
        self._flowing.set()


@on_both_backends
async def test_a_stalled_device_stalls_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    line = StallingLine()
    monkeypatch.setattr("n6link.session.connection.open_stream", line.opened)
    with board("--tcp", "0") as simulated:
        async with await open_stream(simulated.url) as device_end, anyio.create_task_group() as tasks:
            tasks.start_soon(line.relay, device_end)
            async with N6Device(sim_url()) as device:
                network = device["reference"]
                right = (await network.run(noise(network), reduce=False)).outputs["heatmaps"].tobytes()
                answers: list[bytes] = []

                async def run() -> None:
                    answers.append((await network.run(noise(network), reduce=False)).outputs["heatmaps"].tobytes())

                async with anyio.create_task_group() as runs, network.stream() as stream:
                    async with line.stalled():
                        for _ in range(6):
                            runs.start_soon(run)
                        runs.start_soon(device.ping)
                        for seed in range(5):
                            await stream.put(noise(network, seed))
                        async with device.loop(1000) as loop:
                            async for tick in loop:  # control goes on meanwhile
                                assert tick.latest(network)
                                if tick.index >= 20:
                                    break
                        while not line.full:  # a computer that pauses skips ticks
                            await anyio.lowlevel.checkpoint()
                        assert not answers
                    assert await stream.__anext__()
                assert answers == [right] * 6
                assert device.counters.malformed == device.counters.header_errors == 0
            tasks.cancel_scope.cancel()


async def test_nothing_blocks() -> None:
    """No call that may wait, such as a read of a file or of a blocking socket, is made in the event loop."""
    blockbuster = pytest.importorskip("blockbuster")
    async with N6Device(sim_url()) as device:
        network = device["reference"]
        with blockbuster.blockbuster_ctx():
            await network.run(noise(network))
            await network.run(np.zeros((1, *network.inputs["image"].shape[1:]), np.float32))
            async with network.stream(iter([noise(network)] * 5), policy="all") as results:
                async for result in results:
                    assert result.timing.total > 0
            async with network.stream(policy="latest") as stream, device.loop(500) as loop:
                async for tick in loop:
                    await stream.put(noise(network))
                    if tick.index >= 10:
                        break
            async with device.subscribe(0.01) as readings:
                await readings.__anext__()
            await network.profile(runs=2, warmup=0)
            with anyio.move_on_after(0):
                await network.run(noise(network))
            await device.stats()
