/*
 * Fuzzes the whole device: any bytes, after an honest HELLO, so that they meet an open session.
 *
 * The invariant: however the bytes are cut into reads, the same frames are found in them, and the
 * same bytes skipped; everything that the device sends is a good frame; nothing is written outside
 * its buffers; and after a silence it opens a session and answers a PING. The rig checks the frames
 * and the buffers, the sanitizers the rest.
 */
#include "fuzz.h"
#include "n6_rig.h"

enum {
    MOST = 1 << 14,
};

/* ---- a runtime that forwards, to a board that answers some orders, rightly or not ---- */

static uint32_t orders[N6_SERVER_MAX_QUEUE]; /* numbers that have no answer yet */
static uint32_t order_count;
static uint32_t order_seed;

static void order(void *context, const n6_order_t *given)
{
    (void)context;
    CHECK(order_count < N6_SERVER_MAX_QUEUE);
    if (given->length > 0) { /* all that it points to can be read */
        order_seed += rig_crc32(given->input, given->length);
        order_seed += rig_crc32(given->part, given->parts * sizeof *given->part);
        order_seed += rig_crc32(given->what, given->returns * sizeof *given->what);
    }
    orders[order_count++] = given->number;
}

static void withdraw(void *context, uint32_t number)
{
    (void)context;
    for (uint32_t i = 0; i < order_count; i++) {
        if (orders[i] == number) {
            orders[i] = orders[--order_count];
            return;
        }
    }
    CHECK(false); /* an order that was not given, or was answered */
}

static const n6_answer_t *answer(void *context)
{
    static uint8_t data[RIG_RESULT_SIZE];
    static n6_result_t result;
    static const n6_result_record_t records[UINT8_MAX];
    static n6_answer_t given;

    (void)context;
    if (order_count == 0 || order_seed % 3 == 0) {
        order_seed++;
        return NULL;
    }
    order_seed = order_seed * 1103515245u + 12345u;
    result = (n6_result_t){.length = order_seed >> 8 & (RIG_RESULT_SIZE - 1u),
                           .outputs = (uint8_t)(order_seed >> 24),
                           .timer_shift = (uint8_t)(order_seed >> 4 & 31u),
                           .blocks = (uint16_t)(order_seed >> 6 & 3u),
                           .timers_offset = order_seed >> 20 & 127u,
                           .head = sizeof result,
                           .record = sizeof *records,
                           .timer_record = sizeof(n6_epoch_time_t)};
    given = (n6_answer_t){.number = orders[--order_count],
                          .status = order_seed & 64u ? (uint8_t)(order_seed & 31u) : N6_STATUS_OK,
                          .field = N6_LIMIT_NO_FIELD,
                          .text = "words",
                          .result = &result,
                          .records = records,
                          .data = data};
    return &given;
}

static const n6_forward_t forward = {3, n6_server_forward, order, withdraw, answer};

/* The first byte sets how the runtime behaves, and whether the checksums are mended. */
static n6_link_counts_t feed(const uint8_t *bytes, size_t size, size_t read_size, bool vectors)
{
    const n6_hello_t hello = rig_hello(99);
    const n6_ping_t ping = {.host_time = 4242, .head = sizeof ping};
    rig_t *rig = rig_rate_session();
    n6_link_counts_t counts;

    rig->forgetful = true;
    rig->read_size = read_size;
    rig->vectors = vectors;
    if (size > 0) {
        rig->npu.features = bytes[0] & 1 ? N6_FEATURE_CONSUMES_INPUT : 0;
        rig->steps = bytes[0] >> 1 & 3;
        rig->fail_step = bytes[0] & 8 ? -5 : 0;
        rig->step_ticks = bytes[0] & 16 ? 1000 : 0;
        rig->npu.forward = bytes[0] & 64 ? &forward : NULL;
        order_count = order_seed = 0;
        rig_feed(rig, bytes + 1, size - 1);
    }
    counts = rig->server.channel.link.counts;
    rig->now += 250000;
    rig_run(rig);
    rig_send(rig, N6_MESSAGE_TYPE_HELLO, 5, &hello, sizeof hello);
    rig->forgetful = false;
    rig_send(rig, N6_MESSAGE_TYPE_PING, 6, &ping, sizeof ping);
    (void)rig_take(rig, N6_MESSAGE_TYPE_PING, 6);
    rig_check_guards(rig);
    return counts;
}

/* Gives every frame in the input its checksums: what a fuzzer cannot guess must not keep it out. */
static void mend(uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at + 16 <= size; at++) {
        uint16_t length = 0;
        uint32_t id = 0;
        uint8_t *frame = bytes + at;
        if (frame[0] != 'n' || frame[1] != '6') {
            continue;
        }
        memcpy(&id, frame + 4, sizeof id);
        memcpy(&length, frame + 8, sizeof length);
        if (length > size - at - 16) {
            length = (uint16_t)(length % (size - at - 16 + 1));
        }
        if (frame[2] == N6_MESSAGE_TYPE_DATA && length >= 12) {
            const uint16_t crc = rig_crc16(frame + 12, 10);
            memcpy(frame + 22, &crc, sizeof crc);
        }
        at += rig_frame(frame, frame[2], frame[3], id, frame + 12, length) - 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static uint8_t mended[MOST];
    n6_link_counts_t whole;

    if (size > MOST) {
        return 0;
    }
    if (size > 0 && bytes[0] & 32) {
        memcpy(mended, bytes, size);
        mend(mended, size);
        bytes = mended;
    }
    whole = feed(bytes, size, MOST, false);

    for (int way = 0; way < 3; way++) {
        const size_t reads[] = {1, 100, MOST};
        const n6_link_counts_t cut = feed(bytes, size, reads[way], way > 0);
        EQUAL(cut.rx_frames, whole.rx_frames);
        EQUAL(cut.header_errors, whole.header_errors);
        EQUAL(cut.payload_errors, whole.payload_errors);
        EQUAL(cut.skipped, whole.skipped);
        EQUAL(cut.resyncs, whole.resyncs);
    }
    return 0;
}
