/*
 * n6_session.h - the requests that concern all parts of a device (protocol.md section 3): HELLO
 * begins a session, RESET ends all work, PING compares the streams of both directions.
 */
#ifndef N6_SESSION_H
#define N6_SESSION_H

#include "n6_device.h"

#ifdef __cplusplus
extern "C" {
#endif

void n6_session_hello(n6_server_t *server, const n6_request_t *request);
void n6_session_ping(n6_server_t *server, const n6_request_t *request);
void n6_session_reset(n6_server_t *server, const n6_request_t *request);

#ifdef __cplusplus
}
#endif

#endif
