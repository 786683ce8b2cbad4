/*
 * runtime.c - executes the epoch blocks of a network like LL_ATON, without an NPU.
 *
 * A block is started in one call. If it waits for hardware, a later call ends it, after
 * stub_aton_latency further calls, and does nothing else. A hybrid block may have inserted blocks;
 * they run before the network continues.
 */
#include "runtime.h"

#include <stddef.h>

#include "npu_cache.h"

#if N6_STUB_ATON >= 10101
#include "ll_aton_rt_user_api.h"
#else
#include "ll_aton_runtime.h"
#endif

uint32_t stub_aton_latency = 1;
static uint32_t waited;
static NN_Instance_TypeDef *running;

static void call(NN_Instance_TypeDef *instance, LL_ATON_RT_Callbacktype_t moment)
{
    const EpochBlock_ItemTypeDef *block = instance->exec_state.current_epoch_block;
    if (instance->exec_state.epoch_callback_function != NULL) {
        instance->exec_state.epoch_callback_function(moment, instance, block);
    }
}

static void begin(NN_Instance_TypeDef *instance)
{
    const EpochBlock_ItemTypeDef *block = instance->exec_state.current_epoch_block;

    call(instance, LL_ATON_RT_Callbacktype_PRE_START);
    if (block->start_epoch_block != NULL) {
        block->start_epoch_block(block);
    }
    call(instance, LL_ATON_RT_Callbacktype_POST_START);
    instance->exec_state.current_epoch_block_started = true;
    waited = 0;
}

static void finish(NN_Instance_TypeDef *instance)
{
    const EpochBlock_ItemTypeDef *block = instance->exec_state.current_epoch_block;

    call(instance, LL_ATON_RT_Callbacktype_PRE_END);
    if (block->end_epoch_block != NULL) {
        block->end_epoch_block(block);
    }
    call(instance, LL_ATON_RT_Callbacktype_POST_END);
    instance->exec_state.current_epoch_block_started = false;
    if (instance->exec_state.next_epoch_block != NULL) {
        instance->exec_state.saved_current_epoch_block = block;
        instance->exec_state.current_epoch_block = instance->exec_state.next_epoch_block;
        instance->exec_state.next_epoch_block = NULL;
    } else {
        instance->exec_state.current_epoch_block++;
    }
}

static bool waits(const EpochBlock_ItemTypeDef *block)
{
    return EpochBlock_IsEpochBlob(block) || block->wait_mask != 0;
}

LL_ATON_RT_RetValues_t LL_ATON_RT_RunEpochBlock(NN_Instance_TypeDef *instance)
{
    bool ended = false;

    running = instance;
    if (instance->exec_state.current_epoch_block_started) {
        if (waited < stub_aton_latency) {
            waited++;
            return LL_ATON_RT_WFE;
        }
        finish(instance);
        ended = true;
    }
    if (EpochBlock_IsLastEpochBlock(instance->exec_state.current_epoch_block)) {
        if (instance->exec_state.saved_current_epoch_block == NULL) {
            return LL_ATON_RT_DONE;
        }
        instance->exec_state.current_epoch_block =
            instance->exec_state.saved_current_epoch_block + 1;
        instance->exec_state.saved_current_epoch_block = NULL;
        return LL_ATON_RT_NO_WFE;
    }
    if (ended) {
        return LL_ATON_RT_NO_WFE;
    }
    begin(instance);
    if (waits(instance->exec_state.current_epoch_block)) {
        return LL_ATON_RT_WFE;
    }
    finish(instance);
    return LL_ATON_RT_NO_WFE;
}

void stub_aton_insert(const EpochBlock_ItemTypeDef *blocks)
{
    running->exec_state.next_epoch_block = blocks;
}

void LL_ATON_RT_RuntimeInit(void)
{
}

void LL_ATON_RT_Init_Network(NN_Instance_TypeDef *instance)
{
    LL_ATON_RT_Reset_Network(instance);
}

void LL_ATON_RT_Reset_Network(NN_Instance_TypeDef *instance)
{
    instance->exec_state.current_epoch_block = instance->network->epoch_block_items();
    instance->exec_state.next_epoch_block = NULL;
    instance->exec_state.saved_current_epoch_block = NULL;
    instance->exec_state.current_epoch_block_started = false;
}

#if N6_STUB_ATON >= 10101
void LL_ATON_RT_SetNetworkCallback(NN_Instance_TypeDef *instance,
                                   TraceEpochBlock_FuncPtr_t callback)
{
    instance->exec_state.epoch_callback_function = callback;
}
#else
void LL_ATON_RT_SetEpochCallback(TraceEpochBlock_FuncPtr_t callback, NN_Instance_TypeDef *instance)
{
    instance->exec_state.epoch_callback_function = callback;
}
#endif

__attribute__((weak)) void LL_ATON_Cache_MCU_Clean_Range(uintptr_t at, uint32_t size)
{
    (void)at;
    (void)size;
}

__attribute__((weak)) void LL_ATON_Cache_MCU_Clean_Invalidate_Range(uintptr_t at, uint32_t size)
{
    (void)at;
    (void)size;
}

__attribute__((weak)) void LL_ATON_Cache_NPU_Clean_Invalidate_Range(uintptr_t at, uint32_t size)
{
    (void)at;
    (void)size;
}

void npu_cache_enable(void)
{
}

/* The runtime's interrupt. */
void NPU0_IRQHandler(void);
void NPU0_IRQHandler(void)
{
}
