/*
 * n6_runs.h - times of the runs of each network, in total and for each block (protocol.md section
 * 8). Times are ticks of the device clock. Records are stored in the format in which they are sent.
 */
#ifndef N6_RUNS_H
#define N6_RUNS_H

#include "n6_channel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One inference: the requested outputs, and the times of its stages. */
typedef struct {
    uint32_t id; /* id of the last INFER with this key */
    uint16_t network;
    uint8_t flags;         /* n6_infer_flag_t */
    uint8_t priority;      /* larger ones are first, on the NPU and on the line */
    uint8_t returns;       /* number of Return records; 0 = all outputs, whole */
    uint32_t body;         /* CRC-32 of the body that the key is bound to */
    uint64_t key;          /* idempotency key */
    uint64_t queued_at;    /* device time, like the next two */
    uint64_t committed_at; /* its upload was complete */
    uint64_t started_at;   /* start on the NPU */
} n6_run_t;

/* When it began to wait for its turn: its INFER and its upload were complete. */
static inline uint64_t n6_run_ready_at(const n6_run_t *run)
{
    return run->committed_at > run->queued_at ? run->committed_at : run->queued_at;
}

typedef struct {
    n6_channel_t *channel;
    n6_network_stats_t *network; /* own, or those of the configuration */
    n6_network_stats_t own[N6_SERVER_MAX_NETWORKS];
} n6_runs_t;

static inline void n6_runs_init(n6_runs_t *runs, n6_channel_t *channel)
{
    runs->channel = channel;
    runs->network = channel->config.totals ? channel->config.totals : runs->own;
}

/* RESET_STATS. */
void n6_runs_reset(n6_runs_t *runs);

/* Runs of this network measure their epoch blocks. */
bool n6_runs_timed(const n6_runs_t *runs, uint32_t network);

/* Zeroed memory for the block times of the next run; NULL = they are not measured. */
n6_block_time_t *n6_runs_times(const n6_runs_t *runs, uint32_t network);

/* A run has succeeded; if timed, its block times are in the memory of n6_runs_times(). */
void n6_runs_add(n6_runs_t *runs, const n6_run_t *run, uint64_t ended_at, bool timed);

/* Copies the block times of a result of another device to this memory. false = it has none. */
bool n6_runs_take(const n6_runs_t *runs, uint32_t network, const n6_answer_t *answer);

/* An inference has ended in another way. */
void n6_runs_fail(n6_runs_t *runs, uint32_t network, uint8_t status);

/* The totals of a network. The caller sets index and queued. */
static inline n6_network_stats_t *n6_runs_record(n6_runs_t *runs, uint32_t network)
{
    return &runs->network[network];
}

/* EPOCH_STATS: one page of the sums of a network's epoch blocks. */
void n6_runs_epochs(const n6_runs_t *runs, const n6_request_t *request);

#ifdef __cplusplus
}
#endif

#endif
