"""smpclient (PyPI), the client of Zephyr's MCUmgr, with a stand-in for a device: the server's side of the Simple Management Protocol on a serial port.

The protocol knows files, not networks: a run is a file that is written and another one that is read. The stand-in uses the framing of the package ``smp``, has one
buffer of :data:`BUFFER` bytes (Zephyr's default is 384), and answers at once.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from bench.lines import Port
from bench.programs.work import DOWNLOAD, INPUT, OUTPUT, PING, RUN, UPLOAD
from bench.workers import Work

BUFFER: Final = 4096
HEADER_SIZE: Final = 8
ECHO, FILE, PARAMETERS = (0, 0), (8, 0), (0, 6)
"""group and command"""


def serve(line: socket.socket) -> None:
    """The stand-in."""
    import cbor2
    from smp import packet

    file = line.makefile("rb", buffering=1 << 16)
    decoder: Any = None
    while text := file.readline():
        if not decoder:
            decoder = packet.decode()
            next(decoder)
        try:
            decoder.send(text)
            continue
        except StopIteration as whole:
            frame, decoder = whole.value, None
        operation, group, command = frame[0] & 7, int.from_bytes(frame[4:6], "big"), frame[7]
        asked = cbor2.loads(frame[HEADER_SIZE:])
        answer: dict[str, object] = {}
        if (group, command) == ECHO:
            answer = {"r": asked["d"]}
        elif (group, command) == PARAMETERS:
            answer = {"buf_size": BUFFER, "buf_count": 1}
        elif (group, command) == FILE and "data" in asked:
            answer = {"off": asked["off"] + len(asked["data"])}
        elif (group, command) == FILE:
            answer = {"off": asked["off"], "data": bytes(min(BUFFER - 64, OUTPUT - asked["off"])), "len": OUTPUT}
        body = cbor2.dumps(answer)
        first = bytes([(frame[0] & ~7) | operation + 1])
        head = first + frame[1:2] + len(body).to_bytes(2, "big") + frame[4:8]
        line.sendall(b"".join(packet.encode(head + body)))


@asynccontextmanager
async def opened(port: Port) -> AsyncIterator[Mapping[str, Work]]:
    """The client, which learns the size of the device's buffer."""
    from smpclient import SMPClient
    from smpclient.requests.os_management import EchoWrite
    from smpclient.transport.serial import SMPSerialTransport

    client, data = SMPClient(SMPSerialTransport(), port.path, timeout_s=10), bytes(INPUT)
    await client.connect()

    async def ping() -> None:
        await client.request(EchoWrite(d="ping"))

    async def upload() -> None:
        async for _ in client.upload_file(data, "/input"):
            pass

    async def download() -> None:
        assert len(await client.download_file("/output")) == OUTPUT

    async def run() -> None:
        await upload()
        await download()

    try:
        yield {PING: ping, RUN: run, UPLOAD: upload, DOWNLOAD: download}
    finally:
        await client.disconnect()
