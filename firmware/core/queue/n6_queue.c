/* See n6_queue.h for the states. */
#include "n6_queue.h"

#include <string.h>

#include "n6_infer.h"

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

/* ---- ends of jobs ---- */

/* Removes a job that is not on the NPU, without an answer. */
static void drop_job(n6_queue_t *queue, uint32_t index, n6_mistake_t why)
{
    n6_runs_fail(queue->runs, queue->job[index].run.network, n6_mistake(why)->status);
    remove_job(queue, index);
}

/* Stores the key of a job that has run, or was ended on purpose: it is not executed again. */
static bool is_final(const n6_job_t *job, n6_mistake_t why)
{
    return job->state == N6_INFER_STATE_RUNNING || why == N6_MISTAKE_CANCELLED ||
           why == N6_MISTAKE_LATE;
}

static void remember(n6_queue_t *queue, const n6_run_t *run, n6_mistake_t why, uint32_t value)
{
    n6_finished_add(&queue->finished, (n6_end_t){run->key, run->body, value, (uint8_t)why});
}

/* Removes a job with an ERROR. */
static void refuse_job(n6_queue_t *queue, uint32_t index, n6_mistake_t why, uint32_t value)
{
    const n6_job_t *job = &queue->job[index];
    const uint32_t id = job->run.id;

    if (is_final(job, why)) {
        remember(queue, &job->run, why, value);
    }
    drop_job(queue, index, why);
    if (queue->channel->session.open) {
        n6_error(queue->channel, id, N6_MESSAGE_TYPE_INFER, why, value);
    }
}

/* The running job leaves the NPU. true = its input was overwritten. */
static bool free_npu(n6_queue_t *queue, uint32_t index)
{
    const n6_job_t *job = &queue->job[index];
    const n6_slot_t *slot = n6_slot(queue->slots, job->slot);

    queue->running = N6_NONE;
    if (!(queue->channel->config.npu->features & N6_FEATURE_CONSUMES_INPUT) ||
        slot->upload != job->upload || slot->state != N6_SLOT_COMMITTED) {
        return false;
    }
    n6_slot_consume(queue->slots, job->slot);
    return true;
}

/*
 * Stops a running job; a runtime that has failed is already stopped. Returns as free_npu(); a
 * runtime that forwards does not overwrite an input.
 */
static bool stop(n6_queue_t *queue, uint32_t index, n6_mistake_t why)
{
    const n6_npu_t *npu = queue->channel->config.npu;
    const n6_job_t *job = &queue->job[index];

    n6_result_abandon(queue->results, job->buffer);
    if (npu->forward) {
        npu->forward->withdraw(npu->context, job->number);
        return false;
    }
    if (why != N6_MISTAKE_FAULT) {
        npu->stop(npu->context);
    }
    return free_npu(queue, index);
}

/*
 * Ends any job. If it was on the NPU and its input is now overwritten, jobs with the same input end
 * too.
 */
static void fail(n6_queue_t *queue, uint32_t index, n6_mistake_t why, uint32_t value)
{
    const uint32_t slot = queue->job[index].slot;
    const uint32_t upload = queue->job[index].upload;
    const bool consumed =
        queue->job[index].state == N6_INFER_STATE_RUNNING && stop(queue, index, why);

    refuse_job(queue, index, why, value);
    if (consumed) {
        n6_queue_starve(queue, slot, upload, N6_MISTAKE_INPUT_CONSUMED);
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
        if (!n6_slot_is_partial(queue->slots, i) && !n6_queue_uses(queue, i, 0)) {
            bytes += config->slot_size;
        }
    }
    return bytes;
}

static bool wants(const n6_job_t *job, uint32_t slot, uint32_t upload)
{
    return job->slot == slot && job->upload == upload && job->state != N6_INFER_STATE_RUNNING;
}

void n6_queue_feed(n6_queue_t *queue, uint32_t slot)
{
    const n6_slot_t *input = n6_slot(queue->slots, slot);

    for (uint32_t i = queue->jobs; i-- > 0;) {
        n6_job_t *job = &queue->job[i];

        if (!wants(job, slot, input->upload)) {
            continue;
        }
        const n6_mistake_t mistake = n6_infer_check_input(input, job->run.network, job->digest);
        if (mistake != N6_MISTAKE_NONE) {
            refuse_job(queue, i, mistake,
                       mistake == N6_MISTAKE_INPUT_CRC ? job->digest : job->run.network);
        } else {
            job->state = N6_INFER_STATE_QUEUED;
            job->run.committed_at = input->committed_at;
        }
    }
}

void n6_queue_starve(n6_queue_t *queue, uint32_t slot, uint32_t upload, n6_mistake_t why)
{
    for (uint32_t i = queue->jobs; i-- > 0;) {
        if (wants(&queue->job[i], slot, upload)) {
            refuse_job(queue, i, why, upload);
        }
    }
}

/* ---- INFER ---- */

static void answer(n6_queue_t *queue, const n6_request_t *request, uint8_t state)
{
    const n6_infer_reply_t reply = {.state = state, .depth = queue->jobs};
    n6_reply(queue->channel, request, &reply, sizeof reply);
}

static bool is_full(const n6_queue_t *queue, uint32_t returns)
{
    return queue->jobs == N6_SERVER_MAX_QUEUE ||
           first_return(queue, queue->jobs) + returns > N6_SERVER_MAX_RETURNS;
}

/* Its Return records are already in place. */
static void add_job(n6_queue_t *queue, const n6_request_t *request, uint32_t body, uint8_t state)
{
    const n6_infer_t *infer = request->body;
    n6_job_t *job = &queue->job[queue->jobs++];
    n6_run_t *run = &job->run;

    run->key = infer->key;
    run->body = body;
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
    job->digest = infer->digest;
    job->slot = infer->slot;
    run->priority = infer->priority;
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

/*
 * An INFER with a known key: its result or job gets the new id. If the result was removed, or the
 * job has failed, the same ERROR is sent again. false = the key is new.
 */
static bool repeat(n6_queue_t *queue, const n6_request_t *request, uint64_t key, uint32_t body)
{
    const n6_end_t *end = n6_finished_find(&queue->finished, key);
    const uint32_t buffer = n6_result_find(queue->results, key);
    const uint32_t index = find_key(queue, key);
    uint32_t known = 0;

    if (buffer != N6_NONE) {
        known = n6_result_body(queue->results, buffer);
    } else if (index != N6_NONE) {
        known = queue->job[index].run.body;
    } else if (end) {
        known = end->body;
    } else {
        return false;
    }
    if (known != body) {
        n6_refuse(queue->channel, request, N6_MISTAKE_KEY, 0);
    } else if (buffer != N6_NONE) {
        answer(queue, request, N6_INFER_STATE_DONE);
        n6_result_send(queue->results, buffer, request->id);
    } else if (index != N6_NONE) {
        queue->job[index].run.id = request->id;
        answer(queue, request, queue->job[index].state);
    } else if (end->mistake == N6_MISTAKE_NONE) {
        n6_refuse(queue->channel, request, N6_MISTAKE_GONE, 0);
    } else {
        n6_error(queue->channel, request->id, request->type, (n6_mistake_t)end->mistake,
                 end->value);
    }
    return true;
}

void n6_queue_infer(n6_queue_t *queue, const n6_request_t *request)
{
    const n6_infer_t *infer = request->body;
    n6_return_t *what = &queue->returns[first_return(queue, queue->jobs)];
    uint8_t state = N6_INFER_STATE_WAITING;
    size_t at = 0;
    uint32_t body = 0;

    n6_mistake_t mistake = n6_infer_read(request, what);
    if (mistake == N6_MISTAKE_NONE) {
        body = n6_infer_body(queue->channel, infer, what);
        if (repeat(queue, request, infer->key, body)) {
            return;
        }
        mistake = n6_infer_check(queue->channel, queue->slots, request, what, &state, &at);
    }
    if (mistake != N6_MISTAKE_NONE) {
        n6_refuse(queue->channel, request, mistake, at);
    } else if (is_full(queue, infer->returns)) {
        n6_error(queue->channel, request->id, request->type, N6_MISTAKE_QUEUE_FULL, queue->jobs);
    } else {
        add_job(queue, request, body, state);
        answer(queue, request, state);
    }
}

/* ---- ends by time ---- */

void n6_queue_cancel(n6_queue_t *queue, const n6_request_t *request)
{
    const n6_cancel_t *cancel = request->body;
    n6_cancel_reply_t reply = {.found = 1};
    uint32_t index = 0;

    while (index < queue->jobs && queue->job[index].run.id != cancel->target) {
        index++;
    }
    if (index == queue->jobs) {
        reply.found = n6_result_drop(queue->results, cancel->target) ? 1 : 0;
    }
    n6_reply(queue->channel, request, &reply, sizeof reply);
    if (index < queue->jobs) {
        fail(queue, index, N6_MISTAKE_CANCELLED, 0);
    }
}

void n6_queue_clear(n6_queue_t *queue)
{
    while (queue->jobs > 0) { /* the running job last: other jobs may use its input */
        fail(queue, queue->running == 0 ? queue->jobs - 1u : 0, N6_MISTAKE_CANCELLED, 0);
    }
}

void n6_queue_forget(n6_queue_t *queue)
{
    while (queue->jobs > 0) {
        const uint32_t last = queue->jobs - 1u;

        if (queue->job[last].state == N6_INFER_STATE_RUNNING) {
            (void)stop(queue, last, N6_MISTAKE_CANCELLED);
        }
        drop_job(queue, last, N6_MISTAKE_CANCELLED);
    }
}

/* End of its time to live. */
static uint64_t deadline_of(const n6_job_t *job)
{
    return job->state != N6_INFER_STATE_RUNNING || (job->run.flags & N6_INFER_FLAG_ABORT_LATE)
               ? job->deadline
               : UINT64_MAX;
}

/* Time at which a job has waited too long for an upload without progress. */
static uint64_t starves_at(const n6_queue_t *queue, const n6_job_t *job)
{
    const n6_slot_t *slot = n6_slot(queue->slots, job->slot);
    uint64_t since = job->run.queued_at;

    if (job->state != N6_INFER_STATE_WAITING) {
        return UINT64_MAX;
    }
    if (slot->upload == job->upload && slot->touched_at > since) {
        since = slot->touched_at;
    }
    return since + queue->patience;
}

void n6_queue_expire(n6_queue_t *queue, uint64_t now)
{
    for (uint32_t i = queue->jobs; i-- > 0;) {
        if (i >= queue->jobs) { /* the last one may have ended others too */
            continue;
        }
        const n6_job_t *job = &queue->job[i];
        if (deadline_of(job) <= now) {
            fail(queue, i, N6_MISTAKE_LATE, 0);
        } else if (starves_at(queue, job) <= now) {
            fail(queue, i, N6_MISTAKE_STARVED, 0);
        }
    }
}

uint64_t n6_queue_deadline(const n6_queue_t *queue)
{
    uint64_t first = UINT64_MAX;

    for (uint32_t i = 0; i < queue->jobs; i++) {
        const uint64_t deadline = deadline_of(&queue->job[i]);
        const uint64_t starves = starves_at(queue, &queue->job[i]);

        first = deadline < first ? deadline : first;
        first = starves < first ? starves : first;
    }
    return first;
}

/* ---- NPU ---- */

/* Larger priority; then the network that was started longest ago; then the older job. */
static bool goes_first(const n6_queue_t *queue, const n6_job_t *job, const n6_job_t *than)
{
    if (job->run.priority != than->run.priority) {
        return job->run.priority > than->run.priority;
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

/* Index of the job that runs now; N6_NONE = there is none, or no buffer for its result. */
static uint32_t take_first(n6_queue_t *queue, uint64_t now)
{
    const uint32_t first = first_in_order(queue);
    const uint8_t buffer = first == N6_NONE ? N6_NONE : n6_result_reserve(queue->results);

    if (buffer == N6_NONE) {
        return N6_NONE;
    }
    n6_job_t *job = &queue->job[first];
    job->state = N6_INFER_STATE_RUNNING;
    job->buffer = buffer;
    job->number = ++queue->starts;
    job->run.started_at = now;
    queue->started[job->run.network] = job->number;
    return first;
}

/* false = no job was started. */
static bool start(n6_queue_t *queue, uint64_t now)
{
    const n6_config_t *config = &queue->channel->config;
    const uint32_t first = take_first(queue, now);

    if (first == N6_NONE) {
        return false;
    }
    const n6_job_t *job = &queue->job[first];
    const uint16_t network = job->run.network;
    queue->running = (uint8_t)first;
    const int status = config->npu->start(config->npu->context, network, config->slot[job->slot],
                                          n6_runs_times(queue->runs, network));
    if (status < 0) {
        fail(queue, first, N6_MISTAKE_FAULT, code_of(status));
    }
    return true;
}

/* A job has run, and leaves the queue; fits: its result is held. */
static void end(n6_queue_t *queue, uint32_t index, bool fits, uint64_t ended_at, bool timed)
{
    const n6_job_t *job = &queue->job[index];

    if (fits) {
        n6_runs_add(queue->runs, &job->run, ended_at, timed);
        remember(queue, &job->run, N6_MISTAKE_NONE, 0);
        remove_job(queue, index);
    } else {
        refuse_job(queue, index, N6_MISTAKE_TOO_LARGE, queue->channel->config.result_size);
    }
}

static void finish(n6_queue_t *queue)
{
    const uint64_t now = n6_now(queue->channel);
    const uint32_t index = queue->running;
    const n6_job_t *job = &queue->job[index];
    const uint32_t slot = job->slot;
    const uint32_t upload = job->upload;
    const bool fits = n6_result_finish(queue->results, job->buffer, &job->run,
                                       &queue->returns[first_return(queue, index)], now);
    const bool consumed = free_npu(queue, index);

    end(queue, index, fits, now, true);
    if (consumed) {
        n6_queue_starve(queue, slot, upload, N6_MISTAKE_INPUT_CONSUMED);
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
        fail(queue, queue->running, N6_MISTAKE_FAULT, code_of(status));
    }
    return queue->jobs > 0 ? N6_SERVER_BUSY : N6_SERVER_IDLE;
}

/* ---- a runtime that forwards ---- */

static n6_order_t order_of(const n6_queue_t *queue, uint32_t index)
{
    const n6_job_t *job = &queue->job[index];
    const n6_slot_t *slot = n6_slot(queue->slots, job->slot);

    return (n6_order_t){
        .number = job->number,
        .network = job->run.network,
        .priority = job->run.priority,
        .flags = job->run.flags,
        .deadline = job->deadline,
        .ready_at = n6_run_ready_at(&job->run),
        .input = queue->channel->config.slot[job->slot],
        .length = slot->length,
        .parts = slot->parts,
        .part = slot->part,
        .returns = job->run.returns,
        .what = &queue->returns[first_return(queue, index)],
    };
}

static uint32_t count_running(const n6_queue_t *queue)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < queue->jobs; i++) {
        count += queue->job[i].state == N6_INFER_STATE_RUNNING ? 1u : 0u;
    }
    return count;
}

int n6_queue_forward(n6_queue_t *queue, uint64_t now)
{
    const n6_npu_t *npu = queue->channel->config.npu;
    uint32_t running = count_running(queue);
    uint32_t next = N6_NONE;

    while (running < npu->forward->depth && (next = take_first(queue, now)) != N6_NONE) {
        const n6_order_t order = order_of(queue, next);

        npu->forward->order(npu->context, &order);
        running++;
    }
    return running > 0 ? N6_SERVER_WAITING : N6_SERVER_IDLE;
}

/*
 * The reason of a failure that is stored with the key; NONE = the key is not stored, because the
 * job has not run.
 */
static n6_mistake_t reason_of(uint8_t status)
{
    switch (status) {
    case N6_STATUS_NPU_FAULT:
        return N6_MISTAKE_FAULT;
    case N6_STATUS_TOO_LARGE:
        return N6_MISTAKE_TOO_LARGE;
    case N6_STATUS_DEADLINE:
        return N6_MISTAKE_LATE;
    case N6_STATUS_CANCELLED:
        return N6_MISTAKE_CANCELLED;
    default:
        return N6_MISTAKE_NONE;
    }
}

static void refuse_order(n6_queue_t *queue, uint32_t index, const n6_answer_t *answer)
{
    const n6_run_t *run = &queue->job[index].run;
    const n6_mistake_t why = reason_of(answer->status);
    const uint32_t id = run->id;

    n6_result_abandon(queue->results, queue->job[index].buffer);
    if (why != N6_MISTAKE_NONE) {
        remember(queue, run, why, answer->value);
    }
    n6_runs_fail(queue->runs, run->network, answer->status);
    remove_job(queue, index);
    if (queue->channel->session.open) {
        n6_error_answer(queue->channel, id, N6_MESSAGE_TYPE_INFER, answer);
    }
}

void n6_queue_answer(n6_queue_t *queue, const n6_answer_t *answer)
{
    uint32_t index = 0;

    while (index < queue->jobs && (queue->job[index].state != N6_INFER_STATE_RUNNING ||
                                   queue->job[index].number != answer->number)) {
        index++;
    }
    if (index == queue->jobs) {
        return;
    }
    if (answer->status != N6_STATUS_OK) {
        refuse_order(queue, index, answer);
        return;
    }
    n6_job_t *job = &queue->job[index];
    job->run.started_at = answer->result->t_start;
    end(queue, index, n6_result_take(queue->results, job->buffer, &job->run, answer),
        answer->result->t_end, n6_runs_take(queue->runs, job->run.network, answer));
}
