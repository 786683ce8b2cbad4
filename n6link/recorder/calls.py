"""The device and its runs, as a recording shows them: descriptions, and for each inference its result, its error, or that it has none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from zlib import crc32

from n6link.errors import RecordingError
from n6link.protocol import HelloReplyFlag, MessageType, NetworkState, Section, Status, records
from n6link.recorder.decode import Message
from n6link.recorder.recording import Event
from n6link.recorder.traffic import Passed, Traffic

_EXECUTED: Final = frozenset({Status.CANCELLED, Status.DEADLINE, Status.RESULT_GONE, Status.NPU_FAULT})
"""errors of inferences that have started, or may have"""
_COUNTS: Final[dict[Section, str]] = {
    Section.INPUTS: "inputs",
    Section.OUTPUTS: "outputs",
    Section.POOLS: "pools",
    Section.BLOCKS: "blocks",
    Section.CARD: "card_bytes",
}


@dataclass(slots=True)
class Call:
    """One inference.

    Attributes:
        infer: the request.
        returns: the outputs that it has asked for; empty = all, whole.
        coded: its upload has parts: its digest is not that of the input.
        start: nanoseconds of the device's clock at which the run started, or about that.
        sent: seconds since 1970 at which the request was sent.
        life: number of the device's start.
        result: header of the result.
        records: of the result.
        data: of the result, once it is complete.
        fault: error code of the network runtime.
        ended: seconds since 1970 of its error.
        restarted: seconds since 1970 at which the device was lost, and was restarted during the run.
        refused: the device has refused the request, and nothing has started.
    """

    infer: records.Infer
    returns: tuple[records.Return, ...]
    coded: bool
    start: int
    sent: float
    life: int
    result: records.Result | None = None
    records: tuple[records.ResultRecord, ...] = ()
    data: bytes | None = None
    chunks: dict[int, bytes] = field(default_factory=dict[int, bytes])
    fault: int | None = None
    ended: float | None = None
    restarted: float | None = None
    refused: bool = False

    @property
    def open(self) -> bool:
        """Whether its end was not recorded so far."""
        return self.data is None and self.ended is None and self.restarted is None and not self.refused


@dataclass(slots=True)
class Network:
    """What a device says of a network.

    Attributes:
        record: from LIST.
        sections: records by section and index.
        texts: bytes of texts by section and first byte.
    """

    record: records.NetworkRecord
    sections: dict[Section, dict[int, Any]] = field(default_factory=dict[Section, dict[int, Any]])
    texts: dict[Section, dict[int, bytes]] = field(default_factory=dict[Section, dict[int, bytes]])

    def section(self, section: Section) -> list[Any]:
        """All records of a section, in order."""
        found = self.sections.get(section, {})
        return [found[index] for index in sorted(found)]

    def text(self, section: Section) -> bytes:
        """A text."""
        found = self.texts.get(section, {})
        return b"".join(found[first] for first in sorted(found))


class Calls:
    """Collects what a recording has; see the head of this module.

    Attributes:
        hello: the answer to the first HELLO that has opened a session.
        info: board and firmware.
        info_fields: its optional fields.
        networks: by index.
        calls: in the order of the requests.
    """

    def __init__(self) -> None:
        self.hello: records.HelloReply | None = None
        self.info: records.InfoReply | None = None
        self.info_fields: dict[str, str] = {}
        self.networks: dict[int, Network] = {}
        self.calls: list[Call] = []
        self._by_key: dict[int, Call] = {}
        self._by_id: dict[int, Call] = {}
        self._coded: dict[int, int] = {}
        """the upload with parts in each slot"""
        self._life = 0
        self._boot = 0
        self._asked = False
        self._away = 0.0
        self._clock = 0.0, 0
        """a time of the host in seconds, and the device's clock at about this time in nanoseconds"""

    def read(self, traffic: Iterable[Traffic]) -> None:
        """Reads a recording.

        Raises:
            RecordingError: its description of the device is not complete.
        """
        for item in traffic:
            if isinstance(item, Event):
                self._event(item)
            elif isinstance(item, Passed) and not item.message.problem:
                self._see(item)

    def check(self, name: str) -> None:
        """Checks that the device is described.

        Raises:
            RecordingError: it is not; the message contains the name of the file.
        """
        missing = ""
        if not self.hello or not self.info:
            missing = "HELLO and INFO with their answers"
        elif len(self.networks) < self.hello.networks:
            missing = f"LIST of {self.hello.networks} networks"
        for network in self.networks.values():
            if missing or network.record.state is NetworkState.FAILED:
                continue
            for section, count in _COUNTS.items():
                found = len(network.text(section)) if section is Section.CARD else len(network.section(section))
                if found < getattr(network.record, count):
                    missing = f"section {section.name} of the network {network.record.name!r}"
        if missing:
            raise RecordingError(
                f"{name} does not contain the whole description of a device: {missing} is missing; "
                "a replay requires a recording that begins when the device is opened"
            )

    # ---- what is seen

    def _event(self, event: Event) -> None:
        if event.kind == "state" and event.values.get("state") == "reconnecting":
            self._away = event.time

    def _see(self, passed: Passed) -> None:
        message, body = passed.message, passed.message.body
        if passed.outbound:
            if message.kind is MessageType.INFER:
                self._infer(passed)
            elif message.kind is MessageType.COMMIT:
                self._coded[body.slot] = message.id if body.parts else 0
            return
        match message.kind, message.role:
            case MessageType.HELLO, "reply":
                self._greeted(message, passed.time)
            case MessageType.INFO, "reply":
                self.info, self.info_fields = body, message.fields
            case MessageType.LIST, "reply":
                for record in message.records:
                    known = self.networks.get(record.index)
                    if known is None or known.record.digest != record.digest:
                        self.networks[record.index] = Network(record)
            case MessageType.DESCRIBE, "reply":
                self._describe(message)
            case MessageType.PING, "reply":
                self._clock = passed.time, self._nanoseconds(body.device_time)
            case MessageType.RESULT, "reply":
                self._result(message)
            case MessageType.DATA, "event":
                if call := self._by_id.get(message.id):
                    call.chunks[body.offset] = message.data
                    self._complete(call)
            case MessageType.ERROR, "reply":
                self._error(message, passed.time)
            case MessageType.RESET, "reply":
                self._asked = True  # by the host: a restart, which a replay carries out itself, or RESET of a session
            case _:
                pass

    def _greeted(self, message: Message, time: float) -> None:
        body = message.body
        if not body.flags & HelloReplyFlag.OPENED:
            return
        if self._boot and body.boot_nonce != self._boot:
            running = next((call for call in self.calls if call.open and call.life == self._life), None)
            if running and self._asked:
                running.ended = time
            elif running:
                running.restarted = self._away or time
            self.calls = [call for call in self.calls if not call.open]  # they waited, and have not started
            self._life += 1
            self._by_id.clear()
        self._boot, self._asked, self._away = body.boot_nonce, False, 0.0
        if self.hello is None:
            self.hello = body

    def _describe(self, message: Message) -> None:
        body = message.body
        network = self.networks.get(body.network)
        if network is None or not isinstance(body.section, Section):
            return
        if message.records:
            network.sections.setdefault(body.section, {}).update(enumerate(message.records, body.first))
        elif message.data:
            network.texts.setdefault(body.section, {})[body.first] = message.data

    def _infer(self, passed: Passed) -> None:
        infer = passed.message.body
        call = self._by_key.get(infer.key)
        if call is None or call.refused or call.life != self._life:
            coded = self._coded.get(infer.slot) == infer.upload
            start = self._device_time(passed.time)
            call = Call(infer, passed.message.records, coded, start, passed.time, self._life)
            self.calls.append(call)
            self._by_key[infer.key] = call
        self._by_id[passed.message.id] = call

    def _result(self, message: Message) -> None:
        if call := self._by_id.get(message.id):
            call.result, call.records = message.body, message.records
            call.start = self._nanoseconds(message.body.t_start)
            self._complete(call)

    def _complete(self, call: Call) -> None:
        if call.data is not None or not call.result or sum(map(len, call.chunks.values())) < call.result.length:
            return
        data = bytearray(call.result.length)
        for offset, chunk in call.chunks.items():
            data[offset : offset + len(chunk)] = chunk
        if crc32(data) == call.result.crc:
            call.data = bytes(data)
            call.chunks.clear()

    def _error(self, message: Message, time: float) -> None:
        error, call = message.body, self._by_id.get(message.id)
        if call is None or error.type is not MessageType.INFER or not call.open:
            return
        if error.status in _EXECUTED:
            call.ended = time
            call.fault = error.value if error.status == Status.NPU_FAULT else None
        else:
            call.refused = True

    def _nanoseconds(self, ticks: int) -> int:
        return ticks * 10**9 // (self.hello.tick_hz if self.hello else 1)

    def _device_time(self, time: float) -> int:
        host, device = self._clock
        return device + int((time - host) * 1e9) if device else 0
