/*
 * n6_queue.h - the inference queue (protocol.md section 6) and the NPU.
 *
 *     state      event                                          next
 *     WAITING    its upload is committed                        QUEUED
 *     WAITING    no DATA or COMMIT of its upload for WAIT_MS    - (ERROR)
 *     QUEUED     first in order, NPU and a buffer free          RUNNING
 *     RUNNING    done: staged and sent by n6_result.c           -
 *     any        CANCEL, time to live, fault, input lost        - (one ERROR)
 *
 * If the runtime forwards (n6_forward.h), several jobs are RUNNING: each is an order with a number,
 * and has a buffer of its own.
 *
 * job[] is ordered by age. returns[] contains the Return records of the jobs in the same order,
 * followed by those of the INFER that is being checked. Keys of jobs that have run, or that ended
 * by CANCEL or their time to live, are stored in n6_finished.h.
 */
#ifndef N6_QUEUE_H
#define N6_QUEUE_H

#include "n6_channel.h"
#include "n6_finished.h"
#include "n6_result.h"
#include "n6_runs.h"
#include "n6_slots.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    uint8_t state;   /* n6_infer_state_t */
    uint8_t slot;    /* slot of its input */
    uint32_t upload; /* id of the input */
    uint32_t digest; /* expected digest of the input */
    uint8_t buffer;  /* RUNNING: its result buffer */
    uint32_t number; /* RUNNING: value of starts at its start */
    n6_run_t run;
    uint64_t deadline; /* device time; UINT64_MAX = no limit */
} n6_job_t;

typedef struct {
    n6_channel_t *channel;
    n6_slots_t *slots;
    n6_results_t *results;
    n6_runs_t *runs;
    uint64_t patience; /* WAIT_MS in ticks */
    uint32_t starts;   /* state of the NPU */
    uint8_t jobs;
    uint8_t running; /* the job on the NPU, or N6_NONE, also if the runtime forwards */
    n6_job_t job[N6_SERVER_MAX_QUEUE];
    n6_return_t returns[N6_SERVER_MAX_RETURNS + N6_LIMIT_MAX_RETURNS];
    uint32_t started[N6_SERVER_MAX_NETWORKS]; /* value of starts at the last start of the network */
    n6_finished_t finished;
} n6_queue_t;

static inline void n6_queue_init(n6_queue_t *queue, n6_channel_t *channel, n6_slots_t *slots,
                                 n6_results_t *results, n6_runs_t *runs)
{
    queue->channel = channel;
    queue->slots = slots;
    queue->results = results;
    queue->runs = runs;
    queue->running = N6_NONE;
    queue->patience = n6_ticks(channel, N6_LIMIT_WAIT_MS, 1000);
}

/* ---- requests ---- */

void n6_queue_infer(n6_queue_t *queue, const n6_request_t *request);

/* Also drops a held result: the INFER may have finished before the CANCEL arrived. */
void n6_queue_cancel(n6_queue_t *queue, const n6_request_t *request);

/* RESET: CANCELLED for every job; their keys are stored. */
void n6_queue_clear(n6_queue_t *queue);

/*
 * A new session: the jobs of the old session end without an answer, and their keys are not stored.
 * The keys may be used again.
 */
void n6_queue_forget(n6_queue_t *queue);

/* ---- input slots ---- */

/* A job runs from the slot, or waits for another upload there: a newer upload is refused. */
bool n6_queue_uses(const n6_queue_t *queue, uint32_t slot, uint32_t upload);

/* The upload in the slot is committed: jobs with this network and digest may run. */
void n6_queue_feed(n6_queue_t *queue, uint32_t slot);

/* Ends the jobs that require this upload, with this reason. */
void n6_queue_starve(n6_queue_t *queue, uint32_t slot, uint32_t upload, n6_mistake_t why);

/* ---- the loop ---- */

/* Ends jobs whose time to live has passed, or whose upload makes no progress. */
void n6_queue_expire(n6_queue_t *queue, uint64_t now);

/* Device time at which the next job ends for these reasons; UINT64_MAX = never. */
uint64_t n6_queue_deadline(const n6_queue_t *queue);

/* No job is on the NPU. */
static inline bool n6_queue_is_off_npu(const n6_queue_t *queue)
{
    return queue->running == N6_NONE;
}

/*
 * Starts the first job in order, or executes one step of the running one. N6_SERVER_IDLE, _WAITING
 * or _BUSY.
 */
int n6_queue_run(n6_queue_t *queue, uint64_t now);

/* The same for a runtime that forwards: gives it the next jobs. N6_SERVER_IDLE or _WAITING. */
int n6_queue_forward(n6_queue_t *queue, uint64_t now);

/* Its answer to an order. */
void n6_queue_answer(n6_queue_t *queue, const n6_answer_t *answer);

/* ---- for statistics ---- */

/* Number of jobs. */
static inline uint8_t n6_queue_depth(const n6_queue_t *queue)
{
    return queue->jobs;
}

/* Number of jobs of one network. */
uint16_t n6_queue_count(const n6_queue_t *queue, uint32_t network);

/* Bytes of the slots that no upload fills and no job uses. */
uint32_t n6_queue_free_bytes(const n6_queue_t *queue);

#ifdef __cplusplus
}
#endif

#endif
