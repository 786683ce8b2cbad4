/* Configuration, HELLO, what is refused without a session, PING, RESET, the log, silence, and
 * another client. */
#include "n6_rig.h"

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
    REFUSES(rig->config.window = N6_LIMIT_MAX_WINDOW + 1u, N6_SERVER_BAD_CHUNK);
    REFUSES(rig->config.slots = 1, N6_SERVER_BAD_SLOTS);
    REFUSES(rig->config.slots = N6_SERVER_MAX_SLOTS + 1, N6_SERVER_BAD_SLOTS);
    REFUSES(rig->config.slot_size = RIG_IMAGE_BYTES - 1, N6_SERVER_BAD_SLOTS);
    REFUSES(rig->config.chunks = NULL, N6_SERVER_BAD_SLOTS);
    REFUSES(rig->config.parts_size = RIG_SLOT_SIZE + 1, N6_SERVER_BAD_PARTS);
    REFUSES(rig->config.slot_size = rig->config.parts_size = 65536u << 10, N6_SERVER_BAD_PARTS);
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
    REFUSES(network.state = N6_NETWORK_STATE_FAILED); /* without a reason */
#undef REFUSES
}

/* ---- HELLO ---- */

static void hello_tells_what_the_device_is(void)
{
    rig_t *rig = rig_new();
    const n6_hello_t hello = rig_hello(0x1122334455667788);

    rig->port.fault_record = "pc 0x8000 lr 0x9000";
    rig->port.runtime = "rig 1";
    memcpy(rig->port.unique_id, "0123456789abcdef", 16);
    rig->npu.features = N6_FEATURE_SIMULATED;
    EQUAL(init(rig), 0);
    rig_send(rig, N6_MESSAGE_TYPE_HELLO, 77, &hello, sizeof hello);
    const rig_frame_t *frame = rig_take(rig, N6_MESSAGE_TYPE_HELLO, 77);
    n6_hello_reply_t reply;
    memcpy(&reply, frame->payload, sizeof reply);
    EQUAL(reply.major, 2);
    EQUAL(reply.minor, N6_VERSION_MINOR);
    EQUAL(reply.schema, N6_SCHEMA_ID);
    EQUAL(reply.nonce, hello.nonce);
    EQUAL(reply.head, sizeof reply);
    EQUAL(reply.flags, N6_HELLO_REPLY_FLAG_OPENED);
    EQUAL(reply.boot_nonce, 0xdeadbeef);
    EQUAL(reply.tick_hz, 1000000);
    EQUAL(reply.features, 15 | N6_FEATURE_CLASS_MAP | N6_FEATURE_DETECTIONS | N6_FEATURE_SIMULATED |
                              N6_FEATURE_ENCODINGS);
    EQUAL(reply.parts_kb, RIG_PARTS_SIZE / 1024);
    EQUAL(reply.window, RIG_WINDOW);
    EQUAL(reply.chunk, RIG_CHUNK);
    EQUAL(reply.slots, RIG_SLOTS);
    EQUAL(reply.results, RIG_RESULTS);
    EQUAL(reply.queue, N6_SERVER_MAX_QUEUE);
    EQUAL(reply.networks, RIG_NETWORKS);
    EQUAL(reply.slot_size, RIG_SLOT_SIZE);
    EQUAL(reply.result_size, RIG_RESULT_SIZE);
    EQUAL(reply.quiet_ms, 250);
    BYTES(reply.unique_id, "0123456789abcdef", 16);
    EQUAL(strcmp(reply.build, "golden"), 0);
    /* Two fields, each padded to a multiple of four. */
    EQUAL(frame->length, sizeof reply + 4 + 8 + 4 + 20);
    BYTES(frame->payload + sizeof reply, "\3\0\5\0rig 1\0\0\0\2\0\23\0pc 0x8000 lr 0x9000\0", 36);
}

static n6_hello_reply_t take_foreign(rig_t *rig, uint32_t id)
{
    n6_hello_reply_t reply;

    memcpy(&reply, rig_take(rig, N6_MESSAGE_TYPE_HELLO, id)->payload, sizeof reply);
    EQUAL(reply.major, N6_VERSION_MAJOR);
    EQUAL(reply.schema, N6_SCHEMA_ID);
    EQUAL(reply.flags, 0);
    return reply;
}

/* Of other versions 16 bytes are known, and the answer is as long as it likes. */
static void another_version_opens_nothing(void)
{
    rig_t *rig = rig_start();
    n6_hello_t hello = rig_hello(5);

    hello.schema ^= 1;
    hello.max_chunk = 0; /* means something else there */
    hello.head = 0;
    rig_send(rig, N6_MESSAGE_TYPE_HELLO, 1, &hello, sizeof hello);
    EQUAL(take_foreign(rig, 1).nonce, 5);
    rig_send(rig, N6_MESSAGE_TYPE_INFO, 2, NULL, 0);
    rig_take_error(rig, 2, N6_STATUS_NO_SESSION);
    hello.schema ^= 1;
    hello.major = 9;
    rig_send(rig, N6_MESSAGE_TYPE_HELLO, 3, &hello, 16);
    EQUAL(take_foreign(rig, 3).nonce, 5);
    rig_send(rig, N6_MESSAGE_TYPE_HELLO, 4, &hello, 15); /* no HELLO of any version */
    rig_send(rig, N6_MESSAGE_TYPE_HELLO, 4, NULL, 0);
    rig_nothing(rig);
    hello.major = N6_VERSION_MAJOR;
    rig_send(rig, N6_MESSAGE_TYPE_HELLO, 5, &hello, 39);
    EQUAL(rig_take_error(rig, 5, N6_STATUS_BAD_REQUEST).value, 39);
    rig_send(rig, N6_MESSAGE_TYPE_INFO, 6, NULL, 0);
    rig_take_error(rig, 6, N6_STATUS_NO_SESSION);
}

/* A session that is open goes on when a HELLO cannot be understood. */
static void a_bad_hello_leaves_the_session(void)
{
    rig_t *rig = rig_session();
    n6_hello_t hello = rig_hello(8);

#define REFUSES(member, bad, status)                                                               \
    do {                                                                                           \
        const n6_hello_t good = hello;                                                             \
        hello.member = bad;                                                                        \
        rig_send(rig, N6_MESSAGE_TYPE_HELLO, 9, &hello, sizeof hello);                             \
        rig_take_refusal(rig, 9, status, offsetof(n6_hello_t, member), hello.member);              \
        hello = good;                                                                              \
    } while (0)
    REFUSES(window, 0, N6_STATUS_BAD_REQUEST);
    REFUSES(window, 255, N6_STATUS_BAD_REQUEST);
    REFUSES(window, N6_LIMIT_MAX_WINDOW + 1, N6_STATUS_BAD_REQUEST);
    REFUSES(window, 0xffffffff, N6_STATUS_BAD_REQUEST);
    REFUSES(max_chunk, 0, N6_STATUS_BAD_REQUEST);
    REFUSES(max_chunk, 255, N6_STATUS_BAD_REQUEST);
    REFUSES(role, 2, N6_STATUS_UNSUPPORTED);
    REFUSES(head, 39, N6_STATUS_BAD_REQUEST);
    REFUSES(head, 41, N6_STATUS_BAD_REQUEST);
#undef REFUSES
    rig_send(rig, N6_MESSAGE_TYPE_INFO, 10, NULL, 0);
    (void)rig_take(rig, N6_MESSAGE_TYPE_INFO, 10);
    rig_nothing(rig);
}

static void the_chunk_fits_both_sides(void)
{
    static const struct {
        uint16_t device;
        uint16_t host;
        uint32_t window;
        uint16_t chunk;
    } cases[] = {
        {1024, 8192, 1 << 20, 1024}, {1024, 1023, 1 << 20, 512}, {1024, 256, 1 << 20, 256},
        {1024, 65535, 300, 256},     {256, 300, 256, 256},       {2048, 2048, 2048, 2048},
        {2048, 4096, 1500, 1024},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rig_t *rig = rig_new();
        n6_hello_t hello = rig_hello(1);
        hello.max_chunk = cases[i].host;
        hello.window = cases[i].window;
        rig->config.chunk = cases[i].device;
        EQUAL(init(rig), 0);
        EQUAL(rig_open(rig, &hello).chunk, cases[i].chunk);
    }
}

/* Fields follow the struct, wherever it ends; the device keeps who holds it. */
static void the_host_has_a_name(void)
{
    rig_t *rig = rig_start();
    const n6_hello_t hello = rig_hello(1);
    uint8_t payload[sizeof hello + 80];

    memcpy(payload, &hello, sizeof hello);
    memcpy(payload + sizeof hello, "\x63\0\3\0abc\0\1\0\5\0hello\0\0\0", 20);
    rig_send(rig, N6_MESSAGE_TYPE_HELLO, 2, payload, sizeof hello + 20);
    (void)rig_take(rig, N6_MESSAGE_TYPE_HELLO, 2);
    EQUAL(strcmp(rig->server.channel.session.host, "hello"), 0);
    memcpy(payload + sizeof hello, "\1\0\x48\0", 4);
    memset(payload + sizeof hello + 4, 'x', 72);
    rig_send(rig, N6_MESSAGE_TYPE_HELLO, 3, payload, sizeof hello + 76);
    (void)rig_take(rig, N6_MESSAGE_TYPE_HELLO, 3);
    EQUAL(strlen(rig->server.channel.session.host), sizeof rig->server.channel.session.host - 1);
    rig_send(rig, N6_MESSAGE_TYPE_HELLO, 4, payload, sizeof hello + 75); /* it is cut short */
    (void)rig_take(rig, N6_MESSAGE_TYPE_HELLO, 4);
    EQUAL(rig->server.channel.session.host[0], 0);
}

/* ---- requests ---- */

static void requests_that_are_refused(void)
{
    rig_t *rig = rig_session();
    const uint8_t zeros[64] = {0};
    n6_ping_t ping = {.head = sizeof ping};
    uint8_t line[64];

    rig_send(rig, 0x3e, 2, NULL, 0);
    rig_take_refusal(rig, 2, N6_STATUS_UNKNOWN_TYPE, N6_LIMIT_NO_FIELD, 0);
    rig_send(rig, N6_MESSAGE_TYPE_RESULT, 3, zeros, 56);
    rig_take_error(rig, 3, N6_STATUS_UNKNOWN_TYPE);
    rig_send(rig, 0x14, 3, zeros, 12); /* was READ in major 1 */
    rig_take_error(rig, 3, N6_STATUS_UNKNOWN_TYPE);
    rig_send(rig, N6_MESSAGE_TYPE_PING, 4, &ping, 15);
    rig_take_refusal(rig, 4, N6_STATUS_BAD_REQUEST, N6_LIMIT_NO_FIELD, 15);
    ping.head = 15;
    rig_send(rig, N6_MESSAGE_TYPE_PING, 5, &ping, sizeof ping);
    rig_take_refusal(rig, 5, N6_STATUS_BAD_REQUEST, offsetof(n6_ping_t, head), 15);
    ping.head = 17;
    rig_send(rig, N6_MESSAGE_TYPE_PING, 5, &ping, sizeof ping);
    rig_take_refusal(rig, 5, N6_STATUS_BAD_REQUEST, offsetof(n6_ping_t, head), 17);
    rig_send(rig, N6_MESSAGE_TYPE_LIST, 6, zeros, 40); /* a struct of a later minor */
    (void)rig_take(rig, N6_MESSAGE_TYPE_LIST, 6);
    rig_send(rig, N6_MESSAGE_TYPE_PING, 0, zeros, 16); /* id 0 cannot be answered */
    rig_feed(rig, line, rig_frame(line, N6_MESSAGE_TYPE_ERROR, N6_FLAG_REPLY, 9, zeros, 8));
    rig_send(rig, N6_MESSAGE_TYPE_NAK, 6, zeros, 4);
    rig_send(rig, N6_MESSAGE_TYPE_CREDIT, 0, NULL, 0);
    rig_nothing(rig);
}

static void requests_that_are_not_built(void)
{
    static const uint8_t types[] = {N6_MESSAGE_TYPE_RATE, N6_MESSAGE_TYPE_CHECK,
                                    N6_MESSAGE_TYPE_LEASE, N6_MESSAGE_TYPE_CLIENTS};
    rig_t *rig = rig_session();
    const uint8_t zeros[16] = {0};

    for (uint32_t i = 0; i < sizeof types; i++) {
        rig_send(rig, types[i], 2, zeros, sizeof zeros);
        rig_take_refusal(rig, 2, N6_STATUS_UNSUPPORTED, N6_LIMIT_NO_FIELD, sizeof zeros);
    }
}

static void every_request_needs_a_session(void)
{
    rig_t *rig = rig_start();
    const uint8_t zeros[64] = {0};
    uint8_t line[64];

    for (uint8_t type = 0x02; type <= 0x15; type++) { /* PING to RELEASE */
        rig_send(rig, type, type, zeros, sizeof zeros);
        rig_take_error(rig, type,
                       type == N6_MESSAGE_TYPE_RESULT || type == 0x14 ? N6_STATUS_UNKNOWN_TYPE
                                                                      : N6_STATUS_NO_SESSION);
    }
    rig_feed(rig, line, rig_data(line, 3, 0, 0, 0, zeros, 4));
    rig_send(rig, N6_MESSAGE_TYPE_NAK, 3, zeros, 8);
    rig_send(rig, N6_MESSAGE_TYPE_CREDIT, 0, zeros, 4);
    rig_nothing(rig);
}

static void set_level(rig_t *rig, uint32_t id, uint8_t level)
{
    const n6_log_level_request_t request = {.level = level};
    rig_send(rig, N6_MESSAGE_TYPE_LOG_LEVEL, id, &request, sizeof request);
}

/* A host that may only read gets everything that changes nothing for others. */
static void a_host_may_only_read(void)
{
    static const uint8_t refused[] = {
        N6_MESSAGE_TYPE_RESET,   N6_MESSAGE_TYPE_RESET_STATS, N6_MESSAGE_TYPE_RATE,
        N6_MESSAGE_TYPE_COMMIT,  N6_MESSAGE_TYPE_INFER,       N6_MESSAGE_TYPE_CANCEL,
        N6_MESSAGE_TYPE_RELEASE,
    };
    static const uint8_t served[] = {
        N6_MESSAGE_TYPE_INFO,        N6_MESSAGE_TYPE_LIST,      N6_MESSAGE_TYPE_DESCRIBE,
        N6_MESSAGE_TYPE_STATS,       N6_MESSAGE_TYPE_SUBSCRIBE, N6_MESSAGE_TYPE_PING,
        N6_MESSAGE_TYPE_EPOCH_STATS,
    };
    rig_t *rig = rig_start();
    n6_hello_t hello = rig_hello(1);
    uint8_t zeros[64] = {0};
    uint8_t line[64];

    hello.role = N6_ROLE_READ_ONLY;
    (void)rig_open(rig, &hello);
    for (uint32_t i = 0; i < sizeof refused; i++) {
        rig_send(rig, refused[i], 2, zeros, sizeof zeros);
        rig_take_error(rig, 2, N6_STATUS_READ_ONLY);
    }
    rig_feed(rig, line, rig_data(line, 3, 0, 0, 0, "abcd", 4));
    rig_nothing(rig);
    EQUAL(rig->server.channel.counts.refused, 1);
    EQUAL(rig->server.slots.slot[0].upload, 0);
    zeros[offsetof(n6_ping_t, head)] = sizeof(n6_ping_t); /* reserved in the others */
    for (uint32_t i = 0; i < sizeof served; i++) {
        rig_send(rig, served[i], 4, zeros, sizeof zeros);
        (void)rig_take(rig, served[i], 4);
    }
    set_level(rig, 5, N6_LOG_LEVEL_ERROR);
    (void)rig_take(rig, N6_MESSAGE_TYPE_LOG_LEVEL, 5);
    hello = rig_hello(2); /* the next one may do everything */
    (void)rig_open(rig, &hello);
    rig_send(rig, N6_MESSAGE_TYPE_RESET_STATS, 6, NULL, 0);
    (void)rig_take(rig, N6_MESSAGE_TYPE_RESET_STATS, 6);
}

static void ping_tells_the_time(void)
{
    rig_t *rig = rig_session();
    n6_ping_t ping = {.host_time = 0x123456789abcdef0, .position = 512, .head = sizeof ping};
    n6_ping_reply_t pong;
    uint8_t payload[N6_LIMIT_MAX_CONTROL];

    rig->now = 5000000000;
    rig_send(rig, N6_MESSAGE_TYPE_PING, 2, &ping, sizeof ping);
    const rig_frame_t *frame = rig_take(rig, N6_MESSAGE_TYPE_PING, 2);
    EQUAL(frame->length, sizeof pong);
    memcpy(&pong, frame->payload, sizeof pong);
    EQUAL(pong.host_time, ping.host_time);
    EQUAL(pong.device_time, 5000000000);
    EQUAL(pong.limit, 512 + RIG_WINDOW);
    EQUAL(pong.position, 0);
    EQUAL(pong.head, sizeof pong);

    /* What follows comes back; a host of a later minor says where its struct ends. */
    ping.head = 24;
    memcpy(payload, &ping, sizeof ping);
    for (size_t i = sizeof ping; i < sizeof payload; i++) {
        payload[i] = (uint8_t)(i * 5);
    }
    const size_t most = N6_LIMIT_MAX_CONTROL - sizeof pong;
    rig_send(rig, N6_MESSAGE_TYPE_PING, 3, payload, 24 + most);
    frame = rig_take(rig, N6_MESSAGE_TYPE_PING, 3);
    EQUAL(frame->length, N6_LIMIT_MAX_CONTROL);
    BYTES(frame->payload + sizeof pong, payload + 24, most);
    rig_send(rig, N6_MESSAGE_TYPE_PING, 4, payload, 24 + most + 1);
    rig_take_error(rig, 4, N6_STATUS_BAD_REQUEST);
    rig_nothing(rig);
}

/* ---- RESET ---- */

static void reset_restarts_when_the_answer_has_left(void)
{
    rig_t *rig = rig_session();
    n6_reset_t reset = {.kind = N6_RESET_KIND_DEVICE, .boot_nonce = 0xdeadbeef};

    rig->deaf = true;
    rig_send(rig, N6_MESSAGE_TYPE_RESET, 2, &reset, sizeof reset);
    EQUAL(rig->restarts, 0);
    rig->deaf = false;
    rig_run(rig);
    (void)rig_take(rig, N6_MESSAGE_TYPE_RESET, 2);
    EQUAL(rig->restarts, 1);
    rig_run(rig);
    EQUAL(rig->restarts, 1);

    reset.boot_nonce++; /* that device has restarted already: the request was repeated */
    rig_send(rig, N6_MESSAGE_TYPE_RESET, 3, &reset, sizeof reset);
    (void)rig_take(rig, N6_MESSAGE_TYPE_RESET, 3);
    EQUAL(rig->restarts, 1);

    reset.kind = 9;
    rig_send(rig, N6_MESSAGE_TYPE_RESET, 3, &reset, sizeof reset);
    rig_take_refusal(rig, 3, N6_STATUS_BAD_REQUEST, offsetof(n6_reset_t, kind), 9);
    rig->port.restart = NULL;
    reset.kind = N6_RESET_KIND_DEVICE;
    rig_send(rig, N6_MESSAGE_TYPE_RESET, 4, &reset, sizeof reset);
    rig_take_refusal(rig, 4, N6_STATUS_UNSUPPORTED, offsetof(n6_reset_t, kind), 1);
}

/* ---- log ---- */

static void logs_have_levels(void)
{
    rig_t *rig = rig_start();
    const n6_hello_t hello = rig_hello(1);
    n6_log_t log;
    const rig_frame_t *frame = NULL;

    n6_server_log(&rig->server, N6_LOG_LEVEL_ERROR, "nobody listens");
    (void)rig_open(rig, &hello);
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
    EQUAL(log.head, sizeof log);

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
    const n6_ping_t ping = {.head = sizeof ping};
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
    const n6_ping_t ping = {.head = sizeof ping};

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
        const n6_ping_t ping = {.host_time = i, .head = sizeof ping};
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
    const n6_hello_t hello = rig_hello(3);

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
    EQUAL(rig_open(rig, &hello).flags, N6_HELLO_REPLY_FLAG_OPENED);
}

const n6_test_t n6_session_tests[] = {
    TEST(configurations_that_do_not_hold),
    TEST(networks_that_are_not_described),
    TEST(hello_tells_what_the_device_is),
    TEST(another_version_opens_nothing),
    TEST(a_bad_hello_leaves_the_session),
    TEST(the_chunk_fits_both_sides),
    TEST(the_host_has_a_name),
    TEST(requests_that_are_refused),
    TEST(requests_that_are_not_built),
    TEST(every_request_needs_a_session),
    TEST(a_host_may_only_read),
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
