/* See n6_session.h. */
#include "n6_session.h"

#include <string.h>

#include "n6_fields.h"

/* The parts of Hello and HelloReply that are equal in all versions. */
enum {
    FROZEN = offsetof(n6_hello_t, head),
};

_Static_assert(offsetof(n6_hello_reply_t, head) == FROZEN, "HELLO and its reply begin alike");

/* ---- HELLO ---- */

static void answer_hello(n6_channel_t *channel, const n6_request_t *request, uint64_t nonce,
                         uint8_t flags)
{
    const n6_config_t *config = &channel->config;
    const n6_port_t *port = config->port;
    n6_hello_reply_t reply = {
        .major = N6_VERSION_MAJOR,
        .minor = N6_VERSION_MINOR,
        .schema = N6_SCHEMA_ID,
        .nonce = nonce,
        .head = sizeof(n6_hello_reply_t),
        .chunk = channel->session.chunk,
        .window = config->window,
        .features = N6_FEATURE_TIMERS | N6_FEATURE_REDUCE | N6_FEATURE_CANCEL | N6_FEATURE_EVENTS |
                    N6_FEATURE_CLASS_MAP | N6_FEATURE_DETECTIONS |
                    (port->set_rate ? N6_FEATURE_RATE : 0u) |
                    (port->share ? N6_FEATURE_LEASES | N6_FEATURE_CLIENTS : 0u) |
                    (config->parts ? N6_FEATURE_ENCODINGS : 0u) | config->npu->features,
        .flags = flags,
        .slots = config->slots,
        .results = config->results,
        .queue = N6_SERVER_MAX_QUEUE,
        .boot_nonce = port->boot_nonce,
        .tick_hz = port->tick_hz,
        .requests = N6_SERVER_MAX_QUEUE,
        .networks = config->npu->networks,
        .slot_size = config->slot_size,
        .result_size = config->result_size,
        .quiet_ms = N6_SERVER_QUIET_MS,
        .parts_kb = (uint16_t)(config->parts ? config->parts_size / 1024u : 0u),
    };

    memcpy(reply.unique_id, port->unique_id, sizeof reply.unique_id);
    n6_copy_text(reply.build, sizeof reply.build, port->build);
    uint8_t *at = n6_link_begin(&channel->link, N6_LIMIT_MAX_CONTROL);
    memcpy(at, &reply, sizeof reply);
    size_t length = n6_put_field(at, sizeof reply, N6_FIELD_TAG_NPU_RUNTIME, port->runtime);
    length = n6_put_field(at, length, N6_FIELD_TAG_FAULT_RECORD, port->fault_record);
    n6_end_reply(channel, request, length);
}

bool n6_session_is_foreign(n6_channel_t *channel, const n6_request_t *request)
{
    n6_hello_t hello;

    if (request->length < FROZEN) {
        return true;
    }
    memcpy(&hello, request->payload, FROZEN);
    if (hello.major == N6_VERSION_MAJOR && hello.schema == N6_SCHEMA_ID) {
        return false;
    }
    answer_hello(channel, request, hello.nonce, 0);
    return true;
}

static n6_mistake_t check_hello(const n6_hello_t *hello)
{
    if (hello->max_chunk < N6_LIMIT_MIN_CHUNK) {
        return N6_MISTAKE_MAX_CHUNK;
    }
    if (hello->window < N6_LIMIT_MIN_CHUNK || hello->window > N6_LIMIT_MAX_WINDOW) {
        return N6_MISTAKE_WINDOW;
    }
    return hello->role > N6_ROLE_READ_ONLY ? N6_MISTAKE_ROLE : N6_MISTAKE_NONE;
}

/* Work of an older session ends without an answer: its ids are not valid in this session. */
static void replace_session(n6_server_t *server)
{
    n6_session_t *session = &server->channel.session;

    n6_queue_forget(&server->queue);
    n6_check_forget(&server->check);
    n6_slots_forget(&server->slots);
    n6_result_forget(&server->results);
    n6_stats_unsubscribe(&server->stats);
    session->log_level = N6_LOG_LEVEL_WARNING;
    session->opened_at = n6_now(&server->channel);
    session->resumed = false;
}

void n6_session_end(n6_server_t *server)
{
    replace_session(server);
    server->channel.session.known = false;
}

/* The largest power of two that both sides accept. */
static uint16_t choose_chunk(const n6_config_t *config, const n6_hello_t *hello)
{
    uint32_t chunk = config->chunk;

    while (chunk > hello->max_chunk || chunk > hello->window) {
        chunk /= 2;
    }
    return (uint16_t)chunk;
}

/* The positions of both directions start at 0. */
static void begin(n6_server_t *server, const n6_request_t *request)
{
    const n6_hello_t *hello = request->body;
    n6_channel_t *channel = &server->channel;
    n6_session_t *session = &channel->session;

    session->known = session->open = true;
    session->nonce = hello->nonce;
    session->role = hello->role;
    session->chunk = choose_chunk(&channel->config, hello);
    n6_get_field(request->payload + request->head, (size_t)request->length - request->head,
                 N6_FIELD_TAG_HOST_NAME, session->host, sizeof session->host);
    n6_link_set_chunk(&channel->link, session->chunk);
    n6_upload_open(&server->uploads);
    n6_send_open(&server->sends, hello->window);
}

/* A repeated HELLO, whose answer was lost, gets the same answer. */
void n6_session_hello(n6_server_t *server, const n6_request_t *request)
{
    const n6_hello_t *hello = request->body;
    n6_session_t *session = &server->channel.session;
    const bool again = session->known && hello->nonce == session->nonce;
    const bool resumes =
        session->known && (hello->flags & N6_HELLO_FLAG_RESUME) && hello->resume == session->nonce;
    const n6_mistake_t mistake = check_hello(hello);

    if (mistake != N6_MISTAKE_NONE) {
        n6_refuse(&server->channel, request, mistake, 0);
        return;
    }
    if (!again && !resumes) {
        replace_session(server);
    } else if (!again) {
        session->resumed = true;
    }
    n6_slots_resume(&server->slots);
    begin(server, request);
    answer_hello(&server->channel, request, hello->nonce,
                 session->resumed ? N6_HELLO_REPLY_FLAG_OPENED | N6_HELLO_REPLY_FLAG_RESUMED
                                  : N6_HELLO_REPLY_FLAG_OPENED);
    if (!again && !resumes) {
        n6_rate_return(&server->rate);
    }
}

/* ---- requests in a session ---- */

void n6_session_ping(n6_server_t *server, const n6_request_t *request)
{
    n6_channel_t *channel = &server->channel;
    const n6_ping_t *ping = request->body;
    const size_t tail = (size_t)request->length - request->head;
    n6_ping_reply_t reply = {.host_time = ping->host_time, .head = sizeof reply};

    if (!n6_upload_believes(&server->uploads, ping->position)) {
        n6_refuse(channel, request, N6_MISTAKE_PING_POSITION, 0);
        return;
    }
    if (sizeof reply + tail > N6_LIMIT_MAX_CONTROL) {
        n6_refuse(channel, request, N6_MISTAKE_PING_TAIL, 0);
        return;
    }
    reply.device_time = n6_now(channel);
    reply.limit = n6_upload_sync(&server->uploads, ping->position);
    reply.position = n6_send_position(&server->sends);
    uint8_t *at = n6_link_begin(&channel->link, sizeof reply + tail);
    memcpy(at, &reply, sizeof reply);
    memcpy(at + sizeof reply, request->payload + request->head, tail);
    n6_end_reply(channel, request, sizeof reply + tail);
}

/* A device with another boot nonce has already restarted: the host repeats its request. */
void n6_session_reset(n6_server_t *server, const n6_request_t *request)
{
    const n6_reset_t *reset = request->body;
    n6_channel_t *channel = &server->channel;
    const n6_port_t *port = channel->config.port;
    const bool device = reset->kind == N6_RESET_KIND_DEVICE;

    if (reset->kind > N6_RESET_KIND_DEVICE) {
        n6_refuse(channel, request, N6_MISTAKE_RESET_KIND, 0);
        return;
    }
    if (device && !port->restart) {
        n6_refuse(channel, request, N6_MISTAKE_RESET_DEVICE, 0);
        return;
    }
    if (!device || reset->boot_nonce == port->boot_nonce) {
        n6_queue_clear(&server->queue);
        n6_check_clear(&server->check);
        n6_result_clear(&server->results);
        server->restarting = device;
    }
    n6_reply(channel, request, NULL, 0);
}
