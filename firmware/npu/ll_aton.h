/*
 * ll_aton.h - networks of ST Edge AI Core on the Neural-ART NPU, as an n6_npu_t.
 *
 * The networks are in a registry: C that `n6link firmware registry` writes from the generated
 * folders. It declares an instance of every network, reserves the memory of its description, and
 * contains the data that the compiled network does not have: its name, its card, its memory pools,
 * and its epochs from the reports. All other data are read from the network at start-up.
 */
#ifndef N6_LL_ATON_H
#define N6_LL_ATON_H

#include "ll_aton_version.h"

/*
 * Runtimes of ST Edge AI Core up to 2.1 (LL_ATON 1.1.0) have one header for both users and the
 * compiler.
 */
#define N6_ATON_VERSION                                                                            \
    (LL_ATON_VERSION_MAJOR * 10000 + LL_ATON_VERSION_MINOR * 100 + LL_ATON_VERSION_MICRO)
#if N6_ATON_VERSION < 10100
#error "LL_ATON 1.1.0 or later is needed: generate with ST Edge AI Core 2.1 or later"
#elif N6_ATON_VERSION >= 10101
#include "ll_aton_rt_user_api.h"
#else
#include "ll_aton_runtime.h"
#endif

#include "n6_npu.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Memory content that a network requires. */
typedef struct {
    uintptr_t address;
    uint32_t size;
    uint32_t crc; /* zlib's CRC-32 */
    const uint8_t
        *content; /* copied to the address before each run; NULL: it is programmed, and compared */
} n6_aton_part_t;

/*
 * One network of the registry. Its blocks have the names of the generator's reports. n6_aton_init()
 * fills in its tensors.
 */
typedef struct {
    NN_Instance_TypeDef *instance;
    const char *name;
    const char *card;
    uint16_t card_bytes;
    uint16_t epochs; /* without the return marker at the end */
    uint32_t digest;
    const n6_pool_t *pool;
    const uint8_t *check_input; /* input of CHECK, as in an input slot; NULL = none */
    uint32_t check_bytes;
    uint32_t check_digest; /* CRC-32 of the outputs for it, */
    uint8_t check_known;   /* whether a board has confirmed them */
    uint16_t blocks;
    uint16_t zero_points; /* of all inputs and outputs that are quantised per channel */
    const n6_aton_part_t *part;
    uint8_t parts;
    uint8_t pools;
    uint8_t inputs;
    uint8_t outputs;
    n6_tensor_t *input;
    n6_tensor_t *output;
    const n6_block_t *block;
    int32_t *zero_point;
} n6_aton_network_t;

/* The registry. description has as many entries as network. */
extern const n6_aton_network_t n6_aton_registry[];
extern n6_network_t n6_aton_description[];
extern const uint16_t n6_aton_networks;

/*
 * Reason of a failed start() or step(): the value of NPU_FAULT, and, negative, the result of
 * n6_aton_init().
 */
enum {
    N6_ATON_MISMATCH =
        1, /* the compiled network does not have the tables from which the registry was written */
    N6_ATON_UNSUPPORTED = 2, /* a type or number of dimensions that the protocol does not have */
    N6_ATON_HUNG = 4,        /* an epoch block did not end in time; a restart is necessary */
    N6_ATON_OUTPUT = 32,     /* + LL_ATON_User_IO_Result_t: the runtime refused an output buffer */
    N6_ATON_INPUT = 16,      /* + LL_ATON_User_IO_Result_t: the runtime refused the input buffer */
};

typedef struct {
    uint64_t (*now)(void *context);
    void *context;
    uint64_t limit; /* ticks after which an epoch block is considered hung */
    /* Compares weights; NULL: they are not compared. */
    uint32_t (*crc32)(uint32_t crc, const void *data, size_t size);

    /*
     * For outputs that their networks do not allocate. After n6_aton_init() the port sets output to
     * output_bytes of memory, aligned to 64 bytes.
     */
    uint32_t output_bytes;
    uint8_t *output;

    uint16_t running;
    uint16_t block;
    uint8_t waiting;
    uint8_t hung;
    n6_block_time_t *times;
    uint64_t phase;
} n6_aton_t;

/*
 * Starts the runtime and describes all networks of the registry. `aton` contains now, context and
 * limit. Returns 0 or a negative value; then *failed is the index of the network. There is one NPU:
 * call it once.
 */
int n6_aton_init(n6_aton_t *aton, n6_npu_t *npu, uint16_t *failed);

#ifdef __cplusplus
}
#endif

#endif
