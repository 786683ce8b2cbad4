/*
 * n6_forward.h - the interface of a runtime that passes inferences on to another device, instead of
 * running networks itself. It takes several at a time, in the form in which they arrived: encoded
 * inputs are not decoded, and the answers are already reduced and have the times of that device.
 *
 *     order(...) ... answer() -> an answer with the number of the order
 *
 * The core calls these functions, like those of n6_npu.h, from n6_server_poll() only.
 */
#ifndef N6_FORWARD_H
#define N6_FORWARD_H

#include <stdint.h>

#include "n6_protocol.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    N6_FORWARD_CHECK = 0, /* number of the order that is a CHECK; those of inferences are not 0 */
};

/* The memory it points to is valid until the order is answered or withdrawn. */
typedef struct {
    uint32_t number;
    uint16_t network;
    uint8_t priority;
    uint8_t flags;           /* n6_infer_flag_t */
    uint64_t deadline;       /* device time; UINT64_MAX = no limit */
    uint64_t ready_at;       /* device time at which INFER and input were complete */
    const void *input;       /* the bytes of the upload, as they arrived */
    uint32_t length;         /* their number; 0 = a CHECK */
    uint8_t parts;           /* 0 = in the layout of a slot */
    uint8_t returns;         /* 0 = all outputs, whole */
    const n6_part_t *part;   /* parts of them */
    const n6_return_t *what; /* returns of them; valid during the call */
} n6_order_t;

typedef struct {
    uint32_t number;
    uint8_t status; /* n6_status_t; OK = it has run */
    uint16_t field; /* of the ERROR: offset of the refused field in the INFER, or NO_FIELD, */
    uint32_t value; /* and its value */
    const char *text;
    /* A CHECK that has run. */
    n6_check_reply_t check;
    /* An inference that has run: the payload of RESULT, with the times of this clock, and its DATA. */
    const n6_result_t *result;
    const void *records;
    const void *data; /* result->length bytes */
} n6_answer_t;

typedef struct {
    uint8_t depth; /* orders of inferences at a time */
    /* n6_server_forward(); a pointer, so that a device that runs networks does not contain it. */
    int (*run)(void *server, uint64_t now);
    void (*order)(void *context, const n6_order_t *order);
    /* The order is not wanted any more, and gets no answer. */
    void (*withdraw)(void *context, uint32_t number);
    /* The next answer, valid until the next call; NULL = none. */
    const n6_answer_t *(*answer)(void *context);
} n6_forward_t;

#ifdef __cplusplus
}
#endif

#endif
