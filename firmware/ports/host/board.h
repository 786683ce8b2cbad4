/*
 * board.h - the virtual board: clock, memory, networks and the core. After a restart, which the
 * host requests, the core starts again with a new boot nonce and its clock at zero. The connection
 * is kept, as with a board on a UART bridge.
 */
#ifndef N6_HOST_BOARD_H
#define N6_HOST_BOARD_H

#include <stdatomic.h>
#include <stdbool.h>

#include "n6_server.h"
#include "options.h"
#include "recorded.h"
#include "runtimes.h"

typedef struct {
    n6_runtimes_t runtimes;  /* first: it has the largest alignment */
    n6_recorded_t *recorded; /* plays a recording instead of the runtimes; NULL = no replay */
    const n6_options_t *options;
    _Atomic uint64_t boot; /* CLOCK_MONOTONIC at the last start of the core, in nanoseconds */
    n6_npu_t npu;
    n6_port_t port;
    n6_config_t config;
    n6_server_t server;
    int wake[2];       /* a pipe: a byte in it ends the main loop's sleep */
    uint32_t baud;     /* present rate of the line; 0 = no limit */
    uint32_t reserved; /* bytes of all buffers */
    uint32_t weights;
    uint8_t reset_cause;
    bool restart; /* a restart was requested */
} n6_board_t;

/*
 * Loads the networks and starts the core. After a failure the process ends with a report; the
 * result is never NULL.
 */
n6_board_t *n6_board_open(const n6_options_t *options);

/* Executes a requested restart. true = there was one. */
bool n6_board_restart(n6_board_t *board);

/* The device clock, in nanoseconds. */
uint64_t n6_board_now(const n6_board_t *board);

/* Ends the main loop's sleep; called by a thread or a signal handler. */
void n6_board_wake(const n6_board_t *board);

/* Device time at which a replay continues; UINT64_MAX = not waiting. */
uint64_t n6_board_due(const n6_board_t *board);

void n6_board_close(n6_board_t *board);

#endif
