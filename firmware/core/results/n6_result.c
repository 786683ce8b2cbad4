/* See n6_result.h for the states. */
#include "n6_result.h"

#include <string.h>

#include "n6_reduce.h"

enum {
    ALIGN = 4,
};

/* ---- buffers ---- */

static uint32_t count_of(const n6_results_t *results)
{
    return results->channel->config.results;
}

/* It has a result. */
static bool is_kept(const n6_buffer_t *buffer)
{
    return buffer->state >= N6_BUFFER_HELD;
}

/* Free, or cached for longer. */
static bool is_better(const n6_buffer_t *buffer, const n6_buffer_t *than)
{
    return than->state == N6_BUFFER_CACHED &&
           (buffer->state == N6_BUFFER_FREE || n6_newer(than->stamp, buffer->stamp));
}

bool n6_result_reserve(n6_results_t *results)
{
    uint32_t best = N6_NONE;

    for (uint32_t i = 0; i < count_of(results); i++) {
        const n6_buffer_t *buffer = &results->buffer[i];

        if (buffer->state == N6_BUFFER_HELD || n6_send_needs(results->sends, i)) {
            continue;
        }
        if (best == N6_NONE || is_better(buffer, &results->buffer[best])) {
            best = i;
        }
    }
    if (best == N6_NONE) {
        return false;
    }
    results->buffer[best].state = N6_BUFFER_FILLING;
    results->filling = (uint8_t)best;
    return true;
}

static void cache(n6_results_t *results, uint32_t index)
{
    n6_send_remove(results->sends, index, 0);
    results->buffer[index].state = N6_BUFFER_CACHED;
    results->buffer[index].stamp = ++results->stamp;
}

void n6_result_forget(n6_results_t *results)
{
    for (uint32_t i = 0; i < count_of(results); i++) {
        n6_buffer_t *buffer = &results->buffer[i];

        if (buffer->state == N6_BUFFER_HELD) {
            cache(results, i);
        }
        buffer->id = 0;
        buffer->read_id = 0;
    }
    n6_send_clear(results->sends);
}

void n6_result_clear(n6_results_t *results)
{
    memset(results->buffer, 0, sizeof results->buffer);
    n6_send_clear(results->sends);
}

uint32_t n6_result_free_bytes(const n6_results_t *results)
{
    uint32_t bytes = 0;

    for (uint32_t i = 0; i < count_of(results); i++) {
        const uint8_t state = results->buffer[i].state;

        if (state == N6_BUFFER_FREE || state == N6_BUFFER_CACHED) {
            bytes += results->channel->config.result_size;
        }
    }
    return bytes;
}

uint32_t n6_result_find(const n6_results_t *results, uint64_t key)
{
    for (uint32_t i = 0; i < count_of(results); i++) {
        if (is_kept(&results->buffer[i]) && results->buffer[i].key == key) {
            return i;
        }
    }
    return N6_NONE;
}

/* The buffer whose result is known to the host by the id of its INFER. */
static uint32_t find_id(const n6_results_t *results, uint32_t id)
{
    for (uint32_t i = 0; id != 0 && i < count_of(results); i++) {
        if (is_kept(&results->buffer[i]) && results->buffer[i].id == id) {
            return i;
        }
    }
    return N6_NONE;
}

/* ---- sending ---- */

static uint8_t *meta_of(const n6_results_t *results, uint32_t index)
{
    const n6_config_t *config = &results->channel->config;
    return config->result[index] + config->result_size - results->buffer[index].meta;
}

static void send_meta(n6_results_t *results, uint32_t index, uint8_t type, uint32_t id)
{
    (void)n6_link_send(&results->channel->link, type, N6_FLAG_REPLY, id, meta_of(results, index),
                       results->buffer[index].meta);
}

void n6_result_send(n6_results_t *results, uint32_t index, uint32_t id)
{
    n6_buffer_t *buffer = &results->buffer[index];
    const n6_send_t whole = {.id = id, .end = buffer->length, .result = (uint8_t)index};

    n6_send_remove(results->sends, index, 0);
    buffer->state = N6_BUFFER_HELD;
    buffer->id = id;
    send_meta(results, index, N6_MESSAGE_TYPE_RESULT, id);
    (void)n6_send_add(results->sends, whole, true);
}

/* ---- staging ---- */

n6_status_t n6_result_check(const n6_network_t *network, const n6_return_t *what)
{
    if (what->output >= network->outputs) {
        return N6_STATUS_UNKNOWN_OUTPUT;
    }
    return n6_reduce_check(&network->output[what->output], what);
}

typedef struct {
    uint8_t *out;
    uint32_t room;
    uint32_t end;
} stage_t;

/* Goes to the next multiple of four, and zeroes what that skips. false = too few bytes are left. */
static bool align(stage_t *stage, uint32_t size)
{
    while (stage->end % ALIGN != 0) {
        if (stage->end == stage->room) {
            return false;
        }
        stage->out[stage->end++] = 0;
    }
    return size <= stage->room - stage->end;
}

static bool stage_outputs(const n6_npu_t *npu, const n6_run_t *run, const n6_return_t *what,
                          stage_t *stage, uint8_t *records)
{
    const n6_network_t *network = &npu->network[run->network];
    n6_return_t whole = {0};

    for (uint32_t i = 0; i < (run->returns ? run->returns : network->outputs); i++) {
        n6_result_record_t record = {0};

        whole.output = (uint8_t)i;
        if (!run->returns) {
            what = &whole;
        }
        if (!align(stage, 0)) {
            return false;
        }
        const int32_t size =
            n6_reduce(&network->output[what->output], what, npu->output(npu->context, what->output),
                      stage->out + stage->end, stage->room - stage->end, &record.count);
        if (size < 0) {
            return false;
        }
        record.output = what->output;
        record.reduction = what->reduction;
        record.offset = stage->end;
        record.length = (uint32_t)size;
        memcpy(records, &record, sizeof record);
        records += sizeof record;
        stage->end += (uint32_t)size;
        what++;
    }
    return true;
}

_Static_assert(sizeof(n6_epoch_time_t) == 16 && offsetof(n6_epoch_time_t, post) == 12,
               "an EpochTime is start, pre, core, post");

static bool stage_times(const n6_block_time_t *time, uint32_t blocks, stage_t *stage,
                        n6_result_t *result)
{
    const uint64_t whole = result->t_end - result->t_start;
    uint32_t record[4];

    if (!align(stage, blocks * (uint32_t)sizeof record)) {
        return false;
    }
    result->blocks = (uint16_t)blocks;
    result->timers_offset = stage->end;
    while (whole >> result->timer_shift > UINT32_MAX) {
        result->timer_shift++;
    }
    for (; blocks > 0; blocks--, time++) {
        uint64_t ticks[4] = {0, time->pre, time->core, time->post};

        if (time->start > result->t_start) {
            ticks[0] = time->start - result->t_start;
        }
        for (uint32_t i = 0; i < 4; i++) {
            ticks[i] >>= result->timer_shift;
            record[i] = ticks[i] > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks[i];
        }
        memcpy(stage->out + stage->end, record, sizeof record);
        stage->end += (uint32_t)sizeof record;
    }
    return true;
}

n6_status_t n6_result_finish(n6_results_t *results, const n6_run_t *run, const n6_return_t *what,
                             uint64_t ended_at)
{
    n6_channel_t *channel = results->channel;
    const n6_config_t *config = &channel->config;
    const n6_network_t *network = n6_network(channel, run->network);
    const bool timed =
        (run->flags & N6_INFER_FLAG_TIMERS) && n6_runs_timed(results->runs, run->network);
    const uint32_t index = results->filling;
    n6_buffer_t *buffer = &results->buffer[index];
    n6_result_t result = {
        .t_queued = run->queued_at,
        .t_committed = run->committed_at,
        .t_start = run->started_at,
        .t_end = ended_at,
        .network = run->network,
        .outputs = run->returns ? run->returns : network->outputs,
    };

    buffer->meta = (uint16_t)(sizeof result + result.outputs * sizeof(n6_result_record_t));
    uint8_t *meta = meta_of(results, index);
    stage_t stage = {.out = config->result[index]};
    stage.room = (uint32_t)(meta - stage.out);
    if (!stage_outputs(config->npu, run, what, &stage, meta + sizeof result) ||
        (timed && !stage_times(config->times, network->blocks, &stage, &result))) {
        buffer->state = N6_BUFFER_FREE;
        return N6_STATUS_TOO_LARGE;
    }
    result.length = stage.end;
    result.crc = n6_link_crc32(&channel->link, stage.out, stage.end);
    memcpy(meta, &result, sizeof result);
    buffer->key = run->key;
    buffer->length = stage.end;
    buffer->id = 0;
    buffer->read_id = 0;
    if (channel->session) {
        n6_result_send(results, index, run->id);
    } else {
        cache(results, index);
    }
    return N6_STATUS_OK;
}

/* ---- requests ---- */

bool n6_result_drop(n6_results_t *results, uint32_t id)
{
    const uint32_t index = find_id(results, id);

    if (index == N6_NONE || results->buffer[index].state != N6_BUFFER_HELD) {
        return false;
    }
    cache(results, index);
    return true;
}

/*
 * When a RELEASE is repeated because its answer was lost, its buffer may have another result by now:
 * there is nothing to refuse.
 */
void n6_result_release(n6_results_t *results, const n6_request_t *request)
{
    n6_release_t wanted;

    memcpy(&wanted, request->payload, sizeof wanted);
    (void)n6_result_drop(results, wanted.target);
    n6_reply(results->channel, request, NULL, 0);
}

static n6_status_t begin_read(n6_results_t *results, const n6_request_t *request,
                              const n6_read_t *wanted)
{
    const uint32_t index = find_id(results, wanted->target);
    n6_send_t send = {.id = request->id, .next = wanted->offset, .result = (uint8_t)index};

    if (index == N6_NONE) {
        return N6_STATUS_UNKNOWN_RESULT;
    }
    n6_buffer_t *buffer = &results->buffer[index];
    if (wanted->offset % results->channel->config.chunk != 0 || wanted->offset > buffer->length ||
        wanted->length > buffer->length - wanted->offset) {
        return N6_STATUS_BAD_REQUEST;
    }
    send.end = wanted->length ? wanted->offset + wanted->length : buffer->length;
    n6_send_remove(results->sends, index, request->id);
    if (!n6_send_add(results->sends, send, false)) {
        return N6_STATUS_BUSY;
    }
    buffer->read_id = request->id;
    buffer->read_end = send.end;
    send_meta(results, index, request->type, request->id);
    return N6_STATUS_OK;
}

void n6_result_read(n6_results_t *results, const n6_request_t *request)
{
    n6_read_t wanted;

    memcpy(&wanted, request->payload, sizeof wanted);
    const n6_status_t status = begin_read(results, request, &wanted);
    if (status != N6_STATUS_OK) {
        n6_refuse(results->channel, request, status, wanted.target);
    }
}

/* A transfer is the whole result, under the id of its INFER, or what the last READ asked for. */
void n6_result_nak(n6_results_t *results, const n6_request_t *request)
{
    const uint32_t id = request->id;
    n6_nak_t nak;

    memcpy(&nak, request->payload, sizeof nak);
    results->channel->counts.naks_received++;
    for (uint32_t i = 0; id != 0 && i < count_of(results); i++) {
        const n6_buffer_t *buffer = &results->buffer[i];

        if (is_kept(buffer) && (buffer->id == id || buffer->read_id == id)) {
            const uint32_t end = buffer->id == id ? buffer->length : buffer->read_end;
            n6_send_repair(results->sends, (n6_send_t){.id = id, .end = end, .result = (uint8_t)i},
                           &nak);
            return;
        }
    }
}
