/*
 * litert_signature.h - reads the description of a network's inputs and outputs from a .tflite file,
 * with LiteRT's functions. Shapes may have unknown dimensions (-1).
 */
#ifndef N6_LITERT_SIGNATURE_H
#define N6_LITERT_SIGNATURE_H

#include "litert_describe.h"

typedef struct {
    lrt_signature_t *signature;
    litert_tensor_t tensor[2][LITERT_MAX_TENSORS];
    size_t count[2];
    const lrt_tensor_t *seen[2 * LITERT_MAX_TENSORS];
    size_t seen_count;
} litert_signature_t;

/* Reads the first signature of load->self->model. 0 or -1. */
int n6_litert_signature_read(litert_load_t *load, litert_signature_t *self);

void n6_litert_set_shape(litert_tensor_t *tensor, const lrt_layout_t *layout);

#endif
