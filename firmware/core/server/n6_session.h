/*
 * n6_session.h - requests that concern all parts of a device (protocol.md sections 2 and 3): HELLO
 * starts or resumes a session, RESET ends all work, PING compares the positions of both directions.
 *
 *     session     event                                            next
 *     none        HELLO                                            open
 *     open        the line is lost                                 kept
 *     open, kept  HELLO that resumes it, or is repeated            open
 *     open, kept  any other HELLO: all work ends, silently         open (a new one)
 */
#ifndef N6_SESSION_H
#define N6_SESSION_H

#include "n6_device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Answers a HELLO of another or an unknown version of the protocol. */
bool n6_session_is_foreign(n6_channel_t *channel, const n6_request_t *request);

/* The session ends, as if a new one replaced it. */
void n6_session_end(n6_server_t *server);

void n6_session_hello(n6_server_t *server, const n6_request_t *request);
void n6_session_ping(n6_server_t *server, const n6_request_t *request);
void n6_session_reset(n6_server_t *server, const n6_request_t *request);

#ifdef __cplusplus
}
#endif

#endif
