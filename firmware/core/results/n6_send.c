/*
 * DATA to the host, under the credits that it grants (protocol.md section 5), and its NAKs (section 7).
 *
 * What has to be sent stands in send[]: repairs first, everything else in the order of arrival. A frame is made when the
 * send queue is empty, out of the result buffer itself.
 */
#include <string.h>

#include "n6_parts.h"

void n6_send_remove(n6_server_t *s, uint32_t result, uint32_t id)
{
    uint8_t kept = 0;

    for (uint32_t i = 0; i < s->sends; i++)
        if (s->send[i].result != result || (id != 0 && s->send[i].id != id))
            s->send[kept++] = s->send[i];
    s->sends = kept;
}

bool n6_send_add(n6_server_t *s, n6_send_t send, bool always)
{
    uint32_t at = s->sends;

    if (!always && at >= N6_SERVER_MAX_SENDS - N6_SERVER_MAX_RESULTS)
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

bool n6_send_needs(const n6_server_t *s, uint32_t result)
{
    for (uint32_t i = 0; i < s->sends; i++)
        if (s->send[i].result == result)
            return true;
    return s->link.out && s->sending == result;
}

void n6_send_next(n6_server_t *s)
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
    s->stats.retransmits += send->repair;
    send->next += size;
    if (send->next >= send->end) {
        s->sends--;
        memmove(&s->send[0], &s->send[1], s->sends * sizeof *s->send);
    }
}

/* The result that a transfer is of, and how far the transfer goes. */
static uint32_t find_transfer(const n6_server_t *s, uint32_t id, uint32_t *end)
{
    for (uint32_t i = 0; id != 0 && i < s->config.results; i++) {
        const n6_buffer_t *buffer = &s->result[i];
        *end = buffer->id == id ? buffer->length : buffer->read_end;
        if (buffer->state >= N6_BUFFER_HELD && (buffer->id == id || buffer->read_id == id))
            return i;
    }
    return N6_NONE;
}

/* Only what has been sent before needs a repair. Whole chunks are sent; repairs that touch are joined. */
void n6_send_nak(n6_server_t *s, const n6_request_t *request)
{
    const uint32_t id = request->id, chunk = s->config.chunk;
    n6_send_t repair = {.id = id, .repair = true};
    n6_nak_t nak;
    uint32_t result;

    memcpy(&nak, request->payload, sizeof nak);
    s->stats.naks_received++;
    result = find_transfer(s, id, &repair.end);
    if (result == N6_NONE)
        return;
    repair.result = (uint8_t)result;
    repair.next = nak.offset & ~(chunk - 1);
    for (uint32_t i = 0; i < s->sends; i++)
        if (s->send[i].id == id && !s->send[i].repair && s->send[i].next < repair.end)
            repair.end = s->send[i].next;
    if (nak.length > 0 && nak.length < repair.end && nak.offset < repair.end - nak.length) {
        const uint32_t end = (nak.offset + nak.length + chunk - 1) & ~(chunk - 1);
        repair.end = end < repair.end ? end : repair.end;
    }
    for (uint32_t i = 0; i < s->sends; i++) {
        n6_send_t *send = &s->send[i];
        if (send->id == id && send->repair && repair.next <= send->end &&
            send->next <= repair.end) {
            send->next = repair.next < send->next ? repair.next : send->next;
            send->end = repair.end > send->end ? repair.end : send->end;
            return;
        }
    }
    (void)n6_send_add(s, repair, false);
}

void n6_send_credit(n6_server_t *s, const n6_request_t *request)
{
    n6_credit_t credit;

    memcpy(&credit, request->payload, sizeof credit);
    s->limit = credit.limit;
}
