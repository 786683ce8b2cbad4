/*
 * n6_reduce_kernels.h - the functions that read tensors: raise() compares a row of ARGMAX, best_of()
 * finds the best of neighbours, scan() searches the next value that is large enough. Each is written
 * once, with the element type as an argument that is constant after inlining, and compiled for each
 * type. With a vector unit n6_reduce_mve.h does most of their work, with the same results byte for
 * byte. Only n6_reduce.c includes this file.
 */
#ifndef N6_REDUCE_KERNELS_H
#define N6_REDUCE_KERNELS_H

#include <string.h>

#include "n6_reduce_types.h"

#define INLINE static inline __attribute__((always_inline))

/* The value as it is sent: int32, or the bits of a float. */
INLINE int32_t raw(uint8_t dtype, const uint8_t *data, uint32_t index)
{
    int16_t word = 0;
    int32_t bits = 0;

    switch (dtype) {
    case N6_DTYPE_INT8:
        return (int8_t)data[index];
    case N6_DTYPE_UINT8:
        return data[index];
    case N6_DTYPE_INT16:
        memcpy(&word, data + (size_t)index * sizeof word, sizeof word);
        return word;
    default:
        memcpy(&bits, data + (size_t)index * sizeof bits, sizeof bits);
        return bits;
    }
}

INLINE int32_t key(uint8_t dtype, const uint8_t *data, uint32_t index)
{
    const int32_t value = raw(dtype, data, index);
    return dtype == N6_DTYPE_FLOAT32 ? float_key(value) : value;
}

INLINE void raise_peak(uint8_t *at, n6_peak_t peak)
{
    int32_t best = 0;

    memcpy(&best, at + offsetof(n6_peak_t, value), sizeof best);
    if (peak.value > best) {
        memcpy(at, &peak, sizeof peak);
    }
}

/* One row of ARGMAX: peaks contain keys until all rows are processed. */
INLINE void raise(uint8_t dtype, const uint8_t *data, uint32_t at, uint32_t row, uint32_t channels,
                  uint8_t *peaks)
{
    for (uint32_t c = 0; c < channels; c++, peaks += sizeof(n6_peak_t)) {
        raise_peak(peaks, (n6_peak_t){row, key(dtype, data, at + c)});
    }
}

/*
 * The largest of count elements from first on: the lowest index from there, and its key.
 */
INLINE n6_peak_t best_of(uint8_t dtype, const uint8_t *data, uint32_t first, uint32_t count)
{
    n6_peak_t best = {0, key(dtype, data, first)};

    for (uint32_t i = 1; i < count; i++) {
        const int32_t other = key(dtype, data, first + i);
        if (other > best.value) {
            best = (n6_peak_t){i, other};
        }
    }
    return best;
}

INLINE void best_of_each(uint8_t dtype, const uint8_t *data, uint32_t at, uint32_t stride,
                         uint32_t rows, uint32_t count, n6_peak_t *found)
{
    for (uint32_t row = 0; row < rows; row++, at += stride) {
        found[row] = best_of(dtype, data, at, count);
    }
}

/*
 * The first of the elements first, first + step, ... whose key is at least limit; end or more =
 * none.
 */
INLINE uint32_t scan(uint8_t dtype, const uint8_t *data, uint32_t first, uint32_t end,
                     uint32_t step, int32_t limit)
{
    while (first < end && key(dtype, data, first) < limit) {
        first += step;
    }
    return first;
}

/* The first of the elements from first on whose key is less than limit; end = none. */
INLINE uint32_t scan_below(uint8_t dtype, const uint8_t *data, uint32_t first, uint32_t end,
                           int32_t limit)
{
    while (first < end && key(dtype, data, first) >= limit) {
        first++;
    }
    return first;
}

#if defined(__ARM_FEATURE_MVE) && !defined(N6_REDUCE_SCALAR)
#define N6_REDUCE_MVE
#include "n6_reduce_mve.h"
#endif

/* Calls a kernel with a constant type. */
#define FOR_TYPE(dtype, kernel, ...)                                                               \
    ((dtype) == N6_DTYPE_INT8    ? kernel(N6_DTYPE_INT8, __VA_ARGS__)                              \
     : (dtype) == N6_DTYPE_UINT8 ? kernel(N6_DTYPE_UINT8, __VA_ARGS__)                             \
     : (dtype) == N6_DTYPE_INT16 ? kernel(N6_DTYPE_INT16, __VA_ARGS__)                             \
                                 : kernel(N6_DTYPE_FLOAT32, __VA_ARGS__))

static void raise_row(uint8_t dtype, const uint8_t *data, uint32_t at, uint32_t row,
                      uint32_t channels, uint8_t *peaks)
{
    FOR_TYPE(dtype, raise, data, at, row, channels, peaks);
}

static uint32_t find(uint8_t dtype, const uint8_t *data, uint32_t first, uint32_t end,
                     uint32_t step, int32_t limit)
{
#ifdef N6_REDUCE_MVE
    if (step == 1 && (uintptr_t)data % element_size(dtype) == 0) {
        first = FOR_TYPE(dtype, mve_skip, data, first, end, limit);
    }
#endif
    return FOR_TYPE(dtype, scan, data, first, end, step, limit);
}

static uint32_t find_below(uint8_t dtype, const uint8_t *data, uint32_t first, uint32_t end,
                           int32_t limit)
{
#ifdef N6_REDUCE_MVE
    if ((uintptr_t)data % element_size(dtype) == 0) {
        first = FOR_TYPE(dtype, mve_skip_above, data, first, end, limit);
    }
#endif
    return FOR_TYPE(dtype, scan_below, data, first, end, limit);
}

INLINE n6_peak_t load_peak(const uint8_t *out, uint32_t index)
{
    n6_peak_t peak;
    memcpy(&peak, out + (size_t)index * sizeof peak, sizeof peak);
    return peak;
}

INLINE void store_peak(uint8_t *out, uint32_t index, n6_peak_t peak)
{
    memcpy(out + (size_t)index * sizeof peak, &peak, sizeof peak);
}

/*
 * The largest of each of width columns: the first row that has it, and its key. Rows are stride
 * elements apart, the first is at element first; all elements end at end.
 */
static void argmax(uint8_t dtype, const uint8_t *data, uint32_t first, uint32_t end,
                   uint32_t stride, uint32_t width, uint8_t *peaks)
{
    uint32_t row = 0;

    for (uint32_t c = 0; c < width; c++) {
        store_peak(peaks, c, (n6_peak_t){0, NAN_KEY});
    }
#ifdef N6_REDUCE_MVE
    if ((uintptr_t)data % element_size(dtype) == 0) {
        row = FOR_TYPE(dtype, mve_argmax, data, first, end, stride, width, peaks);
    }
#endif
    for (uint32_t at = first + row * stride; at < end; row++, at += stride) {
        raise_row(dtype, data, at, row, width, peaks);
    }
}

/*
 * The largest of the count elements of each row: number of the first one, and its key. Rows are
 * stride elements apart, the first is at element at.
 */
static void best_in_rows(uint8_t dtype, const uint8_t *data, uint32_t at, uint32_t stride,
                         uint32_t rows, uint32_t count, n6_peak_t *found)
{
#ifdef N6_REDUCE_MVE
    if ((uintptr_t)data % element_size(dtype) == 0) {
        FOR_TYPE(dtype, mve_best_of_each, data, at, stride, rows, count, found);
        return;
    }
#endif
    FOR_TYPE(dtype, best_of_each, data, at, stride, rows, count, found);
}

#endif
