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

/* It contains a result. */
static bool is_kept(const n6_buffer_t *buffer)
{
    return buffer->state >= N6_BUFFER_HELD;
}

/* Free, or cached earlier. */
static bool is_better(const n6_buffer_t *buffer, const n6_buffer_t *than)
{
    return than->state == N6_BUFFER_CACHED &&
           (buffer->state == N6_BUFFER_FREE || n6_newer(than->stamp, buffer->stamp));
}

uint8_t n6_result_reserve(n6_results_t *results)
{
    uint32_t best = N6_NONE;

    for (uint32_t i = 0; i < count_of(results); i++) {
        const n6_buffer_t *buffer = &results->buffer[i];

        if (buffer->state == N6_BUFFER_FILLING || buffer->state == N6_BUFFER_HELD ||
            n6_send_needs(results->sends, i)) {
            continue;
        }
        if (best == N6_NONE || is_better(buffer, &results->buffer[best])) {
            best = i;
        }
    }
    if (best != N6_NONE) {
        results->buffer[best].state = N6_BUFFER_FILLING;
    }
    return (uint8_t)best;
}

void n6_result_forget(n6_results_t *results)
{
    for (uint32_t i = 0; i < count_of(results); i++) {
        n6_buffer_t *buffer = &results->buffer[i];

        if (buffer->state == N6_BUFFER_HELD) {
            buffer->state = N6_BUFFER_CACHED;
            buffer->stamp = ++results->stamp;
        }
        buffer->id = 0;
    }
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

/* The buffer that is held for the INFER with this id. */
static uint32_t find_id(const n6_results_t *results, uint32_t id)
{
    for (uint32_t i = 0; i < count_of(results); i++) {
        if (results->buffer[i].state == N6_BUFFER_HELD && results->buffer[i].id == id) {
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

void n6_result_send(n6_results_t *results, uint32_t index, uint32_t id)
{
    n6_buffer_t *buffer = &results->buffer[index];

    n6_send_remove(results->sends, index);
    buffer->state = N6_BUFFER_HELD;
    buffer->id = id;
    (void)n6_link_send(&results->channel->link, N6_MESSAGE_TYPE_RESULT, N6_FLAG_REPLY, id,
                       meta_of(results, index), buffer->meta);
    n6_send_add(results->sends, (n6_send_t){.id = id,
                                            .end = buffer->length,
                                            .result = (uint8_t)index,
                                            .priority = buffer->priority});
}

/* ---- staging ---- */

n6_mistake_t n6_result_check(const n6_network_t *network, const n6_return_t *what, uint32_t *rows)
{
    if (what->source != N6_SOURCE_OUTPUT) {
        return N6_MISTAKE_SOURCE;
    }
    if (what->output >= network->outputs) {
        return N6_MISTAKE_OUTPUT;
    }
    return n6_reduce_check(&network->output[what->output], what, rows);
}

typedef struct {
    uint8_t *out;
    uint32_t room;
    uint32_t end;
} stage_t;

/* Advances to the next multiple of four, and writes zeros. false = not enough bytes left. */
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
    n6_selection_t selection = {0};

    for (uint32_t i = 0; i < (run->returns ? run->returns : network->outputs); i++) {
        n6_result_record_t record = {0};

        whole.output = (uint16_t)i;
        if (!run->returns) {
            what = &whole;
        }
        if (!align(stage, 0)) {
            return false;
        }
        const int32_t size = n6_reduce(
            &network->output[what->output], what, npu->output(npu->context, (uint8_t)what->output),
            stage->out + stage->end, stage->room - stage->end, &record.count, &selection);
        if (size < 0) {
            return false;
        }
        record.output = what->output;
        record.source = what->source;
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

/* The buffer has its bytes and the payload of RESULT. */
static void hold(n6_results_t *results, uint8_t index, const n6_run_t *run, uint32_t length)
{
    n6_buffer_t *buffer = &results->buffer[index];

    buffer->key = run->key;
    buffer->priority = run->priority;
    buffer->body = run->body;
    buffer->length = length;
    buffer->id = run->id;
    buffer->state = N6_BUFFER_HELD;
    if (results->channel->session.open) {
        n6_result_send(results, index, run->id);
    }
}

bool n6_result_finish(n6_results_t *results, uint8_t index, const n6_run_t *run,
                      const n6_return_t *what, uint64_t ended_at)
{
    n6_channel_t *channel = results->channel;
    const n6_config_t *config = &channel->config;
    const n6_network_t *network = n6_network(channel, run->network);
    const bool timed =
        (run->flags & N6_INFER_FLAG_TIMERS) && n6_runs_timed(results->runs, run->network);
    n6_buffer_t *buffer = &results->buffer[index];
    n6_result_t result = {
        .t_queued = run->queued_at,
        .t_committed = run->committed_at,
        .t_start = run->started_at,
        .t_end = ended_at,
        .network = run->network,
        .outputs = run->returns ? run->returns : network->outputs,
        .head = sizeof result,
        .record = sizeof(n6_result_record_t),
        .timer_record = sizeof(n6_epoch_time_t),
    };

    buffer->meta = (uint16_t)(sizeof result + result.outputs * sizeof(n6_result_record_t));
    uint8_t *meta = meta_of(results, index);
    stage_t stage = {.out = config->result[index]};
    stage.room = (uint32_t)(meta - stage.out);
    if (!stage_outputs(config->npu, run, what, &stage, meta + sizeof result) ||
        (timed && !stage_times(config->times, network->blocks, &stage, &result))) {
        n6_result_abandon(results, index);
        return false;
    }
    result.length = stage.end;
    result.crc = n6_link_crc32(&channel->link, 0, stage.out, stage.end);
    memcpy(meta, &result, sizeof result);
    hold(results, index, run, result.length);
    return true;
}

bool n6_result_take(n6_results_t *results, uint8_t index, const n6_run_t *run,
                    const n6_answer_t *answer)
{
    const n6_config_t *config = &results->channel->config;
    const n6_result_t *result = answer->result;
    const size_t records = result->outputs * sizeof(n6_result_record_t);
    n6_buffer_t *buffer = &results->buffer[index];

    buffer->meta = (uint16_t)(sizeof *result + records);
    if (buffer->meta > config->result_size || result->length > config->result_size - buffer->meta) {
        n6_result_abandon(results, index);
        return false;
    }
    uint8_t *meta = meta_of(results, index);
    memcpy(meta, result, sizeof *result);
    memcpy(meta + sizeof *result, answer->records, records);
    memcpy(config->result[index], answer->data, result->length);
    hold(results, index, run, result->length);
    return true;
}

/* ---- requests ---- */

bool n6_result_drop(n6_results_t *results, uint32_t id)
{
    const uint32_t index = find_id(results, id);

    if (index == N6_NONE) {
        return false;
    }
    n6_send_remove(results->sends, index);
    results->buffer[index].state = N6_BUFFER_FREE;
    return true;
}

/*
 * If the answer to a RELEASE was lost and the RELEASE is repeated, the buffer may already contain
 * another result: this is not an error.
 */
void n6_result_release(n6_results_t *results, const n6_request_t *request)
{
    const n6_release_t *wanted = request->body;

    (void)n6_result_drop(results, wanted->target);
    n6_reply(results->channel, request, NULL, 0);
}

void n6_result_nak(n6_results_t *results, const n6_request_t *request)
{
    const uint32_t index = find_id(results, request->id);

    results->channel->counts.naks_received++;
    if (index != N6_NONE) {
        const n6_send_t whole = {
            .id = request->id, .end = results->buffer[index].length, .result = (uint8_t)index};
        n6_send_repair(results->sends, whole, request->body);
    }
}
