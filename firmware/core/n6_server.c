/*
 * The loop, the session, and the dispatcher: every request passes handle(), the only place that
 * refuses those that are unknown, too short, or without a session.
 */
#include <string.h>

#include "n6_crc.h"
#include "n6_parts.h"

typedef struct {
    uint8_t type;
    uint8_t size; /* of the fixed struct */
    const char *name;
    void (*handle)(n6_server_t *s, const n6_request_t *request);
} entry_t;

static const char *const sentence[] = {
    [N6_STATUS_OK] = "no error",
    [N6_STATUS_BAD_REQUEST] = "the request is too short, or a field is out of its range",
    [N6_STATUS_UNKNOWN_TYPE] = "this firmware does not know the message type",
    [N6_STATUS_NO_SESSION] = "HELLO has to come first",
    [N6_STATUS_VERSION] = "the protocol versions differ",
    [N6_STATUS_UNKNOWN_NETWORK] = "no such network",
    [N6_STATUS_UNKNOWN_OUTPUT] = "no such output",
    [N6_STATUS_BAD_SLOT] = "no such input slot",
    [N6_STATUS_BAD_TENSOR_SIZE] = "the upload has not the size of the network's inputs",
    [N6_STATUS_BAD_DIGEST] = "the upload was damaged; send all of it again",
    [N6_STATUS_BUSY] = "the slot is in use, or the queue is full",
    [N6_STATUS_OUT_OF_CREDITS] = "more data arrived than was granted",
    [N6_STATUS_DEADLINE] = "the time to live has passed",
    [N6_STATUS_CANCELLED] = "cancelled",
    [N6_STATUS_NPU_FAULT] = "the network runtime failed",
    [N6_STATUS_UNKNOWN_RESULT] = "no such result is held",
    [N6_STATUS_TOO_LARGE] = "the answer does not fit a result buffer",
    [N6_STATUS_UNSUPPORTED] = "not possible on this device, or for this tensor",
    [N6_STATUS_NO_INPUT] = "the slot does not hold this upload; send it again",
};

/* -------------------------------------------------------------------------------------- services
 */

uint64_t n6_now(const n6_server_t *s)
{
    return s->config.port->now(s->config.port->context);
}

uint64_t n6_ticks(const n6_server_t *s, uint64_t count, uint32_t per_second)
{
    return count * s->config.port->tick_hz / per_second;
}

bool n6_newer(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

uint32_t n6_crc(const n6_server_t *s, const void *data, size_t size)
{
    return s->link.calls.crc32(0, data, size);
}

void n6_reply(n6_server_t *s, const n6_request_t *request, const void *payload, size_t size)
{
    (void)n6_link_send(&s->link, request->type, N6_FLAG_REPLY, request->id, payload, size);
}

void n6_event(n6_server_t *s, uint8_t type, uint32_t id, const void *payload, size_t size)
{
    (void)n6_link_send(&s->link, type, 0, id, payload, size);
}

void n6_error(n6_server_t *s, uint32_t id, uint8_t type, n6_status_t status, uint32_t value)
{
    const n6_error_reply_t reply = {.status = (uint8_t)status, .type = type, .value = value};
    const size_t size = strlen(sentence[status]);
    uint8_t *at = n6_link_begin(&s->link, sizeof reply + size);

    if (!at)
        return;
    memcpy(at, &reply, sizeof reply);
    memcpy(at + sizeof reply, sentence[status], size);
    n6_link_end(&s->link, N6_MESSAGE_TYPE_ERROR, N6_FLAG_REPLY, id, sizeof reply + size);
}

void n6_copy_text(char *to, size_t size, const char *text)
{
    memset(to, 0, size);
    for (size_t i = 0; text && i < size && text[i]; i++)
        to[i] = text[i];
}

size_t n6_put_field(uint8_t *payload, size_t length, n6_field_tag_t tag, const char *text)
{
    n6_field_t field = {.tag = (uint16_t)tag};
    size_t room = N6_LIMIT_MAX_CONTROL - length;
    size_t size = text ? strlen(text) : 0;

    if (size == 0 || room < sizeof field + 4)
        return length;
    if (size > room - sizeof field)
        size = room - sizeof field;
    field.length = (uint16_t)size;
    memcpy(payload + length, &field, sizeof field);
    memcpy(payload + length + sizeof field, text, size);
    length += sizeof field + size;
    for (; length % 4 != 0; length++)
        payload[length] = 0;
    return length;
}

/* -------------------------------------------------------------------------------------- requests
 */

static void open_session(n6_server_t *s, const n6_hello_t *hello)
{
    n6_queue_clear(s, true);
    n6_upload_forget(s);
    n6_result_forget(s, false);
    s->consumed = 0;
    s->granted = s->config.window;
    s->position = 0;
    s->limit = s->host_window = hello->window;
    s->log_level = N6_LOG_LEVEL_WARNING;
    s->stats_every = 0;
    s->session = true;
}

/* Of another version only the first eight bytes are known, and a nonce where ours is. */
static void handle_hello(n6_server_t *s, const n6_request_t *request)
{
    const n6_config_t *config = &s->config;
    n6_hello_t hello = {0};
    n6_hello_reply_t reply = {
        .major = N6_VERSION_MAJOR,
        .minor = N6_VERSION_MINOR,
        .schema = N6_SCHEMA_ID,
        .boot_nonce = config->port->boot_nonce,
        .tick_hz = config->port->tick_hz,
        .features = N6_FEATURE_TIMERS | N6_FEATURE_REDUCE | N6_FEATURE_CANCEL | N6_FEATURE_EVENTS |
                    config->npu->features,
        .window = config->window,
        .chunk = config->chunk,
        .requests = N6_SERVER_MAX_QUEUE,
        .networks = config->npu->networks,
        .slots = config->slots,
        .results = config->results,
        .slot_size = config->slot_size,
        .result_size = config->result_size,
    };
    uint8_t *at;
    size_t length;

    memcpy(&hello, request->payload,
           request->length < sizeof hello ? request->length : sizeof hello);
    if (hello.major == N6_VERSION_MAJOR && hello.schema == N6_SCHEMA_ID) {
        if (request->length < sizeof hello) {
            n6_error(s, request->id, request->type, N6_STATUS_BAD_REQUEST, request->length);
            return;
        }
        open_session(s, &hello);
    }
    at = n6_link_begin(&s->link, N6_LIMIT_MAX_CONTROL);
    reply.nonce = hello.nonce;
    n6_copy_text(reply.build, sizeof reply.build, config->port->build);
    memcpy(at, &reply, sizeof reply);
    length = n6_put_field(at, sizeof reply, N6_FIELD_TAG_NPU_RUNTIME, config->port->runtime);
    length = n6_put_field(at, length, N6_FIELD_TAG_FAULT_RECORD, config->port->fault_record);
    n6_link_end(&s->link, request->type, N6_FLAG_REPLY, request->id, length);
}

static void handle_ping(n6_server_t *s, const n6_request_t *request)
{
    n6_ping_t ping;
    n6_ping_reply_t reply;

    memcpy(&ping, request->payload, sizeof ping);
    n6_upload_seen(s, ping.position);
    s->granted = s->consumed + s->config.window;
    reply = (n6_ping_reply_t){
        .host_time = ping.host_time,
        .device_time = n6_now(s),
        .limit = s->granted,
        .position = s->position,
    };
    n6_reply(s, request, &reply, sizeof reply);
}

static void handle_log_level(n6_server_t *s, const n6_request_t *request)
{
    s->log_level = request->payload[offsetof(n6_log_level_request_t, level)];
    n6_reply(s, request, NULL, 0);
}

static void handle_reset(n6_server_t *s, const n6_request_t *request)
{
    const uint8_t kind = request->payload[offsetof(n6_reset_t, kind)];

    if (kind > N6_RESET_KIND_DEVICE) {
        n6_error(s, request->id, request->type, N6_STATUS_BAD_REQUEST, kind);
        return;
    }
    if (kind == N6_RESET_KIND_DEVICE && !s->config.port->restart) {
        n6_error(s, request->id, request->type, N6_STATUS_UNSUPPORTED, kind);
        return;
    }
    n6_queue_clear(s, false);
    n6_result_forget(s, true);
    n6_reply(s, request, NULL, 0);
    s->restarting = kind == N6_RESET_KIND_DEVICE;
}

static const entry_t entries[] = {
    {N6_MESSAGE_TYPE_HELLO, 8, "HELLO", handle_hello},
    {N6_MESSAGE_TYPE_PING, sizeof(n6_ping_t), "PING", handle_ping},
    {N6_MESSAGE_TYPE_INFO, 0, "INFO", n6_describe_info},
    {N6_MESSAGE_TYPE_LIST, sizeof(n6_list_t), "LIST", n6_describe_list},
    {N6_MESSAGE_TYPE_DESCRIBE, sizeof(n6_describe_t), "DESCRIBE", n6_describe_network},
    {N6_MESSAGE_TYPE_LOG_LEVEL, sizeof(n6_log_level_request_t), "LOG_LEVEL", handle_log_level},
    {N6_MESSAGE_TYPE_RESET, sizeof(n6_reset_t), "RESET", handle_reset},
    {N6_MESSAGE_TYPE_STATS, 0, "STATS", n6_stats_read},
    {N6_MESSAGE_TYPE_EPOCH_STATS, sizeof(n6_epoch_stats_t), "EPOCH_STATS", n6_stats_epochs},
    {N6_MESSAGE_TYPE_RESET_STATS, 0, "RESET_STATS", n6_stats_reset},
    {N6_MESSAGE_TYPE_SUBSCRIBE, sizeof(n6_subscribe_t), "SUBSCRIBE", n6_stats_subscribe},
    {N6_MESSAGE_TYPE_COMMIT, sizeof(n6_commit_t), "COMMIT", n6_upload_commit},
    {N6_MESSAGE_TYPE_INFER, sizeof(n6_infer_t), "INFER", n6_queue_infer},
    {N6_MESSAGE_TYPE_CANCEL, sizeof(n6_cancel_t), "CANCEL", n6_queue_cancel},
    {N6_MESSAGE_TYPE_READ, sizeof(n6_read_t), "READ", n6_result_read},
    {N6_MESSAGE_TYPE_RELEASE, sizeof(n6_release_t), "RELEASE", n6_result_release},
    {N6_MESSAGE_TYPE_NAK, sizeof(n6_nak_t), "NAK", n6_result_nak},
    {N6_MESSAGE_TYPE_CREDIT, sizeof(n6_credit_t), "CREDIT", n6_result_credit},
};

static const entry_t *find_entry(uint8_t type)
{
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        if (entries[i].type == type)
            return &entries[i];
    return NULL;
}

/* NAK and CREDIT are no requests, and are not answered. Nor are frames of a device, which only an
 * echo can bring. */
static void handle(void *context, const n6_frame_header_t *header, const uint8_t *payload)
{
    n6_server_t *s = context;
    const n6_request_t request = {header->id, header->type, header->length, payload};
    const entry_t *entry = find_entry(header->type);
    const bool asks = header->type != N6_MESSAGE_TYPE_NAK && header->type != N6_MESSAGE_TYPE_CREDIT;
    n6_status_t status = N6_STATUS_OK;

    if ((header->flags & N6_FLAG_REPLY) || (asks && header->id == 0))
        return;
    if (!entry)
        status = N6_STATUS_UNKNOWN_TYPE;
    else if (!s->session && header->type != N6_MESSAGE_TYPE_HELLO)
        status = N6_STATUS_NO_SESSION;
    else if (header->length < entry->size)
        status = N6_STATUS_BAD_REQUEST;
    if (status == N6_STATUS_OK) {
        n6_server_log(s, N6_LOG_LEVEL_DEBUG, entry->name);
        entry->handle(s, &request);
    } else if (asks) {
        n6_error(s, header->id, header->type, status,
                 status == N6_STATUS_BAD_REQUEST ? header->length : header->type);
    }
}

static uint8_t *place(void *context, uint32_t id, const n6_data_header_t *data, uint32_t size)
{
    return n6_upload_place(context, id, data, size);
}

static void chunk(void *context, uint32_t id, const n6_data_header_t *data, uint32_t size,
                  bool good)
{
    n6_upload_chunk(context, id, data, size, good);
}

/* -------------------------------------------------------------------------------- initialisation
 */

static int check_networks(const n6_config_t *config)
{
    uint32_t blocks = 0;

    for (uint16_t i = 0; i < config->npu->networks; i++) {
        const n6_network_t *network = &config->npu->network[i];
        const size_t result =
            N6_SERVER_RESULT_SIZE((size_t)network->output_bytes, network->outputs, network->blocks);
        if (!network->name || network->outputs > N6_MAX_OUTPUTS ||
            (network->inputs > 0 && !network->input) ||
            (network->outputs > 0 && !network->output) || (network->pools > 0 && !network->pool) ||
            (network->blocks > 0 && !network->block) || (network->card_bytes > 0 && !network->card))
            return N6_SERVER_BAD_NETWORKS;
        if (network->input_bytes > config->slot_size)
            return N6_SERVER_BAD_SLOTS;
        if (result > config->result_size)
            return N6_SERVER_BAD_RESULTS;
        if (config->times && network->blocks > config->max_blocks)
            return N6_SERVER_BAD_TIMES;
        blocks += network->blocks;
    }
    return config->sums && blocks > config->total_blocks ? N6_SERVER_BAD_TIMES : 0;
}

static int check(const n6_config_t *config)
{
    const n6_port_t *port = config->port;
    const n6_npu_t *npu = config->npu;

    if (!port || !port->now || !port->info || port->tick_hz == 0)
        return N6_SERVER_BAD_PORT;
    if (!npu || !npu->start || !npu->step || !npu->stop || !npu->output)
        return N6_SERVER_BAD_PORT;
    if (npu->networks > N6_SERVER_MAX_NETWORKS || (npu->networks > 0 && !npu->network))
        return N6_SERVER_BAD_NETWORKS;
    if (config->chunk < N6_LIMIT_MIN_CHUNK || config->chunk > N6_LIMIT_MAX_CHUNK ||
        (config->chunk & (config->chunk - 1)) != 0 || config->window < config->chunk)
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
    const n6_link_calls_t calls = {s, handle, place, chunk,
                                   config->port ? config->port->crc32 : NULL};

    if (status < 0)
        return status;
    memset(s, 0, sizeof *s);
    s->config = *config;
    s->running = s->filling = s->sending = N6_NONE;
    s->log_level = N6_LOG_LEVEL_NONE;
    s->stats_since = n6_now(s);
    n6_link_init(&s->link, &calls, config->chunk, config->tx, config->tx_size);
    n6_crc32_shift_init(&s->past_chunk, config->chunk);
    return 0;
}

/* ------------------------------------------------------------------------------------------ loop
 */

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
        n6_result_send(s);
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

static bool has_room(const n6_server_t *s)
{
    return n6_link_room(&s->link, N6_LINK_FRAME_MAX);
}

static bool drained(const n6_server_t *s)
{
    return n6_link_ready_for_data(&s->link);
}

/* A frame that was begun and is not continued: what it holds is searched, so that the next one is
 * understood. */
static void watch_silence(n6_server_t *s, uint64_t now)
{
    const bool heard = s->link.counts.rx_bytes != s->heard;

    s->heard = s->link.counts.rx_bytes;
    if (heard || s->stalled || s->link.blocked || !n6_link_partial(&s->link)) {
        s->quiet_since = now;
        return;
    }
    if (now - s->quiet_since < n6_ticks(s, N6_SERVER_QUIET_MS, 1000))
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
    if (s->restarting && drained(s)) {
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
    if (s->restarting && drained(s))
        return 0;
    if (s->stats_every > 0 && s->stats_at < due)
        due = s->stats_at;
    if (n6_link_partial(&s->link)) {
        uint64_t quiet = s->quiet_since + n6_ticks(s, N6_SERVER_QUIET_MS, 1000);
        due = quiet < due ? quiet : due;
    }
    if (due == UINT64_MAX)
        return due;
    return due > now ? due - now : 0;
}

void n6_server_relink(n6_server_t *s)
{
    n6_link_clear(&s->link);
    s->session = false;
    s->stats_every = 0;
    s->sends = 0;
}
