/* See n6_queue.h for the states. */
#include "n6_queue.h"

#include <string.h>

uint16_t n6_queue_count(const n6_queue_t *queue, uint32_t network)
{
    uint16_t count = 0;

    for (uint32_t i = 0; i < queue->jobs; i++) {
        if (queue->job[i].run.network == network) {
            count++;
        }
    }
    return count;
}

/* ---- the list of jobs ---- */

static uint32_t first_return(const n6_queue_t *queue, uint32_t index)
{
    uint32_t first = 0;

    for (uint32_t i = 0; i < index; i++) {
        first += queue->job[i].run.returns;
    }
    return first;
}

static void remove_job(n6_queue_t *queue, uint32_t index)
{
    const uint32_t first = first_return(queue, index);
    const uint32_t next = first + queue->job[index].run.returns;
    const uint32_t end = first_return(queue, queue->jobs);

    memmove(&queue->returns[first], &queue->returns[next], (end - next) * sizeof *queue->returns);
    queue->jobs--;
    memmove(&queue->job[index], &queue->job[index + 1], (queue->jobs - index) * sizeof *queue->job);
    if (queue->running != N6_NONE && queue->running > index) {
        queue->running--;
    }
}

/* How an INFER with this id failed; OK = it did not. */
static n6_status_t find_failure(const n6_queue_t *queue, uint32_t id)
{
    for (uint32_t i = 0; i < N6_SERVER_MAX_QUEUE; i++) {
        if (queue->failed_id[i] == id) {
            return (n6_status_t)queue->failed_status[i];
        }
    }
    return N6_STATUS_OK;
}

/* ---- jobs that fail ---- */

/* A job that is not on the NPU leaves the queue. Returns the id of its INFER. */
static uint32_t end_job(n6_queue_t *queue, uint32_t index, n6_status_t status)
{
    const uint32_t id = queue->job[index].run.id;

    n6_runs_fail(queue->runs, queue->job[index].run.network, status);
    remove_job(queue, index);
    queue->failed_id[queue->failures % N6_SERVER_MAX_QUEUE] = id;
    queue->failed_status[queue->failures++ % N6_SERVER_MAX_QUEUE] = (uint8_t)status;
    return id;
}

/* The same, and the host gets its ERROR. */
static void refuse_job(n6_queue_t *queue, uint32_t index, n6_status_t status, uint32_t value)
{
    const uint32_t id = end_job(queue, index, status);

    if (queue->channel->session) {
        n6_error(queue->channel, id, N6_MESSAGE_TYPE_INFER, status, value);
    }
}

/* The running job leaves the NPU, for good or bad. true = its input has been overwritten. */
static bool free_npu(n6_queue_t *queue)
{
    const n6_job_t *job = &queue->job[queue->running];
    const n6_slot_t *slot = n6_slot(queue->slots, job->slot);

    queue->running = N6_NONE;
    if (!(queue->channel->config.npu->features & N6_FEATURE_CONSUMES_INPUT) ||
        slot->upload != job->upload || slot->state != N6_SLOT_COMMITTED) {
        return false;
    }
    n6_slot_consume(queue->slots, job->slot);
    return true;
}

/* The running job is stopped; a runtime that has failed has stopped by itself. As free_npu(). */
static bool stop(n6_queue_t *queue, n6_status_t status)
{
    const n6_npu_t *npu = queue->channel->config.npu;

    if (status != N6_STATUS_NPU_FAULT) {
        npu->stop(npu->context);
    }
    n6_result_abandon(queue->results);
    return free_npu(queue);
}

/* Any job: the one on the NPU takes those with it that wanted the same, now overwritten, input. */
static void fail(n6_queue_t *queue, uint32_t index, n6_status_t status, uint32_t value)
{
    const uint32_t slot = queue->job[index].slot;
    const bool consumed = index == queue->running && stop(queue, status);

    refuse_job(queue, index, status, value);
    if (consumed) {
        n6_queue_input(queue, slot, N6_STATUS_NO_INPUT);
    }
}

/* ---- slots ---- */

bool n6_queue_uses(const n6_queue_t *queue, uint32_t slot, uint32_t upload)
{
    for (uint32_t i = 0; i < queue->jobs; i++) {
        const n6_job_t *job = &queue->job[i];

        if (job->slot == slot && (job->state != N6_INFER_STATE_WAITING || job->upload != upload)) {
            return true;
        }
    }
    return false;
}

uint32_t n6_queue_free_bytes(const n6_queue_t *queue)
{
    const n6_config_t *config = &queue->channel->config;
    uint32_t bytes = 0;

    for (uint32_t i = 0; i < config->slots; i++) {
        if (n6_slot(queue->slots, i)->state != N6_SLOT_FILLING && !n6_queue_uses(queue, i, 0)) {
            bytes += config->slot_size;
        }
    }
    return bytes;
}

void n6_queue_input(n6_queue_t *queue, uint32_t slot, n6_status_t status)
{
    const n6_slot_t *input = n6_slot(queue->slots, slot);

    for (uint32_t i = queue->jobs; i-- > 0;) {
        n6_job_t *job = &queue->job[i];

        if (job->slot != slot || job->upload != input->upload || i == queue->running) {
            continue;
        }
        if (status != N6_STATUS_OK) {
            refuse_job(queue, i, status, slot);
        } else if (job->run.network != input->network) {
            refuse_job(queue, i, N6_STATUS_BAD_REQUEST, job->run.network);
        } else {
            job->state = N6_INFER_STATE_QUEUED;
            job->run.committed_at = input->committed_at;
        }
    }
}

/* ---- INFER ---- */

static void answer(n6_queue_t *queue, const n6_request_t *request, uint8_t state)
{
    const n6_infer_reply_t reply = {.state = state, .depth = queue->jobs};
    n6_reply(queue->channel, request, &reply, sizeof reply);
}

static n6_status_t check_infer(const n6_channel_t *channel, const n6_request_t *request,
                               const n6_infer_t *infer, uint32_t *value)
{
    const uint8_t *at = request->payload + sizeof *infer;

    *value = infer->network;
    if (infer->network >= channel->config.npu->networks) {
        return N6_STATUS_UNKNOWN_NETWORK;
    }
    *value = infer->slot;
    if (infer->slot >= channel->config.slots) {
        return N6_STATUS_BAD_SLOT;
    }
    *value = infer->returns;
    if (infer->returns > N6_LIMIT_MAX_RETURNS ||
        request->length < sizeof *infer + infer->returns * sizeof(n6_return_t)) {
        return N6_STATUS_BAD_REQUEST;
    }
    for (*value = 0; *value < infer->returns; ++*value, at += sizeof(n6_return_t)) {
        n6_return_t what;

        memcpy(&what, at, sizeof what);
        const n6_status_t status = n6_result_check(n6_network(channel, infer->network), &what);
        if (status != N6_STATUS_OK) {
            return status;
        }
    }
    return N6_STATUS_OK;
}

/* The state in which a job with this input begins, or the status that it fails with. */
static n6_status_t check_input(const n6_slots_t *slots, const n6_infer_t *infer, uint8_t *state)
{
    const n6_slot_t *slot = n6_slot(slots, infer->slot);

    *state = N6_INFER_STATE_WAITING;
    if (n6_slot_is_older(slots, infer->slot, infer->upload)) {
        return N6_STATUS_OK;
    }
    if (slot->upload != infer->upload) {
        return N6_STATUS_NO_INPUT;
    }
    if (slot->state == N6_SLOT_FILLING) {
        return N6_STATUS_OK;
    }
    if (slot->state != N6_SLOT_COMMITTED) {
        return N6_STATUS_NO_INPUT;
    }
    *state = N6_INFER_STATE_QUEUED;
    return slot->network == infer->network ? N6_STATUS_OK : N6_STATUS_BAD_REQUEST;
}

static bool is_full(const n6_queue_t *queue, uint32_t returns)
{
    return queue->jobs == N6_SERVER_MAX_QUEUE ||
           first_return(queue, queue->jobs) + returns > N6_SERVER_MAX_RETURNS;
}

static void add_job(n6_queue_t *queue, const n6_request_t *request, const n6_infer_t *infer,
                    uint8_t state)
{
    n6_job_t *job = &queue->job[queue->jobs];
    n6_run_t *run = &job->run;

    memcpy(&queue->returns[first_return(queue, queue->jobs)], request->payload + sizeof *infer,
           infer->returns * sizeof(n6_return_t));
    queue->jobs++;
    run->key = infer->key;
    run->queued_at = n6_now(queue->channel);
    run->committed_at = n6_slot(queue->slots, infer->slot)->committed_at;
    run->id = request->id;
    run->network = infer->network;
    run->flags = infer->flags;
    run->returns = infer->returns;
    job->deadline = UINT64_MAX;
    if (infer->ttl_us > 0) {
        job->deadline = run->queued_at + n6_ticks(queue->channel, infer->ttl_us, 1000000);
    }
    job->upload = infer->upload;
    job->slot = infer->slot;
    job->priority = infer->priority;
    job->state = state;
}

static uint32_t find_key(const n6_queue_t *queue, uint64_t key)
{
    for (uint32_t i = 0; i < queue->jobs; i++) {
        if (queue->job[i].run.key == key) {
            return i;
        }
    }
    return N6_NONE;
}

/* An INFER with a key that is known: its result or its job takes the new id. false = a new key. */
static bool repeat(n6_queue_t *queue, const n6_request_t *request, uint64_t key)
{
    const uint32_t buffer = n6_result_find(queue->results, key);
    const uint32_t index = find_key(queue, key);

    if (buffer != N6_NONE) {
        answer(queue, request, N6_INFER_STATE_DONE);
        n6_result_send(queue->results, buffer, request->id);
    } else if (index != N6_NONE) {
        queue->job[index].run.id = request->id;
        answer(queue, request, queue->job[index].state);
    }
    return buffer != N6_NONE || index != N6_NONE;
}

void n6_queue_infer(n6_queue_t *queue, const n6_request_t *request)
{
    n6_infer_t infer;
    uint32_t value = 0;
    uint8_t state = N6_INFER_STATE_WAITING;

    memcpy(&infer, request->payload, sizeof infer);
    if (repeat(queue, request, infer.key)) {
        return;
    }
    n6_status_t status = find_failure(queue, request->id);
    if (status == N6_STATUS_OK) {
        status = check_infer(queue->channel, request, &infer, &value);
    }
    if (status == N6_STATUS_OK) {
        value = infer.slot;
        status = check_input(queue->slots, &infer, &state);
    }
    if (status == N6_STATUS_OK && is_full(queue, infer.returns)) {
        value = queue->jobs;
        status = N6_STATUS_BUSY;
    }
    if (status != N6_STATUS_OK) {
        n6_refuse(queue->channel, request, status, value);
        return;
    }
    add_job(queue, request, &infer, state);
    answer(queue, request, state);
}

/* ---- departure ---- */

void n6_queue_cancel(n6_queue_t *queue, const n6_request_t *request)
{
    n6_cancel_reply_t reply = {.found = 1};
    n6_cancel_t cancel;
    uint32_t index = 0;

    memcpy(&cancel, request->payload, sizeof cancel);
    while (index < queue->jobs && queue->job[index].run.id != cancel.target) {
        index++;
    }
    if (index == queue->jobs) {
        reply.found = n6_result_drop(queue->results, cancel.target) ? 1 : 0;
    }
    n6_reply(queue->channel, request, &reply, sizeof reply);
    if (index < queue->jobs) {
        fail(queue, index, N6_STATUS_CANCELLED, 0);
    }
}

void n6_queue_clear(n6_queue_t *queue)
{
    while (queue->jobs > 0) { /* the running one last: others may want its input */
        fail(queue, queue->running == 0 ? queue->jobs - 1u : 0, N6_STATUS_CANCELLED, 0);
    }
}

void n6_queue_forget(n6_queue_t *queue)
{
    if (queue->running != N6_NONE) {
        (void)stop(queue, N6_STATUS_CANCELLED);
    }
    while (queue->jobs > 0) {
        (void)end_job(queue, queue->jobs - 1u, N6_STATUS_CANCELLED);
    }
    memset(queue->failed_id, 0, sizeof queue->failed_id);
}

static uint64_t deadline_of(const n6_job_t *job)
{
    return job->state != N6_INFER_STATE_RUNNING || (job->run.flags & N6_INFER_FLAG_ABORT_LATE)
               ? job->deadline
               : UINT64_MAX;
}

void n6_queue_expire(n6_queue_t *queue, uint64_t now)
{
    for (uint32_t i = queue->jobs; i-- > 0;) {
        if (i < queue->jobs && deadline_of(&queue->job[i]) <= now) {
            fail(queue, i, N6_STATUS_DEADLINE, 0);
        }
    }
}

uint64_t n6_queue_deadline(const n6_queue_t *queue)
{
    uint64_t first = UINT64_MAX;

    for (uint32_t i = 0; i < queue->jobs; i++) {
        const uint64_t deadline = deadline_of(&queue->job[i]);

        first = deadline < first ? deadline : first;
    }
    return first;
}

/* ---- NPU ---- */

/* Larger priority; then the network that was started longest ago; then the older one. */
static bool goes_first(const n6_queue_t *queue, const n6_job_t *job, const n6_job_t *than)
{
    if (job->priority != than->priority) {
        return job->priority > than->priority;
    }
    return queue->starts - queue->started[job->run.network] >
           queue->starts - queue->started[than->run.network];
}

static uint32_t first_in_order(const n6_queue_t *queue)
{
    uint32_t first = N6_NONE;

    for (uint32_t i = 0; i < queue->jobs; i++) {
        if (queue->job[i].state == N6_INFER_STATE_QUEUED &&
            (first == N6_NONE || goes_first(queue, &queue->job[i], &queue->job[first]))) {
            first = i;
        }
    }
    return first;
}

static uint32_t code_of(int failure)
{
    return 0u - (uint32_t)failure;
}

/* false = there is nothing to run, or no buffer for its result. */
static bool start(n6_queue_t *queue, uint64_t now)
{
    const n6_config_t *config = &queue->channel->config;
    const uint32_t first = first_in_order(queue);

    if (first == N6_NONE || !n6_result_reserve(queue->results)) {
        return false;
    }
    n6_job_t *job = &queue->job[first];
    const uint16_t network = job->run.network;
    job->state = N6_INFER_STATE_RUNNING;
    job->run.started_at = now;
    queue->running = (uint8_t)first;
    queue->started[network] = ++queue->starts;
    const int status = config->npu->start(config->npu->context, network, config->slot[job->slot],
                                          n6_runs_times(queue->runs, network));
    if (status < 0) {
        fail(queue, first, N6_STATUS_NPU_FAULT, code_of(status));
    }
    return true;
}

static void finish(n6_queue_t *queue)
{
    const uint64_t now = n6_now(queue->channel);
    const uint32_t index = queue->running;
    const n6_job_t *job = &queue->job[index];
    const uint32_t slot = job->slot;
    const n6_status_t status = n6_result_finish(queue->results, &job->run,
                                                &queue->returns[first_return(queue, index)], now);
    const bool consumed = free_npu(queue);

    if (status == N6_STATUS_OK) {
        n6_runs_add(queue->runs, &job->run, now);
        remove_job(queue, index);
    } else {
        refuse_job(queue, index, status, queue->channel->config.result_size);
    }
    if (consumed) {
        n6_queue_input(queue, slot, N6_STATUS_NO_INPUT);
    }
}

int n6_queue_run(n6_queue_t *queue, uint64_t now)
{
    const n6_npu_t *npu = queue->channel->config.npu;

    if (queue->running == N6_NONE && !start(queue, now)) {
        return N6_SERVER_IDLE;
    }
    if (queue->running == N6_NONE) {
        return N6_SERVER_BUSY;
    }
    const int status = npu->step(npu->context);
    if (status == N6_NPU_RUNNING) {
        return N6_SERVER_BUSY;
    }
    if (status == N6_NPU_WAITING) {
        return N6_SERVER_WAITING;
    }
    if (status == N6_NPU_DONE) {
        finish(queue);
    } else {
        fail(queue, queue->running, N6_STATUS_NPU_FAULT, code_of(status));
    }
    return queue->jobs > 0 ? N6_SERVER_BUSY : N6_SERVER_IDLE;
}
