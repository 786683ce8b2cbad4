/*
 * main.c - the firmware of a board: memory for the core, the port, and the loop.
 *
 * There are two kinds of memory. Small tables and the send queue are on chip next to the image.
 * Pairs of an input slot and a result buffer are in external memory if the board has it, otherwise
 * also on chip: at least two pairs, up to MAX_PAIRS if there is enough memory. Their sizes are
 * those of the largest network, which are known after the runtime has described the networks. The
 * memory for uploads with parts is next to them.
 *
 * The loop moves bytes and polls the core, which executes one step of the NPU at a time, so that
 * the link works while a network runs. If a pass has moved no bytes and the core is idle, the CPU
 * waits for an event: a byte, the end of a transmission, the NPU, or the next millisecond. The
 * watchdog is fed only here: an epoch block that occupies the CPU for longer than BOARD_WATCHDOG_MS
 * is a failure. If the NPU does not finish a block, this is reported after HUNG_S, and a restart is
 * necessary. If the registry has a stored input and the digest of correct outputs for a network,
 * this network is run once before: if the NPU computes other outputs, this is reported in the line
 * of the runtime, and the network can be used.
 *
 * If the firmware cannot start, the reason is sent as plain text on the link, every second. If the
 * watchdog or a fault has ended the last start, this is sent too, and the same steps are not tried
 * again until the board is switched off. Hosts show the text as a log line.
 */
#include <string.h>

#include "board.h"
#include "ll_aton.h"
#include "n6_crc.h"
#include "n6_server.h"

enum {
    MAX_PAIRS = 4,
    MAX_PARTS = 128 * 1024, /* bytes of an upload with parts: a QOI picture of 256 x 256 pixels */
    ALIGN = 64,             /* the NPU's cache line, and twice the CPU's */
    SEND_QUEUE = 8192,
    HUNG_S = 5,
    RUNTIME_TEXT = 240,
};

typedef struct {
    uint8_t *next;
    size_t left;
    size_t total;
} arena_t;

static n6_server_t server;
static n6_port_t port;
static n6_config_t config;
static n6_npu_t npu;
static n6_aton_t aton;
static arena_t inner, outer;
static uint8_t *slots[MAX_PAIRS], *results[MAX_PAIRS];
static char runtime[RUNTIME_TEXT];
static uint32_t unlike; /* bit i: the outputs of network i differ from the digest in the registry */

/* ---- refusal ---- */

/* number is sent too, if it is not negative. */
_Noreturn static void refuse(const char *what, int32_t number)
{
    char text[BOARD_FAULT_TEXT + 2] = {0};

    board_stage(NULL); /* the watchdog is fed from here on; later resets are not of this start */
    const char *room = text + sizeof text - 3;
    char *end =
        number < 0 ? text_put(text, room, what) : text_number(text, room, what, (size_t)number);

    end = text_put(end, text + sizeof text, "\r\n");
    for (uint64_t next = 0;;) {
        uint8_t ignored[64];
        watchdog_feed();
        (void)link_read(ignored, sizeof ignored);
        if (clock_now() >= next) {
            next = clock_now() + clock_hz();
            (void)link_write((const uint8_t *)text, (size_t)(end - text));
        }
        clock_wait();
    }
}

/* ---- memory ---- */

static arena_t arena(uint8_t *from, size_t size)
{
    size_t skip = (size_t)(-(uintptr_t)from % ALIGN);
    arena_t made = {from + skip, size > skip ? size - skip : 0, size};
    return made;
}

static size_t rounded(size_t size)
{
    return (size + ALIGN - 1u) / ALIGN * ALIGN;
}

static void *take(arena_t *from, size_t size)
{
    void *at = from->next;

    size = rounded(size);
    if (size > from->left) {
        refuse("the networks do not fit into memory, bytes missing: ",
               (int32_t)(size - from->left));
    }
    from->next += size;
    from->left -= size;
    return at;
}

/*
 * Memory for uploads with parts, as far as it leaves room for two pairs. Less is useful too: a JPEG
 * picture has a tenth of the size of its input.
 */
static void give_parts(arena_t *from)
{
    const size_t pairs = 2 * ((size_t)config.slot_size + config.result_size);
    size_t size = config.slot_size < MAX_PARTS ? config.slot_size : MAX_PARTS;

    if (from->left < pairs + size) {
        size = from->left > pairs ? from->left - pairs : 0;
    }
    size = size / 1024 * 1024;
    config.parts = size != 0 ? take(from, size) : NULL;
    config.parts_size = (uint32_t)size;
}

static void give_memory(void)
{
    size_t size;
    size_t slot = link_chunk();
    size_t result = N6_LIMIT_MAX_CONTROL;

    uint8_t *chip = board_inner_memory(&size);
    inner = arena(chip, size);
    uint8_t *external = board_outer_memory(&size);
    arena_t *big = external != NULL ? &outer : &inner;
    if (external != NULL) {
        outer = arena(external, size);
    }

    for (uint16_t i = 0; i < npu.networks; i++) {
        const n6_network_t *network = &npu.network[i];
        size_t need =
            N6_SERVER_RESULT_SIZE(network->output_bytes, network->outputs, network->blocks);
        slot = network->input_bytes > slot ? network->input_bytes : slot;
        result = need > result ? need : result;
        config.max_blocks =
            network->blocks > config.max_blocks ? network->blocks : config.max_blocks;
        config.total_blocks += network->blocks;
    }
    config.chunk = link_chunk();
    config.window = link_window();
    config.slot_size = (uint32_t)rounded(slot);
    config.result_size = (uint32_t)rounded(result);
    config.times = take(&inner, config.max_blocks * sizeof *config.times);
    config.sums = take(&inner, config.total_blocks * sizeof *config.sums);
    config.tx_size = SEND_QUEUE;
    config.tx = take(&inner, config.tx_size);
    config.chunks =
        take(&inner, MAX_PAIRS * sizeof *config.chunks * N6_SERVER_CHUNK_WORDS(config.slot_size));
    aton.output = aton.output_bytes != 0 ? take(big, aton.output_bytes) : NULL;
    give_parts(big);
    uint8_t pairs = 0;
    while (pairs < 2 || (pairs < MAX_PAIRS && big->left >= config.slot_size + config.result_size)) {
        slots[pairs] = take(big, config.slot_size);
        results[pairs] = take(big, config.result_size);
        pairs++;
    }
    config.slot = slots;
    config.result = results;
    config.slots = config.results = pairs;
}

/* ---- check ---- */

/*
 * Runs a network with its stored input. Returns whether the outputs have the digest of the
 * registry.
 */
static int gives_known_outputs(uint16_t index)
{
    const n6_network_t *network = &npu.network[index];
    uint32_t digest = 0;

    if (npu.start(npu.context, index, network->check_input, NULL) < 0) {
        return 0;
    }
    for (int status = N6_NPU_RUNNING; status != N6_NPU_DONE;) {
        status = npu.step(npu.context);
        if (status < 0) {
            return 0;
        }
        if (status == N6_NPU_WAITING) {
            clock_wait();
        }
    }
    for (uint8_t i = 0; i < network->outputs; i++) {
        digest = aton.crc32(digest, npu.output(npu.context, i), network->output[i].size);
    }
    return digest == network->check_digest;
}

static void check_networks(void)
{
    char stage[BOARD_STAGE_TEXT] = {0};

    for (uint16_t i = 0; i < npu.networks; i++) {
        const n6_network_t *network = &npu.network[i];
        if (!network->check_known || network->state != N6_NETWORK_STATE_READY) {
            continue;
        }
        (void)text_put(text_put(stage, stage + sizeof stage - 1, "check of "),
                       stage + sizeof stage - 1, network->name);
        board_stage(stage);
        if (!gives_known_outputs(i)) {
            unlike |= 1u << i;
        }
    }
}

/* ---- port ---- */

static uint64_t now(void *context)
{
    (void)context;
    return clock_now();
}

static void info(void *context, n6_info_reply_t *reply)
{
    (void)context;
    bringup_info(reply);
    reply->ram_total = board_ram_total() + (uint32_t)outer.total;
    reply->ram_free = (uint32_t)(inner.left + outer.left);
}

static size_t memory(void *context, char *text, size_t size)
{
    char *at = text;
    const char *end = text + size;

    (void)context;
    at = text_number(at, end, "AXISRAM1 ", board_ram_total() - inner.left);
    at = text_number(at, end, " ", board_ram_total());
    if (outer.total != 0) {
        at = text_number(at, end, "\nPSRAM ", outer.total - outer.left);
        at = text_number(at, end, " ", outer.total);
    }
    return (size_t)(at - text);
}

static void restart(void *context)
{
    (void)context;
    board_restart();
}

static bool set_rate(void *context, uint32_t baud)
{
    (void)context;
    return link_set_baud(baud) != 0;
}

static void describe_runtime(void)
{
    char *at = runtime;
    const char *end = runtime + sizeof runtime - 1;

    at = text_put(at, end, "LL_ATON " LL_ATON_VERSION_NAME);
    if (bringup_remark() != NULL) {
        at = text_put(text_put(at, end, "; "), end, bringup_remark());
    }
    for (uint16_t i = 0; i < npu.networks; i++) {
        if (npu.network[i].reason != NULL) {
            at = text_put(text_put(at, end, "; "), end, npu.network[i].name);
            at = text_put(text_put(at, end, ": "), end, npu.network[i].reason);
        }
        if (unlike & 1u << i) {
            at = text_put(text_put(at, end, "; "), end, npu.network[i].name);
            at = text_put(at, end, ": not the outputs that a checked board gives");
        }
    }
    if (!clock_sleeps()) {
        (void)text_put(at, end, "; the CPU does not sleep, its cycle counter would stop");
    }
}

static void make_port(void)
{
    describe_runtime();
    (void)board_reset_cause(&port.fault_record);
    port.tick_hz = clock_hz();
    port.now = now;
    port.info = info;
    port.memory = memory;
    port.restart = restart;
    if (link_clock() != 0) {
        port.set_rate = set_rate;
        port.uart_hz = link_clock();
        port.baud = link_baud();
        port.fastest_baud = link_clock() / 16;
    }
    port.crc32 = aton.crc32 == crc_unit ? crc_unit : NULL;
    port.build = N6_BUILD;
    port.firmware = N6_FIRMWARE;
    port.runtime = runtime;
    port.boot_nonce = bringup_nonce();
    bringup_unique_id(port.unique_id);
}

/* ---- loop ---- */

static size_t move_bytes(void)
{
    uint8_t *to = NULL;
    const uint8_t *from = NULL;
    size_t size;
    size_t count;
    size_t moved = 0;

    while ((size = n6_server_rx_space(&server, &to)) > 0 && (count = link_read(to, size)) > 0) {
        n6_server_rx_done(&server, count);
        moved += count;
    }
    while ((size = n6_server_tx_peek(&server, &from)) > 0 && (count = link_write(from, size)) > 0) {
        n6_server_tx_done(&server, count);
        moved += count;
    }
    return moved;
}

/* Once: an inference has failed, and a host that reads logs gets the reason. */
static void report_hung(void)
{
    static uint8_t reported;
    char text[BOARD_FAULT_TEXT] = {0};
    const char *end = text + sizeof text - 1;

    if (reported || !aton.hung) {
        return;
    }
    reported = 1;
    char *at = text_number(text, end, "the NPU did not end epoch block ", aton.block);
    at = text_put(text_put(at, end, " of "), end, npu.network[aton.running].name);
    (void)text_put(at, end, "; restart the board");
    n6_server_log(&server, N6_LOG_LEVEL_ERROR, text);
}

int main(void)
{
    const char *failure = bringup_clocks();

    clock_init();
    board_stage("link");
    if (link_init() != 0) {
        board_fault("the link does not start");
    }
    if (failure == NULL) {
        failure = board_start_failed();
    }
    if (failure == NULL) {
        failure = bringup();
    }
    if (failure != NULL) {
        refuse(failure, -1);
    }
    board_stage("network runtime");

    uint16_t network = 0;
    aton.now = now;
    aton.limit = clock_hz() * HUNG_S;
    aton.crc32 = crc_init() ? crc_unit : n6_crc32;
    int status = n6_aton_init(&aton, &npu, &network);
    if (status != 0) {
        refuse(status == -N6_ATON_MISMATCH ? "build again, the registry is of another network: "
               : status == -N6_ATON_UNSUPPORTED ? "element type or rank not supported, network "
                                                : "network runtime: ",
               network);
    }
    give_memory();
    check_networks();
    make_port();
    config.port = &port;
    config.npu = &npu;
    status = n6_server_init(&server, &config);
    if (status != 0) {
        refuse("the core refuses its configuration: ", -status);
    }

    board_stage(NULL);
    watchdog_start(BOARD_WATCHDOG_MS);
    for (;;) {
        if (link_reopened()) {
            n6_server_relink(&server);
        }
        size_t moved = move_bytes();
        int state = n6_server_poll(&server);
        report_hung();
        moved += move_bytes();
        watchdog_feed();
        if (moved == 0 && state != N6_SERVER_BUSY) {
            clock_wait();
        }
    }
}
