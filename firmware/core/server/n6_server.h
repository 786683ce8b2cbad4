/*
 * n6_server.h - the device side of the protocol, as ports use it: n6_port.h shows the main loop.
 *
 * All state is in n6_server_t (n6_device.h lists its parts). There is no allocation and no global
 * variable. No function may be called from an interrupt.
 */
#ifndef N6_SERVER_H
#define N6_SERVER_H

#include "n6_config.h"
#include "n6_device.h"
#include "n6_link.h"
#include "n6_port.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Returns 0, or the reason for which n6_config_check() refuses the configuration. config is copied;
 * the memory it points to is used as long as the server.
 */
int n6_server_init(n6_server_t *server, const n6_config_t *config);

/* ---- receiving ---- */

/*
 * Destination of the next received bytes, and their maximum number; 0 while answers wait to be sent
 * (back-pressure). Valid until the next call of this function or of n6_server_rx_done(), also if
 * other functions are called in between.
 */
size_t n6_server_rx_space(n6_server_t *server, uint8_t **at);

/*
 * The same for readv(): 0..2 windows, filled in order. While a chunk arrives they are its remaining
 * part, in the slot, and the buffer for the following bytes: one system call per chunk, and almost
 * no copies.
 */
size_t n6_server_rx_windows(n6_server_t *server, n6_window_t window[N6_LINK_WINDOWS]);

/* This number of bytes was written there. Handles complete frames. */
void n6_server_rx_done(n6_server_t *server, size_t size);

/* ---- the loop ---- */

/*
 * Executes at most one step of the NPU, and everything else that is due. N6_SERVER_IDLE, _WAITING
 * or _BUSY.
 */
int n6_server_poll(n6_server_t *server);

/*
 * Ticks until poll() must be called again even if no byte arrives (STATS event, deadline, room to
 * answer); UINT64_MAX = never. Call it immediately before the port sleeps.
 */
uint64_t n6_server_due(const n6_server_t *server);

/* ---- sending ---- */

/* The next bytes to send; 0 = none. The memory does not change until they are reported as sent. */
size_t n6_server_tx_peek(n6_server_t *server, const uint8_t **from);

/* The same for writev(): 0..3 spans, sent in order. */
size_t n6_server_tx_spans(n6_server_t *server, n6_span_t span[N6_LINK_SPANS]);

/* This number of bytes was sent. */
void n6_server_tx_done(n6_server_t *server, size_t size);

/* ---- a port without windows and spans ---- */

/* Receives bytes, as many as there is room for; returns their number. */
uint32_t n6_server_feed(n6_server_t *server, const uint8_t *bytes, uint32_t size);

/* Copies the next bytes to send, at most size, and reports them as sent; returns their number. */
uint32_t n6_server_drain(n6_server_t *server, uint8_t *to, uint32_t size);

/* ---- a runtime that forwards ---- */

/* The member run of n6_forward_t. */
int n6_server_forward(void *context, uint64_t now);

/* ---- events of the port ---- */

/* Sends a LOG event, if level is not below the level of the host. text is not a format string. */
void n6_server_log(n6_server_t *server, uint8_t level, const char *text);

/*
 * The line was lost and connected again (another client): drops incomplete received frames and
 * unsent bytes. Requests are refused until a HELLO arrives. If it resumes the session, uploads,
 * work and results are kept.
 */
void n6_server_relink(n6_server_t *server);

/*
 * The same, and the client will not resume its session: its work ends. Its results and the keys of
 * its inferences are kept.
 */
void n6_server_leave(n6_server_t *server);

#ifdef __cplusplus
}
#endif

#endif
