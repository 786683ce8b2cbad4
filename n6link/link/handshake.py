"""HELLO and its answer: what opens a session, and the sentences that refuse one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from n6link.errors import DeviceError, RemoteProtocolError, VersionMismatch
from n6link.protocol import (
    CODECS,
    SCHEMA_ID,
    VERSION,
    VERSION_MAJOR,
    VERSION_MINOR,
    Feature,
    FieldTag,
    Limit,
    Status,
    pack_fields,
    text,
    unpack_fields,
)

FEATURES: Final = Feature.TIMERS | Feature.REDUCE | Feature.CANCEL | Feature.EVENTS
"""what the host understands"""


@dataclass(frozen=True, slots=True)
class Session:
    """What the device announced in its HelloReply; see there for units."""

    minor: int
    boot_nonce: int
    tick_hz: int
    features: int
    """Feature bits of the device"""
    window: int
    chunk: int
    requests: int
    networks: int
    slots: int
    results: int
    slot_size: int
    result_size: int
    build: str
    fields: dict[FieldTag, str]


def hello(nonce: int, window: int, host: str) -> bytes:
    """The payload of a HELLO; host is the name of the program for the device's log, or empty."""
    fixed = CODECS["Hello"].pack(
        major=VERSION_MAJOR, minor=VERSION_MINOR, schema=SCHEMA_ID, nonce=nonce, features=FEATURES, window=window
    )
    return fixed + pack_fields([(FieldTag.HOST_NAME, host)] if host else [])


def answer(payload: memoryview, nonce: int) -> Session | None:
    """The session that a HELLO reply opens; None if it answers another HELLO.

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
    reply = CODECS["HelloReply"].unpack(payload)
    if reply.nonce != nonce:
        return None
    if not (Limit.MIN_CHUNK <= reply.chunk <= Limit.MAX_CHUNK and reply.requests and reply.tick_hz and reply.slots):
        limits = f"chunks of {reply.chunk} bytes, {reply.requests} requests, {reply.slots} slots, {reply.tick_hz} Hz"
        raise RemoteProtocolError(f"the device announces impossible limits: {limits}")
    return Session(
        minor=minor,
        boot_nonce=reply.boot_nonce,
        tick_hz=reply.tick_hz,
        features=reply.features,
        window=reply.window,
        chunk=reply.chunk,
        requests=reply.requests,
        networks=reply.networks,
        slots=reply.slots,
        results=reply.results,
        slot_size=reply.slot_size,
        result_size=reply.result_size,
        build=text(reply.build),
        fields=unpack_fields(payload[CODECS["HelloReply"].size :]),
    )


def refusal(payload: memoryview) -> DeviceError:
    """The error that an ERROR frame tells.

    Raises:
        ValueError: the payload is too short.
    """
    error: Any = CODECS["ErrorReply"].unpack(payload)
    status = error.status
    known = isinstance(status, Status)
    said = bytes(payload[CODECS["ErrorReply"].size :]).decode("utf-8", "replace")
    why = said or (status.doc if known else "which this version does not know")
    name = status.name if known else f"status {status}"
    return DeviceError(f"the device answers {name}: {why} (value {error.value})", status, error.value)


def _mismatch(version: tuple[int, int], schema: int) -> str:
    theirs, ours = ".".join(map(str, version)), (VERSION_MAJOR, VERSION_MINOR)
    what = f"the firmware speaks protocol {theirs} ({schema:08x}), this program {VERSION} ({SCHEMA_ID:08x})"
    if version > ours:
        return f"{what}: update n6link on this computer"
    if version < ours:
        return f"{what}: update the firmware of the board"
    return f"{what}: they come from different builds of one version; install firmware and n6link of the same release"
