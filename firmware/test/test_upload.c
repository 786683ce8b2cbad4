/* Slots and credits: the table of protocol.md section 4, row by row, and section 5 for the host's
 * bytes. */
#include "n6_rig.h"

static uint8_t image[RIG_IMAGE_BYTES];

static rig_t *begin(void)
{
    uint32_t seed = 21;

    for (size_t i = 0; i < sizeof image; i++) {
        image[i] = (uint8_t)rig_random(&seed);
    }
    return rig_session();
}

static void chunk(rig_t *rig, uint32_t id, uint32_t index)
{
    rig_send_chunk(rig, id, 0, image, sizeof image, index);
}

static void commit(rig_t *rig, uint32_t id)
{
    rig_send_commit(rig, id, 0, RIG_IMAGE, image, sizeof image);
}

static void take_nak(rig_t *rig, uint32_t id, uint32_t offset, uint32_t length)
{
    n6_nak_t nak;

    memcpy(&nak, rig_take(rig, N6_MESSAGE_TYPE_NAK, id)->payload, sizeof nak);
    EQUAL(nak.offset, offset);
    EQUAL(nak.length, length);
}

static void take_commit(rig_t *rig, uint32_t id)
{
    EQUAL(rig_take(rig, N6_MESSAGE_TYPE_COMMIT, id)->length, 0);
    rig_nothing(rig);
    BYTES(rig->slot[0], image, sizeof image);
}

/* An inference on the slot that runs for ever. */
static void occupy(rig_t *rig, uint32_t id, uint32_t upload)
{
    const n6_infer_t infer = {.key = id, .upload = upload, .network = RIG_IMAGE};

    rig->steps = 1 << 30;
    rig->step_state = N6_NPU_WAITING;
    rig_infer(rig, id, &infer, NULL);
    (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, id);
}

static void an_upload(void)
{
    const size_t reads[] = {1, 7, 100, 100000};

    for (int both = 0; both < 2; both++) {
        for (size_t i = 0; i < 4; i++) {
            rig_t *rig = begin();
            rig->read_size = reads[i];
            rig->vectors = both;
            rig_upload(rig, 2, 0, RIG_IMAGE, image, sizeof image);
            take_commit(rig, 2);
            rig_check_guards(rig);
        }
    }
}

static void chunks_in_any_order(void)
{
    rig_t *rig = begin();

    chunk(rig, 2, 3);
    take_nak(rig, 2, 0, 768);
    chunk(rig, 2, 1);
    chunk(rig, 2, 0);
    rig_nothing(rig); /* asked once */
    chunk(rig, 2, 2);
    commit(rig, 2);
    take_commit(rig, 2);
}

static void each_gap_is_asked_for_once(void)
{
    rig_t *rig = begin();

    chunk(rig, 2, 1);
    take_nak(rig, 2, 0, 256);
    chunk(rig, 2, 3);
    take_nak(rig, 2, 512, 256);
    commit(rig, 2);
    rig_nothing(rig);
    commit(rig, 2); /* repeated: every gap */
    take_nak(rig, 2, 0, 256);
    take_nak(rig, 2, 512, 256);
    rig_nothing(rig);
    chunk(rig, 2, 0);
    chunk(rig, 2, 2);
    take_commit(rig, 2);
}

static void the_end_is_missing(void)
{
    rig_t *rig = begin();

    chunk(rig, 2, 0);
    commit(rig, 2);
    take_nak(rig, 2, 256, 744);
    chunk(rig, 2, 3);
    chunk(rig, 2, 2);
    rig_nothing(rig);
    chunk(rig, 2, 1);
    take_commit(rig, 2);

    rig = begin();
    commit(rig, 2); /* all is missing */
    take_nak(rig, 2, 0, 1000);
    for (uint32_t i = 0; i < 4; i++) {
        chunk(rig, 2, i);
    }
    take_commit(rig, 2);
}

static void duplicates_are_counted(void)
{
    rig_t *rig = begin();

    chunk(rig, 2, 0);
    chunk(rig, 2, 0);
    EQUAL(rig->server.channel.counts.duplicates, 1);
    for (uint32_t i = 1; i < 4; i++) {
        chunk(rig, 2, i);
    }
    commit(rig, 2);
    take_commit(rig, 2);
    chunk(rig, 2, 0);
    EQUAL(rig->server.channel.counts.duplicates, 2);
    commit(rig, 2);
    take_commit(rig, 2);
}

/* A marked chunk is never touched again, whatever arrives under its name. */
static void marked_chunks_are_safe(void)
{
    rig_t *rig = begin();
    uint8_t other[RIG_CHUNK] = {0};
    uint8_t line[RIG_CHUNK + 28];

    chunk(rig, 2, 0);
    rig_feed(rig, line, rig_data(line, 2, 256, 0, 0, other, RIG_CHUNK));
    BYTES(rig->slot[0], image, RIG_CHUNK);
}

static void a_damaged_chunk_is_asked_for_at_once(void)
{
    rig_t *rig = begin();
    uint8_t line[RIG_CHUNK + 28];
    size_t size = 0;

    chunk(rig, 2, 0);
    size = rig_data(line, 2, 256, 512, 0, image + 512, RIG_CHUNK);
    line[30] ^= 1;
    rig_feed(rig, line, size); /* chunk 2; 1 has not come either */
    (void)rig_take(rig, N6_MESSAGE_TYPE_LOG, 0);
    take_nak(rig, 2, 256, 512);
    line[30] ^= 1;
    rig->position = 512;
    size = rig_data(line, 2, 512, 768, 0, image + 768, 232);
    line[size - 1] ^= 1;
    rig_feed(rig, line, size);
    (void)rig_take(rig, N6_MESSAGE_TYPE_LOG, 0);
    take_nak(rig, 2, 768, 232);
    rig_feed(rig, line, size); /* the repair is damaged too */
    (void)rig_take(rig, N6_MESSAGE_TYPE_LOG, 0);
    take_nak(rig, 2, 768, 232);
    for (uint32_t i = 1; i < 4; i++) {
        chunk(rig, 2, i);
    }
    commit(rig, 2);
    take_commit(rig, 2);
}

static void a_wrong_digest_begins_again(void)
{
    rig_t *rig = begin();

    for (uint32_t i = 0; i < 4; i++) {
        chunk(rig, 2, i);
    }
    image[5] ^= 1; /* the digest of other bytes */
    commit(rig, 2);
    rig_take_error(rig, 2, N6_STATUS_BAD_DIGEST);
    commit(rig, 2);
    take_nak(rig, 2, 0, 1000);
    for (uint32_t i = 0; i < 4; i++) {
        chunk(rig, 2, i);
    }
    take_commit(rig, 2);
}

static void commits_that_are_refused(void)
{
    rig_t *rig = begin();

    rig_send_commit(rig, 2, RIG_SLOTS, RIG_IMAGE, image, sizeof image);
    EQUAL(rig_take_error(rig, 2, N6_STATUS_BAD_SLOT).value, RIG_SLOTS);
    for (int again = 0; again < 2; again++) { /* a repeated one has the same answer */
        rig_send_commit(rig, 3, 0, RIG_NETWORKS, image, sizeof image);
        EQUAL(rig_take_error(rig, 3, N6_STATUS_UNKNOWN_NETWORK).value, RIG_NETWORKS);
        rig_send_commit(rig, 4, 0, RIG_IMAGE, image, 999);
        EQUAL(rig_take_error(rig, 4, N6_STATUS_BAD_TENSOR_SIZE).value, 999);
        rig_send_commit(rig, 3, 0, RIG_IMAGE, image, sizeof image);
        rig_take_error(rig, 3, N6_STATUS_NO_INPUT); /* older than the slot's */
        rig->server.slots.slot[0].upload = 0;
    }
    rig_send_commit(rig, 5, 0, RIG_IMAGE, image, 999);
    rig_take_error(rig, 5, N6_STATUS_BAD_TENSOR_SIZE);
    chunk(rig, 5, 0); /* refused for good */
    commit(rig, 5);
    rig_take_error(rig, 5, N6_STATUS_NO_INPUT);
    rig_upload(rig, 6, 0, RIG_IMAGE, image, sizeof image);
    take_commit(rig, 6);
    rig_send_commit(rig, 6, 0, RIG_IMAGE, image, 999);
    rig_take_error(rig, 6, N6_STATUS_BAD_TENSOR_SIZE);
    commit(rig, 6);
    take_commit(rig, 6);
}

static void newer_uploads_replace_older_ones(void)
{
    rig_t *rig = begin();

    chunk(rig, 0xfffffffe, 0);
    chunk(rig, 2, 1); /* newer: ids wrap */
    take_nak(rig, 2, 0, 256);
    chunk(rig, 0xfffffffe, 2); /* older: dropped */
    rig_nothing(rig);
    commit(rig, 0xfffffffe);
    rig_take_error(rig, 0xfffffffe, N6_STATUS_NO_INPUT);
    chunk(rig, 2, 0);
    chunk(rig, 2, 2);
    chunk(rig, 2, 3);
    commit(rig, 2);
    take_commit(rig, 2);
}

static void slots_in_use_are_left_alone(void)
{
    rig_t *rig = begin();

    rig_upload(rig, 2, 0, RIG_IMAGE, image, sizeof image);
    take_commit(rig, 2);
    occupy(rig, 3, 2);
    chunk(rig, 4, 0);
    EQUAL(rig_take_error(rig, 4, N6_STATUS_BUSY).type, N6_MESSAGE_TYPE_DATA);
    chunk(rig, 4, 1); /* once for each id */
    rig_nothing(rig);
    chunk(rig, 5, 0);
    rig_take_error(rig, 5, N6_STATUS_BUSY);
    commit(rig, 5); /* a request is answered each time */
    rig_take_error(rig, 5, N6_STATUS_BUSY);
    commit(rig, 5);
    rig_take_error(rig, 5, N6_STATUS_BUSY);
    BYTES(rig->slot[0], image, sizeof image);
    rig_send_chunk(rig, 6, 1, image, sizeof image, 0); /* the other slot is free */
    rig_nothing(rig);
}

static void chunks_that_are_refused(void)
{
    rig_t *rig = begin();
    uint8_t line[RIG_CHUNK + 28];

    rig_feed(rig, line, rig_data(line, 2, 0, 0, RIG_SLOTS, image, 4));
    rig_take_error(rig, 2, N6_STATUS_BAD_SLOT);
    rig_feed(rig, line, rig_data(line, 2, 4, 100, 0, image, 4));
    rig_take_error(rig, 2, N6_STATUS_BAD_REQUEST);
    rig_feed(rig, line, rig_data(line, 2, 4, RIG_SLOT_SIZE, 0, image, 4));
    rig_take_error(rig, 2, N6_STATUS_BAD_REQUEST);
    rig_feed(rig, line, rig_data(line, 2, 4, 0xffffff00, 0, image, 4));
    rig_take_error(rig, 2, N6_STATUS_BAD_REQUEST);
    rig_feed(rig, line, rig_data(line, 2, 4, 0, 0, image, 0));
    rig_take_error(rig, 2, N6_STATUS_BAD_REQUEST);
    rig_feed(rig, line, rig_data(line, 0, 4, 0, 0, image, 4));
    rig_nothing(rig);
    rig_check_guards(rig);
}

/* The last chunk that fits a slot whose size is not a multiple of the chunk. */
static void the_end_of_a_slot(void)
{
    rig_t *rig = rig_new();
    uint8_t line[RIG_CHUNK + 28];
    const n6_hello_t hello = {.major = N6_VERSION_MAJOR, .schema = N6_SCHEMA_ID};

    rig->config.slot_size = RIG_SLOT_SIZE - 100;
    EQUAL(n6_server_init(&rig->server, &rig->config), 0);
    rig_send(rig, N6_MESSAGE_TYPE_HELLO, 1, &hello, sizeof hello);
    (void)rig_take(rig, N6_MESSAGE_TYPE_HELLO, 1);
    memset(line, 0, sizeof line);
    rig_feed(rig, line, rig_data(line, 2, 0, RIG_SLOT_SIZE - RIG_CHUNK, 0, image, RIG_CHUNK - 99));
    rig_take_error(rig, 2, N6_STATUS_BAD_REQUEST);
    rig_feed(rig, line, rig_data(line, 2, 0, RIG_SLOT_SIZE - RIG_CHUNK, 0, image, RIG_CHUNK - 100));
    take_nak(rig, 2, 0, RIG_SLOT_SIZE - RIG_CHUNK);
    rig_nothing(rig);
}

/* ---- credits ---- */

static void credits_move_by_half_a_window(void)
{
    rig_t *rig = begin();
    n6_credit_t credit;
    uint8_t line[RIG_CHUNK + 28];
    uint8_t bytes[RIG_CHUNK] = {0};

    for (uint32_t i = 0; i < 12; i++) {
        rig_feed(rig, line, rig_data(line, 2, i * 256, (i % 16) * 256, 0, bytes, RIG_CHUNK));
        EQUAL(rig->frames, (i + 1) % 4 == 0);
        if (rig->frames > 0) {
            const rig_frame_t *frame = rig_take(rig, N6_MESSAGE_TYPE_CREDIT, 0);
            memcpy(&credit, frame->payload, sizeof credit);
            EQUAL(credit.limit, (i + 1) * 256 + RIG_WINDOW);
            EQUAL(frame->flags, 0);
        }
        rig_nothing(rig);
    }
}

static void bytes_beyond_the_grant(void)
{
    rig_t *rig = begin();
    uint8_t line[RIG_CHUNK + 28];
    const n6_ping_t ping = {.position = 3000};
    n6_ping_reply_t pong;

    rig_feed(rig, line, rig_data(line, 2, RIG_WINDOW - 255, 0, 0, image, RIG_CHUNK));
    EQUAL(rig_take_error(rig, 2, N6_STATUS_OUT_OF_CREDITS).value, RIG_WINDOW + 1);
    (void)rig_take(rig, N6_MESSAGE_TYPE_CREDIT, 0);
    rig_feed(rig, line, rig_data(line, 2, RIG_WINDOW - 256, 0, 0, image, RIG_CHUNK));
    rig_nothing(rig);
    BYTES(rig->slot[0], image, RIG_CHUNK);
    /* What was lost before the position of a PING is written off. */
    rig_send(rig, N6_MESSAGE_TYPE_PING, 3, &ping, sizeof ping);
    memcpy(&pong, rig_take(rig, N6_MESSAGE_TYPE_PING, 3)->payload, sizeof pong);
    EQUAL(pong.limit, 3000 + RIG_WINDOW);
}

static void positions_wrap(void)
{
    rig_t *rig = begin();
    n6_ping_t ping = {.position = 0x7fffff00};

    rig_send(rig, N6_MESSAGE_TYPE_PING, 3, &ping, sizeof ping);
    (void)rig_take(rig, N6_MESSAGE_TYPE_PING, 3);
    ping.position = 0xe0000000;
    rig_send(rig, N6_MESSAGE_TYPE_PING, 4, &ping, sizeof ping);
    (void)rig_take(rig, N6_MESSAGE_TYPE_PING, 4);
    ping.position = 0xffffff00;
    rig_send(rig, N6_MESSAGE_TYPE_PING, 5, &ping, sizeof ping);
    (void)rig_take(rig, N6_MESSAGE_TYPE_PING, 5);
    rig->position = 0xffffff00;
    for (uint32_t i = 0; i < 4; i++) {
        chunk(rig, 2, i);
    }
    commit(rig, 2);
    take_commit(rig, 2);
    EQUAL(rig->server.uploads.consumed, 1000u - 256u);
}

const n6_test_t n6_upload_tests[] = {
    TEST(an_upload),
    TEST(chunks_in_any_order),
    TEST(each_gap_is_asked_for_once),
    TEST(the_end_is_missing),
    TEST(duplicates_are_counted),
    TEST(marked_chunks_are_safe),
    TEST(a_damaged_chunk_is_asked_for_at_once),
    TEST(a_wrong_digest_begins_again),
    TEST(commits_that_are_refused),
    TEST(newer_uploads_replace_older_ones),
    TEST(slots_in_use_are_left_alone),
    TEST(chunks_that_are_refused),
    TEST(the_end_of_a_slot),
    TEST(credits_move_by_half_a_window),
    TEST(bytes_beyond_the_grant),
    TEST(positions_wrap),
    TESTS_END,
};
