/*
 * n6_queue.h - the inference queue (protocol.md section 6) and the NPU.
 *
 *     state      event                                      next
 *     WAITING    its upload is committed                    QUEUED
 *     WAITING    nothing of its upload comes for WAIT_MS    - (ERROR)
 *     QUEUED     first in order, NPU and a buffer free      RUNNING
 *     RUNNING    done: staged and sent by n6_result.c       -
 *     any        CANCEL, time to live, fault, input lost    - (one ERROR)
 *
 * job[] is ordered by age, and returns[] holds the Return records of the jobs in the same order, and
 * after them those of the INFER that is looked at. Keys of jobs that have run, or that ended by CANCEL
 * or their time to live, are kept in n6_finished.h.
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
    uint8_t state;    /* n6_infer_state_t */
    uint8_t priority; /* larger ones go first */
    uint8_t slot;     /* that holds its input, or will */
    uint32_t upload;  /* id of the input */
    uint32_t digest;  /* that the input must have */
    n6_run_t run;
    uint64_t deadline; /* device time; UINT64_MAX = none */
} n6_job_t;

typedef struct {
    n6_channel_t *channel;
    n6_slots_t *slots;
    n6_results_t *results;
    n6_runs_t *runs;
    uint64_t patience; /* ticks: WAIT_MS */
    uint32_t starts;   /* of the NPU */
    uint8_t jobs;
    uint8_t running; /* the job on the NPU, or N6_NONE */
    n6_job_t job[N6_SERVER_MAX_QUEUE];
    n6_return_t returns[N6_SERVER_MAX_RETURNS + N6_LIMIT_MAX_RETURNS];
    uint32_t started[N6_SERVER_MAX_NETWORKS]; /* value of starts when the network ran last */
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

/* Also drops a held result: the INFER may have ended while the CANCEL was on its way. */
void n6_queue_cancel(n6_queue_t *queue, const n6_request_t *request);

/* RESET: CANCELLED for every job, which is remembered. */
void n6_queue_clear(n6_queue_t *queue);

/*
 * A new session: the jobs of the older one end without an answer, and are not remembered. Their keys
 * may be used again.
 */
void n6_queue_forget(n6_queue_t *queue);

/* ---- input slots ---- */

/* A job runs from the slot, or waits there for another upload: a newer one has to wait. */
bool n6_queue_uses(const n6_queue_t *queue, uint32_t slot, uint32_t upload);

/* The upload in the slot is committed: its jobs may run, if they name this network and digest. */
void n6_queue_feed(n6_queue_t *queue, uint32_t slot);

/* The jobs that wait for this upload, or want to run from it, will not get it: why. */
void n6_queue_starve(n6_queue_t *queue, uint32_t slot, uint32_t upload, n6_mistake_t why);

/* ---- the loop ---- */

/* Ends the jobs whose time to live has passed, or whose upload does not come. */
void n6_queue_expire(n6_queue_t *queue, uint64_t now);

/* When the next one ends so: device time; UINT64_MAX = never. */
uint64_t n6_queue_deadline(const n6_queue_t *queue);

/* Starts the first job in order, or runs one step of it. N6_SERVER_IDLE, _WAITING or _BUSY. */
int n6_queue_run(n6_queue_t *queue, uint64_t now);

/* ---- for statistics ---- */

/* Jobs that wait or run. */
static inline uint8_t n6_queue_depth(const n6_queue_t *queue)
{
    return queue->jobs;
}

/* Those of one network. */
uint16_t n6_queue_count(const n6_queue_t *queue, uint32_t network);

/* Bytes of the slots that no upload is filling and no job uses. */
uint32_t n6_queue_free_bytes(const n6_queue_t *queue);

#ifdef __cplusplus
}
#endif

#endif
