/*
 * litert_compiled_load.h - loads a network into LiteRT's CompiledModel.
 *
 * Shapes. The inputs have the shape that is stored in the file (converters write 1 for a batch that
 * may vary); a dimension that is not stored is 1. Those of the outputs are known for certain only
 * when the network has run, and CompiledModel writes into buffers of the size that is stored,
 * whatever the network writes. So it runs once on zeros into memory with a page behind it that ends
 * the process, and has the buffers that are really needed after that. A later run whose outputs
 * have other shapes is refused.
 *
 * State. That run leaves its mark on networks that have variables, so the network is compiled once
 * more after it.
 *
 * CompiledModel knows tensors by name and mixes up or crashes on some networks that LiteRT's
 * Interpreter runs: two outputs of one name, or one tensor as two outputs. Those are refused here.
 */
#ifndef N6_LITERT_COMPILED_LOAD_H
#define N6_LITERT_COMPILED_LOAD_H

#include "litert_network.h"

/* Loads load->source, describes its tensors, and has the events of a first run. 0 or -1. */
int n6_litert_compiled_load(litert_load_t *load);

#endif
