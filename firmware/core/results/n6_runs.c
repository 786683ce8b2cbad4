/* See n6_runs.h. */
#include "n6_runs.h"

#include <string.h>

enum {
    /* BlockStats records of a page. */
    PAGE = (N6_LIMIT_MAX_CONTROL - sizeof(n6_epoch_stats_reply_t)) / sizeof(n6_block_stats_t),
};

_Static_assert(sizeof(n6_block_sums_t) == sizeof(n6_block_stats_t) &&
                   offsetof(n6_block_sums_t, max) == offsetof(n6_block_stats_t, max),
               "epoch times are summed up as EPOCH_STATS sends them");

void n6_runs_reset(n6_runs_t *runs)
{
    memset(runs->network, 0, sizeof runs->own);
    if (runs->channel->config.timed) {
        memset(runs->channel->config.timed, 0, N6_SERVER_MAX_NETWORKS * sizeof(uint32_t));
    }
}

/* ---- epoch blocks ---- */

bool n6_runs_timed(const n6_runs_t *runs, uint32_t network)
{
    const n6_network_t *n = n6_network(runs->channel, network);
    return runs->channel->config.times && n->blocks > 0 && n->timer_source != N6_TIMER_SOURCE_NONE;
}

n6_block_time_t *n6_runs_times(const n6_runs_t *runs, uint32_t network)
{
    n6_block_time_t *times = runs->channel->config.times;

    if (!n6_runs_timed(runs, network)) {
        return NULL;
    }
    memset(times, 0, n6_network(runs->channel, network)->blocks * sizeof *times);
    return times;
}

static n6_block_sums_t *sums_of(const n6_runs_t *runs, uint32_t network)
{
    n6_block_sums_t *sums = runs->channel->config.sums;

    if (!sums || !n6_runs_timed(runs, network)) {
        return NULL;
    }
    for (uint32_t i = 0; i < network; i++) {
        sums += n6_network(runs->channel, i)->blocks;
    }
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
    if (pass < sums->min) {
        sums->min = pass;
    }
    if (pass > sums->max) {
        sums->max = pass;
    }
}

/* Number of runs in the sums of a network. */
static uint32_t count_timed(const n6_runs_t *runs, uint32_t network)
{
    const uint32_t *timed = runs->channel->config.timed;

    return timed ? timed[network] : runs->network[network].runs;
}

bool n6_runs_take(const n6_runs_t *runs, uint32_t network, const n6_answer_t *answer)
{
    const n6_result_t *result = answer->result;
    n6_block_time_t *time = runs->channel->config.times;
    const uint8_t *at = (const uint8_t *)answer->data + result->timers_offset;
    n6_epoch_time_t record;

    if (!time || result->blocks == 0 || result->timer_record < sizeof record ||
        result->blocks != n6_network(runs->channel, network)->blocks ||
        result->timers_offset > result->length ||
        (uint32_t)result->blocks * result->timer_record > result->length - result->timers_offset) {
        return false;
    }
    for (uint32_t i = 0; i < result->blocks; i++, time++, at += result->timer_record) {
        memcpy(&record, at, sizeof record);
        time->pre = (uint64_t)record.pre << result->timer_shift;
        time->core = (uint64_t)record.core << result->timer_shift;
        time->post = (uint64_t)record.post << result->timer_shift;
    }
    return true;
}

/* ---- networks ---- */

void n6_runs_add(n6_runs_t *runs, const n6_run_t *run, uint64_t ended_at, bool timed)
{
    const n6_config_t *config = &runs->channel->config;
    n6_network_stats_t *stats = &runs->network[run->network];
    n6_block_sums_t *sums = timed ? sums_of(runs, run->network) : NULL;
    const uint32_t before = count_timed(runs, run->network);
    const uint64_t ticks = ended_at - run->started_at;
    const uint64_t ready = n6_run_ready_at(run);

    for (uint32_t i = 0; sums && i < config->npu->network[run->network].blocks; i++) {
        add_times(&sums[i], &config->times[i], before == 0);
    }
    if (sums && config->timed) {
        config->timed[run->network]++;
    }
    if (stats->runs == 0 || ticks < stats->min) {
        stats->min = ticks;
    }
    if (ticks > stats->max) {
        stats->max = ticks;
    }
    stats->last = ticks;
    stats->sum += ticks;
    stats->wait_sum += run->started_at - ready;
    stats->runs++;
}

void n6_runs_fail(n6_runs_t *runs, uint32_t network, uint8_t status)
{
    n6_network_stats_t *stats = &runs->network[network];

    switch (status) {
    case N6_STATUS_CANCELLED:
        stats->cancelled++;
        break;
    case N6_STATUS_DEADLINE:
        stats->late++;
        break;
    case N6_STATUS_NPU_FAULT:
    case N6_STATUS_TOO_LARGE:
        stats->errors++;
        break;
    default: /* status of the request, not of the network */
        break;
    }
}

void n6_runs_epochs(const n6_runs_t *runs, const n6_request_t *request)
{
    n6_channel_t *channel = runs->channel;
    const n6_epoch_stats_t *wanted = request->body;
    n6_epoch_stats_reply_t reply = {.head = sizeof reply, .record = sizeof(n6_block_stats_t)};
    uint32_t count = 0;

    if (wanted->network >= channel->config.npu->networks) {
        n6_refuse(channel, request, N6_MISTAKE_EPOCHS_NETWORK, 0);
        return;
    }
    const n6_block_sums_t *sums = sums_of(runs, wanted->network);
    reply.network = wanted->network;
    reply.first = wanted->first;
    reply.total = n6_network(channel, wanted->network)->blocks;
    reply.runs = sums ? count_timed(runs, wanted->network) : 0;
    if (reply.runs > 0 && wanted->first < reply.total) {
        count = (uint32_t)reply.total - wanted->first;
    }
    reply.count = (uint16_t)(count < PAGE ? count : PAGE);
    uint8_t *at = n6_link_begin(&channel->link, N6_LIMIT_MAX_CONTROL);
    memcpy(at, &reply, sizeof reply);
    if (count > 0) {
        memcpy(at + sizeof reply, &sums[wanted->first], reply.count * sizeof *sums);
    }
    n6_end_reply(channel, request, sizeof reply + reply.count * sizeof *sums);
}
