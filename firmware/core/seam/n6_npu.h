/*
 * n6_npu.h - the interface of a network runtime to the core. n6_port.h is the interface of a board.
 *
 * A runtime has a table of networks and runs one of them at a time:
 *
 *     start(network, input, times) -> step() ... step() -> output(i)
 *
 * step() does a limited part of the work and returns: on a board one call of
 * LL_ATON_RT_RunEpochBlock, on the host a check of the worker thread. The core calls it alternately
 * with the link, so that uploads, logs and CANCEL continue while a network runs. Descriptions are
 * constant while the firmware runs. A runtime without these functions forwards inferences
 * (n6_forward.h).
 */
#ifndef N6_NPU_H
#define N6_NPU_H

#include <stddef.h>
#include <stdint.h>

#include "n6_forward.h"
#include "n6_protocol.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Per-tensor quantisation: real = (raw - zero_point) * scale; scale 0 = not quantised. */
typedef struct {
    const char *name;
    uint8_t dtype; /* n6_dtype_t */
    uint8_t ndim;
    uint16_t channels; /* entries of scales and zero_points; 0 = per tensor */
    uint32_t shape[N6_LIMIT_MAX_DIMS];
    uint32_t size;   /* bytes */
    uint32_t offset; /* inputs: offset in the input slot; a multiple of 32 */
    float scale;
    int32_t zero_point;
    uint32_t axis;
    const float *scales;
    const int32_t *zero_points;
} n6_tensor_t;

typedef struct {
    const char *name;
    uint32_t base;
    uint32_t total;
    uint32_t used;
    uint32_t weights;
    uint32_t activations;
} n6_pool_t;

typedef struct {
    uint64_t estimated_npu;
    uint64_t estimated_total;
    uint16_t first;
    uint16_t last;
    uint8_t kind;          /* n6_epoch_kind_t */
    const char *operation; /* NULL = not known */
} n6_block_t;

typedef struct {
    const char *name;
    const char *card;   /* TOML text, NULL = none */
    const char *reason; /* reason if it is not READY, else NULL */
    uint16_t card_bytes;
    uint8_t inputs;
    uint8_t outputs;
    uint8_t pools;
    uint8_t timer_source;  /* n6_timer_source_t */
    uint8_t state;         /* n6_network_state_t */
    uint8_t check_known;   /* check_digest is that of outputs that were found to be right */
    uint32_t check_digest; /* CRC-32 of all outputs for check_input */
    /* Input of CHECK, as in an input slot, aligned to 64 bytes; NULL = none. Not to be changed. */
    const void *check_input;
    uint16_t blocks;
    uint16_t epochs;
    uint32_t digest;
    uint32_t input_bytes;
    uint32_t output_bytes;
    const n6_tensor_t *input;
    const n6_tensor_t *output;
    const n6_pool_t *pool;
    const n6_block_t *block;
} n6_network_t;

/* Measured times of one epoch block, in ticks of the device clock. */
typedef struct {
    uint64_t start; /* device time */
    uint64_t pre;
    uint64_t core;
    uint64_t post;
} n6_block_time_t;

enum {
    N6_NPU_DONE = 0,    /* outputs are available */
    N6_NPU_RUNNING = 1, /* call step() again soon */
    N6_NPU_WAITING =
        2, /* hardware or a thread is running; the port may sleep until its interrupt */
    /* negative: the runtime has failed; ErrorReply.value is the absolute value */
};

typedef struct {
    void *context;
    const n6_network_t *network;
    uint16_t networks;
    uint32_t features; /* N6_FEATURE_SIMULATED, _ZERO_COPY, _CONSUMES_INPUT, _CHECK */

    /*
     * Starts a network with the input slot. Fills times[0..blocks) during the run, if times is not
     * NULL. Returns 0 or a negative value.
     */
    int (*start)(void *context, uint16_t network, const void *input, n6_block_time_t *times);
    /* N6_NPU_DONE, _RUNNING, _WAITING, or negative. */
    int (*step)(void *context);
    /*
     * Stops the running network. May wait for the end of the running epoch block. The core calls it
     * once, at CANCEL.
     */
    void (*stop)(void *context);
    /* Bytes of an output after N6_NPU_DONE, valid until the next start(). */
    const void *(*output)(void *context, uint8_t index);
    const n6_forward_t *forward; /* instead of the four functions; NULL = they run networks */
} n6_npu_t;

#ifdef __cplusplus
}
#endif

#endif
