/*
 * litert_interpreter.h - runs a network in LiteRT's Interpreter, which is in the Python package, in
 * a child process: for networks that the CompiledModel refuses or crashes on.
 *
 * An input has the shape in the file; a variable dimension without a size in the file is 1. The
 * outputs have the shapes of a first run, as in litert_compiled_load.h.
 *
 * The child process is n6link/transport/interpreter.py; the top of this file describes the data on
 * the socket. The Interpreter does not report operators, so a run is one event. It cannot be
 * interrupted: a stopped run continues to its end. If the child process crashes, the run fails with
 * a reason, and so do all later runs.
 */
#ifndef N6_LITERT_INTERPRETER_H
#define N6_LITERT_INTERPRETER_H

#include "litert_network.h"

/*
 * Loads load->source, describes its tensors, and stores the event of a first run. Returns 0 or -1.
 */
int n6_litert_interpreter_load(litert_load_t *load);

#endif
