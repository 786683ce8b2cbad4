/*
 * test_fault.c - causes a fault of the firmware, for tests of its handling.
 *
 * Linked with --wrap=n6_reference_npu. An input that starts with 'F', 'A', 'U', 'L', 'T' causes an
 * undefined instruction. Other inputs run as usual.
 */
#include <string.h>

#include "reference.h"

n6_npu_t __real_n6_reference_npu(n6_reference_t *self);
n6_npu_t __wrap_n6_reference_npu(n6_reference_t *self);

static int (*real_start)(void *context, uint16_t network, const void *input,
                         n6_block_time_t *times);

static int start(void *context, uint16_t network, const void *input, n6_block_time_t *times)
{
    if (memcmp(input, "FAULT", 5) == 0) {
        __asm__ volatile("udf #0");
    }
    return real_start(context, network, input, times);
}

n6_npu_t __wrap_n6_reference_npu(n6_reference_t *self)
{
    n6_npu_t npu = __real_n6_reference_npu(self);
    real_start = npu.start;
    npu.start = start;
    return npu;
}
