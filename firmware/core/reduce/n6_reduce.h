/*
 * n6_reduce.h - the returned part of an output: the whole, a range, or a reduction (protocol.md
 * section 7).
 *
 * Every value is compared as an int32 key. The key of an integer is the integer. The key of a
 * float32 is computed from its bits, so that the order is exact and equal on every machine, with or
 * without an FPU: positive floats have the order of their bits, negative ones the reverse order,
 * both zeros are 0, and a NaN is smaller than all numbers.
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

/* The rows that the last THRESHOLD* or DETECTIONS* of an INFER has returned, for SAME_ROWS. */
typedef struct {
    const uint8_t *records; /* each starts with the number of the row */
    uint32_t size;          /* of a record */
    uint32_t count;
} n6_selection_t;

/*
 * Checks a Return record for this tensor. rows is the number of rows from which the last THRESHOLD*
 * or DETECTIONS* before it selects, 0 = there is none; it is updated if what is one.
 */
n6_mistake_t n6_reduce_check(const n6_tensor_t *tensor, const n6_return_t *what, uint32_t *rows);

/*
 * Writes the requested part. Returns its size, or N6_REDUCE_TOO_LARGE if it is larger than room.
 * what has passed n6_reduce_check(). count is ResultRecord.count. THRESHOLD* and DETECTIONS* write
 * selection, SAME_ROWS reads it.
 */
int32_t n6_reduce(const n6_tensor_t *tensor, const n6_return_t *what, const void *data,
                  uint8_t *out, uint32_t room, uint32_t *count, n6_selection_t *selection);

#ifdef __cplusplus
}
#endif

#endif
