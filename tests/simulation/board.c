/*
 * board.c - a board for the simulator: the core, and small networks whose results show whether every byte arrived.
 *
 * Time is an argument of sim_turn(), in microseconds, which are the ticks of the board's clock. The first eight bytes of an
 * input are its tag: the simulator gives every inference another one, and the board remembers the tag of every run. A tag
 * whose highest byte is STEP_FAILS or START_FAILS makes the run fail.
 */
#include <stdlib.h>
#include <string.h>

#include "n6_server.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum {
    MAX_BUFFERS = 4,
    MAX_BLOCKS = 8,
    MAX_STARTS = 1 << 16,
    TX_SIZE = 8192,
    GUARD = 64, /* bytes after each buffer that nobody may change */
    GUARD_BYTE = 0xA5,
    LARGEST = 110592,
    MAX_CHUNK_WORDS = MAX_BUFFERS * (int)N6_SERVER_CHUNK_WORDS(LARGEST),
    TURNS = 100000,
    STEP_FAILS = 0xEE,
    START_FAILS = 0xEF,
    FAILURE = 5,
};

/* ---- networks ---- */

#define TENSOR(label, type, bytes, ...)                                                            \
    .name = (label), .dtype = (type), .size = (bytes), .scale = 0.5F, .shape = {__VA_ARGS__}

static const n6_tensor_t tiny_in = {TENSOR("in", N6_DTYPE_INT8, 64, 1, 64), .ndim = 2};
static const n6_tensor_t tiny_out = {TENSOR("out", N6_DTYPE_INT8, 32, 1, 32), .ndim = 2};
static const n6_tensor_t fold_in = {TENSOR("in", N6_DTYPE_INT8, 4096, 1, 4096), .ndim = 2};
static const n6_tensor_t fold_out = {TENSOR("out", N6_DTYPE_INT8, 1024, 1, 1024), .ndim = 2};
static const n6_tensor_t heat_in[] = {
    {TENSOR("left", N6_DTYPE_INT8, 1728, 1, 24, 24, 3), .ndim = 4},
    {TENSOR("right", N6_DTYPE_INT16, 600, 1, 300), .ndim = 2, .offset = 1728},
};
static const n6_tensor_t heat_out[] = {
    {TENSOR("map", N6_DTYPE_INT8, 1872, 1, 12, 12, 13), .ndim = 4},
    {TENSOR("row", N6_DTYPE_INT16, 320, 1, 160), .ndim = 2},
};
static const n6_tensor_t large_in = {TENSOR("in", N6_DTYPE_INT8, LARGEST, 1, LARGEST), .ndim = 2};
static const n6_tensor_t large_out = {TENSOR("out", N6_DTYPE_INT8, LARGEST / 4, 1, LARGEST / 4),
                                      .ndim = 2};
static const n6_block_t block[MAX_BLOCKS] = {
    {.kind = N6_EPOCH_KIND_HW, .operation = "Conv2D"},
    {.kind = N6_EPOCH_KIND_EC, .operation = "Add", .first = 1, .last = 1},
    {.kind = N6_EPOCH_KIND_SW, .operation = "Softmax", .first = 2, .last = 2},
    {.kind = N6_EPOCH_KIND_HW, .operation = "Conv2D", .first = 3, .last = 3},
    {.kind = N6_EPOCH_KIND_HYBRID, .operation = "Resize", .first = 4, .last = 4},
};

#define NETWORK(title, in, ins, in_bytes, out, outs, out_bytes, steps)                             \
    {.name = (title),                                                                              \
     .inputs = (ins),                                                                              \
     .outputs = (outs),                                                                            \
     .timer_source = N6_TIMER_SOURCE_DWT_CYCLES,                                                   \
     .blocks = (steps),                                                                            \
     .epochs = (steps),                                                                            \
     .digest = 0x51u + (steps),                                                                    \
     .input_bytes = (in_bytes),                                                                    \
     .output_bytes = (out_bytes),                                                                  \
     .input = (in),                                                                                \
     .output = (out),                                                                              \
     .block = block}

static const n6_network_t network[] = {
    NETWORK("tiny", &tiny_in, 1, 64, &tiny_out, 1, 32, 1),
    NETWORK("fold", &fold_in, 1, 4096, &fold_out, 1, 1024, 3),
    NETWORK("heat", heat_in, 2, 2328, heat_out, 2, 2192, 5),
    NETWORK("large", &large_in, 1, LARGEST, &large_out, 1, LARGEST / 4, 2),
};
static const uint32_t least_us[] = {300, 2000, 5000, 18000};

/* What a network makes of its inputs; each input byte is in some output byte. */
void sim_compute(uint32_t index, const uint8_t *in, uint8_t *out)
{
    const uint32_t inputs = network[index].input_bytes;
    const uint32_t outputs = network[index].output_bytes;
    uint32_t at[4];

    for (uint32_t k = 0; k < COUNT(at); k++) {
        at[k] = k * inputs / 4;
    }
    for (uint32_t i = 0; i < outputs; i++) {
        out[i] = (uint8_t)(7 * i + in[at[0]] + 3u * in[at[1]] + 5u * in[at[2]] + 9u * in[at[3]]);
        for (uint32_t k = 0; k < COUNT(at); k++) {
            at[k] = at[k] + 1 == inputs ? 0 : at[k] + 1;
        }
    }
}

/* ---- the board ---- */

typedef struct {
    uint64_t tag;
    uint64_t network;
} sim_start_t;

typedef struct {
    uint32_t window;
    uint32_t chunk;
    uint32_t buffers;  /* input slots, and results */
    uint32_t networks; /* the first ones of the table */
    uint32_t features;
    uint32_t baud;
    uint32_t uart; /* the host may change the rate, which is baud at first */
    uint64_t boot_nonce;
} sim_options_t;

typedef struct {
    uint64_t due;     /* microseconds until the next turn, if nothing comes before */
    uint32_t taken;   /* bytes of the input that the core has taken */
    uint32_t made;    /* bytes to send */
    uint32_t restart; /* the host has asked for one */
    uint32_t baud;    /* rate from now on */
} sim_turn_t;

typedef struct {
    n6_server_t server;
    n6_config_t config;
    n6_port_t port;
    n6_npu_t npu;
    uint64_t now;
    uint64_t begun;
    uint64_t block_us;
    n6_block_time_t *timed;
    const uint8_t *input;
    uint32_t running; /* network */
    uint32_t step;
    uint32_t baud;
    uint32_t starts;
    bool on_line; /* bytes are leaving */
    bool restart;
    bool at_work;
    bool fails;
    uint8_t wrong; /* changes the first byte of all outputs */
    uint32_t slow; /* how many times longer a run takes */
    uint8_t *slot[MAX_BUFFERS];
    uint8_t *result[MAX_BUFFERS];
    uint8_t *parts;
    uint32_t chunks[MAX_CHUNK_WORDS];
    n6_block_time_t times[MAX_BLOCKS];
    n6_block_sums_t sums[COUNT(network) * MAX_BLOCKS];
    uint8_t tx[TX_SIZE];
    uint8_t output[LARGEST / 4];
    sim_start_t start[MAX_STARTS];
} sim_board_t;

static uint64_t now(void *context)
{
    return ((sim_board_t *)context)->now;
}

static void info(void *context, n6_info_reply_t *reply)
{
    memcpy(reply->board, "simulated", sizeof "simulated");
    reply->baud = ((sim_board_t *)context)->baud;
    reply->cpu_hz = 800000000;
}

static void restart(void *context)
{
    ((sim_board_t *)context)->restart = true;
}

static bool set_rate(void *context, uint32_t baud)
{
    sim_board_t *b = context;

    if (!b->on_line) {
        b->baud = baud;
    }
    return !b->on_line;
}

static int start(void *context, uint16_t index, const void *input, n6_block_time_t *times)
{
    sim_board_t *b = context;
    uint64_t tag;

    memcpy(&tag, input, sizeof tag);
    if (b->starts == MAX_STARTS) {
        abort();
    }
    b->start[b->starts++] = (sim_start_t){tag, index};
    if (tag >> 56 == START_FAILS) {
        return -FAILURE;
    }
    const uint64_t spread = (tag * UINT64_C(0x9E3779B97F4A7C15)) >> 58;
    b->block_us = b->slow * (least_us[index] * (64 + spread) / 64 / network[index].blocks);
    b->fails = tag >> 56 == STEP_FAILS;
    b->at_work = true;
    b->running = index;
    b->begun = b->now;
    b->step = 0;
    b->input = input;
    b->timed = times;
    return 0;
}

static int step(void *context)
{
    sim_board_t *b = context;
    const uint64_t since = b->begun + b->step * b->block_us;

    if (b->now < since + b->block_us) {
        return N6_NPU_WAITING;
    }
    if (b->timed) {
        b->timed[b->step] = (n6_block_time_t){since, 1, b->block_us - 2, 1};
    }
    if (++b->step < network[b->running].blocks && !b->fails) {
        return N6_NPU_RUNNING;
    }
    b->at_work = false;
    if (b->fails) {
        return -FAILURE;
    }
    sim_compute(b->running, b->input, b->output);
    b->output[0] ^= b->wrong;
    n6_server_log(&b->server, N6_LOG_LEVEL_DEBUG, network[b->running].name);
    return N6_NPU_DONE;
}

static void stop(void *context)
{
    ((sim_board_t *)context)->at_work = false;
}

static const void *output(void *context, uint8_t index)
{
    const sim_board_t *b = context;
    return b->output + (index == 1 ? network[b->running].output[0].size : 0);
}

static uint8_t *reserve(uint32_t size)
{
    uint8_t *memory = aligned_alloc(32, (size + GUARD + 31) / 32 * 32);

    if (!memory) {
        abort();
    }
    memset(memory, 0, size);
    memset(memory + size, GUARD_BYTE, GUARD);
    return memory;
}

static bool guarded(const uint8_t *memory, uint32_t size)
{
    for (uint32_t i = 0; i < GUARD; i++) {
        if (memory[size + i] != GUARD_BYTE) {
            return false;
        }
    }
    return true;
}

/* NULL when the core refuses the options. */
sim_board_t *sim_open(const sim_options_t *options)
{
    sim_board_t *b = calloc(1, sizeof *b);
    uint32_t slot_size = options->chunk;
    uint32_t result_size = N6_LIMIT_MAX_CONTROL;

    if (!b || options->buffers > MAX_BUFFERS || options->networks > COUNT(network)) {
        abort();
    }
    for (uint32_t i = 0; i < options->networks; i++) {
        const uint32_t result = (uint32_t)N6_SERVER_RESULT_SIZE(
            network[i].output_bytes, network[i].outputs, network[i].blocks);
        slot_size = network[i].input_bytes > slot_size ? network[i].input_bytes : slot_size;
        result_size = result > result_size ? result : result_size;
    }
    for (uint32_t i = 0; i < options->buffers; i++) {
        b->slot[i] = reserve(slot_size);
        b->result[i] = reserve(result_size);
    }
    b->parts = reserve(slot_size);
    b->baud = options->baud;
    b->slow = 1;
    b->port = (n6_port_t){
        .context = b,
        .tick_hz = 1000000,
        .now = now,
        .info = info,
        .restart = restart,
        .build = "simulated",
        .firmware = "0",
        .runtime = "arithmetic",
        .boot_nonce = options->boot_nonce,
    };
    if (options->uart) {
        b->port.set_rate = set_rate;
        b->port.uart_hz = 200000000;
        b->port.baud = options->baud;
        b->port.fastest_baud = 12500000;
    }
    b->npu = (n6_npu_t){
        .context = b,
        .network = network,
        .networks = (uint16_t)options->networks,
        .features = options->features,
        .start = start,
        .step = step,
        .stop = stop,
        .output = output,
    };
    b->config = (n6_config_t){
        .port = &b->port,
        .npu = &b->npu,
        .slot = b->slot,
        .slots = (uint8_t)options->buffers,
        .slot_size = slot_size,
        .chunks = b->chunks,
        .parts = b->parts,
        .parts_size = slot_size,
        .result = b->result,
        .results = (uint8_t)options->buffers,
        .result_size = result_size,
        .times = b->times,
        .max_blocks = MAX_BLOCKS,
        .sums = b->sums,
        .total_blocks = COUNT(b->sums),
        .tx = b->tx,
        .tx_size = sizeof b->tx,
        .window = options->window,
        .chunk = (uint16_t)options->chunk,
    };
    return n6_server_init(&b->server, &b->config) == 0 ? b : NULL;
}

void sim_close(sim_board_t *b)
{
    for (uint32_t i = 0; i < b->config.slots; i++) {
        free(b->slot[i]);
        free(b->result[i]);
    }
    free(b->parts);
    free(b);
}

void sim_relink(sim_board_t *b)
{
    n6_server_relink(&b->server);
}

static uint64_t due(const sim_board_t *b)
{
    const uint64_t ends = b->begun + (b->step + 1) * b->block_us;
    const uint64_t npu = !b->at_work ? UINT64_MAX : ends > b->now ? ends - b->now : 0;
    const uint64_t core = n6_server_due(&b->server);
    return npu < core ? npu : core;
}

/*
 * What the board's main loop does at a time: takes bytes, works, and gives bytes, until it would sleep. busy: earlier bytes
 * are still leaving.
 */
void sim_turn(sim_board_t *b, uint64_t time, const uint8_t *in, uint32_t size, uint8_t *out,
              uint32_t room, uint32_t busy, sim_turn_t *turn)
{
    uint32_t moved;
    int state;
    int turns = 0;

    b->now = time;
    b->on_line = busy;
    *turn = (sim_turn_t){0};
    do {
        const uint32_t taken = n6_server_feed(&b->server, in + turn->taken, size - turn->taken);
        state = n6_server_poll(&b->server);
        const uint32_t made = n6_server_drain(&b->server, out + turn->made, room - turn->made);
        turn->taken += taken;
        turn->made += made;
        moved = taken + made;
        b->on_line = b->on_line || made > 0;
    } while ((moved > 0 || state == N6_SERVER_BUSY) && ++turns < TURNS);
    turn->due = due(b);
    turn->restart = b->restart;
    turn->baud = b->baud;
}

/* The runs since the board was opened; returns their number. */
uint32_t sim_starts(const sim_board_t *b, const sim_start_t **starts)
{
    *starts = b->start;
    return b->starts;
}

/* Whether a run has started and not ended. */
bool sim_at_work(const sim_board_t *b)
{
    return b->at_work;
}

/* Whether nothing was written after the end of a buffer. */
/* From now on its outputs are wrong, and its runs take longer. */
void sim_spoil(sim_board_t *b, uint32_t wrong, uint32_t slow)
{
    b->wrong = (uint8_t)wrong;
    b->slow = slow;
}

bool sim_intact(const sim_board_t *b)
{
    for (uint32_t i = 0; i < b->config.slots; i++) {
        if (!guarded(b->parts, b->config.parts_size) || !guarded(b->slot[i], b->config.slot_size) ||
            !guarded(b->result[i], b->config.result_size)) {
            return false;
        }
    }
    return true;
}
