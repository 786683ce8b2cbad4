/*
 * n6_sharing.h - LEASE and CLIENTS, for ports with several clients (n6_share.h).
 */
#ifndef N6_SHARING_H
#define N6_SHARING_H

#include "n6_channel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The member answer of n6_share_t: channel is an n6_channel_t, request an n6_request_t. */
void n6_share_answer(void *channel, const void *request);

#ifdef __cplusplus
}
#endif

#endif
