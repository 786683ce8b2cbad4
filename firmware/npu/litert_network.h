/*
 * litert_network.h - one .tflite file in LiteRT: what is known of it, and the memory that this
 * takes. litert_load.h makes one; litert_tensors.h and litert_blocks.h describe it to the core.
 */
#ifndef N6_LITERT_NETWORK_H
#define N6_LITERT_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "litert_api.h"
#include "litert_source.h"
#include "n6_npu.h"

enum { LITERT_INPUT = 0, LITERT_OUTPUT = 1 };

typedef struct {
    const char *name;
    uint64_t node;
    int32_t type;
} litert_operator_t;

typedef struct {
    n6_network_t about; /* what the core sees */
    const lrt_api_t *api;
    lrt_model_t *model;
    lrt_compiled_t *compiled;
    lrt_profiler_t *profiler;
    const lrt_tensor_t **tensor[2]; /* of the inputs, of the outputs */
    lrt_buffer_t **buffer[2];
    void **memory[2];
    litert_operator_t *known; /* what the blocks were made of */
    int operators;
    lrt_event_t *event; /* operators of the last run */
    int events;
    int event_space;
    uint64_t begin_us; /* of the last run, on the profiler's clock */
    bool table;        /* the blocks and pools are those of a block table */
    void *kept;        /* everything that n6_litert_keep() gave */
} litert_network_t;

/* What is needed while a network is loaded. */
typedef struct {
    litert_network_t *self;
    lrt_environment_t *environment;
    lrt_signature_t *signature;
    const n6_litert_source_t *source;
    bool (*cancelled)(void *context); /* asked between operators: shall the run end? */
    void *context;
    char *error; /* becomes one clause when something fails */
    size_t size;
} litert_load_t;

/* Zeroed memory that lives as long as the network; a copy of text in such memory. */
void *n6_litert_keep(litert_network_t *self, size_t size);
char *n6_litert_keep_text(litert_network_t *self, const char *text);
/* Frees everything that a network has, also one that is half loaded. */
void n6_litert_network_free(litert_network_t *self);

/* Writes load->error; returns -1. */
__attribute__((format(printf, 2, 3))) int n6_litert_fail(litert_load_t *load, const char *format,
                                                         ...);

#endif
