#include "n6_idct.h"

#include <stddef.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

enum {
    BITS = 13, /* of a constant */
    MORE = 2,  /* bits that the columns keep for the rows */
    COLUMN_BITS = BITS - MORE,
    ROW_BITS = BITS + MORE + 3, /* a transform of two dimensions has the factor 8 */
    CENTRE = 128,
};

/*
 * The constants: round(x * 2^13), where cN is cos(N pi / 16). All arithmetic is modulo 2^32, so that no coefficient
 * causes an overflow; the differences are signed numbers again when they are shifted.
 */
enum {
    EVEN = 4433,    /* sqrt(2) c6 */
    EVEN_2 = 15137, /* sqrt(2) (c2 + c6) */
    EVEN_6 = 6270,  /* sqrt(2) (c2 - c6) */
    ODD = 9633,     /* sqrt(2) c3 */
    ODD_7 = 2446,   /* sqrt(2) (-c1 + c3 + c5 - c7) */
    ODD_5 = 16819,  /* sqrt(2) (c1 + c3 - c5 + c7) */
    ODD_3 = 25172,  /* sqrt(2) (c1 + c3 + c5 - c7) */
    ODD_1 = 12299,  /* sqrt(2) (c1 + c3 - c5 - c7) */
    SUM_17 = 7373,  /* sqrt(2) (c3 - c7) */
    SUM_35 = 20995, /* sqrt(2) (c1 + c3) */
    SUM_37 = 16069, /* sqrt(2) (c3 + c5) */
    SUM_15 = 3196,  /* sqrt(2) (c3 - c5) */
};

/* One dimension: in and out are 8 values of `type`, a number or a vector; out has BITS more. */
#define TRANSFORM(type, in, out)                                                                   \
    do {                                                                                           \
        const type both_ = ((in)[2] + (in)[6]) * (uint32_t)EVEN;                                   \
        const type e2_ = both_ - (in)[6] * (uint32_t)EVEN_2;                                       \
        const type e3_ = both_ + (in)[2] * (uint32_t)EVEN_6;                                       \
        const type e0_ = ((in)[0] + (in)[4]) << BITS;                                              \
        const type e1_ = ((in)[0] - (in)[4]) << BITS;                                              \
        const type s37_ = (in)[3] + (in)[7];                                                       \
        const type s15_ = (in)[1] + (in)[5];                                                       \
        const type all_ = (s37_ + s15_) * (uint32_t)ODD;                                           \
        const type z3_ = all_ - s37_ * (uint32_t)SUM_37;                                           \
        const type z4_ = all_ - s15_ * (uint32_t)SUM_15;                                           \
        const type z1_ = ((in)[1] + (in)[7]) * (uint32_t)SUM_17;                                   \
        const type z2_ = ((in)[3] + (in)[5]) * (uint32_t)SUM_35;                                   \
        const type o0_ = (in)[7] * (uint32_t)ODD_7 - z1_ + z3_;                                    \
        const type o1_ = (in)[5] * (uint32_t)ODD_5 - z2_ + z4_;                                    \
        const type o2_ = (in)[3] * (uint32_t)ODD_3 - z2_ + z3_;                                    \
        const type o3_ = (in)[1] * (uint32_t)ODD_1 - z1_ + z4_;                                    \
        (out)[0] = e0_ + e3_ + o3_;                                                                \
        (out)[7] = e0_ + e3_ - o3_;                                                                \
        (out)[1] = e1_ + e2_ + o2_;                                                                \
        (out)[6] = e1_ + e2_ - o2_;                                                                \
        (out)[2] = e1_ - e2_ + o1_;                                                                \
        (out)[5] = e1_ - e2_ - o1_;                                                                \
        (out)[3] = e0_ - e3_ + o0_;                                                                \
        (out)[4] = e0_ - e3_ - o0_;                                                                \
    } while (0)

/* A sum with so many bits after the point, rounded. */
INLINE int32_t rounded(uint32_t sum, uint32_t bits)
{
    return (int32_t)(sum + (1u << (bits - 1))) >> bits;
}

INLINE uint8_t sample(int32_t value)
{
    const int32_t moved = value + CENTRE;
    return (uint8_t)(moved < 0 ? 0 : moved > UINT8_MAX ? UINT8_MAX : moved);
}

#if defined(__ARM_FEATURE_MVE) && !defined(N6_PICTURE_SCALAR)
#include <arm_mve.h>

enum {
    LANES = 4,
    HALF_BLOCK = N6_IDCT_BLOCK / 2,
};

/*
 * Four columns; `out` has, for each half of the rows, for each column, the four rows: what four rows read as vectors.
 */
static void four_columns(const int16_t *in, uint32_t *out)
{
    uint32x4_t value[N6_IDCT_SIDE];
    uint32x4_t sum[N6_IDCT_SIDE];
    uint32x4x4_t upper;
    uint32x4x4_t lower;

    for (uint32_t k = 0; k < N6_IDCT_SIDE; k++) {
        value[k] = vreinterpretq_u32_s32(vldrhq_s32(in + (size_t)k * N6_IDCT_SIDE));
    }
    TRANSFORM(uint32x4_t, value, sum);
    for (uint32_t k = 0; k < N6_IDCT_SIDE; k++) {
        sum[k] = vreinterpretq_u32_s32(vrshrq_n_s32(vreinterpretq_s32_u32(sum[k]), COLUMN_BITS));
    }
    upper = (uint32x4x4_t){{sum[0], sum[1], sum[2], sum[3]}};
    lower = (uint32x4x4_t){{sum[4], sum[5], sum[6], sum[7]}};
    vst4q_u32(out, upper);
    vst4q_u32(out + HALF_BLOCK, lower);
}

static void four_rows(const uint32_t *in, uint8_t *samples, uint32_t stride)
{
    const uint32x4_t place = vmulq_n_u32(vidupq_n_u32(0, 1), stride);
    const int32x4_t centre = vdupq_n_s32(CENTRE);
    uint32x4_t value[N6_IDCT_SIDE];
    uint32x4_t sum[N6_IDCT_SIDE];

    for (uint32_t k = 0; k < N6_IDCT_SIDE; k++) {
        value[k] = vld1q_u32(in + (size_t)k * LANES);
    }
    TRANSFORM(uint32x4_t, value, sum);
    for (uint32_t k = 0; k < N6_IDCT_SIDE; k++) {
        const int32x4_t moved =
            vaddq_s32(vrshrq_n_s32(vreinterpretq_s32_u32(sum[k]), ROW_BITS), centre);
        const int32x4_t limited =
            vminq_s32(vmaxq_s32(moved, vdupq_n_s32(0)), vdupq_n_s32(UINT8_MAX));
        vstrbq_scatter_offset_u32(samples + k, place, vreinterpretq_u32_s32(limited));
    }
}

void n6_idct(const int16_t *coefficients, uint8_t *samples, uint32_t stride)
{
    _Alignas(16) uint32_t between[N6_IDCT_BLOCK];

    for (uint32_t half = 0; half < 2; half++) {
        four_columns(coefficients + (size_t)half * LANES,
                     between + (size_t)half * N6_IDCT_SIDE / 2 * LANES);
    }
    for (uint32_t half = 0; half < 2; half++) {
        four_rows(between + (size_t)half * HALF_BLOCK, samples + (size_t)half * LANES * stride,
                  stride);
    }
}

#else

static void columns(const int16_t *in, uint32_t *out)
{
    for (uint32_t i = 0; i < N6_IDCT_SIDE; i++) {
        uint32_t value[N6_IDCT_SIDE];
        uint32_t sum[N6_IDCT_SIDE];
        uint32_t others = 0;
        for (uint32_t k = 0; k < N6_IDCT_SIDE; k++) {
            value[k] = (uint32_t)(int32_t)in[k * N6_IDCT_SIDE + i];
            others |= k ? value[k] : 0;
        }
        if (others == 0) { /* the same result, and frequent */
            for (uint32_t k = 0; k < N6_IDCT_SIDE; k++) {
                out[k * N6_IDCT_SIDE + i] = value[0] << MORE;
            }
            continue;
        }
        TRANSFORM(uint32_t, value, sum);
        for (uint32_t k = 0; k < N6_IDCT_SIDE; k++) {
            out[k * N6_IDCT_SIDE + i] = (uint32_t)rounded(sum[k], COLUMN_BITS);
        }
    }
}

static void rows(const uint32_t *in, uint8_t *samples, uint32_t stride)
{
    for (uint32_t i = 0; i < N6_IDCT_SIDE; i++, in += N6_IDCT_SIDE, samples += stride) {
        uint32_t sum[N6_IDCT_SIDE];
        TRANSFORM(uint32_t, in, sum);
        for (uint32_t k = 0; k < N6_IDCT_SIDE; k++) {
            samples[k] = sample(rounded(sum[k], ROW_BITS));
        }
    }
}

void n6_idct(const int16_t *coefficients, uint8_t *samples, uint32_t stride)
{
    uint32_t between[N6_IDCT_BLOCK];

    columns(coefficients, between);
    rows(between, samples, stride);
}

#endif

void n6_idct_flat(int32_t coefficient, uint8_t *samples, uint32_t stride)
{
    const uint8_t value = sample(rounded((uint32_t)coefficient << MORE, MORE + 3));

    for (uint32_t i = 0; i < N6_IDCT_SIDE; i++) {
        memset(samples + (size_t)i * stride, value, N6_IDCT_SIDE);
    }
}
