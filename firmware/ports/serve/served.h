/*
 * served.h - a board, as its clients see it: memory that all of them share.
 */
#ifndef N6_SERVED_H
#define N6_SERVED_H

#include "n6_server.h"
#include "networks.h"
#include "serve.h"

struct n6_served {
    n6_serve_board_t board;
    n6_port_t port;
    uint64_t now;
    n6_serve_network_t *network; /* board.networks of them */
    n6_network_t *list;
};

#endif
