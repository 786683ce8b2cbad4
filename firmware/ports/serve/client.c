/* The core of one client. See serve.h and client.h. */
#include "client.h"

#include <string.h>

enum {
    TURNS = 64, /* in one call, so that other clients have theirs */
};

/* ---- the port ---- */

static uint64_t now(void *context)
{
    return ((const n6_serve_client_t *)context)->served->now;
}

static void info(void *context, n6_info_reply_t *reply)
{
    *reply = ((const n6_serve_client_t *)context)->served->board.info;
    reply->head = sizeof *reply;
}

static size_t memory(void *context, char *text, size_t size)
{
    const char *from = ((const n6_serve_client_t *)context)->served->board.memory;
    const size_t length = strlen(from);

    memcpy(text, from, length < size ? length : size);
    return length < size ? length : size;
}

/* ---- what the core calls ---- */

static void put_order(void *context, const n6_order_t *order)
{
    n6_serve_client_t *client = context;
    const n6_lease_state_t *lease = n6_client_lease_of(client, order->network);

    if (lease && lease->client != client && order->number != N6_FORWARD_CHECK) {
        client->refusal[client->refusals++] = (n6_refusal_t){order->number, order->network};
        return;
    }
    n6_serve_order_t *place = &client->order[client->next++ % N6_SERVE_ORDERS];

    *place = (n6_serve_order_t){.order = *order};
    if (order->returns > 0) {
        memcpy(place->what, order->what, order->returns * sizeof *place->what);
    }
}

static void withdraw(void *context, uint32_t number)
{
    n6_serve_client_t *client = context;

    for (uint32_t i = 0; i < client->refusals; i++) {
        if (client->refusal[i].number == number) {
            client->refusal[i] = client->refusal[--client->refusals];
            return;
        }
    }
    n6_serve_order_t *place = &client->order[client->next++ % N6_SERVE_ORDERS];

    *place = (n6_serve_order_t){.order = {.number = number}, .withdrawn = true};
}

static const n6_answer_t *next_answer(void *context)
{
    n6_serve_client_t *client = context;
    const n6_answer_t *answer = client->answer;

    if (client->refusals > 0) {
        return n6_client_refuse(client, client->refusal[--client->refusals]);
    }
    client->answer = NULL;
    return answer;
}

/*
 * A poll adds at most two orders for each that is possible at a time. Frames between two polls
 * withdraw at most what runs.
 */
static bool has_room(const n6_serve_client_t *client)
{
    return client->next - client->first < N6_SERVE_ORDERS / 4;
}

void n6_client_connect(n6_serve_client_t *client)
{
    n6_served_t *served = client->served;
    const n6_serve_board_t *board = &served->board;

    client->share = (n6_share_t){
        .answer = n6_share_answer, .lease = n6_client_lease, .clients = n6_client_list};
    client->port = served->port;
    client->port.context = client;
    client->port.now = now;
    client->port.info = info;
    client->port.memory = memory;
    client->port.share = &client->share;
    client->forward = (n6_forward_t){.run = n6_server_forward,
                                     .depth = board->depth,
                                     .order = put_order,
                                     .withdraw = withdraw,
                                     .answer = next_answer};
    client->npu = (n6_npu_t){
        .context = client,
        .network = served->list,
        .networks = board->networks,
        .features = board->features,
        .forward = &client->forward,
    };
}

/* ---- turns ---- */

void n6_serve_turn(n6_serve_client_t *client, const uint8_t *in, uint32_t size, uint8_t *out,
                   uint32_t room, n6_serve_turn_t *turn)
{
    const n6_session_t *session = &client->server.channel.session;
    uint32_t moved = 0;
    int state = N6_SERVER_BUSY;

    *turn = (n6_serve_turn_t){0};
    for (uint32_t i = 0; i < TURNS && has_room(client); i++) {
        const uint32_t taken =
            n6_server_feed(&client->server, in + turn->taken, size - turn->taken);

        state = n6_server_poll(&client->server);
        const uint32_t made = n6_server_drain(&client->server, out + turn->made, room - turn->made);
        turn->taken += taken;
        turn->made += made;
        moved = taken + made;
        if (moved == 0 && state != N6_SERVER_BUSY && client->refusals == 0) {
            break;
        }
    }
    turn->orders = client->next - client->first;
    turn->log_level = session->open ? session->log_level : N6_LOG_LEVEL_NONE;
    turn->due = moved > 0 || state == N6_SERVER_BUSY ? 0 : n6_server_due(&client->server);
}

bool n6_serve_order(n6_serve_client_t *client, n6_serve_order_t *order)
{
    if (client->first == client->next) {
        return false;
    }
    *order = client->order[client->first++ % N6_SERVE_ORDERS];
    order->order.what = order->what;
    return true;
}

bool n6_serve_answer(n6_serve_client_t *client, const n6_answer_t *answer)
{
    const bool has_run = answer->result != NULL;

    client->answer = answer;
    if (has_room(client)) {
        (void)n6_server_poll(&client->server);
    }
    const bool taken = client->answer == NULL;
    if (taken && has_run) {
        client->runs++;
    }
    client->answer = NULL;
    return taken;
}

void n6_serve_waits(n6_serve_client_t *client, uint32_t waits, uint64_t us, uint32_t longest_us)
{
    client->waits = waits;
    client->wait_us = us;
    client->longest_us = longest_us;
}

bool n6_serve_log(n6_serve_client_t *client, uint8_t level, const char *text, uint64_t ticks,
                  uint32_t lost)
{
    n6_channel_t *channel = &client->server.channel;
    n6_served_t *served = client->served;
    const uint64_t before = served->now;
    const uint32_t dropped = channel->log_dropped + lost;

    channel->log_dropped = dropped;
    served->now = ticks > 0 ? ticks : before;
    n6_server_log(&client->server, level, text);
    served->now = before;
    const bool sent = channel->log_dropped == dropped;
    channel->log_dropped = dropped;
    return sent;
}

/* ---- the connection ---- */

void n6_serve_relink(n6_serve_client_t *client)
{
    n6_server_relink(&client->server);
}

void n6_serve_leave(n6_serve_client_t *client)
{
    client->nonce = n6_serve_nonce(client);
    n6_client_end_leases(client);
    client->refusals = 0;
    n6_server_leave(&client->server);
    client->first = client->next; /* the program withdraws all orders itself */
}

uint64_t n6_serve_nonce(const n6_serve_client_t *client)
{
    const n6_session_t *session = &client->server.channel.session;

    return session->known ? session->nonce : client->nonce;
}

const char *n6_serve_name(const n6_serve_client_t *client)
{
    return client->server.channel.session.host;
}
