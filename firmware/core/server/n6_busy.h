/*
 * n6_busy.h - a connection that is opened while another client uses the device (protocol.md section
 * 2). A HELLO is answered with ERROR BUSY, with the name of the client and the time since it
 * connected; other frames are dropped. For ports that listen for connections. It does not use the
 * device's buffers.
 *
 *     n6_busy_init(&busy, &server);
 *     count = n6_link_rx_windows(&busy.link, window);     as for a server
 *     n6_link_rx_done(&busy.link, got);
 *     n6_busy_poll(&busy);                                true = it has answered
 *     count = n6_link_tx_spans(&busy.link, span);         then close the connection
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

/* Sends the answer to the HELLO with this id: ERROR BUSY. text is cut at the end of a frame. */
void n6_busy_answer(n6_link_t *link, uint32_t id, const char *text, uint32_t value);

/* Handles received frames. true = a HELLO was answered. */
bool n6_busy_poll(n6_busy_t *busy);

#ifdef __cplusplus
}
#endif

#endif
