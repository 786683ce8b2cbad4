/* See n6_sharing.h. */
#include "n6_sharing.h"

#include <string.h>

enum {
    /* ClientRecords of a page. */
    PAGE = (N6_LIMIT_MAX_CONTROL - sizeof(n6_clients_reply_t)) / sizeof(n6_client_record_t),
};

static n6_mistake_t find_mistake(const n6_channel_t *channel, const n6_lease_t *wanted)
{
    if (wanted->network >= channel->config.npu->networks) {
        return N6_MISTAKE_LEASE_NETWORK;
    }
    if (wanted->action > N6_LEASE_ACTION_RELEASE) {
        return N6_MISTAKE_LEASE_ACTION;
    }
    if (wanted->action != N6_LEASE_ACTION_QUERY && channel->session.role == N6_ROLE_READ_ONLY) {
        return N6_MISTAKE_READ_ONLY;
    }
    return wanted->action == N6_LEASE_ACTION_TAKE && wanted->duration_ms == 0
               ? N6_MISTAKE_LEASE_DURATION
               : N6_MISTAKE_NONE;
}

static void lease(n6_channel_t *channel, const n6_request_t *request)
{
    const n6_port_t *port = channel->config.port;
    const n6_mistake_t mistake = find_mistake(channel, request->body);
    n6_lease_reply_t reply = {.head = sizeof reply};

    if (mistake != N6_MISTAKE_NONE) {
        n6_refuse(channel, request, mistake, 0);
        return;
    }
    const char *name = port->share->lease(port->context, request->body, &reply);
    const size_t size = strlen(name);
    uint8_t *at = n6_link_begin(&channel->link, sizeof reply + size);
    memcpy(at, &reply, sizeof reply);
    memcpy(at + sizeof reply, name, size);
    n6_end_reply(channel, request, sizeof reply + size);
}

static void clients(n6_channel_t *channel, const n6_request_t *request)
{
    const n6_port_t *port = channel->config.port;
    const n6_clients_t *wanted = request->body;
    n6_clients_reply_t reply = {
        .head = sizeof reply, .record = sizeof(n6_client_record_t), .first = wanted->first};
    n6_client_record_t record[PAGE];

    reply.count = PAGE;
    reply.total = port->share->clients(port->context, wanted->first, record, &reply.count);
    const size_t size = reply.count * sizeof *record;
    uint8_t *at = n6_link_begin(&channel->link, sizeof reply + size);
    memcpy(at, &reply, sizeof reply);
    memcpy(at + sizeof reply, record, size);
    n6_end_reply(channel, request, sizeof reply + size);
}

void n6_share_answer(void *channel, const void *request)
{
    const n6_request_t *asked = request;

    if (asked->type == N6_MESSAGE_TYPE_LEASE) {
        lease(channel, asked);
    } else {
        clients(channel, asked);
    }
}
