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
