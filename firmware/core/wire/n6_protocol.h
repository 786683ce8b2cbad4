/*
 * n6_protocol.h - the messages of the protocol.
 *
 * GENERATED from n6link/protocol/schema.py by codegen.py: do not edit.
 */
#ifndef N6_PROTOCOL_H
#define N6_PROTOCOL_H

/* clang-format off */
#include <stddef.h>
#include <stdint.h>

#define N6_VERSION_MAJOR 2u
#define N6_VERSION_MINOR 1u
#define N6_SCHEMA_ID 0xcf103ea9u

/* Limits for both sides. Limits that a device may choose are announced in HelloReply. */
typedef enum {
    N6_LIMIT_MAGIC = 13934, /* first two bytes of every frame: 'n', '6' */
    N6_LIMIT_HEADER_SIZE = 12, /* bytes of a FrameHeader, and of a DataHeader */
    N6_LIMIT_CRC_SIZE = 4, /* bytes of the CRC-32 after a payload */
    N6_LIMIT_MAX_CHUNK = 8192, /* largest chunk of tensor bytes in one DATA frame; CRC-32 detects any 3 flipped bits up to 11 KB */
    N6_LIMIT_MIN_CHUNK = 256, /* smallest chunk size of a session */
    N6_LIMIT_MAX_WINDOW = 1073741824, /* largest window: positions are compared modulo 2^32 */
    N6_LIMIT_MAX_CONTROL = 1024, /* largest payload of any frame except DATA */
    N6_LIMIT_MAX_RETURNS = 16, /* maximum number of Return records per INFER */
    N6_LIMIT_MAX_PARTS = 8, /* maximum number of Part records per COMMIT */
    N6_LIMIT_MAX_TOPK = 64, /* largest k of the TOPK reduction */
    N6_LIMIT_MAX_DIMS = 6, /* maximum number of dimensions of a tensor */
    N6_LIMIT_NO_TEMPERATURE = -32768, /* value of temperature_dc if the port does not have a sensor */
    N6_LIMIT_NO_FIELD = 65535, /* ErrorReply.field if the error is not in a field of the request */
    N6_LIMIT_FINISHED_KEYS = 32, /* device: minimum number of stored keys of finished inferences */
    N6_LIMIT_RETRY_FIRST_MS = 500, /* host: time-out before a request is repeated, before the first measured round trip */
    N6_LIMIT_RETRY_MIN_MS = 50, /* host: minimum difference between that time-out and the round trip */
    N6_LIMIT_RETRY_MAX_MS = 1000, /* host: maximum time between two repetitions on an idle line */
    N6_LIMIT_WAIT_MS = 10000, /* device: an inference is refused if its upload makes no progress for this time */
} n6_limit_t;

/* Bits of ``features`` in Hello and HelloReply. */
typedef enum {
    N6_FEATURE_TIMERS = 1, /* epoch timers can be returned with a result */
    N6_FEATURE_REDUCE = 2, /* the core computes reductions of outputs */
    N6_FEATURE_CANCEL = 4, /* a running inference can be cancelled at an epoch block */
    N6_FEATURE_EVENTS = 8, /* statistics can be pushed (SUBSCRIBE) */
    N6_FEATURE_SIMULATED = 16, /* the device does not have an NPU: times are those of a simulator */
    N6_FEATURE_ZERO_COPY = 32, /* input slots are the network's own input buffers */
    N6_FEATURE_CONSUMES_INPUT = 64, /* an inference may overwrite its input slot: upload again for every run */
    N6_FEATURE_RATE = 128, /* the bit rate of the line can be changed (RATE) */
    N6_FEATURE_ENCODINGS = 256, /* an upload may consist of parts, which may be encoded (Commit.parts) */
    N6_FEATURE_CHECK = 512, /* networks can be checked with a stored input (CHECK) */
    N6_FEATURE_LEASES = 1024, /* networks can be leased by one client (LEASE) */
    N6_FEATURE_CLIENTS = 2048, /* several clients share the device (CLIENTS) */
    N6_FEATURE_INTERMEDIATES = 4096, /* intermediate outputs can be returned */
    N6_FEATURE_CLASS_MAP = 8192, /* the reductions CLASS_MAP and CLASS_MAP_COLUMNS */
    N6_FEATURE_DETECTIONS = 16384, /* the reductions DETECTIONS, DETECTIONS_COLUMNS and SAME_ROWS */
} n6_feature_t;

/* ``type`` of a frame. A reply has the type of its request and the REPLY flag, or is an ERROR. */
typedef enum {
    N6_MESSAGE_TYPE_HELLO = 1, /* opens a session, or resumes the one that is open */
    N6_MESSAGE_TYPE_PING = 2, /* round trip with the device's time */
    N6_MESSAGE_TYPE_INFO = 3, /* board, clocks, memory, firmware */
    N6_MESSAGE_TYPE_LIST = 4, /* the loaded networks */
    N6_MESSAGE_TYPE_DESCRIBE = 5, /* one page of one section of a network's description */
    N6_MESSAGE_TYPE_LOG_LEVEL = 6, /* sets the minimum level of LOG events */
    N6_MESSAGE_TYPE_RESET = 7, /* drops all work and results, or restarts the device */
    N6_MESSAGE_TYPE_STATS = 8, /* counters of the link, and one page of the counters of the networks; also pushed as events */
    N6_MESSAGE_TYPE_EPOCH_STATS = 9, /* accumulated epoch timers of one network */
    N6_MESSAGE_TYPE_RESET_STATS = 10, /* zeroes statistics */
    N6_MESSAGE_TYPE_SUBSCRIBE = 11, /* requests STATS events at a fixed rate */
    N6_MESSAGE_TYPE_RATE = 12, /* sets another bit rate of the line */
    N6_MESSAGE_TYPE_CHECK = 13, /* runs a network with its stored input */
    N6_MESSAGE_TYPE_LEASE = 14, /* requests, extends or ends the exclusive use of a network */
    N6_MESSAGE_TYPE_CLIENTS = 15, /* one page of the clients that share the device */
    N6_MESSAGE_TYPE_COMMIT = 16, /* ends an upload: length and CRC-32 of all its bytes */
    N6_MESSAGE_TYPE_INFER = 17, /* requests an inference; the reply has its state, a RESULT or an ERROR follows */
    N6_MESSAGE_TYPE_RESULT = 18, /* result of an inference; its bytes follow in DATA frames with the same id */
    N6_MESSAGE_TYPE_CANCEL = 19, /* stops an inference that waits, is queued or runs, or drops its result */
    N6_MESSAGE_TYPE_RELEASE = 21, /* the host has the result; its buffer may be used again */
    N6_MESSAGE_TYPE_DATA = 32, /* a chunk of a transfer, either direction */
    N6_MESSAGE_TYPE_NAK = 33, /* requests a range of a transfer again; one per gap */
    N6_MESSAGE_TYPE_CREDIT = 34, /* position up to which the peer may send DATA */
    N6_MESSAGE_TYPE_LOG = 48, /* a log line of the device */
    N6_MESSAGE_TYPE_ERROR = 63, /* the answer to a failed request */
} n6_message_type_t;

/* Bits of ``flags`` in FrameHeader. */
typedef enum {
    N6_FLAG_REPLY = 1, /* the frame answers the request with this id */
} n6_flag_t;

/* Bits of Hello.flags. */
typedef enum {
    N6_HELLO_FLAG_RESUME = 1, /* continue the session that the HELLO with the nonce Hello.resume opened or resumed */
} n6_hello_flag_t;

/* Bits of HelloReply.flags. */
typedef enum {
    N6_HELLO_REPLY_FLAG_OPENED = 1, /* a session is open; if not set, only the first 16 bytes are valid */
    N6_HELLO_REPLY_FLAG_RESUMED = 2, /* it is the requested session; if not set, it is a new one */
} n6_hello_reply_flag_t;

/* Rights of a client (Hello.role). */
typedef enum {
    N6_ROLE_CONTROL = 0, /* everything */
    N6_ROLE_READ_ONLY = 1, /* no uploads, inferences, leases or resets */
} n6_role_t;

/* Reason for a failed request (ErrorReply.status). */
typedef enum {
    N6_STATUS_OK = 0, /* no failure */
    N6_STATUS_BAD_REQUEST = 1, /* the payload is too short, or a field is out of its range */
    N6_STATUS_UNKNOWN_TYPE = 2, /* this firmware does not have the message type */
    N6_STATUS_NO_SESSION = 3, /* a session must be opened with HELLO first */
    N6_STATUS_UNKNOWN_NETWORK = 5, /* a network with this index does not exist */
    N6_STATUS_UNKNOWN_OUTPUT = 6, /* the network does not have an output with this index */
    N6_STATUS_BAD_SLOT = 7, /* an input slot with this index does not exist */
    N6_STATUS_BAD_TENSOR_SIZE = 8, /* the committed length is not the size of the network's inputs */
    N6_STATUS_BAD_DIGEST = 9, /* the CRC-32 of the received bytes is not the committed one; send all of it again */
    N6_STATUS_BUSY = 10, /* the slot is in use, the queue is full, or another host uses the device; try again later */
    N6_STATUS_DEADLINE = 12, /* the time to live had passed before the inference started, or while it ran */
    N6_STATUS_CANCELLED = 13, /* stopped by CANCEL, or by RESET of kind SESSION */
    N6_STATUS_NPU_FAULT = 14, /* the network runtime reported an error; value is its code */
    N6_STATUS_TOO_LARGE = 16, /* the answer does not fit in the result buffer */
    N6_STATUS_UNSUPPORTED = 17, /* not supported by this device or for this tensor */
    N6_STATUS_NO_INPUT = 18, /* the upload is not in the slot; send it again */
    N6_STATUS_RESULT_GONE = 19, /* an inference with this key has run, but its result was removed */
    N6_STATUS_READ_ONLY = 20, /* the client's role does not allow it */
    N6_STATUS_NOT_READY = 21, /* the network cannot run; the reason is in the section REASON */
    N6_STATUS_BAD_PICTURE = 22, /* a part cannot be decoded; value is the offset in the upload at which decoding stopped */
} n6_status_t;

/* Element types; the numbers are those of LL_ATON 1.1.0. Later ones differ: firmware maps them by name. */
typedef enum {
    N6_DTYPE_FLOAT32 = 1, /* IEEE 754 single */
    N6_DTYPE_UINT8 = 2, /* 8-bit unsigned */
    N6_DTYPE_INT8 = 3, /* 8-bit signed */
    N6_DTYPE_UINT16 = 4, /* 16-bit unsigned */
    N6_DTYPE_INT16 = 5, /* 16-bit signed */
    N6_DTYPE_INT32 = 6, /* 32-bit signed */
    N6_DTYPE_INT64 = 7, /* 64-bit signed */
    N6_DTYPE_BOOL = 9, /* one byte, 0 or 1 */
    N6_DTYPE_FLOAT16 = 10, /* IEEE 754 half */
    N6_DTYPE_FLOAT64 = 11, /* IEEE 754 double */
    N6_DTYPE_UINT32 = 12, /* 32-bit unsigned */
    N6_DTYPE_UINT64 = 13, /* 64-bit unsigned */
} n6_dtype_t;

/* Processor of an epoch block; the numbers are ST's node types. */
typedef enum {
    N6_EPOCH_KIND_HW = 0, /* on the NPU, started by the CPU */
    N6_EPOCH_KIND_EXTRA = 1, /* inserted by the runtime (data movement, cache maintenance) */
    N6_EPOCH_KIND_SW = 2, /* on the CPU: a fallback */
    N6_EPOCH_KIND_HYBRID = 3, /* on both */
    N6_EPOCH_KIND_EC = 4, /* on the NPU, sequenced by the epoch controller */
} n6_epoch_kind_t;

/* Source and unit of epoch times. */
typedef enum {
    N6_TIMER_SOURCE_NONE = 0, /* no timers */
    N6_TIMER_SOURCE_DWT_CYCLES = 1, /* CPU cycles of the Cortex-M55's DWT counter around each phase */
    N6_TIMER_SOURCE_LITERT_PROFILER = 2, /* LiteRT's per-operator profiler on the host: simulated */
    N6_TIMER_SOURCE_INSTRUCTION_COUNT = 3, /* instructions counted by QEMU (-icount): not cycles */
    N6_TIMER_SOURCE_HOST_CLOCK = 4, /* the host's monotonic clock around a kernel: simulated */
} n6_timer_source_t;

/* Parts of a network's description (Describe.section). */
typedef enum {
    N6_SECTION_INPUTS = 0, /* TensorRecord each */
    N6_SECTION_OUTPUTS = 1, /* TensorRecord each */
    N6_SECTION_POOLS = 2, /* PoolRecord each */
    N6_SECTION_BLOCKS = 3, /* BlockRecord each */
    N6_SECTION_CARD = 4, /* bytes of a UTF-8 TOML text: the network's task and its parameters; may be empty */
    N6_SECTION_INPUT_SCALES = 5, /* ScaleRecord each: per-channel quantisation of the inputs, tensor after tensor */
    N6_SECTION_OUTPUT_SCALES = 6, /* ScaleRecord each: per-channel quantisation of the outputs, tensor after tensor */
    N6_SECTION_REASON = 7, /* bytes of a UTF-8 text: reason why the network cannot run; empty if it can */
    N6_SECTION_INTERMEDIATES = 8, /* TensorRecord each: intermediate outputs that an inference may return */
} n6_section_t;

/* What to send back of an output (Return.reduction). */
typedef enum {
    N6_REDUCTION_RAW = 0, /* bytes [offset, offset + length); length 0 = to the end */
    N6_REDUCTION_ARGMAX = 1, /* first maximum of each channel: one Peak per channel; the last axis is the channel */
    N6_REDUCTION_TOPK = 2, /* the k largest elements of a row: one Peak each; equal values by lower index */
    N6_REDUCTION_THRESHOLD = 3, /* rows with score channel >= threshold, in index order, at most k: Selected each */
    N6_REDUCTION_THRESHOLD_COLUMNS = 4, /* like THRESHOLD, for a channel-major [channels, rows] tensor */
    N6_REDUCTION_CLASS_MAP = 5, /* class at each position: the first largest channel; LabelRun each */
    N6_REDUCTION_DETECTIONS = 6, /* rows whose largest score >= threshold, with the best score only, at most k: Detected each */
    N6_REDUCTION_CLASS_MAP_COLUMNS = 7, /* like CLASS_MAP, for a channel-major [channels, positions] tensor */
    N6_REDUCTION_DETECTIONS_COLUMNS = 8, /* like DETECTIONS, for a channel-major [channels, rows] tensor */
    N6_REDUCTION_SAME_ROWS = 9, /* the rows that the last THRESHOLD* or DETECTIONS* before it returned, from another output */
} n6_reduction_t;

/* List of tensors for the index Return.output. */
typedef enum {
    N6_SOURCE_OUTPUT = 0, /* the outputs of the network */
    N6_SOURCE_INTERMEDIATE = 1, /* its intermediate outputs */
} n6_source_t;

/* How the bytes of an input are encoded in an upload (Part.encoding). */
typedef enum {
    N6_ENCODING_RAW = 0, /* unchanged, as in the input */
    N6_ENCODING_QOI = 1, /* a picture in QOI, lossless, of exactly the input's size */
    N6_ENCODING_JPEG = 2, /* a picture in baseline JPEG, of exactly the input's size */
} n6_encoding_t;

/* Bits of Part.flags. */
typedef enum {
    N6_PART_FLAG_BGR = 1, /* pictures: channel 0 of the input is blue, not red */
} n6_part_flag_t;

/* Whether a network can run (NetworkRecord.state). */
typedef enum {
    N6_NETWORK_STATE_READY = 0, /* it can run */
    N6_NETWORK_STATE_WEIGHTS_MISSING = 1, /* its weights are not in memory */
    N6_NETWORK_STATE_WEIGHTS_STALE = 2, /* its weights are from another build */
    N6_NETWORK_STATE_FAILED = 3, /* the runtime could not start it */
} n6_network_state_t;

/* Result of a CHECK. */
typedef enum {
    N6_CHECK_STATE_SAME = 0, /* the outputs have the stored digest */
    N6_CHECK_STATE_DIFFERENT = 1, /* the outputs have another digest */
    N6_CHECK_STATE_UNKNOWN = 2, /* no digest is stored */
} n6_check_state_t;

/* Action of a LEASE. */
typedef enum {
    N6_LEASE_ACTION_QUERY = 0, /* return the client that has leased the network */
    N6_LEASE_ACTION_TAKE = 1, /* get the exclusive use of the network, or extend it */
    N6_LEASE_ACTION_RELEASE = 2, /* end the exclusive use */
} n6_lease_action_t;

/* Supply voltage of the core, which limits its clocks (InfoReply.voltage_mode). */
typedef enum {
    N6_VOLTAGE_MODE_UNKNOWN = 0, /* unknown to the port */
    N6_VOLTAGE_MODE_NOMINAL = 1, /* nominal */
    N6_VOLTAGE_MODE_OVERDRIVE = 2, /* overdrive: higher clocks */
} n6_voltage_mode_t;

/* Bits of Infer.flags. */
typedef enum {
    N6_INFER_FLAG_TIMERS = 1, /* return the epoch timers */
    N6_INFER_FLAG_ABORT_LATE = 2, /* also stop a running inference at the next epoch block after its time to live */
} n6_infer_flag_t;

/* InferReply.state. */
typedef enum {
    N6_INFER_STATE_WAITING = 0, /* waits for its upload, which is not committed yet */
    N6_INFER_STATE_QUEUED = 1, /* queued */
    N6_INFER_STATE_RUNNING = 2, /* running */
    N6_INFER_STATE_DONE = 3, /* done; the stored result is sent again */
} n6_infer_state_t;

/* Levels of LOG events; the numbers are those of Python's logging module. */
typedef enum {
    N6_LOG_LEVEL_DEBUG = 10, /* every request */
    N6_LOG_LEVEL_INFO = 20, /* information for users */
    N6_LOG_LEVEL_WARNING = 30, /* a fault that was repaired */
    N6_LOG_LEVEL_ERROR = 40, /* a fault with lost data */
    N6_LOG_LEVEL_NONE = 255, /* no log lines */
} n6_log_level_t;

/* Reset.kind. */
typedef enum {
    N6_RESET_KIND_SESSION = 0, /* cancel all work and drop all results; the session and committed uploads are kept */
    N6_RESET_KIND_DEVICE = 1, /* restart the device after the answer */
} n6_reset_kind_t;

/* Cause of the last start of the device (InfoReply.reset_cause). */
typedef enum {
    N6_RESET_CAUSE_UNKNOWN = 0, /* unknown to the port */
    N6_RESET_CAUSE_POWER_ON = 1, /* power on, or brown-out */
    N6_RESET_CAUSE_PIN = 2, /* reset pin */
    N6_RESET_CAUSE_SOFTWARE = 3, /* RESET request, or debugger */
    N6_RESET_CAUSE_WATCHDOG = 4, /* watchdog */
    N6_RESET_CAUSE_FAULT = 5, /* hard fault; its record is a Field of HelloReply */
} n6_reset_cause_t;

/* Tags of the optional fields after Hello, HelloReply and InfoReply. Unknown tags are skipped. */
typedef enum {
    N6_FIELD_TAG_HOST_NAME = 1, /* UTF-8: name and version of the host program */
    N6_FIELD_TAG_FAULT_RECORD = 2, /* UTF-8: registers of the last hard fault, preserved during the reset */
    N6_FIELD_TAG_NPU_RUNTIME = 3, /* UTF-8: name and version of the network runtime */
    N6_FIELD_TAG_MEMORY = 4, /* UTF-8: one line 'name used total' per memory region */
} n6_field_tag_t;

typedef struct {
    uint16_t magic; /* Limit.MAGIC */
    uint8_t type; /* n6_message_type_t: MessageType */
    uint8_t flags; /* Flag bits */
    uint32_t id; /* id of the request or transfer; ids of a session increase; 0 is for events */
    uint16_t length; /* bytes of payload */
    uint16_t crc; /* CRC-16/CCITT-FALSE of the ten bytes before */
} n6_frame_header_t;
_Static_assert(sizeof(n6_frame_header_t) == 12, "n6_frame_header_t");
#define N6_FRAME_HEADER_BASE_SIZE 12u
_Static_assert(offsetof(n6_frame_header_t, magic) == 0, "n6_frame_header_t.magic");
_Static_assert(offsetof(n6_frame_header_t, type) == 2, "n6_frame_header_t.type");
_Static_assert(offsetof(n6_frame_header_t, flags) == 3, "n6_frame_header_t.flags");
_Static_assert(offsetof(n6_frame_header_t, id) == 4, "n6_frame_header_t.id");
_Static_assert(offsetof(n6_frame_header_t, length) == 8, "n6_frame_header_t.length");
_Static_assert(offsetof(n6_frame_header_t, crc) == 10, "n6_frame_header_t.crc");

typedef struct {
    uint32_t position; /* DATA bytes this side has sent in this session before this chunk, modulo 2^32 */
    uint32_t offset; /* offset of the chunk in the transfer; a multiple of the chunk size */
    uint8_t slot; /* host to device: input slot; device to host: 0 */
    uint8_t reserved; /* 0 */
    uint16_t crc; /* CRC-16/CCITT-FALSE of the ten bytes before */
} n6_data_header_t;
_Static_assert(sizeof(n6_data_header_t) == 12, "n6_data_header_t");
#define N6_DATA_HEADER_BASE_SIZE 12u
_Static_assert(offsetof(n6_data_header_t, position) == 0, "n6_data_header_t.position");
_Static_assert(offsetof(n6_data_header_t, offset) == 4, "n6_data_header_t.offset");
_Static_assert(offsetof(n6_data_header_t, slot) == 8, "n6_data_header_t.slot");
_Static_assert(offsetof(n6_data_header_t, reserved) == 9, "n6_data_header_t.reserved");
_Static_assert(offsetof(n6_data_header_t, crc) == 10, "n6_data_header_t.crc");

typedef struct {
    uint16_t major; /* protocol version */
    uint16_t minor; /* protocol version */
    uint32_t schema; /* SCHEMA_ID of the sender */
    uint64_t nonce; /* chosen by the host, new for each HELLO; the reply repeats it */
    uint16_t head; /* bytes of this struct: the fields start after them */
    uint16_t max_chunk; /* largest chunk that the host can receive or send */
    uint32_t window; /* DATA bytes that the host can receive; Limit.MIN_CHUNK to Limit.MAX_WINDOW */
    uint32_t features; /* Feature bits that the host supports */
    uint8_t flags; /* HelloFlag bits */
    uint8_t role; /* n6_role_t: Role */
    uint16_t reserved; /* 0 */
    uint64_t resume; /* HelloFlag.RESUME: nonce of the last HELLO that opened or resumed the session; else 0 */
} n6_hello_t;
_Static_assert(sizeof(n6_hello_t) == 40, "n6_hello_t");
#define N6_HELLO_BASE_SIZE 40u
_Static_assert(offsetof(n6_hello_t, major) == 0, "n6_hello_t.major");
_Static_assert(offsetof(n6_hello_t, minor) == 2, "n6_hello_t.minor");
_Static_assert(offsetof(n6_hello_t, schema) == 4, "n6_hello_t.schema");
_Static_assert(offsetof(n6_hello_t, nonce) == 8, "n6_hello_t.nonce");
_Static_assert(offsetof(n6_hello_t, head) == 16, "n6_hello_t.head");
_Static_assert(offsetof(n6_hello_t, max_chunk) == 18, "n6_hello_t.max_chunk");
_Static_assert(offsetof(n6_hello_t, window) == 20, "n6_hello_t.window");
_Static_assert(offsetof(n6_hello_t, features) == 24, "n6_hello_t.features");
_Static_assert(offsetof(n6_hello_t, flags) == 28, "n6_hello_t.flags");
_Static_assert(offsetof(n6_hello_t, role) == 29, "n6_hello_t.role");
_Static_assert(offsetof(n6_hello_t, reserved) == 30, "n6_hello_t.reserved");
_Static_assert(offsetof(n6_hello_t, resume) == 32, "n6_hello_t.resume");

typedef struct {
    uint16_t major; /* protocol version */
    uint16_t minor; /* protocol version; the session uses the smaller minor of both sides */
    uint32_t schema; /* SCHEMA_ID of the sender */
    uint64_t nonce; /* that of the Hello */
    uint16_t head; /* bytes of this struct: the fields start after them */
    uint16_t chunk; /* chunk size of both directions: every DATA frame except a transfer's last has exactly this number of bytes */
    uint32_t window; /* DATA bytes that the device can receive */
    uint32_t features; /* Feature bits of the device */
    uint8_t flags; /* HelloReplyFlag bits */
    uint8_t slots; /* number of input slots */
    uint8_t results; /* number of result buffers */
    uint8_t queue; /* maximum number of inferences that wait, are queued or run */
    uint64_t boot_nonce; /* random number created at start-up: another value means that the device was restarted */
    uint64_t tick_hz; /* rate of the device clock, the unit of all its times */
    uint16_t requests; /* maximum number of open requests of the host */
    uint16_t networks; /* number of networks */
    uint32_t slot_size; /* bytes of an input slot */
    uint32_t result_size; /* bytes of a result buffer */
    uint16_t quiet_ms; /* milliseconds without a byte after which the device aborts an unfinished frame */
    uint16_t parts_kb; /* largest upload that consists of parts, in units of 1024 bytes; 0 = without Feature ENCODINGS */
    uint8_t unique_id[16]; /* the chip's unique id, zero padded; all zero = unknown */
    char build[24]; /* build id of the firmware, UTF-8, zero padded */
} n6_hello_reply_t;
_Static_assert(sizeof(n6_hello_reply_t) == 104, "n6_hello_reply_t");
#define N6_HELLO_REPLY_BASE_SIZE 104u
_Static_assert(offsetof(n6_hello_reply_t, major) == 0, "n6_hello_reply_t.major");
_Static_assert(offsetof(n6_hello_reply_t, minor) == 2, "n6_hello_reply_t.minor");
_Static_assert(offsetof(n6_hello_reply_t, schema) == 4, "n6_hello_reply_t.schema");
_Static_assert(offsetof(n6_hello_reply_t, nonce) == 8, "n6_hello_reply_t.nonce");
_Static_assert(offsetof(n6_hello_reply_t, head) == 16, "n6_hello_reply_t.head");
_Static_assert(offsetof(n6_hello_reply_t, chunk) == 18, "n6_hello_reply_t.chunk");
_Static_assert(offsetof(n6_hello_reply_t, window) == 20, "n6_hello_reply_t.window");
_Static_assert(offsetof(n6_hello_reply_t, features) == 24, "n6_hello_reply_t.features");
_Static_assert(offsetof(n6_hello_reply_t, flags) == 28, "n6_hello_reply_t.flags");
_Static_assert(offsetof(n6_hello_reply_t, slots) == 29, "n6_hello_reply_t.slots");
_Static_assert(offsetof(n6_hello_reply_t, results) == 30, "n6_hello_reply_t.results");
_Static_assert(offsetof(n6_hello_reply_t, queue) == 31, "n6_hello_reply_t.queue");
_Static_assert(offsetof(n6_hello_reply_t, boot_nonce) == 32, "n6_hello_reply_t.boot_nonce");
_Static_assert(offsetof(n6_hello_reply_t, tick_hz) == 40, "n6_hello_reply_t.tick_hz");
_Static_assert(offsetof(n6_hello_reply_t, requests) == 48, "n6_hello_reply_t.requests");
_Static_assert(offsetof(n6_hello_reply_t, networks) == 50, "n6_hello_reply_t.networks");
_Static_assert(offsetof(n6_hello_reply_t, slot_size) == 52, "n6_hello_reply_t.slot_size");
_Static_assert(offsetof(n6_hello_reply_t, result_size) == 56, "n6_hello_reply_t.result_size");
_Static_assert(offsetof(n6_hello_reply_t, quiet_ms) == 60, "n6_hello_reply_t.quiet_ms");
_Static_assert(offsetof(n6_hello_reply_t, parts_kb) == 62, "n6_hello_reply_t.parts_kb");
_Static_assert(offsetof(n6_hello_reply_t, unique_id) == 64, "n6_hello_reply_t.unique_id");
_Static_assert(offsetof(n6_hello_reply_t, build) == 80, "n6_hello_reply_t.build");

typedef struct {
    uint16_t tag; /* n6_field_tag_t: FieldTag */
    uint16_t length; /* bytes of value that follow; the next field starts at the next multiple of four */
} n6_field_t;
_Static_assert(sizeof(n6_field_t) == 4, "n6_field_t");
#define N6_FIELD_BASE_SIZE 4u
_Static_assert(offsetof(n6_field_t, tag) == 0, "n6_field_t.tag");
_Static_assert(offsetof(n6_field_t, length) == 2, "n6_field_t.length");

typedef struct {
    uint64_t host_time; /* any number; the reply repeats it */
    uint32_t position; /* DATA bytes sent so far in this session: missing bytes before it are lost */
    uint16_t head; /* bytes of this struct: any bytes may follow, and the reply repeats them */
    uint16_t reserved; /* 0 */
} n6_ping_t;
_Static_assert(sizeof(n6_ping_t) == 16, "n6_ping_t");
#define N6_PING_BASE_SIZE 16u
_Static_assert(offsetof(n6_ping_t, host_time) == 0, "n6_ping_t.host_time");
_Static_assert(offsetof(n6_ping_t, position) == 8, "n6_ping_t.position");
_Static_assert(offsetof(n6_ping_t, head) == 12, "n6_ping_t.head");
_Static_assert(offsetof(n6_ping_t, reserved) == 14, "n6_ping_t.reserved");

typedef struct {
    uint64_t host_time; /* that of the Ping */
    uint64_t device_time; /* ticks since start-up */
    uint32_t limit; /* as in Credit */
    uint32_t position; /* DATA bytes that the device has sent in this session: missing bytes before it are lost */
    uint16_t head; /* bytes of this struct: the bytes after the Ping follow it */
    uint16_t reserved[3]; /* 0 */
} n6_ping_reply_t;
_Static_assert(sizeof(n6_ping_reply_t) == 32, "n6_ping_reply_t");
#define N6_PING_REPLY_BASE_SIZE 32u
_Static_assert(offsetof(n6_ping_reply_t, host_time) == 0, "n6_ping_reply_t.host_time");
_Static_assert(offsetof(n6_ping_reply_t, device_time) == 8, "n6_ping_reply_t.device_time");
_Static_assert(offsetof(n6_ping_reply_t, limit) == 16, "n6_ping_reply_t.limit");
_Static_assert(offsetof(n6_ping_reply_t, position) == 20, "n6_ping_reply_t.position");
_Static_assert(offsetof(n6_ping_reply_t, head) == 24, "n6_ping_reply_t.head");
_Static_assert(offsetof(n6_ping_reply_t, reserved) == 26, "n6_ping_reply_t.reserved");

typedef struct {
    uint32_t limit; /* the peer may send DATA up to this position, modulo 2^32; a later grant replaces it */
} n6_credit_t;
_Static_assert(sizeof(n6_credit_t) == 4, "n6_credit_t");
#define N6_CREDIT_BASE_SIZE 4u
_Static_assert(offsetof(n6_credit_t, limit) == 0, "n6_credit_t.limit");

typedef struct {
    char board[32]; /* board name, UTF-8, zero padded */
    char firmware[24]; /* version of the firmware */
    uint64_t uptime; /* ticks since start-up */
    uint32_t cpu_hz; /* CPU clock; 0 = unknown */
    uint32_t npu_hz; /* NPU clock; 0 = none or unknown */
    uint32_t bus_hz; /* clock of the interconnect; 0 = unknown */
    uint32_t baud; /* bit rate of the link; 0 = not a UART */
    uint32_t ram_total; /* bytes of RAM that the firmware manages */
    uint32_t ram_free; /* free bytes of this RAM */
    int16_t temperature_dc; /* tenths of a degree Celsius, or Limit.NO_TEMPERATURE */
    uint8_t reset_cause; /* n6_reset_cause_t: ResetCause */
    uint8_t timer_source; /* n6_timer_source_t: TimerSource of the epoch timers */
    uint16_t head; /* bytes of this struct: the fields start after them */
    uint8_t voltage_mode; /* n6_voltage_mode_t: VoltageMode of the core */
    uint8_t reserved; /* 0 */
    uint32_t npu_ram_hz; /* clock of the NPU's memories; 0 = unknown */
    uint32_t reserved2; /* 0 */
} n6_info_reply_t;
_Static_assert(sizeof(n6_info_reply_t) == 104, "n6_info_reply_t");
#define N6_INFO_REPLY_BASE_SIZE 104u
_Static_assert(offsetof(n6_info_reply_t, board) == 0, "n6_info_reply_t.board");
_Static_assert(offsetof(n6_info_reply_t, firmware) == 32, "n6_info_reply_t.firmware");
_Static_assert(offsetof(n6_info_reply_t, uptime) == 56, "n6_info_reply_t.uptime");
_Static_assert(offsetof(n6_info_reply_t, cpu_hz) == 64, "n6_info_reply_t.cpu_hz");
_Static_assert(offsetof(n6_info_reply_t, npu_hz) == 68, "n6_info_reply_t.npu_hz");
_Static_assert(offsetof(n6_info_reply_t, bus_hz) == 72, "n6_info_reply_t.bus_hz");
_Static_assert(offsetof(n6_info_reply_t, baud) == 76, "n6_info_reply_t.baud");
_Static_assert(offsetof(n6_info_reply_t, ram_total) == 80, "n6_info_reply_t.ram_total");
_Static_assert(offsetof(n6_info_reply_t, ram_free) == 84, "n6_info_reply_t.ram_free");
_Static_assert(offsetof(n6_info_reply_t, temperature_dc) == 88, "n6_info_reply_t.temperature_dc");
_Static_assert(offsetof(n6_info_reply_t, reset_cause) == 90, "n6_info_reply_t.reset_cause");
_Static_assert(offsetof(n6_info_reply_t, timer_source) == 91, "n6_info_reply_t.timer_source");
_Static_assert(offsetof(n6_info_reply_t, head) == 92, "n6_info_reply_t.head");
_Static_assert(offsetof(n6_info_reply_t, voltage_mode) == 94, "n6_info_reply_t.voltage_mode");
_Static_assert(offsetof(n6_info_reply_t, reserved) == 95, "n6_info_reply_t.reserved");
_Static_assert(offsetof(n6_info_reply_t, npu_ram_hz) == 96, "n6_info_reply_t.npu_ram_hz");
_Static_assert(offsetof(n6_info_reply_t, reserved2) == 100, "n6_info_reply_t.reserved2");

typedef struct {
    uint16_t head; /* bytes of this struct: the records start after them */
    uint16_t record; /* bytes of one record */
    uint16_t first; /* index of the first record of this page */
    uint16_t count; /* records of this page */
    uint16_t total; /* number of networks */
    uint16_t reserved; /* 0 */
} n6_list_reply_t;
_Static_assert(sizeof(n6_list_reply_t) == 12, "n6_list_reply_t");
#define N6_LIST_REPLY_BASE_SIZE 12u
_Static_assert(offsetof(n6_list_reply_t, head) == 0, "n6_list_reply_t.head");
_Static_assert(offsetof(n6_list_reply_t, record) == 2, "n6_list_reply_t.record");
_Static_assert(offsetof(n6_list_reply_t, first) == 4, "n6_list_reply_t.first");
_Static_assert(offsetof(n6_list_reply_t, count) == 6, "n6_list_reply_t.count");
_Static_assert(offsetof(n6_list_reply_t, total) == 8, "n6_list_reply_t.total");
_Static_assert(offsetof(n6_list_reply_t, reserved) == 10, "n6_list_reply_t.reserved");

typedef struct {
    uint16_t first; /* index of the first requested network */
    uint16_t reserved; /* 0 */
} n6_list_t;
_Static_assert(sizeof(n6_list_t) == 4, "n6_list_t");
#define N6_LIST_BASE_SIZE 4u
_Static_assert(offsetof(n6_list_t, first) == 0, "n6_list_t.first");
_Static_assert(offsetof(n6_list_t, reserved) == 2, "n6_list_t.reserved");

typedef struct {
    char name[32]; /* name, UTF-8, zero padded */
    uint32_t digest; /* changes if the network or its description changes */
    uint32_t input_bytes; /* bytes of an upload: the inputs at their slot offsets */
    uint32_t output_bytes; /* bytes of all outputs */
    uint16_t index; /* index of the network in requests */
    uint16_t blocks; /* number of epoch blocks */
    uint16_t epochs; /* number of epochs */
    uint16_t card_bytes; /* length of the card */
    uint8_t inputs; /* number of inputs */
    uint8_t outputs; /* number of outputs */
    uint8_t pools; /* number of memory pools */
    uint8_t timer_source; /* n6_timer_source_t: TimerSource of this network's epoch timers */
    uint8_t state; /* n6_network_state_t: NetworkState; if it is not READY, the section REASON has the reason */
    uint8_t intermediates; /* number of intermediate outputs that an inference may return */
    uint16_t reserved; /* 0 */
} n6_network_record_t;
_Static_assert(sizeof(n6_network_record_t) == 60, "n6_network_record_t");
#define N6_NETWORK_RECORD_BASE_SIZE 60u
_Static_assert(offsetof(n6_network_record_t, name) == 0, "n6_network_record_t.name");
_Static_assert(offsetof(n6_network_record_t, digest) == 32, "n6_network_record_t.digest");
_Static_assert(offsetof(n6_network_record_t, input_bytes) == 36, "n6_network_record_t.input_bytes");
_Static_assert(offsetof(n6_network_record_t, output_bytes) == 40, "n6_network_record_t.output_bytes");
_Static_assert(offsetof(n6_network_record_t, index) == 44, "n6_network_record_t.index");
_Static_assert(offsetof(n6_network_record_t, blocks) == 46, "n6_network_record_t.blocks");
_Static_assert(offsetof(n6_network_record_t, epochs) == 48, "n6_network_record_t.epochs");
_Static_assert(offsetof(n6_network_record_t, card_bytes) == 50, "n6_network_record_t.card_bytes");
_Static_assert(offsetof(n6_network_record_t, inputs) == 52, "n6_network_record_t.inputs");
_Static_assert(offsetof(n6_network_record_t, outputs) == 53, "n6_network_record_t.outputs");
_Static_assert(offsetof(n6_network_record_t, pools) == 54, "n6_network_record_t.pools");
_Static_assert(offsetof(n6_network_record_t, timer_source) == 55, "n6_network_record_t.timer_source");
_Static_assert(offsetof(n6_network_record_t, state) == 56, "n6_network_record_t.state");
_Static_assert(offsetof(n6_network_record_t, intermediates) == 57, "n6_network_record_t.intermediates");
_Static_assert(offsetof(n6_network_record_t, reserved) == 58, "n6_network_record_t.reserved");

typedef struct {
    uint16_t network; /* index of the network */
    uint8_t section; /* n6_section_t: Section */
    uint8_t reserved; /* 0 */
    uint32_t first; /* index of the first requested record (texts: byte) */
} n6_describe_t;
_Static_assert(sizeof(n6_describe_t) == 8, "n6_describe_t");
#define N6_DESCRIBE_BASE_SIZE 8u
_Static_assert(offsetof(n6_describe_t, network) == 0, "n6_describe_t.network");
_Static_assert(offsetof(n6_describe_t, section) == 2, "n6_describe_t.section");
_Static_assert(offsetof(n6_describe_t, reserved) == 3, "n6_describe_t.reserved");
_Static_assert(offsetof(n6_describe_t, first) == 4, "n6_describe_t.first");

typedef struct {
    uint16_t network; /* index of the network */
    uint8_t section; /* n6_section_t: Section */
    uint8_t reserved; /* 0 */
    uint32_t first; /* index of the first record (texts: byte) of this page */
    uint32_t count; /* records (texts: bytes) of this page */
    uint32_t total; /* records (texts: bytes) of the section */
    uint16_t head; /* bytes of this struct: the records start after them */
    uint16_t record; /* bytes of one record (texts: 1) */
} n6_describe_reply_t;
_Static_assert(sizeof(n6_describe_reply_t) == 20, "n6_describe_reply_t");
#define N6_DESCRIBE_REPLY_BASE_SIZE 20u
_Static_assert(offsetof(n6_describe_reply_t, network) == 0, "n6_describe_reply_t.network");
_Static_assert(offsetof(n6_describe_reply_t, section) == 2, "n6_describe_reply_t.section");
_Static_assert(offsetof(n6_describe_reply_t, reserved) == 3, "n6_describe_reply_t.reserved");
_Static_assert(offsetof(n6_describe_reply_t, first) == 4, "n6_describe_reply_t.first");
_Static_assert(offsetof(n6_describe_reply_t, count) == 8, "n6_describe_reply_t.count");
_Static_assert(offsetof(n6_describe_reply_t, total) == 12, "n6_describe_reply_t.total");
_Static_assert(offsetof(n6_describe_reply_t, head) == 16, "n6_describe_reply_t.head");
_Static_assert(offsetof(n6_describe_reply_t, record) == 18, "n6_describe_reply_t.record");

typedef struct {
    char name[32]; /* name, UTF-8, zero padded */
    uint8_t dtype; /* n6_dtype_t: DType */
    uint8_t ndim; /* number of dimensions; 0 = a single value */
    uint16_t scales; /* number of per-channel ScaleRecords; 0 = per tensor */
    uint32_t shape[6]; /* dimensions in memory order, outermost first */
    uint32_t size; /* bytes */
    uint32_t offset; /* inputs: offset in the upload */
    float scale; /* real = (raw - zero_point) * scale; 0 = not quantised */
    int32_t zero_point; /* see scale */
    uint32_t axis; /* axis of the per-channel scales */
    uint32_t encodings; /* inputs: bits 1 << Encoding that a part of this input may have besides RAW */
    uint16_t height; /* rows, if the tensor can be a picture; 0 = it cannot */
    uint16_t width; /* columns of the picture */
    uint16_t channels; /* channels of the picture */
    uint16_t reserved; /* 0 */
} n6_tensor_record_t;
_Static_assert(sizeof(n6_tensor_record_t) == 92, "n6_tensor_record_t");
#define N6_TENSOR_RECORD_BASE_SIZE 92u
_Static_assert(offsetof(n6_tensor_record_t, name) == 0, "n6_tensor_record_t.name");
_Static_assert(offsetof(n6_tensor_record_t, dtype) == 32, "n6_tensor_record_t.dtype");
_Static_assert(offsetof(n6_tensor_record_t, ndim) == 33, "n6_tensor_record_t.ndim");
_Static_assert(offsetof(n6_tensor_record_t, scales) == 34, "n6_tensor_record_t.scales");
_Static_assert(offsetof(n6_tensor_record_t, shape) == 36, "n6_tensor_record_t.shape");
_Static_assert(offsetof(n6_tensor_record_t, size) == 60, "n6_tensor_record_t.size");
_Static_assert(offsetof(n6_tensor_record_t, offset) == 64, "n6_tensor_record_t.offset");
_Static_assert(offsetof(n6_tensor_record_t, scale) == 68, "n6_tensor_record_t.scale");
_Static_assert(offsetof(n6_tensor_record_t, zero_point) == 72, "n6_tensor_record_t.zero_point");
_Static_assert(offsetof(n6_tensor_record_t, axis) == 76, "n6_tensor_record_t.axis");
_Static_assert(offsetof(n6_tensor_record_t, encodings) == 80, "n6_tensor_record_t.encodings");
_Static_assert(offsetof(n6_tensor_record_t, height) == 84, "n6_tensor_record_t.height");
_Static_assert(offsetof(n6_tensor_record_t, width) == 86, "n6_tensor_record_t.width");
_Static_assert(offsetof(n6_tensor_record_t, channels) == 88, "n6_tensor_record_t.channels");
_Static_assert(offsetof(n6_tensor_record_t, reserved) == 90, "n6_tensor_record_t.reserved");

typedef struct {
    float scale; /* scale of one channel */
    int32_t zero_point; /* zero point of one channel */
} n6_scale_record_t;
_Static_assert(sizeof(n6_scale_record_t) == 8, "n6_scale_record_t");
#define N6_SCALE_RECORD_BASE_SIZE 8u
_Static_assert(offsetof(n6_scale_record_t, scale) == 0, "n6_scale_record_t.scale");
_Static_assert(offsetof(n6_scale_record_t, zero_point) == 4, "n6_scale_record_t.zero_point");

typedef struct {
    char name[24]; /* name of the memory pool */
    uint32_t base; /* address */
    uint32_t total; /* bytes */
    uint32_t used; /* bytes used */
    uint32_t weights; /* bytes used for weights */
    uint32_t activations; /* bytes used for activations */
    uint32_t reserved; /* 0 */
} n6_pool_record_t;
_Static_assert(sizeof(n6_pool_record_t) == 48, "n6_pool_record_t");
#define N6_POOL_RECORD_BASE_SIZE 48u
_Static_assert(offsetof(n6_pool_record_t, name) == 0, "n6_pool_record_t.name");
_Static_assert(offsetof(n6_pool_record_t, base) == 24, "n6_pool_record_t.base");
_Static_assert(offsetof(n6_pool_record_t, total) == 28, "n6_pool_record_t.total");
_Static_assert(offsetof(n6_pool_record_t, used) == 32, "n6_pool_record_t.used");
_Static_assert(offsetof(n6_pool_record_t, weights) == 36, "n6_pool_record_t.weights");
_Static_assert(offsetof(n6_pool_record_t, activations) == 40, "n6_pool_record_t.activations");
_Static_assert(offsetof(n6_pool_record_t, reserved) == 44, "n6_pool_record_t.reserved");

typedef struct {
    uint64_t estimated_npu; /* the compiler's estimate of NPU cycles; 0 = unknown */
    uint64_t estimated_total; /* the compiler's estimate of all cycles; 0 = unknown */
    uint16_t first; /* first epoch of the block */
    uint16_t last; /* last epoch of the block */
    uint8_t kind; /* n6_epoch_kind_t: EpochKind */
    uint8_t reserved[3]; /* 0 */
    char operation[24]; /* name of the operation, if known */
} n6_block_record_t;
_Static_assert(sizeof(n6_block_record_t) == 48, "n6_block_record_t");
#define N6_BLOCK_RECORD_BASE_SIZE 48u
_Static_assert(offsetof(n6_block_record_t, estimated_npu) == 0, "n6_block_record_t.estimated_npu");
_Static_assert(offsetof(n6_block_record_t, estimated_total) == 8, "n6_block_record_t.estimated_total");
_Static_assert(offsetof(n6_block_record_t, first) == 16, "n6_block_record_t.first");
_Static_assert(offsetof(n6_block_record_t, last) == 18, "n6_block_record_t.last");
_Static_assert(offsetof(n6_block_record_t, kind) == 20, "n6_block_record_t.kind");
_Static_assert(offsetof(n6_block_record_t, reserved) == 21, "n6_block_record_t.reserved");
_Static_assert(offsetof(n6_block_record_t, operation) == 24, "n6_block_record_t.operation");

typedef struct {
    uint8_t level; /* n6_log_level_t: LogLevel */
    uint8_t reserved[3]; /* 0 */
} n6_log_level_request_t;
_Static_assert(sizeof(n6_log_level_request_t) == 4, "n6_log_level_request_t");
#define N6_LOG_LEVEL_REQUEST_BASE_SIZE 4u
_Static_assert(offsetof(n6_log_level_request_t, level) == 0, "n6_log_level_request_t.level");
_Static_assert(offsetof(n6_log_level_request_t, reserved) == 1, "n6_log_level_request_t.reserved");

typedef struct {
    uint8_t kind; /* n6_reset_kind_t: ResetKind */
    uint8_t reserved[7]; /* 0 */
    uint64_t boot_nonce; /* DEVICE: the device's; if it differs, the device answers and does not restart. SESSION: 0 */
} n6_reset_t;
_Static_assert(sizeof(n6_reset_t) == 16, "n6_reset_t");
#define N6_RESET_BASE_SIZE 16u
_Static_assert(offsetof(n6_reset_t, kind) == 0, "n6_reset_t.kind");
_Static_assert(offsetof(n6_reset_t, reserved) == 1, "n6_reset_t.reserved");
_Static_assert(offsetof(n6_reset_t, boot_nonce) == 8, "n6_reset_t.boot_nonce");

typedef struct {
    uint32_t position; /* DATA bytes sent so far in this session */
    uint32_t length; /* bytes of the upload */
    uint32_t crc; /* zlib.crc32 of these bytes, as sent */
    uint16_t network; /* index of the network */
    uint8_t slot; /* input slot */
    uint8_t parts; /* number of Part records that follow; 0 = the raw bytes of all inputs, each at its TensorRecord.offset */
    uint16_t head; /* bytes of this struct: the records start after them */
    uint16_t record; /* bytes of one Part */
} n6_commit_t;
_Static_assert(sizeof(n6_commit_t) == 20, "n6_commit_t");
#define N6_COMMIT_BASE_SIZE 20u
_Static_assert(offsetof(n6_commit_t, position) == 0, "n6_commit_t.position");
_Static_assert(offsetof(n6_commit_t, length) == 4, "n6_commit_t.length");
_Static_assert(offsetof(n6_commit_t, crc) == 8, "n6_commit_t.crc");
_Static_assert(offsetof(n6_commit_t, network) == 12, "n6_commit_t.network");
_Static_assert(offsetof(n6_commit_t, slot) == 14, "n6_commit_t.slot");
_Static_assert(offsetof(n6_commit_t, parts) == 15, "n6_commit_t.parts");
_Static_assert(offsetof(n6_commit_t, head) == 16, "n6_commit_t.head");
_Static_assert(offsetof(n6_commit_t, record) == 18, "n6_commit_t.record");

typedef struct {
    uint32_t offset; /* start in the upload; a multiple of four */
    uint32_t length; /* its bytes */
    uint8_t input; /* index of its input */
    uint8_t encoding; /* n6_encoding_t: Encoding */
    uint8_t tables; /* pictures: number of tables of 256 raw values at the start of the part; 0 = none */
    uint8_t flags; /* PartFlag bits */
} n6_part_t;
_Static_assert(sizeof(n6_part_t) == 12, "n6_part_t");
#define N6_PART_BASE_SIZE 12u
_Static_assert(offsetof(n6_part_t, offset) == 0, "n6_part_t.offset");
_Static_assert(offsetof(n6_part_t, length) == 4, "n6_part_t.length");
_Static_assert(offsetof(n6_part_t, input) == 8, "n6_part_t.input");
_Static_assert(offsetof(n6_part_t, encoding) == 9, "n6_part_t.encoding");
_Static_assert(offsetof(n6_part_t, tables) == 10, "n6_part_t.tables");
_Static_assert(offsetof(n6_part_t, flags) == 11, "n6_part_t.flags");

typedef struct {
    uint64_t key; /* idempotency key, a random number: an inference with the same key does not run again */
    uint32_t upload; /* id of the upload that must be in the slot; not 0 */
    uint32_t digest; /* Commit.crc of that upload */
    uint32_t ttl_us; /* time to live in microseconds from now; 0 = unlimited */
    uint16_t network; /* index of the network */
    uint8_t slot; /* input slot */
    uint8_t priority; /* larger runs first; if equal: the network that ran longest ago, then in order */
    uint8_t flags; /* InferFlag bits */
    uint8_t returns; /* number of Return records that follow; 0 = all outputs, raw */
    uint8_t head; /* bytes of this struct: the records start after them */
    uint8_t record; /* bytes of one Return */
    uint32_t reserved; /* 0 */
} n6_infer_t;
_Static_assert(sizeof(n6_infer_t) == 32, "n6_infer_t");
#define N6_INFER_BASE_SIZE 32u
_Static_assert(offsetof(n6_infer_t, key) == 0, "n6_infer_t.key");
_Static_assert(offsetof(n6_infer_t, upload) == 8, "n6_infer_t.upload");
_Static_assert(offsetof(n6_infer_t, digest) == 12, "n6_infer_t.digest");
_Static_assert(offsetof(n6_infer_t, ttl_us) == 16, "n6_infer_t.ttl_us");
_Static_assert(offsetof(n6_infer_t, network) == 20, "n6_infer_t.network");
_Static_assert(offsetof(n6_infer_t, slot) == 22, "n6_infer_t.slot");
_Static_assert(offsetof(n6_infer_t, priority) == 23, "n6_infer_t.priority");
_Static_assert(offsetof(n6_infer_t, flags) == 24, "n6_infer_t.flags");
_Static_assert(offsetof(n6_infer_t, returns) == 25, "n6_infer_t.returns");
_Static_assert(offsetof(n6_infer_t, head) == 26, "n6_infer_t.head");
_Static_assert(offsetof(n6_infer_t, record) == 27, "n6_infer_t.record");
_Static_assert(offsetof(n6_infer_t, reserved) == 28, "n6_infer_t.reserved");

typedef struct {
    uint16_t output; /* index of the output */
    uint8_t source; /* n6_source_t: Source */
    uint8_t reduction; /* n6_reduction_t: Reduction */
    uint32_t offset; /* RAW: first byte; TOPK: first element of the row */
    uint32_t length; /* RAW: bytes; TOPK: elements of the row; DETECTIONS*: number of score channels; 0 = to the end */
    uint32_t threshold; /* THRESHOLD*, DETECTIONS*, CLASS_MAP* of one channel: int32 raw value, or float32 bits for a float tensor */
    uint16_t channels; /* size of the axis of the channels, or a divisor of it (section 7); TOPK: 0 */
    uint16_t channel; /* THRESHOLD*: index of the score channel; DETECTIONS*: index of the first one */
    uint16_t k; /* TOPK: 1..MAX_TOPK; THRESHOLD*, DETECTIONS*: maximum number of returned rows */
    uint16_t reserved; /* 0 */
} n6_return_t;
_Static_assert(sizeof(n6_return_t) == 24, "n6_return_t");
#define N6_RETURN_BASE_SIZE 24u
_Static_assert(offsetof(n6_return_t, output) == 0, "n6_return_t.output");
_Static_assert(offsetof(n6_return_t, source) == 2, "n6_return_t.source");
_Static_assert(offsetof(n6_return_t, reduction) == 3, "n6_return_t.reduction");
_Static_assert(offsetof(n6_return_t, offset) == 4, "n6_return_t.offset");
_Static_assert(offsetof(n6_return_t, length) == 8, "n6_return_t.length");
_Static_assert(offsetof(n6_return_t, threshold) == 12, "n6_return_t.threshold");
_Static_assert(offsetof(n6_return_t, channels) == 16, "n6_return_t.channels");
_Static_assert(offsetof(n6_return_t, channel) == 18, "n6_return_t.channel");
_Static_assert(offsetof(n6_return_t, k) == 20, "n6_return_t.k");
_Static_assert(offsetof(n6_return_t, reserved) == 22, "n6_return_t.reserved");

typedef struct {
    uint8_t state; /* n6_infer_state_t: InferState */
    uint8_t depth; /* inferences that wait, are queued or run, including this one */
    uint16_t reserved; /* 0 */
} n6_infer_reply_t;
_Static_assert(sizeof(n6_infer_reply_t) == 4, "n6_infer_reply_t");
#define N6_INFER_REPLY_BASE_SIZE 4u
_Static_assert(offsetof(n6_infer_reply_t, state) == 0, "n6_infer_reply_t.state");
_Static_assert(offsetof(n6_infer_reply_t, depth) == 1, "n6_infer_reply_t.depth");
_Static_assert(offsetof(n6_infer_reply_t, reserved) == 2, "n6_infer_reply_t.reserved");

typedef struct {
    uint64_t t_queued; /* device time at which the INFER arrived */
    uint64_t t_committed; /* device time at which its input was complete */
    uint64_t t_start; /* device time at which the network started */
    uint64_t t_end; /* device time at which it ended */
    uint32_t length; /* bytes of DATA that follow */
    uint32_t crc; /* zlib.crc32 of these bytes */
    uint16_t network; /* index of the network */
    uint8_t outputs; /* number of ResultRecords that follow */
    uint8_t timer_shift; /* a timer value v means v << timer_shift ticks of the device clock */
    uint16_t blocks; /* number of EpochTime records at timers_offset; 0 = none */
    uint16_t head; /* bytes of this struct: the records start after them */
    uint32_t timers_offset; /* offset of the EpochTime records in the DATA */
    uint16_t record; /* bytes of one ResultRecord */
    uint8_t timer_record; /* bytes of one EpochTime */
    uint8_t reserved; /* 0 */
} n6_result_t;
_Static_assert(sizeof(n6_result_t) == 56, "n6_result_t");
#define N6_RESULT_BASE_SIZE 56u
_Static_assert(offsetof(n6_result_t, t_queued) == 0, "n6_result_t.t_queued");
_Static_assert(offsetof(n6_result_t, t_committed) == 8, "n6_result_t.t_committed");
_Static_assert(offsetof(n6_result_t, t_start) == 16, "n6_result_t.t_start");
_Static_assert(offsetof(n6_result_t, t_end) == 24, "n6_result_t.t_end");
_Static_assert(offsetof(n6_result_t, length) == 32, "n6_result_t.length");
_Static_assert(offsetof(n6_result_t, crc) == 36, "n6_result_t.crc");
_Static_assert(offsetof(n6_result_t, network) == 40, "n6_result_t.network");
_Static_assert(offsetof(n6_result_t, outputs) == 42, "n6_result_t.outputs");
_Static_assert(offsetof(n6_result_t, timer_shift) == 43, "n6_result_t.timer_shift");
_Static_assert(offsetof(n6_result_t, blocks) == 44, "n6_result_t.blocks");
_Static_assert(offsetof(n6_result_t, head) == 46, "n6_result_t.head");
_Static_assert(offsetof(n6_result_t, timers_offset) == 48, "n6_result_t.timers_offset");
_Static_assert(offsetof(n6_result_t, record) == 52, "n6_result_t.record");
_Static_assert(offsetof(n6_result_t, timer_record) == 54, "n6_result_t.timer_record");
_Static_assert(offsetof(n6_result_t, reserved) == 55, "n6_result_t.reserved");

typedef struct {
    uint16_t output; /* index of the output */
    uint8_t source; /* n6_source_t: Source */
    uint8_t reduction; /* n6_reduction_t: Reduction */
    uint32_t offset; /* its offset in the DATA */
    uint32_t length; /* its bytes */
    uint32_t count; /* records of a reduction, or rows that passed the threshold: may be more than the returned rows */
} n6_result_record_t;
_Static_assert(sizeof(n6_result_record_t) == 16, "n6_result_record_t");
#define N6_RESULT_RECORD_BASE_SIZE 16u
_Static_assert(offsetof(n6_result_record_t, output) == 0, "n6_result_record_t.output");
_Static_assert(offsetof(n6_result_record_t, source) == 2, "n6_result_record_t.source");
_Static_assert(offsetof(n6_result_record_t, reduction) == 3, "n6_result_record_t.reduction");
_Static_assert(offsetof(n6_result_record_t, offset) == 4, "n6_result_record_t.offset");
_Static_assert(offsetof(n6_result_record_t, length) == 8, "n6_result_record_t.length");
_Static_assert(offsetof(n6_result_record_t, count) == 12, "n6_result_record_t.count");

typedef struct {
    uint32_t start; /* ticks >> timer_shift from Result.t_start to the start of the block */
    uint32_t pre; /* preparation on the CPU, ticks >> timer_shift */
    uint32_t core; /* from the start of the block's work to its end */
    uint32_t post; /* completion on the CPU; the work of a SW block is here or in core, depending on the runtime */
} n6_epoch_time_t;
_Static_assert(sizeof(n6_epoch_time_t) == 16, "n6_epoch_time_t");
#define N6_EPOCH_TIME_BASE_SIZE 16u
_Static_assert(offsetof(n6_epoch_time_t, start) == 0, "n6_epoch_time_t.start");
_Static_assert(offsetof(n6_epoch_time_t, pre) == 4, "n6_epoch_time_t.pre");
_Static_assert(offsetof(n6_epoch_time_t, core) == 8, "n6_epoch_time_t.core");
_Static_assert(offsetof(n6_epoch_time_t, post) == 12, "n6_epoch_time_t.post");

typedef struct {
    uint32_t index; /* flat index in the channel (ARGMAX) or in the row (TOPK) */
    int32_t value; /* raw value; for a float tensor the bits of the float32 */
} n6_peak_t;
_Static_assert(sizeof(n6_peak_t) == 8, "n6_peak_t");
#define N6_PEAK_BASE_SIZE 8u
_Static_assert(offsetof(n6_peak_t, index) == 0, "n6_peak_t.index");
_Static_assert(offsetof(n6_peak_t, value) == 4, "n6_peak_t.value");

typedef struct {
    uint32_t index; /* row; its channels values of the tensor's type follow, padded to a multiple of four bytes */
} n6_selected_t;
_Static_assert(sizeof(n6_selected_t) == 4, "n6_selected_t");
#define N6_SELECTED_BASE_SIZE 4u
_Static_assert(offsetof(n6_selected_t, index) == 0, "n6_selected_t.index");

typedef struct {
    uint32_t index; /* row; its values of the tensor's type follow, of all scores only the best, padded to a multiple of four bytes */
    uint16_t best; /* number of the best score, from 0; the lowest of equal ones */
    uint16_t reserved; /* 0 */
} n6_detected_t;
_Static_assert(sizeof(n6_detected_t) == 8, "n6_detected_t");
#define N6_DETECTED_BASE_SIZE 8u
_Static_assert(offsetof(n6_detected_t, index) == 0, "n6_detected_t.index");
_Static_assert(offsetof(n6_detected_t, best) == 4, "n6_detected_t.best");
_Static_assert(offsetof(n6_detected_t, reserved) == 6, "n6_detected_t.reserved");

typedef struct {
    uint8_t label; /* class */
    uint8_t more; /* number of further positions with this class, directly after the first */
} n6_label_run_t;
_Static_assert(sizeof(n6_label_run_t) == 2, "n6_label_run_t");
#define N6_LABEL_RUN_BASE_SIZE 2u
_Static_assert(offsetof(n6_label_run_t, label) == 0, "n6_label_run_t.label");
_Static_assert(offsetof(n6_label_run_t, more) == 1, "n6_label_run_t.more");

typedef struct {
    uint32_t target; /* id of the INFER */
} n6_cancel_t;
_Static_assert(sizeof(n6_cancel_t) == 4, "n6_cancel_t");
#define N6_CANCEL_BASE_SIZE 4u
_Static_assert(offsetof(n6_cancel_t, target) == 0, "n6_cancel_t.target");

typedef struct {
    uint32_t found; /* 1 if the inference waited, was queued or ran, or its result was held; 0 if the id is unknown */
} n6_cancel_reply_t;
_Static_assert(sizeof(n6_cancel_reply_t) == 4, "n6_cancel_reply_t");
#define N6_CANCEL_REPLY_BASE_SIZE 4u
_Static_assert(offsetof(n6_cancel_reply_t, found) == 0, "n6_cancel_reply_t.found");

typedef struct {
    uint32_t target; /* id of the INFER */
} n6_release_t;
_Static_assert(sizeof(n6_release_t) == 4, "n6_release_t");
#define N6_RELEASE_BASE_SIZE 4u
_Static_assert(offsetof(n6_release_t, target) == 0, "n6_release_t.target");

typedef struct {
    uint32_t offset; /* first missing byte of the transfer with the frame's id; a multiple of the chunk size */
    uint32_t length; /* missing bytes, 0 = to the end */
} n6_nak_t;
_Static_assert(sizeof(n6_nak_t) == 8, "n6_nak_t");
#define N6_NAK_BASE_SIZE 8u
_Static_assert(offsetof(n6_nak_t, offset) == 0, "n6_nak_t.offset");
_Static_assert(offsetof(n6_nak_t, length) == 4, "n6_nak_t.length");

typedef struct {
    uint64_t time; /* device time */
    uint8_t level; /* n6_log_level_t: LogLevel */
    uint8_t reserved; /* 0 */
    uint16_t head; /* bytes of this struct: the text starts after them */
    uint32_t dropped; /* log lines that were dropped before this one, since start-up */
} n6_log_t;
_Static_assert(sizeof(n6_log_t) == 16, "n6_log_t");
#define N6_LOG_BASE_SIZE 16u
_Static_assert(offsetof(n6_log_t, time) == 0, "n6_log_t.time");
_Static_assert(offsetof(n6_log_t, level) == 8, "n6_log_t.level");
_Static_assert(offsetof(n6_log_t, reserved) == 9, "n6_log_t.reserved");
_Static_assert(offsetof(n6_log_t, head) == 10, "n6_log_t.head");
_Static_assert(offsetof(n6_log_t, dropped) == 12, "n6_log_t.dropped");

typedef struct {
    uint8_t status; /* n6_status_t: Status */
    uint8_t type; /* n6_message_type_t: type of the request */
    uint16_t field; /* offset of the refused field in the request's payload; Limit.NO_FIELD = none */
    uint32_t value; /* its value, or a number that depends on the status */
} n6_error_reply_t;
_Static_assert(sizeof(n6_error_reply_t) == 8, "n6_error_reply_t");
#define N6_ERROR_REPLY_BASE_SIZE 8u
_Static_assert(offsetof(n6_error_reply_t, status) == 0, "n6_error_reply_t.status");
_Static_assert(offsetof(n6_error_reply_t, type) == 1, "n6_error_reply_t.type");
_Static_assert(offsetof(n6_error_reply_t, field) == 2, "n6_error_reply_t.field");
_Static_assert(offsetof(n6_error_reply_t, value) == 4, "n6_error_reply_t.value");

typedef struct {
    uint32_t interval_ms; /* time between two STATS events; 0 = none */
} n6_subscribe_t;
_Static_assert(sizeof(n6_subscribe_t) == 4, "n6_subscribe_t");
#define N6_SUBSCRIBE_BASE_SIZE 4u
_Static_assert(offsetof(n6_subscribe_t, interval_ms) == 0, "n6_subscribe_t.interval_ms");

typedef struct {
    uint16_t first; /* index of the first requested network */
    uint16_t reserved; /* 0 */
} n6_stats_request_t;
_Static_assert(sizeof(n6_stats_request_t) == 4, "n6_stats_request_t");
#define N6_STATS_REQUEST_BASE_SIZE 4u
_Static_assert(offsetof(n6_stats_request_t, first) == 0, "n6_stats_request_t.first");
_Static_assert(offsetof(n6_stats_request_t, reserved) == 2, "n6_stats_request_t.reserved");

typedef struct {
    uint64_t time; /* device time */
    uint64_t since; /* device time of the last RESET_STATS */
    uint64_t rx_bytes; /* bytes received */
    uint64_t tx_bytes; /* bytes sent */
    uint32_t rx_frames; /* good frames received */
    uint32_t tx_frames; /* frames sent */
    uint32_t header_errors; /* headers that failed their CRC-16 */
    uint32_t payload_errors; /* payloads that failed their CRC-32 */
    uint32_t skipped; /* bytes skipped during the search for a frame */
    uint32_t resyncs; /* number of searches for a frame */
    uint32_t naks_sent; /* NAK frames sent */
    uint32_t naks_received; /* NAK frames received */
    uint32_t retransmits; /* chunks sent again */
    uint32_t duplicates; /* chunks received again */
    uint32_t credits_used; /* DATA bytes that were sent and that the host has not yet granted again */
    uint32_t free_bytes; /* bytes of input slots and result buffers that are not in use */
    uint32_t log_dropped; /* log lines dropped */
    uint16_t queue; /* inferences that wait, are queued or run */
    int16_t temperature_dc; /* as in InfoReply */
    uint32_t cpu_hz; /* CPU clock */
    uint32_t npu_hz; /* NPU clock */
    uint32_t refused; /* dropped DATA frames: after the grant, for a slot in use, or impossible */
    uint16_t head; /* bytes of this struct: the records start after them */
    uint16_t record; /* bytes of one NetworkStats */
    uint16_t first; /* index of the first record of this page */
    uint16_t count; /* records of this page */
    uint16_t total; /* number of networks */
    uint16_t reserved; /* 0 */
} n6_stats_reply_t;
_Static_assert(sizeof(n6_stats_reply_t) == 112, "n6_stats_reply_t");
#define N6_STATS_REPLY_BASE_SIZE 112u
_Static_assert(offsetof(n6_stats_reply_t, time) == 0, "n6_stats_reply_t.time");
_Static_assert(offsetof(n6_stats_reply_t, since) == 8, "n6_stats_reply_t.since");
_Static_assert(offsetof(n6_stats_reply_t, rx_bytes) == 16, "n6_stats_reply_t.rx_bytes");
_Static_assert(offsetof(n6_stats_reply_t, tx_bytes) == 24, "n6_stats_reply_t.tx_bytes");
_Static_assert(offsetof(n6_stats_reply_t, rx_frames) == 32, "n6_stats_reply_t.rx_frames");
_Static_assert(offsetof(n6_stats_reply_t, tx_frames) == 36, "n6_stats_reply_t.tx_frames");
_Static_assert(offsetof(n6_stats_reply_t, header_errors) == 40, "n6_stats_reply_t.header_errors");
_Static_assert(offsetof(n6_stats_reply_t, payload_errors) == 44, "n6_stats_reply_t.payload_errors");
_Static_assert(offsetof(n6_stats_reply_t, skipped) == 48, "n6_stats_reply_t.skipped");
_Static_assert(offsetof(n6_stats_reply_t, resyncs) == 52, "n6_stats_reply_t.resyncs");
_Static_assert(offsetof(n6_stats_reply_t, naks_sent) == 56, "n6_stats_reply_t.naks_sent");
_Static_assert(offsetof(n6_stats_reply_t, naks_received) == 60, "n6_stats_reply_t.naks_received");
_Static_assert(offsetof(n6_stats_reply_t, retransmits) == 64, "n6_stats_reply_t.retransmits");
_Static_assert(offsetof(n6_stats_reply_t, duplicates) == 68, "n6_stats_reply_t.duplicates");
_Static_assert(offsetof(n6_stats_reply_t, credits_used) == 72, "n6_stats_reply_t.credits_used");
_Static_assert(offsetof(n6_stats_reply_t, free_bytes) == 76, "n6_stats_reply_t.free_bytes");
_Static_assert(offsetof(n6_stats_reply_t, log_dropped) == 80, "n6_stats_reply_t.log_dropped");
_Static_assert(offsetof(n6_stats_reply_t, queue) == 84, "n6_stats_reply_t.queue");
_Static_assert(offsetof(n6_stats_reply_t, temperature_dc) == 86, "n6_stats_reply_t.temperature_dc");
_Static_assert(offsetof(n6_stats_reply_t, cpu_hz) == 88, "n6_stats_reply_t.cpu_hz");
_Static_assert(offsetof(n6_stats_reply_t, npu_hz) == 92, "n6_stats_reply_t.npu_hz");
_Static_assert(offsetof(n6_stats_reply_t, refused) == 96, "n6_stats_reply_t.refused");
_Static_assert(offsetof(n6_stats_reply_t, head) == 100, "n6_stats_reply_t.head");
_Static_assert(offsetof(n6_stats_reply_t, record) == 102, "n6_stats_reply_t.record");
_Static_assert(offsetof(n6_stats_reply_t, first) == 104, "n6_stats_reply_t.first");
_Static_assert(offsetof(n6_stats_reply_t, count) == 106, "n6_stats_reply_t.count");
_Static_assert(offsetof(n6_stats_reply_t, total) == 108, "n6_stats_reply_t.total");
_Static_assert(offsetof(n6_stats_reply_t, reserved) == 110, "n6_stats_reply_t.reserved");

typedef struct {
    uint64_t sum; /* ticks of all successful runs */
    uint64_t last; /* ticks of the last successful run */
    uint64_t min; /* ticks of the shortest */
    uint64_t max; /* ticks of the longest */
    uint64_t wait_sum; /* ticks that the runs waited in the queue */
    uint32_t runs; /* successful inferences */
    uint32_t errors; /* inferences that ended with NPU_FAULT or TOO_LARGE */
    uint32_t cancelled; /* cancelled inferences */
    uint32_t late; /* inferences that were dropped or stopped by their deadline */
    uint16_t queued; /* inferences that wait, are queued or run */
    uint16_t index; /* index of the network */
    uint32_t reserved; /* 0 */
} n6_network_stats_t;
_Static_assert(sizeof(n6_network_stats_t) == 64, "n6_network_stats_t");
#define N6_NETWORK_STATS_BASE_SIZE 64u
_Static_assert(offsetof(n6_network_stats_t, sum) == 0, "n6_network_stats_t.sum");
_Static_assert(offsetof(n6_network_stats_t, last) == 8, "n6_network_stats_t.last");
_Static_assert(offsetof(n6_network_stats_t, min) == 16, "n6_network_stats_t.min");
_Static_assert(offsetof(n6_network_stats_t, max) == 24, "n6_network_stats_t.max");
_Static_assert(offsetof(n6_network_stats_t, wait_sum) == 32, "n6_network_stats_t.wait_sum");
_Static_assert(offsetof(n6_network_stats_t, runs) == 40, "n6_network_stats_t.runs");
_Static_assert(offsetof(n6_network_stats_t, errors) == 44, "n6_network_stats_t.errors");
_Static_assert(offsetof(n6_network_stats_t, cancelled) == 48, "n6_network_stats_t.cancelled");
_Static_assert(offsetof(n6_network_stats_t, late) == 52, "n6_network_stats_t.late");
_Static_assert(offsetof(n6_network_stats_t, queued) == 56, "n6_network_stats_t.queued");
_Static_assert(offsetof(n6_network_stats_t, index) == 58, "n6_network_stats_t.index");
_Static_assert(offsetof(n6_network_stats_t, reserved) == 60, "n6_network_stats_t.reserved");

typedef struct {
    uint16_t network; /* index of the network */
    uint16_t first; /* first requested block */
} n6_epoch_stats_t;
_Static_assert(sizeof(n6_epoch_stats_t) == 4, "n6_epoch_stats_t");
#define N6_EPOCH_STATS_BASE_SIZE 4u
_Static_assert(offsetof(n6_epoch_stats_t, network) == 0, "n6_epoch_stats_t.network");
_Static_assert(offsetof(n6_epoch_stats_t, first) == 2, "n6_epoch_stats_t.first");

typedef struct {
    uint16_t network; /* index of the network */
    uint16_t first; /* first block of this page */
    uint16_t count; /* BlockStats records of this page */
    uint16_t total; /* blocks of the network */
    uint32_t runs; /* number of inferences in the sums */
    uint16_t head; /* bytes of this struct: the records start after them */
    uint16_t record; /* bytes of one BlockStats */
} n6_epoch_stats_reply_t;
_Static_assert(sizeof(n6_epoch_stats_reply_t) == 16, "n6_epoch_stats_reply_t");
#define N6_EPOCH_STATS_REPLY_BASE_SIZE 16u
_Static_assert(offsetof(n6_epoch_stats_reply_t, network) == 0, "n6_epoch_stats_reply_t.network");
_Static_assert(offsetof(n6_epoch_stats_reply_t, first) == 2, "n6_epoch_stats_reply_t.first");
_Static_assert(offsetof(n6_epoch_stats_reply_t, count) == 4, "n6_epoch_stats_reply_t.count");
_Static_assert(offsetof(n6_epoch_stats_reply_t, total) == 6, "n6_epoch_stats_reply_t.total");
_Static_assert(offsetof(n6_epoch_stats_reply_t, runs) == 8, "n6_epoch_stats_reply_t.runs");
_Static_assert(offsetof(n6_epoch_stats_reply_t, head) == 12, "n6_epoch_stats_reply_t.head");
_Static_assert(offsetof(n6_epoch_stats_reply_t, record) == 14, "n6_epoch_stats_reply_t.record");

typedef struct {
    uint64_t pre; /* sum of ticks */
    uint64_t core; /* sum of ticks */
    uint64_t post; /* sum of ticks */
    uint32_t min; /* ticks of the fastest run of the whole block, at most 2^32 - 1 */
    uint32_t max; /* ticks of the slowest run of the whole block, at most 2^32 - 1 */
} n6_block_stats_t;
_Static_assert(sizeof(n6_block_stats_t) == 32, "n6_block_stats_t");
#define N6_BLOCK_STATS_BASE_SIZE 32u
_Static_assert(offsetof(n6_block_stats_t, pre) == 0, "n6_block_stats_t.pre");
_Static_assert(offsetof(n6_block_stats_t, core) == 8, "n6_block_stats_t.core");
_Static_assert(offsetof(n6_block_stats_t, post) == 16, "n6_block_stats_t.post");
_Static_assert(offsetof(n6_block_stats_t, min) == 24, "n6_block_stats_t.min");
_Static_assert(offsetof(n6_block_stats_t, max) == 28, "n6_block_stats_t.max");

typedef struct {
    uint32_t baud; /* bit rate that the host requests */
    uint32_t reserved; /* 0 */
} n6_rate_t;
_Static_assert(sizeof(n6_rate_t) == 8, "n6_rate_t");
#define N6_RATE_BASE_SIZE 8u
_Static_assert(offsetof(n6_rate_t, baud) == 0, "n6_rate_t.baud");
_Static_assert(offsetof(n6_rate_t, reserved) == 4, "n6_rate_t.reserved");

typedef struct {
    uint32_t baud; /* that of the Rate: the device sets it after this frame */
    uint32_t switch_ms; /* maximum milliseconds from the end of this frame until the device has the new rate */
} n6_rate_reply_t;
_Static_assert(sizeof(n6_rate_reply_t) == 8, "n6_rate_reply_t");
#define N6_RATE_REPLY_BASE_SIZE 8u
_Static_assert(offsetof(n6_rate_reply_t, baud) == 0, "n6_rate_reply_t.baud");
_Static_assert(offsetof(n6_rate_reply_t, switch_ms) == 4, "n6_rate_reply_t.switch_ms");

typedef struct {
    uint16_t network; /* index of the network */
    uint16_t reserved; /* 0 */
} n6_check_t;
_Static_assert(sizeof(n6_check_t) == 4, "n6_check_t");
#define N6_CHECK_BASE_SIZE 4u
_Static_assert(offsetof(n6_check_t, network) == 0, "n6_check_t.network");
_Static_assert(offsetof(n6_check_t, reserved) == 2, "n6_check_t.reserved");

typedef struct {
    uint64_t ticks; /* time of the run with the stored input */
    uint32_t digest; /* zlib.crc32 of all raw outputs, in order */
    uint8_t state; /* n6_check_state_t: CheckState */
    uint8_t reserved[3]; /* 0 */
} n6_check_reply_t;
_Static_assert(sizeof(n6_check_reply_t) == 16, "n6_check_reply_t");
#define N6_CHECK_REPLY_BASE_SIZE 16u
_Static_assert(offsetof(n6_check_reply_t, ticks) == 0, "n6_check_reply_t.ticks");
_Static_assert(offsetof(n6_check_reply_t, digest) == 8, "n6_check_reply_t.digest");
_Static_assert(offsetof(n6_check_reply_t, state) == 12, "n6_check_reply_t.state");
_Static_assert(offsetof(n6_check_reply_t, reserved) == 13, "n6_check_reply_t.reserved");

typedef struct {
    uint16_t network; /* index of the network */
    uint8_t action; /* n6_lease_action_t: LeaseAction */
    uint8_t reserved; /* 0 */
    uint32_t duration_ms; /* duration of the lease */
} n6_lease_t;
_Static_assert(sizeof(n6_lease_t) == 8, "n6_lease_t");
#define N6_LEASE_BASE_SIZE 8u
_Static_assert(offsetof(n6_lease_t, network) == 0, "n6_lease_t.network");
_Static_assert(offsetof(n6_lease_t, action) == 2, "n6_lease_t.action");
_Static_assert(offsetof(n6_lease_t, reserved) == 3, "n6_lease_t.reserved");
_Static_assert(offsetof(n6_lease_t, duration_ms) == 4, "n6_lease_t.duration_ms");

typedef struct {
    uint32_t remaining_ms; /* time to the end of the lease; 0 = not leased */
    uint8_t own; /* 1 if the requesting client has the lease */
    uint8_t reserved; /* 0 */
    uint16_t head; /* bytes of this struct: the name of the client with the lease, UTF-8, follows */
} n6_lease_reply_t;
_Static_assert(sizeof(n6_lease_reply_t) == 8, "n6_lease_reply_t");
#define N6_LEASE_REPLY_BASE_SIZE 8u
_Static_assert(offsetof(n6_lease_reply_t, remaining_ms) == 0, "n6_lease_reply_t.remaining_ms");
_Static_assert(offsetof(n6_lease_reply_t, own) == 4, "n6_lease_reply_t.own");
_Static_assert(offsetof(n6_lease_reply_t, reserved) == 5, "n6_lease_reply_t.reserved");
_Static_assert(offsetof(n6_lease_reply_t, head) == 6, "n6_lease_reply_t.head");

typedef struct {
    uint16_t first; /* index of the first requested client */
    uint16_t reserved; /* 0 */
} n6_clients_t;
_Static_assert(sizeof(n6_clients_t) == 4, "n6_clients_t");
#define N6_CLIENTS_BASE_SIZE 4u
_Static_assert(offsetof(n6_clients_t, first) == 0, "n6_clients_t.first");
_Static_assert(offsetof(n6_clients_t, reserved) == 2, "n6_clients_t.reserved");

typedef struct {
    uint16_t head; /* bytes of this struct: the records start after them */
    uint16_t record; /* bytes of one record */
    uint16_t first; /* index of the first record of this page */
    uint16_t count; /* records of this page */
    uint16_t total; /* number of clients */
    uint16_t reserved; /* 0 */
} n6_clients_reply_t;
_Static_assert(sizeof(n6_clients_reply_t) == 12, "n6_clients_reply_t");
#define N6_CLIENTS_REPLY_BASE_SIZE 12u
_Static_assert(offsetof(n6_clients_reply_t, head) == 0, "n6_clients_reply_t.head");
_Static_assert(offsetof(n6_clients_reply_t, record) == 2, "n6_clients_reply_t.record");
_Static_assert(offsetof(n6_clients_reply_t, first) == 4, "n6_clients_reply_t.first");
_Static_assert(offsetof(n6_clients_reply_t, count) == 6, "n6_clients_reply_t.count");
_Static_assert(offsetof(n6_clients_reply_t, total) == 8, "n6_clients_reply_t.total");
_Static_assert(offsetof(n6_clients_reply_t, reserved) == 10, "n6_clients_reply_t.reserved");

typedef struct {
    uint64_t rx_bytes; /* bytes received from it */
    uint64_t tx_bytes; /* bytes sent to it */
    char name[32]; /* name from its HELLO, UTF-8, zero padded */
    uint32_t id; /* number of the client, new for each connection */
    uint32_t runs; /* its successful inferences */
    uint16_t queued; /* its inferences that wait, are queued or run */
    uint16_t leases; /* number of networks that it has leased */
    uint8_t role; /* n6_role_t: Role */
    uint8_t reserved[3]; /* 0 */
    uint64_t wait_us; /* microseconds, by the server's clock, that its inferences have waited in the server, in sum */
    uint32_t waits; /* number of these inferences, also of those that were given up */
    uint32_t longest_us; /* microseconds of the longest of these waits */
} n6_client_record_t;
_Static_assert(sizeof(n6_client_record_t) == 80, "n6_client_record_t");
#define N6_CLIENT_RECORD_BASE_SIZE 64u
_Static_assert(offsetof(n6_client_record_t, rx_bytes) == 0, "n6_client_record_t.rx_bytes");
_Static_assert(offsetof(n6_client_record_t, tx_bytes) == 8, "n6_client_record_t.tx_bytes");
_Static_assert(offsetof(n6_client_record_t, name) == 16, "n6_client_record_t.name");
_Static_assert(offsetof(n6_client_record_t, id) == 48, "n6_client_record_t.id");
_Static_assert(offsetof(n6_client_record_t, runs) == 52, "n6_client_record_t.runs");
_Static_assert(offsetof(n6_client_record_t, queued) == 56, "n6_client_record_t.queued");
_Static_assert(offsetof(n6_client_record_t, leases) == 58, "n6_client_record_t.leases");
_Static_assert(offsetof(n6_client_record_t, role) == 60, "n6_client_record_t.role");
_Static_assert(offsetof(n6_client_record_t, reserved) == 61, "n6_client_record_t.reserved");
_Static_assert(offsetof(n6_client_record_t, wait_us) == 64, "n6_client_record_t.wait_us");
_Static_assert(offsetof(n6_client_record_t, waits) == 72, "n6_client_record_t.waits");
_Static_assert(offsetof(n6_client_record_t, longest_us) == 76, "n6_client_record_t.longest_us");

/* clang-format on */

#endif
