/*
 * What happened (protocol.md section 8): counters, accumulated epoch times, the STATS event, and the log. Counters are kept
 * in the structs in which they are sent.
 */
#include <string.h>

#include "n6_parts.h"

enum {
    /* A log line is sent only if so much of the queue stays free behind it: it never costs an answer. */
    LOG_RESERVE = N6_LINK_FRAME_MAX,
    /* BlockStats records of a page. */
    PAGE = (N6_LIMIT_MAX_CONTROL - sizeof(n6_epoch_stats_reply_t)) / sizeof(n6_block_stats_t),
};

_Static_assert(offsetof(n6_stats_reply_t, resyncs) - offsetof(n6_stats_reply_t, rx_bytes) ==
                   offsetof(n6_link_counts_t, resyncs),
               "the link counts as STATS tells");
_Static_assert(offsetof(n6_server_t, network) ==
                   offsetof(n6_server_t, stats) + sizeof(n6_stats_reply_t),
               "the payload of STATS is one piece");
_Static_assert(sizeof(n6_stats_reply_t) + N6_SERVER_MAX_NETWORKS * sizeof(n6_network_stats_t) <=
                   N6_LIMIT_MAX_CONTROL,
               "the counters of all networks fit a frame");
_Static_assert(sizeof(n6_block_sums_t) == sizeof(n6_block_stats_t) &&
                   offsetof(n6_block_sums_t, max) == offsetof(n6_block_stats_t, max),
               "epoch times are summed up as EPOCH_STATS tells");

/* ---- epochs ---- */

bool n6_stats_timed(const n6_server_t *s, uint32_t network)
{
    const n6_network_t *n = &s->config.npu->network[network];
    return s->config.times && n->blocks > 0 && n->timer_source != N6_TIMER_SOURCE_NONE;
}

static n6_block_sums_t *sums_of(const n6_server_t *s, uint32_t network)
{
    n6_block_sums_t *sums = s->config.sums;

    if (!sums || !n6_stats_timed(s, network))
        return NULL;
    for (uint32_t i = 0; i < network; i++)
        sums += s->config.npu->network[i].blocks;
    return sums;
}

static void add_times(n6_block_sums_t *sums, const n6_block_time_t *time, bool first)
{
    const uint64_t whole = time->pre + time->core + time->post;
    const uint32_t pass = whole > UINT32_MAX ? UINT32_MAX : (uint32_t)whole;

    if (first) {
        memset(sums, 0, sizeof *sums);
        sums->min = UINT32_MAX;
    }
    sums->pre += time->pre;
    sums->core += time->core;
    sums->post += time->post;
    if (pass < sums->min)
        sums->min = pass;
    if (pass > sums->max)
        sums->max = pass;
}

void n6_stats_ran(n6_server_t *s, const n6_job_t *job, uint64_t ended_at)
{
    n6_network_stats_t *stats = &s->network[job->network];
    n6_block_sums_t *sums = sums_of(s, job->network);
    const uint64_t ticks = ended_at - job->started_at;
    const uint64_t ready = job->committed_at > job->queued_at ? job->committed_at : job->queued_at;

    for (uint32_t i = 0; sums && i < s->config.npu->network[job->network].blocks; i++)
        add_times(&sums[i], &s->config.times[i], stats->runs == 0);
    if (stats->runs == 0 || ticks < stats->min)
        stats->min = ticks;
    if (ticks > stats->max)
        stats->max = ticks;
    stats->last = ticks;
    stats->sum += ticks;
    stats->wait_sum += job->started_at - ready;
    stats->runs++;
}

void n6_stats_epochs(n6_server_t *s, const n6_request_t *request)
{
    n6_epoch_stats_t wanted;
    n6_epoch_stats_reply_t reply = {0};
    const n6_block_sums_t *sums;
    uint32_t count = 0;
    uint8_t *at;

    memcpy(&wanted, request->payload, sizeof wanted);
    if (wanted.network >= s->config.npu->networks) {
        n6_refuse(s, request, N6_STATUS_UNKNOWN_NETWORK, wanted.network);
        return;
    }
    sums = sums_of(s, wanted.network);
    reply.network = wanted.network;
    reply.first = wanted.first;
    reply.total = s->config.npu->network[wanted.network].blocks;
    reply.runs = sums ? s->network[wanted.network].runs : 0;
    if (reply.runs > 0 && wanted.first < reply.total)
        count = (uint32_t)reply.total - wanted.first;
    reply.count = (uint16_t)(count < PAGE ? count : PAGE);
    at = n6_link_begin(&s->link, N6_LIMIT_MAX_CONTROL);
    memcpy(at, &reply, sizeof reply);
    if (count > 0)
        memcpy(at + sizeof reply, &sums[wanted.first], reply.count * sizeof *sums);
    n6_end_reply(s, request, sizeof reply + reply.count * sizeof *sums);
}

/* ---- counters ---- */

static uint32_t free_bytes(const n6_server_t *s)
{
    uint32_t bytes = 0;

    for (uint32_t i = 0; i < s->config.slots; i++)
        if (s->slot[i].state != N6_SLOT_FILLING && !n6_queue_uses(s, i, 0))
            bytes += s->config.slot_size;
    for (uint32_t i = 0; i < s->config.results; i++)
        if (s->result[i].state == N6_BUFFER_FREE || s->result[i].state == N6_BUFFER_CACHED)
            bytes += s->config.result_size;
    return bytes;
}

static void send_stats(n6_server_t *s, uint8_t flags, uint32_t id)
{
    n6_stats_reply_t *stats = &s->stats;
    const uint16_t networks = s->config.npu->networks;
    n6_info_reply_t info = {.temperature_dc = N6_LIMIT_NO_TEMPERATURE};

    s->config.port->info(s->config.port->context, &info);
    memcpy(&stats->rx_bytes, &s->link.counts, sizeof s->link.counts);
    stats->time = n6_now(s);
    stats->credits_used = s->position - (s->limit - s->host_window);
    stats->free_bytes = free_bytes(s);
    stats->queue = s->jobs;
    stats->temperature_dc = info.temperature_dc;
    stats->cpu_hz = info.cpu_hz;
    stats->npu_hz = info.npu_hz;
    stats->networks = networks;
    for (uint16_t i = 0; i < networks; i++) {
        s->network[i].index = i;
        s->network[i].queued = 0;
    }
    for (uint32_t i = 0; i < s->jobs; i++)
        s->network[s->job[i].network].queued++;
    (void)n6_link_send(&s->link, N6_MESSAGE_TYPE_STATS, flags, id, stats,
                       sizeof *stats + networks * sizeof *s->network);
}

void n6_stats_read(n6_server_t *s, const n6_request_t *request)
{
    send_stats(s, N6_FLAG_REPLY, request->id);
}

void n6_stats_reset(n6_server_t *s, const n6_request_t *request)
{
    const uint32_t log_dropped = s->stats.log_dropped;

    memset(&s->link.counts, 0, sizeof s->link.counts);
    memset(&s->stats, 0, sizeof s->stats);
    memset(s->network, 0, sizeof s->network);
    s->stats.log_dropped = log_dropped;
    s->stats.since = n6_now(s);
    s->heard = 0;
    n6_reply(s, request, NULL, 0);
}

void n6_stats_subscribe(n6_server_t *s, const n6_request_t *request)
{
    n6_subscribe_t wanted;

    memcpy(&wanted, request->payload, sizeof wanted);
    s->stats_every = n6_ticks(s, wanted.interval_ms, 1000);
    s->stats_at = n6_now(s) + s->stats_every;
    n6_reply(s, request, NULL, 0);
}

/* Events that could not be sent in time are left out; the rhythm begins anew. */
void n6_stats_push(n6_server_t *s, uint64_t now)
{
    if (s->stats_every == 0 || now < s->stats_at)
        return;
    s->stats_at += s->stats_every;
    if (s->stats_at <= now)
        s->stats_at = now + s->stats_every;
    send_stats(s, 0, 0);
}

/* ---- log ---- */

void n6_server_log(n6_server_t *s, uint8_t level, const char *text)
{
    const size_t most = N6_LIMIT_MAX_CONTROL - sizeof(n6_log_t);
    n6_log_t log = {.level = level, .dropped = s->stats.log_dropped};
    size_t size = strlen(text);
    uint8_t *at;

    if (!s->session || level < s->log_level)
        return;
    if (size > most)
        size = most;
    if (!n6_link_room(&s->link,
                      N6_LIMIT_HEADER_SIZE + sizeof log + size + N6_LIMIT_CRC_SIZE + LOG_RESERVE)) {
        s->stats.log_dropped++;
        return;
    }
    log.time = n6_now(s);
    at = n6_link_begin(&s->link, sizeof log + size);
    memcpy(at, &log, sizeof log);
    memcpy(at + sizeof log, text, size);
    n6_link_end(&s->link, N6_MESSAGE_TYPE_LOG, 0, 0, sizeof log + size);
}
