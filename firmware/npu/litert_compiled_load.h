/*
 * litert_compiled_load.h - loads a network into LiteRT's CompiledModel.
 *
 * Shapes. The inputs have the shapes in the file (converters write 1 for a variable batch size).
 * The shapes of the outputs are certain only after a run, and CompiledModel lets the network write
 * beyond buffers of the size in the file. Therefore it runs first on zeros (or on ones, if it does
 * not run on zeros), into memory for the largest possible tensor, and gets buffers of the actual
 * sizes afterwards. A later run with other output shapes is refused.
 *
 * State. These runs change the variables of a network, if it has any. Such a network is compiled
 * again after them.
 *
 * CompiledModel identifies tensors by name. With some networks that LiteRT's Interpreter runs, it
 * confuses tensors, leaves them without values, or crashes: two outputs with one name, one tensor
 * as two outputs, an operator that determines the size of its output. Such networks are refused
 * here.
 */
#ifndef N6_LITERT_COMPILED_LOAD_H
#define N6_LITERT_COMPILED_LOAD_H

#include "litert_network.h"

/*
 * Loads load->source, describes its tensors, and stores the events of a first run. Returns 0 or -1.
 */
int n6_litert_compiled_load(litert_load_t *load);

#endif
