/* INFER and what becomes of it: the table of protocol.md section 6, row by row. */
#include "n6_rig.h"

static const uint8_t four[4] = {1, 2, 253, 127};
static uint8_t image[RIG_IMAGE_BYTES];

/* A session with "tiny" in slot 0 (upload 2) and in slot 1 (upload 3). */
static rig_t *begin(void)
{
    rig_t *rig = rig_session();

    rig_upload(rig, 2, 0, RIG_TINY, four, 4);
    rig_upload(rig, 3, 1, RIG_TINY, four, 4);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 2);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 3);
    return rig;
}

static n6_infer_t infer_of(uint64_t key, uint8_t slot)
{
    return (n6_infer_t){
        .key = key, .upload = slot + 2u, .digest = rig_crc32(four, sizeof four), .slot = slot};
}

static void take_state(rig_t *rig, uint32_t id, uint8_t state, uint8_t depth)
{
    n6_infer_reply_t reply;

    memcpy(&reply, rig_take(rig, N6_MESSAGE_TYPE_INFER, id)->payload, sizeof reply);
    EQUAL(reply.state, state);
    EQUAL(reply.depth, depth);
}

static n6_result_t take_result(rig_t *rig, uint32_t id)
{
    n6_result_t result;

    memcpy(&result, rig_take(rig, N6_MESSAGE_TYPE_RESULT, id)->payload, sizeof result);
    if (result.length > 0) {
        (void)rig_take(rig, N6_MESSAGE_TYPE_DATA, id);
    }
    return result;
}

static void release(rig_t *rig, uint32_t id, uint32_t target)
{
    const n6_release_t body = {target};

    rig_send(rig, N6_MESSAGE_TYPE_RELEASE, id, &body, sizeof body);
    (void)rig_take(rig, N6_MESSAGE_TYPE_RELEASE, id);
}

static uint32_t cancel(rig_t *rig, uint32_t id, uint32_t target)
{
    const n6_cancel_t body = {target};
    n6_cancel_reply_t reply;

    rig_send(rig, N6_MESSAGE_TYPE_CANCEL, id, &body, sizeof body);
    memcpy(&reply, rig_take(rig, N6_MESSAGE_TYPE_CANCEL, id)->payload, sizeof reply);
    return reply.found;
}

static void a_run(void)
{
    for (int state = N6_NPU_RUNNING; state <= N6_NPU_WAITING; state++) {
        rig_t *rig = begin();
        const n6_infer_t infer = infer_of(1, 0);
        n6_result_t result;

        rig->steps = 3;
        rig->step_state = state;
        rig->step_ticks = 10;
        rig->now = 5000;
        rig_infer(rig, 4, &infer, NULL);
        take_state(rig, 4, N6_INFER_STATE_QUEUED, 1);
        for (int i = 0; i < 3; i++) {
            EQUAL(rig_turn(rig), i < 3 - (state == N6_NPU_WAITING ? 0 : 3)
                                     ? (i < 2 ? N6_SERVER_WAITING : N6_SERVER_IDLE)
                                     : N6_SERVER_IDLE);
        }
        result = take_result(rig, 4);
        EQUAL(result.t_queued, 5000);
        EQUAL(result.t_committed, 1000);
        EQUAL(result.t_start, 5000);
        EQUAL(result.t_end, 5040);
        EQUAL(result.length, 4);
        EQUAL(rig->starts, 1);
        CHECK(rig->input == rig->slot[0]);
        rig_nothing(rig);
    }
}

/* Each mistake has a status of its own, and blames one field. */
static void infers_that_are_refused(void)
{
    rig_t *rig = begin();
    n6_infer_t infer = infer_of(1, 0);

#define REFUSES(member, bad, status)                                                               \
    do {                                                                                           \
        infer = infer_of(1, 0);                                                                    \
        infer.member = bad;                                                                        \
        rig_infer(rig, 4, &infer, NULL);                                                           \
        rig_take_refusal(rig, 4, status, offsetof(n6_infer_t, member), infer.member);              \
    } while (0)
    REFUSES(upload, 0, N6_STATUS_BAD_REQUEST);
    REFUSES(network, RIG_NETWORKS, N6_STATUS_UNKNOWN_NETWORK);
    REFUSES(slot, RIG_SLOTS, N6_STATUS_BAD_SLOT);
    REFUSES(flags, 4, N6_STATUS_UNSUPPORTED);
    REFUSES(upload, 1, N6_STATUS_NO_INPUT); /* the slot holds a newer one */
    REFUSES(network, RIG_IMAGE, N6_STATUS_NO_INPUT);
    REFUSES(digest, 5, N6_STATUS_NO_INPUT);
    REFUSES(head, 31, N6_STATUS_BAD_REQUEST);
    REFUSES(head, 33, N6_STATUS_BAD_REQUEST);
#undef REFUSES
    EQUAL(rig->starts, 0);
    rig_nothing(rig);
}

/* So has each mistake in a Return record: field is in the payload, record by record. */
static void returns_that_are_refused(void)
{
    rig_t *rig = begin();
    n6_infer_t infer = infer_of(1, 0);
    n6_return_t what[2] = {{0}};

#define REFUSES(member, bad, status)                                                               \
    do {                                                                                           \
        what[1] = (n6_return_t){.member = bad};                                                    \
        rig_infer(rig, 6, &infer, what);                                                           \
        rig_take_refusal(rig, 6, status,                                                           \
                         sizeof infer + sizeof *what + offsetof(n6_return_t, member),              \
                         what[1].member);                                                          \
    } while (0)
    infer.returns = 2;
    REFUSES(output, 1, N6_STATUS_UNKNOWN_OUTPUT);
    REFUSES(output, 65535, N6_STATUS_UNKNOWN_OUTPUT);
    REFUSES(source, N6_SOURCE_INTERMEDIATE, N6_STATUS_UNSUPPORTED);
    REFUSES(source, 2, N6_STATUS_UNSUPPORTED);
    REFUSES(reduction, N6_REDUCTION_SAME_ROWS + 1, N6_STATUS_UNSUPPORTED);
    REFUSES(reduction, 255, N6_STATUS_UNSUPPORTED);
    REFUSES(offset, 4, N6_STATUS_BAD_REQUEST);
    REFUSES(length, 5, N6_STATUS_BAD_REQUEST);
#undef REFUSES
    infer.head = sizeof infer;
    infer.record = sizeof *what;
    rig_send(rig, N6_MESSAGE_TYPE_INFER, 8, &infer, sizeof infer); /* records are missing */
    rig_take_refusal(rig, 8, N6_STATUS_BAD_REQUEST, N6_LIMIT_NO_FIELD, sizeof infer);
    infer.record = sizeof *what - 1;
    rig_infer(rig, 9, &infer, what);
    rig_take_refusal(rig, 9, N6_STATUS_BAD_REQUEST, offsetof(n6_infer_t, record), 23);
    infer.returns = N6_LIMIT_MAX_RETURNS + 1;
    rig_send(rig, N6_MESSAGE_TYPE_INFER, 9, &infer, sizeof infer);
    rig_take_refusal(rig, 9, N6_STATUS_BAD_REQUEST, offsetof(n6_infer_t, returns), 17);
    EQUAL(rig->starts, 0);
    rig_nothing(rig);
}

/* A host of a later minor sends longer structs: what is beyond ours is skipped. */
static void a_later_host_is_understood(void)
{
    rig_t *rig = begin();
    struct {
        n6_infer_t infer;
        uint32_t more;
        struct {
            n6_return_t what;
            uint32_t more;
        } record[2];
    } body = {.infer = infer_of(1, 0), .more = 0xffffffff};

    body.infer.head = offsetof(__typeof__(body), record);
    body.infer.record = sizeof body.record[0];
    body.infer.returns = 2;
    body.record[0].what.length = 1;
    body.record[0].more = body.record[1].more = 0xffffffff;
    body.record[1].what.offset = 2;
    rig_send(rig, N6_MESSAGE_TYPE_INFER, 4, &body, sizeof body);
    take_state(rig, 4, N6_INFER_STATE_QUEUED, 1);
    EQUAL(take_result(rig, 4).length, 6);
    BYTES(rig->result[0], "\2\0\0\0\376\200", 6);
    body.record[1].what.offset = 4;
    body.infer.key = 2;
    rig_send(rig, N6_MESSAGE_TYPE_INFER, 5, &body, sizeof body);
    rig_take_refusal(rig, 5, N6_STATUS_BAD_REQUEST,
                     offsetof(__typeof__(body), record[1].what.offset), 4);
}

static void networks_that_are_not_ready(void)
{
    rig_t *rig = begin();
    n6_network_t networks[RIG_NETWORKS];
    n6_infer_t infer = infer_of(1, 0);

    memcpy(networks, rig->npu.network, sizeof networks);
    networks[RIG_TINY].state = N6_NETWORK_STATE_WEIGHTS_MISSING;
    networks[RIG_TINY].reason = "no weights at 0x71000000";
    rig->npu.network = networks;
    rig_infer(rig, 4, &infer, NULL);
    rig_take_refusal(rig, 4, N6_STATUS_NOT_READY, offsetof(n6_infer_t, network), RIG_TINY);
    networks[RIG_TINY].state = N6_NETWORK_STATE_READY;
    rig_infer(rig, 5, &infer, NULL); /* the refused key was not used up */
    take_state(rig, 5, N6_INFER_STATE_QUEUED, 1);
    (void)take_result(rig, 5);
}

static void infer_may_come_before_its_input(void)
{
    rig_t *rig = rig_session();
    n6_infer_t infer = infer_of(1, 0);

    rig_infer(rig, 3, &infer, NULL); /* nothing has come at all */
    take_state(rig, 3, N6_INFER_STATE_WAITING, 1);
    rig_send_chunk(rig, 2, 0, four, 4, 0);
    rig_nothing(rig);
    rig->now = 7000;
    rig_send_commit(rig, 2, 0, RIG_TINY, four, 4);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 2);
    EQUAL(take_result(rig, 3).t_committed, 7000);
    release(rig, 4, 3);

    rig_send_chunk(rig, 5, 0, four, 4, 0); /* its chunk is there, its COMMIT is not */
    infer = infer_of(2, 0);
    infer.upload = 5;
    rig_infer(rig, 6, &infer, NULL);
    take_state(rig, 6, N6_INFER_STATE_WAITING, 1);
    rig_send_chunk(rig, 7, 0, four, 4, 0); /* a newer upload has to wait for it */
    EQUAL(rig->server.channel.counts.refused, 1);
    rig_send_commit(rig, 5, 0, RIG_TINY, four, 4);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 5);
    (void)take_result(rig, 6);
    rig_nothing(rig);
}

static void input_that_turns_out_wrong(void)
{
    rig_t *rig = rig_session();
    n6_infer_t infer = infer_of(1, 0);

    rig_infer(rig, 3, &infer, NULL);
    take_state(rig, 3, N6_INFER_STATE_WAITING, 1);
    rig_send_commit(rig, 2, 0, RIG_TINY, four, 3); /* refused: the job has lost its input */
    rig_take_error(rig, 2, N6_STATUS_BAD_TENSOR_SIZE);
    EQUAL(rig_take_error(rig, 3, N6_STATUS_NO_INPUT).value, 2);
    rig_infer(rig, 4, &infer, NULL);
    rig_take_refusal(rig, 4, N6_STATUS_NO_INPUT, offsetof(n6_infer_t, upload), 2);

    infer.upload = 5;
    rig_infer(rig, 6, &infer, NULL);
    take_state(rig, 6, N6_INFER_STATE_WAITING, 1);
    rig_upload(rig, 5, 0, RIG_IMAGE, image, sizeof image); /* of another network */
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 5);
    rig_take_refusal(rig, 6, N6_STATUS_NO_INPUT, offsetof(n6_infer_t, network), RIG_TINY);

    infer.upload = 7;
    infer.digest ^= 1;
    rig_infer(rig, 8, &infer, NULL);
    take_state(rig, 8, N6_INFER_STATE_WAITING, 1);
    rig_upload(rig, 7, 0, RIG_TINY, four, 4); /* other bytes than the host meant */
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 7);
    rig_take_refusal(rig, 8, N6_STATUS_NO_INPUT, offsetof(n6_infer_t, digest), infer.digest);
    EQUAL(rig->server.queue.jobs, 0);
}

/* The slot is busy with another upload: whoever waits for this one learns that it was refused. */
static void a_commit_that_finds_the_slot_busy(void)
{
    rig_t *rig = begin();
    n6_infer_t infer = infer_of(1, 0);

    rig_hold_npu(rig);
    rig_infer(rig, 4, &infer, NULL);
    take_state(rig, 4, N6_INFER_STATE_QUEUED, 1);
    infer = infer_of(2, 0);
    infer.upload = 5;
    rig_infer(rig, 6, &infer, NULL);
    take_state(rig, 6, N6_INFER_STATE_WAITING, 2);
    rig_upload(rig, 5, 0, RIG_TINY, four, 4);
    rig_take_error(rig, 5, N6_STATUS_BUSY);
    rig_take_error(rig, 6, N6_STATUS_NO_INPUT);
    rig_infer(rig, 6, &infer, NULL); /* so does one that comes after it */
    rig_take_refusal(rig, 6, N6_STATUS_NO_INPUT, offsetof(n6_infer_t, upload), 5);
    rig_free_npu(rig);
    (void)take_result(rig, 4);
    rig_upload(rig, 5, 0, RIG_TINY, four, 4); /* the same upload again */
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 5);
    rig_infer(rig, 8, &infer, NULL); /* the key was not used up */
    take_state(rig, 8, N6_INFER_STATE_QUEUED, 1);
    (void)take_result(rig, 8);
}

/* A bad digest does not end the upload: it is sent again, and its inference goes on waiting. */
static void waiting_through_a_bad_digest(void)
{
    rig_t *rig = rig_session();
    n6_infer_t infer = infer_of(1, 0);

    rig_infer(rig, 3, &infer, NULL);
    take_state(rig, 3, N6_INFER_STATE_WAITING, 1);
    rig_send_chunk(rig, 2, 0, image, 4, 0);
    rig_send_commit(rig, 2, 0, RIG_TINY, four, 4);
    rig_take_error(rig, 2, N6_STATUS_BAD_DIGEST);
    rig_upload(rig, 2, 0, RIG_TINY, four, 4);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 2);
    (void)take_result(rig, 3);
}

/* An upload that makes no progress for WAIT_MS will not come: neither slot nor queue is kept for it. */
static void waiting_has_an_end(void)
{
    rig_t *rig = rig_session();
    const uint64_t patience = N6_LIMIT_WAIT_MS * 1000ull;
    n6_infer_t infer = infer_of(1, 0);

    infer.network = RIG_IMAGE;
    infer.digest = rig_crc32(image, sizeof image);
    rig_infer(rig, 4, &infer, NULL);
    take_state(rig, 4, N6_INFER_STATE_WAITING, 1);
    EQUAL(n6_server_due(&rig->server), patience);
    rig->now += patience - 1;
    rig_run(rig);
    rig_nothing(rig);
    rig_send_chunk(rig, 2, 0, image, sizeof image, 0); /* progress */
    EQUAL(n6_server_due(&rig->server), patience);
    rig->now += patience - 1;
    rig_send_commit(rig, 2, 0, RIG_IMAGE, image, sizeof image); /* so is this */
    (void)rig_take(rig, N6_MESSAGE_TYPE_NAK, 2);
    EQUAL(n6_server_due(&rig->server), patience);
    rig->now += patience;
    rig_run(rig);
    rig_take_error(rig, 4, N6_STATUS_NO_INPUT);
    EQUAL(rig->server.queue.jobs, 0);
    EQUAL(n6_server_due(&rig->server), UINT64_MAX);
    infer.upload = 5;
    rig_upload(rig, 5, 0, RIG_IMAGE, image, sizeof image);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 5);
    rig_infer(rig, 6, &infer, NULL); /* the key was not used up */
    take_state(rig, 6, N6_INFER_STATE_QUEUED, 1);
    EQUAL(rig->starts, 1);
}

static void repeated_infers_run_once(void)
{
    rig_t *rig = begin();
    const n6_infer_t infer = infer_of(1, 0);
    const n6_infer_t other = infer_of(2, 1);

    rig_hold_npu(rig);
    rig_infer(rig, 4, &infer, NULL);
    take_state(rig, 4, N6_INFER_STATE_QUEUED, 1);
    rig_infer(rig, 4, &infer, NULL);
    take_state(rig, 4, N6_INFER_STATE_RUNNING, 1);
    rig_infer(rig, 5, &other, NULL);
    take_state(rig, 5, N6_INFER_STATE_QUEUED, 2);
    rig_infer(rig, 5, &other, NULL);
    take_state(rig, 5, N6_INFER_STATE_QUEUED, 2);
    rig_infer(rig, 6, &infer, NULL); /* goes on under this id */
    take_state(rig, 6, N6_INFER_STATE_RUNNING, 2);
    rig_free_npu(rig);
    (void)take_result(rig, 6);
    (void)take_result(rig, 5);
    for (uint32_t id = 6; id < 8; id++) { /* done: the answer again, under each id */
        rig_infer(rig, id, &infer, NULL);
        take_state(rig, id, N6_INFER_STATE_DONE, 0);
        (void)take_result(rig, id);
    }
    EQUAL(rig->starts, 2);
    rig_nothing(rig);
}

/* A key names one inference: with another body it is refused, wherever the first one is. */
static void a_key_is_bound_to_its_body(void)
{
    rig_t *rig = begin();
    const n6_infer_t infer = infer_of(1, 0);
    const n6_return_t part = {.length = 2};
    n6_infer_t other = infer;

    rig_hold_npu(rig);
    rig_infer(rig, 4, &infer, NULL);
    take_state(rig, 4, N6_INFER_STATE_QUEUED, 1);
    for (int where = 0; where < 3; where++) { /* running, held, gone */
        other = infer;
        other.returns = 1;
        rig_infer(rig, 5, &other, &part);
        rig_take_refusal(rig, 5, N6_STATUS_BAD_REQUEST, offsetof(n6_infer_t, key), 1);
        other = infer;
        other.digest ^= 1;
        rig_infer(rig, 5, &other, NULL);
        rig_take_refusal(rig, 5, N6_STATUS_BAD_REQUEST, offsetof(n6_infer_t, key), 1);
        other = infer;
        other.network = 1;
        rig_infer(rig, 5, &other, NULL);
        rig_take_refusal(rig, 5, N6_STATUS_BAD_REQUEST, offsetof(n6_infer_t, key), 1);
        other = infer;
        other.flags = N6_INFER_FLAG_TIMERS;
        rig_infer(rig, 5, &other, NULL);
        rig_take_refusal(rig, 5, N6_STATUS_BAD_REQUEST, offsetof(n6_infer_t, key), 1);
        if (where == 0) {
            rig_free_npu(rig);
            (void)take_result(rig, 4);
        } else if (where == 1) {
            release(rig, 6, 4);
        }
    }
    other = infer; /* slot, upload, time to live and priority may differ */
    other.slot = 1;
    other.upload = 77;
    other.ttl_us = 5;
    other.priority = 9;
    rig_infer(rig, 7, &other, NULL);
    rig_take_refusal(rig, 7, N6_STATUS_RESULT_GONE, offsetof(n6_infer_t, key), 1);
    EQUAL(rig->starts, 1);
}

/* What has run never runs again under its key, for the last FINISHED_KEYS of them. */
static void nothing_runs_twice(void)
{
    rig_t *rig = begin();
    n6_infer_t infer = infer_of(0, 0);

    for (uint32_t i = 0; i < N6_LIMIT_FINISHED_KEYS; i++) {
        infer.key = 100 + i;
        rig_infer(rig, 10 + i, &infer, NULL);
        take_state(rig, 10 + i, N6_INFER_STATE_QUEUED, 1);
        (void)take_result(rig, 10 + i);
        release(rig, 200 + i, 10 + i);
        rig_nothing(rig);
    }
    for (uint32_t i = 0; i < N6_LIMIT_FINISHED_KEYS; i++) {
        infer.key = 100 + i;
        rig_infer(rig, 300 + i, &infer, NULL);
        rig_take_error(rig, 300 + i, N6_STATUS_RESULT_GONE);
    }
    EQUAL(rig->starts, N6_LIMIT_FINISHED_KEYS);
}

static void the_queue_is_bounded(void)
{
    rig_t *rig = begin();
    n6_return_t what[16] = {{0}};
    n6_infer_t infer;

    rig_hold_npu(rig);
    for (uint32_t i = 0; i < N6_SERVER_MAX_QUEUE; i++) {
        infer = infer_of(i, 0);
        rig_infer(rig, 10 + i, &infer, NULL);
        take_state(rig, 10 + i, N6_INFER_STATE_QUEUED, (uint8_t)(i + 1));
    }
    infer = infer_of(99, 0);
    rig_infer(rig, 30, &infer, NULL);
    EQUAL(rig_take_error(rig, 30, N6_STATUS_BUSY).value, N6_SERVER_MAX_QUEUE);

    rig = begin(); /* so are the records of what to return */
    rig_hold_npu(rig);
    for (uint32_t i = 0; i < 3; i++) {
        infer = infer_of(i, 0);
        infer.returns = 16;
        rig_infer(rig, 10 + i, &infer, what);
    }
    take_state(rig, 10, N6_INFER_STATE_QUEUED, 1);
    take_state(rig, 11, N6_INFER_STATE_QUEUED, 2);
    rig_take_error(rig, 12, N6_STATUS_BUSY);
    /* Those of the others stay theirs when one leaves. */
    EQUAL(cancel(rig, 20, 10), 1);
    rig_take_error(rig, 10, N6_STATUS_CANCELLED);
    what[15].length = 2;
    rig_infer(rig, 12, &infer, what);
    take_state(rig, 12, N6_INFER_STATE_QUEUED, 2);
    rig_free_npu(rig);
    EQUAL(take_result(rig, 11).length, 64);
    EQUAL(take_result(rig, 12).length, 62);
}

static void priority_then_fairness_then_age(void)
{
    rig_t *rig = begin();
    n6_infer_t infer;
    static const struct {
        uint8_t network, priority;
    } jobs[] = {{0, 0}, {0, 0}, {1, 0}, {0, 1}, {1, 0}, {1, 1}, {0, 0}};
    /* Job 0 runs first: nothing else is there. Then the larger priority: 5 before 3, since network
     * 1 has not run yet. Then in turns, the older one of each network first. */
    static const uint32_t order[] = {0, 5, 3, 2, 1, 4, 6};

    rig_upload(rig, 4, 1, RIG_IMAGE, image, sizeof image);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 4);
    rig_hold_npu(rig);
    for (uint32_t i = 0; i < 7; i++) {
        infer = infer_of(i, 0);
        infer.network = jobs[i].network;
        infer.priority = jobs[i].priority;
        if (infer.network == RIG_IMAGE) {
            infer.slot = 1;
            infer.upload = 4;
            infer.digest = rig_crc32(image, sizeof image);
        }
        rig_infer(rig, 20 + i, &infer, NULL);
        take_state(rig, 20 + i, N6_INFER_STATE_QUEUED, (uint8_t)(i + 1));
    }
    rig_free_npu(rig);
    for (uint32_t i = 0; i < 7; i++) {
        const n6_release_t done = {20 + order[i]};
        while (rig->frame[rig->taken].type != N6_MESSAGE_TYPE_RESULT) {
            CHECK(++rig->taken < rig->frames);
        }
        (void)rig_take(rig, N6_MESSAGE_TYPE_RESULT, 20 + order[i]);
        rig_send(rig, N6_MESSAGE_TYPE_RELEASE, 40 + i, &done, sizeof done);
    }
    EQUAL(rig->starts, 7);
}

/* ---- deadlines ---- */

static void deadlines(void)
{
    rig_t *rig = begin();
    n6_infer_t infer = infer_of(1, 0);

    rig_hold_npu(rig);
    infer.ttl_us = 100;
    rig_infer(rig, 4, &infer, NULL); /* runs at once, and to its end, however late */
    take_state(rig, 4, N6_INFER_STATE_QUEUED, 1);
    EQUAL(n6_server_due(&rig->server), UINT64_MAX);
    infer = infer_of(2, 1);
    infer.ttl_us = 200;
    infer.flags = N6_INFER_FLAG_ABORT_LATE;
    rig_infer(rig, 5, &infer, NULL);
    take_state(rig, 5, N6_INFER_STATE_QUEUED, 2);
    infer = infer_of(3, 1);
    infer.ttl_us = 4000000000;
    infer.flags = N6_INFER_FLAG_ABORT_LATE;
    rig_infer(rig, 6, &infer, NULL);
    take_state(rig, 6, N6_INFER_STATE_QUEUED, 3);
    EQUAL(n6_server_due(&rig->server), 200);
    rig->now += 199;
    rig_run(rig);
    rig_nothing(rig);
    EQUAL(n6_server_due(&rig->server), 1);
    rig->now += 1;
    rig_run(rig);
    rig_take_error(rig, 5, N6_STATUS_DEADLINE);
    rig->left = 0;
    rig_run(rig);
    (void)take_result(rig, 4);
    EQUAL(rig->server.queue.job[0].state, N6_INFER_STATE_RUNNING);
    EQUAL(n6_server_due(&rig->server), 4000000000 - 200);
    rig->now += 4000000000 - 200;
    rig_run(rig);
    rig_take_error(rig, 6, N6_STATUS_DEADLINE);
    EQUAL(rig->stops, 1);
    EQUAL(rig->server.runs.network[RIG_TINY].late, 2);
    EQUAL(rig->server.runs.network[RIG_TINY].runs, 1);
    EQUAL(n6_server_due(&rig->server), UINT64_MAX);
}

static void a_waiting_job_expires(void)
{
    rig_t *rig = rig_session();
    n6_infer_t infer = infer_of(1, 0);

    infer.ttl_us = 50;
    rig_infer(rig, 4, &infer, NULL);
    take_state(rig, 4, N6_INFER_STATE_WAITING, 1);
    rig->now += 50;
    rig_run(rig);
    rig_take_error(rig, 4, N6_STATUS_DEADLINE);
    rig_upload(rig, 2, 0, RIG_TINY, four, 4);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 2);
    rig_nothing(rig);
    EQUAL(rig->starts, 0);
}

/* ---- CANCEL ---- */

static void cancel_at_every_state(void)
{
    rig_t *rig = begin();
    n6_infer_t infer = infer_of(1, 0);

    rig_hold_npu(rig);
    rig_infer(rig, 4, &infer, NULL);
    infer = infer_of(2, 1);
    rig_infer(rig, 5, &infer, NULL);
    infer.key = 3;
    infer.upload = 50;
    rig_infer(rig, 6, &infer, NULL);
    take_state(rig, 4, N6_INFER_STATE_QUEUED, 1);
    take_state(rig, 5, N6_INFER_STATE_QUEUED, 2);
    take_state(rig, 6, N6_INFER_STATE_WAITING, 3);
    EQUAL(cancel(rig, 10, 99), 0);
    EQUAL(cancel(rig, 11, 6), 1);
    rig_take_error(rig, 6, N6_STATUS_CANCELLED);
    EQUAL(cancel(rig, 12, 5), 1);
    rig_take_error(rig, 5, N6_STATUS_CANCELLED);
    EQUAL(rig->stops, 0);
    EQUAL(cancel(rig, 13, 4), 1);
    EQUAL(rig->stops, 1);
    rig_take_error(rig, 4, N6_STATUS_CANCELLED);
    EQUAL(cancel(rig, 14, 4), 0); /* repeated */
    EQUAL(rig->server.runs.network[RIG_TINY].cancelled, 3);

    rig->steps = 0; /* the device is usable at once; what was cancelled stays so */
    infer = infer_of(1, 0);
    rig_infer(rig, 15, &infer, NULL);
    rig_take_error(rig, 15, N6_STATUS_CANCELLED);
    infer = infer_of(4, 0);
    rig_infer(rig, 15, &infer, NULL);
    take_state(rig, 15, N6_INFER_STATE_QUEUED, 1);
    (void)take_result(rig, 15);
    EQUAL(cancel(rig, 16, 15), 1); /* a held result is dropped */
    EQUAL(cancel(rig, 17, 15), 0);
    rig_infer(rig, 18, &infer, NULL);
    rig_take_error(rig, 18, N6_STATUS_RESULT_GONE);
    rig_nothing(rig);
}

static void reset_cancels_everything(void)
{
    rig_t *rig = begin();
    n6_infer_t infer = infer_of(1, 0);
    const n6_reset_t reset = {.kind = N6_RESET_KIND_SESSION};

    rig_infer(rig, 4, &infer, NULL);
    take_state(rig, 4, N6_INFER_STATE_QUEUED, 1);
    (void)take_result(rig, 4);
    rig_hold_npu(rig);
    infer = infer_of(2, 0);
    rig_infer(rig, 5, &infer, NULL);
    infer = infer_of(3, 0);
    rig_infer(rig, 6, &infer, NULL);
    take_state(rig, 5, N6_INFER_STATE_QUEUED, 1);
    take_state(rig, 6, N6_INFER_STATE_QUEUED, 2);
    rig_send(rig, N6_MESSAGE_TYPE_RESET, 7, &reset, sizeof reset);
    rig_take_error(rig, 6, N6_STATUS_CANCELLED);
    rig_take_error(rig, 5, N6_STATUS_CANCELLED);
    (void)rig_take(rig, N6_MESSAGE_TYPE_RESET, 7);
    EQUAL(rig->stops, 1);
    rig->steps = 0;
    infer = infer_of(1, 0);
    rig_infer(rig, 8, &infer, NULL);
    rig_take_error(rig, 8, N6_STATUS_RESULT_GONE);
    infer = infer_of(2, 0);
    rig_infer(rig, 8, &infer, NULL);
    rig_take_error(rig, 8, N6_STATUS_CANCELLED);
    infer = infer_of(4, 0);
    rig_infer(rig, 9, &infer, NULL); /* session and uploads stay */
    take_state(rig, 9, N6_INFER_STATE_QUEUED, 1);
    (void)take_result(rig, 9);
    EQUAL(rig->starts, 3);
}

static void a_new_session_cancels_silently(void)
{
    rig_t *rig = begin();
    n6_infer_t infer = infer_of(1, 0);
    const n6_hello_t hello = rig_hello(8);

    rig_infer(rig, 4, &infer, NULL);
    take_state(rig, 4, N6_INFER_STATE_QUEUED, 1);
    (void)take_result(rig, 4);
    rig_hold_npu(rig);
    for (uint32_t i = 5; i < 8; i++) {
        infer = infer_of(i, 0);
        rig_infer(rig, i, &infer, NULL);
        take_state(rig, i, N6_INFER_STATE_QUEUED, (uint8_t)(i - 4));
    }
    (void)rig_open(rig, &hello);
    rig_nothing(rig);
    EQUAL(rig->stops, 1);
    EQUAL(rig->server.runs.network[RIG_TINY].cancelled, 3);
    infer = infer_of(5, 0);
    rig_infer(rig, 2, &infer,
              NULL); /* uploads are forgotten; what was cancelled may be tried again */
    take_state(rig, 2, N6_INFER_STATE_WAITING, 1);
    infer = infer_of(1, 0);
    rig_infer(rig, 3, &infer, NULL); /* results are not */
    take_state(rig, 3, N6_INFER_STATE_DONE, 1);
    (void)take_result(rig, 3);
}

/* Without a client a run goes on; the next one finds its result by the key. */
static void a_run_survives_its_client(void)
{
    rig_t *rig = begin();
    const n6_infer_t infer = infer_of(1, 0);
    const n6_hello_t hello = rig_hello(8);

    rig_hold_npu(rig);
    rig_infer(rig, 4, &infer, NULL);
    take_state(rig, 4, N6_INFER_STATE_QUEUED, 1);
    n6_server_relink(&rig->server);
    rig_free_npu(rig);
    rig_nothing(rig);
    (void)rig_open(rig, &hello);
    rig_infer(rig, 2, &infer, NULL);
    take_state(rig, 2, N6_INFER_STATE_DONE, 0);
    (void)take_result(rig, 2);
    EQUAL(rig->starts, 1);
}

/* ---- faults ---- */

static void faults_of_the_runtime(void)
{
    rig_t *rig = begin();
    n6_infer_t infer = infer_of(1, 0);

    rig->fail_start = -17;
    rig_infer(rig, 4, &infer, NULL);
    take_state(rig, 4, N6_INFER_STATE_QUEUED, 1);
    EQUAL(rig_take_error(rig, 4, N6_STATUS_NPU_FAULT).value, 17);
    rig->fail_start = 0;
    rig->fail_step = -2000000000;
    infer.key = 2;
    rig_infer(rig, 5, &infer, NULL);
    take_state(rig, 5, N6_INFER_STATE_QUEUED, 1);
    EQUAL(rig_take_error(rig, 5, N6_STATUS_NPU_FAULT).value, 2000000000);
    EQUAL(rig->stops, 0);
    EQUAL(rig->server.runs.network[RIG_TINY].errors, 2);
    rig->fail_step = 0;
    infer.key = 3;
    rig_infer(rig, 6, &infer, NULL);
    take_state(rig, 6, N6_INFER_STATE_QUEUED, 1);
    (void)take_result(rig, 6);
}

/* A repeated INFER that crossed the ERROR has the same answer again, under whatever id. */
static void failures_are_remembered(void)
{
    rig_t *rig = begin();
    n6_infer_t infer = infer_of(1, 0);
    const n6_hello_t hello = rig_hello(8);

    rig->fail_step = -5;
    rig_infer(rig, 10, &infer, NULL);
    take_state(rig, 10, N6_INFER_STATE_QUEUED, 1);
    rig_take_error(rig, 10, N6_STATUS_NPU_FAULT);
    rig->fail_step = 0;
    infer = infer_of(2, 0);
    infer.ttl_us = 1;
    infer.upload = 90;
    rig_infer(rig, 11, &infer, NULL);
    take_state(rig, 11, N6_INFER_STATE_WAITING, 1);
    rig->now += 1;
    rig_run(rig);
    rig_take_error(rig, 11, N6_STATUS_DEADLINE);
    rig_infer(rig, 11, &infer, NULL);
    rig_take_error(rig, 11, N6_STATUS_DEADLINE);
    infer = infer_of(1, 0);
    rig_infer(rig, 12, &infer, NULL);
    EQUAL(rig_take_error(rig, 12, N6_STATUS_NPU_FAULT).value, 5);
    (void)rig_open(rig, &hello); /* and in another session */
    rig_infer(rig, 13, &infer, NULL);
    EQUAL(rig_take_error(rig, 13, N6_STATUS_NPU_FAULT).value, 5);
    EQUAL(rig->starts, 1);
    rig_nothing(rig);
}

static void inputs_that_are_consumed(void)
{
    rig_t *rig = begin();
    n6_infer_t infer = infer_of(1, 0);

    rig->npu.features = N6_FEATURE_CONSUMES_INPUT;
    rig_hold_npu(rig);
    rig_infer(rig, 4, &infer, NULL);
    infer = infer_of(2, 0);
    rig_infer(rig, 5, &infer, NULL);
    infer = infer_of(3, 1);
    rig_infer(rig, 6, &infer, NULL);
    take_state(rig, 4, N6_INFER_STATE_QUEUED, 1);
    take_state(rig, 5, N6_INFER_STATE_QUEUED, 2);
    take_state(rig, 6, N6_INFER_STATE_QUEUED, 3);
    rig_free_npu(rig);
    (void)rig_take(rig, N6_MESSAGE_TYPE_RESULT, 4);
    rig_take_error(rig, 5, N6_STATUS_NO_INPUT); /* it named the same upload */
    (void)rig_take(rig, N6_MESSAGE_TYPE_DATA, 4);
    (void)take_result(rig, 6);
    infer = infer_of(4, 0);
    rig_infer(rig, 7, &infer, NULL);
    rig_take_error(rig, 7, N6_STATUS_NO_INPUT);
    rig_send_commit(rig, 2, 0, RIG_TINY, four,
                    4); /* it was committed: the answer may have been lost */
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 2);
    rig_send_chunk(rig, 2, 0, four, 4, 0);
    EQUAL(rig->server.channel.counts.duplicates, 1);
    rig_nothing(rig);
}

static void a_cancelled_run_consumes_too(void)
{
    rig_t *rig = begin();
    n6_infer_t infer = infer_of(1, 0);

    rig->npu.features = N6_FEATURE_CONSUMES_INPUT;
    rig_hold_npu(rig);
    rig_infer(rig, 4, &infer, NULL);
    infer = infer_of(2, 0);
    rig_infer(rig, 5, &infer, NULL);
    take_state(rig, 4, N6_INFER_STATE_QUEUED, 1);
    take_state(rig, 5, N6_INFER_STATE_QUEUED, 2);
    EQUAL(cancel(rig, 6, 4), 1);
    rig_take_error(rig, 4, N6_STATUS_CANCELLED);
    rig_take_error(rig, 5, N6_STATUS_NO_INPUT);
    rig_upload(rig, 7, 0, RIG_TINY, four, 4);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 7);
    rig_nothing(rig);
}

const n6_test_t n6_queue_tests[] = {
    TEST(a_run),
    TEST(infers_that_are_refused),
    TEST(returns_that_are_refused),
    TEST(a_later_host_is_understood),
    TEST(networks_that_are_not_ready),
    TEST(infer_may_come_before_its_input),
    TEST(input_that_turns_out_wrong),
    TEST(a_commit_that_finds_the_slot_busy),
    TEST(waiting_through_a_bad_digest),
    TEST(waiting_has_an_end),
    TEST(repeated_infers_run_once),
    TEST(a_key_is_bound_to_its_body),
    TEST(nothing_runs_twice),
    TEST(the_queue_is_bounded),
    TEST(priority_then_fairness_then_age),
    TEST(deadlines),
    TEST(a_waiting_job_expires),
    TEST(cancel_at_every_state),
    TEST(reset_cancels_everything),
    TEST(a_new_session_cancels_silently),
    TEST(a_run_survives_its_client),
    TEST(faults_of_the_runtime),
    TEST(failures_are_remembered),
    TEST(inputs_that_are_consumed),
    TEST(a_cancelled_run_consumes_too),
    TESTS_END,
};
