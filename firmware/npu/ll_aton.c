/*
 * ll_aton.c - n6_npu_t with ST's LL_ATON runtime.
 *
 * Describing   LL_Buffer_InfoTypeDef is converted to n6_tensor_t. mem_shape is the shape in memory.
 *              Element types are compared by name, because their numbers differ between
 *              runtimes 1.1.0 and 1.1.1. The list of inputs may also contain parameters; they are
 *              skipped. The registry describes the epoch blocks, from the network's generated file
 *              and its reports; it is checked that they are the blocks of this network.
 *
 * Running      start() resets the instance, sets its input, and cleans the caches. Each step()
 *              is one call of LL_ATON_RT_RunEpochBlock. It starts a block, or ends it after its
 *              interrupt, and returns whether the NPU is still running. The runtime's own loop
 *              would sleep in this case; step() returns to the core. stop() lets the running block
 *              end, because a block cannot be aborted, and resets the instance.
 *
 * Times        The runtime calls on_block() four times per block: before and after its start
 *              function, before and after its end function. The three intervals are pre, core and
 *              post. A software block does its work in its end function, in post. Blocks that a
 *              hybrid epoch inserts are not in the network's list; their phases are added to the
 *              block that inserted them. core ends when the CPU detects the end, so it includes
 *              the time that the CPU used for the link.
 *
 * Caches       The NPU accesses memory, the CPU its data cache (32-byte lines). Accesses of the NPU
 *              to external memory use another cache (CACHEAXI, 64-byte lines). An input is
 *              cleaned to memory after the CPU wrote it. Outputs are cleaned and invalidated before
 *              and after a run: the last epoch may be on the CPU (its lines may be dirty), or on
 *              the NPU (its bytes are only in memory).
 *
 * Weights      The registry contains size and CRC-32 of the weights in flash, which n6_aton_init()
 *              compares; a network whose weights are missing or of another build is listed and not
 *              started. RAM with initial content is filled before each run.
 *
 * Outputs      The outputs of a network that was generated with --no-outputs-allocation are in
 *              memory of the port, the same for all networks: one runs at a time.
 *
 * Inputs       A network that was generated with --no-inputs-allocation reads its input directly:
 *              the core's input slot becomes the network's buffer. Otherwise the slot is copied
 *              into the network's own input buffer, which is in a pool that is overwritten during
 *              the run.
 */
#include "ll_aton.h"

#include <string.h>

#include "ll_aton_caches_interface.h"

enum {
    SLOT_ALIGN = 32,               /* the CPU's cache line, the runtime's minimum */
    OUTPUT_ALIGN = 64,             /* the NPU's cache line */
    ERASED = 64,                   /* bytes to distinguish erased flash from content */
    EXTERNAL_MEMORY = 0x60000000u, /* first address of XSPI memories */
};

/* The callback of LL_ATON does not have a context argument: this is the NPU of n6_aton_init(). */
static n6_aton_t *the_npu;

static const LL_Buffer_InfoTypeDef *inputs_of(const NN_Instance_TypeDef *instance)
{
    return instance->network->input_buffers_info();
}

static const LL_Buffer_InfoTypeDef *outputs_of(const NN_Instance_TypeDef *instance)
{
    return instance->network->output_buffers_info();
}

/* The next entry, from info on, that is a tensor and not a parameter; NULL at the end. */
static const LL_Buffer_InfoTypeDef *tensor_at(const LL_Buffer_InfoTypeDef *info)
{
    while (info->name != NULL && info->is_param) {
        info++;
    }
    return info->name != NULL ? info : NULL;
}

/* ---- caches ---- */

static int is_external(const void *at)
{
    return (uintptr_t)at >= EXTERNAL_MEMORY;
}

static void clean(const void *at, uint32_t size)
{
    LL_ATON_Cache_MCU_Clean_Range((uintptr_t)at, size);
    if (is_external(at)) {
        LL_ATON_Cache_NPU_Clean_Invalidate_Range((uintptr_t)at, size);
    }
}

static void clean_and_forget(const void *at, uint32_t size)
{
    if (is_external(at)) {
        LL_ATON_Cache_NPU_Clean_Invalidate_Range((uintptr_t)at, size);
    }
    LL_ATON_Cache_MCU_Clean_Invalidate_Range((uintptr_t)at, size);
}

static void clean_and_forget_outputs(const n6_aton_network_t *network)
{
    const LL_Buffer_InfoTypeDef *info = outputs_of(network->instance);
    for (info = tensor_at(info); info != NULL; info = tensor_at(info + 1)) {
        clean_and_forget(LL_Buffer_addr_start(info), LL_Buffer_len(info));
    }
}

/* ---- description ---- */

static uint8_t dtype_of(const LL_Buffer_InfoTypeDef *info)
{
    switch (info->type) {
    case DataType_FLOAT:
        return N6_DTYPE_FLOAT32;
    case DataType_UINT8:
        return N6_DTYPE_UINT8;
    case DataType_INT8:
        return N6_DTYPE_INT8;
    case DataType_UINT16:
        return N6_DTYPE_UINT16;
    case DataType_INT16:
        return N6_DTYPE_INT16;
    case DataType_INT32:
        return N6_DTYPE_INT32;
    case DataType_INT64:
        return N6_DTYPE_INT64;
    case DataType_BOOL:
        return N6_DTYPE_BOOL;
    case DataType_FLOAT16:
        return N6_DTYPE_FLOAT16;
    case DataType_DOUBLE:
        return N6_DTYPE_FLOAT64;
    case DataType_UINT32:
        return N6_DTYPE_UINT32;
    case DataType_UINT64:
        return N6_DTYPE_UINT64;
    default:
        return 0;
    }
}

/*
 * Per-channel scales are the network's own table. Zero points are converted to wider integers at
 * *zero_point, which advances.
 */
static int quantisation(n6_tensor_t *tensor, const LL_Buffer_InfoTypeDef *info,
                        int32_t **zero_point, const int32_t *zero_point_end)
{
    if (info->scale == NULL) {
        return 0;
    }
    tensor->scale = info->scale[0];
    tensor->zero_point = info->offset != NULL ? info->offset[0] : 0;
    if (!info->per_channel || info->mem_ndims < 2) {
        return 0;
    }

    tensor->axis = info->chpos == CHPos_First ? 1u : info->mem_ndims - 1u;
    uint32_t channels = info->mem_shape[tensor->axis];
    if (channels > (uint32_t)(zero_point_end - *zero_point)) {
        return -N6_ATON_MISMATCH;
    }
    for (uint32_t i = 0; i < channels; i++) {
        (*zero_point)[i] = info->offset != NULL ? info->offset[i] : 0;
    }
    tensor->channels = (uint16_t)channels;
    tensor->scales = info->scale;
    tensor->zero_points = *zero_point;
    *zero_point += channels;
    return 0;
}

static int describe_tensors(const LL_Buffer_InfoTypeDef *info, n6_tensor_t *tensor, uint8_t count,
                            int32_t **zero_point, const int32_t *zero_point_end)
{
    uint8_t found = 0;
    for (info = tensor_at(info); info != NULL; info = tensor_at(info + 1), found++) {
        if (found == count) {
            return -N6_ATON_MISMATCH;
        }
        n6_tensor_t *t = &tensor[found];
        memset(t, 0, sizeof *t);
        t->name = info->name;
        t->dtype = dtype_of(info);
        t->ndim = (uint8_t)info->mem_ndims;
        t->size = LL_Buffer_len(info);
        if (t->dtype == 0 || info->mem_ndims > N6_LIMIT_MAX_DIMS) {
            return -N6_ATON_UNSUPPORTED;
        }
        for (uint16_t i = 0; i < info->mem_ndims; i++) {
            t->shape[i] = info->mem_shape[i];
        }
        int status = quantisation(t, info, zero_point, zero_point_end);
        if (status != 0) {
            return status;
        }
    }
    return found == count ? 0 : -N6_ATON_MISMATCH;
}

/* The blocks in the registry are only valid for the network that was built with it. */
static int check_blocks(const n6_aton_network_t *network)
{
    const EpochBlock_ItemTypeDef *item = network->instance->network->epoch_block_items();
    uint16_t i = 0;
    for (; !EpochBlock_IsLastEpochBlock(item); item++, i++) {
        if (i == network->blocks || network->block[i].first != (uint16_t)item->epoch_num) {
            return -N6_ATON_MISMATCH;
        }
    }
    return i == network->blocks ? 0 : -N6_ATON_MISMATCH;
}

/* Assigns offsets in the slot to the inputs. Returns the total bytes. */
static uint32_t lay_out(n6_tensor_t *tensor, uint8_t count)
{
    uint32_t end = 0;
    for (uint8_t i = 0; i < count; i++) {
        tensor[i].offset = (end + SLOT_ALIGN - 1u) / SLOT_ALIGN * SLOT_ALIGN;
        end = tensor[i].offset + tensor[i].size;
    }
    return end;
}

static int any_user_allocated(const LL_Buffer_InfoTypeDef *info)
{
    for (info = tensor_at(info); info != NULL; info = tensor_at(info + 1)) {
        if (info->is_user_allocated) {
            return 1;
        }
    }
    return 0;
}

/* Room for an output in the port's memory: the NPU may write beyond its end, up to a limit. */
static uint32_t room_of(const LL_Buffer_InfoTypeDef *info)
{
    uint32_t size = LL_Buffer_len(info);
    if (info->offset_limit > size) {
        size = info->offset_limit;
    }
    return (size + OUTPUT_ALIGN - 1u) / OUTPUT_ALIGN * OUTPUT_ALIGN;
}

/* Bytes of the outputs that the network does not allocate. */
static uint32_t own_outputs(const n6_aton_network_t *network)
{
    const LL_Buffer_InfoTypeDef *info = tensor_at(outputs_of(network->instance));
    uint32_t total = 0;
    for (; info != NULL; info = tensor_at(info + 1)) {
        if (info->is_user_allocated) {
            total += room_of(info);
        }
    }
    return total;
}

/* Whether the network's weights are in flash. */
static void compare_weights(const n6_aton_t *aton, const n6_aton_network_t *network,
                            n6_network_t *out)
{
    for (uint8_t i = 0; i < network->parts && aton->crc32 != NULL; i++) {
        const n6_aton_part_t *part = &network->part[i];
        const uint8_t *at = (const uint8_t *)part->address;
        uint32_t erased = 0;
        if (part->content != NULL || aton->crc32(0, at, part->size) == part->crc) {
            continue;
        }
        while (erased < ERASED && erased < part->size && at[erased] == 0xFF) {
            erased++;
        }
        if (erased == ERASED || erased == part->size) {
            out->state = N6_NETWORK_STATE_WEIGHTS_MISSING;
            out->reason = "weights are missing, flash is erased there; program them";
        } else {
            out->state = N6_NETWORK_STATE_WEIGHTS_STALE;
            out->reason = "weights in flash are of another build; program those of this one";
        }
        return;
    }
}

static int describe(const n6_aton_network_t *network, n6_network_t *out, uint32_t *features)
{
    const LL_Buffer_InfoTypeDef *inputs = inputs_of(network->instance);
    const LL_Buffer_InfoTypeDef *outputs = outputs_of(network->instance);
    int32_t *zero_point = network->zero_point;
    const int32_t *end = zero_point + network->zero_points;

    int status = describe_tensors(inputs, network->input, network->inputs, &zero_point, end);
    if (status == 0) {
        status = describe_tensors(outputs, network->output, network->outputs, &zero_point, end);
    }
    if (status == 0) {
        status = check_blocks(network);
    }
    if (status != 0) {
        return status;
    }
    if (any_user_allocated(inputs)) {
        *features |= N6_FEATURE_ZERO_COPY;
    }

    memset(out, 0, sizeof *out);
    out->name = network->name;
    out->card = network->card;
    out->card_bytes = network->card_bytes;
    out->inputs = network->inputs;
    out->outputs = network->outputs;
    out->pools = network->pools;
    out->timer_source = N6_TIMER_SOURCE_DWT_CYCLES;
    out->blocks = network->blocks;
    out->epochs = network->epochs;
    out->digest = network->digest;
    out->input_bytes = lay_out(network->input, network->inputs);
    for (uint8_t i = 0; i < network->outputs; i++) {
        out->output_bytes += network->output[i].size;
    }
    if (network->check_input != NULL) {
        if (network->check_bytes != out->input_bytes) {
            return -N6_ATON_MISMATCH;
        }
        out->check_input = network->check_input;
        out->check_known = network->check_known;
        out->check_digest = network->check_digest;
        *features |= N6_FEATURE_CHECK;
    }
    out->input = network->input;
    out->output = network->output;
    out->pool = network->pool;
    out->block = network->block;
    return 0;
}

/* ---- running ---- */

static void on_block(LL_ATON_RT_Callbacktype_t moment, const NN_Instance_TypeDef *instance,
                     const EpochBlock_ItemTypeDef *item)
{
    n6_aton_t *aton = the_npu;
    const n6_aton_network_t *network = &n6_aton_registry[aton->running];
    if (item == NULL || instance != network->instance) {
        return;
    }

    uint64_t now = aton->now(aton->context);
    uint64_t passed = now - aton->phase;
    aton->phase = now;
    uintptr_t offset = (uintptr_t)item - (uintptr_t)instance->network->epoch_block_items();
    if (offset < network->blocks * sizeof *item) {
        aton->block = (uint16_t)(offset / sizeof *item);
    }
    if (aton->times == NULL) {
        return;
    }

    n6_block_time_t *time = &aton->times[aton->block];
    switch (moment) {
    case LL_ATON_RT_Callbacktype_PRE_START:
        if (time->start == 0) {
            time->start = now;
        }
        break;
    case LL_ATON_RT_Callbacktype_POST_START:
        time->pre += passed;
        break;
    case LL_ATON_RT_Callbacktype_PRE_END:
        time->core += passed;
        break;
    case LL_ATON_RT_Callbacktype_POST_END:
        time->post += passed;
        break;
    default:
        break;
    }
}

static void trace(NN_Instance_TypeDef *instance)
{
#if N6_ATON_VERSION >= 10101
    LL_ATON_RT_SetNetworkCallback(instance, on_block);
#else
    LL_ATON_RT_SetEpochCallback(on_block, instance);
#endif
}

static int bind_input(NN_Instance_TypeDef *instance, const LL_Buffer_InfoTypeDef *info,
                      uint32_t index, const uint8_t *from, uint32_t size)
{
    if (info->is_user_allocated) {
        LL_ATON_User_IO_Result_t result =
            instance->network->input_setter(index, (void *)(uintptr_t)from, size);
        if (result != LL_ATON_User_IO_NOERROR) {
            return -(N6_ATON_INPUT + (int)result);
        }
        clean(from, size);
        return 0;
    }
    uint8_t *to = LL_Buffer_addr_start(info);
    if (is_external(to)) {
        LL_ATON_Cache_NPU_Clean_Invalidate_Range((uintptr_t)to, size);
    }
    memcpy(to, from, size);
    clean(to, size);
    return 0;
}

static int bind_outputs(const n6_aton_t *aton, NN_Instance_TypeDef *instance)
{
    const LL_Buffer_InfoTypeDef *info = tensor_at(outputs_of(instance));
    uint8_t *at = aton->output;
    for (uint32_t index = 0; info != NULL; info = tensor_at(info + 1), index++) {
        if (!info->is_user_allocated) {
            continue;
        }
        LL_ATON_User_IO_Result_t result =
            instance->network->output_setter(index, at, room_of(info));
        if (result != LL_ATON_User_IO_NOERROR) {
            return -(N6_ATON_OUTPUT + (int)result);
        }
        at += room_of(info);
    }
    return 0;
}

/* RAM with initial content. Another network may have overwritten it. */
static void fill_parts(const n6_aton_network_t *network)
{
    for (uint8_t i = 0; i < network->parts; i++) {
        const n6_aton_part_t *part = &network->part[i];
        if (part->content != NULL) {
            uint8_t *to = (uint8_t *)part->address;
            memcpy(to, part->content, part->size);
            clean(to, part->size);
        }
    }
}

static int start(void *context, uint16_t index, const void *input, n6_block_time_t *times)
{
    n6_aton_t *aton = context;
    const n6_aton_network_t *network = &n6_aton_registry[index];
    if (aton->hung) {
        return -N6_ATON_HUNG;
    }
    int status = bind_outputs(aton, network->instance);
    if (status != 0) {
        return status;
    }
    fill_parts(network);

    const LL_Buffer_InfoTypeDef *info = tensor_at(inputs_of(network->instance));
    for (uint8_t i = 0; i < network->inputs; i++, info = tensor_at(info + 1)) {
        const n6_tensor_t *tensor = &network->input[i];
        status = bind_input(network->instance, info, i, (const uint8_t *)input + tensor->offset,
                            tensor->size);
        if (status != 0) {
            return status;
        }
    }
    clean_and_forget_outputs(network);
    if (times != NULL) {
        memset(times, 0, network->blocks * sizeof *times);
    }
    aton->running = index;
    aton->block = 0;
    aton->waiting = 0;
    aton->times = times;
    aton->phase = aton->now(aton->context);
    LL_ATON_RT_Reset_Network(network->instance);
    return 0;
}

static int step(void *context)
{
    n6_aton_t *aton = context;
    const n6_aton_network_t *network = &n6_aton_registry[aton->running];

    LL_ATON_RT_RetValues_t state = LL_ATON_RT_RunEpochBlock(network->instance);
    aton->waiting = state == LL_ATON_RT_WFE;
    if (state == LL_ATON_RT_DONE) {
        clean_and_forget_outputs(network);
        return N6_NPU_DONE;
    }
    if (!aton->waiting) {
        return N6_NPU_RUNNING;
    }
    if (aton->now(aton->context) - aton->phase <= aton->limit) {
        return N6_NPU_WAITING;
    }
    aton->hung = 1;
    return -N6_ATON_HUNG;
}

static void stop(void *context)
{
    n6_aton_t *aton = context;
    while (aton->waiting && !aton->hung) {
        (void)step(aton);
    }
    aton->times = NULL;
    if (!aton->hung) {
        LL_ATON_RT_Reset_Network(n6_aton_registry[aton->running].instance);
    }
}

static const void *output(void *context, uint8_t index)
{
    const n6_aton_t *aton = context;
    const LL_Buffer_InfoTypeDef *info =
        tensor_at(outputs_of(n6_aton_registry[aton->running].instance));
    while (index-- > 0) {
        info = tensor_at(info + 1);
    }
    return LL_Buffer_addr_start(info);
}

int n6_aton_init(n6_aton_t *aton, n6_npu_t *npu, uint16_t *failed)
{
    the_npu = aton;
    memset(npu, 0, sizeof *npu);
    npu->context = aton;
    npu->network = n6_aton_description;
    npu->networks = n6_aton_networks;
    npu->start = start;
    npu->step = step;
    npu->stop = stop;
    npu->output = output;

    LL_ATON_RT_RuntimeInit();
    for (*failed = 0; *failed < n6_aton_networks; (*failed)++) {
        const n6_aton_network_t *network = &n6_aton_registry[*failed];
        trace(network->instance);
        LL_ATON_RT_Init_Network(network->instance);
        int status = describe(network, &n6_aton_description[*failed], &npu->features);
        if (status != 0) {
            return status;
        }
        uint32_t bytes = own_outputs(network);
        if (bytes > aton->output_bytes) {
            aton->output_bytes = bytes;
        }
        compare_weights(aton, network, &n6_aton_description[*failed]);
    }
    return 0;
}
