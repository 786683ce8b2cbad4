/*
 * main.c - the firmware on QEMU's mps3-an547: the core, the reference NPU, and their memory.
 *
 * The window that the host may send in advance is half of the UART's ring; the other half is for
 * headers and control frames.
 */
#include <string.h>

#include "board.h"
#include "n6_server.h"
#include "reference.h"

enum {
    SLOTS = 3,
    RESULTS = 3,
    CHUNK = 1024,
    SLOT_SIZE = (N6_REFERENCE_MAX_INPUT + CHUNK - 1) / CHUNK * CHUNK,
    PARTS_SIZE = SLOT_SIZE, /* an encoded input is not larger than the input */
    RESULT_SIZE = 4096,     /* twice the size of all outputs, so that selected rows fit as well */
    TX_SIZE = 8192,
    WINDOW = N6_BOARD_UART_RING / 2,
    EXIT_CONFIGURATION = 78,
};

extern const uint8_t itcm_used[], itcm_total[], dtcm_used[],
    dtcm_total[]; /* the addresses of these symbols are the values */

static _Alignas(32) uint8_t slot_memory[SLOTS][SLOT_SIZE];
static _Alignas(32) uint8_t parts[PARTS_SIZE];
static _Alignas(32) uint8_t result_memory[RESULTS][RESULT_SIZE];
static uint8_t *slots[SLOTS];
static uint8_t *results[RESULTS];
static uint32_t chunks[SLOTS * N6_SERVER_CHUNK_WORDS(SLOT_SIZE)];
static n6_block_time_t times[N6_REFERENCE_MAX_BLOCKS];
static n6_block_sums_t sums[N6_REFERENCE_TOTAL_BLOCKS];
static uint8_t tx[TX_SIZE];

static n6_reference_t reference;
static n6_npu_t npu;
static n6_server_t server;

static uint64_t now(void *context)
{
    (void)context;
    return n6_clock_now();
}

static void info(void *context, n6_info_reply_t *reply)
{
    (void)context;
    static const uint8_t cause[] = {
        [N6_BOARD_RESET_POWER_ON] = N6_RESET_CAUSE_POWER_ON,
        [N6_BOARD_RESET_SOFTWARE] = N6_RESET_CAUSE_SOFTWARE,
        [N6_BOARD_RESET_FAULT] = N6_RESET_CAUSE_FAULT,
    };
    const char *fault = NULL;
    memcpy(reply->board, "QEMU mps3-an547", sizeof "QEMU mps3-an547");
    reply->cpu_hz = N6_BOARD_CLOCK_HZ;
    reply->ram_total = (uint32_t)(uintptr_t)dtcm_total;
    reply->ram_free = (uint32_t)((uintptr_t)dtcm_total - (uintptr_t)dtcm_used);
    reply->temperature_dc = N6_LIMIT_NO_TEMPERATURE;
    reply->reset_cause = cause[n6_board_reset_cause(&fault)];
    reply->timer_source = N6_TIMER_SOURCE_INSTRUCTION_COUNT;
}

/* Appends "name used total\n". Returns the new length. */
static size_t region(char *text, size_t length, size_t size, const char *name, uint32_t used,
                     uint32_t total)
{
    char line[40];
    char *at = line + sizeof line;
    *--at = '\n';
    for (int i = 0; i < 2; i++) {
        uint32_t number = i ? used : total;
        do {
            *--at = (char)('0' + number % 10);
            number /= 10;
        } while (number);
        *--at = ' ';
    }
    size_t name_size = strlen(name);
    size_t rest = (size_t)(line + sizeof line - at);
    if (name_size + rest > size - length) {
        return length;
    }
    memcpy(text + length, name, name_size);
    memcpy(text + length + name_size, at, rest);
    return length + name_size + rest;
}

static size_t memory(void *context, char *text, size_t size)
{
    (void)context;
    size_t length = 0;
    length = region(text, length, size, "ITCM", (uint32_t)(uintptr_t)itcm_used,
                    (uint32_t)(uintptr_t)itcm_total);
    length = region(text, length, size, "DTCM", (uint32_t)(uintptr_t)dtcm_used,
                    (uint32_t)(uintptr_t)dtcm_total);
    return region(text, length, size, "stack", n6_board_stack_used(), n6_board_stack_size());
}

static void restart(void *context)
{
    (void)context;
    n6_board_restart();
}

static bool set_rate(void *context, uint32_t baud)
{
    (void)context;
    return n6_uart_set_baud(baud) != 0;
}

/* Whether there is work for which no interrupt will follow. */
static int busy(void)
{
    uint8_t *at = NULL;
    const uint8_t *from = NULL;
    return (n6_uart_has_received() && n6_server_rx_space(&server, &at) > 0) ||
           (n6_uart_can_send() && n6_server_tx_peek(&server, &from) > 0);
}

static void receive(void)
{
    uint8_t *at = NULL;
    size_t size;
    size_t count;
    while ((size = n6_server_rx_space(&server, &at)) > 0 && (count = n6_uart_read(at, size)) > 0) {
        n6_server_rx_done(&server, count);
    }
}

static void transmit(void)
{
    const uint8_t *from = NULL;
    size_t size;
    size_t count;
    while ((size = n6_server_tx_peek(&server, &from)) > 0 &&
           (count = n6_uart_write(from, size)) > 0) {
        n6_server_tx_done(&server, count);
        n6_board_is_up();
    }
}

int main(void)
{
    n6_port_t port = {
        .tick_hz = N6_BOARD_CLOCK_HZ,
        .now = now,
        .info = info,
        .memory = memory,
        .restart = restart,
        .set_rate = set_rate,
        .uart_hz = N6_BOARD_UART_HZ,
        .baud = N6_BOARD_BAUD,
        .fastest_baud = N6_BOARD_UART_HZ / 16,
        .build = N6_BUILD,
        .firmware = N6_FIRMWARE,
        .runtime = "reference",
        .boot_nonce = n6_semihost_nonce(),
        .unique_id = "emulated",
    };
    n6_config_t config = {
        .port = &port,
        .npu = &npu,
        .slot = slots,
        .slots = SLOTS,
        .slot_size = SLOT_SIZE,
        .chunks = chunks,
        .parts = parts,
        .parts_size = PARTS_SIZE,
        .result = results,
        .results = RESULTS,
        .result_size = RESULT_SIZE,
        .times = times,
        .max_blocks = N6_REFERENCE_MAX_BLOCKS,
        .sums = sums,
        .total_blocks = N6_REFERENCE_TOTAL_BLOCKS,
        .tx = tx,
        .tx_size = TX_SIZE,
        .window = WINDOW,
        .chunk = CHUNK,
    };
    for (int i = 0; i < SLOTS; i++) {
        slots[i] = slot_memory[i];
    }
    for (int i = 0; i < RESULTS; i++) {
        results[i] = result_memory[i];
    }

    n6_clock_init();
    n6_uart_init();
    n6_board_reset_cause(&port.fault_record);
    n6_reference_init(&reference, now, NULL, N6_TIMER_SOURCE_INSTRUCTION_COUNT);
    npu = n6_reference_npu(&reference);
    if (n6_server_init(&server, &config) != 0) {
        return EXIT_CONFIGURATION;
    }
    for (;;) {
        receive();
        int state = n6_server_poll(&server);
        transmit();
        if (state != N6_SERVER_BUSY) {
            n6_clock_sleep(n6_server_due(&server), busy);
        }
    }
}
