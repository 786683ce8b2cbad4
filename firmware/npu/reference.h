/*
 * reference.h - a small int8 network runtime in plain C: the NPU of boards without an NPU.
 *
 * It runs on every machine that can run the core (host, emulated Cortex-M55, a bare board) and
 * computes the same bytes on all of them, so that all parts of the protocol can be used without an
 * NPU. Two networks are built in:
 *
 *   reference         image int8 [1,48,48,3] -> heatmaps int8 [1,12,12,6]. One heatmap per marker
 *                     colour (red, green, blue, yellow, cyan, magenta), with its peak at the
 *                     marker. Its card makes it a pose network.
 *   reference_colour  image int8 [1,16,16,3], prior int8 [1,7] -> probabilities int8 [1,7], class
 *                     int32 [1]. The colour of an image; the prior is the caller's expectation,
 *                     as logits.
 *
 * The networks are constructed, not trained, by reference_networks.py. reference_weights.py
 * compiles them into reference_weights.h.
 *
 * Use:
 *
 *     static n6_reference_t reference;
 *     n6_reference_init(&reference, my_now, my_context, N6_TIMER_SOURCE_HOST_CLOCK);
 *     n6_npu_t npu = n6_reference_npu(&reference);
 *
 * An epoch block consists of consecutive layers, and one step() is one block. Its kind is what an
 * NPU compiler would select for such layers: HW for one convolution, EC for several in sequence, SW
 * for layers that fall back to the CPU. All of them run on the CPU here, therefore the runtime
 * announces N6_FEATURE_SIMULATED. The times are measured, with the same phases as in ST's runtime:
 *
 *     pre    HW and EC: writing the first layer's input with its border
 *     core   HW and EC: the layers
 *     post   SW: the layers
 *
 * CHECK runs a network with squares of colours, of which the definition of the networks gives the
 * digest of the outputs (tests/test_reference.py).
 */
#ifndef N6_REFERENCE_H
#define N6_REFERENCE_H

#include "n6_npu.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    N6_REFERENCE_NETWORKS = 2,
    N6_REFERENCE_POOLS = 2,
    N6_REFERENCE_MAX_BLOCKS = 8,    /* of one network */
    N6_REFERENCE_TOTAL_BLOCKS = 11, /* of all networks */
    N6_REFERENCE_MAX_INPUT = 6912,  /* largest input_bytes */
    N6_REFERENCE_MAX_OUTPUT = 864,  /* largest output_bytes */
    N6_REFERENCE_ARENA = 16384,     /* activations of one network */
    N6_REFERENCE_SCRATCH = 8192,    /* padded input of one layer */
    N6_REFERENCE_BAD_NETWORK = -1,  /* start(): no network has this index */
    N6_REFERENCE_NOT_STARTED = -2,  /* step(): no network is started */
};

/* State of the runtime. The members are private. */
typedef struct {
    uint64_t (*now)(void *context);
    void *now_context;
    n6_network_t network[N6_REFERENCE_NETWORKS];
    n6_pool_t pool[N6_REFERENCE_NETWORKS][N6_REFERENCE_POOLS];
    n6_block_time_t *times; /* of the running network; NULL = not measured */
    const int8_t *input;
    uint16_t current; /* running or finished network */
    uint16_t block;   /* its next block */
    uint8_t running;
    _Alignas(64) int8_t stored[N6_REFERENCE_MAX_INPUT]; /* input of CHECK, for each network */
    _Alignas(32) int8_t arena[N6_REFERENCE_ARENA];
    _Alignas(32) int8_t scratch[N6_REFERENCE_SCRATCH];
} n6_reference_t;

/*
 * now() is the device clock, the same as in n6_port_t. timer_source (n6_timer_source_t) is the unit
 * of its ticks. Returns 0.
 */
int n6_reference_init(n6_reference_t *self, uint64_t (*now)(void *context), void *context,
                      uint8_t timer_source);

/* The runtime for the core; valid as long as self. */
n6_npu_t n6_reference_npu(n6_reference_t *self);

#ifdef __cplusplus
}
#endif

#endif
