/* Replacement for the runtime's header up to ST Edge AI Core 2.1. */
#ifndef STUB_LL_ATON_RUNTIME_H
#define STUB_LL_ATON_RUNTIME_H

#include "ll_aton_NN_interface.h"

void LL_ATON_RT_SetEpochCallback(TraceEpochBlock_FuncPtr_t epoch_block_callback,
                                 NN_Instance_TypeDef *nn_instance);

#endif
