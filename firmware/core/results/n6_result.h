/*
 * n6_result.h - result buffers (protocol.md section 7).
 *
 *     state     event                                                     next
 *     FREE      a job is started                                          FILLING
 *     CACHED    the same, none is FREE, this one was cached first         FILLING
 *     FILLING   done: RESULT and DATA follow                              HELD
 *     FILLING   fault, CANCEL, time to live, TOO_LARGE                    FREE
 *     HELD      RELEASE, CANCEL, RESET                                    FREE
 *     HELD      a new session                                             CACHED
 *     both      INFER with its key: RESULT and DATA again                 HELD
 *
 * A buffer contains outputs and reductions, then epoch timers, and at its end the payload of RESULT
 * (meta), so that it can be sent again. While data of a buffer are being sent, it is not used for
 * another result.
 */
#ifndef N6_RESULT_H
#define N6_RESULT_H

#include "n6_channel.h"
#include "n6_runs.h"
#include "n6_send.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    N6_BUFFER_FREE = 0,
    N6_BUFFER_FILLING = 1, /* reserved for the running inference */
    N6_BUFFER_HELD = 2,
    N6_BUFFER_CACHED = 3,
} n6_buffer_state_t;

typedef struct {
    uint8_t state;    /* n6_buffer_state_t */
    uint8_t priority; /* of the run */
    uint16_t meta;    /* bytes of Result and ResultRecords, at the end of the buffer */
    uint32_t length;  /* bytes of outputs, reductions and timers */
    uint32_t id;      /* id of the INFER; 0 = of an older session */
    uint32_t stamp;   /* increases: the smallest one was cached first */
    uint32_t body;    /* CRC-32 of the body that the key of the run is bound to */
    uint64_t key;
} n6_buffer_t;

typedef struct {
    n6_channel_t *channel;
    n6_sends_t *sends;
    const n6_runs_t *runs;
    uint32_t stamp; /* order of the result that was cached last */
    n6_buffer_t buffer[N6_SERVER_MAX_RESULTS];
} n6_results_t;

static inline void n6_result_init(n6_results_t *results, n6_channel_t *channel, n6_sends_t *sends,
                                  const n6_runs_t *runs)
{
    results->channel = channel;
    results->sends = sends;
    results->runs = runs;
}

/* A new session: held results become CACHED, and only their keys find them. */
void n6_result_forget(n6_results_t *results);

/* RESET: frees all buffers. */
void n6_result_clear(n6_results_t *results);

/* Bytes of the buffers that a run can use immediately. */
uint32_t n6_result_free_bytes(const n6_results_t *results);

/* ---- for the queue ---- */

/* Checks the next Return record for this network. rows is that of n6_reduce_check(), first 0. */
n6_mistake_t n6_result_check(const n6_network_t *network, const n6_return_t *what, uint32_t *rows);

/*
 * Reserves a buffer for a run that starts, until _abandon(), _finish() or _take(). Returns its
 * index; N6_NONE = all are in use.
 */
uint8_t n6_result_reserve(n6_results_t *results);

/* The run has failed: frees its reserved buffer. */
static inline void n6_result_abandon(n6_results_t *results, uint8_t index)
{
    results->buffer[index].state = N6_BUFFER_FREE;
}

/*
 * The run is done: fills its reserved buffer with the requested outputs (run->returns records of
 * what), and sends it if the session is open. false = it is too large: the buffer is free again.
 */
bool n6_result_finish(n6_results_t *results, uint8_t index, const n6_run_t *run,
                      const n6_return_t *what, uint64_t ended_at);

/* The same with the result of a runtime that forwards. */
bool n6_result_take(n6_results_t *results, uint8_t index, const n6_run_t *run,
                    const n6_answer_t *answer);

/* The buffer with the result of this key; N6_NONE = none. */
uint32_t n6_result_find(const n6_results_t *results, uint64_t key);

/* CRC-32 of the body that its key is bound to. */
static inline uint32_t n6_result_body(const n6_results_t *results, uint32_t index)
{
    return results->buffer[index].body;
}

/*
 * Sends RESULT and its DATA, maybe again, with the id of an INFER; the buffer is now HELD under
 * this id.
 */
void n6_result_send(n6_results_t *results, uint32_t index, uint32_t id);

/* The host has the result of this INFER, or does not need it. false = it is not held. */
bool n6_result_drop(n6_results_t *results, uint32_t id);

/* ---- requests ---- */

void n6_result_release(n6_results_t *results, const n6_request_t *request);
void n6_result_nak(n6_results_t *results, const n6_request_t *request);

#ifdef __cplusplus
}
#endif

#endif
