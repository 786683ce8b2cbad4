/* The core of one client. See serve.h. */
#include <stdlib.h>
#include <string.h>

#include "n6_forward.h"
#include "n6_server.h"
#include "served.h"

enum {
    ORDERS = 64,          /* that wait to be taken; a power of two */
    WINDOW = 1024 * 1024, /* bytes that the sockets of both ends and the program store */
    TX = 64 * 1024,
    TURNS = 64, /* in one call, so that other clients have theirs */
    ALIGNMENT = 64,
};

struct n6_serve_client {
    n6_server_t server;
    n6_config_t config;
    n6_npu_t npu;
    n6_forward_t forward;
    const n6_served_t *served;
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

/* ---- what the core calls ---- */

static void put_order(void *context, const n6_order_t *order)
{
    n6_serve_client_t *client = context;
    n6_serve_order_t *place = &client->order[client->next++ % ORDERS];

    *place = (n6_serve_order_t){.order = *order};
    if (order->returns > 0) {
        memcpy(place->what, order->what, order->returns * sizeof *place->what);
    }
}

static void withdraw(void *context, uint32_t number)
{
    n6_serve_client_t *client = context;
    n6_serve_order_t *place = &client->order[client->next++ % ORDERS];

    *place = (n6_serve_order_t){.order = {.number = number}, .withdrawn = true};
}

static const n6_answer_t *next_answer(void *context)
{
    n6_serve_client_t *client = context;
    const n6_answer_t *answer = client->answer;

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

    if (!client || board->slots > N6_SERVER_MAX_SLOTS || board->results > N6_SERVER_MAX_RESULTS) {
        free(client);
        return NULL;
    }
    client->served = served;
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
        .port = &served->port,
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
        if (moved == 0 && state != N6_SERVER_BUSY) {
            break;
        }
    }
    turn->orders = client->next - client->first;
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
    client->answer = answer;
    if (has_room(client)) {
        (void)n6_server_poll(&client->server);
    }
    const bool taken = client->answer == NULL;
    client->answer = NULL;
    return taken;
}

/* ---- the connection ---- */

void n6_serve_relink(n6_serve_client_t *client)
{
    n6_server_relink(&client->server);
}

void n6_serve_leave(n6_serve_client_t *client)
{
    client->nonce = n6_serve_nonce(client);
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
