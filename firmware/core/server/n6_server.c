/* See n6_server.h. */
#include "n6_server.h"

#include <string.h>

#include "n6_dispatch.h"
#include "n6_session.h"

/* ---- what the link calls ---- */

static void control(void *context, const n6_frame_header_t *header, const uint8_t *payload)
{
    n6_dispatch(context, header, payload);
}

static void place(void *context, n6_chunk_t *chunk)
{
    n6_server_t *server = context;
    n6_upload_place(&server->uploads, chunk);
}

static void chunk_done(void *context, const n6_chunk_t *chunk, bool good)
{
    n6_server_t *server = context;
    n6_upload_chunk(&server->uploads, chunk, good);
}

/* ---- configuration ---- */

int n6_server_init(n6_server_t *server, const n6_config_t *config)
{
    n6_channel_t *channel = &server->channel;
    const int status = n6_config_check(config);

    if (status < 0) {
        return status;
    }
    const n6_link_calls_t calls = {server, control, place, chunk_done, config->port->crc32};
    memset(server, 0, sizeof *server);
    n6_channel_init(channel, config, &calls);
    n6_rate_init(&server->rate, channel);
    n6_send_init(&server->sends, channel);
    n6_runs_init(&server->runs, channel);
    n6_result_init(&server->results, channel, &server->sends, &server->runs);
    n6_queue_init(&server->queue, channel, &server->slots, &server->results, &server->runs);
    n6_check_init(&server->check, channel);
    n6_upload_init(&server->uploads, channel, &server->slots, &server->queue);
    n6_stats_init(&server->stats, channel, &server->sends, &server->results, &server->queue,
                  &server->runs);
    server->silence.ticks = n6_ticks(channel, N6_SERVER_QUIET_MS, 1000);
    return 0;
}

/* ---- bytes ---- */

size_t n6_server_rx_windows(n6_server_t *server, n6_window_t window[N6_LINK_WINDOWS])
{
    return n6_link_rx_windows(&server->channel.link, window);
}

size_t n6_server_rx_space(n6_server_t *server, uint8_t **at)
{
    n6_window_t window[N6_LINK_WINDOWS];

    if (n6_server_rx_windows(server, window) == 0) {
        return 0;
    }
    *at = window[0].at;
    return window[0].size;
}

static void parse(n6_server_t *server)
{
    while (!n6_rate_is_leaving(&server->rate) && n6_link_parse(&server->channel.link)) {
    }
}

void n6_server_rx_done(n6_server_t *server, size_t size)
{
    n6_link_rx_done(&server->channel.link, size);
    parse(server);
}

size_t n6_server_tx_spans(n6_server_t *server, n6_span_t span[N6_LINK_SPANS])
{
    if (n6_rate_is_proving(&server->rate)) {
        return 0;
    }
    if (!n6_rate_is_leaving(&server->rate) && n6_link_ready_for_data(&server->channel.link)) {
        n6_send_next(&server->sends);
    }
    return n6_link_tx_spans(&server->channel.link, span);
}

size_t n6_server_tx_peek(n6_server_t *server, const uint8_t **from)
{
    n6_span_t span[N6_LINK_SPANS];

    if (n6_server_tx_spans(server, span) == 0) {
        return 0;
    }
    *from = span[0].at;
    return span[0].size;
}

void n6_server_tx_done(n6_server_t *server, size_t size)
{
    n6_link_tx_done(&server->channel.link, size);
}

uint32_t n6_server_feed(n6_server_t *server, const uint8_t *bytes, uint32_t size)
{
    uint32_t done = 0;
    uint8_t *at = NULL;
    size_t room = 0;

    while (done < size && (room = n6_server_rx_space(server, &at)) > 0) {
        const uint32_t count = room < size - done ? (uint32_t)room : size - done;

        memcpy(at, bytes + done, count);
        n6_server_rx_done(server, count);
        done += count;
    }
    return done;
}

uint32_t n6_server_drain(n6_server_t *server, uint8_t *to, uint32_t size)
{
    uint32_t done = 0;
    const uint8_t *from = NULL;
    size_t ready = 0;

    while (done < size && (ready = n6_server_tx_peek(server, &from)) > 0) {
        const uint32_t count = ready < size - done ? (uint32_t)ready : size - done;

        memcpy(to + done, from, count);
        n6_server_tx_done(server, count);
        done += count;
    }
    return done;
}

/* ---- loop ---- */

static bool has_room(const n6_server_t *server)
{
    return n6_link_room(&server->channel.link, N6_LINK_FRAME_MAX);
}

/* The answer to RESET was sent. */
static bool is_drained(const n6_server_t *server)
{
    return server->restarting && n6_link_ready_for_data(&server->channel.link);
}

/*
 * An incomplete frame whose bytes have stopped is aborted, and its bytes are searched for the next
 * frame. This does not apply while frames wait for room for their answers: then the host is not
 * silent.
 */
static void watch_silence(n6_server_t *server, uint64_t now)
{
    n6_silence_t *silence = &server->silence;
    n6_link_t *link = &server->channel.link;
    const uint64_t received = n6_link_counts(link)->rx_bytes;
    const bool heard = received != silence->heard;

    silence->heard = received;
    if (heard || server->stalled || n6_link_blocked(link) || !n6_link_partial(link)) {
        silence->at = now + silence->ticks;
    }
    if (now < silence->at) {
        return;
    }
    while (n6_link_partial(link) && has_room(server)) {
        n6_link_give_up(link);
        parse(server);
    }
}

static bool check_is_due(const n6_server_t *server)
{
    return n6_check_is_due(&server->check, n6_queue_is_off_npu(&server->queue));
}

int n6_server_forward(void *context, uint64_t now)
{
    n6_server_t *server = context;
    const n6_npu_t *npu = server->channel.config.npu;
    const n6_answer_t *answer = NULL;

    while (has_room(server) && (answer = npu->forward->answer(npu->context)) != NULL) {
        if (answer->number == N6_FORWARD_CHECK) {
            n6_check_answer(&server->check, answer);
        } else {
            n6_queue_answer(&server->queue, answer);
        }
    }
    n6_check_forward(&server->check);
    return n6_queue_forward(&server->queue, now);
}

static int run_npu(n6_server_t *server, uint64_t now)
{
    const n6_forward_t *forward = server->channel.config.npu->forward;

    if (forward) {
        return forward->run(server, now);
    }
    if (check_is_due(server)) {
        return n6_check_run(&server->check, now);
    }
    const int state = n6_queue_run(&server->queue, now);
    return check_is_due(server) ? N6_SERVER_BUSY : state;
}

int n6_server_poll(n6_server_t *server)
{
    const n6_port_t *port = server->channel.config.port;
    const uint64_t now = n6_now(&server->channel);
    int state = N6_SERVER_IDLE;

    if (!n6_rate_poll(&server->rate, now)) {
        return N6_SERVER_IDLE;
    }
    parse(server);
    if (is_drained(server)) {
        server->restarting = false;
        port->restart(port->context);
    }
    watch_silence(server, now);
    if (has_room(server)) {
        n6_queue_expire(&server->queue, now);
    }
    if (has_room(server)) {
        state = run_npu(server, now);
    }
    if (has_room(server) && n6_upload_run(&server->uploads) == N6_SERVER_BUSY) {
        state = N6_SERVER_BUSY;
    }
    if (has_room(server)) {
        n6_stats_push(&server->stats, now);
    }
    server->stalled = !has_room(server);
    return server->stalled ? N6_SERVER_IDLE : state;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t n6_server_due(const n6_server_t *server)
{
    const n6_link_t *link = &server->channel.link;
    const uint64_t now = n6_now(&server->channel);
    uint64_t due = earlier(n6_queue_deadline(&server->queue), n6_stats_due(&server->stats));

    if (n6_rate_is_leaving(&server->rate)) {
        return n6_link_ready_for_data(link) ? 0 : UINT64_MAX;
    }
    if (server->stalled || n6_link_blocked(link)) {
        return has_room(server) ? 0 : UINT64_MAX;
    }
    due = earlier(due, n6_rate_due(&server->rate));
    if (n6_link_partial(link)) {
        due = earlier(due, server->silence.at);
    }
    if (is_drained(server) || due <= now) {
        return 0;
    }
    return due == UINT64_MAX ? due : due - now;
}

void n6_server_log(n6_server_t *server, uint8_t level, const char *text)
{
    n6_log(&server->channel, level, text);
}

void n6_server_relink(n6_server_t *server)
{
    n6_channel_close(&server->channel);
    n6_rate_relink(&server->rate);
    n6_send_clear(&server->sends);
}

void n6_server_leave(n6_server_t *server)
{
    n6_server_relink(server);
    n6_session_end(server);
}
