/*
 * litert_network.h - one .tflite file in LiteRT: how it is described to the core, run once, and
 * timed.
 *
 * Epoch blocks. LiteRT's profiler reports one event an operator; each becomes an epoch block. The
 * simulation shows a board's picture: an operator that XNNPACK runs counts as HW (there the NPU
 * would run it), one that falls back to LiteRT's own kernels counts as SW. All of it is the host's
 * CPU, which is why the device announces N6_FEATURE_SIMULATED and N6_TIMER_SOURCE_LITERT_PROFILER.
 * The block's operation is the operator's name without the notes in parentheses, so that it fits a
 * BlockRecord. The blocks have to be known before the first request, so the network runs once, on
 * zeros, when it is loaded.
 *
 * Later runs find their block by name, node and order. An event that has no block (control flow
 * took another way) is added to the block before it, so that the sum stays true. Kernels of a
 * nested subgraph are part of the operator that calls them. XNNPACK's events have a duration and no
 * start: they begin where the one before ended.
 *
 * With a block table (block_table.h) the network shows the table's blocks and pools, and the sum of
 * all operators is spread over the blocks in proportion to their estimated cycles. A block without
 * an estimate counts as many average epochs as it holds. As on a board, a SW block works in its
 * post phase.
 */
#ifndef N6_LITERT_NETWORK_H
#define N6_LITERT_NETWORK_H

#include "litert.h"
#include "litert_api.h"

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

/* What is at hand while a network is loaded. */
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

/* Loads and describes load->source. 0 or -1; n6_litert_network_free() is due in both cases. */
int n6_litert_network_load(litert_load_t *load, const lrt_api_t *api);
void n6_litert_network_free(litert_network_t *self);

/* Copies the image of an upload into LiteRT's buffers. */
void n6_litert_network_bind(litert_network_t *self, const void *input);
/* Runs once. LiteRT's status, 0 = good. */
int n6_litert_network_run(litert_network_t *self);
/* What LiteRT has to say about a run that failed. */
void n6_litert_network_reason(litert_network_t *self, char *text, size_t size);
/* The times of the last run, which began at begin. */
void n6_litert_network_times(const litert_network_t *self, uint64_t begin, n6_block_time_t *times);

/* The parts of loading: 0 or -1. */
int n6_litert_describe_tensors(litert_load_t *load, int side);
int n6_litert_describe_blocks(litert_load_t *load);

/* Zeroed memory that lives as long as the network; a copy of text in such memory. */
void *n6_litert_keep(litert_network_t *self, size_t size);
char *n6_litert_keep_text(litert_network_t *self, const char *text);
/* Writes load->error; returns -1. */
__attribute__((format(printf, 2, 3))) int n6_litert_fail(litert_load_t *load, const char *format,
                                                         ...);

#endif
