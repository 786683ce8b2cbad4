"""A small n6link host, written from protocol.md alone, to test that the specification suffices.

It imports nothing of the project. One thread; every wait runs `Client.step`, which reads, parses and dispatches.
Numbers in comments are sections of protocol.md.
"""

import binascii
import secrets
import struct
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

MAGIC, VERSION, SCHEMA = b"n6", (2, 0), 0xCF103EA9
MAX_CHUNK, MIN_CHUNK, MAX_WINDOW, MAX_CONTROL = 8192, 256, 1 << 30, 1024
RETRY_FIRST, RETRY_MIN, RETRY_MAX = 0.5, 0.05, 1.0
HELLO, PING, INFO, LIST, DESCRIBE, STATS, RATE, CHECK = 1, 2, 3, 4, 5, 8, 12, 13
COMMIT, INFER, RESULT, RELEASE = 16, 17, 18, 21
DATA, NAK, CREDIT, LOG, ERROR = 32, 33, 34, 48, 63
BAD_REQUEST, UNKNOWN_NETWORK, BAD_TENSOR_SIZE, BUSY = 1, 5, 8, 10
UNSUPPORTED, NO_INPUT, RESULT_GONE, BAD_PICTURE = 17, 18, 19, 22
NO_FIELD = 65535
RAW, ARGMAX, TOPK, CLASS_MAP, DETECTIONS, CLASS_MAP_COLUMNS, SAME_ROWS = 0, 1, 2, 5, 6, 7, 9
QOI, BGR = 1, 1  # an Encoding; a PartFlag
OPENED, RESUMED = 1, 2
CONSUMES_INPUT, RATE_FEATURE, ENCODINGS = 64, 128, 256
CHECK_FEATURE, CLASS_MAP_FEATURE, DETECTIONS_FEATURE = 512, 8192, 16384
FEATURES = 1 | 2 | 4 | 8  # TIMERS, REDUCE, CANCEL, EVENTS
FEATURES |= CONSUMES_INPUT | RATE_FEATURE | ENCODINGS | CHECK_FEATURE | CLASS_MAP_FEATURE | DETECTIONS_FEATURE

SECTIONS = {  # number: (name, format, fields); texts have no format
    0: ("INPUTS", "<32sBBH6IIIfiIIHHH2x"),
    1: ("OUTPUTS", "<32sBBH6IIIfiIIHHH2x"),
    2: ("POOLS", "<24s5I4x"),
    3: ("BLOCKS", "<QQHHB3x24s"),
    4: ("CARD", ""),
    5: ("INPUT_SCALES", "<fi"),
    6: ("OUTPUT_SCALES", "<fi"),
    7: ("REASON", ""),
    8: ("INTERMEDIATES", "<32sBBH6IIIfiIIHHH2x"),
}


class Stream(Protocol):
    """What the client needs of a socket. Both methods may raise TimeoutError, `recv` soon when nothing arrives."""

    def send(self, data: bytes, /) -> int:
        """Sends some of the bytes; returns how many."""

    def recv(self, size: int, /) -> bytes:
        """Returns some bytes; none at the end of the stream."""


class DeviceError(Exception):
    """An ERROR frame."""

    def __init__(self, payload: bytes) -> None:
        self.status, self.type, self.field, self.value = struct.unpack_from("<BBHI", payload)
        super().__init__(f"status {self.status}, field {self.field}, value {self.value}: {text(payload[8:])}")


@dataclass
class Transfer:
    """The bytes of a result, as they arrive (7)."""

    values: tuple[Any, ...]
    records: list[tuple[int, ...]]
    chunk: int
    data: bytearray
    missing: set[int]
    high: int = 0

    def gaps(self) -> Iterator[tuple[int, int]]:
        """Missing ranges as (offset, length)."""
        start = None
        for offset in range(0, len(self.data) + self.chunk, self.chunk):
            if offset in self.missing:
                start = offset if start is None else start
            elif start is not None:
                yield start, min(offset, len(self.data)) - start
                start = None


@dataclass
class Exchange:
    """A request, and what has come back."""

    type: int
    id: int
    payload: bytes
    answer: bytes | None = None
    error: DeviceError | None = None
    transfer: Transfer | None = None
    states: list[int] = field(default_factory=list)


@dataclass
class Upload:
    """Bytes that the device may ask for again, until another upload takes their place."""

    id: int
    slot: int
    network: int
    data: bytes


def text(data: bytes) -> str:
    """Zero padded UTF-8 of the device, made printable."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in data.rstrip(b"\0").decode("utf-8", "replace"))


def after(a: int, b: int) -> bool:
    """Whether position or id a comes after b, modulo 2^32."""
    return 0 < (a - b) % (1 << 32) < 1 << 31


def frame(kind: int, ident: int, payload: bytes) -> bytes:
    """A whole frame (1)."""
    head = struct.pack("<2sBBIH", MAGIC, kind, 0, ident, len(payload))
    tail = struct.pack("<I", zlib.crc32(payload)) if payload else b""
    return head + struct.pack("<H", binascii.crc_hqx(head, 0xFFFF)) + payload + tail


def returns(
    output: int, reduction: int = RAW, *, threshold: int = 0, channels: int = 0, channel: int = 0, k: int = 0
) -> bytes:
    """A Return record for a whole output; the threshold is that of an integer tensor."""
    return struct.pack("<HBBIIiHHHH", output, 0, reduction, 0, 0, threshold, channels, channel, k, 0)


@dataclass(frozen=True)
class Piece:
    """One input of an upload in parts (4)."""

    input: int
    data: bytes
    encoding: int = RAW
    tables: tuple[bytes, ...] = ()
    flags: int = 0


def assemble(pieces: list[Piece]) -> tuple[bytes, list[bytes]]:
    """The bytes of an upload, and its Part records."""
    data, parts = b"", []
    for piece in pieces:
        data += bytes(-len(data) % 4)
        body = b"".join(piece.tables) + piece.data
        head = (len(data), len(body), piece.input, piece.encoding, len(piece.tables), piece.flags)
        parts.append(struct.pack("<IIBBBB", *head))
        data += body
    return data, parts


class Client:
    """One connection and the session on it."""

    def __init__(self, stream: Stream, window: int = 512) -> None:
        self.window = window
        self.nonce = self.boot_nonce = self.id = self.features = self.slot_size = self.result_size = self.networks = 0
        self.position = self.limit = self.peer_window = self.consumed = self.grant = 0
        self.damage: set[int] = set()  # offsets whose next chunk is sent with a flipped bit
        self.lose: set[int] = set()  # offsets whose next chunk is counted, but not sent
        self.ignore: set[int] = set()  # offsets whose next received chunk is dropped
        self.logs: list[str] = []
        self.credits_sent = self.credits_received = 0
        self.naks_received: list[tuple[int, int]] = []
        self.naks_sent: list[tuple[int, int]] = []
        self.exchanges: dict[int, Exchange] = {}
        self.uploads: dict[int, Upload] = {}
        self.outgoing: deque[tuple[Upload, int]] = deque()
        self.round_trip, self.deviation = 0.0, 0.0
        self.connect(stream)

    def connect(self, stream: Stream) -> None:
        """Takes a new connection; HELLO must follow."""
        self.stream, self.buffer, self.stray, self.fresh = stream, bytearray(), bytearray(), True
        self.bad_payloads = 0
        self.greeting: Exchange | None = None
        self.chunk = MAX_CHUNK

    # --- the byte stream (1)

    def write(self, data: bytes) -> None:
        """Sends all bytes."""
        while data:
            try:
                data = data[self.stream.send(data) :]
            except TimeoutError:
                self.read()

    def read(self) -> bool:
        """Reads what is there; False if nothing came."""
        try:
            data = self.stream.recv(65536)
        except TimeoutError:
            return False
        if not data:
            raise ConnectionError("the stream has ended")
        self.buffer += data
        return True

    def parse(self) -> Iterator[tuple[int, int, int, bytes]]:
        """Yields (type, flags, id, payload) of each good frame in the buffer, and drops what is none."""
        while len(self.buffer) >= 12:
            magic, kind, flags, ident, length, crc = struct.unpack_from("<2sBBIHH", self.buffer)
            chunk = MAX_CHUNK if self.greeting else self.chunk
            permitted = 13 <= length <= 12 + chunk if kind == DATA else length <= MAX_CONTROL
            if magic != MAGIC or crc != binascii.crc_hqx(self.buffer[:10], 0xFFFF) or not permitted:
                self.stray += self.buffer[:1]
                del self.buffer[:1]
                continue
            size = 12 + length + (4 if length else 0)
            if kind == DATA and len(self.buffer) >= 24:
                bad = int.from_bytes(self.buffer[22:24], "little") != binascii.crc_hqx(self.buffer[12:22], 0xFFFF)
            else:
                bad = False
            if not bad and len(self.buffer) < size:
                return
            payload = bytes(self.buffer[12 : 12 + length])
            if bad or (length and zlib.crc32(payload) != int.from_bytes(self.buffer[size - 4 : size], "little")):
                self.bad_payloads += 1
                del self.buffer[:2]
                continue
            del self.buffer[:size]
            yield kind, flags, ident, payload

    def step(self) -> bool:
        """Reads once, handles every frame, sends what has credit; False if nothing came."""
        came = self.read()
        for kind, flags, ident, payload in self.parse():
            self.dispatch(kind, flags, ident, payload)
        self.pump()
        return came

    def dispatch(self, kind: int, flags: int, ident: int, payload: bytes) -> None:
        """Handles one frame."""
        if self.greeting:  # 2: until the answer arrives, all other frames are ignored
            if kind == HELLO and flags & 1 and payload[8:16] == self.greeting.payload[8:16]:
                self.greeting.answer, self.greeting = payload, None
            elif kind == ERROR and ident == self.greeting.id and payload[1] == HELLO:
                self.greeting.error, self.greeting = DeviceError(payload), None
        elif kind == DATA:
            self.receive(ident, payload)
        elif kind == NAK:
            self.resend(ident, *struct.unpack_from("<II", payload))
        elif kind == CREDIT:
            self.credits_received += 1
            self.granted(*struct.unpack_from("<I", payload))
        elif kind == LOG:
            self.logs.append(text(payload[struct.unpack_from("<10xH", payload)[0] :]))
        elif flags & 1:
            exchange = self.exchanges.get(ident)
            if kind == PING:
                limit, position = struct.unpack_from("<16xII", payload)
                self.granted(limit)
                self.consume(position, always=True)
            if exchange and kind == ERROR:
                exchange.error = DeviceError(payload)
            elif exchange and kind == RESULT:
                self.result(exchange, payload)
            elif exchange and kind == exchange.type:
                exchange.answer = payload
                if kind == INFER:
                    exchange.states.append(payload[0])

    # --- credits (5)

    def granted(self, limit: int) -> None:
        """The device grants; what is beyond its window is not believed."""
        if not after(limit, self.position + self.peer_window):
            self.limit = limit

    def consume(self, position: int, *, always: bool = False) -> None:
        """The device has sent up to this position; grants again when that moves the grant enough."""
        if after(position, self.consumed + self.window):
            return
        if after(position, self.consumed):
            self.consumed = position
        limit = (self.consumed + self.window) % (1 << 32)
        if always or (limit - self.grant) % (1 << 32) >= self.window // 2:
            self.grant = limit
            self.credits_sent += 1
            self.write(frame(CREDIT, 0, struct.pack("<I", limit)))

    def pump(self) -> None:
        """Sends waiting chunks as far as the credit goes."""
        while self.outgoing:
            upload, offset = self.outgoing[0]
            data = upload.data[offset : offset + self.chunk]
            if after(self.position + len(data), self.limit):
                return
            self.outgoing.popleft()
            head = struct.pack("<IIBB", self.position, offset, upload.slot, 0)
            head += struct.pack("<H", binascii.crc_hqx(head, 0xFFFF))
            whole = bytearray(frame(DATA, upload.id, head + data))
            self.position = (self.position + len(data)) % (1 << 32)
            if offset in self.damage:
                whole[24] ^= 0x10
            if offset not in self.lose:
                self.write(bytes(whole))
            self.damage.discard(offset)
            self.lose.discard(offset)

    # --- transfers (4, 7)

    def resend(self, ident: int, offset: int, length: int) -> None:
        """A NAK of the device: queues the chunks again."""
        self.naks_received.append((offset, length))
        upload = self.uploads.get(ident)
        if upload and offset % self.chunk == 0:
            end = min(offset + length, len(upload.data)) if length else len(upload.data)
            known = {o for u, o in self.outgoing if u is upload}
            self.outgoing.extend((upload, o) for o in range(offset, end, self.chunk) if o not in known)

    def nak(self, ident: int, offset: int, length: int) -> None:
        """Asks the device for a range."""
        self.naks_sent.append((offset, length))
        self.write(frame(NAK, ident, struct.pack("<II", offset, length)))

    def result(self, exchange: Exchange, payload: bytes) -> None:
        """A RESULT: prepares for its bytes, unless it only repeats one that is arriving."""
        values = struct.unpack_from("<QQQQIIHBBHHIHBB", payload)
        length, count, head, record = values[4], values[7], values[10], values[12]
        old = exchange.transfer
        if old and old.values[4:6] == values[4:6] and old.chunk == self.chunk:
            return
        if length > self.result_size or head < 56 or record < 16 or head + count * record > len(payload):
            raise ValueError("an impossible RESULT")
        records = [struct.unpack_from("<HBBIII", payload, head + i * record) for i in range(count)]
        missing = set(range(0, length, self.chunk))
        exchange.transfer = Transfer(values, records, self.chunk, bytearray(length), missing)

    def receive(self, ident: int, payload: bytes) -> None:
        """A DATA frame."""
        position, offset = struct.unpack_from("<II", payload)
        data = payload[12:]
        if offset in self.ignore:
            self.ignore.discard(offset)
            return
        if after(position + len(data), self.consumed + self.window):
            return
        self.consume((position + len(data)) % (1 << 32))
        exchange = self.exchanges.get(ident)
        transfer = exchange.transfer if exchange else None
        if transfer is None or offset not in transfer.missing:
            return
        if len(data) != min(transfer.chunk, len(transfer.data) - offset):
            return
        if offset > transfer.high:
            self.nak(ident, transfer.high, offset - transfer.high)
        transfer.high = max(transfer.high, offset + len(data))
        transfer.missing.discard(offset)
        transfer.data[offset : offset + len(data)] = data

    # --- requests (3)

    def begin(self, kind: int, payload: bytes = b"", ident: int = 0) -> Exchange:
        """Sends a request, under a new id if none is given."""
        if not ident:
            ident = self.id = self.id % 0xFFFFFFFF + 1
        exchange = self.exchanges[ident] = Exchange(kind, ident, payload)
        self.write(frame(kind, ident, payload))
        return exchange

    def finish(self, exchange: Exchange, timeout: float = 60.0) -> bytes:
        """Waits for the answer, and repeats the request until it comes."""
        started = time.monotonic()
        self.until(lambda: exchange.answer is not None or exchange.error is not None, exchange, timeout)
        sample = time.monotonic() - started
        self.deviation = (3 * self.deviation + abs(sample - self.round_trip)) / 4 if self.round_trip else sample / 2
        self.round_trip = (7 * self.round_trip + sample) / 8 if self.round_trip else sample
        if exchange.type != INFER or exchange.error:
            self.exchanges.pop(exchange.id, None)
        if exchange.error:
            raise exchange.error
        return exchange.answer or b""

    def until(self, done: Callable[[], bool], exchange: Exchange, timeout: float) -> None:
        """Steps until done; repeats the request, NAKs a result's gaps and PINGs at each time-out."""
        pause = min(self.round_trip + max(4 * self.deviation, RETRY_MIN), RETRY_MAX) if self.round_trip else RETRY_FIRST
        pause = max(pause, 0.5) if exchange.type == INFER and exchange.answer is not None else pause
        end, due, length = time.monotonic() + timeout, time.monotonic() + pause, 0
        while not done():
            came, now = self.step(), time.monotonic()
            progress = exchange.transfer is not None and len(exchange.transfer.missing) != length
            if progress and exchange.transfer:
                length, due, end = len(exchange.transfer.missing), now + pause, now + timeout
            if now > end:
                raise TimeoutError(f"no answer to request {exchange.type}")
            if now > due and not done():
                pause = min(2 * pause, RETRY_MAX)
                due = now + pause
                if not came and self.buffer:  # 1: give up a frame whose bytes have stopped
                    del self.buffer[:2]
                if exchange.transfer:
                    for gap in exchange.transfer.gaps():
                        self.nak(exchange.id, *gap)
                else:
                    self.write(frame(exchange.type, exchange.id, exchange.payload))
                if not self.greeting and (exchange.transfer or self.outgoing):
                    self.begin(PING, struct.pack("<QIHH", 0, self.position, 16, 0))

    def request(self, kind: int, payload: bytes = b"") -> bytes:
        """A request and its answer."""
        return self.finish(self.begin(kind, payload))

    def hello(self, max_chunk: int, *, resume: bool = False) -> int:
        """Opens or resumes the session (2); returns the flags of the reply."""
        if self.fresh:
            self.write(bytes(MAX_CHUNK + 28))
        old, nonce, name = self.nonce, secrets.randbits(64), b"independent client"
        if not resume:  # a resumed session keeps its slots, so its ids must go on
            self.id = secrets.randbits(31)
        head = (*VERSION, SCHEMA, nonce, 40, max_chunk, self.window, FEATURES, int(resume), 0, 0, old if resume else 0)
        payload = struct.pack("<HHIQHHIIBBHQ", *head) + struct.pack("<HH", 1, len(name)) + name + bytes(-len(name) % 4)
        self.exchanges.clear()
        self.outgoing.clear()
        self.position = self.limit = self.peer_window = self.consumed = 0
        self.id = self.id % 0xFFFFFFFF + 1
        exchange = self.greeting = Exchange(HELLO, self.id, payload)
        self.write(frame(HELLO, self.id, payload))
        reply = self.finish(exchange)
        major, minor, schema = struct.unpack_from("<HHI", reply)
        if major != VERSION[0] or schema != SCHEMA or len(reply) < 104:
            raise ValueError(f"the device speaks {major}.{minor}, schema {schema:#x}")
        values = struct.unpack_from("<HHIQHHII4BQQHHIIHH16s24s", reply)
        self.chunk, self.peer_window, self.features, flags = values[5:9]
        self.boot_nonce = values[12]
        self.networks, self.slot_size, self.result_size = values[15:18]
        if not (flags & OPENED and MIN_CHUNK <= self.chunk <= max_chunk and self.peer_window <= MAX_WINDOW):
            raise ValueError("an impossible HelloReply")
        self.limit, self.grant, self.nonce, self.fresh = self.peer_window, self.window, nonce, False
        return int(flags)

    def ping(self, tail: bytes = b"") -> bytes:
        """Returns the tail that came back; the grants are renewed."""
        number = secrets.randbits(64)
        reply = self.request(PING, struct.pack("<QIHH", number, self.position, 16, 0) + tail)
        if struct.unpack_from("<Q", reply)[0] != number:
            raise ValueError("the reply to another PING")
        return reply[struct.unpack_from("<24xH", reply)[0] :]

    def info(self) -> dict[str, Any]:
        """Board, firmware and the optional fields."""
        reply = self.request(INFO)
        names = "board firmware uptime cpu_hz npu_hz bus_hz baud ram_total ram_free temperature_dc reset_cause"
        names += " timer_source head voltage_mode npu_ram_hz"
        values = dict(zip(names.split(), struct.unpack_from("<32s24sQIIIIIIhBBHBxI", reply), strict=True))
        fields, at = {}, values["head"]
        while at + 4 <= len(reply):
            tag, length = struct.unpack_from("<HH", reply, at)
            fields[tag] = text(reply[at + 4 : at + 4 + length])
            at += 4 + length + -length % 4
        return values | {"board": text(values["board"]), "firmware": text(values["firmware"]), "fields": fields}

    def list_networks(self) -> list[dict[str, Any]]:
        """The NetworkRecords."""
        found: list[dict[str, Any]] = []
        names = "name digest input_bytes output_bytes index blocks epochs card_bytes inputs outputs pools"
        names += " timer_source state intermediates"
        while True:
            reply = self.request(LIST, struct.pack("<HH", len(found), 0))
            head, record, _, count, total = struct.unpack_from("<5H", reply)
            for i in range(count):
                values = struct.unpack_from("<32sIIIHHHHBBBBBB", reply, head + i * record)
                found.append(dict(zip(names.split(), (text(values[0]), *values[1:]), strict=True)))
            if not count or len(found) >= total:
                return found

    def describe(self, network: int, section: int) -> str | list[tuple[Any, ...]]:
        """A whole section: a text, or the records as tuples in the order of protocol.md."""
        data, first, form = b"", 0, SECTIONS[section][1]
        records: list[tuple[Any, ...]] = []
        while True:
            reply = self.request(DESCRIBE, struct.pack("<HBBI", network, section, 0, first))
            _, _, _, at, count, total, head, record = struct.unpack_from("<HBBIIIHH", reply)
            if at != first or head + count * record > len(reply):
                raise ValueError("an impossible page")
            if form:
                records += [struct.unpack_from(form, reply, head + i * record) for i in range(count)]
            else:
                data += reply[head : head + count]
            first += count
            if not count or first >= total:
                return records if form else text(data)

    def check(self, network: int) -> tuple[int, int, int]:
        """CHECK: ticks of the run, digest of the outputs, CheckState."""
        ticks, digest, state = struct.unpack_from("<QIB", self.request(CHECK, struct.pack("<HH", network, 0)))
        return ticks, digest, state

    def counted(self) -> tuple[int, ...]:
        """Damaged headers and payloads and skipped bytes: those of the device, then those of this side."""
        reply = self.request(STATS, struct.pack("<HH", 0, 0))
        return *struct.unpack_from("<40xIII", reply), self.bad_payloads, len(self.stray)

    def rate(self, baud: int) -> None:
        """Changes the rate of the line (8); a socket has no rate of its own to set."""
        rate, pause = struct.unpack("<II", self.request(RATE, struct.pack("<II", baud, 0)))
        if rate != baud:
            raise ValueError(f"the device sets {rate} instead of {baud}")
        time.sleep(pause / 1000)
        self.ping()

    def prove(self) -> bool:
        """Whether the line has this rate without damage (8)."""
        before = self.counted()
        tail = bytes([0x55, 0xAA, 0, 0xFF]) * 124 + secrets.token_bytes(496)
        ping = struct.pack("<QIHH", 0, self.position, 16, 0) + tail
        for _ in range(4):
            for exchange in [self.begin(PING, ping) for _ in range(4)]:
                reply = self.finish(exchange)
                if reply[struct.unpack_from("<24xH", reply)[0] :] != tail:
                    return False
        return self.counted() == before

    def upload(self, network: int, data: bytes, slot: int = 0, parts: Sequence[bytes] = ()) -> Exchange:
        """Sends an input and its COMMIT, which is not waited for."""
        ident = self.id = self.id % 0xFFFFFFFF + 1
        upload = Upload(ident, slot, network, data)
        self.uploads = {i: u for i, u in self.uploads.items() if u.slot != slot} | {ident: upload}
        self.outgoing.extend((upload, offset) for offset in range(0, len(data), self.chunk))
        self.pump()
        stalled = time.monotonic()
        while self.outgoing:
            left = len(self.outgoing)
            self.step()
            if len(self.outgoing) != left:
                stalled = time.monotonic()
            elif time.monotonic() - stalled > RETRY_FIRST:
                self.ping()
        values = (self.position, len(data), zlib.crc32(data), network, slot, len(parts), 20, 12)
        return self.begin(COMMIT, struct.pack("<IIIHBBHH", *values) + b"".join(parts), ident)

    def infer(self, key: int, upload: int, digest: int, network: int, wanted: list[bytes], ident: int = 0) -> Exchange:
        """Sends an INFER of slot 0."""
        body = struct.pack("<QIIIHBBBBBBI", key, upload, digest, 0, network, 0, 0, 0, len(wanted), 32, 24, 0)
        return self.begin(INFER, body + b"".join(wanted), ident)

    def fetch(self, exchange: Exchange, timeout: float = 60.0) -> list[bytes]:
        """Waits for the result of an INFER; returns the bytes of each record."""
        if exchange.answer is None:
            self.finish(exchange, timeout)
        for _ in range(4):
            self.until(
                lambda: bool(exchange.error or (exchange.transfer and not exchange.transfer.missing)), exchange, timeout
            )
            if exchange.error or not exchange.transfer:
                raise exchange.error or ValueError("no result")
            transfer = exchange.transfer
            if zlib.crc32(transfer.data) == transfer.values[5]:
                return [bytes(transfer.data[r[3] : r[3] + r[4]]) for r in transfer.records]
            transfer.missing = set(range(0, len(transfer.data), transfer.chunk))
            self.nak(exchange.id, 0, 0)
        raise ValueError("the CRC-32 of the result is wrong")

    def release(self, exchange: Exchange) -> None:
        """The result is here."""
        self.request(RELEASE, struct.pack("<I", exchange.id))
        self.exchanges.pop(exchange.id, None)
