/* The link alone: hunting, placing, giving up, and the send queue. */
#include "n6_rig.h"

enum {
    CHUNK = 256,
    EVENTS = 64,
    VERDICT = 0x5a,
};

typedef struct {
    n6_link_t link;
    uint8_t tx[4 * N6_LINK_FRAME_MAX];
    int controls;
    int chunks;
    int good;
    uint32_t id[EVENTS];
    uint8_t place[1024 + CHUNK];
    bool refuse;
    uint8_t payload[N6_LIMIT_MAX_CONTROL];
} bench_t;

static void control(void *context, const n6_frame_header_t *header, const uint8_t *payload)
{
    bench_t *b = context;

    CHECK(b->controls < EVENTS);
    b->id[b->controls++] = header->id;
    memcpy(b->payload, payload, header->length);
}

static void place(void *context, n6_chunk_t *chunk)
{
    bench_t *b = context;
    const uint32_t offset = chunk->head.offset;

    CHECK(chunk->size <= CHUNK);
    chunk->at = b->refuse || offset > 1024 ? NULL : b->place + offset;
    chunk->verdict = VERDICT;
}

static void chunk(void *context, const n6_chunk_t *chunk, bool good)
{
    bench_t *b = context;

    EQUAL(chunk->verdict, VERDICT);
    b->chunks++;
    b->good += good;
}

static bench_t *bench(void)
{
    static bench_t b;
    const n6_link_calls_t calls = {&b, control, place, chunk, NULL};

    memset(&b, 0, sizeof b);
    n6_link_init(&b.link, &calls, b.tx, sizeof b.tx);
    n6_link_set_chunk(&b.link, CHUNK);
    return &b;
}

/* Through the first window alone, or both. */
static size_t push(bench_t *b, const uint8_t *bytes, size_t size, bool both)
{
    n6_window_t window[N6_LINK_WINDOWS];
    const size_t count = n6_link_rx_windows(&b->link, window);
    size_t done = 0;

    for (size_t i = 0; i < count && (i == 0 || both) && done < size; i++) {
        const size_t part = size - done < window[i].size ? size - done : window[i].size;
        memcpy(window[i].at, bytes + done, part);
        done += part;
    }
    n6_link_rx_done(&b->link, done);
    while (n6_link_parse(&b->link)) {
        ;
    }
    return done;
}

static void feed(bench_t *b, const void *bytes, size_t size, size_t step)
{
    for (size_t at = 0; at < size;) {
        const size_t part = size - at < step ? size - at : step;
        const size_t done = push(b, (const uint8_t *)bytes + at, part, step > 100);
        CHECK(done > 0);
        at += done;
    }
}

static size_t ping(uint8_t *to, uint32_t id)
{
    const n6_ping_t body = {.host_time = id};
    return rig_frame(to, N6_MESSAGE_TYPE_PING, 0, id, &body, sizeof body);
}

static const size_t steps[] = {1, 3, 64, 5000};

#define EACH_STEP for (size_t step_ = 0; step_ < sizeof steps / sizeof *steps; step_++)
#define STEP steps[step_]

static void stray_text_is_skipped(void)
{
    static const char text[] = "boot n6 n n6n66 ok\r\n";
    uint8_t line[256];

    EACH_STEP
    {
        bench_t *b = bench();
        size_t size = sizeof text - 1;
        memcpy(line, text, size);
        size += ping(line + size, 9);
        feed(b, line, size, STEP);
        EQUAL(b->controls, 1);
        EQUAL(b->id[0], 9);
        EQUAL(b->link.counts.skipped, sizeof text - 1);
        EQUAL(b->link.counts.resyncs, 1);
        EQUAL(b->link.counts.rx_bytes, size);
    }
}

static void every_flipped_bit_is_found(void)
{
    uint8_t line[128];
    const size_t size = ping(line, 1);
    const size_t both = size + ping(line + size, 2);

    for (size_t bit = 0; bit < 8 * size; bit++) {
        bench_t *b = bench();
        line[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        feed(b, line, both, sizeof line);
        line[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        EQUAL(b->controls, 1);
        EQUAL(b->id[0], 2);
        CHECK(b->link.counts.skipped == size);
    }
}

/* A frame inside a broken frame is found: broken ones are searched again. */
static void frames_inside_broken_frames(void)
{
    uint8_t line[256];
    uint8_t inner[64];
    const size_t inner_size = ping(inner, 5);

    EACH_STEP
    {
        bench_t *b = bench();
        size_t size = rig_frame(line, N6_MESSAGE_TYPE_LIST, 0, 4, inner, inner_size);
        line[size - 1] ^= 1;
        feed(b, line, size, STEP);
        EQUAL(b->controls, 1);
        EQUAL(b->id[0], 5);
        EQUAL(b->link.counts.payload_errors, 1);
    }
}

static void lengths_have_limits(void)
{
    static uint8_t line[2 * N6_LINK_FRAME_MAX];
    static const uint8_t zeros[N6_LIMIT_MAX_CONTROL + 1];
    bench_t *b = bench();
    size_t size = rig_frame(line, N6_MESSAGE_TYPE_LIST, 0, 1, zeros, N6_LIMIT_MAX_CONTROL);

    feed(b, line, size, 64);
    EQUAL(b->controls, 1);
    size = rig_frame(line, N6_MESSAGE_TYPE_LIST, 0, 2, zeros, N6_LIMIT_MAX_CONTROL + 1);
    feed(b, line, size, 64);
    EQUAL(b->controls, 1);
    EQUAL(b->link.counts.header_errors, 1);

    b = bench();
    size = rig_data(line, 3, 0, 0, 0, zeros, CHUNK);
    feed(b, line, size, 64);
    EQUAL(b->good, 1);
    size = rig_data(line, 3, 0, 0, 0, zeros, CHUNK + 1);
    feed(b, line, size, 64);
    size = rig_frame(line, N6_MESSAGE_TYPE_DATA, 0, 3, zeros, 11);
    feed(b, line, size, 64);
    EQUAL(b->chunks, 1);
    EQUAL(b->link.counts.header_errors, 2);
    size = rig_data(line, 3, 0, 0, 0, zeros, 0); /* a chunk has at least one byte */
    feed(b, line, size, 64);
    EQUAL(b->chunks, 1);
    EQUAL(b->link.counts.header_errors, 3);
    n6_link_set_chunk(&b->link, CHUNK / 2);
    size = rig_data(line, 3, 0, 0, 0, zeros, CHUNK);
    feed(b, line, size, 64);
    EQUAL(b->chunks, 1);
    EQUAL(b->link.counts.header_errors, 4);
    n6_link_clear(&b->link); /* between sessions, chunks of every size are skipped whole */
    size = rig_data(line, 3, 0, 0, 0, zeros, CHUNK);
    feed(b, line, size, 64);
    EQUAL(b->chunks, 2);
}

static void chunks_go_into_place(void)
{
    uint8_t line[2 * CHUNK + 128];
    uint8_t bytes[CHUNK];

    for (size_t i = 0; i < CHUNK; i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    EACH_STEP
    {
        bench_t *b = bench();
        size_t size = rig_data(line, 3, 0, 512, 0, bytes, CHUNK);
        size += ping(line + size, 8);
        size += rig_data(line + size, 3, 0, 0, 0, bytes, 17);
        feed(b, line, size, STEP);
        EQUAL(b->good, 2);
        EQUAL(b->controls, 1);
        BYTES(b->place + 512, bytes, CHUNK);
        BYTES(b->place, bytes, 17);
        EQUAL(b->place[17], 0);
        EQUAL(b->link.counts.rx_frames, 3);
    }
}

static void a_window_is_the_place_itself(void)
{
    uint8_t line[CHUNK + 64];
    uint8_t bytes[CHUNK] = {1, 2, 3};
    const size_t size = rig_data(line, 3, 0, 256, 0, bytes, CHUNK);
    n6_window_t window[N6_LINK_WINDOWS];
    bench_t *b = bench();

    feed(b, line, 24, 24);
    EQUAL(n6_link_rx_windows(&b->link, window), 2);
    CHECK(window[0].at == b->place + 256);
    EQUAL(window[0].size, CHUNK);
    EQUAL(window[1].size, N6_LINK_FRAME_MAX);
    feed(b, line + 24, 100, 100);
    EQUAL(n6_link_rx_windows(&b->link, window), 2);
    CHECK(window[0].at == b->place + 356);
    feed(b, line + 124, size - 124, 5000);
    EQUAL(b->good, 1);
}

static void damaged_and_unwanted_chunks(void)
{
    uint8_t line[CHUNK + 64];
    uint8_t bytes[CHUNK] = {0};

    EACH_STEP
    {
        bench_t *b = bench();
        size_t size = rig_data(line, 3, 0, 0, 0, bytes, CHUNK);
        line[100] ^= 4;
        feed(b, line, size, STEP); /* bad bytes */
        EQUAL(b->chunks, 1);
        EQUAL(b->good, 0);
        EQUAL(b->link.counts.payload_errors, 1);
        line[100] ^= 4;
        line[13] ^= 4;
        feed(b, line, size, STEP); /* bad DataHeader: nobody knows where it belongs */
        EQUAL(b->chunks, 1);
        EQUAL(b->link.counts.header_errors, 1);
        line[13] ^= 4;
        b->refuse = true;
        feed(b, line, size, STEP); /* nowhere to put it: still checked */
        EQUAL(b->good, 1);
        line[30] ^= 4;
        feed(b, line, size, STEP);
        EQUAL(b->good, 1);
        EQUAL(b->chunks, 3);
        b->refuse = false;
        line[30] ^= 4;
        feed(b, line, size, STEP);
        EQUAL(b->good, 2);
    }
}

static void giving_up(void)
{
    uint8_t line[CHUNK + 64];
    uint8_t bytes[CHUNK] = {0};
    const size_t chunk_size = rig_data(line, 3, 0, 0, 0, bytes, CHUNK);
    bench_t *b = bench();

    CHECK(!n6_link_partial(&b->link));
    feed(b, line, chunk_size / 2, 64);
    CHECK(n6_link_partial(&b->link));
    n6_link_give_up(&b->link);
    CHECK(!n6_link_partial(&b->link));
    EQUAL(b->chunks, 1);
    EQUAL(b->good, 0);
    feed(b, line, ping(line, 6), 64);
    EQUAL(b->controls, 1);

    /* A control frame that promised more than came: what comes after it is found. */
    (void)rig_frame(line, N6_MESSAGE_TYPE_LIST, 0, 4, bytes, 200);
    feed(b, line, 20, 64);
    feed(b, line, ping(line, 7), 64);
    EQUAL(b->controls, 1);
    n6_link_give_up(&b->link);
    while (n6_link_parse(&b->link)) {
        ;
    }
    EQUAL(b->controls, 2);
    EQUAL(b->id[1], 7);
}

/* The port filled a window of a chunk that has been given up meanwhile. */
static void bytes_for_a_chunk_that_was_given_up(void)
{
    uint8_t line[CHUNK + 64];
    uint8_t bytes[CHUNK] = {0};
    n6_window_t window[N6_LINK_WINDOWS];
    bench_t *b = bench();

    (void)rig_data(line, 3, 0, 0, 0, bytes, CHUNK);
    feed(b, line, 24, 24);
    EQUAL(n6_link_rx_windows(&b->link, window), 2);
    n6_link_give_up(&b->link);
    n6_link_rx_done(&b->link, 100);
    CHECK(!n6_link_parse(&b->link));
    feed(b, line, ping(line, 6), 64);
    EQUAL(b->controls, 1);
    EQUAL(n6_link_rx_windows(&b->link, window), 1);
    n6_link_rx_done(&b->link, 1u << 20); /* more than there was room for: a bug of the port */
    EQUAL(n6_link_rx_windows(&b->link, window), 0);
}

/* No frame is handled before its answer has room. */
static void answers_need_room(void)
{
    static const uint8_t zeros[N6_LIMIT_MAX_CONTROL];
    uint8_t line[64];
    n6_span_t span[N6_LINK_SPANS];
    bench_t *b = bench();

    while (n6_link_send(&b->link, N6_MESSAGE_TYPE_LOG, 0, 0, zeros, sizeof zeros)) {
        ;
    }
    feed(b, line, ping(line, 6), 64);
    EQUAL(b->controls, 0);
    CHECK(b->link.blocked);
    CHECK(n6_link_tx_spans(&b->link, span) > 0);
    n6_link_tx_done(&b->link, N6_LINK_FRAME_MAX + 1);
    CHECK(n6_link_parse(&b->link));
    CHECK(!b->link.blocked);
    EQUAL(b->controls, 1);
}

/* What goes in comes out in order, whatever the sizes, also where the memory wraps. */
static void queue_keeps_order(void)
{
    static uint8_t sent[1 << 15];
    static uint8_t got[1 << 15];
    static uint8_t payload[N6_LIMIT_MAX_CONTROL];
    uint32_t seed = 11;
    size_t in = 0;
    size_t out = 0;
    bench_t *b = bench();

    while (in < sizeof sent - N6_LINK_FRAME_MAX) {
        const size_t size = rig_random(&seed) % 600;
        n6_span_t span[N6_LINK_SPANS];
        size_t count;
        size_t part = rig_random(&seed) % 700;
        memset(payload, (int)(in & 0x7f), size);
        if (n6_link_send(&b->link, N6_MESSAGE_TYPE_LOG, 0, (uint32_t)in, payload, size)) {
            in += rig_frame(sent + in, N6_MESSAGE_TYPE_LOG, 0, (uint32_t)in, payload, size);
        }
        count = n6_link_tx_spans(&b->link, span);
        for (size_t i = 0, left = part; i < count; i++) {
            const size_t take = span[i].size < left ? span[i].size : left;
            memcpy(got + out, span[i].at, take);
            out += take;
            left -= take;
            if (i + 1 == count) {
                n6_link_tx_done(&b->link, part - left);
            }
        }
    }
    BYTES(got, sent, out);
    EQUAL(b->link.counts.tx_bytes, out);
    CHECK(out > sizeof sent / 2);
    CHECK(in - out <= sizeof b->tx);
}

static void data_waits_for_the_queue(void)
{
    static const uint8_t body[CHUNK] = {1, 2, 3};
    uint8_t wanted[CHUNK + 64];
    n6_span_t span[N6_LINK_SPANS];
    bench_t *b = bench();

    CHECK(n6_link_ready_for_data(&b->link));
    CHECK(n6_link_send(&b->link, N6_MESSAGE_TYPE_PING, N6_FLAG_REPLY, 1, NULL, 0));
    CHECK(!n6_link_ready_for_data(&b->link));
    n6_link_tx_done(&b->link, 12);
    n6_link_send_data(&b->link, 4, 1024, 256, body, CHUNK);
    CHECK(!n6_link_ready_for_data(&b->link));
    CHECK(n6_link_send(&b->link, N6_MESSAGE_TYPE_PING, N6_FLAG_REPLY, 2, NULL, 0));
    (void)rig_data(wanted, 4, 1024, 256, 0, body, CHUNK);
    for (size_t at = 0; at < CHUNK + 28; at++) {
        CHECK(n6_link_tx_spans(&b->link, span) > 0);
        EQUAL(*span[0].at, wanted[at]);
        n6_link_tx_done(&b->link, 1);
    }
    EQUAL(n6_link_tx_spans(&b->link, span), 1);
    EQUAL(span[0].size, 12);
}

const n6_test_t n6_link_tests[] = {
    TEST(stray_text_is_skipped),
    TEST(every_flipped_bit_is_found),
    TEST(frames_inside_broken_frames),
    TEST(lengths_have_limits),
    TEST(chunks_go_into_place),
    TEST(a_window_is_the_place_itself),
    TEST(damaged_and_unwanted_chunks),
    TEST(giving_up),
    TEST(bytes_for_a_chunk_that_was_given_up),
    TEST(answers_need_room),
    TEST(queue_keeps_order),
    TEST(data_waits_for_the_queue),
    TESTS_END,
};
