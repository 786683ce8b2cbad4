/*
 * guest.h - a connection that comes while another one holds the board: the core tells it so
 * (n6_busy.h), and it is closed. There is one at a time; the next ones wait in the listener's queue.
 */
#ifndef N6_HOST_GUEST_H
#define N6_HOST_GUEST_H

#include "n6_busy.h"

typedef struct {
    int fd;         /* -1 = none; does not block */
    bool answered;  /* all has been said: the guest may read it and go */
    uint64_t until; /* device time at which it has to go */
    n6_busy_t busy;
} n6_guest_t;

void n6_guest_init(n6_guest_t *guest);

/* The connection becomes the guest. */
void n6_guest_meet(n6_guest_t *guest, int fd, const n6_server_t *server, uint64_t now);

/* Reads what it says, answers, and closes it when it has gone or its time is over. */
void n6_guest_serve(n6_guest_t *guest, uint64_t now);

/* Device time at which it has to be served though nothing comes; UINT64_MAX = never. */
uint64_t n6_guest_due(const n6_guest_t *guest);

void n6_guest_close(n6_guest_t *guest);

#endif
