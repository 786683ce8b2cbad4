/*
 * endpoint.h - the sources of clients: an inherited socket, a Unix socket, TCP on the loopback, or
 * a pseudo terminal.
 *
 * A listener has one client at a time; guest.h handles further connections. An inherited socket is
 * a client from the start, and the only one. A pseudo terminal is one permanent client: like a
 * UART, it has no information about the program at the other end (the process keeps the other end
 * open as well).
 */
#ifndef N6_HOST_ENDPOINT_H
#define N6_HOST_ENDPOINT_H

#include <stdbool.h>

#include "options.h"

typedef struct {
    n6_end_kind_t kind;
    int listener; /* -1 = none */
    int client;   /* -1 = none; does not block */
    int slave;    /* of the pseudo terminal */
    const char *path;
    char url[256];
} n6_endpoint_t;

/* Opens the endpoint of the options. After a failure the process ends with a report. */
void n6_endpoint_open(n6_endpoint_t *end, const n6_options_t *options);

/* Accepts the next connection of the listener, which does not block. -1 = none. */
int n6_endpoint_accept(const n6_endpoint_t *end);

/* The client has closed. false = there cannot be another one. */
bool n6_endpoint_hang_up(n6_endpoint_t *end);

void n6_endpoint_close(n6_endpoint_t *end);

#endif
