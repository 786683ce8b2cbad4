/*
 * n6_reduce_mve.h - most of n6_reduce_kernels.h's work in Helium (MVE): whole vectors of 16 bytes. The
 * scalar kernels process the remaining elements, and data that are not aligned to the element's
 * size. Only n6_reduce_kernels.h includes this file, if the compiler supports the instructions.
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
INLINE int32x4_t float_keys(int32x4_t bits)
{
    const int32x4_t magnitude = vandq_s32(bits, vdupq_n_s32(FLOAT_MAGNITUDE));
    const int32x4_t sign = vshrq_n_s32(bits, 31);
    const int32x4_t nan = vshrq_n_s32(vsubq_s32(vdupq_n_s32(FLOAT_INFINITY), magnitude), 31);
    const int32x4_t key = vsubq_s32(veorq_s32(magnitude, sign), sign);
    return vorrq_s32(vbicq_s32(key, nan), vandq_s32(nan, vdupq_n_s32(NAN_KEY)));
}

INLINE int32x4_t load_float_keys(const int32_t *at)
{
    return float_keys(vldrwq_s32(at));
}

/* The same for the lanes of a predicate. */
INLINE int32x4_t load_some_float_keys(const int32_t *at, mve_pred16_t lanes)
{
    return float_keys(vldrwq_z_s32(at, lanes));
}

/*
 * For one type of element:
 *
 * largest_T   the largest key of a vector; smallest_T the smallest one.
 * best_T      updates the peaks of width columns with the rows from data on, stride elements apart,
 *             at most BLOCK of them; the number of the first row is first. It reads whole vectors,
 *             beyond the columns of a row.
 * first_T     the largest of count elements: its index, the lowest if several are equal, and its key.
 */
#define KERNELS(T, element, vector, rows_vector, row_type, row_suffix, load, load_some, lanes_of,  \
                greater, lowest, highest)                                                          \
    INLINE int32_t largest_##T(const uint8_t *data)                                                \
    {                                                                                              \
        return (int32_t)vmaxvq_##T(lowest, load((const element *)(const void *)data));             \
    }                                                                                              \
                                                                                                   \
    INLINE int32_t smallest_##T(const uint8_t *data)                                               \
    {                                                                                              \
        return (int32_t)vminvq_##T(highest, load((const element *)(const void *)data));            \
    }                                                                                              \
                                                                                                   \
    INLINE n6_peak_t first_##T(const uint8_t *data, uint32_t count)                                \
    {                                                                                              \
        enum { LANES = VECTOR / sizeof(element) };                                                 \
        const element *at = (const element *)(const void *)data;                                   \
        n6_peak_t best = {0, lowest};                                                              \
        for (uint32_t i = 0; i < count; i += LANES) {                                              \
            const mve_pred16_t lanes = lanes_of(count - i);                                        \
            const vector keys = load_some(at + i, lanes);                                          \
            const int32_t most = vmaxvq_p_##T((element)best.value, keys, lanes);                   \
            if (most > best.value) {                                                               \
                const mve_pred16_t where = vcmpeqq_m_n_##T(keys, (element)most, lanes);            \
                best.index = i + (uint32_t)__builtin_ctz(where) / (uint32_t)sizeof(element);       \
                best.value = most;                                                                 \
            }                                                                                      \
        }                                                                                          \
        return best;                                                                               \
    }                                                                                              \
                                                                                                   \
    INLINE void best_##T(const uint8_t *data, uint32_t first, uint32_t rows, uint32_t stride,      \
                         uint32_t width, uint8_t *peaks)                                           \
    {                                                                                              \
        enum { LANES = VECTOR / sizeof(element) };                                                 \
        for (uint32_t c = 0; c < width; c += LANES) {                                              \
            const element *at = (const element *)(const void *)data + c;                           \
            vector best = load(at);                                                                \
            rows_vector where = vdupq_n_##row_suffix(0);                                           \
            for (uint32_t row = 1; row < rows; row++) {                                            \
                const vector keys = load(at += stride);                                            \
                const mve_pred16_t more = greater(keys, best);                                     \
                best = vpselq_##T(keys, best, more);                                               \
                where = vdupq_m_n_##row_suffix(where, (row_type)row, more);                        \
            }                                                                                      \
            element values[LANES];                                                                 \
            row_type numbers[LANES];                                                               \
            vst1q_##T(values, best);                                                               \
            vst1q_##row_suffix(numbers, where);                                                    \
            const uint32_t count = width - c < LANES ? width - c : LANES;                          \
            uint8_t *peak = peaks + (size_t)c * sizeof(n6_peak_t);                                 \
            for (uint32_t i = 0; i < count; i++, peak += sizeof(n6_peak_t))                        \
                raise_peak(peak, (n6_peak_t){first + numbers[i], values[i]});                      \
        }                                                                                          \
    }

KERNELS(s8, int8_t, int8x16_t, uint8x16_t, uint8_t, u8, vldrbq_s8, vldrbq_z_s8, vctp8q, vcmpgtq_s8,
        INT8_MIN, INT8_MAX)
KERNELS(u8, uint8_t, uint8x16_t, uint8x16_t, uint8_t, u8, vldrbq_u8, vldrbq_z_u8, vctp8q,
        vcmphiq_u8, 0, UINT8_MAX)
KERNELS(s16, int16_t, int16x8_t, uint16x8_t, uint16_t, u16, vldrhq_s16, vldrhq_z_s16, vctp16q,
        vcmpgtq_s16, INT16_MIN, INT16_MAX)
KERNELS(s32, int32_t, int32x4_t, uint32x4_t, uint32_t, u32, load_float_keys, load_some_float_keys,
        vctp32q, vcmpgtq_s32, INT32_MIN, INT32_MAX)

#undef KERNELS

/* Calls the kernel of a type. */
#define KERNEL_OF(dtype, kernel, ...)                                                              \
    ((dtype) == N6_DTYPE_INT8    ? kernel##_s8(__VA_ARGS__)                                        \
     : (dtype) == N6_DTYPE_UINT8 ? kernel##_u8(__VA_ARGS__)                                        \
     : (dtype) == N6_DTYPE_INT16 ? kernel##_s16(__VA_ARGS__)                                       \
                                 : kernel##_s32(__VA_ARGS__))

/* Elements first, first + 1, ... without the vectors that have no key of limit or more. */
INLINE uint32_t mve_skip(uint8_t dtype, const uint8_t *data, uint32_t first, uint32_t end,
                         int32_t limit)
{
    const uint32_t size = element_size(dtype);
    const uint32_t lanes = VECTOR / size;

    while (end - first >= lanes && KERNEL_OF(dtype, largest, data + (size_t)first * size) < limit) {
        first += lanes;
    }
    return first;
}

/* The same without the vectors that have no key below limit. */
INLINE uint32_t mve_skip_above(uint8_t dtype, const uint8_t *data, uint32_t first, uint32_t end,
                               int32_t limit)
{
    const uint32_t size = element_size(dtype);
    const uint32_t lanes = VECTOR / size;

    while (end - first >= lanes &&
           KERNEL_OF(dtype, smallest, data + (size_t)first * size) >= limit) {
        first += lanes;
    }
    return first;
}

INLINE void mve_best_of_each(uint8_t dtype, const uint8_t *data, uint32_t at, uint32_t stride,
                             uint32_t rows, uint32_t count, n6_peak_t *found)
{
    const uint8_t *row = data + (size_t)at * element_size(dtype);

    for (; rows > 0; rows--, row += (size_t)stride * element_size(dtype)) {
        *found++ = KERNEL_OF(dtype, first, row, count);
    }
}

/*
 * Updates the peaks of width columns with all rows, from element first on, from which whole vectors
 * can be read before end. Returns the number of these rows.
 */
INLINE uint32_t mve_argmax(uint8_t dtype, const uint8_t *data, uint32_t first, uint32_t end,
                           uint32_t stride, uint32_t width, uint8_t *peaks)
{
    const uint32_t size = element_size(dtype);
    const uint32_t lanes = VECTOR / size;
    const uint32_t read = (width + lanes - 1) / lanes * lanes;
    const uint32_t rows = end - first < read ? 0 : (end - first - read) / stride + 1;

    for (uint32_t row = 0; row < rows; row += BLOCK) {
        const uint32_t count = rows - row < BLOCK ? rows - row : BLOCK;
        const uint8_t *at = data + (first + (size_t)row * stride) * size;
        KERNEL_OF(dtype, best, at, row, count, stride, width, peaks);
    }
    return rows;
}

#undef KERNEL_OF

#endif
