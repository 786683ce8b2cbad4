/*
 * networks.h - converts the description of a network, as a board has sent it, back to the tables of
 * n6_npu.h.
 */
#ifndef N6_SERVE_NETWORKS_H
#define N6_SERVE_NETWORKS_H

#include "n6_npu.h"
#include "serve.h"

/* The memory of one description. */
typedef struct {
    char name[33];
    uint8_t *section[N6_SERVE_SECTIONS]; /* zero-terminated copies */
    n6_tensor_t *input;
    n6_tensor_t *output;
    n6_pool_t *pool;
    n6_block_t *block;
    char *names; /* zero-terminated, of tensors, pools and operations */
    float *scales;
    int32_t *zero_points;
} n6_serve_network_t;

/* false = not enough memory, or the sizes contradict the record; then nothing is described. */
bool n6_serve_network_read(n6_serve_network_t *memory, const n6_network_record_t *record,
                           const uint8_t *const *section, const uint32_t *sizes,
                           n6_network_t *network);

void n6_serve_network_free(n6_serve_network_t *memory);

#endif
