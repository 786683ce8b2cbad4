/*
 * Any bytes at any time, from a seed. After each run: nothing was written outside the buffers,
 * everything that the device sent is a good frame (the rig checks that), and a PING after a silence
 * is answered, as protocol.md section 9 demands.
 */
#include "n6_rig.h"
#include "n6_vectors.h"

enum {
    ROUNDS = 60,
    PIECES = 40,
    VECTORS = sizeof n6_vectors / sizeof *n6_vectors,
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
    const n6_hello_t hello = rig_hello(99);
    const n6_ping_t ping = {.host_time = 4242, .head = sizeof ping};

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
    static const uint8_t types[] = {1,    2,    3,    4,    5,    6,    7,    8,    9,
                                    0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12,
                                    0x13, 0x14, 0x15, 0x21, 0x22, 0x30, 0x3f, 0x55};
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
    if (type == 1 && rig_random(seed) % 2) { /* and some are resumed */
        n6_hello_t hello = rig_hello(rig_random(seed) % 4);
        hello.flags = N6_HELLO_FLAG_RESUME;
        hello.resume = rig_random(seed) % 4;
        hello.max_chunk = (uint16_t)(200 + rig_random(seed) % 400);
        hello.role = payload[0] % 7 == 0;
        return rig_frame(to, type, 0, id, &hello, sizeof hello);
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
            const n6_infer_t infer = {.key = id,
                                      .upload = id,
                                      .digest = rig_crc32("abcd", 4),
                                      .slot = (uint8_t)(piece % 2),
                                      .head = sizeof infer};
            const n6_commit_t commit = {.position = position + 4,
                                        .length = 4,
                                        .crc = rig_crc32("abcd", 4),
                                        .slot = (uint8_t)(piece % 2),
                                        .head = sizeof commit};

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

/* ---- frames that end too early, come again, or are of a session that has ended ---- */

/* Each begin of each golden frame, and a silence. */
static void every_truncation(void)
{
    for (uint32_t i = 0; i < VECTORS; i++) {
        const n6_vector_t *vector = &n6_vectors[i];
        for (size_t size = 1; size < vector->size; size++) {
            rig_t *rig = begin();
            rig_feed(rig, vector->bytes, size);
            still_alive(rig);
        }
    }
}

/* Payloads of each length with good checksums: each request is answered, the shorter ones with ERROR. */
static void every_length(void)
{
    static const uint8_t zeros[128];

    for (uint8_t type = N6_MESSAGE_TYPE_HELLO; type <= 0x15; type++) {
        for (size_t size = 0; size <= sizeof zeros; size++) {
            rig_t *rig = rig_session();
            if (type == N6_MESSAGE_TYPE_HELLO && size < 16) {
                continue; /* without a nonce its answer cannot be recognised */
            }
            rig_send(rig, type, 9, zeros, size);
            CHECK(rig->frames > rig->taken);
            const rig_frame_t *frame = &rig->frame[rig->taken];
            EQUAL(frame->id, 9);
            EQUAL(frame->flags, N6_FLAG_REPLY);
            CHECK(frame->type == type || frame->type == N6_MESSAGE_TYPE_ERROR);
            rig_check_guards(rig);
        }
    }
}

/* A dialogue: an upload and its inference. Returns its size. */
static size_t dialogue(uint8_t *to, uint32_t id)
{
    const uint32_t crc = rig_crc32("abcd", 4);
    const n6_commit_t commit = {.position = 4, .length = 4, .crc = crc, .head = sizeof commit};
    const n6_infer_t infer = {.key = 1, .upload = id, .digest = crc, .head = sizeof infer};
    size_t size = rig_data(to, id, 0, 0, 0, "abcd", 4);

    size += rig_frame(to + size, N6_MESSAGE_TYPE_COMMIT, 0, id, &commit, sizeof commit);
    return size + rig_frame(to + size, N6_MESSAGE_TYPE_INFER, 0, id + 1, &infer, sizeof infer);
}

/* All frames of a session again, and again: nothing runs twice. */
static void replays(void)
{
    rig_t *rig = begin();
    const size_t size = dialogue(line, 10);

    for (int i = 0; i < 5; i++) {
        rig_feed(rig, line, size);
        EQUAL(rig->starts, 1);
    }
    still_alive(rig);
}

/* A new session at each byte of a dialogue, with a silence or with the zeros that a host sends. */
static void a_new_host_at_each_byte(void)
{
    static const uint8_t zeros[RIG_CHUNK + 28];
    uint8_t bytes[256];
    const size_t whole = dialogue(bytes, 10);

    for (size_t size = 0; size <= whole; size++) {
        for (int silent = 0; silent < 2; silent++) {
            rig_t *rig = rig_session();
            const n6_hello_t hello = rig_hello(8);
            rig_feed(rig, bytes, size);
            if (silent) {
                rig->now += 250000;
                rig_run(rig);
            } else {
                rig_feed(rig, zeros, sizeof zeros);
            }
            rig->frames = rig->taken = 0;
            (void)rig_open(rig, &hello);
            rig_feed(rig, line,
                     dialogue(line, 50)); /* the same key again: it is another session's */
            (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 50);
            (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, 51);
            (void)rig_take(rig, N6_MESSAGE_TYPE_RESULT, 51);
            (void)rig_take(rig, N6_MESSAGE_TYPE_DATA, 51);
            rig_check_guards(rig);
        }
    }
}

/* ---- hosts that break the rules on purpose ---- */

static n6_infer_t infer_of(uint64_t key, uint32_t upload)
{
    return (n6_infer_t){.key = key, .upload = upload, .digest = rig_crc32("abcd", 4)};
}

/* An inference that names no upload, or one that never comes, blocks neither slot nor queue. */
static void inferences_without_an_upload(void)
{
    rig_t *rig = rig_session();

    for (uint32_t i = 0; i < 2 * N6_SERVER_MAX_QUEUE; i++) {
        const n6_infer_t infer = infer_of(i, 0);
        rig_infer(rig, 10 + i, &infer, NULL);
        rig_take_refusal(rig, 10 + i, N6_STATUS_BAD_REQUEST, offsetof(n6_infer_t, upload), 0);
    }
    for (uint32_t i = 0; i < N6_SERVER_MAX_QUEUE; i++) {
        const n6_infer_t infer = infer_of(i, 1000);
        rig_infer(rig, 40 + i, &infer, NULL);
        (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, 40 + i);
    }
    rig_upload(rig, 60, 0, RIG_TINY, (const uint8_t *)"abcd", 4);
    rig_take_error(rig, 60, N6_STATUS_BUSY);
    rig->now += N6_LIMIT_WAIT_MS * 1000ull;
    rig_run(rig);
    for (uint32_t i = N6_SERVER_MAX_QUEUE; i-- > 0;) {
        rig_take_error(rig, 40 + i, N6_STATUS_NO_INPUT);
    }
    rig_upload(rig, 61, 0, RIG_TINY, (const uint8_t *)"abcd", 4);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 61);
    const n6_infer_t infer = infer_of(0, 61);
    rig_infer(rig, 62, &infer, NULL);
    (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, 62);
    (void)rig_take(rig, N6_MESSAGE_TYPE_RESULT, 62);
}

/* No position that is not believed takes the credit of those that keep to the rules. */
static void positions_that_are_lies(void)
{
    static const uint32_t lies[] = {RIG_WINDOW + 1, 0x7fff0000, 0x40000000, 0x7fffffff};
    rig_t *rig = rig_session();

    for (uint32_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        const n6_ping_t ping = {.position = lies[i], .head = sizeof ping};
        rig_feed(rig, line, rig_data(line, 2, lies[i], 0, 0, "abcd", 4));
        rig_send(rig, N6_MESSAGE_TYPE_PING, 3, &ping, sizeof ping);
        rig_take_error(rig, 3, N6_STATUS_BAD_REQUEST);
        rig->position = lies[i];
        rig_send_commit(rig, 4, 0, RIG_TINY, (const uint8_t *)"abcd", 4);
        rig_take_error(rig, 4, N6_STATUS_BAD_REQUEST);
    }
    rig->position = 0;
    rig_upload(rig, 5, 0, RIG_TINY, (const uint8_t *)"abcd", 4);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 5);
    rig_nothing(rig);
    EQUAL(rig->server.uploads.consumed, 4);
}

/* The smallest window: the result comes, chunk by chunk. */
static void a_window_of_one_chunk(void)
{
    static uint8_t image[RIG_IMAGE_BYTES];
    rig_t *rig = rig_new();
    n6_hello_t hello = rig_hello(1);
    n6_infer_t infer = {
        .key = 1, .upload = 2, .digest = rig_crc32(image, sizeof image), .network = RIG_IMAGE};

    hello.window = N6_LIMIT_MIN_CHUNK;
    rig->config.chunk = 2048;
    EQUAL(n6_server_init(&rig->server, &rig->config), 0);
    (void)rig_open(rig, &hello);
    rig_upload(rig, 2, 0, RIG_IMAGE, image, sizeof image);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 2);
    rig_infer(rig, 3, &infer, NULL);
    (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, 3);
    (void)rig_take(rig, N6_MESSAGE_TYPE_RESULT, 3);
    EQUAL(rig_take(rig, N6_MESSAGE_TYPE_DATA, 3)->length, 12 + 256);
    rig_nothing(rig);
    const n6_credit_t credit = {.limit = 512};
    rig_send(rig, N6_MESSAGE_TYPE_CREDIT, 0, &credit, sizeof credit);
    EQUAL(rig_take(rig, N6_MESSAGE_TYPE_DATA, 3)->length, 12 + 16);
}

/* The first channels of a tensor, or two rows taken for one, would be results that look right. */
static void channels_of_another_tensor(void)
{
    rig_t *rig = rig_session();
    n6_infer_t infer = infer_of(1, 2);

    infer.network = RIG_IMAGE; /* its output 0 is [8, 8, 3] */
    infer.returns = 1;
    for (uint16_t channels = 0; channels < 200; channels++) {
        const n6_return_t what = {.reduction = N6_REDUCTION_ARGMAX, .channels = channels};
        if (channels == 3) {
            continue;
        }
        rig_infer(rig, 3, &infer, &what);
        rig_take_refusal(rig, 3, N6_STATUS_BAD_REQUEST,
                         sizeof infer + offsetof(n6_return_t, channels), channels);
        rig_nothing(rig);
    }
}

const n6_test_t n6_hostile_tests[] = {
    TEST(random_bytes),
    TEST(random_frames),
    TEST(a_bad_line),
    TEST(every_truncation),
    TEST(every_length),
    TEST(replays),
    TEST(a_new_host_at_each_byte),
    TEST(inferences_without_an_upload),
    TEST(positions_that_are_lies),
    TEST(a_window_of_one_chunk),
    TEST(channels_of_another_tensor),
    TESTS_END,
};
