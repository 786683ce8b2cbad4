/*
 * n6_mistakes.h - all errors of requests: one row each, with the status, the wrong field of the
 * request, and a text for people (protocol.md section 3).
 *
 * Each row is for one field of one struct, so that the host learns which byte was refused. Rows for
 * a Return name the field of the record.
 */
#ifndef N6_MISTAKES_H
#define N6_MISTAKES_H

#include <stddef.h>
#include <stdint.h>

#include "n6_protocol.h"

#ifdef __cplusplus
extern "C" {
#endif

#define N6_BAD_HEAD "head is out of range"
#define N6_NO_NETWORK "no such network"
#define N6_NO_SLOT "no such input slot"
#define N6_BEYOND "position is beyond the grant"
#define N6_NOT_HERE "not possible on this device"
#define N6_REFUSED "the upload was refused"
#define N6_TURNED "the slot holds a later upload"
#define N6_NOT_READY "the network cannot run: section REASON"
#define N6_OTHER_CRC "the upload has another CRC-32"

/* FIELD: name, status, struct and member that are wrong, text; PLAIN: name, status, text */
#define N6_MISTAKES(FIELD, PLAIN)                                                                  \
    PLAIN(NONE, OK, "")                                                                            \
    /* any request */                                                                              \
    PLAIN(TOO_SHORT, BAD_REQUEST, "the payload is too short")                                      \
    PLAIN(UNKNOWN_TYPE, UNKNOWN_TYPE, "unknown message type")                                      \
    PLAIN(NO_SESSION, NO_SESSION, "HELLO has to come first")                                       \
    PLAIN(READ_ONLY, READ_ONLY, "the role is READ_ONLY")                                           \
    PLAIN(NOT_BUILT, UNSUPPORTED, N6_NOT_HERE)                                                     \
    /* HELLO and PING */                                                                           \
    FIELD(HELLO_HEAD, BAD_REQUEST, n6_hello_t, head, N6_BAD_HEAD)                                  \
    FIELD(WINDOW, BAD_REQUEST, n6_hello_t, window, "window must be 256 to 2^30")                   \
    FIELD(MAX_CHUNK, BAD_REQUEST, n6_hello_t, max_chunk, "max_chunk must be 256 or more")          \
    FIELD(ROLE, UNSUPPORTED, n6_hello_t, role, "unknown role")                                     \
    FIELD(PING_HEAD, BAD_REQUEST, n6_ping_t, head, N6_BAD_HEAD)                                    \
    FIELD(PING_POSITION, BAD_REQUEST, n6_ping_t, position, N6_BEYOND)                              \
    PLAIN(PING_TAIL, BAD_REQUEST, "more bytes than the reply can hold")                            \
    /* descriptions and RESET */                                                                   \
    FIELD(DESCRIBE_NETWORK, UNKNOWN_NETWORK, n6_describe_t, network, N6_NO_NETWORK)                \
    FIELD(SECTION, BAD_REQUEST, n6_describe_t, section, "unknown section")                         \
    FIELD(EPOCHS_NETWORK, UNKNOWN_NETWORK, n6_epoch_stats_t, network, N6_NO_NETWORK)               \
    FIELD(RESET_KIND, BAD_REQUEST, n6_reset_t, kind, "unknown kind")                               \
    FIELD(RESET_DEVICE, UNSUPPORTED, n6_reset_t, kind, N6_NOT_HERE)                                \
    /* COMMIT */                                                                                   \
    FIELD(COMMIT_HEAD, BAD_REQUEST, n6_commit_t, head, N6_BAD_HEAD)                                \
    FIELD(COMMIT_POSITION, BAD_REQUEST, n6_commit_t, position, N6_BEYOND)                          \
    FIELD(COMMIT_SLOT, BAD_SLOT, n6_commit_t, slot, N6_NO_SLOT)                                    \
    FIELD(COMMIT_BUSY, BUSY, n6_commit_t, slot, "inferences use the slot")                         \
    FIELD(COMMIT_OLD, NO_INPUT, n6_commit_t, slot, N6_TURNED)                                      \
    FIELD(COMMIT_EMPTY, NO_INPUT, n6_commit_t, slot, N6_REFUSED)                                   \
    FIELD(COMMIT_NETWORK, UNKNOWN_NETWORK, n6_commit_t, network, N6_NO_NETWORK)                    \
    FIELD(COMMIT_LENGTH, BAD_TENSOR_SIZE, n6_commit_t, length,                                     \
          "not the size of the network's inputs")                                                  \
    FIELD(COMMIT_PARTS, UNSUPPORTED, n6_commit_t, parts, N6_NOT_HERE)                              \
    FIELD(COMMIT_COUNT, BAD_REQUEST, n6_commit_t, parts, "not one part for each input")            \
    FIELD(COMMIT_RECORD, BAD_REQUEST, n6_commit_t, record, "record is out of range")               \
    FIELD(COMMIT_LONG, BAD_TENSOR_SIZE, n6_commit_t, length, "longer than parts_kb allows")        \
    FIELD(PART_OFFSET, BAD_REQUEST, n6_part_t, offset, "beyond the end, or not a multiple of 4")   \
    FIELD(PART_LENGTH, BAD_REQUEST, n6_part_t, length, "length is beyond the end")                 \
    FIELD(PART_INPUT, BAD_REQUEST, n6_part_t, input, "no such input, or two parts of it")          \
    FIELD(PART_ENCODING, UNSUPPORTED, n6_part_t, encoding, "the input does not have it")           \
    FIELD(PART_FLAGS, UNSUPPORTED, n6_part_t, flags, "unknown flag")                               \
    FIELD(PART_RAW, BAD_TENSOR_SIZE, n6_part_t, length, "not the size of the input")               \
    FIELD(PART_TABLES, BAD_REQUEST, n6_part_t, tables, "not a number of tables of the input")      \
    FIELD(PART_SHORT, BAD_REQUEST, n6_part_t, length, "shorter than its tables")                   \
    FIELD(PICTURE, BAD_PICTURE, n6_part_t, encoding, "") /* the text is the decoder's */           \
    FIELD(COMMIT_CRC, BAD_DIGEST, n6_commit_t, crc, N6_OTHER_CRC)                                  \
    /* INFER */                                                                                    \
    FIELD(INFER_HEAD, BAD_REQUEST, n6_infer_t, head, N6_BAD_HEAD)                                  \
    FIELD(UPLOAD, BAD_REQUEST, n6_infer_t, upload, "no upload has the id 0")                       \
    FIELD(RETURNS, BAD_REQUEST, n6_infer_t, returns, "too many Return records")                    \
    FIELD(RECORD, BAD_REQUEST, n6_infer_t, record, "record is out of range")                       \
    FIELD(KEY, BAD_REQUEST, n6_infer_t, key, "the key names another inference")                    \
    FIELD(GONE, RESULT_GONE, n6_infer_t, key, "it has run; its result is gone")                    \
    FIELD(NETWORK, UNKNOWN_NETWORK, n6_infer_t, network, N6_NO_NETWORK)                            \
    FIELD(SLOT, BAD_SLOT, n6_infer_t, slot, N6_NO_SLOT)                                            \
    FIELD(FLAGS, UNSUPPORTED, n6_infer_t, flags, "unknown flag")                                   \
    FIELD(NOT_READY, NOT_READY, n6_infer_t, network, N6_NOT_READY)                                 \
    FIELD(INPUT_LATER, NO_INPUT, n6_infer_t, upload, N6_TURNED)                                    \
    FIELD(INPUT_REFUSED, NO_INPUT, n6_infer_t, upload, N6_REFUSED)                                 \
    FIELD(INPUT_CONSUMED, NO_INPUT, n6_infer_t, upload, "a run has overwritten the upload")        \
    FIELD(INPUT_NETWORK, NO_INPUT, n6_infer_t, network, "the upload is for another network")       \
    FIELD(INPUT_CRC, NO_INPUT, n6_infer_t, digest, N6_OTHER_CRC)                                   \
    PLAIN(QUEUE_FULL, BUSY, "the queue is full")                                                   \
    /* Return */                                                                                   \
    FIELD(SOURCE, UNSUPPORTED, n6_return_t, source, N6_NOT_HERE)                                   \
    FIELD(OUTPUT, UNKNOWN_OUTPUT, n6_return_t, output, "no such output")                           \
    FIELD(REDUCTION, UNSUPPORTED, n6_return_t, reduction, "unknown reduction")                     \
    FIELD(TENSOR, UNSUPPORTED, n6_return_t, reduction, "not for this type or shape")               \
    FIELD(OFFSET, BAD_REQUEST, n6_return_t, offset, "offset is beyond the end")                    \
    FIELD(LENGTH, BAD_REQUEST, n6_return_t, length, "length is beyond the end")                    \
    FIELD(CHANNELS, BAD_REQUEST, n6_return_t, channels, "channels does not fit the axis")          \
    FIELD(CHANNEL, BAD_REQUEST, n6_return_t, channel, "channel is not below channels")             \
    FIELD(K, BAD_REQUEST, n6_return_t, k, "k is out of range")                                     \
    FIELD(THRESHOLD, BAD_REQUEST, n6_return_t, threshold, "threshold is not a number")             \
    FIELD(SELECTION, BAD_REQUEST, n6_return_t, reduction,                                          \
          "no selection of as many rows before it")                                                \
    /* CHECK */                                                                                    \
    FIELD(CHECK_NETWORK, UNKNOWN_NETWORK, n6_check_t, network, N6_NO_NETWORK)                      \
    FIELD(CHECK_NOT_READY, NOT_READY, n6_check_t, network, N6_NOT_READY)                           \
    FIELD(CHECK_INPUT, UNSUPPORTED, n6_check_t, network, "the network has no stored input")        \
    PLAIN(CHECK_BUSY, BUSY, "another check is running")                                            \
    /* LEASE */                                                                                    \
    FIELD(LEASE_NETWORK, UNKNOWN_NETWORK, n6_lease_t, network, N6_NO_NETWORK)                      \
    FIELD(LEASE_ACTION, UNSUPPORTED, n6_lease_t, action, "unknown action")                         \
    FIELD(LEASE_DURATION, BAD_REQUEST, n6_lease_t, duration_ms, "a lease of 0 ms")                 \
    /* RATE */                                                                                     \
    FIELD(RATE_BAUD, UNSUPPORTED, n6_rate_t, baud, "not possible within 0.5 %; value is near")     \
    /* how an inference ends */                                                                    \
    PLAIN(STARVED, NO_INPUT, "its upload has not arrived")                                         \
    PLAIN(LATE, DEADLINE, "the time to live has passed")                                           \
    PLAIN(CANCELLED, CANCELLED, "cancelled")                                                       \
    PLAIN(FAULT, NPU_FAULT, "the network runtime failed")                                          \
    PLAIN(TOO_LARGE, TOO_LARGE, "larger than a result buffer")

#define N6_MISTAKE_NAME(name, ...) N6_MISTAKE_##name,

typedef enum { N6_MISTAKES(N6_MISTAKE_NAME, N6_MISTAKE_NAME) } n6_mistake_t;

typedef struct {
    uint16_t field; /* offset in the struct, or N6_LIMIT_NO_FIELD */
    uint8_t size;   /* bytes of the field; 0 = none */
    uint8_t status; /* n6_status_t */
    const char *text;
} n6_mistake_row_t;

/* The row of a mistake. */
const n6_mistake_row_t *n6_mistake(n6_mistake_t mistake);

#ifdef __cplusplus
}
#endif

#endif
