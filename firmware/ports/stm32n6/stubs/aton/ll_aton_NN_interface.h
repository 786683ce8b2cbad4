/* Replacement: a network for the runtime, with epoch blocks, buffers and an instance. */
#ifndef STUB_LL_ATON_NN_INTERFACE_H
#define STUB_LL_ATON_NN_INTERFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ll_aton_version.h"

typedef enum {
    LL_ATON_RT_Callbacktype_PRE_START,
    LL_ATON_RT_Callbacktype_POST_START,
    LL_ATON_RT_Callbacktype_PRE_END,
    LL_ATON_RT_Callbacktype_POST_END,
    LL_ATON_RT_Callbacktype_NN_Init,
    LL_ATON_RT_Callbacktype_NN_DeInit,
    LL_ATON_RT_Callbacktype_RT_Init,
    LL_ATON_RT_Callbacktype_RT_Deinit,
} LL_ATON_RT_Callbacktype_t;

typedef enum {
    LL_ATON_User_IO_NOERROR,
    LL_ATON_User_IO_WRONG_ALIGN,
    LL_ATON_User_IO_WRONG_SIZE,
    LL_ATON_User_IO_WRONG_INDEX,
} LL_ATON_User_IO_Result_t;

typedef enum {
    LL_ATON_RT_NO_WFE,
    LL_ATON_RT_WFE,
    LL_ATON_RT_DONE,
} LL_ATON_RT_RetValues_t;

/* ---- epoch blocks */

enum {
    EpochBlock_Flags_epoch_start = 1 << 0,
    EpochBlock_Flags_epoch_end = 1 << 1,
    EpochBlock_Flags_blob = 1 << 2,
    EpochBlock_Flags_last_eb = 1 << 3,
    EpochBlock_Flags_pure_hw = 1 << 4,
    EpochBlock_Flags_pure_sw = 1 << 5,
    EpochBlock_Flags_hybrid = 1 << 6,
    EpochBlock_Flags_internal = 1 << 7,
};

typedef void (*EpochBlock_FuncPtr_t)(const void *epoch_block);

typedef struct {
    EpochBlock_FuncPtr_t start_epoch_block;
    EpochBlock_FuncPtr_t end_epoch_block;
    uintptr_t blob_address;
    uint32_t wait_mask;
    uint16_t flags;
#ifdef LL_ATON_EB_DBG_INFO
    int16_t epoch_num;
    int16_t last_epoch_num;
    uint32_t in_streng_mask;
    uint32_t out_streng_mask;
    uint64_t estimated_npu_cycles;
    uint64_t estimated_tot_cycles;
#endif
} EpochBlock_ItemTypeDef;

static inline bool EpochBlock_IsLastEpochBlock(const EpochBlock_ItemTypeDef *eb)
{
    return (eb->flags & EpochBlock_Flags_last_eb) != 0;
}

static inline bool EpochBlock_IsEpochBlob(const EpochBlock_ItemTypeDef *eb)
{
    return (eb->flags & EpochBlock_Flags_blob) != 0;
}

static inline bool EpochBlock_IsEpochPureSW(const EpochBlock_ItemTypeDef *eb)
{
    return (eb->flags & EpochBlock_Flags_pure_sw) != 0;
}

static inline bool EpochBlock_IsEpochHybrid(const EpochBlock_ItemTypeDef *eb)
{
    return (eb->flags & EpochBlock_Flags_hybrid) != 0;
}

static inline bool EpochBlock_IsEpochInternal(const EpochBlock_ItemTypeDef *eb)
{
    return (eb->flags & EpochBlock_Flags_internal) != 0;
}

/* ---- buffers; the numbers of the element types differ between the two runtimes */

#if N6_STUB_ATON >= 10101
typedef enum {
    DataType_FLOAT = 1,
    DataType_UINT8 = 6,
    DataType_INT8 = 7,
    DataType_UINT16 = 8,
    DataType_INT16 = 9,
    DataType_INT32 = 10,
    DataType_INT64 = 11,
    DataType_BOOL = 13,
    DataType_FLOAT16 = 14,
    DataType_DOUBLE = 15,
    DataType_UINT32 = 16,
    DataType_UINT64 = 17,
    DataType_FXP = 100,
} Buffer_DataType_TypeDef;
#else
typedef enum {
    DataType_FLOAT = 1,
    DataType_UINT8 = 2,
    DataType_INT8 = 3,
    DataType_UINT16 = 4,
    DataType_INT16 = 5,
    DataType_INT32 = 6,
    DataType_INT64 = 7,
    DataType_BOOL = 9,
    DataType_FLOAT16 = 10,
    DataType_DOUBLE = 11,
    DataType_UINT32 = 12,
    DataType_UINT64 = 13,
    DataType_FXP = 100,
} Buffer_DataType_TypeDef;
#endif

typedef enum {
    CHPos_UNDEFINED,
    CHPos_First,
    CHPos_Last,
    CHPos_Mixed,
} Buffer_CHPos_TypeDef;

typedef struct {
    const char *name;
    union {
        unsigned char *p;
        uintptr_t i;
    } addr_base;
    uint32_t offset_start;
    uint32_t offset_end;
    uint32_t offset_limit;
    uint8_t is_user_allocated;
    uint8_t is_param;
    uint16_t epoch;
    uint32_t batch;
    const uint32_t *mem_shape;
    uint16_t mem_ndims;
    Buffer_CHPos_TypeDef chpos;
    Buffer_DataType_TypeDef type;
    int8_t Qm;
    int8_t Qn;
    uint8_t Qunsigned;
    uint8_t ndims;
    uint8_t nbits;
    uint8_t per_channel;
    const uint32_t *shape;
    const float *scale;
    const int16_t *offset;
} LL_Buffer_InfoTypeDef;

/* The base of a buffer that the user allocates is the address of a pointer to it. */
static inline unsigned char *LL_Buffer_addr_start(const LL_Buffer_InfoTypeDef *buf)
{
    unsigned char *base =
        buf->is_user_allocated ? *(unsigned char **)(void *)buf->addr_base.p : buf->addr_base.p;
    return base + buf->offset_start;
}

static inline uint32_t LL_Buffer_len(const LL_Buffer_InfoTypeDef *buf)
{
    return buf->offset_end - buf->offset_start;
}

/* ---- networks */

typedef struct __nn_instance_struct NN_Instance_TypeDef;
typedef void (*TraceEpochBlock_FuncPtr_t)(LL_ATON_RT_Callbacktype_t ctype,
                                          const NN_Instance_TypeDef *nn_instance,
                                          const EpochBlock_ItemTypeDef *epoch_block);

typedef struct {
    const char *network_name;
    LL_ATON_User_IO_Result_t (*input_setter)(uint32_t num, void *buffer, uint32_t size);
    LL_ATON_User_IO_Result_t (*output_setter)(uint32_t num, void *buffer, uint32_t size);
    const EpochBlock_ItemTypeDef *(*epoch_block_items)(void);
    const LL_Buffer_InfoTypeDef *(*output_buffers_info)(void);
    const LL_Buffer_InfoTypeDef *(*input_buffers_info)(void);
} NN_Interface_TypeDef;

struct __nn_instance_struct {
    const NN_Interface_TypeDef *network;
    struct {
        const EpochBlock_ItemTypeDef *current_epoch_block;
        const EpochBlock_ItemTypeDef *next_epoch_block;
        const EpochBlock_ItemTypeDef *saved_current_epoch_block;
        bool current_epoch_block_started;
        TraceEpochBlock_FuncPtr_t epoch_callback_function;
    } exec_state;
};

#define LL_ATON_DECLARE_NAMED_NN_INSTANCE_AND_INTERFACE(name)                                      \
    extern LL_ATON_User_IO_Result_t LL_ATON_Set_User_Input_Buffer_##name(                          \
        uint32_t num, void *buffer, uint32_t size);                                                \
    extern LL_ATON_User_IO_Result_t LL_ATON_Set_User_Output_Buffer_##name(                         \
        uint32_t num, void *buffer, uint32_t size);                                                \
    extern const EpochBlock_ItemTypeDef *LL_ATON_EpochBlockItems_##name(void);                     \
    extern const LL_Buffer_InfoTypeDef *LL_ATON_Output_Buffers_Info_##name(void);                  \
    extern const LL_Buffer_InfoTypeDef *LL_ATON_Input_Buffers_Info_##name(void);                   \
    static const NN_Interface_TypeDef NN_Interface_##name = {                                      \
        #name,                                                                                     \
        LL_ATON_Set_User_Input_Buffer_##name,                                                      \
        LL_ATON_Set_User_Output_Buffer_##name,                                                     \
        LL_ATON_EpochBlockItems_##name,                                                            \
        LL_ATON_Output_Buffers_Info_##name,                                                        \
        LL_ATON_Input_Buffers_Info_##name};                                                        \
    static NN_Instance_TypeDef NN_Instance_##name = {.network = &NN_Interface_##name};

/* ---- the part of the runtime that both versions have */

void LL_ATON_RT_RuntimeInit(void);
void LL_ATON_RT_Init_Network(NN_Instance_TypeDef *nn_instance);
void LL_ATON_RT_Reset_Network(NN_Instance_TypeDef *nn_instance);
LL_ATON_RT_RetValues_t LL_ATON_RT_RunEpochBlock(NN_Instance_TypeDef *nn_instance);

#endif
