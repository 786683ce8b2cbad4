/*
 * n6_reduce_types.h - element types, and what a reduction makes of a tensor's axes. Internal to
 * this folder.
 */
#ifndef N6_REDUCE_TYPES_H
#define N6_REDUCE_TYPES_H

#include <stdbool.h>
#include <stddef.h>

#include "n6_protocol.h"

enum {
    NAN_KEY = INT32_MIN,
    FLOAT_INFINITY = 0x7f800000,
    FLOAT_MAGNITUDE = 0x7fffffff,
    MOST_CLASSES = 256, /* of a class map: a class is one byte */
};

static inline uint32_t element_size(uint8_t dtype)
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

static inline int32_t float_key(int32_t bits)
{
    int32_t magnitude = bits & FLOAT_MAGNITUDE;

    if (magnitude > FLOAT_INFINITY) {
        return NAN_KEY;
    }
    return bits < 0 ? -magnitude : bits;
}

/* The key of Return.threshold. */
static inline int32_t limit_of(uint8_t dtype, const n6_return_t *what)
{
    return dtype == N6_DTYPE_FLOAT32 ? float_key((int32_t)what->threshold)
                                     : (int32_t)what->threshold;
}

static inline bool is_threshold(uint8_t reduction)
{
    return reduction == N6_REDUCTION_THRESHOLD || reduction == N6_REDUCTION_THRESHOLD_COLUMNS;
}

static inline bool is_detections(uint8_t reduction)
{
    return reduction == N6_REDUCTION_DETECTIONS || reduction == N6_REDUCTION_DETECTIONS_COLUMNS;
}

static inline bool is_class_map(uint8_t reduction)
{
    return reduction == N6_REDUCTION_CLASS_MAP || reduction == N6_REDUCTION_CLASS_MAP_COLUMNS;
}

/* A row is stored as a column: the tensor is channel-major. */
static inline bool is_columns(uint8_t reduction)
{
    return reduction == N6_REDUCTION_THRESHOLD_COLUMNS ||
           reduction == N6_REDUCTION_DETECTIONS_COLUMNS ||
           reduction == N6_REDUCTION_CLASS_MAP_COLUMNS;
}

/* Number of score channels of DETECTIONS*. */
static inline uint32_t scores_of(const n6_return_t *what)
{
    return what->length ? what->length : (uint32_t)what->channels - what->channel;
}

#endif
