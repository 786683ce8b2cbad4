/*
 * litert_interpreter.h - runs a network in LiteRT's Interpreter, which the Python package has, in a
 * child process: for networks that the CompiledModel refuses or crashes on.
 *
 * An input has the shape that is stored in the file; a dimension that may vary and is not stored is
 * 1. The outputs have the shapes of a first run, as in litert_compiled_load.h.
 *
 * The child is n6link/transport/interpreter.py, whose head says what is sent over the socket. The
 * Interpreter does not report operators, so a run is one event. It cannot be interrupted: a run
 * that was stopped goes on to its end. A child that crashes fails the run with a reason, and all
 * later ones.
 */
#ifndef N6_LITERT_INTERPRETER_H
#define N6_LITERT_INTERPRETER_H

#include "litert_network.h"

/* Loads load->source, describes its tensors, and has the event of a first run. 0 or -1. */
int n6_litert_interpreter_load(litert_load_t *load);

#endif
