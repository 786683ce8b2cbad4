/*
 * client.h - a client: its core, the memory of that, and the orders that wait to be taken. memory.c
 * creates and frees it, leases.c has what it knows of other clients, client.c the rest.
 */
#ifndef N6_SERVE_CLIENT_H
#define N6_SERVE_CLIENT_H

#include "n6_forward.h"
#include "n6_server.h"
#include "n6_sharing.h"
#include "served.h"

enum {
    N6_SERVE_ORDERS = 64, /* that wait to be taken; a power of two */
};

/* An order that is refused here, because another client has leased its network. */
typedef struct {
    uint32_t number;
    uint16_t network;
} n6_refusal_t;

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
    n6_refusal_t refusal[N6_SERVER_MAX_QUEUE];
    n6_answer_t refused; /* the answer to one of them */
    char why[N6_SERVE_TEXT];
    uint64_t nonce;            /* of the session that it has left */
    const n6_answer_t *answer; /* that the core has not yet taken */
    uint32_t first;            /* the next order to take, */
    uint32_t next;             /* and the place of the next one */
    n6_serve_order_t order[N6_SERVE_ORDERS];
    uint8_t *slot[N6_SERVER_MAX_SLOTS];
    uint8_t *result[N6_SERVER_MAX_RESULTS];
    uint32_t *chunks;
    uint8_t *tx;
};

/* Sets what the core calls: its port, its runtime and its share. */
void n6_client_connect(n6_serve_client_t *client);

/* ---- leases ---- */

/* The members lease and clients of n6_share_t. */
const char *n6_client_lease(void *context, const n6_lease_t *wanted, n6_lease_reply_t *reply);
uint16_t n6_client_list(void *context, uint16_t first, n6_client_record_t *record, uint16_t *count);

/* The lease of a network; NULL = there is none now. */
n6_lease_state_t *n6_client_lease_of(const n6_serve_client_t *client, uint16_t network);

/* The answer to an inference of a network that another client has leased. */
const n6_answer_t *n6_client_refuse(n6_serve_client_t *client, n6_refusal_t refusal);

void n6_client_end_leases(const n6_serve_client_t *client);

#endif
