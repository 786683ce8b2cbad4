/*
 * n6_shape.h - tensors that have the shape of a picture: an upload may contain such an input as an
 * encoded picture, whose size is that of the shape.
 */
#ifndef N6_SHAPE_H
#define N6_SHAPE_H

#include <stdbool.h>

#include "n6_npu.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    uint16_t height;
    uint16_t width;
    uint8_t channels; /* 1 or 3; 0 = not a picture */
    uint8_t element;  /* bytes: 1, 2 or 4 */
    bool planar;      /* [1, channels, height, width], else [1, height, width, channels] */
} n6_shape_t;

/* channels is 0 if the tensor cannot be a picture. */
n6_shape_t n6_shape_of(const n6_tensor_t *tensor);

#ifdef __cplusplus
}
#endif

#endif
