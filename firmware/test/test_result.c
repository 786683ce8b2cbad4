/* Results: what they hold, NAK, READ, RELEASE, credits of the host, and which buffer is used next
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
    return (n6_infer_t){.key = key, .upload = 2, .network = RIG_IMAGE};
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

static void send_read(rig_t *rig, uint32_t id, uint32_t target, uint32_t offset, uint32_t length)
{
    const n6_read_t body = {target, offset, length};
    rig_send(rig, N6_MESSAGE_TYPE_READ, id, &body, sizeof body);
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
    const n6_hello_t hello = {
        .major = N6_VERSION_MAJOR, .schema = N6_SCHEMA_ID, .nonce = 8, .window = window};

    rig_send(rig, N6_MESSAGE_TYPE_HELLO, 1, &hello, sizeof hello);
    (void)rig_take(rig, N6_MESSAGE_TYPE_HELLO, 1);
    rig->position = 0;
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
    n6_infer_t body = {.key = 1, .upload = 2, .flags = N6_INFER_FLAG_TIMERS};
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
    rig_infer(rig, 4, &body, what);
    (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, 4);
    rig_take_error(rig, 4, N6_STATUS_TOO_LARGE);
    body.returns = 1;
    body.flags = 0;
    rig->server.channel.config.result_size = 56 + 16 + 19;
    rig_infer(rig, 5, &body, &rows);
    (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, 5);
    rig_take_error(rig, 5, N6_STATUS_TOO_LARGE);
    EQUAL(rig->stops, 0);
    EQUAL(rig->server.results.buffer[0].state, 0); /* free */
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
    grant(rig, 1024);
    (void)take_data(rig, 3, 256, 16);
    rig_nothing(rig);
    EQUAL(rig->server.channel.counts.retransmits, 1);
}

static void the_list_of_repairs_is_bounded(void)
{
    rig_t *rig = begin_with_window(0);
    n6_infer_t body = infer_of(1);
    const n6_return_t what[10] = {{0}};

    rig->steps = 0;
    body.returns = 10; /* 1920 bytes: 8 chunks */
    rig_infer(rig, 3, &body, what);
    (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, 3);
    (void)rig_take(rig, N6_MESSAGE_TYPE_RESULT, 3);
    for (uint32_t i = 0; i < 20; i++) {
        send_read(rig, 10 + i, 3, 0, 1);
        if (i < 7) {
            (void)rig_take(rig, N6_MESSAGE_TYPE_READ, 10 + i);
        } else {
            rig_take_error(rig, 10 + i, N6_STATUS_BUSY);
        }
    }
    EQUAL(rig->server.sends.count, 8);
    grant(rig, 1 << 20);
    for (uint32_t i = 0; i < 8; i++) {
        (void)take_data(rig, 3, i * 256, i < 7 ? 256 : 128);
    }
    for (uint32_t i = 0; i < 7; i++) {
        (void)take_data(rig, 10 + i, 0, 1);
    }
    rig_nothing(rig);
}

/* ---- READ ---- */

static void reads(void)
{
    rig_t *rig = begin();
    const rig_frame_t *frame = NULL;
    n6_result_t result;

    infer(rig, 3, 1);
    (void)take_whole(rig, 3);
    send_read(rig, 4, 3, 0, 0);
    frame = rig_take(rig, N6_MESSAGE_TYPE_READ, 4);
    memcpy(&result, frame->payload, sizeof result);
    EQUAL(result.length, 272);
    EQUAL(frame->length, sizeof result + 32);
    (void)take_data(rig, 4, 0, 256);
    (void)take_data(rig, 4, 256, 16);
    send_read(rig, 5, 3, 256, 10);
    (void)rig_take(rig, N6_MESSAGE_TYPE_READ, 5);
    (void)take_data(rig, 5, 256, 10);
    send_nak(rig, 5, 256, 0); /* of a READ: as far as it went */
    (void)take_data(rig, 5, 256, 10);
    release(rig, 6, 3);
    send_read(rig, 7, 3, 256, 0); /* cached */
    (void)rig_take(rig, N6_MESSAGE_TYPE_READ, 7);
    (void)take_data(rig, 7, 256, 16);

    send_read(rig, 8, 4, 0, 0);
    EQUAL(rig_take_error(rig, 8, N6_STATUS_UNKNOWN_RESULT).value, 4);
    send_read(rig, 9, 3, 1, 0);
    rig_take_error(rig, 9, N6_STATUS_BAD_REQUEST);
    send_read(rig, 10, 3, 512, 0);
    rig_take_error(rig, 10, N6_STATUS_BAD_REQUEST);
    send_read(rig, 11, 3, 0, 273);
    rig_take_error(rig, 11, N6_STATUS_BAD_REQUEST);
    send_read(rig, 12, 3, 256, 0xffffff00);
    rig_take_error(rig, 12, N6_STATUS_BAD_REQUEST);
    rig_nothing(rig);
}

static void a_repeated_read_begins_again(void)
{
    rig_t *rig = begin_with_window(256);

    infer(rig, 3, 1);
    (void)rig_take(rig, N6_MESSAGE_TYPE_RESULT, 3);
    (void)take_data(rig, 3, 0, 256);
    release(rig, 4, 3); /* the rest is not wanted */
    send_read(rig, 5, 3, 0, 0);
    send_read(rig, 5, 3, 0, 0);
    (void)rig_take(rig, N6_MESSAGE_TYPE_READ, 5);
    (void)rig_take(rig, N6_MESSAGE_TYPE_READ, 5);
    EQUAL(rig->server.sends.count, 1);
    grant(rig, 4096);
    (void)take_data(rig, 5, 0, 256);
    (void)take_data(rig, 5, 256, 16);
    rig_nothing(rig);
}

/* ---- buffers ---- */

static void held_buffers_are_not_used_anew(void)
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

static void the_longest_cached_goes_first(void)
{
    rig_t *rig = begin();

    infer(rig, 3, 1);
    (void)take_whole(rig, 3);
    infer(rig, 4, 2);
    (void)take_whole(rig, 4);
    release(rig, 5, 4);
    release(rig, 6, 3);
    infer(rig, 7, 3); /* over key 2, which was cached first */
    (void)take_whole(rig, 7);
    EQUAL(rig->server.results.buffer[1].id, 7);
    infer(rig, 8, 1); /* key 1 is still there */
    (void)take_whole(rig, 8);
    EQUAL(rig->starts, 3);
    release(rig, 9, 7);
    infer(rig, 10, 2);
    (void)take_whole(rig, 10);
    EQUAL(rig->starts, 4);
}

/* A cached buffer that is being read is spared, down to the frame that is on its way. */
static void buffers_on_their_way_are_spared(void)
{
    rig_t *rig = begin_with_window(1 << 20);
    const uint8_t *from = NULL;
    n6_infer_t body = infer_of(3);
    uint8_t payload[sizeof body];

    infer(rig, 3, 1);
    (void)take_whole(rig, 3);
    release(rig, 4, 3);
    infer(rig, 5, 2);
    (void)take_whole(rig, 5);
    rig->deaf = true;
    send_read(rig, 6, 3, 0, 0);
    n6_server_tx_done(&rig->server, n6_server_tx_peek(&rig->server, &from)); /* the reply */
    EQUAL(n6_server_tx_peek(&rig->server, &from), 24);                       /* DATA, begun */
    memcpy(payload, &body, sizeof body);
    rig_send(rig, N6_MESSAGE_TYPE_INFER, 7, payload, sizeof payload);
    EQUAL(rig->starts, 2);
    rig->server.sends.count = 0; /* as if only that frame were left */
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
    const n6_ping_t ping = {0};
    n6_ping_reply_t pong;

    infer(rig, 3, 1);
    EQUAL(rig_take(rig, N6_MESSAGE_TYPE_RESULT, 3)->length, 56 + 32);
    EQUAL(take_data(rig, 3, 0, 256).position, 0);
    EQUAL(take_data(rig, 3, 256, 16).position, 256);
    rig_send(rig, N6_MESSAGE_TYPE_PING, 4, &ping, sizeof ping);
    memcpy(&pong, rig_take(rig, N6_MESSAGE_TYPE_PING, 4)->payload, sizeof pong);
    EQUAL(pong.position, 272);
}

const n6_test_t n6_result_tests[] = {
    TEST(all_outputs),
    TEST(parts_start_at_multiples_of_four),
    TEST(epoch_timers),
    TEST(timers_only_where_there_are_some),
    TEST(answers_that_are_too_large),
    TEST(an_empty_result),
    TEST(naks),
    TEST(naks_while_the_transfer_is_blocked),
    TEST(the_list_of_repairs_is_bounded),
    TEST(reads),
    TEST(a_repeated_read_begins_again),
    TEST(held_buffers_are_not_used_anew),
    TEST(the_longest_cached_goes_first),
    TEST(buffers_on_their_way_are_spared),
    TEST(positions_of_the_device),
    TESTS_END,
};
