/*
 * n6_session.h - the requests that concern all parts of a device (protocol.md sections 2 and 3): HELLO
 * begins or continues a session, RESET ends all work, PING compares the streams of both directions.
 *
 *     session     event                                            next
 *     none        HELLO                                            open
 *     open        the line is lost                                 kept
 *     open, kept  HELLO that resumes it, or that is repeated       open
 *     open, kept  any other HELLO: all work ends, silently         open (a new one)
 */
#ifndef N6_SESSION_H
#define N6_SESSION_H

#include "n6_device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A HELLO of another version of the protocol, or of none, needs nothing more: it is answered here. */
bool n6_session_is_foreign(n6_channel_t *channel, const n6_request_t *request);

void n6_session_hello(n6_server_t *server, const n6_request_t *request);
void n6_session_ping(n6_server_t *server, const n6_request_t *request);
void n6_session_reset(n6_server_t *server, const n6_request_t *request);

#ifdef __cplusplus
}
#endif

#endif
