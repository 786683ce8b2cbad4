#include "n6_rig.h"

enum {
    GUARD = 0xa5,
};

static const float scales[] = {0.5f, 0.25f, 0.125f};
static const int32_t zero_points[] = {1, -2, 3};

static const n6_tensor_t tiny_input = {
    .name = "in", .dtype = N6_DTYPE_INT8, .ndim = 1, .shape = {4}, .size = 4, .scale = 1.0f};
static const n6_tensor_t tiny_output = {
    .name = "out", .dtype = N6_DTYPE_INT8, .ndim = 1, .shape = {4}, .size = 4, .scale = 1.0f};
static const n6_block_t tiny_block = {.kind = N6_EPOCH_KIND_EC, .operation = "Add"};

static const n6_tensor_t image_inputs[] = {
    {.name = "image",
     .dtype = N6_DTYPE_UINT8,
     .ndim = 4,
     .shape = {1, 10, 30, 3},
     .size = 900,
     .channels = 3,
     .scales = scales,
     .zero_points = zero_points,
     .axis = 3},
    {.name = "bias",
     .dtype = N6_DTYPE_FLOAT32,
     .ndim = 1,
     .shape = {10},
     .size = 40,
     .offset = 960},
};
static const n6_tensor_t image_outputs[] = {
    {.name = "heat",
     .dtype = N6_DTYPE_INT8,
     .ndim = 3,
     .shape = {8, 8, 3},
     .size = 192,
     .scale = 0.5f,
     .zero_point = -7},
    {.name = "rows",
     .dtype = N6_DTYPE_FLOAT32,
     .ndim = 2,
     .shape = {5, 4},
     .size = 80,
     .channels = 2,
     .scales = scales + 1},
};
static const n6_pool_t image_pools[] = {
    {"npuRAM4", 0x34270000, 458752, 400, 0, 400},
    {"octoFlash", 0x70000000, 1 << 20, 3000, 3000, 0},
};
static const n6_block_t image_blocks[] = {
    {.first = 0,
     .last = 7,
     .kind = N6_EPOCH_KIND_EC,
     .operation = "Conv2D",
     .estimated_npu = 1000,
     .estimated_total = 1200},
    {.first = 8, .last = 8, .kind = N6_EPOCH_KIND_SW, .operation = "Resize"},
    {.first = 9, .last = 9, .kind = N6_EPOCH_KIND_HYBRID},
};

static const n6_network_t networks[RIG_NETWORKS] = {
    {.name = "tiny",
     .inputs = 1,
     .outputs = 1,
     .blocks = 1,
     .epochs = 1,
     .digest = 0x12345678,
     .input_bytes = 4,
     .output_bytes = 4,
     .input = &tiny_input,
     .output = &tiny_output,
     .block = &tiny_block},
    {.name = "an image network with a name that is too long",
     .card = "task = \"test\"\n",
     .card_bytes = 14,
     .inputs = 2,
     .outputs = 2,
     .pools = 2,
     .timer_source = N6_TIMER_SOURCE_DWT_CYCLES,
     .blocks = 3,
     .epochs = 10,
     .digest = 2,
     .input_bytes = RIG_IMAGE_BYTES,
     .output_bytes = 272,
     .input = image_inputs,
     .output = image_outputs,
     .pool = image_pools,
     .block = image_blocks},
};

/* ---- the port ---- */

static uint64_t port_now(void *context)
{
    return ((const rig_t *)context)->now;
}

static void port_info(void *context, n6_info_reply_t *info)
{
    (void)context;
    memcpy(info->board, "rig", 3);
    info->cpu_hz = 800000000;
    info->npu_hz = 1000000000;
    info->temperature_dc = 365;
    info->reset_cause = N6_RESET_CAUSE_WATCHDOG;
}

static size_t port_memory(void *context, char *text, size_t size)
{
    (void)context;
    (void)size;
    memcpy(text, "sram 1 2\n", 9);
    return 9;
}

static void port_restart(void *context)
{
    ((rig_t *)context)->restarts++;
}

static bool port_set_rate(void *context, uint32_t baud)
{
    rig_t *rig = context;

    if (rig->rate_busy > 0) {
        rig->rate_busy--;
        return false;
    }
    EQUAL(rig->line_size, rig->parsed); /* whole frames have left */
    rig->baud = baud;
    rig->rate_changes++;
    return true;
}

/* ---- the runtime ---- */

static int npu_start(void *context, uint16_t network, const void *input, n6_block_time_t *times)
{
    rig_t *rig = context;

    CHECK(!rig->busy);
    rig->starts++;
    if (rig->fail_start < 0) {
        return rig->fail_start;
    }
    rig->busy = true;
    rig->network = network;
    rig->input = input;
    rig->times = times;
    rig->left = rig->steps;
    return 0;
}

static int npu_step(void *context)
{
    rig_t *rig = context;
    const n6_network_t *network = &rig->npu.network[rig->network];
    size_t at = 0;

    CHECK(rig->busy);
    rig->now += rig->step_ticks;
    if (rig->left > 0) {
        rig->left--;
        return rig->step_state;
    }
    rig->busy = false;
    if (rig->fail_step < 0) {
        return rig->fail_step;
    }
    for (uint8_t i = 0; i < network->outputs; i++) {
        for (uint32_t j = 0; j < network->output[i].size; j++) {
            rig->output[i][j] = (uint8_t)(rig->input[at++] + 1);
        }
    }
    for (uint16_t i = 0; rig->times && i < network->blocks; i++) {
        rig->times[i] = (n6_block_time_t){rig->now + i - rig->early, 10u + i,
                                          100u * (uint64_t)rig->starts + i, 1};
    }
    return N6_NPU_DONE;
}

static void npu_stop(void *context)
{
    rig_t *rig = context;

    CHECK(rig->busy);
    rig->busy = false;
    rig->stops++;
}

static const void *npu_output(void *context, uint8_t index)
{
    rig_t *rig = context;

    CHECK(!rig->busy);
    return rig->output[index];
}

/* ---- the rig ---- */

static rig_t the_rig;

rig_t *rig_new(void)
{
    rig_t *rig = &the_rig;
    uint8_t *at = rig->memory + RIG_GUARD;

    memset(rig, 0, sizeof *rig);
    memset(rig->memory, GUARD, sizeof rig->memory);
    for (int i = 0; i < RIG_SLOTS; i++, at += RIG_SLOT_SIZE + RIG_GUARD) {
        rig->slot[i] = at;
    }
    for (int i = 0; i < RIG_RESULTS; i++, at += RIG_RESULT_SIZE + RIG_GUARD) {
        rig->result[i] = at;
    }
    rig->parts = at;
    rig->now = 1000;
    rig->read_size = rig->send_size = RIG_LINE;
    rig->step_state = N6_NPU_RUNNING;
    rig->next_id = 1;
    rig->port = (n6_port_t){
        .context = rig,
        .tick_hz = 1000000,
        .now = port_now,
        .info = port_info,
        .memory = port_memory,
        .restart = port_restart,
        .build = "golden",
        .firmware = "1.2.3",
        .boot_nonce = 0xdeadbeef,
    };
    rig->npu = (n6_npu_t){
        .context = rig,
        .network = networks,
        .networks = RIG_NETWORKS,
        .start = npu_start,
        .step = npu_step,
        .stop = npu_stop,
        .output = npu_output,
    };
    rig->config = (n6_config_t){
        .port = &rig->port,
        .npu = &rig->npu,
        .slot = rig->slot,
        .slots = RIG_SLOTS,
        .slot_size = RIG_SLOT_SIZE,
        .chunks = rig->chunks,
        .parts = rig->parts,
        .parts_size = RIG_PARTS_SIZE,
        .result = rig->result,
        .results = RIG_RESULTS,
        .result_size = RIG_RESULT_SIZE,
        .times = rig->time_memory,
        .max_blocks = RIG_BLOCKS,
        .sums = rig->sums,
        .total_blocks = RIG_BLOCKS,
        .tx = rig->tx,
        .tx_size = RIG_TX,
        .window = RIG_WINDOW,
        .chunk = RIG_CHUNK,
    };
    return rig;
}

rig_t *rig_start(void)
{
    rig_t *rig = rig_new();

    EQUAL(n6_server_init(&rig->server, &rig->config), 0);
    return rig;
}

rig_t *rig_session(void)
{
    rig_t *rig = rig_start();
    const n6_hello_t hello = rig_hello(7);

    (void)rig_open(rig, &hello);
    return rig;
}

void rig_rates(rig_t *rig)
{
    rig->baud = rig->port.baud = RIG_BAUD;
    rig->port.uart_hz = 200000000;
    rig->port.fastest_baud = 12500000;
    rig->port.set_rate = port_set_rate;
}

rig_t *rig_rate_session(void)
{
    rig_t *rig = rig_new();
    const n6_hello_t hello = rig_hello(7);

    rig_rates(rig);
    EQUAL(n6_server_init(&rig->server, &rig->config), 0);
    CHECK(rig_open(rig, &hello).features & N6_FEATURE_RATE);
    return rig;
}

n6_hello_t rig_hello(uint64_t nonce)
{
    return (n6_hello_t){
        .major = N6_VERSION_MAJOR,
        .schema = N6_SCHEMA_ID,
        .nonce = nonce,
        .head = sizeof(n6_hello_t),
        .max_chunk = N6_LIMIT_MAX_CHUNK,
        .window = 1 << 20,
    };
}

n6_hello_reply_t rig_open(rig_t *rig, const n6_hello_t *hello)
{
    const uint32_t id = 0xa0000000 + rig->next_id++;
    n6_hello_reply_t reply;

    rig_send(rig, N6_MESSAGE_TYPE_HELLO, id, hello, sizeof *hello);
    const rig_frame_t *frame = rig_take(rig, N6_MESSAGE_TYPE_HELLO, id);
    EQUAL(frame->flags, N6_FLAG_REPLY);
    CHECK(frame->length >= sizeof reply);
    memcpy(&reply, frame->payload, sizeof reply);
    EQUAL(reply.nonce, hello->nonce);
    CHECK(reply.flags & N6_HELLO_REPLY_FLAG_OPENED);
    rig->position = 0;
    rig_nothing(rig);
    return reply;
}

void rig_check_guards(const rig_t *rig)
{
    const uint8_t *at = rig->memory;

    for (int i = 0; i <= RIG_SLOTS + RIG_RESULTS + 1; i++) {
        for (int j = 0; j < RIG_GUARD; j++) {
            EQUAL(at[j], GUARD);
        }
        at += RIG_GUARD + (i < RIG_SLOTS                 ? RIG_SLOT_SIZE
                           : i < RIG_SLOTS + RIG_RESULTS ? RIG_RESULT_SIZE
                                                         : RIG_PARTS_SIZE);
    }
}

/* ---- the host's end ---- */

/* Everything that the device sends must be whole frames, each of them right. */
static void parse_line(rig_t *rig)
{
    while (rig->line_size - rig->parsed >= 12) {
        const uint8_t *at = rig->line + rig->parsed;
        const uint32_t length = rig_get16(at + 8);
        rig_frame_t *frame = &rig->frame[rig->frames];

        EQUAL(at[0], 'n');
        EQUAL(at[1], '6');
        EQUAL(rig_get16(at + 10), rig_crc16(at, 10));
        if (rig->line_size - rig->parsed < 12 + length + (length ? 4u : 0u)) {
            return;
        }
        if (length > 0) {
            EQUAL(rig_get32(at + 12 + length), rig_crc32(at + 12, length));
        }
        if (at[2] == N6_MESSAGE_TYPE_DATA) {
            EQUAL(rig_get16(at + 22), rig_crc16(at + 12, 10));
        }
        rig->parsed += 12 + length + (length ? 4u : 0u);
        if (rig->forgetful) {
            continue;
        }
        CHECK(rig->frames < RIG_FRAMES);
        *frame = (rig_frame_t){at[2], at[3], rig_get32(at + 4), (uint16_t)length, at + 12};
        rig->frames++;
    }
}

static void forget_line(rig_t *rig)
{
    memmove(rig->line, rig->line + rig->parsed, rig->line_size - rig->parsed);
    rig->line_size -= rig->parsed;
    rig->parsed = 0;
}

/* ---- the wires ---- */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t receive(rig_t *rig, const uint8_t *bytes, size_t size)
{
    n6_window_t window[N6_LINK_WINDOWS];
    size_t done = 0;
    size_t count = 1;

    size = smaller(size, rig->read_size);
    if (rig->vectors) {
        count = n6_server_rx_windows(&rig->server, window);
    } else {
        window[0].size = n6_server_rx_space(&rig->server, &window[0].at);
    }
    for (size_t i = 0; i < count; i++) {
        size_t part = smaller(size - done, window[i].size);
        if (part > 0) {
            memcpy(window[i].at, bytes + done, part);
        }
        done += part;
    }
    if (done > 0) {
        n6_server_rx_done(&rig->server, done);
    }
    return done;
}

static size_t transmit(rig_t *rig)
{
    n6_span_t span[N6_LINK_SPANS];
    size_t done = 0;
    size_t count = 1;

    if (rig->vectors) {
        count = n6_server_tx_spans(&rig->server, span);
    } else {
        span[0].size = n6_server_tx_peek(&rig->server, &span[0].at);
    }
    for (size_t i = 0; i < count && done < rig->send_size; i++) {
        size_t part = smaller(rig->send_size - done, span[i].size);
        CHECK(rig->line_size + part <= RIG_LINE);
        if (part > 0) {
            memcpy(rig->line + rig->line_size, span[i].at, part);
        }
        rig->line_size += part;
        done += part;
    }
    if (done > 0) {
        n6_server_tx_done(&rig->server, done);
    }
    return done;
}

int rig_turn(rig_t *rig)
{
    int state = n6_server_poll(&rig->server);

    while (!rig->deaf && transmit(rig) > 0) {
        parse_line(rig);
        if (rig->forgetful) {
            forget_line(rig);
        }
    }
    return state;
}

void rig_run(rig_t *rig)
{
    int turns = 0;

    while (rig_turn(rig) == N6_SERVER_BUSY || (n6_server_due(&rig->server) == 0 && !rig->deaf)) {
        CHECK(++turns < 100000);
    }
}

void rig_hold_npu(rig_t *rig)
{
    rig->steps = 1 << 30;
    rig->step_state = N6_NPU_WAITING;
}

void rig_free_npu(rig_t *rig)
{
    rig->left = rig->steps = 0;
    rig_run(rig);
}

void rig_feed(rig_t *rig, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    while (size > 0) {
        const size_t taken = receive(rig, at, size);
        at += taken;
        size -= taken;
        if (taken == 0 && rig->deaf) {
            return;
        }
        rig_run(rig);
    }
}

void rig_send(rig_t *rig, uint8_t type, uint32_t id, const void *payload, size_t size)
{
    uint8_t frame[N6_LINK_FRAME_MAX];
    rig_feed(rig, frame, rig_frame(frame, type, 0, id, payload, size));
}

void rig_send_chunk(rig_t *rig, uint32_t id, uint8_t slot, const uint8_t *bytes, uint32_t size,
                    uint32_t chunk)
{
    uint8_t frame[RIG_CHUNK + 28];
    const uint32_t offset = chunk * RIG_CHUNK;
    const uint32_t part = size - offset < RIG_CHUNK ? size - offset : RIG_CHUNK;

    rig_feed(rig, frame, rig_data(frame, id, rig->position, offset, slot, bytes + offset, part));
    rig->position += part;
}

void rig_send_commit(rig_t *rig, uint32_t id, uint8_t slot, uint16_t network, const uint8_t *bytes,
                     uint32_t size)
{
    const n6_commit_t commit = {.position = rig->position,
                                .length = size,
                                .crc = rig_crc32(bytes, size),
                                .network = network,
                                .slot = slot,
                                .head = sizeof commit,
                                .record = sizeof(n6_part_t)};
    rig_send(rig, N6_MESSAGE_TYPE_COMMIT, id, &commit, sizeof commit);
}

void rig_send_parts(rig_t *rig, uint32_t id, uint8_t slot, uint16_t network, const uint8_t *bytes,
                    uint32_t size, const n6_part_t *parts, uint8_t count)
{
    const n6_commit_t commit = {.position = rig->position,
                                .length = size,
                                .crc = rig_crc32(bytes, size),
                                .network = network,
                                .slot = slot,
                                .parts = count,
                                .head = sizeof commit,
                                .record = sizeof *parts};
    uint8_t payload[sizeof commit + (N6_LIMIT_MAX_PARTS + 1) * sizeof *parts];

    memcpy(payload, &commit, sizeof commit);
    memcpy(payload + sizeof commit, parts, count * sizeof *parts);
    rig_send(rig, N6_MESSAGE_TYPE_COMMIT, id, payload, sizeof commit + count * sizeof *parts);
}

void rig_upload(rig_t *rig, uint32_t id, uint8_t slot, uint16_t network, const uint8_t *bytes,
                uint32_t size)
{
    for (uint32_t chunk = 0; chunk * RIG_CHUNK < size; chunk++) {
        rig_send_chunk(rig, id, slot, bytes, size, chunk);
    }
    rig_send_commit(rig, id, slot, network, bytes, size);
}

void rig_infer(rig_t *rig, uint32_t id, const n6_infer_t *infer, const n6_return_t *returns)
{
    uint8_t payload[sizeof *infer + N6_LIMIT_MAX_RETURNS * sizeof *returns];
    n6_infer_t body = *infer;

    body.head = body.head ? body.head : sizeof body;
    body.record = body.record ? body.record : sizeof *returns;
    memcpy(payload, &body, sizeof body);
    if (infer->returns > 0) {
        memcpy(payload + sizeof body, returns, infer->returns * sizeof *returns);
    }
    rig_send(rig, N6_MESSAGE_TYPE_INFER, id, payload,
             sizeof body + infer->returns * sizeof *returns);
}

/* Grants come when they come: only a test that asks for one sees it. */
static void skip_credits(rig_t *rig)
{
    while (rig->taken < rig->frames && rig->frame[rig->taken].type == N6_MESSAGE_TYPE_CREDIT) {
        rig->taken++;
    }
}

const rig_frame_t *rig_take(rig_t *rig, uint8_t type, uint32_t id)
{
    const rig_frame_t *frame = NULL;

    if (type != N6_MESSAGE_TYPE_CREDIT) {
        skip_credits(rig);
    }
    frame = &rig->frame[rig->taken];
    CHECK(rig->taken < rig->frames);
    EQUAL(frame->type, type);
    EQUAL(frame->id, id);
    rig->taken++;
    return frame;
}

n6_error_reply_t rig_take_error(rig_t *rig, uint32_t id, n6_status_t status)
{
    const rig_frame_t *frame = rig_take(rig, N6_MESSAGE_TYPE_ERROR, id);
    n6_error_reply_t error;

    CHECK(frame->length > sizeof error);
    EQUAL(frame->flags, N6_FLAG_REPLY);
    memcpy(&error, frame->payload, sizeof error);
    EQUAL(error.status, status);
    return error;
}

void rig_take_refusal(rig_t *rig, uint32_t id, n6_status_t status, size_t field, uint32_t value)
{
    const n6_error_reply_t error = rig_take_error(rig, id, status);

    EQUAL(error.field, field);
    EQUAL(error.value, value);
}

void rig_nothing(rig_t *rig)
{
    skip_credits(rig);
    if (rig->taken < rig->frames) {
        n6_test_fail(__FILE__, __LINE__, "type of a frame that was not awaited",
                     rig->frame[rig->taken].type, 0);
    }
    /* What was taken may be forgotten: the line is not endless. */
    if (rig->parsed == rig->line_size) {
        rig->frames = rig->taken = 0;
        rig->parsed = rig->line_size = 0;
    }
}
