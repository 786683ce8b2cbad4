"""Blocks a device: while all its result buffers are held, inferences wait in its queue, and none starts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from unittest import mock

import anyio.lowlevel
from e2e_fixtures import noise

from n6link.device import N6Device
from n6link.link.exchange import Exchange, Inference, Phase
from n6link.network import Network
from n6link.protocol import MessageType
from n6link.session.channel import Channel
from n6link.session.mailbox import Mailbox


@contextmanager
def requests(*, without: MessageType | None = None) -> Iterator[list[tuple[MessageType, bytes]]]:
    """The requests of this block; those of one type are not sent."""
    original, made = Channel.send, []

    def send(self: Channel, kind: MessageType, body: bytes = b"", **options: Any) -> Exchange:
        made.append((kind, body))
        if kind is without:
            return Exchange(0, kind, body, Phase.GONE, 0.0)
        return original(self, kind, body, **options)

    with mock.patch.object(Channel, "send", send):
        yield made


@contextmanager
def inferences() -> Iterator[list[Exchange]]:
    """The inferences that are requested in this block."""
    original, made = Channel.infer, []

    def infer(
        self: Channel, data: memoryview, inference: Inference, box: Mailbox, **options: bool
    ) -> tuple[Exchange, Exchange]:
        upload, request = original(self, data, inference, box, **options)
        made.append(request)
        return upload, request

    with mock.patch.object(Channel, "infer", infer):
        yield made


@asynccontextmanager
async def held(device: N6Device, network: Network) -> AsyncIterator[None]:
    """In this block no inference starts on the device of a network; queued inferences start afterwards."""
    with requests(without=MessageType.RELEASE) as made:
        for seed in range(device.info.results):
            await network.run(noise(network, seed))
    yield
    for kind, body in made:
        if kind is MessageType.RELEASE:
            device.connection.channel.send(kind, body)


async def queued(device: N6Device, count: int) -> None:
    """Waits until this number of inferences is in the device's queue."""
    while (await device.stats()).queue != count:
        await anyio.lowlevel.checkpoint()
