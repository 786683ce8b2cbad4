/* See n6_send.h. */
#include "n6_send.h"

#include <string.h>

void n6_send_remove(n6_sends_t *sends, uint32_t result)
{
    uint8_t kept = 0;

    for (uint32_t i = 0; i < sends->count; i++) {
        if (sends->send[i].result != result) {
            sends->send[kept++] = sends->send[i];
        }
    }
    sends->count = kept;
}

void n6_send_add(n6_sends_t *sends, n6_send_t send)
{
    uint32_t at = sends->count;

    if (send.next >= send.end) {
        return;
    }
    while (at > 0 && !sends->send[at - 1].repair && sends->send[at - 1].priority < send.priority) {
        at--;
    }
    memmove(&sends->send[at + 1], &sends->send[at], (sends->count - at) * sizeof *sends->send);
    sends->send[at] = send;
    sends->count++;
}

/* Repairs are first. */
static void add_repair(n6_sends_t *sends, n6_send_t repair)
{
    if (repair.next >= repair.end || sends->count >= N6_SERVER_MAX_SENDS - N6_SERVER_MAX_RESULTS) {
        return;
    }
    memmove(&sends->send[1], &sends->send[0], sends->count * sizeof *sends->send);
    sends->send[0] = repair;
    sends->count++;
}

bool n6_send_needs(const n6_sends_t *sends, uint32_t result)
{
    for (uint32_t i = 0; i < sends->count; i++) {
        if (sends->send[i].result == result) {
            return true;
        }
    }
    return n6_link_sending(&sends->channel->link) && sends->sending == result;
}

void n6_send_next(n6_sends_t *sends)
{
    n6_channel_t *channel = sends->channel;
    n6_send_t *send = sends->send;

    if (sends->count == 0) {
        return;
    }
    uint32_t size = send->end - send->next;
    if (size > channel->session.chunk) {
        size = channel->session.chunk;
    }
    if (n6_newer(sends->position + size, sends->limit)) {
        return;
    }
    n6_link_send_data(&channel->link, send->id, sends->position, send->next,
                      channel->config.result[send->result] + send->next, size);
    sends->sending = send->result;
    sends->position += size;
    channel->counts.retransmits += send->repair;
    send->next += size;
    if (send->next >= send->end) {
        sends->count--;
        memmove(&sends->send[0], &sends->send[1], sends->count * sizeof *sends->send);
    }
}

/* Joins the repair with an adjacent or overlapping one of the same transfer. */
static bool join(n6_sends_t *sends, const n6_send_t *repair)
{
    for (uint32_t i = 0; i < sends->count; i++) {
        n6_send_t *send = &sends->send[i];

        if (send->id == repair->id && send->repair && repair->next <= send->end &&
            send->next <= repair->end) {
            send->next = repair->next < send->next ? repair->next : send->next;
            send->end = repair->end > send->end ? repair->end : send->end;
            return true;
        }
    }
    return false;
}

/* Only data that were sent before are repairs. Whole chunks are sent. */
void n6_send_repair(n6_sends_t *sends, n6_send_t transfer, const n6_nak_t *nak)
{
    const uint32_t chunk = sends->channel->session.chunk;
    n6_send_t repair = transfer;

    repair.repair = true;
    repair.next = nak->offset & ~(chunk - 1);
    for (uint32_t i = 0; i < sends->count; i++) {
        const n6_send_t *send = &sends->send[i];

        if (send->id == repair.id && !send->repair && send->next < repair.end) {
            repair.end = send->next;
        }
    }
    if (nak->length > 0 && nak->length < repair.end && nak->offset < repair.end - nak->length) {
        const uint32_t end = (nak->offset + nak->length + chunk - 1) & ~(chunk - 1);

        repair.end = end < repair.end ? end : repair.end;
    }
    if (!join(sends, &repair)) {
        add_repair(sends, repair);
    }
}

void n6_send_credit(n6_sends_t *sends, const n6_request_t *request)
{
    const n6_credit_t *credit = request->body;

    if (!n6_newer(credit->limit, sends->position + sends->window)) {
        sends->limit = credit->limit;
    }
}
