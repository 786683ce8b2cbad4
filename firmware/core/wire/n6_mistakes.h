/*
 * n6_mistakes.h - every way in which the device refuses something: one row each, with the status,
 * the field of the request that is to blame, and a text for people (protocol.md section 3).
 *
 * A row belongs to one field of one struct, so that the host learns which byte was refused. Rows of
 * a Return name the field inside the record.
 */
#ifndef N6_MISTAKES_H
#define N6_MISTAKES_H

#include <stddef.h>
#include <stdint.h>

#include "n6_protocol.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Offset and size of a field; a mistake without one. */
#define N6_OF(type, member) offsetof(type, member), sizeof(((type *)0)->member)
#define N6_OF_NONE N6_LIMIT_NO_FIELD, 0

#define N6_BAD_HEAD "head is out of range"
#define N6_NO_NETWORK "no such network"
#define N6_NO_SLOT "no such input slot"
#define N6_BEYOND "position is beyond the grant"
#define N6_NOT_HERE "not possible on this device"
#define N6_REFUSED "the upload was refused"
#define N6_TURNED "the slot holds a later upload"
#define N6_OTHER_CRC "the upload has another CRC-32"

/* name, status, field, text */
#define N6_MISTAKES(M)                                                                             \
    M(NONE, OK, N6_OF_NONE, "")                                                                    \
    /* any request */                                                                              \
    M(TOO_SHORT, BAD_REQUEST, N6_OF_NONE, "the payload is too short")                              \
    M(UNKNOWN_TYPE, UNKNOWN_TYPE, N6_OF_NONE, "unknown message type")                              \
    M(NO_SESSION, NO_SESSION, N6_OF_NONE, "HELLO has to come first")                               \
    M(READ_ONLY, READ_ONLY, N6_OF_NONE, "the role is READ_ONLY")                                   \
    M(NOT_BUILT, UNSUPPORTED, N6_OF_NONE, N6_NOT_HERE)                                             \
    /* HELLO and PING */                                                                           \
    M(HELLO_HEAD, BAD_REQUEST, N6_OF(n6_hello_t, head), N6_BAD_HEAD)                               \
    M(WINDOW, BAD_REQUEST, N6_OF(n6_hello_t, window), "window must be 256 to 2^30")                \
    M(MAX_CHUNK, BAD_REQUEST, N6_OF(n6_hello_t, max_chunk), "max_chunk must be 256 or more")       \
    M(ROLE, UNSUPPORTED, N6_OF(n6_hello_t, role), "unknown role")                                  \
    M(PING_HEAD, BAD_REQUEST, N6_OF(n6_ping_t, head), N6_BAD_HEAD)                                 \
    M(PING_POSITION, BAD_REQUEST, N6_OF(n6_ping_t, position), N6_BEYOND)                           \
    M(PING_TAIL, BAD_REQUEST, N6_OF_NONE, "more bytes than the reply can hold")                    \
    /* descriptions and RESET */                                                                   \
    M(DESCRIBE_NETWORK, UNKNOWN_NETWORK, N6_OF(n6_describe_t, network), N6_NO_NETWORK)             \
    M(SECTION, BAD_REQUEST, N6_OF(n6_describe_t, section), "unknown section")                      \
    M(EPOCHS_NETWORK, UNKNOWN_NETWORK, N6_OF(n6_epoch_stats_t, network), N6_NO_NETWORK)            \
    M(RESET_KIND, BAD_REQUEST, N6_OF(n6_reset_t, kind), "unknown kind")                            \
    M(RESET_DEVICE, UNSUPPORTED, N6_OF(n6_reset_t, kind), N6_NOT_HERE)                             \
    /* COMMIT */                                                                                   \
    M(COMMIT_HEAD, BAD_REQUEST, N6_OF(n6_commit_t, head), N6_BAD_HEAD)                             \
    M(COMMIT_POSITION, BAD_REQUEST, N6_OF(n6_commit_t, position), N6_BEYOND)                       \
    M(COMMIT_SLOT, BAD_SLOT, N6_OF(n6_commit_t, slot), N6_NO_SLOT)                                 \
    M(COMMIT_BUSY, BUSY, N6_OF(n6_commit_t, slot), "inferences use the slot")                      \
    M(COMMIT_OLD, NO_INPUT, N6_OF(n6_commit_t, slot), N6_TURNED)                                   \
    M(COMMIT_EMPTY, NO_INPUT, N6_OF(n6_commit_t, slot), N6_REFUSED)                                \
    M(COMMIT_NETWORK, UNKNOWN_NETWORK, N6_OF(n6_commit_t, network), N6_NO_NETWORK)                 \
    M(COMMIT_LENGTH, BAD_TENSOR_SIZE, N6_OF(n6_commit_t, length),                                  \
      "not the size of the network's inputs")                                                      \
    M(COMMIT_PARTS, UNSUPPORTED, N6_OF(n6_commit_t, parts), N6_NOT_HERE)                           \
    M(COMMIT_CRC, BAD_DIGEST, N6_OF(n6_commit_t, crc), N6_OTHER_CRC)                               \
    /* INFER */                                                                                    \
    M(INFER_HEAD, BAD_REQUEST, N6_OF(n6_infer_t, head), N6_BAD_HEAD)                               \
    M(UPLOAD, BAD_REQUEST, N6_OF(n6_infer_t, upload), "no upload has the id 0")                    \
    M(RETURNS, BAD_REQUEST, N6_OF(n6_infer_t, returns), "too many Return records")                 \
    M(RECORD, BAD_REQUEST, N6_OF(n6_infer_t, record), "record is out of range")                    \
    M(KEY, BAD_REQUEST, N6_OF(n6_infer_t, key), "the key names another inference")                 \
    M(GONE, RESULT_GONE, N6_OF(n6_infer_t, key), "it has run; its result is gone")                 \
    M(NETWORK, UNKNOWN_NETWORK, N6_OF(n6_infer_t, network), N6_NO_NETWORK)                         \
    M(SLOT, BAD_SLOT, N6_OF(n6_infer_t, slot), N6_NO_SLOT)                                         \
    M(FLAGS, UNSUPPORTED, N6_OF(n6_infer_t, flags), "unknown flag")                                \
    M(NOT_READY, NOT_READY, N6_OF(n6_infer_t, network), "the network cannot run: section REASON")  \
    M(INPUT_LATER, NO_INPUT, N6_OF(n6_infer_t, upload), N6_TURNED)                                 \
    M(INPUT_REFUSED, NO_INPUT, N6_OF(n6_infer_t, upload), N6_REFUSED)                              \
    M(INPUT_CONSUMED, NO_INPUT, N6_OF(n6_infer_t, upload), "a run has overwritten the upload")     \
    M(INPUT_NETWORK, NO_INPUT, N6_OF(n6_infer_t, network), "the upload is for another network")    \
    M(INPUT_CRC, NO_INPUT, N6_OF(n6_infer_t, digest), N6_OTHER_CRC)                                \
    M(QUEUE_FULL, BUSY, N6_OF_NONE, "the queue is full")                                           \
    /* Return */                                                                                   \
    M(SOURCE, UNSUPPORTED, N6_OF(n6_return_t, source), N6_NOT_HERE)                                \
    M(OUTPUT, UNKNOWN_OUTPUT, N6_OF(n6_return_t, output), "no such output")                        \
    M(REDUCTION, UNSUPPORTED, N6_OF(n6_return_t, reduction), "unknown reduction")                  \
    M(TENSOR, UNSUPPORTED, N6_OF(n6_return_t, reduction), "not for this type or shape")            \
    M(OFFSET, BAD_REQUEST, N6_OF(n6_return_t, offset), "offset is beyond the end")                 \
    M(LENGTH, BAD_REQUEST, N6_OF(n6_return_t, length), "length is beyond the end")                 \
    M(CHANNELS, BAD_REQUEST, N6_OF(n6_return_t, channels), "channels is not the size of the axis") \
    M(CHANNEL, BAD_REQUEST, N6_OF(n6_return_t, channel), "channel is not below channels")          \
    M(K, BAD_REQUEST, N6_OF(n6_return_t, k), "k is out of range")                                  \
    M(THRESHOLD, BAD_REQUEST, N6_OF(n6_return_t, threshold), "threshold is not a number")          \
    /* how an inference ends */                                                                    \
    M(STARVED, NO_INPUT, N6_OF_NONE, "its upload has not arrived")                                 \
    M(LATE, DEADLINE, N6_OF_NONE, "the time to live has passed")                                   \
    M(CANCELLED, CANCELLED, N6_OF_NONE, "cancelled")                                               \
    M(FAULT, NPU_FAULT, N6_OF_NONE, "the network runtime failed")                                  \
    M(TOO_LARGE, TOO_LARGE, N6_OF_NONE, "larger than a result buffer")

#define N6_MISTAKE_NAME(name, ...) N6_MISTAKE_##name,

typedef enum { N6_MISTAKES(N6_MISTAKE_NAME) } n6_mistake_t;

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
