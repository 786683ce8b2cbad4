/* A second host, while another one holds the device. */
#include "n6_busy.h"
#include "n6_rig.h"

static n6_busy_t busy;

static bool say(const uint8_t *bytes, size_t size, size_t step)
{
    bool answered = false;

    for (size_t at = 0; at < size;) {
        n6_window_t window[N6_LINK_WINDOWS];
        size_t part = size - at < step ? size - at : step;
        CHECK(n6_link_rx_windows(&busy.link, window) > 0);
        part = part < window[0].size ? part : window[0].size;
        memcpy(window[0].at, bytes + at, part);
        n6_link_rx_done(&busy.link, part);
        answered = n6_busy_poll(&busy);
        at += part;
    }
    return answered;
}

static void hear(uint32_t id, uint32_t value, const char *text)
{
    n6_error_reply_t reply;
    n6_span_t span[N6_LINK_SPANS];
    const size_t length = sizeof reply + strlen(text);

    EQUAL(n6_link_tx_spans(&busy.link, span), 1);
    EQUAL(span[0].size, 12 + length + 4);
    memcpy(&reply, span[0].at + 12, sizeof reply);
    EQUAL(span[0].at[2], N6_MESSAGE_TYPE_ERROR);
    EQUAL(span[0].at[3], N6_FLAG_REPLY);
    EQUAL(span[0].at[4], id);
    EQUAL(reply.status, N6_STATUS_BUSY);
    EQUAL(reply.type, N6_MESSAGE_TYPE_HELLO);
    EQUAL(reply.field, N6_LIMIT_NO_FIELD);
    EQUAL(reply.value, value);
    BYTES(span[0].at + 12 + sizeof reply, text, strlen(text));
    n6_link_tx_done(&busy.link, span[0].size);
    EQUAL(n6_link_tx_spans(&busy.link, span), 0);
}

/* A device that "robot arm" has held since 123456 seconds. */
static rig_t *held(void)
{
    rig_t *rig = rig_start();
    const n6_hello_t hello = rig_hello(1);
    uint8_t payload[sizeof hello + 16];

    memcpy(payload, &hello, sizeof hello);
    memcpy(payload + sizeof hello, "\1\0\x9\0robot arm\0\0\0", 16);
    rig_send(rig, N6_MESSAGE_TYPE_HELLO, 2, payload, sizeof payload);
    (void)rig_take(rig, N6_MESSAGE_TYPE_HELLO, 2);
    rig->now += 123456 * 1000000ull + 999999;
    n6_busy_init(&busy, &rig->server);
    return rig;
}

/* After the zeros with which a host begins, DATA of an older session, and in pieces of any size. */
static void the_holder_is_named(void)
{
    static const size_t steps[] = {1, 100, 5000};
    static uint8_t line[2048];
    static const uint8_t chunk[512];
    const n6_hello_t hello = rig_hello(5);

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        (void)held();
        size_t size = N6_LIMIT_MAX_CONTROL + 16;
        memset(line, 0, sizeof line);
        size += rig_data(line + size, 3, 0, 0, 0, chunk, sizeof chunk);
        size += rig_frame(line + size, N6_MESSAGE_TYPE_INFO, 0, 4, NULL, 0);
        CHECK(!say(line, size, steps[i]));
        size = rig_frame(line, N6_MESSAGE_TYPE_HELLO, 0, 9, &hello, sizeof hello);
        CHECK(say(line, size, steps[i]));
        CHECK(say(line, size, steps[i])); /* said once */
        hear(9, 123456, "in use by robot arm for 123456 s");
    }
}

/* The holder has not said HELLO yet, or has no name. */
static void a_holder_without_a_name(void)
{
    uint8_t line[64];
    const n6_hello_t hello = rig_hello(5);
    const size_t size = rig_frame(line, N6_MESSAGE_TYPE_HELLO, 0, 9, &hello, sizeof hello);
    rig_t *rig = rig_start();

    n6_busy_init(&busy, &rig->server);
    CHECK(say(line, size, size));
    hear(9, 0, "in use by another host");
    rig = rig_session();
    rig->now += 59999999;
    n6_busy_init(&busy, &rig->server);
    CHECK(say(line, size, size));
    hear(9, 59, "in use by another host for 59 s");
}

/* Nothing that the second host sends reaches the device. */
static void the_holder_is_left_alone(void)
{
    rig_t *rig = held();
    uint8_t line[64];
    const n6_hello_t hello = rig_hello(5);

    (void)say(line, rig_frame(line, N6_MESSAGE_TYPE_HELLO, 0, 9, &hello, sizeof hello), 64);
    EQUAL(rig->server.channel.session.nonce, 1);
    rig_send(rig, N6_MESSAGE_TYPE_INFO, 10, NULL, 0);
    (void)rig_take(rig, N6_MESSAGE_TYPE_INFO, 10);
    rig_nothing(rig);
}

const n6_test_t n6_busy_tests[] = {
    TEST(the_holder_is_named),
    TEST(a_holder_without_a_name),
    TEST(the_holder_is_left_alone),
    TESTS_END,
};
