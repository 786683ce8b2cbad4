"""A recording as lines for people, and as objects for programs.

::

      0.001204 > HELLO #805306369  major=2 minor=0 ... HOST_NAME='n6link 0.1.0'
      0.016871 > DATA #805306390  bytes 0 to 6911, slot 0, credit 255232
      0.019004 < RESULT #805306391  network=reference outputs=1, ran 1.412 ms

``>`` is from the host to the device, ``<`` from the device, ``!`` is damage, and ``-`` an event of the host. Times are seconds since the first
line. *Credit* is the number of DATA bytes that the sender may still send.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from n6link.json_types import Plain
from n6link.protocol import HelloReplyFlag, MessageType
from n6link.protocol.codec import Record
from n6link.recorder.decode import Message, record_values, values
from n6link.recorder.recording import Event
from n6link.recorder.traffic import Damage, Passed, Traffic

_QUIET: Final = frozenset(
    {
        *("head", "record", "nonce", "schema", "crc", "key", "host_time", "position", "digest"),
        *("t_queued", "t_committed", "t_start", "t_end", "timers_offset", "timer_record", "outputs"),
    }
)
"""fields that people are not shown: sizes of records, and numbers that only programs compare"""

_EMPTY: Final = (0, "", bytes(16), (0,) * 6)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a trace.

    Attributes:
        time: seconds since 1970.
        mark: ``>``, ``<``, ``!`` or ``-``.
        title: the message with its id, or the event.
        said: the rest, for people.
        plain: all of it, for programs.
        chunk: of a DATA frame: direction, id, first byte, byte after the last one; else None.
    """

    time: float
    mark: str
    title: str
    said: str
    plain: Plain
    chunk: tuple[bool, int, int, int] | None = None


class _Grants:
    """The DATA bytes that each side may still send."""

    def __init__(self) -> None:
        self._sent = {True: 0, False: 0}
        self._limit = {True: 0, False: 0}
        self._window = 0

    def see(self, passed: Passed) -> None:
        body, kind, outbound = passed.message.body, passed.message.kind, passed.outbound
        match kind, passed.message.role:
            case MessageType.HELLO, "request":
                self._window = body.window
            case MessageType.HELLO, "reply":
                if body.flags & HelloReplyFlag.OPENED:
                    self._sent = {True: 0, False: 0}
                    self._limit = {True: body.window, False: self._window}
            case MessageType.CREDIT, _:
                self._limit[not outbound] = body.limit
            case MessageType.PING, "reply":
                self._limit[True] = body.limit
            case MessageType.DATA, _:
                self._sent[outbound] = max(self._sent[outbound], body.position + len(passed.message.data))
            case _:
                pass

    def left(self, *, outbound: bool) -> int:
        """Bytes that a side may still send."""
        return (self._limit[outbound] - self._sent[outbound]) & 0xFFFFFFFF


class Tracer:
    """Makes lines, and remembers what their values mean: names of networks, the rate of the device's clock, grants."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._tick_hz = 0
        self._grants = _Grants()

    def lines(self, traffic: Iterable[Traffic]) -> Iterator[Line]:
        """A line for each frame, damage and event."""
        for item in traffic:
            match item:
                case Passed():
                    yield self._passed(item)
                case Damage():
                    yield _damage(item)
                case Event():
                    yield _event(item)

    def _passed(self, passed: Passed) -> Line:
        message, body = passed.message, passed.message.body
        self._grants.see(passed)
        match message.kind, message.role:
            case MessageType.HELLO, "reply" if not message.problem:
                self._tick_hz = body.tick_hz
            case MessageType.LIST, "reply" if not message.problem:
                self._names |= {record.index: record.name for record in message.records}
            case _:
                pass
        plain: Plain = {
            "time": passed.time,
            "from": "host" if passed.outbound else "device",
            "message": message.name,
            "role": message.role,
            "id": message.id,
            "values": values(message),
        }
        chunk = None
        if message.problem:
            said = f"{len(message.data)} bytes: {message.problem}"
            plain["problem"] = message.problem
        elif message.kind is MessageType.DATA:
            chunk = passed.outbound, message.id, body.offset, body.offset + len(message.data)
            plain["credit"] = self._grants.left(outbound=passed.outbound)
            said = self._data(body, chunk)
        else:
            said = self._said(message)
            if message.kind is MessageType.CREDIT:
                plain["credit"] = self._grants.left(outbound=not passed.outbound)
                said += f", credit {plain['credit']}"
        title = f"{message.name}{f' #{message.id}' if message.id else ''}"
        return Line(passed.time, ">" if passed.outbound else "<", title, said, plain, chunk)

    def _data(self, body: Any, chunk: tuple[bool, int, int, int]) -> str:
        outbound, _, first, end = chunk
        slot = f", slot {body.slot}" if outbound else ""
        return f"bytes {first} to {end - 1}{slot}, credit {self._grants.left(outbound=outbound)}"

    def _said(self, message: Message) -> str:
        if message.kind is MessageType.ERROR:
            error = message.body
            return f"{_name(error.status)} to {_name(error.type)}, value {error.value}{': ' if message.text else ''}{message.text}"
        if message.kind is MessageType.LOG:
            return f"{_name(message.body.level)}: {message.text}"
        parts = [self._values(message.body)] if message.body else ["ok"] if message.role == "reply" else []
        if message.kind is MessageType.RESULT and self._tick_hz:
            parts.append(f"ran {(message.body.t_end - message.body.t_start) / self._tick_hz * 1e3:.3f} ms")
        if message.kind is MessageType.LIST and message.records:
            parts.append(", ".join(record.name for record in message.records))
        elif message.records:
            parts.append("; ".join(self._values(record) for record in message.records))
        if message.text:
            parts.append(f"{len(message.text)} characters")
        parts += [f"{name}={text!r}" for name, text in message.fields.items()]
        return ", ".join(part for part in parts if part)

    def _values(self, record: Record) -> str:
        """The values of a record that are not 0, empty or for programs only."""
        shown: list[str] = []
        for name, value in record_values(record).items():
            if name == "network":
                shown.append(f"{name}={self._names.get(value, value)}")
            elif getattr(record, name) not in _EMPTY and name not in _QUIET:
                shown.append(f"{name}={value}")
        return " ".join(shown)


def joined(lines: Iterable[Line]) -> Iterator[Line]:
    """The same with consecutive chunks of a transfer in one line."""
    held: Line | None = None
    count = 0
    for line in lines:
        if held and held.chunk and line.chunk and (*held.chunk[:2], held.chunk[3]) == line.chunk[:3]:
            count += 1
            held = replace(line, time=held.time, chunk=(*held.chunk[:3], line.chunk[3]))
            held = replace(held, said=_chunks(held, count))
            continue
        if held:
            yield held
        held, count = line, 1
    if held:
        yield held


def _chunks(line: Line, count: int) -> str:
    assert line.chunk
    _, rest = line.said.split(",", 1)
    return f"bytes {line.chunk[2]} to {line.chunk[3] - 1} in {count} chunks,{rest}"


def text(lines: Iterable[Line]) -> Iterator[str]:
    """The lines for people; the first one has the date."""
    start: float | None = None
    for line in lines:
        if start is None:
            start = line.time
            yield f"times are seconds since {datetime.fromtimestamp(start, UTC):%Y-%m-%d %H:%M:%S} UTC"
        yield f"{line.time - start:11.6f} {line.mark} {line.title}{'  ' if line.said else ''}{line.said}"


def _damage(damage: Damage) -> Line:
    faults: Plain = {
        name: getattr(damage, name) for name in ("skipped", "headers", "payloads", "zeros") if getattr(damage, name)
    }
    if damage.text:
        faults["text"] = list(damage.text)
    words = {
        "skipped": "bytes skipped",
        "headers": "headers with a wrong CRC",
        "payloads": "payloads with a wrong CRC",
        "zeros": "zero bytes before a frame",
    }
    said = [f"{faults[name]} {word}" for name, word in words.items() if name in faults]
    said += [f"text {line!r}" for line in damage.text]
    where = "host" if damage.outbound else "device"
    plain: Plain = {"time": damage.time, "from": where, "damage": faults}
    mark = (">" if damage.outbound else "<") if not damage.skipped else "!"
    return Line(
        damage.time, mark, "between frames" if mark != "!" else f"damage from the {where}", ", ".join(said), plain
    )


def _event(event: Event) -> Line:
    rest = {name: value for name, value in event.values.items() if name not in ("event", "said")}
    plain: Plain = {"time": event.time, "event": event.kind, "values": rest}
    return Line(event.time, "-", event.kind, event.said, plain)


def _name(value: Any) -> str:
    return str(getattr(value, "name", value))
