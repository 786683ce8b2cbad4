/*
 * Any bytes at any time, from a seed. After each run: nothing was written outside the buffers,
 * everything that the device sent is a good frame (the rig checks that), and a PING after a silence
 * is answered, as protocol.md section 9 demands.
 */
#include "n6_rig.h"

enum {
    ROUNDS = 60,
    PIECES = 40,
};

static uint8_t payload[N6_LIMIT_MAX_CONTROL];
static uint8_t line[4 * N6_LINK_FRAME_MAX];

static rig_t *begin(void)
{
    rig_t *rig = rig_session();

    rig->forgetful = true;
    return rig;
}

static void still_alive(rig_t *rig)
{
    const n6_hello_t hello = {
        .major = N6_VERSION_MAJOR, .schema = N6_SCHEMA_ID, .nonce = 99, .window = 1 << 20};
    const n6_ping_t ping = {.host_time = 4242};

    rig_check_guards(rig);
    rig->deaf = false;
    rig->steps = 0;
    rig->left = 0;
    rig->now += 250000;
    rig_run(rig);
    rig_send(rig, N6_MESSAGE_TYPE_HELLO, 5, &hello, sizeof hello);
    rig->forgetful = false;
    rig_send(rig, N6_MESSAGE_TYPE_PING, 6, &ping, sizeof ping);
    (void)rig_take(rig, N6_MESSAGE_TYPE_PING, 6);
}

static void random_bytes(void)
{
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        rig_t *rig = begin();
        uint32_t seed = round;

        for (int piece = 0; piece < PIECES; piece++) {
            const size_t size = rig_random(&seed) % 300;
            for (size_t i = 0; i < size; i++) {
                line[i] = (uint8_t)(rig_random(&seed) >> 11);
            }
            rig_feed(rig, line, size);
        }
        still_alive(rig);
    }
}

/* Good frames of every type, with any payload: every field of every request takes any value. */
static size_t random_frame(uint8_t *to, uint32_t *seed)
{
    static const uint8_t types[] = {1,    2,    3,    4,    5,    6,    8,    9,
                                    0x0a, 0x0b, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15,
                                    0x21, 0x22, 0x30, 0x3f, 0x55, 7};
    const uint8_t type = types[rig_random(seed) % sizeof types];
    const uint32_t id = rig_random(seed) % 12;
    const size_t size = rig_random(seed) % 120;

    for (size_t i = 0; i < size; i++) {
        const uint32_t r = rig_random(seed) >> 7;
        payload[i] = (uint8_t)(r % 4 ? r % 3 : r >> 3); /* mostly small numbers: they get further */
    }
    if (type == 1 && rig_random(seed) % 4) {
        return 0; /* sessions last a little */
    }
    if (rig_random(seed) % 3 == 0) {
        const uint32_t offset = (rig_random(seed) % 18) * 256;
        return rig_data(to, id, rig_random(seed) % 4096, offset, payload[0] % 3, payload, size);
    }
    return rig_frame(to, type, 0, id, payload, size);
}

static void random_frames(void)
{
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        rig_t *rig = begin();
        uint32_t seed = round * 77;

        rig->npu.features = round % 3 ? 0 : N6_FEATURE_CONSUMES_INPUT;
        rig->read_size = round % 2 ? 100000 : 5;
        rig->vectors = round % 5 == 0;
        for (int piece = 0; piece < 4 * PIECES; piece++) {
            rig->steps = (int)(rig_random(&seed) % 3);
            rig->fail_step = rig_random(&seed) % 8 ? 0 : -3;
            rig_feed(rig, line, random_frame(line, &seed));
            rig->now += rig_random(&seed) % 1000;
            rig_run(rig);
        }
        still_alive(rig);
    }
}

/* An honest dialogue with flipped, lost and doubled bytes, in pieces of any size, to a host that
 * reads when it likes. */
static void a_bad_line(void)
{
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        rig_t *rig = begin();
        uint32_t seed = round * 1234567;
        uint32_t position = 0;

        for (int piece = 0; piece < PIECES; piece++) {
            size_t size = 0;
            const uint32_t id = 10u + (uint32_t)piece;
            const n6_infer_t infer = {.key = id, .upload = id, .slot = (uint8_t)(piece % 2)};
            const n6_commit_t commit = {.position = position + 4,
                                        .length = 4,
                                        .crc = rig_crc32("abcd", 4),
                                        .slot = (uint8_t)(piece % 2)};

            size += rig_data(line, id, position, 0, (uint8_t)(piece % 2), "abcd", 4);
            size += rig_frame(line + size, N6_MESSAGE_TYPE_COMMIT, 0, id, &commit, sizeof commit);
            size += rig_frame(line + size, N6_MESSAGE_TYPE_INFER, 0, id, &infer, sizeof infer);
            position += 4;
            for (uint32_t faults = rig_random(&seed) % 4; faults > 0; faults--) {
                const size_t at = rig_random(&seed) % size;
                switch (rig_random(&seed) % 3) {
                case 0:
                    line[at] ^= (uint8_t)(1u << (rig_random(&seed) % 8));
                    break;
                case 1:
                    memmove(line + at, line + at + 1, --size - at);
                    break;
                default:
                    memmove(line + at + 1, line + at, size++ - at);
                }
            }
            rig->read_size = rig_random(&seed) % 64 + 1;
            rig->deaf = rig_random(&seed) % 4 == 0;
            rig_feed(rig, line, size);
            rig->deaf = false;
            rig_run(rig);
        }
        still_alive(rig);
    }
}

const n6_test_t n6_hostile_tests[] = {
    TEST(random_bytes),
    TEST(random_frames),
    TEST(a_bad_line),
    TESTS_END,
};
