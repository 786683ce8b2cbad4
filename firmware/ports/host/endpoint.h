/*
 * endpoint.h - where clients come from: an inherited socket, a Unix socket, TCP on the loopback, or
 * a pseudo terminal.
 *
 * A listener has one client at a time; guest.h says what becomes of the others. An inherited socket is
 * a client that is there from the start, and the last one. A pseudo terminal is a client that is
 * always there: like a UART it does not know who listens at the other end (the process holds the
 * other end open, too).
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

/* Opens what the options ask for. Failure ends the process with a report. */
void n6_endpoint_open(n6_endpoint_t *end, const n6_options_t *options);

/* Takes the next connection of the listener, which does not block. -1 = there is none. */
int n6_endpoint_accept(const n6_endpoint_t *end);

/* The client has gone. false = no other one will come. */
bool n6_endpoint_hang_up(n6_endpoint_t *end);

void n6_endpoint_close(n6_endpoint_t *end);

#endif
