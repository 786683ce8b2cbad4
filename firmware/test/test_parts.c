/* Uploads with parts: the rules of protocol.md section 4 for Part records, and the state DECODING. */
#include "n6_rig.h"

enum {
    HEIGHT = 10,
    WIDTH = 30,
    PIXELS = HEIGHT * WIDTH,
    BIAS = 40,
    BIAS_AT = 960,
    QOI = 14 + 4 * PIXELS + 8,
    TABLE = 256,
};

static uint8_t pixels[PIXELS * 3];
static uint8_t bias[BIAS];
static uint8_t bytes[RIG_PARTS_SIZE + 1];
static uint32_t size;
static n6_part_t parts[2];

static void put32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

/* A picture whose pixels are all complete, without differences. */
static void put_qoi(uint8_t *at)
{
    memcpy(at, "qoif", 4);
    put32(at + 4, WIDTH);
    put32(at + 8, HEIGHT);
    at[12] = 3;
    at[13] = 0;
    for (int i = 0; i < PIXELS; i++) {
        at[14 + 4 * i] = 0xfe;
        memcpy(at + 15 + 4 * i, pixels + 3 * i, 3);
    }
    memcpy(at + 14 + 4 * PIXELS, "\0\0\0\0\0\0\0\1", 8);
}

/* An upload of tables, the picture, and the raw values of the other input. */
static rig_t *begin(uint8_t tables)
{
    const uint32_t picture = tables * (uint32_t)TABLE + QOI;
    uint32_t seed = 5;

    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)rig_random(&seed);
    }
    for (size_t i = 0; i < sizeof bias; i++) {
        bias[i] = (uint8_t)rig_random(&seed);
    }
    for (uint32_t i = 0; i < tables * (uint32_t)TABLE; i++) {
        bytes[i] = (uint8_t)rig_random(&seed);
    }
    put_qoi(bytes + tables * TABLE);
    size = (picture + 3) / 4 * 4 + BIAS;
    memcpy(bytes + size - BIAS, bias, BIAS);
    parts[0] =
        (n6_part_t){.length = picture, .input = 0, .encoding = N6_ENCODING_QOI, .tables = tables};
    parts[1] = (n6_part_t){.offset = size - BIAS, .length = BIAS, .input = 1};
    return rig_session();
}

static void send_chunks(rig_t *rig, uint32_t id, uint8_t slot)
{
    for (uint32_t chunk = 0; chunk * RIG_CHUNK < size; chunk++) {
        rig_send_chunk(rig, id, slot, bytes, size, chunk);
    }
}

static void commit(rig_t *rig, uint32_t id, uint8_t slot)
{
    rig_send_parts(rig, id, slot, RIG_IMAGE, bytes, size, parts, 2);
}

static void take_commit(rig_t *rig, uint32_t id)
{
    EQUAL(rig_take(rig, N6_MESSAGE_TYPE_COMMIT, id)->length, 0);
}

/* Element i of the picture as it must be in the slot. */
static uint8_t element(uint32_t i, uint8_t tables, bool bgr)
{
    const uint32_t c = i % 3;
    const uint8_t value = pixels[i - c + (bgr ? 2 - c : c)];

    return tables == 0 ? value : bytes[(tables == 1 ? 0 : c * TABLE) + value];
}

static void check_slot(const rig_t *rig, uint8_t slot, uint8_t tables, bool bgr)
{
    for (uint32_t i = 0; i < sizeof pixels; i++) {
        EQUAL(rig->slot[slot][i], element(i, tables, bgr));
    }
    BYTES(rig->slot[slot] + BIAS_AT, bias, BIAS);
    rig_check_guards(rig);
}

/* Bytes arrive, and the device has not polled yet. */
static void arrive(rig_t *rig, const uint8_t *from, size_t count)
{
    while (count > 0) {
        uint8_t *at = NULL;
        const size_t room = n6_server_rx_space(&rig->server, &at);
        const size_t part = room < count ? room : count;

        CHECK(part > 0);
        memcpy(at, from, part);
        n6_server_rx_done(&rig->server, part);
        from += part;
        count -= part;
    }
}

static void arrive_commit(rig_t *rig, uint32_t id, uint8_t slot)
{
    uint8_t frame[N6_LINK_FRAME_MAX];
    uint8_t payload[sizeof(n6_commit_t) + sizeof parts];
    const n6_commit_t body = {.position = rig->position,
                              .length = size,
                              .crc = rig_crc32(bytes, size),
                              .network = RIG_IMAGE,
                              .slot = slot,
                              .parts = 2,
                              .head = sizeof body,
                              .record = sizeof *parts};

    memcpy(payload, &body, sizeof body);
    memcpy(payload + sizeof body, parts, sizeof parts);
    arrive(rig, frame, rig_frame(frame, N6_MESSAGE_TYPE_COMMIT, 0, id, payload, sizeof payload));
}

static n6_infer_t infer_of(uint32_t upload)
{
    return (n6_infer_t){.key = upload,
                        .upload = upload,
                        .digest = rig_crc32(bytes, size),
                        .network = RIG_IMAGE,
                        .head = sizeof(n6_infer_t),
                        .record = sizeof(n6_return_t)};
}

static uint8_t state_of(const rig_t *rig, uint8_t slot)
{
    return rig->server.slots.slot[slot].state;
}

/* ---- what arrives in the slot ---- */

static void a_picture_and_raw_values(void)
{
    static const uint8_t tables[] = {0, 1, 3};

    for (size_t i = 0; i < sizeof tables; i++) {
        for (int bgr = 0; bgr < 2; bgr++) {
            rig_t *rig = begin(tables[i]);
            parts[0].flags = bgr ? N6_PART_FLAG_BGR : 0;
            send_chunks(rig, 2, 0);
            commit(rig, 2, 0);
            take_commit(rig, 2);
            rig_nothing(rig);
            check_slot(rig, 0, tables[i], bgr);
            EQUAL(state_of(rig, 0), N6_SLOT_COMMITTED);
            commit(rig, 2, 0); /* repeated: the answer was lost */
            take_commit(rig, 2);
        }
    }
}

static void parts_and_chunks_in_any_order(void)
{
    rig_t *rig = begin(1);
    const n6_part_t first = parts[0];

    parts[0] = parts[1];
    parts[1] = first;
    commit(rig, 2, 1);
    (void)rig_take(rig, N6_MESSAGE_TYPE_NAK, 2);
    for (uint32_t chunk = (size + RIG_CHUNK - 1) / RIG_CHUNK; chunk-- > 0;) {
        rig_send_chunk(rig, 2, 1, bytes, size, chunk);
    }
    take_commit(rig, 2);
    check_slot(rig, 1, 1, false);
}

/* Records of a later minor are longer, and those of a host may be followed by other bytes. */
static void longer_records(void)
{
    struct {
        n6_commit_t commit;
        uint32_t more;
        struct {
            n6_part_t part;
            uint32_t more;
        } record[2];
    } body = {.commit = {.network = RIG_IMAGE, .parts = 2}};
    rig_t *rig = begin(0);

    body.commit.length = size;
    body.commit.crc = rig_crc32(bytes, size);
    body.commit.head = sizeof body.commit + 4;
    body.commit.record = sizeof body.record[0];
    body.record[0].part = parts[0];
    body.record[1].part = parts[1];
    send_chunks(rig, 2, 0);
    body.commit.position = rig->position;
    rig_send(rig, N6_MESSAGE_TYPE_COMMIT, 2, &body, sizeof body);
    take_commit(rig, 2);
    check_slot(rig, 0, 0, false);
    /* An error names the field in the record as it was sent. */
    body.record[1].part.encoding = N6_ENCODING_QOI;
    send_chunks(rig, 3, 0);
    body.commit.position = rig->position;
    rig_send(rig, N6_MESSAGE_TYPE_COMMIT, 3, &body, sizeof body);
    rig_take_refusal(rig, 3, N6_STATUS_UNSUPPORTED,
                     sizeof(n6_commit_t) + 4 + 16 + offsetof(n6_part_t, encoding), 1);
}

/* ---- the state DECODING ---- */

static void an_inference_waits_for_the_decoder(void)
{
    rig_t *rig = begin(0);
    uint8_t frame[N6_LINK_FRAME_MAX];
    const n6_infer_t infer = infer_of(2);
    n6_infer_reply_t reply;
    n6_result_t result;

    send_chunks(rig, 2, 0);
    arrive_commit(rig, 2, 0);
    EQUAL(state_of(rig, 0), N6_SLOT_DECODING);
    arrive(rig, frame, rig_frame(frame, N6_MESSAGE_TYPE_INFER, 0, 3, &infer, sizeof infer));
    arrive_commit(rig, 2, 0); /* answered once, at the end */
    rig_send_chunk(rig, 2, 0, bytes, size, 0);
    EQUAL(rig->server.channel.counts.duplicates, 1);
    rig->now += 7;
    rig_run(rig);
    memcpy(&reply, rig_take(rig, N6_MESSAGE_TYPE_INFER, 3)->payload, sizeof reply);
    EQUAL(reply.state, N6_INFER_STATE_WAITING);
    take_commit(rig, 2);
    memcpy(&result, rig_take(rig, N6_MESSAGE_TYPE_RESULT, 3)->payload, sizeof result);
    EQUAL(result.t_queued, 1000);
    EQUAL(rig->starts, 1);
    EQUAL(rig->output[0][0], (uint8_t)(pixels[0] + 1));
}

/* Each poll does a part of the work, and the link is served in between. */
static void the_link_does_not_wait(void)
{
    rig_t *rig = begin(3);
    uint8_t frame[N6_LINK_FRAME_MAX];
    int turns = 0;

    send_chunks(rig, 2, 0);
    arrive_commit(rig, 2, 0);
    for (uint32_t id = 10; state_of(rig, 0) == N6_SLOT_DECODING; id++, turns++) {
        const n6_ping_t ping = {.position = rig->position, .head = sizeof ping};
        arrive(rig, frame, rig_frame(frame, N6_MESSAGE_TYPE_PING, 0, id, &ping, sizeof ping));
        EQUAL(rig_turn(rig), N6_SERVER_BUSY);
        (void)rig_take(rig, N6_MESSAGE_TYPE_PING, id);
    }
    CHECK(turns > 3);
    take_commit(rig, 2);
    check_slot(rig, 0, 3, false);
}

static void two_uploads_at_once(void)
{
    rig_t *rig = begin(1);

    send_chunks(rig, 2, 1);
    send_chunks(rig, 3, 0);
    arrive_commit(rig, 3, 0);
    arrive_commit(rig, 2, 1);
    rig_run(rig);
    take_commit(rig, 2); /* the oldest id first */
    take_commit(rig, 3);
    check_slot(rig, 0, 1, false);
    check_slot(rig, 1, 1, false);
}

static void decoding_that_is_replaced(void)
{
    rig_t *rig = begin(0);

    send_chunks(rig, 2, 0);
    arrive_commit(rig, 2, 0);
    EQUAL(rig_turn(rig), N6_SERVER_BUSY);
    arrive_commit(rig, 3, 0); /* a newer upload, of which nothing has arrived */
    rig_run(rig);
    (void)rig_take(rig, N6_MESSAGE_TYPE_NAK, 3);
    rig_nothing(rig);
    send_chunks(rig, 3, 0);
    take_commit(rig, 3);
    check_slot(rig, 0, 0, false);
}

static void decoding_that_is_cancelled(void)
{
    rig_t *rig = begin(0);
    const n6_infer_t infer = infer_of(2);
    const n6_cancel_t cancel = {.target = 3};
    uint8_t frame[N6_LINK_FRAME_MAX];

    send_chunks(rig, 2, 0);
    arrive_commit(rig, 2, 0);
    arrive(rig, frame, rig_frame(frame, N6_MESSAGE_TYPE_INFER, 0, 3, &infer, sizeof infer));
    EQUAL(rig_turn(rig), N6_SERVER_BUSY);
    arrive(rig, frame, rig_frame(frame, N6_MESSAGE_TYPE_CANCEL, 0, 4, &cancel, sizeof cancel));
    rig_run(rig);
    (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, 3);
    (void)rig_take(rig, N6_MESSAGE_TYPE_CANCEL, 4);
    rig_take_error(rig, 3, N6_STATUS_CANCELLED);
    take_commit(rig, 2);
    check_slot(rig, 0, 0, false);
    EQUAL(rig->starts, 0);
}

/* The host sends the upload again, with the same id after RESUME. */
static void sessions_end_the_decoding(void)
{
    for (int resume = 0; resume < 2; resume++) {
        rig_t *rig = begin(0);
        n6_hello_t hello = rig_hello(8);

        send_chunks(rig, 2, 0);
        arrive_commit(rig, 2, 0);
        EQUAL(rig_turn(rig), N6_SERVER_BUSY);
        hello.flags = resume ? N6_HELLO_FLAG_RESUME : 0;
        hello.resume = resume ? 7 : 0;
        (void)rig_open(rig, &hello);
        EQUAL(state_of(rig, 0), N6_SLOT_EMPTY);
        EQUAL(rig->server.slots.slot[0].upload, 0);
        send_chunks(rig, 2, 0);
        commit(rig, 2, 0);
        take_commit(rig, 2);
        check_slot(rig, 0, 0, false);
    }
}

/* ---- errors ---- */

static void commits_that_are_refused(void)
{
    const size_t at[] = {sizeof(n6_commit_t), sizeof(n6_commit_t) + sizeof(n6_part_t)};
    rig_t *rig = NULL;
    uint32_t id = 2;

#define REFUSES(change, status, part, member, value)                                               \
    do {                                                                                           \
        rig = begin(1);                                                                            \
        change;                                                                                    \
        send_chunks(rig, id, 0);                                                                   \
        commit(rig, id, 0);                                                                        \
        rig_take_refusal(rig, id, N6_STATUS_##status, at[part] + offsetof(n6_part_t, member),      \
                         value);                                                                   \
        EQUAL(state_of(rig, 0), N6_SLOT_EMPTY);                                                    \
        rig_check_guards(rig);                                                                     \
        id++;                                                                                      \
    } while (0)
    REFUSES(parts[0].offset = size + 4 - size % 4, BAD_REQUEST, 0, offset, parts[0].offset);
    REFUSES(parts[1].offset -= 2, BAD_REQUEST, 1, offset, parts[1].offset);
    REFUSES(parts[1].offset = 0xfffffffc, BAD_REQUEST, 1, offset, 0xfffffffc);
    REFUSES(parts[0].length = size + 1, BAD_REQUEST, 0, length, size + 1);
    REFUSES(parts[1].length = 0xffffffff, BAD_REQUEST, 1, length, 0xffffffff);
    REFUSES(parts[1].input = 0, BAD_REQUEST, 1, input, 0);
    REFUSES(parts[0].input = 2, BAD_REQUEST, 0, input, 2);
    REFUSES(parts[1].encoding = N6_ENCODING_QOI, UNSUPPORTED, 1, encoding, N6_ENCODING_QOI);
    REFUSES(parts[0].encoding = 77, UNSUPPORTED, 0, encoding, 77);
    REFUSES(parts[0].flags = 2, UNSUPPORTED, 0, flags, 2);
    REFUSES(parts[0].tables = 2, BAD_REQUEST, 0, tables, 2);
    REFUSES(parts[0].length = 255, BAD_REQUEST, 0, length, 255);
    REFUSES(parts[1].length = 36, BAD_TENSOR_SIZE, 1, length, 36);
    REFUSES(parts[0].encoding = N6_ENCODING_RAW, BAD_TENSOR_SIZE, 0, length, parts[0].length);
#undef REFUSES
}

static void numbers_of_parts_that_are_refused(void)
{
    const n6_part_t many[N6_LIMIT_MAX_PARTS + 1] = {{0}};
    n6_commit_t body = {.network = RIG_IMAGE, .parts = 2, .head = sizeof body};
    rig_t *rig = begin(0);

    rig_send_parts(rig, 2, 0, RIG_IMAGE, bytes, size, parts, 1);
    rig_take_refusal(rig, 2, N6_STATUS_BAD_REQUEST, offsetof(n6_commit_t, parts), 1);
    rig_send_parts(rig, 3, 0, RIG_IMAGE, bytes, size, many, N6_LIMIT_MAX_PARTS + 1);
    rig_take_refusal(rig, 3, N6_STATUS_BAD_REQUEST, offsetof(n6_commit_t, parts),
                     N6_LIMIT_MAX_PARTS + 1);
    body.record = sizeof(n6_part_t) - 1;
    rig_send(rig, N6_MESSAGE_TYPE_COMMIT, 4, &body, sizeof body);
    rig_take_refusal(rig, 4, N6_STATUS_BAD_REQUEST, offsetof(n6_commit_t, record), body.record);
    body.record = sizeof(n6_part_t);
    rig_send(rig, N6_MESSAGE_TYPE_COMMIT, 5, &body, sizeof body);
    rig_take_refusal(rig, 5, N6_STATUS_BAD_REQUEST, N6_LIMIT_NO_FIELD, sizeof body);
    rig_send_parts(rig, 6, 0, RIG_IMAGE, bytes, RIG_PARTS_SIZE + 1, parts, 2);
    rig_take_refusal(rig, 6, N6_STATUS_BAD_TENSOR_SIZE, offsetof(n6_commit_t, length),
                     RIG_PARTS_SIZE + 1);
}

static void a_device_without_memory_for_parts(void)
{
    rig_t *rig = NULL;
    const n6_hello_t hello = rig_hello(7);

    begin(0);
    rig = rig_new();
    rig->config.parts = NULL;
    EQUAL(n6_server_init(&rig->server, &rig->config), 0);
    const n6_hello_reply_t reply = rig_open(rig, &hello);
    EQUAL(reply.features & N6_FEATURE_ENCODINGS, 0);
    EQUAL(reply.parts_kb, 0);
    commit(rig, 2, 0);
    rig_take_refusal(rig, 2, N6_STATUS_UNSUPPORTED, offsetof(n6_commit_t, parts), 2);
}

/* One error with the place; the inference that waits ends, and the slot can be used. */
static void pictures_that_cannot_be_decoded(void)
{
    static const struct {
        uint32_t at; /* byte of the picture that is changed */
        uint8_t to;
        uint32_t stops; /* offset in the picture */
    } cases[] = {
        {0, 'Q', 0},         /* not QOI */
        {7, WIDTH + 1, 4},   /* the width of another input */
        {11, HEIGHT - 1, 8}, /* its height */
        {12, 5, 12},         /* channels */
        {QOI - 1, 2, QOI - 8},
    };

    for (size_t i = 0; i <= sizeof cases / sizeof *cases; i++) {
        rig_t *rig = begin(1);
        uint32_t stops = parts[0].length - 100;

        if (i < sizeof cases / sizeof *cases) {
            bytes[TABLE + cases[i].at] = cases[i].to;
            stops = TABLE + cases[i].stops;
        } else { /* truncated */
            parts[0].length -= 100;
        }
        const n6_infer_t infer = infer_of(2);
        uint8_t image[RIG_IMAGE_BYTES] = {1, 2, 3};

        send_chunks(rig, 2, 0);
        rig_infer(rig, 3, &infer, NULL);
        (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, 3);
        commit(rig, 2, 0);
        rig_take_refusal(rig, 2, N6_STATUS_BAD_PICTURE,
                         sizeof(n6_commit_t) + offsetof(n6_part_t, encoding), stops);
        rig_take_error(rig, 3, N6_STATUS_NO_INPUT);
        EQUAL(state_of(rig, 0), N6_SLOT_EMPTY);
        rig_infer(rig, 4, &infer, NULL); /* and no later one waits */
        rig_take_error(rig, 4, N6_STATUS_NO_INPUT);
        commit(rig, 2, 0);
        rig_take_error(rig, 2, N6_STATUS_NO_INPUT);
        rig_check_guards(rig);
        rig_upload(rig, 5, 0, RIG_IMAGE, image, sizeof image);
        take_commit(rig, 5);
        BYTES(rig->slot[0], image, sizeof image);
    }
}

static void a_wrong_digest_starts_again(void)
{
    rig_t *rig = begin(0);
    uint8_t good = bytes[100];

    bytes[100] ^= 1;
    send_chunks(rig, 2, 0);
    bytes[100] = good;
    commit(rig, 2, 0);
    rig_take_error(rig, 2, N6_STATUS_BAD_DIGEST);
    send_chunks(rig, 2, 0);
    commit(rig, 2, 0);
    take_commit(rig, 2);
    check_slot(rig, 0, 0, false);
}

const n6_test_t n6_parts_tests[] = {
    TEST(a_picture_and_raw_values),
    TEST(parts_and_chunks_in_any_order),
    TEST(longer_records),
    TEST(an_inference_waits_for_the_decoder),
    TEST(the_link_does_not_wait),
    TEST(two_uploads_at_once),
    TEST(decoding_that_is_replaced),
    TEST(decoding_that_is_cancelled),
    TEST(sessions_end_the_decoding),
    TEST(commits_that_are_refused),
    TEST(numbers_of_parts_that_are_refused),
    TEST(a_device_without_memory_for_parts),
    TEST(pictures_that_cannot_be_decoded),
    TEST(a_wrong_digest_starts_again),
    TESTS_END,
};
