/*
 * litert_compiled_load.h - loads a network into LiteRT's CompiledModel.
 *
 * Shapes. The inputs have the shape that is stored in the file (converters write 1 for a batch that
 * may vary). Those of the outputs are known for certain only when the network has run, and
 * CompiledModel lets it write beyond buffers of the size that is stored. So it runs first on zeros
 * (on ones if it does not run on zeros), into memory that is as large as a tensor can be, and has
 * the buffers that are really needed after that. A later run whose outputs have other shapes is
 * refused.
 *
 * State. Those runs change the variables of a network that has some, so it is compiled once more
 * after them.
 *
 * CompiledModel knows tensors by name. It mixes up, leaves without values, or crashes on some
 * networks that LiteRT's Interpreter runs: two outputs of one name, one tensor as two outputs, an
 * operator that makes its output as large as it needs. Those are refused here.
 */
#ifndef N6_LITERT_COMPILED_LOAD_H
#define N6_LITERT_COMPILED_LOAD_H

#include "litert_network.h"

/* Loads load->source, describes its tensors, and has the events of a first run. 0 or -1. */
int n6_litert_compiled_load(litert_load_t *load);

#endif
