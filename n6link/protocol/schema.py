"""The n6link protocol: the only definition of its messages.

The messages are defined here in construct, with their documentation; the enums, flags and limits are in
:mod:`n6link.protocol.enums`. :mod:`n6link.protocol.codegen` generates from both

* ``records.py``: a typed record for each struct, and :data:`~n6link.protocol.records.SCHEMA_ID`, which both sides exchange
  in HELLO: a host and a firmware with different definitions report an error instead of reading wrong values,
* ``firmware/core/wire/n6_protocol.h`` and the tables of ``protocol.md``.

Only the generator and the tests import this module.

Rules for portable definitions (``layout.py`` and ``tests/test_protocol.py`` check them): little-endian,
naturally aligned, not packed, every size is a multiple of four and of the widest field; only integers, floats, enums,
fixed byte strings and fixed arrays. A message is one fixed struct, optionally followed by a *tail*: records of one fixed
struct, bytes, UTF-8 text, or optional :data:`Field` records. A struct with a tail contains its own size in ``head``, and the
size of a record of the tail in ``record``, so that both may become longer. There are no conditional fields. A field whose name
starts with ``reserved`` is sent as zero and ignored; the records do not contain it.

A frame on the wire
-------------------
::

    FrameHeader (12 bytes, ends with its CRC-16)  payload (length bytes)  CRC-32 of the payload (absent if length is 0)

``magic`` is the ASCII pair ``n6``. The CRC-16 is ``binascii.crc_hqx(header[:10], 0xFFFF)`` (CRC-16/CCITT-FALSE), the
CRC-32 is ``zlib.crc32(payload)``. The payload of a DATA frame starts with :data:`DataHeader`, which ends with its own
CRC-16. The offset is therefore valid before the payload has arrived, and a receiver can write the bytes directly to
their destination.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import construct as cs

from n6link.protocol import enums
from n6link.protocol.enums import (
    CheckState,
    Coded,
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
"""A different major is refused. A minor only adds: each addition is marked with its minor (``Since``,
``Message.since``, the third value of an enum member), and the session uses the smaller minor of both sides."""


# ---------------------------------------------------------------------------------------------- structs

_u8, _u16, _u32, _u64 = cs.Int8ul, cs.Int16ul, cs.Int32ul, cs.Int64ul
_i16, _i32, _f32 = cs.Int16sl, cs.Int32sl, cs.Float32l


class Coding(cs.Enum):
    """A number that is a member of an enum."""

    def __init__(self, base: cs.FormatField, kind: type[Coded]) -> None:
        super().__init__(base, kind)
        self.kind = kind


class Text(cs.Bytes):
    """UTF-8, zero padded."""


class Since(cs.Subconstruct):
    """A field that a later minor has added at the end of its struct."""

    def __init__(self, minor: int, subcon: cs.FormatField) -> None:
        super().__init__(subcon)
        self.minor = minor


FrameHeader: Final = cs.Struct(
    "magic" / _u16 * "Limit.MAGIC",
    "type" / Coding(_u8, MessageType) * "MessageType",
    "flags" / _u8 * "Flag bits",
    "id" / _u32 * "id of the request or transfer; ids of a session increase; 0 is for events",
    "length" / _u16 * "bytes of payload",
    "crc" / _u16 * "CRC-16/CCITT-FALSE of the ten bytes before",
)

DataHeader: Final = cs.Struct(
    "position" / _u32 * "DATA bytes this side has sent in this session before this chunk, modulo 2^32",
    "offset" / _u32 * "offset of the chunk in the transfer; a multiple of the chunk size",
    "slot" / _u8 * "host to device: input slot; device to host: 0",
    "reserved" / _u8 * "0",
    "crc" / _u16 * "CRC-16/CCITT-FALSE of the ten bytes before",
)

Hello: Final = cs.Struct(
    "major" / _u16 * "protocol version",
    "minor" / _u16 * "protocol version",
    "schema" / _u32 * "SCHEMA_ID of the sender",
    "nonce" / _u64 * "chosen by the host, new for each HELLO; the reply repeats it",
    "head" / _u16 * "bytes of this struct: the fields start after them",
    "max_chunk" / _u16 * "largest chunk that the host can receive or send",
    "window" / _u32 * "DATA bytes that the host can receive; Limit.MIN_CHUNK to Limit.MAX_WINDOW",
    "features" / _u32 * "Feature bits that the host supports",
    "flags" / _u8 * "HelloFlag bits",
    "role" / Coding(_u8, Role) * "Role",
    "reserved" / _u16 * "0",
    "resume" / _u64 * "HelloFlag.RESUME: nonce of the last HELLO that opened or resumed the session; else 0",
)

HelloReply: Final = cs.Struct(
    "major" / _u16 * "protocol version",
    "minor" / _u16 * "protocol version; the session uses the smaller minor of both sides",
    "schema" / _u32 * "SCHEMA_ID of the sender",
    "nonce" / _u64 * "that of the Hello",
    "head" / _u16 * "bytes of this struct: the fields start after them",
    "chunk"
    / _u16
    * "chunk size of both directions: every DATA frame except a transfer's last has exactly this number of bytes",
    "window" / _u32 * "DATA bytes that the device can receive",
    "features" / _u32 * "Feature bits of the device",
    "flags" / _u8 * "HelloReplyFlag bits",
    "slots" / _u8 * "number of input slots",
    "results" / _u8 * "number of result buffers",
    "queue" / _u8 * "maximum number of inferences that wait, are queued or run",
    "boot_nonce" / _u64 * "random number created at start-up: another value means that the device was restarted",
    "tick_hz" / _u64 * "rate of the device clock, the unit of all its times",
    "requests" / _u16 * "maximum number of open requests of the host",
    "networks" / _u16 * "number of networks",
    "slot_size" / _u32 * "bytes of an input slot",
    "result_size" / _u32 * "bytes of a result buffer",
    "quiet_ms" / _u16 * "milliseconds without a byte after which the device aborts an unfinished frame",
    "parts_kb" / _u16 * "largest upload that consists of parts, in units of 1024 bytes; 0 = without Feature ENCODINGS",
    "unique_id" / cs.Bytes(16) * "the chip's unique id, zero padded; all zero = unknown",
    "build" / Text(24) * "build id of the firmware, UTF-8, zero padded",
)

Field: Final = cs.Struct(
    "tag" / Coding(_u16, FieldTag) * "FieldTag",
    "length" / _u16 * "bytes of value that follow; the next field starts at the next multiple of four",
)

Ping: Final = cs.Struct(
    "host_time" / _u64 * "any number; the reply repeats it",
    "position" / _u32 * "DATA bytes sent so far in this session: missing bytes before it are lost",
    "head" / _u16 * "bytes of this struct: any bytes may follow, and the reply repeats them",
    "reserved" / _u16 * "0",
)

PingReply: Final = cs.Struct(
    "host_time" / _u64 * "that of the Ping",
    "device_time" / _u64 * "ticks since start-up",
    "limit" / _u32 * "as in Credit",
    "position" / _u32 * "DATA bytes that the device has sent in this session: missing bytes before it are lost",
    "head" / _u16 * "bytes of this struct: the bytes after the Ping follow it",
    "reserved" / cs.Array(3, _u16) * "0",
)

Credit: Final = cs.Struct(
    "limit" / _u32 * "the peer may send DATA up to this position, modulo 2^32; a later grant replaces it",
)

InfoReply: Final = cs.Struct(
    "board" / Text(32) * "board name, UTF-8, zero padded",
    "firmware" / Text(24) * "version of the firmware",
    "uptime" / _u64 * "ticks since start-up",
    "cpu_hz" / _u32 * "CPU clock; 0 = unknown",
    "npu_hz" / _u32 * "NPU clock; 0 = none or unknown",
    "bus_hz" / _u32 * "clock of the interconnect; 0 = unknown",
    "baud" / _u32 * "bit rate of the link; 0 = not a UART",
    "ram_total" / _u32 * "bytes of RAM that the firmware manages",
    "ram_free" / _u32 * "free bytes of this RAM",
    "temperature_dc" / _i16 * "tenths of a degree Celsius, or Limit.NO_TEMPERATURE",
    "reset_cause" / Coding(_u8, ResetCause) * "ResetCause",
    "timer_source" / Coding(_u8, TimerSource) * "TimerSource of the epoch timers",
    "head" / _u16 * "bytes of this struct: the fields start after them",
    "voltage_mode" / Coding(_u8, VoltageMode) * "VoltageMode of the core",
    "reserved" / _u8 * "0",
    "npu_ram_hz" / _u32 * "clock of the NPU's memories; 0 = unknown",
    "reserved2" / _u32 * "0",
)

ListReply: Final = cs.Struct(
    "head" / _u16 * "bytes of this struct: the records start after them",
    "record" / _u16 * "bytes of one record",
    "first" / _u16 * "index of the first record of this page",
    "count" / _u16 * "records of this page",
    "total" / _u16 * "number of networks",
    "reserved" / _u16 * "0",
)

List: Final = cs.Struct("first" / _u16 * "index of the first requested network", "reserved" / _u16 * "0")

NetworkRecord: Final = cs.Struct(
    "name" / Text(32) * "name, UTF-8, zero padded",
    "digest" / _u32 * "changes if the network or its description changes",
    "input_bytes" / _u32 * "bytes of an upload: the inputs at their slot offsets",
    "output_bytes" / _u32 * "bytes of all outputs",
    "index" / _u16 * "index of the network in requests",
    "blocks" / _u16 * "number of epoch blocks",
    "epochs" / _u16 * "number of epochs",
    "card_bytes" / _u16 * "length of the card",
    "inputs" / _u8 * "number of inputs",
    "outputs" / _u8 * "number of outputs",
    "pools" / _u8 * "number of memory pools",
    "timer_source" / Coding(_u8, TimerSource) * "TimerSource of this network's epoch timers",
    "state" / Coding(_u8, NetworkState) * "NetworkState; if it is not READY, the section REASON has the reason",
    "intermediates" / _u8 * "number of intermediate outputs that an inference may return",
    "reserved" / _u16 * "0",
)

Describe: Final = cs.Struct(
    "network" / _u16 * "index of the network",
    "section" / Coding(_u8, Section) * "Section",
    "reserved" / _u8 * "0",
    "first" / _u32 * "index of the first requested record (texts: byte)",
)

DescribeReply: Final = cs.Struct(
    "network" / _u16 * "index of the network",
    "section" / Coding(_u8, Section) * "Section",
    "reserved" / _u8 * "0",
    "first" / _u32 * "index of the first record (texts: byte) of this page",
    "count" / _u32 * "records (texts: bytes) of this page",
    "total" / _u32 * "records (texts: bytes) of the section",
    "head" / _u16 * "bytes of this struct: the records start after them",
    "record" / _u16 * "bytes of one record (texts: 1)",
)

TensorRecord: Final = cs.Struct(
    "name" / Text(32) * "name, UTF-8, zero padded",
    "dtype" / Coding(_u8, DType) * "DType",
    "ndim" / _u8 * "number of dimensions; 0 = a single value",
    "scales" / _u16 * "number of per-channel ScaleRecords; 0 = per tensor",
    "shape" / cs.Array(6, _u32) * "dimensions in memory order, outermost first",
    "size" / _u32 * "bytes",
    "offset" / _u32 * "inputs: offset in the upload",
    "scale" / _f32 * "real = (raw - zero_point) * scale; 0 = not quantised",
    "zero_point" / _i32 * "see scale",
    "axis" / _u32 * "axis of the per-channel scales",
    "encodings" / _u32 * "inputs: bits 1 << Encoding that a part of this input may have besides RAW",
    "height" / _u16 * "rows, if the tensor can be a picture; 0 = it cannot",
    "width" / _u16 * "columns of the picture",
    "channels" / _u16 * "channels of the picture",
    "reserved" / _u16 * "0",
)

ScaleRecord: Final = cs.Struct(
    "scale" / _f32 * "scale of one channel",
    "zero_point" / _i32 * "zero point of one channel",
)

PoolRecord: Final = cs.Struct(
    "name" / Text(24) * "name of the memory pool",
    "base" / _u32 * "address",
    "total" / _u32 * "bytes",
    "used" / _u32 * "bytes used",
    "weights" / _u32 * "bytes used for weights",
    "activations" / _u32 * "bytes used for activations",
    "reserved" / _u32 * "0",
)

BlockRecord: Final = cs.Struct(
    "estimated_npu" / _u64 * "the compiler's estimate of NPU cycles; 0 = unknown",
    "estimated_total" / _u64 * "the compiler's estimate of all cycles; 0 = unknown",
    "first" / _u16 * "first epoch of the block",
    "last" / _u16 * "last epoch of the block",
    "kind" / Coding(_u8, EpochKind) * "EpochKind",
    "reserved" / cs.Array(3, _u8) * "0",
    "operation" / Text(24) * "name of the operation, if known",
)

LogLevelRequest: Final = cs.Struct("level" / Coding(_u8, LogLevel) * "LogLevel", "reserved" / cs.Array(3, _u8) * "0")

Reset: Final = cs.Struct(
    "kind" / Coding(_u8, ResetKind) * "ResetKind",
    "reserved" / cs.Array(7, _u8) * "0",
    "boot_nonce" / _u64 * "DEVICE: the device's; if it differs, the device answers and does not restart. SESSION: 0",
)

Commit: Final = cs.Struct(
    "position" / _u32 * "DATA bytes sent so far in this session",
    "length" / _u32 * "bytes of the upload",
    "crc" / _u32 * "zlib.crc32 of these bytes, as sent",
    "network" / _u16 * "index of the network",
    "slot" / _u8 * "input slot",
    "parts"
    / _u8
    * "number of Part records that follow; 0 = the raw bytes of all inputs, each at its TensorRecord.offset",
    "head" / _u16 * "bytes of this struct: the records start after them",
    "record" / _u16 * "bytes of one Part",
)

Part: Final = cs.Struct(
    "offset" / _u32 * "start in the upload; a multiple of four",
    "length" / _u32 * "its bytes",
    "input" / _u8 * "index of its input",
    "encoding" / Coding(_u8, Encoding) * "Encoding",
    "tables" / _u8 * "pictures: number of tables of 256 raw values at the start of the part; 0 = none",
    "flags" / _u8 * "PartFlag bits",
)

Infer: Final = cs.Struct(
    "key" / _u64 * "idempotency key, a random number: an inference with the same key does not run again",
    "upload" / _u32 * "id of the upload that must be in the slot; not 0",
    "digest" / _u32 * "Commit.crc of that upload",
    "ttl_us" / _u32 * "time to live in microseconds from now; 0 = unlimited",
    "network" / _u16 * "index of the network",
    "slot" / _u8 * "input slot",
    "priority" / _u8 * "larger runs first; if equal: the network that ran longest ago, then in order",
    "flags" / _u8 * "InferFlag bits",
    "returns" / _u8 * "number of Return records that follow; 0 = all outputs, raw",
    "head" / _u8 * "bytes of this struct: the records start after them",
    "record" / _u8 * "bytes of one Return",
    "reserved" / _u32 * "0",
)

Return: Final = cs.Struct(
    "output" / _u16 * "index of the output",
    "source" / Coding(_u8, Source) * "Source",
    "reduction" / Coding(_u8, Reduction) * "Reduction",
    "offset" / _u32 * "RAW: first byte; TOPK: first element of the row",
    "length" / _u32 * "RAW: bytes; TOPK: elements of the row; DETECTIONS*: number of score channels; 0 = to the end",
    "threshold"
    / _u32
    * "THRESHOLD*, DETECTIONS*, CLASS_MAP* of one channel: int32 raw value, or float32 bits for a float tensor",
    "channels" / _u16 * "size of the axis of the channels, or a divisor of it (section 7); TOPK: 0",
    "channel" / _u16 * "THRESHOLD*: index of the score channel; DETECTIONS*: index of the first one",
    "k" / _u16 * "TOPK: 1..MAX_TOPK; THRESHOLD*, DETECTIONS*: maximum number of returned rows",
    "reserved" / _u16 * "0",
)

InferReply: Final = cs.Struct(
    "state" / Coding(_u8, InferState) * "InferState",
    "depth" / _u8 * "inferences that wait, are queued or run, including this one",
    "reserved" / _u16 * "0",
)

Result: Final = cs.Struct(
    "t_queued" / _u64 * "device time at which the INFER arrived",
    "t_committed" / _u64 * "device time at which its input was complete",
    "t_start" / _u64 * "device time at which the network started",
    "t_end" / _u64 * "device time at which it ended",
    "length" / _u32 * "bytes of DATA that follow",
    "crc" / _u32 * "zlib.crc32 of these bytes",
    "network" / _u16 * "index of the network",
    "outputs" / _u8 * "number of ResultRecords that follow",
    "timer_shift" / _u8 * "a timer value v means v << timer_shift ticks of the device clock",
    "blocks" / _u16 * "number of EpochTime records at timers_offset; 0 = none",
    "head" / _u16 * "bytes of this struct: the records start after them",
    "timers_offset" / _u32 * "offset of the EpochTime records in the DATA",
    "record" / _u16 * "bytes of one ResultRecord",
    "timer_record" / _u8 * "bytes of one EpochTime",
    "reserved" / _u8 * "0",
)

ResultRecord: Final = cs.Struct(
    "output" / _u16 * "index of the output",
    "source" / Coding(_u8, Source) * "Source",
    "reduction" / Coding(_u8, Reduction) * "Reduction",
    "offset" / _u32 * "its offset in the DATA",
    "length" / _u32 * "its bytes",
    "count" / _u32 * "records of a reduction, or rows that passed the threshold: may be more than the returned rows",
)

EpochTime: Final = cs.Struct(
    "start" / _u32 * "ticks >> timer_shift from Result.t_start to the start of the block",
    "pre" / _u32 * "preparation on the CPU, ticks >> timer_shift",
    "core" / _u32 * "from the start of the block's work to its end",
    "post" / _u32 * "completion on the CPU; the work of a SW block is here or in core, depending on the runtime",
)

Peak: Final = cs.Struct(
    "index" / _u32 * "flat index in the channel (ARGMAX) or in the row (TOPK)",
    "value" / _i32 * "raw value; for a float tensor the bits of the float32",
)

Selected: Final = cs.Struct(
    "index" / _u32 * "row; its channels values of the tensor's type follow, padded to a multiple of four bytes",
)

Detected: Final = cs.Struct(
    "index"
    / _u32
    * "row; its values of the tensor's type follow, of all scores only the best, padded to a multiple of four bytes",
    "best" / _u16 * "number of the best score, from 0; the lowest of equal ones",
    "reserved" / _u16 * "0",
)

LabelRun: Final = cs.Struct(
    "label" / _u8 * "class",
    "more" / _u8 * "number of further positions with this class, directly after the first",
)

Cancel: Final = cs.Struct("target" / _u32 * "id of the INFER")

CancelReply: Final = cs.Struct(
    "found" / _u32 * "1 if the inference waited, was queued or ran, or its result was held; 0 if the id is unknown",
)

Release: Final = cs.Struct("target" / _u32 * "id of the INFER")

Nak: Final = cs.Struct(
    "offset" / _u32 * "first missing byte of the transfer with the frame's id; a multiple of the chunk size",
    "length" / _u32 * "missing bytes, 0 = to the end",
)

Log: Final = cs.Struct(
    "time" / _u64 * "device time",
    "level" / Coding(_u8, LogLevel) * "LogLevel",
    "reserved" / _u8 * "0",
    "head" / _u16 * "bytes of this struct: the text starts after them",
    "dropped" / _u32 * "log lines that were dropped before this one, since start-up",
)

ErrorReply: Final = cs.Struct(
    "status" / Coding(_u8, Status) * "Status",
    "type" / Coding(_u8, MessageType) * "type of the request",
    "field" / _u16 * "offset of the refused field in the request's payload; Limit.NO_FIELD = none",
    "value" / _u32 * "its value, or a number that depends on the status",
)

Subscribe: Final = cs.Struct("interval_ms" / _u32 * "time between two STATS events; 0 = none")

StatsRequest: Final = cs.Struct("first" / _u16 * "index of the first requested network", "reserved" / _u16 * "0")

StatsReply: Final = cs.Struct(
    "time" / _u64 * "device time",
    "since" / _u64 * "device time of the last RESET_STATS",
    "rx_bytes" / _u64 * "bytes received",
    "tx_bytes" / _u64 * "bytes sent",
    "rx_frames" / _u32 * "good frames received",
    "tx_frames" / _u32 * "frames sent",
    "header_errors" / _u32 * "headers that failed their CRC-16",
    "payload_errors" / _u32 * "payloads that failed their CRC-32",
    "skipped" / _u32 * "bytes skipped during the search for a frame",
    "resyncs" / _u32 * "number of searches for a frame",
    "naks_sent" / _u32 * "NAK frames sent",
    "naks_received" / _u32 * "NAK frames received",
    "retransmits" / _u32 * "chunks sent again",
    "duplicates" / _u32 * "chunks received again",
    "credits_used" / _u32 * "DATA bytes that were sent and that the host has not yet granted again",
    "free_bytes" / _u32 * "bytes of input slots and result buffers that are not in use",
    "log_dropped" / _u32 * "log lines dropped",
    "queue" / _u16 * "inferences that wait, are queued or run",
    "temperature_dc" / _i16 * "as in InfoReply",
    "cpu_hz" / _u32 * "CPU clock",
    "npu_hz" / _u32 * "NPU clock",
    "refused" / _u32 * "dropped DATA frames: after the grant, for a slot in use, or impossible",
    "head" / _u16 * "bytes of this struct: the records start after them",
    "record" / _u16 * "bytes of one NetworkStats",
    "first" / _u16 * "index of the first record of this page",
    "count" / _u16 * "records of this page",
    "total" / _u16 * "number of networks",
    "reserved" / _u16 * "0",
)

NetworkStats: Final = cs.Struct(
    "sum" / _u64 * "ticks of all successful runs",
    "last" / _u64 * "ticks of the last successful run",
    "min" / _u64 * "ticks of the shortest",
    "max" / _u64 * "ticks of the longest",
    "wait_sum" / _u64 * "ticks that the runs waited in the queue",
    "runs" / _u32 * "successful inferences",
    "errors" / _u32 * "inferences that ended with NPU_FAULT or TOO_LARGE",
    "cancelled" / _u32 * "cancelled inferences",
    "late" / _u32 * "inferences that were dropped or stopped by their deadline",
    "queued" / _u16 * "inferences that wait, are queued or run",
    "index" / _u16 * "index of the network",
    "reserved" / _u32 * "0",
)

EpochStats: Final = cs.Struct(
    "network" / _u16 * "index of the network",
    "first" / _u16 * "first requested block",
)

EpochStatsReply: Final = cs.Struct(
    "network" / _u16 * "index of the network",
    "first" / _u16 * "first block of this page",
    "count" / _u16 * "BlockStats records of this page",
    "total" / _u16 * "blocks of the network",
    "runs" / _u32 * "number of inferences in the sums",
    "head" / _u16 * "bytes of this struct: the records start after them",
    "record" / _u16 * "bytes of one BlockStats",
)

BlockStats: Final = cs.Struct(
    "pre" / _u64 * "sum of ticks",
    "core" / _u64 * "sum of ticks",
    "post" / _u64 * "sum of ticks",
    "min" / _u32 * "ticks of the fastest run of the whole block, at most 2^32 - 1",
    "max" / _u32 * "ticks of the slowest run of the whole block, at most 2^32 - 1",
)

Rate: Final = cs.Struct(
    "baud" / _u32 * "bit rate that the host requests",
    "reserved" / _u32 * "0",
)

RateReply: Final = cs.Struct(
    "baud" / _u32 * "that of the Rate: the device sets it after this frame",
    "switch_ms" / _u32 * "maximum milliseconds from the end of this frame until the device has the new rate",
)

Check: Final = cs.Struct("network" / _u16 * "index of the network", "reserved" / _u16 * "0")

CheckReply: Final = cs.Struct(
    "ticks" / _u64 * "time of the run with the stored input",
    "digest" / _u32 * "zlib.crc32 of all raw outputs, in order",
    "state" / Coding(_u8, CheckState) * "CheckState",
    "reserved" / cs.Array(3, _u8) * "0",
)

Lease: Final = cs.Struct(
    "network" / _u16 * "index of the network",
    "action" / Coding(_u8, LeaseAction) * "LeaseAction",
    "reserved" / _u8 * "0",
    "duration_ms" / _u32 * "duration of the lease",
)

LeaseReply: Final = cs.Struct(
    "remaining_ms" / _u32 * "time to the end of the lease; 0 = not leased",
    "own" / _u8 * "1 if the requesting client has the lease",
    "reserved" / _u8 * "0",
    "head" / _u16 * "bytes of this struct: the name of the client with the lease, UTF-8, follows",
)

Clients: Final = cs.Struct("first" / _u16 * "index of the first requested client", "reserved" / _u16 * "0")

ClientsReply: Final = cs.Struct(
    "head" / _u16 * "bytes of this struct: the records start after them",
    "record" / _u16 * "bytes of one record",
    "first" / _u16 * "index of the first record of this page",
    "count" / _u16 * "records of this page",
    "total" / _u16 * "number of clients",
    "reserved" / _u16 * "0",
)

ClientRecord: Final = cs.Struct(
    "rx_bytes" / _u64 * "bytes received from it",
    "tx_bytes" / _u64 * "bytes sent to it",
    "name" / Text(32) * "name from its HELLO, UTF-8, zero padded",
    "id" / _u32 * "number of the client, new for each connection",
    "runs" / _u32 * "its successful inferences",
    "queued" / _u16 * "its inferences that wait, are queued or run",
    "leases" / _u16 * "number of networks that it has leased",
    "role" / Coding(_u8, Role) * "Role",
    "reserved" / cs.Array(3, _u8) * "0",
    "wait_us"
    / Since(1, _u64)
    * "microseconds, by the server's clock, that its inferences have waited in the server, in sum",
    "waits" / Since(1, _u32) * "number of these inferences, also of those that were given up",
    "longest_us" / Since(1, _u32) * "microseconds of the longest of these waits",
)

STRUCTS: Final[dict[str, cs.Struct]] = {
    name: value for name, value in list(globals().items()) if isinstance(value, cs.Struct) and name[0].isupper()
}
ENUMS: Final[dict[str, type[Coded]]] = {
    name: value
    for name, value in vars(enums).items()
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
    """The payloads of a message type; None = does not exist in this direction."""

    request: Body | None = None
    """host to device"""
    reply: Body | None = None
    """device to host, REPLY flag set"""
    event: Body | None = None
    """device to host, without a request"""
    since: int = 0
    """minor that added it"""


_NOTHING = Body()
MESSAGES: Final[dict[MessageType, Message]] = {
    MessageType.HELLO: Message(Body("Hello", "fields"), Body("HelloReply", "fields")),
    MessageType.PING: Message(Body("Ping", "bytes"), Body("PingReply", "bytes")),
    MessageType.INFO: Message(_NOTHING, Body("InfoReply", "fields")),
    MessageType.LIST: Message(Body("List"), Body("ListReply", "NetworkRecord")),
    MessageType.DESCRIBE: Message(Body("Describe"), Body("DescribeReply", "records of the section")),
    MessageType.LOG_LEVEL: Message(Body("LogLevelRequest"), _NOTHING),
    MessageType.RESET: Message(Body("Reset"), _NOTHING),
    MessageType.STATS: Message(
        Body("StatsRequest"), Body("StatsReply", "NetworkStats"), Body("StatsReply", "NetworkStats")
    ),
    MessageType.EPOCH_STATS: Message(Body("EpochStats"), Body("EpochStatsReply", "BlockStats")),
    MessageType.RESET_STATS: Message(_NOTHING, _NOTHING),
    MessageType.SUBSCRIBE: Message(Body("Subscribe"), _NOTHING),
    MessageType.RATE: Message(Body("Rate"), Body("RateReply")),
    MessageType.CHECK: Message(Body("Check"), Body("CheckReply")),
    MessageType.LEASE: Message(Body("Lease"), Body("LeaseReply", "text")),
    MessageType.CLIENTS: Message(Body("Clients"), Body("ClientsReply", "ClientRecord")),
    MessageType.COMMIT: Message(Body("Commit", "Part"), _NOTHING),
    MessageType.INFER: Message(Body("Infer", "Return"), Body("InferReply")),
    MessageType.RESULT: Message(None, Body("Result", "ResultRecord")),
    MessageType.CANCEL: Message(Body("Cancel"), Body("CancelReply")),
    MessageType.RELEASE: Message(Body("Release"), _NOTHING),
    MessageType.DATA: Message(Body("DataHeader", "bytes"), None, Body("DataHeader", "bytes")),
    MessageType.NAK: Message(Body("Nak"), None, Body("Nak")),
    MessageType.CREDIT: Message(Body("Credit"), None, Body("Credit")),
    MessageType.LOG: Message(None, None, Body("Log", "text")),
    MessageType.ERROR: Message(None, Body("ErrorReply", "text")),
}
