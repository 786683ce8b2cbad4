/* Whether a request fits a tensor: the axis of the channels, types, ranges. */
#include "n6_reduce.h"
#include "n6_reduce_types.h"

static bool is_reducible(uint8_t dtype)
{
    return dtype == N6_DTYPE_INT8 || dtype == N6_DTYPE_UINT8 || dtype == N6_DTYPE_INT16 ||
           dtype == N6_DTYPE_FLOAT32;
}

/* The range [offset, offset + length) of count bytes; length 0 = to the end. */
static n6_mistake_t check_range(const n6_return_t *what, uint32_t total)
{
    if (what->offset >= total) {
        return N6_MISTAKE_OFFSET;
    }
    return what->length <= total - what->offset ? N6_MISTAKE_NONE : N6_MISTAKE_LENGTH;
}

/* Size of the first axis of [axis, rows], or of [axis, height, width], after dimensions of 1. */
static uint32_t first_axis(const n6_tensor_t *tensor, uint8_t reduction)
{
    const uint32_t last = tensor->ndim;
    uint32_t at = 0;

    if (reduction == N6_REDUCTION_CLASS_MAP_COLUMNS) {
        while (at < last && tensor->shape[at] == 1) {
            at++;
        }
        return at < last ? tensor->shape[at] : 1;
    }
    if (last < 2) {
        return 0;
    }
    while (at < last - 2 && tensor->shape[at] == 1) {
        at++;
    }
    return at == last - 2 ? tensor->shape[at] : 0;
}

/* Size of the axis that channels counts; 0 = the tensor does not have one. */
static uint32_t axis_of(const n6_tensor_t *tensor, uint8_t reduction)
{
    if (is_columns(reduction)) {
        return first_axis(tensor, reduction);
    }
    return tensor->ndim > 0 ? tensor->shape[tensor->ndim - 1] : 0;
}

/* Rows that are not columns may be parts of the last axis: several candidates of one cell. */
static bool fits_axis(const n6_return_t *what, uint32_t axis)
{
    const bool parts = is_threshold(what->reduction) || is_detections(what->reduction) ||
                       what->reduction == N6_REDUCTION_SAME_ROWS;

    if (parts && !is_columns(what->reduction) && what->channels > 0) {
        return axis % what->channels == 0;
    }
    return what->channels == axis;
}

static n6_mistake_t check_threshold(const n6_tensor_t *tensor, const n6_return_t *what)
{
    return tensor->dtype == N6_DTYPE_FLOAT32 && limit_of(tensor->dtype, what) == NAN_KEY
               ? N6_MISTAKE_THRESHOLD
               : N6_MISTAKE_NONE;
}

/* The rows that THRESHOLD* and DETECTIONS* select. */
static n6_mistake_t check_selection(const n6_tensor_t *tensor, const n6_return_t *what)
{
    if (what->channel >= what->channels) {
        return N6_MISTAKE_CHANNEL;
    }
    if (is_detections(what->reduction) && what->length > (uint32_t)what->channels - what->channel) {
        return N6_MISTAKE_LENGTH;
    }
    return what->k == 0 ? N6_MISTAKE_K : check_threshold(tensor, what);
}

static n6_mistake_t check_rows(const n6_tensor_t *tensor, const n6_return_t *what,
                               uint32_t elements, uint32_t *rows)
{
    const bool every_element = is_class_map(what->reduction) && what->channels == 1;
    const uint32_t axis = every_element ? 1 : axis_of(tensor, what->reduction);

    if (axis == 0 || elements == 0 || elements % axis != 0) {
        return N6_MISTAKE_TENSOR;
    }
    if (!fits_axis(what, axis)) {
        return N6_MISTAKE_CHANNELS;
    }
    const uint32_t count = elements / what->channels;
    switch (what->reduction) {
    case N6_REDUCTION_ARGMAX:
        return N6_MISTAKE_NONE;
    case N6_REDUCTION_CLASS_MAP:
    case N6_REDUCTION_CLASS_MAP_COLUMNS:
        if (axis > MOST_CLASSES) {
            return N6_MISTAKE_TENSOR;
        }
        return axis == 1 ? check_threshold(tensor, what) : N6_MISTAKE_NONE;
    case N6_REDUCTION_SAME_ROWS:
        return *rows == count ? N6_MISTAKE_NONE : N6_MISTAKE_SELECTION;
    default:
        *rows = count;
        return check_selection(tensor, what);
    }
}

n6_mistake_t n6_reduce_check(const n6_tensor_t *tensor, const n6_return_t *what, uint32_t *rows)
{
    if (what->reduction == N6_REDUCTION_RAW) {
        return check_range(what, tensor->size);
    }
    if (what->reduction > N6_REDUCTION_SAME_ROWS) {
        return N6_MISTAKE_REDUCTION;
    }
    if (!is_reducible(tensor->dtype)) {
        return N6_MISTAKE_TENSOR;
    }
    const uint32_t elements = tensor->size / element_size(tensor->dtype);
    if (what->reduction != N6_REDUCTION_TOPK) {
        return check_rows(tensor, what, elements, rows);
    }
    return what->k >= 1 && what->k <= N6_LIMIT_MAX_TOPK ? check_range(what, elements)
                                                        : N6_MISTAKE_K;
}
