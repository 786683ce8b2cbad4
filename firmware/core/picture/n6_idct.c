#include "n6_idct.h"

#include <stddef.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

enum {
    BITS = 13, /* of a constant */
    MORE = 2,  /* bits that the columns keep for the rows */
    COLUMN_BITS = BITS - MORE,
    ROW_BITS = BITS + MORE + 3, /* a transform of two dimensions has the factor 8 */
    COLUMN_HALF = 1 << (COLUMN_BITS - 1),
    /* Added to the first value of a row: half of a sample's unit, to round, and the centre 128. */
    ROW_START = 1 << (MORE + 2) | 128 << (MORE + 3),
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

/* The nearest sample. */
INLINE uint8_t limited(int32_t value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/*
 * One dimension: in and out are 8 values of `type`, a number or a vector; out has BITS more. SUM_OF(a, b, n) is a + b * n.
 */
#define TRANSFORM(type, in, out, TIMES, SUM_OF)                                                    \
    do {                                                                                           \
        const type both_ = TIMES((in)[2] + (in)[6], EVEN);                                         \
        const type e2_ = SUM_OF(both_, (in)[6], -EVEN_2);                                          \
        const type e3_ = SUM_OF(both_, (in)[2], EVEN_6);                                           \
        const type e0_ = ((in)[0] + (in)[4]) << BITS;                                              \
        const type e1_ = ((in)[0] - (in)[4]) << BITS;                                              \
        const type s37_ = (in)[3] + (in)[7];                                                       \
        const type s15_ = (in)[1] + (in)[5];                                                       \
        const type all_ = TIMES(s37_ + s15_, ODD);                                                 \
        const type z3_ = SUM_OF(all_, s37_, -SUM_37);                                              \
        const type z4_ = SUM_OF(all_, s15_, -SUM_15);                                              \
        const type z1_ = TIMES((in)[1] + (in)[7], -SUM_17);                                        \
        const type z2_ = TIMES((in)[3] + (in)[5], -SUM_35);                                        \
        const type o0_ = SUM_OF(z1_ + z3_, (in)[7], ODD_7);                                        \
        const type o1_ = SUM_OF(z2_ + z4_, (in)[5], ODD_5);                                        \
        const type o2_ = SUM_OF(z2_ + z3_, (in)[3], ODD_3);                                        \
        const type o3_ = SUM_OF(z1_ + z4_, (in)[1], ODD_1);                                        \
        const type e03_ = e0_ + e3_;                                                               \
        const type e12_ = e1_ + e2_;                                                               \
        const type e21_ = e1_ - e2_;                                                               \
        const type e30_ = e0_ - e3_;                                                               \
        (out)[0] = e03_ + o3_;                                                                     \
        (out)[7] = e03_ - o3_;                                                                     \
        (out)[1] = e12_ + o2_;                                                                     \
        (out)[6] = e12_ - o2_;                                                                     \
        (out)[2] = e21_ + o1_;                                                                     \
        (out)[5] = e21_ - o1_;                                                                     \
        (out)[3] = e30_ + o0_;                                                                     \
        (out)[4] = e30_ - o0_;                                                                     \
    } while (0)

#if defined(__ARM_FEATURE_MVE) && !defined(N6_PICTURE_SCALAR)
#include <arm_mve.h>

#define TIMES_VECTOR(a, n) vmulq_n_u32(a, (uint32_t)(n))
#define SUM_OF_VECTOR(a, b, n) vmlaq_n_u32(a, b, (uint32_t)(n))

enum {
    LANES = 4,
    HALF_BLOCK = N6_IDCT_BLOCK / 2,
};

INLINE uint32x4_t rounded(uint32x4_t sum)
{
    return vreinterpretq_u32_s32(vrshrq_n_s32(vreinterpretq_s32_u32(sum), COLUMN_BITS));
}

INLINE uint32x4_t load(const int16_t *at)
{
    return vreinterpretq_u32_s32(vldrhq_s32(at));
}

/* Four columns; each becomes a row of `out`. */
INLINE void four_columns(const int16_t *in, uint32_t *out)
{
    const uint32x4_t place = vmulq_n_u32(vidupq_n_u32(0, 1), N6_IDCT_SIDE);
    const uint32x4_t value[] = {
        load(in),      load(in + 8),  load(in + 16), load(in + 24),
        load(in + 32), load(in + 40), load(in + 48), load(in + 56),
    };
    uint32x4_t sum[N6_IDCT_SIDE];

    TRANSFORM(uint32x4_t, value, sum, TIMES_VECTOR, SUM_OF_VECTOR);
    vstrwq_scatter_shifted_offset_u32(out, place, rounded(sum[0]));
    vstrwq_scatter_shifted_offset_u32(out + 1, place, rounded(sum[1]));
    vstrwq_scatter_shifted_offset_u32(out + 2, place, rounded(sum[2]));
    vstrwq_scatter_shifted_offset_u32(out + 3, place, rounded(sum[3]));
    vstrwq_scatter_shifted_offset_u32(out + 4, place, rounded(sum[4]));
    vstrwq_scatter_shifted_offset_u32(out + 5, place, rounded(sum[5]));
    vstrwq_scatter_shifted_offset_u32(out + 6, place, rounded(sum[6]));
    vstrwq_scatter_shifted_offset_u32(out + 7, place, rounded(sum[7]));
}

INLINE int32x4_t whole(uint32x4_t sum)
{
    return vshrq_n_s32(vreinterpretq_s32_u32(sum), ROW_BITS);
}

/* Four samples of each of four rows, limited; each row is four bytes of a lane. */
INLINE uint32x4_t samples_of(uint32x4_t a, uint32x4_t b, uint32x4_t c, uint32x4_t d)
{
    const int16x8_t none = vdupq_n_s16(0);
    const int16x8_t even = vqmovntq_s32(vqmovnbq_s32(none, whole(a)), whole(c));
    const int16x8_t odd = vqmovntq_s32(vqmovnbq_s32(none, whole(b)), whole(d));

    return vreinterpretq_u32_u8(vqmovuntq_s16(vqmovunbq_s16(vdupq_n_u8(0), even), odd));
}

INLINE void four_rows(const uint32_t *in, uint8_t *samples, uint32_t stride)
{
    const uint32x4_t place = vmulq_n_u32(vidupq_n_u32(0, 1), stride);
    const uint32x4_t value[] = {
        vaddq_n_u32(vld1q_u32(in), ROW_START),
        vld1q_u32(in + 8),
        vld1q_u32(in + 16),
        vld1q_u32(in + 24),
        vld1q_u32(in + 32),
        vld1q_u32(in + 40),
        vld1q_u32(in + 48),
        vld1q_u32(in + 56),
    };
    uint32x4_t sum[N6_IDCT_SIDE];

    TRANSFORM(uint32x4_t, value, sum, TIMES_VECTOR, SUM_OF_VECTOR);
    vstrwq_scatter_offset_u32((uint32_t *)(void *)samples, place,
                              samples_of(sum[0], sum[1], sum[2], sum[3]));
    vstrwq_scatter_offset_u32((uint32_t *)(void *)(samples + LANES), place,
                              samples_of(sum[4], sum[5], sum[6], sum[7]));
}

void n6_idct(const int16_t *coefficients, uint8_t *samples, uint32_t stride)
{
    _Alignas(16) uint32_t between[N6_IDCT_BLOCK];

    for (uint32_t half = 0; half < 2; half++) {
        four_columns(coefficients + (size_t)half * LANES, between + (size_t)half * HALF_BLOCK);
    }
    for (uint32_t half = 0; half < 2; half++) {
        four_rows(between + (size_t)half * LANES, samples + (size_t)half * LANES * stride, stride);
    }
}

#else

#define TIMES_NUMBER(a, n) ((a) * (uint32_t)(n))
#define SUM_OF_NUMBER(a, b, n) ((a) + (b) * (uint32_t)(n))

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
        TRANSFORM(uint32_t, value, sum, TIMES_NUMBER, SUM_OF_NUMBER);
        for (uint32_t k = 0; k < N6_IDCT_SIDE; k++) {
            out[k * N6_IDCT_SIDE + i] = (uint32_t)((int32_t)(sum[k] + COLUMN_HALF) >> COLUMN_BITS);
        }
    }
}

static void rows(const uint32_t *in, uint8_t *samples, uint32_t stride)
{
    for (uint32_t i = 0; i < N6_IDCT_SIDE; i++, in += N6_IDCT_SIDE, samples += stride) {
        uint32_t value[N6_IDCT_SIDE];
        uint32_t sum[N6_IDCT_SIDE];
        memcpy(value, in, sizeof value);
        value[0] += ROW_START;
        TRANSFORM(uint32_t, value, sum, TIMES_NUMBER, SUM_OF_NUMBER);
        for (uint32_t k = 0; k < N6_IDCT_SIDE; k++) {
            samples[k] = limited((int32_t)sum[k] >> ROW_BITS);
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
    const uint32_t start = ((uint32_t)coefficient << MORE) + ROW_START;
    const uint32_t four = limited((int32_t)start >> (MORE + 3)) * 0x01010101u;

    for (uint32_t i = 0; i < N6_IDCT_SIDE; i++, samples += stride) {
        memcpy(samples, &four, sizeof four);
        memcpy(samples + sizeof four, &four, sizeof four);
    }
}
