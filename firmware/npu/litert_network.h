/*
 * litert_network.h - one .tflite file in LiteRT: what is known of it, and the memory that this
 * takes. litert_load.h makes one. An engine runs it: LiteRT's CompiledModel in this process
 * (litert_compiled.h), or its Interpreter in a child process (litert_interpreter.h).
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

/* Of all tensors of one side of a network, and of each of them: what the link can count. */
enum { LITERT_MAX_TENSORS = 255, LITERT_MAX_BYTES = 0x3fffffff };

typedef struct litert_network litert_network_t;

typedef struct {
    uint8_t timer_source; /* n6_timer_source_t */
    /* Runs once, from memory to memory. LiteRT's status, 0 = good. */
    int (*run)(litert_network_t *self);
    /* What LiteRT has to say about a run that failed. */
    void (*reason)(litert_network_t *self, char *text, size_t size);
    /* A run that is under way shall end, because nobody will want another one. Called from another
     * thread; NULL = load->cancelled does. */
    void (*interrupt)(litert_network_t *self);
    /* Gives back what the engine has of it; from any state of loading. */
    void (*end)(litert_network_t *self);
} litert_engine_t;

/* A part of the last run: an operator in the CompiledModel, the whole in the Interpreter. */
typedef struct {
    const char *name;
    uint64_t node;
    uint64_t start_ns; /* since the begin of the run; 0 = after the one before */
    uint64_t elapsed_ns;
    int32_t type; /* LRT_EVENT_OPERATOR, LRT_EVENT_DELEGATE, or 0 */
} litert_event_t;

struct litert_network {
    n6_network_t about; /* what the core sees */
    const litert_engine_t *engine;
    void *memory[2][LITERT_MAX_TENSORS]; /* of the inputs, of the outputs */
    litert_event_t *event;               /* of the last run */
    int events;
    int event_space;
    litert_event_t *known; /* what the blocks were made of */
    bool table;            /* the blocks and pools are those of a block table */
    void *kept;            /* everything that n6_litert_keep() gave */
    void *mapped;          /* everything that n6_litert_map() gave */

    const lrt_api_t *api; /* of the CompiledModel */
    lrt_environment_t *environment;
    bool (*cancelled)(void *context); /* asked between operators: shall the run end? */
    void *context;
    lrt_model_t *model;
    lrt_compiled_t *compiled;
    lrt_profiler_t *profiler;
    lrt_buffer_t *buffer[2][LITERT_MAX_TENSORS];
    lrt_event_t *lrt_event;
    int lrt_event_space;
    bool stale; /* it is to be compiled again before the next run */
    int link;   /* of the Interpreter: a socket to the child process, while there is one */
    long child;

    char failure[200]; /* why the last run failed, if LiteRT does not keep it */
};

/* What is needed while a network is loaded. */
typedef struct {
    litert_network_t *self;
    lrt_environment_t *environment; /* this and the next two: see litert_network_t */
    bool (*cancelled)(void *context);
    void *context;
    const n6_litert_source_t *source;
    const char *python; /* runs script, which has the Interpreter; NULL = there is none */
    const char *script;
    int client; /* a descriptor that no child process may have, or -1 */
    bool verbose;
    char *error; /* becomes one clause when something fails */
    size_t size;
} litert_load_t;

/* Zeroed memory that lives as long as the network; a copy of text in such memory. */
void *n6_litert_keep(litert_network_t *self, size_t size);
char *n6_litert_keep_text(litert_network_t *self, const char *text);
/*
 * The same with pages of its own, which are taken when they are written, and one behind them that
 * ends a process that writes beyond. NULL = there is no room.
 */
void *n6_litert_map(litert_network_t *self, size_t size);
/* Another event of the last run. */
litert_event_t *n6_litert_add_event(litert_network_t *self);
/* Frees everything that a network has, also one that is half loaded. */
void n6_litert_network_free(litert_network_t *self);

/* Writes load->error; returns -1. */
__attribute__((format(printf, 2, 3))) int n6_litert_fail(litert_load_t *load, const char *format,
                                                         ...);

#endif
