/*
 * guest.h - a connection that is opened while another client uses the board: the core answers it
 * (n6_busy.h), then it is closed. There is one guest at a time; further connections wait in the
 * listener's queue.
 */
#ifndef N6_HOST_GUEST_H
#define N6_HOST_GUEST_H

#include "n6_busy.h"

typedef struct {
    int fd;         /* -1 = none; does not block */
    bool answered;  /* the answer was sent: the guest can read it and close */
    uint64_t until; /* device time at which it is closed */
    n6_busy_t busy;
} n6_guest_t;

void n6_guest_init(n6_guest_t *guest);

/* The connection becomes the guest. */
void n6_guest_meet(n6_guest_t *guest, int fd, const n6_server_t *server, uint64_t now);

/* Reads from it, answers, and closes it when it has closed or its time has passed. */
void n6_guest_serve(n6_guest_t *guest, uint64_t now);

/* Device time of the next call even if no bytes arrive; UINT64_MAX = never. */
uint64_t n6_guest_due(const n6_guest_t *guest);

void n6_guest_close(n6_guest_t *guest);

#endif
