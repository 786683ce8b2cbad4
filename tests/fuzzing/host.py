"""A host's link and its rules of silence, and a device that may say anything at any time.

Frames of the device have right checksums unless the input says otherwise, and their ids are mostly those of what the host
asks, so that mutations reach the tables of the link.

The invariant: nothing that a device says raises an exception; the host never sends beyond what was granted, nor more requests
than allowed; it allocates no more than a result buffer for each exchange; a result that it hands out has the right digest; texts are
printable; and what has run out of patience can be withdrawn.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

from fuzzing.source import Source
from n6link.link import frames
from n6link.link.events import Event, LogLine, Received, Stray
from n6link.link.exchange import Exchange, Inference
from n6link.link.handshake import Greeting
from n6link.link.link import Link, State
from n6link.link.numbers import MASK, distance
from n6link.link.retry import Retry
from n6link.protocol import (
    SCHEMA_ID,
    VERSION_MAJOR,
    Flag,
    HelloReplyFlag,
    Limit,
    LogLevel,
    MessageType,
    Status,
    records,
)

WINDOW: Final = 2048
CHUNK: Final = 256
RESULT: Final = 4096
REQUESTS: Final = 4
PATIENCE: Final = 3.0
CALLS: Final = 8
"""exchanges at most that the host begins before others have ended"""
IMAGES: Final = tuple(bytes([size % 251]) * size for size in (0, 1, 255, 256, 257, 1000, 3000))


def one_input(data: bytes) -> None:
    """Plays host and device as the input says.

    Raises:
        AssertionError: the invariant does not hold.
    """
    play = _Play(Source(data))
    play.run()


class _Play:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.link = Link(window=WINDOW)
        self.retry = Retry(self.link)
        self.now = 0.0
        self.nonce = 1
        self.granted = [0]
        """all limits of this session"""
        self.spoilt = False
        """the next frame of the device is damaged"""
        self.sent = frames.FrameReader(frames.Counters())
        self.asked: set[int] = set()
        """requests that have left and were not answered or repeated"""

    def run(self) -> None:
        self.link.open(Greeting(self.nonce, max_chunk=CHUNK), 1 + self.source.byte(), patience=PATIENCE)
        self.write()
        if self.source.byte() & 7:
            self.say_hello()
        deeds = (
            *(self.say_hello, self.say_credit, self.say_pong, self.say_nak, self.say_answer, self.say_error),
            *(self.say_result, self.say_data, self.say_data, self.say_event, self.say_anything, self.say_bytes),
            *(
                self.infer,
                self.infer,
                self.request,
                self.withdraw,
                self.resume,
                self.wait,
                self.wait,
                self.write,
                self.spoil,
            ),
        )
        while self.source.left:
            deeds[self.source.byte() % len(deeds)]()
            self.look()

    # ---- what has to hold

    def look(self) -> None:
        for event in self.link.events():
            self.check(event)
        allocated = sum(len(exchange.download.data) for exchange in self.link.exchanges.values() if exchange.download)
        assert allocated <= RESULT * len(self.link.exchanges)
        if self.link.state is not State.OPEN:
            assert self.link.state is State.OPENING or not self.link.wants_to_send or self.link.sender.queue

    def check(self, event: Event) -> None:
        if isinstance(event, Received):
            assert crc32(event.data) == event.header.crc
            assert len(event.data) == event.header.length <= RESULT
            assert all(record.offset + record.length <= len(event.data) for record in event.records)
        elif isinstance(event, LogLine | Stray):
            assert event.text.isprintable() or event.text.replace("\n", "").isprintable()

    def write(self) -> None:
        """The host's bytes leave."""
        budget = 1 << self.source.byte() % 13
        while buffers := self.link.data_to_send(self.now, budget):
            for kind, _, number, payload in self.sent.feed(b"".join(buffers)):
                if kind == MessageType.DATA:
                    position, _, _, chunk = frames.unpack_data(payload)
                    end = (position + len(chunk)) & MASK
                    assert any(distance(limit, end) >= 0 for limit in self.granted), (end, self.granted)
                assert number or kind in (MessageType.CREDIT,)
            if self.source.byte() & 1:
                break

    # ---- what the host does

    def infer(self) -> None:
        if self.link.state is not State.OPEN or len(self.link.exchanges) >= CALLS:
            return
        choice = self.source.byte()
        returns = records.Return(reduction=choice & 3).pack() * (choice >> 6)
        inference = Inference(choice + 1, 0, choice & 1, choice >> 1 & 1, bool(choice & 4), None, returns)
        self.link.infer(memoryview(IMAGES[choice % len(IMAGES)]), inference, patience=PATIENCE)

    def request(self) -> None:
        if self.link.state is State.OPEN and len(self.link.exchanges) < CALLS:
            kinds = (MessageType.PING, MessageType.INFO, MessageType.RESET, MessageType.RELEASE)
            kind = kinds[self.source.byte() % len(kinds)]
            body = records.Reset().pack() if kind is MessageType.RESET else b""
            self.link.request(kind, body, patience=PATIENCE)

    def withdraw(self) -> None:
        if exchange := self.some():
            self.link.withdraw(exchange.id)

    def resume(self) -> None:
        self.nonce += 1
        choice = self.source.byte()
        if choice & 1:
            self.link.stream_changed()
            self.sent = frames.FrameReader(frames.Counters())
        if choice & 2 or self.link.session is None:
            self.link.open(Greeting(self.nonce, max_chunk=CHUNK), self.link.next_id, patience=PATIENCE)
        else:
            self.link.resume(self.nonce, max_chunk=CHUNK if choice & 4 else None, patience=PATIENCE)
        self.granted = [0]

    def wait(self) -> None:
        for _ in range(self.source.byte() % 64):
            self.now += 0.02
            for exchange in self.retry.tick(self.now):
                self.link.withdraw(exchange.id)

    # ---- what the device says

    def spoil(self) -> None:
        self.spoilt = True

    def say(self, kind: int, number: int, payload: bytes, flags: int = Flag.REPLY) -> None:
        self.receive(frames.pack(kind, number, payload[: Limit.MAX_CONTROL], flags))

    def receive(self, data: bytes) -> None:
        if self.spoilt and data:
            at = self.source.number(2) % len(data)
            data = data[:at] + bytes([data[at] ^ (self.source.byte() | 1)]) + data[at + 1 :]
            self.spoilt = False
        self.link.receive_data(data, self.now)

    def some(self) -> Exchange | None:
        """One of the open exchanges."""
        exchanges = list(self.link.exchanges.values())
        return exchanges[self.source.byte() % len(exchanges)] if exchanges else None

    def some_id(self) -> int:
        exchange = self.some()
        return exchange.id if exchange and self.source.byte() & 7 else self.source.byte()

    def say_hello(self) -> None:
        choice = self.source.byte()
        window = (4 * CHUNK, CHUNK, 0, 1 << 31)[choice & 3] if choice & 32 else 4 * CHUNK
        reply = records.HelloReply(
            major=VERSION_MAJOR,
            schema=SCHEMA_ID ^ (choice == 255),
            nonce=self.nonce,
            tick_hz=1000,
            window=window,
            chunk=CHUNK if choice & 4 or not choice & 32 else self.source.number(2),
            flags=HelloReplyFlag.OPENED | (choice & 8 and HelloReplyFlag.RESUMED),
            boot_nonce=choice >> 4 & 1,
            requests=REQUESTS,
            queue=8,
            slots=2,
            results=2,
            slot_size=1 << 16,
            result_size=RESULT,
        )
        hello = [item.id for item in self.link.exchanges.values() if item.type is MessageType.HELLO]
        before = self.link.state
        self.say(
            MessageType.HELLO, hello[0] if hello else self.some_id(), reply.pack() + self.source.bytes(choice & 15)
        )
        if before is not State.OPEN and self.link.state is State.OPEN:
            self.granted = [window]

    def limit(self) -> int:
        choice = self.source.byte()
        limit = self.source.number() if choice == 255 else (self.link.sender.position + choice * 32 - 1024) & MASK
        self.granted.append(limit)
        return limit

    def say_credit(self) -> None:
        self.say(MessageType.CREDIT, 0, records.Credit(limit=self.limit()).pack(), 0)

    def say_pong(self) -> None:
        pong = records.PingReply(limit=self.limit(), position=self.source.byte() * 64)
        self.say(MessageType.PING, self.some_id(), pong.pack())

    def say_nak(self) -> None:
        nak = records.Nak(offset=self.source.byte() * CHUNK // 2, length=self.source.byte() * CHUNK // 2)
        self.say(MessageType.NAK, self.some_id(), nak.pack(), 0)

    def say_answer(self) -> None:
        """To a request: of its own type."""
        if not (exchange := self.some()):
            return
        choice = self.source.byte()
        body = self.source.bytes(choice >> 2) if choice & 3 == 3 else b""
        if exchange.type is MessageType.INFER:
            body = records.InferReply(state=choice & 7, depth=choice >> 3).pack()
        self.say(exchange.type, exchange.id, body)

    def say_error(self) -> None:
        choice = self.source.byte()
        kind = MessageType.COMMIT if choice & 1 else MessageType.HELLO if choice & 2 else MessageType.INFER
        statuses = list(Status)
        status = statuses[(choice >> 2) % len(statuses)] if choice < 240 else choice
        body = records.ErrorReply(status=status, type=kind).pack() + self.source.bytes(self.source.byte() & 15)
        self.say(MessageType.ERROR, self.some_id(), body)

    def say_result(self) -> None:
        choice = self.source.byte()
        data = IMAGES[choice % len(IMAGES)]
        header = records.Result(
            length=len(data) if choice < 224 else self.source.number(),
            crc=crc32(data) ^ (choice & 64),
            outputs=choice >> 5 & 1 or (choice == 223) * 255,
            blocks=self.source.byte() * (choice >> 7),
            timers_offset=self.source.byte() * (choice >> 7),
            timer_record=16,
            head=records.Result.SIZE if choice != 222 else self.source.number(2),
        )
        record = records.ResultRecord(length=len(data), offset=self.source.byte() * (choice == 221))
        self.say(MessageType.RESULT, self.some_id(), header.pack() + record.pack())

    def say_data(self) -> None:
        """A chunk of what the host waits for, or of something else."""
        exchange, choice = self.some(), self.source.byte()
        if not exchange:
            return
        index, size = self.source.byte() & 15, CHUNK
        if exchange.download:
            length = len(exchange.download.data)
            size = min(CHUNK, max(length - index * CHUNK, 0)) if choice & 3 else self.source.byte()
            chunk = bytes([length % 251]) * size
        else:
            chunk = bytes(size)
        position = self.source.byte() * 64 if choice & 4 else self.source.number()
        front = frames.header(MessageType.DATA, exchange.id, frames.HEADER_SIZE + len(chunk))
        self.receive(b"".join(frames.pack_data(front, position, index * CHUNK + (choice == 255), 0, memoryview(chunk))))

    def say_event(self) -> None:
        choice = self.source.byte()
        text = self.source.bytes(choice & 31)
        if choice & 64:
            self.say(MessageType.LOG, 0, records.Log(level=choice >> 5 or LogLevel.INFO).pack() + text, 0)
        else:
            self.say(MessageType.STATS, 0, records.StatsReply(record=records.NetworkStats.SIZE).pack() + text, 0)

    def say_anything(self) -> None:
        kind, flags = self.source.byte(), self.source.byte()
        self.say(kind, self.some_id(), self.source.bytes(self.source.byte()), flags)

    def say_bytes(self) -> None:
        self.receive(self.source.bytes(self.source.byte()))
