/* A HELLO that continues a session: protocol.md section 2. */
#include "n6_rig.h"

static const uint8_t four[4] = {1, 2, 253, 127};
static uint8_t image[RIG_IMAGE_BYTES];

static n6_hello_t resume_of(uint64_t nonce, uint64_t resume)
{
    n6_hello_t hello = rig_hello(nonce);

    hello.flags = N6_HELLO_FLAG_RESUME;
    hello.resume = resume;
    return hello;
}

/* The line breaks, and the host comes back. rig_session() has the nonce 7. */
static void come_back(rig_t *rig, uint64_t nonce, uint64_t resume, uint8_t flags)
{
    const n6_hello_t hello = resume_of(nonce, resume);

    n6_server_relink(&rig->server);
    EQUAL(rig_open(rig, &hello).flags, flags);
}

static n6_infer_t infer_of(uint64_t key, uint32_t upload)
{
    return (n6_infer_t){.key = key, .upload = upload, .digest = rig_crc32(four, sizeof four)};
}

static void take_state(rig_t *rig, uint32_t id, uint8_t state)
{
    n6_infer_reply_t reply;

    memcpy(&reply, rig_take(rig, N6_MESSAGE_TYPE_INFER, id)->payload, sizeof reply);
    EQUAL(reply.state, state);
}

static void take_result(rig_t *rig, uint32_t id)
{
    n6_data_header_t head;

    (void)rig_take(rig, N6_MESSAGE_TYPE_RESULT, id);
    memcpy(&head, rig_take(rig, N6_MESSAGE_TYPE_DATA, id)->payload, sizeof head);
    rig_nothing(rig);
}

enum {
    OPENED = N6_HELLO_REPLY_FLAG_OPENED,
    BOTH = N6_HELLO_REPLY_FLAG_OPENED | N6_HELLO_REPLY_FLAG_RESUMED,
};

static void a_session_goes_on(void)
{
    rig_t *rig = rig_session();
    const n6_infer_t run = infer_of(1, 2);
    const n6_infer_t next = infer_of(2, 2);

    rig_upload(rig, 2, 0, RIG_TINY, four, 4);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 2);
    rig_hold_npu(rig);
    rig_infer(rig, 3, &run, NULL);
    take_state(rig, 3, N6_INFER_STATE_QUEUED);
    rig_infer(rig, 4, &next, NULL);
    take_state(rig, 4, N6_INFER_STATE_QUEUED);
    come_back(rig, 8, 7, BOTH);
    EQUAL(rig->stops, 0);
    EQUAL(rig->server.queue.jobs, 2);
    rig_free_npu(rig);
    for (uint32_t id = 3; id < 5; id++) { /* under their old ids */
        (void)rig_take(rig, N6_MESSAGE_TYPE_RESULT, id);
        (void)rig_take(rig, N6_MESSAGE_TYPE_DATA, id);
    }
    rig_send_commit(rig, 2, 0, RIG_TINY, four, 4); /* what was committed stays so */
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 2);
    EQUAL(rig->starts, 2);
}

/* Nothing of a held result is sent before its INFER is repeated. Both positions begin again. */
static void held_results_wait_for_their_infer(void)
{
    rig_t *rig = rig_session();
    const n6_infer_t run = infer_of(1, 2);
    n6_hello_t hello = rig_hello(9);
    const n6_ping_t ping = {.head = sizeof ping};
    n6_ping_reply_t pong;

    hello.window = 256; /* room for one chunk */
    (void)rig_open(rig, &hello);
    rig_upload(rig, 2, 0, RIG_TINY, four, 4);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 2);
    rig_hold_npu(rig);
    rig_infer(rig, 3, &run, NULL);
    take_state(rig, 3, N6_INFER_STATE_QUEUED);
    n6_server_relink(&rig->server);
    rig_free_npu(rig); /* ends while nobody is there */
    rig_nothing(rig);
    come_back(rig, 10, 9, BOTH);
    rig_run(rig);
    rig_nothing(rig);
    rig_infer(rig, 5, &run, NULL);
    take_state(rig, 5, N6_INFER_STATE_DONE);
    take_result(rig, 5);
    come_back(rig, 11, 10, BOTH);
    rig_send(rig, N6_MESSAGE_TYPE_PING, 6, &ping, sizeof ping);
    memcpy(&pong, rig_take(rig, N6_MESSAGE_TYPE_PING, 6)->payload, sizeof pong);
    EQUAL(pong.position, 0);
    EQUAL(pong.limit, RIG_WINDOW);
    EQUAL(rig->starts, 1);
}

/* What was not committed is forgotten; who waits for it goes on waiting. */
static void uploads_in_the_middle_begin_again(void)
{
    rig_t *rig = rig_session();
    n6_infer_t infer = {.key = 1, .upload = 3, .network = RIG_IMAGE};

    for (size_t i = 0; i < sizeof image; i++) {
        image[i] = (uint8_t)(i * 7);
    }
    infer.digest = rig_crc32(image, sizeof image);
    rig_send_chunk(rig, 3, 0, image, sizeof image, 0);
    rig_send_commit(rig, 3, 0, RIG_IMAGE, image, sizeof image);
    (void)rig_take(rig, N6_MESSAGE_TYPE_NAK, 3);
    rig_infer(rig, 4, &infer, NULL);
    take_state(rig, 4, N6_INFER_STATE_WAITING);
    come_back(rig, 8, 7, BOTH);
    EQUAL(rig->server.slots.slot[0].state, N6_SLOT_EMPTY);
    rig_send_chunk(rig, 9, 0, image, sizeof image, 0); /* the slot is kept for the one that waits */
    EQUAL(rig->server.channel.counts.refused, 1);
    rig_infer(rig, 5, &infer, NULL);
    take_state(rig, 5, N6_INFER_STATE_WAITING);
    rig_upload(rig, 3, 0, RIG_IMAGE, image, sizeof image);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 3);
    (void)rig_take(rig, N6_MESSAGE_TYPE_RESULT, 5);
    EQUAL(rig->starts, 1);
}

/* The same on a line that is not broken, to have smaller chunks. */
static void chunks_may_become_smaller(void)
{
    rig_t *rig = rig_new();
    n6_hello_t hello = rig_hello(7);

    rig->config.chunk = 1024;
    EQUAL(n6_server_init(&rig->server, &rig->config), 0);
    EQUAL(rig_open(rig, &hello).chunk, 1024);
    hello = resume_of(8, 7);
    hello.max_chunk = RIG_CHUNK;
    const n6_hello_reply_t reply = rig_open(rig, &hello);
    EQUAL(reply.flags, BOTH);
    EQUAL(reply.chunk, RIG_CHUNK);
    rig_upload(rig, 2, 0, RIG_IMAGE, image, sizeof image);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 2);
    BYTES(rig->slot[0], image, sizeof image);
}

static void levels_and_subscriptions_stay(void)
{
    rig_t *rig = rig_session();
    const n6_log_level_request_t level = {.level = N6_LOG_LEVEL_INFO};
    const n6_subscribe_t every = {.interval_ms = 100};

    rig_send(rig, N6_MESSAGE_TYPE_LOG_LEVEL, 2, &level, sizeof level);
    (void)rig_take(rig, N6_MESSAGE_TYPE_LOG_LEVEL, 2);
    rig_send(rig, N6_MESSAGE_TYPE_SUBSCRIBE, 3, &every, sizeof every);
    (void)rig_take(rig, N6_MESSAGE_TYPE_SUBSCRIBE, 3);
    n6_server_relink(&rig->server);
    rig->now += 1000000; /* nobody is there */
    n6_server_log(&rig->server, N6_LOG_LEVEL_ERROR, "not heard");
    rig_run(rig);
    rig_nothing(rig);
    EQUAL(n6_server_due(&rig->server), UINT64_MAX);
    const n6_hello_t hello = resume_of(8, 7);
    rig_send(rig, N6_MESSAGE_TYPE_HELLO, 4, &hello, sizeof hello);
    (void)rig_take(rig, N6_MESSAGE_TYPE_HELLO, 4);
    (void)rig_take(rig, N6_MESSAGE_TYPE_STATS, 0);
    n6_server_log(&rig->server, N6_LOG_LEVEL_INFO, "heard");
    rig_run(rig);
    (void)rig_take(rig, N6_MESSAGE_TYPE_LOG, 0);
}

/* The answer to a HELLO may be lost: the same HELLO has the same answer, whatever it was. */
static void a_repeated_hello_changes_nothing(void)
{
    rig_t *rig = rig_session();
    const n6_hello_t again = rig_hello(7);
    const n6_hello_t resume = resume_of(8, 7);
    const n6_infer_t infer = infer_of(1, 2);

    EQUAL(rig_open(rig, &again).flags, OPENED);
    rig_upload(rig, 2, 0, RIG_TINY, four, 4);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 2);
    rig_hold_npu(rig);
    rig_infer(rig, 3, &infer, NULL);
    take_state(rig, 3, N6_INFER_STATE_QUEUED);
    for (int i = 0; i < 3; i++) {
        EQUAL(rig_open(rig, &resume).flags, BOTH);
        EQUAL(rig->server.queue.jobs, 1);
    }
    EQUAL(rig->stops, 0);
}

/* A session has the name of its last HELLO. Others are not known, and open a new one. */
static void sessions_that_are_not_known(void)
{
    rig_t *rig = rig_start();
    const n6_hello_t first = resume_of(1, 99);
    const n6_infer_t infer = infer_of(1, 2);

    EQUAL(rig_open(rig, &first).flags, OPENED); /* nothing to resume after a restart */
    come_back(rig, 2, 1, BOTH);
    come_back(rig, 3, 2, BOTH);
    rig_upload(rig, 2, 0, RIG_TINY, four, 4);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 2);
    rig_infer(rig, 3, &infer, NULL);
    take_state(rig, 3, N6_INFER_STATE_QUEUED);
    take_result(rig, 3);
    come_back(rig, 4, 1, OPENED); /* an older name */
    rig_infer(rig, 3, &infer, NULL);
    take_state(rig, 3, N6_INFER_STATE_DONE); /* its result is found by its key */
    take_result(rig, 3);
    EQUAL(rig->server.slots.slot[0].upload, 0);
    EQUAL(rig->starts, 1);
}

const n6_test_t n6_resume_tests[] = {
    TEST(a_session_goes_on),
    TEST(held_results_wait_for_their_infer),
    TEST(uploads_in_the_middle_begin_again),
    TEST(chunks_may_become_smaller),
    TEST(levels_and_subscriptions_stay),
    TEST(a_repeated_hello_changes_nothing),
    TEST(sessions_that_are_not_known),
    TESTS_END,
};
