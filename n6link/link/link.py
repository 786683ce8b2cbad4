"""The host's end of the protocol without IO: bytes in, events out, and bytes to send. Twin of ``n6_link.c``.

It follows ``protocol.md``; time is an argument (seconds of one monotonic clock), so that there is no clock here. The
owner calls :meth:`Link.receive_data` with what has arrived, takes :meth:`Link.events`, and writes
:meth:`Link.data_to_send` until that is empty. What to do about silence is decided in :mod:`n6link.link.retry`, which calls
:meth:`~Link.repeat`, :meth:`~Link.complain`, :meth:`~Link.probe` and :meth:`~Link.search_again`. Nothing that a peer
sends raises an exception: a fault is repaired, or it becomes an event.

This is the table of the session; that of the requests, uploads and results in it is in :mod:`n6link.link.exchange`, that of
the frames in :mod:`n6link.link.frames`.

========  ==========================================  ===============================================  =======
state     event                                       action                                           next
========  ==========================================  ===============================================  =======
any       open()                                      forget everything; HELLO                         OPENING
OPENING   HELLO reply, our version and nonce          Opened; what was held is sent                    OPEN
OPENING   HELLO reply, other version                  Refused(VersionMismatch)                         CLOSED
OPENING   HELLO reply, impossible; or our own HELLO   Refused(RemoteProtocolError)                     CLOSED
OPENING   anything else                               drop                                             OPENING
OPEN      DATA                                        grant, when half of the window is used           OPEN
OPEN      CREDIT                                      send up to the new limit                         OPEN
OPEN      PING reply                                  the same; as the answer to probe(): grant anew   OPEN
OPEN      ERROR NO_SESSION                            Lost                                             CLOSED
========  ==========================================  ===============================================  =======
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from n6link.errors import N6Error, ProtocolError, RemoteProtocolError
from n6link.link import frames, handshake
from n6link.link.events import Begun, Event, Failed, LogLine, Lost, Received, Refused, Reply, StatsPushed, Stray
from n6link.link.exchange import Exchange, Inference, Phase
from n6link.link.rate import Path
from n6link.link.sender import BATCH, MASK, Sender, distance
from n6link.link.transfer import Download, Upload, announcement
from n6link.protocol import Flag, Limit, MessageType, Status, records
from n6link.protocol.codec import Buffer

WINDOW: Final = 1 << 20
"""DATA bytes that the host takes in flight: a result of ordinary size never waits for a grant"""
ATTEMPTS: Final = 3
"""times that a whole transfer is tried when only its digest is wrong"""
GAPS: Final = 32
"""NAKs of one complaint at most"""

_HELLO: Final = int(MessageType.HELLO)
_RESULT_OF: Final = {int(MessageType.RESULT): MessageType.INFER, int(MessageType.READ): MessageType.READ}
"""replies that begin a download, and to which requests"""


class State(enum.Enum):
    """Of the session."""

    CLOSED = enum.auto()
    OPENING = enum.auto()
    OPEN = enum.auto()


class Link:
    """See the head of this module.

    Attributes:
        state: of the session.
        session: what the device announced; None before.
        exchanges: what is under way, by id, oldest first.
        counters: of this end, since it was made.
        sender: the sending half.
        next_id: of the next exchange.
    """

    def __init__(self, *, window: int = WINDOW) -> None:
        self.state = State.CLOSED
        self.session: records.HelloReply | None = None
        self.exchanges: dict[int, Exchange] = {}
        self.counters = frames.Counters()
        self._window = window
        self._reader = frames.FrameReader(self.counters)
        self.sender = Sender(self.counters)
        self._events: deque[Event] = deque()
        self.next_id = 1
        self._nonce = 0
        self._probe = 0
        self._seen = self._granted = 0

    # ---- what the owner wants

    def open(self, nonce: int, *, host: str = "", patience: float) -> Exchange:
        """Begins a session; everything of an older one is forgotten. Opened or Refused follows.

        Args:
            nonce: a new random number of 64 bits.
            host: name and version of the program, for the device's log.
            patience: see :class:`Exchange`.
        """
        self.exchanges.clear()
        self.sender.reset(0, 0)
        self._reader.max_data = frames.HEADER_SIZE + Limit.MAX_CHUNK
        self.state, self.session, self._nonce, self._probe = State.OPENING, None, nonce, 0
        exchange = self._new(MessageType.HELLO, handshake.hello(nonce, self._window, host), Phase.ASKED, patience)
        self.sender.again(exchange)
        return exchange

    def request(self, kind: MessageType, body: bytes = b"", *, patience: float) -> Exchange:
        """Asks the device; a Reply or Failed event follows, of an INFER or READ Begun and Received, or Failed."""
        exchange = self._new(kind, body, Phase.HELD, patience)
        self.sender.hold(exchange)
        return exchange

    def infer(self, data: memoryview, inference: Inference, *, patience: float) -> tuple[Exchange, Exchange]:
        """Sends an image of a network's inputs, and the request to run it right after; Begun and Received follow, or Failed.

        Args:
            data: as of :meth:`upload`.
            inference: what the device is to do with it.
            patience: see :class:`Exchange`.

        Returns:
            The upload and the INFER. The latter is under way when the former has left.
        """
        upload = self.upload(
            data, network=inference.network, slot=inference.slot, priority=inference.priority, patience=patience
        )
        upload.then = Exchange(self._new_id(), MessageType.INFER, b"", Phase.HELD, patience, inference=inference)
        return upload, upload.then

    def upload(self, data: memoryview, *, network: int, slot: int, priority: int = 0, patience: float) -> Exchange:
        """Sends an image of a network's inputs, uploads of larger priority first; Failed follows, or nothing.

        Args:
            data: flat bytes, which must not change before the inference has its result.
            network: index of the network.
            slot: input slot that the device does not use for anything else.
            priority: order among uploads.
            patience: see :class:`Exchange`.
        """
        assert self.session
        exchange = self._new(MessageType.COMMIT, b"", Phase.SENDING, patience)
        exchange.upload = Upload(data, chunk=self.session.chunk, network=network, slot=slot, priority=priority)
        self.sender.enqueue(exchange)
        return exchange

    def withdraw(self, number: int) -> None:
        """Forgets an exchange; what still comes for it is dropped."""
        exchange = self.exchanges.pop(number, None)
        if exchange:
            self.sender.forget(exchange)

    # ---- what silence calls for

    def repeat(self, number: int, *, flush: bool = False) -> None:
        """Sends a request again.

        Args:
            number: its id.
            flush: send as many zeros before it as complete any frame that the device may still be waiting for.
        """
        if flush:
            chunk = self.session.chunk if self.session else int(Limit.MAX_CONTROL)
            self.sender.queue.append(bytes(chunk + frames.OVERHEAD))
        self.counters.repeats += self.sender.again(self.exchanges[number])

    def complain(self, number: int) -> None:
        """Asks for every chunk that a result lacks."""
        download = self.exchanges[number].download
        assert download
        for offset, length in download.chunks.gaps()[:GAPS]:
            self._nak(number, offset, length)

    def probe(self, patience: float) -> None:
        """Asks the device for its limit and position, and grants it anew: a grant may have been lost."""
        if self._probe not in self.exchanges:
            self._probe = self.request(MessageType.PING, patience=patience).id

    @property
    def half_frame(self) -> bool:
        """Whether a frame has begun to arrive and is not complete."""
        return self._reader.waiting

    def search_again(self, now: float) -> None:
        """Looks for frames in the bytes of one whose end does not come."""
        self._take(self._reader.search_again(), now)

    # ---- bytes and events

    def receive_data(self, data: Buffer, now: float) -> None:
        """Takes bytes that have arrived; events may follow, and something to send."""
        self._take(self._reader.feed(data), now)

    def events(self) -> Iterator[Event]:
        """Takes what has happened, oldest first."""
        while self._events:
            yield self._events.popleft()

    def data_to_send(self, now: float, budget: int = BATCH) -> list[Buffer]:
        """Takes buffers to be written next, in order: requests first, then chunks of about ``budget`` bytes."""
        buffers, begun = self.sender.take(now, budget)
        self.exchanges.update((exchange.id, exchange) for exchange in begun)
        return buffers

    @property
    def wants_to_send(self) -> bool:
        """Whether :meth:`data_to_send` has something."""
        return self.sender.ready

    @property
    def blocked(self) -> bool:
        """Whether an upload waits for credits."""
        return self.sender.blocked

    @property
    def path(self) -> Path:
        """Measured round trip and rate of this session."""
        return self.sender.path

    @property
    def heard(self) -> bytes:
        """The first bytes that belonged to no frame, to show what a peer says that speaks something else."""
        return self._reader.stray.first

    # ---- inside

    def _new(self, kind: MessageType, body: bytes, phase: Phase, patience: float) -> Exchange:
        exchange = Exchange(self._new_id(), kind, body, phase, patience)
        self.exchanges[exchange.id] = exchange
        return exchange

    def _new_id(self) -> int:
        number, self.next_id = self.next_id, self.next_id % MASK + 1
        return number

    def _nak(self, number: int, offset: int, length: int) -> None:
        self.counters.naks_sent += 1
        nak = records.Nak(offset=offset, length=length).pack()
        self.sender.queue.append(frames.pack(MessageType.NAK, number, nak))

    def _grant(self) -> None:
        self._granted = (self._seen + self._window) & MASK
        credit = records.Credit(limit=self._granted).pack()
        self.sender.queue.append(frames.pack(MessageType.CREDIT, 0, credit))

    def _take(self, arrived: Iterable[frames.Frame], now: float) -> None:
        for kind, flags, number, payload in arrived:
            try:
                if self.state is State.OPEN:
                    if flags == frames.DAMAGED:
                        self._on_damage(number, payload)
                    elif kind == frames.DATA:
                        self._on_data(number, payload, now)
                    elif flags & Flag.REPLY:
                        self._on_reply(MessageType.named(kind), number, payload, now)
                    else:
                        self._on_event(MessageType.named(kind), number, payload, now)
                elif self.state is State.OPENING and kind == _HELLO and number in self.exchanges:
                    self._on_hello(flags, number, payload, now)
            except ValueError:
                self.counters.malformed += 1
        stray = self._reader.stray
        if stray.lines:
            self._events.extend(map(Stray, stray.lines))
            stray.lines.clear()

    def _on_hello(self, flags: int, number: int, payload: memoryview, now: float) -> None:
        try:
            if not flags & Flag.REPLY:
                raise RemoteProtocolError("the line sends back what this program sends: there is no device on it")
            opened = handshake.answer(payload, self._nonce)
        except ProtocolError as error:
            self.state = State.CLOSED
            self._events.append(Refused(error))
            return
        if opened is None:
            return
        self.state, self.session = State.OPEN, opened.hello
        self._reader.max_data = frames.HEADER_SIZE + opened.hello.chunk
        self._seen, self._granted = 0, self._window
        self._sample(self.exchanges.pop(number), now)
        self._events.append(opened)
        self.sender.accept(opened.hello.requests, opened.hello.window)

    def _on_reply(self, kind: MessageType | int, number: int, payload: memoryview, now: float) -> None:
        exchange = self.exchanges.get(number)
        if kind == MessageType.ERROR:
            self._on_error(exchange, payload)
        elif exchange is None:
            return
        elif _RESULT_OF.get(kind) is exchange.type:
            self._on_result(exchange, payload, now)
        elif kind == exchange.type and exchange.phase in (Phase.ASKED, Phase.ACCEPTED):
            exchange.progress += 1
            self._on_answer(exchange, payload, now)

    def _on_answer(self, exchange: Exchange, payload: memoryview, now: float) -> None:
        if exchange.type is MessageType.PING:
            self._on_pong(exchange, payload, now)
        if exchange.upload:
            self._advance(self.sender.acknowledge(exchange.position, now))
        elif exchange.phase is Phase.ASKED:
            self._sample(exchange, now)
        if exchange.type is MessageType.INFER:
            exchange.phase = Phase.ACCEPTED
        else:
            self._end(exchange)
        if exchange.type not in (MessageType.INFER, MessageType.COMMIT):
            self._events.append(Reply(exchange.id, exchange.type, bytes(payload), exchange.sent, now))
        self.sender.answered(exchange)

    def _on_pong(self, exchange: Exchange, payload: memoryview, now: float) -> None:
        pong = records.PingReply.unpack(payload)
        self._advance(self.sender.set_limit(pong.limit, now))
        if distance(pong.position, self._seen) > 0:
            self._seen = pong.position
        if exchange.id == self._probe:
            self._grant()

    def _on_error(self, exchange: Exchange | None, payload: memoryview) -> None:
        error = handshake.refusal(payload)
        if error.status == Status.NO_SESSION:
            self.state = State.CLOSED
            self._events.append(Lost())
            return
        if exchange is None:
            return
        exchange.progress += 1
        upload = exchange.upload
        if upload and error.status == Status.OUT_OF_CREDITS:
            self.probe(exchange.patience)
        elif upload and error.status == Status.BAD_DIGEST and upload.failures < ATTEMPTS - 1:
            upload.failures += 1
            self.counters.retransmits += upload.chunks.open()
            exchange.phase = Phase.SENDING
            self.sender.answered(exchange)
            self.sender.enqueue(exchange)
        else:
            exchange.phase = Phase.GONE
            self._fail(exchange, error)

    def _end(self, exchange: Exchange) -> None:
        exchange.phase = Phase.GONE
        del self.exchanges[exchange.id]

    def _fail(self, exchange: Exchange, error: N6Error) -> None:
        self.withdraw(exchange.id)
        self._events.append(Failed(exchange.id, error))

    def _on_result(self, exchange: Exchange, payload: memoryview, now: float) -> None:
        assert self.session
        try:
            header, records = announcement(payload, self.session.result_size)
        except RemoteProtocolError as error:
            self._fail(exchange, error)
            return
        exchange.progress += 1
        download = exchange.download
        if download and (download.chunks.length, download.crc) == (header.length, header.crc):
            return
        exchange.result = header, records
        exchange.download = Download(header.length, header.crc, chunk=self.session.chunk)
        exchange.phase = Phase.RECEIVING
        self.sender.answered(exchange)
        self._events.append(Begun(exchange.id))
        if not header.length:
            self._complete(exchange, now)

    def _on_data(self, number: int, payload: memoryview, now: float) -> None:
        position, offset, _, chunk = frames.unpack_data(payload)
        end = (position + len(chunk)) & MASK
        if distance(end, self._seen) > 0:
            self._seen = end
            if distance(end + self._window, self._granted) * 2 >= self._window:
                self._grant()
        exchange = self.exchanges.get(number)
        if exchange is None:
            return
        exchange.progress += 1
        download = exchange.download
        if download is None:
            if exchange.phase in (Phase.ASKED, Phase.ACCEPTED) and exchange.tries == 1:
                self.repeat(number)
            return
        new, gaps = download.place(offset, chunk)
        self.counters.duplicates += not new
        for gap in gaps:
            self._nak(number, *gap)
        if not download.chunks.left:
            self._complete(exchange, now)

    def _on_damage(self, number: int, payload: memoryview) -> None:
        """A chunk whose headers are good and whose bytes are not: ask for it at once."""
        _, offset, _, chunk = frames.unpack_data(payload)
        exchange = self.exchanges.get(number)
        if exchange and exchange.download:
            for gap in exchange.download.damaged(offset, len(chunk)):
                self._nak(number, *gap)

    def _complete(self, exchange: Exchange, now: float) -> None:
        download, result = exchange.download, exchange.result
        assert download and result
        if download.verify():
            self._end(exchange)
            self._events.append(Received(exchange.id, *result, download.data, now))
        elif download.failures < ATTEMPTS:
            self._nak(exchange.id, 0, 0)
        else:
            self._fail(exchange, RemoteProtocolError(f"the result arrived {ATTEMPTS} times with a wrong digest"))

    def _on_event(self, kind: MessageType | int, number: int, payload: memoryview, now: float) -> None:
        if kind == MessageType.CREDIT:
            self._advance(self.sender.set_limit(records.Credit.unpack(payload).limit, now))
        elif kind == MessageType.NAK:
            nak, exchange = records.Nak.unpack(payload), self.exchanges.get(number)
            self.counters.naks_received += 1
            if exchange and exchange.upload and nak.offset < len(exchange.upload.data):
                self.counters.retransmits += exchange.upload.chunks.open(nak.offset, nak.length)
                exchange.progress += 1
                self.sender.enqueue(exchange)
        elif kind == MessageType.LOG:
            line = records.Log.unpack(payload)
            said = bytes(payload[line.SIZE :]).decode("utf-8", "replace")
            self._events.append(LogLine(line.time, int(line.level), said, line.dropped))
        elif kind == MessageType.STATS:
            self._events.append(StatsPushed(bytes(payload)))

    def _advance(self, news: bool) -> None:
        """The device has consumed more of what we sent: every upload has got on."""
        for exchange in self.exchanges.values():
            exchange.progress += news and exchange.upload is not None

    def _sample(self, exchange: Exchange, now: float) -> None:
        if exchange.tries == 1 and not exchange.ahead:
            self.path.answered(now - exchange.sent)
