/*
 * n6_port.h - the interface of a board to the core. Together with n6_npu.h (the network runtime)
 * and n6_config.h (the memory) it is the complete interface of the core.
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
 * While tensor bytes arrive, rx_space() returns memory of an input slot: if the port reads into
 * this memory, or a DMA writes to it, the upload is not copied. No function of the core may be
 * called from an interrupt.
 */
#ifndef N6_PORT_H
#define N6_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "n6_protocol.h"
#include "n6_share.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Result of n6_server_poll() for the port's main loop. */
enum {
    N6_SERVER_IDLE = 0,    /* nothing to do until a byte arrives or leaves, or n6_server_due() */
    N6_SERVER_WAITING = 1, /* the NPU is running: sleep until its interrupt, or as for IDLE */
    N6_SERVER_BUSY = 2,    /* call poll() again immediately */
};

/* Functions and constants of a board. The core stores a pointer to it. */
typedef struct {
    void *context;    /* argument of each function */
    uint64_t tick_hz; /* ticks of now() per second; not 0 */
    /* The device clock in ticks: monotonic, 64 bits, never wraps. */
    uint64_t (*now)(void *context);
    /*
     * Fills the fields on board, clocks, voltage, baud, memory, temperature and reset_cause that
     * the port can determine. Other fields are 0, and temperature_dc is N6_LIMIT_NO_TEMPERATURE.
     */
    void (*info)(void *context, n6_info_reply_t *info);
    /*
     * Writes at most size bytes of FieldTag.MEMORY text, one line "name used total" per region.
     * Returns its length. NULL = no such text.
     */
    size_t (*memory)(void *context, char *text, size_t size);
    /* Restarts the device. Called after the answer to RESET was sent. NULL = not possible. */
    void (*restart)(void *context);
    /*
     * Sets the bit rate of the line, at once, for both directions: one that this port can set (see
     * uart_hz). Returns false, and changes nothing, while bytes that were taken from the core have
     * not yet left the line. NULL = the rate cannot be changed.
     */
    bool (*set_rate)(void *context, uint32_t baud);
    const n6_share_t *share; /* NULL = there is one client */
    /* zlib's crc32(crc, data, size), in hardware. NULL = the core's own function. */
    uint32_t (*crc32)(uint32_t crc, const void *data, size_t size);
    const char *build;        /* build id */
    const char *firmware;     /* version */
    const char *runtime;      /* name and version of the network runtime, or NULL */
    const char *fault_record; /* text of the last hard fault, or NULL */
    uint32_t uart_hz;      /* with set_rate: the clock that the UART divides by a whole number, */
    uint32_t baud;         /* the rate after a start, which is the slowest, */
    uint32_t fastest_baud; /* and the fastest */
    uint64_t boot_nonce;   /* random number, new at each start: hosts detect a restart by it */
    uint8_t unique_id[16]; /* unique id of the chip; all 0 = unknown */
} n6_port_t;

#ifdef __cplusplus
}
#endif

#endif
