"""The floor: a bare asyncio program that moves the same bytes, checksums and frames as n6link, and does nothing else.

:class:`Bare` speaks to a virtual board over asyncio's own streams. It has no time-outs, repetitions, credits, cancellation or events, runs one request
at a time, and an error ends it: every client of this protocol costs at least about this much. :func:`board` starts boards for it and for others.
"""

from __future__ import annotations

import asyncio
import binascii
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zlib import crc32

import serial_asyncio

from n6link.protocol import Limit, MessageType, records
from n6link.transport import sim
from n6link.transport.serial_port import DEFAULT_BAUD

LINES: Final = {"socket pair": "", "unix socket": "--unix", "pty": "--pty", "tcp": "--tcp"}
"""lines to a board, and the option of ``n6link sim``; a socket pair is inherited by the board"""
HEADER_SIZE: Final = int(Limit.HEADER_SIZE)
WINDOW: Final = int(Limit.MAX_WINDOW)
BUFFER: Final = 1 << 20
"""requested size of a socket's buffer in each direction, and limit of a reader, bytes"""

_HEADER: Final = struct.Struct("<HBBLH")
_DATA_HEADER: Final = struct.Struct("<LLBx")
_CRC16: Final = struct.Struct("<H")
_CRC32: Final = struct.Struct("<L")
_DATA, _ERROR, _RESULT = int(MessageType.DATA), int(MessageType.ERROR), int(MessageType.RESULT)


@contextmanager
def board(line: str, rest: str = "movenet13") -> Iterator[str]:
    """A board; yields its URL.

    Args:
        line: of :data:`LINES`.
        rest: as after ``sim:``; with a line other than a socket pair only names of networks.
    """
    option = LINES[line]
    if not option:
        yield f"sim:{rest}"
        return
    with tempfile.TemporaryDirectory() as folder:
        where = {"--unix": [str(Path(folder) / "board")], "--tcp": ["0"]}.get(option, [])
        command = [sys.executable, "-m", "n6link", "sim", "--network", rest, option, *where]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
            try:
                assert process.stdout
                yield json.loads(process.stdout.readline())["url"]
            finally:
                process.terminate()


def _start(rest: str) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """A virtual board on a socket pair."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    with tempfile.TemporaryDirectory() as folder, theirs:
        command = [*sim.parse(rest).command(Path(folder)), "--fd", str(theirs.fileno()), "--parent-death"]
        # In a session of its own, as n6link starts it: Linux divides the processor among sessions first.
        child = subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=(theirs.fileno(),), start_new_session=True)
        assert child.stdout
        child.stdout.readline()
    return child, ours


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Bare]:
    """A client with an open session, on ``sim:``, ``unix:``, ``tcp:`` or ``serial:``."""
    scheme, _, rest = url.partition(":")
    child: subprocess.Popen[bytes] | None = None
    if scheme == "sim":
        child, connected = _start(rest)
        reader, writer = await asyncio.open_connection(sock=connected, limit=BUFFER)
    elif scheme == "unix":
        reader, writer = await asyncio.open_unix_connection(rest, limit=BUFFER)
    elif scheme == "tcp":
        host, _, port = rest.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=BUFFER)
    else:
        reader, writer = await serial_asyncio.open_serial_connection(url=rest, baudrate=DEFAULT_BAUD, limit=BUFFER)
    client = Bare(reader, writer)
    try:
        await client.open()
        yield client
    finally:
        writer.close()
        await writer.wait_closed()
        if child:
            await asyncio.to_thread(child.wait)


@dataclass(frozen=True, slots=True)
class Kept:
    """A result that the device keeps: an INFER with its key gets it again."""

    key: int
    digest: int
    """of the input"""
    returns: bytes


class Bare:
    """See the top of this module.

    Attributes:
        slot_size: bytes of an input slot of the device.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._id = self._sent = self._received = self._granted = 0
        self._chunk = self.slot_size = 0

    async def open(self) -> None:
        """Opens a session whose window is so large that grants are hardly ever necessary."""
        self._writer.write(bytes(int(Limit.MAX_CONTROL) + 16))
        hello = records.Hello(
            major=records.VERSION_MAJOR,
            minor=records.VERSION_MINOR,
            schema=records.SCHEMA_ID,
            nonce=int.from_bytes(os.urandom(8)),
            max_chunk=int(Limit.MAX_CHUNK),
            window=WINDOW,
        )
        reply = records.HelloReply.unpack(await self._ask(MessageType.HELLO, hello.pack()))
        self._chunk, self.slot_size = reply.chunk, reply.slot_size

    async def ping(self) -> int:
        """A round trip; the time of the device, in ticks."""
        reply = await self._ask(MessageType.PING, records.Ping(position=self._sent).pack())
        return records.PingReply.unpack(reply).device_time

    async def upload(self, data: memoryview, *, network: int = 0, slot: int = 0) -> int:
        """Sends an image of a network's inputs, and waits until the device has it; returns its id."""
        number = self._new_id()
        self._writer.write(b"".join(self._image(number, data, crc32(data), network, slot)))
        await self._answer(number)
        return number

    async def run(
        self, data: memoryview, returns: bytes = b"", *, network: int = 0, slot: int = 0, kept: Kept | None = None
    ) -> memoryview:
        """An inference; returns the bytes of its result.

        Args:
            data: flat image of all inputs.
            returns: packed Return records.
            network: index of the network.
            slot: input slot.
            kept: a result of :meth:`keep` with the same data: the network does not run, and the device keeps the result.
        """
        returns = kept.returns if kept else returns
        upload, number, digest = self._new_id(), self._new_id(), crc32(data)
        infer = records.Infer(
            key=kept.key if kept else int.from_bytes(os.urandom(8)),
            upload=upload,
            digest=digest,
            network=network,
            slot=slot,
            returns=len(returns) // records.Return.SIZE,
        )
        body = infer.pack() + returns
        self._writer.write(
            b"".join((*self._image(upload, data, digest, network, slot), frame(MessageType.INFER, number, body)))
        )
        result = await self._result(number)
        if not kept:
            # Its answer is read by the next call, as in n6link.
            self._writer.write(frame(MessageType.RELEASE, self._new_id(), records.Release(target=number).pack()))
        return result

    async def keep(self, data: memoryview, returns: bytes = b"") -> Kept:
        """Runs network 0 once; the device keeps the result."""
        kept = Kept(int.from_bytes(os.urandom(8)), crc32(data), returns)
        await self.run(data, kept=kept)
        return kept

    async def fetch(self, kept: Kept) -> memoryview:
        """Requests a kept result again, without an upload."""
        number = self._new_id()
        infer = records.Infer(
            key=kept.key, upload=number, digest=kept.digest, returns=len(kept.returns) // records.Return.SIZE
        )
        self._writer.write(frame(MessageType.INFER, number, infer.pack() + kept.returns))
        return await self._result(number)

    # ---- inside

    def _new_id(self) -> int:
        self._id += 1
        return self._id

    def _image(self, number: int, data: memoryview, digest: int, network: int, slot: int) -> list[bytes | memoryview]:
        """The frames of an upload, and its COMMIT."""
        parts: list[bytes | memoryview] = []
        for offset in range(0, len(data), self._chunk):
            chunk = data[offset : offset + self._chunk]
            body = _DATA_HEADER.pack(self._sent & 0xFFFFFFFF, offset, slot)
            body += _CRC16.pack(binascii.crc_hqx(body, 0xFFFF))
            parts += (
                header(_DATA, number, len(body) + len(chunk)),
                body,
                chunk,
                _CRC32.pack(crc32(chunk, crc32(body))),
            )
            self._sent += len(chunk)
        commit = records.Commit(
            position=self._sent & 0xFFFFFFFF, length=len(data), crc=digest, network=network, slot=slot
        )
        parts.append(frame(MessageType.COMMIT, number, commit.pack()))
        return parts

    async def _ask(self, kind: MessageType, body: bytes) -> memoryview:
        number = self._new_id()
        self._writer.write(frame(kind, number, body))
        return await self._answer(number)

    async def _answer(self, number: int) -> memoryview:
        """The payload of the answer to a request."""
        await self._writer.drain()
        while True:
            _, got, payload = await self._frame()
            if got == number:
                return payload

    async def _result(self, number: int) -> memoryview:
        """The bytes of a result."""
        await self._writer.drain()
        result: records.Result | None = None
        data, missing = memoryview(b""), 0
        while result is None or missing:
            kind, got, payload = await self._frame()
            if got != number:
                continue
            if kind == _RESULT:
                result = records.Result.unpack(payload)
                for index in range(result.outputs):
                    records.ResultRecord.unpack(payload, result.head + index * result.record)
                data, missing = memoryview(bytearray(result.length)), result.length
            elif kind == _DATA:
                _, offset, _ = _DATA_HEADER.unpack_from(payload)
                _check(payload[:HEADER_SIZE])
                chunk = payload[HEADER_SIZE:]
                data[offset : offset + len(chunk)] = chunk
                missing -= len(chunk)
                self._received += len(chunk)
        if crc32(data) != result.crc:
            raise ValueError("the result has a wrong digest")
        if self._received - self._granted > WINDOW // 2:
            self._granted = self._received
            credit = records.Credit(limit=(self._granted + WINDOW) & 0xFFFFFFFF)
            self._writer.write(frame(MessageType.CREDIT, 0, credit.pack()))
        return data

    async def _frame(self) -> tuple[int, int, memoryview]:
        """Type, id and payload of the next frame."""
        head = await self._reader.readexactly(HEADER_SIZE)
        magic, kind, _, number, length = _HEADER.unpack_from(head)
        _check(head)
        if magic != Limit.MAGIC:
            raise ValueError(f"not a frame: {head!r}")
        if not length:
            return kind, number, memoryview(b"")
        body = memoryview(await self._reader.readexactly(length + 4))
        payload = body[:length]
        if _CRC32.unpack_from(body, length)[0] != crc32(payload):
            raise ValueError("a payload has a wrong CRC")
        if kind == _ERROR:
            raise ValueError(f"the device refuses: {bytes(payload[8:])!r}")
        return kind, number, payload


def header(kind: int, number: int, length: int) -> bytes:
    """A frame header with its CRC."""
    head = _HEADER.pack(Limit.MAGIC, kind, 0, number, length)
    return head + _CRC16.pack(binascii.crc_hqx(head, 0xFFFF))


def _check(head: bytes | memoryview) -> None:
    if _CRC16.unpack_from(head, HEADER_SIZE - 2)[0] != binascii.crc_hqx(head[:-2], 0xFFFF):
        raise ValueError(f"a header has a wrong CRC: {bytes(head)!r}")


def frame(kind: int, number: int, payload: bytes) -> bytes:
    """A whole frame."""
    return header(kind, number, len(payload)) + payload + (_CRC32.pack(crc32(payload)) if payload else b"")
