"""Frames of a device, built from the records, for tests that act as the device, byte by byte."""

from __future__ import annotations

import re
from typing import Any
from zlib import crc32

from n6link.link import frames
from n6link.link.events import Event
from n6link.link.handshake import Greeting
from n6link.link.link import Link
from n6link.protocol import SCHEMA_ID, VERSION_MAJOR, Flag, HelloReplyFlag, MessageType, Status, codegen, records

NONCE = 0x1122334455667788
BOOT = 0x99AA
PATIENCE = 5.0
GOLDEN = [frame | {"bytes": bytes.fromhex(re.sub(r"#.*", "", frame["hex"]))} for frame in codegen.vectors()]
"""the manually written frames of vectors.toml"""


def reply(kind: MessageType, number: int, payload: bytes = b"") -> bytes:
    return frames.pack(kind, number, payload, Flag.REPLY)


def event(kind: MessageType, payload: bytes, number: int = 0) -> bytes:
    return frames.pack(kind, number, payload)


def hello_reply(number: int = 1, **values: Any) -> bytes:
    """Announces chunks of 256 bytes, a window of four, and three open requests, by default."""
    usual = {
        "major": VERSION_MAJOR,
        "schema": SCHEMA_ID,
        "nonce": NONCE,
        "tick_hz": 1000,
        "window": 1024,
        "chunk": 256,
        "flags": HelloReplyFlag.OPENED,
        "boot_nonce": BOOT,
        "requests": 3,
        "queue": 8,
        "slots": 2,
        "results": 2,
        "slot_size": 1 << 16,
        "result_size": 1 << 16,
    }
    return reply(MessageType.HELLO, number, records.HelloReply(**usual | values).pack())


def error(number: int, status: Status, kind: MessageType = MessageType.INFER, value: int = 0, text: str = "") -> bytes:
    body = records.ErrorReply(status=status, type=kind, value=value).pack()
    return reply(MessageType.ERROR, number, body + text.encode())


def result(number: int, data: bytes, kind: MessageType = MessageType.RESULT, **values: Any) -> bytes:
    """A result of one raw output."""
    header = records.Result(**{"length": len(data), "crc": crc32(data), "outputs": 1} | values).pack()
    return reply(kind, number, header + records.ResultRecord(length=len(data)).pack())


def data(number: int, position: int, offset: int, chunk: bytes) -> bytes:
    front = frames.header(MessageType.DATA, number, frames.HEADER_SIZE + len(chunk))
    return b"".join(frames.pack_data(front, position, offset, 0, memoryview(chunk)))


def chunks(number: int, whole: bytes, size: int = 256) -> list[bytes]:
    """The DATA frames of a result."""
    return [data(number, offset, offset, whole[offset : offset + size]) for offset in range(0, len(whole), size)]


def opening(window: int = 1024) -> Link:
    """A link whose HELLO, with the id 1, was not yet sent."""
    link = Link(window=window)
    link.open(Greeting(NONCE), 1, patience=PATIENCE)
    return link


def opened(**values: Any) -> Link:
    """A link with an open session; its HELLO was sent."""
    link = opening()
    sent(link)
    link.receive_data(hello_reply(**values), 0.0)
    assert len(events(link)) == 1
    return link


def events(link: Link) -> list[Event]:
    return list(link.events())


def sent(link: Link, now: float = 0.0, budget: int = 1 << 20) -> list[tuple[MessageType, int, bytes]]:
    """Type, id and payload of each frame that the link wants to send."""
    wire = b"".join(link.data_to_send(now, budget))
    return [
        (MessageType(kind), number, bytes(payload))
        for kind, _, number, payload in frames.FrameReader(frames.Counters()).feed(wire)
    ]


def kinds(link: Link, now: float = 0.0) -> list[str]:
    """Names of the types that the link wants to send, with the offset of each chunk."""
    return [
        f"DATA {records.DataHeader.unpack(payload).offset}" if kind is MessageType.DATA else kind.name
        for kind, _, payload in sent(link, now)
    ]
