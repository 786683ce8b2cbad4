"""The events of a link, returned by :meth:`n6link.link.link.Link.events`. Times are those that the owner passed to the link.

Those of a call are tuples: Python makes one in a fifth of the time of a frozen dataclass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from n6link.errors import N6Error
from n6link.protocol import FieldTag, HelloReplyFlag, MessageType
from n6link.protocol.records import HelloReply, Result, ResultRecord


@dataclass(frozen=True, slots=True)
class Opened:
    """The device has accepted the session."""

    hello: HelloReply
    """its limits"""
    fields: dict[FieldTag, str]
    """its optional fields"""

    @property
    def resumed(self) -> bool:
        """Whether the previous session continues."""
        return bool(self.hello.flags & HelloReplyFlag.RESUMED)


@dataclass(frozen=True, slots=True)
class Refused:
    """A session with this peer is not possible."""

    error: N6Error


@dataclass(frozen=True, slots=True)
class Lost:
    """The device does not have the session any more: it was restarted, or another host has opened a session."""


class Reply(NamedTuple):
    """A request was answered; not for COMMIT and INFER, which have other events."""

    id: int
    type: MessageType
    payload: bytes
    sent: float
    """time of the last transmission of the request"""
    received: float
    """time of the arrival of the answer"""


class Failed(NamedTuple):
    """A request, an upload or a result has failed."""

    id: int
    error: N6Error


class Sent(NamedTuple):
    """The whole input of an INFER has left: the next one can follow it. Only for exchanges with a function ``left``, which makes it."""

    id: int


class Begun(NamedTuple):
    """The result of an INFER starts to arrive: the input slot is free."""

    id: int


class Received(NamedTuple):
    """A result is complete and has the right digest."""

    id: int
    header: Result
    records: tuple[ResultRecord, ...]
    data: memoryview
    received: float
    """time of the arrival of the last chunk"""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A LOG event of the device."""

    time: int
    """ticks"""
    level: int
    text: str
    dropped: int
    """number of lines that were dropped before this one, since the start of the device"""


@dataclass(frozen=True, slots=True)
class StatsPushed:
    """A STATS event; the payload is a StatsReply."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Stray:
    """A line of text outside of all frames."""

    text: str


Answer: TypeAlias = Reply | Failed | Sent | Begun | Received
"""an event of the exchange with its id"""
Unasked: TypeAlias = LogLine | StatsPushed | Stray
"""an event that is not part of an exchange"""
Event: TypeAlias = Opened | Refused | Lost | Answer | Unasked
