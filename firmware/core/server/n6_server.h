/*
 * n6_server.h - the device side of the protocol, as a port drives it: n6_port.h shows the main loop.
 *
 * All state is in n6_server_t (n6_device.h lists its parts); there is no allocation and no global.
 * Nothing here may be called from an interrupt.
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
 * 0, or why n6_config_check() refuses the configuration. config itself is copied; what it points to
 * is kept in use.
 */
int n6_server_init(n6_server_t *server, const n6_config_t *config);

/* ---- receiving ---- */

/*
 * Where the next received bytes go, and how many at most; 0 while answers wait to be sent
 * (back-pressure). The answer holds until the next call of this or of n6_server_rx_done(), whatever
 * else is called between.
 */
size_t n6_server_rx_space(n6_server_t *server, uint8_t **at);

/*
 * The same for readv(): 0..2 windows, filled in order. While a chunk arrives they are the rest of
 * it, in its slot, and the buffer for what follows: one system call per chunk, and next to no
 * copying.
 */
size_t n6_server_rx_windows(n6_server_t *server, n6_window_t window[N6_LINK_WINDOWS]);

/* That many bytes have been put there. Handles the frames that are complete. */
void n6_server_rx_done(n6_server_t *server, size_t size);

/* ---- the loop ---- */

/* Runs at most one step of the NPU, and whatever else is due. N6_SERVER_IDLE, _WAITING or _BUSY. */
int n6_server_poll(n6_server_t *server);

/*
 * Ticks until poll() has to be called again though no byte came (STATS event, deadline, room to
 * answer); UINT64_MAX = never. To be asked right before going to sleep.
 */
uint64_t n6_server_due(const n6_server_t *server);

/* ---- sending ---- */

/* The next bytes to send; 0 = none. They stay in place until they are reported as sent. */
size_t n6_server_tx_peek(n6_server_t *server, const uint8_t **from);

/* The same for writev(): 0..3 spans, sent in order. */
size_t n6_server_tx_spans(n6_server_t *server, n6_span_t span[N6_LINK_SPANS]);

/* That many of them have been sent. */
void n6_server_tx_done(n6_server_t *server, size_t size);

/* ---- events of the port ---- */

/* Sends a LOG event, if level is at least as severe as the host asked for. The text is not a format. */
void n6_server_log(n6_server_t *server, uint8_t level, const char *text);

/*
 * The line was lost and found again (another client): drops half-received frames and unsent bytes.
 * Until a HELLO comes no request is served. It may resume the session: uploads, work and results stay
 * until then.
 */
void n6_server_relink(n6_server_t *server);

#ifdef __cplusplus
}
#endif

#endif
