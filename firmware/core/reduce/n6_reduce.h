/*
 * n6_reduce.h - what the device sends of an output: all of it, a range, or a reduction (protocol.md section 7).
 *
 * Every value is compared as an int32 key. Integers are their own key. A float32 is keyed by its bits, so that the order
 * is exact and the same on every machine, with or without an FPU: positive floats order like their bits, negative ones
 * in reverse, both zeros are 0, and a NaN is smaller than all numbers.
 */
#ifndef N6_REDUCE_H
#define N6_REDUCE_H

#include "n6_mistakes.h"
#include "n6_npu.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    N6_REDUCE_TOO_LARGE = -1,
};

/* What is wrong with a Return record for this tensor. */
n6_mistake_t n6_reduce_check(const n6_tensor_t *tensor, const n6_return_t *what);

/*
 * Writes it, and returns its bytes, or N6_REDUCE_TOO_LARGE when they exceed room. what has passed n6_reduce_check().
 * count is that of ResultRecord.
 */
int32_t n6_reduce(const n6_tensor_t *tensor, const n6_return_t *what, const void *data,
                  uint8_t *out, uint32_t room, uint32_t *count);

#ifdef __cplusplus
}
#endif

#endif
