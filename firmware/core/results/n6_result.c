/*
 * Result buffers (protocol.md section 7).
 *
 *     state     event                                                     next
 *     FREE      a job is started                                          FILLING
 *     CACHED    the same, none is FREE, this one was cached longest ago   FILLING
 *     FILLING   done: RESULT and DATA follow                              HELD
 *     FILLING   fault, CANCEL, time to live, TOO_LARGE                    FREE
 *     HELD      RELEASE, CANCEL, end of the session                       CACHED
 *     CACHED    INFER with its key: RESULT and DATA again                 HELD
 *
 * A buffer holds outputs and reductions, then epoch timers; and at its very end the payload of RESULT (meta), ready to be
 * sent again. A buffer of which something is being sent is not used anew.
 */
#include <string.h>

#include "n6_parts.h"
#include "n6_reduce.h"

enum {
    ALIGN = 4,
};

/* ---- buffers ---- */

/* Free, or cached for longer. */
static bool is_better(const n6_buffer_t *buffer, const n6_buffer_t *than)
{
    return than->state == N6_BUFFER_CACHED &&
           (buffer->state == N6_BUFFER_FREE || n6_newer(than->stamp, buffer->stamp));
}

uint32_t n6_result_reserve(n6_server_t *s)
{
    uint32_t best = N6_NONE;

    for (uint32_t i = 0; i < s->config.results; i++) {
        const n6_buffer_t *buffer = &s->result[i];
        if (buffer->state == N6_BUFFER_HELD || n6_send_needs(s, i))
            continue;
        if (best == N6_NONE || is_better(buffer, &s->result[best]))
            best = i;
    }
    if (best != N6_NONE)
        s->result[best].state = N6_BUFFER_FILLING;
    return best;
}

static void cache(n6_server_t *s, uint32_t index)
{
    n6_send_remove(s, index, 0);
    s->result[index].state = N6_BUFFER_CACHED;
    s->result[index].stamp = ++s->stamp;
}

void n6_result_forget(n6_server_t *s, bool all)
{
    for (uint32_t i = 0; i < s->config.results; i++) {
        n6_buffer_t *buffer = &s->result[i];
        if (all)
            buffer->state = N6_BUFFER_FREE;
        else if (buffer->state == N6_BUFFER_HELD)
            cache(s, i);
        buffer->id = buffer->read_id = 0;
    }
    s->sends = 0;
}

static uint32_t find(const n6_server_t *s, uint32_t id)
{
    for (uint32_t i = 0; id != 0 && i < s->config.results; i++)
        if (s->result[i].state >= N6_BUFFER_HELD && s->result[i].id == id)
            return i;
    return N6_NONE;
}

static uint8_t *meta_of(const n6_server_t *s, uint32_t index)
{
    return s->config.result[index] + s->config.result_size - s->result[index].meta;
}

static void send_meta(n6_server_t *s, uint32_t index, uint8_t type, uint32_t id)
{
    (void)n6_link_send(&s->link, type, N6_FLAG_REPLY, id, meta_of(s, index), s->result[index].meta);
}

/* The buffer is held by the INFER with this id, which gets all of it. */
static void send_whole(n6_server_t *s, uint32_t index, uint32_t id)
{
    n6_buffer_t *buffer = &s->result[index];
    const n6_send_t whole = {.id = id, .end = buffer->length, .result = (uint8_t)index};

    n6_send_remove(s, index, 0);
    buffer->state = N6_BUFFER_HELD;
    buffer->id = id;
    send_meta(s, index, N6_MESSAGE_TYPE_RESULT, id);
    (void)n6_send_add(s, whole, true);
}

/* ---- staging ---- */

n6_status_t n6_result_check(const n6_network_t *network, const n6_return_t *what)
{
    if (what->output >= network->outputs)
        return N6_STATUS_UNKNOWN_OUTPUT;
    return n6_reduce_check(&network->output[what->output], what);
}

typedef struct {
    uint8_t *out;
    uint32_t room;
    uint32_t end;
} stage_t;

/* Goes to the next multiple of four, and zeroes what that skips. false = less than size bytes are left. */
static bool align(stage_t *stage, uint32_t size)
{
    while (stage->end % ALIGN != 0) {
        if (stage->end == stage->room)
            return false;
        stage->out[stage->end++] = 0;
    }
    return size <= stage->room - stage->end;
}

static bool stage_outputs(n6_server_t *s, const n6_job_t *job, const n6_return_t *what,
                          stage_t *stage, uint8_t *records)
{
    const n6_npu_t *npu = s->config.npu;
    const n6_network_t *network = &npu->network[job->network];
    n6_return_t whole = {0};

    for (uint32_t i = 0; i < (job->returns ? job->returns : network->outputs); i++) {
        n6_result_record_t record = {0};
        int32_t size;

        whole.output = (uint8_t)i;
        if (!job->returns)
            what = &whole;
        if (!align(stage, 0))
            return false;
        size =
            n6_reduce(&network->output[what->output], what, npu->output(npu->context, what->output),
                      stage->out + stage->end, stage->room - stage->end, &record.count);
        if (size < 0)
            return false;
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

static bool stage_times(n6_server_t *s, uint32_t blocks, stage_t *stage, n6_result_t *result)
{
    const n6_block_time_t *time = s->config.times;
    const uint64_t whole = result->t_end - result->t_start;
    uint32_t record[4];

    if (!align(stage, blocks * (uint32_t)sizeof record))
        return false;
    result->blocks = (uint16_t)blocks;
    result->timers_offset = stage->end;
    while (whole >> result->timer_shift > UINT32_MAX)
        result->timer_shift++;
    for (; blocks > 0; blocks--, time++) {
        uint64_t ticks[4] = {0, time->pre, time->core, time->post};
        if (time->start > result->t_start)
            ticks[0] = time->start - result->t_start;
        for (uint32_t i = 0; i < 4; i++) {
            ticks[i] >>= result->timer_shift;
            record[i] = ticks[i] > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks[i];
        }
        memcpy(stage->out + stage->end, record, sizeof record);
        stage->end += (uint32_t)sizeof record;
    }
    return true;
}

_Static_assert(sizeof(n6_epoch_time_t) == 16 && offsetof(n6_epoch_time_t, post) == 12,
               "an EpochTime is start, pre, core, post");

n6_status_t n6_result_finish(n6_server_t *s, const n6_job_t *job, const n6_return_t *what,
                             uint64_t ended_at)
{
    const n6_network_t *network = &s->config.npu->network[job->network];
    const bool timed = (job->flags & N6_INFER_FLAG_TIMERS) && n6_stats_timed(s, job->network);
    n6_buffer_t *buffer = &s->result[s->filling];
    stage_t stage = {.out = s->config.result[s->filling]};
    n6_result_t result = {
        .t_queued = job->queued_at,
        .t_committed = job->committed_at,
        .t_start = job->started_at,
        .t_end = ended_at,
        .network = job->network,
        .outputs = job->returns ? job->returns : network->outputs,
    };
    uint8_t *meta;

    buffer->meta = (uint16_t)(sizeof result + result.outputs * sizeof(n6_result_record_t));
    meta = meta_of(s, s->filling);
    stage.room = (uint32_t)(meta - stage.out);
    if (!stage_outputs(s, job, what, &stage, meta + sizeof result) ||
        (timed && !stage_times(s, network->blocks, &stage, &result))) {
        buffer->state = N6_BUFFER_FREE;
        return N6_STATUS_TOO_LARGE;
    }
    result.length = stage.end;
    result.crc = s->link.calls.crc32(0, stage.out, stage.end);
    memcpy(meta, &result, sizeof result);
    buffer->key = job->key;
    buffer->length = stage.end;
    buffer->id = buffer->read_id = 0;
    if (s->session)
        send_whole(s, s->filling, job->id);
    else
        cache(s, s->filling);
    return N6_STATUS_OK;
}

/* ---- requests ---- */

bool n6_result_again(n6_server_t *s, const n6_request_t *request, uint64_t key)
{
    const n6_infer_reply_t reply = {.state = N6_INFER_STATE_DONE, .depth = s->jobs};

    for (uint32_t i = 0; i < s->config.results; i++) {
        if (s->result[i].state >= N6_BUFFER_HELD && s->result[i].key == key) {
            n6_reply(s, request, &reply, sizeof reply);
            send_whole(s, i, request->id);
            return true;
        }
    }
    return false;
}

bool n6_result_drop(n6_server_t *s, uint32_t id)
{
    const uint32_t index = find(s, id);

    if (index == N6_NONE || s->result[index].state != N6_BUFFER_HELD)
        return false;
    cache(s, index);
    return true;
}

/* A RELEASE whose answer was lost is repeated when its buffer may long be another's: there is nothing to refuse. */
void n6_result_release(n6_server_t *s, const n6_request_t *request)
{
    n6_release_t wanted;

    memcpy(&wanted, request->payload, sizeof wanted);
    (void)n6_result_drop(s, wanted.target);
    n6_reply(s, request, NULL, 0);
}

static n6_status_t read(n6_server_t *s, const n6_request_t *request, const n6_read_t *wanted)
{
    const uint32_t index = find(s, wanted->target);
    n6_send_t send = {.id = request->id, .next = wanted->offset, .result = (uint8_t)index};
    n6_buffer_t *buffer;

    if (index == N6_NONE)
        return N6_STATUS_UNKNOWN_RESULT;
    buffer = &s->result[index];
    if (wanted->offset % s->config.chunk != 0 || wanted->offset > buffer->length ||
        wanted->length > buffer->length - wanted->offset)
        return N6_STATUS_BAD_REQUEST;
    send.end = wanted->length ? wanted->offset + wanted->length : buffer->length;
    n6_send_remove(s, index, request->id);
    if (!n6_send_add(s, send, false))
        return N6_STATUS_BUSY;
    buffer->read_id = request->id;
    buffer->read_end = send.end;
    send_meta(s, index, request->type, request->id);
    return N6_STATUS_OK;
}

void n6_result_read(n6_server_t *s, const n6_request_t *request)
{
    n6_read_t wanted;
    n6_status_t status;

    memcpy(&wanted, request->payload, sizeof wanted);
    status = read(s, request, &wanted);
    if (status != N6_STATUS_OK)
        n6_refuse(s, request, status, wanted.target);
}
