/* Replacement for the runtime's header from ST Edge AI Core 2.2 on. */
#ifndef STUB_LL_ATON_RT_USER_API_H
#define STUB_LL_ATON_RT_USER_API_H

#include "ll_aton_NN_interface.h"

void LL_ATON_RT_SetNetworkCallback(NN_Instance_TypeDef *nn_instance,
                                   TraceEpochBlock_FuncPtr_t epoch_block_callback);

#endif
