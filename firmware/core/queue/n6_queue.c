/*
 * The inference queue (protocol.md section 6) and the NPU.
 *
 *     state      event                                      next
 *     WAITING    its upload is committed                    QUEUED
 *     QUEUED     first in order, NPU and a buffer free      RUNNING
 *     RUNNING    done: staged and sent by n6_result.c       -
 *     any        CANCEL, time to live, fault, input lost    - (one ERROR)
 *
 * job[] is ordered by age, and returns[] holds the Return records of the jobs in the same order. A job that fails is
 * remembered for a while by its id: a repeated INFER that crossed its ERROR gets it again, and does not run.
 */
#include <string.h>

#include "n6_parts.h"

static const n6_network_t *network_of(const n6_server_t *s, const n6_job_t *job)
{
    return &s->config.npu->network[job->network];
}

static uint32_t first_return(const n6_server_t *s, uint32_t index)
{
    uint32_t first = 0;

    for (uint32_t i = 0; i < index; i++)
        first += s->job[i].returns;
    return first;
}

static void remove_job(n6_server_t *s, uint32_t index)
{
    const uint32_t first = first_return(s, index);
    const uint32_t next = first + s->job[index].returns;
    const uint32_t end = first_return(s, s->jobs);

    memmove(&s->returns[first], &s->returns[next], (end - next) * sizeof *s->returns);
    s->jobs--;
    memmove(&s->job[index], &s->job[index + 1], (s->jobs - index) * sizeof *s->job);
    if (s->running != N6_NONE && s->running > index)
        s->running--;
}

/* The running job has left the NPU, for good or bad. */
static void free_npu(n6_server_t *s)
{
    const n6_job_t *job = &s->job[s->running];
    n6_slot_t *slot = &s->slot[job->slot];

    s->running = N6_NONE;
    if ((s->config.npu->features & N6_FEATURE_CONSUMES_INPUT) && slot->id == job->upload &&
        slot->state == N6_SLOT_COMMITTED)
        slot->state = N6_SLOT_CONSUMED;
}

/* A runtime that has failed has stopped by itself. */
static void stop(n6_server_t *s, n6_status_t status)
{
    if (status != N6_STATUS_NPU_FAULT)
        s->config.npu->stop(s->config.npu->context);
    s->result[s->filling].state = N6_BUFFER_FREE;
    free_npu(s);
}

static void count(n6_network_stats_t *counts, n6_status_t status)
{
    switch (status) {
    case N6_STATUS_CANCELLED:
        counts->cancelled++;
        break;
    case N6_STATUS_DEADLINE:
        counts->late++;
        break;
    case N6_STATUS_NPU_FAULT:
    case N6_STATUS_TOO_LARGE:
        counts->errors++;
        break;
    default:
        break;
    }
}

static void fail(n6_server_t *s, uint32_t index, n6_status_t status, uint32_t value)
{
    const uint32_t id = s->job[index].id;
    const uint32_t slot = s->job[index].slot;
    const bool ran = index == s->running;

    if (ran)
        stop(s, status);
    count(&s->network[s->job[index].network], status);
    remove_job(s, index);
    s->failed_id[s->failures % N6_SERVER_MAX_QUEUE] = id;
    s->failed_status[s->failures++ % N6_SERVER_MAX_QUEUE] = (uint8_t)status;
    if (s->session)
        n6_error(s, id, N6_MESSAGE_TYPE_INFER, status, value);
    if (ran && s->slot[slot].state == N6_SLOT_CONSUMED)
        n6_queue_input(s, slot, N6_STATUS_NO_INPUT);
}

/* ---- slots ---- */

bool n6_queue_uses(const n6_server_t *s, uint32_t slot, uint32_t upload)
{
    for (uint32_t i = 0; i < s->jobs; i++) {
        const n6_job_t *job = &s->job[i];
        if (job->slot == slot && (job->state != N6_INFER_STATE_WAITING || job->upload != upload))
            return true;
    }
    return false;
}

void n6_queue_input(n6_server_t *s, uint32_t slot, n6_status_t status)
{
    const n6_slot_t *input = &s->slot[slot];

    for (uint32_t i = s->jobs; i-- > 0;) {
        n6_job_t *job = &s->job[i];
        if (job->slot != slot || job->upload != input->id || i == s->running)
            continue;
        if (status != N6_STATUS_OK) {
            fail(s, i, status, slot);
        } else if (job->network != input->network) {
            fail(s, i, N6_STATUS_BAD_REQUEST, job->network);
        } else {
            job->state = N6_INFER_STATE_QUEUED;
            job->committed_at = input->committed_at;
        }
    }
}

/* ---- INFER ---- */

static void answer(n6_server_t *s, const n6_request_t *request, uint8_t state)
{
    const n6_infer_reply_t reply = {.state = state, .depth = s->jobs};
    n6_reply(s, request, &reply, sizeof reply);
}

static n6_status_t check_infer(const n6_server_t *s, const n6_request_t *request,
                               const n6_infer_t *infer, uint32_t *value)
{
    const uint8_t *at = request->payload + sizeof *infer;

    *value = infer->network;
    if (infer->network >= s->config.npu->networks)
        return N6_STATUS_UNKNOWN_NETWORK;
    *value = infer->slot;
    if (infer->slot >= s->config.slots)
        return N6_STATUS_BAD_SLOT;
    *value = infer->returns;
    if (infer->returns > N6_LIMIT_MAX_RETURNS ||
        request->length < sizeof *infer + infer->returns * sizeof(n6_return_t))
        return N6_STATUS_BAD_REQUEST;
    for (*value = 0; *value < infer->returns; ++*value, at += sizeof(n6_return_t)) {
        n6_return_t what;
        n6_status_t status;
        memcpy(&what, at, sizeof what);
        status = n6_result_check(&s->config.npu->network[infer->network], &what);
        if (status != N6_STATUS_OK)
            return status;
    }
    return N6_STATUS_OK;
}

/* The state in which a job with this input begins, or the status that it fails with. */
static n6_status_t check_input(const n6_server_t *s, const n6_infer_t *infer, uint8_t *state)
{
    const n6_slot_t *slot = &s->slot[infer->slot];

    *state = N6_INFER_STATE_WAITING;
    if (slot->id == 0 || n6_newer(infer->upload, slot->id))
        return N6_STATUS_OK;
    if (slot->id != infer->upload)
        return N6_STATUS_NO_INPUT;
    if (slot->state == N6_SLOT_FILLING)
        return N6_STATUS_OK;
    if (slot->state != N6_SLOT_COMMITTED)
        return N6_STATUS_NO_INPUT;
    *state = N6_INFER_STATE_QUEUED;
    return slot->network == infer->network ? N6_STATUS_OK : N6_STATUS_BAD_REQUEST;
}

static bool is_full(const n6_server_t *s, uint32_t returns)
{
    return s->jobs == N6_SERVER_MAX_QUEUE ||
           first_return(s, s->jobs) + returns > N6_SERVER_MAX_RETURNS;
}

static void add_job(n6_server_t *s, const n6_request_t *request, const n6_infer_t *infer,
                    uint8_t state)
{
    n6_job_t *job = &s->job[s->jobs];

    memcpy(&s->returns[first_return(s, s->jobs)], request->payload + sizeof *infer,
           infer->returns * sizeof(n6_return_t));
    s->jobs++;
    job->key = infer->key;
    job->queued_at = n6_now(s);
    job->committed_at = s->slot[infer->slot].committed_at;
    job->deadline = UINT64_MAX;
    if (infer->ttl_us > 0)
        job->deadline = job->queued_at + n6_ticks(s, infer->ttl_us, 1000000);
    job->id = request->id;
    job->upload = infer->upload;
    job->network = infer->network;
    job->slot = infer->slot;
    job->priority = infer->priority;
    job->flags = infer->flags;
    job->returns = infer->returns;
    job->state = state;
}

/* How an INFER with this id failed; OK = it did not. */
static n6_status_t find_failure(const n6_server_t *s, uint32_t id)
{
    for (uint32_t i = 0; i < N6_SERVER_MAX_QUEUE; i++)
        if (s->failed_id[i] == id)
            return (n6_status_t)s->failed_status[i];
    return N6_STATUS_OK;
}

static uint32_t find_key(const n6_server_t *s, uint64_t key)
{
    for (uint32_t i = 0; i < s->jobs; i++)
        if (s->job[i].key == key)
            return i;
    return N6_NONE;
}

void n6_queue_infer(n6_server_t *s, const n6_request_t *request)
{
    n6_infer_t infer;
    uint32_t value;
    n6_status_t status;
    uint32_t known;
    uint8_t state;

    memcpy(&infer, request->payload, sizeof infer);
    if (n6_result_again(s, request, infer.key))
        return;
    known = find_key(s, infer.key);
    if (known != N6_NONE) {
        s->job[known].id = request->id;
        answer(s, request, s->job[known].state);
        return;
    }
    value = 0;
    status = find_failure(s, request->id);
    if (status == N6_STATUS_OK)
        status = check_infer(s, request, &infer, &value);
    if (status == N6_STATUS_OK) {
        value = infer.slot;
        status = check_input(s, &infer, &state);
    }
    if (status == N6_STATUS_OK && is_full(s, infer.returns)) {
        value = s->jobs;
        status = N6_STATUS_BUSY;
    }
    if (status != N6_STATUS_OK) {
        n6_refuse(s, request, status, value);
        return;
    }
    add_job(s, request, &infer, state);
    answer(s, request, state);
}

/* ---- departure ---- */

void n6_queue_cancel(n6_server_t *s, const n6_request_t *request)
{
    n6_cancel_reply_t reply = {.found = 1};
    n6_cancel_t cancel;
    uint32_t index = 0;

    memcpy(&cancel, request->payload, sizeof cancel);
    while (index < s->jobs && s->job[index].id != cancel.target)
        index++;
    if (index == s->jobs)
        reply.found = n6_result_drop(s, cancel.target) ? 1 : 0;
    n6_reply(s, request, &reply, sizeof reply);
    if (index < s->jobs)
        fail(s, index, N6_STATUS_CANCELLED, 0);
}

void n6_queue_clear(n6_server_t *s, bool silent)
{
    const bool session = s->session;

    s->session = session && !silent;
    while (s->jobs > 0) /* the running one last */
        fail(s, s->running == 0 ? s->jobs - 1u : 0, N6_STATUS_CANCELLED, 0);
    s->session = session;
    if (silent) /* a new session: ids begin anew */
        memset(s->failed_id, 0, sizeof s->failed_id);
}

static uint64_t deadline_of(const n6_job_t *job)
{
    return job->state != N6_INFER_STATE_RUNNING || (job->flags & N6_INFER_FLAG_ABORT_LATE)
               ? job->deadline
               : UINT64_MAX;
}

void n6_queue_expire(n6_server_t *s, uint64_t now)
{
    for (uint32_t i = s->jobs; i-- > 0;)
        if (i < s->jobs && deadline_of(&s->job[i]) <= now)
            fail(s, i, N6_STATUS_DEADLINE, 0);
}

uint64_t n6_queue_deadline(const n6_server_t *s)
{
    uint64_t first = UINT64_MAX;

    for (uint32_t i = 0; i < s->jobs; i++)
        if (deadline_of(&s->job[i]) < first)
            first = deadline_of(&s->job[i]);
    return first;
}

/* ---- NPU ---- */

/* Larger priority; then the network that was started longest ago; then the older one. */
static bool goes_first(const n6_server_t *s, const n6_job_t *job, const n6_job_t *than)
{
    if (job->priority != than->priority)
        return job->priority > than->priority;
    return s->starts - s->started[job->network] > s->starts - s->started[than->network];
}

static uint32_t first_in_order(const n6_server_t *s)
{
    uint32_t first = N6_NONE;

    for (uint32_t i = 0; i < s->jobs; i++)
        if (s->job[i].state == N6_INFER_STATE_QUEUED &&
            (first == N6_NONE || goes_first(s, &s->job[i], &s->job[first])))
            first = i;
    return first;
}

static uint32_t code_of(int failure)
{
    return 0u - (uint32_t)failure;
}

/* false = there is nothing to run, or no buffer for its result. */
static bool start(n6_server_t *s, uint64_t now)
{
    const n6_npu_t *npu = s->config.npu;
    const uint32_t first = first_in_order(s);
    const uint32_t buffer = first == N6_NONE ? N6_NONE : n6_result_reserve(s);
    n6_block_time_t *times;
    n6_job_t *job;
    int status;

    if (buffer == N6_NONE)
        return false;
    s->filling = (uint8_t)buffer;
    job = &s->job[first];
    times = n6_stats_timed(s, job->network) ? s->config.times : NULL;
    if (times)
        memset(times, 0, network_of(s, job)->blocks * sizeof *times);
    job->state = N6_INFER_STATE_RUNNING;
    job->started_at = now;
    s->running = (uint8_t)first;
    s->started[job->network] = ++s->starts;
    status = npu->start(npu->context, job->network, s->config.slot[job->slot], times);
    if (status < 0)
        fail(s, first, N6_STATUS_NPU_FAULT, code_of(status));
    return true;
}

static void finish(n6_server_t *s)
{
    const uint64_t now = n6_now(s);
    const uint32_t index = s->running;
    const n6_job_t *job = &s->job[index];
    const uint32_t slot = job->slot;
    const n6_status_t status = n6_result_finish(s, job, &s->returns[first_return(s, index)], now);

    free_npu(s);
    if (status == N6_STATUS_OK) {
        n6_stats_ran(s, job, now);
        remove_job(s, index);
    } else {
        fail(s, index, status, s->config.result_size);
    }
    if (s->slot[slot].state == N6_SLOT_CONSUMED)
        n6_queue_input(s, slot, N6_STATUS_NO_INPUT);
}

int n6_queue_run(n6_server_t *s, uint64_t now)
{
    int status;

    if (s->running == N6_NONE && !start(s, now))
        return N6_SERVER_IDLE;
    if (s->running == N6_NONE)
        return N6_SERVER_BUSY;
    status = s->config.npu->step(s->config.npu->context);
    if (status == N6_NPU_RUNNING)
        return N6_SERVER_BUSY;
    if (status == N6_NPU_WAITING)
        return N6_SERVER_WAITING;
    if (status == N6_NPU_DONE)
        finish(s);
    else
        fail(s, s->running, N6_STATUS_NPU_FAULT, code_of(status));
    return s->jobs > 0 ? N6_SERVER_BUSY : N6_SERVER_IDLE;
}
