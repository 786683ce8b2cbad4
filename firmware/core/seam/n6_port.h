/*
 * n6_port.h - what the core asks of a board. One half of the whole seam; the other is n6_npu.h.
 *
 * A port owns the byte stream and the memory. Its main loop is
 *
 *     n6_server_init(&server, &config);
 *     for (;;) {
 *         while ((size = n6_server_rx_space(&server, &at)) > 0 && (got = my_read(at, size)) > 0)
 *             n6_server_rx_done(&server, got);
 *         state = n6_server_poll(&server);
 *         while ((size = n6_server_tx_peek(&server, &from)) > 0 &&
 *                (sent = my_write(from, size)) > 0)
 *             n6_server_tx_done(&server, sent);
 *         if (state == N6_SERVER_IDLE)
 *             my_sleep_until_interrupt();
 *     }
 *
 * rx_space() points into an input slot while tensor bytes arrive: reading there (or pointing the
 * DMA there) makes the upload zero-copy. Nothing of the core may be called from an interrupt.
 */
#ifndef N6_PORT_H
#define N6_PORT_H

#include <stddef.h>
#include <stdint.h>

#include "n6_npu.h"
#include "n6_protocol.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    void *context;
    uint64_t tick_hz;
    /* The device clock: monotonic, 64 bits, never wraps. */
    uint64_t (*now)(void *context);
    /* Fills what the port knows of board, unique_id, clocks, baud, memory, temperature,
     * reset_cause. The rest is 0. */
    void (*info)(void *context, n6_info_reply_t *info);
    /* Writes FieldTag.MEMORY text, one "name used total" line a region; returns its length. NULL =
     * none. */
    size_t (*memory)(void *context, char *text, size_t size);
    /* Restarts the device. Called when the answer to RESET has left. NULL = not possible. */
    void (*restart)(void *context);
    /* zlib's crc32(crc, data, size), by hardware. NULL = the core's own. */
    uint32_t (*crc32)(uint32_t crc, const void *data, size_t size);
    const char *build;        /* build id */
    const char *firmware;     /* version */
    const char *runtime;      /* name and version of the network runtime, or NULL */
    const char *fault_record; /* text of the last hard fault, or NULL */
    uint64_t boot_nonce;      /* random, drawn at start-up */
} n6_port_t;

/* Statistics of one epoch block, kept by the core, in memory that the port gives. */
typedef struct {
    uint64_t pre;
    uint64_t core;
    uint64_t post;
    uint32_t min;
    uint32_t max;
} n6_block_sums_t;

/* Memory, all of it given by the port. Buffers are aligned to 32 bytes. */
typedef struct {
    const n6_port_t *port;
    const n6_npu_t *npu;

    uint8_t **slot; /* input slots: at least as large as the largest input_bytes */
    uint8_t slots;  /* 2..N6_SERVER_MAX_SLOTS */
    uint32_t slot_size;
    uint32_t *chunks; /* slots * N6_SERVER_CHUNK_WORDS(slot_size, chunk) words */

    uint8_t **result; /* result buffers: outputs and epoch timers are staged here */
    uint8_t results;  /* 2..N6_SERVER_MAX_RESULTS */
    uint32_t result_size;

    n6_block_time_t *times; /* one for each epoch block of the largest network */
    uint16_t max_blocks;
    n6_block_sums_t *sums; /* one for each epoch block of all networks together */
    uint32_t total_blocks;

    uint8_t *tx; /* queue of control frames to send: at least 4 * (MAX_CONTROL + 16) */
    uint32_t tx_size;

    uint32_t
        window; /* DATA bytes the port can take while the core does not look: its receive buffer */
    uint16_t chunk; /* chunk size: a power of two, MIN_CHUNK..MAX_CHUNK */
} n6_config_t;

#ifdef __cplusplus
}
#endif

#endif
