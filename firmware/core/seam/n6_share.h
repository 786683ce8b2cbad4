/*
 * n6_share.h - the interface of a port whose board has several clients, each with a core of its own:
 * LEASE and CLIENTS (protocol.md section 8).
 */
#ifndef N6_SHARE_H
#define N6_SHARE_H

#include <stdint.h>

#include "n6_protocol.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    /* n6_share_answer(); a pointer, so that a device with one client does not contain it. */
    void (*answer)(void *channel, const void *request);
    /*
     * Takes, extends or ends the lease of an existing network, fills remaining_ms and own, and
     * returns the name of the client that has the lease now; "" = none.
     */
    const char *(*lease)(void *context, const n6_lease_t *wanted, n6_lease_reply_t *reply);
    /* Fills at most count records, from index first on. Returns the number of clients. */
    uint16_t (*clients)(void *context, uint16_t first, n6_client_record_t *record, uint16_t *count);
} n6_share_t;

#ifdef __cplusplus
}
#endif

#endif
