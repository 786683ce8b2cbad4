/*
 * n6_reduce_mve.h - most of n6_reduce.c's work in Helium (MVE): whole vectors of 16 bytes. The
 * scalar kernels process the remaining elements, and data that are not aligned to the element's
 * size. Only n6_reduce.c includes this file, if the compiler supports the instructions.
 *
 * Vectors contain keys (see n6_reduce.h) in lanes of the element's width. Every comparison is the
 * same as in the scalar kernels, so that the results are equal byte for byte.
 */
#ifndef N6_REDUCE_MVE_H
#define N6_REDUCE_MVE_H

#include <arm_mve.h>

enum {
    VECTOR = 16,
    BLOCK = 256, /* rows whose numbers fit the lanes of every type */
};

/* float_key() of four lanes, without a branch: sign and nan are all ones or all zeros. */
INLINE int32x4_t load_float_keys(const int32_t *at)
{
    const int32x4_t bits = vldrwq_s32(at);
    const int32x4_t magnitude = vandq_s32(bits, vdupq_n_s32(FLOAT_MAGNITUDE));
    const int32x4_t sign = vshrq_n_s32(bits, 31);
    const int32x4_t nan = vshrq_n_s32(vsubq_s32(vdupq_n_s32(FLOAT_INFINITY), magnitude), 31);
    const int32x4_t key = vsubq_s32(veorq_s32(magnitude, sign), sign);
    return vorrq_s32(vbicq_s32(key, nan), vandq_s32(nan, vdupq_n_s32(NAN_KEY)));
}

/*
 * For one type of element:
 *
 * largest_T   the largest key of a vector.
 * best_T      updates the peaks of all channels with the rows from data on, at most BLOCK of them;
 *             the number of the first row is first. It reads whole vectors, beyond the channels of
 *             a row.
 */
#define KERNELS(T, element, vector, rows_vector, row_type, row_suffix, load, greater, lowest)      \
    INLINE int32_t largest_##T(const uint8_t *data)                                                \
    {                                                                                              \
        return (int32_t)vmaxvq_##T(lowest, load((const element *)(const void *)data));             \
    }                                                                                              \
                                                                                                   \
    INLINE void best_##T(const uint8_t *data, uint32_t first, uint32_t rows, uint32_t channels,    \
                         uint8_t *peaks)                                                           \
    {                                                                                              \
        enum { LANES = VECTOR / sizeof(element) };                                                 \
        for (uint32_t c = 0; c < channels; c += LANES) {                                           \
            const element *at = (const element *)(const void *)data + c;                           \
            vector best = load(at);                                                                \
            rows_vector where = vdupq_n_##row_suffix(0);                                           \
            for (uint32_t row = 1; row < rows; row++) {                                            \
                const vector keys = load(at += channels);                                          \
                const mve_pred16_t more = greater(keys, best);                                     \
                best = vpselq_##T(keys, best, more);                                               \
                where = vdupq_m_n_##row_suffix(where, (row_type)row, more);                        \
            }                                                                                      \
            element values[LANES];                                                                 \
            row_type numbers[LANES];                                                               \
            vst1q_##T(values, best);                                                               \
            vst1q_##row_suffix(numbers, where);                                                    \
            for (uint32_t i = 0; i < LANES && c + i < channels; i++)                               \
                raise_peak(peaks + (size_t)(c + i) * sizeof(n6_peak_t),                            \
                           (n6_peak_t){first + numbers[i], values[i]});                            \
        }                                                                                          \
    }

KERNELS(s8, int8_t, int8x16_t, uint8x16_t, uint8_t, u8, vldrbq_s8, vcmpgtq_s8, INT8_MIN)
KERNELS(u8, uint8_t, uint8x16_t, uint8x16_t, uint8_t, u8, vldrbq_u8, vcmphiq_u8, 0)
KERNELS(s16, int16_t, int16x8_t, uint16x8_t, uint16_t, u16, vldrhq_s16, vcmpgtq_s16, INT16_MIN)
KERNELS(s32, int32_t, int32x4_t, uint32x4_t, uint32_t, u32, load_float_keys, vcmpgtq_s32, INT32_MIN)

#undef KERNELS

INLINE int32_t mve_largest(uint8_t dtype, const uint8_t *data)
{
    return dtype == N6_DTYPE_INT8    ? largest_s8(data)
           : dtype == N6_DTYPE_UINT8 ? largest_u8(data)
           : dtype == N6_DTYPE_INT16 ? largest_s16(data)
                                     : largest_s32(data);
}

/* Elements first, first + 1, ... without the vectors that have no key of limit or more. */
INLINE uint32_t mve_skip(uint8_t dtype, const uint8_t *data, uint32_t first, uint32_t end,
                         int32_t limit)
{
    const uint32_t size = element_size(dtype);
    const uint32_t lanes = VECTOR / size;

    while (end - first >= lanes && mve_largest(dtype, data + (size_t)first * size) < limit) {
        first += lanes;
    }
    return first;
}

/*
 * Updates the peaks with all rows from which whole vectors can be read. Returns the number of these
 * rows.
 */
INLINE uint32_t mve_argmax(uint8_t dtype, const uint8_t *data, uint32_t elements, uint32_t channels,
                           uint8_t *peaks)
{
    const uint32_t size = element_size(dtype);
    const uint32_t lanes = VECTOR / size;
    const uint32_t width = (channels + lanes - 1) / lanes * lanes;
    const uint32_t rows = elements < width ? 0 : (elements - width) / channels + 1;

    for (uint32_t row = 0; row < rows; row += BLOCK) {
        const uint32_t count = rows - row < BLOCK ? rows - row : BLOCK;
        const uint8_t *at = data + (size_t)row * channels * size;
        if (dtype == N6_DTYPE_INT8) {
            best_s8(at, row, count, channels, peaks);
        } else if (dtype == N6_DTYPE_UINT8) {
            best_u8(at, row, count, channels, peaks);
        } else if (dtype == N6_DTYPE_INT16) {
            best_s16(at, row, count, channels, peaks);
        } else {
            best_s32(at, row, count, channels, peaks);
        }
    }
    return rows;
}

#endif
