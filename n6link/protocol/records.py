"""Typed records of all structs of the protocol. GENERATED from schema.py by codegen.py: do not edit."""

# fmt: off
# ruff: noqa: D102 - Record documents pack and unpack
from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final, Self

import numpy as np

from n6link.protocol.codec import Buffer, Record, padded, text
from n6link.protocol.enums import (
    CheckState,
    DType,
    Encoding,
    EpochKind,
    FieldTag,
    InferState,
    LeaseAction,
    LogLevel,
    MessageType,
    NetworkState,
    Reduction,
    ResetCause,
    ResetKind,
    Role,
    Section,
    Source,
    Status,
    TimerSource,
    VoltageMode,
)

VERSION_MAJOR: Final = 2
VERSION_MINOR: Final = 1
VERSION: Final = "2.1"
"""A different major is refused; the session uses the smaller minor of both sides."""

SCHEMA_ID: Final = 0xcf103ea9
"""Identifies the major: a hash of the definitions of its minor 0."""

_CheckState: Final = CheckState.by_value()
_DType: Final = DType.by_value()
_Encoding: Final = Encoding.by_value()
_EpochKind: Final = EpochKind.by_value()
_FieldTag: Final = FieldTag.by_value()
_InferState: Final = InferState.by_value()
_LeaseAction: Final = LeaseAction.by_value()
_LogLevel: Final = LogLevel.by_value()
_MessageType: Final = MessageType.by_value()
_NetworkState: Final = NetworkState.by_value()
_Reduction: Final = Reduction.by_value()
_ResetCause: Final = ResetCause.by_value()
_ResetKind: Final = ResetKind.by_value()
_Role: Final = Role.by_value()
_Section: Final = Section.by_value()
_Source: Final = Source.by_value()
_Status: Final = Status.by_value()
_TimerSource: Final = TimerSource.by_value()
_VoltageMode: Final = VoltageMode.by_value()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FrameHeader(Record):
    """Part of other messages; 12 bytes."""

    SIZE = 12
    BASE_SIZE = 12
    STRUCT = Struct("<HBBLHH")
    DTYPE = np.dtype([
        ("magic", "<u2"), ("type", "u1"), ("flags", "u1"), ("id", "<u4"), ("length", "<u2"), ("crc", "<u2"),
    ])

    magic: int = 0
    """Limit.MAGIC"""
    type: MessageType | int = 0
    """MessageType"""
    flags: int = 0
    """Flag bits"""
    id: int = 0
    """id of the request or transfer; ids of a session increase; 0 is for events"""
    length: int = 0
    """bytes of payload"""
    crc: int = 0
    """CRC-16/CCITT-FALSE of the ten bytes before"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.magic, self.type, self.flags, self.id, self.length, self.crc)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        (magic, type, flags, id, length, crc) = cls._values(buffer, offset)
        return cls(magic, _MessageType(type, type), flags, id, length, crc)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DataHeader(Record):
    """DATA request, DATA event; 12 bytes."""

    SIZE = 12
    BASE_SIZE = 12
    STRUCT = Struct("<LLB1xH")
    DTYPE = np.dtype([("position", "<u4"), ("offset", "<u4"), ("slot", "u1"), ("reserved", "u1"), ("crc", "<u2")])

    position: int = 0
    """DATA bytes this side has sent in this session before this chunk, modulo 2^32"""
    offset: int = 0
    """offset of the chunk in the transfer; a multiple of the chunk size"""
    slot: int = 0
    """host to device: input slot; device to host: 0"""
    crc: int = 0
    """CRC-16/CCITT-FALSE of the ten bytes before"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.position, self.offset, self.slot, self.crc)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Hello(Record):
    """HELLO request; 40 bytes."""

    SIZE = 40
    BASE_SIZE = 40
    STRUCT = Struct("<HHLQHHLLBB2xQ")
    DTYPE = np.dtype([
        ("major", "<u2"), ("minor", "<u2"), ("schema", "<u4"), ("nonce", "<u8"), ("head", "<u2"), ("max_chunk", "<u2"),
        ("window", "<u4"), ("features", "<u4"), ("flags", "u1"), ("role", "u1"), ("reserved", "<u2"), ("resume", "<u8"),
    ])

    major: int = 0
    """protocol version"""
    minor: int = 0
    """protocol version"""
    schema: int = 0
    """SCHEMA_ID of the sender"""
    nonce: int = 0
    """chosen by the host, new for each HELLO; the reply repeats it"""
    head: int = 40
    """bytes of this struct: the fields start after them"""
    max_chunk: int = 0
    """largest chunk that the host can receive or send"""
    window: int = 0
    """DATA bytes that the host can receive; Limit.MIN_CHUNK to Limit.MAX_WINDOW"""
    features: int = 0
    """Feature bits that the host supports"""
    flags: int = 0
    """HelloFlag bits"""
    role: Role | int = Role.CONTROL
    """Role"""
    resume: int = 0
    """HelloFlag.RESUME: nonce of the last HELLO that opened or resumed the session; else 0"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(
            self.major, self.minor, self.schema, self.nonce, self.head, self.max_chunk, self.window, self.features,
            self.flags, self.role, self.resume,
        )

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        (
            major, minor, schema, nonce, head, max_chunk, window, features, flags, role, resume,
        ) = cls._values(buffer, offset)
        return cls(major, minor, schema, nonce, head, max_chunk, window, features, flags, _Role(role, role), resume)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HelloReply(Record):
    """HELLO reply; 104 bytes."""

    SIZE = 104
    BASE_SIZE = 104
    STRUCT = Struct("<HHLQHHLLBBBBQQHHLLHH16s24s")
    DTYPE = np.dtype([
        ("major", "<u2"), ("minor", "<u2"), ("schema", "<u4"), ("nonce", "<u8"), ("head", "<u2"), ("chunk", "<u2"),
        ("window", "<u4"), ("features", "<u4"), ("flags", "u1"), ("slots", "u1"), ("results", "u1"), ("queue", "u1"),
        ("boot_nonce", "<u8"), ("tick_hz", "<u8"), ("requests", "<u2"), ("networks", "<u2"), ("slot_size", "<u4"),
        ("result_size", "<u4"), ("quiet_ms", "<u2"), ("parts_kb", "<u2"), ("unique_id", "S16"), ("build", "S24"),
    ])

    major: int = 0
    """protocol version"""
    minor: int = 0
    """protocol version; the session uses the smaller minor of both sides"""
    schema: int = 0
    """SCHEMA_ID of the sender"""
    nonce: int = 0
    """that of the Hello"""
    head: int = 104
    """bytes of this struct: the fields start after them"""
    chunk: int = 0
    """chunk size of both directions: every DATA frame except a transfer's last has exactly this number of bytes"""
    window: int = 0
    """DATA bytes that the device can receive"""
    features: int = 0
    """Feature bits of the device"""
    flags: int = 0
    """HelloReplyFlag bits"""
    slots: int = 0
    """number of input slots"""
    results: int = 0
    """number of result buffers"""
    queue: int = 0
    """maximum number of inferences that wait, are queued or run"""
    boot_nonce: int = 0
    """random number created at start-up: another value means that the device was restarted"""
    tick_hz: int = 0
    """rate of the device clock, the unit of all its times"""
    requests: int = 0
    """maximum number of open requests of the host"""
    networks: int = 0
    """number of networks"""
    slot_size: int = 0
    """bytes of an input slot"""
    result_size: int = 0
    """bytes of a result buffer"""
    quiet_ms: int = 0
    """milliseconds without a byte after which the device aborts an unfinished frame"""
    parts_kb: int = 0
    """largest upload that consists of parts, in units of 1024 bytes; 0 = without Feature ENCODINGS"""
    unique_id: bytes = b"\0" * 16
    """the chip's unique id, zero padded; all zero = unknown"""
    build: str = ""
    """build id of the firmware, UTF-8, zero padded"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(
            self.major, self.minor, self.schema, self.nonce, self.head, self.chunk, self.window, self.features,
            self.flags, self.slots, self.results, self.queue, self.boot_nonce, self.tick_hz, self.requests,
            self.networks, self.slot_size, self.result_size, self.quiet_ms, self.parts_kb, padded(self.unique_id, 16),
            padded(self.build, 24),
        )

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        (
            major, minor, schema, nonce, head, chunk, window, features, flags, slots, results, queue, boot_nonce,
            tick_hz, requests, networks, slot_size, result_size, quiet_ms, parts_kb, unique_id, build,
        ) = cls._values(buffer, offset)
        return cls(
            major, minor, schema, nonce, head, chunk, window, features, flags, slots, results, queue, boot_nonce,
            tick_hz, requests, networks, slot_size, result_size, quiet_ms, parts_kb, unique_id, text(build),
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Field(Record):
    """Part of other messages; 4 bytes."""

    SIZE = 4
    BASE_SIZE = 4
    STRUCT = Struct("<HH")
    DTYPE = np.dtype([("tag", "<u2"), ("length", "<u2")])

    tag: FieldTag | int = 0
    """FieldTag"""
    length: int = 0
    """bytes of value that follow; the next field starts at the next multiple of four"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.tag, self.length)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        (tag, length) = cls._values(buffer, offset)
        return cls(_FieldTag(tag, tag), length)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Ping(Record):
    """PING request; 16 bytes."""

    SIZE = 16
    BASE_SIZE = 16
    STRUCT = Struct("<QLH2x")
    DTYPE = np.dtype([("host_time", "<u8"), ("position", "<u4"), ("head", "<u2"), ("reserved", "<u2")])

    host_time: int = 0
    """any number; the reply repeats it"""
    position: int = 0
    """DATA bytes sent so far in this session: missing bytes before it are lost"""
    head: int = 16
    """bytes of this struct: any bytes may follow, and the reply repeats them"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.host_time, self.position, self.head)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PingReply(Record):
    """PING reply; 32 bytes."""

    SIZE = 32
    BASE_SIZE = 32
    STRUCT = Struct("<QQLLH6x")
    DTYPE = np.dtype([
        ("host_time", "<u8"), ("device_time", "<u8"), ("limit", "<u4"), ("position", "<u4"), ("head", "<u2"),
        ("reserved", "<u2", (3,)),
    ])

    host_time: int = 0
    """that of the Ping"""
    device_time: int = 0
    """ticks since start-up"""
    limit: int = 0
    """as in Credit"""
    position: int = 0
    """DATA bytes that the device has sent in this session: missing bytes before it are lost"""
    head: int = 32
    """bytes of this struct: the bytes after the Ping follow it"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.host_time, self.device_time, self.limit, self.position, self.head)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Credit(Record):
    """CREDIT request, CREDIT event; 4 bytes."""

    SIZE = 4
    BASE_SIZE = 4
    STRUCT = Struct("<L")
    DTYPE = np.dtype([("limit", "<u4")])

    limit: int = 0
    """the peer may send DATA up to this position, modulo 2^32; a later grant replaces it"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.limit)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InfoReply(Record):
    """INFO reply; 104 bytes."""

    SIZE = 104
    BASE_SIZE = 104
    STRUCT = Struct("<32s24sQLLLLLLhBBHB1xL4x")
    DTYPE = np.dtype([
        ("board", "S32"), ("firmware", "S24"), ("uptime", "<u8"), ("cpu_hz", "<u4"), ("npu_hz", "<u4"),
        ("bus_hz", "<u4"), ("baud", "<u4"), ("ram_total", "<u4"), ("ram_free", "<u4"), ("temperature_dc", "<i2"),
        ("reset_cause", "u1"), ("timer_source", "u1"), ("head", "<u2"), ("voltage_mode", "u1"), ("reserved", "u1"),
        ("npu_ram_hz", "<u4"), ("reserved2", "<u4"),
    ])

    board: str = ""
    """board name, UTF-8, zero padded"""
    firmware: str = ""
    """version of the firmware"""
    uptime: int = 0
    """ticks since start-up"""
    cpu_hz: int = 0
    """CPU clock; 0 = unknown"""
    npu_hz: int = 0
    """NPU clock; 0 = none or unknown"""
    bus_hz: int = 0
    """clock of the interconnect; 0 = unknown"""
    baud: int = 0
    """bit rate of the link; 0 = not a UART"""
    ram_total: int = 0
    """bytes of RAM that the firmware manages"""
    ram_free: int = 0
    """free bytes of this RAM"""
    temperature_dc: int = 0
    """tenths of a degree Celsius, or Limit.NO_TEMPERATURE"""
    reset_cause: ResetCause | int = ResetCause.UNKNOWN
    """ResetCause"""
    timer_source: TimerSource | int = TimerSource.NONE
    """TimerSource of the epoch timers"""
    head: int = 104
    """bytes of this struct: the fields start after them"""
    voltage_mode: VoltageMode | int = VoltageMode.UNKNOWN
    """VoltageMode of the core"""
    npu_ram_hz: int = 0
    """clock of the NPU's memories; 0 = unknown"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(
            padded(self.board, 32), padded(self.firmware, 24), self.uptime, self.cpu_hz, self.npu_hz, self.bus_hz,
            self.baud, self.ram_total, self.ram_free, self.temperature_dc, self.reset_cause, self.timer_source,
            self.head, self.voltage_mode, self.npu_ram_hz,
        )

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        (
            board, firmware, uptime, cpu_hz, npu_hz, bus_hz, baud, ram_total, ram_free, temperature_dc, reset_cause,
            timer_source, head, voltage_mode, npu_ram_hz,
        ) = cls._values(buffer, offset)
        return cls(
            text(board), text(firmware), uptime, cpu_hz, npu_hz, bus_hz, baud, ram_total, ram_free, temperature_dc,
            _ResetCause(reset_cause, reset_cause), _TimerSource(timer_source, timer_source), head,
            _VoltageMode(voltage_mode, voltage_mode), npu_ram_hz,
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ListReply(Record):
    """LIST reply; 12 bytes."""

    SIZE = 12
    BASE_SIZE = 12
    STRUCT = Struct("<HHHHH2x")
    DTYPE = np.dtype([
        ("head", "<u2"), ("record", "<u2"), ("first", "<u2"), ("count", "<u2"), ("total", "<u2"), ("reserved", "<u2"),
    ])

    head: int = 12
    """bytes of this struct: the records start after them"""
    record: int = 60
    """bytes of one record"""
    first: int = 0
    """index of the first record of this page"""
    count: int = 0
    """records of this page"""
    total: int = 0
    """number of networks"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.head, self.record, self.first, self.count, self.total)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class List(Record):
    """LIST request; 4 bytes."""

    SIZE = 4
    BASE_SIZE = 4
    STRUCT = Struct("<H2x")
    DTYPE = np.dtype([("first", "<u2"), ("reserved", "<u2")])

    first: int = 0
    """index of the first requested network"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.first)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NetworkRecord(Record):
    """LIST reply (repeated); 60 bytes."""

    SIZE = 60
    BASE_SIZE = 60
    STRUCT = Struct("<32sLLLHHHHBBBBBB2x")
    DTYPE = np.dtype([
        ("name", "S32"), ("digest", "<u4"), ("input_bytes", "<u4"), ("output_bytes", "<u4"), ("index", "<u2"),
        ("blocks", "<u2"), ("epochs", "<u2"), ("card_bytes", "<u2"), ("inputs", "u1"), ("outputs", "u1"),
        ("pools", "u1"), ("timer_source", "u1"), ("state", "u1"), ("intermediates", "u1"), ("reserved", "<u2"),
    ])

    name: str = ""
    """name, UTF-8, zero padded"""
    digest: int = 0
    """changes if the network or its description changes"""
    input_bytes: int = 0
    """bytes of an upload: the inputs at their slot offsets"""
    output_bytes: int = 0
    """bytes of all outputs"""
    index: int = 0
    """index of the network in requests"""
    blocks: int = 0
    """number of epoch blocks"""
    epochs: int = 0
    """number of epochs"""
    card_bytes: int = 0
    """length of the card"""
    inputs: int = 0
    """number of inputs"""
    outputs: int = 0
    """number of outputs"""
    pools: int = 0
    """number of memory pools"""
    timer_source: TimerSource | int = TimerSource.NONE
    """TimerSource of this network's epoch timers"""
    state: NetworkState | int = NetworkState.READY
    """NetworkState; if it is not READY, the section REASON has the reason"""
    intermediates: int = 0
    """number of intermediate outputs that an inference may return"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(
            padded(self.name, 32), self.digest, self.input_bytes, self.output_bytes, self.index, self.blocks,
            self.epochs, self.card_bytes, self.inputs, self.outputs, self.pools, self.timer_source, self.state,
            self.intermediates,
        )

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        (
            name, digest, input_bytes, output_bytes, index, blocks, epochs, card_bytes, inputs, outputs, pools,
            timer_source, state, intermediates,
        ) = cls._values(buffer, offset)
        return cls(
            text(name), digest, input_bytes, output_bytes, index, blocks, epochs, card_bytes, inputs, outputs, pools,
            _TimerSource(timer_source, timer_source), _NetworkState(state, state), intermediates,
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Describe(Record):
    """DESCRIBE request; 8 bytes."""

    SIZE = 8
    BASE_SIZE = 8
    STRUCT = Struct("<HB1xL")
    DTYPE = np.dtype([("network", "<u2"), ("section", "u1"), ("reserved", "u1"), ("first", "<u4")])

    network: int = 0
    """index of the network"""
    section: Section | int = Section.INPUTS
    """Section"""
    first: int = 0
    """index of the first requested record (texts: byte)"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.network, self.section, self.first)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        (network, section, first) = cls._values(buffer, offset)
        return cls(network, _Section(section, section), first)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DescribeReply(Record):
    """DESCRIBE reply; 20 bytes."""

    SIZE = 20
    BASE_SIZE = 20
    STRUCT = Struct("<HB1xLLLHH")
    DTYPE = np.dtype([
        ("network", "<u2"), ("section", "u1"), ("reserved", "u1"), ("first", "<u4"), ("count", "<u4"), ("total", "<u4"),
        ("head", "<u2"), ("record", "<u2"),
    ])

    network: int = 0
    """index of the network"""
    section: Section | int = Section.INPUTS
    """Section"""
    first: int = 0
    """index of the first record (texts: byte) of this page"""
    count: int = 0
    """records (texts: bytes) of this page"""
    total: int = 0
    """records (texts: bytes) of the section"""
    head: int = 20
    """bytes of this struct: the records start after them"""
    record: int = 0
    """bytes of one record (texts: 1)"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.network, self.section, self.first, self.count, self.total, self.head, self.record)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        (network, section, first, count, total, head, record) = cls._values(buffer, offset)
        return cls(network, _Section(section, section), first, count, total, head, record)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TensorRecord(Record):
    """Part of other messages; 92 bytes."""

    SIZE = 92
    BASE_SIZE = 92
    STRUCT = Struct("<32sBBH6LLLflLLHHH2x")
    DTYPE = np.dtype([
        ("name", "S32"), ("dtype", "u1"), ("ndim", "u1"), ("scales", "<u2"), ("shape", "<u4", (6,)), ("size", "<u4"),
        ("offset", "<u4"), ("scale", "<f4"), ("zero_point", "<i4"), ("axis", "<u4"), ("encodings", "<u4"),
        ("height", "<u2"), ("width", "<u2"), ("channels", "<u2"), ("reserved", "<u2"),
    ])

    name: str = ""
    """name, UTF-8, zero padded"""
    dtype: DType | int = 0
    """DType"""
    ndim: int = 0
    """number of dimensions; 0 = a single value"""
    scales: int = 0
    """number of per-channel ScaleRecords; 0 = per tensor"""
    shape: tuple[int, ...] = (0, 0, 0, 0, 0, 0)
    """dimensions in memory order, outermost first"""
    size: int = 0
    """bytes"""
    offset: int = 0
    """inputs: offset in the upload"""
    scale: float = 0.0
    """real = (raw - zero_point) * scale; 0 = not quantised"""
    zero_point: int = 0
    """see scale"""
    axis: int = 0
    """axis of the per-channel scales"""
    encodings: int = 0
    """inputs: bits 1 << Encoding that a part of this input may have besides RAW"""
    height: int = 0
    """rows, if the tensor can be a picture; 0 = it cannot"""
    width: int = 0
    """columns of the picture"""
    channels: int = 0
    """channels of the picture"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(
            padded(self.name, 32), self.dtype, self.ndim, self.scales, *self.shape, self.size, self.offset, self.scale,
            self.zero_point, self.axis, self.encodings, self.height, self.width, self.channels,
        )

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        (
            name, dtype, ndim, scales, shape_0, shape_1, shape_2, shape_3, shape_4, shape_5, size, offset, scale,
            zero_point, axis, encodings, height, width, channels,
        ) = cls._values(buffer, offset)
        return cls(
            text(name), _DType(dtype, dtype), ndim, scales, (shape_0, shape_1, shape_2, shape_3, shape_4, shape_5),
            size, offset, scale, zero_point, axis, encodings, height, width, channels,
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ScaleRecord(Record):
    """Part of other messages; 8 bytes."""

    SIZE = 8
    BASE_SIZE = 8
    STRUCT = Struct("<fl")
    DTYPE = np.dtype([("scale", "<f4"), ("zero_point", "<i4")])

    scale: float = 0.0
    """scale of one channel"""
    zero_point: int = 0
    """zero point of one channel"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.scale, self.zero_point)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PoolRecord(Record):
    """Part of other messages; 48 bytes."""

    SIZE = 48
    BASE_SIZE = 48
    STRUCT = Struct("<24sLLLLL4x")
    DTYPE = np.dtype([
        ("name", "S24"), ("base", "<u4"), ("total", "<u4"), ("used", "<u4"), ("weights", "<u4"), ("activations", "<u4"),
        ("reserved", "<u4"),
    ])

    name: str = ""
    """name of the memory pool"""
    base: int = 0
    """address"""
    total: int = 0
    """bytes"""
    used: int = 0
    """bytes used"""
    weights: int = 0
    """bytes used for weights"""
    activations: int = 0
    """bytes used for activations"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(padded(self.name, 24), self.base, self.total, self.used, self.weights, self.activations)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        (name, base, total, used, weights, activations) = cls._values(buffer, offset)
        return cls(text(name), base, total, used, weights, activations)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BlockRecord(Record):
    """Part of other messages; 48 bytes."""

    SIZE = 48
    BASE_SIZE = 48
    STRUCT = Struct("<QQHHB3x24s")
    DTYPE = np.dtype([
        ("estimated_npu", "<u8"), ("estimated_total", "<u8"), ("first", "<u2"), ("last", "<u2"), ("kind", "u1"),
        ("reserved", "u1", (3,)), ("operation", "S24"),
    ])

    estimated_npu: int = 0
    """the compiler's estimate of NPU cycles; 0 = unknown"""
    estimated_total: int = 0
    """the compiler's estimate of all cycles; 0 = unknown"""
    first: int = 0
    """first epoch of the block"""
    last: int = 0
    """last epoch of the block"""
    kind: EpochKind | int = EpochKind.HW
    """EpochKind"""
    operation: str = ""
    """name of the operation, if known"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(
            self.estimated_npu, self.estimated_total, self.first, self.last, self.kind, padded(self.operation, 24),
        )

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        (estimated_npu, estimated_total, first, last, kind, operation) = cls._values(buffer, offset)
        return cls(estimated_npu, estimated_total, first, last, _EpochKind(kind, kind), text(operation))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LogLevelRequest(Record):
    """LOG_LEVEL request; 4 bytes."""

    SIZE = 4
    BASE_SIZE = 4
    STRUCT = Struct("<B3x")
    DTYPE = np.dtype([("level", "u1"), ("reserved", "u1", (3,))])

    level: LogLevel | int = 0
    """LogLevel"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.level)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        (level,) = cls._values(buffer, offset)
        return cls(_LogLevel(level, level))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Reset(Record):
    """RESET request; 16 bytes."""

    SIZE = 16
    BASE_SIZE = 16
    STRUCT = Struct("<B7xQ")
    DTYPE = np.dtype([("kind", "u1"), ("reserved", "u1", (7,)), ("boot_nonce", "<u8")])

    kind: ResetKind | int = ResetKind.SESSION
    """ResetKind"""
    boot_nonce: int = 0
    """DEVICE: the device's; if it differs, the device answers and does not restart. SESSION: 0"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.kind, self.boot_nonce)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        (kind, boot_nonce) = cls._values(buffer, offset)
        return cls(_ResetKind(kind, kind), boot_nonce)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Commit(Record):
    """COMMIT request; 20 bytes."""

    SIZE = 20
    BASE_SIZE = 20
    STRUCT = Struct("<LLLHBBHH")
    DTYPE = np.dtype([
        ("position", "<u4"), ("length", "<u4"), ("crc", "<u4"), ("network", "<u2"), ("slot", "u1"), ("parts", "u1"),
        ("head", "<u2"), ("record", "<u2"),
    ])

    position: int = 0
    """DATA bytes sent so far in this session"""
    length: int = 0
    """bytes of the upload"""
    crc: int = 0
    """zlib.crc32 of these bytes, as sent"""
    network: int = 0
    """index of the network"""
    slot: int = 0
    """input slot"""
    parts: int = 0
    """number of Part records that follow; 0 = the raw bytes of all inputs, each at its TensorRecord.offset"""
    head: int = 20
    """bytes of this struct: the records start after them"""
    record: int = 12
    """bytes of one Part"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(
            self.position, self.length, self.crc, self.network, self.slot, self.parts, self.head, self.record,
        )

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Part(Record):
    """COMMIT request (repeated); 12 bytes."""

    SIZE = 12
    BASE_SIZE = 12
    STRUCT = Struct("<LLBBBB")
    DTYPE = np.dtype([
        ("offset", "<u4"), ("length", "<u4"), ("input", "u1"), ("encoding", "u1"), ("tables", "u1"), ("flags", "u1"),
    ])

    offset: int = 0
    """start in the upload; a multiple of four"""
    length: int = 0
    """its bytes"""
    input: int = 0
    """index of its input"""
    encoding: Encoding | int = Encoding.RAW
    """Encoding"""
    tables: int = 0
    """pictures: number of tables of 256 raw values at the start of the part; 0 = none"""
    flags: int = 0
    """PartFlag bits"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.offset, self.length, self.input, self.encoding, self.tables, self.flags)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        (offset, length, input, encoding, tables, flags) = cls._values(buffer, offset)
        return cls(offset, length, input, _Encoding(encoding, encoding), tables, flags)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Infer(Record):
    """INFER request; 32 bytes."""

    SIZE = 32
    BASE_SIZE = 32
    STRUCT = Struct("<QLLLHBBBBBB4x")
    DTYPE = np.dtype([
        ("key", "<u8"), ("upload", "<u4"), ("digest", "<u4"), ("ttl_us", "<u4"), ("network", "<u2"), ("slot", "u1"),
        ("priority", "u1"), ("flags", "u1"), ("returns", "u1"), ("head", "u1"), ("record", "u1"), ("reserved", "<u4"),
    ])

    key: int = 0
    """idempotency key, a random number: an inference with the same key does not run again"""
    upload: int = 0
    """id of the upload that must be in the slot; not 0"""
    digest: int = 0
    """Commit.crc of that upload"""
    ttl_us: int = 0
    """time to live in microseconds from now; 0 = unlimited"""
    network: int = 0
    """index of the network"""
    slot: int = 0
    """input slot"""
    priority: int = 0
    """larger runs first; if equal: the network that ran longest ago, then in order"""
    flags: int = 0
    """InferFlag bits"""
    returns: int = 0
    """number of Return records that follow; 0 = all outputs, raw"""
    head: int = 32
    """bytes of this struct: the records start after them"""
    record: int = 24
    """bytes of one Return"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(
            self.key, self.upload, self.digest, self.ttl_us, self.network, self.slot, self.priority, self.flags,
            self.returns, self.head, self.record,
        )

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Return(Record):
    """INFER request (repeated); 24 bytes."""

    SIZE = 24
    BASE_SIZE = 24
    STRUCT = Struct("<HBBLLLHHH2x")
    DTYPE = np.dtype([
        ("output", "<u2"), ("source", "u1"), ("reduction", "u1"), ("offset", "<u4"), ("length", "<u4"),
        ("threshold", "<u4"), ("channels", "<u2"), ("channel", "<u2"), ("k", "<u2"), ("reserved", "<u2"),
    ])

    output: int = 0
    """index of the output"""
    source: Source | int = Source.OUTPUT
    """Source"""
    reduction: Reduction | int = Reduction.RAW
    """Reduction"""
    offset: int = 0
    """RAW: first byte; TOPK: first element of the row"""
    length: int = 0
    """RAW: bytes; TOPK: elements of the row; DETECTIONS*: number of score channels; 0 = to the end"""
    threshold: int = 0
    """THRESHOLD*, DETECTIONS*, CLASS_MAP* of one channel: int32 raw value, or float32 bits for a float tensor"""
    channels: int = 0
    """size of the axis of the channels, or a divisor of it (section 7); TOPK: 0"""
    channel: int = 0
    """THRESHOLD*: index of the score channel; DETECTIONS*: index of the first one"""
    k: int = 0
    """TOPK: 1..MAX_TOPK; THRESHOLD*, DETECTIONS*: maximum number of returned rows"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(
            self.output, self.source, self.reduction, self.offset, self.length, self.threshold, self.channels,
            self.channel, self.k,
        )

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        (output, source, reduction, offset, length, threshold, channels, channel, k) = cls._values(buffer, offset)
        return cls(
            output, _Source(source, source), _Reduction(reduction, reduction), offset, length, threshold, channels,
            channel, k,
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InferReply(Record):
    """INFER reply; 4 bytes."""

    SIZE = 4
    BASE_SIZE = 4
    STRUCT = Struct("<BB2x")
    DTYPE = np.dtype([("state", "u1"), ("depth", "u1"), ("reserved", "<u2")])

    state: InferState | int = InferState.WAITING
    """InferState"""
    depth: int = 0
    """inferences that wait, are queued or run, including this one"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.state, self.depth)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        (state, depth) = cls._values(buffer, offset)
        return cls(_InferState(state, state), depth)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Result(Record):
    """RESULT reply; 56 bytes."""

    SIZE = 56
    BASE_SIZE = 56
    STRUCT = Struct("<QQQQLLHBBHHLHB1x")
    DTYPE = np.dtype([
        ("t_queued", "<u8"), ("t_committed", "<u8"), ("t_start", "<u8"), ("t_end", "<u8"), ("length", "<u4"),
        ("crc", "<u4"), ("network", "<u2"), ("outputs", "u1"), ("timer_shift", "u1"), ("blocks", "<u2"),
        ("head", "<u2"), ("timers_offset", "<u4"), ("record", "<u2"), ("timer_record", "u1"), ("reserved", "u1"),
    ])

    t_queued: int = 0
    """device time at which the INFER arrived"""
    t_committed: int = 0
    """device time at which its input was complete"""
    t_start: int = 0
    """device time at which the network started"""
    t_end: int = 0
    """device time at which it ended"""
    length: int = 0
    """bytes of DATA that follow"""
    crc: int = 0
    """zlib.crc32 of these bytes"""
    network: int = 0
    """index of the network"""
    outputs: int = 0
    """number of ResultRecords that follow"""
    timer_shift: int = 0
    """a timer value v means v << timer_shift ticks of the device clock"""
    blocks: int = 0
    """number of EpochTime records at timers_offset; 0 = none"""
    head: int = 56
    """bytes of this struct: the records start after them"""
    timers_offset: int = 0
    """offset of the EpochTime records in the DATA"""
    record: int = 16
    """bytes of one ResultRecord"""
    timer_record: int = 0
    """bytes of one EpochTime"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(
            self.t_queued, self.t_committed, self.t_start, self.t_end, self.length, self.crc, self.network,
            self.outputs, self.timer_shift, self.blocks, self.head, self.timers_offset, self.record, self.timer_record,
        )

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ResultRecord(Record):
    """RESULT reply (repeated); 16 bytes."""

    SIZE = 16
    BASE_SIZE = 16
    STRUCT = Struct("<HBBLLL")
    DTYPE = np.dtype([
        ("output", "<u2"), ("source", "u1"), ("reduction", "u1"), ("offset", "<u4"), ("length", "<u4"),
        ("count", "<u4"),
    ])

    output: int = 0
    """index of the output"""
    source: Source | int = Source.OUTPUT
    """Source"""
    reduction: Reduction | int = Reduction.RAW
    """Reduction"""
    offset: int = 0
    """its offset in the DATA"""
    length: int = 0
    """its bytes"""
    count: int = 0
    """records of a reduction, or rows that passed the threshold: may be more than the returned rows"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.output, self.source, self.reduction, self.offset, self.length, self.count)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        (output, source, reduction, offset, length, count) = cls._values(buffer, offset)
        return cls(output, _Source(source, source), _Reduction(reduction, reduction), offset, length, count)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EpochTime(Record):
    """Part of other messages; 16 bytes."""

    SIZE = 16
    BASE_SIZE = 16
    STRUCT = Struct("<LLLL")
    DTYPE = np.dtype([("start", "<u4"), ("pre", "<u4"), ("core", "<u4"), ("post", "<u4")])

    start: int = 0
    """ticks >> timer_shift from Result.t_start to the start of the block"""
    pre: int = 0
    """preparation on the CPU, ticks >> timer_shift"""
    core: int = 0
    """from the start of the block's work to its end"""
    post: int = 0
    """completion on the CPU; the work of a SW block is here or in core, depending on the runtime"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.start, self.pre, self.core, self.post)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Peak(Record):
    """Part of other messages; 8 bytes."""

    SIZE = 8
    BASE_SIZE = 8
    STRUCT = Struct("<Ll")
    DTYPE = np.dtype([("index", "<u4"), ("value", "<i4")])

    index: int = 0
    """flat index in the channel (ARGMAX) or in the row (TOPK)"""
    value: int = 0
    """raw value; for a float tensor the bits of the float32"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.index, self.value)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Selected(Record):
    """Part of other messages; 4 bytes."""

    SIZE = 4
    BASE_SIZE = 4
    STRUCT = Struct("<L")
    DTYPE = np.dtype([("index", "<u4")])

    index: int = 0
    """row; its channels values of the tensor's type follow, padded to a multiple of four bytes"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.index)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Detected(Record):
    """Part of other messages; 8 bytes."""

    SIZE = 8
    BASE_SIZE = 8
    STRUCT = Struct("<LH2x")
    DTYPE = np.dtype([("index", "<u4"), ("best", "<u2"), ("reserved", "<u2")])

    index: int = 0
    """row; its values of the tensor's type follow, of all scores only the best, padded to a multiple of four bytes"""
    best: int = 0
    """number of the best score, from 0; the lowest of equal ones"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.index, self.best)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LabelRun(Record):
    """Part of other messages; 2 bytes."""

    SIZE = 2
    BASE_SIZE = 2
    STRUCT = Struct("<BB")
    DTYPE = np.dtype([("label", "u1"), ("more", "u1")])

    label: int = 0
    """class"""
    more: int = 0
    """number of further positions with this class, directly after the first"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.label, self.more)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Cancel(Record):
    """CANCEL request; 4 bytes."""

    SIZE = 4
    BASE_SIZE = 4
    STRUCT = Struct("<L")
    DTYPE = np.dtype([("target", "<u4")])

    target: int = 0
    """id of the INFER"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.target)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CancelReply(Record):
    """CANCEL reply; 4 bytes."""

    SIZE = 4
    BASE_SIZE = 4
    STRUCT = Struct("<L")
    DTYPE = np.dtype([("found", "<u4")])

    found: int = 0
    """1 if the inference waited, was queued or ran, or its result was held; 0 if the id is unknown"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.found)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Release(Record):
    """RELEASE request; 4 bytes."""

    SIZE = 4
    BASE_SIZE = 4
    STRUCT = Struct("<L")
    DTYPE = np.dtype([("target", "<u4")])

    target: int = 0
    """id of the INFER"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.target)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Nak(Record):
    """NAK request, NAK event; 8 bytes."""

    SIZE = 8
    BASE_SIZE = 8
    STRUCT = Struct("<LL")
    DTYPE = np.dtype([("offset", "<u4"), ("length", "<u4")])

    offset: int = 0
    """first missing byte of the transfer with the frame's id; a multiple of the chunk size"""
    length: int = 0
    """missing bytes, 0 = to the end"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.offset, self.length)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Log(Record):
    """LOG event; 16 bytes."""

    SIZE = 16
    BASE_SIZE = 16
    STRUCT = Struct("<QB1xHL")
    DTYPE = np.dtype([("time", "<u8"), ("level", "u1"), ("reserved", "u1"), ("head", "<u2"), ("dropped", "<u4")])

    time: int = 0
    """device time"""
    level: LogLevel | int = 0
    """LogLevel"""
    head: int = 16
    """bytes of this struct: the text starts after them"""
    dropped: int = 0
    """log lines that were dropped before this one, since start-up"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.time, self.level, self.head, self.dropped)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        (time, level, head, dropped) = cls._values(buffer, offset)
        return cls(time, _LogLevel(level, level), head, dropped)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ErrorReply(Record):
    """ERROR reply; 8 bytes."""

    SIZE = 8
    BASE_SIZE = 8
    STRUCT = Struct("<BBHL")
    DTYPE = np.dtype([("status", "u1"), ("type", "u1"), ("field", "<u2"), ("value", "<u4")])

    status: Status | int = Status.OK
    """Status"""
    type: MessageType | int = 0
    """type of the request"""
    field: int = 0
    """offset of the refused field in the request's payload; Limit.NO_FIELD = none"""
    value: int = 0
    """its value, or a number that depends on the status"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.status, self.type, self.field, self.value)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        (status, type, field, value) = cls._values(buffer, offset)
        return cls(_Status(status, status), _MessageType(type, type), field, value)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Subscribe(Record):
    """SUBSCRIBE request; 4 bytes."""

    SIZE = 4
    BASE_SIZE = 4
    STRUCT = Struct("<L")
    DTYPE = np.dtype([("interval_ms", "<u4")])

    interval_ms: int = 0
    """time between two STATS events; 0 = none"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.interval_ms)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StatsRequest(Record):
    """STATS request; 4 bytes."""

    SIZE = 4
    BASE_SIZE = 4
    STRUCT = Struct("<H2x")
    DTYPE = np.dtype([("first", "<u2"), ("reserved", "<u2")])

    first: int = 0
    """index of the first requested network"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.first)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StatsReply(Record):
    """STATS reply, STATS event; 112 bytes."""

    SIZE = 112
    BASE_SIZE = 112
    STRUCT = Struct("<QQQQLLLLLLLLLLLLLHhLLLHHHHH2x")
    DTYPE = np.dtype([
        ("time", "<u8"), ("since", "<u8"), ("rx_bytes", "<u8"), ("tx_bytes", "<u8"), ("rx_frames", "<u4"),
        ("tx_frames", "<u4"), ("header_errors", "<u4"), ("payload_errors", "<u4"), ("skipped", "<u4"),
        ("resyncs", "<u4"), ("naks_sent", "<u4"), ("naks_received", "<u4"), ("retransmits", "<u4"),
        ("duplicates", "<u4"), ("credits_used", "<u4"), ("free_bytes", "<u4"), ("log_dropped", "<u4"), ("queue", "<u2"),
        ("temperature_dc", "<i2"), ("cpu_hz", "<u4"), ("npu_hz", "<u4"), ("refused", "<u4"), ("head", "<u2"),
        ("record", "<u2"), ("first", "<u2"), ("count", "<u2"), ("total", "<u2"), ("reserved", "<u2"),
    ])

    time: int = 0
    """device time"""
    since: int = 0
    """device time of the last RESET_STATS"""
    rx_bytes: int = 0
    """bytes received"""
    tx_bytes: int = 0
    """bytes sent"""
    rx_frames: int = 0
    """good frames received"""
    tx_frames: int = 0
    """frames sent"""
    header_errors: int = 0
    """headers that failed their CRC-16"""
    payload_errors: int = 0
    """payloads that failed their CRC-32"""
    skipped: int = 0
    """bytes skipped during the search for a frame"""
    resyncs: int = 0
    """number of searches for a frame"""
    naks_sent: int = 0
    """NAK frames sent"""
    naks_received: int = 0
    """NAK frames received"""
    retransmits: int = 0
    """chunks sent again"""
    duplicates: int = 0
    """chunks received again"""
    credits_used: int = 0
    """DATA bytes that were sent and that the host has not yet granted again"""
    free_bytes: int = 0
    """bytes of input slots and result buffers that are not in use"""
    log_dropped: int = 0
    """log lines dropped"""
    queue: int = 0
    """inferences that wait, are queued or run"""
    temperature_dc: int = 0
    """as in InfoReply"""
    cpu_hz: int = 0
    """CPU clock"""
    npu_hz: int = 0
    """NPU clock"""
    refused: int = 0
    """dropped DATA frames: after the grant, for a slot in use, or impossible"""
    head: int = 112
    """bytes of this struct: the records start after them"""
    record: int = 64
    """bytes of one NetworkStats"""
    first: int = 0
    """index of the first record of this page"""
    count: int = 0
    """records of this page"""
    total: int = 0
    """number of networks"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(
            self.time, self.since, self.rx_bytes, self.tx_bytes, self.rx_frames, self.tx_frames, self.header_errors,
            self.payload_errors, self.skipped, self.resyncs, self.naks_sent, self.naks_received, self.retransmits,
            self.duplicates, self.credits_used, self.free_bytes, self.log_dropped, self.queue, self.temperature_dc,
            self.cpu_hz, self.npu_hz, self.refused, self.head, self.record, self.first, self.count, self.total,
        )

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NetworkStats(Record):
    """STATS reply (repeated), STATS event (repeated); 64 bytes."""

    SIZE = 64
    BASE_SIZE = 64
    STRUCT = Struct("<QQQQQLLLLHH4x")
    DTYPE = np.dtype([
        ("sum", "<u8"), ("last", "<u8"), ("min", "<u8"), ("max", "<u8"), ("wait_sum", "<u8"), ("runs", "<u4"),
        ("errors", "<u4"), ("cancelled", "<u4"), ("late", "<u4"), ("queued", "<u2"), ("index", "<u2"),
        ("reserved", "<u4"),
    ])

    sum: int = 0
    """ticks of all successful runs"""
    last: int = 0
    """ticks of the last successful run"""
    min: int = 0
    """ticks of the shortest"""
    max: int = 0
    """ticks of the longest"""
    wait_sum: int = 0
    """ticks that the runs waited in the queue"""
    runs: int = 0
    """successful inferences"""
    errors: int = 0
    """inferences that ended with NPU_FAULT or TOO_LARGE"""
    cancelled: int = 0
    """cancelled inferences"""
    late: int = 0
    """inferences that were dropped or stopped by their deadline"""
    queued: int = 0
    """inferences that wait, are queued or run"""
    index: int = 0
    """index of the network"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(
            self.sum, self.last, self.min, self.max, self.wait_sum, self.runs, self.errors, self.cancelled, self.late,
            self.queued, self.index,
        )

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EpochStats(Record):
    """EPOCH_STATS request; 4 bytes."""

    SIZE = 4
    BASE_SIZE = 4
    STRUCT = Struct("<HH")
    DTYPE = np.dtype([("network", "<u2"), ("first", "<u2")])

    network: int = 0
    """index of the network"""
    first: int = 0
    """first requested block"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.network, self.first)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EpochStatsReply(Record):
    """EPOCH_STATS reply; 16 bytes."""

    SIZE = 16
    BASE_SIZE = 16
    STRUCT = Struct("<HHHHLHH")
    DTYPE = np.dtype([
        ("network", "<u2"), ("first", "<u2"), ("count", "<u2"), ("total", "<u2"), ("runs", "<u4"), ("head", "<u2"),
        ("record", "<u2"),
    ])

    network: int = 0
    """index of the network"""
    first: int = 0
    """first block of this page"""
    count: int = 0
    """BlockStats records of this page"""
    total: int = 0
    """blocks of the network"""
    runs: int = 0
    """number of inferences in the sums"""
    head: int = 16
    """bytes of this struct: the records start after them"""
    record: int = 32
    """bytes of one BlockStats"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.network, self.first, self.count, self.total, self.runs, self.head, self.record)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BlockStats(Record):
    """EPOCH_STATS reply (repeated); 32 bytes."""

    SIZE = 32
    BASE_SIZE = 32
    STRUCT = Struct("<QQQLL")
    DTYPE = np.dtype([("pre", "<u8"), ("core", "<u8"), ("post", "<u8"), ("min", "<u4"), ("max", "<u4")])

    pre: int = 0
    """sum of ticks"""
    core: int = 0
    """sum of ticks"""
    post: int = 0
    """sum of ticks"""
    min: int = 0
    """ticks of the fastest run of the whole block, at most 2^32 - 1"""
    max: int = 0
    """ticks of the slowest run of the whole block, at most 2^32 - 1"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.pre, self.core, self.post, self.min, self.max)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Rate(Record):
    """RATE request; 8 bytes."""

    SIZE = 8
    BASE_SIZE = 8
    STRUCT = Struct("<L4x")
    DTYPE = np.dtype([("baud", "<u4"), ("reserved", "<u4")])

    baud: int = 0
    """bit rate that the host requests"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.baud)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RateReply(Record):
    """RATE reply; 8 bytes."""

    SIZE = 8
    BASE_SIZE = 8
    STRUCT = Struct("<LL")
    DTYPE = np.dtype([("baud", "<u4"), ("switch_ms", "<u4")])

    baud: int = 0
    """that of the Rate: the device sets it after this frame"""
    switch_ms: int = 0
    """maximum milliseconds from the end of this frame until the device has the new rate"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.baud, self.switch_ms)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Check(Record):
    """CHECK request; 4 bytes."""

    SIZE = 4
    BASE_SIZE = 4
    STRUCT = Struct("<H2x")
    DTYPE = np.dtype([("network", "<u2"), ("reserved", "<u2")])

    network: int = 0
    """index of the network"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.network)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CheckReply(Record):
    """CHECK reply; 16 bytes."""

    SIZE = 16
    BASE_SIZE = 16
    STRUCT = Struct("<QLB3x")
    DTYPE = np.dtype([("ticks", "<u8"), ("digest", "<u4"), ("state", "u1"), ("reserved", "u1", (3,))])

    ticks: int = 0
    """time of the run with the stored input"""
    digest: int = 0
    """zlib.crc32 of all raw outputs, in order"""
    state: CheckState | int = CheckState.SAME
    """CheckState"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.ticks, self.digest, self.state)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        (ticks, digest, state) = cls._values(buffer, offset)
        return cls(ticks, digest, _CheckState(state, state))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Lease(Record):
    """LEASE request; 8 bytes."""

    SIZE = 8
    BASE_SIZE = 8
    STRUCT = Struct("<HB1xL")
    DTYPE = np.dtype([("network", "<u2"), ("action", "u1"), ("reserved", "u1"), ("duration_ms", "<u4")])

    network: int = 0
    """index of the network"""
    action: LeaseAction | int = LeaseAction.QUERY
    """LeaseAction"""
    duration_ms: int = 0
    """duration of the lease"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.network, self.action, self.duration_ms)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        (network, action, duration_ms) = cls._values(buffer, offset)
        return cls(network, _LeaseAction(action, action), duration_ms)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LeaseReply(Record):
    """LEASE reply; 8 bytes."""

    SIZE = 8
    BASE_SIZE = 8
    STRUCT = Struct("<LB1xH")
    DTYPE = np.dtype([("remaining_ms", "<u4"), ("own", "u1"), ("reserved", "u1"), ("head", "<u2")])

    remaining_ms: int = 0
    """time to the end of the lease; 0 = not leased"""
    own: int = 0
    """1 if the requesting client has the lease"""
    head: int = 8
    """bytes of this struct: the name of the client with the lease, UTF-8, follows"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.remaining_ms, self.own, self.head)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Clients(Record):
    """CLIENTS request; 4 bytes."""

    SIZE = 4
    BASE_SIZE = 4
    STRUCT = Struct("<H2x")
    DTYPE = np.dtype([("first", "<u2"), ("reserved", "<u2")])

    first: int = 0
    """index of the first requested client"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.first)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ClientsReply(Record):
    """CLIENTS reply; 12 bytes."""

    SIZE = 12
    BASE_SIZE = 12
    STRUCT = Struct("<HHHHH2x")
    DTYPE = np.dtype([
        ("head", "<u2"), ("record", "<u2"), ("first", "<u2"), ("count", "<u2"), ("total", "<u2"), ("reserved", "<u2"),
    ])

    head: int = 12
    """bytes of this struct: the records start after them"""
    record: int = 80
    """bytes of one record"""
    first: int = 0
    """index of the first record of this page"""
    count: int = 0
    """records of this page"""
    total: int = 0
    """number of clients"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(self.head, self.record, self.first, self.count, self.total)

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        return cls(*cls._values(buffer, offset))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ClientRecord(Record):
    """CLIENTS reply (repeated); 80 bytes."""

    SIZE = 80
    BASE_SIZE = 64
    STRUCT = Struct("<QQ32sLLHHB3xQLL")
    DTYPE = np.dtype([
        ("rx_bytes", "<u8"), ("tx_bytes", "<u8"), ("name", "S32"), ("id", "<u4"), ("runs", "<u4"), ("queued", "<u2"),
        ("leases", "<u2"), ("role", "u1"), ("reserved", "u1", (3,)), ("wait_us", "<u8"), ("waits", "<u4"),
        ("longest_us", "<u4"),
    ])

    rx_bytes: int = 0
    """bytes received from it"""
    tx_bytes: int = 0
    """bytes sent to it"""
    name: str = ""
    """name from its HELLO, UTF-8, zero padded"""
    id: int = 0
    """number of the client, new for each connection"""
    runs: int = 0
    """its successful inferences"""
    queued: int = 0
    """its inferences that wait, are queued or run"""
    leases: int = 0
    """number of networks that it has leased"""
    role: Role | int = Role.CONTROL
    """Role"""
    wait_us: int = 0
    """microseconds, by the server's clock, that its inferences have waited in the server, in sum"""
    waits: int = 0
    """number of these inferences, also of those that were given up"""
    longest_us: int = 0
    """microseconds of the longest of these waits"""

    def pack(self) -> bytes:
        return self.STRUCT.pack(
            self.rx_bytes, self.tx_bytes, padded(self.name, 32), self.id, self.runs, self.queued, self.leases,
            self.role, self.wait_us, self.waits, self.longest_us,
        )

    @classmethod
    def unpack(cls, buffer: Buffer, offset: int = 0) -> Self:
        (
            rx_bytes, tx_bytes, name, id, runs, queued, leases, role, wait_us, waits, longest_us,
        ) = cls._values(buffer, offset)
        return cls(
            rx_bytes, tx_bytes, text(name), id, runs, queued, leases, _Role(role, role), wait_us, waits, longest_us,
        )
