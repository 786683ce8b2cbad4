/*
 * n6_check.h - CHECK: a run of a network with the input that its firmware stores (protocol.md
 * section 8). One at a time; it runs before the jobs of the queue, and uses neither a slot nor a
 * result buffer.
 *
 *     state     event                               next
 *     IDLE      CHECK                               WANTED
 *     WANTED    the NPU is free                     RUNNING
 *     RUNNING   done, or a fault: the answer        IDLE
 *     any       RESET: CANCELLED; a new session     IDLE
 *
 * A CHECK with the id of the last one is a repetition: it gets the same answer, without a run.
 */
#ifndef N6_CHECK_H
#define N6_CHECK_H

#include "n6_channel.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    N6_CHECK_IDLE = 0,
    N6_CHECK_WANTED = 1,
    N6_CHECK_RUNNING = 2,
} n6_check_progress_t;

typedef struct {
    n6_channel_t *channel;
    uint8_t state; /* n6_check_progress_t */
    uint16_t network;
    uint8_t mistake; /* n6_mistake_t of the last answer; NONE: reply */
    uint32_t id;     /* id of the last CHECK; 0 = none in this session */
    uint32_t value;  /* of the ERROR */
    n6_check_reply_t reply;
    uint64_t started_at; /* device time */
} n6_checker_t;

static inline void n6_check_init(n6_checker_t *check, n6_channel_t *channel)
{
    check->channel = channel;
}

/* Handles CHECK. */
void n6_check_request(n6_checker_t *check, const n6_request_t *request);

/* A check requires the NPU now, if npu_is_free, or uses it. */
static inline bool n6_check_is_due(const n6_checker_t *check, bool npu_is_free)
{
    return check->state == N6_CHECK_RUNNING || (check->state == N6_CHECK_WANTED && npu_is_free);
}

/* Starts the check that is due, or executes one step of it. N6_SERVER_WAITING or _BUSY. */
int n6_check_run(n6_checker_t *check, uint64_t now);

/* The same for a runtime that forwards: gives it the check that is due. */
void n6_check_forward(n6_checker_t *check);

/* Its answer. */
void n6_check_answer(n6_checker_t *check, const n6_answer_t *answer);

/* RESET: the check ends with CANCELLED. */
void n6_check_clear(n6_checker_t *check);

/* A new session: the check ends without an answer. */
void n6_check_forget(n6_checker_t *check);

#ifdef __cplusplus
}
#endif

#endif
