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
    const n6_infer_t infer = {.key = id,
                              .upload = upload,
                              .digest = rig_crc32(image, sizeof image),
                              .network = RIG_IMAGE};

    rig_hold_npu(rig);
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
    rig_take_refusal(rig, 2, N6_STATUS_BAD_DIGEST, offsetof(n6_commit_t, crc),
                     rig_crc32(image, sizeof image));
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
    rig_take_refusal(rig, 2, N6_STATUS_BAD_SLOT, offsetof(n6_commit_t, slot), RIG_SLOTS);
    rig_send_commit(rig, 3, 0, RIG_NETWORKS, image, sizeof image);
    rig_take_refusal(rig, 3, N6_STATUS_UNKNOWN_NETWORK, offsetof(n6_commit_t, network),
                     RIG_NETWORKS);
    rig_send_commit(rig, 4, 0, RIG_IMAGE, image, 999);
    rig_take_refusal(rig, 4, N6_STATUS_BAD_TENSOR_SIZE, offsetof(n6_commit_t, length), 999);
    rig_send_commit(rig, 3, 0, RIG_IMAGE, image, sizeof image);
    rig_take_refusal(rig, 3, N6_STATUS_NO_INPUT, offsetof(n6_commit_t, slot), 0); /* older */
    chunk(rig, 4, 0);                                                             /* dropped */
    for (int again = 0; again < 2; again++) { /* refused each time */
        commit(rig, 4);
        rig_take_error(rig, 4, N6_STATUS_NO_INPUT);
    }
    EQUAL(rig->server.channel.counts.duplicates, 0);
    rig_upload(rig, 6, 0, RIG_IMAGE, image, sizeof image);
    take_commit(rig, 6);
    rig_send_commit(rig, 6, 0, RIG_IMAGE, image, 999); /* what is committed stays so */
    take_commit(rig, 6);
}

/* A chunk whose length is not that of its place: the digest cannot be right. */
static void chunks_that_are_too_short(void)
{
    rig_t *rig = begin();
    uint8_t line[RIG_CHUNK + 28];

    rig_feed(rig, line, rig_data(line, 2, 0, 0, 0, image, 255));
    rig->position = 255;
    for (uint32_t i = 1; i < 4; i++) {
        chunk(rig, 2, i);
    }
    commit(rig, 2);
    rig_take_error(rig, 2, N6_STATUS_BAD_DIGEST);
    for (uint32_t i = 0; i < 3; i++) {
        chunk(rig, 2, i);
    }
    rig_feed(rig, line, rig_data(line, 2, rig->position, 768, 0, image + 744, RIG_CHUNK));
    rig->position += RIG_CHUNK;
    commit(rig, 2);
    rig_take_error(rig, 2, N6_STATUS_BAD_DIGEST);
    for (uint32_t i = 0; i < 4; i++) {
        chunk(rig, 2, i);
    }
    commit(rig, 2);
    take_commit(rig, 2);
}

/* The bytes of a damaged chunk may be in the slot already: what was there is not trusted any more. */
static void a_damaged_chunk_opens_an_upload(void)
{
    rig_t *rig = begin();
    uint8_t line[RIG_CHUNK + 28];

    rig_upload(rig, 2, 0, RIG_IMAGE, image, sizeof image);
    take_commit(rig, 2);
    const size_t size = rig_data(line, 3, rig->position, 0, 0, image, RIG_CHUNK);
    line[30] ^= 1;
    rig_feed(rig, line, size);
    (void)rig_take(rig, N6_MESSAGE_TYPE_LOG, 0);
    take_nak(rig, 3, 0, RIG_CHUNK);
    commit(rig, 2);
    rig_take_error(rig, 2, N6_STATUS_NO_INPUT);
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
    chunk(rig, 5, 0);
    rig_nothing(rig); /* DATA is not answered */
    EQUAL(rig->server.channel.counts.refused, 2);
    for (int again = 0; again < 2; again++) { /* a request is answered each time */
        commit(rig, 5);
        rig_take_refusal(rig, 5, N6_STATUS_BUSY, offsetof(n6_commit_t, slot), 0);
    }
    BYTES(rig->slot[0], image, sizeof image);
    EQUAL(rig->server.uploads.consumed, rig->position); /* its bytes were within the grant */
    rig_send_chunk(rig, 6, 1, image, sizeof image, 0);  /* the other slot is free */
    rig_nothing(rig);
    EQUAL(rig->server.channel.counts.refused, 2);
}

/* They are dropped without a word, and move neither a slot nor the grant. */
static void chunks_that_are_refused(void)
{
    rig_t *rig = begin();
    uint8_t line[RIG_CHUNK + 28];
    const struct {
        uint32_t id;
        uint32_t position;
        uint32_t offset;
        uint8_t slot;
        size_t size;
    } chunks[] = {
        {2, 0, 0, RIG_SLOTS, 4},      {2, 0, 0, 255, 4},        {2, 0, 100, 0, 4},
        {2, 0, RIG_SLOT_SIZE, 0, 4},  {2, 0, 0xffffff00, 0, 4}, {0, 0, 0, 0, 4},
        {2, RIG_WINDOW - 3, 0, 0, 4}, {2, 0x7fff0000, 0, 0, 4},
    };
    const uint32_t count = sizeof chunks / sizeof *chunks;

    for (uint32_t i = 0; i < count; i++) {
        rig_feed(rig, line,
                 rig_data(line, chunks[i].id, chunks[i].position, chunks[i].offset, chunks[i].slot,
                          image, chunks[i].size));
        EQUAL(rig->server.channel.counts.refused, i + 1);
    }
    EQUAL(rig->frames, 0);
    EQUAL(rig->server.uploads.consumed, 0);
    EQUAL(rig->server.slots.slot[0].upload, 0);
    rig_check_guards(rig);
    rig_upload(rig, 3, 0, RIG_IMAGE, image, sizeof image); /* nobody is the worse for it */
    take_commit(rig, 3);
}

/* The last chunk that fits a slot whose size is not a multiple of the chunk. */
static void the_end_of_a_slot(void)
{
    rig_t *rig = rig_new();
    uint8_t line[RIG_CHUNK + 28];
    const n6_hello_t hello = rig_hello(1);

    rig->config.slot_size = RIG_SLOT_SIZE - 100;
    EQUAL(n6_server_init(&rig->server, &rig->config), 0);
    (void)rig_open(rig, &hello);
    memset(line, 0, sizeof line);
    rig_feed(rig, line, rig_data(line, 2, 0, RIG_SLOT_SIZE - RIG_CHUNK, 0, image, RIG_CHUNK - 99));
    EQUAL(rig->server.channel.counts.refused, 1);
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

/* What exceeds the grant is not believed, in DATA, PING and COMMIT; what is the last of it, is. */
static void positions_beyond_the_grant(void)
{
    rig_t *rig = begin();
    uint8_t line[RIG_CHUNK + 28];
    n6_ping_t ping = {.position = RIG_WINDOW + 1, .head = sizeof ping};
    n6_ping_reply_t pong;

    rig_feed(rig, line, rig_data(line, 2, RIG_WINDOW - 255, 0, 0, image, RIG_CHUNK));
    rig_nothing(rig);
    EQUAL(rig->server.channel.counts.refused, 1);
    rig_send(rig, N6_MESSAGE_TYPE_PING, 3, &ping, sizeof ping);
    rig_take_refusal(rig, 3, N6_STATUS_BAD_REQUEST, offsetof(n6_ping_t, position), RIG_WINDOW + 1);
    rig->position = RIG_WINDOW / 2 - 16; /* all of it was lost */
    rig_send_commit(rig, 2, 0, RIG_IMAGE, image, sizeof image);
    take_nak(rig, 2, 0, sizeof image);
    rig->position = RIG_WINDOW + 1;
    rig_send_commit(rig, 4, 0, RIG_IMAGE, image, sizeof image);
    rig_take_refusal(rig, 4, N6_STATUS_BAD_REQUEST, offsetof(n6_commit_t, position),
                     RIG_WINDOW + 1);
    EQUAL(rig->server.slots.slot[0].upload, 2);
    EQUAL(rig->server.uploads.consumed, RIG_WINDOW / 2 - 16);
    rig_feed(rig, line, rig_data(line, 2, RIG_WINDOW - 256, 0, 0, image, RIG_CHUNK));
    BYTES(rig->slot[0], image, RIG_CHUNK);
    EQUAL(rig->server.channel.counts.refused, 1);
    /* What was lost before the position of a PING is written off. */
    ping.position = 3000;
    rig_send(rig, N6_MESSAGE_TYPE_PING, 3, &ping, sizeof ping);
    memcpy(&pong, rig_take(rig, N6_MESSAGE_TYPE_PING, 3)->payload, sizeof pong);
    EQUAL(pong.limit, 3000 + RIG_WINDOW);
}

/* A host that has sent 4 GB. */
static void positions_wrap(void)
{
    rig_t *rig = begin();

    rig->server.uploads.consumed = rig->position = 0xffffff00;
    rig->server.uploads.granted = rig->position + RIG_WINDOW;
    for (uint32_t i = 0; i < 4; i++) {
        chunk(rig, 2, i);
    }
    commit(rig, 2);
    take_commit(rig, 2);
    EQUAL(rig->server.uploads.consumed, 1000u - 256u);
    EQUAL(rig->server.channel.counts.refused, 0);
}

/* Chunks of the smallest size, in a session whose host asks for them. */
static void smaller_chunks(void)
{
    rig_t *rig = rig_new();
    n6_hello_t hello = rig_hello(1);

    rig->config.chunk = 1024;
    EQUAL(n6_server_init(&rig->server, &rig->config), 0);
    hello.max_chunk = 300;
    EQUAL(rig_open(rig, &hello).chunk, RIG_CHUNK);
    for (size_t i = 0; i < sizeof image; i++) {
        image[i] = (uint8_t)(i * 3);
    }
    chunk(rig, 2, 3);
    take_nak(rig, 2, 0, 768);
    for (uint32_t i = 0; i < 3; i++) {
        chunk(rig, 2, i);
    }
    commit(rig, 2);
    take_commit(rig, 2);
    rig_check_guards(rig);
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
    TEST(chunks_that_are_too_short),
    TEST(a_damaged_chunk_opens_an_upload),
    TEST(newer_uploads_replace_older_ones),
    TEST(slots_in_use_are_left_alone),
    TEST(chunks_that_are_refused),
    TEST(the_end_of_a_slot),
    TEST(credits_move_by_half_a_window),
    TEST(positions_beyond_the_grant),
    TEST(positions_wrap),
    TEST(smaller_chunks),
    TESTS_END,
};
