/*
 * Fuzzes the device with a dialogue: each byte of the input chooses what a host does next, the bytes
 * after it how. Frames have their checksums and uploads their positions unless the input says
 * otherwise, so that mutations reach queues, results and sessions instead of ending at a checksum.
 *
 * The invariant: every request that arrives whole is answered at once, with its id (COMMIT apart,
 * which may wait for chunks); and what fuzz_server.c says.
 */
#include "fuzz.h"
#include "n6_busy.h"
#include "n6_rig.h"

enum {
    MOST = 2048,
    IDS = 8,
    WAIT = 250001, /* ticks: longer than the device waits for the rest of a frame */
};

/* ---- the host ---- */

typedef struct {
    rig_t *rig;
    fuzz_input_t input;
    uint32_t ids;     /* used so far */
    uint32_t granted; /* by the device */
    uint32_t seen;    /* of its DATA */
    uint32_t awaited; /* id of a request, 0 = none */
    bool answered;
} host_t;

/* A new id, or one of the last. */
static uint32_t choose_id(host_t *host)
{
    const uint32_t choice = fuzz_take(&host->input);

    if (choice < 128 || host->ids < IDS) {
        return ++host->ids;
    }
    return host->ids - choice % IDS;
}

static void hear(host_t *host, const rig_frame_t *frame)
{
    if (frame->type == N6_MESSAGE_TYPE_CREDIT) {
        n6_credit_t credit;
        memcpy(&credit, frame->payload, sizeof credit);
        host->granted = credit.limit;
    } else if (frame->type == N6_MESSAGE_TYPE_DATA) {
        n6_data_header_t data;
        memcpy(&data, frame->payload, sizeof data);
        host->seen = data.position + frame->length - (uint32_t)sizeof data;
    } else if (frame->flags & N6_FLAG_REPLY) {
        host->answered |= frame->id == host->awaited;
        if (frame->type == N6_MESSAGE_TYPE_PING) {
            n6_ping_reply_t pong;
            memcpy(&pong, frame->payload, sizeof pong);
            host->granted = pong.limit;
        }
    }
}

static void listen(host_t *host)
{
    rig_t *rig = host->rig;

    rig_run(rig);
    for (int i = 0; i < rig->frames; i++) {
        hear(host, &rig->frame[i]);
    }
    EQUAL(rig->parsed, rig->line_size);
    rig->frames = rig->taken = 0;
    rig->parsed = rig->line_size = 0;
}

static void pass(host_t *host, uint64_t ticks)
{
    host->rig->now += ticks;
    listen(host);
}

static void ask(host_t *host, uint8_t type, uint32_t id, const void *payload, size_t size)
{
    host->awaited = id;
    host->answered = false;
    rig_send(host->rig, type, id, payload, size);
    listen(host);
    if (id != 0 && type != N6_MESSAGE_TYPE_DATA && type != N6_MESSAGE_TYPE_NAK &&
        type != N6_MESSAGE_TYPE_CREDIT && type != N6_MESSAGE_TYPE_COMMIT &&
        !(type == N6_MESSAGE_TYPE_HELLO && size < 16)) {
        EQUAL(host->answered, true);
    }
    host->awaited = 0;
}

static void hello(host_t *host)
{
    static const uint32_t windows[] = {1 << 20, 256, 255, 512, 0, N6_LIMIT_MAX_WINDOW, 0xffffffff};
    static const uint16_t chunks[] = {8192, 256, 255, 300, 512, 65535};
    const uint8_t choice = fuzz_take(&host->input);
    n6_hello_t body = rig_hello(choice % 4u);
    uint8_t payload[sizeof body + 64];
    const size_t tail = fuzz_take(&host->input) % 64;

    body.flags = choice & 4 ? N6_HELLO_FLAG_RESUME : 0;
    body.role = choice & 8 ? N6_ROLE_READ_ONLY : N6_ROLE_CONTROL;
    body.resume = choice >> 4 & 3u;
    body.window = windows[fuzz_take(&host->input) % (sizeof windows / sizeof *windows)];
    body.max_chunk = chunks[fuzz_take(&host->input) % (sizeof chunks / sizeof *chunks)];
    memcpy(payload, &body, sizeof body);
    for (size_t i = 0; i < tail; i++) {
        payload[sizeof body + i] = fuzz_take(&host->input);
    }
    ask(host, N6_MESSAGE_TYPE_HELLO, choose_id(host), payload, sizeof body + tail);
    host->rig->position = host->seen = 0;
    host->granted = RIG_WINDOW;
}

static void ping(host_t *host)
{
    const uint8_t choice = fuzz_take(&host->input);
    n6_ping_t body = {.position = host->rig->position, .head = sizeof body};

    if (choice & 128) {
        body.position += fuzz_take32(&host->input);
    }
    ask(host, N6_MESSAGE_TYPE_PING, choose_id(host), &body, sizeof body);
}

/* The bytes of upload number n are all n. */
static const uint8_t *image_of(uint32_t id)
{
    static uint8_t image[RIG_SLOT_SIZE];

    memset(image, (int)(id % 256), sizeof image);
    return image;
}

static void chunk(host_t *host)
{
    rig_t *rig = host->rig;
    const uint8_t choice = fuzz_take(&host->input);
    const uint8_t place = fuzz_take(&host->input);
    const uint32_t id = choose_id(host);
    const uint32_t index = place & 7u;
    uint32_t part = choice & 1 ? RIG_IMAGE_BYTES % RIG_CHUNK : choice & 2 ? 4 : RIG_CHUNK;
    uint8_t frame[RIG_CHUNK + 28];

    if (choice & 4) {
        part = 1u + fuzz_take(&host->input) % (uint32_t)RIG_CHUNK;
    }
    if (!(choice & 8) && rig->position + part - host->granted - 1 < 0x80000000u) {
        ping(host); /* no credit */
        return;
    }
    const uint32_t offset = index * RIG_CHUNK + (choice & 16 ? fuzz_take(&host->input) : 0u);
    const size_t size =
        rig_data(frame, id, rig->position + (choice & 32 ? fuzz_take32(&host->input) : 0u), offset,
                 place >> 3 & 3u, image_of(id), part);
    if (choice & 64) {
        frame[30] ^= 1; /* damaged */
    }
    rig_feed(rig, frame, size);
    rig->position += choice & 8 ? 0 : part;
    listen(host);
}

/* The parts of the image network, or almost. */
static void commit_parts(host_t *host, uint32_t id, const n6_commit_t *body)
{
    const uint8_t choice = fuzz_take(&host->input);
    struct {
        n6_commit_t commit;
        n6_part_t part[2];
    } parts = {.commit = *body,
               .part = {{.length = 900,
                         .encoding = choice >> 1 & 3,
                         .tables = choice >> 3 & 3,
                         .flags = choice >> 5 & 1},
                        {.offset = 900, .length = 40, .input = 1}}};

    parts.commit.parts = choice & 1 ? fuzz_take(&host->input) : 2;
    if (choice & 64) {
        parts.part[choice & 1].offset = fuzz_take32(&host->input);
    }
    if (choice & 128) {
        parts.part[choice & 1].length = fuzz_take32(&host->input);
    }
    ask(host, N6_MESSAGE_TYPE_COMMIT, id, &parts, sizeof parts);
}

static void commit(host_t *host)
{
    const uint8_t choice = fuzz_take(&host->input);
    const uint32_t id = choose_id(host);
    const uint16_t network = choice & 1;
    const uint32_t length = network == RIG_IMAGE ? RIG_IMAGE_BYTES : 4;
    n6_commit_t body = {.position = host->rig->position,
                        .length = length,
                        .crc = rig_crc32(image_of(id), length),
                        .network = network,
                        .slot = choice >> 1 & 3,
                        .head = sizeof body,
                        .record = sizeof(n6_part_t)};

    if (choice & 8) {
        body.length = fuzz_take(&host->input);
    }
    if (choice & 16) {
        body.crc ^= 1;
    }
    if (choice & 64) {
        body.position = fuzz_take32(&host->input);
    }
    if (choice & 32) {
        commit_parts(host, id, &body);
    } else {
        ask(host, N6_MESSAGE_TYPE_COMMIT, id, &body, sizeof body);
    }
}

/* All of an upload as it should be: what an INFER needs. */
static void upload(host_t *host)
{
    const uint8_t choice = fuzz_take(&host->input);
    const uint32_t id = choose_id(host);
    const uint16_t network = choice & 1;
    const uint32_t size = network == RIG_IMAGE ? RIG_IMAGE_BYTES : 4;

    if (host->rig->position + size - host->granted - 1 < 0x80000000u) {
        ping(host);
    } else {
        rig_upload(host->rig, id, choice >> 1 & 1, network, image_of(id), size);
    }
    listen(host);
}

static void infer(host_t *host)
{
    uint8_t payload[sizeof(n6_infer_t) + 4 * sizeof(n6_return_t)];
    const uint8_t choice = fuzz_take(&host->input);
    const uint8_t key = fuzz_take(&host->input);
    const uint32_t uploaded = host->ids - (choice >> 5) % IDS;
    const uint16_t network = choice & 1;
    const uint32_t size = network == RIG_IMAGE ? RIG_IMAGE_BYTES : 4;
    n6_infer_t body = {.key = key & 15,
                       .upload = uploaded,
                       .digest = rig_crc32(image_of(uploaded), size),
                       .ttl_us = key & 16 ? fuzz_take32(&host->input) : 0,
                       .network = network,
                       .slot = choice >> 1 & 1,
                       .priority = choice >> 2 & 3,
                       .flags = key >> 5 & 3,
                       .returns = choice & 16 ? fuzz_take(&host->input) % 5 : 0,
                       .head = sizeof body,
                       .record = sizeof(n6_return_t)};

    memcpy(payload, &body, sizeof body);
    for (uint8_t i = 0; i < body.returns; i++) {
        const uint8_t kind = fuzz_take(&host->input);
        n6_return_t wanted = {.output = kind & 1,
                              .source = kind & 128 ? 1 : 0,
                              .reduction = (uint8_t)(kind >> 1 & 7) + (key & 128 ? 4 : 0),
                              .offset = kind & 16 ? fuzz_take(&host->input) : 0,
                              .length = kind & 32 ? fuzz_take(&host->input) : 0,
                              .threshold = fuzz_take32(&host->input),
                              .channels = kind & 64  ? fuzz_take(&host->input)
                                          : kind & 1 ? 4
                                                     : 3,
                              .channel = fuzz_take(&host->input) & 7,
                              .k = fuzz_take(&host->input)};
        memcpy(payload + sizeof body + i * sizeof wanted, &wanted, sizeof wanted);
    }
    ask(host, N6_MESSAGE_TYPE_INFER, choose_id(host), payload,
        sizeof body + body.returns * sizeof(n6_return_t));
}

/* Any request at all. */
static void request(host_t *host)
{
    uint8_t payload[N6_LIMIT_MAX_CONTROL] = {0};
    const uint8_t type = fuzz_take(&host->input);
    const uint32_t id = choose_id(host);
    const size_t size = fuzz_take(&host->input) % 64;

    for (size_t i = 0; i < size; i++) {
        payload[i] = fuzz_take(&host->input);
    }
    if (type != N6_MESSAGE_TYPE_DATA) {
        ask(host, type, id, payload, size);
    }
}

/* The device's description: networks, tensors, blocks, texts, statistics. */
static void describe(host_t *host)
{
    const uint8_t choice = fuzz_take(&host->input);
    const n6_describe_t body = {.network = choice & 3,
                                .section = choice >> 2 & 15,
                                .first = choice & 64 ? fuzz_take(&host->input) : 0};
    const n6_stats_request_t page = {.first = choice & 3};
    const n6_epoch_stats_t blocks = {.network = choice & 3, .first = choice >> 2 & 3};
    const n6_rate_t rate = {.baud = (uint32_t)RIG_BAUD << (choice >> 3 & 7)};
    const n6_subscribe_t events = {.interval_ms = choice & 64 ? choice : 0};

    switch (choice & 128 ? choice & 7 : 7) {
    case 0:
        ask(host, N6_MESSAGE_TYPE_LIST, choose_id(host), &page, sizeof page);
        break;
    case 1:
        ask(host, N6_MESSAGE_TYPE_STATS, choose_id(host), &page, sizeof page);
        break;
    case 2:
        ask(host, N6_MESSAGE_TYPE_EPOCH_STATS, choose_id(host), &blocks, sizeof blocks);
        break;
    case 3:
        ask(host, N6_MESSAGE_TYPE_SUBSCRIBE, choose_id(host), &events, sizeof events);
        break;
    case 4:
        ask(host, N6_MESSAGE_TYPE_RATE, choose_id(host), &rate, sizeof rate);
        break;
    default:
        ask(host, N6_MESSAGE_TYPE_DESCRIBE, choose_id(host), &body, sizeof body);
    }
}

/* Another host comes, as noise or with a HELLO. */
static void intrude(host_t *host)
{
    static n6_busy_t busy;
    uint8_t bytes[256];
    n6_window_t window[N6_LINK_WINDOWS];
    n6_span_t span[N6_LINK_SPANS];
    const n6_hello_t body = rig_hello(77);
    size_t size = fuzz_take(&host->input);
    bool answered = false;

    for (size_t i = 0; i < size; i++) {
        bytes[i] = fuzz_take(&host->input);
    }
    if (size < 128) {
        size =
            rig_frame(bytes, N6_MESSAGE_TYPE_HELLO, 0, 5, &body, sizeof body - size % sizeof body);
    }
    n6_busy_init(&busy, &host->rig->server);
    for (size_t at = 0; at < size && !answered; at++) {
        CHECK(n6_link_rx_windows(&busy.link, window) > 0);
        *window[0].at = bytes[at];
        n6_link_rx_done(&busy.link, 1);
        answered = n6_busy_poll(&busy);
    }
    EQUAL(n6_link_tx_spans(&busy.link, span) > 0, answered);
}

static void nak(host_t *host)
{
    n6_nak_t body = {.offset = fuzz_take(&host->input) % 8 * (RIG_CHUNK / 2)};
    const uint32_t id = host->ids - fuzz_take(&host->input) % IDS;

    body.length = fuzz_take(&host->input) % 4 * (uint32_t)RIG_CHUNK;
    ask(host, N6_MESSAGE_TYPE_NAK, id, &body, sizeof body);
}

static void credit(host_t *host)
{
    const uint8_t choice = fuzz_take(&host->input);
    const n6_credit_t body = {.limit = host->seen +
                                       (choice & 128 ? fuzz_take32(&host->input) : choice * 16u)};

    ask(host, N6_MESSAGE_TYPE_CREDIT, 0, &body, sizeof body);
}

/* CANCEL, RELEASE and RESET. */
static void end(host_t *host)
{
    const uint8_t choice = fuzz_take(&host->input);
    const n6_cancel_t target = {.target = host->ids - (choice >> 2) % IDS};
    const n6_reset_t reset = {.boot_nonce = choice & 4 ? 0xdeadbeef : 0, .kind = choice >> 3 & 3};

    if (choice & 2) {
        ask(host, N6_MESSAGE_TYPE_RESET, choose_id(host), &reset, sizeof reset);
    } else {
        ask(host, choice & 1 ? N6_MESSAGE_TYPE_CANCEL : N6_MESSAGE_TYPE_RELEASE, choose_id(host),
            &target, sizeof target);
    }
}

/* Bytes as they are; then silence, until the device waits for nothing. */
static void noise(host_t *host)
{
    uint8_t bytes[256];
    const size_t size = fuzz_take(&host->input);

    for (size_t i = 0; i < size; i++) {
        bytes[i] = fuzz_take(&host->input);
    }
    rig_feed(host->rig, bytes, size);
    for (int i = 0; i < 8 && n6_link_partial(&host->rig->server.channel.link); i++) {
        pass(host, WAIT);
    }
    EQUAL(n6_link_partial(&host->rig->server.channel.link), false);
    listen(host);
}

static void behave(host_t *host)
{
    rig_t *rig = host->rig;
    const uint8_t choice = fuzz_take(&host->input);

    rig->npu.features = choice & 1 ? N6_FEATURE_CONSUMES_INPUT : 0;
    rig->steps = choice >> 1 & 7;
    rig->step_state = choice & 16 ? N6_NPU_WAITING : N6_NPU_RUNNING;
    rig->fail_step = choice & 32 ? -5 : 0;
    rig->fail_start = choice & 64 ? -6 : 0;
    rig->step_ticks = choice & 128 ? 1000 : 0;
}

static void cut(host_t *host)
{
    static const size_t sizes[] = {RIG_LINE, 1, 13, 100};
    const uint8_t choice = fuzz_take(&host->input);

    host->rig->read_size = sizes[choice & 3];
    host->rig->send_size = sizes[choice >> 2 & 3];
    host->rig->vectors = choice & 16;
    if (choice & 32) {
        n6_server_relink(&host->rig->server);
    }
}

static void wait(host_t *host)
{
    pass(host, UINT64_C(1) << fuzz_take(&host->input) % 26);
}

static void (*const deeds[])(host_t *host) = {
    upload, infer, chunk, commit, request, nak,  credit,   end,
    hello,  ping,  noise, behave, cut,     wait, describe, intrude,
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    host_t host = {
        .rig = rig_rate_session(), .input = {bytes, size}, .ids = 1, .granted = RIG_WINDOW};

    if (size > MOST) {
        return 0;
    }
    host.rig->frames = host.rig->taken = 0;
    host.rig->parsed = host.rig->line_size = 0;
    while (host.input.left > 0) {
        deeds[fuzz_take(&host.input) % (sizeof deeds / sizeof *deeds)](&host);
    }
    host.rig->step_ticks = 0;
    const n6_hello_t again = rig_hello(99);
    const n6_ping_t last = {.host_time = 4242, .head = sizeof last};
    ask(&host, N6_MESSAGE_TYPE_HELLO, ++host.ids, &again, sizeof again);
    ask(&host, N6_MESSAGE_TYPE_PING, ++host.ids, &last, sizeof last);
    rig_check_guards(host.rig);
    return 0;
}
