/*
 * board.h - the virtual board: clock, memory, networks and the core. A restart asked for by the
 * host begins a new life of the core, with a new boot nonce and a clock at zero; the link stays, as
 * that of a board behind a UART bridge does.
 */
#ifndef N6_HOST_BOARD_H
#define N6_HOST_BOARD_H

#include <stdatomic.h>
#include <stdbool.h>

#include "n6_server.h"
#include "options.h"
#include "runtimes.h"

typedef struct {
    n6_runtimes_t runtimes; /* first: it is aligned more than others */
    const n6_options_t *options;
    _Atomic uint64_t boot; /* CLOCK_MONOTONIC at the start of this life, in nanoseconds */
    n6_npu_t npu;
    n6_port_t port;
    n6_config_t config;
    n6_server_t server;
    int wake[2];       /* a pipe: whoever writes to it ends the main loop's sleep */
    uint32_t reserved; /* bytes of all buffers */
    uint32_t weights;
    uint8_t reset_cause;
    bool restart; /* asked for */
} n6_board_t;

/* Loads the networks and starts the core. NULL never: failure ends the process with a report. */
n6_board_t *n6_board_open(const n6_options_t *options);

/* Carries out a restart, if one was asked for: true. */
bool n6_board_restart(n6_board_t *board);

/* The device clock, in nanoseconds. */
uint64_t n6_board_now(const n6_board_t *board);

/* Ends the main loop's sleep; from a thread or a signal handler. */
void n6_board_wake(const n6_board_t *board);

void n6_board_close(n6_board_t *board);

#endif
