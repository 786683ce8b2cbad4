/*
 * board.c - the port for the core, and its memory. See board.h.
 */
#include "board.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "crc.h"
#include "report.h"

enum {
    RESULTS = 4,
    WINDOW = 256 * 1024,     /* bytes that the sockets of both ends store */
    UART_WINDOW = 32 * 1024, /* bytes before a frame on a slow line delay it */
    UART_HZ = 200000000,     /* as on the STM32N6 */
    TX = 64 * 1024,
    MARGIN = 64 * 1024,          /* bytes of a result buffer for selected rows and several views */
    MAX_PARTS = 8 * 1024 * 1024, /* bytes of an upload with parts */
    ALIGNMENT = 64,
};

/* ---- the port ---- */

static uint64_t monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * N6_LITERT_TICK_HZ + (uint64_t)now.tv_nsec;
}

uint64_t n6_board_now(const n6_board_t *board)
{
    return monotonic() - atomic_load_explicit(&board->boot, memory_order_relaxed);
}

void n6_board_wake(const n6_board_t *board)
{
    ssize_t written = write(board->wake[1], "", 1);
    (void)written; /* a full pipe ends the sleep as well */
}

static uint64_t now(void *context)
{
    return n6_board_now(context);
}

static void wake(void *context)
{
    n6_board_wake(context);
}

static void log_fault(void *context, const char *text)
{
    n6_board_t *board = context;
    n6_server_log(&board->server, N6_LOG_LEVEL_ERROR, text);
}

static void info(void *context, n6_info_reply_t *reply)
{
    const n6_board_t *board = context;
    if (board->recorded) {
        *reply = *n6_recorded_device(board->recorded).info;
        reply->head = sizeof(*reply);
        reply->baud = board->baud;
        return;
    }
    memcpy(reply->board, "n6sim (host)", sizeof("n6sim (host)"));
    reply->baud = board->baud;
    reply->ram_total = board->reserved + board->weights;
    reply->temperature_dc = N6_LIMIT_NO_TEMPERATURE;
    reply->reset_cause = board->reset_cause;
}

static size_t memory(void *context, char *text, size_t size)
{
    const n6_board_t *board = context;
    const n6_config_t *config = &board->config;
    if (board->recorded) {
        int copied = snprintf(text, size, "%s", n6_recorded_device(board->recorded).memory);
        return copied < 0 ? 0 : (size_t)copied < size ? (size_t)copied : size;
    }
    unsigned long slots = (unsigned long)config->slots * config->slot_size;
    unsigned long results = (unsigned long)config->results * config->result_size;
    unsigned long weights = board->weights;
    int length = snprintf(text, size, "slots %lu %lu\nresults %lu %lu\nnetworks %lu %lu\n", slots,
                          slots, results, results, weights, weights);
    return length < 0 ? 0 : (size_t)length < size ? (size_t)length : size;
}

static void restart(void *context)
{
    n6_board_t *board = context;
    board->restart = true;
}

/* The main loop has sent all bytes that it has taken from the core. */
static bool set_rate(void *context, uint32_t baud)
{
    n6_board_t *board = context;
    board->baud = baud;
    return true;
}

static uint32_t first_baud(const n6_options_t *options)
{
    return options->uart ? options->uart : options->baud;
}

/* ---- memory ---- */

static void *reserve(n6_board_t *board, size_t size)
{
    void *memory_ = NULL;
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (posix_memalign(&memory_, ALIGNMENT, size ? size : ALIGNMENT)) {
        n6_report_failure("not enough memory for %zu bytes", size);
    }
    memset(memory_, 0, size);
    board->reserved += (uint32_t)size;
    return memory_;
}

static uint8_t **reserve_all(n6_board_t *board, uint8_t count, uint32_t size)
{
    uint8_t **buffers = reserve(board, count * sizeof(*buffers));
    for (size_t i = 0; i < count; i++) {
        buffers[i] = reserve(board, size);
    }
    return buffers;
}

static void plan_memory(n6_board_t *board)
{
    n6_config_t *config = &board->config;
    uint32_t slot_size = board->options->chunk;
    uint32_t result_size = 0;
    for (size_t i = 0; i < board->npu.networks; i++) {
        const n6_network_t *network = &board->npu.network[i];
        uint32_t result = network->output_bytes + 4u * network->outputs +
                          network->blocks * (uint32_t)sizeof(n6_epoch_time_t);
        slot_size = network->input_bytes > slot_size ? network->input_bytes : slot_size;
        result_size = result > result_size ? result : result_size;
        config->max_blocks =
            network->blocks > config->max_blocks ? network->blocks : config->max_blocks;
        config->total_blocks += network->blocks;
        for (size_t j = 0; j < network->pools; j++) {
            board->weights += network->pool[j].weights;
        }
    }
    config->slots = (uint8_t)board->options->slots;
    config->slot_size = slot_size;
    config->slot = reserve_all(board, config->slots, slot_size);
    config->parts_size = slot_size < MAX_PARTS ? slot_size : MAX_PARTS;
    config->parts = reserve(board, config->parts_size);
    config->chunk = (uint16_t)board->options->chunk;
    config->chunks =
        reserve(board, sizeof(uint32_t) * config->slots * N6_SERVER_CHUNK_WORDS(slot_size));
    config->results = RESULTS;
    config->result_size = result_size + MARGIN;
    config->result = reserve_all(board, RESULTS, config->result_size);
    config->times = reserve(board, config->max_blocks * sizeof(*config->times));
    config->sums = reserve(board, config->total_blocks * sizeof(*config->sums));
    config->tx = reserve(board, TX);
    config->tx_size = TX;
    config->window = first_baud(board->options) > 0 ? UART_WINDOW : WINDOW;
}

static void free_memory(const n6_config_t *config)
{
    for (size_t i = 0; i < config->slots; i++) {
        free(config->slot[i]);
    }
    for (size_t i = 0; i < config->results; i++) {
        free(config->result[i]);
    }
    free(config->slot);
    free(config->parts);
    free(config->result);
    free(config->chunks);
    free(config->times);
    free(config->sums);
    free(config->tx);
}

/* ---- lives ---- */

static void boot(n6_board_t *board, uint8_t cause)
{
    if (getentropy(&board->port.boot_nonce, sizeof(board->port.boot_nonce))) {
        n6_report_failure("the system gives no random numbers");
    }
    board->restart = false;
    board->baud = first_baud(board->options);
    board->reset_cause = cause;
    atomic_store_explicit(&board->boot, monotonic(), memory_order_relaxed);
    int status = n6_server_init(&board->server, &board->config);
    if (status) {
        n6_report_failure("the core refuses its configuration (status %d)", status);
    }
}

static n6_port_t make_port(n6_board_t *board, const char *runtime)
{
    n6_port_t port = {
        .context = board,
        .tick_hz = N6_LITERT_TICK_HZ,
        .now = now,
        .info = info,
        .memory = memory,
        .restart = restart,
        .crc32 = n6_crc32_accelerated(),
        .build = N6_BUILD,
        .firmware = N6_FIRMWARE,
        .runtime = runtime,
    };
    if (board->options->uart) {
        port.set_rate = set_rate;
        port.uart_hz = UART_HZ;
        port.baud = board->options->uart;
        port.fastest_baud = N6_UART_FASTEST;
    }
    memcpy(port.unique_id, board->options->id, strlen(board->options->id));
    return port;
}

static void start_core(n6_board_t *board, n6_npu_t npu, n6_port_t port)
{
    board->npu = npu;
    board->port = port;
    board->config = (n6_config_t){.port = &board->port, .npu = &board->npu};
    plan_memory(board);
    boot(board, N6_RESET_CAUSE_POWER_ON);
}

static void log_replay(void *context, const char *text)
{
    n6_board_t *board = context;
    n6_server_log(&board->server, N6_LOG_LEVEL_WARNING, text);
}

static void open_replay(n6_board_t *board)
{
    char text[256];
    const n6_recorded_config_t config = {
        .now = now,
        .restart = restart,
        .log = log_replay,
        .context = board,
        .speed = board->options->speed,
    };
    board->recorded = n6_recorded_open(board->options->replay, &config, text, sizeof(text));
    if (!board->recorded) {
        n6_report_failure("--replay %s", text);
    }
    const n6_recorded_device_t device = n6_recorded_device(board->recorded);
    n6_port_t port = make_port(board, device.runtime);
    port.build = device.build;
    port.firmware = device.info->firmware;
    memcpy(port.unique_id, device.unique_id, sizeof(port.unique_id));
    start_core(board, n6_recorded_npu(board->recorded), port);
}

n6_board_t *n6_board_open(const n6_options_t *options)
{
    n6_board_t *board = calloc(1, sizeof(*board));
    if (!board || pipe(board->wake)) {
        n6_report_failure("not enough memory for a board");
    }
    for (size_t i = 0; i < 2; i++) {
        fcntl(board->wake[i], F_SETFL, O_NONBLOCK);
        fcntl(board->wake[i], F_SETFD, FD_CLOEXEC);
    }
    board->options = options;
    atomic_store_explicit(&board->boot, monotonic(), memory_order_relaxed);
    if (options->replay) {
        open_replay(board);
        return board;
    }
    n6_runtimes_open(&board->runtimes, options,
                     &(n6_litert_config_t){
                         .library = options->litert,
                         .python = options->python,
                         .script = options->interpreter,
                         .client = options->end == N6_END_FD ? options->number : -1,
                         .verbose = options->verbose,
                         .now = now,
                         .wake = wake,
                         .log = log_fault,
                         .context = board,
                     });
    start_core(board, n6_runtimes_npu(&board->runtimes),
               make_port(board, board->runtimes.litert ? "LiteRT with XNNPACK, on the host"
                                                       : "reference, on the host"));
    return board;
}

bool n6_board_restart(n6_board_t *board)
{
    if (!board->restart) {
        return false;
    }
    if (board->runtimes.active || board->recorded) {
        board->npu.stop(board->npu.context);
    }
    boot(board, N6_RESET_CAUSE_SOFTWARE);
    return true;
}

uint64_t n6_board_due(const n6_board_t *board)
{
    return board->recorded ? n6_recorded_due(board->recorded) : UINT64_MAX;
}

void n6_board_close(n6_board_t *board)
{
    if (board->recorded) {
        const n6_recorded_counts_t counts = n6_recorded_counts(board->recorded);
        n6_report_replayed(&counts);
        n6_recorded_close(board->recorded);
    } else {
        n6_runtimes_close(&board->runtimes);
    }
    free_memory(&board->config);
    close(board->wake[0]);
    close(board->wake[1]);
    free(board);
}
