/* See n6_stats.h. */
#include "n6_stats.h"

#include <string.h>

_Static_assert(offsetof(n6_stats_reply_t, naks_sent) - offsetof(n6_stats_reply_t, rx_bytes) ==
                   sizeof(n6_link_counts_t),
               "the link counts as STATS sends it");
_Static_assert(offsetof(n6_stats_reply_t, credits_used) - offsetof(n6_stats_reply_t, naks_sent) ==
                   sizeof(n6_counts_t),
               "the parts count as STATS sends it");
_Static_assert(sizeof(n6_stats_reply_t) + N6_SERVER_MAX_NETWORKS * sizeof(n6_network_stats_t) <=
                   N6_LIMIT_MAX_CONTROL,
               "the counters of all networks fit a frame");

static void fill_totals(const n6_stats_t *stats, n6_stats_reply_t *reply)
{
    const n6_channel_t *channel = stats->channel;
    const n6_port_t *port = channel->config.port;
    n6_info_reply_t info = {.temperature_dc = N6_LIMIT_NO_TEMPERATURE};

    port->info(port->context, &info);
    memcpy(&reply->rx_bytes, n6_link_counts(&channel->link), sizeof(n6_link_counts_t));
    memcpy(&reply->naks_sent, &channel->counts, sizeof channel->counts);
    reply->time = n6_now(channel);
    reply->since = stats->since;
    reply->credits_used = n6_send_credits_used(stats->sends);
    reply->free_bytes = n6_queue_free_bytes(stats->queue) + n6_result_free_bytes(stats->results);
    reply->log_dropped = channel->log_dropped;
    reply->queue = n6_queue_depth(stats->queue);
    reply->temperature_dc = info.temperature_dc;
    reply->cpu_hz = info.cpu_hz;
    reply->npu_hz = info.npu_hz;
    reply->networks = channel->config.npu->networks;
}

static void send_stats(const n6_stats_t *stats, uint8_t flags, uint32_t id)
{
    n6_link_t *link = &stats->channel->link;
    n6_stats_reply_t reply = {0};

    fill_totals(stats, &reply);
    const size_t size = sizeof reply + reply.networks * sizeof(n6_network_stats_t);
    uint8_t *at = n6_link_begin(link, size);
    memcpy(at, &reply, sizeof reply);
    at += sizeof reply;
    for (uint16_t i = 0; i < reply.networks; i++, at += sizeof(n6_network_stats_t)) {
        n6_network_stats_t *record = n6_runs_record(stats->runs, i);

        record->index = i;
        record->queued = n6_queue_count(stats->queue, i);
        memcpy(at, record, sizeof *record);
    }
    n6_link_end(link, N6_MESSAGE_TYPE_STATS, flags, id, size);
}

void n6_stats_read(n6_stats_t *stats, const n6_request_t *request)
{
    send_stats(stats, N6_FLAG_REPLY, request->id);
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
    n6_subscribe_t wanted;

    memcpy(&wanted, request->payload, sizeof wanted);
    stats->every = n6_ticks(stats->channel, wanted.interval_ms, 1000);
    stats->at = n6_now(stats->channel) + stats->every;
    n6_reply(stats->channel, request, NULL, 0);
}

/* After a late event the rhythm begins again from now. */
void n6_stats_push(n6_stats_t *stats, uint64_t now)
{
    if (now < n6_stats_due(stats)) {
        return;
    }
    stats->at += stats->every;
    if (stats->at <= now) {
        stats->at = now + stats->every;
    }
    send_stats(stats, 0, 0);
}
