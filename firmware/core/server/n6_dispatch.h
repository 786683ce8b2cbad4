/*
 * n6_dispatch.h - passes each request to its part. This is the only place that refuses requests
 * that are unknown, too short, without a session, or not permitted for the host's role. A part can
 * therefore read the struct of its requests without a check; fields that an older host does not
 * send are 0.
 *
 * To add a request, add a row to the table in n6_dispatch.c.
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
