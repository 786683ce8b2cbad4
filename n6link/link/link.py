"""The host's side of the protocol without IO: bytes in, events out, and bytes to send. The device's counterpart is ``n6_link.c``.

It implements ``protocol.md``. Time is an argument (seconds of one monotonic clock); this module does not read a clock. The
owner calls :meth:`Link.receive_data` with received bytes, reads :meth:`Link.events`, and writes :meth:`Link.data_to_send`
until it is empty. Time-outs are handled in :mod:`n6link.link.retry`, which calls
:meth:`~Link.repeat`, :meth:`~Link.complain`, :meth:`~Link.probe` and :meth:`~Link.search_again`. Data from a peer never raise an
exception: a fault is repaired, or it becomes an event.

The following table is that of the session. The table of requests, uploads and results is in :mod:`n6link.link.exchange`, the
table of frames in :mod:`n6link.link.frames`.

========  ==========================================  ===============================================  =======
state     event                                       action                                           next
========  ==========================================  ===============================================  =======
any       open()                                      remove all exchanges; HELLO                      OPENING
any       resume()                                    keep all exchanges; HELLO with the old nonce     OPENING
OPENING   HELLO reply, our version and nonce          Opened; kept and held exchanges are sent         OPEN
OPENING   the same, resume(), another boot nonce      Lost: the kept exchanges are removed             OPEN
OPENING   the same, resume(), another board           Refused(WrongDevice): what was kept stays        CLOSED
OPENING   HELLO reply, other version                  Refused(VersionMismatch)                         CLOSED
OPENING   ERROR to our HELLO                          Refused(DeviceError)                             CLOSED
OPENING   HELLO reply, impossible; or our own HELLO   Refused(RemoteProtocolError)                     CLOSED
OPENING   other frames                                drop                                             OPENING
OPEN      DATA                                        grant, if half of the window is used             OPEN
OPEN      CREDIT                                      send up to the new limit                         OPEN
OPEN      PING reply                                  the same; as the answer to probe(): grant again  OPEN
OPEN      ERROR NO_SESSION                            Lost                                             CLOSED
========  ==========================================  ===============================================  =======
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from n6link.errors import DeviceError, N6Error, RemoteProtocolError
from n6link.link import frames
from n6link.link.damage import Damage
from n6link.link.events import Begun, Event, Failed, LogLine, Lost, Opened, Received, Refused, Reply, StatsPushed, Stray
from n6link.link.exchange import ACCEPTED, ASKED, GONE, HELD, SENDING, Exchange, Inference, Phase
from n6link.link.handshake import Greeting, wrong_device
from n6link.link.numbers import MASK
from n6link.link.rate import Path
from n6link.link.receiver import Receiver
from n6link.link.refusal import refusal
from n6link.link.sender import BATCH, Sender
from n6link.link.transfer import Upload
from n6link.protocol import Feature, Flag, InferState, Limit, MessageType, Status, records
from n6link.protocol.codec import Buffer, printable

WINDOW: Final = 1 << 20
"""maximum DATA bytes in flight to the host: a result of usual size does not wait for a grant"""
ATTEMPTS: Final = 3
"""number of times that a whole upload is sent if only its digest is wrong"""
FLUSH: Final = bytes(int(Limit.MAX_CONTROL) + frames.HEADER_SIZE + frames.CRC_SIZE)
"""zeros before the first HELLO, which complete an unfinished frame of an earlier program; the device itself ends an unfinished
chunk after ``quiet_ms``, and more zeros would block a slow line for seconds"""
ZEROS: Final = bytes(int(Limit.MAX_CHUNK) + frames.OVERHEAD)
"""zeros that complete any frame"""

# Numbers and members that are used for each frame: see HELD in n6link.link.exchange.
_HELLO, _PING, _RESET = int(MessageType.HELLO), MessageType.PING, MessageType.RESET
_COMMIT, _INFER, _RESULT, _ERROR = (
    MessageType.COMMIT,
    MessageType.INFER,
    int(MessageType.RESULT),
    int(MessageType.ERROR),
)
_CREDIT, _NAK, _LOG, _STATS = (
    int(kind) for kind in (MessageType.CREDIT, MessageType.NAK, MessageType.LOG, MessageType.STATS)
)
_REPLY: Final = int(Flag.REPLY)
_DATA: Final = frames.DATA
_RUNNING: Final = int(InferState.RUNNING)


class State(enum.Enum):
    """State of the session."""

    CLOSED = enum.auto()
    OPENING = enum.auto()
    OPEN = enum.auto()


_OPENING, _OPEN = State.OPENING, State.OPEN


class Link:
    """See the top of this module.

    Attributes:
        state: of the session.
        session: what the device announced; None before.
        exchanges: requests in progress, by id, oldest first.
        counters: of this end, since it was made.
        paused: only urgent requests are sent, and all others wait without a time-out: the rate of the line changes.
        sender: the sending half.
        receiver: the receiving half.
        next_id: of the next exchange.
    """

    def __init__(self, *, window: int = WINDOW) -> None:
        self.state = State.CLOSED
        self.session: records.HelloReply | None = None
        self.exchanges: dict[int, Exchange] = {}
        self.counters = frames.Counters()
        self.paused = False
        self.sender = Sender(self.counters)
        self.receiver = Receiver(self.counters, window, self.sender.queue_frame)
        self.next_id = 1
        self._reader = frames.FrameReader(self.counters, self._on_chunks)
        self._events: list[Event] = []
        self._damage = Damage(self.counters)
        self._greeting = Greeting(0)
        self._hello = self._probe = 0
        self._answered = self._flushed = False
        self._now = 0.0

    # ---- commands of the owner

    def open(self, greeting: Greeting, number: int, *, patience: float) -> Exchange:
        """Opens a new session; all exchanges of an older one are removed. Opened or Refused follows.

        Args:
            greeting: with a new nonce.
            number: a new random number of 32 bits, not 0: the id of the HELLO; the ids of the session increase from it.
            patience: see :class:`Exchange`.
        """
        self.forget()
        self.next_id = number
        return self._greet(replace(greeting, window=self.receiver.window), patience)

    def resume(self, nonce: int, *, max_chunk: int | None = None, patience: float) -> Exchange:
        """Continues the session, over another stream or with smaller chunks; its exchanges continue. Opened or Refused follows.

        Args:
            nonce: a new random number of 64 bits.
            max_chunk: the largest chunk; None = as before.
            patience: see :class:`Exchange`.
        """
        # A HELLO without an answer may have arrived, and the session then has its nonce: the same HELLO is sent again.
        chunk = self._greeting.max_chunk if max_chunk is None else max_chunk
        greeting = replace(self._greeting, max_chunk=chunk)
        if self._answered:
            greeting = replace(greeting, nonce=nonce, resume=self._greeting.nonce)
        return self._greet(greeting, patience)

    def farewell(self, nonce: int, *, flush: bool) -> bytes:
        """The last bytes for a device with a session, else no bytes: they open a new session, without work and subscriptions.

        Args:
            nonce: a new random number of 64 bits.
            flush: complete a frame that was sent partly.
        """
        if self.state is not State.OPEN:
            return b""
        self.state = State.CLOSED
        hello = Greeting(nonce, self._greeting.host, self.receiver.window, role=self._greeting.role)
        return self._flush() * flush + frames.pack(MessageType.HELLO, self._new_id(), hello.pack())

    def stream_changed(self) -> None:
        """The following bytes are from another stream: an incomplete frame and the queue are removed."""
        self._reader.clear()
        self.sender.queue.clear()
        self._flushed = False

    def forget(self) -> None:
        """Removes all exchanges without an answer: the device does not have them any more."""
        for exchange in self.exchanges.values():
            exchange.phase = GONE
        self.exchanges.clear()
        self.sender.forget_all()

    def request(self, kind: MessageType, body: bytes = b"", *, patience: float, urgent: bool = False) -> Exchange:
        """Sends a request; a Reply or Failed event follows.

        Args:
            kind: its type.
            body: its payload.
            patience: see :class:`Exchange`.
            urgent: the same.
        """
        exchange = self._new(kind, body, HELD, patience)
        if urgent:
            exchange.phase, exchange.urgent = ASKED, True
            self.sender.again(exchange)
        else:
            self.sender.hold(exchange)
        return exchange

    def infer(self, data: memoryview, inference: Inference, *, patience: float) -> tuple[Exchange, Exchange]:
        """Sends an image of a network's inputs, and directly after it the INFER; Begun and Received follow, or Failed.

        Args:
            data: as for :meth:`upload`.
            inference: the inference of this image.
            patience: see :class:`Exchange`.

        Returns:
            The upload and the INFER. The INFER is in :attr:`exchanges` after the upload was sent.
        """
        upload = self.upload(
            data,
            network=inference.network,
            slot=inference.slot,
            priority=inference.priority,
            parts=inference.parts,
            patience=patience,
        )
        upload.then = Exchange(self._new_id(), _INFER, b"", HELD, patience, inference=inference, needs=upload)
        upload.then.counted = upload.counted
        return upload, upload.then

    def upload(
        self, data: memoryview, *, network: int, slot: int, priority: int = 0, parts: bytes = b"", patience: float
    ) -> Exchange:
        """Sends an image of a network's inputs, uploads of larger priority first; Failed follows, or nothing.

        Args:
            data: flat bytes, which must not change before the inference has its result.
            network: index of the network.
            slot: input slot that the device does not use for anything else.
            priority: order among uploads.
            parts: packed Part records; empty = data are an image of all inputs.
            patience: see :class:`Exchange`.
        """
        assert self.session
        exchange = self._new(_COMMIT, b"", SENDING, patience)
        exchange.upload = Upload(
            data, chunk=self.session.chunk, network=network, slot=slot, priority=priority, parts=parts
        )
        self.sender.enqueue(exchange)
        return exchange

    def withdraw(self, number: int) -> None:
        """Removes an exchange; later frames for it are dropped."""
        exchange = self.exchanges.pop(number, None)
        if exchange:
            self.sender.forget(exchange)

    # ---- commands of the time-outs

    def repeat(self, number: int, *, flush: bool = False) -> None:
        """Sends a request again.

        Args:
            number: its id.
            flush: first send zeros that complete a frame that the device may be waiting for.
        """
        if flush:
            self.sender.queue_frame(self._flush())
        self.counters.repeats += self.sender.again(self.exchanges[number])

    def complain(self, number: int) -> None:
        """Requests every missing chunk of a result."""
        self.receiver.complain(self.exchanges[number])

    def probe(self, patience: float) -> None:
        """Requests the device's limit and position, and grants again: a grant may have been lost."""
        if self._probe not in self.exchanges:
            self._probe = self.request(MessageType.PING, patience=patience).id

    @property
    def half_frame(self) -> bool:
        """Whether a frame has started to arrive and is not complete."""
        return self._reader.waiting

    @property
    def rest(self) -> float:
        """Seconds for which it is useless to read, because the frame that arrives cannot be complete before; 0 = none, or little."""
        path = self.sender.path
        return path.rest(self._reader.missing) if path.baud else 0.0

    def search_again(self, now: float) -> None:
        """Aborts the incomplete frame, and searches its bytes for other frames."""
        self._take(self._reader.search_again(), now)

    # ---- bytes and events

    def receive_data(self, data: Buffer, now: float) -> bool:
        """Processes received bytes; returns whether events and bytes to send may follow: not if the bytes only continue a frame."""
        arrived = self._reader.feed(data)
        if arrived is frames.NOTHING:
            return False
        self._take(arrived, now)
        return True

    def events(self) -> list[Event]:
        """Removes and returns the events, oldest first."""
        events, self._events = self._events, []
        return events

    def data_to_send(self, now: float, budget: int = BATCH) -> list[Buffer]:
        """Removes and returns the buffers to write next, in order: requests first, then chunks of about ``budget`` bytes."""
        if self.state is _OPENING:
            return self.sender.take_small(now)
        if self.paused:
            return self.sender.take_urgent(now)
        return self.sender.take(now, budget, self._begins)

    def _begins(self, infer: Exchange) -> None:
        """The upload of an INFER was sent."""
        self.exchanges[infer.id] = infer
        if infer.left:
            infer.left()

    @property
    def pending(self) -> list[Exchange]:
        """The exchanges that can make progress: before the answer to HELLO only this one, and without a session none."""
        if self.state is State.OPEN:
            exchanges = list(self.exchanges.values())
            return [exchange for exchange in exchanges if exchange.urgent] if self.paused else exchanges
        hello = self.exchanges.get(self._hello)
        return [hello] if hello else []

    @property
    def wants_to_send(self) -> bool:
        """Whether :meth:`data_to_send` has bytes."""
        return self.sender.ready if self.state is _OPEN else bool(self.sender.queue)

    @property
    def blocked(self) -> bool:
        """Whether an upload waits for credits."""
        return self.state is State.OPEN and self.sender.blocked

    def rate_changed(self, baud: int) -> None:
        """The line has another bit rate: what was measured before does not count."""
        self.path.set_baud(baud)
        self._damage.begin()

    def rising_damage(self) -> bool:
        """Whether more chunks are damaged than a good rate of the line explains."""
        return self._damage.rising()

    def better_chunk(self) -> int | None:
        """A better chunk size for :meth:`resume`, if the line damages chunks; None = keep the present one."""
        return self._damage.better(self.session.chunk) if self.session and self.state is State.OPEN else None

    @property
    def path(self) -> Path:
        """Measured round trip and rate of this session."""
        return self.sender.path

    @property
    def heard(self) -> bytes:
        """The first bytes outside of frames, to show the data of a peer with another protocol."""
        return self._reader.stray.first

    # ---- inside

    def _greet(self, greeting: Greeting, patience: float) -> Exchange:
        self.exchanges.pop(self._hello, None)
        self.sender.close()
        self._reader.max_data = frames.HEADER_SIZE + int(Limit.MAX_CHUNK)
        self.state, self._greeting, self._probe = State.OPENING, greeting, 0
        exchange = self._new(MessageType.HELLO, greeting.pack(), ASKED, patience)
        self._hello, self._answered = exchange.id, False
        if not self._flushed:
            self._flushed = True
            self.sender.queue_frame(self._flush())
        self.sender.again(exchange)
        return exchange

    def _flush(self) -> bytes:
        """Zeros that complete a frame that the device may be waiting for."""
        return ZEROS[: self.session.chunk + frames.OVERHEAD] if self.session else FLUSH

    def _new(self, kind: MessageType, body: bytes, phase: Phase, patience: float) -> Exchange:
        exchange = Exchange(self._new_id(), kind, body, phase, patience, counted=self.counters.mark())
        self.exchanges[exchange.id] = exchange
        return exchange

    def _new_id(self) -> int:
        number, self.next_id = self.next_id, self.next_id % MASK + 1
        return number

    def _take(self, arrived: Iterable[frames.Frame], now: float) -> None:
        self._now = now
        for kind, flags, number, payload in arrived:
            try:
                if self.state is not _OPEN:
                    if self.state is _OPENING and number == self._hello and number in self.exchanges:
                        self._on_hello(kind, flags, payload, now)
                elif flags & _REPLY and kind != _DATA:
                    self._on_reply(kind, self.exchanges.get(number), payload, now)
                elif kind == _DATA:
                    if flags == frames.DAMAGED:
                        self.receiver.damaged(self.exchanges.get(number), payload)
                    else:
                        self._on_data(number, payload, now)
                else:
                    self._on_event(kind, number, payload, now)
            except ValueError:
                self.counters.malformed += 1
        if lines := self._reader.stray.lines:
            self._events.extend(map(Stray, lines))
            lines.clear()

    # ---- the session

    def _on_hello(self, kind: int, flags: int, payload: memoryview, now: float) -> None:
        """Any frame with the id of our HELLO."""
        try:
            if kind == _ERROR and records.ErrorReply.unpack(payload).type == MessageType.HELLO:
                raise refusal(payload)
            if kind != _HELLO:
                return
            if not flags & Flag.REPLY:
                raise RemoteProtocolError(
                    "the line returns the bytes that this program sends; connect a device, and switch off the echo of the line"
                )
            opened = self._greeting.answered(payload)
        except N6Error as error:
            self.state = State.CLOSED
            self._events.append(Refused(error))
            return
        if opened is not None:
            self._opened(opened, now)

    def _opened(self, opened: Opened, now: float) -> None:
        before, hello = self.session, opened.hello
        if self._greeting.resume and before and before.unique_id != hello.unique_id:
            self.state = State.CLOSED
            self._events.append(Refused(wrong_device(before, hello)))
            return
        self.state, self.session, self._answered = State.OPEN, hello, True
        self._reader.max_data = frames.HEADER_SIZE + hello.chunk
        self.receiver.begin(hello.chunk, hello.result_size)
        self._damage.begin()
        self._sample(self.exchanges.pop(self._hello), now)
        if self._greeting.resume and before and before.boot_nonce != hello.boot_nonce:
            self.forget()
            self._events.append(Lost())
        elif self._greeting.resume:
            self._again(hello.chunk, resumed=opened.resumed)
        self.sender.begin(hello.requests, hello.window)
        self._events.append(opened)

    def _again(self, chunk: int, *, resumed: bool) -> None:
        """The exchanges continue in a session that was resumed, or opened again on a device that has not restarted."""
        for exchange in list(self.exchanges.values()):
            exchange.progress += 1
            if exchange.upload:
                self._upload_again(exchange, chunk)
                continue
            if exchange.phase is not HELD:
                exchange.download = exchange.result = None
                exchange.ahead = 0
                self.sender.ask(exchange)
            upload = exchange.needs
            if upload and not resumed and upload.id not in self.exchanges:  # a new session does not have the upload
                self.exchanges[upload.id] = upload
                self._upload_again(upload, chunk)

    def _upload_again(self, exchange: Exchange, chunk: int) -> None:
        assert exchange.upload
        exchange.upload.again(chunk)
        exchange.phase, exchange.tries = SENDING, 0  # its COMMIT has another position now
        self.sender.enqueue(exchange)

    # ---- answers

    def _on_reply(self, kind: MessageType | int, exchange: Exchange | None, payload: memoryview, now: float) -> None:
        if exchange is None or kind == _ERROR:
            if kind == _ERROR:
                self._on_error(exchange, payload)
            return
        phase, asked, upload = exchange.phase, exchange.type, exchange.upload
        if kind == _RESULT and asked is _INFER:
            self._on_result(exchange, payload, now)
        if kind != asked or not (phase is ASKED or phase is ACCEPTED):
            return
        if phase is ASKED and not upload and not (asked is _PING and exchange.body):
            self._sample(exchange, now)
        if asked is _INFER:
            self._on_state(exchange, records.InferReply.unpack(payload))
            return
        if asked is _PING:
            self._on_pong(exchange, payload, now)
        elif asked is _RESET:
            self._on_reset()
        exchange.progress += 1
        self._end(exchange)
        if upload:
            self.counters.uploaded += len(upload.data)
            self.sender.acknowledge(exchange.position, now)
            if upload.end != exchange.position:  # chunks were sent again after the COMMIT
                self.sender.acknowledge(upload.end, now)
        else:
            self._events.append(Reply(exchange.id, asked, bytes(payload), exchange.sent, now))

    def _on_reset(self) -> None:
        """The device has dropped all inferences that were sent before the RESET, and their results, also those that are arriving."""
        for exchange in list(self.exchanges.values()):
            if exchange.type is MessageType.INFER and exchange.tries:
                exchange.phase = GONE
                error = DeviceError(f"the device answers CANCELLED: {Status.CANCELLED.doc}", Status.CANCELLED, 0)
                self._fail(exchange, error)

    def _on_state(self, exchange: Exchange, reply: records.InferReply) -> None:
        """The state of an inference: progress if it is later than before, or if a server answers, which fails inferences itself."""
        state = (reply.state, -reply.depth if reply.state != _RUNNING else 0)
        exchange.phase = ACCEPTED
        if state > exchange.state:
            exchange.state = state
            exchange.progress += 1
        elif self.session and self.session.features & Feature.CLIENTS:
            exchange.progress += 1
        self.sender.answered(exchange)

    def _on_pong(self, exchange: Exchange, payload: memoryview, now: float) -> None:
        pong = records.PingReply.unpack(payload)
        self.sender.set_limit(pong.limit, now)
        self.receiver.reached(pong.position)
        if exchange.id == self._probe:
            self.receiver.grant()

    def _on_error(self, exchange: Exchange | None, payload: memoryview) -> None:
        error = refusal(payload)
        if error.status == Status.NO_SESSION:
            self.state = State.CLOSED
            self._events.append(Lost())
        elif exchange is None:
            return
        elif exchange.upload and error.status == Status.BAD_DIGEST and exchange.upload.failures < ATTEMPTS - 1:
            exchange.upload.failures += 1
            exchange.progress += 1
            self.counters.retransmits += exchange.upload.chunks.open()
            exchange.phase = SENDING
            self.sender.answered(exchange)
            self.sender.enqueue(exchange)
        else:
            exchange.phase = GONE
            self._fail(exchange, error)

    def _on_result(self, exchange: Exchange, payload: memoryview, now: float) -> None:
        if event := self.receiver.announced(exchange, payload):
            self._settle(exchange, event)
            # A result without bytes is complete.
            if isinstance(event, Begun) and exchange.result and not exchange.result[0].length:
                self._complete(exchange, now)
        self.sender.answered(exchange)
        upload = exchange.needs
        if upload and upload.upload and upload.id in self.exchanges:  # the answer to its COMMIT was lost
            self.counters.uploaded += len(upload.upload.data)
            self.withdraw(upload.id)

    def _on_chunks(self, number: int, data: bytes | bytearray, at: int) -> int:
        exchange = self.exchanges.get(number)
        if exchange is None or exchange.download is None or self.state is not _OPEN:
            return 0
        taken = self.receiver.chunks(exchange, data, at)
        if not exchange.download.chunks.left:
            self._complete(exchange, self._now)
        return taken

    def _on_data(self, number: int, payload: memoryview, now: float) -> None:
        exchange = self.exchanges.get(number)
        event = self.receiver.data(exchange, payload, self._reader.crc, now)
        if exchange is None:
            return
        if event:
            self._settle(exchange, event)
        elif exchange.download is None and exchange.phase in (ASKED, ACCEPTED) and exchange.tries == 1:
            self.repeat(number)  # its RESULT was lost

    def _complete(self, exchange: Exchange, now: float) -> None:
        if event := self.receiver.complete(exchange, now):
            self._settle(exchange, event)

    def _settle(self, exchange: Exchange, event: Event) -> None:
        """Adds the event of a result."""
        if isinstance(event, Failed):
            self.withdraw(exchange.id)
        elif isinstance(event, Received):
            self.counters.downloaded += len(event.data)
            self._end(exchange)
        self._events.append(event)

    def _end(self, exchange: Exchange) -> None:
        exchange.phase = GONE
        self.exchanges.pop(exchange.id, None)
        self.sender.forget(exchange)

    def _fail(self, exchange: Exchange, error: N6Error) -> None:
        self.withdraw(exchange.id)
        self._events.append(Failed(exchange.id, error))

    # ---- events without a request

    def _on_event(self, kind: MessageType | int, number: int, payload: memoryview, now: float) -> None:
        if kind == _CREDIT:
            self.sender.set_limit(records.Credit.unpack(payload).limit, now)
        elif kind == _NAK:
            nak, exchange = records.Nak.unpack(payload), self.exchanges.get(number)
            self.counters.naks_received += 1
            if exchange and exchange.upload and nak.offset < len(exchange.upload.data):
                self.counters.retransmits += exchange.upload.chunks.open(nak.offset, nak.length)
                self.sender.enqueue(exchange)
        elif kind == _LOG:
            line = records.Log.unpack(payload)
            self._events.append(LogLine(line.time, int(line.level), printable(payload[line.head :]), line.dropped))
        elif kind == _STATS:
            page = records.StatsReply.unpack(payload)
            records.NetworkStats.unpack_all(payload, page.count, page.head, page.record)  # a malformed one ends here
            self._events.append(StatsPushed(bytes(payload)))

    def _sample(self, exchange: Exchange, now: float) -> None:
        if exchange.tries == 1 and not exchange.ahead:
            self.sender.path.answered(now - exchange.sent)
