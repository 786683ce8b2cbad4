/* What happened (protocol.md section 8): counters, accumulated epoch times, the STATS event, and
 * the log. */
#include <string.h>

#include "n6_parts.h"

enum {
    /* A log line is sent only if so much of the send queue stays free behind it: it never costs an
       answer. */
    LOG_RESERVE = N6_LINK_FRAME_MAX,
};

/* ---------------------------------------------------------------------------------------- epochs
 */

bool n6_stats_timed(const n6_server_t *s, uint16_t network)
{
    const n6_network_t *n = &s->config.npu->network[network];
    return s->config.times && n->blocks > 0 && n->timer_source != N6_TIMER_SOURCE_NONE;
}

static n6_block_sums_t *sums_of(const n6_server_t *s, uint16_t network)
{
    n6_block_sums_t *sums = s->config.sums;

    if (!sums || !n6_stats_timed(s, network))
        return NULL;
    for (uint16_t i = 0; i < network; i++)
        sums += s->config.npu->network[i].blocks;
    return sums;
}

static void add_times(n6_block_sums_t *sums, const n6_block_time_t *time, bool first)
{
    const uint64_t whole = time->pre + time->core + time->post;
    const uint32_t pass = whole > UINT32_MAX ? UINT32_MAX : (uint32_t)whole;

    if (first)
        *sums = (n6_block_sums_t){.min = pass, .max = pass};
    sums->pre += time->pre;
    sums->core += time->core;
    sums->post += time->post;
    sums->min = pass < sums->min ? pass : sums->min;
    sums->max = pass > sums->max ? pass : sums->max;
}

void n6_stats_ran(n6_server_t *s, const n6_job_t *job, uint64_t ended_at)
{
    n6_network_counts_t *counts = &s->network[job->network];
    const uint64_t ticks = ended_at - job->started_at;
    const uint64_t ready = job->committed_at > job->queued_at ? job->committed_at : job->queued_at;
    n6_block_sums_t *sums = sums_of(s, job->network);

    for (uint16_t i = 0; sums && i < s->config.npu->network[job->network].blocks; i++)
        add_times(&sums[i], &s->config.times[i], counts->runs == 0);
    if (counts->runs == 0 || ticks < counts->min)
        counts->min = ticks;
    if (ticks > counts->max)
        counts->max = ticks;
    counts->last = ticks;
    counts->sum += ticks;
    counts->wait_sum += job->started_at - ready;
    counts->runs++;
}

void n6_stats_epochs(n6_server_t *s, const n6_request_t *request)
{
    n6_epoch_stats_t wanted;
    n6_epoch_stats_reply_t reply = {0};
    const n6_block_sums_t *sums;
    size_t length = sizeof reply;
    uint8_t *at;

    memcpy(&wanted, request->payload, sizeof wanted);
    if (wanted.network >= s->config.npu->networks) {
        n6_error(s, request->id, request->type, N6_STATUS_UNKNOWN_NETWORK, wanted.network);
        return;
    }
    sums = sums_of(s, wanted.network);
    reply.network = wanted.network;
    reply.first = wanted.first;
    reply.total = s->config.npu->network[wanted.network].blocks;
    reply.runs = sums ? s->network[wanted.network].runs : 0;
    at = n6_link_begin(&s->link, N6_LIMIT_MAX_CONTROL);
    for (uint32_t i = wanted.first; reply.runs > 0 && i < reply.total; i++) {
        const n6_block_stats_t record = {sums[i].pre, sums[i].core, sums[i].post, sums[i].min,
                                         sums[i].max};
        if (length + sizeof record > N6_LIMIT_MAX_CONTROL)
            break;
        memcpy(at + length, &record, sizeof record);
        length += sizeof record;
        reply.count++;
    }
    memcpy(at, &reply, sizeof reply);
    n6_link_end(&s->link, request->type, N6_FLAG_REPLY, request->id, length);
}

/* -------------------------------------------------------------------------------------- counters
 */

static uint32_t free_bytes(const n6_server_t *s)
{
    uint32_t bytes = 0;

    for (uint8_t i = 0; i < s->config.slots; i++)
        if (s->slot[i].state != N6_SLOT_FILLING && !n6_queue_uses(s, i, 0))
            bytes += s->config.slot_size;
    for (uint8_t i = 0; i < s->config.results; i++)
        if (s->result[i].state == N6_BUFFER_FREE || s->result[i].state == N6_BUFFER_CACHED)
            bytes += s->config.result_size;
    return bytes;
}

static size_t put_networks(const n6_server_t *s, uint8_t *at)
{
    for (uint16_t i = 0; i < s->config.npu->networks; i++) {
        const n6_network_counts_t *counts = &s->network[i];
        n6_network_stats_t record = {
            .sum = counts->sum,
            .last = counts->last,
            .min = counts->min,
            .max = counts->max,
            .wait_sum = counts->wait_sum,
            .runs = counts->runs,
            .errors = counts->errors,
            .cancelled = counts->cancelled,
            .late = counts->late,
            .index = i,
        };
        for (uint8_t j = 0; j < s->jobs; j++)
            record.queued = (uint16_t)(record.queued + (s->job[j].network == i ? 1 : 0));
        memcpy(at + i * sizeof record, &record, sizeof record);
    }
    return s->config.npu->networks * sizeof(n6_network_stats_t);
}

static void send_stats(n6_server_t *s, uint8_t flags, uint32_t id)
{
    const n6_link_counts_t *link = &s->link.counts;
    n6_info_reply_t info = {.temperature_dc = N6_LIMIT_NO_TEMPERATURE};
    n6_stats_reply_t reply;
    uint8_t *at;

    s->config.port->info(s->config.port->context, &info);
    at = n6_link_begin(&s->link, N6_LIMIT_MAX_CONTROL);
    reply = (n6_stats_reply_t){
        .time = n6_now(s),
        .since = s->stats_since,
        .rx_bytes = link->rx_bytes,
        .tx_bytes = link->tx_bytes,
        .rx_frames = link->rx_frames,
        .tx_frames = link->tx_frames,
        .header_errors = link->header_errors,
        .payload_errors = link->payload_errors,
        .skipped = link->skipped,
        .resyncs = link->resyncs,
        .naks_sent = s->naks_sent,
        .naks_received = s->naks_received,
        .retransmits = s->retransmits,
        .duplicates = s->duplicates,
        .credits_used = s->position - (s->limit - s->host_window),
        .free_bytes = free_bytes(s),
        .log_dropped = s->log_dropped,
        .queue = s->jobs,
        .temperature_dc = info.temperature_dc,
        .cpu_hz = info.cpu_hz,
        .npu_hz = info.npu_hz,
        .networks = s->config.npu->networks,
    };
    memcpy(at, &reply, sizeof reply);
    n6_link_end(&s->link, N6_MESSAGE_TYPE_STATS, flags, id,
                sizeof reply + put_networks(s, at + sizeof reply));
}

_Static_assert(sizeof(n6_stats_reply_t) + N6_SERVER_MAX_NETWORKS * sizeof(n6_network_stats_t) <=
                   N6_LIMIT_MAX_CONTROL,
               "the counters of all networks fit a frame");

void n6_stats_read(n6_server_t *s, const n6_request_t *request)
{
    send_stats(s, N6_FLAG_REPLY, request->id);
}

void n6_stats_reset(n6_server_t *s, const n6_request_t *request)
{
    memset(&s->link.counts, 0, sizeof s->link.counts);
    memset(s->network, 0, sizeof s->network);
    s->naks_sent = s->naks_received = s->retransmits = s->duplicates = 0;
    s->heard = 0;
    s->stats_since = n6_now(s);
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

/* Events that could not be sent in time are left out, not made up for. */
void n6_stats_push(n6_server_t *s, uint64_t now)
{
    if (s->stats_every == 0 || now < s->stats_at)
        return;
    s->stats_at += s->stats_every * ((now - s->stats_at) / s->stats_every + 1);
    send_stats(s, 0, 0);
}

/* ------------------------------------------------------------------------------------------- log
 */

void n6_server_log(n6_server_t *s, uint8_t level, const char *text)
{
    const n6_log_t log = {.time = n6_now(s), .level = level, .dropped = s->log_dropped};
    size_t size = strlen(text);
    uint8_t *at = NULL;

    if (!s->session || level < s->log_level)
        return;
    if (size > N6_LIMIT_MAX_CONTROL - sizeof log)
        size = N6_LIMIT_MAX_CONTROL - sizeof log;
    if (n6_link_room(&s->link,
                     N6_LIMIT_HEADER_SIZE + N6_LIMIT_CRC_SIZE + sizeof log + size + LOG_RESERVE))
        at = n6_link_begin(&s->link, sizeof log + size);
    if (!at) {
        s->log_dropped++;
        return;
    }
    memcpy(at, &log, sizeof log);
    memcpy(at + sizeof log, text, size);
    n6_link_end(&s->link, N6_MESSAGE_TYPE_LOG, 0, 0, sizeof log + size);
}
