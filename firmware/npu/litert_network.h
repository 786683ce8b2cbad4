/*
 * litert_network.h - one .tflite file in LiteRT: its description and its memory. litert_load.h
 * creates one. An engine runs it: LiteRT's CompiledModel in this process (litert_compiled.h), or
 * its Interpreter in a child process (litert_interpreter.h).
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

/* Limits of the protocol: bytes of all inputs or all outputs, and of each of them. */
enum { LITERT_MAX_TENSORS = 255, LITERT_MAX_BYTES = 0x3fffffff };

typedef struct litert_network litert_network_t;

typedef struct {
    uint8_t timer_source; /* n6_timer_source_t */
    /* Runs once, from memory to memory. LiteRT's status, 0 = success. */
    int (*run)(litert_network_t *self);
    /* LiteRT's message about a failed run. */
    void (*reason)(litert_network_t *self, char *text, size_t size);
    /*
     * Requests the end of a run whose result is not needed any more. Called in another thread; NULL
     * = load->cancelled is sufficient.
     */
    void (*interrupt)(litert_network_t *self);
    /* Frees the engine's part; in any state of loading. */
    void (*end)(litert_network_t *self);
} litert_engine_t;

/* A part of the last run: an operator in the CompiledModel, the whole run in the Interpreter. */
typedef struct {
    const char *name;
    uint64_t node;
    uint64_t start_ns; /* since the start of the run; 0 = after the event before */
    uint64_t elapsed_ns;
    int32_t type; /* LRT_EVENT_OPERATOR, LRT_EVENT_DELEGATE, or 0 */
} litert_event_t;

struct litert_network {
    n6_network_t about; /* the description for the core */
    const litert_engine_t *engine;
    void *memory[2][LITERT_MAX_TENSORS]; /* memory of the inputs, and of the outputs */
    litert_event_t *event;               /* events of the last run */
    int events;
    int event_space;
    litert_event_t *known; /* the events from which the blocks were built */
    bool table;            /* the blocks and pools are those of a block table */
    void *kept;            /* all memory of n6_litert_keep() */
    void *mapped;          /* all memory of n6_litert_map() */

    const lrt_api_t *api; /* used by the CompiledModel */
    lrt_environment_t *environment;
    bool (*cancelled)(void *context); /* called between operators: true = end the run */
    void *context;
    lrt_model_t *model;
    lrt_compiled_t *compiled;
    lrt_profiler_t *profiler;
    lrt_buffer_t *buffer[2][LITERT_MAX_TENSORS];
    lrt_event_t *lrt_event;
    int lrt_event_space;
    bool stale; /* it must be compiled again before the next run */
    int link;   /* used by the Interpreter: a socket to the child process, while there is one */
    long child;

    char failure[200]; /* reason of the last failure, if LiteRT does not store it */
};

/* Data that are required while a network is loaded. */
typedef struct {
    litert_network_t *self;
    lrt_environment_t *environment; /* this and the next two: see litert_network_t */
    bool (*cancelled)(void *context);
    void *context;
    const n6_litert_source_t *source;
    const char *python; /* executes script, which contains the Interpreter; NULL = not available */
    const char *script;
    int client; /* a descriptor that child processes must not inherit, or -1 */
    bool verbose;
    char *error; /* receives one clause after a failure */
    size_t size;
} litert_load_t;

/* Zeroed memory that exists as long as the network; a copy of text in such memory. */
void *n6_litert_keep(litert_network_t *self, size_t size);
char *n6_litert_keep_text(litert_network_t *self, const char *text);
/*
 * The same with its own pages, which are allocated when they are written. The next page is not
 * accessible: a write beyond the memory ends the process. NULL = not enough memory.
 */
void *n6_litert_map(litert_network_t *self, size_t size);
/* Adds an event of the last run. */
litert_event_t *n6_litert_add_event(litert_network_t *self);
/* Frees all memory of a network, also of one that is not completely loaded. */
void n6_litert_network_free(litert_network_t *self);

/* Writes load->error; returns -1. */
__attribute__((format(printf, 2, 3))) int n6_litert_fail(litert_load_t *load, const char *format,
                                                         ...);

#endif
