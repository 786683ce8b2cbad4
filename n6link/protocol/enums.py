"""The enums, flags and limits of the protocol. They need no construct, so that nothing else loads it at run time.

Each member carries its documentation: the C header and the tables of ``protocol.md`` are generated from it.
"""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Self, cast


class Coded(IntEnum):
    """An enum whose members carry their documentation and the minor that added them: ``NAME = value, "doc", since``."""

    doc: str
    since: int
    _value_: int

    def __new__(cls, value: int, doc: str = "", since: int = 0) -> Self:
        """Makes a member; looking one up needs neither."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.doc = doc
        member.since = since
        return member

    @classmethod
    def named(cls, value: int) -> Self | int:
        """The member with this value; the value itself where this version has no name for it."""
        return cast("Self | int", cls._value2member_map_.get(value, value))


# ---------------------------------------------------------------------------------------------- limits


@unique
class Limit(Coded):
    """Numbers that both ends hold to. What a device may choose itself, it announces in HelloReply."""

    MAGIC = 0x366E, "first two bytes of every frame: 'n', '6'"
    HEADER_SIZE = 12, "bytes of a FrameHeader, and of a DataHeader"
    CRC_SIZE = 4, "bytes of the CRC-32 that follows a payload"
    MAX_CHUNK = 8192, "largest chunk of tensor bytes in one DATA frame; CRC-32 detects any 3 flipped bits up to 11 KB"
    MIN_CHUNK = 256, "smallest chunk size of a session"
    MAX_WINDOW = 0x40000000, "largest window: positions are compared modulo 2^32"
    MAX_CONTROL = 1024, "largest payload of any frame that is not DATA"
    MAX_RETURNS = 16, "most Return records of one INFER"
    MAX_TOPK = 64, "largest k of the TOPK reduction"
    MAX_DIMS = 6, "most dimensions of a tensor"
    NO_TEMPERATURE = -32768, "value of temperature_dc when the port has no sensor"
    NO_FIELD = 0xFFFF, "ErrorReply.field when no field of the request is to blame"
    FINISHED_KEYS = 32, "device: keys of inferences that have ended which it remembers at least"
    RETRY_FIRST_MS = 500, "host: time-out before a request is repeated, while no round trip is known"
    RETRY_MIN_MS = 50, "host: least difference between that time-out and the round trip"
    RETRY_MAX_MS = 1000, "host: longest time between two repetitions on a line that is idle"
    WAIT_MS = 10000, "device: an inference whose upload makes no progress for this long is refused"


class Feature(Coded):
    """Bits of ``features`` in Hello and HelloReply."""

    TIMERS = 1, "epoch timers can be returned with a result"
    REDUCE = 2, "the core computes reductions of outputs"
    CANCEL = 4, "a running inference can be cancelled at an epoch block"
    EVENTS = 8, "statistics can be pushed (SUBSCRIBE)"
    SIMULATED = 16, "no NPU behind the link: times are those of a simulator and say nothing about a board"
    ZERO_COPY = 32, "input slots are the network's own input buffers"
    CONSUMES_INPUT = 64, "an inference may overwrite its input slot: upload again for every run"
    RATE = 128, "the bit rate of the line can be changed (RATE)"
    ENCODINGS = 256, "uploads may be encoded (Commit.parts)"
    CHECK = 512, "networks can be checked with a stored input (CHECK)"
    LEASES = 1024, "networks can be leased by one client (LEASE)"
    CLIENTS = 2048, "several clients share the device (CLIENTS)"
    INTERMEDIATES = 4096, "intermediate outputs can be returned"


# ---------------------------------------------------------------------------------------------- enums


class MessageType(Coded):
    """``type`` of a frame. A reply has the type of its request and the REPLY flag, or is an ERROR."""

    HELLO = 0x01, "opens a session, or resumes the one that is open"
    PING = 0x02, "round trip with the device's time"
    INFO = 0x03, "board, clocks, memory, firmware"
    LIST = 0x04, "the loaded networks"
    DESCRIBE = 0x05, "one page of one section of a network's description"
    LOG_LEVEL = 0x06, "sets the least severe level of LOG events that the device sends"
    RESET = 0x07, "drops all work and results, or restarts the device"
    STATS = 0x08, "counters of the link, and one page of those of the networks; also pushed as events"
    EPOCH_STATS = 0x09, "accumulated epoch timers of one network"
    RESET_STATS = 0x0A, "zeroes statistics"
    SUBSCRIBE = 0x0B, "asks for STATS events at a fixed rate"
    RATE = 0x0C, "proposes another bit rate of the line"
    CHECK = 0x0D, "runs a network with its stored input"
    LEASE = 0x0E, "asks for, prolongs or ends the exclusive use of a network"
    CLIENTS = 0x0F, "one page of the clients that share the device"
    COMMIT = 0x10, "ends an upload: length and CRC-32 of all its bytes"
    INFER = 0x11, "queues an inference; the reply says that it is queued, a RESULT or an ERROR follows"
    RESULT = 0x12, "what an inference gave; its bytes follow in DATA frames with the same id"
    CANCEL = 0x13, "stops an inference, queued or running, or drops its result"
    RELEASE = 0x15, "the host has the result; its buffer may be used again"
    DATA = 0x20, "a chunk of a transfer, either direction"
    NAK = 0x21, "asks the sender of a transfer for a range again; one per gap"
    CREDIT = 0x22, "how far the peer may send DATA"
    LOG = 0x30, "a log line of the device"
    ERROR = 0x3F, "the answer to a request that failed"


class Flag(Coded):
    """Bits of ``flags`` in FrameHeader."""

    REPLY = 1, "the frame answers the request with this id"


class HelloFlag(Coded):
    """Bits of Hello.flags."""

    RESUME = 1, "continue the session that the HELLO with the nonce Hello.resume opened or resumed"


class HelloReplyFlag(Coded):
    """Bits of HelloReply.flags."""

    OPENED = 1, "a session is open; if not set, only the first 16 bytes mean anything"
    RESUMED = 2, "it is the one that the host asked for; if not set, it is a new one"


class Role(Coded):
    """What a client may do (Hello.role)."""

    CONTROL = 0, "everything"
    READ_ONLY = 1, "no uploads, inferences, leases or resets"


class Status(Coded):
    """Why a request failed (ErrorReply.status)."""

    OK = 0, "it did not fail"
    BAD_REQUEST = 1, "the payload is too short, or a field is out of its range"
    UNKNOWN_TYPE = 2, "the message type is not known to this firmware"
    NO_SESSION = 3, "HELLO has to come first"
    UNKNOWN_NETWORK = 5, "no network has this index"
    UNKNOWN_OUTPUT = 6, "the network has no output with this index"
    BAD_SLOT = 7, "no input slot has this index"
    BAD_TENSOR_SIZE = 8, "the committed length is not the size of the network's inputs"
    BAD_DIGEST = 9, "the CRC-32 of the received bytes is not the committed one; send all of it again"
    BUSY = 10, "the slot is in use, the queue is full, or another host holds the device; try again later"
    DEADLINE = 12, "the time to live had passed before the inference started, or while it ran"
    CANCELLED = 13, "stopped by CANCEL, or by RESET of kind SESSION"
    NPU_FAULT = 14, "the network runtime reported an error; value is its code"
    TOO_LARGE = 16, "the answer does not fit the result buffer"
    UNSUPPORTED = 17, "known, but not possible on this device or for this tensor"
    NO_INPUT = 18, "the slot does not hold this upload; send it again"
    RESULT_GONE = 19, "an inference with this key has run, and its result is not held any more"
    READ_ONLY = 20, "the client's role does not allow it"
    NOT_READY = 21, "the network cannot run; the section REASON says why"


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
    REASON = 7, "bytes of a UTF-8 text: why the network cannot run; empty if it can"
    INTERMEDIATES = 8, "TensorRecord each: intermediate outputs that an inference may return"


class Reduction(Coded):
    """What to send back of an output (Return.reduction)."""

    RAW = 0, "bytes [offset, offset + length); length 0 means up to the end"
    ARGMAX = 1, "first maximum of each channel: one Peak per channel; the last axis is the channel"
    TOPK = 2, "the k largest elements of a row: one Peak each; equal values by lower index"
    THRESHOLD = 3, "rows whose score channel is >= threshold, in index order, at most k of them: Selected each"
    THRESHOLD_COLUMNS = 4, "as THRESHOLD, of a channel-major [channels, rows] tensor"
    CLASS_MAP = 5, "reserved: index of the largest channel at each position"
    DETECTIONS = 6, "reserved: boxes that pass a threshold, with their best class"


class Source(Coded):
    """Which list of tensors Return.output counts in."""

    OUTPUT = 0, "the outputs of the network"
    INTERMEDIATE = 1, "its intermediate outputs"


class Encoding(Coded):
    """How the bytes of an input are encoded in an upload (Part.encoding)."""

    RAW = 0, "as they are in the input"
    QOI = 1, "reserved: a lossless encoding of a picture"
    JPEG = 2, "reserved: baseline JPEG of exactly the input's size"


class NetworkState(Coded):
    """Whether a network can run (NetworkRecord.state)."""

    READY = 0, "it can"
    WEIGHTS_MISSING = 1, "its weights are not in memory"
    WEIGHTS_STALE = 2, "its weights are those of another build"
    FAILED = 3, "its runtime could not start it"


class CheckState(Coded):
    """What a CHECK found."""

    SAME = 0, "the outputs have the stored digest"
    DIFFERENT = 1, "they do not"
    UNKNOWN = 2, "no digest is stored"


class LeaseAction(Coded):
    """What a LEASE asks for."""

    QUERY = 0, "who holds the network"
    TAKE = 1, "the exclusive use of the network, or more time of it"
    RELEASE = 2, "the end of it"


class VoltageMode(Coded):
    """Supply of the core, which limits its clocks (InfoReply.voltage_mode)."""

    UNKNOWN = 0, "the port cannot tell"
    NOMINAL = 1, "nominal"
    OVERDRIVE = 2, "overdrive: higher clocks"


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

    SESSION = 0, "cancel all work and drop all results; the session and committed uploads stay"
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

    HOST_NAME = 1, "UTF-8: name and version of the host program"
    FAULT_RECORD = 2, "UTF-8: registers of the last hard fault, kept over the reset"
    NPU_RUNTIME = 3, "UTF-8: name and version of the network runtime"
    MEMORY = 4, "UTF-8: one line 'name used total' per memory region"
