/* RATE: the line gets another bit rate, and its first one again. The port of the rig has a clock of 200 MHz. */
#include "n6_rig.h"

enum {
    FIRST = RIG_BAUD,
    FAST = 2764800,
    SECOND = 1000000, /* ticks of the rig */
};

static void send_rate(rig_t *rig, uint32_t id, uint32_t baud)
{
    const n6_rate_t body = {.baud = baud};
    rig_send(rig, N6_MESSAGE_TYPE_RATE, id, &body, sizeof body);
}

static void take_rate(rig_t *rig, uint32_t id, uint32_t baud)
{
    n6_rate_reply_t reply;

    memcpy(&reply, rig_take(rig, N6_MESSAGE_TYPE_RATE, id)->payload, sizeof reply);
    EQUAL(reply.baud, baud);
    EQUAL(reply.switch_ms, N6_RATE_SWITCH_MS);
}

static void send_ping(rig_t *rig, uint32_t id)
{
    const n6_ping_t body = {.head = sizeof body, .position = rig->position};
    rig_send(rig, N6_MESSAGE_TYPE_PING, id, &body, sizeof body);
}

/* A session at the fast rate, which a ping has proved. */
static rig_t *begin_fast(void)
{
    rig_t *rig = rig_rate_session();

    send_rate(rig, 5, FAST);
    take_rate(rig, 5, FAST);
    send_ping(rig, 6);
    (void)rig_take(rig, N6_MESSAGE_TYPE_PING, 6);
    EQUAL(rig->baud, FAST);
    return rig;
}

static void wait(rig_t *rig, uint64_t ticks)
{
    rig->now += ticks;
    rig_run(rig);
}

static void rates_that_the_clock_can_be_divided_to(void)
{
    static const struct {
        uint32_t baud;
        uint32_t offer; /* 0 = it is set */
    } cases[] = {
        {FIRST, 0},
        {1000000, 0},
        {2000000, 0},
        {FAST, 0},
        {3000000, 0},
        {12500000, 0},
        {0, 921659},
        {921599, 0},
        {900000, 921659},
        {5300000, 5263158},
        {11500000, 11764706},
        {12800000, 12500000},
        {UINT32_MAX, 12500000},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rig_t *rig = rig_rate_session();

        send_rate(rig, 5, cases[i].baud);
        if (cases[i].offer) {
            rig_take_refusal(rig, 5, N6_STATUS_UNSUPPORTED, offsetof(n6_rate_t, baud),
                             cases[i].offer);
        } else {
            take_rate(rig, 5, cases[i].baud);
        }
        EQUAL(rig->rate_changes, cases[i].offer == 0 && cases[i].baud != FIRST);
        rig_nothing(rig);
    }
}

static void a_port_without_rates_is_refused(void)
{
    rig_t *rig = rig_rate_session();

    rig->port.uart_hz = 0;
    EQUAL(n6_server_init(&rig->server, &rig->config), N6_SERVER_BAD_PORT);
    rig->port.uart_hz = 1;
    rig->port.fastest_baud = FIRST - 1;
    EQUAL(n6_server_init(&rig->server, &rig->config), N6_SERVER_BAD_PORT);
    rig->port.fastest_baud = FIRST; /* the clock is slower than the rates */
    EQUAL(n6_server_init(&rig->server, &rig->config), 0);
    const n6_hello_t hello = rig_hello(8);
    (void)rig_open(rig, &hello);
    send_rate(rig, 5, FAST);
    rig_take_refusal(rig, 5, N6_STATUS_UNSUPPORTED, offsetof(n6_rate_t, baud), FIRST);
}

/* The rate changes when the whole answer has left the line; nothing is handled or sent before. */
static void the_answer_leaves_at_the_old_rate(void)
{
    rig_t *rig = rig_rate_session();

    rig->send_size = 7;
    rig->deaf = true;
    rig->rate_busy = 3;
    send_rate(rig, 5, FAST);
    send_ping(rig, 6);
    n6_server_log(&rig->server, N6_LOG_LEVEL_ERROR, "dropped");
    EQUAL(n6_server_poll(&rig->server), N6_SERVER_IDLE);
    EQUAL(n6_server_due(&rig->server), UINT64_MAX);
    EQUAL(rig->rate_changes, 0);
    rig->deaf = false;
    rig_run(rig);
    take_rate(rig, 5, FAST);
    EQUAL(rig->rate_busy, 0);
    EQUAL(rig->baud, FAST);
    (void)rig_take(rig, N6_MESSAGE_TYPE_PING, 6); /* a frame after the change ends the wait */
    n6_server_log(&rig->server, N6_LOG_LEVEL_ERROR, "sent");
    rig_run(rig);
    const rig_frame_t *log = rig_take(rig, N6_MESSAGE_TYPE_LOG, 0);
    EQUAL(rig_get32(log->payload + offsetof(n6_log_t, dropped)), 1);
    rig_nothing(rig);
}

/* Results wait until the host has shown that it hears the new rate. */
static void nothing_is_sent_before_a_good_frame(void)
{
    static const uint8_t input[4] = {1, 2, 3, 4};
    const n6_infer_t infer = {.key = 9, .upload = 2, .digest = rig_crc32(input, sizeof input)};
    rig_t *rig = rig_rate_session();

    rig_upload(rig, 2, 0, RIG_TINY, input, sizeof input);
    (void)rig_take(rig, N6_MESSAGE_TYPE_COMMIT, 2);
    rig_hold_npu(rig);
    rig_infer(rig, 3, &infer, NULL);
    (void)rig_take(rig, N6_MESSAGE_TYPE_INFER, 3);
    send_rate(rig, 5, FAST);
    take_rate(rig, 5, FAST);
    rig_free_npu(rig);
    rig_nothing(rig);
    wait(rig, SECOND - 1);
    EQUAL(rig->baud, FAST);
    rig_feed(rig, "noise", 5);
    rig_nothing(rig);
    send_ping(rig, 6);
    (void)rig_take(rig, N6_MESSAGE_TYPE_RESULT, 3);
    (void)rig_take(rig, N6_MESSAGE_TYPE_PING, 6);
    (void)rig_take(rig, N6_MESSAGE_TYPE_DATA, 3);
    wait(rig, 100 * SECOND); /* a host may be silent at a rate that works */
    EQUAL(rig->baud, FAST);
    rig_nothing(rig);
}

static void a_rate_without_a_good_frame_ends_after_a_second(void)
{
    rig_t *rig = rig_rate_session();

    send_rate(rig, 5, FAST);
    take_rate(rig, 5, FAST);
    EQUAL(n6_server_due(&rig->server), SECOND);
    rig_feed(rig, "noise", 5);
    wait(rig, SECOND - 1);
    EQUAL(rig->baud, FAST);
    rig->rate_busy = 2; /* bytes of the driver */
    wait(rig, 1);
    EQUAL(rig->baud, FIRST);
    EQUAL(rig->rate_changes, 2);
    (void)rig_take(rig, N6_MESSAGE_TYPE_LOG, 0);
    send_ping(rig, 6);
    (void)rig_take(rig, N6_MESSAGE_TYPE_PING, 6);
    EQUAL(n6_server_due(&rig->server), UINT64_MAX);
}

static void a_rate_that_became_bad_ends_a_second_after_the_first_damage(void)
{
    rig_t *rig = begin_fast();

    wait(rig, 5 * SECOND);
    rig_feed(rig, "noise", 5);
    wait(rig, SECOND - 1);
    EQUAL(rig->baud, FAST);
    send_ping(rig, 7); /* damage with good frames around it is repaired as ever */
    (void)rig_take(rig, N6_MESSAGE_TYPE_PING, 7);
    wait(rig, 5 * SECOND);
    EQUAL(rig->baud, FAST);
    rig_feed(rig, "noise", 5);
    wait(rig, SECOND);
    EQUAL(rig->baud, FIRST);
    (void)rig_take(rig, N6_MESSAGE_TYPE_LOG, 0);
    rig_feed(rig, "noise", 5);
    wait(rig, 5 * SECOND);
    EQUAL(rig->rate_changes, 2);
}

/* Otherwise a result without end, at a rate that the host does not hear, would prevent the change. */
static void nothing_is_sent_before_the_first_rate_is_set(void)
{
    rig_t *rig = begin_fast();
    const uint8_t *from = NULL;

    rig_feed(rig, "noise", 5);
    rig->now += SECOND;
    rig->rate_busy = 2;
    (void)n6_server_poll(&rig->server);
    n6_server_log(&rig->server, N6_LOG_LEVEL_ERROR, "waits");
    EQUAL(n6_server_tx_peek(&rig->server, &from), 0);
    EQUAL(n6_server_due(&rig->server), 0);
    rig_nothing(rig);
    rig_run(rig);
    EQUAL(rig->baud, FIRST);
    (void)rig_take(rig, N6_MESSAGE_TYPE_LOG, 0);
    (void)rig_take(rig, N6_MESSAGE_TYPE_LOG, 0);
    rig_nothing(rig);
}

static void a_new_session_has_the_first_rate(void)
{
    rig_t *rig = begin_fast();
    n6_hello_t hello = rig_hello(8);

    hello.flags = N6_HELLO_FLAG_RESUME;
    hello.resume = 7;
    CHECK(rig_open(rig, &hello).flags & N6_HELLO_REPLY_FLAG_RESUMED);
    EQUAL(rig->baud, FAST);
    (void)rig_open(rig, &hello); /* repeated: its answer was lost */
    EQUAL(rig->baud, FAST);
    hello = rig_hello(9);
    (void)rig_open(rig, &hello);
    EQUAL(rig->baud, FIRST);
    send_ping(rig, 6); /* it does not wait for a proof there */
    (void)rig_take(rig, N6_MESSAGE_TYPE_PING, 6);
    (void)rig_open(rig, &hello);
    EQUAL(rig->rate_changes, 2);
}

static void another_client_has_the_first_rate(void)
{
    rig_t *rig = begin_fast();
    const n6_hello_t hello = rig_hello(8);

    n6_server_relink(&rig->server);
    EQUAL(rig->baud, FIRST);
    (void)rig_open(rig, &hello);
    rig->deaf = true;
    send_rate(rig, 5, FAST);
    n6_server_relink(&rig->server);
    rig->deaf = false;
    rig_run(rig);
    (void)rig_open(rig, &hello);
    EQUAL(rig->rate_changes, 2);
}

/* The answer to the first one was late: the rate has already changed. */
static void a_repeated_request_changes_nothing(void)
{
    rig_t *rig = begin_fast();

    send_rate(rig, 7, FAST);
    take_rate(rig, 7, FAST);
    EQUAL(rig->rate_changes, 1);
    send_rate(rig, 8, FIRST);
    take_rate(rig, 8, FIRST);
    EQUAL(rig->baud, FIRST);
    send_rate(rig, 9, 12000000);
    rig_take_refusal(rig, 9, N6_STATUS_UNSUPPORTED, offsetof(n6_rate_t, baud), 11764706);
}

const n6_test_t n6_rate_tests[] = {
    TEST(rates_that_the_clock_can_be_divided_to),
    TEST(a_port_without_rates_is_refused),
    TEST(the_answer_leaves_at_the_old_rate),
    TEST(nothing_is_sent_before_a_good_frame),
    TEST(a_rate_without_a_good_frame_ends_after_a_second),
    TEST(a_rate_that_became_bad_ends_a_second_after_the_first_damage),
    TEST(nothing_is_sent_before_the_first_rate_is_set),
    TEST(a_new_session_has_the_first_rate),
    TEST(another_client_has_the_first_rate),
    TEST(a_repeated_request_changes_nothing),
    TESTS_END,
};
