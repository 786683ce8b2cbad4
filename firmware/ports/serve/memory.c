/* The memory of a client. See serve.h and client.h. */
#include <stdlib.h>
#include <string.h>

#include "client.h"

enum {
    WINDOW = 1024 * 1024, /* bytes that the sockets of both ends and the program store */
    TX = 64 * 1024,
    ALIGNMENT = 64,
};

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
    n6_client_connect(client);
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

    n6_client_end_leases(client);
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
