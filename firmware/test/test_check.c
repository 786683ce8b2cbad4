/* CHECK: runs with the stored input, among inferences. The runtime of the rig adds one to each byte. */
#include "n6_rig.h"

static const uint8_t stored[4] = {9, 8, 254, 255};
static const uint8_t outputs[4] = {10, 9, 255, 0};

/* A session with a device whose first network has a stored input. */
static rig_t *begin_with(bool known, uint32_t digest)
{
    static n6_network_t networks[RIG_NETWORKS];
    rig_t *rig = rig_new();
    const n6_hello_t hello = rig_hello(7);

    memcpy(networks, rig->npu.network, sizeof networks);
    networks[RIG_TINY].check_input = stored;
    networks[RIG_TINY].check_known = known;
    networks[RIG_TINY].check_digest = digest;
    rig->npu.network = networks;
    rig->npu.features = N6_FEATURE_CHECK;
    EQUAL(n6_server_init(&rig->server, &rig->config), 0);
    CHECK(rig_open(rig, &hello).features & N6_FEATURE_CHECK);
    return rig;
}

static void send_check(rig_t *rig, uint32_t id, uint16_t network)
{
    const n6_check_t body = {.network = network};
    rig_send(rig, N6_MESSAGE_TYPE_CHECK, id, &body, sizeof body);
}

static n6_check_reply_t take_check(rig_t *rig, uint32_t id)
{
    n6_check_reply_t reply;

    memcpy(&reply, rig_take(rig, N6_MESSAGE_TYPE_CHECK, id)->payload, sizeof reply);
    EQUAL(reply.digest, rig_crc32(outputs, sizeof outputs));
    return reply;
}

static void send_infer(rig_t *rig, uint32_t id)
{
    const n6_infer_t infer = {.key = id, .upload = 2, .digest = rig_crc32(stored, sizeof stored)};
    rig_infer(rig, id, &infer, NULL);
    (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, id);
}

static void outputs_are_compared_with_those_that_were_right(void)
{
    const uint32_t right = rig_crc32(outputs, sizeof outputs);
    static const uint8_t states[] = {N6_CHECK_STATE_UNKNOWN, N6_CHECK_STATE_SAME,
                                     N6_CHECK_STATE_DIFFERENT};

    for (uint32_t i = 0; i < 3; i++) {
        rig_t *rig = begin_with(i > 0, right + (i > 1 ? 1u : 0u));

        rig->steps = 2;
        rig->step_ticks = 10;
        send_check(rig, 5, RIG_TINY);
        const n6_check_reply_t reply = take_check(rig, 5);
        EQUAL(reply.state, states[i]);
        EQUAL(reply.ticks, 30);
        EQUAL(rig->starts, 1);
        CHECK(rig->input == stored && rig->times == NULL);
        rig_nothing(rig);
    }
}

static void checks_that_are_refused(void)
{
    static n6_network_t networks[RIG_NETWORKS];
    rig_t *rig = begin_with(false, 0);
    const size_t field = offsetof(n6_check_t, network);

    send_check(rig, 5, RIG_NETWORKS);
    rig_take_refusal(rig, 5, N6_STATUS_UNKNOWN_NETWORK, field, RIG_NETWORKS);
    send_check(rig, 6, RIG_IMAGE);
    rig_take_refusal(rig, 6, N6_STATUS_UNSUPPORTED, field, RIG_IMAGE);
    memcpy(networks, rig->npu.network, sizeof networks);
    networks[RIG_TINY].state = N6_NETWORK_STATE_WEIGHTS_STALE;
    rig->npu.network = networks;
    send_check(rig, 7, RIG_TINY);
    rig_take_refusal(rig, 7, N6_STATUS_NOT_READY, field, RIG_TINY);
    rig->npu.features = 0;
    send_check(rig, 8, RIG_TINY);
    (void)rig_take_error(rig, 8, N6_STATUS_UNSUPPORTED);
    EQUAL(rig->starts, 0);
}

/* It waits for the job that runs, and goes before those that are queued. */
static void a_check_among_inferences(void)
{
    rig_t *rig = begin_with(false, 0);

    rig_upload(rig, 2, 0, RIG_TINY, stored, sizeof stored);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 2);
    rig_hold_npu(rig);
    send_infer(rig, 5);
    send_infer(rig, 6);
    send_check(rig, 7, RIG_TINY);
    EQUAL(rig->starts, 1);
    rig->left = 0;
    rig_run(rig);
    (void)rig_take(rig, N6_MESSAGE_TYPE_RESULT, 5);
    (void)rig_take(rig, N6_MESSAGE_TYPE_DATA, 5);
    EQUAL(rig->starts, 2);
    CHECK(rig->input == stored);
    send_check(rig, 7, RIG_TINY); /* again: its answer is not there yet */
    send_check(rig, 8, RIG_TINY);
    (void)rig_take_error(rig, 8, N6_STATUS_BUSY);
    rig_nothing(rig);
    rig_free_npu(rig);
    (void)take_check(rig, 7);
    (void)rig_take(rig, N6_MESSAGE_TYPE_RESULT, 6);
    (void)rig_take(rig, N6_MESSAGE_TYPE_DATA, 6);
    EQUAL(rig->starts, 3);
    send_check(rig, 7, RIG_TINY); /* its answer was lost */
    (void)take_check(rig, 7);
    EQUAL(rig->starts, 3);
    send_check(rig, 9, RIG_TINY);
    (void)take_check(rig, 9);
    EQUAL(rig->starts, 4);
    rig_nothing(rig);
}

static void a_runtime_that_fails(void)
{
    rig_t *rig = begin_with(false, 0);

    rig->fail_start = -3;
    send_check(rig, 5, RIG_TINY);
    EQUAL(rig_take_error(rig, 5, N6_STATUS_NPU_FAULT).value, 3);
    rig->fail_start = 0;
    rig->fail_step = -4;
    send_check(rig, 6, RIG_TINY);
    EQUAL(rig_take_error(rig, 6, N6_STATUS_NPU_FAULT).value, 4);
    send_check(rig, 6, RIG_TINY);
    EQUAL(rig_take_error(rig, 6, N6_STATUS_NPU_FAULT).value, 4);
    EQUAL(rig->starts, 2);
    rig->fail_step = 0;
    send_check(rig, 7, RIG_TINY);
    (void)take_check(rig, 7);
    rig_nothing(rig);
}

static void ends_with_the_session_or_a_reset(void)
{
    rig_t *rig = begin_with(false, 0);
    const n6_reset_t reset = {.kind = N6_RESET_KIND_SESSION};
    const n6_hello_t hello = rig_hello(8);

    rig_hold_npu(rig);
    send_check(rig, 5, RIG_TINY);
    rig_send(rig, N6_MESSAGE_TYPE_RESET, 6, &reset, sizeof reset);
    (void)rig_take_error(rig, 5, N6_STATUS_CANCELLED);
    (void)rig_take(rig, N6_MESSAGE_TYPE_RESET, 6);
    EQUAL(rig->stops, 1);
    send_check(rig, 7, RIG_TINY);
    (void)rig_open(rig, &hello);
    EQUAL(rig->stops, 2);
    rig_nothing(rig);
    rig->steps = 0;
    send_check(rig, 7, RIG_TINY); /* ids of another session mean nothing */
    (void)take_check(rig, 7);
    rig_hold_npu(rig);
    send_check(rig, 8, RIG_TINY);
    n6_server_relink(&rig->server);
    rig_free_npu(rig); /* nobody is there to get the answer */
    rig_nothing(rig);
    EQUAL(rig->stops, 2);
}

const n6_test_t n6_check_tests[] = {
    TEST(outputs_are_compared_with_those_that_were_right),
    TEST(checks_that_are_refused),
    TEST(a_check_among_inferences),
    TEST(a_runtime_that_fails),
    TEST(ends_with_the_session_or_a_reset),
    TESTS_END,
};
