/* See n6_session.h. */
#include "n6_session.h"

#include <string.h>

#include "n6_fields.h"

/* ---- HELLO ---- */

/* What an older session asked for ends unanswered: its ids mean nothing to this one. */
static void open_session(n6_server_t *server, const n6_hello_t *hello)
{
    n6_queue_forget(&server->queue);
    n6_upload_open(&server->uploads);
    n6_result_forget(&server->results);
    n6_send_open(&server->sends, hello->window);
    n6_stats_unsubscribe(&server->stats);
    n6_channel_open(&server->channel);
}

static void answer_hello(n6_channel_t *channel, const n6_request_t *request, uint64_t nonce)
{
    const n6_config_t *config = &channel->config;
    n6_hello_reply_t reply = {
        .major = N6_VERSION_MAJOR,
        .minor = N6_VERSION_MINOR,
        .schema = N6_SCHEMA_ID,
        .nonce = nonce,
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
    uint8_t *at = n6_link_begin(&channel->link, N6_LIMIT_MAX_CONTROL);
    memcpy(at, &reply, sizeof reply);
    size_t length = n6_put_field(at, sizeof reply, N6_FIELD_TAG_NPU_RUNTIME, config->port->runtime);
    length = n6_put_field(at, length, N6_FIELD_TAG_FAULT_RECORD, config->port->fault_record);
    n6_end_reply(channel, request, length);
}

/* Of another version only the first eight bytes are known, and a nonce where ours is. */
void n6_session_hello(n6_server_t *server, const n6_request_t *request)
{
    n6_hello_t hello = {0};
    const size_t length = request->length < sizeof hello ? request->length : sizeof hello;

    memcpy(&hello, request->payload, length);
    if (hello.major == N6_VERSION_MAJOR && hello.schema == N6_SCHEMA_ID) {
        if (length < sizeof hello) {
            n6_refuse(&server->channel, request, N6_STATUS_BAD_REQUEST, request->length);
            return;
        }
        open_session(server, &hello);
    }
    answer_hello(&server->channel, request, hello.nonce);
}

/* ---- requests in a session ---- */

void n6_session_ping(n6_server_t *server, const n6_request_t *request)
{
    n6_ping_t ping;

    memcpy(&ping, request->payload, sizeof ping);
    const n6_ping_reply_t reply = {
        .host_time = ping.host_time,
        .device_time = n6_now(&server->channel),
        .limit = n6_upload_sync(&server->uploads, ping.position),
        .position = n6_send_position(&server->sends),
    };
    n6_reply(&server->channel, request, &reply, sizeof reply);
}

void n6_session_reset(n6_server_t *server, const n6_request_t *request)
{
    const uint8_t kind = request->payload[offsetof(n6_reset_t, kind)];
    n6_channel_t *channel = &server->channel;

    if (kind > N6_RESET_KIND_DEVICE) {
        n6_refuse(channel, request, N6_STATUS_BAD_REQUEST, kind);
        return;
    }
    if (kind == N6_RESET_KIND_DEVICE && !channel->config.port->restart) {
        n6_refuse(channel, request, N6_STATUS_UNSUPPORTED, kind);
        return;
    }
    n6_queue_clear(&server->queue);
    n6_result_clear(&server->results);
    n6_reply(channel, request, NULL, 0);
    server->restarting = kind == N6_RESET_KIND_DEVICE;
}
