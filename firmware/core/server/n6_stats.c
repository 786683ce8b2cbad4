/* See n6_stats.h. */
#include "n6_stats.h"

#include <string.h>

_Static_assert(offsetof(n6_stats_reply_t, naks_sent) - offsetof(n6_stats_reply_t, rx_bytes) ==
                   sizeof(n6_link_counts_t),
               "the link counts as STATS sends it");
_Static_assert(offsetof(n6_stats_reply_t, credits_used) - offsetof(n6_stats_reply_t, naks_sent) ==
                   offsetof(n6_counts_t, refused),
               "the parts count as STATS sends it");

enum {
    /* NetworkStats records of a page. */
    PAGE = (N6_LIMIT_MAX_CONTROL - sizeof(n6_stats_reply_t)) / sizeof(n6_network_stats_t),
};

static void fill_totals(const n6_stats_t *stats, n6_stats_reply_t *reply)
{
    const n6_channel_t *channel = stats->channel;
    const n6_port_t *port = channel->config.port;
    n6_info_reply_t info = {.temperature_dc = N6_LIMIT_NO_TEMPERATURE};

    port->info(port->context, &info);
    memcpy(&reply->rx_bytes, n6_link_counts(&channel->link), sizeof(n6_link_counts_t));
    memcpy(&reply->naks_sent, &channel->counts, offsetof(n6_counts_t, refused));
    reply->refused = channel->counts.refused;
    reply->since = stats->since;
    reply->credits_used = n6_send_credits_used(stats->sends);
    reply->free_bytes = n6_queue_free_bytes(stats->queue) + n6_result_free_bytes(stats->results);
    reply->log_dropped = channel->log_dropped;
    reply->queue = n6_queue_depth(stats->queue);
    reply->temperature_dc = info.temperature_dc;
    reply->cpu_hz = info.cpu_hz;
    reply->npu_hz = info.npu_hz;
    reply->total = channel->config.npu->networks;
}

/* One page, starting at this network. Returns the first network after it. */
static uint16_t send_page(const n6_stats_t *stats, uint8_t flags, uint32_t id, uint64_t time,
                          uint16_t first)
{
    n6_link_t *link = &stats->channel->link;
    n6_stats_reply_t reply = {
        .time = time,
        .head = sizeof reply,
        .record = sizeof(n6_network_stats_t),
        .first = first,
    };

    fill_totals(stats, &reply);
    if (first < reply.total) {
        reply.count = reply.total - first < PAGE ? (uint16_t)(reply.total - first) : PAGE;
    }
    const size_t size = sizeof reply + reply.count * sizeof(n6_network_stats_t);
    uint8_t *at = n6_link_begin(link, size);
    memcpy(at, &reply, sizeof reply);
    at += sizeof reply;
    for (uint16_t i = first; i < first + reply.count; i++, at += sizeof(n6_network_stats_t)) {
        n6_network_stats_t *record = n6_runs_record(stats->runs, i);

        record->index = i;
        record->queued = n6_queue_count(stats->queue, i);
        memcpy(at, record, sizeof *record);
    }
    n6_link_end(link, N6_MESSAGE_TYPE_STATS, flags, id, size);
    return (uint16_t)(first + reply.count);
}

void n6_stats_read(n6_stats_t *stats, const n6_request_t *request)
{
    const n6_stats_request_t *wanted = request->body;

    (void)send_page(stats, N6_FLAG_REPLY, request->id, n6_now(stats->channel), wanted->first);
}

void n6_stats_reset(n6_stats_t *stats, const n6_request_t *request)
{
    n6_channel_t *channel = stats->channel;

    n6_link_reset_counts(&channel->link);
    memset(&channel->counts, 0, sizeof channel->counts);
    n6_runs_reset(stats->runs);
    stats->since = n6_now(channel);
    n6_reply(channel, request, NULL, 0);
}

void n6_stats_subscribe(n6_stats_t *stats, const n6_request_t *request)
{
    const n6_subscribe_t *wanted = request->body;

    stats->every = n6_ticks(stats->channel, wanted->interval_ms, 1000);
    stats->at = n6_now(stats->channel) + stats->every;
    stats->next = 0;
    n6_reply(stats->channel, request, NULL, 0);
}

/* After a late event the interval starts again. */
void n6_stats_push(n6_stats_t *stats, uint64_t now)
{
    if (now < n6_stats_due(stats)) {
        return;
    }
    if (stats->next == 0) {
        stats->begun = now;
    }
    stats->next = send_page(stats, 0, 0, stats->begun, stats->next);
    if (stats->next < stats->channel->config.npu->networks) {
        return;
    }
    stats->next = 0;
    stats->at += stats->every;
    if (stats->at <= now) {
        stats->at = now + stats->every;
    }
}
