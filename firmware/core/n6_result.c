/*
 * Result buffers (protocol.md section 7), and the DATA that goes to the host under its credits
 * (section 5).
 *
 *     state     event                                                    next
 *     FREE      a job is started                                         FILLING
 *     CACHED    the same, none is FREE, this one was cached longest ago  FILLING
 *     FILLING   done: RESULT and DATA follow                             HELD
 *     FILLING   fault, CANCEL, time to live, TOO_LARGE                   FREE
 *     HELD      RELEASE, CANCEL, end of the session                      CACHED
 *     CACHED    INFER with its key: RESULT and DATA again                HELD
 *
 * A buffer holds [outputs and reductions][timers] ... [Result, ResultRecords].
 *
 * The payload of RESULT is kept at the end of the buffer, ready to be sent again. What has to be
 * sent stands in send[]: repairs first, everything else in the order of arrival. A buffer of which
 * something is being sent is not used anew.
 */
#include <string.h>

#include "n6_parts.h"
#include "n6_reduce.h"

enum {
    ALIGN = 4,
};

static uint32_t aligned(uint32_t size)
{
    return (size + ALIGN - 1u) & ~(ALIGN - 1u);
}

static bool is_kept(const n6_buffer_t *buffer)
{
    return buffer->state == N6_BUFFER_HELD || buffer->state == N6_BUFFER_CACHED;
}

static const uint8_t *meta_of(const n6_server_t *s, uint8_t index)
{
    return s->config.result[index] + s->config.result_size - s->result[index].meta;
}

/* ------------------------------------------------------------------------------------- send list
 */

static void remove_sends(n6_server_t *s, uint8_t result, uint32_t id)
{
    uint8_t kept = 0;

    for (uint8_t i = 0; i < s->sends; i++)
        if (s->send[i].result != result || (id != 0 && s->send[i].id != id))
            s->send[kept++] = s->send[i];
    s->sends = kept;
}

/* Whole results always find room: there are no more of them than buffers. */
static bool add_send(n6_server_t *s, n6_send_t send, bool always)
{
    const uint8_t limit = (uint8_t)(N6_SERVER_MAX_SENDS - (always ? 0 : N6_SERVER_MAX_RESULTS));
    uint8_t at = s->sends;

    if (at >= limit)
        return false;
    if (send.next >= send.end)
        return true;
    if (send.repair) {
        memmove(&s->send[1], &s->send[0], at * sizeof *s->send);
        at = 0;
    }
    s->send[at] = send;
    s->sends++;
    return true;
}

static bool is_sending(const n6_server_t *s, uint8_t result)
{
    for (uint8_t i = 0; i < s->sends; i++)
        if (s->send[i].result == result)
            return true;
    return s->link.out && s->sending == result;
}

void n6_result_send(n6_server_t *s)
{
    n6_send_t *send = s->send;
    uint32_t size;

    if (s->sends == 0)
        return;
    size = send->end - send->next;
    if (size > s->config.chunk)
        size = s->config.chunk;
    if (n6_newer(s->position + size, s->limit))
        return;
    n6_link_send_data(&s->link, send->id, s->position, send->next,
                      s->config.result[send->result] + send->next, size);
    s->sending = send->result;
    s->position += size;
    s->retransmits += send->repair ? 1 : 0;
    send->next += size;
    if (send->next >= send->end) {
        s->sends--;
        memmove(&s->send[0], &s->send[1], s->sends * sizeof *s->send);
    }
}

static void send_result(n6_server_t *s, uint8_t index, uint8_t type, uint32_t id)
{
    (void)n6_link_send(&s->link, type, N6_FLAG_REPLY, id, meta_of(s, index), s->result[index].meta);
}

/* --------------------------------------------------------------------------------------- buffers
 */

uint8_t n6_result_reserve(n6_server_t *s)
{
    uint8_t best = N6_NONE;

    for (uint8_t i = 0; i < s->config.results; i++) {
        const n6_buffer_t *buffer = &s->result[i];
        if (buffer->state == N6_BUFFER_HELD || is_sending(s, i))
            continue;
        if (best == N6_NONE ||
            (s->result[best].state == N6_BUFFER_CACHED &&
             (buffer->state == N6_BUFFER_FREE || n6_newer(s->result[best].stamp, buffer->stamp))))
            best = i;
    }
    if (best != N6_NONE)
        s->result[best] = (n6_buffer_t){.state = N6_BUFFER_FILLING};
    return best;
}

static void release(n6_server_t *s, uint8_t index)
{
    remove_sends(s, index, 0);
    s->result[index].state = N6_BUFFER_CACHED;
    s->result[index].stamp = ++s->stamp;
}

void n6_result_forget(n6_server_t *s, bool all)
{
    s->sends = 0;
    for (uint8_t i = 0; i < s->config.results; i++) {
        n6_buffer_t *buffer = &s->result[i];
        if (all)
            buffer->state = N6_BUFFER_FREE;
        else if (buffer->state == N6_BUFFER_HELD)
            release(s, i);
        buffer->id = buffer->read_id = 0;
    }
}

static uint8_t find(const n6_server_t *s, uint32_t id)
{
    for (uint8_t i = 0; i < s->config.results; i++)
        if (is_kept(&s->result[i]) && id != 0 && s->result[i].id == id)
            return i;
    return N6_NONE;
}

/* --------------------------------------------------------------------------------------- staging
 */

n6_status_t n6_result_check(const n6_network_t *network, const n6_return_t *what)
{
    if (what->output >= network->outputs)
        return N6_STATUS_UNKNOWN_OUTPUT;
    return n6_reduce_check(&network->output[what->output], what);
}

static uint32_t narrow(uint64_t ticks, uint8_t shift)
{
    ticks >>= shift;
    return ticks > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks;
}

static void stage_times(const n6_server_t *s, const n6_result_t *result, uint8_t *out)
{
    for (uint16_t i = 0; i < result->blocks; i++) {
        const n6_block_time_t *time = &s->config.times[i];
        const n6_epoch_time_t record = {
            .start = narrow(time->start > result->t_start ? time->start - result->t_start : 0,
                            result->timer_shift),
            .pre = narrow(time->pre, result->timer_shift),
            .core = narrow(time->core, result->timer_shift),
            .post = narrow(time->post, result->timer_shift),
        };
        memcpy(out + i * sizeof record, &record, sizeof record);
    }
}

static uint8_t shift_of(uint64_t ticks)
{
    uint8_t shift = 0;

    while (ticks >> shift > UINT32_MAX)
        shift++;
    return shift;
}

/* Reserves size bytes at the next multiple of four, and zeroes what that skips. false = no room. */
static bool advance(uint8_t *out, uint32_t *end, uint32_t size, uint32_t room)
{
    const uint32_t at = aligned(*end);

    if (at > room || size > room - at)
        return false;
    memset(out + *end, 0, at - *end);
    *end = at + size;
    return true;
}

/* Outputs and reductions, with their records. The number of bytes, or N6_REDUCE_TOO_LARGE. */
static int32_t stage_outputs(n6_server_t *s, const n6_job_t *job, const n6_return_t *what,
                             uint8_t *out, uint8_t *meta)
{
    const n6_npu_t *npu = s->config.npu;
    const n6_network_t *network = &npu->network[job->network];
    const uint32_t room = (uint32_t)(meta - out);
    const uint8_t records = job->returns > 0 ? job->returns : network->outputs;
    uint32_t end = 0;

    for (uint8_t i = 0; i < records; i++) {
        const n6_return_t whole = {.output = i};
        const n6_return_t *want = job->returns > 0 ? &what[i] : &whole;
        n6_result_record_t record = {.output = want->output, .reduction = want->reduction};
        int32_t size;

        if (!advance(out, &end, 0, room))
            return N6_REDUCE_TOO_LARGE;
        size =
            n6_reduce(&network->output[want->output], want, npu->output(npu->context, want->output),
                      out + end, room - end, &record.count);
        if (size < 0)
            return size;
        record.offset = end;
        record.length = (uint32_t)size;
        memcpy(meta + sizeof(n6_result_t) + i * sizeof record, &record, sizeof record);
        end += (uint32_t)size;
    }
    return (int32_t)end;
}

n6_status_t n6_result_finish(n6_server_t *s, const n6_job_t *job, const n6_return_t *what,
                             uint64_t ended_at)
{
    const n6_network_t *network = &s->config.npu->network[job->network];
    n6_buffer_t *buffer = &s->result[s->filling];
    uint8_t *out = s->config.result[s->filling];
    uint8_t *meta;
    n6_result_t result = {
        .t_queued = job->queued_at,
        .t_committed = job->committed_at,
        .t_start = job->started_at,
        .t_end = ended_at,
        .network = job->network,
        .outputs = job->returns > 0 ? job->returns : network->outputs,
    };
    int32_t staged;
    uint32_t end;

    buffer->meta = (uint16_t)(sizeof result + result.outputs * sizeof(n6_result_record_t));
    buffer->state = N6_BUFFER_FREE;
    meta = out + s->config.result_size - buffer->meta;
    staged = stage_outputs(s, job, what, out, meta);
    if (staged < 0)
        return N6_STATUS_TOO_LARGE;
    end = (uint32_t)staged;
    if ((job->flags & N6_INFER_FLAG_TIMERS) && n6_stats_timed(s, job->network)) {
        const uint32_t size = network->blocks * (uint32_t)sizeof(n6_epoch_time_t);
        if (!advance(out, &end, size, (uint32_t)(meta - out)))
            return N6_STATUS_TOO_LARGE;
        result.blocks = network->blocks;
        result.timers_offset = end - size;
        result.timer_shift = shift_of(ended_at - job->started_at);
        stage_times(s, &result, out + result.timers_offset);
    }
    result.length = end;
    result.crc = n6_crc(s, out, end);
    memcpy(meta, &result, sizeof result);
    buffer->key = job->key;
    buffer->length = end;
    if (!s->session) {
        release(s, s->filling);
        return N6_STATUS_OK;
    }
    buffer->state = N6_BUFFER_HELD;
    buffer->id = job->id;
    send_result(s, s->filling, N6_MESSAGE_TYPE_RESULT, job->id);
    (void)add_send(s, (n6_send_t){job->id, 0, end, s->filling, false}, true);
    return N6_STATUS_OK;
}

/* -------------------------------------------------------------------------------------- requests
 */

bool n6_result_again(n6_server_t *s, const n6_request_t *request, uint64_t key)
{
    const n6_infer_reply_t reply = {.state = N6_INFER_STATE_DONE, .depth = s->jobs};

    for (uint8_t i = 0; i < s->config.results; i++) {
        n6_buffer_t *buffer = &s->result[i];
        if (!is_kept(buffer) || buffer->key != key)
            continue;
        remove_sends(s, i, 0);
        buffer->state = N6_BUFFER_HELD;
        buffer->id = request->id;
        n6_reply(s, request, &reply, sizeof reply);
        send_result(s, i, N6_MESSAGE_TYPE_RESULT, request->id);
        (void)add_send(s, (n6_send_t){request->id, 0, buffer->length, i, false}, true);
        return true;
    }
    return false;
}

bool n6_result_drop(n6_server_t *s, uint32_t id)
{
    const uint8_t index = find(s, id);

    if (index == N6_NONE || s->result[index].state != N6_BUFFER_HELD)
        return false;
    release(s, index);
    return true;
}

/* A RELEASE whose answer was lost is repeated when its buffer may long be used anew: there is
 * nothing to refuse. */
void n6_result_release(n6_server_t *s, const n6_request_t *request)
{
    n6_release_t wanted;

    memcpy(&wanted, request->payload, sizeof wanted);
    (void)n6_result_drop(s, wanted.target);
    n6_reply(s, request, NULL, 0);
}

void n6_result_read(n6_server_t *s, const n6_request_t *request)
{
    n6_read_t wanted;
    n6_buffer_t *buffer;
    uint8_t index;
    n6_status_t status = N6_STATUS_OK;
    uint32_t end;

    memcpy(&wanted, request->payload, sizeof wanted);
    index = find(s, wanted.target);
    if (index == N6_NONE) {
        n6_error(s, request->id, request->type, N6_STATUS_UNKNOWN_RESULT, wanted.target);
        return;
    }
    buffer = &s->result[index];
    end = wanted.length > 0 ? wanted.offset + wanted.length : buffer->length;
    if (wanted.offset % s->config.chunk != 0 || wanted.offset > buffer->length ||
        wanted.length > buffer->length - wanted.offset)
        status = N6_STATUS_BAD_REQUEST;
    remove_sends(s, index, request->id);
    if (status == N6_STATUS_OK &&
        !add_send(s, (n6_send_t){request->id, wanted.offset, end, index, false}, false))
        status = N6_STATUS_BUSY;
    if (status != N6_STATUS_OK) {
        n6_error(s, request->id, request->type, status, wanted.offset);
        return;
    }
    buffer->read_id = request->id;
    buffer->read_end = end;
    send_result(s, index, request->type, request->id);
}

/* The part of a transfer that has been sent before; what is still to be sent needs no repair. */
void n6_result_nak(n6_server_t *s, const n6_request_t *request)
{
    n6_nak_t nak;
    uint8_t index = 0;
    uint32_t end, from;

    memcpy(&nak, request->payload, sizeof nak);
    s->naks_received++;
    while (index < s->config.results &&
           !(is_kept(&s->result[index]) && request->id != 0 &&
             (s->result[index].id == request->id || s->result[index].read_id == request->id)))
        index++;
    if (index == s->config.results)
        return;
    end = s->result[index].id == request->id ? s->result[index].length : s->result[index].read_end;
    for (uint8_t i = 0; i < s->sends; i++)
        if (s->send[i].id == request->id && !s->send[i].repair && s->send[i].next < end)
            end = s->send[i].next;
    from = nak.offset - nak.offset % s->config.chunk;
    if (from >= end)
        return;
    if (nak.length > 0 && nak.length < end - nak.offset) {
        const uint32_t last = nak.offset + nak.length + s->config.chunk - 1u;
        if (last - last % s->config.chunk < end)
            end = last - last % s->config.chunk;
    }
    for (uint8_t i = 0; i < s->sends; i++) {
        n6_send_t *send = &s->send[i];
        if (send->id == request->id && send->repair && from <= send->end && send->next <= end) {
            send->next = from < send->next ? from : send->next;
            send->end = end > send->end ? end : send->end;
            return;
        }
    }
    (void)add_send(s, (n6_send_t){request->id, from, end, index, true}, false);
}

void n6_result_credit(n6_server_t *s, const n6_request_t *request)
{
    n6_credit_t credit;

    memcpy(&credit, request->payload, sizeof credit);
    s->limit = credit.limit;
}
