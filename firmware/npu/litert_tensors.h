/* litert_tensors.h - describes the inputs and outputs of a LiteRT network, and gets their buffers. */
#ifndef N6_LITERT_TENSORS_H
#define N6_LITERT_TENSORS_H

#include "litert_network.h"

/* A part of loading: LITERT_INPUT or LITERT_OUTPUT. 0 or -1. */
int n6_litert_describe_tensors(litert_load_t *load, int side);

#endif
