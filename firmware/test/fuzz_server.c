/*
 * Fuzzes the whole device: any bytes, after an honest HELLO, so that they meet an open session.
 *
 * The invariant: however the bytes are cut into reads, the same frames are found in them, and the
 * same bytes skipped; everything that the device sends is a good frame; nothing is written outside
 * its buffers; and after a silence it opens a session and answers a PING. The rig checks the frames
 * and the buffers, the sanitizers the rest.
 *
 * With libFuzzer, in firmware/:
 *
 *     clang -fsanitize=fuzzer,address,undefined -Itest $(find core -type d -printf '-I%p ') \
 *           $(find core -name '*.c') test/n6_rig.c test/fuzz_server.c
 *
 * Without, add -DN6_FUZZ_MAIN and leave out "fuzzer,". The program then runs the files it is given;
 * or, given a number, so many mutations of the golden frames, from that number as the seed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "n6_rig.h"
#include "n6_vectors.h"

enum {
    MOST = 1 << 14,
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

_Noreturn void n6_test_fail(const char *file, int line, const char *what, long long got,
                            long long wanted)
{
    (void)fprintf(stderr, "%s:%d: %s: got %lld, wanted %lld\n", file, line, what, got, wanted);
    abort();
}

/* The first byte sets how the runtime behaves, and whether the checksums are mended. */
static n6_link_counts_t feed(const uint8_t *bytes, size_t size, size_t read_size, bool vectors)
{
    const n6_hello_t hello = rig_hello(99);
    const n6_ping_t ping = {.host_time = 4242, .head = sizeof ping};
    rig_t *rig = rig_session();
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

#ifdef N6_FUZZ_MAIN

static uint8_t input[MOST];

static size_t mutate(uint32_t *seed)
{
    size_t size = 1;

    input[0] = (uint8_t)rig_random(seed);
    for (uint32_t frames = rig_random(seed) % 8; frames > 0; frames--) {
        const n6_vector_t *vector =
            &n6_vectors[rig_random(seed) % (sizeof n6_vectors / sizeof *n6_vectors)];
        memcpy(input + size, vector->bytes, vector->size);
        for (uint32_t flips = rig_random(seed) % 3; flips > 0 && vector->size > 16; flips--) {
            input[size + 12 + rig_random(seed) % (vector->size - 16)] ^=
                (uint8_t)(1u << (rig_random(seed) % 8));
        }
        size += vector->size;
    }
    return size;
}

static int run_file(const char *name)
{
    FILE *file = fopen(name, "rb");
    size_t size = 0;

    if (!file) {
        perror(name);
        return 1;
    }
    size = fread(input, 1, sizeof input, file);
    (void)fclose(file);
    return LLVMFuzzerTestOneInput(input, size);
}

int main(int count, char **arguments)
{
    for (int i = 1; i < count; i++) {
        char *end = NULL;
        const unsigned long rounds = strtoul(arguments[i], &end, 10);
        uint32_t seed = (uint32_t)rounds * 2654435761u + 1u;
        if (*end != '\0' && run_file(arguments[i]) != 0) {
            return 1;
        }
        for (unsigned long round = 0; *end == '\0' && round < rounds; round++) {
            (void)LLVMFuzzerTestOneInput(input, mutate(&seed));
        }
    }
    return 0;
}

#endif
