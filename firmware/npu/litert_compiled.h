/*
 * litert_compiled.h - runs a network in this process with LiteRT's CompiledModel: one core,
 * XNNPACK, and the time of each operator. litert_compiled_load.h loads it.
 *
 * A run whose outputs have other shapes than the network's first run is refused.
 */
#ifndef N6_LITERT_COMPILED_H
#define N6_LITERT_COMPILED_H

#include "litert_network.h"

extern const litert_engine_t n6_litert_compiled;

/* Compiles self->model, also for a second time. LiteRT's status. */
int n6_litert_compiled_prepare(litert_network_t *self);

/* Runs once and stores the events, with any shapes of the outputs. LiteRT's status. */
int n6_litert_compiled_invoke(litert_network_t *self, size_t outputs);

/* LiteRT's message about a failed run. */
void n6_litert_compiled_reason(litert_network_t *self, char *text, size_t size);

/* Frees the buffers of the inputs or outputs. */
void n6_litert_compiled_drop(litert_network_t *self, int side);

#endif
