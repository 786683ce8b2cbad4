/* What the tests may do to the stand-in of the runtime. */
#ifndef STUB_ATON_RUNTIME_H
#define STUB_ATON_RUNTIME_H

#include "ll_aton_NN_interface.h"

/* Calls of LL_ATON_RT_RunEpochBlock() for which a block on the NPU is not ready; UINT32_MAX = it
 * never is. */
extern uint32_t stub_aton_latency;

/* From the end function of a hybrid block: blocks that run before the network goes on. */
void stub_aton_insert(const EpochBlock_ItemTypeDef *blocks);

#endif
