/* See n6_busy.h. */
#include "n6_busy.h"

#include <string.h>

enum {
    DIGITS = 20, /* of a number of 64 bits */
};

static size_t put_text(char *to, size_t at, const char *text)
{
    const size_t size = strlen(text);

    memcpy(to + at, text, size);
    return at + size;
}

static size_t put_number(char *to, size_t at, uint64_t number)
{
    char digits[DIGITS + 1] = {0};
    size_t first = DIGITS;

    do {
        digits[--first] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return put_text(to, at, digits + first);
}

void n6_busy_answer(n6_link_t *link, uint32_t id, const char *text, uint32_t value)
{
    const n6_error_reply_t reply = {
        .status = N6_STATUS_BUSY,
        .type = N6_MESSAGE_TYPE_HELLO,
        .field = N6_LIMIT_NO_FIELD,
        .value = value,
    };
    const size_t most = N6_LIMIT_MAX_CONTROL - sizeof reply;
    const size_t length = strlen(text) < most ? strlen(text) : most;
    uint8_t *at = n6_link_begin(link, sizeof reply + length);

    memcpy(at, &reply, sizeof reply);
    memcpy(at + sizeof reply, text, length);
    n6_link_end(link, N6_MESSAGE_TYPE_ERROR, N6_FLAG_REPLY, id, sizeof reply + length);
}

/* The value is the time in seconds. */
static void answer(n6_busy_t *busy, uint32_t id)
{
    const n6_session_t *session = &busy->holder->session;
    uint64_t seconds = 0;
    char text[sizeof session->host + 2 * DIGITS + 48];
    size_t size = put_text(text, 0, "in use by ");

    size = put_text(text, size, session->open && session->host[0] ? session->host : "another host");
    if (session->open) {
        seconds = (n6_now(busy->holder) - session->opened_at) / busy->holder->config.port->tick_hz;
        size = put_text(text, size, " for ");
        size = put_number(text, size, seconds);
        size = put_text(text, size, " s");
    }
    text[size] = 0;
    n6_busy_answer(&busy->link, id, text, (uint32_t)seconds);
    busy->answered = true;
}

/* ---- what the link calls ---- */

static void control(void *context, const n6_frame_header_t *header, const uint8_t *payload)
{
    n6_busy_t *busy = context;

    (void)payload;
    if (header->type == N6_MESSAGE_TYPE_HELLO && header->id != 0 && !busy->answered) {
        answer(busy, header->id);
    }
}

/* ---- the connection ---- */

void n6_busy_init(n6_busy_t *busy, const n6_server_t *server)
{
    const n6_link_calls_t calls = {busy, control, n6_link_place_nowhere, n6_link_forget_chunk,
                                   server->channel.config.port->crc32};

    busy->holder = &server->channel;
    busy->answered = false;
    n6_link_init(&busy->link, &calls, busy->tx, sizeof busy->tx);
}

bool n6_busy_poll(n6_busy_t *busy)
{
    while (!busy->answered && n6_link_parse(&busy->link)) {
    }
    return busy->answered;
}
