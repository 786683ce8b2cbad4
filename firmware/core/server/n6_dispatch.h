/*
 * n6_dispatch.h - which part handles which request. Every control frame passes here, the only place
 * that refuses requests which are unknown, too short, without a session, or not for the host's role.
 * So a part may read the struct of its requests without a check; what an older host does not send of
 * it is 0.
 *
 * A new request: a row in the table of n6_dispatch.c.
 */
#ifndef N6_DISPATCH_H
#define N6_DISPATCH_H

#include "n6_device.h"

#ifdef __cplusplus
extern "C" {
#endif

void n6_dispatch(n6_server_t *server, const n6_frame_header_t *header, const uint8_t *payload);

#ifdef __cplusplus
}
#endif

#endif
