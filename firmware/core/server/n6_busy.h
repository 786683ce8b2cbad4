/*
 * n6_busy.h - the end of a connection that comes while another one holds the device (protocol.md
 * section 2). It answers a HELLO with ERROR BUSY, which names the host that holds the device and for
 * how long, and drops all else. For ports whose line is a listener; it needs no memory of the device.
 *
 *     n6_busy_init(&busy, &server);
 *     count = n6_link_rx_windows(&busy.link, window);     as for a server
 *     n6_link_rx_done(&busy.link, got);
 *     n6_busy_poll(&busy);                                true = it has answered
 *     count = n6_link_tx_spans(&busy.link, span);         then the connection can be closed
 */
#ifndef N6_BUSY_H
#define N6_BUSY_H

#include "n6_server.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    const n6_channel_t *holder;
    bool answered;
    n6_link_t link;
    uint8_t tx[2 * N6_LINK_FRAME_MAX];
} n6_busy_t;

void n6_busy_init(n6_busy_t *busy, const n6_server_t *server);

/* Handles the frames that have come. true = a HELLO has been answered. */
bool n6_busy_poll(n6_busy_t *busy);

#ifdef __cplusplus
}
#endif

#endif
