/* The bytes of a connection before its first HELLO was handled. See serve.h. */
#include <string.h>

#include "n6_busy.h"
#include "serve.h"

typedef struct {
    n6_frame_header_t header;
    n6_hello_t hello;
    bool found;
} greeting_t;

static void control(void *context, const n6_frame_header_t *header, const uint8_t *payload)
{
    greeting_t *greeting = context;
    const size_t size = sizeof greeting->hello;

    if (greeting->found || header->type != N6_MESSAGE_TYPE_HELLO || header->id == 0 ||
        (header->flags & N6_FLAG_REPLY)) {
        return;
    }
    greeting->found = true;
    greeting->header = *header;
    memcpy(&greeting->hello, payload, header->length < size ? header->length : size);
}

static greeting_t find(const uint8_t *bytes, uint32_t size)
{
    greeting_t greeting = {0};
    const n6_link_calls_t calls = {&greeting, control, n6_link_place_nowhere, n6_link_forget_chunk,
                                   NULL};
    n6_link_t link;
    n6_window_t window[N6_LINK_WINDOWS];
    uint8_t tx[2 * N6_LINK_FRAME_MAX];

    n6_link_init(&link, &calls, tx, sizeof tx);
    while (size > 0 && !greeting.found && n6_link_rx_windows(&link, window) > 0) {
        const uint32_t count = window[0].size < size ? (uint32_t)window[0].size : size;

        memcpy(window[0].at, bytes, count);
        n6_link_rx_done(&link, count);
        while (n6_link_parse(&link)) {
        }
        bytes += count;
        size -= count;
    }
    return greeting;
}

bool n6_serve_hello(const uint8_t *bytes, uint32_t size, uint64_t *resume)
{
    const greeting_t greeting = find(bytes, size);

    *resume = greeting.hello.flags & N6_HELLO_FLAG_RESUME ? greeting.hello.resume : 0;
    return greeting.found;
}

uint32_t n6_serve_refuse(const uint8_t *bytes, uint32_t size, const char *text, uint8_t *out)
{
    const greeting_t greeting = find(bytes, size);
    const n6_link_calls_t calls = {NULL, control, n6_link_place_nowhere, n6_link_forget_chunk,
                                   NULL};
    n6_link_t link;
    n6_span_t span[N6_LINK_SPANS];
    uint8_t tx[2 * N6_LINK_FRAME_MAX];

    if (!greeting.found) {
        return 0;
    }
    n6_link_init(&link, &calls, tx, sizeof tx);
    n6_busy_answer(&link, greeting.header.id, text, 0);
    (void)n6_link_tx_spans(&link, span);
    memcpy(out, span[0].at, span[0].size);
    return (uint32_t)span[0].size;
}
