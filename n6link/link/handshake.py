"""HELLO and its answer: what opens a session, and the sentences that refuse one."""

from __future__ import annotations

from typing import Final

from n6link.errors import DeviceError, RemoteProtocolError, VersionMismatch
from n6link.link.events import Opened
from n6link.protocol import (
    SCHEMA_ID,
    VERSION,
    VERSION_MAJOR,
    VERSION_MINOR,
    Feature,
    FieldTag,
    Limit,
    Status,
    records,
)
from n6link.protocol.fields import pack_fields, unpack_fields

FEATURES: Final = Feature.TIMERS | Feature.REDUCE | Feature.CANCEL | Feature.EVENTS
"""what the host understands"""


def hello(nonce: int, window: int, host: str) -> bytes:
    """The payload of a HELLO; host is the name of the program for the device's log, or empty."""
    fixed = records.Hello(
        major=VERSION_MAJOR, minor=VERSION_MINOR, schema=SCHEMA_ID, nonce=nonce, features=FEATURES, window=window
    )
    return fixed.pack() + pack_fields([(FieldTag.HOST_NAME, host)] if host else [])


def answer(payload: memoryview, nonce: int) -> Opened | None:
    """What a HELLO reply says that opens a session; None if it answers another HELLO.

    Raises:
        VersionMismatch: the peer was built from another schema.
        RemoteProtocolError: it announces what cannot be.
        ValueError: the payload is too short.
    """
    if len(payload) < 8:
        raise ValueError("a HelloReply of any version has at least eight bytes")
    major, minor = (int.from_bytes(payload[at : at + 2], "little") for at in (0, 2))
    schema = int.from_bytes(payload[4:8], "little")
    if (major, schema) != (VERSION_MAJOR, SCHEMA_ID):
        raise VersionMismatch(_mismatch((major, minor), schema))
    reply = records.HelloReply.unpack(payload)
    if reply.nonce != nonce:
        return None
    if not (Limit.MIN_CHUNK <= reply.chunk <= Limit.MAX_CHUNK and reply.requests and reply.tick_hz and reply.slots):
        limits = f"chunks of {reply.chunk} bytes, {reply.requests} requests, {reply.slots} slots, {reply.tick_hz} Hz"
        raise RemoteProtocolError(f"the device announces impossible limits: {limits}")
    return Opened(reply, unpack_fields(payload[reply.SIZE :]))


def refusal(payload: memoryview) -> DeviceError:
    """The error that an ERROR frame tells.

    Raises:
        ValueError: the payload is too short.
    """
    error = records.ErrorReply.unpack(payload)
    status, said = error.status, bytes(payload[error.SIZE :]).decode("utf-8", "replace")
    if isinstance(status, Status):
        name, why = status.name, said or status.doc
    else:
        name, why = f"status {status}", said or "which this version does not know"
    return DeviceError(f"the device answers {name}: {why} (value {error.value})", status, error.value)


def _mismatch(version: tuple[int, int], schema: int) -> str:
    theirs, ours = ".".join(map(str, version)), (VERSION_MAJOR, VERSION_MINOR)
    what = f"the firmware speaks protocol {theirs} ({schema:08x}), this program {VERSION} ({SCHEMA_ID:08x})"
    if version > ours:
        return f"{what}: update n6link on this computer"
    if version < ours:
        return f"{what}: update the firmware of the board"
    return f"{what}: they come from different builds of one version; install firmware and n6link of the same release"
