/*
 * The session, and the dispatcher: every request passes n6_session_request(), the only place that refuses those that
 * are unknown, too short, or without a session; every answer passes n6_reply(), n6_end_reply() or n6_error().
 */
#include <string.h>

#include "n6_parts.h"

static const char *const sentence[] = {
    [N6_STATUS_OK] = "no error",
    [N6_STATUS_BAD_REQUEST] = "too short, or a field out of range",
    [N6_STATUS_UNKNOWN_TYPE] = "unknown message type",
    [N6_STATUS_NO_SESSION] = "HELLO has to come first",
    [N6_STATUS_VERSION] = "protocol versions differ",
    [N6_STATUS_UNKNOWN_NETWORK] = "no such network",
    [N6_STATUS_UNKNOWN_OUTPUT] = "no such output",
    [N6_STATUS_BAD_SLOT] = "no such input slot",
    [N6_STATUS_BAD_TENSOR_SIZE] = "not the size of the network's inputs",
    [N6_STATUS_BAD_DIGEST] = "damaged; send all of it again",
    [N6_STATUS_BUSY] = "slot in use, or queue full",
    [N6_STATUS_OUT_OF_CREDITS] = "more data than was granted",
    [N6_STATUS_DEADLINE] = "the time to live has passed",
    [N6_STATUS_CANCELLED] = "cancelled",
    [N6_STATUS_NPU_FAULT] = "the network runtime failed",
    [N6_STATUS_UNKNOWN_RESULT] = "no such result is held",
    [N6_STATUS_TOO_LARGE] = "the answer is larger than a result buffer",
    [N6_STATUS_UNSUPPORTED] = "not possible on this device",
    [N6_STATUS_NO_INPUT] = "the slot does not hold this upload",
};

/* ---- services ---- */

uint64_t n6_now(const n6_server_t *s)
{
    return s->config.port->now(s->config.port->context);
}

uint64_t n6_ticks(const n6_server_t *s, uint32_t count, uint32_t per_second)
{
    return count * s->config.port->tick_hz / per_second;
}

void n6_reply(n6_server_t *s, const n6_request_t *request, const void *payload, size_t size)
{
    (void)n6_link_send(&s->link, request->type, N6_FLAG_REPLY, request->id, payload, size);
}

void n6_end_reply(n6_server_t *s, const n6_request_t *request, size_t size)
{
    n6_link_end(&s->link, request->type, N6_FLAG_REPLY, request->id, size);
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

void n6_refuse(n6_server_t *s, const n6_request_t *request, n6_status_t status, uint32_t value)
{
    n6_error(s, request->id, request->type, status, value);
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
    const size_t room = N6_LIMIT_MAX_CONTROL - length;
    size_t size = text ? strlen(text) : 0;

    if (size == 0 || room <= sizeof field)
        return length;
    if (size > room - sizeof field)
        size = room - sizeof field;
    field.length = (uint16_t)size;
    memcpy(payload + length, &field, sizeof field);
    memcpy(payload + length + sizeof field, text, size);
    length += sizeof field + size;
    while (length % 4 != 0)
        payload[length++] = 0;
    return length;
}

/* ---- requests ---- */

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
    n6_hello_reply_t reply;
    uint8_t *at;
    size_t length = request->length < sizeof hello ? request->length : sizeof hello;

    memcpy(&hello, request->payload, length);
    if (hello.major == N6_VERSION_MAJOR && hello.schema == N6_SCHEMA_ID) {
        if (length < sizeof hello) {
            n6_refuse(s, request, N6_STATUS_BAD_REQUEST, request->length);
            return;
        }
        open_session(s, &hello);
    }
    reply = (n6_hello_reply_t){
        .major = N6_VERSION_MAJOR,
        .minor = N6_VERSION_MINOR,
        .schema = N6_SCHEMA_ID,
        .nonce = hello.nonce,
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
    n6_copy_text(reply.build, sizeof reply.build, config->port->build);
    at = n6_link_begin(&s->link, N6_LIMIT_MAX_CONTROL);
    memcpy(at, &reply, sizeof reply);
    length = n6_put_field(at, sizeof reply, N6_FIELD_TAG_NPU_RUNTIME, config->port->runtime);
    length = n6_put_field(at, length, N6_FIELD_TAG_FAULT_RECORD, config->port->fault_record);
    n6_end_reply(s, request, length);
}

static void handle_ping(n6_server_t *s, const n6_request_t *request)
{
    n6_ping_t ping;
    n6_ping_reply_t reply;

    memcpy(&ping, request->payload, sizeof ping);
    n6_upload_seen(s, ping.position);
    s->granted = s->consumed + s->config.window;
    reply.host_time = ping.host_time;
    reply.device_time = n6_now(s);
    reply.limit = s->granted;
    reply.position = s->position;
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
        n6_refuse(s, request, N6_STATUS_BAD_REQUEST, kind);
        return;
    }
    if (kind == N6_RESET_KIND_DEVICE && !s->config.port->restart) {
        n6_refuse(s, request, N6_STATUS_UNSUPPORTED, kind);
        return;
    }
    n6_queue_clear(s, false);
    n6_result_forget(s, true);
    n6_reply(s, request, NULL, 0);
    s->restarting = kind == N6_RESET_KIND_DEVICE;
}

/* ---- dispatcher ---- */

typedef struct {
    uint8_t type;
    uint8_t size; /* of the fixed struct; of HELLO, what no version changes */
    const char *name;
    void (*handle)(n6_server_t *s, const n6_request_t *request);
} entry_t;

static const entry_t entries[] = {
    {N6_MESSAGE_TYPE_HELLO, offsetof(n6_hello_t, nonce), "HELLO", handle_hello},
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
    {N6_MESSAGE_TYPE_NAK, sizeof(n6_nak_t), "NAK", n6_send_nak},
    {N6_MESSAGE_TYPE_CREDIT, sizeof(n6_credit_t), "CREDIT", n6_send_credit},
};

static const entry_t *find_entry(uint8_t type)
{
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        if (entries[i].type == type)
            return &entries[i];
    return NULL;
}

/*
 * NAK and CREDIT are no requests: they are not answered, nor logged. Nor are frames that a device sends, which only
 * an echo can bring.
 */
void n6_session_request(void *server, const n6_frame_header_t *header, const uint8_t *payload)
{
    n6_server_t *s = server;
    const n6_request_t request = {header->id, header->type, header->length, payload};
    const entry_t *entry = find_entry(request.type);
    const bool asks = request.type != N6_MESSAGE_TYPE_NAK && request.type != N6_MESSAGE_TYPE_CREDIT;
    n6_status_t status = N6_STATUS_OK;

    if ((header->flags & N6_FLAG_REPLY) || (asks && request.id == 0))
        return;
    if (!entry)
        status = N6_STATUS_UNKNOWN_TYPE;
    else if (!s->session && request.type != N6_MESSAGE_TYPE_HELLO)
        status = N6_STATUS_NO_SESSION;
    else if (request.length < entry->size)
        status = N6_STATUS_BAD_REQUEST;
    if (status == N6_STATUS_OK) {
        if (asks)
            n6_server_log(s, N6_LOG_LEVEL_DEBUG, entry->name);
        entry->handle(s, &request);
    } else if (asks) {
        n6_refuse(s, &request, status,
                  status == N6_STATUS_BAD_REQUEST ? request.length : request.type);
    }
}
