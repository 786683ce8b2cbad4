/* Leases, and the list of clients. See client.h. */
#include <stdio.h>

#include "client.h"
#include "n6_fields.h"

enum {
    LONGEST_LEASE = 600000, /* milliseconds, until it must be extended */
};

static const char *name_of(const n6_serve_client_t *client)
{
    const char *name = client->server.channel.session.host;

    return *name ? name : "an unnamed program";
}

n6_lease_state_t *n6_client_lease_of(const n6_serve_client_t *client, uint16_t network)
{
    n6_lease_state_t *lease = &client->served->lease[network];

    return lease->client && lease->until > client->served->now ? lease : NULL;
}

static uint32_t milliseconds(const n6_served_t *served, const n6_lease_state_t *lease)
{
    const uint64_t ms = (lease->until - served->now) * 1000 / served->board.tick_hz + 1;

    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

const char *n6_client_lease(void *context, const n6_lease_t *wanted, n6_lease_reply_t *reply)
{
    const n6_serve_client_t *client = context;
    n6_served_t *served = client->served;
    n6_lease_state_t *lease = n6_client_lease_of(client, wanted->network);
    const bool possible = !lease || lease->client == client;

    if (possible && wanted->action == N6_LEASE_ACTION_TAKE) {
        const uint64_t ms =
            wanted->duration_ms < LONGEST_LEASE ? wanted->duration_ms : LONGEST_LEASE;

        lease = &served->lease[wanted->network];
        lease->client = client;
        lease->until = served->now + ms * served->board.tick_hz / 1000;
    }
    if (possible && wanted->action == N6_LEASE_ACTION_RELEASE && lease) {
        lease->client = NULL;
        lease = NULL;
    }
    if (!lease) {
        return "";
    }
    reply->remaining_ms = milliseconds(served, lease);
    reply->own = lease->client == client;
    return name_of(lease->client);
}

void n6_client_end_leases(const n6_serve_client_t *client)
{
    for (uint32_t i = 0; i < N6_SERVER_MAX_NETWORKS; i++) {
        if (client->served->lease[i].client == client) {
            client->served->lease[i].client = NULL;
        }
    }
}

const n6_answer_t *n6_client_refuse(n6_serve_client_t *client, n6_refusal_t refusal)
{
    const n6_lease_state_t *lease = &client->served->lease[refusal.network];
    const uint32_t seconds = lease->client ? milliseconds(client->served, lease) / 1000 + 1 : 0;

    (void)snprintf(client->why, sizeof client->why, "%s has leased the network for %u s more",
                   lease->client ? name_of(lease->client) : "another program", (unsigned)seconds);
    client->refused = (n6_answer_t){
        .number = refusal.number,
        .status = N6_STATUS_BUSY,
        .field = offsetof(n6_infer_t, network),
        .value = refusal.network,
        .text = client->why,
    };
    return &client->refused;
}

/* ---- the list of clients ---- */

static void fill_record(const n6_serve_client_t *client, n6_client_record_t *record)
{
    const n6_channel_t *channel = &client->server.channel;
    const n6_link_counts_t *counts = n6_link_counts(&channel->link);

    *record = (n6_client_record_t){
        .rx_bytes = counts->rx_bytes,
        .tx_bytes = counts->tx_bytes,
        .id = client->id,
        .runs = client->runs,
        .queued = n6_queue_depth(&client->server.queue),
        .role = channel->session.role,
        .wait_us = client->wait_us,
        .waits = client->waits,
        .longest_us = client->longest_us,
    };
    n6_copy_text(record->name, sizeof record->name, channel->session.host);
    for (uint32_t i = 0; i < client->served->board.networks; i++) {
        const n6_lease_state_t *lease = n6_client_lease_of(client, (uint16_t)i);

        record->leases = (uint16_t)(record->leases + (lease && lease->client == client ? 1 : 0));
    }
}

uint16_t n6_client_list(void *context, uint16_t first, n6_client_record_t *record, uint16_t *count)
{
    const n6_serve_client_t *client = ((const n6_serve_client_t *)context)->served->first;
    const uint16_t most = *count;
    uint16_t total = 0;

    *count = 0;
    for (; client; client = client->next_client) {
        if (!client->server.channel.session.open) {
            continue;
        }
        if (total >= first && *count < most) {
            fill_record(client, &record[(*count)++]);
        }
        total++;
    }
    return total;
}
