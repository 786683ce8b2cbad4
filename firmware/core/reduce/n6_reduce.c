/*
 * Two kernels read tensors: raise() compares a row of ARGMAX, scan() searches the next value that
 * is large enough. Each is written once, with the element type as an argument that is constant
 * after inlining, and compiled for each type. With a vector unit n6_reduce_mve.h does most of their
 * work, with the same results byte for byte.
 */
#include "n6_reduce.h"

#include <stdbool.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define ALIGNED(size) (((uint32_t)(size) + 3u) & ~3u)

enum {
    NAN_KEY = INT32_MIN,
    FLOAT_INFINITY = 0x7f800000,
    FLOAT_MAGNITUDE = 0x7fffffff,
};

static uint32_t element_size(uint8_t dtype)
{
    switch (dtype) {
    case N6_DTYPE_INT8:
    case N6_DTYPE_UINT8:
        return 1;
    case N6_DTYPE_INT16:
        return 2;
    default: /* FLOAT32; other types are not reduced */
        return 4;
    }
}

static bool is_reducible(uint8_t dtype)
{
    return dtype == N6_DTYPE_INT8 || dtype == N6_DTYPE_UINT8 || dtype == N6_DTYPE_INT16 ||
           dtype == N6_DTYPE_FLOAT32;
}

static int32_t float_key(int32_t bits)
{
    int32_t magnitude = bits & FLOAT_MAGNITUDE;

    if (magnitude > FLOAT_INFINITY) {
        return NAN_KEY;
    }
    return bits < 0 ? -magnitude : bits;
}

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

/* ---- kernels ---- */

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

/* ---- reductions ---- */

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

/* Converts keys to values: element peak.index * step + i * shift. */
static void settle(uint8_t dtype, const uint8_t *data, uint32_t peaks, uint32_t step,
                   uint32_t shift, uint8_t *out)
{
    for (uint32_t i = 0; i < peaks; i++) {
        n6_peak_t peak = load_peak(out, i);
        peak.value = raw(dtype, data, peak.index * step + i * shift);
        store_peak(out, i, peak);
    }
}

static void argmax(uint8_t dtype, const uint8_t *data, uint32_t elements, uint32_t channels,
                   uint8_t *out)
{
    uint32_t row = 0;

    for (uint32_t c = 0; c < channels; c++) {
        store_peak(out, c, (n6_peak_t){0, NAN_KEY});
    }
#ifdef N6_REDUCE_MVE
    if ((uintptr_t)data % element_size(dtype) == 0) {
        row = FOR_TYPE(dtype, mve_argmax, data, elements, channels, out);
    }
#endif
    for (uint32_t at = row * channels; at < elements; row++, at += channels) {
        raise_row(dtype, data, at, row, channels, out);
    }
    settle(dtype, data, channels, channels, 1, out);
}

static void topk(uint8_t dtype, const uint8_t *row, uint32_t length, uint32_t k, uint8_t *out)
{
    int32_t limit = NAN_KEY;
    uint32_t have = 0;

    for (uint32_t i = 0; (i = find(dtype, row, i, length, 1, limit)) < length; i++) {
        const n6_peak_t peak = {i, key(dtype, row, i)};
        uint32_t at = have < k ? have++ : k - 1;
        for (; at > 0 && peak.value > load_peak(out, at - 1).value; at--) {
            store_peak(out, at, load_peak(out, at - 1));
        }
        store_peak(out, at, peak);
        if (have == k) {
            limit = load_peak(out, k - 1).value + 1;
        }
    }
    settle(dtype, row, have, 1, 0, out);
}

/* Layout of the rows: [rows, channels], or channel-major [channels, rows]. */
static int32_t select(const n6_tensor_t *tensor, const n6_return_t *what, const uint8_t *data,
                      uint8_t *out, uint32_t room, uint32_t *count)
{
    const bool columns = what->reduction == N6_REDUCTION_THRESHOLD_COLUMNS;
    const uint32_t size = element_size(tensor->dtype);
    const uint32_t rows = tensor->size / size / what->channels;
    const uint32_t row_step = columns ? 1 : what->channels;
    const uint32_t channel_step = columns ? rows : 1;
    const uint32_t record = ALIGNED(sizeof(n6_selected_t) + (size_t)what->channels * size);
    const uint32_t score = what->channel * channel_step;
    const uint32_t end = score + rows * row_step;
    const int32_t limit = tensor->dtype == N6_DTYPE_FLOAT32 ? float_key((int32_t)what->threshold)
                                                            : (int32_t)what->threshold;
    uint32_t used = 0;

    for (uint32_t at = score; (at = find(tensor->dtype, data, at, end, row_step, limit)) < end;
         at += row_step) {
        const n6_selected_t selected = {(at - score) / row_step};
        const uint8_t *from = data + (size_t)selected.index * row_step * size;
        uint8_t *to = out + used + sizeof selected;
        if ((*count)++ >= what->k) {
            continue;
        }
        if (room - used < record) {
            return N6_REDUCE_TOO_LARGE;
        }
        memset(out + used, 0, record);
        memcpy(out + used, &selected, sizeof selected);
        for (uint32_t c = 0; c < what->channels; c++, from += (size_t)channel_step * size) {
            to = (uint8_t *)memcpy(to, from, size) + size;
        }
        used += record;
    }
    return (int32_t)used;
}

static bool is_threshold(uint8_t reduction)
{
    return reduction == N6_REDUCTION_THRESHOLD || reduction == N6_REDUCTION_THRESHOLD_COLUMNS;
}

/* The range [offset, offset + length) of count bytes; length 0 = to the end. */
static n6_mistake_t check_range(const n6_return_t *what, uint32_t total)
{
    if (what->offset >= total) {
        return N6_MISTAKE_OFFSET;
    }
    return what->length <= total - what->offset ? N6_MISTAKE_NONE : N6_MISTAKE_LENGTH;
}

/* Size of the axis that channels counts; 0 = the tensor does not have one. */
static uint32_t axis_of(const n6_tensor_t *tensor, uint8_t reduction)
{
    uint32_t last = tensor->ndim;

    if (reduction != N6_REDUCTION_THRESHOLD_COLUMNS) {
        return last > 0 ? tensor->shape[last - 1] : 0;
    }
    if (last < 2) {
        return 0;
    }
    for (uint32_t i = 0; i < last - 2; i++) {
        if (tensor->shape[i] != 1) {
            return 0;
        }
    }
    return tensor->shape[last - 2];
}

static n6_mistake_t check_rows(const n6_tensor_t *tensor, const n6_return_t *what,
                               uint32_t elements)
{
    const uint32_t axis = axis_of(tensor, what->reduction);

    if (axis == 0 || elements == 0 || elements % axis != 0) {
        return N6_MISTAKE_TENSOR;
    }
    if (what->channels != axis) {
        return N6_MISTAKE_CHANNELS;
    }
    if (!is_threshold(what->reduction)) {
        return N6_MISTAKE_NONE;
    }
    if (what->channel >= what->channels) {
        return N6_MISTAKE_CHANNEL;
    }
    if (what->k == 0) {
        return N6_MISTAKE_K;
    }
    return tensor->dtype == N6_DTYPE_FLOAT32 && float_key((int32_t)what->threshold) == NAN_KEY
               ? N6_MISTAKE_THRESHOLD
               : N6_MISTAKE_NONE;
}

n6_mistake_t n6_reduce_check(const n6_tensor_t *tensor, const n6_return_t *what)
{
    if (what->reduction == N6_REDUCTION_RAW) {
        return check_range(what, tensor->size);
    }
    if (what->reduction > N6_REDUCTION_THRESHOLD_COLUMNS) {
        return N6_MISTAKE_REDUCTION;
    }
    if (!is_reducible(tensor->dtype)) {
        return N6_MISTAKE_TENSOR;
    }
    const uint32_t elements = tensor->size / element_size(tensor->dtype);
    if (what->reduction != N6_REDUCTION_TOPK) {
        return check_rows(tensor, what, elements);
    }
    return what->k >= 1 && what->k <= N6_LIMIT_MAX_TOPK ? check_range(what, elements)
                                                        : N6_MISTAKE_K;
}

static int32_t range(const n6_tensor_t *tensor, const n6_return_t *what, const uint8_t *data,
                     uint8_t *out, uint32_t room)
{
    const uint32_t length = what->length ? what->length : tensor->size - what->offset;

    if (length > room) {
        return N6_REDUCE_TOO_LARGE;
    }
    memcpy(out, data + what->offset, length);
    return (int32_t)length;
}

int32_t n6_reduce(const n6_tensor_t *tensor, const n6_return_t *what, const void *data,
                  uint8_t *out, uint32_t room, uint32_t *count)
{
    const uint32_t size = element_size(tensor->dtype);

    *count = 0;
    if (what->reduction == N6_REDUCTION_RAW) {
        return range(tensor, what, data, out, room);
    }
    if (is_threshold(what->reduction)) {
        return select(tensor, what, data, out, room, count);
    }
    uint32_t length = tensor->size / size;
    if (what->reduction == N6_REDUCTION_ARGMAX) {
        *count = what->channels;
    } else {
        length = what->length ? what->length : length - what->offset;
        *count = what->k < length ? what->k : length;
    }
    if (*count * sizeof(n6_peak_t) > room) {
        return N6_REDUCE_TOO_LARGE;
    }
    const uint8_t *row = (const uint8_t *)data + (size_t)what->offset * size;
    if (what->reduction == N6_REDUCTION_ARGMAX) {
        argmax(tensor->dtype, data, length, *count, out);
    } else {
        topk(tensor->dtype, row, length, *count, out);
    }
    return (int32_t)(*count * sizeof(n6_peak_t));
}
