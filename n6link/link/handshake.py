"""HELLO and its answer: opens or resumes a session; and why it may not be possible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from n6link.errors import RemoteProtocolError, VersionMismatch, WrongDevice
from n6link.link.events import Opened
from n6link.protocol import (
    SCHEMA_ID,
    VERSION,
    VERSION_MAJOR,
    VERSION_MINOR,
    Feature,
    FieldTag,
    HelloFlag,
    HelloReplyFlag,
    Limit,
    Role,
    records,
)
from n6link.protocol.fields import pack_fields, unpack_fields

FEATURES: Final = (
    Feature.TIMERS
    | Feature.REDUCE
    | Feature.CANCEL
    | Feature.EVENTS
    | Feature.RATE
    | Feature.CLASS_MAP
    | Feature.DETECTIONS
)
"""features that the host supports"""
MAX_BUFFER: Final = 1 << 31
"""maximum bytes of an input slot or a result buffer: twice the largest of the virtual board"""
FROZEN: Final = 16
"""number of bytes of Hello and HelloReply that are equal in all versions"""


@dataclass(frozen=True, slots=True)
class Greeting:
    """The content of a HELLO.

    Attributes:
        nonce: a new random number of 64 bits.
        host: name and version of the program, for the device's log and for other hosts.
        window: maximum DATA bytes in flight to the host.
        max_chunk: the largest chunk.
        role: rights of the host.
        resume: nonce of the session to continue; 0 = a new session.
    """

    nonce: int
    host: str = ""
    window: int = 1 << 20
    max_chunk: int = int(Limit.MAX_CHUNK)
    role: Role = Role.CONTROL
    resume: int = 0

    def pack(self) -> bytes:
        """The payload of the HELLO."""
        fixed = records.Hello(
            major=VERSION_MAJOR,
            minor=VERSION_MINOR,
            schema=SCHEMA_ID,
            nonce=self.nonce,
            max_chunk=self.max_chunk,
            window=self.window,
            features=FEATURES,
            flags=HelloFlag.RESUME if self.resume else 0,
            role=self.role,
            resume=self.resume,
        )
        return fixed.pack() + pack_fields([(FieldTag.HOST_NAME, self.host)] if self.host else [])

    def answered(self, payload: memoryview) -> Opened | None:
        """The contents of a HelloReply that opens a session; None if it answers another HELLO.

        Raises:
            VersionMismatch: the device uses another version of the protocol.
            RemoteProtocolError: it announces impossible limits.
            ValueError: the payload is too short.
        """
        if len(payload) < FROZEN:
            raise ValueError(f"a HelloReply must have at least {FROZEN} bytes, got {len(payload)}")
        major, minor = (int.from_bytes(payload[at : at + 2], "little") for at in (0, 2))
        schema, nonce = int.from_bytes(payload[4:8], "little"), int.from_bytes(payload[8:16], "little")
        if nonce != self.nonce:
            return None
        if (major, schema) != (VERSION_MAJOR, SCHEMA_ID):
            raise VersionMismatch(_mismatch((major, minor), schema))
        reply = records.HelloReply.unpack(payload)
        if not reply.flags & HelloReplyFlag.OPENED:
            raise RemoteProtocolError(
                "the device answered HELLO without opening a session, although the versions are equal"
            )
        if problem := self._impossible(reply):
            raise RemoteProtocolError(f"the device announces {problem}")
        return Opened(reply, unpack_fields(payload[reply.head :]))

    def _impossible(self, reply: records.HelloReply) -> str:
        """An impossible limit; empty if all are possible."""
        chunk, most = reply.chunk, min(self.max_chunk, int(Limit.MAX_CHUNK))
        if chunk & (chunk - 1) or not Limit.MIN_CHUNK <= chunk <= most:
            return f"a chunk of {chunk} bytes; it must be a power of two from {int(Limit.MIN_CHUNK)} to {most}"
        if not chunk <= reply.window <= Limit.MAX_WINDOW:
            return f"a window of {reply.window} bytes, which does not fit chunks of {chunk} bytes"
        for name in ("requests", "tick_hz", "slots", "results", "queue", "slot_size"):
            if not getattr(reply, name):
                return f"{name} = 0"
        for name in ("slot_size", "result_size"):
            if getattr(reply, name) > MAX_BUFFER:
                return f"{name} = {getattr(reply, name)}; at most {MAX_BUFFER} is possible"
        return ""


def wrong_device(before: records.HelloReply, now: records.HelloReply) -> WrongDevice:
    """The error of a board that answers in the place of another one."""
    ours, theirs = (hello.unique_id.rstrip(b"\0").hex() or "unknown" for hello in (before, now))
    return WrongDevice(f"another board answers (unique id {theirs}, not {ours}); plug the first one in again")


def _mismatch(version: tuple[int, int], schema: int) -> str:
    theirs, ours = ".".join(map(str, version)), (VERSION_MAJOR, VERSION_MINOR)
    what = f"the firmware uses protocol {theirs} ({schema:08x}), this program {VERSION} ({SCHEMA_ID:08x})"
    if version[0] > ours[0]:
        return f"{what}; update n6link on this computer"
    if version[0] < ours[0]:
        return f"{what}; update the firmware of the board"
    return f"{what}, which are different drafts of one version; install firmware and n6link of the same release"
