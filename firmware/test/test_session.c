/* Configuration, HELLO, what is refused without a session, PING, RESET, the log, silence, and
 * another client. */
#include "n6_rig.h"

static n6_hello_t hello_of(uint64_t nonce)
{
    return (n6_hello_t){
        .major = N6_VERSION_MAJOR, .schema = N6_SCHEMA_ID, .nonce = nonce, .window = 4096};
}

static n6_hello_reply_t take_hello(rig_t *rig, uint32_t id)
{
    n6_hello_reply_t reply;
    const rig_frame_t *frame = rig_take(rig, N6_MESSAGE_TYPE_HELLO, id);

    EQUAL(frame->flags, N6_FLAG_REPLY);
    CHECK(frame->length >= sizeof reply);
    memcpy(&reply, frame->payload, sizeof reply);
    return reply;
}

/* ---- configuration ---- */

static int init(rig_t *rig)
{
    return n6_server_init(&rig->server, &rig->config);
}

static void configurations_that_do_not_hold(void)
{
    rig_t *rig = NULL;

#define REFUSES(change, status)                                                                    \
    do {                                                                                           \
        rig = rig_new();                                                                           \
        change;                                                                                    \
        EQUAL(init(rig), status);                                                                  \
    } while (0)
    REFUSES((void)0, 0);
    REFUSES(rig->config.port = NULL, N6_SERVER_BAD_PORT);
    REFUSES(rig->port.now = NULL, N6_SERVER_BAD_PORT);
    REFUSES(rig->port.info = NULL, N6_SERVER_BAD_PORT);
    REFUSES(rig->port.tick_hz = 0, N6_SERVER_BAD_PORT);
    REFUSES(rig->config.npu = NULL, N6_SERVER_BAD_PORT);
    REFUSES(rig->npu.step = NULL, N6_SERVER_BAD_PORT);
    REFUSES(rig->npu.networks = N6_SERVER_MAX_NETWORKS + 1, N6_SERVER_BAD_NETWORKS);
    REFUSES(rig->npu.network = NULL, N6_SERVER_BAD_NETWORKS);
    REFUSES(rig->config.chunk = 300, N6_SERVER_BAD_CHUNK);
    REFUSES(rig->config.chunk = 128, N6_SERVER_BAD_CHUNK);
    REFUSES(rig->config.chunk = 16384, N6_SERVER_BAD_CHUNK);
    REFUSES(rig->config.window = RIG_CHUNK - 1, N6_SERVER_BAD_CHUNK);
    REFUSES(rig->config.slots = 1, N6_SERVER_BAD_SLOTS);
    REFUSES(rig->config.slots = N6_SERVER_MAX_SLOTS + 1, N6_SERVER_BAD_SLOTS);
    REFUSES(rig->config.slot_size = RIG_IMAGE_BYTES - 1, N6_SERVER_BAD_SLOTS);
    REFUSES(rig->config.chunks = NULL, N6_SERVER_BAD_SLOTS);
    REFUSES(rig->config.results = 1, N6_SERVER_BAD_RESULTS);
    REFUSES(rig->config.result = NULL, N6_SERVER_BAD_RESULTS);
    REFUSES(rig->config.result_size = 300, N6_SERVER_BAD_RESULTS);
    REFUSES(rig->config.max_blocks = 2, N6_SERVER_BAD_TIMES);
    REFUSES(rig->config.total_blocks = 3, N6_SERVER_BAD_TIMES);
    REFUSES(rig->config.tx_size = RIG_TX - 1, N6_SERVER_BAD_TX);
    REFUSES(rig->config.tx = NULL, N6_SERVER_BAD_TX);
#undef REFUSES
}

static void networks_that_are_not_described(void)
{
    rig_t *rig = NULL;
    n6_network_t network;

#define REFUSES(change)                                                                            \
    do {                                                                                           \
        rig = rig_new();                                                                           \
        network = rig->npu.network[RIG_IMAGE];                                                     \
        rig->npu.network = &network;                                                               \
        rig->npu.networks = 1;                                                                     \
        EQUAL(init(rig), 0);                                                                       \
        change;                                                                                    \
        EQUAL(init(rig), N6_SERVER_BAD_NETWORKS);                                                  \
    } while (0)
    REFUSES(network.name = NULL);
    REFUSES(network.input = NULL);
    REFUSES(network.output = NULL);
    REFUSES(network.pool = NULL);
    REFUSES(network.block = NULL);
    REFUSES(network.card = NULL);
    REFUSES(network.outputs = 33);
#undef REFUSES
}

/* ---- HELLO ---- */

static void hello_tells_what_the_device_is(void)
{
    rig_t *rig = rig_new();
    const n6_hello_t hello = hello_of(0x1122334455667788);
    n6_hello_reply_t reply;
    const rig_frame_t *frame = NULL;

    rig->port.fault_record = "pc 0x8000 lr 0x9000";
    rig->port.runtime = "rig 1";
    rig->npu.features = N6_FEATURE_SIMULATED;
    EQUAL(init(rig), 0);
    rig_send(rig, N6_MESSAGE_TYPE_HELLO, 77, &hello, sizeof hello);
    frame = &rig->frame[0];
    reply = take_hello(rig, 77);
    EQUAL(reply.nonce, hello.nonce);
    EQUAL(reply.schema, N6_SCHEMA_ID);
    EQUAL(reply.boot_nonce, 0xdeadbeef);
    EQUAL(reply.tick_hz, 1000000);
    EQUAL(reply.features, 15 | N6_FEATURE_SIMULATED);
    EQUAL(reply.window, RIG_WINDOW);
    EQUAL(reply.chunk, RIG_CHUNK);
    EQUAL(reply.slots, RIG_SLOTS);
    EQUAL(reply.results, RIG_RESULTS);
    EQUAL(reply.slot_size, RIG_SLOT_SIZE);
    EQUAL(reply.result_size, RIG_RESULT_SIZE);
    EQUAL(strcmp(reply.build, "golden"), 0);
    /* Two fields, each padded to a multiple of four. */
    EQUAL(frame->length, sizeof reply + 4 + 8 + 4 + 20);
    BYTES(frame->payload + sizeof reply, "\3\0\5\0rig 1\0\0\0\2\0\23\0pc 0x8000 lr 0x9000\0", 36);
}

static void another_version_opens_nothing(void)
{
    rig_t *rig = rig_start();
    n6_hello_t hello = hello_of(5);

    hello.schema ^= 1;
    rig_send(rig, N6_MESSAGE_TYPE_HELLO, 1, &hello, sizeof hello);
    EQUAL(take_hello(rig, 1).nonce, 5);
    rig_send(rig, N6_MESSAGE_TYPE_INFO, 2, NULL, 0);
    rig_take_error(rig, 2, N6_STATUS_NO_SESSION);
    hello.schema ^= 1;
    hello.major = 9;
    rig_send(rig, N6_MESSAGE_TYPE_HELLO, 3, &hello, 8); /* so much of it is the same for ever */
    EQUAL(take_hello(rig, 3).nonce, 0);
    rig_send(rig, N6_MESSAGE_TYPE_HELLO, 4, &hello, 7);
    rig_take_error(rig, 4, N6_STATUS_BAD_REQUEST);
    hello.major = N6_VERSION_MAJOR;
    rig_send(rig, N6_MESSAGE_TYPE_HELLO, 5, &hello, 23);
    rig_take_error(rig, 5, N6_STATUS_BAD_REQUEST);
    rig_send(rig, N6_MESSAGE_TYPE_INFO, 6, NULL, 0);
    rig_take_error(rig, 6, N6_STATUS_NO_SESSION);
}

static void requests_that_are_refused(void)
{
    rig_t *rig = rig_session();
    const uint8_t zeros[64] = {0};
    uint8_t line[64];

    rig_send(rig, 0x3e, 2, NULL, 0);
    EQUAL(rig_take_error(rig, 2, N6_STATUS_UNKNOWN_TYPE).value, 0x3e);
    rig_send(rig, N6_MESSAGE_TYPE_RESULT, 3, zeros, 56);
    rig_take_error(rig, 3, N6_STATUS_UNKNOWN_TYPE);
    rig_send(rig, N6_MESSAGE_TYPE_PING, 4, zeros, 15);
    EQUAL(rig_take_error(rig, 4, N6_STATUS_BAD_REQUEST).value, 15);
    rig_send(rig, N6_MESSAGE_TYPE_PING, 5, zeros, 40); /* bytes after what is known are skipped */
    (void)rig_take(rig, N6_MESSAGE_TYPE_PING, 5);
    rig_send(rig, N6_MESSAGE_TYPE_PING, 0, zeros, 16); /* id 0 cannot be answered */
    rig_feed(rig, line, rig_frame(line, N6_MESSAGE_TYPE_ERROR, N6_FLAG_REPLY, 9, zeros, 8));
    rig_send(rig, N6_MESSAGE_TYPE_NAK, 6, zeros, 4);
    rig_send(rig, N6_MESSAGE_TYPE_CREDIT, 0, NULL, 0);
    rig_nothing(rig);
}

static void every_request_needs_a_session(void)
{
    rig_t *rig = rig_start();
    const uint8_t zeros[64] = {0};
    uint8_t line[64];

    for (uint8_t type = 0x02; type <= 0x15; type++) { /* PING to RELEASE */
        rig_send(rig, type, type, zeros, sizeof zeros);
        if (type <= N6_MESSAGE_TYPE_SUBSCRIBE ||
            (type >= N6_MESSAGE_TYPE_COMMIT && type != N6_MESSAGE_TYPE_RESULT)) {
            rig_take_error(rig, type, N6_STATUS_NO_SESSION);
        } else {
            rig_take_error(rig, type, N6_STATUS_UNKNOWN_TYPE);
        }
    }
    rig_feed(rig, line, rig_data(line, 3, 0, 0, 0, zeros, 4));
    rig_send(rig, N6_MESSAGE_TYPE_NAK, 3, zeros, 8);
    rig_send(rig, N6_MESSAGE_TYPE_CREDIT, 0, zeros, 4);
    rig_nothing(rig);
}

static void ping_tells_the_time(void)
{
    rig_t *rig = rig_session();
    const n6_ping_t ping = {.host_time = 0x123456789abcdef0, .position = 512};
    n6_ping_reply_t pong;

    rig->now = 5000000000;
    rig_send(rig, N6_MESSAGE_TYPE_PING, 2, &ping, sizeof ping);
    memcpy(&pong, rig_take(rig, N6_MESSAGE_TYPE_PING, 2)->payload, sizeof pong);
    EQUAL(pong.host_time, ping.host_time);
    EQUAL(pong.device_time, 5000000000);
    EQUAL(pong.limit, 512 + RIG_WINDOW);
    EQUAL(pong.position, 0);
}

/* ---- RESET ---- */

static void reset_restarts_when_the_answer_has_left(void)
{
    rig_t *rig = rig_session();
    n6_reset_t reset = {.kind = N6_RESET_KIND_DEVICE};

    rig->deaf = true;
    rig_send(rig, N6_MESSAGE_TYPE_RESET, 2, &reset, sizeof reset);
    EQUAL(rig->restarts, 0);
    rig->deaf = false;
    rig_run(rig);
    (void)rig_take(rig, N6_MESSAGE_TYPE_RESET, 2);
    EQUAL(rig->restarts, 1);
    rig_run(rig);
    EQUAL(rig->restarts, 1);

    reset.kind = 9;
    rig_send(rig, N6_MESSAGE_TYPE_RESET, 3, &reset, sizeof reset);
    rig_take_error(rig, 3, N6_STATUS_BAD_REQUEST);
    rig->port.restart = NULL;
    reset.kind = N6_RESET_KIND_DEVICE;
    rig_send(rig, N6_MESSAGE_TYPE_RESET, 4, &reset, sizeof reset);
    rig_take_error(rig, 4, N6_STATUS_UNSUPPORTED);
}

/* ---- log ---- */

static void set_level(rig_t *rig, uint32_t id, uint8_t level)
{
    const n6_log_level_request_t request = {.level = level};
    rig_send(rig, N6_MESSAGE_TYPE_LOG_LEVEL, id, &request, sizeof request);
}

static void logs_have_levels(void)
{
    rig_t *rig = rig_start();
    const n6_hello_t hello = hello_of(1);
    n6_log_t log;
    const rig_frame_t *frame = NULL;

    n6_server_log(&rig->server, N6_LOG_LEVEL_ERROR, "nobody listens");
    rig_send(rig, N6_MESSAGE_TYPE_HELLO, 1, &hello, sizeof hello);
    (void)take_hello(rig, 1);
    n6_server_log(&rig->server, N6_LOG_LEVEL_INFO, "less than a warning");
    n6_server_log(&rig->server, N6_LOG_LEVEL_WARNING, "a warning");
    rig_run(rig);
    frame = rig_take(rig, N6_MESSAGE_TYPE_LOG, 0);
    memcpy(&log, frame->payload, sizeof log);
    EQUAL(frame->length, sizeof log + 9);
    BYTES(frame->payload + sizeof log, "a warning", 9);
    EQUAL(frame->flags, 0);
    EQUAL(log.level, N6_LOG_LEVEL_WARNING);
    EQUAL(log.time, 1000);
    EQUAL(log.dropped, 0);

    set_level(rig, 2, N6_LOG_LEVEL_DEBUG);
    (void)rig_take(rig, N6_MESSAGE_TYPE_LOG_LEVEL, 2);
    rig_send(rig, N6_MESSAGE_TYPE_INFO, 3, NULL, 0);
    frame = rig_take(rig, N6_MESSAGE_TYPE_LOG, 0);
    BYTES(frame->payload + sizeof log, "INFO", 4);
    (void)rig_take(rig, N6_MESSAGE_TYPE_INFO, 3);
    set_level(rig, 4, N6_LOG_LEVEL_NONE);
    (void)rig_take(rig, N6_MESSAGE_TYPE_LOG, 0);
    (void)rig_take(rig, N6_MESSAGE_TYPE_LOG_LEVEL, 4);
    n6_server_log(&rig->server, N6_LOG_LEVEL_ERROR, "not wanted");
    rig_run(rig);
    rig_nothing(rig);
}

/* A device that logs without end still answers, and reports how many lines were lost. */
static void logs_never_cost_an_answer(void)
{
    rig_t *rig = rig_session();
    const n6_ping_t ping = {0};
    char text[1200];
    n6_log_t log;
    int logs = 0;

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    rig->deaf = true;
    for (int i = 0; i < 100; i++) {
        n6_server_log(&rig->server, N6_LOG_LEVEL_ERROR, i % 2 ? text : "short");
    }
    rig_send(rig, N6_MESSAGE_TYPE_PING, 2, &ping, sizeof ping);
    rig->deaf = false;
    rig_run(rig);
    while (rig->frame[rig->taken].type == N6_MESSAGE_TYPE_LOG) {
        CHECK(rig->frame[rig->taken].length <= N6_LIMIT_MAX_CONTROL);
        rig->taken++;
        logs++;
    }
    (void)rig_take(rig, N6_MESSAGE_TYPE_PING, 2);
    CHECK(logs > 3 && logs < 100);
    n6_server_log(&rig->server, N6_LOG_LEVEL_ERROR, "again");
    rig_run(rig);
    memcpy(&log, rig_take(rig, N6_MESSAGE_TYPE_LOG, 0)->payload, sizeof log);
    EQUAL(log.dropped, 100 - logs);
}

/* ---- silence ---- */

/* The rest of a frame never comes. After a while the next one is understood, without filling it up.
 */
static void silence_ends_a_frame(void)
{
    rig_t *rig = rig_session();
    uint8_t line[600];
    uint8_t bytes[RIG_CHUNK] = {0};
    const n6_ping_t ping = {0};

    (void)rig_data(line, 2, 0, 0, 0, bytes, RIG_CHUNK);
    rig_feed(rig, line, 100);
    EQUAL(n6_server_due(&rig->server), 250000);
    rig->now += 249999;
    rig_run(rig);
    rig_nothing(rig);
    rig->now += 1;
    EQUAL(n6_server_due(&rig->server), 0);
    rig_run(rig);
    (void)rig_take(rig, N6_MESSAGE_TYPE_LOG, 0);
    (void)rig_take(rig, N6_MESSAGE_TYPE_NAK, 2); /* the chunk is asked for again */
    EQUAL(n6_server_due(&rig->server), UINT64_MAX);
    rig_send(rig, N6_MESSAGE_TYPE_PING, 3, &ping, sizeof ping);
    (void)rig_take(rig, N6_MESSAGE_TYPE_PING, 3);

    /* A control frame that promises 500 bytes; a whole one is in what has come of it. */
    (void)rig_frame(line, N6_MESSAGE_TYPE_LIST, 0, 4, bytes, 200);
    size_t size = 30 + rig_frame(line + 30, N6_MESSAGE_TYPE_PING, 0, 5, &ping, sizeof ping);
    rig_feed(rig, line, size);
    rig_nothing(rig);
    rig->now += 249999;
    rig_feed(rig, line, 1); /* not silent: the time begins again */
    rig->now += 249999;
    rig_run(rig);
    rig_nothing(rig);
    rig->now += 1;
    rig_run(rig);
    (void)rig_take(rig, N6_MESSAGE_TYPE_PING, 5);
    rig_nothing(rig);
}

/* Of three silent frames, each inside the one before, none needs a time of its own. */
static void silence_ends_all_frames(void)
{
    rig_t *rig = rig_session();
    uint8_t line[128];
    const uint8_t zeros[40] = {0};
    size_t size = 0;

    for (uint32_t i = 0; i < 3; i++) {
        (void)rig_frame(line + size, N6_MESSAGE_TYPE_LIST, 0, i + 5, zeros, 40);
        size += 12;
    }
    rig_feed(rig, line, size);
    rig->now += 250000;
    rig_run(rig);
    EQUAL(rig->server.channel.link.counts.skipped, 36);
    EQUAL(n6_server_due(&rig->server), UINT64_MAX);
}

/* A host that does not read stops the device from reading, and nothing is lost. */
static void a_deaf_host_loses_nothing(void)
{
    rig_t *rig = rig_session();
    static uint8_t line[200 * 32];
    size_t size = 0;
    size_t fed = 0;
    uint8_t *at = NULL;

    for (uint32_t i = 0; i < 200; i++) {
        const n6_ping_t ping = {.host_time = i};
        size += rig_frame(line + size, N6_MESSAGE_TYPE_PING, 0, 100 + i, &ping, sizeof ping);
    }
    rig->deaf = true;
    for (size_t room = 0; (room = n6_server_rx_space(&rig->server, &at)) > 0 && fed < size;) {
        memcpy(at, line + fed, room < size - fed ? room : size - fed);
        n6_server_rx_done(&rig->server, room < size - fed ? room : size - fed);
        fed += room < size - fed ? room : size - fed;
        EQUAL(n6_server_poll(&rig->server), N6_SERVER_IDLE);
    }
    CHECK(fed < size);
    EQUAL(n6_server_due(&rig->server), UINT64_MAX);
    rig->now += 10000000; /* it was not the host that was silent */
    EQUAL(n6_server_poll(&rig->server), N6_SERVER_IDLE);
    rig->deaf = false;
    rig_run(rig);
    rig_feed(rig, line + fed, size - fed);
    for (uint32_t i = 0; i < 200; i++) {
        (void)rig_take(rig, N6_MESSAGE_TYPE_PING, 100 + i);
    }
    rig_nothing(rig);
    EQUAL(rig->server.channel.link.counts.skipped, 0);
}

static void another_client(void)
{
    rig_t *rig = rig_session();
    uint8_t line[300];
    uint8_t bytes[RIG_CHUNK] = {0};
    const n6_hello_t hello = hello_of(3);

    rig->deaf = true;
    rig_send(rig, N6_MESSAGE_TYPE_INFO, 2, NULL, 0);
    (void)rig_data(line, 3, 0, 0, 0, bytes, RIG_CHUNK);
    rig_feed(rig, line, 100);
    n6_server_relink(&rig->server);
    rig->deaf = false;
    rig_run(rig);
    rig_nothing(rig);
    rig_send(rig, N6_MESSAGE_TYPE_INFO, 3, NULL, 0);
    rig_take_error(rig, 3, N6_STATUS_NO_SESSION);
    rig_send(rig, N6_MESSAGE_TYPE_HELLO, 4, &hello, sizeof hello);
    EQUAL(take_hello(rig, 4).nonce, 3);
}

const n6_test_t n6_session_tests[] = {
    TEST(configurations_that_do_not_hold),
    TEST(networks_that_are_not_described),
    TEST(hello_tells_what_the_device_is),
    TEST(another_version_opens_nothing),
    TEST(requests_that_are_refused),
    TEST(every_request_needs_a_session),
    TEST(ping_tells_the_time),
    TEST(reset_restarts_when_the_answer_has_left),
    TEST(logs_have_levels),
    TEST(logs_never_cost_an_answer),
    TEST(silence_ends_a_frame),
    TEST(silence_ends_all_frames),
    TEST(a_deaf_host_loses_nothing),
    TEST(another_client),
    TESTS_END,
};
