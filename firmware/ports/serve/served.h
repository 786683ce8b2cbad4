/*
 * served.h - a board, as its clients see it: memory that all of them share.
 *
 * A lease ends by itself, or with its client. An inference of a network that another client has
 * leased is refused when it would start.
 */
#ifndef N6_SERVED_H
#define N6_SERVED_H

#include "n6_server.h"
#include "networks.h"
#include "serve.h"

/* The exclusive use of a network. */
typedef struct {
    const n6_serve_client_t *client; /* NULL = none */
    uint64_t until;                  /* device time */
} n6_lease_state_t;

struct n6_served {
    n6_serve_board_t board;
    n6_port_t port;           /* of every client, without the functions */
    n6_serve_client_t *first; /* of the list of clients */
    uint32_t clients;         /* number of clients so far */
    n6_lease_state_t lease[N6_SERVER_MAX_NETWORKS];
    n6_network_stats_t totals[N6_SERVER_MAX_NETWORKS]; /* of all clients */
    uint32_t timed[N6_SERVER_MAX_NETWORKS];
    n6_block_time_t *times; /* as in n6_config_t */
    n6_block_sums_t *sums;
    uint32_t total_blocks;
    uint16_t max_blocks;
    uint64_t now;
    n6_serve_network_t *network; /* board.networks of them */
    n6_network_t *list;
};

/* Memory for the times of all networks, after their descriptions. false = not enough memory. */
bool n6_served_reserve_times(n6_served_t *served);

#endif
