/* INFO, LIST and DESCRIBE: every field, every section, page by page. */
#include "n6_rig.h"

static const rig_frame_t *describe(rig_t *rig, uint32_t id, uint16_t network, uint8_t section,
                                   uint32_t first, n6_describe_reply_t *reply)
{
    const n6_describe_t body = {.network = network, .section = section, .first = first};
    const rig_frame_t *frame = NULL;

    rig_send(rig, N6_MESSAGE_TYPE_DESCRIBE, id, &body, sizeof body);
    frame = rig_take(rig, N6_MESSAGE_TYPE_DESCRIBE, id);
    memcpy(reply, frame->payload, sizeof *reply);
    EQUAL(frame->flags, N6_FLAG_REPLY);
    EQUAL(reply->network, network);
    EQUAL(reply->section, section);
    EQUAL(reply->first, first);
    EQUAL(reply->head, sizeof *reply);
    EQUAL(frame->length, sizeof *reply + reply->count * reply->record);
    return frame;
}

static void info(void)
{
    rig_t *rig = rig_session();
    n6_info_reply_t reply;
    const rig_frame_t *frame = NULL;

    rig->port.runtime = "rig";
    rig_send(rig, N6_MESSAGE_TYPE_INFO, 2, NULL, 0);
    frame = rig_take(rig, N6_MESSAGE_TYPE_INFO, 2);
    memcpy(&reply, frame->payload, sizeof reply);
    EQUAL(strcmp(reply.board, "rig"), 0);
    EQUAL(strcmp(reply.firmware, "1.2.3"), 0);
    EQUAL(reply.uptime, 1000);
    EQUAL(reply.cpu_hz, 800000000);
    EQUAL(reply.temperature_dc, 365);
    EQUAL(reply.reset_cause, N6_RESET_CAUSE_WATCHDOG);
    EQUAL(reply.timer_source, N6_TIMER_SOURCE_NONE);
    EQUAL(reply.head, sizeof reply);
    EQUAL(frame->length, sizeof reply + 8 + 16);
    BYTES(frame->payload + sizeof reply, "\3\0\3\0rig\0\4\0\x9\0sram 1 2\n\0\0", 24);
    rig->port.memory = NULL;
    rig->port.runtime = NULL;
    rig_send(rig, N6_MESSAGE_TYPE_INFO, 3, NULL, 0);
    EQUAL(rig_take(rig, N6_MESSAGE_TYPE_INFO, 3)->length, sizeof reply);
}

static size_t long_memory(void *context, char *text, size_t size)
{
    (void)context;
    memset(text, 'm', size);
    return 100000; /* a port that returns what it would have written */
}

static void texts_that_are_too_long(void)
{
    rig_t *rig = rig_session();
    static char runtime[2000];

    memset(runtime, 'r', sizeof runtime - 1);
    rig->port.runtime = runtime;
    rig->port.memory = long_memory;
    rig_send(rig, N6_MESSAGE_TYPE_INFO, 2, NULL, 0);
    EQUAL(rig_take(rig, N6_MESSAGE_TYPE_INFO, 2)->length, N6_LIMIT_MAX_CONTROL);
    rig->port.runtime = "r";
    rig_send(rig, N6_MESSAGE_TYPE_INFO, 3, NULL, 0);
    EQUAL(rig_take(rig, N6_MESSAGE_TYPE_INFO, 3)->length, sizeof(n6_info_reply_t) + 8 + 4 + 512);
}

static void list(void)
{
    rig_t *rig = rig_session();
    n6_list_t body = {0};
    n6_list_reply_t reply;
    n6_network_record_t record;
    const rig_frame_t *frame = NULL;

    rig_send(rig, N6_MESSAGE_TYPE_LIST, 2, &body, sizeof body);
    frame = rig_take(rig, N6_MESSAGE_TYPE_LIST, 2);
    memcpy(&reply, frame->payload, sizeof reply);
    EQUAL(reply.head, sizeof reply);
    EQUAL(reply.record, sizeof record);
    EQUAL(reply.count, 2);
    EQUAL(reply.total, 2);
    EQUAL(reply.first, 0);
    memcpy(&record, frame->payload + sizeof reply + sizeof record, sizeof record);
    BYTES(record.name, "an image network with a name tha", 32);
    EQUAL(record.digest, 2);
    EQUAL(record.input_bytes, 1000);
    EQUAL(record.output_bytes, 272);
    EQUAL(record.index, 1);
    EQUAL(record.blocks, 3);
    EQUAL(record.epochs, 10);
    EQUAL(record.card_bytes, 14);
    EQUAL(record.inputs, 2);
    EQUAL(record.outputs, 2);
    EQUAL(record.pools, 2);
    EQUAL(record.timer_source, N6_TIMER_SOURCE_DWT_CYCLES);
    EQUAL(record.state, N6_NETWORK_STATE_READY);
    EQUAL(record.intermediates, 0);
    for (uint16_t first = 1; first < 4; first++) {
        body.first = first;
        rig_send(rig, N6_MESSAGE_TYPE_LIST, 3, &body, sizeof body);
        memcpy(&reply, rig_take(rig, N6_MESSAGE_TYPE_LIST, 3)->payload, sizeof reply);
        EQUAL(reply.count, first == 1);
        EQUAL(reply.total, 2);
        EQUAL(reply.first, first);
    }
}

static void tensors(void)
{
    rig_t *rig = rig_session();
    n6_describe_reply_t reply;
    n6_tensor_record_t record;
    const rig_frame_t *frame = describe(rig, 2, RIG_IMAGE, N6_SECTION_INPUTS, 0, &reply);

    EQUAL(reply.count, 2);
    EQUAL(reply.total, 2);
    EQUAL(frame->length, sizeof reply + 2 * sizeof record);
    memcpy(&record, frame->payload + sizeof reply, sizeof record);
    EQUAL(strcmp(record.name, "image"), 0);
    EQUAL(record.dtype, N6_DTYPE_UINT8);
    EQUAL(record.ndim, 4);
    EQUAL(record.scales, 3);
    EQUAL(record.shape[2], 30);
    EQUAL(record.size, 900);
    EQUAL(record.axis, 3);
    EQUAL(record.height, 10);
    EQUAL(record.width, 30);
    EQUAL(record.channels, 3);
    EQUAL(record.encodings & 1u << N6_ENCODING_QOI, 1u << N6_ENCODING_QOI);
    EQUAL(record.encodings & 1u << N6_ENCODING_RAW, 0);
    memcpy(&record, frame->payload + sizeof reply + sizeof record, sizeof record);
    EQUAL(record.offset, 960);
    EQUAL(record.height, 0);
    EQUAL(record.encodings, 0);
    frame = describe(rig, 3, RIG_IMAGE, N6_SECTION_OUTPUTS, 0, &reply);
    memcpy(&record, frame->payload + sizeof reply, sizeof record);
    EQUAL(strcmp(record.name, "heat"), 0);
    CHECK(record.scale == 0.5f);
    EQUAL(record.zero_point, -7);
    frame = describe(rig, 4, RIG_IMAGE, N6_SECTION_OUTPUTS, 1, &reply);
    EQUAL(reply.count, 1);
    memcpy(&record, frame->payload + sizeof reply, sizeof record);
    EQUAL(strcmp(record.name, "rows"), 0);
    (void)describe(rig, 5, RIG_IMAGE, N6_SECTION_OUTPUTS, 2, &reply);
    EQUAL(reply.count, 0);
    EQUAL(reply.total, 2);
}

static void scales(void)
{
    rig_t *rig = rig_session();
    n6_describe_reply_t reply;
    n6_scale_record_t record;
    const rig_frame_t *frame = describe(rig, 2, RIG_IMAGE, N6_SECTION_INPUT_SCALES, 1, &reply);

    EQUAL(reply.total, 3);
    EQUAL(reply.count, 2);
    memcpy(&record, frame->payload + sizeof reply + sizeof record, sizeof record);
    CHECK(record.scale == 0.125f);
    EQUAL(record.zero_point, 3);
    frame = describe(rig, 3, RIG_IMAGE, N6_SECTION_OUTPUT_SCALES, 0, &reply);
    EQUAL(reply.total, 2); /* of the second output: the first has none */
    memcpy(&record, frame->payload + sizeof reply, sizeof record);
    CHECK(record.scale == 0.25f);
    EQUAL(record.zero_point, 0);
    (void)describe(rig, 4, RIG_TINY, N6_SECTION_INPUT_SCALES, 0, &reply);
    EQUAL(reply.total, 0);
}

static void pools_blocks_and_card(void)
{
    rig_t *rig = rig_session();
    n6_describe_reply_t reply;
    n6_pool_record_t pool;
    n6_block_record_t block;
    const rig_frame_t *frame = describe(rig, 2, RIG_IMAGE, N6_SECTION_POOLS, 0, &reply);

    EQUAL(reply.total, 2);
    memcpy(&pool, frame->payload + sizeof reply + sizeof pool, sizeof pool);
    EQUAL(strcmp(pool.name, "octoFlash"), 0);
    EQUAL(pool.base, 0x70000000);
    EQUAL(pool.total, 1 << 20);
    EQUAL(pool.used, 3000);
    EQUAL(pool.weights, 3000);
    EQUAL(pool.activations, 0);
    frame = describe(rig, 3, RIG_IMAGE, N6_SECTION_BLOCKS, 0, &reply);
    EQUAL(reply.total, 3);
    memcpy(&block, frame->payload + sizeof reply, sizeof block);
    EQUAL(block.estimated_npu, 1000);
    EQUAL(block.estimated_total, 1200);
    EQUAL(block.last, 7);
    EQUAL(block.kind, N6_EPOCH_KIND_EC);
    EQUAL(strcmp(block.operation, "Conv2D"), 0);
    memcpy(&block, frame->payload + sizeof reply + 2 * sizeof block, sizeof block);
    EQUAL(block.operation[0], 0);
    EQUAL(block.kind, N6_EPOCH_KIND_HYBRID);
    frame = describe(rig, 4, RIG_IMAGE, N6_SECTION_CARD, 5, &reply);
    EQUAL(reply.total, 14);
    EQUAL(reply.count, 9);
    BYTES(frame->payload + sizeof reply, "= \"test\"\n", 9);
    (void)describe(rig, 5, RIG_TINY, N6_SECTION_CARD, 0, &reply);
    EQUAL(reply.total, 0);
    EQUAL(reply.count, 0);
}

/* Pages are as full as a frame allows, and together hold everything once. */
static void many_blocks_need_pages(void)
{
    static n6_block_t blocks[300];
    rig_t *rig = rig_new();
    n6_network_t network = rig->npu.network[RIG_TINY];
    const n6_hello_t hello = rig_hello(1);
    n6_describe_reply_t reply;
    uint32_t seen = 0;

    for (uint16_t i = 0; i < 300; i++) {
        blocks[i] = (n6_block_t){.first = i, .last = i};
    }
    network.block = blocks;
    network.blocks = 300;
    rig->npu.network = &network;
    rig->npu.networks = 1;
    rig->config.times = NULL;
    rig->config.sums = NULL;
    EQUAL(n6_server_init(&rig->server, &rig->config), 0);
    (void)rig_open(rig, &hello);
    for (uint32_t id = 2; seen < 300; id++) {
        const rig_frame_t *frame = describe(rig, id, 0, N6_SECTION_BLOCKS, seen, &reply);
        EQUAL(reply.total, 300);
        EQUAL(reply.count, 300 - seen < 20 ? 300 - seen : 20);
        for (uint32_t i = 0; i < reply.count; i++, seen++) {
            n6_block_record_t block;
            memcpy(&block, frame->payload + sizeof reply + i * sizeof block, sizeof block);
            EQUAL(block.first, seen);
        }
    }
}

/* A network that cannot run is described like others, and says why. */
static void networks_that_are_not_ready(void)
{
    rig_t *rig = rig_session();
    n6_network_t networks[RIG_NETWORKS];
    n6_describe_reply_t reply;
    n6_network_record_t record;
    const n6_list_t body = {.first = RIG_IMAGE};

    memcpy(networks, rig->npu.network, sizeof networks);
    networks[RIG_IMAGE].state = N6_NETWORK_STATE_WEIGHTS_STALE;
    networks[RIG_IMAGE].reason = "weights of another build";
    rig->npu.network = networks;
    rig_send(rig, N6_MESSAGE_TYPE_LIST, 2, &body, sizeof body);
    memcpy(&record, rig_take(rig, N6_MESSAGE_TYPE_LIST, 2)->payload + sizeof(n6_list_reply_t),
           sizeof record);
    EQUAL(record.state, N6_NETWORK_STATE_WEIGHTS_STALE);
    const rig_frame_t *frame = describe(rig, 3, RIG_IMAGE, N6_SECTION_REASON, 11, &reply);
    EQUAL(reply.total, 24);
    EQUAL(reply.record, 1);
    BYTES(frame->payload + sizeof reply, "another build", 13);
    (void)describe(rig, 4, RIG_TINY, N6_SECTION_REASON, 0, &reply);
    EQUAL(reply.total, 0);
    (void)describe(rig, 5, RIG_IMAGE, N6_SECTION_INTERMEDIATES, 0, &reply);
    EQUAL(reply.total, 0);
    EQUAL(reply.record, sizeof(n6_tensor_record_t));
    (void)describe(rig, 6, RIG_IMAGE, N6_SECTION_INPUTS, 0, &reply);
    EQUAL(reply.total, 2);
}

static void many_networks_need_pages(void)
{
    static n6_network_t networks[N6_SERVER_MAX_NETWORKS];
    rig_t *rig = rig_session();
    n6_list_t body = {0};
    n6_list_reply_t reply;

    for (int i = 0; i < N6_SERVER_MAX_NETWORKS; i++) {
        networks[i] = rig->npu.network[RIG_TINY];
    }
    rig->npu.network = networks;
    rig->npu.networks = 18;
    for (uint16_t page = 0; page < 2; page++) {
        body.first = page ? reply.count : 0;
        rig_send(rig, N6_MESSAGE_TYPE_LIST, 2, &body, sizeof body);
        const rig_frame_t *frame = rig_take(rig, N6_MESSAGE_TYPE_LIST, 2);
        memcpy(&reply, frame->payload, sizeof reply);
        EQUAL(reply.count, page ? 2 : 16);
        EQUAL(reply.total, 18);
        EQUAL(frame->length, sizeof reply + reply.count * sizeof(n6_network_record_t));
    }
}

static void descriptions_that_are_refused(void)
{
    rig_t *rig = rig_session();
    n6_describe_t body = {.network = RIG_NETWORKS};

    rig_send(rig, N6_MESSAGE_TYPE_DESCRIBE, 2, &body, sizeof body);
    rig_take_refusal(rig, 2, N6_STATUS_UNKNOWN_NETWORK, offsetof(n6_describe_t, network),
                     RIG_NETWORKS);
    body = (n6_describe_t){.section = N6_SECTION_INTERMEDIATES + 1};
    rig_send(rig, N6_MESSAGE_TYPE_DESCRIBE, 3, &body, sizeof body);
    rig_take_refusal(rig, 3, N6_STATUS_BAD_REQUEST, offsetof(n6_describe_t, section),
                     N6_SECTION_INTERMEDIATES + 1);
}

const n6_test_t n6_describe_tests[] = {
    TEST(info),
    TEST(texts_that_are_too_long),
    TEST(list),
    TEST(tensors),
    TEST(scales),
    TEST(pools_blocks_and_card),
    TEST(many_blocks_need_pages),
    TEST(networks_that_are_not_ready),
    TEST(many_networks_need_pages),
    TEST(descriptions_that_are_refused),
    TESTS_END,
};
