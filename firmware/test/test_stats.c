/* Counters, accumulated epoch times, and the STATS event. */
#include "n6_rig.h"

static uint8_t image[RIG_IMAGE_BYTES];

static rig_t *begin(void)
{
    rig_t *rig = rig_session();

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

static void run(rig_t *rig, uint32_t id, uint64_t ticks)
{
    const n6_infer_t body = infer_of(id);
    const n6_release_t done = {id};

    rig->step_ticks = ticks;
    rig_infer(rig, id, &body, NULL);
    rig_send(rig, N6_MESSAGE_TYPE_RELEASE, id + 1000, &done, sizeof done);
    rig->taken = rig->frames;
    rig_nothing(rig);
}

static n6_stats_reply_t stats_of(const rig_frame_t *frame, n6_network_stats_t *networks)
{
    n6_stats_reply_t reply;

    memcpy(&reply, frame->payload, sizeof reply);
    EQUAL(reply.head, sizeof reply);
    EQUAL(reply.record, sizeof *networks);
    EQUAL(reply.total, RIG_NETWORKS);
    EQUAL(reply.count, RIG_NETWORKS);
    EQUAL(reply.first, 0);
    EQUAL(frame->length, sizeof reply + RIG_NETWORKS * sizeof *networks);
    memcpy(networks, frame->payload + sizeof reply, RIG_NETWORKS * sizeof *networks);
    return reply;
}

static n6_stats_reply_t stats(rig_t *rig, uint32_t id, n6_network_stats_t *networks)
{
    const n6_stats_request_t body = {.first = 0};

    rig_send(rig, N6_MESSAGE_TYPE_STATS, id, &body, sizeof body);
    return stats_of(rig_take(rig, N6_MESSAGE_TYPE_STATS, id), networks);
}

static void counters_of_runs(void)
{
    rig_t *rig = begin();
    n6_network_stats_t networks[RIG_NETWORKS];
    n6_stats_reply_t reply;
    n6_infer_t body = infer_of(90);

    run(rig, 3, 300);
    run(rig, 4, 100);
    run(rig, 5, 200);
    rig_hold_npu(rig);
    rig->step_ticks = 7;
    for (uint32_t i = 0; i < 3; i++, body.key++) {
        rig_infer(rig, 10 + i, &body, NULL);
        (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, 10 + i);
    }
    reply = stats(rig, 20, networks);
    EQUAL(reply.queue, 3);
    EQUAL(networks[0].index, 0);
    EQUAL(networks[0].runs, 0);
    EQUAL(networks[1].index, 1);
    EQUAL(networks[1].queued, 3);
    EQUAL(networks[1].runs, 3);
    EQUAL(networks[1].sum, 600);
    EQUAL(networks[1].last, 200);
    EQUAL(networks[1].min, 100);
    EQUAL(networks[1].max, 300);
    EQUAL(networks[1].wait_sum, 0);
    rig->now += 5000;
    rig_free_npu(rig);
    rig->taken = rig->frames;
    rig_nothing(rig);
    (void)stats(rig, 21, networks);
    EQUAL(networks[1].runs, 5); /* the third has no buffer */
    EQUAL(networks[1].queued, 1);
    CHECK(networks[1].wait_sum > 5000);
}

/* Time in the queue begins when both the INFER and its input are there. */
static void waiting_for_input_is_no_wait(void)
{
    rig_t *rig = begin();
    n6_infer_t body = infer_of(9);

    body.upload = 5;
    rig_infer(rig, 6, &body, NULL);
    rig->now += 10000;
    rig_upload(rig, 5, 0, RIG_IMAGE, image, sizeof image);
    EQUAL(rig->server.runs.network[RIG_IMAGE].runs, 1);
    EQUAL(rig->server.runs.network[RIG_IMAGE].wait_sum, 0);
}

static void counters_of_the_link(void)
{
    rig_t *rig = begin();
    n6_network_stats_t networks[RIG_NETWORKS];
    n6_stats_reply_t reply;
    uint8_t line[64] = {0};
    const n6_ping_t ping = {.head = sizeof ping};
    size_t size = rig_frame(line, N6_MESSAGE_TYPE_PING, 0, 3, &ping, sizeof ping);
    const uint64_t before = rig->server.channel.link.counts.rx_bytes;

    line[size - 1] ^= 1;
    rig_feed(rig, line, size);
    line[size - 1] ^= 1;
    line[5] ^= 1;
    rig_feed(rig, line, size);
    reply = stats(rig, 4, networks);
    EQUAL(reply.rx_bytes, before + 2 * size + 20);
    EQUAL(reply.header_errors, 1);
    EQUAL(reply.payload_errors, 1);
    EQUAL(reply.skipped, 2 * size);
    EQUAL(reply.resyncs, 1);
    EQUAL(reply.rx_frames, 1 + 4 + 1 + 1);
    EQUAL(reply.tx_frames, 2);
    EQUAL(reply.temperature_dc, 365);
    EQUAL(reply.cpu_hz, 800000000);
    EQUAL(reply.npu_hz, 1000000000);
    EQUAL(reply.since, 1000);
    EQUAL(reply.time, 1000);
    EQUAL(reply.free_bytes, 2 * RIG_SLOT_SIZE + 2 * RIG_RESULT_SIZE);
    EQUAL(reply.log_dropped, 0);
    EQUAL(reply.refused, 0);
    rig_feed(rig, line, rig_data(line, 9, 0, 0, RIG_SLOTS, "abcd", 4));
    reply = stats(rig, 5, networks);
    EQUAL(reply.refused, 1);
    EQUAL(reply.duplicates, 0);
}

static void buffers_in_use(void)
{
    rig_t *rig = begin();
    n6_network_stats_t networks[RIG_NETWORKS];
    const n6_infer_t body = infer_of(9);

    rig_send_chunk(rig, 3, 1, image, sizeof image, 0);
    EQUAL(stats(rig, 4, networks).free_bytes, RIG_SLOT_SIZE + 2 * RIG_RESULT_SIZE);
    rig_infer(rig, 5, &body, NULL);
    rig->taken = rig->frames;
    EQUAL(stats(rig, 6, networks).free_bytes, RIG_SLOT_SIZE + RIG_RESULT_SIZE);
    EQUAL(stats(rig, 7, networks).credits_used, 272);
    rig_hold_npu(rig);
    const n6_infer_t other = infer_of(10);
    rig_infer(rig, 8, &other, NULL);
    rig->taken = rig->frames;
    EQUAL(stats(rig, 9, networks).free_bytes, 0);
}

static const rig_frame_t *epochs(rig_t *rig, uint32_t id, uint16_t network, uint16_t first,
                                 n6_epoch_stats_reply_t *reply)
{
    const n6_epoch_stats_t body = {network, first};
    const rig_frame_t *frame = NULL;

    rig_send(rig, N6_MESSAGE_TYPE_EPOCH_STATS, id, &body, sizeof body);
    frame = rig_take(rig, N6_MESSAGE_TYPE_EPOCH_STATS, id);
    memcpy(reply, frame->payload, sizeof *reply);
    EQUAL(reply->first, first);
    EQUAL(reply->network, network);
    EQUAL(frame->length, sizeof *reply + reply->count * sizeof(n6_block_stats_t));
    return frame;
}

static void epoch_times_add_up(void)
{
    rig_t *rig = begin();
    n6_epoch_stats_reply_t reply;
    n6_block_stats_t block;
    const n6_epoch_stats_t wrong = {RIG_NETWORKS, 0};
    const rig_frame_t *frame = NULL;

    (void)epochs(rig, 3, RIG_IMAGE, 0, &reply);
    EQUAL(reply.runs, 0);
    EQUAL(reply.count, 0);
    EQUAL(reply.total, 3);
    run(rig, 4, 1);
    run(rig, 5, 1);
    frame = epochs(rig, 6, RIG_IMAGE, 1, &reply);
    EQUAL(reply.runs, 2);
    EQUAL(reply.count, 2);
    EQUAL(reply.total, 3);
    memcpy(&block, frame->payload + sizeof reply, sizeof block);
    EQUAL(block.pre, 11 + 11);
    EQUAL(block.core, 101 + 201);
    EQUAL(block.post, 2);
    EQUAL(block.min, 11 + 101 + 1);
    EQUAL(block.max, 11 + 201 + 1);
    (void)epochs(rig, 7, RIG_IMAGE, 9, &reply);
    EQUAL(reply.count, 0);
    (void)epochs(rig, 8, RIG_TINY, 0, &reply); /* has no timers */
    EQUAL(reply.runs, 0);
    EQUAL(reply.total, 1);
    rig_send(rig, N6_MESSAGE_TYPE_EPOCH_STATS, 9, &wrong, sizeof wrong);
    rig_take_error(rig, 9, N6_STATUS_UNKNOWN_NETWORK);
}

/* A pass that does not fit 32 bits is as long as 32 bits can say. */
static void endless_passes(void)
{
    rig_t *rig = begin();
    n6_epoch_stats_reply_t reply;
    n6_block_stats_t block;
    const rig_frame_t *frame = NULL;

    rig->starts = 100000000;
    run(rig, 4, 1);
    frame = epochs(rig, 6, RIG_IMAGE, 0, &reply);
    memcpy(&block, frame->payload + sizeof reply, sizeof block);
    EQUAL(block.core, 10000000100);
    EQUAL(block.min, UINT32_MAX);
    EQUAL(block.max, UINT32_MAX);
}

static void reset_zeroes_everything(void)
{
    rig_t *rig = begin();
    n6_network_stats_t networks[RIG_NETWORKS];
    n6_epoch_stats_reply_t reply;
    n6_block_stats_t block;
    n6_stats_reply_t after;
    const rig_frame_t *frame = NULL;

    run(rig, 3, 500);
    rig->now = 99000;
    rig_send(rig, N6_MESSAGE_TYPE_RESET_STATS, 4, NULL, 0);
    EQUAL(rig_take(rig, N6_MESSAGE_TYPE_RESET_STATS, 4)->length, 0);
    after = stats(rig, 5, networks);
    EQUAL(after.since, 99000);
    EQUAL(after.rx_frames, 1);
    EQUAL(after.tx_frames, 1);
    EQUAL(networks[1].runs, 0);
    EQUAL(networks[1].max, 0);
    (void)epochs(rig, 6, RIG_IMAGE, 0, &reply);
    EQUAL(reply.runs, 0);
    run(rig, 7, 20);
    frame = epochs(rig, 8, RIG_IMAGE, 0, &reply);
    memcpy(&block, frame->payload + sizeof reply, sizeof block);
    EQUAL(reply.runs, 1);
    EQUAL(block.core, 200); /* of the second start, alone */
}

static void subscribe(rig_t *rig, uint32_t id, uint32_t interval_ms)
{
    const n6_subscribe_t body = {interval_ms};

    rig_send(rig, N6_MESSAGE_TYPE_SUBSCRIBE, id, &body, sizeof body);
    EQUAL(rig_take(rig, N6_MESSAGE_TYPE_SUBSCRIBE, id)->length, 0);
}

static void events_at_a_rate(void)
{
    rig_t *rig = begin();
    n6_network_stats_t networks[RIG_NETWORKS];
    const rig_frame_t *frame = NULL;
    const n6_hello_t hello = rig_hello(1);

    subscribe(rig, 3, 100);
    EQUAL(n6_server_due(&rig->server), 100000);
    rig->now += 99999;
    rig_run(rig);
    rig_nothing(rig);
    rig->now += 1;
    rig_run(rig);
    frame = rig_take(rig, N6_MESSAGE_TYPE_STATS, 0);
    EQUAL(frame->flags, 0);
    EQUAL(stats_of(frame, networks).time, 101000);
    rig_nothing(rig);
    rig->now += 130000; /* late: the rhythm stays */
    rig_run(rig);
    (void)rig_take(rig, N6_MESSAGE_TYPE_STATS, 0);
    EQUAL(n6_server_due(&rig->server), 70000);
    rig->now += 350000; /* too late: two are left out, and it begins again */
    rig_run(rig);
    (void)rig_take(rig, N6_MESSAGE_TYPE_STATS, 0);
    rig_nothing(rig);
    EQUAL(n6_server_due(&rig->server), 100000);
    subscribe(rig, 4, 0);
    EQUAL(n6_server_due(&rig->server), UINT64_MAX);
    subscribe(rig, 5, 10);
    (void)rig_open(rig, &hello); /* ends with the session */
    rig->now += 1000000;
    rig_run(rig);
    rig_nothing(rig);
    subscribe(rig, 7, 10);
    n6_server_relink(&rig->server);
    rig->now += 1000000;
    rig_run(rig);
    rig_nothing(rig);
}

static void take_page(const rig_frame_t *frame, uint64_t time, uint16_t first, uint16_t count)
{
    n6_stats_reply_t reply;
    n6_network_stats_t network;

    memcpy(&reply, frame->payload, sizeof reply);
    EQUAL(reply.time, time);
    EQUAL(reply.first, first);
    EQUAL(reply.count, count);
    EQUAL(reply.total, N6_SERVER_MAX_NETWORKS);
    EQUAL(frame->length, sizeof reply + count * sizeof network);
    for (uint16_t i = 0; i < count; i++) {
        memcpy(&network, frame->payload + sizeof reply + i * sizeof network, sizeof network);
        EQUAL(network.index, first + i);
    }
}

/* More networks than fit a frame: pages on request, and an event in as many frames. */
static void many_networks_need_pages(void)
{
    static n6_network_t networks[N6_SERVER_MAX_NETWORKS];
    rig_t *rig = rig_new();
    const n6_hello_t hello = rig_hello(1);
    n6_stats_request_t body = {0};

    for (int i = 0; i < N6_SERVER_MAX_NETWORKS; i++) {
        networks[i] = rig->npu.network[RIG_TINY];
    }
    rig->npu.network = networks;
    rig->npu.networks = N6_SERVER_MAX_NETWORKS;
    rig->config.sums = NULL;
    EQUAL(n6_server_init(&rig->server, &rig->config), 0);
    (void)rig_open(rig, &hello);
    for (body.first = 0; body.first < N6_SERVER_MAX_NETWORKS; body.first += 14) {
        const uint16_t left = (uint16_t)(N6_SERVER_MAX_NETWORKS - body.first);
        rig_send(rig, N6_MESSAGE_TYPE_STATS, 2, &body, sizeof body);
        take_page(rig_take(rig, N6_MESSAGE_TYPE_STATS, 2), 1000, body.first, left < 14 ? left : 14);
    }
    rig_send(rig, N6_MESSAGE_TYPE_STATS, 2, &body, sizeof body); /* beyond the last one */
    take_page(rig_take(rig, N6_MESSAGE_TYPE_STATS, 2), 1000, body.first, 0);
    subscribe(rig, 3, 1);
    for (uint64_t time = 2000; time < 4000; time += 1000) {
        rig->now = time;
        rig_run(rig);
        take_page(rig_take(rig, N6_MESSAGE_TYPE_STATS, 0), time, 0, 14);
        take_page(rig_take(rig, N6_MESSAGE_TYPE_STATS, 0), time, 14, 14);
        take_page(rig_take(rig, N6_MESSAGE_TYPE_STATS, 0), time, 28, 4);
        rig_nothing(rig);
    }
}

const n6_test_t n6_stats_tests[] = {
    TEST(counters_of_runs),         TEST(waiting_for_input_is_no_wait),
    TEST(counters_of_the_link),     TEST(buffers_in_use),
    TEST(epoch_times_add_up),       TEST(endless_passes),
    TEST(reset_zeroes_everything),  TEST(events_at_a_rate),
    TEST(many_networks_need_pages), TESTS_END,
};
