"""The n6link wire protocol: the single source of truth.

Every message, enum, flag and limit of the protocol is defined here, once, in construct, with its
documentation. From this module are derived

* ``firmware/core/wire/n6_protocol.h`` and the tables of ``protocol.md`` (by :mod:`n6link.codegen`),
* the fast codecs (:class:`Codec`, ``struct`` and numpy dtypes) that the host uses for every frame,
* :data:`SCHEMA_ID`, which both ends exchange in HELLO, so that a host and a firmware that were built from
  different definitions refuse each other with a sentence instead of misreading each other.

Rules that keep the definitions portable (``tests/test_protocol.py`` asserts them): little-endian, naturally
aligned, nothing packed, every size a multiple of four and of the widest field; only integers, floats, enums, fixed byte strings and fixed
arrays. A message is one fixed struct, optionally followed by a *tail*: records of one fixed struct, UTF-8 text, or
optional :data:`Field` records. There is no conditional field anywhere.

A frame on the wire
-------------------
::

    FrameHeader (12 bytes, closed by its CRC-16)  payload (length bytes)  CRC-32 of the payload (absent if length is 0)

``magic`` is the ASCII pair ``n6``. The CRC-16 is ``binascii.crc_hqx(header[:10], 0xFFFF)`` (CRC-16/CCITT-FALSE), the
CRC-32 is ``zlib.crc32(payload)``. The payload of a DATA frame starts with :data:`DataHeader`, which is closed by a
CRC-16 of its own, so that a receiver may trust the offset before the payload has arrived and put the bytes straight
into their place.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import SimpleNamespace
from typing import Any, Final, Self

import construct as cs
import numpy as np

VERSION_MAJOR: Final = 1
VERSION_MINOR: Final = 0
VERSION: Final = f"{VERSION_MAJOR}.{VERSION_MINOR}"
"""A different major is refused. A minor adds messages or optional fields that older peers skip."""


class Coded(IntEnum):
    """An enum whose members carry their documentation: ``NAME = value, "doc"``."""

    doc: str

    def __new__(cls, value: int, doc: str = "") -> Self:
        """Makes a member; looking one up needs no doc."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.doc = doc
        return member


# ---------------------------------------------------------------------------------------------- limits


class Limit(Coded):
    """Numbers that both ends hold to. What a device may choose itself, it announces in HelloReply."""

    MAGIC = 0x366E, "first two bytes of every frame: 'n', '6'"
    HEADER_SIZE = 12, "bytes of a FrameHeader, and of a DataHeader"
    CRC_SIZE = 4, "bytes of the CRC-32 that follows a payload"
    MAX_CHUNK = 8192, "largest chunk of tensor bytes in one DATA frame; CRC-32 detects any 3 flipped bits up to 11 KB"
    MIN_CHUNK = 256, "smallest chunk size a device may announce"
    MAX_CONTROL = 1024, "largest payload of any frame that is not DATA"
    MAX_RETURNS = 16, "most Return records of one INFER"
    MAX_TOPK = 64, "largest k of the TOPK reduction"
    MAX_DIMS = 6, "most dimensions of a tensor"
    NO_TEMPERATURE = -32768, "value of temperature_dc when the port has no sensor"


class Feature(Coded):
    """Bits of ``features`` in Hello and HelloReply."""

    TIMERS = 1, "epoch timers can be returned with a result"
    REDUCE = 2, "the core computes reductions of outputs"
    CANCEL = 4, "a running inference can be cancelled at an epoch block"
    EVENTS = 8, "statistics can be pushed (SUBSCRIBE)"
    SIMULATED = 16, "no NPU behind the link: times are those of a simulator and say nothing about a board"
    ZERO_COPY = 32, "input slots are the network's own input buffers"
    CONSUMES_INPUT = 64, "an inference may overwrite its input slot: upload again for every run"


# ---------------------------------------------------------------------------------------------- enums


class MessageType(Coded):
    """``type`` of a frame. A reply has the type of its request and the REPLY flag, or is an ERROR."""

    HELLO = 0x01, "opens a session; everything of an older session is dropped, cached results stay"
    PING = 0x02, "round trip with the device's time"
    INFO = 0x03, "board, clocks, memory, firmware"
    LIST = 0x04, "the loaded networks"
    DESCRIBE = 0x05, "one page of one section of a network's description"
    LOG_LEVEL = 0x06, "sets the least severe level of LOG events that the device sends"
    RESET = 0x07, "drops all work and results, or restarts the device"
    STATS = 0x08, "counters of the link and of every network; also pushed as an event"
    EPOCH_STATS = 0x09, "accumulated epoch timers of one network"
    RESET_STATS = 0x0A, "zeroes statistics"
    SUBSCRIBE = 0x0B, "asks for STATS events at a fixed rate"
    COMMIT = 0x10, "ends an upload: length and CRC-32 of all its bytes"
    INFER = 0x11, "queues an inference; the reply says that it is queued, a RESULT or an ERROR follows"
    RESULT = 0x12, "what an inference gave; its bytes follow in DATA frames with the same id"
    CANCEL = 0x13, "stops an inference, queued or running, or drops its result"
    READ = 0x14, "asks for a held result again, whole or a byte range"
    RELEASE = 0x15, "the host has the result; its buffer may be used again (it stays cached until it is)"
    DATA = 0x20, "a chunk of a transfer, either direction"
    NAK = 0x21, "asks the sender of a transfer for a range again; one a gap"
    CREDIT = 0x22, "how far the peer may send DATA"
    LOG = 0x30, "a log line of the device"
    ERROR = 0x3F, "the answer to a request that failed"


class Flag(Coded):
    """Bits of ``flags`` in FrameHeader."""

    REPLY = 1, "the frame answers the request with this id"


class Status(Coded):
    """Why a request failed (ErrorReply.status)."""

    OK = 0, "it did not fail"
    BAD_REQUEST = 1, "the payload is too short, or a field is out of its range"
    UNKNOWN_TYPE = 2, "the message type is not known to this firmware"
    NO_SESSION = 3, "HELLO has to come first"
    VERSION = 4, "major version or schema differ"
    UNKNOWN_NETWORK = 5, "no network has this index"
    UNKNOWN_OUTPUT = 6, "the network has no output with this index"
    BAD_SLOT = 7, "no input slot has this index"
    BAD_TENSOR_SIZE = 8, "the committed length is not the size of the network's inputs"
    BAD_DIGEST = 9, "the CRC-32 of the received bytes is not the committed one; send all of it again"
    BUSY = 10, "the slot is in use, or the queue is full; try again later"
    OUT_OF_CREDITS = 11, "more DATA arrived than was granted"
    DEADLINE = 12, "the time to live had passed before the inference started, or while it ran"
    CANCELLED = 13, "stopped by CANCEL, RESET or a new HELLO"
    NPU_FAULT = 14, "the network runtime reported an error; value is its code"
    UNKNOWN_RESULT = 15, "no result with this id is held"
    TOO_LARGE = 16, "the answer does not fit the result buffer"
    UNSUPPORTED = 17, "known, but not possible on this device or for this tensor"
    NO_INPUT = 18, "the slot does not hold this upload any more; send it again"


class DType(Coded):
    """Element types; the numbers are those of LL_ATON 1.1.0. Later ones differ: firmware maps them by name."""

    FLOAT32 = 1, "IEEE 754 single"
    UINT8 = 2, "8-bit unsigned"
    INT8 = 3, "8-bit signed"
    UINT16 = 4, "16-bit unsigned"
    INT16 = 5, "16-bit signed"
    INT32 = 6, "32-bit signed"
    INT64 = 7, "64-bit signed"
    BOOL = 9, "one byte, 0 or 1"
    FLOAT16 = 10, "IEEE 754 half"
    FLOAT64 = 11, "IEEE 754 double"
    UINT32 = 12, "32-bit unsigned"
    UINT64 = 13, "64-bit unsigned"


class EpochKind(Coded):
    """Where an epoch block runs; the numbers are ST's node types."""

    HW = 0, "on the NPU, started by the CPU"
    EXTRA = 1, "inserted by the runtime (data movement, cache maintenance)"
    SW = 2, "on the CPU: a fallback"
    HYBRID = 3, "on both"
    EC = 4, "on the NPU, sequenced by the epoch controller"


class TimerSource(Coded):
    """Where epoch times come from, and so what they mean."""

    NONE = 0, "no timers"
    DWT_CYCLES = 1, "CPU cycles of the Cortex-M55's DWT counter around each phase"
    LITERT_PROFILER = 2, "LiteRT's per-operator profiler on the host: simulated"
    INSTRUCTION_COUNT = 3, "instructions counted by QEMU (-icount): not cycles"
    HOST_CLOCK = 4, "the host's monotonic clock around a kernel: simulated"


class Section(Coded):
    """Parts of a network's description (Describe.section)."""

    INPUTS = 0, "TensorRecord each"
    OUTPUTS = 1, "TensorRecord each"
    POOLS = 2, "PoolRecord each"
    BLOCKS = 3, "BlockRecord each"
    CARD = 4, "bytes of a UTF-8 TOML text: the network's task and its parameters; may be empty"
    INPUT_SCALES = 5, "ScaleRecord each: per-channel quantisation of the inputs, tensor after tensor"
    OUTPUT_SCALES = 6, "ScaleRecord each: per-channel quantisation of the outputs, tensor after tensor"


class Reduction(Coded):
    """What to send back of an output (Return.reduction)."""

    RAW = 0, "bytes [offset, offset + length); length 0 means up to the end"
    ARGMAX = 1, "first maximum of each channel: one Peak a channel; the last axis is the channel"
    TOPK = 2, "the k largest elements of a row: one Peak each; equal values by lower index"
    THRESHOLD = 3, "rows whose score channel is >= threshold, in index order, at most limit of them: Selected each"
    THRESHOLD_COLUMNS = 4, "as THRESHOLD, of a channel-major [channels, rows] tensor"


class InferFlag(Coded):
    """Bits of Infer.flags."""

    TIMERS = 1, "return the epoch timers"
    ABORT_LATE = 2, "also stop a running inference at the next epoch block when its time to live has passed"


class InferState(Coded):
    """InferReply.state."""

    WAITING = 0, "queued; its input slot is not committed yet"
    QUEUED = 1, "queued"
    RUNNING = 2, "running"
    DONE = 3, "done; the result is held and is sent again"


class LogLevel(Coded):
    """Levels of LOG events; the numbers are those of Python's logging module."""

    DEBUG = 10, "every request"
    INFO = 20, "what a user may want to know"
    WARNING = 30, "something was repaired"
    ERROR = 40, "something was lost"
    NONE = 255, "nothing at all"


class ResetKind(Coded):
    """Reset.kind."""

    SESSION = 0, "cancel all work, drop all results"
    DEVICE = 1, "restart the device; it answers before it does"


class ResetCause(Coded):
    """Why the device started last (InfoReply.reset_cause)."""

    UNKNOWN = 0, "the port cannot tell"
    POWER_ON = 1, "power on, or brown-out"
    PIN = 2, "reset pin"
    SOFTWARE = 3, "RESET request, or debugger"
    WATCHDOG = 4, "the watchdog fired"
    FAULT = 5, "a hard fault; HelloReply carries its record as a Field"


class FieldTag(Coded):
    """Tags of the optional fields behind Hello, HelloReply and InfoReply. Unknown tags are skipped."""

    HOST_NAME = 1, "UTF-8: the host software and its version"
    FAULT_RECORD = 2, "UTF-8: registers of the last hard fault, kept over the reset"
    NPU_RUNTIME = 3, "UTF-8: name and version of the network runtime"
    MEMORY = 4, "UTF-8: one 'name used total' line a memory region"


# ---------------------------------------------------------------------------------------------- structs

_u8, _u16, _u32, _u64 = cs.Int8ul, cs.Int16ul, cs.Int32ul, cs.Int64ul
_i16, _i32, _f32 = cs.Int16sl, cs.Int32sl, cs.Float32l


def _enum(base: Any, kind: type[Coded]) -> Any:
    enum = cs.Enum(base, kind)
    enum.n6_enum = kind
    return enum


FrameHeader: Final = cs.Struct(
    "magic" / _u16 * "Limit.MAGIC",
    "type" / _enum(_u8, MessageType) * "MessageType",
    "flags" / _u8 * "Flag bits",
    "id" / _u32 * "request or transfer this frame belongs to; ids of a session increase; 0 is for events",
    "length" / _u16 * "bytes of payload",
    "crc" / _u16 * "CRC-16/CCITT-FALSE of the ten bytes before",
)

DataHeader: Final = cs.Struct(
    "position" / _u32 * "DATA bytes this side has sent in this session before this chunk, modulo 2^32",
    "offset" / _u32 * "where the chunk belongs in the transfer; a multiple of the chunk size",
    "slot" / _u8 * "host to device: input slot; device to host: 0",
    "reserved" / _u8 * "0",
    "crc" / _u16 * "CRC-16/CCITT-FALSE of the ten bytes before",
)

Hello: Final = cs.Struct(
    "major" / _u16 * "protocol version",
    "minor" / _u16 * "protocol version",
    "schema" / _u32 * "SCHEMA_ID of the sender",
    "nonce" / _u64 * "chosen by the host; the reply repeats it, so that answers to an older HELLO are told apart",
    "features" / _u32 * "Feature bits the host understands",
    "window" / _u32 * "DATA bytes the host is ready to receive",
)

HelloReply: Final = cs.Struct(
    "major" / _u16 * "protocol version",
    "minor" / _u16 * "protocol version",
    "schema" / _u32 * "SCHEMA_ID of the sender",
    "nonce" / _u64 * "that of the Hello",
    "boot_nonce" / _u64 * "random number drawn at start-up: another one means that the device was restarted",
    "tick_hz" / _u64 * "rate of the device clock, in which all its times are given",
    "features" / _u32 * "Feature bits of the device",
    "window" / _u32 * "DATA bytes the device is ready to receive",
    "chunk" / _u16 * "chunk size of both directions: every DATA frame but a transfer's last carries exactly this many",
    "requests" / _u16 * "most requests the host may have open at once",
    "networks" / _u16 * "number of networks",
    "slots" / _u8 * "number of input slots",
    "results" / _u8 * "number of result buffers",
    "slot_size" / _u32 * "bytes of an input slot",
    "result_size" / _u32 * "bytes of a result buffer",
    "build" / cs.Bytes(24) * "build id of the firmware, UTF-8, zero padded",
)

Field: Final = cs.Struct(
    "tag" / _enum(_u16, FieldTag) * "FieldTag",
    "length" / _u16 * "bytes of value that follow; the next field starts at the next multiple of four",
)

Ping: Final = cs.Struct(
    "host_time" / _u64 * "any number; the reply repeats it",
    "position" / _u32 * "DATA bytes sent so far in this session: what was lost before it is written off",
    "reserved" / _u32 * "0",
)

PingReply: Final = cs.Struct(
    "host_time" / _u64 * "that of the Ping",
    "device_time" / _u64 * "ticks since start-up",
    "limit" / _u32 * "as in Credit",
    "position" / _u32 * "DATA bytes the device has sent in this session: what was lost before is written off",
)

Credit: Final = cs.Struct(
    "limit" / _u32 * "the peer may send DATA up to this position, modulo 2^32; a later grant replaces it",
)

InfoReply: Final = cs.Struct(
    "board" / cs.Bytes(32) * "board name, UTF-8, zero padded",
    "firmware" / cs.Bytes(24) * "version of the firmware",
    "unique_id" / cs.Bytes(16) * "the chip's unique id, zero padded",
    "uptime" / _u64 * "ticks since start-up",
    "cpu_hz" / _u32 * "CPU clock; 0 = unknown",
    "npu_hz" / _u32 * "NPU clock; 0 = none or unknown",
    "bus_hz" / _u32 * "clock of the interconnect; 0 = unknown",
    "baud" / _u32 * "bit rate of the link; 0 = not a UART",
    "ram_total" / _u32 * "bytes of RAM the firmware manages",
    "ram_free" / _u32 * "of them, free",
    "temperature_dc" / _i16 * "tenths of a degree Celsius, or Limit.NO_TEMPERATURE",
    "reset_cause" / _enum(_u8, ResetCause) * "ResetCause",
    "timer_source" / _enum(_u8, TimerSource) * "TimerSource of the epoch timers",
    "reserved" / _u32 * "0",
)

ListReply: Final = cs.Struct("count" / _u16 * "number of records", "first" / _u16 * "index of the first record")

List: Final = cs.Struct("first" / _u16 * "index of the first network wanted", "reserved" / _u16 * "0")

NetworkRecord: Final = cs.Struct(
    "name" / cs.Bytes(32) * "name, UTF-8, zero padded",
    "digest" / _u32 * "changes whenever the network or its description does",
    "input_bytes" / _u32 * "bytes of an upload: the inputs at their slot offsets",
    "output_bytes" / _u32 * "bytes of all outputs",
    "index" / _u16 * "number by which requests name the network",
    "blocks" / _u16 * "number of epoch blocks",
    "epochs" / _u16 * "number of epochs",
    "card_bytes" / _u16 * "length of the card",
    "inputs" / _u8 * "number of inputs",
    "outputs" / _u8 * "number of outputs",
    "pools" / _u8 * "number of memory pools",
    "timer_source" / _enum(_u8, TimerSource) * "TimerSource of this network's epoch timers",
)

Describe: Final = cs.Struct(
    "network" / _u16 * "index of the network",
    "section" / _enum(_u8, Section) * "Section",
    "reserved" / _u8 * "0",
    "first" / _u32 * "index of the first record (CARD: byte) wanted",
)

DescribeReply: Final = cs.Struct(
    "network" / _u16 * "index of the network",
    "section" / _enum(_u8, Section) * "Section",
    "reserved" / _u8 * "0",
    "first" / _u32 * "index of the first record (CARD: byte) of this page",
    "count" / _u32 * "records (CARD: bytes) of this page",
    "total" / _u32 * "records (CARD: bytes) of the section",
)

TensorRecord: Final = cs.Struct(
    "name" / cs.Bytes(32) * "name, UTF-8, zero padded",
    "dtype" / _enum(_u8, DType) * "DType",
    "ndim" / _u8 * "number of dimensions",
    "scales" / _u16 * "number of per-channel ScaleRecords; 0 = per tensor",
    "shape" / cs.Array(6, _u32) * "dimensions as they lie in memory, outermost first",
    "size" / _u32 * "bytes",
    "offset" / _u32 * "inputs: offset in the upload",
    "scale" / _f32 * "real = (raw - zero_point) * scale; 0 = not quantised",
    "zero_point" / _i32 * "see scale",
    "axis" / _u32 * "axis of the per-channel scales",
)

ScaleRecord: Final = cs.Struct(
    "scale" / _f32 * "scale of one channel",
    "zero_point" / _i32 * "zero point of one channel",
)

PoolRecord: Final = cs.Struct(
    "name" / cs.Bytes(24) * "name of the memory pool",
    "base" / _u32 * "address",
    "total" / _u32 * "bytes",
    "used" / _u32 * "bytes used",
    "weights" / _u32 * "of them, weights",
    "activations" / _u32 * "of them, activations",
    "reserved" / _u32 * "0",
)

BlockRecord: Final = cs.Struct(
    "estimated_npu" / _u64 * "NPU cycles the compiler expects; 0 = unknown",
    "estimated_total" / _u64 * "cycles the compiler expects in all; 0 = unknown",
    "first" / _u16 * "first epoch of the block",
    "last" / _u16 * "last epoch of the block",
    "kind" / _enum(_u8, EpochKind) * "EpochKind",
    "reserved" / cs.Array(3, _u8) * "0",
    "operation" / cs.Bytes(24) * "name of the operation, if known",
)

LogLevelRequest: Final = cs.Struct("level" / _enum(_u8, LogLevel) * "LogLevel", "reserved" / cs.Array(3, _u8) * "0")

Reset: Final = cs.Struct("kind" / _enum(_u8, ResetKind) * "ResetKind", "reserved" / cs.Array(3, _u8) * "0")

Commit: Final = cs.Struct(
    "position" / _u32 * "DATA bytes sent so far in this session",
    "length" / _u32 * "bytes of the upload",
    "crc" / _u32 * "zlib.crc32 of all of them",
    "network" / _u16 * "index of the network",
    "slot" / _u8 * "input slot",
    "reserved" / _u8 * "0",
)

Infer: Final = cs.Struct(
    "key" / _u64 * "idempotency key: the same key never runs twice while its result is held",
    "upload" / _u32 * "id of the upload whose bytes the slot must hold",
    "ttl_us" / _u32 * "time to live in microseconds from now; 0 = unlimited",
    "network" / _u16 * "index of the network",
    "slot" / _u8 * "input slot",
    "priority" / _u8 * "larger runs first; equal ones: the network that ran longest ago, then in order",
    "flags" / _u8 * "InferFlag bits",
    "returns" / _u8 * "number of Return records; 0 = all outputs, raw",
    "reserved" / _u16 * "0",
)

Return: Final = cs.Struct(
    "output" / _u8 * "index of the output",
    "reduction" / _enum(_u8, Reduction) * "Reduction",
    "channels" / _u16 * "ARGMAX, THRESHOLD*: number of channels (ARGMAX: size of the last axis)",
    "offset" / _u32 * "RAW: first byte; TOPK: first element of the row",
    "length" / _u32 * "RAW: bytes, 0 = to the end; TOPK: elements of the row, 0 = to the end",
    "threshold" / _u32 * "THRESHOLD*: int32 raw value, or float32 bits for a float tensor",
    "channel" / _u16 * "THRESHOLD*: index of the score channel",
    "k" / _u16 * "TOPK: 1..MAX_TOPK; THRESHOLD*: most rows returned",
)

InferReply: Final = cs.Struct(
    "state" / _enum(_u8, InferState) * "InferState",
    "depth" / _u8 * "inferences queued or running, this one included",
    "reserved" / _u16 * "0",
)

Result: Final = cs.Struct(
    "t_queued" / _u64 * "device time at which the INFER arrived",
    "t_committed" / _u64 * "device time at which its input was complete",
    "t_start" / _u64 * "device time at which the network started",
    "t_end" / _u64 * "device time at which it ended",
    "length" / _u32 * "bytes of DATA that follow",
    "crc" / _u32 * "zlib.crc32 of all of them",
    "network" / _u16 * "index of the network",
    "outputs" / _u8 * "number of ResultRecords that follow",
    "timer_shift" / _u8 * "a timer value v means v << timer_shift ticks of the device clock",
    "blocks" / _u16 * "number of EpochTime records at timers_offset; 0 = none",
    "reserved" / _u16 * "0",
    "timers_offset" / _u32 * "where in the DATA the EpochTime records are",
    "reserved2" / _u32 * "0",
)

ResultRecord: Final = cs.Struct(
    "output" / _u8 * "index of the output",
    "reduction" / _enum(_u8, Reduction) * "Reduction",
    "reserved" / _u16 * "0",
    "offset" / _u32 * "where in the DATA it is",
    "length" / _u32 * "its bytes",
    "count" / _u32 * "records of a reduction, or rows that passed the threshold: may exceed what is returned",
)

EpochTime: Final = cs.Struct(
    "start" / _u32 * "ticks >> timer_shift from Result.t_start to the begin of the block",
    "pre" / _u32 * "preparation on the CPU, ticks >> timer_shift",
    "core" / _u32 * "from the start of the block's work to its end",
    "post" / _u32 * "completion on the CPU; the work of a SW block is here or in core, as the runtime has it",
)

Peak: Final = cs.Struct(
    "index" / _u32 * "flat index in the channel (ARGMAX) or in the row (TOPK)",
    "value" / _i32 * "raw value; for a float tensor the bits of the float32",
)

Selected: Final = cs.Struct(
    "index" / _u32 * "row; its channels values of the tensor's type follow, padded to a multiple of four bytes",
)

Cancel: Final = cs.Struct("target" / _u32 * "id of the INFER")

CancelReply: Final = cs.Struct(
    "found" / _u32 * "1 if the inference was queued or running, or its result was held; 0 if it was not known",
)

Read: Final = cs.Struct(
    "target" / _u32 * "id of the INFER",
    "offset" / _u32 * "first byte; a multiple of the chunk size",
    "length" / _u32 * "bytes, 0 = to the end",
)

Release: Final = cs.Struct("target" / _u32 * "id of the INFER")

Nak: Final = cs.Struct(
    "offset" / _u32 * "first missing byte of the transfer with the frame's id; a multiple of the chunk size",
    "length" / _u32 * "missing bytes, 0 = to the end",
)

Log: Final = cs.Struct(
    "time" / _u64 * "device time",
    "level" / _enum(_u8, LogLevel) * "LogLevel",
    "reserved" / cs.Array(3, _u8) * "0",
    "dropped" / _u32 * "log lines that were dropped before this one, since start-up",
)

ErrorReply: Final = cs.Struct(
    "status" / _enum(_u8, Status) * "Status",
    "type" / _enum(_u8, MessageType) * "type of the request",
    "reserved" / _u16 * "0",
    "value" / _u32 * "the offending value",
)

Subscribe: Final = cs.Struct("interval_ms" / _u32 * "time between two STATS events; 0 = none")

StatsReply: Final = cs.Struct(
    "time" / _u64 * "device time",
    "since" / _u64 * "device time of the last RESET_STATS",
    "rx_bytes" / _u64 * "bytes received",
    "tx_bytes" / _u64 * "bytes sent",
    "rx_frames" / _u32 * "good frames received",
    "tx_frames" / _u32 * "frames sent",
    "header_errors" / _u32 * "headers that failed their CRC-16",
    "payload_errors" / _u32 * "payloads that failed their CRC-32",
    "skipped" / _u32 * "bytes skipped while searching a frame",
    "resyncs" / _u32 * "times a frame was searched",
    "naks_sent" / _u32 * "NAK frames sent",
    "naks_received" / _u32 * "NAK frames received",
    "retransmits" / _u32 * "chunks sent again",
    "duplicates" / _u32 * "chunks received again",
    "credits_used" / _u32 * "DATA bytes sent and not yet granted again by the host",
    "free_bytes" / _u32 * "bytes of input slots and result buffers that are not in use",
    "log_dropped" / _u32 * "log lines dropped",
    "queue" / _u16 * "inferences queued or running",
    "temperature_dc" / _i16 * "as in InfoReply",
    "cpu_hz" / _u32 * "CPU clock",
    "npu_hz" / _u32 * "NPU clock",
    "networks" / _u16 * "number of NetworkStats records",
    "first" / _u16 * "index of the first record",
    "reserved" / _u32 * "0",
)

NetworkStats: Final = cs.Struct(
    "sum" / _u64 * "ticks of all good runs",
    "last" / _u64 * "ticks of the last good run",
    "min" / _u64 * "ticks of the shortest",
    "max" / _u64 * "ticks of the longest",
    "wait_sum" / _u64 * "ticks that the runs waited in the queue",
    "runs" / _u32 * "inferences that ended well",
    "errors" / _u32 * "that ended in NPU_FAULT or TOO_LARGE",
    "cancelled" / _u32 * "that were cancelled",
    "late" / _u32 * "that were dropped or stopped by their deadline",
    "queued" / _u16 * "in the queue now",
    "index" / _u16 * "index of the network",
    "reserved" / _u32 * "0",
)

EpochStats: Final = cs.Struct(
    "network" / _u16 * "index of the network",
    "first" / _u16 * "first block wanted",
)

EpochStatsReply: Final = cs.Struct(
    "network" / _u16 * "index of the network",
    "first" / _u16 * "first block of this page",
    "count" / _u16 * "BlockStats records of this page",
    "total" / _u16 * "blocks of the network",
    "runs" / _u32 * "inferences summed up",
    "reserved" / _u32 * "0",
)

BlockStats: Final = cs.Struct(
    "pre" / _u64 * "sum of ticks",
    "core" / _u64 * "sum of ticks",
    "post" / _u64 * "sum of ticks",
    "min" / _u32 * "ticks of the fastest pass of the whole block, at most 2^32 - 1",
    "max" / _u32 * "ticks of the slowest pass of the whole block, at most 2^32 - 1",
)

STRUCTS: Final[dict[str, Any]] = {
    name: value for name, value in list(globals().items()) if isinstance(value, cs.Struct) and name[0].isupper()
}
ENUMS: Final[dict[str, type[Coded]]] = {
    name: value
    for name, value in list(globals().items())
    if isinstance(value, type) and issubclass(value, Coded) and value is not Coded
}


# ---------------------------------------------------------------------------------------------- messages


@dataclass(frozen=True, slots=True)
class Body:
    """A payload: a fixed struct (or none), then a tail (``text``, ``fields``, ``bytes`` or records of a struct)."""

    struct: str | None = None
    tail: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What travels under a message type; None = does not exist in this direction."""

    request: Body | None = None
    """host to device"""
    reply: Body | None = None
    """device to host, REPLY flag set"""
    event: Body | None = None
    """device to host, not asked for"""


_NOTHING = Body()
MESSAGES: Final[dict[MessageType, Message]] = {
    MessageType.HELLO: Message(Body("Hello", "fields"), Body("HelloReply", "fields")),
    MessageType.PING: Message(Body("Ping"), Body("PingReply")),
    MessageType.INFO: Message(_NOTHING, Body("InfoReply", "fields")),
    MessageType.LIST: Message(Body("List"), Body("ListReply", "NetworkRecord")),
    MessageType.DESCRIBE: Message(Body("Describe"), Body("DescribeReply", "records of the section")),
    MessageType.LOG_LEVEL: Message(Body("LogLevelRequest"), _NOTHING),
    MessageType.RESET: Message(Body("Reset"), _NOTHING),
    MessageType.STATS: Message(_NOTHING, Body("StatsReply", "NetworkStats"), Body("StatsReply", "NetworkStats")),
    MessageType.EPOCH_STATS: Message(Body("EpochStats"), Body("EpochStatsReply", "BlockStats")),
    MessageType.RESET_STATS: Message(_NOTHING, _NOTHING),
    MessageType.SUBSCRIBE: Message(Body("Subscribe"), _NOTHING),
    MessageType.COMMIT: Message(Body("Commit"), _NOTHING),
    MessageType.INFER: Message(Body("Infer", "Return"), Body("InferReply")),
    MessageType.RESULT: Message(None, Body("Result", "ResultRecord")),
    MessageType.CANCEL: Message(Body("Cancel"), Body("CancelReply")),
    MessageType.READ: Message(Body("Read"), Body("Result", "ResultRecord")),
    MessageType.RELEASE: Message(Body("Release"), _NOTHING),
    MessageType.DATA: Message(Body("DataHeader", "bytes"), None, Body("DataHeader", "bytes")),
    MessageType.NAK: Message(Body("Nak"), None, Body("Nak")),
    MessageType.CREDIT: Message(Body("Credit"), None, Body("Credit")),
    MessageType.LOG: Message(None, None, Body("Log", "text")),
    MessageType.ERROR: Message(None, Body("ErrorReply", "text")),
}


# ---------------------------------------------------------------------------------------------- codecs


@dataclass(frozen=True, slots=True)
class Member:
    """One field of a struct, as the generators and codecs see it."""

    name: str
    format: str
    """``struct`` format of one element, or ``Ns`` for bytes"""
    count: int
    """0 for a scalar, else the length of the array"""
    enum: type[Coded] | None
    doc: str
    offset: int
    size: int


_SCALARS: Final = {"B": 1, "H": 2, "L": 4, "Q": 8, "b": 1, "h": 2, "l": 4, "q": 8, "f": 4}


def members(definition: Any) -> Iterator[Member]:
    """Walks a construct Struct.

    Raises:
        TypeError: a field is not naturally aligned, not little-endian, or of a kind that the rules above forbid.
    """
    offset = 0
    for sub in definition.subcons:
        name, doc, inner, count, enum = sub.name, str(sub.docs), sub, 0, None
        while isinstance(inner, cs.Renamed):
            inner = inner.subcon
        if isinstance(inner, cs.Array):
            count, inner = int(inner.count), inner.subcon
        if isinstance(inner, cs.Enum):
            enum, inner = inner.n6_enum, inner.subcon
        if isinstance(inner, cs.FormatField) and inner.fmtstr[0] == "<" and inner.fmtstr[1] in _SCALARS:
            fmt, align = inner.fmtstr[1], _SCALARS[inner.fmtstr[1]]
            size = align * max(count, 1)
        elif isinstance(inner, cs.Bytes) and isinstance(inner.length, int):
            fmt, align, size = f"{inner.length}s", 1, inner.length
        else:
            raise TypeError(f"{name}: {inner!r} is not allowed in a generated struct")
        if offset % align:
            raise TypeError(f"{name} at offset {offset} is not aligned to {align}")
        yield Member(name, fmt, count, enum, doc, offset, size)
        offset += size


class Codec:
    """``struct`` and numpy codecs of one schema struct, byte-equal to construct's (proven by a test)."""

    __slots__ = ("_enums", "_names", "_struct", "dtype", "members", "name", "size")

    def __init__(self, name: str) -> None:
        self.name = name
        self.members = tuple(members(STRUCTS[name]))
        parts = [f"{m.count or ''}{m.format}" for m in self.members]
        self._struct = struct.Struct("<" + "".join(parts))
        self._names = tuple((m.name, m.count) for m in self.members)
        self._enums = tuple((m.name, m.enum) for m in self.members if m.enum)
        self.size: int = self._struct.size
        numpy_names = {
            "l": "i4",
            "L": "u4",
            "h": "i2",
            "H": "u2",
            "q": "i8",
            "Q": "u8",
            "b": "i1",
            "B": "u1",
            "f": "f4",
        }
        fields: list[Any] = []
        for m in self.members:
            base = f"S{m.size}" if m.format.endswith("s") else "<" + numpy_names[m.format]
            fields.append((m.name, base, (m.count,)) if m.count else (m.name, base))
        self.dtype: np.dtype[np.void] = np.dtype(fields)
        """dtype of an array of these records, for ``numpy.frombuffer``"""

    def pack(self, **values: Any) -> bytes:
        """The bytes of a record. Fields that are not given are zero."""
        flat: list[Any] = []
        for m in self.members:
            value = values.pop(m.name, None)
            if m.count:
                flat.extend(value if value is not None else (0,) * m.count)
            elif value is None:
                flat.append(b"" if m.format.endswith("s") else 0)
            else:
                flat.append(value)
        if values:
            raise TypeError(f"{self.name} has no field {', '.join(values)}")
        return self._struct.pack(*flat)

    def unpack(self, buffer: bytes | bytearray | memoryview, offset: int = 0) -> Any:
        """The record at offset, as a namespace; enum fields hold their enum where the value is known.

        Raises:
            ValueError: the buffer is too short.
        """
        if len(buffer) - offset < self.size:
            raise ValueError(f"{self.name} needs {self.size} bytes, {max(len(buffer) - offset, 0)} are there")
        flat = iter(self._struct.unpack_from(buffer, offset))
        record = SimpleNamespace()
        for name, count in self._names:
            setattr(record, name, tuple(next(flat) for _ in range(count)) if count else next(flat))
        for name, enum in self._enums:
            value = getattr(record, name)
            if value in enum._value2member_map_:
                setattr(record, name, enum(value))
        return record

    def array(self, buffer: bytes | bytearray | memoryview, count: int = -1, offset: int = 0) -> np.ndarray[Any, Any]:
        """Records as a read-only numpy structured array, without a copy."""
        return np.frombuffer(buffer, self.dtype, count, offset)


CODECS: Final[dict[str, Codec]] = {name: Codec(name) for name in STRUCTS}

NUMPY_DTYPES: Final[dict[DType, np.dtype[Any]]] = {
    DType.FLOAT32: np.dtype("<f4"),
    DType.UINT8: np.dtype("u1"),
    DType.INT8: np.dtype("i1"),
    DType.UINT16: np.dtype("<u2"),
    DType.INT16: np.dtype("<i2"),
    DType.INT32: np.dtype("<i4"),
    DType.INT64: np.dtype("<i8"),
    DType.BOOL: np.dtype("?"),
    DType.FLOAT16: np.dtype("<f2"),
    DType.FLOAT64: np.dtype("<f8"),
    DType.UINT32: np.dtype("<u4"),
    DType.UINT64: np.dtype("<u8"),
}


def text(raw: bytes) -> str:
    """The text of a zero-padded field."""
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace")


def pack_fields(fields: Sequence[tuple[FieldTag, str]]) -> bytes:
    """Optional fields, each padded to a multiple of four bytes."""
    out = bytearray()
    for tag, value in fields:
        raw = value.encode()
        out += CODECS["Field"].pack(tag=tag, length=len(raw)) + raw + bytes(-len(raw) % 4)
    return bytes(out)


def unpack_fields(tail: bytes | memoryview) -> dict[FieldTag, str]:
    """The optional fields that are known; unknown tags and a truncated last field are skipped."""
    out: dict[FieldTag, str] = {}
    offset = 0
    while offset + 4 <= len(tail):
        field = CODECS["Field"].unpack(tail, offset)
        value = bytes(tail[offset + 4 : offset + 4 + field.length])
        if len(value) == field.length and isinstance(field.tag, FieldTag):
            out[field.tag] = value.decode("utf-8", "replace")
        offset += 4 + field.length + (-field.length % 4)
    return out


def _schema_id() -> int:
    """First four bytes (big-endian) of the SHA-256 over names, types, offsets, enum values and message bodies."""
    lines = [f"version {VERSION_MAJOR}"]
    for name, kind in ENUMS.items():
        lines += [f"enum {name} {member.name} {member.value}" for member in kind]
    for name, definition in STRUCTS.items():
        lines += [f"struct {name} {m.name} {m.format} {m.count} {m.offset}" for m in members(definition)]
    for message_type, message in MESSAGES.items():
        for role in ("request", "reply", "event"):
            body = getattr(message, role)
            if body:
                lines.append(f"message {message_type.name} {role} {body.struct} {body.tail}")
    return int.from_bytes(hashlib.sha256("\n".join(lines).encode()).digest()[:4], "big")


SCHEMA_ID: Final = _schema_id()
"""Hash of everything that both ends must agree on, without the documentation strings."""
