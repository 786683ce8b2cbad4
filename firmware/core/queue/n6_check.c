/* See n6_check.h. */
#include "n6_check.h"

static n6_mistake_t find_mistake(const n6_checker_t *check, uint16_t index)
{
    const n6_npu_t *npu = check->channel->config.npu;

    if (!(npu->features & N6_FEATURE_CHECK)) {
        return N6_MISTAKE_NOT_BUILT;
    }
    if (index >= npu->networks) {
        return N6_MISTAKE_CHECK_NETWORK;
    }
    if (npu->network[index].state != N6_NETWORK_STATE_READY) {
        return N6_MISTAKE_CHECK_NOT_READY;
    }
    return npu->forward || npu->network[index].check_input ? N6_MISTAKE_NONE
                                                           : N6_MISTAKE_CHECK_INPUT;
}

/* Also to the repetition of a CHECK whose answer was lost, or is on its way. */
static void answer(const n6_checker_t *check)
{
    n6_channel_t *channel = check->channel;
    const n6_request_t request = {.id = check->id, .type = N6_MESSAGE_TYPE_CHECK};

    if (check->mistake == N6_MISTAKE_NONE) {
        n6_reply(channel, &request, &check->reply, sizeof check->reply);
    } else {
        n6_error(channel, check->id, N6_MESSAGE_TYPE_CHECK, (n6_mistake_t)check->mistake,
                 check->value);
    }
}

void n6_check_request(n6_checker_t *check, const n6_request_t *request)
{
    const n6_check_t *wanted = request->body;
    n6_mistake_t mistake = find_mistake(check, wanted->network);

    if (check->id == request->id) {
        if (check->state == N6_CHECK_IDLE) {
            answer(check);
        }
        return;
    }
    if (mistake == N6_MISTAKE_NONE && check->state != N6_CHECK_IDLE) {
        mistake = N6_MISTAKE_CHECK_BUSY;
    }
    if (mistake != N6_MISTAKE_NONE) {
        n6_refuse(check->channel, request, mistake, 0);
        return;
    }
    check->state = N6_CHECK_WANTED;
    check->network = wanted->network;
    check->id = request->id;
}

/* ---- the run ---- */

static uint32_t digest_of(const n6_channel_t *channel, const n6_network_t *network)
{
    const n6_npu_t *npu = channel->config.npu;
    uint32_t crc = 0;

    for (uint8_t i = 0; i < network->outputs; i++) {
        crc = n6_link_crc32(&channel->link, crc, npu->output(npu->context, i),
                            network->output[i].size);
    }
    return crc;
}

static n6_check_reply_t result_of(const n6_checker_t *check)
{
    const n6_channel_t *channel = check->channel;
    const n6_network_t *network = n6_network(channel, check->network);
    n6_check_reply_t reply = {.ticks = n6_now(channel) - check->started_at,
                              .digest = digest_of(channel, network),
                              .state = N6_CHECK_STATE_UNKNOWN};

    if (network->check_known) {
        reply.state =
            reply.digest == network->check_digest ? N6_CHECK_STATE_SAME : N6_CHECK_STATE_DIFFERENT;
    }
    return reply;
}

static void finish(n6_checker_t *check, n6_mistake_t mistake, uint32_t value)
{
    check->state = N6_CHECK_IDLE;
    check->mistake = (uint8_t)mistake;
    check->value = value;
    if (check->channel->session.open) {
        answer(check);
    }
}

static int end(n6_checker_t *check, int status)
{
    if (status == N6_NPU_DONE) {
        check->reply = result_of(check);
        finish(check, N6_MISTAKE_NONE, 0);
    } else {
        finish(check, N6_MISTAKE_FAULT, 0u - (uint32_t)status);
    }
    return N6_SERVER_BUSY;
}

int n6_check_run(n6_checker_t *check, uint64_t now)
{
    const n6_npu_t *npu = check->channel->config.npu;
    int status = 0;

    if (check->state == N6_CHECK_WANTED) {
        check->state = N6_CHECK_RUNNING;
        check->started_at = now;
        status = npu->start(npu->context, check->network,
                            n6_network(check->channel, check->network)->check_input, NULL);
        return status < 0 ? end(check, status) : N6_SERVER_BUSY;
    }
    status = npu->step(npu->context);
    if (status == N6_NPU_WAITING) {
        return N6_SERVER_WAITING;
    }
    return status == N6_NPU_RUNNING ? N6_SERVER_BUSY : end(check, status);
}

void n6_check_forward(n6_checker_t *check)
{
    const n6_npu_t *npu = check->channel->config.npu;

    if (check->state == N6_CHECK_WANTED) {
        check->state = N6_CHECK_RUNNING;
        npu->forward->order(npu->context, &(n6_order_t){.number = N6_FORWARD_CHECK,
                                                        .network = check->network,
                                                        .deadline = UINT64_MAX});
    }
}

/* The text of a failure is not stored: the CHECK runs again if it is repeated. */
void n6_check_answer(n6_checker_t *check, const n6_answer_t *answer)
{
    const uint32_t id = check->id;

    if (check->state != N6_CHECK_RUNNING) {
        return;
    }
    check->reply = answer->check;
    if (answer->status == N6_STATUS_OK) {
        finish(check, N6_MISTAKE_NONE, 0);
        return;
    }
    check->state = N6_CHECK_IDLE;
    check->id = 0;
    if (check->channel->session.open) {
        n6_error_answer(check->channel, id, N6_MESSAGE_TYPE_CHECK, answer);
    }
}

static void stop(n6_checker_t *check)
{
    const n6_npu_t *npu = check->channel->config.npu;

    if (check->state != N6_CHECK_RUNNING) {
        return;
    }
    if (npu->forward) {
        npu->forward->withdraw(npu->context, N6_FORWARD_CHECK);
    } else {
        npu->stop(npu->context);
    }
}

void n6_check_clear(n6_checker_t *check)
{
    stop(check);
    if (check->state != N6_CHECK_IDLE) {
        finish(check, N6_MISTAKE_CANCELLED, 0);
    }
}

void n6_check_forget(n6_checker_t *check)
{
    stop(check);
    check->state = N6_CHECK_IDLE;
    check->id = 0;
}
