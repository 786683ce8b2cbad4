/*
 * n6_server.h - the device side of the protocol: sessions, uploads, the inference queue, results,
 * statistics.
 *
 * The port drives it as n6_port.h shows. All state is in n6_server_t; there is no allocation and no
 * global.
 */
#ifndef N6_SERVER_H
#define N6_SERVER_H

#include "n6_link.h"
#include "n6_port.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    N6_SERVER_MAX_SLOTS = 8,
    N6_SERVER_MAX_RESULTS = 8,
    N6_SERVER_MAX_NETWORKS = 8,
    N6_SERVER_MAX_QUEUE = 8,
};
#define N6_SERVER_BITMAP_WORDS(slot_size, chunk)                                                   \
    ((((slot_size) + (chunk)-1u) / (chunk) + 31u) / 32u)

enum {
    N6_SERVER_IDLE = 0, /* nothing to do before the next byte arrives, leaves, or a timer is due */
    N6_SERVER_WAITING = 1, /* the NPU is at work: sleep until its interrupt or a byte */
    N6_SERVER_BUSY = 2,    /* poll again at once */
};

typedef struct n6_server n6_server_t;

/* 0, or negative when the configuration does not hold: too few slots, buffers too small for a
 * network, ... */
int n6_server_init(n6_server_t *server, const n6_config_t *config);

/* Where the next received bytes go, and how many at most; 0 while answers wait to be sent
 * (back-pressure). */
size_t n6_server_rx_space(n6_server_t *server, uint8_t **at);
/* That many bytes have been put there. */
void n6_server_rx_done(n6_server_t *server, size_t size);

/* Runs at most one step of the NPU, and whatever else is due. N6_SERVER_IDLE, _WAITING or _BUSY. */
int n6_server_poll(n6_server_t *server);

/* The next bytes to send; 0 = none. */
size_t n6_server_tx_peek(n6_server_t *server, const uint8_t **from);
/* That many of them have been sent. */
void n6_server_tx_done(n6_server_t *server, size_t size);

/* Sends a LOG event, if level is at least as severe as the host asked for. printf-less: text is
 * sent as it is. */
void n6_server_log(n6_server_t *server, uint8_t level, const char *text);

/* Ticks until poll() has to be called again though no byte came (STATS event, deadline); UINT64_MAX
 * = never. */
uint64_t n6_server_due(const n6_server_t *server);

/* The link was lost and found again (another client): drops half-received frames, unsent bytes and
 * the session. */
void n6_server_relink(n6_server_t *server);

/* struct n6_server { ... } stands below: its members are the core's own, not the port's. */

#ifdef __cplusplus
}
#endif

#endif
