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

/* Compiles self->model, again if need be. LiteRT's status. */
int n6_litert_compiled_prepare(litert_network_t *self);

/* Runs once and keeps the events, whatever shapes the outputs get. LiteRT's status. */
int n6_litert_compiled_invoke(litert_network_t *self, size_t outputs);

/* What LiteRT has to say about a run that failed. */
void n6_litert_compiled_reason(litert_network_t *self, char *text, size_t size);

/* Gives back the buffers of a side. */
void n6_litert_compiled_drop(litert_network_t *self, int side);

#endif
