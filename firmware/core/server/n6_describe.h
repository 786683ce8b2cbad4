/*
 * n6_describe.h - what the device and its networks are (protocol.md section 8): INFO, and LIST and
 * DESCRIBE page by page. Nothing here changes anything.
 */
#ifndef N6_DESCRIBE_H
#define N6_DESCRIBE_H

#include "n6_channel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Board, clocks, memory, firmware, as the port fills it in. */
void n6_describe_info(n6_channel_t *channel, const n6_request_t *request);

/* A page of records, one for each loaded network. */
void n6_describe_list(n6_channel_t *channel, const n6_request_t *request);

/* One page of a section of a network's description: tensors, scales, pools, blocks, the card, or why it cannot run. */
void n6_describe_network(n6_channel_t *channel, const n6_request_t *request);

#ifdef __cplusplus
}
#endif

#endif
