/* The port's end of the server: configuration, bytes in and out, and the loop. */
#include <string.h>

#include "n6_parts.h"

/* ---- configuration ---- */

static bool is_described(const n6_network_t *n)
{
    return n->name && (n->inputs == 0 || n->input) && (n->outputs == 0 || n->output) &&
           (n->pools == 0 || n->pool) && (n->blocks == 0 || n->block) &&
           (n->card_bytes == 0 || n->card) && n->outputs <= N6_MAX_OUTPUTS;
}

static int check_networks(const n6_config_t *config)
{
    uint32_t blocks = 0;

    for (uint32_t i = 0; i < config->npu->networks; i++) {
        const n6_network_t *n = &config->npu->network[i];
        if (!is_described(n))
            return N6_SERVER_BAD_NETWORKS;
        if (n->input_bytes > config->slot_size)
            return N6_SERVER_BAD_SLOTS;
        if (N6_SERVER_RESULT_SIZE(n->output_bytes, n->outputs, n->blocks) > config->result_size)
            return N6_SERVER_BAD_RESULTS;
        if (config->times && n->blocks > config->max_blocks)
            return N6_SERVER_BAD_TIMES;
        blocks += n->blocks;
    }
    return config->sums && blocks > config->total_blocks ? N6_SERVER_BAD_TIMES : 0;
}

static int check(const n6_config_t *config)
{
    const n6_port_t *port = config->port;
    const n6_npu_t *npu = config->npu;
    const uint32_t chunk = config->chunk;

    if (!port || !port->now || !port->info || port->tick_hz == 0)
        return N6_SERVER_BAD_PORT;
    if (!npu || !npu->start || !npu->step || !npu->stop || !npu->output)
        return N6_SERVER_BAD_PORT;
    if (npu->networks > N6_SERVER_MAX_NETWORKS || (npu->networks > 0 && !npu->network))
        return N6_SERVER_BAD_NETWORKS;
    if (chunk < N6_LIMIT_MIN_CHUNK || chunk > N6_LIMIT_MAX_CHUNK || (chunk & (chunk - 1)) != 0 ||
        config->window < chunk)
        return N6_SERVER_BAD_CHUNK;
    if (!config->slot || !config->chunks || config->slots < 2 ||
        config->slots > N6_SERVER_MAX_SLOTS)
        return N6_SERVER_BAD_SLOTS;
    if (!config->result || config->results < 2 || config->results > N6_SERVER_MAX_RESULTS)
        return N6_SERVER_BAD_RESULTS;
    if (!config->tx || config->tx_size < 4 * (N6_LIMIT_MAX_CONTROL + 16))
        return N6_SERVER_BAD_TX;
    return check_networks(config);
}

int n6_server_init(n6_server_t *s, const n6_config_t *config)
{
    const int status = check(config);
    n6_link_calls_t calls = {s, n6_session_request, n6_upload_place, n6_upload_chunk, NULL};

    if (status < 0)
        return status;
    calls.crc32 = config->port->crc32;
    memset(s, 0, sizeof *s);
    s->config = *config;
    s->running = N6_NONE;
    s->stats.since = n6_now(s);
    s->quiet_ticks = n6_ticks(s, N6_SERVER_QUIET_MS, 1000);
    n6_link_init(&s->link, &calls, config->chunk, config->tx, config->tx_size);
    n6_crc32_shift_init(&s->past_chunk, config->chunk);
    return 0;
}

/* ---- bytes ---- */

size_t n6_server_rx_windows(n6_server_t *s, n6_window_t window[N6_LINK_WINDOWS])
{
    return n6_link_rx_windows(&s->link, window);
}

size_t n6_server_rx_space(n6_server_t *s, uint8_t **at)
{
    n6_window_t window[N6_LINK_WINDOWS];

    if (n6_link_rx_windows(&s->link, window) == 0)
        return 0;
    *at = window[0].at;
    return window[0].size;
}

static void parse(n6_server_t *s)
{
    while (n6_link_parse(&s->link))
        ;
}

void n6_server_rx_done(n6_server_t *s, size_t size)
{
    n6_link_rx_done(&s->link, size);
    parse(s);
}

size_t n6_server_tx_spans(n6_server_t *s, n6_span_t span[N6_LINK_SPANS])
{
    if (n6_link_ready_for_data(&s->link))
        n6_send_next(s);
    return n6_link_tx_spans(&s->link, span);
}

size_t n6_server_tx_peek(n6_server_t *s, const uint8_t **from)
{
    n6_span_t span[N6_LINK_SPANS];

    if (n6_server_tx_spans(s, span) == 0)
        return 0;
    *from = span[0].at;
    return span[0].size;
}

void n6_server_tx_done(n6_server_t *s, size_t size)
{
    n6_link_tx_done(&s->link, size);
}

/* ---- loop ---- */

static bool has_room(const n6_server_t *s)
{
    return n6_link_room(&s->link, N6_LINK_FRAME_MAX);
}

/* The answer to RESET has left. */
static bool is_drained(const n6_server_t *s)
{
    return s->restarting && n6_link_ready_for_data(&s->link);
}

/* A frame that was begun and is not continued: what it holds is searched, so that the next one is understood. */
static void watch_silence(n6_server_t *s, uint64_t now)
{
    const bool heard = s->link.counts.rx_bytes != s->heard;

    s->heard = s->link.counts.rx_bytes;
    if (heard || s->stalled || s->link.blocked || !n6_link_partial(&s->link))
        s->quiet_at = now + s->quiet_ticks;
    if (now < s->quiet_at)
        return;
    while (n6_link_partial(&s->link) && has_room(s)) {
        n6_link_give_up(&s->link);
        parse(s);
    }
}

int n6_server_poll(n6_server_t *s)
{
    const uint64_t now = n6_now(s);
    int state = N6_SERVER_IDLE;

    parse(s);
    if (is_drained(s)) {
        s->restarting = false;
        s->config.port->restart(s->config.port->context);
    }
    watch_silence(s, now);
    if (has_room(s))
        n6_queue_expire(s, now);
    if (has_room(s))
        state = n6_queue_run(s, now);
    if (has_room(s))
        n6_stats_push(s, now);
    s->stalled = !has_room(s);
    return s->stalled ? N6_SERVER_IDLE : state;
}

uint64_t n6_server_due(const n6_server_t *s)
{
    const uint64_t now = n6_now(s);
    uint64_t due = n6_queue_deadline(s);

    if (s->stalled || s->link.blocked)
        return has_room(s) ? 0 : UINT64_MAX;
    if (s->stats_every > 0 && s->stats_at < due)
        due = s->stats_at;
    if (n6_link_partial(&s->link) && s->quiet_at < due)
        due = s->quiet_at;
    if (is_drained(s) || due <= now)
        return 0;
    return due == UINT64_MAX ? due : due - now;
}

void n6_server_relink(n6_server_t *s)
{
    n6_link_clear(&s->link);
    s->session = false;
    s->stats_every = 0;
    s->sends = 0;
}
