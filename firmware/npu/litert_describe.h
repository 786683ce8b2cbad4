/*
 * litert_describe.h - describes the inputs and outputs of a LiteRT network to the core, from the
 * data of an engine.
 *
 * Names: the name in the signature or, without one, of the tensor; "input_0" for a tensor without a
 * name. The protocol permits N6_LITERT_NAME bytes: a longer name is replaced by two dots and its
 * end. The first of several equal names is kept, and the others get "_1", "_2", and so on.
 */
#ifndef N6_LITERT_DESCRIBE_H
#define N6_LITERT_DESCRIBE_H

#include "litert_network.h"

enum { N6_LITERT_NAME = sizeof(((n6_tensor_record_t *)0)->name) - 1 };

/*
 * Values as in TensorFlow Lite. Pointers are copied: their data must exist as long as the network.
 */
typedef struct {
    const char *name; /* or NULL */
    int32_t element;  /* type of the elements */
    uint32_t rank;
    int32_t shape[8];
    float scale; /* scale of the whole tensor */
    int32_t zero_point;
    uint32_t axis; /* axis of scales and zero_points, if there are channels */
    uint32_t channels;
    const float *scales;
    const int32_t *zero_points;
} litert_tensor_t;

/* Bytes of a tensor; 0 = it has no values, or their number is not known. */
size_t n6_litert_bytes(const litert_tensor_t *tensor);

/* Returns 0 if a network may have this number of inputs or outputs, else -1. */
int n6_litert_check_count(litert_load_t *load, int side, size_t count);

/*
 * Describes the inputs or the outputs (LITERT_INPUT, LITERT_OUTPUT). Their number is already
 * checked. Returns 0 or -1.
 */
int n6_litert_describe(litert_load_t *load, int side, const litert_tensor_t *tensor, size_t count);

#endif
