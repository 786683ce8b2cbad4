/*
 * reference_kernels.h - the two inner loops of the reference NPU, for the instruction set of the
 * target.
 *
 *   dot(a, b, n, sum)          sum + a[0] * b[0] + ... + a[n-1] * b[n-1]
 *   accumulate(sums, a, b, n)  sums[i] += a[i] * b[i] for i < n
 *
 * Operands are int8 and sums are exact int32, so all variants have the same results.
 * N6_REFERENCE_KERNELS selects one; the default is the fastest one for the compiler's target:
 *
 *   0  plain C
 *   1  the DSP extension of Cortex-M4, M7, M33, M55: two products per instruction (smlad)
 *   2  Helium (MVE) of Cortex-M55: sixteen products per instruction, the rest by predication
 */
#ifndef N6_REFERENCE_KERNELS_H
#define N6_REFERENCE_KERNELS_H

#include <stdint.h>
#include <string.h>

#ifndef N6_REFERENCE_KERNELS
#if defined(__ARM_FEATURE_MVE) && __ARM_FEATURE_MVE
#define N6_REFERENCE_KERNELS 2
#elif defined(__ARM_FEATURE_SIMD32) && __ARM_FEATURE_SIMD32
#define N6_REFERENCE_KERNELS 1
#else
#define N6_REFERENCE_KERNELS 0
#endif
#endif

#if N6_REFERENCE_KERNELS == 2

#include <arm_mve.h>

static inline int32_t dot(const int8_t *a, const int8_t *b, uint32_t n, int32_t sum)
{
    for (uint32_t i = 0; i < n; i += 16) {
        mve_pred16_t inside = vctp8q(n - i);
        sum = vmladavaq_p_s8(sum, vld1q_z_s8(a + i, inside), vld1q_z_s8(b + i, inside), inside);
    }
    return sum;
}

static inline void accumulate(int32_t *sums, const int8_t *a, const int8_t *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += 4) {
        mve_pred16_t inside = vctp32q(n - i);
        int32x4_t product = vmulq_s32(vldrbq_z_s32(a + i, inside), vldrbq_z_s32(b + i, inside));
        vst1q_p_s32(sums + i, vaddq_s32(vld1q_z_s32(sums + i, inside), product), inside);
    }
}

#elif N6_REFERENCE_KERNELS == 1

#include <arm_acle.h>

/* Bytes 0 and 2, and bytes 1 and 3, of four packed int8, as pairs of int16. */
static inline void unpack(const int8_t *at, int16x2_t *even, int16x2_t *odd)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
    *even = __sxtb16((int8x4_t)word);
    *odd = __sxtb16((int8x4_t)(word >> 8 | word << 24));
}

static inline int32_t dot(const int8_t *a, const int8_t *b, uint32_t n, int32_t sum)
{
    uint32_t i = 0;
    for (; i + 4 <= n; i += 4) {
        int16x2_t a_even, a_odd, b_even, b_odd;
        unpack(a + i, &a_even, &a_odd);
        unpack(b + i, &b_even, &b_odd);
        sum = __smlad(a_odd, b_odd, __smlad(a_even, b_even, sum));
    }
    for (; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

static inline void accumulate(int32_t *sums, const int8_t *a, const int8_t *b, uint32_t n)
{
    uint32_t i = 0;
    for (; i + 4 <= n; i += 4) {
        int16x2_t a_even, a_odd, b_even, b_odd;
        unpack(a + i, &a_even, &a_odd);
        unpack(b + i, &b_even, &b_odd);
        sums[i] = __smlabb(a_even, b_even, sums[i]);
        sums[i + 1] = __smlabb(a_odd, b_odd, sums[i + 1]);
        sums[i + 2] = __smlatt(a_even, b_even, sums[i + 2]);
        sums[i + 3] = __smlatt(a_odd, b_odd, sums[i + 3]);
    }
    for (; i < n; i++) {
        sums[i] += a[i] * b[i];
    }
}

#else

static inline int32_t dot(const int8_t *a, const int8_t *b, uint32_t n, int32_t sum)
{
    for (uint32_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

static inline void accumulate(int32_t *sums, const int8_t *a, const int8_t *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        sums[i] += a[i] * b[i];
    }
}

#endif

#endif
