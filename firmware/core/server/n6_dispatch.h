/*
 * n6_dispatch.h - which part handles which request. Every control frame passes here, the only place
 * that refuses requests which are unknown, too short, or without a session. So a part may read the
 * fixed struct of its requests without a check.
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
