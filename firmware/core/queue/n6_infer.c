/* See n6_infer.h. */
#include "n6_infer.h"

#include <string.h>

#include "n6_result.h"

n6_mistake_t n6_infer_read(const n6_request_t *request, n6_return_t *what)
{
    const n6_infer_t *infer = request->body;
    const uint8_t *at = request->payload + request->head;
    const size_t size = infer->record < sizeof *what ? infer->record : sizeof *what;

    if (infer->upload == 0) {
        return N6_MISTAKE_UPLOAD;
    }
    if (infer->returns > N6_LIMIT_MAX_RETURNS) {
        return N6_MISTAKE_RETURNS;
    }
    if (infer->returns > 0 && infer->record < N6_RETURN_BASE_SIZE) {
        return N6_MISTAKE_RECORD;
    }
    if ((uint32_t)request->length - request->head < (uint32_t)infer->returns * infer->record) {
        return N6_MISTAKE_TOO_SHORT;
    }
    memset(what, 0, infer->returns * sizeof *what);
    for (uint32_t i = 0; i < infer->returns; i++, at += infer->record) {
        memcpy(&what[i], at, size);
    }
    return N6_MISTAKE_NONE;
}

uint32_t n6_infer_body(const n6_channel_t *channel, const n6_infer_t *infer,
                       const n6_return_t *what)
{
    const uint32_t fixed[] = {infer->network, infer->digest, infer->flags};
    const uint32_t crc = n6_link_crc32(&channel->link, 0, fixed, sizeof fixed);

    return n6_link_crc32(&channel->link, crc, what, infer->returns * sizeof *what);
}

n6_mistake_t n6_infer_check_input(const n6_slot_t *input, uint16_t network, uint32_t digest)
{
    if (input->network != network) {
        return N6_MISTAKE_INPUT_NETWORK;
    }
    return input->digest == digest ? N6_MISTAKE_NONE : N6_MISTAKE_INPUT_CRC;
}

/* Initial state of a job with this input, or the reason to refuse it. */
static n6_mistake_t find_input(const n6_slots_t *slots, const n6_infer_t *infer, uint8_t *state)
{
    const n6_slot_t *slot = n6_slot(slots, infer->slot);

    *state = N6_INFER_STATE_WAITING;
    if (slot->refused == infer->upload) {
        return N6_MISTAKE_INPUT_REFUSED;
    }
    if (n6_slot_is_older(slots, infer->slot, infer->upload)) {
        return N6_MISTAKE_NONE;
    }
    if (slot->upload != infer->upload) {
        return N6_MISTAKE_INPUT_LATER;
    }
    switch (slot->state) {
    case N6_SLOT_FILLING:
    case N6_SLOT_DECODING:
        return N6_MISTAKE_NONE;
    case N6_SLOT_COMMITTED:
        *state = N6_INFER_STATE_QUEUED;
        return n6_infer_check_input(slot, infer->network, infer->digest);
    case N6_SLOT_CONSUMED:
        return N6_MISTAKE_INPUT_CONSUMED;
    default:
        return N6_MISTAKE_INPUT_REFUSED;
    }
}

n6_mistake_t n6_infer_check(const n6_channel_t *channel, const n6_slots_t *slots,
                            const n6_request_t *request, const n6_return_t *what, uint8_t *state,
                            size_t *at)
{
    const n6_config_t *config = &channel->config;
    const n6_infer_t *infer = request->body;

    if (infer->network >= config->npu->networks) {
        return N6_MISTAKE_NETWORK;
    }
    if (infer->slot >= config->slots) {
        return N6_MISTAKE_SLOT;
    }
    if (infer->flags & ~(N6_INFER_FLAG_TIMERS | N6_INFER_FLAG_ABORT_LATE)) {
        return N6_MISTAKE_FLAGS;
    }
    const n6_network_t *network = n6_network(channel, infer->network);
    uint32_t rows = 0;
    for (uint32_t i = 0; i < infer->returns; i++) {
        *at = request->head + (size_t)i * infer->record;
        const n6_mistake_t mistake = n6_result_check(network, &what[i], &rows);
        if (mistake != N6_MISTAKE_NONE) {
            return mistake;
        }
    }
    *at = 0;
    if (network->state != N6_NETWORK_STATE_READY) {
        return N6_MISTAKE_NOT_READY;
    }
    return find_input(slots, infer, state);
}
