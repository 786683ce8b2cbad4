/*
 * n6_describe.h - description of the device and its networks (protocol.md section 8): INFO, and
 * pages of LIST and DESCRIBE. These requests do not change the state of the device.
 */
#ifndef N6_DESCRIBE_H
#define N6_DESCRIBE_H

#include "n6_channel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Board, clocks, memory and firmware, from the port. */
void n6_describe_info(n6_channel_t *channel, const n6_request_t *request);

/* One page of records, one record for each loaded network. */
void n6_describe_list(n6_channel_t *channel, const n6_request_t *request);

/*
 * One page of a section of a network's description: tensors, scales, pools, blocks, the card, or
 * the reason why it cannot run.
 */
void n6_describe_network(n6_channel_t *channel, const n6_request_t *request);

#ifdef __cplusplus
}
#endif

#endif
