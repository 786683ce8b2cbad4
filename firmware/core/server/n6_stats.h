/*
 * n6_stats.h - the counters of the whole device (protocol.md section 8): STATS on request and as
 * periodic events. The parts count; this module collects the counters.
 */
#ifndef N6_STATS_H
#define N6_STATS_H

#include "n6_channel.h"
#include "n6_queue.h"
#include "n6_result.h"
#include "n6_runs.h"
#include "n6_send.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    n6_channel_t *channel;
    const n6_sends_t *sends;
    const n6_results_t *results;
    const n6_queue_t *queue;
    n6_runs_t *runs;
    uint64_t since; /* device time of the last RESET_STATS */
    uint64_t every; /* ticks between two events; 0 = not subscribed */
    uint64_t at;    /* device time of the next event */
    uint64_t begun; /* device time of the event that is being sent, */
    uint16_t next;  /* and the first network of its next page */
} n6_stats_t;

static inline void n6_stats_init(n6_stats_t *stats, n6_channel_t *channel, const n6_sends_t *sends,
                                 const n6_results_t *results, const n6_queue_t *queue,
                                 n6_runs_t *runs)
{
    stats->channel = channel;
    stats->sends = sends;
    stats->results = results;
    stats->queue = queue;
    stats->runs = runs;
    stats->since = n6_now(channel);
}

/* STATS, RESET_STATS and SUBSCRIBE. */
void n6_stats_read(n6_stats_t *stats, const n6_request_t *request);
void n6_stats_reset(n6_stats_t *stats, const n6_request_t *request);
void n6_stats_subscribe(n6_stats_t *stats, const n6_request_t *request);

/* The session has ended: no more events. */
static inline void n6_stats_unsubscribe(n6_stats_t *stats)
{
    stats->every = 0;
}

/*
 * Sends a page of the STATS event if it is due; the next page is due immediately. Events that could
 * not be sent in time are omitted, and all events while the line is lost.
 */
void n6_stats_push(n6_stats_t *stats, uint64_t now);

/* Device time of the next event; UINT64_MAX = none. */
static inline uint64_t n6_stats_due(const n6_stats_t *stats)
{
    return stats->every > 0 && stats->channel->session.open ? stats->at : UINT64_MAX;
}

#ifdef __cplusplus
}
#endif

#endif
