"""What happens on a link, as :meth:`n6link.link.link.Link.events` tells it. Times are those that its owner gave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from n6link.errors import N6Error
from n6link.protocol import FieldTag, HelloReplyFlag, MessageType
from n6link.protocol.records import HelloReply, Result, ResultRecord


@dataclass(frozen=True, slots=True)
class Opened:
    """The device has accepted the session."""

    hello: HelloReply
    """what it has announced"""
    fields: dict[FieldTag, str]
    """and its optional fields"""

    @property
    def resumed(self) -> bool:
        """Whether the older session goes on."""
        return bool(self.hello.flags & HelloReplyFlag.RESUMED)


@dataclass(frozen=True, slots=True)
class Refused:
    """There can be no session with this peer."""

    error: N6Error


@dataclass(frozen=True, slots=True)
class Lost:
    """The device knows no session any more: it was restarted, or another host has opened one."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A request was answered; not told of COMMIT and INFER, which have events of their own."""

    id: int
    type: MessageType
    payload: bytes
    sent: float
    """when the request left last"""
    received: float
    """when the answer was here"""


@dataclass(frozen=True, slots=True)
class Failed:
    """A request, an upload or a result has failed."""

    id: int
    error: N6Error


@dataclass(frozen=True, slots=True)
class Begun:
    """The result of an INFER begins to arrive: the input slot is free."""

    id: int


@dataclass(frozen=True, slots=True)
class Received:
    """A result is here and has the right digest."""

    id: int
    header: Result
    records: tuple[ResultRecord, ...]
    data: bytearray
    received: float
    """when the last chunk was here"""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A LOG event of the device."""

    time: int
    """ticks"""
    level: int
    text: str
    dropped: int
    """lines that were dropped before this one, since the device started"""


@dataclass(frozen=True, slots=True)
class StatsPushed:
    """A STATS event; the payload is a StatsReply."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Stray:
    """A line of text that stood outside of all frames."""

    text: str


Answer: TypeAlias = Reply | Failed | Begun | Received
"""to the exchange with its id"""
Unasked: TypeAlias = LogLine | StatsPushed | Stray
"""what belongs to no exchange"""
Event: TypeAlias = Opened | Refused | Lost | Answer | Unasked
