/* The core of one client. See serve.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "n6_fields.h"
#include "n6_forward.h"
#include "n6_server.h"
#include "n6_sharing.h"
#include "served.h"

enum {
    ORDERS = 64,          /* that wait to be taken; a power of two */
    WINDOW = 1024 * 1024, /* bytes that the sockets of both ends and the program store */
    TX = 64 * 1024,
    TURNS = 64,             /* in one call, so that other clients have theirs */
    LONGEST_LEASE = 600000, /* milliseconds, until it must be extended */
    ALIGNMENT = 64,
};

/* An order that is refused here, because another client has leased its network. */
typedef struct {
    uint32_t number;
    uint16_t network;
} refusal_t;

struct n6_serve_client {
    n6_server_t server;
    n6_config_t config;
    n6_port_t port;
    n6_npu_t npu;
    n6_forward_t forward;
    n6_share_t share;
    n6_served_t *served;
    n6_serve_client_t *next_client;
    uint32_t id;
    uint32_t runs;
    uint32_t waits; /* as in n6_client_record_t */
    uint32_t longest_us;
    uint64_t wait_us;
    uint32_t refusals;
    refusal_t refusal[N6_SERVER_MAX_QUEUE];
    n6_answer_t refused; /* the answer to one of them */
    char why[N6_SERVE_TEXT];
    uint64_t nonce;            /* of the session that it has left */
    const n6_answer_t *answer; /* that the core has not yet taken */
    uint32_t first;            /* the next order to take, */
    uint32_t next;             /* and the place of the next one */
    n6_serve_order_t order[ORDERS];
    uint8_t *slot[N6_SERVER_MAX_SLOTS];
    uint8_t *result[N6_SERVER_MAX_RESULTS];
    uint32_t *chunks;
    uint8_t *tx;
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

/* ---- leases ---- */

static const char *name_of(const n6_serve_client_t *client)
{
    const char *name = client->server.channel.session.host;

    return *name ? name : "an unnamed program";
}

/* The lease of a network; NULL = there is none now. */
static n6_lease_state_t *lease_of(const n6_serve_client_t *client, uint16_t network)
{
    n6_lease_state_t *lease = &client->served->lease[network];

    return lease->client && lease->until > client->served->now ? lease : NULL;
}

static uint32_t milliseconds(const n6_served_t *served, const n6_lease_state_t *lease)
{
    const uint64_t ms = (lease->until - served->now) * 1000 / served->board.tick_hz + 1;

    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static const char *use_lease(void *context, const n6_lease_t *wanted, n6_lease_reply_t *reply)
{
    const n6_serve_client_t *client = context;
    n6_served_t *served = client->served;
    n6_lease_state_t *lease = lease_of(client, wanted->network);
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

static void end_leases(const n6_serve_client_t *client)
{
    for (uint32_t i = 0; i < N6_SERVER_MAX_NETWORKS; i++) {
        if (client->served->lease[i].client == client) {
            client->served->lease[i].client = NULL;
        }
    }
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
        const n6_lease_state_t *lease = lease_of(client, (uint16_t)i);

        record->leases = (uint16_t)(record->leases + (lease && lease->client == client ? 1 : 0));
    }
}

static uint16_t list_clients(void *context, uint16_t first, n6_client_record_t *record,
                             uint16_t *count)
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

/* ---- what the core calls ---- */

static void put_order(void *context, const n6_order_t *order)
{
    n6_serve_client_t *client = context;
    const n6_lease_state_t *lease = lease_of(client, order->network);

    if (lease && lease->client != client && order->number != N6_FORWARD_CHECK) {
        client->refusal[client->refusals++] = (refusal_t){order->number, order->network};
        return;
    }
    n6_serve_order_t *place = &client->order[client->next++ % ORDERS];

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
    n6_serve_order_t *place = &client->order[client->next++ % ORDERS];

    *place = (n6_serve_order_t){.order = {.number = number}, .withdrawn = true};
}

static const n6_answer_t *refuse(n6_serve_client_t *client, refusal_t refusal)
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

static const n6_answer_t *next_answer(void *context)
{
    n6_serve_client_t *client = context;
    const n6_answer_t *answer = client->answer;

    if (client->refusals > 0) {
        return refuse(client, client->refusal[--client->refusals]);
    }
    client->answer = NULL;
    return answer;
}

/*
 * A poll adds at most two orders for each that is possible at a time, and a frame one; there is
 * room for all frames of a receive buffer.
 */
static bool has_room(const n6_serve_client_t *client)
{
    return client->next - client->first < ORDERS / 4;
}

/* ---- memory ---- */

static void *reserve(size_t size)
{
    const size_t whole = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void *memory = aligned_alloc(ALIGNMENT, whole > 0 ? whole : ALIGNMENT);

    if (memory) {
        memset(memory, 0, whole);
    }
    return memory;
}

static bool reserve_all(uint8_t **buffer, uint32_t count, uint32_t size)
{
    for (uint32_t i = 0; i < count; i++) {
        buffer[i] = reserve(size);
        if (!buffer[i]) {
            return false;
        }
    }
    return true;
}

n6_serve_client_t *n6_serve_open(n6_served_t *served)
{
    const n6_serve_board_t *board = &served->board;
    n6_serve_client_t *client = calloc(1, sizeof *client);

    if (!client || board->slots > N6_SERVER_MAX_SLOTS || board->results > N6_SERVER_MAX_RESULTS ||
        !n6_served_reserve_times(served)) {
        free(client);
        return NULL;
    }
    client->served = served;
    client->next_client = served->first;
    served->first = client;
    client->id = ++served->clients;
    client->share =
        (n6_share_t){.answer = n6_share_answer, .lease = use_lease, .clients = list_clients};
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
    client->chunks = reserve(board->slots * N6_SERVER_CHUNK_WORDS(board->slot_size) * 4u);
    client->tx = reserve(TX);
    client->config = (n6_config_t){
        .port = &client->port,
        .npu = &client->npu,
        .slot = client->slot,
        .slots = board->slots,
        .slot_size = board->slot_size,
        .chunks = client->chunks,
        .parts = board->parts_size > 0 ? client->tx : NULL, /* not used: the board decodes */
        .parts_size = board->parts_size,
        .result = client->result,
        .results = board->results,
        .result_size = board->result_size,
        .times = served->times,
        .max_blocks = served->max_blocks,
        .sums = served->sums,
        .total_blocks = served->total_blocks,
        .totals = served->totals,
        .timed = served->timed,
        .tx = client->tx,
        .tx_size = TX,
        .window = WINDOW,
        .chunk = board->chunk,
    };
    if (!client->chunks || !client->tx ||
        !reserve_all(client->slot, board->slots, board->slot_size) ||
        !reserve_all(client->result, board->results, board->result_size) ||
        n6_server_init(&client->server, &client->config) != 0) {
        n6_serve_close(client);
        return NULL;
    }
    return client;
}

void n6_serve_close(n6_serve_client_t *client)
{
    n6_serve_client_t **place = &client->served->first;

    end_leases(client);
    while (*place != client) {
        place = &(*place)->next_client;
    }
    *place = client->next_client;
    for (uint32_t i = 0; i < N6_SERVER_MAX_SLOTS; i++) {
        free(client->slot[i]);
    }
    for (uint32_t i = 0; i < N6_SERVER_MAX_RESULTS; i++) {
        free(client->result[i]);
    }
    free(client->chunks);
    free(client->tx);
    free(client);
}

/* ---- turns ---- */

static uint32_t feed(n6_serve_client_t *client, const uint8_t *in, uint32_t size)
{
    uint32_t done = 0;
    uint8_t *at = NULL;
    size_t room = 0;

    while (done < size && has_room(client) &&
           (room = n6_server_rx_space(&client->server, &at)) > 0) {
        const uint32_t count = room < size - done ? (uint32_t)room : size - done;

        memcpy(at, in + done, count);
        n6_server_rx_done(&client->server, count);
        done += count;
    }
    return done;
}

static uint32_t drain(n6_serve_client_t *client, uint8_t *out, uint32_t size)
{
    uint32_t done = 0;
    const uint8_t *from = NULL;
    size_t ready = 0;

    while (done < size && (ready = n6_server_tx_peek(&client->server, &from)) > 0) {
        const uint32_t count = ready < size - done ? (uint32_t)ready : size - done;

        memcpy(out + done, from, count);
        n6_server_tx_done(&client->server, count);
        done += count;
    }
    return done;
}

void n6_serve_turn(n6_serve_client_t *client, const uint8_t *in, uint32_t size, uint8_t *out,
                   uint32_t room, n6_serve_turn_t *turn)
{
    const n6_session_t *session = &client->server.channel.session;
    uint32_t moved = 0;
    int state = N6_SERVER_BUSY;

    *turn = (n6_serve_turn_t){0};
    for (uint32_t i = 0; i < TURNS && has_room(client); i++) {
        const uint32_t taken = feed(client, in + turn->taken, size - turn->taken);

        state = n6_server_poll(&client->server);
        const uint32_t made = drain(client, out + turn->made, room - turn->made);
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
    *order = client->order[client->first++ % ORDERS];
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
    end_leases(client);
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
