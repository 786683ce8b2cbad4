/* Results: what they hold, NAK, RELEASE, credits of the host, and which buffer is used next
 * (section 7). */
#include "n6_rig.h"

static uint8_t image[RIG_IMAGE_BYTES];

static rig_t *begin(void)
{
    rig_t *rig = rig_session();

    for (size_t i = 0; i < sizeof image; i++) {
        image[i] = (uint8_t)(i * 5);
    }
    rig_upload(rig, 2, 0, RIG_IMAGE, image, sizeof image);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 2);
    rig_nothing(rig);
    return rig;
}

static n6_infer_t infer_of(uint64_t key)
{
    return (n6_infer_t){
        .key = key, .upload = 2, .digest = rig_crc32(image, sizeof image), .network = RIG_IMAGE};
}

static void infer(rig_t *rig, uint32_t id, uint64_t key)
{
    const n6_infer_t body = infer_of(key);

    rig_infer(rig, id, &body, NULL);
    (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, id);
}

static n6_result_record_t record_of(const rig_frame_t *frame, int index)
{
    n6_result_record_t record;

    memcpy(&record, frame->payload + sizeof(n6_result_t) + (size_t)index * sizeof record,
           sizeof record);
    return record;
}

static n6_data_header_t take_data(rig_t *rig, uint32_t id, uint32_t offset, uint32_t size)
{
    const rig_frame_t *frame = rig_take(rig, N6_MESSAGE_TYPE_DATA, id);
    n6_data_header_t head;

    memcpy(&head, frame->payload, sizeof head);
    EQUAL(frame->flags, 0);
    EQUAL(head.offset, offset);
    EQUAL(frame->length - sizeof head, size);
    return head;
}

static const rig_frame_t *take_whole(rig_t *rig, uint32_t id)
{
    const rig_frame_t *frame = rig_take(rig, N6_MESSAGE_TYPE_RESULT, id);

    (void)take_data(rig, id, 0, 256);
    (void)take_data(rig, id, 256, 16);
    return frame;
}

static void send_nak(rig_t *rig, uint32_t id, uint32_t offset, uint32_t length)
{
    const n6_nak_t nak = {offset, length};
    rig_send(rig, N6_MESSAGE_TYPE_NAK, id, &nak, sizeof nak);
}

static void release(rig_t *rig, uint32_t id, uint32_t target)
{
    const n6_release_t body = {target};

    rig_send(rig, N6_MESSAGE_TYPE_RELEASE, id, &body, sizeof body);
    (void)rig_take(rig, N6_MESSAGE_TYPE_RELEASE, id);
}

static void grant(rig_t *rig, uint32_t limit)
{
    const n6_credit_t credit = {limit};
    rig_send(rig, N6_MESSAGE_TYPE_CREDIT, 0, &credit, sizeof credit);
}

/* A session whose host grants so much, and an upload in it. */
static rig_t *begin_with_window(uint32_t window)
{
    rig_t *rig = begin();
    n6_hello_t hello = rig_hello(8);

    hello.window = window;
    (void)rig_open(rig, &hello);
    rig_upload(rig, 2, 0, RIG_IMAGE, image, sizeof image);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 2);
    return rig;
}

/* ---- contents ---- */

static void all_outputs(void)
{
    for (int vectors = 0; vectors < 2; vectors++) {
        rig_t *rig = begin();
        const rig_frame_t *frame = NULL;
        n6_result_t result;
        n6_result_record_t record;

        rig->vectors = vectors;
        rig->send_size = vectors ? 100 : 1;
        infer(rig, 3, 1);
        frame = take_whole(rig, 3);
        memcpy(&result, frame->payload, sizeof result);
        EQUAL(frame->flags, N6_FLAG_REPLY);
        EQUAL(frame->length, sizeof result + 2 * sizeof record);
        EQUAL(result.length, 272);
        EQUAL(result.network, RIG_IMAGE);
        EQUAL(result.outputs, 2);
        EQUAL(result.blocks, 0);
        EQUAL(result.timers_offset, 0);
        EQUAL(result.head, sizeof result);
        EQUAL(result.record, sizeof record);
        EQUAL(result.timer_record, sizeof(n6_epoch_time_t));
        record = record_of(frame, 0);
        EQUAL(record.offset, 0);
        EQUAL(record.length, 192);
        record = record_of(frame, 1);
        EQUAL(record.output, 1);
        EQUAL(record.offset, 192);
        EQUAL(record.length, 80);
        EQUAL(result.crc, rig_crc32(rig->result[0], 272));
        for (size_t i = 0; i < 272; i++) {
            EQUAL(rig->result[0][i], (uint8_t)(image[i] + 1));
        }
        BYTES(rig->frame[rig->taken - 1].payload + 12, rig->result[0] + 256, 16);
        rig_check_guards(rig);
    }
}

static void parts_start_at_multiples_of_four(void)
{
    rig_t *rig = begin();
    n6_infer_t body = infer_of(1);
    const n6_return_t what[] = {
        {.output = 0, .offset = 3, .length = 5},
        {.output = 1, .offset = 79},
        {.output = 0, .reduction = N6_REDUCTION_ARGMAX, .channels = 3},
    };
    const rig_frame_t *frame = NULL;
    n6_result_record_t record;

    memset(rig->result[0], 0xee, RIG_RESULT_SIZE);
    body.returns = 3;
    body.flags = N6_INFER_FLAG_TIMERS;
    rig_infer(rig, 3, &body, what);
    (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, 3);
    frame = rig_take(rig, N6_MESSAGE_TYPE_RESULT, 3);
    record = record_of(frame, 0);
    EQUAL(record.length, 5);
    BYTES(rig->result[0], rig->output[0] + 3, 5);
    BYTES(rig->result[0] + 5, "\0\0\0", 3);
    record = record_of(frame, 1);
    EQUAL(record.offset, 8);
    EQUAL(record.length, 1);
    EQUAL(rig->result[0][8], rig->output[1][79]);
    BYTES(rig->result[0] + 9, "\0\0\0", 3);
    record = record_of(frame, 2);
    EQUAL(record.reduction, N6_REDUCTION_ARGMAX);
    EQUAL(record.offset, 12);
    EQUAL(record.length, 24);
    EQUAL(record.count, 3);
}

static void epoch_timers(void)
{
    rig_t *rig = begin();
    n6_infer_t body = infer_of(1);
    n6_result_t result;
    n6_epoch_time_t time;

    body.flags = N6_INFER_FLAG_TIMERS;
    rig->step_ticks = 500;
    rig_infer(rig, 3, &body, NULL);
    (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, 3);
    memcpy(&result, rig_take(rig, N6_MESSAGE_TYPE_RESULT, 3)->payload, sizeof result);
    EQUAL(result.blocks, 3);
    EQUAL(result.timer_shift, 0);
    EQUAL(result.timers_offset, 272);
    EQUAL(result.length, 272 + 48);
    for (uint32_t i = 0; i < 3; i++) {
        memcpy(&time, rig->result[0] + 272 + i * sizeof time, sizeof time);
        EQUAL(time.start, 500 + i);
        EQUAL(time.pre, 10 + i);
        EQUAL(time.core, 100 + i);
        EQUAL(time.post, 1);
    }
    /* A runtime whose clock runs ahead: nothing begins before the run. */
    rig = begin();
    rig->early = 600;
    rig_infer(rig, 3, &body, NULL);
    memcpy(&time, rig->result[0] + 272, sizeof time);
    EQUAL(time.start, 0);
    /* A run of 2^34 ticks: values are shifted so that it fits. */
    rig = begin();
    rig->step_ticks = 1ull << 34;
    rig_infer(rig, 3, &body, NULL);
    (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, 3);
    memcpy(&result, rig_take(rig, N6_MESSAGE_TYPE_RESULT, 3)->payload, sizeof result);
    EQUAL(result.timer_shift, 3);
    memcpy(&time, rig->result[0] + 272, sizeof time);
    EQUAL(time.start, 1u << 31);
    EQUAL(time.core, 100 >> 3);
}

static void timers_only_where_there_are_some(void)
{
    rig_t *rig = rig_session();
    const uint8_t four[4] = {0};
    const n6_infer_t body = {.key = 1,
                             .upload = 2,
                             .digest = rig_crc32(four, sizeof four),
                             .flags = N6_INFER_FLAG_TIMERS};
    n6_result_t result;

    rig_upload(rig, 2, 0, RIG_TINY, four, 4);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 2);
    rig_infer(rig, 3, &body, NULL);
    (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, 3);
    memcpy(&result, rig_take(rig, N6_MESSAGE_TYPE_RESULT, 3)->payload, sizeof result);
    EQUAL(result.blocks, 0);
    CHECK(rig->times == NULL);
}

static void answers_that_are_too_large(void)
{
    rig_t *rig = begin();
    n6_infer_t body = infer_of(1);
    n6_return_t what[16];
    const n6_return_t rows = {.output = 1,
                              .reduction = N6_REDUCTION_THRESHOLD,
                              .channels = 4,
                              .threshold = 0xff800000,
                              .k = 5};

    rig->server.channel.config.result_size = 700; /* as if: the rig's outputs are small */
    for (int i = 0; i < 16; i++) {
        what[i] = (n6_return_t){.output = 0};
    }
    body.returns = 16;
    rig_infer(rig, 3, &body, what);
    (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, 3);
    EQUAL(rig_take_error(rig, 3, N6_STATUS_TOO_LARGE).value, 700);
    EQUAL(rig->server.runs.network[RIG_IMAGE].errors, 1);
    for (int i = 1; i < 16; i++) {
        what[i].length = 1;
    }
    what[15].length = 3; /* 251 bytes, aligned, and 48 of timers: one byte is missing */
    body.flags = N6_INFER_FLAG_TIMERS;
    rig->server.channel.config.result_size = 56 + 256 + 252 + 47;
    body.key = 2;
    rig_infer(rig, 4, &body, what);
    (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, 4);
    rig_take_error(rig, 4, N6_STATUS_TOO_LARGE);
    body.returns = 1;
    body.flags = 0;
    rig->server.channel.config.result_size = 56 + 16 + 19;
    body.key = 3;
    rig_infer(rig, 5, &body, &rows);
    (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, 5);
    rig_take_error(rig, 5, N6_STATUS_TOO_LARGE);
    rig_infer(rig, 6, &body, &rows); /* it has run, and does not run again */
    EQUAL(rig_take_error(rig, 6, N6_STATUS_TOO_LARGE).value, 56 + 16 + 19);
    EQUAL(rig->starts, 3);
    EQUAL(rig->stops, 0);
    EQUAL(rig->server.results.buffer[0].state, N6_BUFFER_FREE);
    rig_check_guards(rig);
}

/* A result without bytes: no rows passed. */
static void an_empty_result(void)
{
    rig_t *rig = begin();
    n6_infer_t body = infer_of(1);
    const n6_return_t what = {
        .output = 0, .reduction = N6_REDUCTION_THRESHOLD, .channels = 3, .threshold = 128, .k = 5};
    n6_result_t result;

    body.returns = 1;
    rig_infer(rig, 3, &body, &what);
    (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, 3);
    memcpy(&result, rig_take(rig, N6_MESSAGE_TYPE_RESULT, 3)->payload, sizeof result);
    EQUAL(result.length, 0);
    EQUAL(result.crc, 0);
    rig_nothing(rig);
    release(rig, 4, 3);
}

/* ---- repair ---- */

static void naks(void)
{
    rig_t *rig = begin();

    infer(rig, 3, 1);
    (void)take_whole(rig, 3);
    send_nak(rig, 3, 256, 16);
    (void)take_data(rig, 3, 256, 16);
    send_nak(rig, 3, 0, 1); /* whole chunks are sent */
    (void)take_data(rig, 3, 0, 256);
    send_nak(rig, 3, 0, 0);
    (void)take_data(rig, 3, 0, 256);
    EQUAL(take_data(rig, 3, 256, 16).position, 272 + 16 + 256 + 256);
    send_nak(rig, 3, 0, 0xffffffff);
    (void)take_data(rig, 3, 0, 256);
    (void)take_data(rig, 3, 256, 16);
    send_nak(rig, 3, 257, 1); /* not a multiple: the chunk that it is in */
    (void)take_data(rig, 3, 256, 16);
    send_nak(rig, 3, 512, 0); /* after the end */
    send_nak(rig, 99, 0, 0);  /* of nothing */
    send_nak(rig, 0, 0, 0);
    rig_nothing(rig);
    EQUAL(rig->server.channel.counts.retransmits, 7);
    EQUAL(rig->server.channel.counts.naks_received, 8);
}

/* What has still to be sent is not repaired; repairs of one transfer are joined, and go first. */
static void naks_while_the_transfer_is_blocked(void)
{
    rig_t *rig = begin_with_window(256);

    infer(rig, 3, 1);
    (void)rig_take(rig, N6_MESSAGE_TYPE_RESULT, 3);
    (void)take_data(rig, 3, 0, 256);
    rig_nothing(rig); /* no credit for more */
    send_nak(rig, 3, 256, 0);
    EQUAL(rig->server.sends.count, 1);
    send_nak(rig, 3, 0, 0);
    send_nak(rig, 3, 0, 256);
    EQUAL(rig->server.sends.count, 2);
    grant(rig, 255 + 256);
    rig_nothing(rig);
    grant(rig, 256 + 256);
    (void)take_data(rig, 3, 0, 256); /* the repair */
    rig_nothing(rig);
    grant(rig, 512 + 257); /* more than the host's window is not believed */
    grant(rig, 0x80000000);
    rig_nothing(rig);
    grant(rig, 512 + 256);
    (void)take_data(rig, 3, 256, 16);
    rig_nothing(rig);
    EQUAL(rig->server.channel.counts.retransmits, 1);
}

static void the_list_of_repairs_is_bounded(void)
{
    rig_t *rig = begin_with_window(2 * 3072);
    const n6_return_t what[16] = {{0}};

    for (uint32_t id = 3; id < 5; id++) { /* two results of 12 chunks */
        n6_infer_t body = infer_of(id);
        body.returns = 16;
        rig_infer(rig, id, &body, what);
        (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, id);
        (void)rig_take(rig, N6_MESSAGE_TYPE_RESULT, id);
        for (uint32_t i = 0; i < 12; i++) {
            (void)take_data(rig, id, i * 256, 256);
        }
    }
    for (uint32_t id = 3; id < 5; id++) { /* every second chunk is missing */
        for (uint32_t i = 0; i < 6; i++) {
            send_nak(rig, id, i * 512, 256);
        }
    }
    EQUAL(rig->server.sends.count, N6_SERVER_MAX_SENDS - N6_SERVER_MAX_RESULTS);
    grant(rig, 2 * 6144);
    for (uint32_t i = 2;
         i-- > 0;) { /* the newest first; the last four have to be asked for again */
        (void)take_data(rig, 4, i * 512, 256);
    }
    for (uint32_t i = 6; i-- > 0;) {
        (void)take_data(rig, 3, i * 512, 256);
    }
    rig_nothing(rig);
}

/* ---- buffers ---- */

static void held_buffers_are_not_used_again(void)
{
    rig_t *rig = begin();

    for (uint32_t i = 0; i < 3; i++) {
        infer(rig, 3 + i, i);
        if (i < 2) {
            (void)take_whole(rig, 3 + i);
        }
    }
    EQUAL(rig->server.queue.jobs, 1);
    EQUAL(rig->starts, 2);
    release(rig, 9, 99); /* nobody's: nothing happens */
    EQUAL(rig->starts, 2);
    release(rig, 10, 4);
    (void)take_whole(rig, 5);
    EQUAL(rig->starts, 3);
    release(rig, 11, 4); /* repeated, when the buffer is another's */
    rig_nothing(rig);
}

static void take_state(rig_t *rig, uint32_t id, uint8_t state)
{
    n6_infer_reply_t reply;

    memcpy(&reply, rig_take(rig, N6_MESSAGE_TYPE_INFER, id)->payload, sizeof reply);
    EQUAL(reply.state, state);
}

/* The results of a session that was replaced answer to their keys, until their buffers are needed. */
static void the_longest_cached_goes_first(void)
{
    rig_t *rig = begin();
    n6_infer_t body = infer_of(1);
    const n6_hello_t hello = rig_hello(8);

    infer(rig, 3, 1);
    (void)take_whole(rig, 3);
    infer(rig, 4, 2);
    (void)take_whole(rig, 4);
    (void)rig_open(rig, &hello);
    send_nak(rig, 4, 0, 0); /* its id means nothing any more */
    release(rig, 5, 4);
    EQUAL(rig->server.results.buffer[1].state, N6_BUFFER_CACHED);
    rig_upload(rig, 2, 0, RIG_IMAGE, image, sizeof image);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 2);
    infer(rig, 6, 3); /* over key 1, which was cached first */
    (void)take_whole(rig, 6);
    rig_infer(rig, 7, &body, NULL);
    rig_take_error(rig, 7, N6_STATUS_RESULT_GONE);
    body = infer_of(2);
    rig_infer(rig, 8, &body, NULL);
    take_state(rig, 8, N6_INFER_STATE_DONE);
    (void)take_whole(rig, 8);
    EQUAL(rig->server.results.buffer[1].state, N6_BUFFER_HELD);
    infer(rig, 9, 4); /* both are held now */
    rig_nothing(rig);
    release(rig, 10, 8);
    (void)take_whole(rig, 9);
    EQUAL(rig->starts, 4);
}

/* A buffer that was released is spared until the frame that is on its way has left. */
static void buffers_on_their_way_are_spared(void)
{
    rig_t *rig = begin_with_window(1 << 20);
    const uint8_t *from = NULL;
    n6_infer_t body = infer_of(3);
    const n6_release_t done = {3};

    infer(rig, 3, 1);
    (void)take_whole(rig, 3);
    infer(rig, 5, 2);
    (void)take_whole(rig, 5);
    rig->deaf = true;
    send_nak(rig, 3, 0, 256);
    EQUAL(n6_server_tx_peek(&rig->server, &from), 24); /* DATA, begun */
    rig_send(rig, N6_MESSAGE_TYPE_RELEASE, 6, &done, sizeof done);
    EQUAL(rig->server.results.buffer[0].state, N6_BUFFER_FREE);
    rig_infer(rig, 7, &body, NULL);
    rig_turn(rig);
    EQUAL(rig->starts, 2);
    n6_server_tx_done(&rig->server, 24 + 256 + 4);
    rig_turn(rig);
    EQUAL(rig->starts, 3);
}

/* The device says how far it has gone, whatever the host has lost. */
static void positions_of_the_device(void)
{
    rig_t *rig = begin();
    const n6_ping_t ping = {.head = sizeof ping};
    n6_ping_reply_t pong;

    infer(rig, 3, 1);
    EQUAL(rig_take(rig, N6_MESSAGE_TYPE_RESULT, 3)->length, 56 + 32);
    EQUAL(take_data(rig, 3, 0, 256).position, 0);
    EQUAL(take_data(rig, 3, 256, 16).position, 256);
    rig_send(rig, N6_MESSAGE_TYPE_PING, 4, &ping, sizeof ping);
    memcpy(&pong, rig_take(rig, N6_MESSAGE_TYPE_PING, 4)->payload, sizeof pong);
    EQUAL(pong.position, 272);
}

/* A result with a larger priority is sent between two chunks of another one. */
static void priorities_on_the_line(void)
{
    rig_t *rig = begin_with_window(256);
    n6_infer_t urgent = infer_of(2);

    infer(rig, 3, 1);
    (void)rig_take(rig, N6_MESSAGE_TYPE_RESULT, 3);
    (void)take_data(rig, 3, 0, 256);
    urgent.priority = 1;
    rig_infer(rig, 4, &urgent, NULL);
    (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, 4);
    (void)rig_take(rig, N6_MESSAGE_TYPE_RESULT, 4);
    grant(rig, 512);
    (void)take_data(rig, 4, 0, 256);
    grant(rig, 768);
    (void)take_data(rig, 4, 256, 16);
    (void)take_data(rig, 3, 256, 16);
    rig_nothing(rig);
}

const n6_test_t n6_result_tests[] = {
    TEST(all_outputs),
    TEST(parts_start_at_multiples_of_four),
    TEST(epoch_timers),
    TEST(timers_only_where_there_are_some),
    TEST(answers_that_are_too_large),
    TEST(an_empty_result),
    TEST(priorities_on_the_line),
    TEST(naks),
    TEST(naks_while_the_transfer_is_blocked),
    TEST(the_list_of_repairs_is_bounded),
    TEST(held_buffers_are_not_used_again),
    TEST(the_longest_cached_goes_first),
    TEST(buffers_on_their_way_are_spared),
    TEST(positions_of_the_device),
    TESTS_END,
};
