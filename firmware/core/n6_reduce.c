/*
 * Each loop is written once, for a type that is constant where it is inlined, and compiled once for
 * each type. A vector version of a loop replaces its body, and must give the same bytes.
 */
#include "n6_reduce.h"

#include <stdbool.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

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
    case N6_DTYPE_FLOAT32:
        return 4;
    default:
        return 0;
    }
}

static int32_t float_key(int32_t bits)
{
    int32_t magnitude = bits & FLOAT_MAGNITUDE;

    if (magnitude > FLOAT_INFINITY)
        return NAN_KEY;
    return bits < 0 ? -magnitude : bits;
}

/* The value as it is sent: int32, or the bits of a float. */
INLINE int32_t raw(uint8_t dtype, const uint8_t *data, uint32_t index)
{
    if (dtype == N6_DTYPE_INT8)
        return (int8_t)data[index];
    if (dtype == N6_DTYPE_UINT8)
        return data[index];
    if (dtype == N6_DTYPE_INT16) {
        int16_t value;
        memcpy(&value, data + (size_t)index * 2, sizeof value);
        return value;
    }
    int32_t bits;
    memcpy(&bits, data + (size_t)index * 4, sizeof bits);
    return bits;
}

INLINE int32_t key(uint8_t dtype, const uint8_t *data, uint32_t index)
{
    int32_t value = raw(dtype, data, index);
    return dtype == N6_DTYPE_FLOAT32 ? float_key(value) : value;
}

INLINE n6_peak_t load_peak(const uint8_t *out, uint32_t index)
{
    n6_peak_t peak;
    memcpy(&peak, out + (size_t)index * sizeof peak, sizeof peak);
    return peak;
}

INLINE void store_peak(uint8_t *out, uint32_t index, uint32_t at, int32_t value)
{
    n6_peak_t peak = {at, value};
    memcpy(out + (size_t)index * sizeof peak, &peak, sizeof peak);
}

/* Peaks hold keys until the values are known to be final. */
INLINE void argmax(uint8_t dtype, const uint8_t *data, uint32_t rows, uint32_t channels,
                   uint8_t *out)
{
    for (uint32_t c = 0; c < channels; c++)
        store_peak(out, c, 0, key(dtype, data, c));
    for (uint32_t row = 1, at = channels; row < rows; row++) {
        uint8_t *peak = out;
        for (uint32_t c = 0; c < channels; c++, at++, peak += sizeof(n6_peak_t)) {
            int32_t value = key(dtype, data, at);
            if (value > load_peak(peak, 0).value)
                store_peak(peak, 0, row, value);
        }
    }
    if (dtype == N6_DTYPE_FLOAT32) {
        for (uint32_t c = 0; c < channels; c++) {
            uint32_t row = load_peak(out, c).index;
            store_peak(out, c, row, raw(dtype, data, row * channels + c));
        }
    }
}

INLINE void topk(uint8_t dtype, const uint8_t *row, uint32_t length, uint32_t k, uint8_t *out)
{
    uint32_t have = 0;

    for (uint32_t i = 0; i < length; i++) {
        int32_t value = key(dtype, row, i);
        if (have == k && value <= load_peak(out, k - 1).value)
            continue;
        uint32_t at = have < k ? have++ : k - 1;
        for (; at > 0 && value > load_peak(out, at - 1).value; at--) {
            n6_peak_t less = load_peak(out, at - 1);
            store_peak(out, at, less.index, less.value);
        }
        store_peak(out, at, i, value);
    }
    if (dtype == N6_DTYPE_FLOAT32) {
        for (uint32_t i = 0; i < have; i++) {
            uint32_t at = load_peak(out, i).index;
            store_peak(out, i, at, raw(dtype, row, at));
        }
    }
}

/* Where the scores and the values of a row lie: row-major [rows, channels], or channel-major
 * [channels, rows]. */
typedef struct {
    uint32_t rows;
    uint32_t channels;
    uint32_t row_step;
    uint32_t channel_step;
    uint32_t record; /* bytes of one Selected with its values */
} layout_t;

INLINE int32_t select(uint8_t dtype, const uint8_t *data, const layout_t *layout,
                      const n6_return_t *what, uint8_t *out, uint32_t room, uint32_t *count)
{
    const uint32_t size = element_size(dtype);
    const uint32_t score = what->channel * layout->channel_step;
    const int32_t threshold =
        dtype == N6_DTYPE_FLOAT32 ? float_key((int32_t)what->threshold) : (int32_t)what->threshold;
    uint32_t used = 0;

    *count = 0;
    for (uint32_t row = 0, at = score; row < layout->rows; row++, at += layout->row_step) {
        int32_t value = key(dtype, data, at);
        if (value < threshold || (dtype == N6_DTYPE_FLOAT32 && value == NAN_KEY))
            continue;
        if ((*count)++ >= what->k)
            continue;
        if (room - used < layout->record)
            return N6_REDUCE_TOO_LARGE;
        memset(out + used + layout->record - sizeof(uint32_t), 0, sizeof(uint32_t));
        memcpy(out + used, &row, sizeof row);
        for (uint32_t c = 0; c < layout->channels; c++)
            memcpy(out + used + sizeof row + (size_t)c * size,
                   data + (size_t)(row * layout->row_step + c * layout->channel_step) * size, size);
        used += layout->record;
    }
    return (int32_t)used;
}

static bool is_threshold(uint8_t reduction)
{
    return reduction == N6_REDUCTION_THRESHOLD || reduction == N6_REDUCTION_THRESHOLD_COLUMNS;
}

/* 0 = from first to the end */
static bool in_range(uint32_t first, uint32_t length, uint32_t total)
{
    return first < total && length <= total - first;
}

n6_status_t n6_reduce_check(const n6_tensor_t *tensor, const n6_return_t *what)
{
    const uint32_t size = element_size(tensor->dtype);
    uint32_t elements;

    if (what->reduction == N6_REDUCTION_RAW)
        return in_range(what->offset, what->length, tensor->size) ? N6_STATUS_OK
                                                                  : N6_STATUS_BAD_REQUEST;
    if (what->reduction > N6_REDUCTION_THRESHOLD_COLUMNS)
        return N6_STATUS_BAD_REQUEST;
    if (size == 0)
        return N6_STATUS_UNSUPPORTED;
    elements = tensor->size / size;
    if (what->reduction == N6_REDUCTION_TOPK)
        return what->k >= 1 && what->k <= N6_LIMIT_MAX_TOPK &&
                       in_range(what->offset, what->length, elements)
                   ? N6_STATUS_OK
                   : N6_STATUS_BAD_REQUEST;
    if (what->channels == 0 || elements == 0 || elements % what->channels != 0)
        return N6_STATUS_BAD_REQUEST;
    if (is_threshold(what->reduction)) {
        if (what->channel >= what->channels || what->k == 0)
            return N6_STATUS_BAD_REQUEST;
        if (tensor->dtype == N6_DTYPE_FLOAT32 && float_key((int32_t)what->threshold) == NAN_KEY)
            return N6_STATUS_BAD_REQUEST;
    }
    return N6_STATUS_OK;
}

static int32_t reduce_raw(const n6_tensor_t *tensor, const n6_return_t *what, const uint8_t *data,
                          uint8_t *out, uint32_t room)
{
    uint32_t length = what->length ? what->length : tensor->size - what->offset;

    if (length > room)
        return N6_REDUCE_TOO_LARGE;
    memcpy(out, data + what->offset, length);
    return (int32_t)length;
}

static int32_t reduce_argmax(const n6_tensor_t *tensor, const n6_return_t *what,
                             const uint8_t *data, uint8_t *out, uint32_t room)
{
    const uint32_t channels = what->channels;
    const uint32_t rows = tensor->size / element_size(tensor->dtype) / channels;

    if (channels * sizeof(n6_peak_t) > room)
        return N6_REDUCE_TOO_LARGE;
    switch (tensor->dtype) {
    case N6_DTYPE_INT8:
        argmax(N6_DTYPE_INT8, data, rows, channels, out);
        break;
    case N6_DTYPE_UINT8:
        argmax(N6_DTYPE_UINT8, data, rows, channels, out);
        break;
    case N6_DTYPE_INT16:
        argmax(N6_DTYPE_INT16, data, rows, channels, out);
        break;
    default:
        argmax(N6_DTYPE_FLOAT32, data, rows, channels, out);
    }
    return (int32_t)(channels * sizeof(n6_peak_t));
}

static int32_t reduce_topk(const n6_tensor_t *tensor, const n6_return_t *what, const uint8_t *data,
                           uint8_t *out, uint32_t room)
{
    const uint32_t size = element_size(tensor->dtype);
    const uint8_t *row = data + (size_t)what->offset * size;
    uint32_t length = what->length ? what->length : tensor->size / size - what->offset;
    uint32_t k = what->k < length ? what->k : length;

    if (k * sizeof(n6_peak_t) > room)
        return N6_REDUCE_TOO_LARGE;
    switch (tensor->dtype) {
    case N6_DTYPE_INT8:
        topk(N6_DTYPE_INT8, row, length, k, out);
        break;
    case N6_DTYPE_UINT8:
        topk(N6_DTYPE_UINT8, row, length, k, out);
        break;
    case N6_DTYPE_INT16:
        topk(N6_DTYPE_INT16, row, length, k, out);
        break;
    default:
        topk(N6_DTYPE_FLOAT32, row, length, k, out);
    }
    return (int32_t)(k * sizeof(n6_peak_t));
}

static int32_t reduce_threshold(const n6_tensor_t *tensor, const n6_return_t *what,
                                const uint8_t *data, uint8_t *out, uint32_t room, uint32_t *count)
{
    const bool columns = what->reduction == N6_REDUCTION_THRESHOLD_COLUMNS;
    const uint32_t size = element_size(tensor->dtype);
    const uint32_t rows = tensor->size / size / what->channels;
    const layout_t layout = {
        .rows = rows,
        .channels = what->channels,
        .row_step = columns ? 1 : what->channels,
        .channel_step = columns ? rows : 1,
        .record = (uint32_t)sizeof(n6_selected_t) + ((what->channels * size + 3u) & ~3u),
    };

    switch (tensor->dtype) {
    case N6_DTYPE_INT8:
        return select(N6_DTYPE_INT8, data, &layout, what, out, room, count);
    case N6_DTYPE_UINT8:
        return select(N6_DTYPE_UINT8, data, &layout, what, out, room, count);
    case N6_DTYPE_INT16:
        return select(N6_DTYPE_INT16, data, &layout, what, out, room, count);
    default:
        return select(N6_DTYPE_FLOAT32, data, &layout, what, out, room, count);
    }
}

int32_t n6_reduce(const n6_tensor_t *tensor, const n6_return_t *what, const void *data,
                  uint8_t *out, uint32_t room, uint32_t *count)
{
    int32_t size;

    *count = 0;
    if (what->reduction == N6_REDUCTION_RAW)
        return reduce_raw(tensor, what, data, out, room);
    if (is_threshold(what->reduction))
        return reduce_threshold(tensor, what, data, out, room, count);
    size = what->reduction == N6_REDUCTION_ARGMAX ? reduce_argmax(tensor, what, data, out, room)
                                                  : reduce_topk(tensor, what, data, out, room);
    if (size > 0)
        *count = (uint32_t)size / sizeof(n6_peak_t);
    return size;
}
