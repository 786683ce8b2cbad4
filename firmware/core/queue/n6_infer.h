/*
 * n6_infer.h - reads and checks an INFER, in the order of protocol.md section 6. These functions do
 * not change the queue.
 */
#ifndef N6_INFER_H
#define N6_INFER_H

#include "n6_channel.h"
#include "n6_slots.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reads the Return records, which may be longer than in this version. */
n6_mistake_t n6_infer_read(const n6_request_t *request, n6_return_t *what);

/* CRC-32 of the body that a key is bound to. */
uint32_t n6_infer_body(const n6_channel_t *channel, const n6_infer_t *infer,
                       const n6_return_t *what);

/* Checks a committed upload as the input of an inference. */
n6_mistake_t n6_infer_check_input(const n6_slot_t *input, uint16_t network, uint32_t digest);

/*
 * Checks an INFER with a new key. state is the initial state of its job; at is the offset of a
 * refused Return record.
 */
n6_mistake_t n6_infer_check(const n6_channel_t *channel, const n6_slots_t *slots,
                            const n6_request_t *request, const n6_return_t *what, uint8_t *state,
                            size_t *at);

#ifdef __cplusplus
}
#endif

#endif
