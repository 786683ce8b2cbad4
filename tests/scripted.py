"""A device that answers each write as a function says: for peers that are not a device, or another version of one."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import ByteStream

from n6link.device import N6Device
from n6link.link.link import FLUSH
from n6link.protocol import records
from n6link.session import connection


class Scripted(ByteStream):
    """A peer that answers each write with the bytes that a function returns."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.url = self.stable_url = "test:peer"
        self.baud, self.durable = 0, False
        self.card_files: dict[str, Path] = {}
        self.port = self.rig = None
        self.expected = ""
        self._answer = answer
        self._send, self._receive = anyio.create_memory_object_stream[bytes](math.inf)

    async def receive(self, max_bytes: int = 65536) -> bytes:
        return await self._receive.receive()

    async def send(self, item: bytes) -> None:
        if answer := self._answer(item.removeprefix(FLUSH)):
            self._send.send_nowait(answer)
        await anyio.lowlevel.checkpoint()

    async def send_eof(self) -> None:
        pass

    async def aclose(self) -> None:
        self._send.close()
        self._receive.close()


def script(monkeypatch: pytest.MonkeyPatch, answer: Callable[[bytes], bytes]) -> None:
    """Lets every device of this process be opened with such a peer."""

    async def open_peer(url: str | None = None) -> Scripted:
        return Scripted(answer)

    monkeypatch.setattr(connection, "open_stream", open_peer)


def peer(monkeypatch: pytest.MonkeyPatch, answer: Callable[[bytes], bytes]) -> N6Device:
    """A device with such a peer."""
    script(monkeypatch, answer)
    return N6Device("test:peer", timeout=0.3)


def number_of(hello: bytes) -> int:
    return int.from_bytes(hello[4:8], "little")


def nonce_of(hello: bytes) -> int:
    return int(records.Hello.unpack(hello[12:]).nonce)
