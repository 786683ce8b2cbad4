/*
 * n6_config.h - the memory that a port passes to the core, its limits, and the check of both.
 *
 * The core does not allocate memory. Input slots receive uploads, result buffers store outputs
 * until the host has them, and the send queue stores control frames. Macros compute the sizes.
 */
#ifndef N6_CONFIG_H
#define N6_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "n6_npu.h"
#include "n6_port.h"
#include "n6_protocol.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Sizes of the arrays in n6_server_t. */
enum {
    N6_SERVER_MAX_SLOTS = 8,
    N6_SERVER_MAX_RESULTS = 8,
    N6_SERVER_MAX_NETWORKS = 32,
    N6_SERVER_MAX_QUEUE = 8,    /* jobs that wait or run */
    N6_SERVER_MAX_RETURNS = 32, /* Return records of the whole queue */
    N6_SERVER_MAX_SENDS = 16,   /* results, parts of results and repairs in the list of n6_send.h */
    N6_SERVER_MAX_OUTPUTS = 32, /* outputs of a network: their ResultRecords fit a control frame */
};

/*
 * In addition to its bytes, an input slot requires a bit and a CRC-32 for each chunk. The host may
 * select any chunk size down to MIN_CHUNK. In words:
 */
#define N6_SERVER_CHUNKS(size) (((size) + N6_LIMIT_MIN_CHUNK - 1u) / N6_LIMIT_MIN_CHUNK)
#define N6_SERVER_BITMAP_WORDS(size) ((N6_SERVER_CHUNKS(size) + 31u) / 32u)
#define N6_SERVER_CHUNK_WORDS(size) (N6_SERVER_BITMAP_WORDS(size) + N6_SERVER_CHUNKS(size))

/* Size of a result buffer for all outputs of a network and its epoch timers. */
#define N6_SERVER_RESULT_SIZE(output_bytes, outputs, blocks)                                       \
    (sizeof(n6_result_t) + (output_bytes) + (outputs) * (sizeof(n6_result_record_t) + 4u) +        \
     (blocks) * sizeof(n6_epoch_time_t) + 4u)

/* Statistics of one epoch block, in ticks of the device clock, in the format of EPOCH_STATS. */
typedef struct {
    uint64_t pre; /* sums of the three phases over all runs */
    uint64_t core;
    uint64_t post;
    uint32_t min; /* shortest and longest run of the block */
    uint32_t max;
} n6_block_sums_t;

/*
 * All buffers are aligned to 32 bytes, a cache line of the Cortex-M55, and are used as long as the
 * core.
 */
typedef struct {
    const n6_port_t *port;
    const n6_npu_t *npu;

    /* Maximum bytes of a chunk: a power of two, MIN_CHUNK..MAX_CHUNK, at most window. */
    uint16_t chunk;
    uint8_t slots;   /* 2..N6_SERVER_MAX_SLOTS */
    uint8_t results; /* 2..N6_SERVER_MAX_RESULTS */
    /*
     * DATA bytes that the port can store while the core is not called: its receive buffer. At most
     * MAX_WINDOW.
     */
    uint32_t window;

    uint8_t **slot;     /* input slots */
    uint32_t slot_size; /* bytes of each; at least the largest input_bytes */
    uint32_t *chunks;   /* slots * N6_SERVER_CHUNK_WORDS(slot_size) words */

    /*
     * Stores the bytes of an upload with parts while they are decoded into their slot; at most
     * slot_size, and less than 64 MB. NULL = uploads cannot have parts. A runtime that forwards does
     * not use the memory.
     */
    uint8_t *parts;
    uint32_t parts_size; /* its bytes; hosts learn the number of whole KB */

    uint8_t **result;     /* result buffers, for outputs and epoch timers */
    uint32_t result_size; /* bytes of each; see N6_SERVER_RESULT_SIZE */

    uint8_t *tx;      /* queue of control frames to send */
    uint32_t tx_size; /* its bytes: at least 4 * (MAX_CONTROL + 16) */

    n6_block_time_t *times; /* one per epoch block of the largest network; NULL = not measured */
    n6_block_sums_t *sums;  /* one per epoch block of all networks; NULL = none */
    uint32_t total_blocks;  /* number of entries of sums */
    uint16_t max_blocks;    /* number of entries of times */

    /*
     * For several cores of one board: totals of all their networks, MAX_NETWORKS entries each, that
     * they share like sums. The second is the number of runs with block times. NULL = one core.
     */
    n6_network_stats_t *totals;
    uint32_t *timed;
} n6_config_t;

/* Why n6_config_check() refuses a configuration. */
enum {
    N6_SERVER_BAD_PORT = -1,     /* a required function or rate is missing */
    N6_SERVER_BAD_NETWORKS = -2, /* more than MAX_NETWORKS, or a description is incomplete */
    N6_SERVER_BAD_CHUNK = -3,    /* not a power of two in the limits, or larger than the window */
    N6_SERVER_BAD_SLOTS = -4,    /* fewer than 2, more than MAX_SLOTS, or smaller than an input */
    N6_SERVER_BAD_RESULTS = -5,  /* the same for result buffers; see N6_SERVER_RESULT_SIZE */
    N6_SERVER_BAD_TIMES = -6,    /* fewer than the epoch blocks of a network, or of all networks */
    N6_SERVER_BAD_TX = -7,       /* smaller than 4 * (MAX_CONTROL + 16) */
    N6_SERVER_BAD_PARTS = -8,    /* memory for parts that is larger than a slot or than 64 MB */
};

/* 0, or the first of these reasons that applies. */
int n6_config_check(const n6_config_t *config);

#ifdef __cplusplus
}
#endif

#endif
