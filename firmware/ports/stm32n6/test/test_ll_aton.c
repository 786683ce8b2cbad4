/*
 * test_ll_aton.c - npu/ll_aton.c with the replacement runtime, on the host.
 *
 * Two networks: "tiny" as the generator writes them, and "wide", with all rare cases: two inputs
 * that the user allocates, parameters between them, per-channel scales, a hybrid epoch with
 * inserted blocks. Prints the failures.
 */
#include <stdio.h>
#include <string.h>

#include "ll_aton.h"
#include "ll_aton_caches_interface.h"
#include "runtime.h"

#define CHECK(condition)                                                                           \
    ((condition) ? (void)0 : (failures++, (void)printf("line %d: %s\n", __LINE__, #condition)))

/* Another number than in the network: the registry is of another build. */
#ifndef TINY_BLOCKS
#define TINY_BLOCKS 5
#endif

static int failures;

/* ---- the network "wide" ---- */

static unsigned char *user_input[2];
static unsigned char *user_output;
static unsigned char results[64] __attribute__((aligned(64)));
static uint32_t inserted;

static void in_between(const void *block)
{
    (void)block;
    inserted++;
}

static const EpochBlock_ItemTypeDef between[] = {
    {.wait_mask = 1, .flags = EpochBlock_Flags_internal, .end_epoch_block = in_between},
    {.flags = EpochBlock_Flags_internal, .end_epoch_block = in_between},
    {.flags = EpochBlock_Flags_last_eb},
};

static void insert(const void *block)
{
    (void)block;
    stub_aton_insert(between);
}

static void compute(const void *block)
{
    (void)block;
    for (int i = 0; i < 24; i++) {
        user_output[i] = (unsigned char)(user_input[0][i] + user_input[1][i]);
    }
}

static const EpochBlock_ItemTypeDef wide_blocks[] = {
    {.flags = EpochBlock_Flags_hybrid,
     .epoch_num = 1,
     .last_epoch_num = 1,
     .end_epoch_block = insert},
    {.flags = EpochBlock_Flags_internal, .epoch_num = 1, .last_epoch_num = 1},
    {.flags = EpochBlock_Flags_pure_sw,
     .epoch_num = 2,
     .last_epoch_num = 2,
     .end_epoch_block = compute},
    {.flags = EpochBlock_Flags_last_eb},
};

static const uint32_t shape_a[] = {1, 5, 7}, shape_b[] = {24}, shape_r[] = {1, 3, 8};
static const float scales[] = {0.5f, 0.25f, 0.125f};
static const int16_t offsets[] = {-128, 0, 127};

static const LL_Buffer_InfoTypeDef wide_inputs[] = {
    {.name = "weights", .is_param = 1},
    {.name = "a",
     .addr_base = {(unsigned char *)&user_input[0]},
     .offset_end = 35,
     .is_user_allocated = 1,
     .mem_shape = shape_a,
     .mem_ndims = 3,
     .type = DataType_INT8},
    {.name = "more weights", .is_param = 1},
    {.name = "b",
     .addr_base = {(unsigned char *)&user_input[1]},
     .offset_end = 24,
     .is_user_allocated = 1,
     .mem_shape = shape_b,
     .mem_ndims = 1,
     .type = DataType_UINT8},
    {.name = NULL},
};

static const LL_Buffer_InfoTypeDef wide_outputs[] = {
    {.name = "r",
     .addr_base = {(unsigned char *)&user_output},
     .offset_end = 24,
     .offset_limit = 32,
     .is_user_allocated = 1,
     .mem_shape = shape_r,
     .mem_ndims = 3,
     .chpos = CHPos_First,
     .type = DataType_INT8,
     .per_channel = 1,
     .scale = scales,
     .offset = offsets},
    {.name = NULL},
};

LL_ATON_User_IO_Result_t LL_ATON_Set_User_Input_Buffer_wide(uint32_t num, void *buffer,
                                                            uint32_t size)
{
    if ((uintptr_t)buffer % 32 != 0) {
        return LL_ATON_User_IO_WRONG_ALIGN;
    }
    if (num > 1) {
        return LL_ATON_User_IO_WRONG_INDEX;
    }
    if (size < (num == 0 ? 35 : 24)) {
        return LL_ATON_User_IO_WRONG_SIZE;
    }
    user_input[num] = buffer;
    return LL_ATON_User_IO_NOERROR;
}

LL_ATON_User_IO_Result_t LL_ATON_Set_User_Output_Buffer_wide(uint32_t num, void *buffer,
                                                             uint32_t size)
{
    if ((uintptr_t)buffer % 32 != 0) {
        return LL_ATON_User_IO_WRONG_ALIGN;
    }
    if (num > 0 || size < 32) {
        return LL_ATON_User_IO_WRONG_SIZE;
    }
    user_output = buffer;
    return LL_ATON_User_IO_NOERROR;
}

const EpochBlock_ItemTypeDef *LL_ATON_EpochBlockItems_wide(void)
{
    return wide_blocks;
}

const LL_Buffer_InfoTypeDef *LL_ATON_Input_Buffers_Info_wide(void)
{
    return wide_inputs;
}

const LL_Buffer_InfoTypeDef *LL_ATON_Output_Buffers_Info_wide(void)
{
    return wide_outputs;
}

/* ---- a registry of both ---- */

LL_ATON_DECLARE_NAMED_NN_INSTANCE_AND_INTERFACE(tiny)
LL_ATON_DECLARE_NAMED_NN_INSTANCE_AND_INTERFACE(wide)

static n6_block_t tiny_block[5] = {
    {300, 330, 1, 3, N6_EPOCH_KIND_EC, NULL},  {3, 4, 4, 4, N6_EPOCH_KIND_SW, "DequantizeLinear"},
    {0, 0, 5, 5, N6_EPOCH_KIND_SW, "Softmax"}, {0, 0, 6, 6, N6_EPOCH_KIND_HW, NULL},
    {0, 0, 7, 7, N6_EPOCH_KIND_EC, NULL},
};
static const n6_block_t wide_block[3] = {
    {0, 0, 1, 1, N6_EPOCH_KIND_HYBRID, NULL},
    {0, 0, 1, 1, N6_EPOCH_KIND_EXTRA, NULL},
    {0, 0, 2, 2, N6_EPOCH_KIND_SW, NULL},
};
static n6_tensor_t tiny_in[1], tiny_out[1], wide_in[2], wide_out[1];
static int32_t wide_zero_points[3];

/* Weights, and RAM with initial content; main() sets the addresses and calls the tests. */
static const uint8_t initial[4] = {1, 2, 3, 4};
static const uint8_t stored[88] __attribute__((aligned(64))) = {40, [64] = 2};
static n6_aton_part_t parts[2] = {{0, 64, 0, NULL}, {0, sizeof initial, 0, initial}};

const n6_aton_network_t n6_aton_registry[] = {
    {.instance = &NN_Instance_tiny,
     .name = "tiny",
     .epochs = 7,
     .blocks = TINY_BLOCKS,
     .inputs = 1,
     .outputs = 1,
     .input = tiny_in,
     .output = tiny_out,
     .block = tiny_block},
    {.instance = &NN_Instance_wide,
     .name = "wide",
     .check_input = stored,
     .check_bytes = sizeof stored,
     .check_digest = 7,
     .check_known = 1,
     .part = parts,
     .parts = 2,
     .epochs = 2,
     .blocks = 3,
     .zero_points = 3,
     .inputs = 2,
     .outputs = 1,
     .input = wide_in,
     .output = wide_out,
     .block = wide_block,
     .zero_point = wide_zero_points},
};
n6_network_t n6_aton_description[2];
const uint16_t n6_aton_networks = 2;

/* ---- observers ---- */

static uint64_t ticks;
static uint32_t cleaned, forgotten, past_npu;
static char order[16]; /* order of the calls */

static uint64_t now(void *context)
{
    (void)context;
    return ticks += 10;
}

static void note(char call)
{
    size_t length = strlen(order);
    if (length < sizeof order - 1) {
        order[length] = call;
    }
}

void LL_ATON_Cache_MCU_Clean_Range(uintptr_t at, uint32_t size)
{
    (void)at;
    cleaned += size;
    note('c');
}

void LL_ATON_Cache_MCU_Clean_Invalidate_Range(uintptr_t at, uint32_t size)
{
    (void)at;
    forgotten += size;
    note('f');
}

void LL_ATON_Cache_NPU_Clean_Invalidate_Range(uintptr_t at, uint32_t size)
{
    (void)at;
    past_npu += size;
    note('n');
}

static n6_aton_t aton = {.now = now, .limit = 100000};
static n6_npu_t npu;

/* Runs to the end. Returns the number of steps that had to wait, or the negative status. */
static int run(uint16_t network, const void *input, n6_block_time_t *times)
{
    int waited = 0, status = npu.start(npu.context, network, input, times);
    while (status >= 0) {
        status = npu.step(npu.context);
        if (status == N6_NPU_DONE) {
            return waited;
        }
        waited += status == N6_NPU_WAITING;
    }
    return status;
}

static void test_description(void)
{
    const n6_network_t *tiny = &npu.network[0], *wide = &npu.network[1];

    CHECK(npu.networks == 2 && npu.features == (N6_FEATURE_ZERO_COPY | N6_FEATURE_CHECK));
    CHECK(strcmp(tiny->name, "tiny") == 0 && tiny->epochs == 7 && tiny->blocks == 5);
    CHECK(tiny->input_bytes == 192 && tiny->output_bytes == 128);
    CHECK(tiny->timer_source == N6_TIMER_SOURCE_DWT_CYCLES);
    CHECK(tiny->input[0].dtype == N6_DTYPE_UINT8 && tiny->input[0].ndim == 4);
    CHECK(tiny->input[0].shape[1] == 8 && tiny->input[0].shape[3] == 3);
    CHECK(tiny->input[0].scale == 0.5f && tiny->input[0].channels == 0);
    CHECK(tiny->output[0].dtype == N6_DTYPE_FLOAT32 && tiny->output[0].scale == 0.0f);

    CHECK(tiny->block == tiny_block); /* as in the registry */
    CHECK(wide->block[1].kind == N6_EPOCH_KIND_EXTRA);
    CHECK(wide->input[0].offset == 0 && wide->input[0].size == 35);
    CHECK(wide->input[1].offset == 64 && wide->input_bytes == 88);
    CHECK(tiny->check_input == NULL && wide->check_input == stored);
    CHECK(wide->check_known == 1 && wide->check_digest == 7);
    CHECK(strcmp(wide->input[1].name, "b") == 0 && wide->input[1].dtype == N6_DTYPE_UINT8);
    CHECK(wide->output[0].channels == 3 && wide->output[0].axis == 1);
    CHECK(wide->output[0].scales[2] == 0.125f && wide->output[0].zero_points[0] == -128);
}

static void test_run(void)
{
    static uint8_t slot[192];
    n6_block_time_t times[5];

    for (int i = 0; i < 192; i++) {
        slot[i] = (uint8_t)(i * 3);
    }
    cleaned = forgotten = past_npu = 0;
    memset(order, 0, sizeof order);
    stub_aton_latency = 2;
    uint64_t begin = ticks;
    CHECK(run(0, slot, times) == 9); /* three blocks wait: once at the start, and twice later */
    const float *out = npu.output(npu.context, 0);
    for (int i = 0; i < 32; i++) {
        CHECK(out[i] == (float)(uint8_t)(i * 3) * 0.5f);
    }
    CHECK(cleaned == 192 && forgotten == 2 * 128);
    /*
     * On a host, addresses are usually in the range of a board's external memory. The cache lines
     * of the input that the last run left in the NPU's cache are invalidated too.
     */
    if ((uintptr_t)out >= 0x60000000u && (uintptr_t)slot >= 0x60000000u) {
        CHECK(past_npu == 2 * cleaned + forgotten);
        CHECK(strcmp(order, "ncnnfnf") == 0);
    } else {
        CHECK(past_npu == 0 && strcmp(order, "cff") == 0);
    }
    for (int i = 0; i < 5; i++) {
        CHECK(times[i].start > begin && times[i].start < ticks);
        CHECK(times[i].pre == 10 && times[i].post == 10);
        CHECK(i == 0 || times[i].start > times[i - 1].start);
    }
    CHECK(times[1].core == 10); /* ended in the call that started it */
    CHECK(times[0].core == 40); /* three readings of the clock while it waited */
    CHECK(run(0, slot, NULL) == 9);
}

static void test_zero_copy_and_inserted_blocks(void)
{
    static uint8_t slot[96] __attribute__((aligned(32)));
    n6_block_time_t times[3];

    memset(slot, 1, sizeof slot);
    memset(slot + 64, 41, 24);
    inserted = 0;
    stub_aton_latency = 0;
    CHECK(run(1, slot, times) >= 0);
    CHECK(user_input[0] == slot && user_input[1] == slot + 64);
    CHECK(inserted == 2 && results[0] == 42 && results[23] == 42);
    CHECK(times[0].pre == 30 &&
          times[0].post == 30); /* its own, and those of both inserted blocks */
    CHECK(times[1].pre == 10 && times[2].post == 10);
    CHECK(npu.start(npu.context, 1, slot + 1, NULL) == -(N6_ATON_INPUT + 1)); /* alignment */
}

static void test_stop(void)
{
    static uint8_t slot[192];

    stub_aton_latency = 5;
    CHECK(npu.start(npu.context, 0, slot, NULL) == 0);
    CHECK(npu.step(npu.context) == N6_NPU_WAITING);
    npu.stop(npu.context);
    CHECK(!NN_Instance_tiny.exec_state.current_epoch_block_started);
    npu.stop(npu.context); /* no wait between blocks */
    CHECK(run(0, slot, NULL) == 18);
}

static void test_hang(void)
{
    static uint8_t slot[192];

    stub_aton_latency = UINT32_MAX;
    CHECK(run(0, slot, NULL) == -N6_ATON_HUNG);
    npu.stop(npu.context);
    stub_aton_latency = 0;
    CHECK(npu.start(npu.context, 1, slot, NULL) == -N6_ATON_HUNG); /* until a restart */
    aton.hung = 0;
}

/* A replacement for a CRC: sufficient to distinguish contents. */
static uint32_t sum(uint32_t crc, const void *data, size_t size)
{
    for (const uint8_t *at = data; size > 0; size--) {
        crc = crc * 31u + *at++;
    }
    return crc;
}

static uint8_t flash[64], ram[4];

static void test_weights(void)
{
    static uint8_t slot[192] __attribute__((aligned(32)));
    uint16_t failed;

    stub_aton_latency = 0;
    CHECK(npu.network[0].state == 0 && npu.network[1].state == 0 && !npu.network[1].reason);
    memset(ram, 0, sizeof ram);
    CHECK(run(1, slot, NULL) >= 0 && memcmp(ram, initial, sizeof ram) == 0);
    flash[63] ^= 1;
    CHECK(n6_aton_init(&aton, &npu, &failed) == 0 &&
          npu.network[1].state == N6_NETWORK_STATE_WEIGHTS_STALE);
    CHECK(npu.network[1].reason != NULL && npu.network[0].reason == NULL);
    CHECK(run(0, slot, NULL) >= 0); /* the other network can run */
    memset(flash, 0xFF, sizeof flash);
    CHECK(n6_aton_init(&aton, &npu, &failed) == 0 &&
          npu.network[1].state == N6_NETWORK_STATE_WEIGHTS_MISSING);
    aton.crc32 = NULL; /* no comparison */
    CHECK(n6_aton_init(&aton, &npu, &failed) == 0 && npu.network[1].state == 0);
}

int main(void)
{
    uint16_t failed;

    for (uint8_t i = 0; i < sizeof flash; i++) {
        flash[i] = i;
    }
    parts[0].address = (uintptr_t)flash;
    parts[0].crc = sum(0, flash, sizeof flash);
    parts[1].address = (uintptr_t)ram;
    aton.crc32 = sum;
    int status = n6_aton_init(&aton, &npu, &failed);

    if (TINY_BLOCKS != 5) {
        CHECK(status == -N6_ATON_MISMATCH && failed == 0);
    } else {
        CHECK(status == 0 && aton.output_bytes == 64);
        aton.output = results;
        test_description();
        test_run();
        test_zero_copy_and_inserted_blocks();
        test_stop();
        test_hang();
        test_weights();
    }
    printf("%d failures\n", failures);
    return failures != 0;
}
