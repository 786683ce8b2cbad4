"""ST's host tool as a model from its specification (``stm_ai_runner``, message format 3.1): both ends are written for this comparison.

Messages are cut into packets of 33 bytes: one with the length and a flag, 32 of content. The host waits for one byte of the device after each packet;
the packets of the device follow each other without waiting. There are no checksums and no repeats. The content, protocol buffers in ST's tool, is not built
and not read here, only its length is right within one packet: the model does less than the tool.
"""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import serial

from bench.lines import Port
from bench.programs.work import DOWNLOAD, INPUT, OUTPUT, PING, RUN, UPLOAD
from bench.workers import Work

CONTENT = 32
PACKET = 1 + CONTENT
LAST = 0x80
"""flag of the last packet of a message"""
SYNC = b"\xaa"
REQUEST, REPORT = 24, 60
"""bytes of a request, and of the answer to it"""
TENSOR = 24
"""bytes that describe a tensor, before its values"""
SMALL = 1
"""bytes of a tensor of which only the other direction counts"""


def packets(message: bytes) -> list[bytes]:
    """A message as it is on the line."""
    parts = [message[at : at + CONTENT] for at in range(0, len(message), CONTENT)]
    flags = [0] * (len(parts) - 1) + [LAST]
    return [bytes([len(part) | flag]) + part.ljust(CONTENT, b"\0") for part, flag in zip(parts, flags, strict=True)]


def read_message(read: Callable[[int], bytes], acknowledge: Callable[[bytes], object] | None = None) -> bytes:
    """The next message; empty = the line was closed."""
    parts = []
    while True:
        packet = read(PACKET)
        if len(packet) < PACKET:
            return b""
        if acknowledge:
            acknowledge(SYNC)
        parts.append(packet[1 : 1 + (packet[0] & ~LAST)])
        if packet[0] & LAST:
            return b"".join(parts)


def serve(line: socket.socket, seconds: float = 0.0) -> None:
    """The device. A request has the bytes of the input that follows it, of the output, and whether the network takes its time.

    Args:
        line: to the host.
        seconds: that the network takes.
    """
    file = line.makefile("rb", buffering=1 << 16)
    outputs = {size: b"".join(packets(bytes(TENSOR + size))) for size in (SMALL, OUTPUT)}
    while request := read_message(lambda size: file.read(size), line.send):
        taken, given = (int.from_bytes(request[at : at + 4], "little") for at in (0, 4))
        if taken:
            read_message(lambda size: file.read(size), line.send)
            time.sleep(seconds)
        line.sendall(b"".join(packets(bytes(REPORT))) + (outputs[given] if given else b""))


@asynccontextmanager
async def opened(port: Port) -> AsyncIterator[Mapping[str, Work]]:
    """The host; it blocks, as ST's tool does."""
    with serial.Serial(port.path, 921_600, timeout=5) as line:

        def send(message: bytes) -> None:
            for packet in packets(message):
                line.write(packet)
                line.read(1)

        def work(taken: int, given: int) -> Work:
            request = taken.to_bytes(4, "little") + given.to_bytes(4, "little") + bytes(REQUEST - 8)
            tensor = bytes(TENSOR + taken)

            async def run() -> None:
                send(request)
                if taken:
                    send(tensor)
                read_message(line.read)
                if given:
                    assert len(read_message(line.read)) == TENSOR + given

            return run

        yield {
            PING: work(0, 0),
            RUN: work(INPUT, OUTPUT),
            UPLOAD: work(INPUT, SMALL),
            DOWNLOAD: work(SMALL, OUTPUT),
        }
