"""The enums, flags and limits of the protocol. This module does not import construct, which is slow to load.

Each member has its documentation: the C header and the tables of ``protocol.md`` are generated from it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum, unique
from typing import Self, cast


class Coded(IntEnum):
    """An enum whose members have documentation and the minor that added them: ``NAME = value, "doc", since``."""

    doc: str
    since: int
    _value_: int

    def __new__(cls, value: int, doc: str = "", since: int = 0) -> Self:
        """Creates a member; a look-up by value does not use doc and since."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.doc = doc
        member.since = since
        return member

    @classmethod
    def named(cls, value: int) -> Self | int:
        """The member with this value; the value itself if this version does not have such a member."""
        return cls.by_value()(value, value)

    @classmethod
    def by_value(cls) -> Callable[[int, int], Self | int]:
        """A function that returns the member with its first argument as value; the second if this version has no such member.

        It is stored by its user: in Python 3.11 each access to an attribute of an enum costs 150 ns.
        """
        return cast("Callable[[int, int], Self | int]", cls._value2member_map_.get)


# ---------------------------------------------------------------------------------------------- limits


@unique
class Limit(Coded):
    """Limits for both sides. Limits that a device may choose are announced in HelloReply."""

    MAGIC = 0x366E, "first two bytes of every frame: 'n', '6'"
    HEADER_SIZE = 12, "bytes of a FrameHeader, and of a DataHeader"
    CRC_SIZE = 4, "bytes of the CRC-32 after a payload"
    MAX_CHUNK = 8192, "largest chunk of tensor bytes in one DATA frame; CRC-32 detects any 3 flipped bits up to 11 KB"
    MIN_CHUNK = 256, "smallest chunk size of a session"
    MAX_WINDOW = 0x40000000, "largest window: positions are compared modulo 2^32"
    MAX_CONTROL = 1024, "largest payload of any frame except DATA"
    MAX_RETURNS = 16, "maximum number of Return records per INFER"
    MAX_PARTS = 8, "maximum number of Part records per COMMIT"
    MAX_TOPK = 64, "largest k of the TOPK reduction"
    MAX_DIMS = 6, "maximum number of dimensions of a tensor"
    NO_TEMPERATURE = -32768, "value of temperature_dc if the port does not have a sensor"
    NO_FIELD = 0xFFFF, "ErrorReply.field if the error is not in a field of the request"
    FINISHED_KEYS = 32, "device: minimum number of stored keys of finished inferences"
    RETRY_FIRST_MS = 500, "host: time-out before a request is repeated, before the first measured round trip"
    RETRY_MIN_MS = 50, "host: minimum difference between that time-out and the round trip"
    RETRY_MAX_MS = 1000, "host: maximum time between two repetitions on an idle line"
    WAIT_MS = 10000, "device: an inference is refused if its upload makes no progress for this time"


class Feature(Coded):
    """Bits of ``features`` in Hello and HelloReply."""

    TIMERS = 1, "epoch timers can be returned with a result"
    REDUCE = 2, "the core computes reductions of outputs"
    CANCEL = 4, "a running inference can be cancelled at an epoch block"
    EVENTS = 8, "statistics can be pushed (SUBSCRIBE)"
    SIMULATED = 16, "the device does not have an NPU: times are those of a simulator"
    ZERO_COPY = 32, "input slots are the network's own input buffers"
    CONSUMES_INPUT = 64, "an inference may overwrite its input slot: upload again for every run"
    RATE = 128, "the bit rate of the line can be changed (RATE)"
    ENCODINGS = 256, "an upload may consist of parts, which may be encoded (Commit.parts)"
    CHECK = 512, "networks can be checked with a stored input (CHECK)"
    LEASES = 1024, "networks can be leased by one client (LEASE)"
    CLIENTS = 2048, "several clients share the device (CLIENTS)"
    INTERMEDIATES = 4096, "intermediate outputs can be returned"
    CLASS_MAP = 8192, "the reductions CLASS_MAP and CLASS_MAP_COLUMNS"
    DETECTIONS = 16384, "the reductions DETECTIONS, DETECTIONS_COLUMNS and SAME_ROWS"


# ---------------------------------------------------------------------------------------------- enums


class MessageType(Coded):
    """``type`` of a frame. A reply has the type of its request and the REPLY flag, or is an ERROR."""

    HELLO = 0x01, "opens a session, or resumes the one that is open"
    PING = 0x02, "round trip with the device's time"
    INFO = 0x03, "board, clocks, memory, firmware"
    LIST = 0x04, "the loaded networks"
    DESCRIBE = 0x05, "one page of one section of a network's description"
    LOG_LEVEL = 0x06, "sets the minimum level of LOG events"
    RESET = 0x07, "drops all work and results, or restarts the device"
    STATS = 0x08, "counters of the link, and one page of the counters of the networks; also pushed as events"
    EPOCH_STATS = 0x09, "accumulated epoch timers of one network"
    RESET_STATS = 0x0A, "zeroes statistics"
    SUBSCRIBE = 0x0B, "requests STATS events at a fixed rate"
    RATE = 0x0C, "sets another bit rate of the line"
    CHECK = 0x0D, "runs a network with its stored input"
    LEASE = 0x0E, "requests, extends or ends the exclusive use of a network"
    CLIENTS = 0x0F, "one page of the clients that share the device"
    COMMIT = 0x10, "ends an upload: length and CRC-32 of all its bytes"
    INFER = 0x11, "requests an inference; the reply has its state, a RESULT or an ERROR follows"
    RESULT = 0x12, "result of an inference; its bytes follow in DATA frames with the same id"
    CANCEL = 0x13, "stops an inference that waits, is queued or runs, or drops its result"
    RELEASE = 0x15, "the host has the result; its buffer may be used again"
    DATA = 0x20, "a chunk of a transfer, either direction"
    NAK = 0x21, "requests a range of a transfer again; one per gap"
    CREDIT = 0x22, "position up to which the peer may send DATA"
    LOG = 0x30, "a log line of the device"
    ERROR = 0x3F, "the answer to a failed request"


class Flag(Coded):
    """Bits of ``flags`` in FrameHeader."""

    REPLY = 1, "the frame answers the request with this id"


class HelloFlag(Coded):
    """Bits of Hello.flags."""

    RESUME = 1, "continue the session that the HELLO with the nonce Hello.resume opened or resumed"


class HelloReplyFlag(Coded):
    """Bits of HelloReply.flags."""

    OPENED = 1, "a session is open; if not set, only the first 16 bytes are valid"
    RESUMED = 2, "it is the requested session; if not set, it is a new one"


class Role(Coded):
    """Rights of a client (Hello.role)."""

    CONTROL = 0, "everything"
    READ_ONLY = 1, "no uploads, inferences, leases or resets"


class Status(Coded):
    """Reason for a failed request (ErrorReply.status)."""

    OK = 0, "no failure"
    BAD_REQUEST = 1, "the payload is too short, or a field is out of its range"
    UNKNOWN_TYPE = 2, "this firmware does not have the message type"
    NO_SESSION = 3, "a session must be opened with HELLO first"
    UNKNOWN_NETWORK = 5, "a network with this index does not exist"
    UNKNOWN_OUTPUT = 6, "the network does not have an output with this index"
    BAD_SLOT = 7, "an input slot with this index does not exist"
    BAD_TENSOR_SIZE = 8, "the committed length is not the size of the network's inputs"
    BAD_DIGEST = 9, "the CRC-32 of the received bytes is not the committed one; send all of it again"
    BUSY = 10, "the slot is in use, the queue is full, or another host uses the device; try again later"
    DEADLINE = 12, "the time to live had passed before the inference started, or while it ran"
    CANCELLED = 13, "stopped by CANCEL, or by RESET of kind SESSION"
    NPU_FAULT = 14, "the network runtime reported an error; value is its code"
    TOO_LARGE = 16, "the answer does not fit in the result buffer"
    UNSUPPORTED = 17, "not supported by this device or for this tensor"
    NO_INPUT = 18, "the upload is not in the slot; send it again"
    RESULT_GONE = 19, "an inference with this key has run, but its result was removed"
    READ_ONLY = 20, "the client's role does not allow it"
    NOT_READY = 21, "the network cannot run; the reason is in the section REASON"
    BAD_PICTURE = 22, "a part cannot be decoded; value is the offset in the upload at which decoding stopped"


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
    """Processor of an epoch block; the numbers are ST's node types."""

    HW = 0, "on the NPU, started by the CPU"
    EXTRA = 1, "inserted by the runtime (data movement, cache maintenance)"
    SW = 2, "on the CPU: a fallback"
    HYBRID = 3, "on both"
    EC = 4, "on the NPU, sequenced by the epoch controller"


class TimerSource(Coded):
    """Source and unit of epoch times."""

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
    REASON = 7, "bytes of a UTF-8 text: reason why the network cannot run; empty if it can"
    INTERMEDIATES = 8, "TensorRecord each: intermediate outputs that an inference may return"


class Reduction(Coded):
    """What to send back of an output (Return.reduction)."""

    RAW = 0, "bytes [offset, offset + length); length 0 = to the end"
    ARGMAX = 1, "first maximum of each channel: one Peak per channel; the last axis is the channel"
    TOPK = 2, "the k largest elements of a row: one Peak each; equal values by lower index"
    THRESHOLD = 3, "rows with score channel >= threshold, in index order, at most k: Selected each"
    THRESHOLD_COLUMNS = 4, "like THRESHOLD, for a channel-major [channels, rows] tensor"
    CLASS_MAP = 5, "class at each position: the first largest channel; LabelRun each"
    DETECTIONS = 6, "rows whose largest score >= threshold, with the best score only, at most k: Detected each"
    CLASS_MAP_COLUMNS = 7, "like CLASS_MAP, for a channel-major [channels, positions] tensor"
    DETECTIONS_COLUMNS = 8, "like DETECTIONS, for a channel-major [channels, rows] tensor"
    SAME_ROWS = 9, "the rows that the last THRESHOLD* or DETECTIONS* before it returned, from another output"


class Source(Coded):
    """List of tensors for the index Return.output."""

    OUTPUT = 0, "the outputs of the network"
    INTERMEDIATE = 1, "its intermediate outputs"


class Encoding(Coded):
    """How the bytes of an input are encoded in an upload (Part.encoding)."""

    RAW = 0, "unchanged, as in the input"
    QOI = 1, "a picture in QOI, lossless, of exactly the input's size"
    JPEG = 2, "a picture in baseline JPEG, of exactly the input's size"


class PartFlag(Coded):
    """Bits of Part.flags."""

    BGR = 1, "pictures: channel 0 of the input is blue, not red"


class NetworkState(Coded):
    """Whether a network can run (NetworkRecord.state)."""

    READY = 0, "it can run"
    WEIGHTS_MISSING = 1, "its weights are not in memory"
    WEIGHTS_STALE = 2, "its weights are from another build"
    FAILED = 3, "the runtime could not start it"


class CheckState(Coded):
    """Result of a CHECK."""

    SAME = 0, "the outputs have the stored digest"
    DIFFERENT = 1, "the outputs have another digest"
    UNKNOWN = 2, "no digest is stored"


class LeaseAction(Coded):
    """Action of a LEASE."""

    QUERY = 0, "return the client that has leased the network"
    TAKE = 1, "get the exclusive use of the network, or extend it"
    RELEASE = 2, "end the exclusive use"


class VoltageMode(Coded):
    """Supply voltage of the core, which limits its clocks (InfoReply.voltage_mode)."""

    UNKNOWN = 0, "unknown to the port"
    NOMINAL = 1, "nominal"
    OVERDRIVE = 2, "overdrive: higher clocks"


class InferFlag(Coded):
    """Bits of Infer.flags."""

    TIMERS = 1, "return the epoch timers"
    ABORT_LATE = 2, "also stop a running inference at the next epoch block after its time to live"


class InferState(Coded):
    """InferReply.state."""

    WAITING = 0, "waits for its upload, which is not committed yet"
    QUEUED = 1, "queued"
    RUNNING = 2, "running"
    DONE = 3, "done; the stored result is sent again"


class LogLevel(Coded):
    """Levels of LOG events; the numbers are those of Python's logging module."""

    DEBUG = 10, "every request"
    INFO = 20, "information for users"
    WARNING = 30, "a fault that was repaired"
    ERROR = 40, "a fault with lost data"
    NONE = 255, "no log lines"


class ResetKind(Coded):
    """Reset.kind."""

    SESSION = 0, "cancel all work and drop all results; the session and committed uploads are kept"
    DEVICE = 1, "restart the device after the answer"


class ResetCause(Coded):
    """Cause of the last start of the device (InfoReply.reset_cause)."""

    UNKNOWN = 0, "unknown to the port"
    POWER_ON = 1, "power on, or brown-out"
    PIN = 2, "reset pin"
    SOFTWARE = 3, "RESET request, or debugger"
    WATCHDOG = 4, "watchdog"
    FAULT = 5, "hard fault; its record is a Field of HelloReply"


class FieldTag(Coded):
    """Tags of the optional fields after Hello, HelloReply and InfoReply. Unknown tags are skipped."""

    HOST_NAME = 1, "UTF-8: name and version of the host program"
    FAULT_RECORD = 2, "UTF-8: registers of the last hard fault, preserved during the reset"
    NPU_RUNTIME = 3, "UTF-8: name and version of the network runtime"
    MEMORY = 4, "UTF-8: one line 'name used total' per memory region"
