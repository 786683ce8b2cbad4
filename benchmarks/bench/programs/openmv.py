"""OpenMV's client (PyPI: openmv), with a stand-in for its camera: the device's side of OpenMV Protocol 2, written from its specification.

The stand-in has a channel "input", which is written, and a channel "output", which is read. It answers at once, does not check the CRC of
what it receives, and computes those of its answers only once, as a device with a CRC unit does it in next to no time.
"""

from __future__ import annotations

import itertools
import logging
import socket
import struct
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Final

from bench.lines import Port
from bench.programs.work import DOWNLOAD, INPUT, OUTPUT, PING, RUN, UPLOAD
from bench.workers import Work

HEADER: Final = struct.Struct("<HBBBBH")
CRC16, CRC32 = struct.Struct("<H"), struct.Struct("<L")
SYNC_WORD: Final = 0xD5AA
MAX_PAYLOAD: Final = 4082
ACK, ACK_REQ, FRAGMENT = 1, 8, 16
CHANNELS: Final = ("usb", "input", "output")
SYNC, GET_CAPS, SET_CAPS, VERSION, SYS_INFO, LIST, POLL, READ, WRITE = 0, 1, 2, 4, 0x12, 0x20, 0x21, 0x26, 0x27
CAPS: Final = 0b1111
"""CRC, sequence numbers, acknowledgements, events"""


@cache
def _table(bits: int, polynomial: int) -> list[int]:
    rows, top = list(range(256)), 1 << (bits - 1)
    for number in range(256):
        value = number << (bits - 8)
        for _ in range(8):
            value = (value << 1) ^ (polynomial if value & top else 0)
        rows[number] = value & ((1 << bits) - 1)
    return rows


def crc(data: bytes, bits: int) -> int:
    """The CRC of a header (16) or of a payload (32)."""
    table, value, mask = _table(bits, 0xF94F if bits == 16 else 0xFA567D89), (1 << bits) - 1, (1 << bits) - 1
    for byte in data:
        value = ((value << 8) ^ table[(value >> (bits - 8)) ^ byte]) & mask
    return value


@cache
def sealed(payload: bytes) -> bytes:
    """A payload and its CRC."""
    return payload + CRC32.pack(crc(payload, 32)) if payload else b""


def packet(sequence: int, channel: int, flags: int, opcode: int, payload: bytes = b"") -> bytes:
    """A packet."""
    head = HEADER.pack(SYNC_WORD, sequence & 0xFF, channel, flags, opcode, len(payload))
    return head + CRC16.pack(crc(head, 16)) + sealed(payload)


def serve(line: socket.socket, seconds: float = 0.0) -> None:
    """The stand-in. The network runs when the output is read after the input was written.

    Args:
        line: to the host.
        seconds: that the network takes.
    """
    file = line.makefile("rb", buffering=1 << 16)
    listing = b"".join(struct.pack("<BB14s", number, 3, name.encode()) for number, name in enumerate(CHANNELS))
    caps = struct.pack("<IH10x", CAPS, MAX_PAYLOAD)
    answers = {GET_CAPS: caps, VERSION: bytes(16), SYS_INFO: bytes(76), LIST: listing, POLL: bytes(4)}
    sequence, written, limit = 0, False, MAX_PAYLOAD
    while head := file.read(HEADER.size + 2):
        _, _, channel, flags, opcode, length = HEADER.unpack_from(head)
        payload = file.read(length + 4)[:length] if length else b""
        if flags & ACK:
            continue
        if opcode == READ:
            offset, size = struct.unpack("<II", payload)
            time.sleep(seconds if written else 0.0)
            written = False
            starts = range(offset, offset + size, limit)
            for start in starts:
                more = FRAGMENT if start != starts[-1] else 0
                part = bytes(min(limit, offset + size - start))
                line.sendall(packet(sequence, channel, ACK_REQ | more, opcode, part))
                file.read(HEADER.size + 2)  # its acknowledgement
                sequence += 1
        elif opcode in answers:
            line.sendall(packet(sequence, channel, ACK_REQ, opcode, answers[opcode]))
            sequence += 1
        else:
            written = written or opcode == WRITE
            sequence = 0 if opcode == SYNC else sequence
            line.sendall(packet(sequence, channel, ACK, opcode))
            sequence = 0 if opcode == SYNC else sequence + 1


class _Opcodes:
    """openmv 1.0.7 tests ``number in Opcode`` for every packet, which raises TypeError before Python 3.12."""

    def __init__(self, kind: Any) -> None:
        self._kind, self._values = kind, {int(member) for member in kind}

    def __contains__(self, number: int) -> bool:
        return number in self._values

    def __call__(self, number: int) -> Any:
        return self._kind(number)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kind, name)


@asynccontextmanager
async def opened(port: Port) -> AsyncIterator[Mapping[str, Work]]:
    """The client with its defaults. It blocks."""
    from openmv import Camera, transport

    logging.disable(logging.CRITICAL)
    transport.Opcode = _Opcodes(transport.Opcode)
    data = memoryview(bytes(itertools.islice(itertools.cycle(range(251)), INPUT)))
    with Camera(port.path, timeout=10) as camera:

        async def ping() -> None:
            camera.read_status()

        async def upload() -> None:
            camera.channel_write("input", data)

        async def download() -> None:
            assert len(camera.channel_read("output", OUTPUT)) == OUTPUT

        async def run() -> None:
            camera.channel_write("input", data)
            assert len(camera.channel_read("output", OUTPUT)) == OUTPUT

        yield {PING: ping, RUN: run, UPLOAD: upload, DOWNLOAD: download}
