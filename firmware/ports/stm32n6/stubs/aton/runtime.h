/* Functions of the replacement runtime for tests. */
#ifndef STUB_ATON_RUNTIME_H
#define STUB_ATON_RUNTIME_H

#include "ll_aton_NN_interface.h"

/*
 * Calls of LL_ATON_RT_RunEpochBlock() during which a block on the NPU is not ready; UINT32_MAX = it
 * is never ready.
 */
extern uint32_t stub_aton_latency;

/*
 * Called by the end function of a hybrid block: inserts blocks that run before the network
 * continues.
 */
void stub_aton_insert(const EpochBlock_ItemTypeDef *blocks);

#endif
