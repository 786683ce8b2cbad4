/* A runtime that forwards: orders as they arrived, several at a time, and answers of another device. */
#include "n6_rig.h"

enum {
    MOST = 16,
    BYTES = 8, /* of a result */
};

/* The runtime: what the core has ordered, and the answer that it gets next. */
static n6_order_t orders[MOST];
static n6_return_t wanted[N6_LIMIT_MAX_RETURNS];
static uint32_t withdrawn[MOST];
static int order_count;
static int withdrawn_count;
static n6_answer_t answer;
static bool answered;

static void order(void *context, const n6_order_t *new)
{
    (void)context;
    CHECK(order_count < MOST);
    orders[order_count++] = *new;
    if (new->returns > 0) {
        memcpy(wanted, new->what, new->returns * sizeof *wanted);
    }
}

static void withdraw(void *context, uint32_t number)
{
    (void)context;
    CHECK(withdrawn_count < MOST);
    withdrawn[withdrawn_count++] = number;
}

static const n6_answer_t *next(void *context)
{
    (void)context;
    const bool there = answered;
    answered = false;
    return there ? &answer : NULL;
}

static const n6_forward_t forward = {2, n6_server_forward, order, withdraw, next};

static rig_t *begin(void)
{
    static const n6_npu_t none = {0};
    rig_t *rig = rig_new();
    const n6_hello_t hello = rig_hello(7);
    n6_npu_t npu = none;

    npu.network = rig->npu.network;
    npu.networks = rig->npu.networks;
    npu.features = N6_FEATURE_CHECK;
    npu.forward = &forward;
    rig->npu = npu;
    order_count = withdrawn_count = 0;
    answered = false;
    EQUAL(n6_server_init(&rig->server, &rig->config), 0);
    CHECK(rig_open(rig, &hello).features & N6_FEATURE_CHECK);
    return rig;
}

static void upload(rig_t *rig, uint32_t id, uint8_t slot)
{
    const uint8_t bytes[4] = {(uint8_t)id, 1, 2, 3};

    rig_upload(rig, id, slot, RIG_TINY, bytes, sizeof bytes);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, id);
}

/* An INFER of the upload with the id before it. */
static void infer(rig_t *rig, uint32_t id, uint8_t slot, uint8_t state)
{
    const uint8_t bytes[4] = {(uint8_t)(id - 1), 1, 2, 3};
    const n6_infer_t body = {.key = id,
                             .upload = id - 1,
                             .digest = rig_crc32(bytes, sizeof bytes),
                             .slot = slot,
                             .priority = 3};
    n6_infer_reply_t reply;

    rig_infer(rig, id, &body, NULL);
    memcpy(&reply, rig_take(rig, N6_MESSAGE_TYPE_INFER, id)->payload, sizeof reply);
    EQUAL(reply.state, state);
}

static void fail(rig_t *rig, uint32_t number, uint8_t status, uint32_t value, const char *text)
{
    answer = (n6_answer_t){.number = number,
                           .status = status,
                           .field = N6_LIMIT_NO_FIELD,
                           .value = value,
                           .text = text};
    answered = true;
    rig_run(rig);
}

/* The board has run an order, from tick 100 to 130. */
static void finish(rig_t *rig, uint32_t number, uint8_t first, uint32_t length)
{
    static uint8_t data[2 * RIG_RESULT_SIZE];
    static n6_result_t result;
    static n6_result_record_t record;

    memset(data, first, sizeof data);
    record = (n6_result_record_t){.length = length};
    result = (n6_result_t){.t_queued = 80,
                           .t_committed = 90,
                           .t_start = 100,
                           .t_end = 130,
                           .length = length,
                           .crc = rig_crc32(data, length),
                           .outputs = 1,
                           .head = sizeof result,
                           .record = sizeof record};
    answer = (n6_answer_t){.number = number, .result = &result, .records = &record, .data = data};
    answered = true;
    rig_run(rig);
}

static void take_result(rig_t *rig, uint32_t id, uint8_t first)
{
    const rig_frame_t *frame = rig_take(rig, N6_MESSAGE_TYPE_RESULT, id);
    n6_result_t result;

    EQUAL(frame->length, sizeof result + sizeof(n6_result_record_t));
    memcpy(&result, frame->payload, sizeof result);
    EQUAL(result.t_queued, 80);
    EQUAL(result.t_end, 130);
    EQUAL(result.length, BYTES);
    frame = rig_take(rig, N6_MESSAGE_TYPE_DATA, id);
    EQUAL(frame->length, N6_LIMIT_HEADER_SIZE + BYTES);
    EQUAL(frame->payload[N6_LIMIT_HEADER_SIZE], first);
    EQUAL(frame->payload[N6_LIMIT_HEADER_SIZE + BYTES - 1], first);
}

static void several_orders_and_answers_in_any_order(void)
{
    rig_t *rig = begin();

    upload(rig, 10, 0);
    infer(rig, 11, 0, N6_INFER_STATE_QUEUED);
    rig->now += 7;
    upload(rig, 12, 1);
    infer(rig, 13, 1, N6_INFER_STATE_QUEUED);
    infer(rig, 11, 0, N6_INFER_STATE_RUNNING);
    EQUAL(order_count, 2);
    EQUAL(orders[0].priority, 3);
    EQUAL(orders[0].length, 4);
    EQUAL(orders[0].parts, 0);
    EQUAL(((const uint8_t *)orders[0].input)[0], 10);
    EQUAL(((const uint8_t *)orders[1].input)[0], 12);
    CHECK(orders[0].number != orders[1].number && orders[0].deadline == UINT64_MAX);
    EQUAL(orders[0].ready_at, 1000);
    EQUAL(orders[1].ready_at, 1007);

    finish(rig, orders[1].number, 5, BYTES);
    take_result(rig, 13, 5);
    finish(rig, orders[0].number, 6, BYTES);
    take_result(rig, 11, 6);
    finish(rig, orders[0].number, 7, BYTES); /* a number that is not wanted any more */
    rig_nothing(rig);
    EQUAL(rig->server.runs.network[RIG_TINY].runs, 2);
    EQUAL(rig->server.runs.network[RIG_TINY].last, 30);
    rig_check_guards(rig);
}

static void results_that_are_not_released_stop_further_orders(void)
{
    rig_t *rig = begin();

    for (uint32_t id = 10; id < 16; id += 2) {
        upload(rig, id, id == 12);
        infer(rig, id + 1, id == 12, N6_INFER_STATE_QUEUED);
        if (id < 14) {
            finish(rig, orders[order_count - 1].number, (uint8_t)id, BYTES);
            take_result(rig, id + 1, (uint8_t)id);
        }
    }
    EQUAL(order_count, 2);
    const n6_release_t release = {.target = 11};
    rig_send(rig, N6_MESSAGE_TYPE_RELEASE, 20, &release, sizeof release);
    (void)rig_take(rig, N6_MESSAGE_TYPE_RELEASE, 20);
    EQUAL(order_count, 3);
}

static void encoded_inputs_and_reductions_as_they_arrived(void)
{
    static uint8_t bytes[600]; /* not a picture: whoever decodes it reports this */
    const n6_part_t parts[] = {
        {.offset = 40, .length = 560, .encoding = N6_ENCODING_QOI},
        {.length = 40, .input = 1},
    };
    const n6_return_t what = {.output = 1, .reduction = N6_REDUCTION_TOPK, .length = 20, .k = 3};
    rig_t *rig = begin();

    memset(bytes, 9, sizeof bytes);
    bytes[0] = 1;
    for (uint32_t chunk = 0; chunk * RIG_CHUNK < sizeof bytes; chunk++) {
        rig_send_chunk(rig, 10, 0, bytes, sizeof bytes, chunk);
    }
    rig_send_parts(rig, 10, 0, RIG_IMAGE, bytes, sizeof bytes, parts, 2);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 10);
    const n6_infer_t body = {.key = 1,
                             .upload = 10,
                             .digest = rig_crc32(bytes, sizeof bytes),
                             .network = RIG_IMAGE,
                             .flags = N6_INFER_FLAG_TIMERS,
                             .returns = 1,
                             .ttl_us = 500};
    rig_infer(rig, 11, &body, &what);
    (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, 11);
    EQUAL(order_count, 1);
    EQUAL(orders[0].network, RIG_IMAGE);
    EQUAL(orders[0].length, sizeof bytes);
    EQUAL(orders[0].parts, 2);
    EQUAL(orders[0].returns, 1);
    EQUAL(orders[0].flags, N6_INFER_FLAG_TIMERS);
    CHECK(orders[0].deadline != UINT64_MAX);
    CHECK(memcmp(orders[0].part, parts, sizeof parts) == 0);
    CHECK(memcmp(wanted, &what, sizeof what) == 0);
    CHECK(memcmp(orders[0].input, bytes, sizeof bytes) == 0);

    /* The session is resumed before the next order: the parts of a committed upload are kept. */
    n6_hello_t hello = rig_hello(8);
    hello.flags = N6_HELLO_FLAG_RESUME;
    hello.resume = 7;
    n6_server_relink(&rig->server);
    CHECK(rig_open(rig, &hello).flags & N6_HELLO_REPLY_FLAG_RESUMED);
    CHECK(memcmp(orders[0].part, parts, sizeof parts) == 0);
    EQUAL(withdrawn_count, 0);

    /* Times of the blocks are added to the sums, with their shift. */
    const n6_epoch_time_t times[3] = {{0, 1, 2, 3}, {0, 4, 5, 6}, {0, 7, 8, 9}};
    const n6_result_record_t record = {.output = 1, .reduction = N6_REDUCTION_TOPK};
    n6_result_t result = {.t_end = 9,
                          .length = sizeof times,
                          .outputs = 1,
                          .timer_shift = 1,
                          .blocks = 3,
                          .head = sizeof result,
                          .record = sizeof record,
                          .timer_record = sizeof times[0]};
    answer = (n6_answer_t){
        .number = orders[0].number, .result = &result, .records = &record, .data = times};
    answered = true;
    rig_run(rig);
    EQUAL(rig->server.runs.network[RIG_IMAGE].runs, 1);
    EQUAL(rig->sums[1].pre, 2);
    EQUAL(rig->sums[2].core, 10);
    EQUAL(rig->sums[3].post, 18);
    result.timers_offset = 4; /* a board that lies */
    CHECK(!n6_runs_take(&rig->server.runs, RIG_IMAGE, &answer));
}

static void a_failure_has_the_words_of_the_other_device(void)
{
    rig_t *rig = begin();

    upload(rig, 10, 0);
    infer(rig, 11, 0, N6_INFER_STATE_QUEUED);
    fail(rig, orders[0].number, N6_STATUS_BAD_PICTURE, 77, "no picture");
    const rig_frame_t *frame = rig_take(rig, N6_MESSAGE_TYPE_ERROR, 11);
    n6_error_reply_t reply;
    memcpy(&reply, frame->payload, sizeof reply);
    EQUAL(reply.status, N6_STATUS_BAD_PICTURE);
    EQUAL(reply.type, N6_MESSAGE_TYPE_INFER);
    EQUAL(reply.value, 77);
    EQUAL(frame->length, sizeof reply + 10);
    CHECK(memcmp(frame->payload + sizeof reply, "no picture", 10) == 0);

    infer(rig, 11, 0, N6_INFER_STATE_QUEUED); /* it has not run: the key may be used again */
    static const uint8_t ends[] = {N6_STATUS_NPU_FAULT, N6_STATUS_DEADLINE, N6_STATUS_CANCELLED,
                                   N6_STATUS_TOO_LARGE};
    for (uint32_t i = 0; i < sizeof ends; i++) {
        const uint32_t id = 11 + 2 * i;

        fail(rig, orders[i + 1].number, ends[i], 5, "the board says so");
        EQUAL(rig_take_error(rig, id, (n6_status_t)ends[i]).value, 5);
        const uint8_t bytes[4] = {(uint8_t)(id - 1), 1, 2, 3};
        const n6_infer_t again = {
            .key = id, .upload = id - 1, .digest = rig_crc32(bytes, 4), .priority = 3};
        rig_infer(rig, id, &again, NULL); /* its end is known */
        EQUAL(rig_take_error(rig, id, (n6_status_t)ends[i]).value, 5);
        upload(rig, id + 1, 0);
        infer(rig, id + 2, 0, N6_INFER_STATE_QUEUED);
    }
    EQUAL(order_count, 6);
}

static void a_result_that_does_not_fit(void)
{
    rig_t *rig = begin();

    upload(rig, 10, 0);
    infer(rig, 11, 0, N6_INFER_STATE_QUEUED);
    finish(rig, orders[0].number, 1, RIG_RESULT_SIZE);
    (void)rig_take_error(rig, 11, N6_STATUS_TOO_LARGE);
    upload(rig, 12, 0);
    infer(rig, 13, 0, N6_INFER_STATE_QUEUED);
    finish(rig, orders[1].number, 2, BYTES);
    take_result(rig, 13, 2);
    rig_check_guards(rig);
}

static void what_is_not_wanted_any_more_is_withdrawn(void)
{
    rig_t *rig = begin();
    const n6_cancel_t cancel = {.target = 11};
    const n6_reset_t reset = {.kind = N6_RESET_KIND_SESSION};

    upload(rig, 10, 0);
    infer(rig, 11, 0, N6_INFER_STATE_QUEUED);
    rig_send(rig, N6_MESSAGE_TYPE_CANCEL, 20, &cancel, sizeof cancel);
    (void)rig_take(rig, N6_MESSAGE_TYPE_CANCEL, 20);
    (void)rig_take_error(rig, 11, N6_STATUS_CANCELLED);
    EQUAL(withdrawn_count, 1);
    EQUAL(withdrawn[0], orders[0].number);

    upload(rig, 30, 0);
    infer(rig, 31, 0, N6_INFER_STATE_QUEUED);
    rig_send(rig, N6_MESSAGE_TYPE_RESET, 32, &reset, sizeof reset);
    (void)rig_take_error(rig, 31, N6_STATUS_CANCELLED);
    (void)rig_take(rig, N6_MESSAGE_TYPE_RESET, 32);
    EQUAL(withdrawn[1], orders[1].number);

    upload(rig, 40, 0);
    infer(rig, 41, 0, N6_INFER_STATE_QUEUED);
    finish(rig, orders[2].number, 4, BYTES);
    take_result(rig, 41, 4);
    upload(rig, 42, 1);
    infer(rig, 43, 1, N6_INFER_STATE_QUEUED);
    n6_server_leave(&rig->server);
    EQUAL(withdrawn[2], orders[3].number);

    /* The client returns: its result is kept, the work that ended is unknown. */
    n6_hello_t hello = rig_hello(8);
    hello.flags = N6_HELLO_FLAG_RESUME;
    hello.resume = 7;
    CHECK(!(rig_open(rig, &hello).flags & N6_HELLO_REPLY_FLAG_RESUMED));
    infer(rig, 41, 0, N6_INFER_STATE_DONE);
    take_result(rig, 41, 4);
    upload(rig, 42, 1);
    infer(rig, 43, 1, N6_INFER_STATE_QUEUED);
    EQUAL(order_count, 5);
}

static void send_check(rig_t *rig, uint32_t id)
{
    const n6_check_t body = {.network = RIG_IMAGE};

    rig_send(rig, N6_MESSAGE_TYPE_CHECK, id, &body, sizeof body);
}

static void checks_are_made_by_the_other_device(void)
{
    const n6_reset_t reset = {.kind = N6_RESET_KIND_SESSION};
    rig_t *rig = begin();
    n6_check_reply_t reply;

    send_check(rig, 5);
    EQUAL(order_count, 1);
    EQUAL(orders[0].number, N6_FORWARD_CHECK);
    EQUAL(orders[0].network, RIG_IMAGE);
    answer = (n6_answer_t){
        .number = N6_FORWARD_CHECK,
        .check = {.ticks = 9, .digest = 0x1234, .state = N6_CHECK_STATE_SAME},
    };
    answered = true;
    rig_run(rig);
    memcpy(&reply, rig_take(rig, N6_MESSAGE_TYPE_CHECK, 5)->payload, sizeof reply);
    CHECK(memcmp(&reply, &answer.check, sizeof reply) == 0);

    send_check(rig, 6);
    fail(rig, N6_FORWARD_CHECK, N6_STATUS_UNSUPPORTED, 1, "no stored input");
    EQUAL(rig_take_error(rig, 6, N6_STATUS_UNSUPPORTED).value, 1);

    send_check(rig, 7);
    rig_send(rig, N6_MESSAGE_TYPE_RESET, 8, &reset, sizeof reset);
    (void)rig_take_error(rig, 7, N6_STATUS_CANCELLED);
    (void)rig_take(rig, N6_MESSAGE_TYPE_RESET, 8);
    EQUAL(withdrawn_count, 1);
    EQUAL(withdrawn[0], N6_FORWARD_CHECK);
    fail(rig, N6_FORWARD_CHECK, N6_STATUS_UNSUPPORTED, 1, "late");
    rig_nothing(rig);
}

const n6_test_t n6_forward_tests[] = {
    TEST(several_orders_and_answers_in_any_order),
    TEST(results_that_are_not_released_stop_further_orders),
    TEST(encoded_inputs_and_reductions_as_they_arrived),
    TEST(a_failure_has_the_words_of_the_other_device),
    TEST(a_result_that_does_not_fit),
    TEST(what_is_not_wanted_any_more_is_withdrawn),
    TEST(checks_are_made_by_the_other_device),
    TESTS_END,
};
